# SPDX-License-Identifier: Apache-2.0
"""Refuses keys that a run would ignore, as another overlay is listed or missing."""

from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.config_checks.shipped import CONFIGS
from scripts.config_checks.values import value_of


def check_sequences_of_all_students(parser: ConfigParser, config: dict) -> None:
    """Refuse sequences of one student where `train_all.json` trains one for each subset.

    Raises:
        UserError: naming them.
    """
    if "new_student" in config and "student_modalities" in config:
        default = ConfigParser.load_config_file(str(CONFIGS / "train.json"))["student_modalities"]
        if list(given := value_of(parser, "student_modalities")) != default:
            raise UserError(
                f"student_modalities is {given!r}, but has no effect with train_all.json, which trains a student for "
                "each of student_subsets: set that key, or leave train_all.json out."
            )


def check_image_sequences(parser: ConfigParser, config: dict) -> None:
    """Refuse names of an image's channels in a training on a folder of subjects.

    Raises:
        UserError: naming them.
    """
    if "train" in config and "image_sequences" in config and not isinstance(parser.get("train#dataset#data"), list):
        if given := value_of(parser, "image_sequences"):
            raise UserError(
                f"image_sequences is {given!r}, but has no effect: it names the channels of the images that MONAI Label "
                "gives. The files of a folder tell their sequences by their names."
            )


def check_unlabelled(parser: ConfigParser, config: dict) -> None:
    """Refuse keys of scans without labels where their overlay is not listed.

    Raises:
        UserError: naming the key, its value and the overlay.
    """
    if "train" not in config or "unlabelled_subjects" in config:
        return
    for key in ("unlabelled_dir", "unlabelled_share"):
        if key in config and (value := value_of(parser, key)):
            raise UserError(
                f"{key} is {value!r}, but has no effect: list configs/unlabelled.json after configs/train.json."
            )
