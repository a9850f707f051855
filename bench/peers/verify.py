#!/usr/bin/python3
"""Holds the PyTorch model against the goldens: a table of stages, exit 1 where one differs.

usage: verify.py [FIXTURE_FOLDER...]    (default: tests/fixtures/tiny-*)
"""

import sys
from pathlib import Path

import torch

import model
import tensors

TOLERANCE = 1e-4  # of each tensor's largest value
INPUTS = ("input", "tokens")


def relative_difference(value, golden):
    if value is None or tuple(value.shape) != golden.shape:
        return float("inf")
    golden = torch.from_numpy(golden.copy())
    return ((value - golden).abs().max() / golden.abs().max()).item()


def check(folder, prune):
    """Prints each stage's difference; the number of stages that are off."""
    golden = tensors.read(Path(folder) / "golden.safetensors")
    clip, tokens = (torch.from_numpy(golden[name].copy()) for name in INPUTS)
    with torch.no_grad():
        out = model.load(folder)(clip, tokens, prune)
    off = 0
    for name, expected in golden.items():
        last_block_pruned = prune and name.startswith("visual.block.") and name not in out
        if name in INPUTS or last_block_pruned:
            continue
        difference = relative_difference(out.get(name), expected)
        off += not difference <= TOLERANCE
        verdict = "ok" if difference <= TOLERANCE else "OFF"
        print(f"  {name:<18} {str(list(expected.shape)):<16} {difference:9.2e} {verdict}")
    return off


def main():
    root = Path(__file__).resolve().parents[2]
    folders = sys.argv[1:] or sorted((root / "tests" / "fixtures").glob("tiny-*"))
    off = 0
    for folder in folders:
        for prune in (False, True):
            print(f"{Path(folder).name}{', last block pruned' if prune else ''}")
            off += check(folder, prune)
    print(f"{off} tensors differ by more than {TOLERANCE} of their largest value")
    return 1 if off or not folders else 0


if __name__ == "__main__":
    sys.exit(main())
