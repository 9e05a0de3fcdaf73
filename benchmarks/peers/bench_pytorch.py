"""Times PyTorch and MONAI on the cases of `medseg-bench ops|nets|infer`, one JSON object per line with the same keys.

    python3 bench_pytorch.py ops|nets|infer [--device cuda] [--precision fp32|tf32|bf16] [--layout ncdhw|ndhwc]
        [--threads N] [--size 96] [--volume 243 201 168]

Precisions: fp32 with TensorFloat-32 switched off, tf32 with it allowed in products and convolutions, bf16 by autocast.
Networks and windows need MONAI; the ops need only torch.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import resource
import sys
import time

import torch
from torch.nn import functional

# Name, input channels, output channels, size, kernel, stride.
CONVOLUTIONS = [
    ("conv_1_16_96_k3", 1, 16, 96, 3, 1),
    ("conv_16_16_96_k3", 16, 16, 96, 3, 1),
    ("conv_16_32_96_k3_s2", 16, 32, 96, 3, 2),
    ("conv_32_32_48_k3", 32, 32, 48, 3, 1),
    ("conv_64_64_24_k3", 64, 64, 24, 3, 1),
    ("conv_128_128_12_k3", 128, 128, 12, 3, 1),
    ("conv_256_256_6_k3", 256, 256, 6, 3, 1),
    ("conv_32_32_96_k3", 32, 32, 96, 3, 1),
    ("conv_16_16_96_k5", 16, 16, 96, 5, 1),
    ("conv_32_32_48_k5", 32, 32, 48, 5, 1),
    ("conv_64_64_24_k5", 64, 64, 24, 5, 1),
    ("conv_128_128_12_k5", 128, 128, 12, 5, 1),
    ("conv_256_256_12_k5", 256, 256, 12, 5, 1),
    ("conv_256_256_6_k5", 256, 256, 6, 5, 1),
    ("conv_32_2_96_k5", 32, 2, 96, 5, 1),
    ("conv_32_2_96_k1", 32, 2, 96, 1, 1),
    ("conv_1_768_96_k16_s16", 1, 768, 96, 16, 16),
]
TRANSPOSED = [
    ("convt_32_16_48_k3_s2", 32, 16, 48, 3, 2),
    ("convt_64_32_24_k3_s2", 64, 32, 24, 3, 2),
    ("convt_256_128_12_k2_s2", 256, 128, 12, 2, 2),
]
# `tuned` if glibc's settings keep its pages, which halves PyTorch's times on a CPU; see compare.sh.
ALLOCATOR = "tuned" if "mmap_threshold" in os.environ.get("GLIBC_TUNABLES", "") else "default"


def reset_peak():
    """Starts a new measurement of the maximum resident memory if the system supports it."""
    with contextlib.suppress(OSError):
        pathlib.Path("/proc/self/clear_refs").write_text("5")


def peak_mib():
    """The maximum resident memory in MiB since reset_peak, or since the process began if the system cannot reset it."""
    status = pathlib.Path("/proc/self/status")
    found = re.search(r"VmHWM:\s*(\d+)", status.read_text() if status.exists() else "")
    if found:
        return int(found[1]) >> 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (20 if sys.platform == "darwin" else 10)


class Bench:
    """The settings that all cases share: device, precision and duration."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.device = torch.device(arguments.device)
        self.is_cuda = self.device.type == "cuda"
        self.format = torch.channels_last_3d if arguments.layout == "ndhwc" else torch.contiguous_format
        allowed = arguments.precision == "tf32"
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
        torch.backends.cudnn.benchmark = True

    def cast(self):
        if self.arguments.precision != "bf16":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def noise(self, *shape):
        tensor = torch.rand(*shape, device=self.device)
        return tensor.to(memory_format=self.format) if tensor.dim() == 5 else tensor

    def seconds(self, work):
        start = time.perf_counter()
        work()
        if self.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - start

    def measure(self, case, what, work, flops=None, fewest=3):
        """Runs once to warm up, once to choose the sample size, then `fewest` to 20 times; prints median and minimum."""
        if self.is_cuda:
            torch.cuda.reset_peak_memory_stats()
        reset_peak()
        self.seconds(work)
        first = self.seconds(work)
        count = max(fewest, min(20, int(self.arguments.seconds / max(first, 1e-4))))
        times = sorted(self.seconds(work) for _ in range(count))
        median = times[count // 2] * 1e3
        peak = torch.cuda.max_memory_allocated() >> 20 if self.is_cuda else peak_mib()
        row = {
            "program": f"torch {torch.__version__}", "case": case, "what": what, "ms": round(median, 4),
            "best_ms": round(times[0] * 1e3, 4), "peak_mib": peak, "device": self.arguments.device,
            "precision": self.arguments.precision, "layout": self.arguments.layout, "allocator": ALLOCATOR,
            "threads": torch.get_num_threads(), "batch": self.arguments.batch,
        }
        if flops:
            row["gflops"] = round(flops / median / 1e6, 2)
        print(json.dumps(row), flush=True)

    def convolution(self, name, inputs, outputs, extent, kernel, stride, transposed):
        padding = kernel // 2 if kernel % 2 else 0
        x = self.noise(self.arguments.batch, inputs, extent, extent, extent).requires_grad_()
        shape = (inputs, outputs) if transposed else (outputs, inputs)
        weight = self.noise(*shape, kernel, kernel, kernel).requires_grad_()
        bias = self.noise(outputs).requires_grad_()

        def apply():
            if transposed:
                return functional.conv_transpose3d(
                    x, weight, bias, stride=stride, padding=padding, output_padding=kernel % 2)
            return functional.conv3d(x, weight, bias, stride=stride, padding=padding)

        def forward():
            with torch.no_grad(), self.cast():
                return apply()

        upstream = torch.ones_like(forward())
        positions = x.numel() // inputs if transposed else upstream.numel() // outputs
        flops = 2 * positions * inputs * outputs * kernel**3
        self.both(name, forward, apply, (x, weight, bias), upstream, flops)

    def both(self, name, forward, apply, inputs, upstream, flops):
        def forward_backward():
            with self.cast():
                y = apply()
            torch.autograd.grad(y, inputs, upstream)

        self.measure(name, "forward", forward, flops)
        self.measure(name, "forward+backward", forward_backward, 3 * flops if flops else None)

    def norms(self, wanted):
        x = self.noise(self.arguments.batch, 32, 96, 96, 96).requires_grad_()
        activation = torch.nn.PReLU().to(self.device)
        batch_norm = torch.nn.BatchNorm3d(32).to(self.device)
        cases = {
            "instance_norm_prelu_32_96": lambda: activation(functional.instance_norm(x)),
            "batch_norm_dropout_prelu_32_96": lambda: activation(functional.dropout(batch_norm(x), 0.1)),
        }
        for name, apply in cases.items():
            if not wanted(name):
                continue

            def forward(apply=apply):
                with torch.no_grad(), self.cast():
                    return apply()

            self.both(name, forward, apply, (x,), torch.ones_like(forward()), None)

    def pointwise(self, wanted):
        """Arithmetic and reductions on 32 channels of 96³, and 2 channels times one number for each voxel."""
        extents = (96, 96, 96)
        a, b, classes, rows, channels = (
            self.noise(*shape).abs() + 0.5 for shape in (
                (self.arguments.batch, 32, *extents), (self.arguments.batch, 32, *extents),
                (self.arguments.batch, 2, *extents), (self.arguments.batch, 1, *extents), (32, 1, 1, 1)))
        cases = {
            "add_32_96": lambda: a + b, "multiply_channels_32_96": lambda: a * channels,
            "multiply_rows_2_96": lambda: classes * rows, "divide_32_96": lambda: a / b,
            "maximum_32_96": lambda: torch.maximum(a, b), "pow_32_96": lambda: a**1.37, "exp_32_96": lambda: torch.exp(a),
            "log_32_96": lambda: torch.log(a), "sqrt_32_96": lambda: torch.sqrt(a), "abs_32_96": lambda: torch.abs(a),
            "sum_32_96": lambda: a.sum((2, 3, 4)), "max_32_96": lambda: a.amax((2, 3, 4)),
        }
        for name, apply in cases.items():
            if wanted(name):
                with torch.no_grad():
                    self.measure(name, "forward", apply)

    def network(self, name):
        from monai.networks import nets

        if name == "unet":
            net = nets.UNet(3, 1, 2, channels=(16, 32, 64, 128, 256), strides=(2, 2, 2, 2), num_res_units=2, norm="batch")
        elif name == "vnet":
            net = nets.VNet(spatial_dims=3, in_channels=1, out_channels=2)
        else:
            net = nets.UNETR(
                in_channels=1, out_channels=2, img_size=(self.arguments.size,) * 3, feature_size=16, hidden_size=768,
                mlp_dim=3072, num_heads=12, norm_name="instance", res_block=True, proj_type="conv")
        return net.to(self.device).to(memory_format=self.format)

    def train_and_infer(self, name):
        from monai.losses import DiceLoss

        net = self.network(name)
        shape = (self.arguments.batch, 1) + (self.arguments.size,) * 3
        x = self.noise(*shape)
        labels = (self.noise(*shape) > 0.9).float()
        loss_of = DiceLoss(to_onehot_y=True, softmax=True)
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-4, weight_decay=1e-5)

        def infer():
            with torch.no_grad(), self.cast():
                net(x)

        def step():
            optimizer.zero_grad()
            with self.cast():
                loss = loss_of(net(x), labels)
            loss.backward()
            optimizer.step()

        net.eval()
        self.measure(name, "inference", infer)
        net.train()
        self.measure(name, "training_step", step)

    def sweep(self, name):
        from monai.inferers import sliding_window_inference

        net = self.network(name).eval()
        volume = self.noise(1, 1, *self.arguments.volume)

        def run():
            with torch.no_grad(), self.cast():
                sliding_window_inference(
                    volume, (self.arguments.size,) * 3, 4 if self.is_cuda else 1, net, overlap=0.5, mode="gaussian")

        self.measure(name, "sliding_window", run, fewest=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=["ops", "nets", "infer"])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", default="fp32", choices=["fp32", "tf32", "bf16"])
    parser.add_argument("--layout", default="ncdhw", choices=["ncdhw", "ndhwc"])
    parser.add_argument("--names", nargs="*")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, help="number of CPU threads; default PyTorch's own choice")
    parser.add_argument("--size", type=int, default=96, help="size of a network's patch, or of a window")
    parser.add_argument("--volume", type=int, nargs=3, default=[243, 201, 168], help="size of the volume")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    bench = Bench(arguments)

    def wanted(name):
        return not arguments.names or name in arguments.names

    if arguments.suite == "ops":
        for transposed, cases in ((False, CONVOLUTIONS), (True, TRANSPOSED)):
            for case in cases:
                if wanted(case[0]):
                    bench.convolution(*case, transposed)
        bench.norms(wanted)
        bench.pointwise(wanted)
    else:
        run = bench.train_and_infer if arguments.suite == "nets" else bench.sweep
        for name in filter(wanted, ("unet", "vnet", "unetr")):
            run(name)


if __name__ == "__main__":
    main()
