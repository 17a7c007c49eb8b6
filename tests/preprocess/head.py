"""A small head without and with its skull, and a rigid movement of it."""

import numpy as np
from scripts.preprocess.grid import resample

SHAPE = (48, 56, 40)
SIZE = 4.0  # mm
AFFINE = np.diag([SIZE, SIZE, SIZE, 1.0])
AFFINE[:3, 3] = -90, -110, -70


def points(shape=SHAPE, affine=AFFINE) -> np.ndarray:
    """The mm of each voxel, (X, Y, Z, 3)."""
    return np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) @ affine[:3, :3].T + affine[:3, 3]


def brain(shape=SHAPE, affine=AFFINE) -> np.ndarray:
    """An ellipsoid of about 1000 ml, bool."""
    return (((points(shape, affine) - [0, -5, 5]) / [58, 75, 55]) ** 2).sum(-1) < 1


def scan(bright: float = 900, shape=SHAPE, affine=AFFINE, skull: bool = False) -> np.ndarray:
    """A brain (white matter 500) with ventricles of the intensity `bright` and a lesion; int16, background 0.

    With its skull, also a shell around it and air that is not 0.
    """
    mm = points(shape, affine)
    volume = np.where(brain(shape, affine), 500 + 60 * np.sin(mm[..., 0] / 11) * np.cos(mm[..., 1] / 17), 0)
    volume[(((mm - [12, 10, 10]) / [10, 30, 14]) ** 2).sum(-1) < 1] = bright
    volume[(((mm - [-25, -30, 20]) / [16, 12, 12]) ** 2).sum(-1) < 1] = 1000 - bright / 2
    if skull:
        shell = (((mm - [0, -5, 5]) / [68, 85, 65]) ** 2).sum(-1)
        volume = np.where((shell < 1) & (volume == 0), 300, volume)
        volume[(shell < 1.3) & (volume == 0)] = 800
        volume += 3 + (np.indices(shape).sum(0) % 5)
    return volume.astype(np.int16)


def movement(degrees: float, mm: float) -> np.ndarray:
    """A matrix (4, 4): a turn about the third axis, then a shift along the first."""
    turn = np.radians(degrees)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    matrix[0, 3] = mm
    return matrix


def moved(volume, matrix, affine=AFFINE) -> np.ndarray:
    """The volume after its content was moved by the matrix, on the same grid."""
    return resample(volume, affine, volume.shape, affine, np.linalg.inv(matrix)).astype(volume.dtype)
