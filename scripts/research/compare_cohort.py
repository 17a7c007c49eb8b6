# SPDX-License-Identifier: Apache-2.0
"""Simulated beside real subjects, as a picture and as numbers (``docs/simulation.md``).

python -m scripts.research.compare_cohort picture --output simulated.png --real ../shared/data/brats2021
python -m scripts.research.compare_cohort numbers --folder cohort_2mm --shapes ... --intensities ...
"""

import argparse
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from matplotlib.figure import Figure
from scripts.common.errors import UserError, install_error_hook
from scripts.common.files import save_atomically
from scripts.common.foreground import bounding_box
from scripts.common.sequences import SEQUENCES
from scripts.data.datalist import subjects_in
from scripts.research.cohort_statistics import (
    brain_z_scores,
    compare_intensities,
    compare_shapes,
    intensity_statistics,
    shape_statistics,
)
from scripts.research.real_statistics import read_intensities, read_shapes
from scripts.simulation.contrast import MAPS, Contrast
from scripts.simulation.maps import make_maps

COLOURS = {"whole tumour": ((1, 2, 4), "#56B4E9"), "core": ((1, 4), "#D55E00"), "enhancing": ((4,), "#F0E442")}
WINDOW = (-3.0, 3.5)  # z-units, the same for every panel
MARGIN = 3  # voxels around the brain


def save_picture(
    output: str | Path, real: str | None = None, subjects: int = 4, seed: int = 0, spacing: float = 2.0
) -> None:
    """Draw the axial slice with the largest tumour of each subject: a row of t1, t1ce, t2, flair and contours.

    Args:
        output: image file.
        real: folder of subjects in BraTS naming (``<subject>/<subject>_t1.nii.gz``, ..., ``_seg``); rows then alternate
            between simulated and real subjects.
        subjects: number of each kind.
        seed: of the first simulated subject; the others have the next seeds.
        spacing: mm of the simulated subjects.

    Raises:
        UserError: the folder has no subject.
    """
    rows = [("simulated", *simulated_subject(seed + n, spacing)) for n in range(subjects)]
    if real is not None:
        folders = sorted(path for path in Path(real).iterdir() if path.is_dir())[:subjects]
        if not folders:
            raise UserError(f"{real} has no folder of a subject: give one in BraTS naming, or leave --real out.")
        scans = [("real", *real_subject(folder, spacing)) for folder in folders]
        rows = [row for pair in zip(rows, scans) for row in pair]
    save_atomically(output, draw(rows).savefig)


def simulated_subject(seed: int, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """(4, X, Y, Z) z-scores and (X, Y, Z) label of one simulated subject."""
    maps, _ = make_maps(seed, spacing)
    image = Contrast(spacing)(torch.from_numpy(maps)[None], torch.Generator().manual_seed(seed))[0]
    return brain_z_scores(image.numpy()), maps[MAPS.index("label")]


def real_subject(folder: Path, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """The same of a scan of 1 mm, with intensities averaged to about `spacing`, and every n-th voxel of the label."""
    step = max(1, round(spacing))

    def load(name: str) -> np.ndarray:
        volume = np.asarray(nib.load(folder / f"{folder.name}_{name}.nii.gz").dataobj, dtype=np.float32)
        x, y, z = (length // step * step for length in volume.shape)
        return volume[:x, :y, :z]

    def averaged(volume: np.ndarray) -> np.ndarray:
        x, y, z = (length // step for length in volume.shape)
        return volume.reshape(x, step, y, step, z, step).mean((1, 3, 5))

    images = brain_z_scores(np.stack([averaged(load(name)) for name in SEQUENCES]))
    return images, load("seg")[::step, ::step, ::step].astype(np.uint8)


def draw(rows: list[tuple[str, np.ndarray, np.ndarray]]) -> Figure:
    """The figure of rows (title, z-scores (4, X, Y, Z), label (X, Y, Z)), in radiological orientation."""
    figure = Figure(figsize=(5 * 1.6, 1.9 * len(rows) + 0.2), dpi=100, layout="constrained", facecolor="black")
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    for line, (title, images, label) in zip(figure.subplots(len(rows), 5, squeeze=False), rows):
        at = int((label > 0).sum((0, 1)).argmax())
        box = bounding_box((images != 0).any(0), (MARGIN, MARGIN, 0))[:2]
        for axes, image, name in zip(line, [*images, images[-1]], [*SEQUENCES, "flair with label"]):
            plane = np.where(image[..., at] != 0, image[..., at], WINDOW[0] - 1)
            axes.imshow(plane[box].T, cmap="gray", vmin=WINDOW[0], vmax=WINDOW[1])
            axes.text(0.02, 0.98, name, transform=axes.transAxes, color="0.8", va="top", fontsize=7)
            axes.axis("off")
        line[0].text(0.02, 0.02, title, transform=line[0].transAxes, color="white", fontsize=9)
        for values, colour in COLOURS.values():
            region = np.isin(label[..., at][box], values).T
            if region.any():
                line[-1].contour(region, levels=[0.5], colors=colour, linewidths=0.9)
    return figure


def numbers(folder: str, shapes: str | None = None, intensities: str | None = None) -> str:
    """Two tables of a simulated cohort on disk: shapes and intensities, beside those of real subjects.

    Args:
        folder: cohort of `scripts.simulation.cohort`.
        shapes: file such as ``brats2020_label_statistics.json``; None without.
        intensities: file such as ``brats2021_intensity_statistics.json``; None without.

    Raises:
        UserError: a file is broken or of another form; no cohort.
    """
    real_shapes = read_shapes(shapes) if shapes else {}
    real_intensities = read_intensities(intensities) if intensities else {}
    items = subjects_in(folder, SEQUENCES)
    files = [nib.load(item["label"]) for item in items]
    spacing = float(files[0].header.get_zooms()[0])
    labels = [np.asarray(file.dataobj) for file in files]
    images = (np.stack([np.asarray(nib.load(item[name]).dataobj) for name in SEQUENCES]) for item in items)
    tables = (
        compare_shapes(shape_statistics(labels, spacing), real_shapes),
        compare_intensities(intensity_statistics(images, labels), real_intensities),
    )
    return "\n".join(table.to_string(na_rep="") for table in tables)


def main(arguments: list[str] | None = None) -> None:
    """Compare simulated with real subjects."""
    parser = argparse.ArgumentParser(prog="python -m scripts.research.compare_cohort", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    picture = commands.add_parser("picture", help="draw a slice of each subject")
    picture.add_argument("--output", required=True, help="image file")
    picture.add_argument("--real", help="folder of real subjects in BraTS naming")
    picture.add_argument("--subjects", type=int, default=4, help="of each kind (default 4)")
    picture.add_argument("--seed", type=int, default=0, help="of the first simulated subject")
    picture.add_argument("--spacing", type=float, default=2.0, help="mm of the simulated subjects (default 2)")
    table = commands.add_parser("numbers", help="print shapes and intensities")
    table.add_argument("--folder", required=True, help="a cohort of scripts.simulation.cohort")
    table.add_argument("--shapes", help="brats2020_label_statistics.json, or a file of that form")
    table.add_argument("--intensities", help="brats2021_intensity_statistics.json, or a file of that form")
    options = vars(parser.parse_args(arguments))
    if options.pop("command") == "picture":
        save_picture(**options)
    else:
        print(numbers(**options))


if __name__ == "__main__":
    install_error_hook()
    main()
