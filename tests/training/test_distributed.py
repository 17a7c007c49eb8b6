"""Two processes (gloo, CPU) give the loss and gradients of one process on the same global batch."""

import os

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from monai.networks.nets import DynUNet
from scripts.common.errors import UserError
from scripts.losses.barlow_twins import BarlowTwins
from scripts.losses.objective import Objective, Term
from scripts.losses.segmentation_loss import SegmentationLoss
from scripts.networks.teacher_student import TeacherStudent
from scripts.training.distributed import patches_of_process


def _network(channels):
    return DynUNet(
        3, channels, 3, [3] * 3, [1, 2, 2], [2, 2], filters=[4, 4, 8], deep_supervision=True, deep_supr_num=1
    )


def _joint():
    torch.manual_seed(0)
    terms = {
        "teacher_segmentation": Term(SegmentationLoss("teacher")),
        "student_segmentation": Term(SegmentationLoss("student")),
        "barlow_twins": Term(BarlowTwins(8, project_dim=8, detach_teacher=False)),
    }
    return TeacherStudent(_network(2), Objective(terms), ["t1ce", "flair"], _network(4))


def _global_batch():
    generator = torch.Generator().manual_seed(1)
    label = torch.zeros(2, 3, 16, 16, 16)
    # unequal foreground, so that a loss balanced per process would differ from the one over the global batch
    label[0, :, :4] = 1
    label[1, :, :2, :2, :2] = 1
    return torch.randn(2, 4, 16, 16, 16, generator=generator), label


def _one_of_two(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    joint = _joint()
    parallel = torch.nn.parallel.DistributedDataParallel(joint)
    image, label = _global_batch()
    values = parallel(image[rank : rank + 1], label[rank : rank + 1])
    values["loss"].backward()
    gradients = {name: p.grad for name, p in joint.named_parameters()}
    torch.save({"barlow_twins": values["barlow_twins"], "gradients": gradients}, f"{folder}/{rank}.pt")
    os._exit(0)  # gloo's teardown has hung once, after both had saved


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    mp.spawn(_one_of_two, args=(str(folder),), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.fixture(scope="module")
def one_process():
    joint = _joint()
    values = joint(*_global_batch())
    values["loss"].backward()
    return values["barlow_twins"], {name: p.grad for name, p in joint.named_parameters()}


def test_barlow_twins_is_that_of_the_global_batch(two_processes, one_process):
    for rank in two_processes:
        torch.testing.assert_close(rank["barlow_twins"], one_process[0], rtol=1e-5, atol=1e-6)


def test_barlow_twins_differs_from_that_of_half_the_batch(one_process):
    image, label = _global_batch()
    half = _joint()(image[:1], label[:1])["barlow_twins"]
    assert abs(half - one_process[0]) > 1e-3


def test_gradients_are_those_of_the_global_batch(two_processes, one_process):
    for name, expected in one_process[1].items():
        for rank in two_processes:
            torch.testing.assert_close(
                rank["gradients"][name], expected, rtol=1e-3, atol=1e-6, msg=lambda m, name=name: f"{name}: {m}"
            )


def test_each_process_has_its_share_of_the_patches_and_at_least_one_batch(monkeypatch):
    monkeypatch.setattr(dist, "get_world_size", lambda: 8)
    assert patches_of_process(50, 6) == 6
    with pytest.raises(UserError, match="batch_size is 7, but each of 8 processes has only 6 of the 50 patches"):
        patches_of_process(50, 7)
