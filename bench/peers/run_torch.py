#!/usr/bin/python3
"""Runs the PyTorch model on one input whenever a line arrives on stdin, and answers with the time.

usage: run_torch.py MODEL_FOLDER THREADS INPUT.safetensors f32|bf16 whole|pruned
Answers are JSON lines: {ready, version}; for a line `run` {ms, cpu_ms}, for `outputs` {outputs}.
"""

import contextlib
import json
import sys
import time

import torch

import model
import tensors


def say(answer):
    print(json.dumps(answer), flush=True)


def precision_context(tower, precision):
    """bf16 autocast keeps its bf16 copies of the weights while one context lasts, but only of
    weights that ask for gradients; none are computed under no_grad."""
    if precision == "f32":
        return contextlib.nullcontext()
    tower.requires_grad_(True)
    return torch.autocast("cpu", dtype=torch.bfloat16)


def main():
    folder, threads, input_file, precision, extent = sys.argv[1:]
    torch.set_num_threads(int(threads))
    tower = model.load(folder).vision
    clip = torch.from_numpy(tensors.read(input_file)["input"].copy())
    with torch.no_grad(), precision_context(tower, precision):
        _, video, logits = tower(clip, prune=extent == "pruned")
        say({"ready": True, "version": torch.__version__})
        for line in sys.stdin:
            if line.strip() == "run":
                cpu, start = time.process_time(), time.perf_counter()
                _, video, logits = tower(clip, prune=extent == "pruned")
                ms, cpu_ms = time.perf_counter() - start, time.process_time() - cpu
                say({"ms": ms * 1e3, "cpu_ms": cpu_ms * 1e3})
            elif line.strip() == "outputs":
                out = {"video": video.float().flatten().tolist()}
                if logits is not None:
                    out["vc_logits"] = logits.float().flatten().tolist()
                say({"outputs": out})


if __name__ == "__main__":
    main()
