"""One table by all of astropy's own writers: units, masks and meta are read alike."""

import numpy as np
import pytest

from halokeras.errors import BoxError
from halokeras.sources.catalogue.read import read_halos
from halokeras.sources.tables.formats import open_table
from halokeras.sources.tables.table import UnreadableColumn

astropy_table = pytest.importorskip("astropy.table")
pytest.importorskip("pyarrow")
pytestmark = pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")

POSITION = 100 * np.random.default_rng(1).random((20, 3))
MASS = 10 ** np.random.default_rng(2).uniform(12, 15, 20)
MASKED = np.arange(20) % 5 == 0
WRITERS = {
    "a.h5": {"path": "halos", "serialize_meta": True},
    "b.h5": {"path": "group/halos", "serialize_meta": True},
    "a.parquet": {},
    "a.ecsv": {},
    "b.ecsv": {"serialize_method": "data_mask"},
    "a.fits": {},
}


def write(table, tmp_path, name):
    table.write(tmp_path / name, overwrite=True, **WRITERS[name])
    part = "group/halos" if name == "b.h5" else None
    return tmp_path / name, part


@pytest.mark.parametrize("name", WRITERS)
def test_units_of_quantities_are_compared(tmp_path, name):
    from astropy import units

    columns = {axis: POSITION[:, i] / 0.7 * units.Mpc for i, axis in enumerate("xyz")}
    columns["mvir"] = MASS / 0.7 * units.Msun
    path, part = write(astropy_table.QTable(columns, meta={"Lbox": 100.0}), tmp_path, name)
    for unit in ("Mpc/h", "kpc"):
        with pytest.raises(BoxError, match=f"in Mpc and --length-unit is {unit}"):
            read_halos(path, part=part, length_unit=unit, hubble=0.7)
    found = read_halos(path, part=part, length_unit="Mpc", mass_unit="Msun", hubble=0.7)
    np.testing.assert_allclose(found.halos.position, POSITION)
    np.testing.assert_allclose(found.halos.mass, MASS)
    assert found.box_size == 100
    assert any("x in Mpc, y in Mpc, z in Mpc, mvir in" in said for said in found.assumed)


@pytest.mark.parametrize("name", WRITERS)
def test_masked_rows_have_no_value(tmp_path, name):
    table = astropy_table.Table(dict(zip("xyz", POSITION.T, strict=True)), masked=True)
    table["mvir"], table["id"], table["np"] = MASS, np.arange(20), np.full(20, 30)
    for column in ("mvir", "id", "np"):
        table[column].mask = MASKED
    path, part = write(table, tmp_path, name)
    with pytest.raises(BoxError, match="4 of 20 rows have a mass of 0 or less"):
        read_halos(path, part=part)
    found = read_halos(path, part=part, drop_invalid=True)
    np.testing.assert_allclose(found.halos.mass, MASS[~MASKED])
    assert found.halos.id is None
    assert any("Column id" in said and "left out" in said for said in found.assumed)
    numbers = read_halos(
        path, part=part, columns={"particles": "np"}, particle_mass=1e11, drop_invalid=True
    )
    np.testing.assert_allclose(numbers.halos.mass, np.full(16, 30e11))
    with open_table(path, part) as opened, pytest.raises(UnreadableColumn, match="without a value"):
        next(opened.chunks(["x"], ["id"]))


@pytest.mark.parametrize("name", ["a.h5", "a.parquet"])
def test_meta_that_is_no_yaml_is_told(tmp_path, name):
    path, _ = write(astropy_table.Table({"x": POSITION[:, 0]}), tmp_path, name)
    if name == "a.h5":
        import h5py

        with h5py.File(path, "a") as file:
            file["halos.__table_column_meta__"][0] = b"datatype: [7]"
    else:
        from pyarrow import parquet

        stored = parquet.read_table(path)
        parquet.write_table(stored.replace_schema_metadata({"table_meta_yaml": "- ["}), path)
    with pytest.raises(BoxError, match="cannot be read"), open_table(path):
        pass
