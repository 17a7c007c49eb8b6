# SPDX-License-Identifier: Apache-2.0
"""Refuses keys that a run would ignore, as another overlay is listed or missing."""

from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES, ordered
from scripts.config_checks.shipped import CONFIGS
from scripts.config_checks.values import terms_of, value_of


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


def check_one_network(parser: ConfigParser, config: dict) -> None:
    """Refuse what `train_teacher.json` and `any_subset.json`, which train one network of all sequences, cannot use.

    Raises:
        UserError: naming the key, or the overlay to leave out.
    """
    path = str(config.get("student_checkpoint", {}).get("path", ""))
    overlay = next((name for name in ("teacher", "any_subset") if path.endswith(f"/{name}.pt'")), None)
    if overlay is None or "evaluating" in config:
        return
    overlay = f"configs/{'train_teacher' if overlay == 'teacher' else overlay}.json"
    if (given := ordered(value_of(parser, "student_modalities"))) != SEQUENCES:
        raise UserError(
            f"student_modalities is {list(given)}, but {overlay} trains one network of all four sequences: leave one of "
            "the two out."
        )
    if (kind := value_of(parser, "teacher_training")) != "none":
        raise UserError(
            f"teacher_training is {kind!r}, but {overlay} trains one network without another teacher: leave the recipe "
            "out that needs one."
        )


def check_student_from(parser: ConfigParser, config: dict) -> None:
    """Refuse a start of the students in a training whose students start from something else.

    Raises:
        UserError: naming it, and what they start from.
    """
    if "train" not in config or "evaluating" in config or "student_from" not in config:
        return
    given, start_from = value_of(parser, "student_from"), value_of(parser, "start_from")
    if given == value_of(parser, "teacher_from") or (value_of(parser, "warm_start") and not start_from):
        return
    other = f"start_from is {start_from!r}" if start_from else "with warm_start false they start from random weights"
    raise UserError(
        f"student_from is {given!r}, but has no effect on the students, as {other}: leave one of the two out."
    )


def check_teacher_filters(parser: ConfigParser, config: dict) -> None:
    """Refuse filters of a teacher in a training that has none, nor a term of the loss that needs one.

    Raises:
        UserError: naming them.
    """
    if "train" not in config or "evaluating" in config or "teacher_filters" not in config:
        return
    if value_of(parser, "teacher_training") != "none" or value_of(parser, "unlabelled_dir") is not None:
        return
    if terms_of(config).keys() - {"student_segmentation", "teacher_segmentation"}:
        return  # `scripts.networks.teacher_needed` looks at the others
    given, filters = (list(value_of(parser, key)) for key in ("teacher_filters", "filters"))
    if given != filters:
        raise UserError(
            f"teacher_filters is {given}, but has no effect, as no teacher takes part: set filters, or leave it out."
        )


def check_evaluate_last(config: dict) -> None:
    """Refuse an evaluation whose steps another overlay has replaced by those of a training.

    Raises:
        UserError: with the way out.
    """
    if "evaluating" in config and any(
        "train#trainer" in str(step).replace("::", "#") for step in config.get("run", ())
    ):
        raise UserError("`evaluating` would train: list configs/evaluate.json after all other configs.")
