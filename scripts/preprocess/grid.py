# SPDX-License-Identifier: Apache-2.0
"""Resample scans and label maps from one grid to another, through a rigid transform."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from nibabel.affines import apply_affine
from scipy.ndimage import affine_transform
from scripts.common.foreground import bounding_box


def resample(volume, affine, shape: Sequence[int], to_affine, transform=None, nearest: bool = False) -> np.ndarray:
    """A volume on another grid, trilinear (or nearest), 0 where it does not reach: float32 of `shape`.

    Args:
        volume: (X, Y, Z).
        affine: its (4, 4), voxel to mm.
        shape: of the other grid.
        to_affine: (4, 4) of the other grid.
        transform: (4, 4), from a point of the other grid in mm to the same place in the volume in mm; None for none.
        nearest: take the nearest voxel instead of interpolating.
    """
    transform = np.eye(4) if transform is None else np.asarray(transform, dtype=float)
    matrix = np.linalg.inv(np.asarray(affine, dtype=float)) @ transform @ np.asarray(to_affine, dtype=float)
    if np.allclose(matrix, np.eye(4), rtol=0, atol=1e-6) and tuple(shape) == np.shape(volume):
        return np.array(volume, dtype=np.float32)
    source, order = np.asarray(volume, dtype=np.float32), 0 if nearest else 1
    return affine_transform(
        source, matrix[:3, :3], matrix[:3, 3], output_shape=tuple(shape), order=order, output=np.float32
    )


def resample_labels(labels, affine, shape: Sequence[int], to_affine, transform=None) -> np.ndarray:
    """A label map on another grid: each label is interpolated linearly, and the largest share wins.

    This is smoother than the nearest voxel. What lies outside the map counts as background, 0. Ties go to the smaller
    label. Arguments as of `resample`, with an integer map.

    Returns:
        A map of `shape` and of the type of `labels`.
    """
    labels = np.asarray(labels)
    found = np.zeros(tuple(shape), dtype=labels.dtype)
    if not labels.any():
        return found
    # only the box around the labels, and the box of the other grid that it lies in
    source = bounding_box(labels != 0, margins=(1, 1, 1))
    labels, affine = labels[source], shifted(affine, [part.start for part in source])
    target = _box_around(labels.shape, affine, shape, to_affine, transform)
    to_affine = shifted(to_affine, [part.start for part in target])
    size = tuple(part.stop - part.start for part in target)
    values = np.unique(labels[labels != 0])
    shares = [resample(labels == value, affine, size, to_affine, transform) for value in values]
    most = 1 - np.sum(shares, axis=0)  # the share of the background
    best = found[target]
    for value, share in zip(values, shares):
        wins = share > most
        best[wins], most[wins] = value, share[wins]
    return found


def shifted(affine, start: Sequence[int]) -> np.ndarray:
    """The affine (4, 4) of the part of a volume that begins at the voxel `start`."""
    affine = np.array(affine, dtype=float)
    affine[:3, 3] += affine[:3, :3] @ np.asarray(start, dtype=float)
    return affine


def _box_around(shape, affine, to_shape, to_affine, transform) -> tuple[slice, ...]:
    """The box of the other grid that a volume of this shape lies in, with a voxel around it; it may be empty."""
    transform = np.eye(4) if transform is None else np.asarray(transform, dtype=float)
    matrix = (
        np.linalg.inv(np.asarray(to_affine, dtype=float)) @ np.linalg.inv(transform) @ np.asarray(affine, dtype=float)
    )
    corners = np.array(list(product(*((-1, length) for length in shape))), dtype=float)
    places = apply_affine(matrix, corners)
    low = np.clip(np.floor(places.min(0)).astype(int), 0, to_shape)
    high = np.clip(np.ceil(places.max(0)).astype(int) + 1, low, to_shape)
    return tuple(slice(int(first), int(last)) for first, last in zip(low, high))
