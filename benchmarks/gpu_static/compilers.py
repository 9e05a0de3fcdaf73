"""Compiles one variant for a family of GPUs and returns one row per kernel and target."""

import hashlib
import os
import re
import subprocess
import tempfile
from pathlib import Path

from instructions import describe, read_amd, read_nvidia

NVIDIA = ("sm_80", "sm_89", "sm_90")
AMD = ("gfx1100", "gfx942")


class Tools:
    def __init__(self, folder):
        root = Path(folder) / "root/usr/lib"
        cuda = next((Path(folder) / "python/lib").glob("python*/site-packages/nvidia/cu*"))
        self.clang = root / "llvm-22/bin/clang"
        self.libraries = root / "clc"
        self.ptxas, self.nvdisasm = cuda / "bin/ptxas", cuda / "bin/nvdisasm"
        self.libdevice = cuda / "nvvm/libdevice/libdevice.10.bc"
        paths = [str(root / "x86_64-linux-gnu"), str(root / "llvm-22/lib")]
        self.environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(paths)}

    def run(self, *command):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=self.environment)
        if done.returncode:
            raise RuntimeError(f"{Path(command[0]).name}: {(done.stderr or done.stdout)[:2000]}")
        return done.stdout + done.stderr

    def versions(self):
        clang = self.run(self.clang, "--version").splitlines()[0]
        cuda = {tool.name: re.search(r"release [\d.]+, V([\d.]+)", self.run(tool, "--version")).group(1)
                for tool in (self.ptxas, self.nvdisasm)}
        return {"clang": re.search(r"version ([\d.]+)", clang).group(1), **cuda}

    def identity(self):
        """Everything that a row depends on besides the source: full versions, and the linked libraries."""
        said = [self.run(tool, "--version") for tool in (self.clang, self.ptxas, self.nvdisasm)]
        linked = [self.libdevice, *(self.libraries / f"{target}.bc" for target in ("nvptx64--nvidiacl", "amdgcn-amd-amdhsa"))]
        return said + [hashlib.sha256(file.read_bytes()).hexdigest() for file in linked]

    def kernels(self, source, defines, flags):
        """The names of the kernels in a source after preprocessing."""
        text = self.run(self.clang, "-x", "cl", "-cl-std=CL1.2", *flags, *(f"-D{name}={value}" for name, value in defines),
                        "-E", "-P", source)
        return set(re.findall(r"\b__kernel\b[^;{}]*?\bvoid\s+(\w+)\s*\(", text))

    def compile(self, source, defines, output, flags, bitcode):
        links = [flag for file in bitcode for flag in ("-Xclang", "-mlink-builtin-bitcode", "-Xclang", file)]
        # The flags are the drivers' flags in OpenCLProgramCache.build.
        self.run(self.clang, "-x", "cl", "-cl-std=CL1.2", "-cl-mad-enable", "-O3", "-Wno-everything",
                 "-Xclang", "-finclude-default-header", *flags, *links,
                 *(f"-D{name}={value}" for name, value in defines), "-S", "-o", output, source)


def complete(rows, wanted, targets):
    """The rows, if there is exactly one for every kernel of a source and every target; else raises RuntimeError."""
    found = sorted((row["kernel"], row["target"]) for row in rows)
    expected = sorted((kernel, target) for kernel in wanted for target in targets)
    if found != expected or not expected:
        differ = set(expected) ^ set(found)
        raise RuntimeError(f"not exactly one row per kernel and target: {sorted(differ) or found}")
    return rows


def compile_nvidia(tools, variant):
    """Compiles to PTX once, for the oldest target, and runs ptxas for each target."""
    with tempfile.TemporaryDirectory() as folder:
        source, ptx, cubin = (Path(folder) / name for name in ("k.cl", "k.ptx", "k.cubin"))
        source.write_text(variant.source())
        flags = ["-target", "nvptx64--nvidiacl", "-Xclang", "-target-cpu", "-Xclang", "sm_80", "-Xclang", "-target-feature",
                 "-Xclang", "+ptx81", "-Dcl_clang_storage_class_specifiers"]
        tools.compile(source, variant.defines, ptx, flags, [tools.libraries / "nvptx64--nvidiacl.bc", tools.libdevice])
        wanted, rows = tools.kernels(source, variant.defines, flags), []
        for target in NVIDIA:
            said = tools.run(tools.ptxas, f"-arch={target}", "-v", "-O3", "-o", cubin, ptx)
            sass = tools.run(tools.nvdisasm, "-c", cubin)
            for entry in said.split("Compiling entry function ")[1:]:
                kernel = re.match(r"'(\w+)'", entry).group(1)
                own = entry.split("ptxas info    : Function properties for")[1] if "Function properties for" in entry else entry
                stack, stores, loads = map(int, re.search(
                    r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", own).groups())
                shared = re.search(r"(\d+) bytes smem", entry)
                rows.append({
                    "kernel": kernel, "target": target,
                    "registers": int(re.search(r"Used (\d+) registers", entry).group(1)), "stack": stack,
                    "spills": stores + loads, "local_bytes": int(shared.group(1)) if shared else 0,
                    **describe(read_nvidia(sass, kernel))})
        return complete(rows, wanted, NVIDIA)


def compile_amd(tools, variant, target):
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "k.cl", Path(folder) / "k.s"
        source.write_text(variant.source())
        flags = ["--target=amdgcn-amd-amdhsa", f"-mcpu={target}", "-nogpulib"]
        tools.compile(source, variant.defines, output, flags, [tools.libraries / "amdgcn-amd-amdhsa.bc"])
        wanted = tools.kernels(source, variant.defines, flags)
        assembly = output.read_text()
    rows = []
    metadata = assembly[assembly.index("amdhsa.kernels:"):assembly.index("amdhsa.target:")]
    for block in re.split(r"\n  - ", metadata)[1:]:
        def number(name):
            found = re.search(rf"\.{name}:\s+(\d+)", block)
            return int(found.group(1)) if found else 0
        kernel = re.search(r"\n    \.name:\s+(\w+)", block).group(1)
        rows.append({
            "kernel": kernel, "target": target, "registers": number("vgpr_count"),
            "stack": number("private_segment_fixed_size"), "spills": 4 * number("vgpr_spill_count"),
            "local_bytes": number("group_segment_fixed_size"), **describe(read_amd(assembly, kernel))})
    return complete(rows, wanted, (target,))
