import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halokeras.boxes.box import Box, box_arrays, box_hash
from halokeras.boxes.box_file import Header, header_attributes, read_box, write_box
from halokeras.boxes.halos import COLUMNS, Halos
from halokeras.cosmology.cosmology import Cosmology

shapes = st.tuples(*[st.integers(1, 5)] * 3)
cosmologies = st.none() | st.builds(
    Cosmology,
    H0=st.floats(21, 199),
    omega_m=st.floats(0.1, 1),
    omega_b=st.floats(0.001, 0.09),
    sigma8=st.floats(0.01, 4.9),
    n_s=st.floats(0.01, 2.9),
)
provenances = st.dictionaries(
    st.sampled_from(["seed", "software", "density_scheme", "note", "particle_mass"]),
    st.integers(-(2**31), 2**31)
    | st.floats(allow_nan=False, allow_infinity=False, width=64)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12),
)
count_types = st.sampled_from(["u1", "u2", "u4", "i2", "i4", "i8", "f4", "f8", ">u2", ">f4"])


@st.composite
def boxes(draw):
    shape, voxel_size = draw(shapes), draw(st.floats(1e-3, 1e4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    which = draw(st.sampled_from(["density", "counts", "both", "halos"]))
    density = counts = halos = None
    if which != "counts":
        density = rng.lognormal(size=shape)
        density = (density / density.mean()).astype(np.float32)
    if which in ("counts", "both"):
        counts = rng.integers(0, 100, shape).astype(draw(count_types))
    if which == "halos":
        many = draw(st.integers(0, 20))
        inside = 0.999 * voxel_size * rng.random((many, 3)) * shape
        further = draw(st.sets(st.sampled_from([name for name in COLUMNS if name != "position"])))
        columns = {
            name: rng.uniform(1, 1e16, (many, *COLUMNS[name].shape)).astype(COLUMNS[name].dtype)
            for name in further
        }
        halos = Halos(inside.astype(np.float32), **columns)
    return Box(
        voxel_size=voxel_size,
        redshift=draw(st.floats(0, 1e3)),
        cosmology=draw(cosmologies),
        density=density,
        counts=counts,
        halos=halos,
        provenance=draw(provenances),
    )


def same(found, box):
    assert (found.voxel_size, found.redshift) == (box.voxel_size, box.redshift)
    assert found.cosmology == box.cosmology
    assert dict(found.provenance) == dict(box.provenance)
    ours, theirs = box_arrays(box), box_arrays(found)
    assert set(ours) == set(theirs)
    for name, array in ours.items():
        assert theirs[name].dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(theirs[name], array)
    assert box_hash(found) == box_hash(box)


@given(box=boxes())
def test_a_box_comes_back_from_its_file(box):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "box.h5"
        write_box(box, path)
        same(read_box(path), box)
        assert [found.name for found in Path(folder).iterdir()] == ["box.h5"]


@settings(max_examples=25)
@given(box=boxes().filter(lambda box: box.halos is None), chunk=st.integers(1, 5))
def test_a_box_comes_back_from_a_zarr_group(box, chunk):
    zarr = pytest.importorskip("zarr")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "box.zarr"
        group = zarr.open_group(str(path), mode="w")
        header = Header(box.voxel_size, box.redshift, box.cosmology, box.provenance)
        group.attrs.update(header_attributes(header, box.shape))
        for name, array in box_arrays(box).items():
            stored = group.create_array(
                name, shape=array.shape, chunks=(chunk,) * 3, dtype=array.dtype
            )
            stored[...] = array
        same(read_box(path), box)


@given(box=boxes().filter(lambda box: box.density is not None), data=st.data())
def test_a_grid_may_be_stored_in_any_layout(box, data):
    layout = data.draw(
        st.fixed_dictionaries(
            {},
            optional={
                "chunks": st.just(True),
                "compression": st.sampled_from(["gzip", "lzf"]),
                "shuffle": st.just(True),
                "fletcher32": st.just(True),
            },
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "box.h5"
        with h5py.File(path, "w") as file:
            header = Header(box.voxel_size, box.redshift, box.cosmology, box.provenance)
            file.attrs.update(header_attributes(header, box.shape))
            for name, array in box_arrays(box).items():
                file.create_dataset(name, data=array, **(layout if array.size else {}))
        same(read_box(path), box)
