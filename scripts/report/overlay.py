# SPDX-License-Identifier: Apache-2.0
"""The picture of one subject as HTML: three planes through the tumour on each sequence, regions' contours on top."""

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from io import BytesIO

import numpy as np
from matplotlib.image import imsave

from scripts.common.sequences import REGIONS
from scripts.report.contours import svg_path
from scripts.report.planes import EDGES, Plane, planes_through, to_display

SEQUENCE_TITLES = {"t1": "T1", "t1ce": "T1ce", "t2": "T2", "flair": "FLAIR"}
OUTERMOST_FIRST = ("wt", "tc", "et")
QUALITY = 80  # of WebP: a plane of a head is 4 to 9 kB
BAR_MM = (50, 10)  # the second for what is smaller than a head
PAD_MM = 7  # above and below the head, for the letters


def anchor(subject: str) -> str:
    """An id in the page for a subject of whatever name."""
    return "s" + hashlib.sha256(subject.encode()).hexdigest()[:12]


def picture(
    subject: str,
    images: Mapping[str, np.ndarray],
    affine,
    predictions: Mapping[str, np.ndarray],
    truth: np.ndarray | None = None,
    notes: Mapping[str, str] | None = None,
) -> str:
    """Three planes of each sequence with contours, as a piece of HTML that needs the page's style sheet.

    The planes are those with the largest whole tumour, by the truth if it has any, else by the first prediction that
    has any. Contours are vector graphics on the scan's own pixels, drawn once and shared by all sequences; every plane
    is at the same scale. The patient's right is on the left.

    Args:
        subject: makes the ids unique in the page.
        images: (X, Y, Z) per sequence, background 0, a row of the picture each.
        affine: (4, 4) voxel to RAS mm of all arrays.
        predictions: binary region maps (3, X, Y, Z) in the order of `REGIONS` by network; classes ``net net0``,
            ``net net1`` ... let the page show one at a time.
        truth: the true region maps, dashed, or None.
        notes: a remark per sequence, such as "not seen by the student".

    Returns:
        HTML, the same bytes for the same input.
    """
    maps = [*predictions.values()] + ([] if truth is None else [truth])
    maps = [[to_display(region, affine) > 0 for region in np.asarray(regions)] for regions in maps]
    volumes = {name: to_display(volume, affine) for name, volume in images.items()}
    head = np.any([volume != 0 for volume in volumes.values()], axis=0)
    whole = [np.any(regions, axis=0) for regions in (maps if truth is None else [maps[-1], *maps[:-1]])]
    tumour = next((tumour for tumour in whole if tumour.any()), np.zeros_like(head))
    planes = planes_through(tumour, head, affine)
    height = max(plane.height_mm for plane in planes) + 2 * PAD_MM
    here = anchor(subject)
    groups = []
    for plane in planes:
        drawn = [
            f'<g class="net net{number}">{_paths(plane, regions)}</g>'
            for number, regions in enumerate(maps[: len(predictions)])
        ]
        if truth is not None:
            drawn.append(f'<g class="truth">{_paths(plane, maps[-1])}</g>')
        groups.append(f'<g id="{here}-{plane.name}">{"".join(drawn)}</g>')
    rows = [
        _row(SEQUENCE_TITLES.get(name, name), volume, planes, height, here, (notes or {}).get(name, ""))
        for name, volume in volumes.items()
    ]
    return f'<div class="picture"><svg class="shared"><defs>{"".join(groups)}</defs></svg>\n{"".join(rows)}</div>\n'


def _paths(plane: Plane, regions: list[np.ndarray]) -> str:
    """Contours in half pixels of the cropped plane, the outermost region first."""
    shapes = [(region, svg_path(plane.cut(regions[REGIONS.index(region)]))) for region in OUTERMOST_FIRST]
    return "".join(f'<path class="{region}" d="{shape}"/>' for region, shape in shapes if shape)


def _row(title: str, volume: np.ndarray, planes: list[Plane], height: float, here: str, note: str) -> str:
    """One sequence: its three planes side by side."""
    inside = volume[volume != 0]
    low, high = np.percentile(inside[:: max(1, inside.size // 200_000)], [0.5, 99.7]) if inside.size else (0, 1)
    bar = BAR_MM[min(plane.width_mm for plane in planes) < 80]
    cells = []
    for plane in planes:
        width, top = plane.width_mm, (height - plane.height_mm) / 2
        contours = f'href="#{here}-{plane.name}" transform="translate(0 {top:.2f}) '
        contours += f'scale({plane.column_mm / 2:.4f} {plane.row_mm / 2:.4f})"'
        image = _webp(plane.cut(volume), low, high)
        edges = "".join(f'<b class="e{side}">{letter}</b>' for side, letter in zip("lrud", EDGES[plane.name]))
        cells.append(
            f'<figure class="{plane.name}" style="--mm:{width:.1f}"><div>'
            f'<svg viewBox="0 0 {width:.2f} {height:.2f}" role="img" aria-label="{escape(title)}, {plane.name} plane">'
            f'<image y="{top:.2f}" width="{width:.2f}" height="{plane.height_mm:.2f}" preserveAspectRatio="none" '
            f'href="data:image/webp;base64,{image}"/>'
            f'<use class="halo" {contours}/><use {contours}/></svg>'
            f'{edges}<i class="bar" style="width:{100 * bar / width:.1f}%">{bar} mm</i></div>'
            f"<figcaption>{plane.name} {plane.number}/{plane.count}</figcaption></figure>"
        )
    remark = f" <span>{escape(note)}</span>" if note else ""
    return f'<div class="sequence"><h4>{escape(title)}{remark}</h4><div class="row">{"".join(cells)}</div></div>\n'


def _webp(pixels: np.ndarray, low: float, high: float) -> str:
    file = BytesIO()
    high = max(high, low + 1e-6)
    imsave(file, pixels, vmin=low, vmax=high, cmap="gray", format="webp", pil_kwargs={"quality": QUALITY, "method": 6})
    return base64.b64encode(file.getvalue()).decode()
