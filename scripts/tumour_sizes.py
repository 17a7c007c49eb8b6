# SPDX-License-Identifier: Apache-2.0
"""Volumes and places of tumours, drawn as they are in 354 expert label maps of BraTS 2020."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

# Quantiles of whole tumour (ml), core over whole, enhancing over core: (level, value). Levels 0.05 to 0.95 are those of
# brats2020_label_statistics.json, the ends ours; 6.5% of the subjects have no enhancement.
_WHOLE_ML = ((0, 0.05, 0.25, 0.5, 0.75, 0.95, 1), (6, 20.6, 50.2, 89.9, 143.6, 200.1, 280))
_CORE_SHARE = ((0, 0.05, 0.25, 0.5, 0.75, 0.95, 1), (0.02, 0.09, 0.24, 0.39, 0.57, 0.75, 0.97))
_ENHANCING_SHARE = ((0, 0.065, 0.13, 0.25, 0.5, 0.75, 0.95, 1), (0, 0, 0.2, 0.44, 0.62, 0.79, 0.94, 0.99))
# Number of further foci (0 to 4): fewer than BraTS has components, as some tumours come apart by themselves.
_FURTHER = (0.765, 0.155, 0.042, 0.024, 0.014)


@dataclass(frozen=True)
class Focus:
    """Volumes (ml) of one focus: whole tumour, its core, and the enhancing part of the core."""

    whole: float
    core: float
    enhancing: float


def draw_sizes(rng: np.random.Generator) -> list[Focus]:
    """The foci of one subject, the largest first."""
    size, share, rim = rng.standard_normal(3)
    enhancing_level = ndtr(rim)
    # The correlations reproduce the volumes of TC, ET, NCR and ED: large tumours have larger shares of core, large
    # cores less enhancement, and tumours with hardly any enhancement (low grade) the largest cores.
    share = 0.898 * (0.2 * size + 0.98 * share) - 0.4 * rim + 1.0 * np.clip((0.22 - enhancing_level) / 0.12, 0, 1)
    whole = float(np.interp(ndtr(size), *_WHOLE_ML))
    core = whole * float(np.interp(ndtr((share - 0.16) / 1.13), *_CORE_SHARE))
    enhancing = core * float(np.interp(enhancing_level, *_ENHANCING_SHARE))
    foci = []
    for _ in range(rng.choice(5, p=_FURTHER)):
        volume = whole * min(max(rng.lognormal(np.log(0.025), 0.7), 0.014), 0.15)
        has_core = rng.uniform() < 0.5
        inner = volume * rng.uniform(0.2, 0.6) if has_core else 0.0
        foci.append(Focus(volume, inner, inner * rng.uniform(0.5, 1.0) if enhancing > 0 else 0.0))
    rest = Focus(whole - sum(f.whole for f in foci), core, enhancing)
    return [rest, *foci]
