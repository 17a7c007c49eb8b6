# SPDX-License-Identifier: Apache-2.0
"""Compare two stored evaluations on the same real subjects, paired by subject.

``python -m scripts.research.compare_results docs/results/trials/version_0.7.0.csv docs/results/trials/any_subset.csv``
prints a table: the second minus the first, for GLI and SSA apart. Where one of them has a few of the 15 choices of
sequences only, as of a trial, each of these is compared.
"""

import argparse

from scripts.common.errors import UserError, install_error_hook
from scripts.common.sequences import subset_name
from scripts.common.titles import sequences_text
from scripts.evaluation.bootstrap import paired_difference
from scripts.evaluation.summary import read_cases
from scripts.research.accuracy.evaluation import COLLECTIONS, LIMITED, SUBSETS, TEACHER, Evaluation
from scripts.research.markdown import REGION_NAMES, difference, markdown_table, number


def comparison(first: str, second: str, resamples: int = 10_000) -> list[str]:
    """A row for each collection, choice of sequences and region: mean Dice of both, and their difference.

    The 14 limited choices are one row, their mean, where both files have all 15.

    Args:
        first, second: two cases.csv, see `Evaluation`.
        resamples: of the bootstrap.

    Raises:
        UserError: they have different subjects, or no choice of sequences in common.
    """
    measured = [{subset_name(sequences) for sequences in read_cases(path).sequences} for path in (first, second)]
    both = [subset for subset in SUBSETS if subset in measured[0] & measured[1]]
    if not both:
        raise UserError(f"{first} and {second} have no choice of sequences in common: evaluate the same networks.")
    groups = {"all four" if subset == TEACHER else sequences_text(subset): [subset] for subset in both}
    if len(both) == len(SUBSETS):
        groups = {"all four": [TEACHER], "mean of the 14 limited": LIMITED}
    rows = []
    for collection in COLLECTIONS:
        pair = [Evaluation(path, collection, both, resamples=resamples) for path in (first, second)]
        for what, subsets in groups.items():
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
