"""Puts the rows of a comparison side by side: python3 benchmarks/table.py results/FILE.jsonl [README.md]

Each round of `compare.sh` gives, for a case, one PyTorch row for each layout and allocator, one OpenVINO row for a
network's inference, and at the end one MedSeg row. The ratio of a round is the best of a peer's rows divided by MedSeg's
row; the table gives the median over the rounds and their spread. For memory it gives MedSeg's maximum over all rounds and
the peer's minimum. If PyTorch has no rows its cells stay empty; if OpenVINO has none, a line says so. Rows with different
numbers of threads are refused. With a README, the tables of a full run with PyTorch's rows also replace the text between
`<!-- results -->` and `<!-- end of results -->` in it.
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
    """The rows of a file by case: MedSeg's rows, and pairs of MedSeg's row and a peer's rows of the same round."""

    def __init__(self, path):
        self.machine, self.versions, self.threads = {}, {}, set()
        self.ours = collections.defaultdict(list)
        self.theirs = {peer: collections.defaultdict(list) for peer in PEERS}
        self.waiting = collections.defaultdict(list)
        for line in path.read_text().splitlines():
            if not line.startswith("{"):
                continue
            row = json.loads(line)
            if "program" in row:
                self.add(row)
            else:
                self.machine.update(row)
        if len(self.threads) > 1:
            counts = " and of ".join(str(count) for count in sorted(self.threads))
            sys.exit(f"table.py: {path} has rows of {counts} threads; run compare.sh with one number of threads, as in "
                     "THREADS=2")

    def add(self, row):
        key = (row["case"], row["what"], row["precision"])
        program, _, version = row["program"].partition(" ")
        self.threads.add(row["threads"])
        if program == "medseg":
            self.ours[key].append(row)
            # MedSeg's row ends a round, in which a peer may have failed.
            for peer in PEERS:
                if found := self.waiting.pop((peer, key), None):
                    self.theirs[peer][key].append((row, found))
            return
        self.versions[program] = version
        self.waiting[program, key].append(row)


def compare(rounds):
    """A peer's median time, its ratio in every round with rows of the peer, and its minimum memory."""
    best = [min(row["ms"] for row in rows) for _, rows in rounds]
    ratios = [ms / mine["ms"] for ms, (mine, _) in zip(best, rounds)]
    return statistics.median(best), ratios, min(row["peak_mib"] for _, rows in rounds for row in rows)


def table(title, keys, peer, rows, with_memory):
    """MedSeg's rows beside one peer's rows, as Markdown."""
    name, theirs = PEERS[peer], rows.theirs[peer]
    compared = {key: compare(theirs[key]) for key in keys if key in theirs}
    if not keys:
        return []
    head = f"| {title} | MedSeg ms | {name} ms | times faster (spread) |"
    lines = [head + (f" MedSeg peak MiB | {name} peak MiB |" if with_memory else ""),
             "|---|---|---|---|" + ("---|---|" if with_memory else "")]
    for key in keys:
        mine = statistics.median(row["ms"] for row in rows.ours[key])
        digits = 0 if mine >= 50 else 2
        peak, best, ratio, peer_peak = max(row["peak_mib"] for row in rows.ours[key]), "", "", ""
        if key in compared:
            ms, ratios, peer_peak = compared[key]
            best = f"{ms:.{digits}f}"
            ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        lines.append(
            f"| {key[0]}, {key[1].replace('_', ' ')} | {mine:.{digits}f} | {best} | {ratio} |"
            + (f" {peak} | {peer_peak} |" if with_memory else ""))
    if not compared:
        return lines + [""]
    medians = {key: statistics.median(ratios) for key, (_, ratios, _) in compared.items()}
    mean = math.exp(statistics.fmean(math.log(m) for m in medians.values()))
    lines += ["", f"Geometric mean of the ratios: {mean:.2f}; least {min(medians.values()):.2f}."]
    slower = [f"{case} ({what.replace('_', ' ')})" for (case, what, _), m in medians.items() if m < 1]
    if slower:
        lines.append(f"Slower than {name}: {', '.join(slower)}.")
    return lines + [""]


def report(rows):
    machine = rows.machine
    lines = []
    if machine:
        peers = [f"{PEERS[peer]} {version}" for peer, version in sorted(rows.versions.items(), reverse=True)]
        best = ""
        if "torch" in rows.versions:
            peers.append(f"MONAI {machine['monai']}")
            best = " PyTorch's column is the best of its memory layouts and allocators."
        lines = [
            f"{machine['date']}, commit {machine['commit']}, {max(rows.threads, default=0)} threads on "
            f"{machine['cores']} cores of {machine['cpu']}; {', '.join(peers) or 'no peer'}; load before the first row "
            f"{machine['load']}.{best}", ""]
    for precision in sorted({key[2] for key in rows.ours}, key=lambda p: p != "fp32"):
        keys = [key for key in rows.ours if key[2] == precision]
        networks = [key for key in keys if key[1] in NETWORK_WORK]
        inference = [key for key in keys if key[1] == "inference"]
        ops = [key for key in keys if key[1] not in NETWORK_WORK]
        label = PRECISIONS.get(precision, precision)
        lines += table(f"network at 96³, {label}", networks, "torch", rows, True)
        if any(key in rows.theirs["openvino"] for key in inference):
            lines += table(f"network at 96³, {label}", inference, "openvino", rows, True)
        elif inference:
            lines += [f"network at 96³, {label}: no rows of OpenVINO.", ""]
        lines += table(f"op, {label}", ops, "torch", rows, False)
    return "\n".join(lines).rstrip() + "\n"


def main():
    rows = Rows(pathlib.Path(sys.argv[1]))
    text = report(rows)
    print(text, end="")
    if len(sys.argv) < 3:
        return
    readme = pathlib.Path(sys.argv[2])
    if not rows.machine.get("full"):
        print(f"table.py: {readme} keeps its tables, because this was not a full run with PyTorch's rows", file=sys.stderr)
        return
    begin, end = "<!-- results -->\n", "<!-- end of results -->\n"
    before, rest = readme.read_text().split(begin)
    readme.write_text(before + begin + text + end + rest.split(end)[1])


main()
