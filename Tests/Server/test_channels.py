"""A model of several channels: as many scans of a case in one form, in the model's order."""

import gzip
import json
import random
import struct

import pytest
import requests

from harness import Inputs, finish, medseg, nifti, running, submit, upload

TRAINING = """
data: {data}
validation: 0
iterations: 3
labels: {{"1": "bright"}}
network_def: {{_target_: UNet, spatial_dims: 3, in_channels: 2, out_channels: 2, channels: [4, 8], strides: [2]}}
preprocessing: {{}}
roi_size: [8, 8, 8]
optimizer: {{learning_rate: 0.02}}
"""
EDGE = 12


def scan(seed, edge=EDGE, spacing=(1, 1, 1), origin=(0, 0, 0)):
    """A scan of noise that says where it lies."""
    draw = random.Random(seed)
    voxels = [draw.randint(0, 100) for _ in range(edge**3)]
    file = bytearray(nifti((edge,) * 3, struct.pack(f"<{edge**3}h", *voxels), spacing=spacing))
    struct.pack_into("<hh", file, 252, 0, 1)
    for axis in range(3):
        row = [0.0] * 4
        row[axis], row[3] = spacing[axis], origin[axis]
        struct.pack_into("<4f", file, 280 + 16 * axis, *row)
    return bytes(file)


@pytest.fixture(scope="module")
def case():
    """Inputs with a model of two channels beside the usual one, and the two scans of a case."""
    inputs = Inputs()
    data = inputs.folder / "pairs"
    data.mkdir()
    for name, file in [("a_t1", scan(1)), ("a_t2", scan(2))]:
        (data / f"{name}.nii.gz").write_bytes(gzip.compress(file))
    label = struct.pack(f"<{EDGE**3}h", *[index % 2 for index in range(EDGE**3)])
    (data / "label.nii.gz").write_bytes(gzip.compress(nifti((EDGE,) * 3, label)))
    training = [{"image": ["a_t1.nii.gz", "a_t2.nii.gz"], "label": "label.nii.gz"}]
    (data / "label.nii.gz").write_bytes(gzip.compress(scan(1)[:352] + label))
    (data / "dataset.json").write_text(json.dumps(
        {"modality": {"0": "T1", "1": "T2"}, "labels": {"1": "bright"}, "training": training}))
    (data / "config.yaml").write_text(TRAINING.format(data=data))
    medseg("train", data / "config.yaml", "--out", data / "run", "--device", "cpu", "--quiet")
    (data / "run/model").rename(inputs.models / "pair")
    inputs.case = [data / "a_t1.nii.gz", data / "a_t2.nii.gz"]
    yield inputs
    inputs.remove()


@pytest.fixture(scope="module")
def server(case):
    with running(case) as server:
        yield server


def send(url, files):
    return requests.post(f"{url}/api/v1/volumes", files=[("file", (str(n), file)) for n, file in enumerate(files)])


def send_named(url, files):
    return requests.post(f"{url}/api/v1/volumes", files=[("file", file) for file in files])


def mask(url, volume):
    state = finish(url, submit(url, volume, "pair").json()["id"])
    assert state["state"] == "done", state
    return requests.get(f"{url}/api/v1/jobs/{state['id']}/mask").content


def test_masks_are_those_of_predict_in_the_given_order(case, server):
    for files in [case.case, case.case[::-1]]:
        out = case.folder / "predicted"
        medseg("predict", *files, "--model", case.models / "pair", "--out", out, "--device", "cpu", "--quiet", "--force")
        answer = send(server.url, [file.read_bytes() for file in files])
        assert answer.status_code == 201 and answer.json()["channels"] == 2, answer.text
        found = mask(server.url, answer.json()["id"])
        expected = list(out.glob("*_mask.nii.gz"))
        assert found == expected[0].read_bytes()
        assert len(expected) == 1
        expected[0].unlink()
    models = {model["name"]: model for model in requests.get(f"{server.url}/api/v1/models").json()["models"]}
    assert models["pair"]["channels"] == 2 and models[case.model]["channels"] == 1


def test_numbers_in_file_names_give_the_order(case, server):
    first, second = (file.read_bytes() for file in case.case)
    expected = mask(server.url, send(server.url, [first, second]).json()["id"])
    for files, is_moved in [
        ([("c_0000.nii.gz", first), ("c_0001.nii.gz", second)], False),
        ([("c_0001.nii.gz", second), ("c_0000.nii.gz", first)], True),
        ([("/etc/passwd/ä_0001.nii.gz", second), ("../ä_0000.nii.gz", first)], True),
        ([("t1.nii.gz", first), ("c_0000.nii.gz", second)], False),
    ]:
        answer = send_named(server.url, files)
        assert answer.status_code == 201, answer.text
        volume = answer.json()["id"]
        assert mask(server.url, volume) == expected, files[0][0]
        concerns = requests.get(f"{server.url}/api/v1/volumes/{volume}/concerns?model=pair").json()["concerns"]
        assert any("order of the files' numbers" in concern["message"] for concern in concerns) == is_moved


def test_numbers_of_several_cases_are_refused(case, server):
    first, second = (file.read_bytes() for file in case.case)
    for names in [("c_000_0000.nii.gz", "c_001_0001.nii.gz"), ("c_0001.nii.gz", "c_0001.nii.gz")]:
        answer = send_named(server.url, list(zip(names, (first, second))))
        assert answer.status_code == 400 and "scans of several cases" in answer.json()["detail"], answer.text
        assert "c_0" not in answer.text and "/dev" not in answer.text


def test_another_number_of_scans_is_refused(case, server):
    files = [file.read_bytes() for file in case.case]
    three = send(server.url, [*files, files[0]])
    assert three.status_code == 400 and "the form has 3 scans" in three.json()["detail"], three.text
    assert "take 1 or 2 for a case" in three.json()["detail"]
    one = submit(server.url, upload(server.url, case.case[0]), "pair")
    assert one.status_code == 422 and "'pair' takes 2 scans of a case together" in one.json()["detail"], one.text
    assert "POST /api/v1/volumes" in one.json()["detail"]
    two = submit(server.url, send(server.url, files).json()["id"], case.model)
    assert two.status_code == 422 and "takes one scan, but 2 were sent" in two.json()["detail"], two.text
    mixed = send(server.url, [files[0], b"no scan at all"])
    assert mixed.status_code == 400 and "file 1 of the form is a whole scan" in mixed.json()["detail"], mixed.text


def test_grids_that_differ_are_resampled_or_refused_by_channel(case, server):
    first = case.case[0].read_bytes()
    coarse = send(server.url, [first, scan(3, edge=6, spacing=(2, 2, 2))])
    assert coarse.status_code == 201, coarse.text
    concerns = requests.get(f"{server.url}/api/v1/volumes/{coarse.json()['id']}/concerns?model=pair").json()["concerns"]
    assert any(concern["message"].startswith("channel 1: ") and "resampled" in concern["message"] for concern in concerns)
    assert len(mask(server.url, coarse.json()["id"])) > 0
    apart = send(server.url, [first, scan(4, origin=(500, 0, 0))])
    assert apart.status_code == 400 and apart.json()["detail"].startswith("channel 1 cannot be used"), apart.text
    assert "scan_1" not in apart.text and str(server.scratch) not in apart.text


def test_all_channels_are_deleted_with_the_case(case, server):
    volume = send(server.url, [file.read_bytes() for file in case.case]).json()["id"]
    folder = f"session-{volume}"
    assert sum(name.startswith(f"{folder}/scan") for name in server.files()) == 2
    assert requests.delete(f"{server.url}/api/v1/volumes/{volume}").status_code == 204
    assert not any(name.startswith(folder) for name in server.files())
