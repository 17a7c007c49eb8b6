# SPDX-License-Identifier: Apache-2.0
from scripts.data.item_files import file_of


def test_a_path_is_its_own_file_and_a_volume_has_that_of_all_volumes():
    assert file_of("a.nii.gz") == "a.nii.gz"
    assert file_of({"file": "a.nii.gz", "volume": 2}) == "a.nii.gz"
