# SPDX-License-Identifier: Apache-2.0
"""The folder for the Hub: a README with its header, live links, weights where large_files.yml looks for them."""

import json
import re
import shutil
from types import SimpleNamespace

import monai.bundle
import pytest
import torch
import yaml
from links import dead_links
from scripts.common.errors import UserError
from scripts.common.large_files import read_list, write_list
from scripts.research.release.files import NAME
from scripts.research.release.hub import write_hub_folder
from tiny import ROOT


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """The bundle's own folder for the Hub."""
    return write_hub_folder(ROOT, tmp_path_factory.mktemp("hub"), allow_dirty=True)


def _header_and_text(page) -> tuple[dict, str]:
    before, header, text = page.read_text().split("---\n", 2)
    assert before == ""
    return yaml.safe_load(header), text


def test_model_card_is_the_readme_and_links_are_changed(repository, tmp_path):
    folder = write_hub_folder(repository, tmp_path / "hub")
    assert folder == tmp_path / "hub" / NAME
    header, card = _header_and_text(folder / "README.md")
    assert header["license"] == "apache-2.0" and header["pipeline_tag"] == "image-segmentation"
    assert card == "\n# Card\n[first steps](docs/introduction.md), [docs/study.md](docs/study.md#page)\n"
    assert (folder / "docs" / "introduction.md").read_text() == "[card](../README.md) [study](study.md)\n"
    assert (folder / "docs" / "study.md").read_text() == "# Page\n[card](../README.md#card)\n"
    assert not (folder / "docs" / "README.md").exists()
    assert not (folder / "scripts" / "research").exists() and not (folder / "tests").exists()


def test_every_link_of_the_bundles_folder_is_live(hub):
    assert dead_links(hub) == []


def test_header_has_the_library_and_the_licence_that_the_bundle_has(hub):
    header, card = _header_and_text(hub / "README.md")
    assert header["library_name"] == "monai" and "monai" in header["tags"]
    assert "Apache License" in (hub / "LICENSE").read_text() and header["license"] == "apache-2.0"
    assert "model-index" not in header
    assert card.lstrip().startswith((ROOT / "docs" / "README.md").read_text().split("\n")[0])


def test_weights_lie_where_the_list_says_that_the_hub_has_them(hub):
    entries = read_list(hub)
    assert len(entries) == len(list((ROOT / "models").glob("*.pt")))
    for entry in entries:
        path = re.fullmatch(r"https://huggingface\.co/MONAI/(\w+)/resolve/main/(.+)", entry["url"])
        assert path[1] == NAME and path[2] == entry["path"] and (hub / path[2]).is_file()


def test_urls_that_are_not_of_the_hub_are_refused(repository, tmp_path):
    write_list(repository, "https://example.org/models")
    with pytest.raises(
        UserError, match=r"https://example.org/models/model.pt for models/model.pt, .* --url https://hugg"
    ):
        write_hub_folder(repository, tmp_path / "hub", allow_dirty=True)
    assert not (tmp_path / "hub").exists()


def test_an_existing_folder_is_refused(repository, tmp_path):
    write_hub_folder(repository, tmp_path)
    with pytest.raises(UserError, match=f"{NAME} exists: remove it"):
        write_hub_folder(repository, tmp_path)


class _Hub:
    """A Hub whose repositories are folders, with the calls that MONAI makes."""

    def __init__(self, folder):
        self.folder, self.tags = folder, []

    def module(self):
        return SimpleNamespace(HfApi=lambda token=None: self, snapshot_download=self.snapshot_download)

    def create_repo(self, repo_id, private, exist_ok):
        (self.folder / repo_id).mkdir(parents=True)

    def upload_folder(self, repo_id, folder_path):
        shutil.copytree(folder_path, self.folder / repo_id, dirs_exist_ok=True)
        return f"https://huggingface.co/{repo_id}"

    def create_tag(self, repo_id, tag, exist_ok):
        self.tags.append(tag)

    def snapshot_download(self, repo_id, revision, local_dir):
        assert revision in self.tags
        shutil.copytree(self.folder / repo_id, local_dir)


def test_monai_pushes_the_folder_as_it_is_and_loads_what_it_downloads(hub, tmp_path, monkeypatch):
    place = _Hub(tmp_path / "hub")
    monkeypatch.setattr(monai.bundle.scripts, "huggingface_hub", place.module())
    before = {path: path.read_bytes() for path in hub.rglob("*") if path.is_file()}
    version = json.loads((hub / "configs" / "metadata.json").read_text())["version"]
    repo = f"MONAI/{NAME}"
    monai.bundle.push_to_hf_hub(repo, NAME, str(hub.parent), version=version, tag_as_latest_version=True)
    assert place.tags == [version, "latest_version"]
    assert {path: path.read_bytes() for path in hub.rglob("*") if path.is_file()} == before
    pushed = tmp_path / "hub" / repo
    assert (pushed / "README.md").read_bytes() == (hub / "README.md").read_bytes() and dead_links(pushed) == []

    monai.bundle.download(NAME, version, str(tmp_path / "user"), source="huggingface_hub", repo=repo, progress=False)
    student = monai.bundle.load(NAME, bundle_dir=str(tmp_path / "user"), workflow_type="inference", device="cpu")
    stored = torch.load(ROOT / "models" / "model.pt", weights_only=True)
    own = student.state_dict()
    assert stored.keys() == own.keys() and all(torch.equal(stored[key].to(own[key].dtype), own[key]) for key in own)
