# SPDX-License-Identifier: Apache-2.0
"""The labelled subjects of a training or an evaluation."""

from scripts.common.errors import UserError
from scripts.data.datalist import require_complete, subjects_in


def labelled_subjects(
    dataset_dir: str, sequences: tuple[str, ...], with_teacher: bool = False, label_convention: str | None = None
) -> list[dict]:
    """The subjects of a folder, after checking that each has a label map and all sequences that the networks see.

    Args:
        dataset_dir: folder, see `scripts.data.datalist.subjects_in`.
        sequences: those that must be there.
        with_teacher: whether a teacher of all four sequences takes part.
        label_convention: of the label maps; None to detect it.

    Raises:
        UserError: incomplete subjects; with a teacher, it also says how to train a student alone.
    """
    if dataset_dir is None:
        raise UserError("real#dataset_dir is null: give the folder of labelled real subjects with --real#dataset_dir.")
    items = subjects_in(dataset_dir, sequences, label_convention=label_convention)
    try:
        return require_complete(items, sequences)
    except UserError as error:
        if not with_teacher:
            raise
        raise UserError(
            f"{error} Joint training, and any recipe with a teacher, needs all four sequences of each subject: add "
            "configs/no_distillation.json to train a student alone on its own sequences."
        ) from error
