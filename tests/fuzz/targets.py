"""What is fuzzed: for each reader, valid files of every kind, and how they are read."""

import gzip
import json
import shutil
import struct
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy import fft

from halokeras.boxes.box import Box, box_arrays, box_hash, halo_counts
from halokeras.boxes.box_file import Header, header_attributes, read_box, write_box
from halokeras.boxes.halos import Halos
from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.cosmology.cosmology_file import load_cosmology
from halokeras.errors import HalopaintError
from halokeras.painting.expected.partial import partial_counts, partial_paths
from halokeras.painting.inputs.density import open_box_density, open_density
from halokeras.painting.tiles import Row, read_row
from halokeras.params import Params, load_params, parse_params
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.initial_modes import modes_of_file
from halokeras.simulation.lpt.lpt import linear_modes
from halokeras.simulation.lpt.modes_check import check_modes
from halokeras.sources.abacus_cosmos import read as abacus_cosmos
from halokeras.sources.abacus_cosmos.halos import FOF_RECORD
from halokeras.sources.abacus_cosmos.parameter_file import read_cosmology, read_parameters
from halokeras.sources.source import Source
from halokeras.storage.store import Layout

COSMOLOGY = ABACUS_COSMOS["00"]
BOX = 32.0
PARTICLE = 3.8854e10
POWER = (np.array([1e-4, 1e2]), np.array([700.0, 0.7]))


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes
    ----------
    write
        Writes valid files into an empty folder, one sub-folder for each kind.
    read
        Reads the files of such a sub-folder to the last value, as the commands do.
    share
        Of all inputs, relative to other targets: dear ones get few.
    restore
        Whether reading changes the folder, which is then written anew for each input.
    sealed
        Whether files are checked against a manifest, which is then mostly made to fit.
    """

    write: Callable[[Path], None]
    read: Callable[[Path], None]
    share: float = 1.0
    restore: bool = False
    sealed: bool = False


def _params(folder: Path) -> None:
    default = Params()
    other = json.loads(default.model_dump_json())
    other["box"]["train"] = [{"path": "boxes/a.h5"}, {"id": "00", "seed": 3}]
    other["box"]["selection"] = {"mass_min": 1e12, "mass_max": 1e13}
    other["training"] |= {"warm_start": {"steps": 10}, "crop_size": 60}
    texts = [default.model_dump_json(), json.dumps(other), '{"run": {"name": "a"}}', "{}"]
    for number, text in enumerate(texts):
        (folder / f"{number}").mkdir()
        (folder / f"{number}" / "params.json").write_text(text)


def _read_params(folder: Path) -> None:
    params = load_params(folder / "params.json")
    assert parse_params(params.model_dump_json(), "again") == params
    assert params.painter.margin >= 0


def _cosmology(folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "a" / "mine.json").write_text(json.dumps(asdict(COSMOLOGY)))


def _task_config(folder: Path) -> None:
    (folder / "a").mkdir()
    cluster = {"worker": ["host1:9911", "127.0.0.1:9912"], "chief": ["host0:1"]}
    fields = {"cluster": cluster, "task": {"type": "worker", "index": 1}}
    (folder / "a" / "task.json").write_text(json.dumps(fields))


def _read_task_config(folder: Path) -> None:
    from halokeras.training.devices import parse_task_config

    path = folder / "task.json"
    content = path.read_bytes() if path.exists() else b""
    config = parse_task_config(content.decode("utf-8", "surrogateescape"))  # as an environment's
    assert 0 <= config.position < len(config.workers)


def _run_folder(folder: Path) -> None:
    run = folder / "run"
    run.mkdir()
    (run / "params.json").write_text(Params().model_dump_json(indent=2))
    rows = ["step,stage,seconds,painter_loss,critic_loss,wasserstein,penalty,score,mean_ratio,"]
    rows[0] += "transfer_function,cross_correlation"
    rows += [f"{step},warm start,{step / 2},0.5,,,,,,," for step in range(10, 60, 10)]
    rows.append("60,adversarial,31.5,1,2,3,4,0.1,1.01,1.0 0.9 0.8,0.9 0.8 0.7")
    (run / "history.csv").write_text("\r\n".join(rows) + "\r\n")


def _read_run_folder(folder: Path) -> None:
    from halokeras.training.history import History
    from halokeras.training.run_folder import read_run

    run = read_run(folder)
    assert run.total > 0
    history = History(folder / "history.csv")
    history.forget_after(40)
    assert np.isfinite(history.seconds)
    assert all(row.step <= 40 for row in history.rows)


def _density(side: int = 8) -> np.ndarray:
    density = np.random.default_rng(1).lognormal(sigma=0.5, size=(side,) * 3).astype(np.float32)
    return density / density.mean()


def _box() -> Box:
    rng = np.random.default_rng(2)
    halos = Halos(
        rng.uniform(0, BOX * 0.999, (20, 3)).astype("f4"),
        rng.uniform(1e12, 1e14, 20).astype("f4"),
        id=np.arange(20),
        velocity=rng.normal(0, 300, (20, 3)).astype("f4"),
    )
    told = {"box_id": "00", "seed": 7, "density_scheme": "2lpt", "particle_mass": 3e10}
    return Box(4.0, 0.3, COSMOLOGY, density=_density(), halos=halos, provenance=told)


def _boxes(folder: Path) -> None:
    for name in ("full", "counts", "moving", "unsealed"):
        (folder / name).mkdir()
    write_box(_box(), folder / "full" / "box.h5")
    counts = np.random.default_rng(3).integers(0, 4, (4, 5, 6), dtype=np.uint16)
    write_box(Box(4.0, 0.0, None, counts=counts), folder / "counts" / "box.h5")
    box = _box()
    with h5py.File(folder / "unsealed" / "box.h5", "w") as file:
        file.attrs.update(header_attributes(Header(4.0, 0.3, COSMOLOGY, box.provenance), box.shape))
        for name, values in box_arrays(box).items():
            file.create_dataset(name, data=values, chunks=True, compression="gzip")
    with h5py.File(folder / "moving" / "box.h5", "w") as file:
        file.attrs.update(header_attributes(Header(4.0, 0.3, COSMOLOGY, box.provenance), box.shape))
        file["density"] = box.density
        file["velocity"] = np.ones((3, *box.shape), np.float32)


def _read_box(folder: Path, name: str = "box.h5") -> None:
    errors = []
    for read in (_whole_box, _box_density):
        try:
            read(folder / name)
        except HalopaintError as error:
            errors.append(error)
    if len(errors) == 2:
        raise errors[0]


def _whole_box(path: Path) -> None:
    box = read_box(path)
    box_hash(box)
    if box.halos is not None or box.counts is not None:
        halo_counts(box)


def _box_density(path: Path) -> None:
    with open_box_density(path) as density:
        density.sample()
        if density.velocity is not None:
            assert np.asarray(density.velocity[:, :2]).shape[0] == 3


def _zarr_boxes(folder: Path) -> None:
    for version in (2, 3):
        path = folder / f"v{version}" / "box.zarr"
        path.parent.mkdir()
        _write_zarr(path, version)


def _write_zarr(path: Path, version: int) -> None:
    import zarr

    group = zarr.open_group(str(path), mode="w", zarr_format=version)
    box = _box()
    group.attrs.update(header_attributes(Header(4.0, 0.3, COSMOLOGY, box.provenance), box.shape))
    for name, array in (("density", box.density), ("counts", halo_counts(box))):
        stored = group.create_array(name, shape=box.shape, chunks=(8, 8, 4), dtype="float32")
        stored[...] = array


def _read_zarr_box(folder: Path) -> None:
    _read_box(folder, "box.zarr")


def _densities(folder: Path) -> None:
    for name, dtype in (("single", "f4"), ("double", ">f8")):
        (folder / name).mkdir()
        np.save(folder / name / "density.npy", _density().astype(dtype))
    (folder / "hdf5").mkdir()
    with h5py.File(folder / "hdf5" / "density.h5", "w") as file:
        file.create_dataset("density", data=_density(), chunks=(4, 8, 8), compression="gzip")


def _zarr_densities(folder: Path) -> None:
    (folder / "zarr").mkdir()
    _write_zarr(folder / "zarr" / "density.zarr", 3)


def _read_density(folder: Path) -> None:
    path = next(folder.glob("density.*"), folder / "density.npy")
    dataset = None if path.suffix == ".npy" else "density"
    with open_density(path, dataset, 4.0, 0.3) as density:
        density.sample()
        read_row(density.grid, Row(0, 0), (4, 4, 4), 2)


def _initial_modes(folder: Path) -> None:
    delta = fft.irfftn(linear_modes(4, 8, BOX, POWER), s=(8, 8, 8), norm="forward")
    for dtype in ("f4", "f8"):
        (folder / dtype).mkdir()
        np.save(folder / dtype / "delta.npy", delta.astype(dtype))


def _read_initial_modes(folder: Path) -> None:
    modes = modes_of_file(folder / "delta.npy")((8, 8, 8), 1)
    assert np.isfinite(modes).all()
    check_modes(modes, LptBox(COSMOLOGY, 4, (8, 8, 8)), POWER)


_JOURNAL = "0" * 64
_COUNTS = {"counts": Layout((8, 8, 8), np.float32)}


def _partial(folder: Path) -> None:
    (folder / "a").mkdir()
    header, output = Header(4.0, 0.3, COSMOLOGY, {}), folder / "a" / "painted.h5"
    with (
        suppress(KeyboardInterrupt),
        partial_counts(output, header, _COUNTS, _JOURNAL, (4, 4, 8)) as partial,
    ):
        partial.counts[:4] = np.ones((4, 8, 8), "f4")
        partial.commit(2)
        raise KeyboardInterrupt
    assert all(path.is_file() for path in partial_paths(output))


def _read_partial(folder: Path) -> None:
    header = Header(4.0, 0.3, COSMOLOGY, {})
    output = folder / "painted.h5"
    with partial_counts(output, header, _COUNTS, _JOURNAL, (4, 4, 8)) as partial:
        assert set(partial.missing) <= set(range(4))
        for row in partial.missing:
            x, y = divmod(row, 2)
            partial.counts[4 * x : 4 * x + 4, 4 * y : 4 * y + 4] = np.ones((4, 4, 8), "f4")
    read_box(output)


_PAR = f"""# made for the fuzzer
BoxSize = {BOX}
CPD = 5
H0 = 67.26
ICFormat = "RVZel"
InitialRedshift = 49.0
NP = 512
Omega_DE = 0.685847
Omega_M = 0.314153
SimName = "emulator_1100box_planck_00"
TimeSliceRedshifts = 0.7 0.57 0.5 \\
  0.3
## a block
that is left out
##
ZD_NumBlock = 2
ZD_Seed = 12321
ZD_qPLT = 1
hMpc = 1
ns = 0.9652
ombh2 = 0.02222
sigma_8 = 0.83
w0 = -1.0
"""
_HEADER = f"{_PAR}ParticleMassHMsun =     {PARTICLE:.15e}\n   Redshift =    0.300000000000000\n"
_NAME = "emulator_1100box_planck_00"


def _parameters(folder: Path) -> None:
    for name, text in (("abacus.par", _PAR), ("header", _HEADER)):
        (folder / name).mkdir()
        (folder / name / name).write_text(text)


def _read_parameters(folder: Path) -> None:
    read_cosmology(read_parameters(next(folder.iterdir(), folder / "header")), "00")


def _slice(folder: Path, finder: str) -> Path:
    redshift = folder / f"{_NAME}_products" / f"{_NAME}_{finder}_halos" / "z0.300"
    redshift.mkdir(parents=True)
    (redshift.parent / "info").mkdir()
    (redshift.parent / "info" / "abacus.par").write_text(_PAR)
    (redshift / "header").write_text(_HEADER)
    return redshift


def _halos(seed: int) -> np.ndarray:
    kinds = [("id", "i8"), ("pos", "f4", (3,)), ("m", "f4"), ("alt_m", "f4", (4,)), ("m_SO", "f4")]
    halos = np.zeros(6, [*kinds, ("N", "i4"), ("parent_id", "i8"), ("flags", "i8")])
    rng = np.random.default_rng(seed)
    halos["id"] = 100 * seed + np.arange(6)
    halos["pos"] = rng.uniform(0, BOX, (6, 3))
    halos["N"] = rng.integers(20, 5000, 6)
    halos["m"] = halos["m_SO"] = halos["N"] * PARTICLE
    halos["alt_m"] = halos["m"][:, None]
    halos["parent_id"] = [-1, -1, 7, -1, -1, 7]
    return halos


def _rockstar(folder: Path) -> None:
    redshift = _slice(folder / "a", "rockstar")
    for number in (0, 1):
        with h5py.File(redshift / f"halos_0.{number}.h5", "w") as file:
            stored = file.create_dataset("halos", data=_halos(number + 1))
            stored.attrs.update(BoxSize=BOX, ParticleMassHMsun=PARTICLE, Redshift=0.3)
            stored.attrs.update(SimName=_NAME, TimeSliceRedshifts=np.array([0.7, 0.3]))


def _read_rockstar(folder: Path) -> None:
    _use(abacus_cosmos.read(folder, mass="200b", hosts_only=True))


def _friends(folder: Path) -> None:
    redshift = _slice(folder / "a", "FoF")
    for number in (0, 1):
        halos = _halos(number + 1)
        records = np.zeros(len(halos), FOF_RECORD)
        records["id"], records["N"] = halos["id"], halos["N"]
        records["pos"] = halos["pos"] - BOX / 2
        content = struct.pack("<QQ", len(records), 4) + records.tobytes()
        (redshift / f"halos_{number}").write_bytes(content)


def _read_friends(folder: Path) -> None:
    _use(abacus_cosmos.read(folder, finder="fof"))


def _zeldovich(folder: Path) -> None:
    formats = {"RVZel": "<HHH2x3f3f", "ZelSimple": "<3f", "Zeldovich": "<HHH2x3d"}
    rng = np.random.default_rng(5)
    for name, layout in formats.items():
        conditions = folder / name / "ic"
        _friends_of(folder / name)
        conditions.mkdir()
        (conditions / "abacus.par").write_text(_PAR.replace("RVZel", name))
        for i in range(8):
            with (conditions / f"ic_{i * 5 // 8}").open("ab") as file:
                for j, k in np.ndindex(8, 8):
                    label = () if name == "ZelSimple" else (i, j, k)
                    moved = rng.normal(size=6 if name == "RVZel" else 3)
                    file.write(struct.pack(layout, *label, *moved))


def _friends_of(folder: Path) -> None:
    redshift = _slice(folder, "FoF")
    halos = np.zeros(1, FOF_RECORD)
    halos["N"] = 100
    (redshift / "halos_0").write_bytes(struct.pack("<QQ", 1, 4) + halos.tobytes())


def _read_zeldovich(folder: Path) -> None:
    _use(abacus_cosmos.read(folder, finder="fof", initial_conditions=folder / "ic"))


def _use(source: Source) -> None:
    """Ask of a source what preparing a box does."""
    if source.halos is not None:
        assert len(source.halos.position) == len(source.halos.mass)
    if source.initial_modes is not None:
        source.initial_modes((8, 8, 8), 1)


def _asdf(header: dict[str, Any], arrays: dict[str, np.ndarray], compressed: bool) -> bytes:
    import blosc

    lines = ["#ASDF 1.0.0", "#ASDF_STANDARD 1.5.0", "%YAML 1.1", "--- !core/asdf-1.1.0", "data:"]
    blocks = b""
    for number, (name, array) in enumerate(arrays.items()):
        lines += [
            f"  {name}: !core/ndarray-1.0.0",
            f"    source: {number}",
            "    byteorder: little",
        ]
        lines += [f"    datatype: {array.dtype.name}", f"    shape: {list(array.shape)}"]
        stored = data = array.tobytes()
        if compressed:
            parts = [blosc.compress(data[i : i + 300], 4) for i in range(0, len(data), 300)]
            stored = b"".join(struct.pack(">I", len(part)) + part for part in parts)
        kind = b"blsc" if compressed else bytes(4)
        head = struct.pack(">I4sQQQ16s", 0, kind, len(stored), len(stored), len(data), bytes(16))
        blocks += b"\xd3BLK" + struct.pack(">H", len(head)) + head + stored
    lines += ["header:", *(f"  {name}: {json.dumps(value)}" for name, value in header.items())]
    tree = "\n".join(lines).replace('"', "'") + "\n...\n"
    return tree.encode() + blocks + b"#ASDF BLOCK INDEX\n%YAML 1.1\n---\n- 700\n...\n"


def _summit(folder: Path) -> None:
    header = {
        "SimName": "tiny",
        "BoxSize": BOX,
        "ParticleMassHMsun": 1e10,
        "Redshift": 0.5,
        "InitialRedshift": 99.0,
        "H0": 67.36,
        "Omega_M": 0.3,
        "SODensityL1": 258.3,
        "NP": 5,
    }
    table = {"GrowthTable": {z: 100 / (1 + z) for z in (0.0, 0.25, 0.5, 1.0, 2.0, 8.0, 99.0)}}
    noise = np.random.default_rng(6).normal(size=(8, 8, 8, 3)).astype("f4")
    noise -= noise.mean(axis=(0, 1, 2))
    for compressed in (False, True):
        for kind in ("dens", "disp", "particles"):
            simulation = folder / f"{kind}{compressed}" / "tiny"
            where = np.random.default_rng(7).uniform(-0.5, 0.5, (5, 3)).astype("f4")
            columns = {"N": np.arange(50, 55, dtype="u4"), "x_L2com": where}
            files = {"halos/z0.500/halo_info/halo_info_000.asdf": (header, columns)}
            total = {"N_total": np.array([60, 0, 52, 53, 54], "u4")}
            clean = "../cleaning/tiny/z0.500/cleaned_halo_info/cleaned_halo_info_000.asdf"
            files[clean] = (header, total)
            if kind == "particles":
                rows = np.array(_PACK9, np.uint8).view(np.int8)
                files["slices/z0.500/field_pack9/slab000.asdf"] = (header, {"pack9": rows})
            else:
                array = {"dens": ("density", noise[..., 0]), "disp": ("displacements", noise)}[kind]
                files[f"ic/ic_{kind}_N8.asdf"] = ({**header, **table}, dict([array]))
            for name, (told, arrays) in files.items():
                path = simulation / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(_asdf(told, arrays, compressed))


def _pack9_row(shorts: list[int], opens: bool = False) -> list[int]:
    out: list[int] = []
    for low, high in zip(shorts[::2], shorts[1::2], strict=True):
        low, high = low + 2048, high + 2048
        out += [low >> 4, (low & 0xF) | (high >> 8) << 4, high & 0xFF]
    return [255, *out[1:]] if opens else out


_PACK9 = [
    _pack9_row([0, 4 - 2000, 0, -2000, -1999, -1998], opens=True),
    *[_pack9_row([100 * i, 0, -50 * i, 0, 0, 0]) for i in range(5)],
]


def _read_summit(folder: Path) -> None:
    from halokeras.sources.abacus_summit import read as abacus_summit

    particles = (folder / "tiny" / "slices").exists()
    density = "nbody" if particles else "2lpt"
    _use(abacus_summit.read(folder / "tiny", density=density, voxels=4 if particles else None))


@cache
def _networks() -> Any:
    """TensorFlow is imported by the targets that need it, once."""
    import keras

    from halokeras.networks.painter import built_painter

    keras.utils.set_random_seed(3)
    return built_painter


def _painters(folder: Path) -> None:
    build = _networks()
    from halokeras.painter_params import HalosParams, InceptionParams
    from halokeras.painters.count_law import CountLaw
    from halokeras.painters.mass_law import MassLaw
    from halokeras.painters.model_store import DrawModel, save_painter
    from halokeras.painters.provenance import fingerprint

    painter = build(
        InceptionParams(
            blocks=1,
            filters=2,
            kernel_sizes=(3, 1),
            head_layers=1,
            head_filters=2,
            output="softplus",
        )
    )
    for number, variable in enumerate(painter.weights):
        drawn = np.random.default_rng(number).uniform(0, 0.3, variable.shape)
        variable.assign(drawn.astype(np.float32))
    provenance = {
        "voxel_size": 4.0,
        "redshift": 0.3,
        "cosmology": asdict(COSMOLOGY),
        "density_scheme": "2lpt",
        "selection": {"mass_min": 2e12, "mass_max": None},
        "training_boxes": {"box00_seed1.h5": "0" * 64},
        "fingerprint": fingerprint(_density(16), 4.0).model_dump(),
        "note": "kept as it is",
    }
    law = CountLaw(np.array([0.1, 1.0, 3.0]), np.array([[0.9, 0.1, 0], [0.4, 0.3, 0.3], [0, 0, 1]]))
    save_painter(painter, provenance, folder / "plain" / "model")
    draws = DrawModel(painter.twin(), law)
    save_painter(painter, provenance, folder / "drawing" / "model", draws)
    sizes = {"blocks": 1, "filters": 2, "kernel_sizes": (3, 1), "head_layers": 1, "head_filters": 2}
    binned = build(HalosParams(**sizes, mass_edges=(1e13,)))
    masses = MassLaw(np.array([[2e12, 9e12], [1e13, 1e14]]), np.array([0.0, 1e13]))
    draws = DrawModel(binned.twin(), law, masses)
    save_painter(binned, provenance, folder / "halos" / "model", draws)


def _read_painter(folder: Path) -> None:
    _networks()
    from halokeras.painters.model_store import load_painter
    from halokeras.painting.inputs.check import check_input
    from halokeras.painting.inputs.density import density_of

    saved = load_painter(folder / "model")
    check_input(saved.provenance, density_of(_box()), force=True)
    if saved.draws is not None:
        saved.draws.count_law.probabilities.sum()
        if saved.draws.mass_law is not None:
            saved.draws.mass_law.draw(np.arange(2), np.array([0.0, 0.999]))


def seal(folder: Path) -> None:
    """Write a manifest that fits a folder, as one who tampers with it would."""
    names = {path.name for path in folder.iterdir()} - {"manifest.json"}
    sums = {name: sha256((folder / name).read_bytes()).hexdigest() for name in names}
    (folder / "manifest.json").write_text(json.dumps({"sha256": sums}))


@cache
def _gan() -> Any:
    from halokeras.training.build import build_gan

    painter = {"blocks": 1, "filters": 1, "kernel_sizes": [1], "head_layers": 0}
    critic = {"filters": [1], "kernel_sizes": [2], "strides": [1]}
    training = {"crop_size": 4, "warm_start": {"steps": 1, "crop_size": 4}}
    fields = {"painter": painter, "critic": critic, "training": training}
    return build_gan(parse_params(json.dumps(fields), "params"))


def _checkpoints(folder: Path) -> None:
    from halokeras.training.checkpoints import Checkpoints

    gan = _gan()
    checkpoints = Checkpoints(gan, folder / "a" / "checkpoints")
    for step in (1, 2):
        gan.step.assign(step)
        checkpoints.save()


def _read_checkpoints(folder: Path) -> None:
    from halokeras.training.checkpoints import Checkpoints

    Checkpoints(_gan(), folder / "checkpoints").restore()


def _columns() -> dict[str, np.ndarray]:
    halos = _halos(3)
    axes = {f"halo_{axis}": halos["pos"][:, i] for i, axis in enumerate("xyz")}
    return {
        **axes,
        "halo_mvir": halos["m"],
        "halo_id": halos["id"],
        "halo_upid": halos["parent_id"],
    }


def _tables(folder: Path) -> None:
    columns = _columns()
    about = {"Lbox": BOX, "redshift": 0.3, "particle_mass": PARTICLE, "length_unit": "Mpc/h"}
    for kind in ("hdf5", "records", "npy", "npz", "csv", "list", "packed"):
        (folder / kind).mkdir()
    with h5py.File(folder / "hdf5" / "halos.hdf5", "w") as file:
        for name, values in columns.items():
            file.create_dataset(name, data=values, chunks=(4,), compression="gzip")
        file.attrs.update(about)
    kinds = [(name, values.dtype) for name, values in columns.items()]
    records = np.zeros(6, kinds)
    for name, values in columns.items():
        records[name] = values
    with h5py.File(folder / "records" / "halos.hdf5", "w") as file:
        file.create_dataset("halos", data=records).attrs.update(about)
    np.save(folder / "npy" / "halos.npy", records)
    np.savez(folder / "npz" / "halos.npz", **columns)
    rows = [" ".join(str(value) for value in record.tolist()) for record in records]
    text = "\n".join([",".join(columns), *(row.replace(" ", ",") for row in rows)])
    (folder / "csv" / "halos.csv").write_text(text + "\n")
    lines = ["#" + " ".join(columns), "#a = 0.769231", "#Om = 0.314; Ol = 0.686; h = 0.673"]
    lines += [f"#Box size: {BOX} Mpc/h", f"#Particle mass: {PARTICLE} Msun/h", *rows]
    (folder / "list" / "halos.list").write_text("\n".join(lines) + "\n")
    packed = gzip.compress("\n".join(lines).replace("e+", "D+").encode(), mtime=0)
    (folder / "packed" / "halos.list.gz").write_bytes(packed)


def _library_tables(folder: Path) -> None:
    from astropy.table import Table as AstropyTable
    from pyarrow import parquet
    from pyarrow import table as arrow_table

    columns = _columns()
    for kind in ("fits", "ecsv", "parquet", "meta", "parquet_meta"):
        (folder / kind).mkdir()
    masked = AstropyTable(columns, meta={"LBOX": BOX}, masked=True)
    masked[next(iter(columns))].mask[2] = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        masked.write(folder / "meta" / "halos.hdf5", path="halos", serialize_meta=True)
    made = AstropyTable(columns, meta={"LBOX": BOX})
    made.write(folder / "fits" / "halos.fits")
    made.write(folder / "ecsv" / "halos.ecsv")
    native = {
        name: values.astype(values.dtype.newbyteorder("=")) for name, values in columns.items()
    }
    stored = arrow_table(native).replace_schema_metadata({"Lbox": str(BOX)})
    parquet.write_table(stored, folder / "parquet" / "halos.parquet")
    AstropyTable(native, meta={"LBOX": BOX}).write(folder / "parquet_meta" / "halos.parquet")
    _bigfile(folder / "bigfile" / "halos")


def _bigfile(path: Path) -> None:
    halos = _halos(4)
    blocks = {"Position": ("<f8", 3, halos["pos"]), "Mass": ("<f4", 1, halos["m"])}
    for name, (dtype, width, values) in blocks.items():
        block = path / "1" / name
        block.mkdir(parents=True)
        lines = [f"DTYPE: {dtype}", f"NMEMB: {width}", "NFILE: 2"]
        for number, piece in enumerate((values[:4], values[4:])):
            stored = np.ascontiguousarray(piece, dtype).tobytes()
            (block / f"{number:06X}").write_bytes(stored)
            lines.append(f"{number:06X}: {len(piece)} : {sum(stored)} : {sum(stored)}")
        (block / "header").write_text("\n".join(lines) + "\n")
        (block / "attr-v2").write_text("")
    header = path / "Header"
    header.mkdir()
    (header / "header").write_text("DTYPE: <i8\nNMEMB: 0\nNFILE: 0\n")
    box = struct.pack("<3d", BOX, BOX, BOX).hex()
    (header / "attr-v2").write_text(f"BoxSize <f8 3 {box} #HUMANE [ 32 32 32 ]\n")


def _read_table(folder: Path) -> None:
    from halokeras.sources.catalogue.read import read_halos

    path = next(folder.glob("halos*"), folder / "halos.csv")
    found = read_halos(path, drop_invalid=True, box_size=None, hosts_only=False)
    assert len(found.halos.position) == len(found.halos.mass)


def _snapshots(folder: Path) -> None:
    where = np.random.default_rng(8).uniform(0, BOX, (40, 3)).astype("f4")
    (folder / "a" / "snapshot").mkdir(parents=True)
    for number, rows in enumerate((slice(0, 15), slice(15, 40))):
        with h5py.File(folder / "a" / "snapshot" / f"snap_004.{number}.hdf5", "w") as file:
            header = file.create_group("Header")
            header.attrs.update({"BoxSize": BOX, "Redshift": 0.3, "NumFilesPerSnapshot": 2})
            header.attrs["NumPart_Total"] = np.array([0, 40, 0, 0, 0, 0], np.uint32)
            header.attrs["MassTable"] = np.array([0, 4.0, 0, 0, 0, 0])
            file["PartType1/Coordinates"] = where[rows]


def _read_snapshot(folder: Path) -> None:
    from halokeras.sources.catalogue.particles import read_particles

    found = read_particles(folder / "snapshot", 4)
    assert np.isfinite(found.density).all()


def _count_pairs(folder: Path) -> None:
    (folder / "a").mkdir()
    counts = np.random.default_rng(9).integers(0, 9, (8, 8, 8))
    np.save(folder / "a" / "particles.npy", counts)
    np.save(folder / "a" / "halos.npy", (counts // 5).astype("f4"))


def _read_count_pair(folder: Path) -> None:
    from halokeras.sources.count_pairs import read_count_pair

    _use(read_count_pair(folder / "particles.npy", folder / "halos.npy", voxel_size=4, redshift=0))


def _read_density_grid(folder: Path) -> None:
    from halokeras.sources.catalogue.density_grid import read_density

    path = next(folder.glob("density.*"), folder / "density.npy")
    read_density(path, None if path.suffix == ".npy" else "density", contrast="rho", axes="zyx")


_OTHERS = ("_densities", "_tables", "_parameters")
"""Files that are no box, run or painter, of which is told what they look like."""


def _anything(folder: Path) -> None:
    for write in (_boxes, _run_folder, _painters, _zarr_boxes, _densities, _tables, _parameters):
        inner = folder.parent / "inner"
        inner.mkdir()
        write(inner)
        for case in inner.iterdir():
            case.rename(folder / f"{write.__name__}_{case.name}")
        inner.rmdir()


def _inspect(folder: Path) -> None:
    from halokeras.inspection.inspect import inspect
    from halokeras.inspection.unrecognized import describe_unrecognized

    if folder.name.startswith("_run_folder"):
        inspect(folder)
        return
    look = describe_unrecognized if folder.name.startswith(_OTHERS) else inspect
    for path in sorted(folder.iterdir()):
        look(path)


def _canary(folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "a" / "number.txt").write_text("1000")


def _crash(folder: Path) -> None:
    if (folder / "number.txt").read_bytes() != b"1000":
        import os

        os.abort()


def _hang(folder: Path) -> None:
    while (folder / "number.txt").read_bytes() != b"1000":
        pass


def _allocate(folder: Path) -> None:
    if (folder / "number.txt").read_bytes() != b"1000":
        np.ones(2**30, np.uint8)


def _raise(folder: Path) -> None:
    int((folder / "number.txt").read_text(encoding="latin-1"))


TARGETS: dict[str, Target] = {
    "params": Target(_params, _read_params, 3),
    "cosmology": Target(
        _cosmology, lambda folder: _ignore(load_cosmology(folder / "mine.json")), 2
    ),
    "task_config": Target(_task_config, _read_task_config, 2),
    "run_folder": Target(_run_folder, _read_run_folder, 2, restore=True),
    "box_hdf5": Target(_boxes, _read_box, 2),
    "box_zarr": Target(_zarr_boxes, _read_zarr_box, 0.3),
    "density": Target(_densities, _read_density, 2),
    "density_zarr": Target(_zarr_densities, _read_density, 0.3),
    "initial_modes": Target(_initial_modes, _read_initial_modes, 2),
    "painter": Target(_painters, _read_painter, 0.5, sealed=True),
    "checkpoints": Target(_checkpoints, _read_checkpoints, 0.2, restore=True, sealed=True),
    "partial": Target(_partial, _read_partial, 1, restore=True),
    "abacus_parameters": Target(_parameters, _read_parameters, 3),
    "abacus_rockstar": Target(_rockstar, _read_rockstar, 1),
    "abacus_fof": Target(_friends, _read_friends, 2),
    "zeldovich": Target(_zeldovich, _read_zeldovich, 1),
    "abacus_summit": Target(_summit, _read_summit, 2),
    "tables": Target(_tables, _read_table, 3),
    "tables_of_libraries": Target(_library_tables, _read_table, 2),
    "particles": Target(_snapshots, _read_snapshot, 2),
    "density_grid": Target(_densities, _read_density_grid, 2),
    "inspect": Target(_anything, _inspect, 0.6),
    "count_pairs": Target(_count_pairs, _read_count_pair, 2),
}
"""Every reader of files that others may have written."""

CANARIES: dict[str, Target] = {
    "canary_crash": Target(_canary, _crash),
    "canary_hang": Target(_canary, _hang),
    "canary_allocation": Target(_canary, _allocate),
    "canary_exception": Target(_canary, _raise, 2),  # some damaged numbers are numbers
}
"""Readers with faults, which the fuzzer must find."""


def _ignore(value: object) -> None:
    pass


def remove(folder: Path) -> None:
    """Remove a folder that reading may have changed."""
    shutil.rmtree(folder, ignore_errors=True)
