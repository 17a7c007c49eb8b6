# SPDX-License-Identifier: Apache-2.0
"""Refuses values that are no paths, and completes those that the command line gives."""

import os
from pathlib import Path

from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.config_checks.values import is_there, replace_value, value_of

PATHS = (
    *("dataset_dir", "unlabelled_dir", "output_dir", "ckpt_dir", "start_from", "teacher_from", "student_from"),
    *("source#dataset_dir", "target#dataset_dir", "real#dataset_dir"),
    *("split#split_file", "real#split#split_file"),
)
# Paths that may be null.
MAY_BE_NULL = (
    *("unlabelled_dir", "start_from", "teacher_from", "student_from", "split#split_file", "real#split#split_file"),
    *("source#dataset_dir", "target#dataset_dir", "real#dataset_dir"),  # which have an error of their own
)


def convert_paths(parser: ConfigParser, config: dict) -> None:
    """Convert values of `PATHS`: a number becomes the name of a folder, and ``~`` the home folder.

    To be called before any of them is evaluated, as others refer to them.
    """
    for key in PATHS:
        if not is_there(parser, config, key):
            continue
        given = parser[key]
        if isinstance(given, int) and not isinstance(given, bool):
            replace_value(parser, config, key, str(given))  # fire takes a folder called 2021 for a number
        if isinstance(given, str) and given.startswith("~"):
            replace_value(parser, config, key, os.path.expanduser(given))


def check_paths(parser: ConfigParser, config: dict) -> None:
    """Refuse values of `PATHS` that are no paths.

    Raises:
        UserError: naming the key and its value.
    """
    for key in PATHS:
        if not is_there(parser, config, key):
            continue
        path = value_of(parser, key)
        if not isinstance(path, (str, Path, *([type(None)] if key in MAY_BE_NULL else []))):
            raise UserError(f"{key} is {path!r}, but must be a path: write it with a folder, such as ./{path}.")
        if str(path) == "":
            raise UserError(f"{key} is empty, but must be a path: write . for this folder.")
