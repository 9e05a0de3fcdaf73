"""DICOMweb: series out of an archive and masks into it, with a real Orthanc; and archives that do what they should not."""

import gzip
import io
import json
import shutil
import subprocess
import sys
import threading
import time

import pytest
import requests

from archive import LOGIN, PROGRAM, RELATED, Crank, Orthanc, related, started
from harness import BUILD, ROOT, SHARED, finish, running, submit
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
API = "/api/v1/dicomweb"
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


def header(folder):
    return pydicom.dcmread(next(folder.iterdir()), stop_before_pixels=True)


def uids(folder):
    found = header(folder)
    return {"study": found.StudyInstanceUID, "series": found.SeriesInstanceUID}


def listed(server, **query):
    answer = requests.get(f"{server.url}{API}/series", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def fetch(server, body, **query):
    return requests.post(f"{server.url}{API}/volumes", json=body, params=query)


def delete(server, facts):
    assert requests.delete(f"{server.url}/api/v1/volumes/{facts['id']}").status_code == 204
    assert server.files() == ["studies"]


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


# MARK: - Archives that do what they should not


@pytest.fixture(scope="module")
def crank(inputs):
    """An archive that does as it is told, and a server before it that waits 3 seconds."""
    with started(Crank()) as archive:
        with running(
                inputs, "--verbose", "--dicomweb", archive.root, "--dicomweb-seconds", "3", "--max-body", "8M",
                environment={"MEDSEG_DICOMWEB_TOKEN": "open-sesame"}) as server:
            yield archive, server


def silent(handler):
    handler.server.ended.wait(20)


def trickling(handler):
    handler.say(200, b"[", RELATED if "studies" in handler.path else "application/dicom+json")
    while not handler.server.ended.wait(0.2):
        handler.wfile.write(b" ")


def endless(handler, kind="application/dicom+json", start=b"[", more=b"1," * 50_000):
    handler.say(200, start, kind)
    while not handler.server.ended.is_set():
        handler.wfile.write(more)


def raw(data):
    return lambda handler: handler.wfile.write(data)


def saying(*arguments, **options):
    return lambda handler: handler.say(*arguments, **options)


LISTS = {
    "no HTTP": (raw(b"\0\1\2 garbage \xff\n" * 100), 502, "no HTTP"),
    "nothing": (raw(b""), 502, "no HTTP, or nothing"),
    "a page": (saying(200, b"<html>PATIENT</html>", "text/html"), 502, "no DICOM in JSON"),
    "no JSON": (saying(200, b'[{"00100010": PATIENT'), 502, "no DICOM in JSON"),
    "an object": (saying(200, b'{"00100010": "PATIENT"}'), 502, "no DICOM in JSON"),
    "deep JSON": (saying(200, b"[" * 100_000), 502, "no DICOM in JSON"),
    "no UIDs": (saying(200, b'[{"00100010": {"vr": "PN", "Value": [{"Alphabetic": "PATIENT"}]}}]'), 502, "no DICOM in JSON"),
    "an error": (saying(500, b"PATIENT"), 502, "answers 500"),
    "no such root": (saying(404, b"PATIENT"), 502, "root of its DICOMweb"),
    "too much": (endless, 502, "more than 8388608 bytes"),
    "too long": (saying(200, b"", Content_Length="99999999"), 502, "more than 8388608 bytes"),
    "cut off": (saying(200, b"[", Content_Length="5000"), 502, "cut off"),
    "never": (silent, 504, "not end within 3 seconds"),
    "slowly": (trickling, 504, "not end within 3 seconds"),
}


@pytest.mark.parametrize("fault", LISTS)
def test_lists_that_are_none(crank, fault):
    archive, server = crank
    archive.answer, status, words = LISTS[fault]
    start = time.monotonic()
    answer = requests.get(f"{server.url}{API}/series")
    assert answer.status_code == status and words in answer.json()["detail"], answer.text
    assert time.monotonic() - start < 20
    assert "PATIENT" not in answer.text and "PATIENT" not in server.log and "open-sesame" not in server.log
    # Nothing is stuck: the next is answered.
    archive.answer = saying(204)
    assert listed(server) == {"series": [], "more": False}


def test_credentials_go_to_the_archive_alone(crank):
    archive, server = crank
    with started(Crank()) as other:
        for status in [301, 302, 303, 307, 308]:
            archive.answer = saying(status, Location=f"{other.root}/series")
            answer = requests.get(f"{server.url}{API}/series")
            assert answer.status_code == 502 and f"answers {status}, which sends elsewhere" in answer.json()["detail"]
        assert other.seen == []
    assert archive.seen[-1][2]["Authorization"] == "Bearer open-sesame"


def test_what_was_not_asked_for_is_left_out(crank):
    archive, server = crank

    def one(patient, modality="CT"):
        return {
            "0020000D": {"vr": "UI", "Value": ["1.2.3"]}, "0020000E": {"vr": "UI", "Value": ["1.2.4"]},
            "00080060": {"vr": "CS", "Value": [modality]}, "00100020": {"vr": "LO", "Value": [patient]},
            "00201209": {"vr": "IS", "Value": ["12"]}, "0008103E": {"vr": "LO"}}

    archive.answer = saying(200, json.dumps([one("A"), one("B"), one("A", "MR"), one("A")]).encode())
    found = listed(server, patient_id="A", modality="CT", limit=1)
    assert found == {"more": True, "series": [
        {"study": "1.2.3", "series": "1.2.4", "modality": "CT", "description": None, "images": 12}]}
    assert "PatientID=A" in archive.seen[-1][1] and "limit=2" in archive.seen[-1][1]
    assert listed(server, study="1.2.9")["series"] == []
    archive.answer = saying(204)
    listed(server, patient_id="a&b=c/é +")
    assert "PatientID=a%26b%3Dc%2F%C3%A9%20%2B&" in archive.seen[-1][1]


def slice_of(series, **changes):
    """A slice as bytes, with other values of some attributes."""
    file = pydicom.dcmread(sorted(series.iterdir())[0])
    for name, value in changes.items():
        setattr(file, name, value)
    data = io.BytesIO()
    file.save_as(data)
    return data.getvalue()


def test_series_that_are_none(crank, series):
    archive, server = crank
    one = slice_of(series / "axial")
    folder = series / "coronal"
    other = [file.read_bytes() for file in folder.iterdir()]
    for answer, status, words in [
        (saying(200, one, "application/dicom"), 502, "no multipart/related"),
        (saying(200, related(one), "multipart/related; type=x"), 502, "no multipart/related"),
        (saying(200, related(one, kind="text/plain"), RELATED), 502, "part 1 of the archive's answer is no DICOM"),
        (saying(200, related(one, b"short"), RELATED), 502, "part 2 of the archive's answer is no DICOM"),
        (saying(200, related(one, bytes(5000)), RELATED), 502, "part 2 of the archive's answer is no DICOM"),
        (saying(200, related(one, end=False), RELATED), 502, "cut off"),
        (saying(200, related(one)[:-3000], RELATED, Content_Length=str(len(related(one)))), 502, "cut off"),
        (saying(200, b"--X--\r\n", RELATED), 502, "holds no file"),
        (saying(200, bytes(20_000), RELATED), 502, "damaged"),
        (saying(200, b"--X\r\n" + b"a" * 20_000, RELATED), 502, "damaged"),
        (lambda handler: endless(handler, RELATED, related(one, end=False), bytes(100_000)), 502, "more than 8388608 bytes"),
        (saying(404), 404, "no such series"), (saying(406), 502, "answers 406"), (silent, 504, "within 3 seconds"),
        (trickling, 504, "within 3 seconds"),
        # The files of another series than the one that was asked for.
        (saying(200, related(*other), RELATED), 422, "is none of the 1 volumes"),
    ]:
        archive.answer = answer
        refused = fetch(server, uids(series / "axial"))
        assert refused.status_code == status and words in refused.json()["detail"], (words, refused.text)
        assert server.files() == ["studies"], words
    assert server.process.poll() is None and PATIENT not in server.log
    archive.answer = saying(200, related(*other), RELATED)
    delete(server, fetch(server, uids(folder)).json())


FAILED = {
    "00081198": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2"]}, "00081197": {"vr": "US", "Value": [0xA900]}}]},
    "00081199": {"vr": "SQ"}}
KEPT = {"00081199": {"vr": "SQ", "Value": [
    {"00081155": {"vr": "UI", "Value": ["1.2.3"]}, "00081196": {"vr": "US", "Value": [0xB000]}}]}}


def test_an_object_that_is_not_taken_is_no_success(crank, inputs, series):
    archive, server = crank
    archive.answer = saying(200, related(*[file.read_bytes() for file in (series / "axial").iterdir()]), RELATED)
    facts = fetch(server, uids(series / "axial")).json()
    url = f"{server.url}/api/v1/volumes/{facts['id']}/dicomweb"
    body = gzip.compress(bytes([1]) + bytes(53 * 45 * 14 - 1))
    for answer, status, words in [
        (saying(409, json.dumps(FAILED).encode()), 502, "reason A900H, the data set does not match its class"),
        (saying(200, json.dumps({**KEPT, **{"00081198": FAILED["00081198"]}}).encode()), 502, "A900H"),
        (saying(200, b"{}"), 502, "does not say that it keeps"), (saying(200, b"ok", "text/plain"), 502, "does not say"),
        (saying(400, json.dumps(KEPT).encode()), 502, "answers 400"), (saying(403), 502, "credentials"),
        (saying(413), 502, "answers 413"), (silent, 504, "within 3 seconds"), (raw(b"x"), 502, "archive"),
    ]:
        archive.answer = answer
        refused = requests.post(url, data=body)
        assert refused.status_code == status and words in refused.json()["detail"], (words, refused.text)
    bodies = []

    def keep(handler):
        bodies.append(handler.body)
        handler.say(202, json.dumps(KEPT).encode())

    archive.answer = keep
    kept = requests.post(url, data=body)
    assert kept.status_code == 201 and kept.json()["instance"] == "1.2.3"
    assert any("B000H, elements were changed" in remark for remark in kept.json()["remarks"])
    command, path, headers = archive.seen[-1]
    assert (command, path) == ("POST", "/dicom-web/studies")
    boundary = headers["Content-Type"].split("boundary=")[1]
    (start, part, end) = bodies[0].split(f"--{boundary}".encode())
    head, file = part.split(b"\r\n\r\n", 1)
    assert start == b"" and end == b"--\r\n" and head == b"\r\nContent-Type: application/dicom"
    assert pydicom.dcmread(io.BytesIO(file)).Modality == "SEG"
    delete(server, facts)


def test_a_long_series_goes_to_the_disk_and_not_to_memory(inputs, series):
    """Parts of 400 MB in all, as fast as the connection goes; and more parts than a series has."""
    part = bytes(128) + b"DICM" + bytes(10_000_000)

    def long(handler):
        handler.say(200, b"", RELATED)
        for _ in range(40):
            handler.wfile.write(related(part, end=False))
        handler.wfile.write(b"--X--\r\n")

    with started(Crank()) as archive:
        archive.answer = long
        with running(inputs, "--dicomweb", archive.root) as server:
            before = server.memory()
            refused = fetch(server, uids(series / "axial"))
            assert refused.status_code in (400, 422), refused.text
            assert server.memory() - before < 120
            archive.answer = saying(200, related(*[bytes(128) + b"DICM"] * 20_001), RELATED)
            refused = fetch(server, uids(series / "axial"))
            assert refused.status_code == 502 and "more than 20000 parts" in refused.json()["detail"], refused.text
            assert server.files() == ["studies"]


def test_clients_take_turns_and_are_told_when_there_are_too_many(inputs):
    with started(Crank()) as archive:
        archive.answer = silent
        with running(inputs, "--dicomweb", archive.root, "--dicomweb-seconds", "4", "--queue", "4") as server:
            statuses = []

            def ask():
                statuses.append(requests.get(f"{server.url}{API}/series").status_code)

            clients = [threading.Thread(target=ask) for _ in range(8)]
            for client in clients:
                client.start()
                time.sleep(0.05)
            end = time.monotonic() + 3
            while statuses.count(429) < 4 and time.monotonic() < end:
                time.sleep(0.05)
            # One is asked, three wait, which is a client's share of four.
            assert statuses == [429] * 4
            archive.ended.set()
            for client in clients:
                client.join()
            assert sorted(statuses)[:4] == [429] * 4 and len(archive.seen) == 4


def test_a_server_without_an_archive_says_so(inputs):
    with running(inputs) as server:
        assert requests.get(f"{server.url}/api/v1/models").json()["dicomweb"] is False
        for method, path in [
            ("GET", f"{API}/series"), ("POST", f"{API}/volumes"), ("POST", "/api/v1/jobs/1/dicomweb"),
            ("POST", "/api/v1/volumes/1/dicomweb"),
        ]:
            answer = requests.request(method, server.url + path)
            assert answer.status_code == 501 and "--dicomweb" in answer.json()["detail"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing")
def test_certificates_are_those_that_are_named(inputs, tmp_path):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "ca.pem"],
        check=True, capture_output=True)
    both = tmp_path / "both.pem"
    both.write_text((tmp_path / "key.pem").read_text() + (tmp_path / "ca.pem").read_text())
    with started(Crank(certificate=both)) as archive:
        archive.answer = saying(204)
        with running(inputs, "--dicomweb", archive.root) as server:
            answer = requests.get(f"{server.url}{API}/series")
            assert answer.status_code == 502 and "certificate is not trusted" in answer.json()["detail"], answer.text
            assert archive.seen == []
        with running(inputs, "--dicomweb", archive.root, environment={"MEDSEG_DICOMWEB_CA": str(tmp_path / "ca.pem")}) as server:
            assert listed(server)["series"] == []


def refused_start(inputs, address, tmp_path, **environment):
    outcome = subprocess.run(
        [str(BUILD / "medseg-server"), "--models", str(inputs.models), "--scratch", str(tmp_path / "scratch"), "--port", "0",
         "--device", "cpu", "--dicomweb", address], capture_output=True, text=True, env={**environment}, timeout=60)
    assert outcome.returncode == 64, outcome
    return outcome.stderr


def test_an_address_or_login_that_cannot_be_meant_is_refused(inputs, tmp_path):
    (tmp_path / "no.pem").write_text("no certificate")
    for address, environment, words in [
        ("ftp://host/x", {}, ["should be the root"]), ("pacs", {}, ["should be the root"]),
        ("http://host/x?y=1", {}, ["without a query"]), ("http://user:hidden@host/x", {}, ["holds credentials"]),
        ("https://host", {"MEDSEG_DICOMWEB_USER": "hidden"}, ["go together"]),
        ("https://host", {"MEDSEG_DICOMWEB_PASSWORD": "hidden"}, ["go together"]),
        ("https://host", {"MEDSEG_DICOMWEB_TOKEN": "hidden\nX: y"}, ["visible ASCII"]),
        ("https://host", {**LOGIN, "MEDSEG_DICOMWEB_TOKEN": "hidden"}, ["set one way"]),
        ("https://host", {"MEDSEG_DICOMWEB_CA": str(tmp_path / "no.pem")}, ["certificates in PEM"]),
        ("http://user:hidden@host/x", {"MEDSEG_DICOMWEB_USER": "hidden:", "MEDSEG_DICOMWEB_CA": "/nowhere"},
         ["holds credentials", "go together", "no colon", "certificates in PEM", "is for an archive at https"]),
    ]:
        said = refused_start(inputs, address, tmp_path, **environment)
        for word in words:
            assert word in said, (address, said)
        assert "hidden" not in said
    with running(inputs, "--dicomweb", "http://pacs.example/dicom-web", environment=LOGIN) as server:
        assert "plain http to another machine: scans, and the credentials," in server.log
        answer = requests.get(f"{server.url}{API}/series")
        assert answer.status_code == 502 and "cannot be reached" in answer.json()["detail"], answer.text
    with started(Crank()) as archive:
        archive.answer = saying(204)
        with running(inputs, "--dicomweb", archive.root, environment=LOGIN) as server:
            assert "plain http" not in server.log
