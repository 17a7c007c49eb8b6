# SPDX-License-Identifier: Apache-2.0
"""The subjects of the two domains: the source has expert labels, the target has few, none, or all."""

import logging
from collections.abc import Collection

from scripts.common.errors import UserError
from scripts.common.printable import some_of
from scripts.data.datalist import missing_files, require_complete, subjects_in
from scripts.data.item_files import has_label_map
from scripts.data.splits import in_drawn_order, of_shared_patients, patient_of

logger = logging.getLogger(__name__)

DOMAINS = ("source", "target")


def target_subjects(dataset_dir: str, sequence: str, label_convention: str | None = None) -> list[dict]:
    """The target's subjects, with or without label maps, after checking that each has the sequence.

    A label map that inference has made does not count as one. Subjects without a label map that dataset.json, or MSD,
    lists outside the training part are training subjects here, as nothing can be measured on them.

    Raises:
        UserError: no subject, or one without the sequence.
    """
    items = subjects_in(dataset_dir, [sequence], label_convention=label_convention, label_needed=False)
    for item in items:
        if "part" in item and not (has_label_map(item) or "not_expert" in item):
            item["part"] = "training"
    return require_complete(items, [sequence], label=False)


def source_subjects(dataset_dir: str, sequence: str, label_convention: str | None = None) -> list[dict]:
    """The source's subjects, after checking that each has the sequence and a label map.

    Raises:
        UserError: no subject, or an incomplete one.
    """
    return require_complete(subjects_in(dataset_dir, [sequence], label_convention=label_convention), [sequence])


def unpaired_datalist(
    source: list[dict],
    parts: dict[str, list[dict]],
    sequences: dict[str, str],
    labels: str | int | list[str] = "none",
    subjects: int | list[str] | None = None,
    seed: int = 0,
) -> dict[str, list[dict]]:
    """The datalist of an unpaired training: source and target subjects together, each with its ``domain``.

    The log warns of validation subjects, which are not used.

    Args:
        source: from `source_subjects`; all of them are training subjects.
        parts: the target's subjects, divided by `scripts.data.splits.split`.
        sequences: the sequence of ``source`` and of ``target``.
        labels: which of the target's training subjects are used with their label maps: ``none``, ``all``, a number of
            patients (drawn) or a list of subjects.
        subjects: which of the target's training subjects are used at all: null for all, a number of patients or a list.
        seed: of the draws. A larger number draws the same patients and more.

    Returns:
        The parts. A training item has ``domain``, ``needed`` (its sequence) and, if its label map is not to be used or
        does not exist, ``unlabelled``.

    Raises:
        UserError: a patient in both domains, no subject on one side, or label maps that do not exist.
    """
    both = of_shared_patients(source, [item for part in parts.values() for item in part])
    if shared := sorted({patient_of(item) for item in both}):
        raise UserError(
            f"{some_of(shared)} {'is a patient' if len(shared) == 1 else 'are patients'} of the source and of "
            "the target, but the two must have no patient in common: take them out of one of the folders, or, if they "
            "are other people, rename the subjects of one side."
        )
    if parts["validation"]:
        logger.warning(
            "%d subjects of the target are held out for validation, but an unpaired training keeps the weights of its "
            "last epoch and does not use them: set split#validation to 0, or move them to another part.",
            len(parts["validation"]),
        )
    target = _chosen(parts["training"], subjects, "target#subjects", seed)
    if not target:
        raise UserError("The target has no training subject: add scans, or lower split#test.")
    labelled = _labelled(target, labels, sequences["target"], seed)
    training = [item | {"domain": "source", "needed": sequences["source"]} for item in source]
    for item in target:
        known = item["subject"] in labelled
        training.append(
            {key: value for key, value in item.items() if known or key != "label"}
            | {"domain": "target", "needed": sequences["target"]}
            | ({} if known else {"unlabelled": True})
        )
    return parts | {"training": training}


def _labelled(target: list[dict], labels, sequence: str, seed: int) -> set[str]:
    """The names of the target's subjects that are trained on with their label maps."""
    if labels == "none":
        return set()
    have = [item for item in target if not missing_files(item, [sequence], label=True)]
    if isinstance(labels, list):
        chosen = _chosen(target, labels, "target#labels", seed)
    elif labels == "all":
        chosen = target
    else:
        chosen = _chosen(have, labels, "target#labels", seed)
    if made := [item["not_expert"] for item in chosen if "not_expert" in item]:
        raise UserError(f"target#labels wants a label map that is none. {made[0]}")
    if without := sorted(item["subject"] for item in chosen if item not in have):
        raise UserError(
            f"target#labels wants the label maps of {some_of(without)}, which do not exist: add them, or set "
            "target#labels to none, a number, or a list of subjects that have one."
        )
    return {item["subject"] for item in chosen}


def _chosen(items: list[dict], wanted: int | Collection[str] | None, key: str, seed: int) -> list[dict]:
    """All items, those of a number of drawn patients, or those named."""
    if wanted is None:
        return items
    if isinstance(wanted, int):
        patients = in_drawn_order({patient_of(item) for item in items}, seed)
        if not 0 < wanted <= len(patients):
            raise UserError(f"{key} is {wanted}, but must be 1 to {len(patients)}, the patients that there are.")
        return [item for item in items if patient_of(item) in patients[:wanted]]
    names = {item["subject"] for item in items}
    if absent := [name for name in wanted if name not in names]:
        raise UserError(
            f"{key} names {some_of(absent)}, but the target's training subjects are {some_of(sorted(names))}: correct "
            "the list, or the split."
        )
    return [item for item in items if item["subject"] in set(wanted)]
