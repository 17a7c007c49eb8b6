# SPDX-License-Identifier: Apache-2.0
"""Refuses what MONAI would silently accept: misspelt keys and values of the wrong kind."""

import difflib
import inspect
import os
import sys
from pathlib import Path

import torch
from monai.bundle import ConfigParser, ConfigWorkflow
from scripts.common.choices import EXISTING, PARTS, TEACHER_TRAINING
from scripts.common.errors import UserError, chain_of, is_told
from scripts.common.labels import LABEL_CONVENTIONS, WRITTEN_CONVENTIONS
from scripts.common.sequences import ordered
from scripts.training.check_unpaired import check_unpaired
from scripts.training.expressions import broken_expression
from scripts.training.known_keys import CONFIGS, references, switches, unknown_key, wrong_kind

# top-level keys that MONAI, the model zoo or `--tracking mlflow` read, though nothing in a config refers to them
READ_BY_MONAI = {
    *("imports", "initialize", "run", "finalize", "training", "evaluating", "inference", "bundle_root", "_meta_"),
    *("device", "dataset_dir", "network_def", "teacher_def", "train", "validate", "evaluator", "inferer", "handlers"),
    *("dataset", "preprocessing", "postprocessing", "key_metric", "val_interval"),
    *("tracking_uri", "experiment_name", "run_name", "save_execute_config", "is_not_rank0"),
}
CHOICES = {
    "teacher_training": TEACHER_TRAINING,
    "label_convention": (None, *LABEL_CONVENTIONS),
    "existing": EXISTING,
    "part": (*PARTS, "all"),
}
# inference writes label maps, and only with these
WRITTEN = {"label_convention": WRITTEN_CONVENTIONS}
SWITCHES = (
    *("amp", "resume", "test_time_mirroring", "probabilities", "load_pretrain", "warm_start", "ensemble"),
    *("largest_component", "et_without_t1ce", "resample", "report", "split#allow_shared_patients"),
)
# the runs, and the config files that have them
RUNS = {
    "training": "configs/train.json",
    "evaluating": "\"['configs/train.json','configs/evaluate.json']\"",
    "inference": "configs/inference.json",
}
REAL = (int, float)
SMALLEST, MAX = 1e-12, sys.float_info.max
# key, kind, least and greatest value
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
    *(("simulated#seed", int, 0, None), ("split#seed", int, 0, None), ("split#folds", int, 2, None)),
    *(("split#validation", REAL, 0, 1), ("split#test", REAL, 0, 1), ("real#share", REAL, 0, 1)),
    *(("students_per_step", int, 1, None), ("split#fold", int, 0, None), ("real_share", REAL, 0, 1)),
)
PATHS = (
    *("dataset_dir", "unlabelled_dir", "output_dir", "ckpt_dir", "start_from", "teacher_from", "student_from"),
    *("source#dataset_dir", "target#dataset_dir", "real#dataset_dir"),
)
# Paths and numbers that may be null.
MAY_BE_NULL = (
    *("unlabelled_dir", "start_from", "teacher_from", "student_from", "split#fold", "real_share"),
    *("source#dataset_dir", "target#dataset_dir", "real#dataset_dir"),  # which have an error of their own
)
# Keys that nothing reads if overlays are listed in the wrong order, or that belong elsewhere, and what to do.
MISPLACED = {
    "contextual_layer": "list configs/cmedl_cbct.json after configs/cmedl.json, which replaces the terms that read it.",
    "source_teacher": "list configs/cmedl.json after configs/unpaired.json, which replaces the networks that read it.",
    "target#label_convention": "the target's label maps have that of the key label_convention.",
}
# Keys that are lists of positive whole numbers, and how many; None for three and more: a network of two levels has no
# deep supervision.
SIZES = {"window": 3, "patch_size": 3, "filters": None, "teacher_filters": None}
# keys of versions up to 0.6.0 and their present names
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


def check_config(parser: ConfigParser | None = None) -> None:
    """Check the keys and values of the config that is run; meant for its ``initialize`` list.

    Texts that the command line gives for other kinds of values are converted: ``true`` and ``false`` of a switch, and
    ``student_modalities`` such as ``flair,t1ce`` to a list in the teacher's order.

    Args:
        parser: the parser that holds the config; by default that of the workflow which evaluates this call.

    Raises:
        UserError: on a key, at any depth, that nothing reads (`scripts.training.known_keys`), with the nearest one that
            something does, and on an impossible value of ``student_modalities``, a number, a switch or a choice such as
            ``teacher_training``.
    """
    parser = parser or calling_parser()
    config = parser.get()
    known = {name.split("#")[0] for name in references(config)} | READ_BY_MONAI
    # an overlay inherits all keys of its base configs, also those that it does not use
    bases = [
        "train.json" if "train" in config else "inference.json",
        *(["unpaired.json"] if "target" in config else []),
    ]
    for base in bases:
        known |= set(ConfigParser.load_config_file(str(CONFIGS / base)))
    known &= set(config)
    for key in config:
        if key not in known:
            raise UserError(_nothing_reads(key, known, known - READ_BY_MONAI))
    if found := unknown_key(config):
        raise UserError(_nothing_reads(found[0], set(found[1]), set(found[1])))
    if found := broken_expression(config):
        raise UserError(f"{found[0]} {found[1]}: correct it.")
    if found := wrong_kind(config):
        key, value, wanted = found
        raise UserError(f"{key} is {value!r}, but must be {wanted}: leave it out, or correct it.")
    _check_values(parser, config)


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


def check_run() -> None:
    """Refuse a run that the config files do not have; meant for a config's ``initialize`` list.

    Raises:
        UserError: naming the nearest run, or the runs that there are.
    """
    caller = _on_the_stack(ConfigWorkflow)
    run_id = getattr(caller, "run_id", None)
    if run_id is None or run_id in caller.parser:
        return
    runs = [run for run in RUNS if run in caller.parser]
    near = difflib.get_close_matches(run_id, runs, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"they have {' and '.join(repr(run) for run in runs)}."
    files = RUNS.get(run_id)
    raise UserError(
        f"The config files have no run '{run_id}': {hint}" + (f" '{run_id}' needs {files}." if files else "")
    )


def _understand_switches(parser: ConfigParser, config: dict) -> None:
    """Convert switches that are texts: the command line (fire) knows True and False, but takes true and false for text,
    which would count as true."""
    top = {key: config[key] for key in SWITCHES if key in config}
    for key, given in (dict(switches(config)) | top).items():
        if not isinstance(given, str) or given.startswith(("$", "@", "%")):
            continue
        if given.lower() not in ("true", "false"):
            raise UserError(f"{key} is {given!r}, but must be true or false.")
        _replace(parser, config, key, given.lower() == "true")


def _check_values(parser: ConfigParser, config: dict) -> None:
    _understand_switches(parser, config)
    if "student_modalities" in config:
        given = _parsed(parser, "student_modalities")
        if not isinstance(given, (str, list, tuple)):
            raise UserError(f"student_modalities is {given!r}, but must be a list such as ['t1ce', 'flair'].")
        _replace(parser, config, "student_modalities", list(ordered(given)))
    for key, kind, least, most in NUMBERS:
        if key in parser and key.split("#")[0] in config:
            value = _parsed(parser, key)
            if value is None and key in MAY_BE_NULL:
                continue
            if isinstance(value, bool) or not isinstance(value, kind) or not least <= value <= (most or MAX):
                wanted = "a whole number" if kind is int else "a number"
                limits = "above 0" if least == SMALLEST else f"of at least {least}"
                limits += "" if most is None else " and below 1" if most == 1 - SMALLEST else f" and at most {most}"
                raise UserError(f"{key} is {value!r}, but must be {wanted} {limits}.")
    if "train" in config and {"batch_size", "patches_per_epoch"} <= config.keys():
        batch, patches = (_parsed(parser, key) for key in ("batch_size", "patches_per_epoch"))
        if batch > patches:
            raise UserError(
                f"batch_size is {batch}, but an epoch has only {patches} patches, so that it would have no step: lower "
                "batch_size or raise patches_per_epoch."
            )
    for key, choices in (CHOICES | ({} if "train" in config else WRITTEN)).items():
        if key in config and config[key] not in choices:
            raise UserError(f"{key} is {config[key]!r}, but must be one of {choices}.")
    if "wt_range_ml" in config:
        range_ml = _parsed(parser, "wt_range_ml")
        numbers = isinstance(range_ml, (list, tuple)) and all(type(ml) in REAL and ml >= 0 for ml in range_ml)
        if not numbers or len(range_ml) != 2:
            raise UserError(f"wt_range_ml is {range_ml!r}, but must be two volumes in ml such as [1, 300].")
        if range_ml[0] > range_ml[1]:
            raise UserError(f"wt_range_ml is {range_ml!r}: give the smaller volume first.")
    for key, count in SIZES.items():
        if key in config:
            sizes = _parsed(parser, key)
            whole = isinstance(sizes, (list, tuple)) and all(type(size) is int and size > 0 for size in sizes)
            if not whole or (len(sizes) != count if count else len(sizes) < 3):
                several = "a list such as [16, 32, 64], with a number for each of at least three levels"
                wanted = f"{count} whole numbers such as {[64] * count}" if count else several
                raise UserError(f"{key} is {sizes!r}, but must be {wanted}.")
    _check_multiples(parser, config)
    if "target" in config and all(_parsed(parser, key) is None for key in ("dataset_dir", "target#dataset_dir")):
        raise UserError("target#dataset_dir is null: give the folder of the target's scans with --target#dataset_dir.")
    for key in PATHS:
        if key not in parser or key.split("#")[0] not in config:
            continue
        given = parser[key]
        if isinstance(given, int) and not isinstance(given, bool):
            _replace(parser, config, key, str(given))  # fire takes a folder called 2021 for a number
        if isinstance(given, str) and given.startswith("~"):
            _replace(parser, config, key, os.path.expanduser(given))
        path = _parsed(parser, key)
        if not isinstance(path, (str, Path, *([type(None)] if key in MAY_BE_NULL else []))):
            raise UserError(f"{key} is {path!r}, but must be a path: write it with a folder, such as ./{path}.")
        if str(path) == "":
            raise UserError(f"{key} is empty, but must be a path: write . for this folder.")
    if "device" in config:
        _check_device(_parsed(parser, "device"))
    _check_folders_of_overlays(parser, config)
    for key in SWITCHES:
        if key not in parser or key.split("#")[0] not in config:
            continue
        if not isinstance(value := _parsed(parser, key), bool):
            raise UserError(f"{key} is {value!r}, but must be true or false.")
    _check_split(parser, config)
    _check_unused(parser, config)


def _check_split(parser: ConfigParser, config: dict) -> None:
    if not isinstance(config.get("split"), dict):
        return
    file = _parsed(parser, "split#split_file") if "split#split_file" in parser else None
    if not isinstance(file, (str, Path, type(None))):
        raise UserError(f"split#split_file is {file!r}, but must be a path, or null for none.")


def _check_unused(parser: ConfigParser, config: dict) -> None:
    """Refuse keys that nothing reads: of scans without labels where their overlay is not listed, and of paired trainings."""
    if "target" in config:
        given, own = (ordered(_parsed(parser, key)) for key in ("student_modalities", "target#sequence"))
        check_unpaired(config, given, own)
    if "new_student" in config and "student_modalities" in config:
        default = ConfigParser.load_config_file(str(CONFIGS / "train.json"))["student_modalities"]
        if list(given := _parsed(parser, "student_modalities")) != default:
            raise UserError(
                f"student_modalities is {given!r}, but has no effect with train_all.json, which trains a student for each of "
                "student_subsets: set that key, or leave train_all.json out."
            )
    if "train" not in config or "unlabelled_subjects" in config:
        return
    for key in ("unlabelled_dir", "unlabelled_share"):
        if key in config and (value := _parsed(parser, key)):
            raise UserError(
                f"{key} is {value!r}, but has no effect: list configs/unlabelled.json after configs/train.json."
            )


def _check_multiples(parser: ConfigParser, config: dict) -> None:
    """Refuse a patch or window that the network's levels cannot halve."""
    filters = [_parsed(parser, key) for key in ("filters", "teacher_filters") if key in config]
    factor = 2 ** (max((len(sizes) for sizes in filters if isinstance(sizes, (list, tuple))), default=1) - 1)
    for key in ("patch_size", "window"):
        sizes = _parsed(parser, key) if key in config else []
        if any(size % factor for size in sizes):
            raise UserError(
                f"{key} is {list(sizes)}, but must be multiples of {factor}, as the network has {factor.bit_length()} levels: "
                f"choose for example {[max(round(size / factor), 1) * factor for size in sizes]}."
            )


def _check_folders_of_overlays(parser: ConfigParser, config: dict) -> None:
    """Refuse, before a cohort is simulated, a missing folder of `with_real.json` or of `unlabelled.json`."""
    folders = {}
    if isinstance(config.get("real"), dict):
        folders["real#dataset_dir"] = (config["real"].get("dataset_dir"), "labelled real subjects")
    if "unlabelled_subjects" in config:
        folders["unlabelled_dir"] = (config.get("unlabelled_dir"), "scans without label maps")
    for key, (folder, what) in folders.items() if "evaluating" not in config else ():
        if folder is None:
            raise UserError(f"{key} is null: give the folder of {what} with --{key}.")
        folder = _parsed(parser, key)
        if not os.path.isdir(os.path.expanduser(str(folder))):
            raise UserError(f"{key} is {folder}, which is no folder: give that of {what} with --{key}.")


def _parsed(parser: ConfigParser, key: str):
    """The value of a key.

    Raises:
        UserError: it is an expression that fails, or a reference in a circle.
    """
    try:
        return parser.get_parsed_content(key)
    except Exception as error:  # whatever an expression raises, in exceptions of MONAI
        if is_told(error):
            raise
        *_, root = chain_of(error)
        raise UserError(f"{key} cannot be evaluated ({type(root).__name__}: {root}): correct it.") from error


def _replace(parser: ConfigParser, config: dict, key: str, value) -> None:
    *tables, name = key.split("#")
    for table in tables:
        config = config[int(table) if isinstance(config, list) else table]
    config[int(name) if isinstance(config, list) else name] = value
    parser.ref_resolver.get_item(key).update_config(value)
    parser.ref_resolver.remove_resolved_content(key)


def _check_device(device) -> None:
    try:
        if torch.device(device).type == "meta":
            raise TypeError
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:  # torch raises each of them for a device that lacks
        raise UserError(
            f"device is {str(device)!r}, which this machine or this build of torch does not have: leave --device out, "
            "or choose cpu."
        ) from error


def calling_parser() -> ConfigParser:
    """The parser that evaluates the caller."""
    # MONAI 1.6.1 gives a config no id for its own parser, nor a macro for the whole config; the call stack has it
    caller = _on_the_stack(ConfigParser)
    if caller is None:
        raise RuntimeError("check_config() is to be called from a config's 'initialize' list, or with a parser.")
    return caller


def _on_the_stack(kind: type):
    """The innermost object of this kind whose method is running; None if there is none."""
    frame = inspect.currentframe()
    while frame is not None:
        if isinstance(caller := frame.f_locals.get("self"), kind):
            return caller
        frame = frame.f_back
    return None
