"""`halopaint paint`."""

from pathlib import Path
from typing import TYPE_CHECKING

from halokeras.commands.options import (
    MOST_SEEDS,
    BoxOption,
    ContrastOf,
    CosmologyOption,
    ForceOption,
    JsonOption,
    MassMinOption,
    OptionalModelOption,
    OverwriteOption,
    cosmology_of,
    load_saved,
    painter_for,
    refuse,
    refuse_inputs,
)
from halokeras.commands.paint_options import (
    CatalogueFormat,
    CatalogueFormatOption,
    CatalogueOption,
    ContrastOption,
    DatasetOption,
    DensityOption,
    DrawOption,
    DryRunOption,
    FigureOption,
    OutputOption,
    PlacesBy,
    PlacesOption,
    RadiiOption,
    RealizationsOption,
    RedshiftOption,
    RedshiftSpaceOption,
    SchedulerOption,
    SeedsOption,
    SpectraOption,
    SubDatasetOption,
    SubDensityOption,
    VoxelSizeOption,
    VoxelsOption,
)
from halokeras.commands.painted import paint_many, paint_one, tell_cost
from halokeras.storage.files import SUFFIXES

if TYPE_CHECKING:
    from halokeras.fields.contrast import Contrast


def paint(  # noqa: PLR0913  (Typer reads one parameter an option)
    box: BoxOption = None,
    voxels: VoxelsOption = None,
    model: OptionalModelOption = None,
    cosmology: CosmologyOption = None,
    mass_min: MassMinOption = None,
    output: OutputOption = None,
    seed: SeedsOption = None,
    density: DensityOption = None,
    dataset: DatasetOption = None,
    voxel_size: VoxelSizeOption = None,
    redshift: RedshiftOption = None,
    contrast: ContrastOption = None,
    draw: DrawOption = False,
    realizations: RealizationsOption = 1,
    catalogue: CatalogueOption = False,
    catalogue_format: CatalogueFormatOption = None,
    sub_density: SubDensityOption = None,
    sub_dataset: SubDatasetOption = None,
    places: PlacesOption = None,
    redshift_space: RedshiftSpaceOption = None,
    radii: RadiiOption = None,
    spectra: SpectraOption = None,
    scheduler: SchedulerOption = None,
    dry_run: DryRunOption = False,
    figure: FigureOption = True,
    force: ForceOption = False,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Paint halo counts onto a density, by default a shipped box that was never trained on."""
    grid = density is not None
    refuse(
        {
            "give --cosmology with --voxels or --density: a box file tells its own": cosmology
            and not (voxels or grid),
            "give --box or --cosmology, not both": box is not None and cosmology,
            "give --box, --voxels or --density, not two of them": grid and (box or voxels),
            "--voxels makes a density; leave it out to paint a box file, or name the cosmology of "
            "the density by --box 00 to 04": voxels and box is not None and Path(box).suffix,
            "--dataset and --contrast go with --density": not grid and (dataset or contrast),
            "--voxel-size goes with --density or --voxels": voxel_size is not None
            and not (grid or voxels),
            "--redshift goes with --density or --voxels": redshift is not None
            and not (grid or voxels),
            "--density does not describe itself; give --voxel-size [Mpc/h] and --redshift": grid
            and (voxel_size is None or redshift is None),
            "--output is a box file and ends in .h5 or .zarr": output is not None
            and output.suffix not in SUFFIXES,
            "--spectra is a file of arrays and ends in .npz": spectra is not None
            and spectra.suffix != ".npz",
            "--realizations and --seed go with --draw, or --seed with --voxels": not draw
            and (realizations > 1 or (seed is not None and not voxels)),
            f"a range of seeds makes {MOST_SEEDS:,} draws at most in all": seed is not None
            and len(seed) * realizations > MOST_SEEDS,
            "--output names one file; leave it out with a range of seeds": output is not None
            and seed is not None
            and len(seed) > 1,
            "--catalogue goes with --draw: painted means are no halos": catalogue and not draw,
            "--catalogue-format, --sub-density, --places, --redshift-space and --radii go with "
            "--catalogue": not catalogue
            and (
                catalogue_format or sub_density or sub_dataset or places or redshift_space or radii
            ),
            "give --sub-density or --places, not both": sub_density and places,
            "--sub-dataset goes with --sub-density": sub_dataset and not sub_density,
            "--scheduler's workers read rho/mean; leave --contrast out": scheduler
            and contrast not in (None, ContrastOf.DENSITY),
        }
    )
    from halokeras.boxes.box_file import box_path

    source = None if grid or voxels else box_path(box or "00")
    named = (box or "00") if voxels and not cosmology else None
    asked = cosmology_of(named, cosmology)
    model = model or painter_for(source, redshift, asked, mass_min)
    saved = load_saved(model, mass_min)
    from halokeras.painters.folders import painter_folder
    from halokeras.painting.request import (
        Drawing,
        GridFile,
        Listing,
        NamedPainter,
        OwnDensity,
        PaintRequest,
        SeededDensity,
    )

    seeds = range(1, 2) if seed is None else seed

    def given(realisation: int) -> Path | OwnDensity | SeededDensity:
        if source is not None:
            return source
        if density is not None:
            held: Contrast = (contrast or ContrastOf.DENSITY).value
            return OwnDensity(GridFile(density, dataset), voxel_size, redshift, held, asked)
        name = cosmology.stem if cosmology else f"box{named}"
        assert asked is not None
        return SeededDensity(realisation, voxels, redshift, asked, name, named, voxel_size)

    finer = None if sub_density is None else GridFile(sub_density, sub_dataset)
    listing = Listing(
        (catalogue_format or CatalogueFormat.HDF5).value,
        finer,
        uniform=places is PlacesBy.UNIFORM,
        seen_along=None if redshift_space is None else redshift_space.value,
        spheres=None if radii is None else radii.value,
    )
    painter = NamedPainter(saved, painter_folder(model))
    by_seed = {
        number: PaintRequest(
            density=given(number),
            painter=painter,
            output=output,
            drawing=Drawing(number, realizations, listing if catalogue else None) if draw else None,
            figure=figure and len(seeds) == 1,
            scheduler=scheduler,
            force=force,
            overwrite=overwrite,
        )
        for number in seeds
    }
    requests = [*by_seed.values()]
    for path in (*requests[0].outputs, *requests[0].catalogues):
        refuse_inputs(path, requests[0].inputs)
    if spectra is not None:
        refuse_inputs(spectra, requests[0].inputs, "--spectra")
    if dry_run:
        tell_cost(requests, as_json, spectra)
    elif len(requests) == 1:
        paint_one(requests[0], as_json, spectra)
    else:
        paint_many(by_seed, as_json, spectra)
