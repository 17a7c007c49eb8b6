# SPDX-License-Identifier: Apache-2.0
"""Stage 2 of the simulated cohort: render the four sequences from a subject's maps, anew at every call."""

import torch

from scripts.artefacts import per_channel, scan
from scripts.smooth_fields import Draws, gaussian_matrix, separable

MAPS = ("gm", "wm", "csf", "vessel", "label")

# All intensities are z-units of the brain (clip to the 0.5 and 99.5 percentiles, minus mean, over standard deviation), in
# the order t1, t1ce, t2, flair. Tissue means started from simulation.md point 4, adjusted to eleven BraTS 2021 scans.
TISSUE = {
    "gm": (0.35, 0.25, 0.20, 0.65),
    "wm": (0.90, 0.80, -0.65, -0.05),
    "csf": (-2.4, -2.2, 3.5, -2.2),
    "vessel": (-0.3, 0.3, -0.3, -0.4),
}
# CSF that does not fill its surroundings, as in sulci, shares its voxels with vessels and pia: added per missing share.
SULCAL_CSF = (1.2, 1.2, -2.5, 1.0)
ENHANCEMENT_OF_VESSELS = 4.5
# Region means over subjects, their spread between subjects, and how much of the spread the four sequences share (its sign
# says which way water moves them): ../shared/data/brats2021_intensity_statistics.json and simulation.md, spread x 1.3.
REGION = {
    "ncr": {"mean": (-0.2, -0.7, 2.1, 2.2), "spread": (0.7, 0.7, 0.9, 1.1), "share": (-0.7, -0.7, 0.7, -0.2)},
    "ed": {"mean": (0.4, 0.2, 1.05, 2.05), "spread": (0.35, 0.4, 0.5, 0.6), "share": (-0.6, -0.6, 0.7, 0.7)},
    "et": {"mean": (0.75, 3.1, 1.35, 2.25), "spread": (0.45, 0.8, 0.6, 0.8), "share": (0.3, 0.3, 0.5, 0.5)},
}
LABEL = {"ncr": 1, "ed": 2, "et": 4}
# How uneven ncr, ed and et are in t1, t1ce, t2 and flair, relative to one another.
UNEVENNESS = ((1.0, 0.7, 1.0), (1.1, 0.8, 2.0), (1.3, 1.0, 1.2), (1.4, 1.1, 1.2))
# Low-grade look: a homogeneous core, bright on T2, that hardly enhances.
LOW_GRADE_CORE = (-0.5, -0.6, 2.2, 2.0)


class Contrast(torch.nn.Module):
    """Random T1, T1ce, T2 and FLAIR of simulated subjects, without parameters. Ours, after simulation.md points 4 and 5.

    Args:
        spacing: mm per voxel of the maps. All lengths inside are mm, so that 1 mm and 2 mm renderings look alike.
        variation: scales every difference between subjects and all texture and lesions; 0 gives the tables' means, 1 a
            spread about 1.3 times that of real scans.
        artefacts: scales what the scanner adds (bias field, noise, blur, thick slices, ...); 0 leaves the image ideal.

    Example:
        >>> maps = torch.zeros(1, 5, 8, 8, 8, dtype=torch.uint8)
        >>> maps[:, MAPS.index("wm")] = 255
        >>> Contrast(spacing=2.0, variation=0, artefacts=0)(maps)[0, :, 4, 4, 4]
        tensor([ 0.9000,  0.8000, -0.6500, -0.0500])
    """

    def __init__(self, spacing: float, variation: float = 1.0, artefacts: float = 1.0) -> None:
        super().__init__()
        if spacing <= 0:
            raise ValueError(f"spacing must be a positive number of mm, not {spacing}.")
        if variation < 0 or artefacts < 0:
            raise ValueError(f"variation and artefacts must be 0 or more, not {variation} and {artefacts}.")
        self.spacing, self.variation, self.artefacts = float(spacing), float(variation), float(artefacts)

    @torch.no_grad()
    def forward(self, maps: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Render a batch; each subject's randomness follows from one number, so its neighbours do not matter.

        Args:
            maps: (B, 5, X, Y, Z) uint8, channels `MAPS`: fractions * 255 and the labels 0, 1, 2, 4.
            generator: source of one seed per subject (any device); torch's global one without it.

        Returns:
            (B, 4, X, Y, Z) float32 in z-units on the device of `maps`, channels t1, t1ce, t2, flair; background exactly 0.

        Raises:
            ValueError: `maps` has another type or number of channels.
        """
        if maps.dtype != torch.uint8 or maps.ndim != 5 or maps.shape[1] != len(MAPS):
            raise ValueError(f"maps must be uint8 (B, {len(MAPS)}, X, Y, Z), not {maps.dtype} {tuple(maps.shape)}.")
        device = generator.device if generator is not None else "cpu"
        seeds = torch.cat([torch.randint(2**62, (1,), generator=generator, device=device) for _ in maps]).tolist()
        with torch.autocast(maps.device.type, enabled=False):
            return torch.stack(
                [self._render(m, Draws(s, m.shape[1:], self.spacing, m.device)) for m, s in zip(maps, seeds)]
            )

    def _render(self, maps: torch.Tensor, draws: Draws) -> torch.Tensor:
        """One subject: (5, X, Y, Z) uint8 to (4, X, Y, Z)."""
        fractions = maps[:4].float().div_(255)
        total = fractions.sum(0)
        fractions /= total.clamp(min=1e-3)
        coverage = torch.where(maps[4] > 0, 1.0, total)
        near_csf = blurred(fractions[2:3], torch.tensor(3.0), draws)[0]
        image = healthy_tissue(fractions, near_csf, draws, self.variation)
        image = white_matter_lesions(image, fractions[1], near_csf, draws, self.variation)
        if bool(maps[4].any()):
            image = tumour(image, maps[4], draws, self.variation)
        return scan(image, coverage, draws, self.artefacts)


def blurred(volume: torch.Tensor, sigma: torch.Tensor, draws: Draws) -> torch.Tensor:
    """(C, X, Y, Z) blurred by Gaussians of `sigma` mm, one number or one per channel; the edges are not darkened."""
    sigma = sigma / draws.spacing
    return separable(volume, [gaussian_matrix(n, sigma).to(volume.device) for n in volume.shape[1:]])


def correlated(amplitudes: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """(4, 5) matrix that mixes one common and four own unit normals into `amplitudes` (4,) with loadings `share` (4,)."""
    return torch.cat([(amplitudes * share)[:, None], torch.diag(amplitudes * (1 - share**2).sqrt())], 1)


def healthy_tissue(fractions: torch.Tensor, near_csf: torch.Tensor, draws: Draws, variation: float) -> torch.Tensor:
    """Mix the tissue means (each jittered by 0.2 between subjects) by their fractions, add texture and T1ce vessels.

    Texture: 4 mm and 20 mm correlation length, standard deviation 0.05 to 0.2 each. Vessels enhance by a random strength,
    in 10% not at all, and in 60% small cortical ones do too.
    """
    means = torch.tensor([TISSUE[name] for name in MAPS[:4]]) + 0.2 * variation * draws.normal(4, 4)
    enhancement = torch.zeros(4)
    enhancement[1] = ENHANCEMENT_OF_VESSELS * (1 + 0.4 * variation * draws.normal().item())
    if draws.chance(0.1 * variation):
        enhancement[1] = 0
    means[3] += enhancement
    image = torch.tensordot(means.T.to(fractions), fractions, 1)
    image += per_channel(torch.tensor(SULCAL_CSF), image) * (fractions[2] * (1 - near_csf))
    if variation > 0:
        for length in (4.0, 20.0):
            amplitude = variation * draws.uniform(0.05, 0.2, 4)
            image += draws.field(5, length, correlated(amplitude, torch.tensor([0.5, 0.5, -0.5, 0.3])))
        if draws.chance(0.6):
            spots = (draws.field(1, 2.5)[0] - 1.7).clamp_(0, 1) * (1 - fractions[1])
            image[1] += variation * draws.uniform(0.5, 3.0).item() * spots
    return image


def white_matter_lesions(
    image: torch.Tensor, white: torch.Tensor, near_csf: torch.Tensor, draws: Draws, variation: float
) -> torch.Tensor:
    """In 40% spots of 3 to 10 mm in white matter, and in 60% a rim around the ventricles: bright on FLAIR, less on T2."""
    effect = torch.tensor([-0.2, -0.2, 0.6, 1.0])
    if draws.chance(0.4 * variation):
        length, level = draws.uniform(3, 7).item(), draws.uniform(1.7, 2.6).item()
        spots = (draws.field(1, length)[0] - level).clamp_(0, 0.7) * white
        image += per_channel(effect * draws.uniform(0.8, 3.5).item() * variation, image) * spots
    if draws.chance(0.6 * variation):
        caps = near_csf * white.square() * (1 + 0.5 * draws.field(1, 12.0)[0]).clamp_(min=0)
        image += per_channel(effect * draws.uniform(0.5, 4.0).item() * variation, image) * caps
    return image


def region_means(draws: Draws, variation: float, low_grade: bool, mismatch: bool) -> dict[str, torch.Tensor]:
    """(4,) mean of each region for this subject."""
    means = {}
    for name, table in REGION.items():
        mean, spread = torch.tensor(table["mean"]), variation * torch.tensor(table["spread"])
        if low_grade and name == "ncr":
            mean, spread = torch.tensor(LOW_GRADE_CORE), 0.6 * spread
            mean[3] -= 1.8 * mismatch
        if low_grade and name == "et":
            mean[1] = 0.9
        means[name] = mean + correlated(spread, torch.tensor(table["share"])) @ draws.normal(5)
    return means


def tumour(image: torch.Tensor, label: torch.Tensor, draws: Draws, variation: float) -> torch.Tensor:
    """Blend oedema, core and enhancing rim into healthy tissue, softly, each with its own texture.

    Oedema replaces only 50 to 100% of the tissue, so that the tissue shines through. A core without enhancement is
    mostly low-grade: homogeneous, and in 40% of them dark on FLAIR inside a bright edge (T2-FLAIR mismatch).
    In 15% bits of the core are blood (bright on T1) or calcium, dark elsewhere.
    """
    low_grade = draws.chance((0.15 if bool((label == LABEL["et"]).any()) else 0.7) * variation)
    mismatch = low_grade and draws.chance(0.4)
    means = region_means(draws, variation, low_grade, mismatch)
    strength = torch.tensor([0.95, 1 - 0.5 * variation * draws.uniform(0, 1).item(), 1.0])
    weight = torch.stack([label == LABEL[name] for name in REGION]).to(image.dtype)
    if variation > 0:
        weight = blurred(weight, variation * draws.uniform(0.6, 2.0, 3) * torch.tensor([0.7, 1.4, 0.6]), draws)
    white = torch.tensor(TISSUE["wm"])
    # Divided by the strength, so that the region keeps its mean whatever shines through.
    excess = [white + (means[name] - white) / s for name, s in zip(REGION, strength.tolist())]
    weight *= per_channel(strength, image)
    target = torch.tensordot(torch.stack(excess, 1).to(image), weight, 1)
    if variation > 0:
        target += tumour_texture(weight, draws, variation * (0.5 if low_grade else 1.0))
    image = image * (1 - weight.sum(0)) + target
    if mismatch:
        edge = weight[0] * (1 - blurred(weight[:1], torch.tensor(4.0), draws)[0])
        image[3] += 3.0 * edge
    if draws.chance(0.15 * variation):
        bits = (draws.field(1, 4.0)[0] - 1.2).clamp_(0, 1) * (weight[0] + weight[2])
        effect = torch.tensor([1.5, 0.5, -1.0, -1.0]) if draws.chance(0.5) else torch.tensor([-0.8, -0.8, -2.0, -2.0])
        image += per_channel(effect * draws.uniform(0.5, 1.5).item(), image) * bits
    return image


def tumour_texture(weight: torch.Tensor, draws: Draws, variation: float) -> torch.Tensor:
    """Texture inside the regions, (4, X, Y, Z): 5 and 12 mm correlation length, standard deviation 0.3 to 1 in total."""
    amount = torch.tensordot(torch.tensor(UNEVENNESS).to(weight), weight, 1)
    texture = torch.zeros_like(amount)
    for length in (5.0, 12.0):
        amplitude = variation * draws.uniform(0.2, 0.55, 4)
        texture += draws.field(5, length, correlated(amplitude, torch.tensor([-0.5, 0.3, 0.6, 0.6])))
    return texture * amount
