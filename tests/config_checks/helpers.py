# SPDX-License-Identifier: Apache-2.0
"""Configs to check: one of a few keys, and the shipped ones."""

import itertools

from monai.bundle import ConfigParser
from scripts.config_checks.check_config import check_config
from scripts.research.runs import configs
from tiny import ROOT, with_base

READ = {
    *("window", "patch_size", "wt_range_ml", "ckpt_dir", "clip_norm", "learning_rate", "unenhanced"),
    *("initial_probability", "patches_per_epoch", "batch_size", "load_ahead", "teacher_filters"),
}
OVERLAYS = sorted(file.name for file in (ROOT / "configs").glob("*.json"))
OF_INFERENCE = [name for name in OVERLAYS if name.endswith("inference.json")]
OF_TRAINING = [name for name in OVERLAYS if name not in (*OF_INFERENCE, "metadata.json", "train.json", "evaluate.json")]
# The files of each run that the overlays are for.
SHIPPED = [
    *(with_base("train.json", name) for name in OF_TRAINING),
    *((*with_base("train.json", name), "evaluate.json") for name in OF_TRAINING),
    *itertools.product(["inference.json"], OF_INFERENCE),
]


def check(**keys) -> ConfigParser:
    """Check a config of a few keys with these in addition; returns its parser."""
    config = {
        "epochs": 3,
        "spacing": 2.0,
        "amp": True,
        "run": [f"$print(@epochs, @spacing, @amp, @student_modalities{', @part' if 'part' in keys else ''})"],
    }
    config["student_modalities"] = ["flair"]
    config["evaluator"] = [f"@{key}" for key in keys if key in READ]
    parser = ConfigParser({**config, **keys})
    parser.parse()
    check_config(parser)
    return parser


def checked_in_a_run(key: str, value) -> list:
    """What a config's run list sees of a key after the check in the same list."""
    run = ["$check_config()", f"$values.append(@{key})"]
    parser = ConfigParser({key: value, "run": run}, globals={"check_config": check_config, "values": (values := [])})
    parser.get_parsed_content("run")
    return values


def shipped(*overlays: str, **keys) -> ConfigParser:
    """The parser of ``train.json`` with overlays and keys, on the CPU, not yet checked."""
    parser = ConfigParser()
    parser.read_config(configs(*overlays))
    parser.update({"device": "cpu", "bundle_root": str(ROOT)} | keys)
    return parser


def merged(*files: str, **keys) -> dict:
    """The config of these files in ``configs``, with other values of some keys."""
    parser = ConfigParser()
    parser.read_config([str(ROOT / "configs" / file) for file in files])
    for key, value in keys.items():
        parser.set(value, key)
    return parser.get()
