"""Writes DICOM series of voxels that a test makes up, and reads a NIfTI mask without a library's opinion of its affine."""

import gzip
import struct

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

PATIENT = "ZZZPATIENT^NAME"
CT, ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1"

# The directions of rows and columns, the edges of a pixel by rows and columns, and the step from slice to slice, in mm.
GEOMETRIES = {
    "axial": ([1, 0, 0, 0, 1, 0], (1.5, 1.25), (0, 0, 2.5)),
    "coronal": ([1, 0, 0, 0, 0, -1], (1.5, 1.5), (0, 2, 0)),
    "oblique": (
        [0.9848077530, 0.1710100717, -0.0301536896, -0.1736481777, 0.9698463104, -0.1710100717], (1.5, 1.25), None),
    "tilted": ([1, 0, 0, 0, 0.9510565163, -0.3090169944], (1.5, 1.5), (0, 0, 2.5)),
    "enhanced": ([1, 0, 0, 0, 1, 0], (1.5, 1.25), (0, 0, 2.5)),
}


def voxels(slices=14, rows=45, columns=53):
    """Shapes of even brightness: a ball, a ring with a hole, two islands; Rows × Columns is no multiple of 8."""
    z, y, x = np.mgrid[:slices, :rows, :columns].astype(float)
    image = np.full((slices, rows, columns), -900, np.int16)
    image[(np.hypot(y - 22, x - 26) < 21) & (z > 0)] = 30
    image[np.hypot(np.hypot(y - 15, x - 14), 2 * (z - 6)) < 8] = 120
    ring = np.hypot(y - 28, x - 34)
    image[(ring < 10) & (ring > 4) & (abs(z - 7) < 4)] = 160
    for place in (10, 18):
        image[(abs(y - place) < 3) & (abs(x - 40) < 3) & (abs(z - 6) < 3)] = 90
    return image


def _patient():
    dataset = Dataset()
    dataset.PatientName, dataset.PatientID = PATIENT, "ID-4711"
    dataset.PatientBirthDate, dataset.PatientSex, dataset.PatientAge = "19500102", "O", "070Y"
    dataset.PatientSize, dataset.PatientWeight = "1.75", "80"
    dataset.StudyInstanceUID, dataset.StudyDate, dataset.StudyTime = generate_uid(), "20200304", "101112"
    dataset.StudyID, dataset.StudyDescription = "S1", "Abdomen"
    dataset.AccessionNumber, dataset.ReferringPhysicianName = "A-1", "Doctor^Referring"
    dataset.SeriesInstanceUID, dataset.SeriesNumber = generate_uid(), 3
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = generate_uid(), ""
    dataset.Modality, dataset.Manufacturer = "CT", "Nobody"
    dataset.PatientPosition = "HFS"
    return dataset


def _pixels(dataset, values):
    dataset.Rows, dataset.Columns = values.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
    dataset.PixelData = values.astype("<i2").tobytes()


def _save(dataset, sop_class, path):
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, generate_uid()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)


def _groups(**members):
    dataset = Dataset()
    for name, values in members.items():
        item = Dataset()
        for key, value in values.items():
            setattr(item, key, value)
        setattr(dataset, name, Sequence([item]))
    return dataset


def write(folder, kind, values):
    """Writes a series. What its files say of thickness and spacing between slices is wrong, as it often is."""
    cosines, spacing, step = GEOMETRIES[kind]
    normal = np.cross(cosines[:3], cosines[3:])
    step = 2 * normal if step is None else np.array(step)
    places = [np.round(np.array([-40, -30, 100]) + step * number, 6) for number in range(len(values))]
    common = _patient()
    # Names in no order of the slices, each once.
    names = np.random.default_rng(2).permutation(len(values))
    folder.mkdir()
    if kind == "enhanced":
        return _write_enhanced(folder / "scan", common, cosines, spacing, places, values)
    for number, (place, pixels) in enumerate(zip(places, values)):
        dataset = Dataset(common)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.InstanceNumber = len(values) - number
        dataset.ImagePositionPatient, dataset.ImageOrientationPatient = list(map(float, place)), cosines
        dataset.PixelSpacing, dataset.SliceThickness, dataset.SpacingBetweenSlices = list(spacing), "1.25", "99"
        dataset.RescaleSlope, dataset.RescaleIntercept = "1", "0"
        _pixels(dataset, pixels)
        _save(dataset, CT, folder / f"IM{names[number]:03d}")


def _write_enhanced(path, dataset, cosines, spacing, places, values):
    order = np.random.default_rng(1).permutation(len(values))
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    dataset.InstanceNumber, dataset.NumberOfFrames = 1, len(values)
    dataset.SharedFunctionalGroupsSequence = Sequence([_groups(
        PixelMeasuresSequence={"PixelSpacing": list(spacing), "SliceThickness": "1.25"},
        PlaneOrientationSequence={"ImageOrientationPatient": cosines},
        PixelValueTransformationSequence={"RescaleSlope": "1", "RescaleIntercept": "0", "RescaleType": "HU"})])
    dataset.PerFrameFunctionalGroupsSequence = Sequence([
        _groups(PlanePositionSequence={"ImagePositionPatient": list(map(float, places[number]))}) for number in order])
    _pixels(dataset, values[order])
    _save(dataset, ENHANCED_CT, path)


def nifti(path):
    """The voxels of a NIfTI of bytes or words, as slices, rows and columns of the series that it lies on."""
    data = gzip.decompress(path.read_bytes())
    shape = struct.unpack_from("<8h", data, 40)[1:4]
    kind = {2: np.uint8, 512: np.uint16}[struct.unpack_from("<h", data, 70)[0]]
    start = int(struct.unpack_from("<f", data, 108)[0])
    return np.frombuffer(data, kind, np.prod(shape), start).reshape(shape[::-1])
