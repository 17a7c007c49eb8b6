# SPDX-License-Identifier: Apache-2.0
"""Refuses keys and overlays of paired trainings in an unpaired one, which would ignore them."""

from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.common.sequences import ordered
from scripts.config_checks.domains import check_domains
from scripts.config_checks.shipped import CONFIGS
from scripts.config_checks.values import terms_of, value_of

# Keys of `train.json` that an unpaired training does not read.
NOT_UNPAIRED = (
    *("teacher_training", "teacher_from", "student_from", "teacher_filters", "warm_start", "best_metric", "patience"),
    "val_interval",
)
# The segmentation loss, whose terms say from which images a network learns.
SEGMENTATION = "scripts.unpaired.losses.segmentation.UnpairedSegmentation"
# Tables of overlays whose subjects an unpaired training does not read.
OVERLAYS_NOT_UNPAIRED = {"real": "with_real.json", "unlabelled_subjects": "unlabelled.json"}


def check_target_folder(parser: ConfigParser, config: dict) -> None:
    """Refuse an unpaired training without the folder of its target.

    Raises:
        UserError: naming its key.
    """
    if "target" in config and all(value_of(parser, key) is None for key in ("dataset_dir", "target#dataset_dir")):
        raise UserError("target#dataset_dir is null: give the folder of the target's scans with --target#dataset_dir.")


def check_unpaired(parser: ConfigParser, config: dict) -> None:
    """Refuse an unpaired training without its two domains, and what it would not read, or only write into its record.

    Raises:
        UserError: naming the key or the overlay.
    """
    if "target" not in config:
        return
    if "evaluating" not in config:
        check_domains(value_of(parser, "source"), value_of(parser, "target"))
    student, target = (ordered(value_of(parser, key)) for key in ("student_modalities", "target#sequence"))
    train, unpaired = (ConfigParser.load_config_file(str(CONFIGS / f"{name}.json")) for name in ("train", "unpaired"))
    defaults = train | unpaired
    for key in NOT_UNPAIRED:
        if str(config[key]).replace("::", "#") != str(defaults[key]):  # MONAI reads # as ::
            raise UserError(f"{key} is {config[key]!r}, but has no effect in an unpaired training: leave it out.")
    for key, overlay in OVERLAYS_NOT_UNPAIRED.items():
        if key in config:
            raise UserError(
                f"The key {key}, of configs/{overlay}, has no effect in an unpaired training: leave that overlay "
                "out, and put its subjects into the folder of the source or of the target."
            )
    if student != target:
        raise UserError(
            f"student_modalities is {list(student)!r}, but the networks of an unpaired training see target#sequence, "
            f"{target[0]}: leave student_modalities out, or set target#sequence."
        )
    _check_labels(parser, config)
    recipe = config.get("provenance", {}).get("recipe")
    for file in sorted(CONFIGS.glob("*.json")):
        other = ConfigParser.load_config_file(str(file))
        if other.get("provenance#recipe") == recipe and "scripts.unpaired" not in file.read_text():
            raise UserError(
                f"configs/{file.name} is no recipe of an unpaired training, and would only be recorded: leave it "
                "out, or list it without configs/unpaired.json."
            )


def _check_labels(parser: ConfigParser, config: dict) -> None:
    """Refuse labels of the target from which no segmentation term learns."""
    labels = value_of(parser, "target#labels")
    losses = [term["loss"] for term in terms_of(config).values() if isinstance(term.get("loss"), dict)]
    images = {image for loss in losses if loss.get("_target_") == SEGMENTATION for image in loss.get("images", ())}
    if labels != "none" and images and not any(str(image).startswith("target") for image in images):
        raise UserError(
            f"target#labels is {labels!r}, but has no effect: the segmentation loss is of the source's images alone. Add "
            "'target' to objective#terms#student_segmentation#loss#images, or list a recipe that uses them."
        )
