"""Images and outputs of a step: their names, values, and where gradients go."""

import pytest
import torch
from scripts.unpaired.step import check_image
from unpaired.stubs import side, step


def test_images_are_named_after_their_translations_and_keep_their_background():
    one = step()
    assert one.image("source").max() == 1 and one.image("target").max() == 2
    made = one.image("source_as_target")
    assert made.max() == 10 and made[:, :, 0].abs().max() == 0
    assert one.image("source_as_target_as_source").max().item() == pytest.approx(1)
    assert one.translations() == ["source_as_target"]


def test_a_translated_image_has_the_labels_of_the_scan_that_it_was_made_of():
    one = step(source=side(1.0, label=1.0))
    assert one.side("source_as_target") is one.sides["source"]
    assert one.side("target_as_source_as_target") is one.sides["target"]


def test_an_output_is_computed_once():
    one = step()
    first = one.output("student", "source_as_target")
    assert one.output("student", "source_as_target") is first
    one.output("teacher", "source")
    one.output("student", "target", to_image=True)
    one.output("student", "target")  # a scan has no maker: the same as with to_image
    assert one.networks.runs == [("student", "target", True), ("teacher", "source", True), ("student", "target", True)]


@pytest.mark.parametrize("to_image", [True, False])
@pytest.mark.parametrize("to_network", [True, False])
def test_gradients_go_only_where_they_are_asked_to(to_image, to_network):
    one = step()
    output = one.output("student", "source_as_target", to_image=to_image, to_network=to_network)
    if to_image or to_network:
        output.logits[0].sum().backward()
    assert (one.networks.target.factor.grad is not None) == to_image
    assert (one.networks.student.factor.grad is not None) == to_network
    assert output.logits[0].requires_grad == (to_image or to_network)


@pytest.mark.parametrize("name", ["", "flair", "source_as_flair", "source_as_"])
def test_an_unknown_image_is_refused(name):
    with pytest.raises(ValueError, match="There is no image"):
        check_image(name)


def test_no_graph_is_built_in_a_picture():
    with torch.no_grad():
        assert not step().output("student", "source_as_target", to_image=True).logits[0].requires_grad


def test_an_image_keeps_its_gradient_whatever_the_loss_that_asks_first_wants():
    one = step()
    with torch.no_grad():
        one.image("source_as_target")
    one.image("source_as_target").sum().backward()
    assert one.networks.target.factor.grad is not None


@pytest.mark.parametrize("image", ["source", "source_as_target"])
def test_values_alone_are_taken_from_an_output_that_is_there(image):
    one = step()
    first = one.output("student", image).logits[0]
    values = one.output("student", image, to_network=False)
    assert len(one.networks.runs) == 1 and torch.equal(values.logits[0], first)
    assert not values.logits[0].requires_grad and not values.features["layer"].requires_grad
    assert one.output("student", image).logits[0].requires_grad  # the first keeps its gradient
    one.output("teacher", image, to_network=False)
    assert len(one.networks.runs) == 2
