# SPDX-License-Identifier: Apache-2.0
"""Read a NIfTI file, and refuse one whose header is impossible before its voxels are read."""

import math
import os
from itertools import product

import nibabel as nib
import numpy as np
import torch
from monai.data import MetaTensor
from nibabel.affines import voxel_sizes
from nibabel.openers import Opener
from nibabel.volumeutils import apply_read_scaling
from scripts.common.errors import ScanError, is_out_of_memory
from scripts.common.printable import shortened

# gzip makes a file at most about 1032 times smaller.
MOST_COMPRESSED = 1100
# Some programs leave a few bytes after the voxels.
SPARE_BYTES = 4096
# Least distance of a corner's two positions, by qform and by sform, that contradict each other.
CONTRADICTION_MM = 1.0
# Largest relative difference of a voxel size (pixdim) from the length of the affine's axis. The real files at hand have none.
SIZE_TOLERANCE = 0.01


def read_nifti(subject: str, name: str, path: str) -> MetaTensor:
    """A file's voxels as float32, of any number of axes, with its affine (RAS, mm).

    Args:
        subject, name: whose sequence (or `label`) it is, for the messages.
        path: of the file.

    Raises:
        ScanError: a file that is missing, unreadable, damaged or too large for the memory, one whose voxels are no
            numbers, and one whose header gives no voxel size, no orientation, two of either that contradict each other, or
            more voxels than the file can hold.
    """
    if not os.path.isfile(path):  # false for a path that is too long
        raise ScanError(
            f"{subject}: the {name} file {shortened(path)} does not exist: restore it, or leave the subject out."
        )
    try:
        # not by MONAI's reader, which uses another affine if pixdim and sform disagree; float32 is exact for labels and
        # for int16 intensities
        file = nib.load(path)
        _check_header(subject, path, file)
        array = _c_ordered(_voxels(subject, path, file))
        affine = file.affine.astype(np.float64)
    except ScanError:
        raise
    except PermissionError as error:
        raise ScanError(f"{subject}: {path} may not be read: correct its permissions.") from error
    except Exception as error:  # nibabel, gzip and zlib raise many types for a damaged file
        if is_out_of_memory(error):
            raise ScanError(
                f"{subject}: there is not enough memory to load {path}: end other programs, or use a machine with more."
            ) from error
        raise ScanError(
            f"{subject}: {path} cannot be read as NIfTI; it is damaged or incomplete: "
            "copy or download it again, or leave the subject out."
        ) from error
    return MetaTensor(torch.from_numpy(array), affine=torch.from_numpy(affine))


def _voxels(subject: str, path: str, file) -> np.ndarray:
    """An image's voxels, with its file read to the end, where gzip compares the checksum of all that it has read.

    nibabel stops at the last voxel. A single damaged bit could so change many voxels and not be seen.
    """
    proxy = file.dataobj
    with Opener(file.file_map["image"].filename) as stream:
        content = stream.read(proxy.offset + math.prod(proxy.shape) * proxy.dtype.itemsize)
        extra = sum(map(len, iter(lambda: stream.read(1 << 20), b"")))
    if extra > SPARE_BYTES:
        shape = " x ".join(map(str, file.shape))
        raise ScanError(
            f"{subject}: {path} holds {extra} bytes more than the {shape} voxels of its header, so one of the two is "
            "wrong: convert the scan again, or leave the subject out."
        )
    stored = np.ndarray(proxy.shape, proxy.dtype, content, proxy.offset, order="F")
    return apply_read_scaling(stored, proxy.slope, proxy.inter)


def _c_ordered(array: np.ndarray) -> np.ndarray:
    """The voxels as float32 in C order: torch takes ten times as long over those in a file's own order.

    Copied plane by plane, which stay in the processor's cache: a third of the time of `np.ascontiguousarray`.
    """
    if array.ndim < 2:
        return np.array(array, dtype=np.float32)
    ordered = np.empty(array.shape, np.float32)
    for plane in range(array.shape[1]):
        ordered[:, plane] = array[:, plane]
    return ordered


def _check_header(subject: str, path: str, file) -> None:
    if not isinstance(file, nib.Nifti1Pair):
        raise ScanError(f"{subject}: {path} is not a NIfTI file: convert it.")
    with Opener(path) as content:  # nibabel's own header has its pixdim replaced where it is 0 or negative
        raw = type(file.header).from_fileobj(content, check=False)
    sizes = raw["pixdim"][1:4].tolist()
    if not all(math.isfinite(size) and size > 0 for size in sizes):
        shown = ", ".join(f"{size:g}" for size in sizes)
        raise ScanError(
            f"{subject}: {path} has the voxel sizes {shown} mm in its header (pixdim), so its voxels have no size: "
            "repair the header, or convert the scan again."
        )
    if raw["qform_code"] == 0 and raw["sform_code"] == 0:
        raise ScanError(
            f"{subject}: {path} has neither a qform nor an sform in its header, so it is not known which way the brain lies: "
            "convert the scan again, or set its orientation after looking at it (such as with FSL's fslorient)."
        )
    if (apart := _forms_apart_mm(file)) > CONTRADICTION_MM:
        raise ScanError(
            f"{subject}: {path} has two positions in its header, its qform and sform lie up to {apart:.0f} mm apart, "
            "so programs show it in different places: see which is right, and copy it over the other (such as with "
            "FSL's fslorient -copyqform2sform or -copysform2qform)."
        )
    with np.errstate(all="ignore"):
        lengths = voxel_sizes(file.affine)
    # an affine without volume is refused when it is used
    if (lengths > 0).all() and (abs(lengths - sizes) > SIZE_TOLERANCE * lengths).any():
        shown, by_form = (", ".join(f"{size:.4g}" for size in each) for each in (sizes, lengths))
        raise ScanError(
            f"{subject}: {path} has two voxel sizes in its header, {shown} mm (pixdim) and {by_form} mm (sform), so all "
            "volumes would be unsure: see which is right, and repair the header, or convert the scan again."
        )
    if isinstance(file, nib.Nifti1Image) and file.dataobj.offset < (first := raw.single_vox_offset):
        raise ScanError(
            f"{subject}: {path} says that its voxels begin at byte {file.dataobj.offset}, within the header of {first} bytes: "
            "repair the header, or convert the scan again."
        )
    kind = file.get_data_dtype()
    if kind.kind not in "biuf":
        raise ScanError(
            f"{subject}: {path} has voxels of the type {kind}, not one number each: convert the scan again."
        )
    count = math.prod(file.shape)
    if count < 1 or file.dataobj.offset + count * kind.itemsize > MOST_COMPRESSED * os.path.getsize(path):
        shape = " x ".join(map(str, file.shape))
        raise ScanError(
            f"{subject}: {path} says that it has {shape} voxels, which the file does not hold; it is damaged or "
            "incomplete: copy or download it again, or leave the subject out."
        )


def _forms_apart_mm(file) -> float:
    """The largest distance of a corner voxel by qform from the same by sform; 0 if the header has only one of them.

    This program and FSL take the sform, and viewers based on ITK, by the two codes, sometimes the qform.
    """
    try:
        qform, sform = (form(coded=True)[0] for form in (file.header.get_qform, file.header.get_sform))
    except ValueError:  # the qform's quaternion is none
        return 0.0
    if qform is None or sform is None:
        return 0.0
    corners = [(*corner, 1) for corner in product(*((0, count - 1) for count in (*file.shape, 1, 1)[:3]))]
    with np.errstate(all="ignore"):
        apart = np.linalg.norm(((qform - sform) @ np.transpose(corners))[:3], axis=0).max()
    return float(apart) if np.isfinite(apart) else 0.0  # an affine that is no number is refused when it is used
