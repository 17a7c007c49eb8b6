# SPDX-License-Identifier: Apache-2.0
"""The files of a datalist item (`scripts.data.datalist.subjects_in`)."""

import os
from collections.abc import Iterable, Mapping

from scripts.common.files import hash_of


def file_of(source):
    """The file of what an item has for a sequence or its label map: a path, or a volume of a 4D file.

    Args:
        source: a path or ``{"file", "volume"}``. Anything else, such as an array, is returned as it is.
    """
    return source["file"] if isinstance(source, dict) else source


def scan_hashes(item: Mapping, sequences: Iterable[str]) -> dict[str, str]:
    """The sha256 of the files that an item has for these sequences, by sequence; arrays are left out."""
    files = {name: file_of(item[name]) for name in sequences if name in item}
    files = {
        name: file for name, file in files.items() if isinstance(file, (str, os.PathLike)) and os.path.isfile(file)
    }
    hashes = {file: hash_of(file) for file in set(files.values())}  # a 4D file holds several sequences
    return {name: hashes[file] for name, file in files.items()}


def other_scans(item: Mapping, recorded: Mapping[str, str]) -> list[str]:
    """The sequences whose file is not the one that was recorded by `scan_hashes`."""
    return [name for name, sha256 in scan_hashes(item, recorded).items() if sha256 != recorded[name]]


def has_label_map(item: Mapping) -> bool:
    """Whether a datalist item has a label map, or maps of which one is simulated. One that inference made is none."""
    return "label" in item or "maps" in item
