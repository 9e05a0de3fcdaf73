"""Writes windows.json: what MONAI's sliding-window inference makes of a small image, with an overlap for each axis. Read by
Tests/SegInferenceTests/WindowTests.swift.

    python windows.py          needs monai, torch
"""

import json
import pathlib

import torch
from monai.inferers import sliding_window_inference

OUT = pathlib.Path(__file__).with_name("windows.json")

# Windows, overlaps and blending; the first is a model of slices.
CASES = [
    ((4, 4, 1), (0.25, 0.25, 0.0), "gaussian"),
    ((4, 4, 1), (0.25, 0.25, 0.0), "constant"),
    ((4, 3, 2), (0.5, 0.0, 0.9), "gaussian"),
    ((8, 4, 2), (0.0, 0.75, 0.5), "gaussian"),
]


def case(window, overlap, mode):
    """Each window is multiplied by the position of its voxels, so the result shows where every window lay."""
    size = (7, 9, 3)
    count = size[0] * size[1] * size[2]
    image = torch.tensor([(7919 * n) % 31 - 15 for n in range(count)], dtype=torch.float32).reshape(1, 1, *size)
    ramp = 1 + torch.arange(window[0] * window[1] * window[2], dtype=torch.float32).reshape(1, 1, *window) / 8
    result = sliding_window_inference(image, window, 1, lambda part: part * ramp, overlap=overlap, mode=mode)
    return {
        "window": window, "overlap": overlap, "mode": mode, "size": size, "image": image.flatten().tolist(),
        "result": [round(value, 5) for value in result.flatten().tolist()],
    }


OUT.write_text(json.dumps([case(*arguments) for arguments in CASES]) + "\n")
