"""What is no box, run or painter is told by what it looks like, with the command that takes it."""

import json

import h5py
import numpy as np
import pytest

from halokeras.errors import BoxError
from halokeras.inspection.inspect import inspect


def refused(path, *words):
    with pytest.raises(BoxError) as caught:
        inspect(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    for word in words:
        assert word in message


def test_nothing_there(tmp_path):
    refused(tmp_path / "nowhere.h5", "does not exist")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("table.csv", b"x,y,z,mass\n1,2,3,4\n", ["prepare catalogue"]),
        ("cut.ecsv", b"# %ECSV 1.0\n", ["is damaged: it ends in its header"]),
        ("cut.fits", b"SIMPLE  =                    T", ["is damaged: its end is missing"]),
        ("cut.parquet", b"PAR1", ["is damaged: its end is missing"]),
        ("abacus.par", b"# made by hand\nBoxSize = 1100.\nNP = 1440\n", ["prepare abacus-cosmos"]),
        ("slice.png", b"\x89PNG\r\n", ["picture"]),
        ("params.json", b'{"training": {"steps": 5}}', ["halopaint train --params"]),
        ("other.json", b'{"magic": 5}', ["JSON"]),
        ("binary", b"ab\0c", ["binary", "prepare catalogue"]),
        ("nothing.h5", b"", ["empty"]),
        ("objects.npy", b"\x93NUMPY\x01\x00", ["cannot be read as numbers"]),
        ("truncated.h5", b"\x89HDF\r\n\x1a\n", ["cannot be read", "truncated"]),
    ],
)
def test_files_by_their_first_bytes(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, *words)


@pytest.mark.parametrize(
    ("ending", "kind"),
    [("fits", "FITS file"), ("parquet", "Parquet table"), ("ecsv", "ECSV table")],
)
def test_tables_of_others_by_their_formats(tmp_path, ending, kind):
    from astropy.table import Table

    path = tmp_path / f"halos.{ending}"
    Table({"x": [1.0, 2.0]}).write(path, **({"format": "ascii.ecsv"} if ending == "ecsv" else {}))
    refused(path, f"is a{'n' if kind.startswith('E') else ''} {kind}", "prepare catalogue")


def test_a_name_with_spaces_and_quotes_can_be_pasted(tmp_path):
    path = tmp_path / "my halos; rm x.csv"
    path.write_text("x,y,z\n")
    refused(path, f"'{path}'")


def test_json_of_suites_and_cosmologies(tmp_path):
    cosmology = {"H0": 67, "omega_m": 0.3, "omega_b": 0.05, "sigma8": 0.8, "n_s": 0.96}
    design = {"kind": "paired", "realizations": 1, "fiducial": cosmology, "steps": {"n_s": 0.01}}
    plan = {"design": design, "first_seed": 1, "redshifts": [0.3], "size": 16, "particles": 16}
    member = {"name": "000", "cosmology": {**cosmology, "w0": -1, "wa": 0}, "seed": 1}
    member["boxes"] = [{"redshift": 0.3, "file": "s.h5"}]
    sizes = {"size": 16, "particles": 16, "voxel_size": 4}
    index = {"format": "halopaint suite", "format_version": 1, "params": {}, "members": [member]}
    for name, told, words in (
        ("my.json", cosmology, ["tells a cosmology", "simulate --cosmology"]),
        ("plan.json", plan, ["plans a suite", "halopaint simulate --suite"]),
        ("suite.json", index | sizes, ["index of a suite", f"halopaint inspect {tmp_path}"]),
    ):
        (tmp_path / name).write_text(json.dumps(told))
        refused(tmp_path / name, *words)


def test_archives_of_arrays(tmp_path):
    arrays = dict.fromkeys(("power", "k", "upper", "modes", "files", "paintings"), np.ones(3))
    np.savez(tmp_path / "mocks.npz", **arrays)
    refused(tmp_path / "mocks.npz", "power spectra of painted boxes", "numpy.load")
    np.savez(tmp_path / "rho.npz", rho=np.ones((4, 4, 4)))
    refused(tmp_path / "rho.npz", "arrays (rho)", "paint --density", "prepare catalogue")
    (tmp_path / "other.zip").write_bytes(b"PK\x03\x04\0")
    refused(tmp_path / "other.zip", "of no kind")


def test_arrays(tmp_path):
    np.save(tmp_path / "rho.npy", np.ones((4, 5, 6)))
    refused(tmp_path / "rho.npy", "4 x 5 x 6", "halopaint paint --density")
    np.save(tmp_path / "halos.npy", np.ones((7, 3)))
    refused(tmp_path / "halos.npy", "(7, 3)", "prepare catalogue")


def test_hdf5_files(tmp_path):
    def write(name, **datasets):
        with h5py.File(tmp_path / name, "w") as file:
            for key, value in datasets.items():
                file[key] = value
        return tmp_path / name

    halos = {f"halo_{axis}": np.zeros(9, "f4") for axis in "xyz"}
    refused(write("painted_halos.hdf5", **halos), "9 rows", "prepare catalogue")
    rockstar = np.zeros(4, [("pos", "f4", 3), ("m", "f4")])
    refused(write("rockstar.h5", halos=rockstar), "4 rows", "prepare catalogue")
    refused(write("grid.h5", rho=np.ones((4, 4, 4))), "4 x 4 x 4", "--dataset rho")
    refused(write("random.h5", noise=np.ones(5)), "HDF5 file of noise")
    refused(write("empty.h5"), "no dataset")


def test_a_link_out_of_an_hdf5_file_is_not_followed(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["halo_x"] = np.zeros(3)
    with h5py.File(tmp_path / "links.h5", "w") as file:
        file["halo_x"] = h5py.ExternalLink("secret.h5", "halo_x")
    refused(tmp_path / "links.h5", "no dataset")


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], ["empty folder"]),
        (["info/abacus.par"], ["prepare abacus-cosmos"]),
        (["sim_rockstar_halos/z0.300/halos.tar.gz"], ["prepare abacus-cosmos"]),
        (["halos/z0.000/halo_info/halo_info_000.asdf"], ["prepare abacus-summit"]),
        (["halos/z0.000/x", "info/abacus.par"], ["prepare abacus-summit"]),
        (["Position/attr-v2"], ["BigFile", "prepare catalogue"]),
        (["Position/attr-v2", "Position/header"], ["header is damaged, or is no header"]),
        (["a/params.json", "b/params.json"], ["2 runs (a, b)", "inspect one"]),
        (["gen/architecture.json"], ["1 saved painters (gen)", "inspect one"]),
        (["one.h5", "two.h5"], ["2 box files (one.h5, two.h5)"]),
        (["thesis.tex"], ["no box, run or saved painter"]),
    ],
)
def test_folders_by_what_they_hold(tmp_path, names, words):
    touch(tmp_path, *names)
    refused(tmp_path, *words)
