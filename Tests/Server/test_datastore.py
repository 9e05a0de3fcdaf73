"""The datastore of a running server: races, kills, disks that go and come, and a queue that is full."""

import concurrent.futures
import gzip
import json
import os
import shutil
import struct
import tempfile
import time

import pytest
import requests

from harness import Server, nifti, running, submit


@pytest.fixture()
def studies(tmp_path):
    folder = tmp_path / "studies"
    folder.mkdir()
    return folder


def scan(value):
    """A gzipped NIfTI file of one number."""
    return gzip.compress(nifti((8, 8, 8), struct.pack("<h", value) * 8**3), mtime=0)


def put_image(url, id, data):
    return requests.put(f"{url}/datastore/image", params={"image": id}, files={"file": ("a.nii.gz", data)})


def put_label(url, id, data, tag=None, **params):
    query = {"image": id, **({"tag": tag} if tag else {})}
    return requests.put(
        f"{url}/datastore/label", params=query, files={"label": ("l.nii.gz", data)}, data={"params": json.dumps(params)})


def objects(url):
    return requests.get(f"{url}/datastore/?output=all").json()["objects"]


def used(url):
    return requests.get(f"{url}/info").json()["disk"]["used_bytes"]


def test_a_race_for_one_id(inputs, studies):
    with running(inputs, "--studies", studies) as server:
        for round in range(5):
            with concurrent.futures.ThreadPoolExecutor(12) as pool:
                answers = list(pool.map(lambda k: (k, put_image(server.url, f"case{round}", scan(k)).status_code), range(12)))
            assert sorted(code for _, code in answers) == [200] + [409] * 11
            winner = next(k for k, code in answers if code == 200)
            stored = gzip.decompress(requests.get(f"{server.url}/datastore/image?image=case{round}").content)
            assert struct.unpack_from("<h", stored, 352)[0] == winner
        assert len([name for name in os.listdir(studies) if name.endswith(".nii.gz")]) == 5
        assert sorted(objects(server.url)) == [f"case{round}" for round in range(5)]
        # Labels that come at once: one at a time is saved, and one file is left.
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda k: put_label(server.url, "case0", scan(k % 2), who=k).status_code, range(12)))
        assert set(answers) <= {200, 409} and 200 in answers
        assert os.listdir(studies / "labels/final") == ["case0.nii.gz"]


def test_what_is_answered_is_kept_over_kills(inputs, studies):
    """A server that is killed among uploads has everything that it answered, and leaves no litter."""
    scratch = tempfile.mkdtemp(prefix="medseg-scratch-")
    kept, labelled = [], {}
    try:
        for round in range(4):
            server = Server(inputs, "--studies", studies, scratch=scratch)
            stop = time.monotonic() + 0.3 + 0.2 * round

            def work(k):
                done = []
                while time.monotonic() < stop + 1:
                    id = f"r{round}/{k}-{len(done)}"
                    try:
                        if put_image(server.url, id, scan(k)).status_code != 200:
                            break
                        done.append((id, None))
                        if put_label(server.url, id, scan(1), who=id).status_code == 200:
                            done[-1] = (id, id)
                    except requests.RequestException:
                        break
                return done

            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                running_work = [pool.submit(work, k) for k in range(4)]
                time.sleep(max(0, stop - time.monotonic()))
                server.kill()
                for result in running_work:
                    for id, who in result.result():
                        kept.append(id)
                        if who:
                            labelled[id] = who
        with running(inputs, "--studies", studies, scratch=scratch) as server:
            found = objects(server.url)
            assert set(kept) <= set(found) and len(kept) > 8
            for id, who in labelled.items():
                assert found[id]["labels"]["final"]["info"]["who"] == who
                assert requests.get(f"{server.url}/datastore/label", params={"label": id, "tag": "final"}).content == scan(1)
            assert not [path for path in studies.rglob(".*")]
            # Whatever was half-way is whole or not there.
            for id in found:
                assert requests.get(f"{server.url}/datastore/image", params={"image": id}).ok
                assert requests.delete(f"{server.url}/datastore/image", params={"id": id}).status_code in (200, 403)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def test_a_scan_that_is_moved_away_and_back(inputs, studies, tmp_path):
    (studies / "patient.nii.gz").write_bytes(scan(3))
    (studies / "other.nii.gz").write_bytes(scan(4))
    with running(inputs, "--studies", studies) as server:
        assert put_label(server.url, "patient", scan(1), who="dr x").ok
        os.rename(studies / "patient.nii.gz", tmp_path / "away")
        listed = {item["name"]: item for item in requests.get(f"{server.url}/api/v1/volumes").json()["volumes"]}
        assert listed["patient"]["missing"] and not listed["other"]["missing"]
        batch = requests.post(f"{server.url}/batch/infer/{inputs.model}?run_sync=true", json={}).json()
        assert batch["images"] == 1 and batch["missing"] == ["patient"]
        note = requests.put(f"{server.url}/datastore/image/info", params={"image": "other"}, data={"info": '{"a": 1}'})
        assert note.ok
        os.rename(tmp_path / "away", studies / "patient.nii.gz")
        assert objects(server.url)["patient"]["labels"]["final"]["info"]["who"] == "dr x"
        # A label put there by hand is found as well, and one of no image is reported.
        (studies / "labels/hand").mkdir()
        (studies / "labels/hand/other.nii.gz").write_bytes(scan(1))
        (studies / "labels/hand/nobody.nii.gz").write_bytes(scan(1))
        assert "hand" in objects(server.url)["other"]["labels"]
        assert "belong to no image" in server.log and "nobody" not in server.log


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs a second file system")
def test_scratch_on_another_disk(inputs, studies):
    scratch = tempfile.mkdtemp(prefix="medseg-scratch-", dir="/dev/shm")
    with running(inputs, "--studies", studies, scratch=scratch) as server:
        assert put_image(server.url, "ü" * 100, scan(5)).ok
        assert put_label(server.url, "ü" * 100, scan(1)).ok
        assert requests.get(f"{server.url}/datastore/label", params={"label": "ü" * 100}).content == scan(1)
        assert requests.delete(f"{server.url}/datastore/image", params={"id": "ü" * 100}).ok
        assert used(server.url) == 0


def test_a_batch_on_a_full_queue(inputs, studies):
    for k in range(3):
        shutil.copy(inputs.scans[1], studies / f"r{k}.nii.gz")
    with running(inputs, "--studies", studies, "--queue", "3") as server:
        volume = requests.get(f"{server.url}/api/v1/volumes").json()["volumes"][0]["id"]
        codes = [submit(server.url, volume, inputs.model, uncertainty=2).status_code for _ in range(6)]
        assert 202 in codes and 429 in codes
        answer = requests.post(f"{server.url}/batch/infer/{inputs.model}?images=all", json={})
        assert answer.json()["images"] == ["r0", "r1", "r2"]
        for _ in range(600):
            status = requests.get(f"{server.url}/batch/infer")
            if status.status_code == 404:
                break
            time.sleep(0.2)
        assert status.status_code == 404
        assert all("original" in entry["labels"] for entry in objects(server.url).values())
        last = requests.get(f"{server.url}/batch/infer?all=true").json()["batches"][-1]
        assert last["status"] == "DONE" and last["done"] == 3 and last["failed"] == []


def test_what_a_killed_server_at_another_port_left(inputs, tmp_path):
    server = Server(inputs, port=18101, cache=tmp_path)
    requests.post(f"{server.url}/api/v1/volumes", data=scan(1)).raise_for_status()
    server.kill()
    assert any(name.startswith("session-") for name in server.files())
    with running(inputs, port=18102, cache=tmp_path) as other:
        assert server.files() == []
        volume = requests.post(f"{other.url}/api/v1/volumes", data=scan(1)).json()["id"]
        # One that runs keeps its data.
        with running(inputs, port=18101, cache=tmp_path):
            assert requests.get(f"{other.url}/api/v1/volumes/{volume}").ok


def test_overlapping_folders(inputs, tmp_path):
    scans = tmp_path / "own/scans"
    scans.mkdir(parents=True)
    (scans / "mine.nii.gz").write_bytes(scan(1))
    (tmp_path / "link").symlink_to(tmp_path / "own")
    for scratch, folder in [("own", "own/scans"), ("own", "own"), ("link", "own/scans"), ("own/scans/deep", "link/scans")]:
        with pytest.raises(RuntimeError, match="overlap"):
            Server(inputs, "--studies", tmp_path / folder, scratch=tmp_path / scratch)
    assert (scans / "mine.nii.gz").exists() and os.listdir(tmp_path / "own") == ["scans"]
