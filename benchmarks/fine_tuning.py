"""Prints the tables of fine_tuning.sh: the tuning of the learning rates, and the steps to each Dice."""

import csv
import pathlib
import sys

WORDS = {
    "scratch": "from scratch",
    "seven": "from six organs with the spleen (7 classes)",
    "six": "from five organs without the spleen (6 classes)",
}
RATES = ["0.0005", "0.001", "0.002", "0.004"]
MARKS = [0.5, 0.6, 0.7, 0.8, 0.85, 0.9]


def curve(run):
    """The steps and mean Dice of a run's validations."""
    with open(run / "validation.csv") as file:
        return [(int(row["step"]), float(row["dice"])) for row in csv.DictReader(file)]


def first(rows, mark):
    """The first step that reaches a mark; None if none does."""
    return next((step for step, dice in rows if dice >= mark), None)


def mean(steps, longest):
    """The mean of the steps, in which a run that does not reach the mark counts as the longest."""
    text = f"{sum(step or longest for step in steps) / len(steps):.0f}"
    return text if all(steps) else f"≥ {text}"


work, seeds = pathlib.Path(sys.argv[1]), sys.argv[2].split()
print("| mean Dice over all validations, tuning phantoms |" + "".join(f" rate {rate} |" for rate in RATES))
print("|" + "---|" * (len(RATES) + 1))
for start, words in WORDS.items():
    areas = [sum(dice for _, dice in rows) / len(rows) for rows in (curve(work / f"tuning-{start}-{rate}") for rate in RATES)]
    print(f"| {words} |" + "".join(f" {area:.3f} |" for area in areas))
print()
print("| start | seed |" + "".join(f" Dice {mark} |" for mark in MARKS) + " best |")
print("|" + "---|" * (len(MARKS) + 3))
for start, words in WORDS.items():
    runs = [curve(work / f"run-{start}-{seed}") for seed in seeds]
    for seed, rows in zip(seeds, runs):
        cells = "".join(f" {first(rows, mark) or '–'} |" for mark in MARKS)
        print(f"| {words} | {seed} |{cells} {max(dice for _, dice in rows):.3f} |")
    means = "".join(f" {mean([first(rows, mark) for rows in runs], runs[0][-1][0])} |" for mark in MARKS)
    best = sum(max(dice for _, dice in rows) for rows in runs) / len(runs)
    print(f"| {words} | mean |{means} {best:.3f} |")
