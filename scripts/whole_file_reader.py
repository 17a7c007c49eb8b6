# SPDX-License-Identifier: Apache-2.0
"""Reads a compressed NIfTI file in one go, so that threads which read beside the network do not wait for each other."""

import gzip
from pathlib import Path

import nibabel as nib
from monai.data import NibabelReader
from monai.data.utils import correct_nifti_header_if_necessary
from monai.utils import ensure_tuple


class WholeFileReader(NibabelReader):
    """MONAI's ``NibabelReader`` that decompresses ``.nii.gz`` with one call.

    Python's ``gzip`` files decompress 8 KB at a time and ask for the interpreter after each, for which a thread may
    wait 5 ms while another computes: a scan has hundreds of such pieces. The voxels are the same.
    """

    def read(self, data, **kwargs):
        """
        Args:
            data: path of one file, or a tuple of that; other formats than NIfTI 1 in gzip are left to nibabel.

        Raises:
            Exception: of many kinds, as nibabel's own, where the file is damaged.
        """
        self.filenames = ensure_tuple(data)  # `LoadImage` gives a tuple of one; `get_data` wants it again
        path = Path(self.filenames[0])
        if not path.name.endswith(".nii.gz"):
            return super().read(data, **kwargs)
        content = gzip.decompress(path.read_bytes())
        if not nib.Nifti1Image.header_class.may_contain_header(content):
            return super().read(data, **kwargs)
        return correct_nifti_header_if_necessary(nib.Nifti1Image.from_bytes(content))
