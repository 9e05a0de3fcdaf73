"""Write models.json: what MONAI and nnU-Net compute with small networks whose weights come from a formula, for SegModelsTests.

    pip install torch monai einops dynamic_network_architectures
    python models.py [NAME...]

For each network: its arguments, the names and shapes of its state_dict in order, the number of its parameters, sampled
outputs in evaluation and training, the loss, and of each parameter's gradient the norm and a projection on the formula.
Computed in float64. The formula is `value` below; NetworkGoldenTests.swift has the same.
"""
import json
import pathlib
import pydoc
import sys

import monai
import numpy as np
import torch
from monai.losses import DiceLoss
from monai.networks import nets

# Paths from a depth to the next block's, their operations, and which depths the input and each block have.
DINTS_SPACE = dict(_target_="monai.networks.nets.TopologyInstance", channel_mul=0.125, num_blocks=3, num_depths=3,
                   use_downsample=True,
                   arch_code=[[[1, 0, 1, 1, 0, 1, 0], [1, 1, 0, 1, 1, 0, 1], [0, 1, 1, 0, 1, 0, 0]],
                              [[1, 0, 2, 3, 0, 4, 0], [0, 1, 0, 2, 3, 0, 4], [0, 0, 1, 0, 4, 0, 0]]])
DINTS_NODES = [[1, 1, 0], [1, 1, 1], [1, 1, 1], [1, 1, 0]]

CASES = {
    "vnet": ("VNet", dict(spatial_dims=3, in_channels=2, out_channels=2), (2, 32, 16, 16)),
    "unetr_conv": ("UNETR", dict(in_channels=1, out_channels=2, img_size=[32, 16, 16], feature_size=4, hidden_size=12,
                                 mlp_dim=20, num_heads=2), (2, 32, 16, 16)),
    "unetr_perceptron": ("UNETR", dict(in_channels=2, out_channels=3, img_size=[32, 16, 32], feature_size=4, hidden_size=12,
                                       mlp_dim=16, num_heads=3, proj_type="perceptron", norm_name="batch", res_block=False,
                                       qkv_bias=True), (1, 32, 16, 32)),
    "segresnet": ("SegResNet", dict(init_filters=8, in_channels=2, out_channels=3, blocks_down=[1, 2, 1], blocks_up=[1, 2],
                                    upsample_mode="deconv", act="prelu"), (2, 8, 12, 16)),
    "segresnetds": ("SegResNetDS", dict(init_filters=4, in_channels=2, out_channels=3, blocks_down=[1, 2, 1, 1],
                                        blocks_up=[1, 2, 1], dsdepth=3, act="prelu",
                                        norm=["instance", {"affine": True}], resolution=[1.0, 1.2, 5.0]), (2, 16, 24, 8)),
    "segresnetds_even": ("SegResNetDS", dict(init_filters=8, in_channels=1, out_channels=2, blocks_down=[1, 1, 2],
                                             dsdepth=2, norm=["group", {"num_groups": 4}], upsample_mode="nontrainable"),
                         (1, 8, 12, 16)),
    "segresnetds2": ("SegResNetDS2", dict(init_filters=4, in_channels=2, out_channels=3, blocks_down=[1, 2, 1, 1],
                                          blocks_up=[1, 2, 1], dsdepth=2, norm=["instance", {"affine": True}],
                                          resolution=[1.0, 1.2, 5.0], with_point=False), (2, 16, 24, 8)),
    "segresnetds2_point": ("SegResNetDS2", dict(init_filters=8, in_channels=1, out_channels=2, blocks_down=[1, 1, 2],
                                                norm=["group", {"num_groups": 4}], upsample_mode="nontrainable",
                                                with_label=False), (1, 8, 12, 16)),
    "vista3d": ("vista3d132", dict(encoder_embed_dim=8, in_channels=1, class_vector=[3, 132, 1]), (2, 32, 32, 48)),
    # One class, for which MONAI squeezes an axis away.
    "vista3d_one_class": ("vista3d132", dict(encoder_embed_dim=8, in_channels=1, class_vector=[115]), (1, 32, 48, 32)),
    "basicunet": ("BasicUNet", dict(in_channels=2, out_channels=3, features=[4, 6, 8, 8, 10, 5], dropout=0.1),
                  (1, 32, 16, 32)),
    "attentionunet": ("AttentionUnet", dict(spatial_dims=3, in_channels=1, out_channels=2, channels=[4, 6, 8],
                                            strides=[[2, 2, 1], 2], kernel_size=[3, 1, 3], dropout=0.1), (2, 8, 12, 16)),
    "dynunet": ("DynUNet", dict(spatial_dims=3, in_channels=1, out_channels=2, kernel_size=[3, [1, 3, 3], 3, 3],
                                strides=[1, [1, 2, 2], 2, 2], upsample_kernel_size=[[1, 2, 2], 2, 2], filters=[4, 6, 8, 8],
                                deep_supervision=True, deep_supr_num=2, res_block=True, trans_bias=True), (2, 8, 16, 24)),
    "swinunetr": ("SwinUNETR", dict(in_channels=1, out_channels=2, feature_size=12, depths=[2, 2, 1, 1],
                                    num_heads=[3, 2, 4, 6], window_size=[4, 3, 5], use_v2=True, patch_norm=True,
                                    downsample="mergingv2"), (1, 32, 32, 64)),
    "dints": ("DiNTS", dict(dints_space=DINTS_SPACE, in_channels=2, num_classes=3, node_a=DINTS_NODES), (1, 16, 8, 24)),
    # Every path with every operation, as where nothing was searched.
    "dints_whole": ("DiNTS", dict(dints_space=dict(_target_="TopologyInstance", channel_mul=0.125, num_blocks=2, num_depths=2,
                                                   use_downsample=False, act_name="prelu"),
                                  in_channels=1, num_classes=2, use_downsample=False, act_name="leakyrelu",
                                  norm_name=["group", {"num_groups": 2}]), (2, 8, 4, 6)),
    "dynunet_slices": ("DynUNet", dict(spatial_dims=2, in_channels=2, out_channels=3, kernel_size=[3, 3, [3, 1], 3],
                                       strides=[1, 2, [2, 1], 2], upsample_kernel_size=[2, [2, 1], 2], filters=[4, 6, 8, 8],
                                       norm_name="batch", deep_supervision=True), (2, 16, 12)),
    "unetr_slices": ("UNETR", dict(spatial_dims=2, in_channels=1, out_channels=3, img_size=[32, 16], feature_size=4,
                                   hidden_size=12, mlp_dim=20, num_heads=2, proj_type="perceptron"), (2, 32, 16)),
    "unet_slices": ("UNet", dict(spatial_dims=2, in_channels=1, out_channels=3, channels=[4, 6, 8], strides=[2, [2, 1]],
                                 kernel_size=[3, 5], num_res_units=2), (2, 16, 12)),
}

BLOCK = dict(conv_op="torch.nn.modules.conv.Conv3d", conv_bias=True,
             norm_op="torch.nn.modules.instancenorm.InstanceNorm3d", norm_op_kwargs=dict(eps=1e-5, affine=True),
             dropout_op=None, nonlin="torch.nn.LeakyReLU", nonlin_kwargs=dict(inplace=True), deep_supervision=True)
# Classes of dynamic_network_architectures; plans name layers by their dotted paths.
CASES |= {
    "plainconvunet": ("PlainConvUNet", dict(input_channels=2, num_classes=3, n_stages=4, features_per_stage=[4, 6, 8, 8],
                                            kernel_sizes=[[1, 3, 3], 3, 3, 3], strides=[1, [1, 2, 2], 2, [1, 2, 2]],
                                            n_conv_per_stage=[2, 1, 2, 2], n_conv_per_stage_decoder=[1, 2, 1], **BLOCK),
                      (2, 4, 16, 24)),
    "residualencoderunet": ("ResidualEncoderUNet", dict(input_channels=1, num_classes=2, n_stages=3,
                                                        features_per_stage=[4, 6, 6], kernel_sizes=[[1, 3, 3], 3, 3],
                                                        strides=[1, [1, 2, 2], [2, 2, 4]], n_blocks_per_stage=[1, 2, 2],
                                                        n_conv_per_stage_decoder=1, **BLOCK), (1, 4, 8, 16)),
    "residualunet": ("ResidualUNet", dict(input_channels=1, num_classes=2, n_stages=3, features_per_stage=[4, 6, 8],
                                          kernel_sizes=3, strides=[1, 2, 2], n_blocks_per_stage=1,
                                          n_conv_per_stage_decoder=[1, 2],
                                          **BLOCK | dict(norm_op="torch.nn.BatchNorm3d", nonlin="torch.nn.ReLU",
                                                         conv_bias=False)), (2, 8, 8, 12)),
}


def build(cls, arguments):
    """The network; of nnU-Net's the layers that are named by their paths. Only these need dynamic_network_architectures."""
    if cls == "DiNTS":
        return searched(**arguments), "monai.networks.nets.DiNTS"
    if cls in ("SegResNetDS2", "vista3d132"):
        return prompted(cls, **arguments), f"monai.networks.nets.{cls}"
    if hasattr(nets, cls):
        return getattr(nets, cls)(**arguments), f"monai.networks.nets.{cls}"
    layers = ("conv_op", "norm_op", "dropout_op", "nonlin")
    located = {k: pydoc.locate(v) if k in layers and v else v for k, v in arguments.items()}
    return pydoc.locate(f"dynamic_network_architectures.architectures.unet.{cls}")(**located), cls


def searched(dints_space, **arguments):
    """A DiNTS; MONAI takes its codes as arrays."""
    space = {k: v for k, v in dints_space.items() if k != "_target_"}
    if "arch_code" in space:
        space["arch_code"] = [np.array(code) for code in space["arch_code"]]
    return nets.DiNTS(nets.TopologyInstance(**space), **arguments)


def prompted(cls, with_point=True, with_label=True, class_vector=(), **arguments):
    """A network whose forward has more arguments than the image; of two outputs the one that is asked for. VISTA3D's background
    comes before the classes, with the logit 0."""
    net = getattr(nets, cls)(**arguments)
    forward = net.forward

    def chosen(x):
        if cls == "SegResNetDS2":
            outputs = forward(x, with_point=with_point, with_label=with_label)[int(with_label)]
            # Unlike SegResNetDS, MONAI's class returns the coarser outputs in evaluation too.
            return outputs if net.training or not isinstance(outputs, list) else outputs[0]
        logits = forward(x, class_vector=torch.tensor(class_vector)[:, None], transpose=True)
        return torch.cat([torch.zeros_like(logits[:, :1]), logits], 1)

    net.forward = chosen
    return net


def classes(arguments):
    if "class_vector" in arguments:
        return len(arguments["class_vector"]) + 1
    return arguments.get("out_channels", arguments.get("num_classes"))


def is_first_name(name):
    """nnU-Net's blocks hold their layers twice, and its decoder the encoder."""
    return ".all_modules." not in name and not name.startswith("decoder.encoder.")


def value(stream, count):
    """count numbers in -0.5 ..< 0.5 from a hash of (stream, index)."""
    h = (np.arange(count, dtype=np.uint64) * 2654435761 + stream * 40503) & 0xFFFFFFFF
    h ^= h >> np.uint64(15)
    h = (h * 2246822519) & 0xFFFFFFFF
    h ^= h >> np.uint64(13)
    return h.astype(np.float64) / 2**32 - 0.5


def fill(name, stream, shape):
    count = int(np.prod(shape))
    u = value(stream, count)
    if len(shape) > 1:
        u = u * 2 * (3 / (count / shape[0])) ** 0.5
    elif name.endswith("weight") or name.endswith("running_var"):
        u = 1 + 0.5 * u
    else:
        u = 0.2 * u
    return torch.from_numpy(u.reshape(shape)).float().double()


def sample(tensor):
    flat = tensor.detach().reshape(-1)
    return [float(f"{v:.7g}") for v in flat[:: max(1, flat.numel() // 24)].tolist()]


def heads(output, x):
    """The outputs in training: one, MONAI's stack of them, or its list of coarser and coarser ones."""
    if isinstance(output, list):
        return output
    return list(output.unbind(1)) if output.dim() > x.dim() else [output]


def head_loss(loss_function, output, labels):
    """As MONAI's DeepSupervisionLoss: a coarser output is held to labels at nearest voxels."""
    if output.shape[2:] != labels.shape[2:]:
        labels = torch.nn.functional.interpolate(labels.double(), size=output.shape[2:], mode="nearest-exact").long()
    return loss_function(output, labels)


def record(cls, arguments, size):
    net, target = build(cls, arguments)
    net = net.double()
    state = {k: v for k, v in net.state_dict().items() if is_first_name(k)}
    own = dict(net.named_parameters()) | {k: v for k, v in net.named_buffers() if v.is_floating_point() and is_first_name(k)}
    streams = {name: index for index, name in enumerate(sorted(own))}
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(fill(name, streams[name], tuple(tensor.shape)))
    for module in net.modules():
        if "Dropout" in type(module).__name__:
            module.p = 0.0
    batch, *space = size
    shape = (batch, arguments.get("in_channels", arguments.get("input_channels")), *space)
    x = torch.from_numpy(value(99991, int(np.prod(shape))).reshape(shape) + 0.5).float().double()
    y = (x[:, :1] * classes(arguments)).long()
    with torch.no_grad():
        evaluated = net.eval()(x)
        evaluated = evaluated[0] if isinstance(evaluated, list) else evaluated
    outputs = heads(net.train()(x), x)
    loss_function = DiceLoss(to_onehot_y=True, softmax=True)
    loss = sum(head_loss(loss_function, o, y) for o in outputs) / len(outputs)
    loss.backward()
    gradients = {
        name: [float(f"{p.grad.norm().item():.6g}"),
               float(f"{(p.grad.reshape(-1) * torch.from_numpy(value(streams[name], p.numel()))).sum().item():.6g}")]
        for name, p in net.named_parameters() if p.grad is not None}
    return dict(
        network_def={"_target_": target, **arguments}, input=list(shape),
        state=[[name, list(tensor.shape)] for name, tensor in state.items()],
        parameters=sum(p.numel() for p in net.parameters()), eval=sample(evaluated),
        train=[sample(o) for o in outputs], loss=loss.item(), gradients=gradients)


if __name__ == "__main__":
    torch.set_num_threads(2)
    path = pathlib.Path(__file__).with_name("models.json")
    golden = json.loads(path.read_text()) if sys.argv[1:] else dict(networks={})
    golden["made_with"] = dict(torch=torch.__version__, monai=monai.__version__)
    golden["networks"] |= {name: record(*CASES[name]) for name in sys.argv[1:] or CASES}
    path.write_text(json.dumps(golden, separators=(",", ":")))
    print(path, path.stat().st_size)
