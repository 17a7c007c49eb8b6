# SPDX-License-Identifier: Apache-2.0
"""One bad scan does not stop the others: it is reported, skipped, and remembered for the end of the run."""

import logging

from monai.data import Dataset
from monai.engines import SupervisedEvaluator

from scripts.errors import ScanError, UserError, user_error

logger = logging.getLogger(__name__)


class ScanDataset(Dataset):
    """MONAI ``Dataset`` whose item is ``{"subject", "error"}`` where the subject's files cannot be used."""

    def _transform(self, index: int):
        try:
            return super()._transform(index)
        except Exception as error:
            bad_scan = user_error(error)
            if not isinstance(bad_scan, ScanError):
                raise
            return {"subject": self.data[index]["subject"], "error": str(bad_scan)}


class ScanEvaluator(SupervisedEvaluator):
    """MONAI ``SupervisedEvaluator`` that passes over the bad items of a ``ScanDataset``.

    Attributes:
        failures: sentence by subject, of all that could not be done.
    """

    def __init__(self, *args, **kwargs) -> None:
        self.failures: dict[str, str] = {}
        super().__init__(*args, **kwargs)

    def _iteration(self, engine, batchdata):
        if "error" in batchdata:
            self.failures[batchdata["subject"][0]] = batchdata["error"][0]
            logger.error("skipped: %s", batchdata["error"][0])
            engine.state.output = []
            return engine.state.output
        return super()._iteration(engine, batchdata)


def report_failures(evaluator: ScanEvaluator) -> None:
    """End the program with a sentence a subject that could not be done.

    Raises:
        UserError: if there was any.
    """
    if evaluator.failures:
        every = evaluator.state.epoch_length
        sentences = "\n  ".join(evaluator.failures.values())
        raise UserError(
            f"{every - len(evaluator.failures)} of {every} subjects were done. These were not:\n  {sentences}"
        )
