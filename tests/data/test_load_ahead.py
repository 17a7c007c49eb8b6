# SPDX-License-Identifier: Apache-2.0
"""Loading ahead gives what loading one after the other gives, and never holds more than it may."""

import threading
import time

import pytest
from monai.data import Dataset

from scripts.data.scan_dataset import LoadAheadLoader


class _Counted(Dataset):
    """Numbers, which are asked for in ``begun``; the even ones take longer."""

    def __init__(self, count: int) -> None:
        super().__init__(list(range(count)))
        self.begun = []
        self.threads = set()

    def __getitem__(self, index):
        self.begun.append(index)
        self.threads.add(threading.current_thread())
        time.sleep(0.02 if index % 2 == 0 else 0)
        return {"number": index}


def _numbers(loader) -> list:
    return [batch["number"].tolist() for batch in loader]


@pytest.mark.parametrize("ahead", [0, 1, 2, 5])
def test_order_and_batches_do_not_depend_on_threads(ahead):
    assert _numbers(LoadAheadLoader(_Counted(5), ahead, batch_size=2)) == [[0, 1], [2, 3], [4]]
    assert _numbers(LoadAheadLoader(_Counted(0), ahead, batch_size=2)) == []


def test_only_so_many_are_loaded_ahead():
    dataset = _Counted(10)
    for taken, _ in enumerate(LoadAheadLoader(dataset, 2), start=1):
        time.sleep(0.05)  # enough to load all ten, if nothing stopped it
        assert len(dataset.begun) <= taken + 2
    assert sorted(dataset.begun) == list(range(10)) and 1 <= len(dataset.threads) <= 2
    assert threading.main_thread() not in dataset.threads


def test_two_are_loaded_at_the_same_time():
    both = threading.Barrier(2, timeout=30)

    class Waiting(_Counted):
        def __getitem__(self, index):
            both.wait()  # one after the other would break the barrier
            return super().__getitem__(index)

    assert _numbers(LoadAheadLoader(Waiting(4), 2)) == [[0], [1], [2], [3]]


def test_zero_loads_when_asked_in_the_thread_that_asks():
    dataset = _Counted(3)
    for taken, _ in enumerate(LoadAheadLoader(dataset, 0), start=1):
        assert len(dataset.begun) == taken
    assert dataset.threads == {threading.current_thread()}


def test_who_stops_early_leaves_no_thread_behind():
    loaded = iter(LoadAheadLoader(_Counted(100), 3))
    next(loaded)
    loaded.close()
    assert not any(thread.name.startswith("load_") for thread in threading.enumerate())


def test_an_exception_in_a_thread_reaches_the_one_who_iterates_in_its_turn():
    class Broken(_Counted):
        def __getitem__(self, index):
            if index == 1:
                raise ZeroDivisionError("of item 1")
            return super().__getitem__(index)

    loaded = iter(LoadAheadLoader(Broken(3), 2))
    assert next(loaded)["number"].tolist() == [0]
    with pytest.raises(ZeroDivisionError, match="of item 1"):
        next(loaded)


def test_a_negative_number_is_refused():
    with pytest.raises(ValueError, match="ahead is -1"):
        LoadAheadLoader(_Counted(1), -1)
