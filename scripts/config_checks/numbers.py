# SPDX-License-Identifier: Apache-2.0
"""Refuses numbers that are out of range."""

import sys

from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.config_checks.values import is_there, value_of

REAL = (int, float)
SMALLEST, MAX = 1e-12, sys.float_info.max
# The tables that say how subjects are divided.
SPLITS = ("split", "real#split")
# Key, kind, least and greatest value.
NUMBERS = (
    *(("spacing", REAL, 0.3, 20), ("epochs", int, 1, None), ("seed", int, 0, None), ("load_ahead", int, 0, 64)),
    ("train#trainer#max_epochs", int, 1, None),
    *(("val_interval", int, 1, None), ("patience", int, 0, None), ("gradient_ratio_interval", int, 1, None)),
    *(("patches_per_epoch", int, 1, None), ("batch_size", int, 1, None), ("report_slices", int, 1, 60)),
    *((key, REAL, SMALLEST, None) for key in ("learning_rate", "translator_learning_rate", "clip_norm")),
    *(("unenhanced", REAL, 0, 1), ("unlabelled_share", REAL, 0, 1), ("target#labelled_share", REAL, 0, 1)),
    ("initial_probability", REAL, SMALLEST, 1 - SMALLEST),
    *((key, REAL, 0, None) for key in ("et_min_ml", "max_entropy", "max_disagreement")),
    *(("simulated#training", int, 1, None), ("simulated#validation", int, 0, None), ("simulated#test", int, 0, None)),
    *(("simulated#seed", int, 0, None), ("students_per_step", int, 1, None)),
    *(("real#share", REAL, 0, 1), ("real_share", REAL, 0, 1)),
    *((f"{split}#{part}", REAL, 0, 1) for split in SPLITS for part in ("validation", "test")),
    *(
        (f"{split}#{key}", int, least, None)
        for split in SPLITS
        for key, least in (("seed", 0), ("folds", 2), ("fold", 0))
    ),
)
# Numbers that may be null.
MAY_BE_NULL = (*(f"{split}#fold" for split in SPLITS), "real_share")


def check_numbers(parser: ConfigParser, config: dict) -> None:
    """Refuse a value of `NUMBERS` of another kind or out of range.

    Raises:
        UserError: naming the key, its value and the range.
    """
    for key, kind, least, most in NUMBERS:
        if not is_there(parser, config, key):
            continue
        value = value_of(parser, key)
        if value is None and key in MAY_BE_NULL:
            continue
        if isinstance(value, bool) or not isinstance(value, kind) or not least <= value <= (most or MAX):
            wanted = "a whole number" if kind is int else "a number"
            limits = "above 0" if least == SMALLEST else f"of at least {least}"
            limits += "" if most is None else " and below 1" if most == 1 - SMALLEST else f" and at most {most}"
            raise UserError(f"{key} is {value!r}, but must be {wanted} {limits}.")


def check_batch_size(parser: ConfigParser, config: dict) -> None:
    """Refuse a batch that is larger than an epoch.

    Raises:
        UserError: naming both numbers.
    """
    if "train" in config and {"batch_size", "patches_per_epoch"} <= config.keys():
        batch, patches = (value_of(parser, key) for key in ("batch_size", "patches_per_epoch"))
        if batch > patches:
            raise UserError(
                f"batch_size is {batch}, but an epoch has only {patches} patches, so that it would have no step: lower "
                "batch_size or raise patches_per_epoch."
            )


def check_volume_range(parser: ConfigParser, config: dict) -> None:
    """Refuse a ``wt_range_ml`` that is no range of volumes (ml).

    Raises:
        UserError: naming its value.
    """
    if "wt_range_ml" not in config:
        return
    range_ml = value_of(parser, "wt_range_ml")
    numbers = isinstance(range_ml, (list, tuple)) and all(type(ml) in REAL and ml >= 0 for ml in range_ml)
    if not numbers or len(range_ml) != 2:
        raise UserError(f"wt_range_ml is {range_ml!r}, but must be two volumes in ml such as [1, 300].")
    if range_ml[0] > range_ml[1]:
        raise UserError(f"wt_range_ml is {range_ml!r}: give the smaller volume first.")
