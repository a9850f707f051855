#!/usr/bin/python3
"""Compare `m2clip forward` with a golden file, stage by stage.

Runs the program on FIXTURE/golden.safetensors twice, with --taps (every row computed) and without
(the pruned path), and prints for each tensor the largest difference relative to the tensor's
largest value. Exit 1 if any exceeds the limit, or if a tensor that the golden holds is missing.
"""

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile

import numpy

DTYPES = {"F32": numpy.float32, "I32": numpy.int32, "F64": numpy.float64, "I64": numpy.int64}
INPUTS = ("input", "tokens")


def read_safetensors(path):
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        values = numpy.frombuffer(data[8 + length + begin : 8 + length + end],
                                  dtype=DTYPES[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
    return tensors


def run_forward(binary, fixture, golden, taps, extra):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.safetensors")
        command = [binary, "forward", "--model", fixture, golden, "-o", out] + extra
        if taps:
            command.append("--taps")
        result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if result.returncode != 0:
            sys.exit(f"{' '.join(command)} failed: {result.stderr.strip()}")
        return read_safetensors(out)


def difference(expected, found):
    """The largest difference relative to the largest value; infinite for another shape or a NaN."""
    if expected.shape != found.shape:
        return float("inf")
    delta = numpy.abs(expected.astype(numpy.float64) - found.astype(numpy.float64)).max()
    scale = numpy.abs(expected).max()
    relative = delta / scale if scale > 0 else delta
    return float(relative) if numpy.isfinite(relative) else float("inf")


def is_tap(name):
    return ".block." in name


def compare(expected, found, taps, limit):
    """Prints a row a tensor; returns how many are wrong."""
    wrong = 0
    for name, tensor in expected.items():
        if name in INPUTS or (is_tap(name) and not taps):
            continue
        if name not in found:
            print(f"  {name:<20} {'missing':>12}  WRONG")
            wrong += 1
            continue
        relative = difference(tensor, found[name])
        verdict = "ok" if relative <= limit else "WRONG"
        wrong += verdict != "ok"
        print(f"  {name:<20} {relative:12.2e}  {verdict:<6} {list(tensor.shape)}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=os.environ.get("M2CLIP_BIN", "build/m2clip"))
    parser.add_argument("--limit", type=float, default=1e-4)
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE",
                        help="an option of `m2clip forward`, as cpu-level=c")
    parser.add_argument("fixtures", nargs="+")
    arguments = parser.parse_args()
    extra = [f"--{option}" for option in arguments.option]
    wrong = 0
    for fixture in arguments.fixtures:
        golden = os.path.join(fixture, "golden.safetensors")
        expected = read_safetensors(golden)
        for taps in (True, False):
            print(f"{os.path.basename(fixture.rstrip('/'))}, {'all rows' if taps else 'pruned'}")
            found = run_forward(arguments.binary, fixture, golden, taps, extra)
            wrong += compare(expected, found, taps, arguments.limit)
    print(f"{wrong} tensors are wrong" if wrong else "every tensor agrees")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
