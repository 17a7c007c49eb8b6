# SPDX-License-Identifier: Apache-2.0
"""Stage 2 of the simulation: render the four sequences from a subject's maps, differently at every call."""

import torch
from scripts.simulation.acquisition import add_acquisition_effects
from scripts.simulation.smooth_fields import Draws, blurred, correlated, per_channel
from scripts.simulation.tumour_contrast import add_tumour

MAPS = ("gm", "wm", "csf", "vessel", "label")

# All intensities are z-units of the brain (clip to the 0.5 and 99.5 percentiles, minus mean, over standard deviation),
# in the order t1, t1ce, t2, flair. The tissue means were adjusted until histograms, roughness and rim of rendered
# brains were like those of eleven BraTS 2021 scans at 2 mm.
TISSUE = {
    "gm": (0.35, 0.25, 0.20, 0.65),
    "wm": (0.90, 0.80, -0.65, -0.05),
    "csf": (-2.4, -2.2, 3.5, -2.2),
    "vessel": (-0.3, 0.3, -0.3, -0.4),
}
# Added to CSF in proportion to other tissue around it: in sulci it shares its voxels with vessels and pia.
SULCAL_CSF = (1.2, 1.2, -2.5, 1.0)
ENHANCEMENT_OF_VESSELS = 4.5


class Contrast(torch.nn.Module):
    """Random T1, T1ce, T2 and FLAIR of simulated subjects, without parameters.

    Source: ours; docs/simulation.md compares it with real scans.

    Args:
        spacing: mm per voxel of the maps. All lengths are in mm, so that renderings at 1 mm and 2 mm are alike.
        variation: scales all differences between subjects, texture and lesions. 0 gives the means of the tables, 1
            region means whose spread is 0.9 to 2 times that of eleven real scans.
        acquisition: strength of the effects of the scanner (`scripts.simulation.acquisition`); 0 gives ideal images.

    Example:
        >>> maps = torch.zeros(1, 5, 8, 8, 8, dtype=torch.uint8)
        >>> maps[:, MAPS.index("wm")] = 255
        >>> Contrast(spacing=2.0, variation=0, acquisition=0)(maps)[0, :, 4, 4, 4]
        tensor([ 0.9000,  0.8000, -0.6500, -0.0500])
    """

    def __init__(self, spacing: float, variation: float = 1.0, acquisition: float = 1.0) -> None:
        super().__init__()
        if spacing <= 0:
            raise ValueError(f"spacing must be a positive number of mm, not {spacing}.")
        if variation < 0 or acquisition < 0:
            raise ValueError(f"variation and acquisition must be 0 or more, not {variation} and {acquisition}.")
        self.spacing, self.variation, self.acquisition = float(spacing), float(variation), float(acquisition)

    @torch.no_grad()
    def forward(self, maps: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Render a batch; a subject has its own seed, so that the result does not depend on the others in the batch.

        Args:
            maps: (B, 5, X, Y, Z) uint8, channels `MAPS`: fractions * 255 and the labels 0, 1, 2, 4.
            generator: draws one seed per subject (any device); by default torch's global one.

        Returns:
            (B, 4, X, Y, Z) float32 in z-units on the device of `maps`, channels `SEQUENCES`; background exactly 0.

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
        near_csf = blurred(fractions[2:3], torch.tensor(3.0), draws.spacing)[0]
        image = healthy_tissue(fractions, near_csf, draws, self.variation)
        image = white_matter_lesions(image, fractions[1], near_csf, draws, self.variation)
        if bool(maps[4].any()):
            image = add_tumour(image, maps[4], torch.tensor(TISSUE["wm"]), draws, self.variation)
        return add_acquisition_effects(image, coverage, draws, self.acquisition)


def healthy_tissue(fractions: torch.Tensor, near_csf: torch.Tensor, draws: Draws, variation: float) -> torch.Tensor:
    """Mix the tissue means (each jittered by 0.2 between subjects) by their fractions, add texture and T1ce vessels.

    Texture: 4 mm and 20 mm correlation length, standard deviation 0.05 to 0.2 each. Vessels enhance by a random
    strength, in 10% not at all, and in 60% small cortical ones do too. `near_csf`: the CSF fraction around, (X, Y, Z).
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
    """Spots of 3 to 10 mm in 40%, and in 60% a rim and caps around the ventricles: bright on FLAIR, less on T2."""
    effect = torch.tensor([-0.2, -0.2, 0.6, 1.0])
    if draws.chance(0.4 * variation):
        length, level = draws.uniform(3, 7).item(), draws.uniform(1.7, 2.6).item()
        spots = (draws.field(1, length)[0] - level).clamp_(0, 0.7) * white
        image += per_channel(effect * draws.uniform(0.8, 3.5).item() * variation, image) * spots
    if draws.chance(0.6 * variation):
        caps = near_csf * white.square() * (1 + 0.5 * draws.field(1, 12.0)[0]).clamp_(min=0)
        image += per_channel(effect * draws.uniform(0.5, 4.0).item() * variation, image) * caps
    return image
