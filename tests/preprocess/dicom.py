"""Write a volume as a series of DICOM files, as a scanner would."""

from pathlib import Path

import numpy as np
import pytest

ROOT_UID = "1.2.826.0.1.3680043.8.498"


def write_series(folder, volume, affine, number, description, *, times=(), agent="", study=1, image_type=()) -> Path:
    """Write one axial series, a file for each slice, into `folder`.

    Args:
        folder: where the files go.
        volume: (X, Y, Z), from 0 to 32767.
        affine: (4, 4), voxel to mm in RAS; its third axis is that of the slices.
        number: of the series.
        description: of the series.
        times: echo, repetition and inversion time in ms, as many as are known.
        agent: contrast agent.
        study: number of the study.
        image_type: further values of ImageType.
    """
    pydicom = pytest.importorskip("pydicom", reason="pydicom is not installed (requirements-preprocess.txt)")
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lps = np.diag([-1.0, -1, 1, 1]) @ np.asarray(affine, dtype=float)
    sizes = np.linalg.norm(lps[:3, :3], axis=0)
    axes = lps[:3, :3] / sizes
    for index in range(volume.shape[2]):
        item = Dataset()
        item.file_meta = FileMetaDataset()
        item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        item.file_meta.MediaStorageSOPClassUID = item.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"  # MR image
        uid = f"{ROOT_UID}.{study}.{number}"
        item.file_meta.MediaStorageSOPInstanceUID = item.SOPInstanceUID = f"{uid}.{index + 1}"
        item.StudyInstanceUID, item.SeriesInstanceUID = f"{ROOT_UID}.{study}", uid
        item.FrameOfReferenceUID = f"{ROOT_UID}.{study}.0"
        item.Modality, item.Manufacturer, item.PatientName, item.PatientID = "MR", "none", "Secret^Name", "4711"
        item.PatientBirthDate, item.StudyDate, item.StudyID = "19500101", "20260101", str(study)
        item.AcquisitionTime, item.AcquisitionDate = f"10{number:02d}00", "20260101"
        item.SeriesDescription, item.SeriesNumber, item.InstanceNumber = description, number, index + 1
        item.ProtocolName, item.MRAcquisitionType = description, "3D"
        item.ImageType = ["ORIGINAL", "PRIMARY", "M", *image_type]
        for name, value in zip(("EchoTime", "RepetitionTime", "InversionTime"), times):
            setattr(item, name, value)
        if agent:
            item.ContrastBolusAgent = agent
        item.Rows, item.Columns = volume.shape[1], volume.shape[0]
        item.PixelSpacing = [float(sizes[1]), float(sizes[0])]
        item.SliceThickness = item.SpacingBetweenSlices = float(sizes[2])
        item.ImageOrientationPatient = [float(f"{value:.8f}") for value in (*axes[:, 0], *axes[:, 1])]
        item.ImagePositionPatient = [float(f"{v:.6f}") for v in lps[:3, :3] @ (0, 0, index) + lps[:3, 3]]
        item.SamplesPerPixel, item.PhotometricInterpretation = 1, "MONOCHROME2"
        item.BitsAllocated = item.BitsStored = 16
        item.HighBit, item.PixelRepresentation = 15, 0
        item.PixelData = np.ascontiguousarray(volume[:, :, index].T.astype("<u2")).tobytes()
        pydicom.dcmwrite(folder / f"IM{index + 1:04d}", item, enforce_file_format=True)
    return folder
