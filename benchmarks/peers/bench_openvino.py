"""Times OpenVINO on the networks of `medseg-bench nets --onnx DIR`, one JSON object per line with the same keys.

    python3 bench_openvino.py DIR unet|vnet|unetr… [--precision fp32|bf16] [--threads N]

Needs only openvino and numpy: the networks are the same as MedSeg's, weights included.
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

import numpy
import openvino

SIZE = 96


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


def compiled(path, precision, threads):
    """The compiled network, optimised for the latency of one run."""
    return openvino.Core().compile_model(str(path), "CPU", {
        "INFERENCE_PRECISION_HINT": {"fp32": "f32"}.get(precision, precision),
        "INFERENCE_NUM_THREADS": threads,
        # Without this, the hint for latency leaves hyper-threads idle, and fewer threads run than were requested.
        "ENABLE_HYPER_THREADING": True,
        "PERFORMANCE_HINT": "LATENCY",
    })


def measure(name, folder, arguments):
    """Runs once to warm up, once to choose the sample size, then 3 to 20 times; prints median and minimum."""
    network = compiled(folder / f"{name}.onnx", arguments.precision, arguments.threads)
    request = network.create_infer_request()
    x = numpy.random.default_rng(0).random((arguments.batch, 1, SIZE, SIZE, SIZE), dtype=numpy.float32)

    def seconds():
        start = time.perf_counter()
        request.infer({0: x}, share_inputs=True, share_outputs=True)
        return time.perf_counter() - start

    reset_peak()
    seconds()
    first = seconds()
    times = sorted(seconds() for _ in range(max(3, min(20, int(arguments.seconds / max(first, 1e-4))))))
    output = request.get_output_tensor(0).data
    assert output.shape == (arguments.batch, 2, SIZE, SIZE, SIZE) and numpy.isfinite(output).all()
    print(json.dumps({
        "program": f"openvino {openvino.__version__.split('-')[0]}", "case": name, "what": "inference",
        "ms": round(times[len(times) // 2] * 1e3, 4), "best_ms": round(times[0] * 1e3, 4),
        "peak_mib": peak_mib(), "device": "cpu", "precision": arguments.precision,
        "threads": network.get_property("INFERENCE_NUM_THREADS"), "batch": arguments.batch,
    }), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--batch", type=int, default=1)
    arguments = parser.parse_args()
    for name in arguments.names:
        measure(name, arguments.folder, arguments)


if __name__ == "__main__":
    main()
