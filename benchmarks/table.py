"""Lays the rows of a comparison side by side: python3 benchmarks/table.py results/FILE.jsonl [README.md]

Each round of `compare.sh` gives for a case one row of ours, one of PyTorch's for each layout and allocator, and of a
network's inference one of OpenVINO's. The ratio of a round is the best of a peer's rows divided by ours; the table gives
the median over the rounds and their spread; of memory, the most that ours took in any round and the least of the peer's.
A peer without rows is said. With a README the tables replace what stands there between `<!-- results -->` and
`<!-- end of results -->`.
"""
import collections
import json
import math
import pathlib
import statistics
import sys

NETWORK_WORK = {"inference", "training_step"}
PEERS = {"torch": "PyTorch", "openvino": "OpenVINO"}
PRECISIONS = {"fp32": "f32"}


class Rows:
    """The rows of a file: ours by case, and each peer's by case and then by layout and allocator."""

    def __init__(self, path):
        self.machine, self.versions = {}, {}
        self.ours = collections.defaultdict(list)
        self.theirs = {peer: collections.defaultdict(lambda: collections.defaultdict(list)) for peer in PEERS}
        for line in path.read_text().splitlines():
            if not line.startswith("{"):
                continue
            row = json.loads(line)
            if "program" in row:
                self.add(row)
            else:
                self.machine = row

    def add(self, row):
        key = (row["case"], row["what"], row["precision"])
        program, _, version = row["program"].partition(" ")
        if program == "medseg":
            self.ours[key].append(row)
            return
        self.versions[program] = version
        self.theirs[program][key][row.get("layout"), row.get("allocator")].append(row)


def compare(mine, layouts):
    """Our median, theirs, the ratio of every round, and both peaks of memory."""
    rounds = min(len(mine), *(len(rows) for rows in layouts.values()))
    best = [min(rows[i]["ms"] for rows in layouts.values()) for i in range(rounds)]
    ratios = [best[i] / mine[i]["ms"] for i in range(rounds)]
    theirs = min(row["peak_mib"] for rows in layouts.values() for row in rows)
    return statistics.median(r["ms"] for r in mine), statistics.median(best), ratios, max(
        r["peak_mib"] for r in mine), theirs


def table(title, keys, peer, rows, with_memory):
    """Ours beside one peer's, as Markdown."""
    name, theirs = PEERS[peer], rows.theirs[peer]
    compared = {key: compare(rows.ours[key], theirs[key]) for key in keys if theirs.get(key)}
    if not compared:
        return [f"{title}: no rows of {name}.", ""] if keys else []
    head = f"| {title} | MedSeg ms | {name} ms | times faster (spread) |"
    lines = [head + (f" MedSeg peak MiB | {name} peak MiB |" if with_memory else ""),
             "|---|---|---|---|" + ("---|---|" if with_memory else "")]
    for (case, what, _), (mine, best, ratios, peak, peer_peak) in compared.items():
        digits = 0 if mine >= 50 else 2
        lines.append(
            f"| {case}, {what.replace('_', ' ')} | {mine:.{digits}f} | {best:.{digits}f} "
            f"| {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}) |"
            + (f" {peak} | {peer_peak} |" if with_memory else ""))
    medians = {key: statistics.median(ratios) for key, (_, _, ratios, _, _) in compared.items()}
    mean = math.exp(statistics.fmean(math.log(m) for m in medians.values()))
    lines += ["", f"Geometric mean of the ratios: {mean:.2f}; least {min(medians.values()):.2f}."]
    slower = [f"{case} ({what.replace('_', ' ')})" for (case, what, _), m in medians.items() if m < 1]
    if slower:
        lines.append(f"Slower than {name}: {', '.join(slower)}.")
    return lines + [""]


def report(path):
    rows = Rows(path)
    machine = rows.machine
    lines = []
    if machine:
        peers = ", ".join(f"{PEERS[peer]} {version}" for peer, version in sorted(rows.versions.items(), reverse=True))
        lines = [
            f"{machine['date']}, commit {machine['commit']}, {machine['cores']} cores of {machine['cpu']}; "
            f"{peers or 'no peer'}; MONAI {machine['monai']}; load before the first row {machine['load']}. PyTorch's "
            "column is the best of its memory layouts and allocators.", ""]
    for precision in sorted({key[2] for key in rows.ours}, key=lambda p: p != "fp32"):
        keys = [key for key in rows.ours if key[2] == precision]
        networks = [key for key in keys if key[1] in NETWORK_WORK]
        inference = [key for key in keys if key[1] == "inference"]
        ops = [key for key in keys if key[1] not in NETWORK_WORK]
        label = PRECISIONS.get(precision, precision)
        lines += table(f"network at 96³, {label}", networks, "torch", rows, True)
        lines += table(f"network at 96³, {label}", inference, "openvino", rows, True)
        lines += table(f"op, {label}", ops, "torch", rows, False)
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
