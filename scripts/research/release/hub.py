# SPDX-License-Identifier: Apache-2.0
"""The bundle as the folder that is uploaded to the Hugging Face Hub."""

import re
from pathlib import Path

import yaml
from scripts.common.errors import UserError
from scripts.common.large_files import read_list
from scripts.research.release.files import NAME, archive, new_folder
from scripts.research.release.links import relinked

# The Hub shows the README of the root, so the model card stands there. No docs/README.md is left: MONAI's
# `push_to_hf_hub` would copy it over the README of the root.
MOVED = {"docs/README.md": "README.md", "README.md": "docs/introduction.md"}
# What the Hub finds the model by. No `model-index`: accuracy on real subjects was measured by cross-validation, with
# networks trained like these, while the Hub would show it as that of the uploaded files.
HEADER = {
    "license": "apache-2.0",
    "library_name": "monai",
    "pipeline_tag": "image-segmentation",
    "tags": [
        *("monai", "medical", "mri", "brain-tumor", "glioma", "brats", "3d"),
        *("missing-modality", "knowledge-distillation"),
    ],
}


def write_hub_folder(bundle_root: str | Path, output: str | Path, allow_dirty: bool = False) -> Path:
    """Write ``<output>/<name>`` with the files of a release, to be uploaded as they are.

    The model card (``docs/README.md``) becomes the README with the Hub's header, and the README of the repository
    becomes ``docs/introduction.md``. Links of all pages are changed accordingly.

    Args:
        bundle_root: the bundle's folder, in a git repository.
        output: folder for the new folder.
        allow_dirty: take the files of the folder, though not everything is committed.

    Returns:
        the new folder.

    Raises:
        UserError: the folder exists, or a URL in ``large_files.yml`` is not the one that the Hub gives a file of that
            path; see also `archive`.
    """
    folder, content = Path(output) / NAME, archive(bundle_root, allow_dirty)
    for entry in read_list(bundle_root):
        if not re.fullmatch(
            rf"https://huggingface\.co/[^/]+/[^/]+/resolve/[^/]+/{re.escape(entry['path'])}", entry["url"]
        ):
            raise UserError(
                f"large_files.yml has the URL {entry['url']} for {entry['path']}, which is not its place on the Hub: "
                "write the list with `python -m scripts.common.large_files write --url "
                f"https://huggingface.co/OWNER/{NAME}/resolve/main/models`."
            )
    with new_folder(folder, content) as new:
        files = {file.relative_to(new).as_posix() for file in new.rglob("*") if file.is_file()}
        pages = {
            name: relinked((new / name).read_text(encoding="utf-8"), name, files, MOVED)
            for name in files
            if name.endswith((".md", ".ipynb"))
        }
        header = yaml.safe_dump(HEADER, sort_keys=False)
        pages["docs/README.md"] = f"---\n{header}---\n\n{pages['docs/README.md']}"
        (new / "docs" / "README.md").unlink()
        for name, text in pages.items():
            (new / MOVED.get(name, name)).write_text(text, encoding="utf-8")
    return folder
