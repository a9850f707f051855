#!/usr/bin/python3
"""Compare `m2clip gradcheck` with a golden training step: loss terms, gradients, weights after it.

Loss terms agree within 1e-4, every gradient within 1e-3 of its tensor's largest value (gradients
that are zero everywhere exactly), weights after the step within 1e-3 of theirs wherever the
gradient exceeds 1e-5 of its tensor's largest: elsewhere its sign is rounding, and AdamW's first
step is a sign. Exit 1 if anything is wrong, missing or too many.
"""

import argparse
import os
import subprocess
import sys
import tempfile

import numpy

from compare_golden import read_safetensors

LOSS_LIMIT = 1e-4
GRADIENT_LIMIT = 1e-3
STEP_LIMIT = 1e-3
STEP_FLOOR = 1e-5


def run_gradcheck(binary, fixture, extra):
    inputs = [os.path.join(fixture, name) for name in ("golden.safetensors", "train.safetensors")]
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.safetensors")
        command = [binary, "gradcheck", "--model", fixture, *inputs, "-o", out] + extra
        result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if result.returncode != 0:
            sys.exit(f"{' '.join(command)} failed: {result.stderr.strip()}")
        return read_safetensors(out)


def relative(expected, found):
    """The largest difference relative to the largest value; infinite for another shape or NaN."""
    if expected.shape != found.shape:
        return float("inf")
    delta = numpy.abs(expected.astype(numpy.float64) - found.astype(numpy.float64)).max()
    scale = numpy.abs(expected).max()
    result = delta / scale if scale > 0 else delta
    return float(result) if numpy.isfinite(result) else float("inf")


def check_step(expected, found, gradient):
    if expected.shape != found.shape:
        return float("inf")
    clear = numpy.abs(gradient) > STEP_FLOOR * numpy.abs(gradient).max()
    if not gradient.any():
        clear = numpy.ones_like(clear)
    return relative(expected[clear], found[clear]) if clear.any() else 0.0


def check_tensor(name, expected, found):
    """The error of one tensor and its limit."""
    if name == "loss":
        return float(numpy.abs(expected[name] - found[name]).max()), LOSS_LIMIT
    if name.startswith("grad."):
        zero = not expected[name].any()
        return relative(expected[name], found[name]), 0.0 if zero else GRADIENT_LIMIT
    gradient = expected["grad." + name[len("step1."):]]
    return check_step(expected[name], found[name], gradient), STEP_LIMIT


def compare(expected, found, verbose):
    wrong = 0
    worst = {}
    names = [name for name in expected if name == "loss" or name.startswith(("grad.", "step1."))]
    for name in names:
        if name not in found:
            print(f"  {name} is missing")
            wrong += 1
            continue
        error, limit = check_tensor(name, expected, found)
        kind = name.split(".")[0]
        worst[kind] = max(worst.get(kind, 0.0), error)
        if not error <= limit:
            wrong += 1
        if verbose or not error <= limit:
            print(f"  {name:<75} {error:10.2e} {'ok' if error <= limit else 'WRONG'}")
    for name in sorted(set(found) - set(names)):
        print(f"  {name} is not in the golden")
        wrong += 1
    print("  worst: " + ", ".join(f"{kind} {error:.1e}" for kind, error in worst.items()))
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=os.environ.get("M2CLIP_BIN", "build/m2clip"))
    parser.add_argument("--option", action="append", default=[], metavar="NAME[=VALUE]",
                        help="an option of `m2clip gradcheck`, as recompute or threads=1")
    parser.add_argument("--verbose", action="store_true", help="a line for every tensor")
    parser.add_argument("fixtures", nargs="+")
    arguments = parser.parse_args()
    extra = [f"--{option}" for option in arguments.option]
    wrong = 0
    for fixture in arguments.fixtures:
        print(os.path.basename(fixture.rstrip("/")))
        expected = read_safetensors(os.path.join(fixture, "train.safetensors"))
        wrong += compare(expected, run_gradcheck(arguments.binary, fixture, extra),
                         arguments.verbose)
    print(f"{wrong} tensors are wrong" if wrong else "every tensor agrees")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
