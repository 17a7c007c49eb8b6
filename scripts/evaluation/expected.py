# SPDX-License-Identifier: Apache-2.0
"""Expected accuracy of each subset of sequences: a small table beside the weights, made from evaluations.

Each entry is a mean over a group of subjects. It does not say how accurate the outlines of one patient are.

``python -m scripts.evaluation.expected models/expected.json "20 simulated subjects=docs/results/simulated.csv"``
writes it. Each argument after the file is one evaluation: a description of its data and its cases.csv. Reports show
the first evaluation first. ``python -m scripts.research.accuracy`` makes the table of the fifteen shipped networks.
The table belongs to the weights that lie beside it when it is written. Beside the label maps of others it is not shown.
Of an earlier table, entries stay that hold for these weights, of subsets that were not evaluated anew.
"""

import argparse
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
from scripts.common.errors import UserError, install_error_hook
from scripts.common.json_files import read_json, save_json
from scripts.common.sequences import REGIONS, subset_name
from scripts.common.weights import weight_files_in, weights_sha256
from scripts.evaluation.summary import read_cases, summarise


def read_expected(path) -> dict[str, list[dict]]:
    """Read the table of `write_expected`; empty if there is no such file.

    Raises:
        UserError: the file is not such a table.
    """
    path = Path(path)
    if not os.path.isfile(path):  # false for a path that is too long
        return {}
    try:
        table = read_json(path)
        valid = all(_is_entry(entry) for entries in table.values() for entry in entries)
    except (ValueError, KeyError, TypeError, AttributeError):
        valid = False
    if not valid:
        raise UserError(
            f"{path} is not a table of expected accuracy: make it with `python -m scripts.evaluation.expected`, or "
            "remove it."
        )
    return table


def _is_entry(entry: dict) -> bool:
    """Whether an entry of the table has the form of `expected_from_cases`."""
    dices = [entry["dice"][region] for region in REGIONS]
    numbers = [entry["subjects"], *(number for dice in dices for number in (dice["mean"], *dice["interval"]))]
    complete = isinstance(entry["data"], str) and len(numbers) == 1 + 3 * len(REGIONS)
    complete = complete and isinstance(entry.get("weights_sha256", ""), str)
    return complete and all(isinstance(number, (int, float)) for number in numbers)


def require_expected(path) -> dict[str, list[dict]]:
    """`read_expected` of a file that must exist.

    Raises:
        UserError: there is no such file, or it is not such a table.
    """
    if not Path(path).is_file():
        raise UserError(f"The table of expected accuracy {path} does not exist: correct its path, or omit --expected.")
    return read_expected(path)


def expected_accuracy(table: dict[str, list[dict]], sequences, weights: Iterable[str] = ()) -> list[dict]:
    """The entries of a subset, best evidence first; empty if the subset, or these weights, were not measured.

    Args:
        table: of `read_expected`.
        sequences: the network's input, such as ``["t1ce", "flair"]``.
        weights: sha256 of each network that made the label map. An entry with a ``weights_sha256`` holds for this one
            network only; one without, of a table that was written elsewhere than beside weights, for all.
    """
    entries, made_by = table.get(subset_name(sequences), []), set(weights)
    return [entry for entry in entries if "weights_sha256" not in entry or made_by == {entry["weights_sha256"]}]


def expected_from_cases(cases: pd.DataFrame, data: str) -> dict[str, dict]:
    """Mean Dice with 95% bootstrap interval of each subset and region.

    Args:
        cases: table of `scripts.evaluation.summary.read_cases`.
        data: description of the data, such as "11 real BraTS 2021 subjects, none trained on".

    Returns:
        ``{"data", "subjects", "dice": {region: {"mean", "interval"}}}`` by subset (``t1ce+flair``). If two networks
        have the same subset, the first one in the table counts. With one subject, both ends of the interval are the
        mean.
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


def write_expected(
    path,
    evaluations: Iterable[tuple[str, pd.DataFrame]],
    weights: Mapping[str, str] | None = None,
    others: Mapping[str, list[dict]] | None = None,
) -> None:
    """Write the table of `read_expected`.

    Args:
        path: of the table.
        evaluations: pairs of (description of the data, cases), best evidence first.
        weights: sha256 of the network that an entry holds for, by subset (``t1ce+flair``), as of `weights_beside`.
        others: entries of the subsets that were not evaluated.
    """
    table: dict[str, list[dict]] = {}
    for data, cases in evaluations:
        for subset, entry in expected_from_cases(cases, data).items():
            own = {"weights_sha256": weights[subset]} if subset in (weights or {}) else {}
            table.setdefault(subset, []).append(entry | own)
    save_json(path, dict(others or {}) | table)


def still_valid(path, weights: Mapping[str, str]) -> dict[str, list[dict]]:
    """The entries of an existing table that hold for these networks (`weights_beside`), by subset."""
    table = read_expected(path)
    kept = {
        subset: [entry for entry in entries if entry.get("weights_sha256") == weights.get(subset, "")]
        for subset, entries in table.items()
    }
    return {subset: entries for subset, entries in kept.items() if entries}


def weights_beside(path) -> dict[str, str]:
    """The sha256 of the weight files in a table's folder, by subset."""
    files = weight_files_in(Path(path).parent)
    return {subset_name(sequences): weights_sha256(file) for sequences, file in files.items()}


def main(arguments: list[str] | None = None) -> None:
    """Write the table of expected accuracy from the cases of evaluations."""
    parser = argparse.ArgumentParser(prog="python -m scripts.evaluation.expected", description=main.__doc__)
    parser.add_argument("table", type=Path, help="the file to write, such as models/expected.json")
    parser.add_argument("evaluations", nargs="+", help='"description of the data=path of cases.csv"')
    options = parser.parse_args(arguments)
    evaluations = []
    for evaluation in options.evaluations:
        data, found, path = evaluation.rpartition("=")
        if not found or not data:
            raise UserError(
                f"'{evaluation}' does not describe the data: write \"description of the data=path of cases.csv\"."
            )
        evaluations.append((data, read_cases(path)))
    weights = weights_beside(options.table)
    write_expected(options.table, evaluations, weights, still_valid(options.table, weights))


if __name__ == "__main__":
    install_error_hook()
    main()
