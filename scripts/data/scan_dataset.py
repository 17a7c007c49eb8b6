# SPDX-License-Identifier: Apache-2.0
"""Load a dataset subject by subject: one that cannot be loaded is skipped, and reported at the end of the run."""

import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from ignite.engine import Events
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from scripts.common.errors import ScanError, UserError, is_out_of_memory, user_error
from scripts.common.printable import printable

logger = logging.getLogger(__name__)


class ScanDataset(Dataset):
    """MONAI ``Dataset`` whose item is ``{"subject", "error"}`` if the subject cannot be used.

    That is if its files cannot be used (``ScanError``), or if the datalist item has an ``error`` already, as
    `scripts.inference.routing.assign_networks` gives it. Any other exception ends the run.
    """

    def _transform(self, index: int):
        item = self.data[index]
        if "error" in item:
            return {"subject": item["subject"], "error": item["error"]}
        try:
            return super()._transform(index)
        except Exception as error:
            if (message := _message(item["subject"], error)) is not None:
                return {"subject": item["subject"], "error": message}
            raise RuntimeError(f"Loading {item['subject']} failed.") from error


class PrefetchLoader(DataLoader):
    """MONAI ``DataLoader`` that loads the next batches in several threads of this process.

    The batches and their order are those of loading without threads. Reading, decompressing and most of numpy and torch
    release Python's lock meanwhile.

    Not MONAI's ``ThreadDataLoader``. By default it has one thread: loading a scan takes longer than segmenting it, so
    the network would wait. With ``use_thread_workers`` it runs torch's worker processes as threads, and these set up
    the process as a worker (torch 2.13). A SIGTERM of the parent process, as of ``timeout``, then ends the run with
    status 0, as if all subjects were done. Threads that start later compute with one thread, and the global random
    numbers are seeded anew. Two more batches wait. A run that is interrupted while a scan takes more than 5 s to load
    ends with an ``AttributeError``, as a thread cannot be terminated.

    Args:
        dataset: several threads load its items at once, so its transforms must keep no state between items.
        ahead: number of threads, and of batches that may wait, so that memory does not grow with the dataset. 0 loads
            each batch when it is asked for, without a thread.
        kwargs: of MONAI's ``DataLoader``, such as ``batch_size``.

    Raises:
        ValueError: ``ahead`` is negative.
    """

    def __init__(self, dataset: Dataset, ahead: int = 2, **kwargs) -> None:
        if ahead < 0:
            raise ValueError(f"ahead is {ahead}, but must be at least 0.")
        super().__init__(dataset, num_workers=0, **kwargs)
        self.ahead = ahead

    def __iter__(self) -> Iterator:
        return self._from_threads() if self.ahead else super().__iter__()

    def _from_threads(self) -> Iterator:
        batches = iter(self.batch_sampler)
        pool = ThreadPoolExecutor(self.ahead, "load")
        try:
            loading = deque(pool.submit(self._load, batch) for batch in islice(batches, self.ahead))
            while loading:
                first = loading.popleft()
                loading.extend(pool.submit(self._load, batch) for batch in islice(batches, 1))
                yield first.result()
        finally:  # also if the caller stops early
            pool.shutdown(cancel_futures=True)

    def _load(self, indices: list[int]):
        return self.collate_fn([self.dataset[index] for index in indices])


class ScanEvaluator(SupervisedEvaluator):
    """MONAI ``SupervisedEvaluator`` that skips the subjects of a ``ScanDataset`` that cannot be used.

    Attributes:
        failures: the message of each skipped subject, by its name.
    """

    def __init__(self, *args, **kwargs) -> None:
        self.failures: dict[str, str] = {}
        super().__init__(*args, **kwargs)

    def run(self, *args, **kwargs) -> None:
        """MONAI's; without any item it only fires the events of start and end, so that the report is written."""
        if len(self.data_loader) == 0:  # ignite refuses an empty loader
            self.fire_event(Events.STARTED)
            self.fire_event(Events.COMPLETED)
        else:
            super().run(*args, **kwargs)

    def _iteration(self, engine, batchdata):
        subject = batchdata["subject"][0]
        if "error" in batchdata:
            return self._skip(engine, subject, batchdata["error"][0])
        try:
            return super()._iteration(engine, batchdata)
        except Exception as error:  # of the network or of postprocessing, in which MONAI wraps it
            if (message := _message(subject, error)) is None:
                raise
            return self._skip(engine, subject, message)

    def _skip(self, engine, subject: str, message: str) -> list:
        message = printable(message)
        self.failures[subject] = message
        logger.error("skipped: %s", message)
        engine.state.output = []
        return engine.state.output


def _message(subject: str, error: Exception) -> str | None:
    """The sentence about a subject that cannot be used; None for an error that ends the run."""
    reason = user_error(error)
    if isinstance(reason, ScanError):
        return str(reason) if str(reason).startswith(f"{subject}: ") else f"{subject}: {reason}"
    if reason is None and is_out_of_memory(error):
        return f"{subject}: there is not enough memory: end other programs, or use a machine with more."
    return None


def report_failures(evaluator: ScanEvaluator) -> None:
    """End the program with the messages of all skipped subjects.

    Raises:
        UserError: a subject was skipped.
    """
    if evaluator.failures:
        count = evaluator.state.epoch_length
        messages = "\n  ".join(evaluator.failures.values())
        raise UserError(
            f"{count - len(evaluator.failures)} of {count} subjects were done. These were not:\n  {messages}"
        )
