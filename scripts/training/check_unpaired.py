# SPDX-License-Identifier: Apache-2.0
"""Refuses keys and overlays of paired trainings in an unpaired one, which would ignore them."""

from collections.abc import Mapping

from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.training.known_keys import CONFIGS

# Keys of `train.json` that an unpaired training does not read.
NOT_UNPAIRED = (
    *("teacher_training", "teacher_from", "student_from", "teacher_filters", "warm_start", "best_metric", "patience"),
    "val_interval",
)
# Tables of overlays whose subjects an unpaired training does not read.
OVERLAYS_NOT_UNPAIRED = {"real": "with_real.json", "unlabelled_subjects": "unlabelled.json"}


def check_unpaired(config: Mapping, student: tuple[str, ...], target: tuple[str, ...]) -> None:
    """Refuse what an unpaired training would not read, or only write into its record.

    Args:
        config: the merged config, with ``target``.
        student, target: the sequences of ``student_modalities`` and ``target#sequence``.

    Raises:
        UserError: naming the key or the overlay.
    """
    train, unpaired = (ConfigParser.load_config_file(str(CONFIGS / f"{name}.json")) for name in ("train", "unpaired"))
    defaults = train | unpaired
    for key in NOT_UNPAIRED:
        if str(config[key]).replace("::", "#") != str(defaults[key]):  # MONAI reads # as ::
            raise UserError(f"{key} is {config[key]!r}, but has no effect in an unpaired training: leave it out.")
    for key, overlay in OVERLAYS_NOT_UNPAIRED.items():
        if key in config:
            raise UserError(
                f"The key {key}, of configs/{overlay}, has no effect in an unpaired training: leave that overlay out, and "
                "put its subjects into the folder of the source or of the target."
            )
    if student != target:
        raise UserError(
            f"student_modalities is {list(student)!r}, but the networks of an unpaired training see target#sequence, "
            f"{target[0]}: leave student_modalities out, or set target#sequence."
        )
    recipe = config.get("provenance", {}).get("recipe")
    for file in sorted(CONFIGS.glob("*.json")):
        other = ConfigParser.load_config_file(str(file))
        if other.get("provenance#recipe") == recipe and "scripts.unpaired" not in file.read_text():
            raise UserError(
                f"configs/{file.name} is no recipe of an unpaired training, and would only be recorded: leave it "
                "out, or list it without configs/unpaired.json."
            )
