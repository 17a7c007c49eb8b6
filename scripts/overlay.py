# SPDX-License-Identifier: Apache-2.0
"""The picture of one subject: three planes through the tumour with the regions' contours on each sequence."""

from collections.abc import Mapping

import nibabel as nib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from scripts.sequences import REGIONS

# three of Okabe and Ito's colours, which the colour-blind can tell apart, bright on grey
WIDTHS = {"wt": 1.2, "tc": 2.4, "et": 1.0}  # where ET reaches the core's edge, TC still shows on both sides of it
COLOURS = {"wt": "#56B4E9", "tc": "#D55E00", "et": "#F0E442"}
MARGIN = 4  # voxels around the head


def _range(mask: np.ndarray) -> tuple[float, float]:
    """First and last true element of a line, with a margin; the whole line if there is none."""
    hits = np.flatnonzero(mask)
    return (hits[0] - MARGIN, hits[-1] + MARGIN) if len(hits) else (0, len(mask) - 1)


def overlay(images: Mapping[str, np.ndarray], affine, prediction, path, truth=None, title: str = "") -> None:
    """Draw axial, coronal and sagittal planes of each sequence with contours, and save them as an image.

    Each plane is the one with the largest whole tumour, by the truth if it has any. Radiologists' view: the patient's
    right is on the left. The truth is solid, the prediction dashed.

    Args:
        images: (X, Y, Z) image per sequence name, background 0; one row of the picture each.
        affine: (4, 4) voxel to RAS mm of all arrays.
        prediction: binary region maps (3, X, Y, Z) in the order of `REGIONS`.
        path: image file, its kind by its suffix.
        truth: the true region maps, or None.
        title: above the picture.
    """
    turn = nib.orientations.ornt_transform(nib.io_orientation(affine), nib.orientations.axcodes2ornt("LAS"))

    def turned(volumes) -> np.ndarray:
        return np.stack([nib.orientations.apply_orientation(volume, turn) for volume in np.asarray(volumes)])

    size = np.empty(3)
    size[turn[:, 0].astype(int)] = nib.affines.voxel_sizes(affine)
    maps = {} if truth is None else {"solid": turned(truth) > 0}
    maps["dashed"] = turned(prediction) > 0
    tumour = next((any_region for m in maps.values() if (any_region := m.any(0)).any()), maps["dashed"].any(0))
    volumes = turned(list(images.values()))
    head = (volumes != 0).any(0)

    figure = Figure(figsize=(9, 3.1 * len(images) + 0.8), dpi=130, layout="constrained", facecolor="black")
    for row, name, volume in zip(figure.subplots(len(images), 3, squeeze=False), images, volumes):
        low, high = np.percentile(volume[volume != 0], [0.5, 99.5]) if volume.any() else (0, 1)
        for axes, axis in zip(row, (2, 1, 0)):
            across, up = (other for other in range(3) if other != axis)
            at = int(tumour.sum((across, up)).argmax()) if tumour.any() else volume.shape[axis] // 2
            plane = volume.take(at, axis).T
            axes.imshow(plane, cmap="gray", vmin=low, vmax=high, origin="lower", aspect=size[up] / size[across])
            for style, regions in maps.items():
                for region, colour in COLOURS.items():
                    outline = regions[REGIONS.index(region)].take(at, axis).T
                    if outline.any():
                        look = {"colors": colour, "linewidths": WIDTHS[region], "linestyles": style}
                        axes.contour(outline, levels=[0.5], **look)
            axes.set_xlim(*_range(head.any((axis, up))))
            axes.set_ylim(*_range(head.any((axis, across))))
            axes.axis("off")
        row[0].text(0.02, 0.98, name, transform=row[0].transAxes, color="white", va="top", fontsize=13)
        row[0].text(0.02, 0.02, "R", transform=row[0].transAxes, color="0.6", va="bottom", fontsize=11)
    named = {"solid": "truth", "dashed": "prediction"}
    handles = [Line2D([], [], color=colour, label=region.upper()) for region, colour in COLOURS.items()]
    handles += [Line2D([], [], color="white", linestyle=style, label=named[style]) for style in maps]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, labelcolor="white", fontsize=11)
    figure.suptitle(title, color="white")
    figure.savefig(path)
