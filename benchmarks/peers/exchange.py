"""Exchanges weights, bundles and ONNX files with PyTorch, MONAI and onnxruntime: exchange.py MEDSEG FOLDER

Each network of MedSeg starts as MONAI's network, with random weights in a .pt file. `medseg convert` writes safetensors
and .pt, which MONAI must load with strict=True. `medseg predict` must give MONAI's probabilities for one window, and
onnxruntime must give MONAI's logits from the exported file, for a batch of two and, if the file allows it, for a deeper
volume. A UNet that MedSeg trained goes through export-bundle into `python -m monai.bundle run`, whose masks must be the
same as those of `medseg predict`.
"""
import json
import pathlib
import subprocess
import sys

import nibabel
import numpy as np
import onnx
import onnxruntime
import torch
from monai.networks import nets
from safetensors.torch import load_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests/Golden"))
from models import DINTS_NODES, DINTS_SPACE, build, classes  # noqa: E402

TOLERANCE = 1e-4
NETWORKS = {
    "UNet": (dict(spatial_dims=3, in_channels=1, out_channels=3, channels=[8, 16, 32], strides=[2, 2], num_res_units=2,
                  norm="batch", dropout=0.1), [32, 40, 24]),
    "VNet": (dict(spatial_dims=3, in_channels=1, out_channels=2), [32, 16, 48]),
    "UNETR": (dict(in_channels=1, out_channels=2, img_size=[32, 48, 32], feature_size=8, hidden_size=48, mlp_dim=96,
                   num_heads=4), [32, 48, 32]),
    "UNETR perceptron": (dict(in_channels=1, out_channels=2, img_size=[32, 16, 32], feature_size=4, hidden_size=24,
                              mlp_dim=40, num_heads=3, proj_type="perceptron", norm_name="batch", conv_block=False,
                              res_block=False, qkv_bias=True), [32, 16, 32]),
    "SegResNet": (dict(in_channels=1, out_channels=3), [24, 16, 32]),
    "SegResNet deconv": (dict(in_channels=1, out_channels=2, upsample_mode="deconv", act="leakyrelu"), [16, 24, 16]),
    "SegResNetDS": (dict(in_channels=1, out_channels=3, init_filters=8, blocks_down=[1, 2, 2], dsdepth=2,
                         norm=["instance", {"affine": True}], resolution=[1.0, 1.0, 3.0]), [16, 32, 24]),
    "SegResNetDS nontrainable": (dict(in_channels=1, out_channels=2, init_filters=8, act="prelu",
                                      upsample_mode="nontrainable"), [16, 24, 32]),
    "SegResNetDS2": (dict(in_channels=1, out_channels=2, init_filters=8, blocks_down=[1, 2, 2], with_point=False),
                     [16, 24, 32]),
    "vista3d132": (dict(in_channels=1, encoder_embed_dim=8, class_vector=[3, 115, 1]), [32, 48, 32]),
    "BasicUNet": (dict(in_channels=1, out_channels=2, features=[8, 8, 12, 16, 20, 8], norm="batch"), [32, 48, 32]),
    "AttentionUnet": (dict(spatial_dims=3, in_channels=1, out_channels=3, channels=[8, 12, 16], strides=[2, [2, 2, 1]]),
                      [16, 24, 20]),
    "DynUNet": (dict(spatial_dims=3, in_channels=1, out_channels=3, kernel_size=[3, [1, 3, 3], 3, 3],
                     strides=[1, [1, 2, 2], 2, 2], upsample_kernel_size=[[1, 2, 2], 2, 2], filters=[8, 12, 16, 20],
                     deep_supervision=True, deep_supr_num=2, res_block=True), [16, 24, 32]),
    "SwinUNETR": (dict(in_channels=1, out_channels=2, feature_size=12), [64, 32, 32]),
    "SwinUNETR v2": (dict(in_channels=1, out_channels=3, feature_size=12, window_size=[4, 3, 5], use_v2=True,
                          downsample="mergingv2", patch_norm=True, normalize=False), [32, 64, 32]),
    "DiNTS": (dict(dints_space=DINTS_SPACE, in_channels=1, num_classes=3, node_a=DINTS_NODES), [16, 24, 32]),
}
# The tolerance of the logits in onnxruntime; transformers sum more terms.
ONNX_TOLERANCE = 1e-5
TRANSFORMER_TOLERANCE = 1e-4
FIXED = ("UNETR", "SwinUNETR")


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, **options)


def medseg(*arguments):
    try:
        return run(MEDSEG, *arguments)
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"medseg {' '.join(map(str, arguments))}: {error.stderr}") from error


def check(what, ours, theirs, tolerance=TOLERANCE):
    error = np.linalg.norm(ours.astype(np.float64) - theirs) / np.linalg.norm(theirs.astype(np.float64))
    print(f"{what}: relative difference {error:.1e}", flush=True)
    if not error <= tolerance:
        raise SystemExit(f"{what}: {error:.1e} is more than {tolerance}")


def description(target, arguments, size, **more):
    return dict(network_def={"_target_": f"monai.networks.nets.{target}", **arguments}, preprocessing=more,
                roi_size=size, overlap=0.5, mode="gaussian",
                labels={str(label): f"organ {label}" for label in range(1, classes(arguments))})


def scan(path, size):
    image = np.random.default_rng(5).random(size, np.float32)
    nibabel.save(nibabel.Nifti1Image(image, np.eye(4)), path)
    return image[None, None]


def monai_network(title, seed):
    torch.manual_seed(seed)
    arguments, _ = NETWORKS[title]
    net = build(title.split()[0], arguments)[0]
    for name, buffer in net.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
        elif name.endswith("running_mean"):  # around 0, so that a ReLU after the norm does not set everything to 0
            buffer.uniform_(-0.3, 0.3)
    return net.eval()


def exchange(title, folder):
    """Converts the weights of one network to MedSeg and back, and compares."""
    folder.mkdir()
    arguments, size = NETWORKS[title]
    target = title.split()[0]
    network = folder / "network.json"
    network.write_text(json.dumps(description(target, arguments, size)))
    torch.save({"state_dict": monai_network(title, 1).state_dict()}, folder / "theirs.pt")
    for name in ["ours.safetensors", "ours.pt"]:
        medseg("convert", folder / "theirs.pt", folder / name, "--network", network)
    net = monai_network(title, 2)
    net.load_state_dict(torch.load(folder / "ours.pt", weights_only=True), strict=True)
    net = monai_network(title, 3)
    net.load_state_dict(load_file(folder / "ours.safetensors"), strict=True)
    image = scan(folder / "scan.nii.gz", size)
    with torch.no_grad():
        theirs = net(torch.from_numpy(image)).softmax(1)[0, 1:].numpy()
    medseg("predict", folder / "scan.nii.gz", "--weights", folder / "ours.safetensors", "--network", network,
           "--out", folder, "--probabilities", "--device", "cpu", "--quiet")
    ours = np.stack([nibabel.load(folder / f"scan_probability_{label}.nii.gz").get_fdata()
                     for label in range(1, classes(arguments))])
    check(f"{title}: MONAI with our weights", ours, theirs)
    medseg("convert", folder / "ours.safetensors", folder / "ours.onnx", "--network", network)
    run_onnx(title, folder / "ours.onnx", net, image)


def run_onnx(title, path, net, image):
    """Compares the exported file in onnxruntime with MONAI's network."""
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    is_fixed = title.split()[0] in FIXED
    shape = session.get_inputs()[0].shape
    if shape != ["batch", 1] + (list(image.shape[2:]) if is_fixed else ["depth", "height", "width"]):
        raise SystemExit(f"{title}: the file's input is {shape}")
    batches = {"onnxruntime": np.concatenate([image, image[:, :, ::-1]])}
    if not is_fixed:
        batches["onnxruntime, deeper"] = np.concatenate([image, image[:, :, :, ::-1]], axis=2)
    for what, batch in batches.items():
        with torch.no_grad():
            theirs = net(torch.from_numpy(batch)).numpy()
        (logits,) = session.run(["logits"], {"image": batch})
        check(f"{title}: {what}", logits, theirs, TRANSFORMER_TOLERANCE if is_fixed else ONNX_TOLERANCE)


def bundle(folder):
    """Trains a UNet with MedSeg, exports it as a bundle, and runs the bundle with MONAI."""
    folder.mkdir()
    medseg("data", "phantom", "--out", folder / "phantoms", "--count", 2, "--quiet")
    arguments = dict(spatial_dims=3, in_channels=1, out_channels=2, channels=[4, 8, 16], strides=[2, 2],
                     num_res_units=1, norm="batch")
    steps = dict(orientation="RAS", pixdim=[3.0, 3.0, 4.0],
                 intensity=dict(a_min=-57, a_max=164, b_min=0, b_max=1, clip=True))
    config = dict(description("UNet", arguments, [32, 32, 32], **steps), data=str(folder / "phantoms"),
                  sampling=dict(pos=1, neg=1, samples_per_volume=2, pad=True),
                  loss=dict(name="dice_ce"), optimizer=dict(name="adam", learning_rate=0.01), iterations=60)
    del config["labels"]
    (folder / "config.json").write_text(json.dumps(config))
    medseg("train", folder / "config.json", "--out", folder / "run", "--device", "cpu", "--quiet")
    model = folder / "run" / "model"
    net = nets.UNet(**arguments)
    net.load_state_dict(load_file(model / "model.safetensors"), strict=True)
    scans = folder / "phantoms" / "imagesTr"
    medseg("export-bundle", model, folder / "bundle")
    result = subprocess.run(
        [sys.executable, "-m", "monai.bundle", "run", "--config_file", "configs/inference.json",
         "--dataset_dir", str(scans.resolve())], cwd=folder / "bundle", capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"monai.bundle run: {result.stderr[-3000:]}")
    for path in sorted(scans.glob("*.nii.gz")):
        stem = path.name.removesuffix(".nii.gz")
        medseg("predict", path, "--bundle", folder / "bundle", "--out", folder / "masks", "--device", "cpu", "--quiet")
        ours = nibabel.load(folder / "masks" / f"{stem}_mask.nii.gz").get_fdata() > 0
        theirs = nibabel.load(folder / "bundle" / "eval" / f"{stem}_mask.nii.gz").get_fdata() > 0
        differing = np.count_nonzero(ours != theirs)
        print(f"bundle of a trained UNet, {stem}: {np.count_nonzero(theirs)} voxels, {differing} differ", flush=True)
        # If both classes are equally probable, the last bit decides.
        if not 0 < np.count_nonzero(theirs) < theirs.size or differing > 1e-4 * theirs.size:
            raise SystemExit("the bundle's masks differ from medseg predict's")


if __name__ == "__main__":
    MEDSEG = pathlib.Path(sys.argv[1]).resolve()
    root = pathlib.Path(sys.argv[2]).resolve()
    root.mkdir(parents=True)
    for title in NETWORKS:
        exchange(title, root / title.replace(" ", "_"))
    bundle(root / "bundle")
