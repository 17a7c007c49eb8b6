# SPDX-License-Identifier: Apache-2.0
"""Recognise by the contrast that T2 was swapped with another sequence: fluid is bright on T2 and dark on the others."""

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform
from scipy.ndimage import distance_transform_edt

# Deeper than this, the brain has fluid in its ventricles, but neither skull nor the surface's partial volumes.
DEPTH_MM = 8.0
# Share of the deep voxels that count as the darkest.
DARKEST = 0.03
# Below these a pair is flagged. In 49 real and 40 simulated subjects the least `fluid_contrast` of T2 with FLAIR was
# 0.95, with T1ce 0.05, and with T1 -0.49. So none is flagged, and of all exchanges with T2 these are found: 89 of 89
# with FLAIR, 83 with T1ce, 82 with T1.
LEAST = {"flair": -0.5, "t1ce": -0.75, "t1": -0.75}


class SwappedSequencesd(MapTransform):
    """Add ``swapped``, the names of two sequences that seem to be swapped, such as ``("t2", "flair")``, or None.

    T1, T1ce and FLAIR are not told apart: fluid is dark on each of them.

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
        if "t2" in names and len(names) > 1:
            image = data[self.keys[0]]
            volumes = dict(zip(names, image.as_tensor().cpu().numpy()))
            sizes = np.linalg.norm(np.asarray(image.affine.cpu())[:3, :3], axis=0)
            contrast = {name: fluid_contrast(volumes["t2"], volumes[name], sizes) for name in names if name != "t2"}
            suspects = [name for name, value in contrast.items() if value is not None and value < LEAST[name]]
            swapped = ("t2", min(suspects, key=contrast.get)) if suspects else None
        return dict(data) | {"swapped": swapped}


def fluid_contrast(t2: np.ndarray, other: np.ndarray, sizes_mm) -> float | None:
    """The mean of T2 where the other sequence is darkest, minus the mean of the other where T2 is darkest.

    Where T1, T1ce or FLAIR are darkest there is fluid, which is bright on T2. Where T2 is darkest there is none.
    Source: ours. Exchanging the two volumes changes the sign.

    Args:
        t2, other: (X, Y, Z), z-scored in the brain, 0 outside.
        sizes_mm: of a voxel, three.

    Returns:
        The contrast in standard deviations of the brain; None without voxels deeper than `DEPTH_MM`.
    """
    brain = np.pad((t2 != 0) & (other != 0), 1)  # the field's edge is a surface too
    deep = (distance_transform_edt(brain, sampling=sizes_mm) > DEPTH_MM)[1:-1, 1:-1, 1:-1]
    t2, other = t2[deep], other[deep]
    if t2.size == 0:
        return None
    fluid, solid = (scan <= np.quantile(scan, DARKEST) for scan in (other, t2))
    return float(t2[fluid].mean() - other[solid].mean())
