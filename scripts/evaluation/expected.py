# SPDX-License-Identifier: Apache-2.0
"""What accuracy can be expected of each setting: a small table beside the weights, made from evaluations.

``python -m scripts.evaluation.expected models/expected.json "20 simulated subjects=docs/results/simulated.csv"``
writes it: one argument per evaluation, in words on what data, then its cases.csv; the first is shown first. The table
of the shipped fifteen networks is made by ``python -m scripts.research.accuracy``.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from scripts.common.errors import UserError, install_error_hook
from scripts.common.files import save_atomically
from scripts.common.sequences import REGIONS, subset_name
from scripts.evaluation.summary import read_cases, summarise


def read_expected(path) -> dict[str, list[dict]]:
    """The table of `expected_from_cases`; empty where there is no such file.

    Raises:
        UserError: the file is not such a table.
    """
    path = Path(path)
    if not path.is_file():
        return {}
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        for entries in table.values():
            for entry in entries:
                str(entry["data"]), int(entry["subjects"])
                for region in REGIONS:
                    mean, (low, high) = entry["dice"][region]["mean"], entry["dice"][region]["interval"]
                    f"{mean:.2f} {low:.2f} {high:.2f}"
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is no table of expected accuracy: make it again with `python -m scripts.evaluation.expected`, or remove it."
        ) from error
    return table


def existing_expected(path) -> dict[str, list[dict]]:
    """`read_expected` of a table that was asked for by name.

    Raises:
        UserError: there is no such file, or it is not such a table.
    """
    if not Path(path).is_file():
        raise UserError(f"There is no table of expected accuracy {path}: correct its path, or leave --expected out.")
    return read_expected(path)


def accuracy_of(table: dict[str, list[dict]], sequences) -> list[dict]:
    """The entries of a setting, best evidence first; none where the setting was never measured.

    Args:
        table: of `read_expected`.
        sequences: the network's input, such as ``["t1ce", "flair"]``.
    """
    return table.get(subset_name(sequences), [])


def expected_from_cases(cases: pd.DataFrame, data: str) -> dict[str, dict]:
    """Mean Dice with 95% bootstrap interval per setting and region.

    Args:
        cases: table of `scripts.evaluation.summary.read_cases`.
        data: in words, what was measured on, such as "11 real BraTS 2021 subjects, none trained on".

    Returns:
        per setting (``t1ce+flair``) ``{"data", "subjects", "dice": {region: {"mean", "interval"}}}``. Of two networks
        of one setting the first in the table counts; a region without interval (one subject) has its mean twice.
    """
    result = {}
    for network in summarise(cases)["networks"].values():
        dices = {region: network["regions"][region]["dice"] for region in REGIONS}
        table = {}
        for region, dice in dices.items():
            ends = [dice["mean"] if end != end else end for end in dice["interval"]]
            table[region] = {"mean": round(float(dice["mean"]), 4), "interval": [round(float(end), 4) for end in ends]}
        result.setdefault(network["sequences"], {"data": data, "subjects": dices["wt"]["n"], "dice": table})
    return result


def write_expected(path, evaluations: Iterable[tuple[str, pd.DataFrame]]) -> None:
    """Write the table of `read_expected` from (on what data, cases), the best evidence first."""
    table: dict[str, list[dict]] = {}
    for data, cases in evaluations:
        for setting, entry in expected_from_cases(cases, data).items():
            table.setdefault(setting, []).append(entry)
    text = json.dumps(table, indent=4) + "\n"
    save_atomically(path, lambda file: file.write_text(text, encoding="utf-8"))


def main(arguments: list[str] | None = None) -> None:
    """Write the table of expected accuracy from the cases of evaluations."""
    parser = argparse.ArgumentParser(prog="python -m scripts.evaluation.expected", description=main.__doc__)
    parser.add_argument("table", type=Path, help="the file to write, such as models/expected.json")
    parser.add_argument("evaluations", nargs="+", help='"on what data=path of cases.csv"')
    options = parser.parse_args(arguments)
    evaluations = []
    for evaluation in options.evaluations:
        data, found, path = evaluation.rpartition("=")
        if not found or not data:
            raise UserError(f"'{evaluation}' does not say on what data: write \"in words=path of cases.csv\".")
        evaluations.append((data, read_cases(path)))
    write_expected(options.table, evaluations)


if __name__ == "__main__":
    install_error_hook()
    main()
