"""From samples to one table: medians, ratios to ours, agreement with PyTorch float32."""

import math
import statistics

REFERENCE = ("PyTorch", "f32")
OURS = "m2clip"
# (our precision, the peer, how many times as fast the project wants to be)
GOALS = (
    ("f32", ("ONNX Runtime", "f32"), 1.25),
    ("bf16", ("PyTorch", "bf16 autocast"), 1.7),
    ("bf16", ("ONNX Runtime", "f32"), 2.2),
    ("int8", ("ONNX Runtime", "dynamic int8"), 1.7),
    ("int8", ("ONNX Runtime", "f32"), 3.5),
)


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def agreement(outputs, reference):
    """How far video vector and VC logits are from the reference's."""
    found = {"cosine": cosine(outputs["video"], reference["video"])}
    if "vc_logits" in reference:
        theirs, logits = reference["vc_logits"], outputs["vc_logits"]
        ranked = sorted(theirs, reverse=True)
        top = theirs.index(ranked[0])
        found.update(
            logits_cosine=cosine(logits, theirs),
            logits_max_difference=max(abs(x - y) for x, y in zip(logits, theirs)),
            reference_margin=ranked[0] - ranked[1] if len(ranked) > 1 else math.inf,
            top1_same=logits.index(max(logits)) == top,
        )
    return found


def rows(samples, outputs):
    """One row for each key of `samples`: {(name, precision, threads): [sample, ..]}."""
    reference = outputs.get(REFERENCE)
    out = []
    for (name, precision, threads), taken in samples.items():
        times = [sample["ms"] for sample in taken]
        row = {
            "engine": name,
            "precision": precision,
            "threads": threads,
            "ms": statistics.median(times),
            "ms_min": min(times),
            "ms_max": max(times),
            "rounds": taken,
        }
        if "efficiency" in taken[0]:
            row["backend"] = taken[0]["backend"]
            row["efficiency"] = statistics.median(sample["efficiency"] for sample in taken)
        if reference and (name, precision) in outputs:
            row.update(agreement(outputs[name, precision], reference))
        out.append(row)
    return out


def comparisons(table):
    """Our speed against each peer's, with the project's goal beside it."""
    ms = {(row["engine"], row["precision"], row["threads"]): row["ms"] for row in table}
    out = []
    for threads in sorted({row["threads"] for row in table}):
        for precision, peer, goal in GOALS:
            ours, theirs = ms.get((OURS, precision, threads)), ms.get((*peer, threads))
            if ours and theirs:
                out.append(
                    {
                        "ours": precision,
                        "peer": " ".join(peer),
                        "threads": threads,
                        "times_as_fast": theirs / ours,
                        "goal": goal,
                    }
                )
    return out


def _grid(header, lines):
    """A markdown table whose columns are padded, so that it reads in a terminal too."""
    cells = [header, *lines]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    pad = lambda row: "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |"
    return [pad(header), "|" + "|".join("-" * (w + 2) for w in widths) + "|", *map(pad, lines)]


def _ratio(table, row, precision):
    for other in table:
        if (other["engine"], other["precision"]) == (OURS, precision):
            if other["threads"] == row["threads"]:
                return f"{row['ms'] / other['ms']:.2f}"
    return "-"


def _cell(value):
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _ms(value):
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def markdown(result):
    table, facts = result["results"], result["facts"]
    header = ["engine", "precision", "threads", "ms", "min", "max"]
    precisions = [p for p in ("f32", "bf16", "int8") if (OURS, p) in _measured(table)]
    header += [f"/ our {p}" for p in precisions] + ["cosine", "top-1"]
    lines = []
    for row in sorted(table, key=lambda r: r["threads"]):
        top = row.get("top1_same")
        lines.append(
            [row["engine"], row["precision"], str(row["threads"])]
            + [_ms(row[key]) for key in ("ms", "ms_min", "ms_max")]
            + [_ratio(table, row, p) for p in precisions]
            + [f"{row['cosine']:.6f}" if "cosine" in row else "-"]
            + ["-" if top is None else "same" if top else "differs"]
        )
    text = [f"{facts['model']}, {facts['clip']}; {facts['machine']}", f"{facts['load']}", ""]
    text += _grid(header, lines)
    if result["not_measured"]:
        text += ["", "Not measured:", *(f"- {reason}" for reason in result["not_measured"])]
    if result["comparisons"]:
        text += ["", "How many times as fast as the peer:", ""]
        text += _grid(
            ["ours", "peer", "threads", "times as fast", "goal"],
            [[_cell(value) for value in line.values()] for line in result["comparisons"]],
        )
    return "\n".join(text) + "\n"


def _measured(table):
    return {(row["engine"], row["precision"]) for row in table}
