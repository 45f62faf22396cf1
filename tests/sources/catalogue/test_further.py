"""Further columns are read where their unit is known, and named where it is not."""

import h5py
import numpy as np
import pytest

from halokeras.boxes.box_file import write_box
from halokeras.boxes.halos import COLUMNS, Halos
from halokeras.errors import BoxError
from halokeras.sources.catalogue.read import read_halos

RNG = np.random.default_rng(1)
POSITION = (100 * RNG.random((50, 3))).astype(np.float32)
MASS = (10 ** RNG.uniform(12, 15, 50)).astype(np.float32)
VELOCITY = RNG.normal(0, 300, (50, 3)).astype(np.float32)
IDS = np.arange(50)
PARENT = np.where(IDS % 5 == 0, 7, -1)


def write(path, units=None, about=None, **columns):
    with h5py.File(path, "w") as file:
        for name, values in {"position": POSITION, "mass": MASS, **columns}.items():
            file[name] = values
        for name, unit in (units or {}).items():
            file[name].attrs["unit"] = unit
        file.attrs.update(about or {})
    return path


def along_axes(stem):
    return {stem + axis: VELOCITY[:, i] for i, axis in enumerate("xyz")}


def test_halotools_names_tell_velocities_parents_and_masses(tmp_path):
    path = write(
        tmp_path / "a.h5",
        **along_axes("halo_v"),
        halo_id=IDS,
        halo_upid=PARENT,
        halo_m200b=1.1 * MASS,
        halo_m200c=0.9 * MASS,
        halo_nfw_conc=MASS / 1e13,
    )
    found = read_halos(path)
    halos = found.halos
    assert set(halos.columns()) == {
        "position", "mass", "id", "parent", "velocity", "mass_200b", "mass_200c", "concentration",
    }  # fmt: skip
    np.testing.assert_array_equal(halos.velocity, VELOCITY)
    np.testing.assert_array_equal(halos.parent, PARENT)
    np.testing.assert_array_equal(halos.mass_200b, 1.1 * MASS)
    assert "velocity = halo_vx,halo_vy,halo_vz" in found.assumed[0]
    hosts = read_halos(path, hosts_only=True).halos
    np.testing.assert_array_equal(hosts.velocity, VELOCITY[PARENT == -1])
    np.testing.assert_array_equal(hosts.id, IDS[PARENT == -1])


def test_a_velocity_of_unknown_unit_is_left_out_and_told_with_the_remedy(tmp_path):
    path = write(tmp_path / "a.h5", **along_axes("v"))
    found = read_halos(path)
    assert found.halos.velocity is None
    assert any("--columns velocity=vx,vy,vz reads it so" in said for said in found.assumed)
    named = read_halos(path, columns={"velocity": "vx,vy,vz"}).halos
    np.testing.assert_array_equal(named.velocity, VELOCITY)
    declared = write(tmp_path / "b.h5", {"vel": "km / s"}, vel=VELOCITY)
    np.testing.assert_array_equal(read_halos(declared).halos.velocity, VELOCITY)
    assert read_halos(declared, columns={"velocity": ""}).halos.velocity is None


@pytest.mark.parametrize(
    "names, meaning, unit",
    [
        ("VXc VYc VZc", "velocity", "km/s"),
        ("SubhaloVelDisp", "velocity_dispersion", "km/s"),
        ("Group_M_TopHat200", "mass_virial", ""),
        ("Mass_200mean", "mass_200b", ""),
        ("Group_M_Mean200", "mass_200b", ""),
        ("Mass_200crit", "mass_200c", ""),
        ("Rvir", "radius_virial", "Mpc/h"),
        ("Group_R_Mean200", "radius_200b", "Mpc/h"),
        ("R_200crit", "radius_200c", "Mpc/h"),
    ],
)
def test_names_of_other_codes_tell_columns(tmp_path, names, meaning, unit):
    parts = names.split()
    values = VELOCITY if len(parts) == 3 else MASS
    path = write(
        tmp_path / "a.h5",
        {name: unit for name in parts if unit},
        **{name: values[:, axis] if len(parts) == 3 else values for axis, name in enumerate(parts)},
    )
    np.testing.assert_array_equal(getattr(read_halos(path).halos, meaning), values)
    if unit:
        bare = write(tmp_path / "b.h5", **{name: values for name in parts if len(parts) == 1})
        assert getattr(read_halos(bare).halos, meaning) is None


def test_a_dispersion_of_three_axes_together_is_none_along_one(tmp_path):
    path = write(tmp_path / "a.h5", {"vrms": "km/s", "sigV": "km/s"}, vrms=MASS, sigV=MASS)
    assert read_halos(path).halos.velocity_dispersion is None


def test_a_declared_unit_goes_before_names_and_stated_ones(tmp_path):
    other = write(tmp_path / "a.h5", {"vel": "Mpc/h"}, vel=VELOCITY)
    found = read_halos(other)
    assert found.halos.velocity is None
    with pytest.raises(BoxError, match="vel in Mpc/h and a velocity is read in km/s"):
        read_halos(other, columns={"velocity": "vel"})
    # Rockstar's radii are in kpc/h beside positions in Mpc/h
    path = write(tmp_path / "b.h5", {"halo_rvir": "kpc/h"}, halo_rvir=MASS / 1e13)
    assert read_halos(path).halos.radius_virial is None
    path = write(tmp_path / "c.h5", halo_rvir=MASS / 1e13)
    assert read_halos(path).halos.radius_virial is None
    path = write(tmp_path / "d.h5", {"halo_rvir": "Mpc/h"}, halo_rvir=MASS / 1e13)
    np.testing.assert_array_equal(read_halos(path).halos.radius_virial, MASS / 1e13)


def test_further_columns_are_converted_with_the_units_of_the_user(tmp_path):
    path = write(
        tmp_path / "a.h5",
        about={"BoxSize": 1e5},
        position=1e3 * POSITION,
        mass=MASS / 1e10,
        m200c=0.9 * MASS / 1e10,
        n=np.arange(50) + 20,
    )
    found = read_halos(
        path,
        length_unit="kpc/h",
        mass_unit="1e10 Msun/h",
        columns={"particles": "n", "mass": "mass"},
    ).halos
    np.testing.assert_allclose(found.mass_200c, 0.9 * MASS, rtol=1e-6)
    np.testing.assert_array_equal(found.particles, np.arange(50) + 20)
    # masses that are made of numbers of particles leave others in their own unit
    found = read_halos(
        path, length_unit="kpc/h", mass_unit="1e10 Msun/h", particle_mass=2e11,
        columns={"particles": "n", "mass_200c": "m200c"},
    ).halos  # fmt: skip
    np.testing.assert_array_equal(found.mass, 2e11 * (np.arange(50) + 20))
    np.testing.assert_array_equal(found.particles, np.arange(50) + 20)
    np.testing.assert_allclose(found.mass_200c, 0.9 * MASS, rtol=1e-6)


def test_a_named_column_with_values_it_may_not_have_is_refused(tmp_path):
    spoiled = VELOCITY.copy()
    spoiled[3, 1] = np.nan
    path = write(tmp_path / "a.h5", {"vel": "km/s"}, vel=spoiled)
    with pytest.raises(BoxError, match="velocity=vel holds NaN") as caught:
        read_halos(path, columns={"velocity": "vel"})
    assert "--columns velocity=" in str(caught.value)
    assert np.isnan(read_halos(path).halos.velocity).sum() == 1  # prepare leaves it out


def test_every_column_of_our_own_boxes_is_read(tmp_path, tiny_box):
    from dataclasses import replace

    rng = np.random.default_rng(2)
    count = len(tiny_box.halos)
    columns = {
        name: (100 * rng.random((count, *column.shape)) + 1).astype(column.dtype)
        for name, column in COLUMNS.items()
        if name not in ("position", "mass")
    }
    columns["parent"] = np.where(np.arange(count) % 3, -1, 5)
    halos = Halos(tiny_box.halos.position, tiny_box.halos.mass, **columns)
    write_box(replace(tiny_box, halos=halos), tmp_path / "box.h5")
    found = read_halos(tmp_path / "box.h5").halos
    assert found.columns().keys() == halos.columns().keys()
    for name, values in halos.columns().items():
        np.testing.assert_array_equal(found.columns()[name], values)


def test_a_rockstar_list_tells_the_unit_of_its_velocities(tmp_path):
    pytest.importorskip("pyarrow")
    header = """#id num_p mvir rvir x y z vx vy vz m200b
#Units: Masses in Msun / h
#Units: Positions in Mpc / h (comoving)
#Units: Velocities in km / s (physical, peculiar)
#Units: Halo Distances, Lengths, and Radii in kpc / h (comoving)
"""
    rows = [
        f"{id} 30 {mass} 200.0 {x} {y} {z} {vx} {vy} {vz} {1.1 * mass}"
        for id, mass, (x, y, z), (vx, vy, vz) in zip(
            IDS, MASS.tolist(), POSITION.tolist(), VELOCITY.tolist(), strict=True
        )
    ]
    (tmp_path / "out_0.list").write_text(header + "\n".join(rows) + "\n")
    halos = read_halos(tmp_path / "out_0.list").halos
    np.testing.assert_array_equal(halos.velocity, VELOCITY)
    np.testing.assert_allclose(halos.mass_200b, 1.1 * MASS.astype(float))
    np.testing.assert_array_equal(halos.mass_virial, halos.mass)
    assert halos.radius_virial is None
    assert halos.particles is None  # Rockstar's num_p is another number than that of its mass
