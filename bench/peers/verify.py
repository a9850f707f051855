#!/usr/bin/python3
"""Holds the peers against the goldens: a table of stages, exit 1 where one differs.

usage: verify.py [--onnx] [FIXTURE_FOLDER...]    (default: tests/fixtures/tiny-*)

With --onnx the exported graphs too, run by ONNX Runtime: float32 as close, int8 by its cosine.
"""

import sys
import tempfile
import warnings
from pathlib import Path

import torch

import engines
import export
import model
import report
import tensors

TOLERANCE = 1e-4  # of each tensor's largest value
INT8_COSINE = 0.99  # networks this narrow lose more to int8 than a ViT-B does
INPUTS = ("input", "tokens")


def relative_difference(value, golden):
    if value is None or tuple(value.shape) != golden.shape:
        return float("inf")
    golden = torch.from_numpy(golden.copy())
    return ((value - golden).abs().max() / golden.abs().max()).item()


def tell(name, shape, figure, good):
    """Prints one line; 1 where it is off."""
    print(f"  {name:<18} {str(list(shape)):<16} {figure:<22} {'ok' if good else 'OFF'}")
    return 0 if good else 1


def check_torch(network, golden, prune):
    """The number of stages that are off."""
    clip, tokens = (torch.from_numpy(golden[name].copy()) for name in INPUTS)
    with torch.no_grad():
        out = network(clip, tokens, prune)
    off = 0
    for name, expected in golden.items():
        last_block_pruned = prune and name.startswith("visual.block.") and name not in out
        if name in INPUTS or last_block_pruned:
            continue
        difference = relative_difference(out.get(name), expected)
        off += tell(name, expected.shape, f"{difference:.2e}", difference <= TOLERANCE)
    return off


def onnx_outputs(graph, clip, work):
    raw = work / "input.f32"
    clip.numpy().tofile(raw)
    worker = engines.onnx_worker("f32", graph, raw, ",".join(map(str, clip.shape)))
    try:
        worker.start(1)
        return worker.outputs()
    finally:
        worker.stop()


def check_onnx(network, golden, prune, fused):
    clip = torch.from_numpy(golden["input"].copy())
    off = 0
    with tempfile.TemporaryDirectory(prefix="m2clip-verify-") as folder:
        work = Path(folder)
        graphs = work / "f32.onnx", work / "int8.onnx"
        export.export_float(network.vision, clip, graphs[0], prune, fused)
        export.quantize(*graphs)
        exact, rounded = (onnx_outputs(graph, clip, work) for graph in graphs)
    for name, values in exact.items():
        expected = golden[name]
        value = torch.tensor(values).reshape(expected.shape)
        difference = relative_difference(value, expected)
        off += tell("onnx " + name, expected.shape, f"{difference:.2e}", difference <= TOLERANCE)
        cosine = report.cosine(rounded[name], expected.ravel().tolist())
        off += tell("int8 " + name, expected.shape, f"cosine {cosine:.6f}", cosine >= INT8_COSINE)
    return off


def main():
    warnings.simplefilter("ignore")  # tracing fixes the shapes, as it is meant to
    root = Path(__file__).resolve().parents[2]
    with_onnx = "--onnx" in sys.argv[1:]
    given = [argument for argument in sys.argv[1:] if argument != "--onnx"]
    folders = given or sorted((root / "tests" / "fixtures").glob("tiny-*"))
    off = 0
    for folder in folders:
        network, golden = model.load(folder), tensors.read(Path(folder) / "golden.safetensors")
        for prune in (False, True):
            print(f"{Path(folder).name}{', last block pruned' if prune else ''}")
            off += check_torch(network, golden, prune)
            if with_onnx:
                off += check_onnx(network, golden, prune, fused=not prune)
    print(f"{off} tensors are off" if off else "every tensor agrees")
    return 1 if off or not folders else 0


if __name__ == "__main__":
    sys.exit(main())
