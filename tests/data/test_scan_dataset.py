# SPDX-License-Identifier: Apache-2.0
"""Subjects are loaded in order, in threads or not; one that cannot be loaded is skipped and reported."""

import threading
import time

import pytest
import torch
from monai.data import Dataset
from scripts.common.errors import ScanError, UserError, chain_of
from scripts.data.scan_dataset import PrefetchLoader, ScanDataset, ScanEvaluator, report_failures


def _load(item):
    """Raises what the item says, as MONAI wraps it, else gives the item an image."""
    if "raises" in item:
        raise RuntimeError("applying transform") from item["raises"]
    return {"subject": item["subject"], "image": torch.ones(1, 2, 2, 2)}


def _evaluator(items):
    loader = PrefetchLoader(ScanDataset(items, _load), 1, batch_size=1)
    return ScanEvaluator(
        "cpu", loader, torch.nn.Identity(), prepare_batch=lambda batch, *_, **__: (batch["image"], None)
    )


ITEMS = [
    {"subject": "a"},
    {"subject": "b", "raises": ScanError("b: b_t1.nii is empty.")},
    {"subject": "c", "error": "c: no network."},
]


def test_a_subject_that_cannot_be_used_is_an_item_with_its_message():
    dataset = ScanDataset(ITEMS, _load)
    assert dataset[0]["image"].sum() == 8
    assert dataset[1] == {"subject": "b", "error": "b: b_t1.nii is empty."}
    assert dataset[2] == {"subject": "c", "error": "c: no network."}


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), UserError("of the whole run")])
def test_any_other_exception_is_not_skipped(error):
    with pytest.raises(RuntimeError, match="Loading a failed.") as caught:
        _evaluator([{"subject": "a", "raises": error}]).run()
    assert error in chain_of(caught.value)


def test_bad_subjects_are_skipped_and_reported_at_the_end(caplog):
    evaluator = _evaluator(ITEMS)
    evaluator.run()
    assert evaluator.failures == {"b": "b: b_t1.nii is empty.", "c": "c: no network."}
    assert "skipped: b: b_t1.nii is empty." in caplog.text
    with pytest.raises(UserError, match="1 of 3 subjects were done. These were not:\n  b: .*\n  c: no network."):
        report_failures(evaluator)


def test_a_subject_whose_prediction_fails_is_skipped_and_the_others_go_on():
    evaluator = _evaluator([{"subject": "a"}, {"subject": "b"}, {"subject": "c"}])
    answers = iter([None, ScanError("the network's prediction is not finite."), None])

    def inferer(image, network):
        if (error := next(answers)) is not None:
            raise RuntimeError("applying transform") from error
        return image

    evaluator.inferer = inferer
    evaluator.run()
    assert evaluator.failures == {"b": "b: the network's prediction is not finite."}
    assert evaluator.state.iteration == 3


def test_without_subjects_or_without_failures_nothing_is_raised():
    for items in ([], ITEMS[:1]):
        evaluator = _evaluator(items)
        evaluator.run()
        report_failures(evaluator)


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
    assert _numbers(PrefetchLoader(_Counted(5), ahead, batch_size=2)) == [[0, 1], [2, 3], [4]]
    assert _numbers(PrefetchLoader(_Counted(0), ahead, batch_size=2)) == []


def test_only_so_many_are_loaded_ahead():
    dataset = _Counted(10)
    for taken, _ in enumerate(PrefetchLoader(dataset, 2), start=1):
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

    assert _numbers(PrefetchLoader(Waiting(4), 2)) == [[0], [1], [2], [3]]


def test_zero_loads_when_asked_in_the_thread_that_asks():
    dataset = _Counted(3)
    for taken, _ in enumerate(PrefetchLoader(dataset, 0), start=1):
        assert len(dataset.begun) == taken
    assert dataset.threads == {threading.current_thread()}


def test_who_stops_early_leaves_no_thread_behind():
    loaded = iter(PrefetchLoader(_Counted(100), 3))
    next(loaded)
    loaded.close()
    assert not any(thread.name.startswith("load_") for thread in threading.enumerate())


def test_an_exception_in_a_thread_reaches_the_one_who_iterates_in_its_turn():
    class Broken(_Counted):
        def __getitem__(self, index):
            if index == 1:
                raise ZeroDivisionError("of item 1")
            return super().__getitem__(index)

    loaded = iter(PrefetchLoader(Broken(3), 2))
    assert next(loaded)["number"].tolist() == [0]
    with pytest.raises(ZeroDivisionError, match="of item 1"):
        next(loaded)


def test_a_negative_number_is_refused():
    with pytest.raises(ValueError, match="ahead is -1"):
        PrefetchLoader(_Counted(1), -1)
