# SPDX-License-Identifier: Apache-2.0
"""Recognise by the contrast that two sequences were swapped.

Fluid is bright on T2 and dark on the others. White matter is the brightest tissue of a T1 or T1ce, not of a FLAIR.
"""

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform
from nibabel.affines import voxel_sizes
from scipy.ndimage import distance_transform_edt
from scripts.common.foreground import cut_to_brain

# Deeper than this, the brain has fluid in its ventricles, but neither skull nor the surface's partial volumes.
DEPTH_MM = 8.0
# Share of the deep voxels that count as the darkest.
DARKEST = 0.03
# Below these a pair is flagged. In 49 real and 40 simulated subjects the least `fluid_contrast` of T2 with FLAIR was
# 0.95, with T1ce 0.05, and with T1 -0.49. So none is flagged, and of all exchanges with T2 these are found: 89 of 89
# with FLAIR, 83 with T1ce, 82 with T1.
LEAST = {"flair": -0.5, "t1ce": -0.75, "t1": -0.75}

# Deeper than the first there is mostly white matter, between the others mostly grey.
WHITE_MM, GREY_MM = 12.0, (4.0, 10.0)
# Share of the brain's voxels that count as the brightest.
BRIGHTEST = 0.01
# Weights of the three differences of `tissue_contrast`, by which right pairs of T1ce and FLAIR have 1 on average.
TISSUE_WEIGHTS = (0.954, -0.048, -1.561)
# Below these a T1ce or T1 is flagged as swapped with FLAIR. On 49 real subjects, with weights from the other of two
# collections (22 of BraTS and UCSF, 27 of BraTS-Africa), right pairs had at least 0.26 (T1ce) and 0.03 (T1). So none is
# flagged, and of 49 exchanges 48 and 42 are found. Four simulated subjects of 4 mm had at least 0.01 and -0.25.
LEAST_TISSUE = {"t1ce": -0.3, "t1": -0.5}


class SwappedSequencesd(MapTransform):
    """Add ``swapped``, the names of two sequences that seem to be swapped, such as ``("t2", "flair")``, or None.

    T1 and T1ce are not told apart: they have one contrast but for what enhances.

    Args:
        keys: of the image. MONAI Deploy wants a ``MapTransform`` as the first step of postprocessing.
    """

    def __init__(self, keys: KeysCollection = "image") -> None:
        super().__init__(keys)

    def __call__(self, data):
        """
        Args:
            data: with the image (C, X, Y, Z), z-scored in the brain, a MetaTensor, and ``sequences``, those of its
                channels, such as ``t1ce+flair``.
        """
        names = data["sequences"].split("+")
        swapped = None
        if len(names) > 1:
            image = data[self.keys[0]]
            scans = cut_to_brain(image.as_tensor().cpu().numpy())
            sizes = voxel_sizes(image.affine.cpu().numpy())
            volumes, depth = dict(zip(names, scans)), depth_mm((scans != 0).all(axis=0), sizes)
            swapped = _swapped_with_t2(volumes, depth) or _swapped_with_flair(volumes, depth)
        return dict(data) | {"swapped": swapped}


def _swapped_with_t2(volumes: dict[str, np.ndarray], depth: np.ndarray) -> tuple[str, str] | None:
    if "t2" not in volumes:
        return None
    contrast = {name: fluid_contrast(volumes["t2"], volumes[name], depth) for name in volumes if name != "t2"}
    suspects = [name for name, value in contrast.items() if value is not None and value < LEAST[name]]
    return ("t2", min(suspects, key=contrast.get)) if suspects else None


def _swapped_with_flair(volumes: dict[str, np.ndarray], depth: np.ndarray) -> tuple[str, str] | None:
    if "flair" not in volumes:
        return None
    others = [name for name in ("t1", "t1ce") if name in volumes]
    contrast = {name: tissue_contrast(volumes[name], volumes["flair"], depth) for name in others}
    suspects = [name for name, value in contrast.items() if value is not None and value < LEAST_TISSUE[name]]
    return (min(suspects, key=contrast.get), "flair") if suspects else None


def depth_mm(brain: np.ndarray, sizes_mm) -> np.ndarray:
    """How far each voxel (X, Y, Z) of the brain is from the nearest outside it or outside the field, in mm; 0 outside.

    Args:
        brain: (X, Y, Z), boolean.
        sizes_mm: of a voxel, three.
    """
    return distance_transform_edt(np.pad(brain, 1), sampling=sizes_mm)[1:-1, 1:-1, 1:-1]


def fluid_contrast(t2: np.ndarray, other: np.ndarray, depth: np.ndarray) -> float | None:
    """The mean of T2 where the other sequence is darkest, minus the mean of the other where T2 is darkest.

    Where T1, T1ce or FLAIR are darkest there is fluid, which is bright on T2. Where T2 is darkest there is none.
    Source: ours. Exchanging the two volumes changes the sign.

    Args:
        t2, other: (X, Y, Z), z-scored in the brain, 0 outside.
        depth: (X, Y, Z), from `depth_mm` of the voxels that both have.

    Returns:
        The contrast in standard deviations of the brain; None without voxels deeper than `DEPTH_MM`.
    """
    deep = depth > DEPTH_MM
    t2, other = t2[deep], other[deep]
    if t2.size == 0:
        return None
    fluid, solid = (scan <= np.quantile(scan, DARKEST) for scan in (other, t2))
    return float(t2[fluid].mean() - other[solid].mean())


def tissue_contrast(t1: np.ndarray, flair: np.ndarray, depth: np.ndarray) -> float | None:
    """A weighted sum of three differences between a T1 (or T1ce) and a FLAIR, about 1 for right pairs.

    The first is of white to grey matter: of the 75th percentiles of their voxels. The second is of the mean depth of the
    brightest voxels, as vessels are at the surface and oedema is deep. The third is of the brain's 90th percentile. Source:
    ours, chosen and weighted on real subjects, see `LEAST_TISSUE`. Exchanging the two volumes changes the sign.

    Args:
        t1, flair: (X, Y, Z), z-scored in the brain, 0 outside.
        depth: (X, Y, Z), from `depth_mm` of the voxels that both have.

    Returns:
        The contrast; None without voxels of white or grey matter's depth.
    """
    brain = depth > 0
    white, grey = depth > WHITE_MM, (depth > GREY_MM[0]) & (depth <= GREY_MM[1])
    if not white.any() or not grey.any():
        return None
    measured = []
    for scan in (t1, flair):
        inside = scan[brain]
        bright = depth[brain][inside >= np.quantile(inside, 1 - BRIGHTEST)]
        tissue = np.quantile(scan[white], 0.75) - np.quantile(scan[grey], 0.75)
        measured.append((tissue, bright.mean(), np.quantile(inside, 0.9)))
    return float(np.dot(TISSUE_WEIGHTS, np.subtract(*measured)))
