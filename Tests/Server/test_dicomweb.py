"""DICOMweb: series out of an archive and masks into it, with a real Orthanc."""

import gzip
import io
import sys

import pytest
import requests

from archive import API, LOGIN, PROGRAM, Orthanc, delete, fetch, header, listed, started, uids
from harness import ROOT, SHARED, finish, running, submit
from needs import needs

sys.path.insert(0, str(ROOT / "Tests/DICOM"))
np = pytest.importorskip("numpy")
pydicom = pytest.importorskip("pydicom")
from series import PATIENT, voxels, write  # noqa: E402

try:
    import highdicom
except ImportError:
    highdicom = None

orthanc = needs("Orthanc with its DICOMweb plugin", PROGRAM is not None)
KINDS = ["axial", "enhanced", "coronal"]


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    for kind in KINDS:
        write(folder / kind, kind, voxels())
    # Megabytes of which no two pieces are alike: one that is lost or out of place would be seen.
    write(folder / "noise", "axial", np.random.default_rng(4).integers(-1000, 3000, (24, 256, 256)))
    return folder


@pytest.fixture(scope="module")
def pacs(inputs, series):
    """An Orthanc that holds the series, and a server before it."""
    with started(Orthanc()) as archive:
        for kind in KINDS:
            archive.add(series / kind)
        with running(inputs, "--verbose", "--dicomweb", archive.root + "/", environment=LOGIN) as server:
            yield archive, server


def slices_of(segmentation, folder):
    """The voxels of a segmentation of one segment, on the slices of a series in ascending order."""
    files = [pydicom.dcmread(file, stop_before_pixels=True) for file in folder.iterdir()]
    files.sort(key=lambda file: float(file.ImagePositionPatient[2]))
    place = {file.SOPInstanceUID: number for number, file in enumerate(files)}
    found = np.zeros((len(files), segmentation.Rows, segmentation.Columns), np.uint8)
    frames = segmentation.pixel_array.reshape(-1, segmentation.Rows, segmentation.Columns)
    for frame, groups in zip(frames, segmentation.PerFrameFunctionalGroupsSequence):
        source = groups.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        found[place[source]] = frame
    return found


def by_highdicom(data, folder):
    """The same, as highdicom finds it by the files that a frame refers to."""
    files = [pydicom.dcmread(file, stop_before_pixels=True) for file in folder.iterdir()]
    files.sort(key=lambda file: float(file.ImagePositionPatient[2]))
    return highdicom.seg.segread(io.BytesIO(data)).get_pixels_by_source_instance(
        [file.SOPInstanceUID for file in files], combine_segments=True, assert_missing_frames_are_empty=True)


def mask_of(data, shape):
    """The voxels of a NIfTI of bytes, as slices, rows and columns."""
    return np.frombuffer(gzip.decompress(data), np.uint8)[-int(np.prod(shape)):].reshape(shape)


@orthanc
def test_series_are_found_by_what_they_are(pacs, series):
    archive, server = pacs
    assert requests.get(f"{server.url}/api/v1/models").json()["dicomweb"] is True
    everything = listed(server)
    assert len(everything["series"]) == 3 and everything["more"] is False
    axial = uids(series / "axial")
    (one,) = listed(server, study=axial["study"])["series"]
    assert one == {**axial, "modality": "CT", "description": None, "images": 14}
    (named,) = listed(server, study=axial["study"], patient="true")["series"]
    assert (named["patient_name"], named["patient_id"], named["date"]) == (PATIENT, "ID-4711", "20200304")
    assert len(listed(server, patient_id="ID-4711", modality="ct", date="20200301-20200331")["series"]) == 3
    for nothing in [{"patient_id": "ID-47"}, {"modality": "MR"}, {"date": "20200305-"}, {"study": "1.2.3"}]:
        assert listed(server, **nothing)["series"] == []
    few = listed(server, limit=2)
    assert len(few["series"]) == 2 and few["more"] is True
    for wrong, words in [
        ({"patient_id": "ID*"}, "wildcards"), ({"study": "../x", "date": "today"}, "study should"), ({"limit": 0}, "limit"),
        ({"date": "2020"}, "YYYYMMDD"), ({"limit": 5000}, "limit"), ({"patients": "true"}, "no name 'patients'"),
    ]:
        answer = requests.get(f"{server.url}{API}/series", params=wrong)
        assert answer.status_code == 400 and words in answer.json()["detail"], answer.text


@orthanc
def test_a_series_is_fetched_as_if_it_was_uploaded(pacs, series):
    archive, server = pacs
    archive.add(series / "noise")
    for kind in ["axial", "enhanced", "noise"]:
        answer = fetch(server, uids(series / kind))
        assert answer.status_code == 201, answer.text
        files = [("file", (file.name, file.read_bytes())) for file in sorted((series / kind).iterdir())]
        uploaded = requests.post(f"{server.url}/api/v1/volumes", files=files).json()
        facts = answer.json()
        assert facts["dicom"] is True
        own = {"id"}
        assert {key: facts[key] for key in facts.keys() - own} == {key: uploaded[key] for key in uploaded.keys() - own}
        bytes_of = [requests.get(f"{server.url}/api/v1/volumes/{scan['id']}/voxels").content for scan in (facts, uploaded)]
        assert bytes_of[0] == bytes_of[1]
        requests.delete(f"{server.url}/api/v1/volumes/{uploaded['id']}")
        delete(server, facts)
    gone = fetch(server, {**uids(series / "axial"), "series": "1.2.3"})
    assert gone.status_code == 404 and "no such series" in gone.json()["detail"]
    for wrong in [{}, {"study": "1.2"}, {"study": "1.2", "series": "../../instances"}, {**uids(series / "axial"), "x": 1}]:
        assert fetch(server, wrong).status_code == 400
    assert server.files() == ["studies"]


@orthanc
def test_of_several_volumes_one_is_chosen(pacs, series, tmp_path):
    archive, server = pacs
    # Two acquisitions of one series at the same places.
    write(tmp_path / "phases", "axial", voxels(slices=6))
    first = header(tmp_path / "phases")
    write(tmp_path / "later", "axial", voxels(slices=6) + 5)
    for phase, folder in enumerate([tmp_path / "phases", tmp_path / "later"], 1):
        for path in folder.iterdir():
            file = pydicom.dcmread(path)
            file.AcquisitionNumber = phase
            for name in ["StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"]:
                setattr(file, name, getattr(first, name))
            file.save_as(path)
        archive.add(folder)
    refused = fetch(server, uids(tmp_path / "phases"))
    assert refused.status_code == 422 and "the files hold 2 volumes" in refused.json()["detail"], refused.text
    assert first.SeriesInstanceUID not in refused.text
    assert [volume["volume"] for volume in refused.json()["volumes"]] == [1, 2]
    for volume, extra in [(1, 0), (2, 5)]:
        answer = fetch(server, uids(tmp_path / "phases"), series=1, volume=volume)
        assert answer.status_code == 201 and answer.json()["max"] == 160 + extra, answer.text
        delete(server, answer.json())


@orthanc
def test_a_mask_is_stored_and_read_back(pacs, inputs, series):
    archive, server = pacs
    facts = fetch(server, uids(series / "axial")).json()
    before = archive.count()
    drawn = np.zeros((53, 45, 14), np.uint8)
    drawn[20:30, 10:22, 3:9] = 1
    mask = f"{server.url}/api/v1/volumes/{facts['id']}"
    body = gzip.compress(drawn.tobytes())
    answer = requests.post(f"{mask}/dicomweb", params={"model": inputs.model}, data=body)
    assert answer.status_code == 201, answer.text
    data = archive.file(answer.json()["instance"])
    kept = pydicom.dcmread(io.BytesIO(data))
    nifti = mask_of(requests.post(f"{mask}/mask", data=body).content, (14, 45, 53))
    assert nifti.sum() == drawn.sum() and (slices_of(kept, series / "axial") == nifti).all()
    if highdicom:
        assert (by_highdicom(data, series / "axial") == nifti).all()
    assert kept.PatientName == PATIENT and kept.StudyInstanceUID == uids(series / "axial")["study"]
    for form, modality in [("dicom-labelmap", "SEG"), ("rtstruct", "RTSTRUCT")]:
        answer = requests.post(f"{mask}/dicomweb", params={"as": form}, data=body)
        assert answer.status_code == 201, answer.text
        assert pydicom.dcmread(io.BytesIO(archive.file(answer.json()["instance"]))).Modality == modality
    assert archive.count() == before + 3
    assert requests.post(f"{mask}/dicomweb", params={"as": "nifti"}, data=body).status_code == 400
    # The archive lists what it got.
    kinds = {one["modality"] for one in listed(server, study=uids(series / "axial")["study"])["series"]}
    assert kinds == {"CT", "SEG", "RTSTRUCT"}
    delete(server, facts)


@orthanc
def test_a_prediction_goes_from_archive_to_archive(pacs, inputs, series):
    archive, server = pacs
    whole = SHARED / "data/dicom/derived/ct_whole"
    folder = whole if whole.is_dir() else series / "axial"
    archive.add(folder)
    fetched = fetch(server, uids(folder))
    assert fetched.status_code == 201, fetched.text
    facts = fetched.json()
    job = submit(server.url, facts["id"], inputs.model).json()["id"]
    early = requests.post(f"{server.url}/api/v1/jobs/{job}/dicomweb")
    assert early.status_code in (201, 409)
    state = finish(server.url, job)
    assert state["state"] == "done"
    nifti = mask_of(
        requests.get(f"{server.url}/api/v1/jobs/{job}/mask").content, (facts["size"][2], facts["size"][1], facts["size"][0]))
    assert nifti.any() or not whole.is_dir()
    answer = requests.post(f"{server.url}/api/v1/jobs/{job}/dicomweb", params={"as": "dicom-seg"})
    assert answer.status_code == 201, answer.text
    data = archive.file(answer.json()["instance"])
    if nifti.any():
        assert (slices_of(pydicom.dcmread(io.BytesIO(data)), folder) == nifti).all()
        if highdicom:
            assert (by_highdicom(data, folder) == nifti).all()
    assert requests.post(f"{server.url}/api/v1/jobs/{job}x/dicomweb").status_code == 404
    delete(server, facts)


@orthanc
def test_nothing_of_a_patient_is_logged(pacs):
    archive, server = pacs
    for word in [PATIENT, "ID-4711", "19500102", "Doctor^Referring", "ID-47", *LOGIN.values()]:
        assert word not in server.log, word
    assert "object stored in the archive" in server.log
    assert f"GET {API}/series 200" in server.log


@orthanc
def test_a_wrong_password_is_said(pacs, inputs, series):
    archive, _ = pacs
    for login in [{**LOGIN, "MEDSEG_DICOMWEB_PASSWORD": "guessed"}, {"MEDSEG_DICOMWEB_TOKEN": "guessed"}, {}]:
        with running(inputs, "--dicomweb", archive.root, environment=login) as server:
            for answer in [requests.get(f"{server.url}{API}/series"), fetch(server, uids(series / "axial"))]:
                assert answer.status_code == 502 and "401" in answer.json()["detail"]
                assert "MEDSEG_DICOMWEB_USER" in answer.json()["detail"]
            assert "guessed" not in server.log and server.files() == ["studies"]
