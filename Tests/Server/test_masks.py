"""Masks that people correct: written as files, kept as labels of the datastore, and shown again."""

import gzip
import shutil
import time

import pytest
import requests

from harness import running, upload


@pytest.fixture(scope="module")
def server(inputs, tmp_path_factory):
    studies = tmp_path_factory.mktemp("studies")
    shutil.copy(inputs.scans[1], studies / "beta.nii.gz")
    with running(inputs, "--studies", studies) as server:
        server.studies = studies
        yield server


def scan(server):
    [volume] = requests.get(f"{server.url}/api/v1/volumes").json()["volumes"]
    facts = requests.get(f"{server.url}/api/v1/volumes/{volume['id']}").json()
    return facts, volume, facts["size"][0] * facts["size"][1] * facts["size"][2]


def test_a_corrected_mask_becomes_a_label_and_is_shown_again(server, inputs):
    facts, volume, count = scan(server)
    assert volume["labels"] == []
    voxels = bytearray(count)
    voxels[100:200] = b"\1" * 100
    address = f"{server.url}/api/v1/volumes/{facts['id']}/labels/final"
    answer = requests.put(address, params={"model": inputs.model}, data=gzip.compress(bytes(voxels)))
    assert answer.status_code == 200, answer.text
    # `requests` decompresses, as a browser does.
    assert requests.get(f"{address}/voxels").content == bytes(voxels)
    assert scan(server)[1]["labels"] == ["final"]
    assert (server.studies / "labels/final/beta.nii.gz").is_file()
    # MONAI Label's clients see it too.
    info = requests.get(f"{server.url}/datastore/label/info?label=beta&tag=final").json()
    assert info["model"] == inputs.model and info["corrected"] is True
    assert requests.get(f"{address.replace('final', 'other')}/voxels").status_code == 404
    # A label is not replaced by accident.
    drawn = gzip.compress(b"\2" + bytes(count - 1))
    refused = requests.put(address, data=drawn)
    assert refused.status_code == 409 and "replace=true" in refused.json()["detail"]
    assert requests.get(f"{address}/voxels").content == bytes(voxels)
    listing = f"{server.url}/api/v1/volumes/{facts['id']}/labels"
    label = {"tag": "final", "model": inputs.model, "method": "semiautomatic", "missing": False}
    assert requests.get(listing).json() == {"labels": [label]}
    assert requests.put(address, params={"replace": "true"}, data=drawn).status_code == 200
    assert requests.get(f"{address}/voxels").content[0] == 2
    assert requests.get(listing).json() == {"labels": [{**label, "model": None, "method": "manual"}]}


def test_voxels_of_another_number_or_kind_are_refused(server, inputs):
    facts, _, count = scan(server)
    address = f"{server.url}/api/v1/volumes/{facts['id']}"
    for body in [gzip.compress(bytes(count - 1)), gzip.compress(bytes(count + 1)), bytes(count), b""]:
        for answer in [requests.post(f"{address}/mask", data=body), requests.put(f"{address}/labels/x", data=body)]:
            assert answer.status_code in (400, 411) and ("gzip" in answer.text or "Content-Length" in answer.text), answer.text
    whole = gzip.compress(bytes(count))
    assert requests.post(f"{address}/mask?model=none", data=whole).status_code == 404
    assert requests.put(f"{address}/labels/%00", data=whole).status_code == 400
    own = upload(server.url, inputs.scans[1])
    assert requests.put(f"{server.url}/api/v1/volumes/{own}/labels/final", data=whole).status_code == 404
    requests.delete(f"{server.url}/api/v1/volumes/{own}")


def test_downloads_are_named_by_their_scan_and_leave_nothing(server, inputs):
    facts, _, count = scan(server)
    before = server.files()
    address = f"{server.url}/api/v1/volumes/{facts['id']}/mask"
    answer = requests.post(address, params={"as": "nifti", "model": inputs.model}, data=gzip.compress(bytes(count)))
    assert answer.status_code == 200
    assert f"{facts['id'][:12]}_mask.nii.gz" in answer.headers["content-disposition"]
    assert gzip.decompress(answer.content)[-count:] == bytes(count)
    # The file goes once the answer has been sent, which may be after it has come.
    for _ in range(100):
        if server.files() == before:
            return
        time.sleep(0.05)
    raise AssertionError(server.files())
