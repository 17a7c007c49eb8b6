# SPDX-License-Identifier: Apache-2.0
"""Compare two stored evaluations of the 15 choices of sequences on the same real subjects, paired by subject.

``python -m scripts.research.compare_results docs/results/trials/version_0.7.0.csv docs/results/trials/any_subset.csv``
prints a table: the second minus the first, for GLI and SSA apart.
"""

import argparse

from scripts.common.errors import UserError, install_error_hook
from scripts.evaluation.bootstrap import paired_difference
from scripts.research.accuracy.evaluation import COLLECTIONS, LIMITED, TEACHER, Evaluation
from scripts.research.markdown import REGION_NAMES, difference, markdown_table, number


def comparison(first: str, second: str, resamples: int = 10_000) -> list[str]:
    """A row for each collection, choice of sequences and region: mean Dice of both, and their difference.

    Args:
        first, second: two cases.csv, see `Evaluation`.
        resamples: of the bootstrap.

    Raises:
        UserError: they have different subjects.
    """
    rows = []
    for collection in COLLECTIONS:
        pair = [Evaluation(path, collection, resamples=resamples) for path in (first, second)]
        for what, subsets in {"all four": [TEACHER], "mean of the 14 limited": LIMITED}.items():
            for region, name in REGION_NAMES.items():
                one, other = (evaluation.dice(subsets, region) for evaluation in pair)
                if list(one.index) != list(other.index):
                    raise UserError(f"{first} and {second} have different subjects: evaluate both on the same.")
                gain = paired_difference(other, one, pair[0].seed, resamples, pair[0].patients)
                rows.append([collection, what, name, number(one.mean()), number(other.mean()), difference(gain)])
    return markdown_table(["subjects", "sequences", "region", "first", "second", "second minus first"], rows)


def main(arguments: list[str] | None = None) -> None:
    """Print the paired difference of two evaluations."""
    parser = argparse.ArgumentParser(prog="python -m scripts.research.compare_results", description=main.__doc__)
    parser.add_argument("first", help="cases.csv")
    parser.add_argument("second", help="another one, of the same subjects")
    options = parser.parse_args(arguments)
    print("\n".join(comparison(options.first, options.second)))


if __name__ == "__main__":
    install_error_hook()
    main()
