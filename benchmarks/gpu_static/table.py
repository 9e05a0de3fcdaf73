"""Writes the rows as the tables of benchmarks/results/gpu_static.md."""

HEAD = """# What the kernels compile to

Written by `make gpu-static`; `docs/gpu.md` says how to read it. `gpu_static.json` has the rows of
{extent}.
clang {clang}, ptxas {ptxas}, nvdisasm {nvdisasm}. Nothing was run: these are counts of instructions, not times.

"""
COLUMNS = [
    ("kernel", "kernel"), ("variant", "variant"), ("target", "target"), ("registers", "registers"), ("stack", "stack B"),
    ("spills", "spills B"), ("local_bytes", "local B"), ("multiply_share", "multiplies"), ("hot_loop_loads", "whole loop"),
    ("load_bits", "load bits"), ("local_load_bits", "local bits"), ("integers_per_load", "integers a load"),
]
# One target per family; the other NVIDIA targets differ by a few registers.
SHOWN = ("sm_90", "gfx1100", "gfx942")


def cell(value):
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def markdown(rows, extra=None):
    columns = [name for _, name in COLUMNS] + ([extra[0]] if extra else [])
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        cells = [cell(row[field]) for field, _ in COLUMNS]
        # The share of a few multiplications, or of a loop without multiplications, is not informative.
        if row["hot_multiplies"] < 8:
            cells[7] = cells[8] = "–"
        lines.append("| " + " | ".join(cells + ([extra[1](row)] if extra else [])) + " |")
    return "\n".join(lines) + "\n"


def main_kernels(rows):
    return markdown([row for row in rows if row["target"] in SHOWN])


def extent(compiled, every):
    """The variants that have rows, in words."""
    return f"all {every} variants" if compiled == every else (
        f"{compiled} of {every} variants: those that a GPU takes untuned, and none that is only forced or tuned")


def document(rows, budgets, versions, counts):
    shown = [row for row in rows if row["target"] in SHOWN]
    with_goal = [row for row in shown if row["usual"] and budgets.goal_of(row)]
    others = [row for row in shown if row["usual"] and not budgets.goal_of(row)]
    faulty = [row for row in rows if row["stack"] or row["spills"]]
    missing = ("missing of the goal", lambda row: "; ".join(budgets.misses(row)) or "nothing")
    text = HEAD.format(**versions, extent=extent(*counts))
    text += "## Kernels with a goal, as they are taken untuned\n\n" + markdown(with_goal, missing)
    text += f"\n## Kernels with a stack or spills: {len(faulty)} of {len(rows)} rows\n\n"
    text += markdown(faulty) if faulty else "None.\n"
    return text + "\n## The other kernels\n\n" + markdown(others)
