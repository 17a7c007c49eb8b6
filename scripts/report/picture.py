# SPDX-License-Identifier: Apache-2.0
"""The picture of one subject as HTML: slices of each sequence in three planes, with the outlines of the regions."""

import base64
from collections.abc import Mapping, Sequence
from functools import reduce
from io import BytesIO

import numpy as np
from PIL import Image
from scripts.common.sequences import REGIONS
from scripts.common.titles import OUTERMOST_FIRST, SEQUENCE_TITLES
from scripts.report.contours import svg_path
from scripts.report.planes import EDGES, Plane, display_sizes, planes_through, to_display
from scripts.report.rendering import TEMPLATES, anchor
from scripts.report.window import window

SLICES, MOST_SLICES = 24, 60  # in each plane; 60 of 256 pixels fit into a WebP
PIXELS = 256  # on the longer side of a slice, at most
QUALITY, EFFORT = 70, 2  # of WebP: a slice of a head takes 3 to 4 kB; more effort saves 8 % and takes twice as long
SCALE_BAR_MM = (50, 10)  # the second if a plane is narrower than 80 mm
PADDING_MM = 7  # above and below the head, for the letters


def picture(
    subject: str,
    images: Mapping[str, np.ndarray],
    affine,
    predictions: Mapping[str, np.ndarray],
    truth: np.ndarray | None = None,
    seen: Mapping[str, Sequence[str]] | None = None,
    slices: int = SLICES,
    beside: bool = False,
) -> str:
    """Slices of each sequence in three planes with contours, as HTML that needs the page's style sheet and script.

    In each plane the slice with the largest whole tumour is shown first: that of the truth, or if it is empty, of the
    first prediction that is not. A slider, which needs JavaScript, goes through the others. Contours are vector
    graphics in the scan's own pixels, stored once and shared by all sequences. All planes have one scale, in
    radiological orientation.

    Args:
        subject: makes the ids unique in the page.
        images: (X, Y, Z) per sequence, background 0; each becomes a row of the picture.
        affine: (4, 4), voxel to RAS mm, of all arrays.
        predictions: binary regions (3, X, Y, Z) in the order of `REGIONS` by network. Their CSS classes are ``net0``,
            ``net1`` ..., so that the page can show one at a time.
        truth: the true regions, drawn dashed, or None.
        seen: the sequences that a network sees, by network; a remark stands at the others.
        slices: at most so many in each plane; 1: no slider.
        beside: each prediction has a picture of its own, one beside the other; the images are stored once.

    Returns:
        HTML; the same input gives the same bytes.
    """
    regions = {name: _display(maps, affine) for name, maps in predictions.items()}
    true = {} if truth is None else {"truth": _display(truth, affine)}
    volumes = {name: to_display(volume, affine) for name, volume in images.items()}
    head = reduce(np.logical_or, (volume != 0 for volume in volumes.values()))
    tumours = (np.any(maps, axis=0) for maps in (*true.values(), *regions.values()))
    tumour = next((tumour for tumour in tumours if tumour.any()), np.zeros_like(head))
    planes, sizes = planes_through(tumour, head, affine, slices), display_sizes(affine)
    height_mm = max(plane.height_mm for plane in planes) + 2 * PADDING_MM
    if beside:
        sides = {name: {"net net0": maps} | true for name, maps in regions.items()}
    else:
        sides = {next(iter(regions)): {f"net net{number}": maps for number, maps in enumerate(regions.values())} | true}
    return TEMPLATES.get_template("picture.html").render(
        id=anchor(subject),
        planes=[
            {
                "plane": plane,
                "edges": list(zip("lrud", EDGES[plane.name])),
                "top_mm": (height_mm - plane.height_mm) / 2,
                "sides": [_outlined(plane, layers) for layers in sides.values()],
            }
            for plane in planes
        ],
        height_mm=height_mm,
        bar_mm=SCALE_BAR_MM[min(plane.width_mm for plane in planes) < 80],
        sides=[_side(name, beside, (seen or {}).get(name, list(volumes))) for name in sides],
        rows=[
            {"name": name, "title": SEQUENCE_TITLES.get(name, name), "images": _images(planes, volume, sizes)}
            for name, volume in volumes.items()
        ],
    )


def _display(regions: np.ndarray, affine) -> list[np.ndarray]:
    return [to_display(region, affine) > 0 for region in np.asarray(regions)]


def _side(name: str, beside: bool, seen: Sequence[str]) -> dict:
    # names only: the template's macros keep what they are given until the garbage collector runs
    return {"title": name if beside else "", "seen": seen, "remark": "not seen" if beside else f"not seen by {name}"}


def _outlined(plane: Plane, layers: Mapping[str, list[np.ndarray]]) -> dict:
    """The SVG path of every region in every layer, the outermost region first."""
    return {
        name: {region: svg_path(plane.cut(regions[REGIONS.index(region)])) for region in OUTERMOST_FIRST}
        for name, regions in layers.items()
    }


def _images(planes: list[Plane], volume: np.ndarray, sizes) -> list[str]:
    """The slices of each plane as WebP in base64, one below the other, in the grey levels of the whole volume."""
    black, white = window(volume, sizes)
    return [_webp(plane.cut(volume), black, white, len(plane.places)) for plane in planes]


def _webp(pixels: np.ndarray, black: float, white: float, slices: int) -> str:
    grey = Image.fromarray(np.clip((pixels - black) * (255 / (white - black)), 0, 255).astype(np.uint8))
    longer_side = max(grey.width, grey.height / slices)
    if longer_side > PIXELS:
        grey = grey.resize([max(1, int(side * PIXELS / longer_side)) for side in grey.size], Image.Resampling.BOX)
    file = BytesIO()
    grey.save(file, format="webp", quality=QUALITY, method=EFFORT)
    return base64.b64encode(file.getvalue()).decode()
