# SPDX-License-Identifier: Apache-2.0
"""The effects of scanner and preprocessing on an ideal image, one function each."""

import torch
from scripts.simulation.smooth_fields import Draws, blurred, gaussian_matrix, per_channel, separable

# Mean over standard deviation of raw intensities in the brain (t1, t1ce, t2, flair), measured on eleven BraTS 2021
# scans at 2 mm. Added to z-units it gives a scale on which 0 is no signal, for multiplicative effects.
ZERO_SIGNAL = torch.tensor([3.6, 3.5, 2.7, 3.3])
# Resolution and noise (z-units) of each sequence in a clinical protocol, by eye and by roughness along each axis in the
# same scans: T1 is most often in thick slices, T1ce a sharp and noisier volume.
THICK_SLICES = (0.5, 0.25, 0.45, 0.45)
BLUR_MM = torch.tensor([1.1, 0.9, 0.9, 0.9])
NOISE = torch.tensor([0.06, 0.11, 0.09, 0.10])
# Range of the 99.5 percentile of the brain in z-units: lowest and highest, a bit wider than in the same scans.
CLIP = torch.tensor([[1.8, 2.4, 3.0, 2.5], [3.2, 5.0, 5.5, 4.5]])


def bias_field(signal: torch.Tensor, draws: Draws, strength: float) -> torch.Tensor:
    """Multiply by a smooth field of standard deviation 0 to 25% (half-normal, 10%) and 60 mm correlation length."""
    amplitude = 0.10 * strength * draws.normal(4).abs()
    return signal * (1 + draws.field(4, 60.0, torch.diag(amplitude)))


def rician_noise(signal: torch.Tensor, draws: Draws, strength: float) -> torch.Tensor:
    """Rician noise, sqrt((signal + n)^2 + n'^2), of standard deviation `NOISE` times 0.2 to 1.8 in a voxel of 2 mm.

    It is blurred afterwards with the image, as by resampling to the atlas. Noise averages over a voxel's volume, so its
    standard deviation is proportional to (2 mm / spacing)^1.5. `n'` is `n` shifted, to save a draw.
    """
    amplitude = NOISE * draws.uniform(0.2, 1.8, 4) * strength * (2 / draws.spacing) ** 1.5
    noise = draws.noise(4).mul_(per_channel(amplitude, signal))
    other = noise.roll((1, 2, 3), (1, 2, 3))
    return ((signal + noise).square_() + other.square_()).sqrt_()


def slice_matrix(length: int, thickness: float, phase: float) -> torch.Tensor:
    """(length, length) matrix: average over slices of `thickness` voxels, then interpolate linearly between them."""
    count = int(length / thickness) + 3
    centre = (torch.arange(count, dtype=torch.float32) - 1 + phase) * thickness
    distance = (torch.arange(length, dtype=torch.float32)[:, None] - centre) / thickness
    fill = (1 - distance.abs()).clamp(min=0)
    take = torch.exp(-0.5 * (distance / 0.35) ** 2).clamp(min=1e-12).T
    return (fill / fill.sum(1, keepdim=True)) @ (take / take.sum(1, keepdim=True))


def resolution(signal: torch.Tensor, draws: Draws, strength: float) -> torch.Tensor:
    """Blur of 0.6 to 1.5 mm, thick slices of 2.4 to 6 mm (mostly axial), misregistration of about 0.5 mm in 15%.

    Drawn for each sequence. All three are linear along each axis, so one matrix per axis and sequence applies them.
    """
    size = signal.shape[1:]
    sigma = BLUR_MM * draws.uniform(0.65, 1.35, 4) * strength / draws.spacing
    shift = torch.stack([0.5 * draws.chance(0.15) * strength * draws.normal(3) / draws.spacing for _ in range(4)], 1)
    matrices = [gaussian_matrix(size[axis], sigma, shift[axis]) for axis in range(3)]
    for channel in range(4):
        if draws.chance(THICK_SLICES[channel] * strength):
            axis = int(draws.uniform(0, 14).clamp(max=2))
            thickness = draws.uniform(2.4, 6.0).item() / draws.spacing
            thick = slice_matrix(size[axis], max(thickness, 1.0), draws.uniform(0, 1).item())
            matrices[axis][channel] = thick @ matrices[axis][channel]
    return separable(signal, [matrix.to(signal.device) for matrix in matrices])


def skull_strip_rim(signal: torch.Tensor, coverage: torch.Tensor, draws: Draws, strength: float) -> torch.Tensor:
    """Darken the outermost 2 to 3 mm, each sequence by its own amount.

    The outermost voxel of BraTS scans at 1 mm has 0.4 to 1 of the signal. On a coarser grid it is also averaged with
    the background, by `coverage` (X, Y, Z), the share of each voxel that is brain.
    """
    inside = blurred(coverage[None], draws.uniform(1.5, 2.3), draws.spacing)
    averaged = 1 - strength * min(max(draws.spacing - 1, 0), 1) * (1 - coverage)
    return (
        signal
        * averaged
        * (1 - per_channel(strength * draws.uniform(0.2, 1.2, 4), signal) * (1 - inside)).clamp_(min=0.05)
    )


def intensity_scale(image: torch.Tensor, draws: Draws, strength: float) -> torch.Tensor:
    """A non-linearity like gamma, an error of the z-score's scale (10%) and mean (0.12), and a clip to percentiles."""
    bend, scale, mean = (per_channel(draws.normal(4), image) * s * strength for s in (0.025, 0.1, 0.12))
    image = (image + bend * (image.square() - 1)) * (1 + scale) + mean
    top = per_channel(CLIP[0] + (CLIP[1] - CLIP[0]) * draws.uniform(0, 1, 4), image)
    return torch.minimum(image, top) if strength > 0 else image


def truncate_one_sequence(image: torch.Tensor, draws: Draws, strength: float) -> torch.Tensor:
    """In 2% one sequence is 0 beyond a plane in the outer third of the volume, like the T1 of BraTS2021_01482."""
    if draws.chance(0.02 * strength):
        channel, axis = int(draws.uniform(0, 4)), int(draws.uniform(0, 3))
        cut = max(1, int(image.shape[axis + 1] * draws.uniform(0.02, 0.33)))
        part = image[channel].narrow(axis, 0, cut) if draws.chance(0.5) else image[channel].narrow(axis, -cut, cut)
        part.zero_()
    return image


def add_acquisition_effects(image: torch.Tensor, coverage: torch.Tensor, draws: Draws, strength: float) -> torch.Tensor:
    """All effects, in the order of an acquisition.

    Args:
        image: (4, X, Y, Z) in z-units, also outside the brain.
        coverage: (X, Y, Z), the share of each voxel that is brain, 0 outside.
        draws: the subject's random numbers.
        strength: 0 changes nothing inside the brain, 1 is calibrated to BraTS.

    Returns:
        (4, X, Y, Z) in z-units, exactly 0 outside the brain.
    """
    if strength > 0:
        zero = per_channel(ZERO_SIGNAL, image)
        signal = bias_field((image + zero).clamp_(min=0), draws, strength)
        signal = resolution(rician_noise(signal, draws, strength), draws, strength)
        signal = skull_strip_rim(signal, coverage, draws, strength)
        image = intensity_scale(signal - zero, draws, strength)
        image = truncate_one_sequence(image, draws, strength)
    return image * (coverage > 0)
