# SPDX-License-Identifier: Apache-2.0
"""The rendering of the four sequences from maps."""

import pytest
import torch
from scripts.common.sequences import SEQUENCES
from scripts.simulation.contrast import MAPS, TISSUE, Contrast
from scripts.simulation.tumour_contrast import REGION

T1, T1CE, T2, FLAIR = (SEQUENCES.index(name) for name in ("t1", "t1ce", "t2", "flair"))
SIZE = 24


def patch(tissue: str = "wm", label: int = 0) -> torch.Tensor:
    """(1, 5, 24, 24, 24): one tissue within a margin of 2 voxels, and a cube of `label` in its middle."""
    maps = torch.zeros(1, len(MAPS), SIZE, SIZE, SIZE, dtype=torch.uint8)
    maps[:, MAPS.index(tissue), 2:-2, 2:-2, 2:-2] = 255
    maps[:, MAPS.index("label"), 8:16, 8:16, 8:16] = label
    return maps


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def average(maps: torch.Tensor, channel: int, where: slice, seeds: int = 12) -> float:
    """Mean over `seeds` renderings and a cube of voxels."""
    images = Contrast(spacing=2.0)(maps.expand(seeds, -1, -1, -1, -1), seeded(0))
    return images[:, channel, where, where, where].mean().item()


@pytest.mark.parametrize("spacing", [1.0, 2.0])
def test_background_is_exactly_zero_and_the_brain_is_finite(spacing):
    maps = patch(label=4)
    image = Contrast(spacing=spacing)(maps, seeded(0))
    assert image.shape == (1, 4, SIZE, SIZE, SIZE) and image.dtype == torch.float32
    outside = ~(maps > 0).any(1, keepdim=True).expand_as(image)
    assert (image[outside] == 0).all()
    assert image.isfinite().all() and (image[~outside] != 0).float().mean() > 0.9


def test_same_seed_same_image_and_next_call_another():
    contrast, generator = Contrast(spacing=2.0), seeded(3)
    first, second = contrast(patch(label=1), generator), contrast(patch(label=1), generator)
    assert torch.equal(first, contrast(patch(label=1), seeded(3)))
    assert not torch.allclose(first, second, atol=0.05)


def test_without_a_generator_the_global_seed_decides():
    contrast = Contrast(spacing=2.0)
    torch.manual_seed(5)
    first = contrast(patch())
    torch.manual_seed(5)
    assert torch.equal(first, contrast(patch()))


def test_a_sample_does_not_depend_on_its_neighbours():
    contrast, own = Contrast(spacing=2.0), patch(label=2)
    alone = contrast(own, seeded(1))
    beside = contrast(torch.cat([own, patch("gm", label=4), patch("csf")]), seeded(1))
    assert torch.equal(alone[0], beside[0])


def test_samples_of_a_batch_differ():
    image = Contrast(spacing=2.0)(patch().expand(2, -1, -1, -1, -1), seeded(0))
    assert not torch.allclose(image[0], image[1], atol=0.05)


@pytest.mark.parametrize("tissue", ["gm", "wm", "csf"])
def test_no_variation_and_no_acquisition_effects_give_the_tissue_table(tissue):
    image = Contrast(spacing=2.0, variation=0, acquisition=0)(patch(tissue))
    # 10 voxels = 20 mm from the background, so that CSF counts as filling its surroundings
    torch.testing.assert_close(image[0, :, 12, 12, 12], torch.tensor(TISSUE[tissue]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("region, label", [("ncr", 1), ("ed", 2), ("et", 4)])
def test_no_variation_and_no_acquisition_effects_give_the_region_table_in_white_matter(region, label):
    image = Contrast(spacing=2.0, variation=0, acquisition=0)(patch("wm", label))
    # whatever share of white matter shines through, the excess over it is raised by as much
    torch.testing.assert_close(image[0, :, 12, 12, 12], torch.tensor(REGION[region]["mean"]), atol=1e-4, rtol=0)


def test_mixed_tissue_has_the_mean_of_its_parts():
    maps = patch("wm")
    maps[:, MAPS.index("wm")] //= 2  # 127 of each: half white, half grey
    maps[:, MAPS.index("gm")] = maps[:, MAPS.index("wm")]
    image = Contrast(spacing=2.0, variation=0, acquisition=0)(maps)
    half = (torch.tensor(TISSUE["wm"]) + torch.tensor(TISSUE["gm"])) / 2
    torch.testing.assert_close(image[0, :, 12, 12, 12], half, atol=1e-4, rtol=0)


def test_enhancing_tumour_outshines_white_matter_on_t1ce_but_not_on_t1():
    maps, core, around = patch("wm", label=4), slice(10, 14), slice(4, 6)
    assert average(maps, T1CE, core) - average(maps, T1CE, around) > 1
    assert average(maps, T1, core) - average(maps, T1, around) < 0.5


def test_csf_is_dark_on_flair_and_bright_on_t2():
    middle = slice(8, 16)
    assert average(patch("csf"), FLAIR, middle) < -1
    assert average(patch("csf"), T2, middle) > 1


def test_oedema_is_brighter_than_white_matter_on_flair():
    maps = patch("wm", label=2)
    assert average(maps, FLAIR, slice(10, 14)) - average(maps, FLAIR, slice(4, 6)) > 0.7


def test_an_empty_patch_stays_empty():
    image = Contrast(spacing=2.0)(torch.zeros(2, len(MAPS), 16, 16, 16, dtype=torch.uint8), seeded(0))
    assert image.shape == (2, 4, 16, 16, 16) and not image.any()


def test_axes_of_different_length_keep_their_order():
    maps = torch.zeros(1, len(MAPS), 12, 16, 20, dtype=torch.uint8)
    maps[:, MAPS.index("wm")] = 255
    maps[:, MAPS.index("wm"), 10:] = 0
    image = Contrast(spacing=2.0)(maps, seeded(0))
    assert image.shape == (1, 4, 12, 16, 20)
    assert not image[:, :, 10:].any() and image[:, :, :10].any()


def test_autocast_does_not_change_the_image():
    maps = patch(label=4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        image = Contrast(spacing=2.0)(maps, seeded(0))
    assert image.dtype == torch.float32
    assert torch.equal(image, Contrast(spacing=2.0)(maps, seeded(0)))


def test_it_has_no_parameters():
    assert not list(Contrast(spacing=2.0).parameters())


def test_other_maps_are_refused():
    with pytest.raises(ValueError, match=r"uint8 \(B, 5, X, Y, Z\), not torch.float32"):
        Contrast(spacing=2.0)(patch().float())
    with pytest.raises(ValueError, match="uint8"):
        Contrast(spacing=2.0)(patch()[:, :4])


@pytest.mark.parametrize("name, value", [("spacing", 0.0), ("variation", -1.0), ("acquisition", -0.1)])
def test_meaningless_strengths_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        Contrast(**{"spacing": 2.0, name: value})
