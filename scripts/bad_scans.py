# SPDX-License-Identifier: Apache-2.0
"""One bad scan does not stop the others: it is reported, skipped, and remembered for the end of the run."""

import logging
import traceback

from ignite.engine import Events
from monai.data import Dataset
from monai.engines import SupervisedEvaluator

from scripts.errors import ScanError, UserError, user_error

logger = logging.getLogger(__name__)


class ScanDataset(Dataset):
    """MONAI ``Dataset`` whose item is ``{"subject", "error"}`` where the subject's files cannot be used.

    So it is where an item of its ``data`` has an ``error`` already, as `scripts.routing.routed` gives it. Any other
    exception becomes ``{"subject", "crash"}``: raised here, in the thread of MONAI's ``ThreadDataLoader`` (evaluation),
    it would end the thread and with it, unnoticed, the run.
    """

    def _transform(self, index: int):
        item = self.data[index]
        if "error" in item:
            return {"subject": item["subject"], "error": item["error"]}
        try:
            return super()._transform(index)
        except Exception as error:
            bad_scan = user_error(error)
            if isinstance(bad_scan, ScanError):
                return {"subject": item["subject"], "error": str(bad_scan)}
            return {"subject": item["subject"], "crash": traceback.format_exc()}


class ScanEvaluator(SupervisedEvaluator):
    """MONAI ``SupervisedEvaluator`` that passes over the bad items of a ``ScanDataset``.

    Attributes:
        failures: sentence by subject, of all that could not be done.
    """

    def __init__(self, *args, **kwargs) -> None:
        self.failures: dict[str, str] = {}
        super().__init__(*args, **kwargs)

    def run(self, *args, **kwargs) -> None:
        """MONAI's; without any item only what is done at the start and the end, such as the report."""
        if len(self.data_loader) == 0:  # ignite refuses that
            self.fire_event(Events.STARTED)
            self.fire_event(Events.COMPLETED)
        else:
            super().run(*args, **kwargs)

    def _iteration(self, engine, batchdata):
        if "crash" in batchdata:
            raise RuntimeError(f"Loading {batchdata['subject'][0]} failed:\n{batchdata['crash'][0]}")
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
