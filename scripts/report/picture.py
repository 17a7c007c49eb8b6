# SPDX-License-Identifier: Apache-2.0
"""The picture of one subject as HTML: three planes of each sequence with the outlines of the regions."""

import base64
from collections.abc import Mapping
from io import BytesIO

import numpy as np
from matplotlib.image import imsave
from scripts.common.sequences import REGIONS
from scripts.report.contours import svg_path
from scripts.report.planes import EDGES, Plane, planes_through, to_display
from scripts.report.rendering import TEMPLATES, anchor
from scripts.report.titles import OUTERMOST_FIRST, SEQUENCE_TITLES

QUALITY = 80  # of WebP: a plane of a head takes 4 to 9 kB
SCALE_BAR_MM = (50, 10)  # the second if a plane is narrower than 80 mm
PADDING_MM = 7  # above and below the head, for the letters


def picture(
    subject: str,
    images: Mapping[str, np.ndarray],
    affine,
    predictions: Mapping[str, np.ndarray],
    truth: np.ndarray | None = None,
    notes: Mapping[str, str] | None = None,
) -> str:
    """Three planes of each sequence with contours, as HTML that needs the page's style sheet.

    The planes are those with the largest whole tumour: that of the truth, or if it is empty, of the first prediction
    that is not. Contours are vector graphics in the scan's own pixels, stored once and shared by all sequences. All
    planes have one scale, in radiological orientation.

    Args:
        subject: makes the ids unique in the page.
        images: (X, Y, Z) per sequence, background 0; each becomes a row of the picture.
        affine: (4, 4), voxel to RAS mm, of all arrays.
        predictions: binary regions (3, X, Y, Z) in the order of `REGIONS` by network. Their CSS classes are ``net0``,
            ``net1`` ..., so that the page can show one at a time.
        truth: the true regions, drawn dashed, or None.
        notes: a remark per sequence, such as "not seen by the student".

    Returns:
        HTML; the same input gives the same bytes.
    """
    layers = {f"net net{number}": regions for number, regions in enumerate(predictions.values())}
    layers |= {} if truth is None else {"truth": truth}
    layers = {
        name: [to_display(region, affine) > 0 for region in np.asarray(regions)] for name, regions in layers.items()
    }
    volumes = {name: to_display(volume, affine) for name, volume in images.items()}
    head = np.any([volume != 0 for volume in volumes.values()], axis=0)
    tumours = [np.any(layers[name], axis=0) for name in sorted(layers, key=lambda name: name != "truth")]
    tumour = next((tumour for tumour in tumours if tumour.any()), np.zeros_like(head))
    planes = planes_through(tumour, head, affine)
    height_mm = max(plane.height_mm for plane in planes) + 2 * PADDING_MM
    return TEMPLATES.get_template("picture.html").render(
        id=anchor(subject),
        planes=[_outlined(plane, layers) | {"top_mm": (height_mm - plane.height_mm) / 2} for plane in planes],
        height_mm=height_mm,
        bar_mm=SCALE_BAR_MM[min(plane.width_mm for plane in planes) < 80],
        rows=[
            {
                "title": SEQUENCE_TITLES.get(name, name),
                "note": (notes or {}).get(name),
                "images": _images(planes, volume),
            }
            for name, volume in volumes.items()
        ],
    )


def _outlined(plane: Plane, layers: Mapping[str, list[np.ndarray]]) -> dict:
    """A plane with the SVG path of every region in every layer, the outermost region first."""
    paths = {
        name: {region: svg_path(plane.cut(regions[REGIONS.index(region)])) for region in OUTERMOST_FIRST}
        for name, regions in layers.items()
    }
    return {"plane": plane, "edges": list(zip("lrud", EDGES[plane.name])), "layers": paths}


def _images(planes: list[Plane], volume: np.ndarray) -> list[str]:
    """Each plane of a volume as WebP in base64, in the grey levels of the whole volume."""
    inside = volume[volume != 0]
    low, high = np.percentile(inside[:: max(1, inside.size // 200_000)], [0.5, 99.7]) if inside.size else (0, 1)
    return [_webp(plane.cut(volume), low, max(high, low + 1e-6)) for plane in planes]


def _webp(pixels: np.ndarray, low: float, high: float) -> str:
    file = BytesIO()
    imsave(file, pixels, vmin=low, vmax=high, cmap="gray", format="webp", pil_kwargs={"quality": QUALITY, "method": 6})
    return base64.b64encode(file.getvalue()).decode()
