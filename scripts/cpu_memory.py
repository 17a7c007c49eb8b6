# SPDX-License-Identifier: Apache-2.0
"""Keeps the memory that a training step frees, instead of giving it back to the system at every layer."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # glibc's malloc.h


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to reuse large blocks; meant for a config's ``initialize`` list.

    A step on the CPU allocates and frees feature maps of tens of MB, each of which glibc maps and unmaps afresh, so
    that the kernel clears 80,000 to 140,000 pages a step: about 15% of its time (measured: 1.6 s to 1.37 s, one core,
    80 x 96 x 80 voxels). The peak memory stays the same.

    Returns:
        Whether the allocator took it: false without glibc (macOS, Windows, Alpine), where nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
