# SPDX-License-Identifier: Apache-2.0
"""Refuses a missing folder of `with_real.json` or of `unlabelled.json`, before a cohort is simulated."""

import os

from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.config_checks.values import value_of


def check_folders_of_overlays(parser: ConfigParser, config: dict) -> None:
    """Refuse a training with one of these overlays whose folder is not given, or not there.

    Raises:
        UserError: naming the key of the folder.
    """
    folders = {}
    if isinstance(config.get("real"), dict):
        folders["real#dataset_dir"] = (config["real"].get("dataset_dir"), "labelled real subjects")
    if "unlabelled_subjects" in config:
        folders["unlabelled_dir"] = (config.get("unlabelled_dir"), "scans without label maps")
    for key, (folder, what) in folders.items() if "evaluating" not in config else ():
        if folder is None:
            raise UserError(f"{key} is null: give the folder of {what} with --{key}.")
        folder = value_of(parser, key)
        if not os.path.isdir(os.path.expanduser(str(folder))):
            raise UserError(f"{key} is {folder}, which is no folder: give that of {what} with --{key}.")
