"""Compares `medseg totalsegmentator` with TotalSegmentator; small networks of random weights replace its models.

    pip install TotalSegmentator nnunetv2
    python total_segmentator.py MEDSEG SCAN [FOLDER]

The folders of the datasets 291 to 295, 297 and 298 are created in FOLDER, with the true numbers and names of their labels.
The masks, the names in the NIfTI headers and the statistics are compared for each set of options. A mask may differ in one
voxel of 10,000, because nnU-Net decides ties in 16 bits.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

WAYS = {
    "total": dict(),
    "total_fast": dict(fast=True),
    "total_fastest": dict(fastest=True),
    "spleen_and_liver": dict(roi_subset=["spleen", "liver"]),
    "one_rib": dict(roi_subset=["rib_left_4", "vertebrae_L1"]),
}


def plans(edge):
    """A plan of nnU-Net 2.0, like those of TotalSegmentator's models."""
    triple = [[3, 3, 3]] * 3
    configuration = {
        "data_identifier": "nnUNetPlans_3d_fullres", "preprocessor_name": "DefaultPreprocessor", "batch_size": 2,
        "patch_size": [32, 32, 32], "median_image_size_in_voxels": [100.0, 100.0, 100.0], "spacing": [edge] * 3,
        "normalization_schemes": ["CTNormalization"], "use_mask_for_norm": [False],
        "UNet_class_name": "PlainConvUNet", "UNet_base_num_features": 6, "n_conv_per_stage_encoder": [2, 2, 2],
        "n_conv_per_stage_decoder": [2, 2], "num_pool_per_axis": [2, 2, 2],
        "pool_op_kernel_sizes": [[1, 1, 1], [2, 2, 2], [2, 2, 2]], "conv_kernel_sizes": triple,
        "unet_max_num_features": 320, "batch_dice": False}
    for purpose, is_seg, order in (("data", False, 3), ("seg", True, 1), ("probabilities", False, 1)):
        configuration[f"resampling_fn_{purpose}"] = "resample_data_or_seg_to_shape"
        configuration[f"resampling_fn_{purpose}_kwargs"] = {
            "is_seg": is_seg, "order": order, "order_z": 0, "force_separate_z": None}
    intensities = {"mean": 20.0, "median": 30.0, "std": 250.0, "min": -1024.0, "max": 3000.0, "percentile_00_5": -900.0,
                   "percentile_99_5": 900.0}
    return {
        "dataset_name": "Dataset", "plans_name": "nnUNetPlans", "original_median_spacing_after_transp": [edge] * 3,
        "original_median_shape_after_transp": [100, 100, 100], "image_reader_writer": "NibabelIOWithReorient",
        "transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2],
        "configurations": {"3d_fullres": configuration}, "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager", "foreground_intensity_properties_per_channel": {"0": intensities}}


def make(root):
    """Creates the folders of the models, with random weights."""
    import torch
    from dynamic_network_architectures.architectures.unet import PlainConvUNet
    from totalsegmentator.map_tasks_config import TASK_ID_WEIGHTS_CONFIGS
    from totalsegmentator.map_to_binary import class_map, class_map_5_parts, map_taskid_to_partname_ct
    models = [(t, 1.5, "nnUNetTrainerNoMirroring", class_map_5_parts[map_taskid_to_partname_ct[t]]) for t in
              (291, 292, 293, 294, 295)]
    models += [(t, edge, "nnUNetTrainer_4000epochs_NoMirroring", class_map["total"]) for t, edge in ((297, 3.0), (298, 6.0))]
    for task, edge, trainer, names in models:
        folder = root / TASK_ID_WEIGHTS_CONFIGS[task]["foldername"] / f"{trainer}__nnUNetPlans__3d_fullres"
        (folder / "fold_0").mkdir(parents=True, exist_ok=True)
        plan = plans(edge)
        dataset = {"channel_names": {"0": "CT"}, "labels": {"background": 0} | {v: k for k, v in names.items()},
                   "numTraining": 1, "file_ending": ".nii.gz"}
        (folder / "plans.json").write_text(json.dumps(plan))
        (folder / "dataset.json").write_text(json.dumps(dataset))
        torch.manual_seed(task)
        network = PlainConvUNet(1, 3, [6, 12, 24], torch.nn.Conv3d, 3, [1, 2, 2], [2, 2, 2], len(names) + 1, [2, 2], True,
                                torch.nn.InstanceNorm3d, dict(eps=1e-5, affine=True), None, None, torch.nn.LeakyReLU,
                                dict(inplace=True))
        with torch.no_grad():
            for head in network.decoder.seg_layers:
                head.weight.normal_(0, 0.7)
                head.bias.normal_(0, 0.5)
        torch.save({"network_weights": network.state_dict(), "trainer_name": trainer,
                    "inference_allowed_mirroring_axes": None,
                    "init_args": {"plans": plan, "configuration": "3d_fullres", "fold": 0, "dataset_json": dataset}},
                   folder / "fold_0" / "checkpoint_final.pth")


def compare(ours, theirs, name, root):
    import nibabel
    import numpy as np
    from totalsegmentator.nifti_ext_header import load_multilabel_nifti
    (a, a_names), (b, b_names) = load_multilabel_nifti(ours / f"scan_total.nii.gz"), load_multilabel_nifti(theirs)
    x, y = np.asarray(a.dataobj), np.asarray(b.dataobj)
    others = int((x != y).sum())
    statistics = json.loads((ours / "scan_statistics.json").read_text())
    expected = json.loads((theirs.parent / "statistics.json").read_text())
    gap = max(abs(statistics[k]["volume"] - v["volume"]) / max(v["volume"], 1)
              + abs(statistics[k]["intensity"] - v["intensity"]) / max(abs(v["intensity"]), 1) for k, v in expected.items())
    fine = (x.shape == y.shape and others * 10000 <= y.size and a_names == b_names and np.allclose(a.affine, b.affine)
            and set(statistics) == set(expected) and gap < 0.02)
    print(f"{name:18} {others} of {y.size} voxels differ, {len(np.unique(y)) - 1} labels found, "
          f"names {'equal' if a_names == b_names else 'DIFFER'}, statistics within {gap:.2g} {'ok' if fine else 'FAILED'}",
          flush=True)
    return fine


def main():
    medseg, scan = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    root = pathlib.Path(sys.argv[3] if len(sys.argv) > 3 else tempfile.mkdtemp())
    os.environ["TOTALSEG_WEIGHTS_PATH"] = str(root / "weights")
    os.environ["TOTALSEG_HOME_DIR"] = str(root / "home")
    (root / "home").mkdir(parents=True, exist_ok=True)
    (root / "home/config.json").write_text(json.dumps(
        {"totalseg_id": "none", "send_usage_stats": False, "prediction_counter": 0}))
    make(root / "weights")
    import nibabel
    from totalsegmentator.python_api import totalsegmentator
    nibabel.save(nibabel.load(scan), root / "scan.nii.gz")
    results = []
    for name, way in WAYS.items():
        theirs = root / "theirs" / name / "mask.nii.gz"
        theirs.parent.mkdir(parents=True, exist_ok=True)
        totalsegmentator(root / "scan.nii.gz", theirs, ml=True, device="cpu", quiet=True, statistics=True, **way)
        command = [medseg, "totalsegmentator", str(root / "scan.nii.gz"), "--weights", str(root / "weights"), "--out",
                   str(root / "ours" / name), "--statistics", "--force", "-q"]
        command += ["--roi-subset", ",".join(way["roi_subset"])] if "roi_subset" in way else [f"--{k}" for k in way]
        subprocess.run(command, check=True)
        results.append(compare(root / "ours" / name, theirs, name, root))
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
