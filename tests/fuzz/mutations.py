"""Damage done to files, blind or with knowledge of their format.

Every mutation is a function of the content and of a random generator alone, so that an input can
be made again from its seed and index.
"""

import io
import json
import re
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

Rng = np.random.Generator
Mutation = Callable[[bytes, Rng], bytes]

_EXTREMES = (
    *(0, 1, -1, 2, 3, 7, 8, 255, 256, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**32),
    *(2**40, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -(2**31), -(2**63)),
)
_NUMBERS = (
    *("0", "-0", "-1", "1", "2", "1e308", "-1e308", "1e999", "1e-320", "NaN", "Infinity", "nan"),
    *("-inf", "9" * 18, "9" * 19, "9" * 400, "9" * 5000, "1" + "0" * 30, "0x10", "1_000", "0.5"),
    *("2147483648", "4294967296", "18446744073709551616", "1e", "1.2.3", "1d5", "--1", "1,5", ""),
)
_WORDS = (
    *("", " ", "\n", "\r\n", "\0", "\t", "\x1b[31m", "\u2028", "\x85", "\ufeff", "é" * 3, '"'),
    *("'", "\\", "#", "##", "=", ",", ";", "[", "]", "{", "}", "null", "true", "../..", "%s"),
    *("x" * 3000, "[" * 100_000, '{"a":' * 50_000, "&a [*a]", "!!python/none", "\ud7ff"),
)
_TOKEN = re.compile(r"[-+]?\d[\d.eE+-]*|\w+")


def pick(rng: Rng, among: Any) -> Any:
    """One of a sequence."""
    return among[int(rng.integers(len(among)))]


def some_bytes(content: bytes, rng: Rng) -> bytes:
    """Flip, overwrite, cut out, repeat, cut off or append bytes, once or a few times."""
    for _ in range(int(rng.geometric(0.5))):
        content = pick(rng, _BLIND)(content, rng)
    return content


def _flip(content: bytes, rng: Rng) -> bytes:
    if not content:
        return b"\0"
    changed = bytearray(content)
    for _ in range(int(rng.geometric(0.4))):
        changed[int(rng.integers(len(changed)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _overwrite(content: bytes, rng: Rng) -> bytes:
    start, stop = _span(content, rng, 16)
    return content[:start] + rng.bytes(stop - start) + content[stop:]


def _number(content: bytes, rng: Rng) -> bytes:
    """Put an extreme number where a length may be."""
    size = int(pick(rng, (1, 2, 4, 8)))
    if len(content) <= size:
        return content
    # Lengths lie near the beginning or the end of a file, and on whole words.
    near = min(len(content), 4096) if rng.random() < 0.7 else len(content)
    start = int(rng.integers(near)) // size * size
    if rng.random() < 0.2:
        start = len(content) - size - start
    value = pick(rng, _EXTREMES) % 2 ** (8 * size)
    return _replaced(content, start, value.to_bytes(size, pick(rng, ("little", "big"))))


def _real(content: bytes, rng: Rng) -> bytes:
    value = pick(rng, (np.nan, np.inf, -np.inf, 1e38, -1.0, 0.0, 1e-45, 3e38))
    stored = struct.pack(pick(rng, ("<f", ">f", "<d", ">d")), value)
    start = int(rng.integers(max(1, len(content) - 8))) // 4 * 4
    return _replaced(content, start, stored)


def _cut_off(content: bytes, rng: Rng) -> bytes:
    return content[: int(rng.integers(len(content) + 1))]


def _append(content: bytes, rng: Rng) -> bytes:
    return content + rng.bytes(int(rng.integers(1, 64)))


def _cut_out(content: bytes, rng: Rng) -> bytes:
    start, stop = _span(content, rng, 64)
    return content[:start] + content[stop:]


def _repeat(content: bytes, rng: Rng) -> bytes:
    start, stop = _span(content, rng, 256)
    return content[:stop] + content[start:stop] * int(rng.integers(1, 9)) + content[stop:]


def _clear(content: bytes, rng: Rng) -> bytes:
    start, stop = _span(content, rng, 128)
    return content[:start] + pick(rng, (b"\0", b"\xff")) * (stop - start) + content[stop:]


def _splice(content: bytes, rng: Rng) -> bytes:
    """Bytes of one place over those of another."""
    start, stop = _span(content, rng, 128)
    return _replaced(content, int(rng.integers(len(content) + 1)), content[start:stop])


_BLIND: tuple[Mutation, ...] = (
    *(_flip, _flip, _overwrite, _number, _number, _number, _real),
    *(_cut_off, _append, _cut_out, _repeat, _clear, _splice),
)


def _span(content: bytes, rng: Rng, longest: int) -> tuple[int, int]:
    start = int(rng.integers(len(content) + 1))
    return start, min(len(content), start + int(rng.integers(1, longest + 1)))


def _replaced(content: bytes, start: int, new: bytes) -> bytes:
    return content[:start] + new + content[start + len(new) :]


def text(content: bytes, rng: Rng) -> bytes:
    """Other numbers and words, lines that are missing, doubled or in another order."""
    if rng.random() < 0.2:
        return some_bytes(content, rng)
    written = content.decode("utf-8", "surrogateescape")
    for _ in range(int(rng.geometric(0.5))):
        written = _other_text(written, rng)
    return written.encode("utf-8", "surrogateescape")


def _other_text(written: str, rng: Rng) -> str:
    kind = int(rng.integers(5))
    if kind < 2:
        tokens = list(_TOKEN.finditer(written))
        if tokens:
            token = pick(rng, tokens)
            new = pick(rng, _NUMBERS if rng.random() < 0.7 else _WORDS)
            return written[: token.start()] + new + written[token.end() :]
    if kind == 2:
        at = int(rng.integers(len(written) + 1))
        return written[:at] + pick(rng, _WORDS) + written[at:]
    lines = written.splitlines(keepends=True) or [""]
    at = int(rng.integers(len(lines)))
    if kind == 3:
        lines[at : at + 1] = [lines[at]] * int(pick(rng, (0, 2, 3)))
    else:
        other = int(rng.integers(len(lines)))
        lines[at], lines[other] = lines[other], lines[at]
    return "".join(lines)


class Raw(float):
    """A JSON number as it is to be written."""

    def __new__(cls, written: str) -> "Raw":
        made = super().__new__(cls, 0)
        made.written = written
        return made

    def __repr__(self) -> str:
        return self.written


def json_text(content: bytes, rng: Rng) -> bytes:
    """Another value, a missing, doubled or renamed field, or an entry too many somewhere."""
    if rng.random() < 0.2:
        return text(content, rng)
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return text(content, rng)
    for _ in range(int(rng.geometric(0.6))):
        value = _changed(value, rng)
    written = _written(value)
    if rng.random() < 0.1:
        written = _other_text(written, rng)
    return written.encode("utf-8", "surrogatepass")


def _changed(value: Any, rng: Rng) -> Any:
    """`value` with one place in it changed; a place near the root as likely as all below it."""
    if isinstance(value, dict) and value and rng.random() < 0.93:
        fields = list(value.items())
        at = int(rng.integers(len(fields)))
        name, inner = fields[at]
        kind = rng.random()
        if kind < 0.06:
            del fields[at]
        elif kind < 0.12:
            fields[at] = (str(pick(rng, (*_WORDS[:24], "x", name.upper(), name + "s"))), inner)
        elif kind < 0.15:
            fields.append((f"{name} ", inner))
        else:
            fields[at] = (name, _changed(inner, rng))
        return dict(fields)
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = int(rng.integers(len(value)))
        kind = rng.random()
        if kind < 0.1:
            return value[:at] + value[at + 1 :]
        if kind < 0.25:
            return value[:at] + [value[at]] * int(pick(rng, (2, 3, 300))) + value[at + 1 :]
        return [*value[:at], _changed(value[at], rng), *value[at + 1 :]]
    return _another(value, rng)


def _another(value: Any, rng: Rng) -> Any:
    if isinstance(value, int | float) and rng.random() < 0.6:
        return Raw(pick(rng, [number for number in _NUMBERS if number]))
    whole = pick(rng, _EXTREMES)
    return pick(
        rng,
        (
            *(None, True, False, whole, -0.5, 1e-30, [], {}, [value], {"a": value}, str(value)),
            *(pick(rng, _WORDS[:30]), "\ud800", [0] * 2000, float("nan"), float("inf")),
        ),
    )


def _written(value: Any) -> str:
    """JSON in which numbers stand as they are, and a name may be there twice."""
    if isinstance(value, dict):
        doubled = [(name.removesuffix(" "), inner) for name, inner in value.items()]
        return "{{{}}}".format(", ".join(f"{json.dumps(n)}: {_written(v)}" for n, v in doubled))
    if isinstance(value, list):
        return "[{}]".format(", ".join(map(_written, value)))
    return repr(value) if isinstance(value, Raw) else json.dumps(value)


_SHAPES = (
    *((), (0,), (1,), (8, 8), (8, 8, 8), (4, 8, 8), (0, 3), (3, 0, 3), (8, 8, 8, 1), (-1, 8, 8)),
    *((10**6,) * 3, (2**40,), (2**62, 4), (2**31, 2**31, 2**31), (1,) * 40, (10**4, 10**4, 8)),
)
_TYPES = (
    *("<f4", ">f4", "<f8", "<f2", "<i8", "<i4", ">i2", "|u1", "|b1", "<c8", "|O", "|S4", "<U3"),
    *("|V8", "<M8[s]", "<m8[ns]", "<f16"),
)


def npy(content: bytes, rng: Rng) -> bytes:
    """Another header before the same values."""
    if rng.random() < 0.4 or len(content) < 12:
        return some_bytes(content, rng)
    length = int.from_bytes(content[8:10], "little")
    header, values = content[10 : 10 + length].decode("latin-1"), content[10 + length :]
    kind = int(rng.integers(6))
    if kind == 0:
        header = re.sub(r"'shape': \([^)]*\)", f"'shape': {pick(rng, _SHAPES)}", header)
    elif kind == 1:
        header = re.sub(r"'descr': '[^']*'", f"'descr': '{pick(rng, _TYPES)}'", header)
    elif kind == 2:
        compound = "[('x', '<f4'), ('y', '<f4', (2,))]"
        other = pick(rng, ("()", "None", "'q'", compound, "[('a', '|O')]", "{}", "'<f4'*9"))
        header = re.sub(r"'descr': '[^']*'", f"'descr': {other}", header)
    elif kind == 3:
        header = header.replace("False", pick(rng, ("True", "1", "None", "'x'", "[]")))
    elif kind == 4:
        header = text(header.encode("latin-1"), rng).decode("latin-1")
    else:
        values = some_bytes(values, rng)
    version = pick(rng, ((1, 0), (1, 0), (1, 0), (2, 0), (3, 0), (9, 9)))
    stored = header.encode("latin-1", "replace")
    told = len(stored) if rng.random() < 0.9 else pick(rng, (0, 1, 65535, 60000))
    size = (told % 65536).to_bytes(2, "little")
    if version >= (2, 0):
        size = (told if rng.random() < 0.8 else 2**31 - 1).to_bytes(4, "little")
    return b"\x93NUMPY" + bytes(version) + size + stored + values


def npz(content: bytes, rng: Rng) -> bytes:
    """An archive with other, missing, doubled, renamed or compressed members."""
    if rng.random() < 0.4:
        return some_bytes(content, rng)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
    except Exception:
        return some_bytes(content, rng)
    if not members:
        return some_bytes(content, rng)
    at = int(rng.integers(len(members)))
    name, stored = members[at]
    kind = int(rng.integers(7))
    if kind < 3:
        members[at] = (name, npy(stored, rng))
    elif kind == 3:
        del members[at]
    elif kind == 4:
        members[at] = (pick(rng, ("x.npy", "", "/etc/a", "../b", name + ".npy", "\x1b[1m")), stored)
    elif kind == 5:
        members[at] = (name, stored + bytes(int(pick(rng, (1, 1, 4096, 4096, 4096, 16 * 2**20)))))
    else:
        members.insert(at, (f"{name}x" if rng.random() < 0.5 else name, stored))
    method = pick(rng, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, stored in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            archive.writestr(info, stored)
    made = written.getvalue()
    return _number(made, rng) if rng.random() < 0.2 else made


def hdf5(content: bytes, rng: Rng) -> bytes:
    """Other attributes, types, shapes, layouts and links."""
    if rng.random() < 0.4:
        return some_bytes(content, rng)
    stored = io.BytesIO(content)
    try:
        with h5py.File(stored, "r+") as file:
            for _ in range(int(rng.geometric(0.6))):
                _change_hdf5(file, rng)
    except Exception:
        return some_bytes(content, rng)
    made = stored.getvalue()
    return some_bytes(made, rng) if rng.random() < 0.15 else made


def _change_hdf5(file: h5py.File, rng: Rng) -> None:
    entries: list[Any] = [file]
    file.visititems(lambda _, entry: entries.append(entry))
    datasets = [entry for entry in entries if isinstance(entry, h5py.Dataset)]
    holders = [entry for entry in entries if len(entry.attrs)]
    if holders and (rng.random() < 0.45 or not datasets):
        holder = pick(rng, holders)
        name = pick(rng, list(holder.attrs))
        if rng.random() < 0.15:
            del holder.attrs[name]
        else:
            _other_attribute(holder, name, rng)
        return
    target = pick(rng, datasets)
    name, group, values = target.name, target.parent, target[()]
    del file[name]
    leaf = name.rpartition("/")[2]
    pick(rng, _STORES)(group, leaf, np.asarray(values), rng)


def _other_attribute(holder: Any, name: str, rng: Rng) -> None:
    value: Any = pick(
        rng,
        (
            *(np.nan, np.inf, -1.0, 0.0, 1e300, 5e-324, pick(rng, _EXTREMES[:20]), "x" * 5000),
            *("", "\x1b[2J", b"\xff\xfe", True, np.zeros(3), np.zeros(0), np.zeros((2, 2))),
            *(h5py.Empty("f4"), np.array([1, 2]), np.array([b"a", b"b"]), np.complex64(1)),
            *(np.void(b"abc"), holder.ref, ["a", "é"], np.float16(1), np.longdouble(2)),
        ),
    )
    holder.attrs[name] = value


def _unwritten(group: Any, leaf: str, values: Any, rng: Rng) -> None:
    """Promised, never stored."""
    shape = [shape for shape in _SHAPES if shape and min(shape) > 0 and len(shape) < 32]
    chosen = values.shape if rng.random() < 0.2 else pick(rng, shape)
    chunks = tuple(min(side, 64) for side in chosen)
    layout = {"chunks": chunks} if rng.random() < 0.7 else {}
    fill = {"fillvalue": 1} if values.dtype.kind in "fiu" else {}
    group.create_dataset(leaf, chosen, values.dtype, **layout, **fill)


def _one_large_chunk(group: Any, leaf: str, values: Any, rng: Rng) -> None:
    """Little in the file, much to open it."""
    shape = (*values.shape[:1], *(max(side, 1) for side in values.shape[1:])) or (8,)
    large = tuple(max(side, 1) * 2**k for side, k in zip(shape, (5, 4, 4), strict=False))
    stored = group.create_dataset(leaf, large, values.dtype, chunks=large, compression="gzip")
    if values.size and values.ndim:
        stored[tuple(slice(0, side) for side in shape)] = values


def _other_type(group: Any, leaf: str, values: Any, rng: Rng) -> None:
    kind = pick(rng, (">f8", "<i2", "u1", "bool", "S3", "c8", "f2", "<i8", "V4"))
    with np.errstate(all="ignore"):
        changed = np.zeros(values.shape, kind) if kind == "V4" else values.astype(kind)
    group.create_dataset(leaf, data=changed)


def _other_shape(group: Any, leaf: str, values: Any, rng: Rng) -> None:
    flat = values.reshape(-1)
    half = flat[: len(flat) // 2]
    shapes = (flat, half, values[None], values[:0], np.zeros((), "f4"), values[..., None])
    group.create_dataset(leaf, data=pick(rng, (*shapes, values.T, values[:1])))


def _bad_values(group: Any, leaf: str, values: Any, rng: Rng) -> None:
    changed = np.array(values)
    if changed.size and changed.dtype.kind == "f":
        bad = (np.nan, np.inf, -1, 1e38, 0, -0.0)
        changed.reshape(-1)[int(rng.integers(changed.size))] = pick(rng, bad)
    elif changed.size and changed.dtype.names:
        field = pick(rng, changed.dtype.names)
        changed[field] = pick(rng, (0, -1, 1, 127))
    group.create_dataset(leaf, data=changed)


def _linked(group: Any, leaf: str, values: Any, rng: Rng) -> None:
    links = (h5py.SoftLink("/nothing"), h5py.SoftLink(f"{group.name}/{leaf}"), h5py.SoftLink("/"))
    outside = (h5py.ExternalLink("/dev/zero", "/a"), h5py.ExternalLink("/proc/self/mem", "/a"))
    group[leaf] = pick(rng, (*links, *outside))


def _elsewhere(group: Any, leaf: str, values: Any, rng: Rng) -> None:
    shape = values.shape or (8,)
    if rng.random() < 0.5:
        layout = h5py.VirtualLayout(shape, np.float32)
        if rng.random() < 0.7:
            layout[...] = h5py.VirtualSource("/dev/zero", "a", shape)
        group.create_virtual_dataset(leaf, layout)
        return
    files = [("/dev/zero", 0, h5py.h5f.UNLIMITED)]
    group.create_dataset(leaf, shape, np.float32, external=files)


def _no_dataset(group: Any, leaf: str, values: Any, rng: Rng) -> None:
    kind = int(rng.integers(4))
    if kind == 0:
        group.create_group(leaf)["inner"] = np.zeros(3)
    elif kind == 1:
        group[leaf] = h5py.Empty("f4")
    elif kind == 2:
        group[leaf] = np.dtype("f8")
    else:
        group[leaf] = group.file["/"]


_STORES = (
    *(_unwritten, _unwritten, _one_large_chunk, _other_type, _other_shape, _bad_values),
    *(_linked, _elsewhere, _no_dataset),
)


def tree_and_blocks(content: bytes, rng: Rng) -> bytes:
    """Of an ASDF file: another tree, or other bytes in and about the blocks."""
    end = content.find(b"\n...\n")
    if end < 0 or rng.random() < 0.5:
        return some_bytes(content, rng)
    tree, blocks = content[:end], content[end:]
    if rng.random() < 0.7:
        return text(tree, rng) + blocks
    marks = [found.start() for found in re.finditer(b"\xd3BLK", blocks)]
    if not marks:
        return some_bytes(content, rng)
    start = pick(rng, marks)
    damaged = _number(blocks[start : start + 96], rng)
    return tree + blocks[:start] + damaged + blocks[start + 96 :]


def lines_and_bytes(content: bytes, rng: Rng) -> bytes:
    """Either as text or as bytes."""
    return (text if rng.random() < 0.5 else some_bytes)(content, rng)


BY_SUFFIX: dict[str, Mutation] = {
    ".json": json_text,
    ".zattrs": json_text,
    ".zarray": json_text,
    ".zgroup": json_text,
    ".journal": json_text,
    ".csv": text,
    ".ecsv": text,
    ".list": text,
    ".txt": text,
    ".par": text,
    "header": text,
    "attr-v2": text,
    ".npy": npy,
    ".npz": npz,
    ".h5": hdf5,
    ".hdf5": hdf5,
    ".part": hdf5,
    ".asdf": tree_and_blocks,
    ".fits": lines_and_bytes,
    "checkpoint": text,
}


def mutate(name: str, content: bytes, rng: Rng) -> bytes:
    """Damage the file called `name`; twice in a while, so that one fault hides another."""
    known = [mutation for suffix, mutation in BY_SUFFIX.items() if name.endswith(suffix)]
    mutation = known[0] if known else some_bytes
    return mutation(content, rng)
