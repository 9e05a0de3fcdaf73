"""Record what MONAI computes with larger networks, two safetensors files each, for `medseg-bench replay`.

    pip install torch monai einops safetensors
    python capture.py OUT [NAME...]

model_NAME holds outputs in evaluation and training, the loss and every parameter's gradient; training_NAME the losses
of four Adam steps and every parameter after them. Weights and input come from the formula of models.py, so nothing
large is kept: a capture is made where it is replayed. Every dropout is 0. All is computed in float64.

The metadata entry `capture` is {"version": 1, "kind": "model" | "training", "op", "network_def", "params"}; tensors are
named in.*, param.*, out.*, gparam.*, after.* and laid out as PyTorch's. With deep supervision `params.head_weights`
are the factors of each output's Dice loss, and out.train is MONAI's stack of outputs, [N, head, C, D, H, W]; of outputs
of several sizes each sample's numbers follow one another, [N, numbers].

A capture whose result hangs on the last bits is of no use. A share of about the relative error of a layer's voxels lie
so near a ReLU's kink that rounding decides their side, and each changes a gradient by all it has. So the same is
computed in float32 from weights and input that are changed in the last places, and where PyTorch itself then uses up
half of what a replay allows, the next seed's weights are taken instead; that seed is said in `made_with`. Networks are
small for the same reason. How far rounding takes the parameters after Adam's steps, which makes a whole step of a
gradient whose sign is rounding, the replay measures itself.
"""
import argparse
import json
import pathlib

import monai
import torch
from monai.losses import DiceLoss
from safetensors.torch import save_file

from models import DINTS_NODES, DINTS_SPACE, build as build_network, classes, fill, head_loss, heads, value

CASES = {
    "vnet": ("VNet", dict(spatial_dims=3, in_channels=1, out_channels=2), (2, 32, 48, 16)),
    # Of one channel a convolution of one tap has no gradient left behind a normalisation.
    "unetr_12_layers": ("UNETR", dict(in_channels=2, out_channels=2, img_size=[96, 96, 96], feature_size=4,
                                      hidden_size=96, mlp_dim=192, num_heads=12, norm_name="batch"), (1, 96, 96, 96)),
    "unetr_perceptron": ("UNETR", dict(in_channels=2, out_channels=3, img_size=[32, 48, 32], feature_size=4,
                                       hidden_size=24, mlp_dim=40, num_heads=3, proj_type="perceptron",
                                       norm_name="batch", conv_block=False, res_block=False, qkv_bias=True),
                         (2, 32, 48, 32)),
    "segresnet": ("SegResNet", dict(init_filters=8, in_channels=1, out_channels=2), (1, 8, 16, 8)),
    # The deepest of five levels has one voxel here: instance norms need more there, and of so many ReLUs at the first
    # that some always stand at a kink.
    "swinunetr": ("SwinUNETR", dict(in_channels=1, out_channels=2, feature_size=12,
                                    norm_name=["group", {"num_groups": 4}]), (1, 32, 32, 32)),
    "segresnetds": ("SegResNetDS", dict(init_filters=8, in_channels=1, out_channels=3, blocks_down=[1, 1, 2],
                                        dsdepth=2, norm=["instance", {"affine": True}],
                                        resolution=[1.0, 1.0, 2.5]), (1, 16, 16, 16)),
    "segresnetds2": ("SegResNetDS2", dict(init_filters=8, in_channels=1, out_channels=3, blocks_down=[1, 1, 2], dsdepth=2,
                                          norm=["instance", {"affine": True}], with_point=False), (1, 16, 16, 16)),
    "vista3d": ("vista3d132", dict(encoder_embed_dim=8, in_channels=1, class_vector=[3, 115]), (1, 32, 32, 32)),
    "basicunet": ("BasicUNet", dict(in_channels=1, out_channels=2, features=[4, 4, 8, 8, 12, 4]), (1, 32, 32, 48)),
    "attentionunet": ("AttentionUnet", dict(spatial_dims=3, in_channels=1, out_channels=2, channels=[4, 6, 8],
                                            strides=[2, 2]), (1, 16, 24, 16)),
    "dynunet": ("DynUNet", dict(spatial_dims=3, in_channels=1, out_channels=3, kernel_size=[3, [1, 3, 3], 3, 3],
                                strides=[1, [1, 2, 2], 2, 2], upsample_kernel_size=[[1, 2, 2], 2, 2],
                                filters=[4, 6, 8, 10], deep_supervision=True, deep_supr_num=2), (1, 8, 16, 24)),
    "dints": ("DiNTS", dict(dints_space=DINTS_SPACE, in_channels=1, num_classes=2, node_a=DINTS_NODES), (1, 16, 16, 24)),
}
STEPS = 4
ADAM = dict(betas=[0.9, 0.999], eps=1e-8, weight_decay=1e-5)
RATES = {"unetr_12_layers": 1e-4, "unetr_perceptron": 1e-4}
# So many voxels cannot all stay clear of a ReLU's kink by luck: here affine norms shift them by so many deviations,
# to either side in turn.
SHIFTS = {"unetr_12_layers": 4.0, "unetr_perceptron": 4.0, "vista3d": 4.0}
SEEDS = 12
TRIALS = 2
# A few units in the last place of float32; more for SegResNet, whose ReLUs have the sharpest kinks, since Winograd's
# convolutions round more than PyTorch's.
CHANGE = 3e-7
CHANGES = {"segresnet": 1e-6}


def limit(name):
    """What a replay allows: SegOpCases/Tolerance.swift."""
    return 1e-3 if name.startswith("gparam.") else 1e-4


def build(cls, arguments, seed, shift):
    """A network in float64 whose parameters and buffers are the formula's, rounded to float32."""
    net = build_network(cls, arguments)[0].double()
    own = dict(net.named_parameters()) | {k: v for k, v in net.named_buffers() if v.is_floating_point()}
    with torch.no_grad():
        for stream, name in enumerate(sorted(own)):
            shape = own[name].shape
            # Positions are no matrix with a fan-in: they would hardly differ from zero.
            flat = (shape.numel(),) if name.endswith("position_embeddings") else tuple(shape)
            own[name].copy_(fill(name, stream + 1000 * seed, flat).reshape(shape))
    for module in net.modules():
        if "Dropout" in type(module).__name__:
            module.p = 0.0
        if shift and isinstance(module, (torch.nn.BatchNorm3d, torch.nn.InstanceNorm3d)) and module.affine:
            with torch.no_grad():
                module.bias[0::2] += shift
                module.bias[1::2] -= shift
                module.bias.copy_(module.bias.float().double())
    return net


def changed(tensor, trial, change):
    """In float32, with the last places changed."""
    noise = torch.randn(tensor.shape, generator=torch.Generator().manual_seed(trial), dtype=torch.float64)
    return (tensor * (1 + change * noise)).float()


def single(cls, arguments, seed, shift, trial, change):
    """The network in float32, changed in the last places."""
    net = build(cls, arguments, seed, shift)
    with torch.no_grad():
        for tensor in net.parameters():
            tensor.copy_(changed(tensor, trial, change))
    return net.float()


def compute(net, x, y, head_weights, rate):
    """Evaluation, training, and Adam's steps of which the training pass is the first: name to tensor."""
    results = {}
    loss_function = DiceLoss(to_onehot_y=True, softmax=True)
    with torch.no_grad():
        results["out.eval"] = net.eval()(x)
    net.train()
    optimizer = torch.optim.Adam(net.parameters(), lr=rate, **ADAM)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        output = net(x)
        outputs = heads(output, x)
        loss = sum(w * head_loss(loss_function, o, y) for w, o in zip(head_weights, outputs, strict=True))
        loss.backward()
        if step == 0:
            whole = torch.cat([o.flatten(1) for o in output], 1) if isinstance(output, list) else output
            results["out.train"], results["out.loss"] = whole.detach(), loss.detach().reshape(1)
            results |= {f"gparam.{k}": p.grad.clone() for k, p in net.named_parameters() if p.grad is not None}
        losses.append(loss.detach())
        optimizer.step()
    results["out.losses"] = torch.stack(losses)
    results |= {f"after.{k}": v.clone() for k, v in net.state_dict().items() if v.is_floating_point()}
    return results


def worst(results, exact):
    """The largest share of a replay's limit that an error takes, and whose it is."""
    shares = {}
    for name, theirs in exact.items():
        if name.startswith("after."):
            continue
        difference = (results[name].double() - theirs).abs()
        if theirs.abs().max() < 1e-9:  # zero in exact arithmetic
            shares[name] = difference.max().item() / 1e-6
        else:
            shares[name] = (difference.norm() / theirs.norm()).item() / limit(name)
    name = max(shares, key=shares.get)
    return shares[name], name


def write(path, description, tensors):
    flat = {k: (v.float() if v.is_floating_point() else v).contiguous().clone() for k, v in tensors.items()}
    save_file(flat, path, metadata={"capture": json.dumps(description)})


def record(name, folder):
    cls, arguments, (batch, *size) = CASES[name]
    shape = (batch, arguments["in_channels"], *size)
    count = arguments.get("dsdepth", 1 + (arguments["deep_supr_num"] if arguments.get("deep_supervision") else 0))
    weights, rate = [0.5**head for head in range(count)], RATES.get(name, 1e-3)
    change, shift = CHANGES.get(name, CHANGE), SHIFTS.get(name, 0.0)
    for seed in range(SEEDS):
        numbers = value(99991 + 1000 * seed, torch.Size(shape).numel())
        x = torch.from_numpy(numbers.reshape(shape) + 0.5).float().double()
        y = (x[:, :1] * classes(arguments)).long()
        net = build(cls, arguments, seed, shift)
        state = {f"param.{k}": v.clone() for k, v in net.state_dict().items()}
        exact = compute(net, x, y, weights, rate)
        share, which = max(
            worst(
                compute(
                    single(cls, arguments, seed, shift, trial, change), changed(x, trial, change), y, weights, rate),
                exact)
            for trial in range(TRIALS))
        print(f"{name}: seed {seed}, PyTorch's float32 takes {share:.2f} of the limit, most in {which}", flush=True)
        if share < 0.5:
            break
    else:
        raise SystemExit(f"{name}: PyTorch's float32 misses half the limit for every seed below {SEEDS}")
    given = state | {"in.input": x, "in.target": y}
    made = dict(torch=torch.__version__, monai=monai.__version__, seed=seed)
    definition = {"_target_": f"monai.networks.nets.{cls}", **arguments}
    common = dict(version=1, op=cls, network_def=definition, made_with=made)
    params = dict(loss="dice(to_onehot_y, softmax)", head_weights=weights)
    adam = dict(params, optimizer="adam", steps=STEPS, lr=rate, **ADAM)
    steps = {k: v for k, v in exact.items() if k == "out.losses" or k.startswith("after.")}
    outputs = {k: v for k, v in exact.items() if k not in steps}
    write(folder / f"model_{name}.safetensors", dict(common, kind="model", params=params), given | outputs)
    write(folder / f"training_{name}.safetensors", dict(common, kind="training", params=adam), given | steps)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(CASES)}; default all")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name in chosen.names or CASES:
        record(name, chosen.out)
