"""Private normalisations: the source has its own scale and shift, the target's network stays a plain DynUNet."""

import torch
from scripts.unpaired.private_norms import PrivateNorms
from torch import nn
from unpaired.segmentors import networks, segmentor


def test_both_domains_are_treated_alike_at_first_and_the_target_always_as_by_a_dynunet():
    group, image = networks(PrivateNorms).eval(), torch.randn(1, 1, 16, 16, 16)
    plain = segmentor().eval()
    plain.load_state_dict(group.segmentors["student"].state_dict())
    torch.testing.assert_close(group.run_on("student", image, "source").logits[0], plain(image))
    with torch.no_grad():
        for scale in group.scales:
            scale.fill_(2.0)
    assert not torch.allclose(group.run_on("student", image, "source").logits[0], plain(image))
    torch.testing.assert_close(group.run_on("student", image, "target").logits[0], plain(image))
    torch.testing.assert_close(group.networks()["student"](image), plain(image))


def test_scale_and_shift_belong_to_each_norm_and_learn_from_the_source_alone():
    group, image = networks(PrivateNorms), torch.randn(1, 1, 16, 16, 16)
    norms = [module for module in group.segmentors["student"].modules() if isinstance(module, nn.InstanceNorm3d)]
    assert [scale.numel() for scale in group.scales] == [norm.num_features for norm in norms]
    group.run_on("student", image, "target").logits[0].sum().backward()
    assert all(shift.grad is None for shift in group.shifts)
    group.run_on("student", image, "source").logits[0].sum().backward()
    assert all(shift.grad is not None for shift in group.shifts)
    own = {id(parameter) for parameter in (*group.scales, *group.shifts)}
    assert own <= {id(parameter) for parameter in group.parameter_groups()[0]}
