"""The REST API: results, queue, limits, access, and a server that is killed."""

import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import zlib

import pytest
import requests

from harness import BUILD, ROOT, SHARED, TOKEN, Server, finish, nifti, running, submit, upload


@pytest.fixture(scope="module")
def server(inputs):
    with running(inputs) as server:
        yield server


def test_results_equal_predict(inputs, server):
    for scan in inputs.scans:
        volume = upload(server.url, scan)
        job = submit(server.url, volume, inputs.model)
        assert job.status_code == 202
        state = finish(server.url, job.json()["id"])
        assert state["state"] == "done", state
        mask = requests.get(f"{server.url}/api/v1/jobs/{state['id']}/mask")
        assert mask.content == inputs.mask(scan)
        facts = requests.get(f"{server.url}/api/v1/volumes/{volume}").json()
        voxels = requests.get(f"{server.url}/api/v1/volumes/{volume}/voxels").content
        assert len(voxels) == 2 * facts["size"][0] * facts["size"][1] * facts["size"][2]
        labels = requests.get(f"{server.url}/api/v1/jobs/{state['id']}/voxels/mask").content
        assert len(labels) == len(voxels) // 2
        assert sum(1 for byte in labels if byte == 1) == state["report"]["labels"][0]["voxels"]


def test_uncertainty_maps(inputs, server):
    volume = upload(server.url, inputs.scans[1])
    job = submit(server.url, volume, inputs.model, uncertainty=3, probabilities=True).json()["id"]
    state = finish(server.url, job)
    assert state["state"] == "done", state
    maps = {entry["kind"]: entry["maximum"] for entry in state["report"]["uncertainty_maps"]}
    assert set(maps) == {"mean", "variance", "entropy", "mutual_information"}
    assert 0 < maps["variance"] <= 0.34 and 0 < maps["mean"] <= 1
    for kind in maps:
        assert requests.get(f"{server.url}/api/v1/jobs/{job}/uncertainty/{kind}").content[:2] == b"\x1f\x8b"
        assert max(requests.get(f"{server.url}/api/v1/jobs/{job}/voxels/uncertainty/{kind}").content) == 255
    assert requests.get(f"{server.url}/api/v1/jobs/{job}/probabilities/1").ok
    for path in ["probabilities/0", "probabilities/99", "probabilities/x", "uncertainty/none", "uncertainty/..%2fmask"]:
        assert requests.get(f"{server.url}/api/v1/jobs/{job}/{path}").status_code == 404


def test_report_and_maps_equal_predict(inputs, server):
    scan = inputs.scans[1]
    out, stem = inputs.predict(scan, "--uncertainty", "3", "--seed", "5", "--report")
    volume = upload(server.url, scan)
    job = submit(server.url, volume, inputs.model, uncertainty=3, seed=5).json()["id"]
    finish(server.url, job)
    ours = requests.get(f"{server.url}/api/v1/jobs/{job}/report").json()
    theirs = json.loads((out / f"{stem}_report.json").read_text())
    assert ours.keys() == theirs.keys()
    for key in ours.keys() - {"scan", "model", "seconds"}:
        assert ours[key] == theirs[key], key
    assert ours["scan"] == volume and ours["model"] == inputs.model
    valid = requests.get(f"{server.url}/api/v1/jobs/{job}/uncertainty/validity").content
    assert sum(gzip.decompress(valid)[352:]) == ours["uncertainty"]["valid_voxels"]
    for kind in ["mean", "variance", "entropy", "mutual_information", "validity"]:
        map = requests.get(f"{server.url}/api/v1/jobs/{job}/uncertainty/{kind}").content
        assert map == (out / f"{stem}_uncertainty_{kind}.nii.gz").read_bytes(), kind
    # The page's voxels tell what was not evaluated from what is certain.
    bytes = requests.get(f"{server.url}/api/v1/jobs/{job}/voxels/uncertainty/entropy").content
    assert sum(byte > 0 for byte in bytes) == ours["uncertainty"]["valid_voxels"]
    plain = submit(server.url, volume, inputs.model).json()["id"]
    assert "uncertainty" not in finish(server.url, plain)["report"]
    assert requests.get(f"{server.url}/api/v1/jobs/{plain}/uncertainty/validity").status_code == 404


def test_queue_place_and_cancel(inputs, server):
    volume = upload(server.url, inputs.scans[0])
    jobs = [submit(server.url, volume, inputs.model, uncertainty=5).json() for _ in range(3)]
    assert [job["place"] for job in jobs[1:]] == [1, 2]
    url = f"{server.url}/api/v1/jobs"
    assert requests.delete(f"{url}/{jobs[1]['id']}").status_code == 204
    assert requests.get(f"{url}/{jobs[1]['id']}").json()["state"] == "cancelled"
    assert requests.get(f"{url}/{jobs[2]['id']}").json()["place"] == 1
    assert requests.delete(f"{url}/{jobs[0]['id']}").status_code == 204
    assert finish(server.url, jobs[0]["id"])["state"] == "cancelled"
    assert requests.get(f"{url}/{jobs[0]['id']}/mask").status_code == 409
    requests.delete(f"{url}/{jobs[2]['id']}")
    assert finish(server.url, jobs[2]["id"])["state"] == "cancelled"


def test_a_client_that_goes_takes_its_job_along(inputs):
    with running(inputs) as server:
        session = requests.put(f"{server.url}/session/", files={"files": inputs.scans[0].read_bytes()}).json()["session_id"]
        form = {"params": (None, '{"uncertainty": 100}')}
        with pytest.raises(requests.ReadTimeout):
            requests.post(f"{server.url}/infer/{inputs.model}?session_id={session}", files=form, timeout=3)
        for _ in range(100):
            if "job cancelled" in server.log:
                break
            time.sleep(0.1)
        assert "job cancelled" in server.log


def test_deleting_a_scan_deletes_what_came_of_it(inputs, server):
    before = server.files()
    volume = upload(server.url, inputs.scans[1])
    job = submit(server.url, volume, inputs.model).json()["id"]
    finish(server.url, job)
    assert requests.delete(f"{server.url}/api/v1/volumes/{volume}").status_code == 204
    assert requests.get(f"{server.url}/api/v1/volumes/{volume}").status_code == 404
    assert requests.get(f"{server.url}/api/v1/jobs/{job}").status_code == 404
    assert server.files() == before


BAD_SCANS = {
    "nothing": b"", "text": b"not a scan", "half a header": nifti([4, 4, 4])[:200],
    "no voxels": nifti([4, 4, 4]), "cut gzip": gzip.compress(nifti([8, 8, 8], os.urandom(1024)))[:400],
    "huge": nifti([32000, 32000, 32000]), "negative": nifti([4, -4, 4], bytes(128)),
    "two dimensions": nifti([4, 4], bytes(32)), "four dimensions": nifti([4, 4, 4, 3], bytes(384)),
    "colour": nifti([4, 4, 4], bytes(192), 128, 24), "not a number": nifti([2, 2, 2], b"\xff" * 32, 16, 32),
    "offset": nifti([4, 4, 4], bytes(128), offset=3e9), "offset nan": nifti([4, 4, 4], bytes(128), offset=float("nan")),
}


@pytest.mark.parametrize("name", BAD_SCANS)
def test_bad_scans_are_refused(server, name):
    before = server.files()
    answer = requests.post(f"{server.url}/api/v1/volumes", data=BAD_SCANS[name])
    assert 400 <= answer.status_code < 500, answer.text
    assert len(answer.json()["detail"]) > 20
    assert str(server.scratch) not in answer.text
    assert server.files() == before


def bomb(mebibytes):
    """Zeros behind the header of a small scan, gzipped a thousand to one."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [squeeze.compress(nifti([64, 64, 64]))]
    block = bytes(1 << 20)
    parts += [squeeze.compress(block) for _ in range(mebibytes)]
    return b"".join(parts) + squeeze.flush()


def test_gzip_bomb(server):
    before = server.memory()
    start = time.monotonic()
    answer = requests.post(f"{server.url}/api/v1/volumes", data=bomb(2000))
    assert answer.status_code == 400, answer.text
    assert server.memory() - before < 200
    assert time.monotonic() - start < 60


def test_cut_off_upload_leaves_nothing(server):
    before = server.files()
    host, port = server.url.removeprefix("http://").split(":")
    for kind in ["application/octet-stream", "multipart/form-data; boundary=x"]:
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(
                f"POST /api/v1/volumes HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: {kind}\r\n"
                "Content-Length: 100000000\r\n\r\n".encode())
            if "multipart" in kind:
                connection.sendall(b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n')
            connection.sendall(bytes(5_000_000))
    for _ in range(100):
        if server.files() == before:
            break
        time.sleep(0.1)
    assert server.files() == before


def test_too_large_a_body_is_refused_before_it_is_read(inputs):
    with running(inputs, "--max-body", "1M") as server:
        answer = requests.post(f"{server.url}/api/v1/volumes", data=bytes(2 << 20))
        assert answer.status_code == 413
        assert requests.post(f"{server.url}/api/v1/jobs", data="[" * (2 << 20)).status_code == 413


def test_limits_of_queue_and_sessions_and_time(inputs):
    with running(inputs, "--queue", "1", "--sessions", "2", "--job-seconds", "0.5") as server:
        volume = upload(server.url, inputs.scans[0])
        upload(server.url, inputs.scans[1])
        third = requests.post(f"{server.url}/api/v1/volumes", data=inputs.scans[1].read_bytes())
        assert third.status_code == 429
        jobs = [submit(server.url, volume, inputs.model, uncertainty=200) for _ in range(4)]
        assert [job.status_code for job in jobs].count(429) >= 2
        state = finish(server.url, jobs[0].json()["id"])
        assert state["state"] == "failed" and "0" in state["error"], state


def test_sessions_expire(inputs):
    with running(inputs, "--session-seconds", "1") as server:
        volume = upload(server.url, inputs.scans[1])
        time.sleep(20)
        assert requests.get(f"{server.url}/api/v1/volumes/{volume}").status_code == 404
        assert [name for name in server.files() if name != "studies"] == []


def test_wrong_requests(inputs, server):
    post = lambda body: requests.post(f"{server.url}/api/v1/jobs", data=body).status_code
    assert post(b"{") == 400
    assert post(b"[]") == 400
    assert post(b"{}") == 400
    volume = upload(server.url, inputs.scans[1])
    assert submit(server.url, volume, "no such model").status_code == 404
    assert inputs.model in submit(server.url, volume, inputs.model[:-1]).json()["detail"]
    assert submit(server.url, "0" * 32, inputs.model).status_code == 404
    for passes in [1, -1, 201, "many", 2.5]:
        assert submit(server.url, volume, inputs.model, uncertainty=passes).status_code == 400
    for seed in [-1, 2**63, "many"]:
        assert submit(server.url, volume, inputs.model, seed=seed).status_code == 400
    for body in [{"uncertanty": 3}, {"Uncertainty": 3}, {"uncertainty": 3, "x": None}]:
        refused = submit(server.url, volume, inputs.model, **body)
        unknown = next(key for key in body if key != "uncertainty")
        assert refused.status_code == 400 and f"'{unknown}'" in refused.json()["detail"], refused.text
        assert "uncertainty, seed, largest_component, fill_holes, probabilities" in refused.json()["detail"]
    assert requests.get(f"{server.url}/nowhere").status_code == 404
    assert requests.get(f"{server.url}/nowhere").json()["detail"]


TRICKS = ["../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "....//etc/passwd", "index.html%00",
          "/etc/passwd", "%c0%ae%c0%ae/etc/passwd", "a" * 5000]


@pytest.mark.parametrize("trick", TRICKS)
def test_path_tricks(server, trick):
    host, port = server.url.removeprefix("http://").split(":")
    for prefix in ["/static/", "/session/", "/api/v1/jobs/", "/api/v1/volumes/", "/model/", "/datastore/image?image=",
                   "/datastore/label?tag=final&label=", "/"]:
        with socket.create_connection((host, int(port))) as connection:
            # Plain sockets: libraries would tidy the address.
            connection.sendall(f"GET {prefix}{trick} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while block := connection.recv(65536):
                answer += block
        assert b"root:" not in answer
        assert answer.split(b" ")[1][:1] == b"4", answer[:200]


def test_the_page_of_another_site_cannot_use_the_server(server):
    url = f"{server.url}/api/v1/models"
    assert requests.get(url, headers={"Host": "evil.example"}).status_code == 403
    assert requests.get(url, headers={"Origin": "http://evil.example"}).status_code == 403
    assert requests.get(url, headers={"Origin": server.url}).status_code == 200
    policy = requests.get(server.url).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy


def test_token(inputs):
    with running(inputs, "--host", "0.0.0.0", environment={"MEDSEG_TOKEN": TOKEN}) as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        assert requests.get(f"{url}/info/").status_code == 401
        assert requests.get(f"{url}/api/v1/models").status_code == 401
        assert requests.get(f"{url}/logs/").status_code == 401
        assert requests.get(f"{url}/", allow_redirects=False).headers["Location"] == "/login"
        assert requests.get(f"{url}/login").status_code == 200
        wrong = {"Authorization": f"Bearer {TOKEN[:-1]}0"}
        assert requests.get(f"{url}/info/", headers=wrong).status_code == 401
        assert requests.get(f"{url}/info/", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        browser = requests.Session()
        assert browser.post(f"{url}/login", data={"token": "wrong"}).url.endswith("/login?failed")
        assert browser.post(f"{url}/login", data={"token": TOKEN}).status_code == 200
        assert browser.get(f"{url}/api/v1/models").status_code == 200
        cookie = next(iter(browser.cookies))
        assert cookie.has_nonstandard_attr("HttpOnly")
        browser.post(f"{url}/logout")
        assert browser.get(f"{url}/api/v1/models").status_code == 401
        assert TOKEN not in server.log


def test_no_token_no_network(inputs):
    with pytest.raises(RuntimeError, match="needs a token"):
        Server(inputs, "--host", "0.0.0.0", environment={"MEDSEG_TOKEN": ""})


def test_logs_hold_no_patient(inputs):
    with running(inputs, "--verbose") as server:
        body = {"file": ("Mueller_Erika_1950.nii.gz", inputs.scans[1].read_bytes())}
        requests.put(f"{server.url}/datastore/?image=Mueller_Erika", files=body).raise_for_status()
        requests.put(f"{server.url}/session/", files={"files": body["file"]}).raise_for_status()
        requests.post(f"{server.url}/infer/{inputs.model}?image=Mueller_Erika", files={"params": (None, "{}")}).raise_for_status()
        requests.get(f"{server.url}/datastore/image?image=Mueller_Erikaa")
        assert "job done" in server.log
        assert re.search(r"^\S+ debug GET /datastore/image 404 \d+\.\d ms$", server.log, re.MULTILINE), server.log
        assert "Mueller" not in server.log and "1950" not in server.log
        assert "Mueller" not in requests.get(f"{server.url}/logs/").text
        assert server.stop() == 0
        # One line says where the server is; the others are its own, and none is a library's.
        lines = server.log.splitlines()
        assert sum(line.startswith("medseg-server: http://") for line in lines) == 1
        ours = r"\S+Z (debug (GET|PUT|POST) /\S* \d+ \S+ ms|info job \w+ .*)|medseg-server: http://.*"
        assert [line for line in lines if not re.fullmatch(ours, line)] == []


def test_killed_in_the_middle(inputs):
    """A server that is killed while it computes serves nothing of it later, and its data is gone."""
    scratch = tempfile.mkdtemp(prefix="medseg-scratch-")
    studies = tempfile.mkdtemp(prefix="medseg-studies-")
    try:
        shutil.copy(inputs.scans[1], f"{studies}/kept.nii.gz")
        server = Server(inputs, "--studies", studies, scratch=scratch)
        volume = upload(server.url, inputs.scans[0])
        # A client that waits for the answer learns of the end by the connection.
        ended = []

        def infer():
            try:
                requests.post(f"{server.url}/infer/{inputs.model}?image=kept", files={"params": (None, '{"save_label": true}')})
            except requests.ConnectionError:
                ended.append(True)

        job = submit(server.url, volume, inputs.model, uncertainty=50).json()["id"]
        waiting = threading.Thread(target=infer)
        waiting.start()
        while requests.get(f"{server.url}/api/v1/jobs/{job}").json()["progress"] < 0.05:
            time.sleep(0.05)
        server.kill()
        waiting.join()
        assert ended == [True]
        assert any(name.startswith("session-") for name in server.files())
        # What an unfinished write of a label would leave.
        os.makedirs(f"{studies}/labels", exist_ok=True)
        open(f"{studies}/labels/.half.nii.gz.part", "wb").write(b"half")

        server = Server(inputs, "--studies", studies, scratch=scratch)
        try:
            assert server.files() == []
            assert not os.path.exists(f"{studies}/labels/.half.nii.gz.part")
            for path in [f"jobs/{job}", f"jobs/{job}/mask", f"volumes/{volume}", f"volumes/{volume}/voxels"]:
                assert requests.get(f"{server.url}/api/v1/{path}").status_code == 404
            objects = requests.get(f"{server.url}/datastore/?output=all").json()["objects"]
            assert list(objects) == ["kept"] and objects["kept"]["labels"] == {}
            again = upload(server.url, inputs.scans[1])
            assert finish(server.url, submit(server.url, again, inputs.model).json()["id"])["state"] == "done"
        finally:
            assert server.stop() == 0
        assert server.files() == []
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.rmtree(studies, ignore_errors=True)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_two_servers_do_not_share_a_port(inputs, tmp_path):
    port = free_port()
    with running(inputs, port=port, cache=tmp_path):
        with pytest.raises(RuntimeError, match=f"port {port} is in use by another medseg-server.*--port.*--scratch"):
            Server(inputs, port=port, cache=tmp_path)
        # A folder of its own does not free the port.
        with pytest.raises(RuntimeError, match=f"port {port} of 127.0.0.1 is in use by another program.*--port"):
            Server(inputs, port=port, scratch=tmp_path / "mine")
        assert not (tmp_path / "mine").exists()
    # The server made the folder in the cache, and takes it with it.
    assert not (tmp_path / "medseg-server").exists()


def test_a_failed_start_leaves_nothing(inputs, tmp_path):
    with pytest.raises(RuntimeError, match="is not a folder"):
        Server(inputs, "--studies", tmp_path / "nowhere", cache=tmp_path)
    assert not (tmp_path / "medseg-server").exists()


def test_two_servers_do_not_share_a_folder(inputs, server):
    with pytest.raises(RuntimeError, match="is in use by another medseg-server.*--scratch"):
        Server(inputs, scratch=server.scratch)
    with pytest.raises(RuntimeError, match="overlap"):
        Server(inputs, scratch=inputs.models)


def test_the_help_shows_every_limit():
    text = " ".join(subprocess.run([BUILD / "medseg-server", "--help"], capture_output=True, text=True, check=True).stdout.split())
    rows = re.findall(r"^\| (.+) \| (\w+) \|$", (ROOT / "docs/limits.md").read_text(), re.MULTILINE)
    rows = [row for row in rows if row != ("limit", "value")]
    assert len(rows) > 40
    assert [row for row in rows if " {}: {} ".format(*row) not in text + " "] == []


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared scans")
def test_concerns(inputs, server):
    def topics(path):
        volume = upload(server.url, SHARED / "data" / path)
        answer = requests.get(f"{server.url}/api/v1/volumes/{volume}/concerns", params={"model": inputs.model}).json()
        return {(concern["topic"], concern["level"]) for concern in answer["concerns"]}

    assert not any(level == "warning" for _, level in topics("ct_spleen/torso_3mm/ct.nii.gz"))
    assert ("intensity", "warning") in topics("mr_brain/colin27/t1.nii.gz")
