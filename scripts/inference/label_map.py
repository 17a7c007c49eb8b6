# SPDX-License-Identifier: Apache-2.0
"""From probabilities to the label map that is saved, with the cleaning that was asked for."""

import numpy as np
from monai.data import MetaTensor
from monai.data.utils import affine_to_spacing
from monai.transforms import Transform
from scipy.ndimage import find_objects, label

from scripts.common.labels import label_from_regions, nest
from scripts.common.metrics import remove_tiny, voxel_ml
from scripts.common.sequences import REGIONS


class LabelMapd(Transform):
    """Threshold and nest the three regions, clean them where asked, and number them.

    Args:
        key: probabilities (3, X, Y, Z) of tc, wt, et in the scan's own grid, a MetaTensor.
        threshold: of the probabilities, 0 to 1.
        label_convention: ``"brats"`` (ET is 4) or ``"brats2023"`` (ET is 3).
        et_min_ml: enhancing tumour smaller than this altogether, in ml, becomes necrotic core
            (`scripts.common.metrics.remove_tiny`, which says where the rule comes from); 0 for never.
        largest_component: keep only the whole tumour's largest connected component (`largest`).
    """

    def __init__(
        self,
        key: str = "pred",
        threshold: float = 0.5,
        label_convention: str = "brats",
        et_min_ml: float = 0.0,
        largest_component: bool = False,
    ) -> None:
        self.key = key
        self.threshold = threshold
        self.label_convention = label_convention
        self.et_min_ml = et_min_ml
        self.largest_component = largest_component

    def __call__(self, data):
        """
        Returns:
            The same data with ``label_map``, a MetaTensor uint8 (X, Y, Z), and ``volumes_ml``: of the regions wt (all
            that is labelled), tc (core and enhancing) and et.
        """
        probabilities = data[self.key]
        spacing = affine_to_spacing(probabilities.affine).tolist()
        above = nest(probabilities.as_tensor().cpu().numpy() > self.threshold)
        tc, wt, et = (above[REGIONS.index(region)] for region in ("tc", "wt", "et"))
        if self.largest_component and wt.any():
            wt &= largest(wt)
            tc &= wt
            et &= wt
        et[:] = remove_tiny(et, spacing, self.et_min_ml)
        labels = label_from_regions(above, self.label_convention)
        one = voxel_ml(probabilities.affine.cpu())
        volumes = {name: np.count_nonzero(region) * one for name, region in (("wt", wt), ("tc", tc), ("et", et))}
        label_map = MetaTensor(labels, affine=probabilities.affine.cpu())
        return dict(data) | {"label_map": label_map, "volumes_ml": volumes}


def largest(region: np.ndarray) -> np.ndarray:
    """The largest connected component (26 neighbours) of a bool map (X, Y, Z) that is not empty.

    scipy, since MONAI's ``KeepLargestConnectedComponent`` wants scikit-image, which nothing else here needs.
    """
    box = find_objects(region.view(np.uint8))[0]
    components, _ = label(region[box], np.ones((3, 3, 3)))
    sizes = np.bincount(components.ravel())
    sizes[0] = 0
    result = np.zeros_like(region)
    result[box] = components == sizes.argmax()
    return result
