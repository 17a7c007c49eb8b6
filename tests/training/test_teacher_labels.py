# SPDX-License-Identifier: Apache-2.0
"""A scan without a label map gets the regions that the trained teacher finds."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import torch
from monai.data import MetaTensor
from scripts.common.errors import UserError
from scripts.common.weights import save_weights
from scripts.training.teacher_labels import LabelByTeacher
from torch import nn


def _inferer(image, network):
    return torch.sigmoid(network(image))


@pytest.fixture
def teacher(tmp_path):
    """A teacher whose logits of tc, wt and et are the FLAIR minus 1, plus 0 and plus 1: not nested."""
    network = nn.Conv3d(4, 3, 1)
    nn.init.zeros_(network.weight)
    with torch.no_grad():
        network.weight[:, 3] = 1.0
        network.bias.copy_(torch.tensor([-1.0, 0.0, 1.0]))
    save_weights(tmp_path / "teacher.pt", network, {"sequences": ["t1", "t1ce", "t2", "flair"], "spacing": 2.0})
    return tmp_path


def _item():
    image = torch.zeros(4, 1, 1, 2)
    image[3, 0, 0] = torch.tensor([0.5, 2.0])
    return {"subject": "a", "image": MetaTensor(image, affine=torch.eye(4))}


def test_label_is_where_the_teacher_is_more_sure_than_not(teacher):
    item = _item()
    item["image"][3, 0, 0] = torch.tensor([-2.0, 0.5])  # logits -3, -2, -1, and -.5, .5, 1.5
    label = LabelByTeacher(nn.Conv3d(4, 3, 1), str(teacher), 2.0, _inferer)(item)["label"]
    # the second voxel is not sure to be tc, but to be et, which makes it tc and wt too
    assert label[:, 0, 0].tolist() == [[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]
    assert label.dtype == torch.float32 and torch.equal(label.affine, torch.eye(4, dtype=label.affine.dtype))


@pytest.mark.parametrize("kind", ["soft", "confident"])
def test_soft_label_is_the_probability_and_0_where_that_is_small(kind, teacher):
    item = _item()
    item["image"][3, 0, 0, 0] = -4.0  # logits -5, -4, -3 and 1, 2, 3: that of et is the highest
    label = LabelByTeacher(nn.Conv3d(4, 3, 1), str(teacher), 2.0, _inferer, kind)(item)["label"]
    expected = torch.sigmoid(torch.tensor([[-3.0, 3.0]] * 3))
    expected[:, 0] = 0.0  # 0.047
    torch.testing.assert_close(label[:, 0, 0].as_tensor(), expected)


def test_another_kind_of_label_is_refused(teacher):
    with pytest.raises(UserError, match="unlabelled_labels is 'sure'"):
        LabelByTeacher(nn.Conv3d(4, 3, 1), str(teacher), 2.0, _inferer, "sure")


def test_a_worker_of_a_data_loader_refuses_a_teacher_on_a_gpu(teacher, monkeypatch):
    transform = LabelByTeacher(nn.Conv3d(4, 3, 1), str(teacher), 2.0, _inferer)
    transform(_item())
    monkeypatch.setattr("scripts.training.teacher_labels.get_worker_info", lambda: "a worker")
    transform(_item())  # on the CPU it may
    monkeypatch.setattr(
        transform, "network", SimpleNamespace(parameters=lambda: iter([SimpleNamespace(device=torch.device("cuda"))]))
    )
    with pytest.raises(UserError, match="num_workers 0"):
        transform(_item())


def test_a_missing_teacher_is_named(tmp_path):
    with pytest.raises(UserError, match="teacher.pt"):
        LabelByTeacher(nn.Conv3d(4, 3, 1), str(tmp_path), 2.0, _inferer)(_item())


def test_several_threads_and_a_copy_give_the_same_labels(teacher):
    transform = LabelByTeacher(nn.Conv3d(4, 3, 1), str(teacher), 2.0, _inferer)
    copied = pickle.loads(pickle.dumps(transform))
    with ThreadPoolExecutor(4) as pool:
        labels = list(pool.map(lambda _: transform(_item())["label"], range(8)))
    assert all(torch.equal(label, copied(_item())["label"]) for label in labels)
