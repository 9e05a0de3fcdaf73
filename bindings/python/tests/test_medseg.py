"""Holds the Python package to `medseg predict`. Tests/Library/run.sh says where model, scan and masks lie."""

import copy
import json
import os
import pathlib
import shutil
import subprocess
import threading

import nibabel
import numpy as np
import pytest

import medseg

MODEL = os.environ["MEDSEG_TEST_MODEL"]
PROGRAM = os.environ["MEDSEG_TEST_PROGRAM"]
SHARED = pathlib.Path(os.environ["MEDSEG_TEST_SHARED"])


def read(path):
    image = nibabel.load(path)
    return image.get_fdata(dtype=np.float32), image.affine


def mask_of_program(tmp_path, *arguments):
    """What `medseg predict` makes of the same."""
    subprocess.run([PROGRAM, "predict", *map(str, arguments), "--device", "cpu", "--format", "nii.gz", "--quiet",
                    "--out", str(tmp_path)], check=True, stdout=subprocess.DEVNULL)
    (path,) = tmp_path.glob("*_mask.nii.gz")
    return np.asarray(nibabel.load(path).dataobj)


@pytest.fixture(scope="module")
def model():
    return medseg.load(MODEL, "cpu")


@pytest.fixture(scope="module")
def scan():
    return read(os.environ["MEDSEG_TEST_SCAN"])


def test_mask_is_that_of_the_program_and_of_c(model, scan):
    result = model.predict(*scan)
    for name in ("MEDSEG_TEST_MASK", "MEDSEG_TEST_C_MASK"):
        assert np.array_equal(result.mask, np.asarray(nibabel.load(os.environ[name]).dataobj)), name
    assert np.allclose(result.affine, scan[1])
    # Axes that were swapped or turned round would be seen.
    assert set(np.unique(result.mask)) == {0, 1}
    assert not any(np.array_equal(result.mask, np.flip(result.mask, axis)) for axis in range(3))
    assert result.mask.dtype == np.uint8 and result.mask.shape == scan[0].shape
    assert not result.has_regions and len(result.maps) == 1


def test_volumes_are_those_of_the_mask(model, scan):
    result = model.predict(*scan)
    (label,) = result.labels
    inside = result.mask == 1
    assert label.number == 1 and label.voxels == inside.sum()
    assert label.volume_ml == pytest.approx(inside.sum() * abs(np.linalg.det(scan[1])) / 1000, rel=1e-5)
    assert result.volumes == {label.name: label.volume_ml}
    assert result.report["labels"][0]["voxels"] == label.voxels
    if inside.any():
        assert label.mean_intensity == pytest.approx(scan[0][inside].mean(), rel=1e-4)


def test_probability_is_above_a_half_inside(model, scan):
    result = model.predict(*scan)
    assert np.array_equal(result.probability(1) > result.probability(0), result.mask == 1)
    with pytest.raises(medseg.MedSegError, match="label of the result, not 7"):
        result.probability(7)


def test_layout_and_type_of_an_array_do_not_matter(model, scan):
    voxels = np.round(scan[0]).astype(np.int16)
    expected = model.predict(voxels, scan[1]).mask
    for other in (np.asfortranarray(voxels), voxels.astype(np.float64), voxels[None]):
        assert np.array_equal(model.predict(other, scan[1]).mask, expected)


def test_mirrors_give_uncertainty(model, scan):
    result = model.predict(*scan, mirrored_axes=[0, 2])
    variance, validity = result.uncertainty("variance"), result.uncertainty("validity")
    assert variance.shape == scan[0].shape and variance.min() >= 0 and set(np.unique(validity)) <= {0, 1}
    assert result.report["uncertainty"]["samples"] == 4
    with pytest.raises(ValueError, match="quantity should be one of"):
        result.uncertainty("doubt")
    with pytest.raises(medseg.MedSegError, match="one sample"):
        model.predict(*scan).uncertainty("variance")


def test_passes_without_dropout_are_refused(model, scan):
    with pytest.raises(medseg.MedSegError, match="no active dropout"):
        model.predict(*scan, passes=3)


def test_postprocessing_is_done(model, scan):
    assert model.predict(*scan, minimum_volume_ml=1e6).mask.max() == 0


@pytest.mark.parametrize("arguments, text", [
    ((np.zeros((4, 4)),), "shape"), ((np.zeros((4, 4, 4)), np.eye(3)), "4×4"),
])
def test_wrong_arrays_are_refused(model, arguments, text):
    with pytest.raises(ValueError, match=text):
        model.predict(*arguments)


@pytest.mark.parametrize("array, affine, text", [
    (np.zeros((2, 8, 8, 8)), None, "2 channels, but the model takes 1"),
    (np.full((8, 8, 8), np.nan), None, "NaN"),
    (np.zeros((8, 8, 8)), np.zeros((4, 4)), "affine"),
    (np.zeros((8, 8, 8)), np.diag([1.0, 1, 0, 1]), "maps voxels onto a plane"),
    (np.zeros((0, 8, 8)), None, "from 1 to 32767"),
])
def test_wrong_scans_are_refused(model, array, affine, text):
    with pytest.raises(medseg.MedSegError, match=text) as caught:
        model.predict(array, affine, name="odd.nii")
    assert "odd.nii" in str(caught.value) and caught.value.status in (64, 65)


def test_numbers_that_do_not_fit_are_refused(model, scan):
    for name, value in [("passes", -1), ("passes", 2**32), ("seed", -1), ("mirrored_axes", [32])]:
        with pytest.raises(ValueError, match=name):
            model.predict(*scan, **{name: value})
    with pytest.raises(ValueError, match="threads"):
        medseg.load(MODEL, threads=2**32)


def test_models_that_cannot_be_opened_are_named(tmp_path):
    for arguments, text, status in [
        ((tmp_path / "none",), "does not exist", 66), ((tmp_path,), "model.json", 66),
        ((MODEL, "opencl:99"), "opencl:99", 69),
    ]:
        with pytest.raises(medseg.MedSegError, match=text) as caught:
            medseg.load(*arguments)
        assert caught.value.status == status, caught.value
    with pytest.raises(medseg.MedSegError, match="precision"):
        medseg.load(MODEL, precision="fp128")


def test_models_that_keep_numbers_have_them_in_masks(tmp_path, scan):
    folder = shutil.copytree(MODEL, tmp_path / "model")
    entries = json.loads((folder / "model.json").read_text())

    def load(number, **more):
        (folder / "model.json").write_text(json.dumps(entries | {"labels": [{"organ": number}]} | more))
        return medseg.load(folder, "cpu")

    plain, kept = load(5).predict(*scan), load(5, keep_numbers=True).predict(*scan)
    assert set(np.unique(plain.mask)) == {0, 1} and np.array_equal(kept.mask, 5 * plain.mask)
    assert [label.number for label in kept.labels] == [5] and kept.volumes == plain.volumes
    assert np.array_equal(kept.probability(5), plain.probability(1))
    assert np.array_equal(kept.probability(0), plain.probability(0))
    with pytest.raises(medseg.MedSegError, match="label of the result"):
        kept.probability(1)
    with pytest.raises(medseg.MedSegError, match="here 300") as caught:
        load(300, keep_numbers=True)
    assert caught.value.status == 65, caught.value


def test_progress_counts_cancels_and_raises(model, scan):
    seen = []
    model.predict(*scan, progress=lambda done, count: seen.append((done, count)))
    assert seen[-1][0] == seen[-1][1] and [done for done, _ in seen] == sorted(done for done, _ in seen)
    with pytest.raises(medseg.Cancelled):
        model.predict(*scan, progress=lambda done, count: True)

    def broken(done, count):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        model.predict(*scan, progress=broken)
    assert model.predict(*scan).mask.shape == scan[0].shape


def test_progress_may_not_predict_with_its_own_model(model, scan):
    with pytest.raises(medseg.MedSegError, match="called by the progress function"):
        model.predict(*scan, progress=lambda done, count: model.predict(*scan))


def test_models_and_results_are_not_copied(model):
    for thing in (model, model.predict(np.zeros((20, 20, 20)))):
        with pytest.raises(TypeError, match="cannot be copied"):
            copy.copy(thing)


def test_a_forked_process_is_told_to_open_its_own(model):
    if (child := os.fork()) == 0:
        try:
            model.predict(np.zeros((20, 20, 20)))
        except RuntimeError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_eight_threads_get_the_same_mask(model, scan):
    expected, other = model.predict(*scan).mask, medseg.load(MODEL, "cpu", threads=1)
    masks = [None] * 8

    def work(index):
        masks[index] = (model if index % 2 else other).predict(*scan).mask

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(mask, expected) for mask in masks)


def test_memory_stays_flat(model):
    """A thousand predictions of a small volume."""
    voxels = np.random.default_rng(0).normal(size=(20, 20, 20)).astype(np.float32)
    def resident():
        return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    for _ in range(200):
        model.predict(voxels)
    before = resident()
    for _ in range(1000):
        model.predict(voxels).report
    assert resident() - before < 4 << 20


def test_description_and_devices(model):
    assert model.channels == 1 and model.description["classes"] == 2
    assert model.description["network_def"]["_target_"] == "monai.networks.nets.UNet"
    assert "cpu" in medseg.devices()
    assert medseg.__version__ in subprocess.run([PROGRAM, "--version"], capture_output=True, text=True).stdout


@pytest.mark.parametrize("folder, option, scan", [
    ("bundles/spleen_2022/bundle", "--bundle", "bundles/spleen_2022/input/scan.nii.gz"),
    ("nnunet/aniso_ct/model/nnUNetTrainer__nnUNetPlans__3d_fullres", "--nnunet",
     "nnunet/aniso_ct/images/test_00_0000.nii.gz"),
    ("weights", "--model", "data/ct_spleen/torso_3mm/ct.nii.gz"),
])
def test_models_of_other_programs(folder, option, scan, tmp_path):
    """A MONAI bundle, a folder of nnU-Net and MONAI's weights, where these data are at hand."""
    if not (SHARED / folder).exists():
        pytest.skip(f"{folder} is not at hand")
    path = SHARED / folder
    if option == "--model":
        path = tmp_path / "model"
        path.mkdir()
        for name, kept in [("monai_unet_small.json", "model.json"), ("monai_unet_small.pt", "model.pt")]:
            (path / kept).symlink_to((SHARED / folder / name).resolve())
    mask = medseg.load(path, "cpu").predict(*read(SHARED / scan)).mask
    assert np.array_equal(mask, mask_of_program(tmp_path / "out", SHARED / scan, option, path))
