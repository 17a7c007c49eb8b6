"""Label maps on disk: numbers from nested regions, the scan's geometry, and the name by subject."""

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from scripts.save_segmentation import SaveSegmentationd

AFFINE = torch.tensor([[0.0, -1, 0, 7], [1, 0, 0, -3], [0, 0, 2, 5], [0, 0, 0, 1]])


def _data():
    # voxels along the first axis: background, oedema, core, enhancing, and one of exactly the threshold
    probabilities = torch.zeros(3, 5, 1, 1)
    probabilities[1, 1:4] = 0.9  # wt
    probabilities[0, 2:4] = 0.8  # tc
    probabilities[2, 3] = 0.7  # et
    probabilities[:, 4] = 0.5
    return {"pred": MetaTensor(probabilities, affine=AFFINE), "subject": "S1"}


@pytest.mark.parametrize("numbering, enhancing", [("brats", 4), ("brats2023", 3)])
def test_nested_regions_become_label_numbers(tmp_path, numbering, enhancing):
    saved = SaveSegmentationd(tmp_path, numbering=numbering)(_data())["saved"]
    assert saved == str(tmp_path / "S1" / "S1_seg.nii.gz")
    image = nib.load(saved)
    assert np.asarray(image.dataobj).ravel().tolist() == [0, 2, 1, enhancing, 0]
    assert image.get_data_dtype() == np.uint8 and np.allclose(image.affine, AFFINE)


def test_probabilities_are_written_on_request_only(tmp_path):
    SaveSegmentationd(tmp_path / "without")(_data())
    SaveSegmentationd(tmp_path / "with", probabilities=True)(_data())
    assert [f.name for f in (tmp_path / "without" / "S1").iterdir()] == ["S1_seg.nii.gz"]
    image = nib.load(tmp_path / "with" / "S1" / "S1_probabilities.nii.gz")
    assert image.shape == (5, 1, 1, 3) and image.get_fdata()[1, 0, 0].tolist() == pytest.approx([0, 0.9, 0])
