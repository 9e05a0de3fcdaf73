#!/usr/bin/env python3
"""Compiles every kernel for GPUs that this machine lacks and compares the results with benchmarks/gpu_static/budgets.json.

    check.py TOOLS [--tighten] [--usual] [--only WORD] [--jobs N]

TOOLS is the folder that tools.sh filled. The script writes gpu_static.json and gpu_static.md in benchmarks/results. It
exits with 1 if a kernel has more registers, stack or spills, or a smaller share of multiplications, than its budget, if
a kernel that is used without tuning has no budget, or if a budget has no kernel. --tighten writes better results into
the budgets; it never loosens a budget and never writes one beyond the limits, and it deletes only the budgets of kernels
that no longer exist. --usual compiles only the variants that a GPU uses without tuning, and the table says so. --only
compiles the files whose name contains WORD and writes no results.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import table
from budgets import Budgets
from compilers import AMD, Tools, compile_amd, compile_nvidia
from variants import ROOT, all_variants

RESULTS = ROOT / "benchmarks/results"
CACHE = ROOT / ".build/gpu-static"
OWN = ("compilers.py", "instructions.py")


def compiled(tools, identity, variant, target):
    """The rows of a variant, read from the last run if none of the inputs has changed."""
    own = "".join((Path(__file__).parent / name).read_text() for name in OWN)
    key = json.dumps([variant.source(), variant.defines, target, identity, own])
    kept = CACHE / (hashlib.sha256(key.encode()).hexdigest() + ".json")
    if kept.exists():
        return json.loads(kept.read_text())
    rows = compile_nvidia(tools, variant) if target == "sm" else compile_amd(tools, variant, target)
    CACHE.mkdir(parents=True, exist_ok=True)
    # The file is replaced as a whole, even if the run is interrupted.
    with tempfile.NamedTemporaryFile("w", dir=CACHE, delete=False) as file:
        file.write(json.dumps(rows))
    os.replace(file.name, kept)
    return rows


def rows_of(tools, variants, jobs):
    identity = tools.identity()
    work = [(variant, target) for variant in variants for target in ("sm", *AMD)
            if target == "sm" or not variant.only_nvidia]

    def one(job):
        variant, target = job
        try:
            rows = compiled(tools, identity, variant, target)
        except RuntimeError as error:
            raise SystemExit(f"gpu-static: {variant.file} {variant.name} for {target}: {error}")
        names = {"file": variant.file, "variant": variant.name, "usual": variant.usual}
        return [{**names, **row} for row in rows]

    with ThreadPoolExecutor(jobs) as pool:
        return [row for rows in pool.map(one, work) for row in rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tools")
    parser.add_argument("--tighten", action="store_true")
    parser.add_argument("--usual", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    started = time.monotonic()
    tools = Tools(options.tools)
    versions = tools.versions()
    every = all_variants()
    variants = [v for v in every if options.only in v.file and (v.usual or not options.usual)]
    if not variants:
        parser.error(f"no kernel file has a name with '{options.only}'")
    rows = rows_of(tools, variants, options.jobs)
    is_full = len(variants) == len(every)
    budgets = Budgets(Path(__file__).with_name("budgets.json"))
    if options.tighten:
        budgets.tighten(rows, delete_others=is_full)
    faults = budgets.faults(rows) + (budgets.without_rows(rows) if is_full else [])
    if options.only:
        print(table.main_kernels(rows))
    else:
        document = {"compilers": versions, "rows": rows}
        lines = json.dumps(document, indent=None, ensure_ascii=False).replace('{"file"', '\n{"file"')
        (RESULTS / "gpu_static.json").write_text(lines + "\n")
        (RESULTS / "gpu_static.md").write_text(table.document(rows, budgets, versions, (len(variants), len(every))))
    for fault in faults:
        print(f"gpu-static: {fault}", file=sys.stderr)
    print(f"gpu-static: {len(rows)} kernels compiled in {time.monotonic() - started:.0f} s, {len(faults)} over budget")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
