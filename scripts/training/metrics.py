# SPDX-License-Identifier: Apache-2.0
"""Validation metrics: Dice of each network, over all networks, and of each region.

Empty regions count as in evaluation (`scripts.common.metrics.RULES`): both empty is 1, only one empty is 0.
"""

from collections.abc import Callable, Iterable

from monai.handlers import IgniteMetricHandler, from_engine
from monai.metrics import DiceMetric
from scripts.common.errors import UserError
from scripts.common.sequences import REGIONS


def _mean_dice(transform: Callable) -> IgniteMetricHandler:
    """MONAI's ``MeanDice``, which would leave out regions that are empty in the truth, and what is drawn there."""
    return IgniteMetricHandler(metric_fn=DiceMetric(ignore_empty=False), output_transform=transform)


def best_metric(networks: Iterable[str], name: str) -> dict[str, IgniteMetricHandler]:
    """The metric by which the best weights are chosen.

    Args:
        networks: names of the evaluator's predictions.
        name: of the metric, such as ``student_dice``.

    Raises:
        UserError: if there is no metric of that name.
    """
    transforms = _output_transforms(list(networks))
    if not isinstance(name, str) or name not in transforms:
        raise UserError(f"best_metric is {name!r}, but must be one of {', '.join(transforms)}.")
    return {name: _mean_dice(transforms[name])}


def other_metrics(networks: Iterable[str], name: str) -> dict[str, IgniteMetricHandler]:
    """All other metrics: Dice of each network (``student_dice``), of each network and region (``student_wt``), and,
    where there are several networks, over all of them (``mean_dice``)."""
    networks = list(networks)
    transforms = _output_transforms(networks)
    if len(networks) == 1:
        transforms.pop("mean_dice")  # the same value as the network's own
    return {other: _mean_dice(transform) for other, transform in transforms.items() if other != name}


def _output_transforms(networks: list[str]) -> dict:
    whole = {f"{name}_dice": _pairs(name) for name in networks}
    regions = {f"{name}_{region}": _pairs(name, region) for name in networks for region in REGIONS}
    return whole | {"mean_dice": _all_of(list(whole.values()))} | regions


def _pairs(network: str, region: str | None = None):
    """Output transform of a metric: the network's predictions and the labels, all regions or one of them."""
    channels = slice(None) if region is None else slice(REGIONS.index(region), REGIONS.index(region) + 1)
    pairs = from_engine([network, "label"])

    def transform(output):
        predictions, labels = pairs(output)
        return [p[channels] for p in predictions], [y[channels] for y in labels]

    return transform


def _all_of(transforms):
    def transform(output):
        predictions, labels = zip(*(transform(output) for transform in transforms))
        return sum(predictions, []), sum(labels, [])

    return transform
