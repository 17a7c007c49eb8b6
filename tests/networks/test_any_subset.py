"""One network for any subset: what is zeroed, and that every subset is drawn."""

import pytest
import torch
from scripts.common.errors import UserError
from scripts.common.sequences import subset_name
from scripts.networks.any_subset import SUBSETS, AnySubset, keep_channels
from torch import nn


class _Recorder(nn.Conv3d):
    """A network that remembers which of its input channels were not zero."""

    def __init__(self):
        super().__init__(4, 3, 1)
        self.seen = []

    def forward(self, image):
        self.seen.append(tuple(int(c) for c in image[0].abs().amax(dim=(1, 2, 3)).nonzero().flatten()))
        return super().forward(image)


class _Objective(nn.Module):
    layers = ()

    def forward(self, teacher, student, label, expert=None):
        assert teacher is None
        return {"loss": student.logits[0].mean()}


def test_only_the_named_channels_stay():
    image = torch.ones(2, 4, 3, 3, 3)
    kept = keep_channels(image, [1, 3])
    assert kept.sum(dim=(0, 2, 3, 4)).tolist() == [0, 54, 0, 54] and image.sum() == 216


def test_training_draws_all_fifteen_subsets():
    network = _Recorder()
    module = AnySubset(network, _Objective(), [("flair",)])
    torch.manual_seed(0)
    for _ in range(200):
        module(torch.ones(1, 4, 2, 2, 2), torch.zeros(1, 3, 2, 2, 2))
    assert len(SUBSETS) == 15 and len(set(network.seen)) == 15


def test_validation_shows_each_subset_its_own_sequences():
    network = _Recorder()
    module = AnySubset(network, _Objective(), [("flair",), ("t1", "t2")])
    assert module.sequences() == {"flair": ("flair",), "t1+t2": ("t1", "t2")}
    for name, net in module.networks().items():
        net(module.network_input(name, torch.ones(1, 4, 2, 2, 2)))
    assert network.seen == [(3,), (0, 2)]
    assert subset_name(SUBSETS[-1]) == "t1+t1ce+t2+flair"


def test_a_subset_of_weight_three_is_drawn_three_times_as_often_and_one_of_weight_zero_never():
    network = _Recorder()
    weights = {"flair": 3.0} | {subset_name(s): 0.0 for s in SUBSETS if len(s) > 1}  # t1, t1ce, t2: 1 each
    module = AnySubset(network, _Objective(), [("flair",)], weights)
    torch.manual_seed(0)
    for _ in range(600):
        module(torch.ones(1, 4, 2, 2, 2), torch.zeros(1, 3, 2, 2, 2))
    assert set(network.seen) == {(0,), (1,), (2,), (3,)}
    # 3 of 6 draws: 300 with a standard deviation of 12
    assert 260 < network.seen.count((3,)) < 340


def test_with_self_distillation_the_network_with_all_sequences_is_the_teacher():
    seen = []

    class Objective(_Objective):
        def forward(self, teacher, student, label, expert=None):
            seen.append((teacher.logits[0], student.logits[0]))
            return {"loss": student.logits[0].mean()}

    network = _Recorder()
    module = AnySubset(
        network,
        Objective(),
        [("flair",)],
        {subset_name(s): float(s == ("t2",)) for s in SUBSETS},
        self_distillation=True,
    )
    module(torch.ones(1, 4, 2, 2, 2), torch.zeros(1, 3, 2, 2, 2))
    assert network.seen == [(0, 1, 2, 3), (2,)]
    weight = network.weight.detach().flatten(1)
    torch.testing.assert_close(seen[0][0][0, :, 0, 0, 0].detach(), weight.sum(1) + network.bias)
    torch.testing.assert_close(seen[0][1][0, :, 0, 0, 0].detach(), weight[:, 2] + network.bias)


@pytest.mark.parametrize("weights, sentence", [({"t1": -1}, "may be negative"), ({"t3": 1}, "'t3' is not a sequence")])
def test_impossible_weight_of_a_subset_is_refused(weights, sentence):
    with pytest.raises(UserError, match=sentence):
        AnySubset(_Recorder(), _Objective(), [("flair",)], weights)
