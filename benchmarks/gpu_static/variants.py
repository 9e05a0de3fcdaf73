"""The variants that are compiled: each kernel file with the definitions that SegOpenCL uses.

The tiles are read from Sources/SegOpenCL/GemmTile.swift, and the files that precede a kernel from
Kernels/KernelLibrary.swift, so neither is duplicated here. `usual` marks the variants that a GPU uses without tuning for
UNet, VNet, UNETR and DynUNet at 96³ (OpenCLBackend.usualPlan); the other variants are forced or tuned.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KERNELS = ROOT / "Kernels"

# The kernel files that multiply tiles of common/tile.cl, with the sets of other words that specialise each file. All
# sets are compiled with the tiles that are used without tuning, and the first set also with the other tiles.
PRODUCTS = {
    "conv3d/conv3d_gemm": [""],
    "conv3d/conv3d_gemm_wide": [""],
    "conv3d/conv3d_weight_gemm": [""],
    "conv3d/conv3d_weight_gemm_wide": [""],
    "matmul/matmul": [""],
    "matmul/matmul_wide": ["", "TRANSPOSE_A", "TRANSPOSE_B", "TRANSPOSE_A TRANSPOSE_B"],
}
# The precisions by their names in `medseg-bench --precision`: their definitions, and whether every target compiles
# them.
PRECISIONS = {"f32": ({}, True), "tf32": ({"MATRIX": 1}, False), "bf16": ({"MATRIX": 2}, False)}
ATTENTION_PARTS = 4


@dataclass(frozen=True)
class Variant:
    file: str
    name: str
    defines: tuple = ()
    usual: bool = True
    # Whether the variant compiles for NVIDIA alone, because it contains inline PTX.
    only_nvidia: bool = False

    @property
    def is_product(self):
        return self.file in PRODUCTS

    def source(self):
        files = [*common_files(), self.file]
        return "\n".join((KERNELS / f"{file}.cl").read_text() for file in files)


def common_files():
    text = (KERNELS / "KernelLibrary.swift").read_text()
    listed = re.search(r"common = \[(.*?)\]", text, re.S).group(1)
    return re.findall(r'"([^"]+)"', listed)


def tiles():
    """The tuner's tiles as (rows, columns, item rows, item columns): the ones used without tuning, the others, and the inner size."""
    text = (ROOT / "Sources/SegOpenCL/GemmTile.swift").read_text()
    number = r"(\d+), (\d+), (\d+), (\d+)"
    named = {name: tuple(map(int, sizes)) for name, *sizes in re.findall(rf"static let (\w+) = GemmTile\({number}\)", text)}
    listed = re.search(r"static let candidates = \[(.*?)\n    \]", text, re.S).group(1)
    others = [tuple(map(int, sizes)) for sizes in re.findall(rf"GemmTile\({number}\)", listed)]
    inner = int(re.search(r"static let inner = (\d+)", text).group(1))
    return list(named.values()), others, inner


def product_variants():
    usual, others, inner = tiles()
    for file, kinds in PRODUCTS.items():
        for tile in usual + others:
            sizes = dict(zip(("TILE_M", "TILE_N", "ITEM_M", "ITEM_N"), tile), TILE_K=inner)
            for precision, (extra, anywhere) in PRECISIONS.items():
                for kind in kinds if tile in usual else kinds[:1]:
                    name = " ".join([precision, "gemm", *map(str, tile), *([kind] if kind else [])])
                    own = {**sizes, **extra, **{word: 1 for word in kind.split()}}
                    yield Variant(file, name, tuple(own.items()), tile in usual, not anywhere)
    for tile in usual:
        sizes = dict(zip(("TILE_M", "TILE_N", "ITEM_M", "ITEM_N"), tile), TILE_K=inner, HALF_WEIGHTS=1)
        for file in ("conv3d/conv3d_gemm", "conv3d/conv3d_gemm_wide"):
            yield Variant(file, "fp16 gemm " + " ".join(map(str, tile)), tuple(sizes.items()), False)


def other_variants():
    for file in sorted(path.relative_to(KERNELS).with_suffix("").as_posix() for path in KERNELS.glob("*/*.cl")):
        if file.startswith(("common/", "probe/")) or file in PRODUCTS:
            continue
        if file == "conv3d/conv3d_winograd":
            for outputs in (2, 4):
                yield Variant(file, f"winograd {outputs}", (("OUTPUTS", outputs),), False)
        elif file == "attention/attention":
            for part in range(ATTENTION_PARTS):
                yield Variant(file, f"part {part}", (("PART", part), ("EXTENT", 64), ("BLOCK", 32)))
        elif file == "conv3d/conv3d_vector":
            # A variant for CPUs; a GPU uses it only if forced.
            yield Variant(file, "vector", (), False)
        else:
            yield Variant(file, "plain")
            if file in ("conv3d/conv3d_direct", "conv3d/conv3d_pack"):
                yield Variant(file, "fp16", (("HALF_WEIGHTS", 1),), False)
            if file == "elementwise/arithmetic":
                yield Variant(file, "width 4", (("WIDTH", 4),))


def all_variants():
    return [*other_variants(), *product_variants()]
