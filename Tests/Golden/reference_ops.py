"""Write reference_ops.json: what PyTorch and MONAI compute in float64 for small inputs, channels last.

    python reference_ops.py        needs torch and monai; prints the size of what it wrote
"""
import json
import pathlib

import torch
import torch.nn.functional as F
from monai.losses import DiceCELoss, DiceFocalLoss, DiceLoss, TverskyLoss
from monai.networks.blocks import Swish

torch.manual_seed(20)
torch.set_default_dtype(torch.float64)
cases = {}


def random(*shape):
    """Multiples of 1/32, which every float type holds."""
    return (torch.randint(-40, 41, shape) / 32).requires_grad_()


def last(t):
    """Activations [N, C, D, H, W] become [N, D, H, W, C]."""
    return t.movedim(1, -1) if t.dim() == 5 else t


def case(name, tensors, **options):
    def pack(t):
        return dict(shape=list(t.shape), values=[float(f"{v:.14g}") for v in t.detach().double().flatten().tolist()])

    cases[name] = dict(
        tensors={k: pack(t) for k, t in tensors.items()},
        options={k: [float(v) for v in (o if isinstance(o, (list, tuple)) else [o])] for k, o in options.items()})


def with_gradients(name, y, inputs, layout, **options):
    """Record y, an upstream gradient and the gradients of the inputs; `layout` says which are activations."""
    upstream = random(*y.shape)
    gradients = torch.autograd.grad(y, list(inputs.values()), upstream)
    put = lambda k, t: last(t) if k in layout else t
    tensors = {k: put(k, t) for k, t in inputs.items()}
    tensors |= {"g" + k: put(k, g) for k, g in zip(inputs, gradients)}
    case(name, tensors | dict(y=last(y), upstream=last(upstream)), **options)


for name, shape, outputs, k, s, p, d, g in [
        ("plain", (2, 3, 4, 3, 5), 2, (3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), 1),
        ("grouped", (1, 4, 5, 4, 3), 6, (3, 2, 1), (1, 2, 2), (1, 1, 0), (1, 1, 1), 2),
        ("dilated", (1, 2, 7, 6, 8), 3, (3, 2, 3), (2, 1, 3), (2, 0, 1), (2, 3, 1), 1)]:
    x, w, b = random(*shape), random(outputs, shape[1] // g, *k), random(outputs)
    y = F.conv3d(x, w, b, s, p, d, g)
    with_gradients(f"conv3d_{name}", y, dict(x=x, weight=w, bias=b), "x", kernel=k, stride=s, padding=p, dilation=d, groups=g)

for name, shape, outputs, k, s, p, op, d, g in [
        ("upsampling", (1, 3, 3, 2, 4), 2, (3, 3, 3), (2, 2, 2), (1, 1, 1), (1, 1, 1), (1, 1, 1), 1),
        ("grouped", (2, 4, 2, 3, 2), 6, (3, 2, 2), (2, 1, 3), (1, 0, 1), (1, 0, 2), (1, 2, 1), 2)]:
    x, w, b = random(*shape), random(shape[1], outputs // g, *k), random(outputs)
    y = F.conv_transpose3d(x, w, b, s, p, op, g, d)
    with_gradients(f"convTranspose3d_{name}", y, dict(x=x, weight=w, bias=b), "x", kernel=k, stride=s, padding=p, dilation=d, groups=g)

shape, eps = (2, 4, 2, 3, 2), 2**-10
for kind, f in dict(
        batch=lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True, eps=eps),
        instance=lambda x, w, b: F.instance_norm(x, weight=w, bias=b, eps=eps),
        group=lambda x, w, b: F.group_norm(x, 2, w, b, eps),
        layer=lambda x, w, b: F.layer_norm(x.movedim(1, -1), [4], w, b, eps).movedim(-1, 1)).items():
    x, w, b = random(*shape), random(4), random(4)
    with_gradients(f"norm_{kind}", f(x, w, b), dict(x=x, weight=w, bias=b), "x", epsilon=eps)

x = (torch.arange(-12, 13) * 0.25 + 0.03125).reshape(5, 5).requires_grad_()
slope = torch.tensor([0.25]).requires_grad_()
for name, f in dict(
        relu=F.relu, leakyrelu=lambda t: F.leaky_relu(t, 0.125), elu=lambda t: F.elu(t, 1.25), gelu=F.gelu,
        sigmoid=torch.sigmoid, softmax=lambda t: torch.softmax(t, -1)).items():
    with_gradients(f"activation_{name}", f(x), dict(x=x), "")
with_gradients("activation_prelu", F.prelu(x, slope), dict(x=x, slope=slope), "")
channels = random(5)
with_gradients("activation_prelu_channels", F.prelu(x, channels), dict(x=x, slope=channels), "")

for name, size, mode, align in [("nearest", (5, 3, 2), "nearest", None), ("trilinear", (5, 3, 2), "trilinear", False),
                                ("trilinear_align", (5, 3, 1), "trilinear", True)]:
    x = random(1, 2, 3, 2, 4)
    with_gradients(f"resample3d_{name}", F.interpolate(x, size, mode=mode, align_corners=align), dict(x=x), "x")

x = random(1, 2, 5, 4, 3)
y, index = F.max_pool3d(x, (3, 2, 2), (2, 1, 2), (1, 0, 1), return_indices=True)
with_gradients("maxPool3d", y, dict(x=x), "x", kernel=(3, 2, 2), stride=(2, 1, 2), padding=(1, 0, 1))
cases["maxPool3d"]["tensors"]["indices"] = dict(shape=list(last(index).shape), values=last(index).flatten().tolist())

q, k, v = random(2, 3, 5, 4), random(2, 3, 5, 4), random(2, 3, 5, 4)
y, upstream = F.scaled_dot_product_attention(q, k, v), random(2, 3, 5, 4)
gq, gk, gv = torch.autograd.grad(y, (q, k, v), upstream)
swap = {n: t.transpose(1, 2) for n, t in dict(q=q, k=k, v=v, y=y, upstream=upstream, gq=gq, gk=gk, gv=gv).items()}
case("attention", swap | dict(logSumExp=torch.logsumexp(q @ k.transpose(-1, -2) / 2, -1)), scale=0.5)

a, b, bias, c = random(2, 3, 4), random(2, 5, 4), random(5), random(2, 3, 5)
case("matmul", dict(a=a, b=b, bias=bias, c=c, y=0.5 * a @ b.transpose(1, 2) + bias - 0.25 * c))

for bits in range(32):
    squared, jaccard, batch, total, foreground = (bool(bits >> i & 1) for i in range(5))
    channels, kind, weighted = [3, 1, 2][bits % 3], bits % 4 % 3, bits % 5 < 3
    entropy = bits % 7 < 4
    x = random(2, channels, 2, 1, 3)
    if kind == 2:
        x = ((x.detach().abs() + 0.25) / 2).requires_grad_()
    labels = torch.randint(0, max(2, channels), (2, 1, 2, 1, 3))
    weight = torch.tensor([0.5, 1.5, 0.75])[:channels] if weighted else None
    # One-hot in float64: MONAI's own to_onehot_y makes float32, whose rounding squared_pred would show.
    hot = F.one_hot(labels[:, 0], channels).movedim(-1, 1).double() if channels > 1 else labels.double()
    settings = dict(include_background=not foreground, softmax=kind == 0, sigmoid=kind == 1,
                    squared_pred=squared, jaccard=jaccard, batch=batch, reduction="sum" if total else "mean", smooth_nr=2**-16, smooth_dr=2**-15)
    both = DiceCELoss(**settings, weight=weight)
    loss = both.dice(x, hot)
    if entropy:
        loss = 1.25 * loss + 0.75 * (both.ce if channels > 1 else both.bce)(x, labels.double())
    (gx,) = torch.autograd.grad(loss, x)
    case(f"loss_{bits}", dict(logits=last(x), labels=labels[:, 0], loss=loss.reshape(1), gx=last(gx),
                              weights=weight if weighted else torch.zeros(0)),
         probabilities=kind, squared=squared, jaccard=jaccard, tversky=False, batch=batch, sum=total, foreground=foreground,
         lambdaDice=1.25 if entropy else 1, lambdaCE=0.75 if entropy else 0)

gradients = [random(6).detach() for _ in range(3)]
for name, make in dict(
        adam=lambda p: torch.optim.Adam(p, 0.125, (0.875, 0.9375), 2**-10, 0.25),
        adamw=lambda p: torch.optim.AdamW(p, 0.125, (0.875, 0.9375), 2**-10, 0.25),
        sgd=lambda p: torch.optim.SGD(p, 0.125, 0.875, 0.125, 0.25),
        sgd_nesterov=lambda p: torch.optim.SGD(p, 0.125, 0.875, 0, 0.25, nesterov=True)).items():
    p = random(6)
    tensors = dict(before=p.clone())
    optimizer = make([p])
    for i, g in enumerate(gradients):
        p.grad = g.clone()
        optimizer.step()
        tensors |= {f"gradient{i}": g, f"after{i}": p.clone()}
    case(f"optimizer_{name}", tensors)

for bits in range(8):
    total, foreground, batch = (bool(bits >> i & 1) for i in range(3))
    channels, kind = [3, 1, 2][bits % 3], bits % 2
    x, labels = random(2, channels, 2, 1, 3), torch.randint(0, max(2, channels), (2, 1, 2, 1, 3))
    hot = F.one_hot(labels[:, 0], channels).movedim(-1, 1).double() if channels > 1 else labels.double()
    settings = dict(include_background=not foreground, reduction="sum" if total else "mean", batch=batch)
    loss = TverskyLoss(**settings, softmax=kind == 0, sigmoid=kind == 1, alpha=0.25, beta=0.625, smooth_nr=2**-16,
                       smooth_dr=2**-15)(x, hot)
    (gx,) = torch.autograd.grad(loss, x)
    common = dict(batch=batch, sum=total, foreground=foreground)
    case(f"loss_tversky_{bits}", dict(logits=last(x), labels=labels[:, 0], loss=loss.reshape(1), gx=last(gx), weights=torch.zeros(0)),
         probabilities=kind, squared=False, jaccard=False, tversky=True, lambdaDice=1, lambdaCE=0, **common)
    # The focal half of DiceFocalLoss; it computes in float32 unless it is kept from it.
    gamma, alpha = [2, 0.5, 3][bits % 3], [None, 0.25][bits // 2 % 2]
    counted = channels - (foreground and channels > 1)
    weight = torch.tensor([0.5, 1.5, 0.75])[:channels] if counted > 1 and bits % 5 < 3 else None
    focal = DiceFocalLoss(**settings, gamma=gamma, alpha=alpha, weight=None if weight is None else weight[channels - counted:]).focal
    torch.Tensor.float, single = torch.Tensor.double, torch.Tensor.float
    loss = focal(x, hot)
    torch.Tensor.float = single
    (gx,) = torch.autograd.grad(loss, x)
    case(f"focal_{bits}", dict(logits=last(x), labels=labels[:, 0], loss=loss.reshape(1), gx=last(gx),
                               weights=torch.zeros(0) if weight is None else weight),
         gamma=gamma, alpha=alpha or 0, sum=total, foreground=foreground)

x = (torch.arange(-12, 13) * 0.25 + 0.03125).reshape(5, 5).requires_grad_()
with_gradients("activation_silu", Swish(1.25)(x), dict(x=x), "")

# Ignored voxels: MONAI's losses of predictions and references times a mask, and the cross entropy of the other voxels,
# as nnU-Net's DC_and_CE_loss with ignore_label has them.
for bits in range(24):
    regions, (squared, jaccard, batch, total) = bits >= 12, (bool(bits * 7 >> i & 1) for i in range(4))
    channels, tversky, entropy = [3, 1, 2, 5][bits % 4], bits % 5 == 0, bits % 3 < 2
    kind = 1 + (bits % 6 == 5) if regions else bits // 4
    foreground = not regions and bits % 2 == 1
    x = random(2, channels, 2, 1, 3)
    if kind == 2:
        x = ((x.detach().abs() + 0.25) / 2).requires_grad_()
    mask = torch.rand(2, 2, 1, 3) < (1 if bits in (13, 17) else 0.7)
    weight = None if bits % 4 == 3 or regions and entropy else torch.tensor([0.5, 1.5, 0.75, 1, 2])[:channels]
    if regions:
        hot = torch.randint(0, 2, x.shape).double()
        labels = (hot * 2 ** torch.arange(channels).reshape(-1, 1, 1, 1)).sum(1).long()
    else:
        labels = torch.randint(0, max(2, channels), mask.shape)
        hot = F.one_hot(labels, channels).movedim(-1, 1).double() if channels > 1 else labels[:, None].double()
    p = x.sigmoid() if kind == 1 else x.softmax(1) if kind == 0 and channels > 1 else x
    settings = dict(include_background=not foreground, batch=batch, reduction="sum" if total else "mean", smooth_nr=2**-16,
                    smooth_dr=2**-15)
    if tversky:
        squared = jaccard = False
        loss, weight = TverskyLoss(**settings, alpha=0.25, beta=0.625), None
    else:
        counted = channels - (foreground and channels > 1)
        loss = DiceLoss(**settings, squared_pred=squared, jaccard=jaccard, weight=None if weight is None else weight[channels - counted:])
    loss = loss(p * mask[:, None], hot * mask[:, None])
    if entropy:
        if regions or channels == 1:
            logits, truth = x.movedim(1, -1)[mask], hot.movedim(1, -1)[mask]
            term = F.binary_cross_entropy_with_logits(logits, truth, pos_weight=weight, reduction=settings["reduction"])
        else:
            term = F.cross_entropy(x, labels.where(mask, -1), weight, ignore_index=-1, reduction=settings["reduction"])
        loss = 1.25 * loss + 0.75 * term
    (gx,) = torch.autograd.grad(loss, x)
    case(f"loss_{'regions' if regions else 'ignored'}_{bits}",
         dict(logits=last(x), labels=labels.where(mask, -1), loss=loss.reshape(1), gx=last(gx),
              weights=torch.zeros(0) if weight is None else weight),
         probabilities=kind, squared=squared, jaccard=jaccard, tversky=tversky, batch=batch, sum=total, foreground=foreground,
         lambdaDice=1.25 if entropy else 1, lambdaCE=0.75 if entropy else 0)

target = pathlib.Path(__file__).with_suffix(".json")
target.write_text(json.dumps(cases, separators=(",", ":")).replace('},"', '},\n"') + "\n")
print(target.name, target.stat().st_size, "bytes,", len(cases), "cases")
