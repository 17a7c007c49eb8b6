# SPDX-License-Identifier: Apache-2.0
"""What a folder of simulated scans was made with, kept in a JSON file in it: one folder holds scans of one recipe."""

from pathlib import Path

from scripts.common.errors import UserError
from scripts.common.files import remove_leftovers
from scripts.common.json_files import read_json, save_json


def keep_recipe(folder: Path, name: str, recipe: dict, what: str) -> None:
    """Refuse a folder of another recipe or of other files; write the recipe into a new one.

    What killed writes have left (`scripts.common.files.remove_leftovers`) is removed first and does not count.

    Args:
        folder: of the scans. Only one process may write to it (`scripts.common.files.locked`).
        name: of the recipe's file, such as ``cohort.json``.
        recipe: JSON values.
        what: the folder holds, for messages, such as "simulated cohort".

    Raises:
        UserError: the folder has another recipe, a damaged one or none, but files; or it cannot be written.
    """
    remove_leftovers(folder)
    record = folder / name
    if record.is_file():
        try:
            made = read_json(record)
        except ValueError as error:
            raise UserError(
                f"{record} is damaged ({error}), so it is not known what the {what} was made with: choose another folder, "
                "or remove this one."
            ) from error
        if made != recipe:
            raise UserError(
                f"{folder} holds a {what} made with {made}, not with {recipe}: choose another folder, or remove this one."
            )
    elif folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty and holds no {what}: choose another folder.")
    else:
        save_json(record, recipe)
