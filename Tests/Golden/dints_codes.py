"""Write dints_codes.pt: an architecture of DiNTS as MONAI's search saves it, arrays of NumPy in a checkpoint of PyTorch.

    pip install torch monai
    python dints_codes.py

The codes are those of models.py, in the element types that the search and people's scripts leave.
"""
import pathlib

import numpy as np
import torch

from models import DINTS_NODES, DINTS_SPACE

paths, operations = DINTS_SPACE["arch_code"]
torch.save({"node_a": np.array(DINTS_NODES), "arch_code_a": np.array(paths, float, order="F"),
            "arch_code_c": np.array(operations, np.uint8), "iter_num": 7, "best_dsc": np.float32(0.5)},
           pathlib.Path(__file__).with_name("dints_codes.pt"))
