# SPDX-License-Identifier: Apache-2.0
"""The intensities of oedema, necrotic core and enhancing rim in the four sequences."""

import torch
from scripts.simulation.maps import ED, ET, NCR
from scripts.simulation.smooth_fields import Draws, blurred, correlated, per_channel

# Region means (z-units; t1, t1ce, t2, flair), their spread between subjects, and its correlation with one common
# number, the water content. Set so that rendered brains, z-scored as scans are, have about the means of
# brats2021_intensity_statistics.json; their spread is 0.9 to 2 times the one in that file.
REGION = {
    "ncr": {"mean": (-0.2, -0.6, 1.95, 2.25), "spread": (0.7, 0.7, 0.9, 1.1), "share": (-0.7, -0.7, 0.7, -0.2)},
    "ed": {"mean": (0.4, 0.2, 1.05, 2.05), "spread": (0.35, 0.4, 0.5, 0.6), "share": (-0.6, -0.6, 0.7, 0.7)},
    "et": {"mean": (0.8, 3.3, 1.35, 2.25), "spread": (0.45, 0.8, 0.6, 0.8), "share": (0.3, 0.3, 0.5, 0.5)},
}
LABEL = {"ncr": NCR, "ed": ED, "et": ET}
# Relative texture of ncr, ed and et in t1, t1ce, t2 and flair.
UNEVENNESS = ((1.0, 0.7, 1.0), (1.1, 0.8, 2.0), (1.3, 1.0, 1.2), (1.4, 1.1, 1.2))
# Low-grade tumours: a homogeneous core, bright on T2, with little enhancement.
LOW_GRADE_CORE = (-0.5, -0.6, 2.2, 2.0)
FAINT_ENHANCEMENT = 1.9
LEAST_ENHANCEMENT = 1.2  # z-units on T1ce above oedema and core


def region_means(draws: Draws, variation: float, low_grade: bool, mismatch: bool) -> dict[str, torch.Tensor]:
    """(4,) mean of each region for this subject."""
    means = {}
    for name, table in REGION.items():
        mean, spread = torch.tensor(table["mean"]), variation * torch.tensor(table["spread"])
        if low_grade and name == "ncr":
            mean, spread = torch.tensor(LOW_GRADE_CORE), 0.6 * spread
            mean[3] -= 1.8 * mismatch
        if low_grade and name == "et":
            mean[1] = FAINT_ENHANCEMENT
        means[name] = mean + correlated(spread, torch.tensor(table["share"])) @ draws.normal(5)
    # ET must enhance: otherwise a network learns to guess it from its usual place
    darker = torch.maximum(means["ncr"][1], means["ed"][1])
    means["et"][1] = torch.maximum(means["et"][1], darker + LEAST_ENHANCEMENT)
    return means


def add_tumour(
    image: torch.Tensor, label: torch.Tensor, white: torch.Tensor, draws: Draws, variation: float
) -> torch.Tensor:
    """Blend oedema, core and enhancing rim into healthy tissue with soft edges, each with its own texture.

    Oedema replaces 50 to 100% of the tissue. A core without enhancement is mostly low-grade: homogeneous, and in 40%
    dark on FLAIR with a bright edge (T2-FLAIR mismatch). In 15% small parts of the core are blood or calcium: bright or
    dark on T1, dark on T2 and FLAIR.

    Args:
        image: (4, X, Y, Z) healthy tissue in z-units.
        label: (X, Y, Z) uint8, 0, 1, 2, 4.
        white: (4,) mean of white matter, in which most tumours lie.
        draws: of this subject.
        variation: as of `Contrast`.

    Returns:
        (4, X, Y, Z).
    """
    low_grade = draws.chance((0.15 if bool((label == LABEL["et"]).any()) else 0.7) * variation)
    mismatch = low_grade and draws.chance(0.4)
    means = region_means(draws, variation, low_grade, mismatch)
    strength = torch.tensor([0.95, 1 - 0.5 * min(variation, 1) * draws.uniform(0, 1).item(), 1.0])
    weight = torch.stack([label == LABEL[name] for name in REGION]).to(image.dtype)
    if variation > 0:
        weight = blurred(weight, variation * draws.uniform(0.6, 2.0, 3) * torch.tensor([0.7, 1.4, 0.6]), draws.spacing)
    # divided by the strength, so that a region has its mean at any share of white matter
    excess = [white + (means[name] - white) / s for name, s in zip(REGION, strength.tolist())]
    weight *= per_channel(strength, image)
    target = torch.tensordot(torch.stack(excess, 1).to(image), weight, 1)
    if variation > 0:
        target += tumour_texture(weight, draws, variation * (0.5 if low_grade else 1.0))
    image = image * (1 - weight.sum(0)) + target
    if mismatch:
        edge = weight[0] * (1 - blurred(weight[:1], torch.tensor(4.0), draws.spacing)[0])
        image[3] += 3.0 * edge
    if draws.chance(0.15 * variation):
        bits = (draws.field(1, 4.0)[0] - 1.2).clamp_(0, 1) * (weight[0] + weight[2])
        effect = torch.tensor([1.5, 0.5, -1.0, -1.0]) if draws.chance(0.5) else torch.tensor([-0.8, -0.8, -2.0, -2.0])
        image += per_channel(effect * draws.uniform(0.5, 1.5).item(), image) * bits
    return image


def tumour_texture(weight: torch.Tensor, draws: Draws, variation: float) -> torch.Tensor:
    """(4, X, Y, Z) texture inside the regions: correlation lengths 5 and 12 mm, standard deviation 0.2 to 1."""
    amount = torch.tensordot(torch.tensor(UNEVENNESS).to(weight), weight, 1)
    texture = torch.zeros_like(amount)
    for length in (5.0, 12.0):
        amplitude = variation * draws.uniform(0.2, 0.55, 4)
        texture += draws.field(5, length, correlated(amplitude, torch.tensor([-0.5, 0.3, 0.6, 0.6])))
    return texture * amount
