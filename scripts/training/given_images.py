# SPDX-License-Identifier: Apache-2.0
"""Train on the images that MONAI Label gives, each with its sequences as channels, as on a dataset of one's own."""

import itertools
import logging
from pathlib import Path

from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.common.files import ROOT, first_free
from scripts.common.printable import shortened
from scripts.common.sequences import SEQUENCES, subset_name
from scripts.common.weights import weight_files_in
from scripts.config_checks.caller import calling_parser
from scripts.data.datalist import sequences_present
from scripts.data.image_channels import image_item
from scripts.data.item_files import file_of

logger = logging.getLogger(__name__)

# MONAI Label's BundleTrainTask sets these, to lists of {"image", "label"}.
DATA = {"training": "train#dataset#data", "validation": "validate#dataset#data"}
ALONE = ROOT / "configs" / "no_distillation.json"


def use_given_images(parser: ConfigParser | None = None) -> None:
    """If ``train#dataset#data`` is a list of images, change the config so that it trains on them; else do nothing.

    Meant for the ``initialize`` list of ``configs/train.json``. With images of four channels teacher and student are
    trained together. With fewer, a student of their sequences is trained alone (``configs/no_distillation.json``).

    - ``image_sequences`` names the channels, as in inference (`scripts.data.image_channels.image_item`).
    - ``label_convention`` is the meaning of the label values.
    - Without images for validation, those of the training are taken, with a warning.
    - MONAI Label's checkpoint loader, which would load one network strictly by its name, becomes ``start_from``: teacher
      and student start from the bundle's networks of their sequences.
    - Results go to the first free folder of ``<output_dir>/train_01``, ``train_02``, ... The bundle's networks stay as
      they are.

    Args:
        parser: holds the config; by default that of the workflow which evaluates this call.

    Raises:
        UserError: images without a label map, with different sequences, or of sequences without a network to start from.
    """
    parser = parser or calling_parser()
    given = parser[DATA["training"]]
    if not isinstance(given, list):
        return
    usual = parser.get_parsed_content("sequences")
    given_validation = parser[DATA["validation"]]
    named = {key: parser.get_parsed_content(key) for key in ("image_sequences", "label_convention")}
    training = [_item(entry, usual, **named) for entry in given]
    validation = given_validation if isinstance(given_validation, list) else []
    validation = [_item(entry, usual, **named) for entry in validation]
    if not training:
        raise UserError("There is no image with a label to train on: label one first, and save it.")
    sequences = _common_sequences(training + validation)
    if not validation:
        validation = training
        logger.warning("No image is left for validation, so the weights are chosen by the Dice on the training images.")
    output_dir = _free_folder(Path(parser.get_parsed_content("output_dir")))
    handlers, start_from = _without_loaders(parser["train#handlers"])
    changes = {} if sequences == SEQUENCES else ConfigParser.load_config_file(str(ALONE))
    changes |= {} if sequences == SEQUENCES else {"student_modalities": list(sequences)}
    changes |= {key: f"$@datalist['{part}']" for part, key in DATA.items()}
    changes |= {
        "parts": {"training": training, "validation": validation, "test": []},
        "subjects": training + validation,
        "dataset_dir": str(Path(file_of(training[0][sequences[0]])).absolute().parent),
        "output_dir": str(output_dir),
        "image_sequences": "",  # the items have their sequences now
        "train#handlers": handlers,
    }
    if start_from is not None:
        needed = sequences if sequences != SEQUENCES else tuple(usual)
        if needed not in weight_files_in(start_from):
            raise UserError(
                f"{start_from} has no network of {subset_name(needed)} to start from: put the bundle's networks there."
            )
        changes["start_from"] = str(start_from)
    for key, value in changes.items():
        parser[key] = value
    parser.parse(reset=True)
    logger.info(
        "Training on %s of %s, %s, into %s.",
        "one image" if len(training) == 1 else f"{len(training)} images",
        " + ".join(sequences),
        "teacher and student together" if sequences == SEQUENCES else "the student alone",
        output_dir,
    )


def _item(entry: dict, usual, image_sequences, label_convention: str | None) -> dict:
    if not isinstance(entry, dict) or "image" not in entry or "label" not in entry:
        raise UserError(
            f"{DATA['training']} has {shortened(repr(entry))}, but its entries must be "
            '{"image": "a.nii.gz", "label": "a_seg.nii.gz"}.'
        )
    item = image_item(entry["image"], image_sequences, usual) | {"label": str(entry["label"])}
    return item | ({"label_convention": label_convention} if label_convention else {})


def _common_sequences(items: list[dict]) -> tuple[str, ...]:
    first = items[0]
    sequences = sequences_present(first)
    for item in items:
        if sequences_present(item) != sequences:
            raise UserError(
                f"{first['subject']} has {subset_name(sequences)}, but {item['subject']} has "
                f"{subset_name(sequences_present(item))}: train on images of the same sequences."
            )
    return sequences


def _free_folder(output_dir: Path) -> Path:
    return first_free(output_dir / f"train_{number:02d}" for number in itertools.count(1))


def _without_loaders(handlers: list) -> tuple[list, Path | None]:
    """The handlers without MONAI's checkpoint loaders, and the folder from which the first of these loads."""
    loaders = [handler for handler in handlers if handler.get("_target_") == "CheckpointLoader"]
    kept = [handler for handler in handlers if handler not in loaders]
    return kept, Path(loaders[0]["load_path"]).parent if loaders else None
