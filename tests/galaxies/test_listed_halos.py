from dataclasses import replace

import h5py
import numpy as np
import pytest

from halokeras.boxes.box import Box
from halokeras.boxes.box_file import write_box
from halokeras.boxes.halos import Halos
from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.errors import BoxError
from halokeras.galaxies.hosts import open_hosts
from halokeras.galaxies.listed_halos import check_ids
from halokeras.painting.catalogues.formats import catalogue_file

SIDE = 20.0
PLACES = [f"halo_{axis}" for axis in "xyz"]


def columns_of(number=50):
    rng = np.random.default_rng(1)
    columns = {"halo_id": np.arange(number) * 3, "halo_upid": np.full(number, -1)}
    columns |= {name: (rng.random(number) * SIDE).astype(np.float32) for name in PLACES}
    return columns | {"halo_mass": np.full(number, 1e13, np.float32)}


def listed(path, columns):
    about = {"Lbox": [SIDE] * 3, "redshift": 0.3, **ABACUS_COSMOS["00"].parameters}
    with catalogue_file(path, "hdf5", list(columns), len(columns["halo_id"]), about) as append:
        append(columns)
    return path


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("halo_id", 0, r"halo_id: 1 of 50 ids repeat an earlier one; .* give every halo its own"),
        ("halo_y", SIDE, r"1 of halo_x, halo_y, halo_z lie outside \[0, box_size\)"),
        ("halo_z", -0.1, "1 of halo_x, halo_y, halo_z lie outside"),
        ("halo_x", np.nan, "halo_x, halo_y, halo_z holds NaN or infinite values"),
        ("halo_mass", -1e13, "halo_mass must be positive and finite"),
        ("halo_mass", np.nan, "halo_mass must be positive and finite"),
    ],
)
def test_halos_that_cannot_be_are_refused_by_file_and_column(tmp_path, column, value, told):
    columns = columns_of()
    columns[column][7] = value
    path = listed(tmp_path / "halos.hdf5", columns)
    with pytest.raises(BoxError, match=f"halos.hdf5: {told}"), open_hosts(path) as hosts:
        list(hosts.pieces())


def test_halos_of_a_box_with_ids_that_repeat_are_refused(tmp_path):
    columns = columns_of()
    place = np.stack([columns[name] for name in PLACES], axis=1)
    halos = Halos(position=place, mass=columns["halo_mass"], id=np.arange(50) // 2)
    box = Box(4.0, 0.3, ABACUS_COSMOS["00"], np.ones((5, 5, 5), np.float32), halos)
    write_box(box, tmp_path / "box.h5")
    with (
        pytest.raises(BoxError, match=r"box.h5: halos/id: 25 of 50 ids repeat .* make the box"),
        open_hosts(tmp_path / "box.h5"),
    ):
        pass
    write_box(replace(box, halos=replace(halos, id=np.arange(50))), tmp_path / "whole.h5")
    with open_hosts(tmp_path / "whole.h5") as hosts:
        assert sum(len(mass) for _, mass in hosts.pieces()) == 50


@pytest.mark.parametrize("again", [False, True])
def test_ids_are_compared_across_pieces_whatever_their_order(again):
    pieces = [np.array([1, 2]), np.array([], int), np.array([7, 2 if again else 3]), np.array([4])]
    if again:
        with pytest.raises(BoxError, match="1 of 5 ids repeat an earlier one; look"):
            check_ids(lambda: pieces, "file: id", "look")
    else:
        check_ids(lambda: pieces, "file: id", "look")


def test_a_damaged_column_of_hosts_is_refused(tmp_path):
    path = listed(tmp_path / "halos.hdf5", columns_of())
    with h5py.File(path) as file:
        place = file["halo_mass"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(BoxError, match=r"halos.hdf5 is damaged"), open_hosts(path) as hosts:
        list(hosts.pieces())
