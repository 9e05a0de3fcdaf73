"""Lays the rows of a comparison side by side: python3 benchmarks/table.py results/FILE.jsonl

Each round of `nets.sh` gives one row of ours and, for each layout and allocator, one of PyTorch's for a case. The ratio
of a round is the best of PyTorch's rows divided by ours; the table gives the median over the rounds and their spread.
The memory is the most that ours took in any round, and the least of PyTorch's.
"""
import collections
import json
import pathlib
import statistics
import sys

rows = [json.loads(line) for line in pathlib.Path(sys.argv[1]).read_text().splitlines() if line.startswith("{")]
ours, theirs = collections.defaultdict(list), collections.defaultdict(lambda: collections.defaultdict(list))
for row in rows:
    key = (row["case"], row["what"])
    if row["program"] == "medseg":
        ours[key].append(row)
    else:
        theirs[key][row["layout"], row["allocator"]].append(row)

print("| case | MedSeg ms | PyTorch ms (best) | times faster (spread) | MedSeg peak MiB | PyTorch peak MiB |")
print("|---|---|---|---|---|---|")
for key, mine in ours.items():
    layouts = theirs.get(key)
    if not layouts:
        continue
    rounds = min(len(mine), *(len(rows) for rows in layouts.values()))
    best = [min(rows[i]["ms"] for rows in layouts.values()) for i in range(rounds)]
    ratios = [best[i] / mine[i]["ms"] for i in range(rounds)]
    memory = min(row["peak_mib"] for rows in layouts.values() for row in rows)
    print(
        f"| {key[0]}, {key[1].replace('_', ' ')} | {statistics.median(r['ms'] for r in mine):.0f} "
        f"| {statistics.median(best):.0f} | {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}) "
        f"| {max(r['peak_mib'] for r in mine)} | {memory} |")
