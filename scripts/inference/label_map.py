# SPDX-License-Identifier: Apache-2.0
"""Probabilities to a label map, with optional removal of small and separate parts."""

import numpy as np
from monai.data import MetaTensor
from monai.transforms import Transform
from scipy.ndimage import label
from scripts.common.foreground import bounding_box
from scripts.common.labels import check_written_convention, label_from_regions, nest
from scripts.common.metrics import remove_tiny, voxel_ml
from scripts.common.sequences import REGIONS
from scripts.inference.enhancement import T1CE, et_by_contrast


class LabelMapd(Transform):
    """Make a label map: threshold the regions at 0.5 and nest them, clean them if asked, and number their tissues.

    Args:
        key: probabilities (3, X, Y, Z) of tc, wt, et in the scan's own grid, a MetaTensor.
        label_convention: numbers of the label map, ``"brats"`` (ET is 4) or ``"brats2023"`` (ET is 3).
        et_min_ml: enhancing tumour whose total volume is smaller than this, in ml, becomes necrotic core (source: see
            `scripts.common.metrics.remove_tiny`); 0 for never.
        largest_component: keep only the largest connected component of the whole tumour (`largest_component`).
        et_without_t1ce: keep the enhancing tumour of networks that do not see T1ce, where it is a guess; false makes it
            core.

    Raises:
        UserError: another label convention.
    """

    def __init__(
        self,
        key: str = "pred",
        label_convention: str = "brats",
        et_min_ml: float = 0.0,
        largest_component: bool = False,
        et_without_t1ce: bool = True,
    ) -> None:
        self.key = key
        self.label_convention = check_written_convention(label_convention)
        self.et_min_ml = et_min_ml
        self.largest_component = largest_component
        self.et_without_t1ce = et_without_t1ce

    def __call__(self, data):
        """
        Args:
            data: with the probabilities and, unless ``et_without_t1ce``, ``sequences`` such as ``t2+flair``. If it has the
                T1ce (`scripts.inference.enhancement.KeepT1ced`), ET is drawn inside the core by its brightness there.

        Returns:
            The item with ``label_map``, a uint8 MetaTensor (X, Y, Z), and ``volumes_ml``, the volumes of the regions wt
            (all labels), tc (core and enhancing tumour) and et.
        """
        probabilities = data[self.key]
        above = nest(probabilities.as_tensor().cpu().numpy() > 0.5)
        tc, wt, et = (above[REGIONS.index(region)] for region in ("tc", "wt", "et"))
        if self.largest_component and wt.any():
            wt &= largest_component(wt)
            tc &= wt
            et &= wt
        if not self.et_without_t1ce and "t1ce" not in data["sequences"].split("+"):
            et[:] = False
        ml = voxel_ml(probabilities.affine.cpu())
        if T1CE in data:
            et[:] = et_by_contrast(above, data[T1CE], ml)
        et[:] = remove_tiny(et, ml, self.et_min_ml)
        labels = label_from_regions(above, self.label_convention)
        volumes = {name: np.count_nonzero(region) * ml for name, region in (("wt", wt), ("tc", tc), ("et", et))}
        label_map = MetaTensor(labels, affine=probabilities.affine.cpu())
        return dict(data) | {"label_map": label_map, "volumes_ml": volumes}


def largest_component(region: np.ndarray) -> np.ndarray:
    """The largest connected component (26 neighbours) of a bool map (X, Y, Z) that is not empty.

    It uses scipy, because MONAI's ``KeepLargestConnectedComponent`` needs scikit-image, a further dependency.
    """
    box = bounding_box(region)
    components, _ = label(region[box], np.ones((3, 3, 3)))
    sizes = np.bincount(components.ravel())
    sizes[0] = 0
    result = np.zeros_like(region)
    result[box] = components == sizes.argmax()
    return result
