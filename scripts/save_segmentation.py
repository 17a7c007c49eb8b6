# SPDX-License-Identifier: Apache-2.0
"""Writes a subject's label map in the scan's own geometry."""

from pathlib import Path

import nibabel as nib
import numpy as np
from monai.transforms import Transform

from scripts.files import save_atomically
from scripts.labels import label_from_regions


class SaveSegmentationd(Transform):
    """Save ``<output_dir>/<subject>/<subject>_seg.nii.gz`` with BraTS labels, and the probabilities where asked.

    MONAI's ``SaveImaged`` would name the file after the first sequence of the subject.

    Args:
        output_dir: folder for the results.
        key: probabilities (3, X, Y, Z) of tc, wt, et in the scan's own grid, a MetaTensor.
        threshold: of the probabilities, 0 to 1.
        probabilities: also write ``<subject>_probabilities.nii.gz``, float32, (X, Y, Z, 3).
        numbering: ``"brats"`` (ET is 4) or ``"brats2023"`` (ET is 3).
    """

    def __init__(
        self,
        output_dir: str,
        key: str = "pred",
        threshold: float = 0.5,
        probabilities: bool = False,
        numbering: str = "brats",
    ) -> None:
        self.output_dir = Path(output_dir)
        self.key = key
        self.threshold = threshold
        self.probabilities = probabilities
        self.numbering = numbering

    def __call__(self, data):
        """
        Args:
            data: with ``subject`` and the probabilities.

        Returns:
            The same; ``saved`` is the label map's path.
        """
        probabilities, subject = data[self.key], data["subject"]
        affine = np.asarray(probabilities.affine, dtype=np.float64)
        array = probabilities.as_tensor().cpu().numpy()
        labels = label_from_regions(array > self.threshold, self.numbering)
        path = self.output_dir / subject / f"{subject}_seg.nii.gz"
        self._save(labels.astype(np.uint8), affine, path)
        if self.probabilities:
            last = np.moveaxis(array.astype(np.float32), 0, -1)
            self._save(last, affine, path.with_name(f"{subject}_probabilities.nii.gz"))
        return dict(data) | {"saved": str(path)}

    @staticmethod
    def _save(array: np.ndarray, affine: np.ndarray, path: Path) -> None:
        image = nib.Nifti1Image(array, affine)
        image.header.set_xyzt_units("mm")

        save_atomically(path, lambda file: nib.save(image, file))
