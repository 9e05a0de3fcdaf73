"""The real `monailabel` client of PyPI against the server; results are those of `medseg predict`."""

import gzip
import json
import pathlib
import shutil

import pytest
import requests
from monailabel.client import MONAILabelClient
from monailabel.client.client import MONAILabelClientException

from harness import TOKEN, medseg, running


@pytest.fixture()
def server(inputs, tmp_path):
    studies = tmp_path / "studies"
    studies.mkdir()
    shutil.copy(inputs.scans[0], studies / "alpha.nii.gz")
    shutil.copy(inputs.scans[1], studies / "beta.nii.gz")
    with running(inputs, "--studies", studies) as server:
        yield server


@pytest.fixture()
def client(server, tmp_path):
    return MONAILabelClient(server.url, tmpdir=str(tmp_path), client_id="test")


def test_info(inputs, client):
    info = client.info()
    model = info["models"][inputs.model]
    assert model["type"] == "segmentation" and model["dimension"] == 3 and list(model["labels"].values()) == [1]
    assert set(info["strategies"]) == {"random", "first", "uncertainty"}
    assert info["datastore"] == {"total": 2, "completed": 0, "label_tags": {}}
    # Slicer would convert the user's text to the type of this value, and 0.5 to no int.
    assert model["config"]["min_volume_ml"] == "0"
    assert info["trainers"] == {} and info["labels"] == list(model["labels"])
    assert not client.auth_enabled()


def test_infer_equals_predict(inputs, client):
    for name, scan in zip(["alpha", "beta"], inputs.scans):
        path, params = client.infer(inputs.model, name, {})
        assert pathlib.Path(path).read_bytes() == inputs.mask(scan)
        assert list(params["label_names"].values()) == [1]


def test_infer_of_a_file_and_of_a_session(inputs, server, client):
    expected = inputs.mask(inputs.scans[1])
    path, _ = client.infer(inputs.model, "", {}, file=str(inputs.scans[1]))
    assert pathlib.Path(path).read_bytes() == expected
    session = client.create_session(str(inputs.scans[1]))["session_id"]
    assert client.get_session(session)["expiry"] > 0
    path, _ = client.infer(inputs.model, "", {}, session_id=session)
    assert pathlib.Path(path).read_bytes() == expected
    client.remove_session(session)
    with pytest.raises(MONAILabelClientException):
        client.get_session(session)
    assert not any(name.startswith("session-") for name in server.files())


def test_outputs(inputs, server):
    url = f"{server.url}/infer/{inputs.model}?image=beta&output="
    # MONAI Label's clients send keys of their own, which are not refused.
    form = {"params": (None, '{"device": "cuda", "zzz": 3}')}
    assert requests.post(url + "image", files=form).content == inputs.mask(inputs.scans[1])
    answer = requests.post(url + "json", files=form).json()
    assert answer["label_names"] and answer["ignored"] == ["zzz"]
    table = {"params": (None, '{"uncertainty": "0", "largest_component": "false", "min_volume_ml": "0.5"}')}
    assert requests.post(url + "json", files=table).status_code == 200
    for params in ['{"uncertanty": 3}', '{"result_extension": ".dcm"}', '{"result_dtype": "float32"}']:
        refused = requests.post(url + "json", files={"params": (None, params)})
        assert refused.status_code == 400 and params.split('"')[1] in refused.text
    assert requests.post(url + "dicom_seg", files=form).status_code == 400


def test_other_formats(inputs, server, tmp_path):
    """A scan in another format is taken by its content, and a mask comes in the one that is asked for."""
    medseg("data", "convert", inputs.scans[1], tmp_path / "scan.nrrd")
    plain = (tmp_path / "scan.nrrd").read_bytes()
    sent = requests.put(f"{server.url}/datastore/?image=from-slicer", files={"file": ("x", plain)})
    assert sent.status_code == 200, sent.text
    assert requests.get(f"{server.url}/datastore/image?image=from-slicer").content == plain
    url = f"{server.url}/infer/{inputs.model}?image=from-slicer&output=image"
    masks = {}
    for ending in [".nrrd", "mha", ".nii.gz"]:
        answer = requests.post(url, files={"params": (None, json.dumps({"result_extension": ending}))})
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Disposition"].rstrip('"').endswith(ending.lstrip("."))
        file = tmp_path / f"mask.{ending.lstrip('.')}"
        file.write_bytes(answer.content)
        medseg("data", "convert", file, tmp_path / f"{file.name}.nii")
        masks[ending] = (tmp_path / f"{file.name}.nii").read_bytes()[352:]
    assert masks[".nrrd"] == masks["mha"] == masks[".nii.gz"] and any(masks["mha"])
    saved = requests.post(url, files={"params": (None, '{"result_extension": ".nrrd", "save_label": true}')})
    assert saved.status_code == 200, saved.text
    label = requests.get(f"{server.url}/datastore/label", params={"label": "from-slicer", "tag": "original"})
    assert label.content.startswith(b"NRRD")
    assert requests.delete(f"{server.url}/datastore/?id=from-slicer").status_code == 200


def test_upload_download_and_labels(inputs, server, client, tmp_path):
    uploaded = client.upload_image(str(inputs.scans[1]), "a patient/with ümlaut & more")["image"]
    assert uploaded == "a patient/with ümlaut & more"
    image = requests.get(f"{server.url}/datastore/image", params={"image": uploaded})
    assert image.content == inputs.scans[1].read_bytes()
    assert "/" not in image.headers["content-disposition"].split("filename=")[1]
    mask, _ = client.infer(inputs.model, uploaded, {})
    saved = client.save_label(uploaded, mask, params={"label_info": [{"name": "spleen", "idx": 1}]})
    assert saved == {"image": uploaded, "label": uploaded}
    back = client.download_label(uploaded, "final")
    assert back.endswith(".nii.gz") and pathlib.Path(back).read_bytes() == pathlib.Path(mask).read_bytes()
    entry = client.datastore()["objects"][uploaded]
    assert entry["labels"]["final"]["info"]["label_info"][0]["name"] == "spleen"
    assert client.info()["datastore"]["completed"] == 1
    with pytest.raises(MONAILabelClientException):
        client.upload_image(str(inputs.scans[1]), uploaded)
    with pytest.raises(MONAILabelClientException):
        client.save_label("alpha", mask)  # another image's grid
    url = f"{server.url}/datastore"
    assert requests.head(f"{url}/image", params={"image": uploaded}).ok
    assert requests.put(f"{url}/label/info", params={"label": uploaded}, data={"info": '{"reviewed": true}'}).json()["reviewed"]
    assert requests.put(f"{url}/image/info", params={"image": uploaded}, data={"info": '{"note": 1}'}).json()["note"] == 1
    assert requests.delete(f"{url}/label", params={"id": uploaded, "tag": "final"}).ok
    assert requests.head(f"{url}/label", params={"label": uploaded, "tag": "final"}).status_code == 404
    assert requests.delete(f"{url}/image", params={"id": "alpha"}).status_code == 403
    assert requests.delete(f"{url}/image", params={"id": uploaded}).ok
    assert uploaded not in client.datastore()["objects"]


def test_saved_by_inference(inputs, server, client):
    client.infer(inputs.model, "beta", {"save_label": True})
    label = client.download_label("beta", "original")
    assert pathlib.Path(label).read_bytes() == inputs.mask(inputs.scans[1])
    assert client.datastore()["objects"]["beta"]["labels"]["original"]["info"]["params"]["label_names"]


def test_next_sample(inputs, client):
    assert client.next_sample("first", {})["id"] == "alpha"
    assert client.next_sample("random", {})["id"] in ("alpha", "beta")
    scores = {}
    for name in ["alpha", "beta"]:
        _, params = client.infer(inputs.model, name, {"uncertainty": 3})
        scores[name] = params["report"]["uncertainty_score"]
    most = max(scores, key=scores.get)
    sample = client.next_sample("uncertainty", {})
    assert sample["id"] == most and sample["weight"] == pytest.approx(scores[most])
    assert sample["name"] == f"{most}.nii.gz"
    # A finished label takes a scan out of the question.
    for name in [most, "alpha", "beta"]:
        path, _ = client.infer(inputs.model, name, {})
        client.save_label(name, path)
    assert client.next_sample("uncertainty", {}) == {}
    with pytest.raises(MONAILabelClientException):
        client.next_sample("clairvoyance", {})


def test_datastore_outlives_the_server(inputs, tmp_path):
    studies = tmp_path / "studies"
    studies.mkdir()
    with running(inputs, "--studies", studies) as server:
        MONAILabelClient(server.url).upload_image(str(inputs.scans[1]), "kept")
    with running(inputs, "--studies", studies) as server:
        assert list(MONAILabelClient(server.url).datastore()["objects"]) == ["kept"]


def test_batch(inputs, server, client):
    answer = requests.post(f"{server.url}/batch/infer/{inputs.model}?images=unlabeled", json={"save_label": True})
    assert answer.json()["images"] == ["alpha", "beta"]
    for _ in range(600):
        if client.info()["datastore"]["label_tags"].get("original") == 2:
            break
        __import__("time").sleep(0.2)
    assert pathlib.Path(client.download_label("alpha", "original")).read_bytes() == inputs.mask(inputs.scans[0])


def test_training_is_refused_politely(client, server):
    assert client.train_status(check_if_running=True) is False
    with pytest.raises(MONAILabelClientException):
        client.train_start("any", {})
    assert client.train_stop()["status"] == "NOT RUNNING"
    assert requests.get(f"{server.url}/logs/").ok and requests.get(f"{server.url}/logs/gpu").text.strip()


def test_token(inputs, tmp_path):
    with running(inputs, "--token", TOKEN) as server:
        client = MONAILabelClient(server.url, tmpdir=str(tmp_path))
        assert client.auth_enabled()
        with pytest.raises(MONAILabelClientException):
            client.info()
        with pytest.raises(MONAILabelClientException):
            client.auth_token("anybody", "wrong")
        client.update_auth(client.auth_token("anybody", TOKEN))
        assert client.auth_valid_token()
        assert client.info()["models"]
        path, _ = client.infer(inputs.model, "", {}, file=str(inputs.scans[1]))
        assert gzip.decompress(pathlib.Path(path).read_bytes())
        assert client.info()["models"]
