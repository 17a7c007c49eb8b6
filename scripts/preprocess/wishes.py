# SPDX-License-Identifier: Apache-2.0
"""The scans that the user names where the headers do not tell: the file given as ``--choice``."""

import json
from pathlib import Path

from scripts.common.errors import ScanError, UserError
from scripts.common.json_files import read_given_json
from scripts.common.sequences import SEQUENCES
from scripts.preprocess.series import Series, titles


def read_wishes(path: Path | None) -> dict[str, dict[str, str | None]]:
    """The user's file: ``{"P1": {"t1ce": "5", "flair": null}}``; empty without one.

    Raises:
        UserError: it cannot be read, or has another form.
    """
    if path is None:
        return {}
    try:
        content = read_given_json(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): give an existing file as --choice.") from error
    form = 'it needs the form {"P1": {"t1ce": "5", "flair": null}}, with t1, t1ce, t2 or flair'
    if not isinstance(content, dict) or not all(isinstance(wishes, dict) for wishes in content.values()):
        raise UserError(f"{path} is no choice of scans: {form}.")
    for subject, wishes in content.items():
        for sequence, wish in wishes.items():
            if sequence not in SEQUENCES or not isinstance(wish, (str, int, type(None))):
                raise UserError(f"{path} has the entry '{sequence}': {json.dumps(wish)} for {subject}: {form}.")
    return {
        subject: {sequence: None if wish is None else str(wish) for sequence, wish in wishes.items()}
        for subject, wishes in content.items()
    }


def wished(subject: str, series: list[Series], sequence: str, wish: str) -> Series:
    """The one scan whose number, description or file name the user wishes for a sequence, in any case of letters.

    Args:
        subject: for messages.
        series: the subject's scans.
        sequence: for messages.
        wish: the user's text.

    Raises:
        ScanError: no scan fits, or several do.
    """
    names = {
        scan.file: {str(scan.facts.get("SeriesNumber", "")), scan.description.lower(), scan.file.name.lower()}
        for scan in series
    }
    fitting = [scan for scan in series if wish.lower() in names[scan.file]]
    if len(fitting) != 1:
        known = titles(series, ", ")
        count = "no scan" if not fitting else f"{len(fitting)} scans"
        raise ScanError(f"{subject}: '{wish}', its {sequence} by --choice, fits {count}: name one of {known}.")
    return fitting[0]
