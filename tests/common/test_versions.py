# SPDX-License-Identifier: Apache-2.0
import json

import monai
import pytest
from scripts.common.errors import UserError
from scripts.common.files import ROOT
from scripts.common.versions import metadata, versions


def test_results_are_marked_with_the_versions_of_bundle_and_packages():
    bundle = json.loads((ROOT / "configs" / "metadata.json").read_text())["version"]
    assert list(versions()) == ["bundle", "monai", "torch"]
    assert versions()["bundle"] == metadata()["version"] == bundle and versions()["monai"] == monai.__version__


@pytest.mark.parametrize("content", ["{", "{}", "[]", None])
def test_metadata_without_a_version_are_told(tmp_path, content):
    (tmp_path / "configs").mkdir()
    if content is not None:
        (tmp_path / "configs" / "metadata.json").write_text(content)
    with pytest.raises(UserError, match="configs/metadata.json has no version of the bundle: restore it"):
        metadata(tmp_path)
