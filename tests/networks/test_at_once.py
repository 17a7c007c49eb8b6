"""Gradients that are computed together with the loss."""

import torch

from scripts.networks.all_students import loss_with_gradients


def _values(weight, other):
    return lambda: {"loss": (weight**2 * other).sum(), "term": weight.sum()}


def test_gradients_are_those_of_the_usual_backward_pass_and_scale_with_the_sum():
    weight = torch.tensor([1.0, 2.0], requires_grad=True)
    other = torch.tensor([3.0, 4.0], requires_grad=True)
    values = loss_with_gradients(_values(weight, other), [weight, other])
    (2 * values["loss"] + weight.sum()).backward()
    # 2 * d(w^2 o) / dw + 1 = 4 w o + 1, and 2 w^2
    assert weight.grad.tolist() == [13.0, 33.0] and other.grad.tolist() == [2.0, 8.0]
    assert values["loss"].item() == 19.0 and not values["term"].requires_grad


def test_outputs_of_another_network_pass_their_gradient_on():
    deep = torch.tensor([2.0], requires_grad=True)
    output = deep**3
    weight = torch.tensor([5.0], requires_grad=True)
    loss_with_gradients(_values(weight, output), [weight, output])["loss"].backward()
    assert deep.grad.tolist() == [25.0 * 12.0]


def test_what_the_loss_does_not_use_gets_no_gradient():
    weight, unused = (torch.tensor([1.0], requires_grad=True) for _ in range(2))
    loss_with_gradients(_values(weight, torch.tensor([1.0])), [weight, unused])["loss"].backward()
    assert unused.grad is None


def test_graph_is_gone_when_it_returns():
    weight = torch.tensor([1.0], requires_grad=True)
    kept = []

    def compute():
        kept.append(torch.utils.weak.WeakTensorKeyDictionary())
        hidden = weight.exp()
        kept[0][hidden] = True
        return {"loss": (hidden * hidden).sum()}

    values = loss_with_gradients(compute, [weight])
    assert len(kept[0]) == 0 and values["loss"].requires_grad
