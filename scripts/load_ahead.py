# SPDX-License-Identifier: Apache-2.0
"""Loads the next subjects in threads while this one is computed, in order and only a few ahead."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from monai.data import DataLoader, Dataset


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
