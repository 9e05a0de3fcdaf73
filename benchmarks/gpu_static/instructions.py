"""Finds the loops of a kernel's machine code and classifies their instructions.

A loop is the code between a label and a branch back to it. The hot loop is the smallest of the loops with the most
multiplications or, if there are no multiplications, with the most memory accesses.
"""

import re
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

INTEGER_NVIDIA = re.compile(
    r"(I(ADD|MAD|SETP|ABS|MNMX|SCADD|DP)|UI|VI|L(OP|EA)|UL(OP|EA)|US(HF|EL)|SHF|SHL|SHR|BFE|BFI|PRMT|SEL\b|SGXT|"
    r"FLO|POPC|UISETP|I2F|F2I|BMSK)")
INTEGER_AMD = re.compile(r"v_(cmpx?_\w+_[ui]\d+|cndmask|\w*(add|sub|mul|mad|lshl|lshr|ashr|and|or|xor|bfe|bfi|min|max)\w*_[ubi]\d+)")


@dataclass
class Line:
    op: str
    target: str | None  # the label of a branch


@dataclass
class Code:
    """The instructions in order, and the index of the instruction that follows each label."""

    lines: list
    labels: dict


def read_nvidia(sass, kernel):
    """Reads the code of one kernel from the output of `nvdisasm -c`."""
    start = sass.find(f"\n.text.{kernel}:")
    end = sass.find("\n\t.section\t", start)
    code = Code([], {})
    for text in sass[start:end if end > 0 else None].splitlines():
        if label := re.match(r"(\.L_x_\d+):", text):
            code.labels[label.group(1)] = len(code.lines)
        elif found := re.match(r"\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)(.*?);", text):
            target = re.search(r"`\((\.L_x_\d+)\)", found.group(2)) if found.group(1).startswith("BRA") else None
            code.lines.append(Line(found.group(1), target.group(1) if target else None))
    return code


def read_amd(assembly, kernel):
    """Reads the code of one kernel from clang's assembly output."""
    start = re.search(rf"^{re.escape(kernel)}:", assembly, re.M).end()
    end = assembly.find(".section", start)
    code = Code([], {})
    for text in assembly[start:end].splitlines():
        text = text.split(";")[0]
        if label := re.match(r"(\.LBB\w+):", text):
            code.labels[label.group(1)] = len(code.lines)
        elif found := re.match(r"\s+([vsdgb][a-z]*_\w+)\s*(.*)", text):
            op, rest = found.groups()
            branches = op.startswith(("s_cbranch", "s_branch"))
            code.lines.append(Line(op, rest.strip() if branches else None))
    return code


def loops(code):
    """The (first, last) indices of each loop; all branches back to one label are one loop."""
    found = {}
    for number, line in enumerate(code.lines):
        first = code.labels.get(line.target)
        # An endless loop of one instruction is padding.
        if first is not None and first < number:
            found[first] = max(found.get(first, 0), number)
    return sorted(found.items())


@cache
def is_multiply(op):
    return op.startswith(("FFMA", "HMMA", "HGMMA", "DFMA", "v_fma", "v_fmac", "v_pk_fma", "v_dual_fmac", "v_mfma", "v_wmma",
                          "v_mac", "v_mad_f32"))


@cache
def load_bits(op):
    """The width in bits of a load from global memory; None for other instructions."""
    if op.startswith("LDG"):
        wide = re.search(r"\.(64|128)\b", op)
        narrow = re.search(r"\.[US](8|16)\b", op)
        return int((wide or narrow).group(1)) if wide or narrow else 32
    if found := re.match(r"(global|flat|buffer)_load_(\w+)", op):
        return amd_bits(found.group(2))
    return None


@cache
def local_bits(op):
    """The width in bits of a read from local memory; None for other instructions."""
    if op.startswith("LDS") and not op.startswith("LDSM"):
        wide = re.search(r"\.(64|128)\b", op)
        return int(wide.group(1)) if wide else 32
    if op.startswith("LDSM"):
        return 128
    if found := re.match(r"ds_(load|read)_?(\w+)", op):
        return amd_bits(found.group(2))
    return None


@cache
def amd_bits(suffix):
    pairs = 2 if suffix.startswith(("2addr", "2_", "2st64", "read2")) or re.match(r"2(addr)?_", suffix) else 1
    if found := re.search(r"b(\d+)|[ui](\d+)|dwordx(\d)|(dword|ushort|sshort|ubyte|sbyte|short)", suffix):
        bits, integer, words, name = found.groups()
        one = int(bits or integer or 0) or 32 * int(words or 0) or {"dword": 32}.get(name, 8 if name and "byte" in name else 16)
        return one * pairs
    return 32


def is_load(op):
    return load_bits(op) is not None


def is_memory(op):
    return is_load(op) or local_bits(op) is not None


@cache
def is_integer(op):
    return bool(INTEGER_NVIDIA.match(op) or INTEGER_AMD.match(op))


def most_common(values):
    return max(sorted(set(values), reverse=True), key=values.count) if values else None


def describe(code):
    """The figures of the hot loop. The figures of loads are of the smallest loop around it that loads from global memory."""
    ops = [line.op for line in code.lines]
    running = {test: [0, *accumulate(map(test, ops))] for test in (is_multiply, is_load, is_memory)}

    def count(span, test):
        return running[test][span[1] + 1] - running[test][span[0]]

    spans = loops(code)
    whole = (0, len(ops) - 1)
    chosen = spans or [whole]
    test = is_multiply if any(count(span, is_multiply) for span in chosen) else is_memory
    hot = min(chosen, key=lambda span: (-count(span, test), span[1] - span[0]))
    around = sorted((s for s in spans if s[0] <= hot[0] and s[1] >= hot[1]), key=lambda s: s[1] - s[0])
    loading = next((span for span in around if count(span, is_load)), whole)
    hot_ops, loading_ops = (ops[span[0]:span[1] + 1] for span in (hot, loading))
    loads = [bits for op in loading_ops if (bits := load_bits(op))]
    return {
        "has_loop": bool(spans),
        "hot_instructions": len(hot_ops),
        "hot_multiplies": count(hot, is_multiply),
        "multiply_share": round(count(hot, is_multiply) / len(hot_ops), 3),
        "hot_loop_loads": count(hot, is_load) > 0,
        "load_bits": most_common(loads),
        "local_load_bits": most_common([bits for op in hot_ops if (bits := local_bits(op))]),
        "integers_per_load": round(sum(map(is_integer, loading_ops)) / len(loads), 1) if loads else None,
    }
