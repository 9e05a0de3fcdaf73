"""Segmentations and structure sets as labels: those of medseg, and what highdicom and dcmqi write."""

import copy
import json
import shutil
import subprocess

import highdicom
import numpy as np
import pydicom
import pytest
from highdicom.sr.coding import CodedConcept
from needs import needs

import series
from conftest import MEDSEG, medseg


def compared(label, mask):
    """Dice of each class of a label against a NIfTI mask."""
    return dice(*medseg("evaluate", "--prediction", mask, "--reference", label, "--json"))


def dice(answer, _):
    """The Dice of each class of the first case of an evaluation."""
    return {entry["name"]: entry["metrics"]["dice"] for entry in json.loads(answer)["cases"][0]["classes"]}


@pytest.mark.parametrize("kind", ["binary", "labelmap", "structures"])
def test_objects_of_medseg_are_the_mask(case, kind):
    found = compared(getattr(case, kind), case.out / "scan_mask.nii.gz")
    assert set(found.values()) == {1}, found


def refused(label, mask):
    """What is said of a label that is no label."""
    says = subprocess.run(
        [MEDSEG, "evaluate", "--prediction", mask, "--reference", label, "--json"], capture_output=True, text=True)
    assert says.returncode == 65, says.stdout + says.stderr
    return says.stderr


def finer(contour, count):
    """The points of a contour with others on its edges, as many as asked for."""
    points = np.array(contour.ContourData, float).reshape(-1, 3)
    place = np.linspace(0, len(points), count - len(points), endpoint=False)
    place = np.sort(np.concatenate([place, np.arange(len(points))]))
    closed = np.append(points, points[:1], 0)
    return np.stack([np.interp(place, np.arange(len(closed)), closed[:, axis]) for axis in range(3)], 1)


def test_contours_of_any_length_are_read_or_refused(case, tmp_path):
    if case.kind != "axial":
        pytest.skip("one kind of series is enough")
    written, path, mask = pydicom.dcmread(case.structures), tmp_path / "structures.dcm", case.out / "scan_mask.nii.gz"
    sound = copy.deepcopy(written)
    written.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    contours = [contour for roi in written.ROIContourSequence for contour in roi.get("ContourSequence", [])]
    # A few are enough: every value is a text of its own.
    for contour in contours[::max(1, len(contours) // 8)]:
        points = finer(contour, 5000)
        contour.NumberOfContourPoints, contour.ContourData = len(points), [f"{value:.3f}" for value in points.flat]
    # What does not fit a DS's length of 16 bits is written as UN.
    with pytest.warns(UserWarning, match="UN"):
        pydicom.dcmwrite(path, written, implicit_vr=False, little_endian=True, enforce_file_format=True)
    found = compared(path, mask)
    assert set(found.values()) == {1}, found
    for change in ("count", "none"):
        wrong = copy.deepcopy(sound)
        contour = next(roi for roi in wrong.ROIContourSequence if "ContourSequence" in roi).ContourSequence[0]
        if change == "count":
            contour.NumberOfContourPoints += 1
        else:
            contour.ContourData = None
        wrong.save_as(path)
        assert ("NumberOfContourPoints" if change == "count" else "without points") in refused(path, mask)


def test_segmentations_of_highdicom_are_read(case, tmp_path):
    if case.kind in ("tilted", "enhanced"):
        pytest.skip("highdicom writes none of such a series")
    slices = [pydicom.dcmread(path) for path in case.series.iterdir()]
    normal = np.cross(slices[0].ImageOrientationPatient[:3], slices[0].ImageOrientationPatient[3:])
    slices.sort(key=lambda dataset: np.dot(normal, dataset.ImagePositionPatient))
    code = CodedConcept("78961009", "SCT", "Spleen")
    segments = [
        highdicom.seg.SegmentDescription(
            number, f"part {number}", CodedConcept("123037004", "SCT", "Anatomical Structure"), code, "AUTOMATIC",
            highdicom.AlgorithmIdentificationSequence("test", CodedConcept("123110", "DCM", "AI"), "1"))
        for number in (1, 2, 3)]
    for form in ("BINARY", "LABELMAP"):
        written = highdicom.seg.Segmentation(
            slices, case.mask, form, segments, highdicom.UID(), 5, highdicom.UID(), 1, "Nobody", "Test", "1", "1")
        path = tmp_path / f"{form}.dcm"
        written.save_as(path)
        found = compared(path, case.out / "scan_mask.nii.gz")
        assert set(found.values()) == {1}, (form, found)


@needs("itkimage2segimage", shutil.which("itkimage2segimage") is not None)
def test_segmentations_of_dcmqi_are_read(case, tmp_path):
    if case.kind != "axial":
        pytest.skip("a NIfTI of an axial series is enough")
    code = {"CodeValue": "78961009", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Spleen"}
    segments = [{
        "labelID": number, "SegmentDescription": f"part {number}", "SegmentAlgorithmType": "AUTOMATIC",
        "SegmentAlgorithmName": "test", "SegmentedPropertyTypeCodeSequence": code,
        "SegmentedPropertyCategoryCodeSequence": {
            "CodeValue": "123037004", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Anatomical Structure"}}
        for number in (1, 2, 3)]
    (tmp_path / "meta.json").write_text(json.dumps({
        "ContentCreatorName": "Nobody", "SeriesDescription": "test", "SeriesNumber": "5", "InstanceNumber": "1",
        "segmentAttributes": [segments]}))
    says = subprocess.run(
        ["itkimage2segimage", "--inputImageList", case.out / "scan_mask.nii.gz", "--inputDICOMDirectory", case.series,
         "--inputMetadata", tmp_path / "meta.json", "--outputDICOM", tmp_path / "seg.dcm", "--skip", "1"],
        capture_output=True, text=True)
    assert (tmp_path / "seg.dcm").exists(), says.stdout + says.stderr
    found = compared(tmp_path / "seg.dcm", case.out / "scan_mask.nii.gz")
    assert set(found.values()) == {1}, found


def test_a_dataset_of_series_and_segmentations_is_imported_and_evaluated(case, model, tmp_path):
    if case.kind != "oblique":
        pytest.skip("one kind of series is enough")
    index = {
        "name": "test", "labels": {"0": "background", "1": "Something Odd", "2": "spleen", "3": "kidney left"},
        "training": [{"image": str(case.series), "label": str(case.structures)}]}
    (tmp_path / "dataset.json").write_text(json.dumps(index))
    medseg("data", "import", tmp_path, "--out", tmp_path / "got", "--quiet")
    label = series.nifti(next((tmp_path / "got/labelsTr").iterdir()))
    # The dataset's numbers are other than the structure set's, and names decide.
    assert (label == np.array([0, 2, 3, 1])[case.mask]).all()
    index["labels"] = {"0": "background", "1": "spleen", "2": "kidney_left", "3": "something odd"}
    index["training"][0]["label"] = str(case.binary)
    (tmp_path / "dataset.json").write_text(json.dumps(index))
    found = dice(*medseg(
        "evaluate", "--model", model, "--data", tmp_path / "dataset.json", "--device", "cpu", "--json", "--quiet"))
    assert set(found.values()) <= {1, None}, found
