"""Draw the figures of the paper and its notebook for painters trained here.

    python docs/paper_figures.py paper.png runs/paper/best saved_models/gen

Axes and conventions are the published ones: T from 0.9 to 1.1 and r from -0.1 to 1 over log k;
linear bins of k up to the diagonal's Nyquist wavenumber; the mean taken out, no window, no shot
noise subtracted; wavenumbers above 0.256 h/Mpc shaded; lines are means and bands standard
deviations, here of the boxes that ship and trained nothing, where the notebook has 1,000 cubes.
What is published stands in grey: the range of T, and r at two wavenumbers.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import halokeras
from halokeras.boxes.box import halo_counts
from halokeras.fields.bispectrum import over_angle

COSMOLOGIES = {
    "00": [f"boxes/box00_seed{seed}.h5" for seed in (100, 101, 102, 103)],
    "03": ["boxes/box03_seed103.h5"],
    "04": ["boxes/box04_seed104.h5"],
}
BINS, NOT_USED = 32, 0.256
PUBLISHED_T, PUBLISHED_R = (0.980, 0.994), {0.1: 0.962, 0.25: 0.82}
HALOS, DENSITY = "halos", "2LPT density"
COLOURS = ("black", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")


def fields_of(path, painters):
    """Return the halos, density and painted counts of a box, and the side of its voxels."""
    box = halokeras.read_box(path)
    about = box.voxel_size, box.redshift
    fields = {HALOS: halo_counts(box), DENSITY: box.density}
    for name, painter in painters.items():
        fields[name] = halokeras.paint(box.density, *about, painter, cosmology=box.cosmology)
    return fields, box.voxel_size


def draw_slices(axes, fields, voxel_size):
    """Draw a slice of density, halos and first painted counts, and the last less the halos."""
    painted = list(fields)[2]
    slices = {name: fields[name][:4].mean(axis=0) for name in (DENSITY, HALOS, painted)}
    residual = slices[painted] - slices[HALOS]
    most, farthest = slices[HALOS].max(), np.abs(residual).max()
    images = (
        (np.log10(slices[DENSITY]), f"log10 of {DENSITY}", "magma", (None, None)),
        (slices[HALOS], "halos a voxel", "viridis", (0, most)),
        (slices[painted], f"{painted}, halos a voxel", "viridis", (0, most)),
        (residual, f"{painted} less halos", "RdBu_r", (-farthest, farthest)),
    )
    side = len(residual) * voxel_size
    for axis, (image, title, colours, limits) in zip(axes, images, strict=True):
        drawn = axis.imshow(image.T, origin="lower", extent=(0, side) * 2, cmap=colours)
        drawn.set_clim(*limits)
        axis.set_title(title)
        axis.figure.colorbar(drawn, ax=axis, shrink=0.7)


def draw_band(axis, x, curves, number, name):
    """Draw the mean and the standard deviation of curves."""
    mean, deviation = np.mean(curves, axis=0), np.std(curves, axis=0)
    axis.plot(x, mean, color=COLOURS[number], label=name)
    band = mean - deviation, mean + deviation
    axis.fill_between(x, *band, color=COLOURS[number], alpha=0.25, linewidth=0)


def draw_spectra(axes, boxes):
    """Draw power, T and r of the density and of painted counts."""
    fields, voxel_size = boxes[0]
    edges = np.linspace(0, np.sqrt(3) * np.pi / voxel_size, BINS + 1)
    for number, name in enumerate(fields):
        found = [halokeras.measure(these[name], these[HALOS], side, edges) for these, side in boxes]
        k = found[0].k
        draw_band(axes[0], k, [one.first for one in found], number, name)
        if name != DENSITY:
            draw_band(axes[1], k, [one.transfer_function for one in found], number, name)
        if name != HALOS:
            draw_band(axes[2], k, [one.cross_correlation for one in found], number, name)
    axes[0].set(ylabel="P [(Mpc/h)^3]", yscale="log")
    axes[1].set(ylabel="T", ylim=(0.9, 1.1))
    axes[1].axhspan(*PUBLISHED_T, color="0.6", alpha=0.5)
    axes[2].set(ylabel="r", ylim=(-0.1, 1))
    axes[2].plot(list(PUBLISHED_R), list(PUBLISHED_R.values()), "o", color="0.4", zorder=3)
    for axis in axes:
        axis.set(xlabel="k [h/Mpc]", xscale="log", xlim=(k[0], k[-1]))
        axis.axvspan(NOT_USED, k[-1], color="0.92", zorder=0)


def draw_bispectrum(axis, boxes):
    """Draw Q over the angle between sides of 0.1 and 0.2 h/Mpc."""
    for number, name in enumerate(boxes[0][0]):
        measured = [over_angle(fields[name], side) for fields, side in boxes]
        curves = [[one.reduced for one in triangles] for _, triangles in measured]
        draw_band(axis, measured[0][0] / np.pi, curves, number, name)
    axis.set(xlabel="angle / pi", ylabel="Q")


def main(output, *folders):
    """Draw a row of slices, and a row of statistics for each cosmology."""
    painters = {
        Path(folder).parent.name if Path(folder).name == "best" else Path(folder).name: (
            halokeras.load_painter(folder)
        )
        for folder in folders
    }
    figure = Figure(figsize=(18, 17), layout="compressed")
    rows = figure.subplots(1 + len(COSMOLOGIES), 4)
    for row, (cosmology, paths) in zip(rows[1:], COSMOLOGIES.items(), strict=True):
        with warnings.catch_warnings(action="ignore"):  # of another cosmology, which is the point
            boxes = [fields_of(path, painters) for path in paths]
        if cosmology == "00":
            draw_slices(rows[0], *boxes[0])
        draw_spectra(row[:3], boxes)
        draw_bispectrum(row[3], boxes)
        of = "1 box" if len(paths) == 1 else f"{len(paths)} boxes"
        row[0].set_title(f"cosmology {cosmology}, {of} of 256 Mpc/h")
        row[0].legend()
    figure.savefig(output, dpi=80)


if __name__ == "__main__":
    main(*sys.argv[1:])
