"""DICOMweb with archives that do what they should not, and with none."""

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

from archive import API, LOGIN, RELATED, Crank, delete, fetch, listed, related, started, uids
from harness import BUILD, ROOT, running, wait_for
from needs import needs

sys.path.insert(0, str(ROOT / "Tests/DICOM"))
pytest.importorskip("numpy")
pydicom = pytest.importorskip("pydicom")
from series import PATIENT, voxels, write  # noqa: E402


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    for kind in ["axial", "coronal"]:
        write(folder / kind, kind, voxels())
    return folder


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
    "no HTTP": (raw(b"\0\1\2 garbage \xff\n" * 100), 502, "not HTTP"),
    "nothing": (raw(b""), 502, "empty or not HTTP"),
    "a page": (saying(200, b"<html>PATIENT</html>", "text/html"), 502, "not DICOM in JSON"),
    "no JSON": (saying(200, b'[{"00100010": PATIENT'), 502, "not DICOM in JSON"),
    "an object": (saying(200, b'{"00100010": "PATIENT"}'), 502, "not DICOM in JSON"),
    "deep JSON": (saying(200, b"[" * 100_000), 502, "not DICOM in JSON"),
    "no UIDs": (saying(200, b'[{"00100010": {"vr": "PN", "Value": [{"Alphabetic": "PATIENT"}]}}]'), 502, "not DICOM in JSON"),
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
            assert answer.status_code == 502 and f"answers {status}, a redirection" in answer.json()["detail"]
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
        (saying(200, one, "application/dicom"), 502, "not multipart/related"),
        (saying(200, related(one), "multipart/related; type=x"), 502, "not multipart/related"),
        (saying(200, related(one, kind="text/plain"), RELATED), 502, "part 1 of the archive's answer is not a DICOM"),
        (saying(200, related(one, b"short"), RELATED), 502, "part 2 of the archive's answer is not a DICOM"),
        (saying(200, related(one, bytes(5000)), RELATED), 502, "part 2 of the archive's answer is not a DICOM"),
        (saying(200, related(one, end=False), RELATED), 502, "cut off"),
        (saying(200, related(one)[:-3000], RELATED, Content_Length=str(len(related(one)))), 502, "cut off"),
        (saying(200, b"--X--\r\n", RELATED), 502, "contains no file"),
        (saying(200, bytes(20_000), RELATED), 502, "damaged"),
        (saying(200, b"--X\r\n" + b"a" * 20_000, RELATED), 502, "damaged"),
        (lambda handler: endless(handler, RELATED, related(one, end=False), bytes(100_000)), 502, "more than 8388608 bytes"),
        (saying(404), 404, "no such series"), (saying(406), 502, "answers 406"), (silent, 504, "within 3 seconds"),
        (trickling, 504, "within 3 seconds"),
        # The files of another series than the one that was asked for.
        (saying(200, related(*other), RELATED), 422, "is not one of the 1 volumes"),
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
        (saying(200, b"{}"), 502, "does not confirm that it stored"), (saying(200, b"ok", "text/plain"), 502, "does not confirm"),
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
            # So many files are deleted after the answer.
            wait_for(lambda: server.files() == ["studies"])


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


@needs("openssl", shutil.which("openssl") is not None)
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
        ("http://host/x?y=1", {}, ["without a query"]), ("http://user:hidden@host/x", {}, ["contains credentials"]),
        ("https://host", {"MEDSEG_DICOMWEB_USER": "hidden"}, ["needed together"]),
        ("https://host", {"MEDSEG_DICOMWEB_PASSWORD": "hidden"}, ["needed together"]),
        ("https://host", {"MEDSEG_DICOMWEB_TOKEN": "hidden\nX: y"}, ["visible ASCII"]),
        ("https://host", {**LOGIN, "MEDSEG_DICOMWEB_TOKEN": "hidden"}, ["set only one"]),
        ("https://host", {"MEDSEG_DICOMWEB_CA": str(tmp_path / "no.pem")}, ["certificates in PEM"]),
        ("http://user:hidden@host/x", {"MEDSEG_DICOMWEB_USER": "hidden:", "MEDSEG_DICOMWEB_CA": "/nowhere"},
         ["contains credentials", "needed together", "not contain a colon", "certificates in PEM", "needs an https address"]),
    ]:
        said = refused_start(inputs, address, tmp_path, **environment)
        for word in words:
            assert word in said, (address, said)
        assert "hidden" not in said
    with running(inputs, "--dicomweb", "http://pacs.example/dicom-web", environment=LOGIN) as server:
        assert "plain http to another machine: scans and the credentials" in server.log
        answer = requests.get(f"{server.url}{API}/series")
        assert answer.status_code == 502 and "cannot be reached" in answer.json()["detail"], answer.text
    with started(Crank()) as archive:
        archive.answer = saying(204)
        with running(inputs, "--dicomweb", archive.root, environment=LOGIN) as server:
            assert "plain http" not in server.log
