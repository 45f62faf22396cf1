"""The density that is asked for: opened, and refused where it cannot be painted."""

from contextlib import AbstractContextManager

from halokeras.boxes.box_file import Header
from halokeras.painting.catalogues.formats import check_format
from halokeras.painting.catalogues.halos import check_listed
from halokeras.painting.catalogues.masses import check_spheres
from halokeras.painting.draws.counts import draw_model_of
from halokeras.painting.expected.cluster import Cluster
from halokeras.painting.expected.paint import box_conditions
from halokeras.painting.inputs.check import check_fit
from halokeras.painting.inputs.density import Density, open_box_density, open_density
from halokeras.painting.request import OwnDensity, PaintRequest


def opened(
    request: PaintRequest, workers: Cluster | None = None
) -> AbstractContextManager[Density]:
    """Open the density, which workers look at where there are any."""
    own, looks = request.density, {} if workers is None else {"see": workers.see}
    if isinstance(own, OwnDensity):
        return open_density(
            own.file.path,
            own.file.dataset,
            own.voxel_size,
            own.redshift,
            own.contrast,
            own.cosmology,
            **looks,
        )
    return open_box_density(request.source.path, **looks)


def check_request(request: PaintRequest, header: Header) -> None:
    """Refuse what cannot be painted, drawn or listed of a density that so describes itself."""
    saved, name, listing = request.painter.saved, request.painter.name, request.listing
    draws = None if request.drawing is None else draw_model_of(saved, name)
    if listing is not None and draws is not None:
        check_format(listing.format)
        check_listed(listing.seen_along, header)
        check_spheres(listing.spheres, draws.mass_law, saved.provenance, header)
    if not request.force:
        check_fit(saved.provenance, header)
    box_conditions(header, saved)
