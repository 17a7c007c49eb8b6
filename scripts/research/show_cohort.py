# SPDX-License-Identifier: Apache-2.0
"""The picture of simulated subjects, beside real ones if given: the check that they are hard to tell apart.

python -m scripts.research.show_cohort --output docs/simulated.png --subjects 4
python -m scripts.research.show_cohort --real ../shared/data/brats2021 --output simulated_beside_real.png
"""

from pathlib import Path

import fire
import nibabel as nib
import numpy as np
import torch
from matplotlib.figure import Figure

from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES
from scripts.research.intensity_statistics import brain_z_scores
from scripts.simulation.contrast import MAPS, Contrast
from scripts.simulation.maps import make_maps

COLOURS = {"whole tumour": ((1, 2, 4), "#56B4E9"), "core": ((1, 4), "#D55E00"), "enhancing": ((4,), "#F0E442")}
WINDOW = (-3.0, 3.5)  # z-units, the same for every panel
MARGIN = 3  # voxels around the brain


def show_cohort(output: str, real: str | None = None, subjects: int = 4, seed: int = 0, spacing: float = 2.0) -> None:
    """Draw one axial slice, that with the largest tumour, of each subject: a row of t1, t1ce, t2, flair and contours.

    Args:
        output: image file, its kind by its suffix.
        real: folder of subjects in BraTS naming (``<subject>/<subject>_t1.nii.gz``, ..., ``_seg``); rows then alternate
            between simulated and real, the real ones averaged to about `spacing`.
        subjects: of each kind.
        seed: of the first simulated subject; the others follow.
        spacing: mm of the simulated subjects.
    """
    rows = [("simulated", *simulated_subject(seed + n, spacing)) for n in range(subjects)]
    if real is not None:
        folders = sorted(path for path in Path(real).iterdir() if path.is_dir())[:subjects]
        if not folders:
            raise UserError(f"{real} holds no folder of a subject: give one in BraTS naming, or leave --real out.")
        scans = [("real", *real_subject(folder, spacing)) for folder in folders]
        rows = [row for pair in zip(rows, scans) for row in pair]
    draw(rows).savefig(output)


def simulated_subject(seed: int, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """(4, X, Y, Z) z-scores and (X, Y, Z) label of one simulated subject."""
    maps, _ = make_maps(seed, spacing)
    image = Contrast(spacing)(torch.from_numpy(maps)[None], torch.Generator().manual_seed(seed))[0]
    return np.stack([brain_z_scores(channel) for channel in image.numpy()]), maps[MAPS.index("label")]


def real_subject(folder: Path, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """The same of a scan of 1 mm: intensities averaged over whole voxels, the label taken at their first corner."""
    step = max(1, round(spacing))

    def load(name: str) -> np.ndarray:
        volume = np.asarray(nib.load(folder / f"{folder.name}_{name}.nii.gz").dataobj, dtype=np.float32)
        x, y, z = (length // step * step for length in volume.shape)
        return volume[:x, :y, :z]

    def averaged(volume: np.ndarray) -> np.ndarray:
        x, y, z = (length // step for length in volume.shape)
        return volume.reshape(x, step, y, step, z, step).mean((1, 3, 5))

    images = np.stack([brain_z_scores(averaged(load(name))) for name in SEQUENCES])
    return images, load("seg")[::step, ::step, ::step].astype(np.uint8)


def draw(rows: list[tuple[str, np.ndarray, np.ndarray]]) -> Figure:
    """The figure of rows (title, z-scores (4, X, Y, Z), label (X, Y, Z)), as radiologists view them."""
    figure = Figure(figsize=(5 * 1.6, 1.9 * len(rows) + 0.2), dpi=100, layout="constrained", facecolor="black")
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    for line, (title, images, label) in zip(figure.subplots(len(rows), 5, squeeze=False), rows):
        at = int((label > 0).sum((0, 1)).argmax())
        brain = (images != 0).any((0, 3))
        box = tuple(
            slice(max(hits[0] - MARGIN, 0), hits[-1] + MARGIN)
            for hits in map(np.flatnonzero, (brain.any(1), brain.any(0)))
        )
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


if __name__ == "__main__":
    fire.Fire(show_cohort)
