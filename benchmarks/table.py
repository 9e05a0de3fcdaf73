"""Lays the rows of a comparison side by side: python3 benchmarks/table.py results/FILE.jsonl [README.md]

Each round of `compare.sh` gives one row of ours and, for each layout and allocator, one of PyTorch's for a case. The
ratio of a round is the best of PyTorch's rows divided by ours; the table gives the median over the rounds and their
spread; of memory, the most that ours took in any round and the least of PyTorch's. With a README the table replaces what stands there between `<!-- results -->` and `<!-- end of results -->`.
"""
import collections
import json
import math
import pathlib
import statistics
import sys

NETWORK_WORK = {"inference", "training_step"}


def read(path):
    """The description of the machine, and the rows of each (case, what): ours, and theirs by layout and allocator."""
    machine, ours = {}, collections.defaultdict(list)
    theirs = collections.defaultdict(lambda: collections.defaultdict(list))
    for line in path.read_text().splitlines():
        if not line.startswith("{"):
            continue
        row = json.loads(line)
        if "program" not in row:
            machine = row
            continue
        key = (row["case"], row["what"])
        (ours[key] if row["program"] == "medseg" else theirs[key][row["layout"], row.get("allocator")]).append(row)
    return machine, ours, theirs


def compare(mine, layouts):
    """Our median, theirs, the ratio of every round, and both peaks of memory."""
    rounds = min(len(mine), *(len(rows) for rows in layouts.values()))
    best = [min(rows[i]["ms"] for rows in layouts.values()) for i in range(rounds)]
    ratios = [best[i] / mine[i]["ms"] for i in range(rounds)]
    theirs = min(row["peak_mib"] for rows in layouts.values() for row in rows)
    return statistics.median(r["ms"] for r in mine), statistics.median(best), ratios, max(
        r["peak_mib"] for r in mine), theirs


def table(title, keys, ours, theirs, with_memory):
    compared = {key: compare(ours[key], theirs[key]) for key in keys if theirs.get(key)}
    if not compared:
        return []
    head = f"| {title} | MedSeg ms | PyTorch ms (best layout) | times faster (spread) |"
    lines = [head + (" MedSeg peak MiB | PyTorch peak MiB |" if with_memory else ""),
             "|---|---|---|---|" + ("---|---|" if with_memory else "")]
    for (case, what), (mine, peer, ratios, peak, peer_peak) in compared.items():
        digits = 0 if mine >= 50 else 2
        lines.append(
            f"| {case}, {what.replace('_', ' ')} | {mine:.{digits}f} | {peer:.{digits}f} "
            f"| {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}) |"
            + (f" {peak} | {peer_peak} |" if with_memory else ""))
    medians = [statistics.median(ratios) for _, _, ratios, _, _ in compared.values()]
    mean = math.exp(statistics.fmean(math.log(m) for m in medians))
    return lines + ["", f"Geometric mean of the ratios: {mean:.2f}; least {min(medians):.2f}.", ""]


def report(path):
    machine, ours, theirs = read(path)
    networks = [key for key in ours if key[1] in NETWORK_WORK]
    ops = [key for key in ours if key[1] not in NETWORK_WORK]
    lines = []
    if machine:
        lines = [
            f"{machine['date']}, commit {machine['commit']}, {machine['cores']} cores of {machine['cpu']}, "
            f"PyTorch {machine['torch']}, MONAI {machine['monai']}, f32; load before the first row {machine['load']}.",
            ""]
    lines += table("network at 96³", networks, ours, theirs, True) + table("op", ops, ours, theirs, False)
    return "\n".join(lines).rstrip() + "\n"


def main():
    text = report(pathlib.Path(sys.argv[1]))
    if len(sys.argv) < 3:
        print(text, end="")
        return
    readme = pathlib.Path(sys.argv[2])
    begin, end = "<!-- results -->\n", "<!-- end of results -->\n"
    before, rest = readme.read_text().split(begin)
    readme.write_text(before + begin + text + end + rest.split(end)[1])


main()
