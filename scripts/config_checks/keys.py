# SPDX-License-Identifier: Apache-2.0
"""Refuses keys that nothing reads, with the key that may be meant."""

import difflib

from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.config_checks.known_keys import unknown_key
from scripts.config_checks.references import references
from scripts.config_checks.shipped import CONFIGS, base_of

# Top-level keys that MONAI, the model zoo or `--tracking mlflow` read, though nothing in a config refers to them.
READ_BY_MONAI = {
    *("imports", "initialize", "run", "finalize", "training", "evaluating", "inference", "bundle_root", "_meta_"),
    *("device", "dataset_dir", "network_def", "teacher_def", "train", "validate", "evaluator", "inferer", "handlers"),
    *("dataset", "preprocessing", "postprocessing", "key_metric", "val_interval"),
    *("tracking_uri", "experiment_name", "run_name", "save_execute_config", "is_not_rank0"),
}
# Keys that nothing reads if overlays are listed in the wrong order, or that belong elsewhere, and what to do.
MISPLACED = {
    "contextual_layer": "list configs/cmedl_cbct.json after configs/cmedl.json, which replaces the terms that read it.",
    "source_teacher": "list configs/cmedl.json after configs/unpaired.json, which replaces the networks that read it.",
    "target#label_convention": "the target's label maps have that of the key label_convention.",
}
# Keys of versions up to 0.6.0 and their present names.
RENAMED = {
    "first_prediction": "initial_probability",
    "label_numbering": "label_convention",
    "numbering": "label_convention",
    "mirror": "test_time_mirroring",
    "made_with": "label_map_settings",
    "networks": "network_sequences (training) or weight_files (inference)",
    "needed": "needed_sequences",
    "student_settings": "student_subsets",
    "keep_best_student": "student_checkpoint",
    "keep_best_teacher": "teacher_checkpoint",
    "keepers": "checkpoints",
}


def check_keys(config: dict) -> None:
    """Refuse a key, at any depth, that nothing reads.

    Raises:
        UserError: naming the key and its new name, or the nearest key that something reads.
    """
    known = _known_at_top_level(config)
    for key in config:
        if key not in known:
            raise UserError(_nothing_reads(key, known, known - READ_BY_MONAI))
    if found := unknown_key(config):
        raise UserError(_nothing_reads(found[0], set(found[1]), set(found[1])))


def _known_at_top_level(config: dict) -> set[str]:
    """The top-level keys of the config that something reads."""
    known = {name.split("#")[0] for name in references(config)} | READ_BY_MONAI
    # an overlay inherits all keys of its base configs, also those that it does not use
    for base in (base_of(config), *(["unpaired.json"] if "target" in config else [])):
        known |= set(ConfigParser.load_config_file(str(CONFIGS / base)))
    return known & set(config)


def _nothing_reads(key: str, known: set[str], shown: set[str]) -> str:
    if key in MISPLACED:
        return f"Nothing reads the key '{key}': {MISPLACED[key]}"
    table, _, name = key.rpartition("#")
    renamed = RENAMED.get(name)
    if renamed:
        return f"The key '{key}' was renamed to {renamed}."
    names = [each.rpartition("#")[2] for each in known]
    near = difflib.get_close_matches(name, [each for each in names if not each.startswith("_")], n=1)
    near = [f"{table}#{near[0]}" if table else near[0]] if near else []
    hint = f": did you mean '{near[0]}'?" if near else f"; the keys are: {', '.join(sorted(shown))}."
    return f"Nothing reads the key '{key}'{hint}"
