"""DICOM through the server: series in by ZIP, form and file; masks out as NIfTI, segmentation and structure set."""

import gzip
import io
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import zipfile

import pytest
import requests

from harness import ROOT, TOKEN, finish, running, submit
from needs import needs

sys.path.insert(0, str(ROOT / "Tests/DICOM"))
np = pytest.importorskip("numpy")
pydicom = pytest.importorskip("pydicom")
from series import PATIENT, voxels, write  # noqa: E402

SEGMENTATION, LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"


def zipped(*folders, extra=()):
    """A ZIP of folders, each below its own name."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in folders:
            for file in sorted(folder.iterdir()):
                archive.write(file, f"{folder.name}/{file.name}")
        for name, content in extra:
            archive.writestr(name, content)
    return data.getvalue()


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    for kind in ["axial", "enhanced", "tilted"]:
        write(folder / kind, kind, voxels())
    return folder


@pytest.fixture(scope="module")
def server(inputs):
    with running(inputs, "--verbose") as server:
        yield server


def post(server, body, **query):
    return requests.post(f"{server.url}/api/v1/volumes", data=body, params=query)


def stored(server, facts):
    """A scan's voxels as they were made: slices, rows, columns."""
    answer = requests.get(f"{server.url}/api/v1/volumes/{facts['id']}/voxels")
    values = np.frombuffer(answer.content, {"int16": "<i2", "float32": "<f4"}[facts["voxel_type"]])
    return values.reshape(facts["size"]).transpose(2, 1, 0)


def delete(server, facts):
    assert requests.delete(f"{server.url}/api/v1/volumes/{facts['id']}").status_code == 204


def test_a_series_comes_as_zip_as_form_and_as_file(server, series):
    files = [("file", (file.name, file.read_bytes())) for file in sorted((series / "axial").iterdir())]
    answers = [
        post(server, zipped(series / "axial", extra=[("read me.txt", "no slice")])),
        requests.post(f"{server.url}/api/v1/volumes", files=files),
        post(server, (series / "enhanced/scan").read_bytes()),
    ]
    for answer in answers:
        assert answer.status_code == 201, answer.text
        facts = answer.json()
        assert facts["dicom"] is True and facts["size"] == [53, 45, 14]
        assert np.allclose(facts["spacing"], [1.25, 1.5, 2.5])
        assert (stored(server, facts) == voxels()).all()
        delete(server, facts)
    assert server.files() == ["studies"]


def test_several_volumes_are_listed_until_one_is_named(server, series, tmp_path):
    write(tmp_path / "other", "coronal", voxels(slices=9))
    body = zipped(series / "axial", tmp_path / "other")
    refused = post(server, body)
    assert refused.status_code == 422, refused.text
    volumes = refused.json()["volumes"]
    assert sorted(volume["shape"] for volume in volumes) == [[53, 45, 9], [53, 45, 14]]
    assert "series=INDEX" in refused.json()["detail"]
    for volume in volumes:
        chosen = post(server, body, series=volume["series"])
        assert chosen.status_code == 201 and chosen.json()["size"] == volume["shape"]
        delete(server, chosen.json())
    wrong = post(server, body, series=7)
    assert wrong.status_code == 422 and "series '7'" in wrong.json()["detail"] and len(wrong.json()["volumes"]) == 2
    assert post(server, body, seres=1).status_code == 400
    assert server.files() == ["studies"]


def test_masks_go_out_as_nifti_segmentation_and_structures(server, inputs, series):
    facts = post(server, zipped(series / "axial")).json()
    job = submit(server.url, facts["id"], inputs.model).json()["id"]
    assert finish(server.url, job)["state"] == "done"
    url = f"{server.url}/api/v1/jobs/{job}"
    # The mask of a series is that which `medseg predict` makes of it.
    out, _ = inputs.predict(series / "axial", "--format", "nii.gz")
    assert requests.get(f"{url}/mask").content == next(out.glob("*_mask.nii.gz")).read_bytes()
    # A mask that surely has voxels: one that a user drew.
    drawn = np.zeros((53, 45, 14), np.uint8)
    drawn[20:30, 10:22, 3:9] = 1
    source = {pydicom.dcmread(file).SOPInstanceUID for file in (series / "axial").iterdir()}
    objects = {}
    for form in ["dicom-seg", "dicom-labelmap", "rtstruct"]:
        own = requests.get(f"{url}/mask", params={"as": form})
        assert own.status_code == 200 and own.headers["content-type"] == "application/dicom", own.text
        answer = requests.post(
            f"{server.url}/api/v1/volumes/{facts['id']}/mask", params={"as": form, "model": inputs.model},
            data=gzip.compress(drawn.tobytes()))
        assert answer.status_code == 200, answer.text
        assert facts["id"][:12] in answer.headers["content-disposition"]
        objects[form] = pydicom.dcmread(io.BytesIO(answer.content))
        assert objects[form].PatientName == PATIENT and PATIENT.encode() in own.content
    binary, label_map = objects["dicom-seg"], objects["dicom-labelmap"]
    assert binary.SOPClassUID == SEGMENTATION and label_map.SOPClassUID == LABEL_MAP
    assert binary.SegmentSequence[0].SegmentLabel == "spleen" or inputs.model != "spleen_unet"
    frames = binary.pixel_array
    assert frames.sum() == drawn.sum() and frames.shape == (6, 45, 53)
    assert (frames == drawn.transpose(2, 1, 0)[3:9]).all()
    referred = {item.ReferencedSOPInstanceUID for item in binary.ReferencedSeriesSequence[0].ReferencedInstanceSequence}
    assert referred <= source and len(referred) == 6
    assert (label_map.pixel_array == drawn.transpose(2, 1, 0)).all()
    assert len(objects["rtstruct"].ROIContourSequence[0].ContourSequence) == 6
    nifti = requests.post(f"{server.url}/api/v1/volumes/{facts['id']}/mask", data=gzip.compress(drawn.tobytes()))
    assert (np.frombuffer(gzip.decompress(nifti.content), np.uint8)[-drawn.size:] == drawn.transpose(2, 1, 0).ravel()).all()
    # HEAD and GET leave nothing behind.
    assert requests.head(f"{url}/mask", params={"as": "rtstruct"}).status_code == 200
    delete(server, facts)
    assert server.files() == ["studies"]


def test_the_patients_name_is_in_dicom_objects_alone(server, inputs, series):
    said = []

    def ask(method, path, **options):
        answer = requests.request(method, server.url + path, **options)
        assert answer.ok, answer.text
        said.append(repr(dict(answer.headers)).encode() + answer.content)
        return answer

    facts = ask("POST", "/api/v1/volumes", data=zipped(series / "axial")).json()
    scan = f"/api/v1/volumes/{facts['id']}"
    job = ask("POST", "/api/v1/jobs", json={"volume": facts["id"], "model": inputs.model, "uncertainty": 2}).json()["id"]
    assert finish(server.url, job)["state"] == "done"
    for path in [
        "/api/v1/models", "/api/v1/volumes", scan, f"{scan}/concerns?model={inputs.model}", f"{scan}/voxels",
        f"/api/v1/jobs/{job}", f"/api/v1/jobs/{job}/report", f"/api/v1/jobs/{job}/voxels/mask", "/logs/?lines=1000",
    ]:
        ask("GET", path)
    for path in [f"/api/v1/jobs/{job}/mask", f"/api/v1/jobs/{job}/uncertainty/entropy", f"/session/{facts['id']}?image=true"]:
        said.append(gzip.decompress(ask("GET", path).content))
    broken = zipped(series / "axial", series / "tilted")
    said.append(post(server, broken).content)
    for file in server.scratch.rglob("*"):
        if file.is_file() and "dicom" not in file.parts:
            data = file.read_bytes()
            said.append(gzip.decompress(data) if file.suffix == ".gz" else data)
    said.append(server.log.encode())
    for word in [b"ZZZPATIENT", b"ID-4711", b"19500102", b"Doctor^Referring"]:
        assert not any(word in text for text in said), word
    delete(server, facts)


def test_what_cannot_be_used_is_refused_by_name(server, inputs, series, tmp_path):
    slices = sorted((series / "axial").iterdir())
    cut = [("file", ("x", file.read_bytes())) for file in slices]
    cut[3] = ("file", ("x", slices[3].read_bytes()[:-2000]))
    gap = [("file", ("x", file.read_bytes())) for file in slices if pydicom.dcmread(file).InstanceNumber != 7]
    refusals = [
        (requests.post(f"{server.url}/api/v1/volumes", files=cut), 400, "4.dcm"),
        (requests.post(f"{server.url}/api/v1/volumes", files=gap), 400, "missing"),
        (post(server, zipped(extra=[("notes.txt", "no DICOM")])), 400, "DICOM"),
        (post(server, zipped(extra=[("../../outside.dcm", "no")])), 400, "outside"),
        (post(server, zipped(series / "axial")[:-3000]), 400, "DICOM files cannot be used"),
        (post(server, inputs.scans[0].read_bytes(), series=1), 400, "for DICOM"),
    ]
    for answer, status, words in refusals:
        assert answer.status_code == status and words in answer.json()["detail"], answer.text
        assert str(server.scratch) not in answer.text
    filled = requests.post(f"{server.url}/api/v1/volumes", files=gap, params={"fill_gaps": "true"})
    assert filled.status_code == 201 and filled.json()["size"][2] == 14
    delete(server, filled.json())
    scan = post(server, inputs.scans[0].read_bytes()).json()
    assert scan["dicom"] is False
    body = gzip.compress(bytes(int(np.prod(scan["size"]))))
    answer = requests.post(f"{server.url}/api/v1/volumes/{scan['id']}/mask?as=dicom-seg", data=body)
    assert answer.status_code == 422 and "not uploaded as DICOM" in answer.json()["detail"]
    assert requests.post(f"{server.url}/api/v1/volumes/{scan['id']}/mask?as=stl", data=body).status_code == 400
    delete(server, scan)
    assert server.files() == ["studies"]
    assert server.process.poll() is None


def test_limits_of_the_process_that_reads(inputs, series):
    with running(inputs, "--max-voxels", "20000") as server:
        answer = post(server, zipped(series / "axial"))
        assert answer.status_code == 413 and "20000" in answer.json()["detail"]
    with running(inputs, "--max-disk", "1M") as server:
        # 64 MiB of zeros in 64 KiB.
        answer = post(server, zipped(series / "axial", extra=[("zeros", bytes(64 << 20))]))
        assert answer.status_code == 400 and "unpacks to more than" in answer.json()["detail"], answer.text
        assert "times its size" not in answer.text and str(server.scratch) not in answer.text
        assert server.files() == ["studies"]


# What a decoder may do to its process, and how that ends: it crashes, or takes 64 GiB of address space.
FAULTS = {
    "crash": ("abort();", "signal 6"),
    "memory": ("for (int n = 0; n < 1024; n++) if (!malloc((size_t)64 << 20)) abort();", "code 70"),
    "environment": ('if (!getenv("MEDSEG_TOKEN") && getenv("PATH")) abort();', "signal 6"),
}


def faulty(folder, code):
    """A library in place of MedSeg's own that does something else; the variable of the environment that names it."""
    source, library = folder / "fault.c", folder / "fault.so"
    source.write_text(
        "#include <signal.h>\n#include <stdio.h>\n#include <stdlib.h>\n"
        f"const void *medseg_dicom_library(void) {{ {code} return NULL; }}\n")
    subprocess.run(["cc", "-O0", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return {"MEDSEG_DICOM_LIBRARY": str(library)}


@needs("cc", shutil.which("cc") is not None)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_decoder_that_fails_costs_one_request(inputs, series, tmp_path, fault):
    code, end = FAULTS[fault]
    environment = {**faulty(tmp_path, code), "MEDSEG_TOKEN": TOKEN}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with running(inputs, environment=environment) as server:
        url = f"{server.url}/api/v1/volumes"
        answer = requests.post(url, data=zipped(series / "axial"), headers=headers)
        assert answer.status_code == 422 and end in answer.json()["detail"], answer.text
        scan = requests.post(url, data=inputs.scans[0].read_bytes(), headers=headers)
        assert scan.status_code == 201
        assert requests.delete(f"{url}/{scan.json()['id']}", headers=headers).status_code == 204
        assert server.files() == ["studies"]


# The second is deaf to the alarm that the process sets itself.
HANGS = {
    "hang": "for (;;);",
    "deaf": "sigset_t all; sigfillset(&all); sigprocmask(SIG_BLOCK, &all, NULL); for (;;);",
}


@needs("cc", shutil.which("cc") is not None)
@pytest.mark.parametrize("hang", HANGS)
def test_a_decoder_that_hangs_is_ended(inputs, series, tmp_path, hang):
    with running(inputs, "--dicom-seconds", "2", environment=faulty(tmp_path, HANGS[hang])) as server:
        start = time.monotonic()
        answer = post(server, zipped(series / "axial"))
        assert answer.status_code == 408 and "after 2 seconds" in answer.json()["detail"], answer.text
        assert 1.5 < time.monotonic() - start < 20
        assert children(server) == [] and server.files() == ["studies"]


@needs("cc", shutil.which("cc") is not None)
def test_what_a_decoder_writes_is_counted_as_it_comes(inputs, series, tmp_path):
    code = """
        static char data[8 << 20];
        for (int n = 0; n < 16; n++) {
            FILE *file = fopen((char[]){'a' + n, 0}, "w");
            if (file) { fwrite(data, 1, sizeof data, file); fclose(file); }
        }
        for (;;);"""
    with running(inputs, "--max-disk", "64M", environment=faulty(tmp_path, code)) as server:
        answer = post(server, zipped(series / "axial"))
        assert answer.status_code == 507 and "64 MiB" in answer.json()["detail"], answer.text
        # All of it is given back.
        scan = post(server, inputs.scans[1].read_bytes())
        assert scan.status_code == 201, scan.text
        delete(server, scan.json())
        assert server.files() == ["studies"]


def children(server):
    """The processes that a server has started and that run."""
    pid = server.process.pid
    lists = [task.joinpath("children").read_text() for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    return [int(child) for children in lists for child in children.split()]


def gone(child, seconds=10):
    """Whether a process ends within some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if pathlib.Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


@needs("cc or /proc", shutil.which("cc") is not None and pathlib.Path("/proc/self").exists())
@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_a_decoder_ends_with_its_server(inputs, series, tmp_path, how):
    body = zipped(series / "axial")
    with running(inputs, environment=faulty(tmp_path, HANGS["hang"])) as server:
        host, port = server.url.removeprefix("http://").split(":")
        client = socket.create_connection((host, int(port)))
        head = f"POST /api/v1/volumes HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        end = time.monotonic() + 20
        while not (found := children(server)):
            assert time.monotonic() < end
            time.sleep(0.05)
        # It is in the library by then, at the latest.
        time.sleep(0.5)
        [child] = found
        if how == "killed":
            server.kill()
        elif how == "stopped":
            start = time.monotonic()
            server.stop()
            assert time.monotonic() - start < 20
        assert gone(child), how
        client.close()


def test_names_in_a_zip_are_told_to_nobody(server, inputs, series):
    scout = pydicom.dcmread(sorted((series / "axial").iterdir())[0])
    del scout.PixelData
    scout.file_meta.MediaStorageSOPInstanceUID = scout.SOPInstanceUID = pydicom.uid.generate_uid()
    data = io.BytesIO()
    scout.save_as(data)
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for file in sorted((series / "axial").iterdir()):
            archive.write(file, f"DOE^JOHN/axial/{file.name}")
        archive.writestr("DOE^JOHN/scout/DOE one", data.getvalue())
        archive.writestr("DOE^JOHN/read me.txt", "no slice")
    answer = post(server, body.getvalue())
    assert answer.status_code == 201, answer.text
    facts = answer.json()
    assert facts["size"] == [53, 45, 14]
    assert any("eft out" in remark for remark in facts["remarks"]), facts
    job = submit(server.url, facts["id"], inputs.model).json()["id"]
    assert finish(server.url, job)["state"] == "done"
    said = [answer.text, requests.get(f"{server.url}/api/v1/jobs/{job}/report").text, server.log]
    said.append(requests.get(f"{server.url}/api/v1/volumes/{facts['id']}/concerns?model={inputs.model}").text)
    assert not any("DOE" in text for text in said)
    delete(server, facts)


def test_objects_say_how_a_mask_came_about(server, inputs, series):
    facts = post(server, zipped(series / "axial")).json()
    job = submit(server.url, facts["id"], inputs.model).json()["id"]
    assert finish(server.url, job)["state"] == "done"
    drawn = np.zeros((53, 45, 14), np.uint8)
    drawn[20:30, 10:22, 3:9] = 1
    body = gzip.compress(drawn.tobytes())
    url = f"{server.url}/api/v1/volumes/{facts['id']}/mask"

    def objects(ask):
        """The type of algorithm of a segmentation and of a structure set, and whether the model is named."""
        segmentation, structures = [
            pydicom.dcmread(io.BytesIO(ask(form).content)) for form in ["dicom-seg", "rtstruct"]]
        segment = segmentation.SegmentSequence[0]
        names = [inputs.model in f"{part}" for part in (segmentation, structures)]
        assert names[0] == names[1]
        assert ("SegmentAlgorithmName" in segment) == (segment.SegmentAlgorithmType != "MANUAL")
        return (segment.SegmentAlgorithmType, structures.StructureSetROISequence[0].ROIGenerationAlgorithm, names[0])

    def written(**query):
        return objects(lambda form: requests.post(url, params={"as": form, **query}, data=body))

    made = objects(lambda form: requests.get(f"{server.url}/api/v1/jobs/{job}/mask", params={"as": form}))
    assert made == ("AUTOMATIC", "AUTOMATIC", True)
    assert written(model=inputs.model) == ("SEMIAUTOMATIC", "SEMIAUTOMATIC", True)
    assert written(model=inputs.model, method="automatic") == ("AUTOMATIC", "AUTOMATIC", True)
    # A model names the classes of a mask that was drawn, and had no part in it.
    assert written(model=inputs.model, method="manual") == ("MANUAL", "MANUAL", False)
    assert written() == ("MANUAL", "MANUAL", False)
    assert requests.post(url, params={"method": "magic"}, data=body).status_code == 400
    # A body that is no mask of the scan is not even taken.
    assert requests.post(url, data=bytes(2 * drawn.size + 8192)).status_code == 413
    delete(server, facts)


def test_a_server_without_dcmtk_says_what_to_install(inputs, series):
    with running(inputs, environment={"MEDSEG_DICOM_LIBRARY": "/nowhere/libMedSegDICOM.so"}) as server:
        answer = post(server, zipped(series / "axial"))
        assert answer.status_code == 501 and "libdcmtk17" in answer.json()["detail"], answer.text
        assert requests.get(f"{server.url}/healthz").ok and server.files() == ["studies"]
