# SPDX-License-Identifier: Apache-2.0
"""One bad scan does not stop the others: it is reported, skipped, and remembered for the end of the run."""

import logging
import traceback
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from ignite.engine import Events
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator

from scripts.common.errors import ScanError, UserError, user_error

logger = logging.getLogger(__name__)


class ScanDataset(Dataset):
    """MONAI ``Dataset`` whose item is ``{"subject", "error"}`` where the subject's files cannot be used.

    So it is where an item of its ``data`` has an ``error`` already, as `scripts.inference.routing.assign_networks` gives it. Any other
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


class LoadAheadLoader(DataLoader):
    """MONAI ``DataLoader`` whose batches are loaded by several threads of this process.

    What it gives, and in which order, is what loading one after the other gives. Reading and decompressing, and most of
    numpy and torch, leave Python to the other threads meanwhile. MONAI's ``ThreadDataLoader`` has one such thread: a
    scan takes longer to load than to compute, so that the network would wait for it.

    Args:
        dataset: its items are loaded by several threads at once, so its transforms must keep nothing from item to item.
        ahead: how many threads load; as many batches at most wait to be taken, so that memory does not grow with the
            dataset. 0 loads each batch when it is asked for, in the thread that asks.
        kwargs: of MONAI's ``DataLoader``, such as ``batch_size``.

    Raises:
        ValueError: if ``ahead`` is negative.
    """

    def __init__(self, dataset: Dataset, ahead: int = 2, **kwargs) -> None:
        if ahead < 0:
            raise ValueError(f"ahead is {ahead}, but must be at least 0.")
        super().__init__(dataset, num_workers=0, **kwargs)
        self.ahead = ahead

    def __iter__(self) -> Iterator:
        return self._from_threads() if self.ahead else super().__iter__()

    def _from_threads(self) -> Iterator:
        places = iter(self.batch_sampler)
        pool = ThreadPoolExecutor(self.ahead, "load")
        try:
            loading = deque(pool.submit(self._load, place) for place in islice(places, self.ahead))
            while loading:
                first = loading.popleft()
                loading.extend(pool.submit(self._load, place) for place in islice(places, 1))
                yield first.result()
        finally:  # also where the one who iterates stops early
            pool.shutdown(cancel_futures=True)

    def _load(self, place: list[int]):
        return self.collate_fn([self.dataset[index] for index in place])
