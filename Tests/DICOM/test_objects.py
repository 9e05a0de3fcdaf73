"""Segmentations and structure sets of medseg, read by the programs of others."""

import gzip
import pathlib
import shutil
import subprocess

import highdicom
import numpy as np
import pydicom
import pytest
from needs import needs

import series

try:
    import SimpleITK
except ImportError:
    SimpleITK = None

NAMES = {1: "spleen", 2: "kidney_left", 3: "something odd"}


def program(name):
    return needs(name, shutil.which(name) is not None)


def errors(name, *files):
    says = subprocess.run([name, *map(str, files)], capture_output=True, text=True)
    return [line for line in (says.stdout + says.stderr).splitlines() if line.startswith("Error")]


@program("dciodvfy")
@pytest.mark.parametrize("kind", ["binary", "labelmap", "structures"])
def test_dciodvfy_finds_no_error(case, kind):
    assert errors("dciodvfy", getattr(case, kind)) == []


@program("dcentvfy")
@pytest.mark.parametrize("kind", ["binary", "labelmap", "structures"])
def test_the_object_is_of_the_scan_s_patient_and_study(case, kind):
    files = [getattr(case, kind), *case.series.iterdir()]
    says = subprocess.run(["dcentvfy", *map(str, files)], capture_output=True, text=True)
    # A structure set names the study as if it were an instance, which is in no file.
    study = f"referenced - {pydicom.dcmread(files[0]).StudyInstanceUID} "
    lines = [line for line in (says.stdout + says.stderr).splitlines() if kind != "structures" or study not in line]
    assert lines == []


@pytest.mark.parametrize("kind", ["binary", "labelmap"])
def test_highdicom_reads_every_voxel(case, kind):
    found = highdicom.seg.segread(getattr(case, kind))
    if case.kind == "tilted":
        # highdicom makes no volume of a tilted series; it finds frames by the instance they refer to.
        slices = [pydicom.dcmread(path, stop_before_pixels=True) for path in case.series.iterdir()]
        slices.sort(key=lambda dataset: dataset.ImagePositionPatient[2])
        array = found.get_pixels_by_source_instance(
            [dataset.SOPInstanceUID for dataset in slices], combine_segments=True, assert_missing_frames_are_empty=True,
            ignore_spatial_locations=True)
        assert (array == case.mask).all()
        return
    volume = found.get_volume(combine_segments=True)
    # Slices without a voxel have no frame, and the volume begins at the first that has.
    where = np.flatnonzero(case.mask.any((1, 2)))
    mask = case.mask if kind == "labelmap" else case.mask[where[0]:where[-1] + 1]
    # The first axis of the volume runs from slice to slice, one way or the other.
    array = volume.array if volume.affine[:3, 0] @ normal(case) > 0 else volume.array[::-1]
    assert array.shape == mask.shape and (array == mask).all()


def normal(case):
    cosines, _, _ = series.GEOMETRIES[case.kind]
    return np.cross(cosines[:3], cosines[3:])


def positions(case):
    """Where each instance of the scan lies, or of several frames each frame."""
    found = {}
    for dataset in map(pydicom.dcmread, case.series.iterdir()):
        frames = dataset.get("PerFrameFunctionalGroupsSequence")
        for number, frame in enumerate(frames or [], 1):
            found[dataset.SOPInstanceUID, number] = frame.PlanePositionSequence[0].ImagePositionPatient
        if not frames:
            found[dataset.SOPInstanceUID, None] = dataset.ImagePositionPatient
    return {key: np.array(place, float) for key, place in found.items()}


def referenced(item):
    number = item.get("ReferencedFrameNumber")
    return item.ReferencedSOPInstanceUID, None if number is None else int(number)


@pytest.mark.parametrize("kind", ["binary", "labelmap"])
def test_frames_lie_where_the_slices_lie_that_they_refer_to(case, kind):
    places = positions(case)
    for frame in pydicom.dcmread(getattr(case, kind)).PerFrameFunctionalGroupsSequence:
        source = referenced(frame.DerivationImageSequence[0].SourceImageSequence[0])
        place = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
        assert np.allclose(place, places[source], atol=1e-6)


def test_contours_lie_in_the_slices_that_they_refer_to(case):
    places = positions(case)
    contours = [contour for roi in pydicom.dcmread(case.structures).ROIContourSequence
                for contour in roi.get("ContourSequence", [])]
    assert contours
    for contour in contours:
        place = places[referenced(contour.ContourImageSequence[0])]
        heights = (np.array(contour.ContourData, float).reshape(-1, 3) - place) @ normal(case)
        assert np.abs(heights).max() < 0.002


def test_segments_and_references(case):
    found = pydicom.dcmread(case.binary)
    segments = {int(item.SegmentNumber): item for item in found.SegmentSequence}
    assert {number: str(item.SegmentLabel) for number, item in segments.items()} == NAMES
    types = {number: item.SegmentedPropertyTypeCodeSequence[0] for number, item in segments.items()}
    assert [types[number].CodeValue for number in (1, 2, 3)] == ["78961009", "64033007", "85756007"]
    assert types[2].SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning == "Left"
    sources = {dataset.SOPInstanceUID: dataset for dataset in map(pydicom.dcmread, case.series.iterdir())}
    listed = [item.ReferencedSOPInstanceUID for item in found.ReferencedSeriesSequence[0].ReferencedInstanceSequence]
    used = {frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
            for frame in found.PerFrameFunctionalGroupsSequence}
    assert len(listed) == len(set(listed)) and set(listed) == used <= set(sources)
    first = next(iter(sources.values()))
    assert found.FrameOfReferenceUID == first.FrameOfReferenceUID
    assert found.SeriesInstanceUID != first.SeriesInstanceUID and found.PatientName == first.PatientName
    assert "something odd" in case.said and "--codes" in case.said


@program("segimage2itkimage")
@pytest.mark.parametrize("kind", ["binary", "labelmap"])
@needs("SimpleITK", SimpleITK is not None)
def test_dcmqi_reads_every_voxel(case, kind, tmp_path):
    if case.kind == "tilted":
        pytest.skip("dcmqi reads no tilted series")
    says = subprocess.run(
        ["segimage2itkimage", "--inputDICOM", getattr(case, kind), "--outputDirectory", tmp_path, "--outputType", "nrrd",
         "--mergeSegments"], capture_output=True, text=True)
    files = list(tmp_path.glob("*.nrrd"))
    assert len(files) == 1, says.stdout + says.stderr
    found = SimpleITK.ReadImage(str(files[0]))
    array = SimpleITK.GetArrayFromImage(found)
    first = np.array(first_position(case))
    step = np.dot(np.array(found.GetDirection()).reshape(3, 3)[:, 2], normal(case))
    if step < 0:
        array = array[::-1]
    where = np.flatnonzero(case.mask.any((1, 2)))
    start = round(float(np.dot(np.array(found.GetOrigin()) - first, normal(case))) / found.GetSpacing()[2])
    start = start if step > 0 else start - len(array) + 1
    expected = case.mask[start:start + len(array)]
    assert start <= where[0] and start + len(array) > where[-1]
    assert array.shape == expected.shape and (array == expected).all()


def first_position(case):
    """Where the first slice along the normal lies."""
    return min(positions(case).values(), key=lambda place: place @ normal(case))


@program("plastimatch")
@needs("SimpleITK", SimpleITK is not None)
def test_plastimatch_fills_the_contours(case, tmp_path):
    if case.kind != "axial":
        pytest.skip("plastimatch reads contours of axial slices")
    subprocess.run(
        ["plastimatch", "convert", "--input", case.structures, "--referenced-ct", case.series, "--output-prefix", tmp_path,
         "--prefix-format", "nrrd"], check=True, capture_output=True)
    for number, name in NAMES.items():
        expected = case.mask == number
        files = [path for path in tmp_path.glob("*.nrrd") if path.stem.replace("_", " ") == name.replace("_", " ")]
        if not expected.any():
            assert not files or not SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(files[0]))).any()
            continue
        found = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(files[0]))) > 0
        assert (found == expected).all(), name


def test_the_patient_is_named_in_the_objects_alone(case):
    name = series.PATIENT.encode()
    assert series.PATIENT not in case.said and "4711" not in case.said
    for path in pathlib.Path(case.out).iterdir():
        data = path.read_bytes()
        data = gzip.decompress(data) if path.name.endswith(".gz") else data
        assert (name in data) == path.name.endswith(".dcm"), path.name
