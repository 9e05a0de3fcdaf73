"""The budgets of compiled kernels: budgets.json.

`limits` apply to every kernel that `kernels` does not list: no stack, no spills, few registers. `kernels` maps
"kernel | variant | family" to [registers, stack, spills, multiply share]: the first three are maxima, the last is a
minimum. They are the figures of the kernels when the line was last tightened, so that no kernel gets worse; `goals` are
the figures that kernels should reach. A line beyond the limits is {"figures": [...], "reason": "..."}, written by hand.
"""

import fnmatch
import json

FIGURES = ("registers", "stack", "spills", "multiply_share")


def family(target):
    return "sm" if target.startswith("sm_") else target


def key(row):
    return f"{row['kernel']} | {row['variant']} | {family(row['target'])}"


def share(row):
    """The share of multiplications in the hot loop; 0 if it has fewer than eight, for which a share is not informative."""
    return row["multiply_share"] if row["hot_multiplies"] >= 8 else 0


class Budgets:
    def __init__(self, path):
        self.path = path
        held = json.loads(path.read_text())
        self.limits, self.goals = held["limits"], held["goals"]
        lines = held["kernels"].items()
        self.reasons = {name: line["reason"] for name, line in lines if isinstance(line, dict)}
        self.kernels = {name: line["figures"] if isinstance(line, dict) else line for name, line in lines}

    def exceeds_limits(self, figures):
        return any(figure > self.limits[name] for name, figure in zip(FIGURES[:3], figures))

    def faults(self, rows):
        unexplained = [f"{name}: its budget is beyond the limits, but has no reason" for name, figures in self.kernels.items()
                       if self.exceeds_limits(figures) and not self.reasons.get(name)]
        nameless = sorted({key(row) for row in rows if row["usual"]} - set(self.kernels))
        return (unexplained + [f"{name}: used without tuning, but not in the budgets" for name in nameless]
                + [fault for row in rows for fault in self.faults_of(row)])

    def without_rows(self, rows):
        """The faults of budgets whose kernel no longer exists; only for a run over every variant."""
        return [f"{name}: a budget without a kernel" for name in sorted(set(self.kernels) - {key(row) for row in rows})]

    def faults_of(self, row):
        name = f"{row['kernel']} ({row['variant']}, {row['target']})"
        limits = [self.limits[figure] for figure in FIGURES[:3]]
        *most, least = self.kernels.get(key(row), [*limits, 0])
        faults = [f"{name}: {row[figure]} {figure}, at most {allowed} allowed"
                  for figure, allowed in zip(FIGURES, most) if row[figure] > allowed]
        if share(row) < least:
            faults.append(f"{name}: {share(row):.3f} of the hot loop multiplies, at least {least:.3f} required")
        return faults

    def goal_of(self, row):
        """The first goal that applies to a row, or None."""
        names = (row["kernel"], row["variant"], row["target"])
        return next((goal for goal in self.goals if all(
            fnmatch.fnmatchcase(name, goal[part]) for name, part in zip(names, ("kernel", "variant", "target")))), None)

    def misses(self, row):
        """The figures in which a row misses its goal, in words; empty if it reaches the goal or has none."""
        goal = self.goal_of(row) or {}
        missed = [f"{row[figure]} > {goal[figure]} {figure}"
                  for figure in FIGURES[:3] if figure in goal and row[figure] > goal[figure]]
        missed += [f"{row[figure]} < {goal[figure]} {figure}"
                   for figure in ("multiply_share", "load_bits", "local_load_bits")
                   if figure in goal and (row[figure] or 0) < goal[figure]]
        if goal.get("whole_loop") and not row["hot_loop_loads"]:
            missed.append("loads in loops of their own")
        return missed

    def tighten(self, rows, delete_others):
        reached = {}
        for row in rows:
            figures = [row[figure] for figure in FIGURES[:3]]
            before = reached.get(key(row), [0, 0, 0, 1])
            reached[key(row)] = [*map(max, before, figures), min(before[3], share(row))]
        held = {} if delete_others else dict(self.kernels)
        for name, figures in reached.items():
            old = self.kernels.get(name)
            if old is not None:
                held[name] = [*map(min, old[:3], figures), max(old[3], figures[3])]
            elif not self.exceeds_limits(figures):
                held[name] = figures
        self.kernels = dict(sorted(held.items()))
        self.write()

    def write(self):
        def line(name, figures):
            reason = self.reasons.get(name)
            return json.dumps({"figures": figures, "reason": reason} if reason else figures, ensure_ascii=False)

        lines = ",\n".join(f"    {json.dumps(name)}: {line(name, figures)}" for name, figures in self.kernels.items())
        goals = ",\n".join(f"    {json.dumps(goal)}" for goal in self.goals)
        text = (f'{{\n  "limits": {json.dumps(self.limits)},\n  "goals": [\n{goals}\n  ],\n'
                f'  "kernels": {{\n{lines}\n  }}\n}}\n')
        self.path.write_text(text)
