#!/usr/bin/python3
"""m2clip beside PyTorch and ONNX Runtime: same weights, same clip, one session, one table.

Every engine takes its turn in each round (A B C A B C ...), alone on the machine as far as this
script can see to it, so that a change of the machine's speed touches all of them alike.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

try:
    import numpy as np
    import torch

    import export
except ModuleNotFoundError as missing:
    sys.exit(
        f"{missing.name} is missing: apt-get install python3-torch python3-onnx, and run this with "
        "Debian's own /usr/bin/python3"
    )

import engines
import model as peer_model
import report
import tensors

FRAMES, SIDE_PX = 8, 224
SETTLE_S = 0.3  # spinning threads of the engine before go to sleep
INIT_TIMEOUT_S = 120


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--m2clip", type=Path, default=ROOT / "build" / "m2clip", help="our program")
    add("--model", type=Path, help="model folder (a random ViT-B/16 made by m2clip init)")
    add("--input", type=Path, help="safetensors file with `input` [1,3,T,H,W] (a made clip)")
    add("--threads", default="1,2", help="thread counts, one after the other (1,2)")
    add("--rounds", type=int, default=3, help="turns of each engine at each thread count (3)")
    add("--repeats", type=int, default=3, help="runs in one turn, of which the median counts (3)")
    add("--budget-s", type=float, default=280, help="start no further round that ends later (280)")
    add("--precisions", default="f32,bf16,int8", help="ours to measure")
    add("--prune-peers", action="store_true", help="spare the peers the last block's lost rows too")
    add("--plain-attention", action="store_true", help="ONNX without the fused attention operator")
    add("--work", type=Path, help="folder for graphs, kept (a temporary one, removed)")
    add("--json", type=Path, help="write every sample there")
    add("--markdown", type=Path, help="write the table there too")
    return parser.parse_args()


def made_clip():
    """Waves that drift through noise: every pixel and every frame differs, the same each time."""
    t, y, x = np.meshgrid(
        np.arange(FRAMES), np.linspace(0, 6, SIDE_PX), np.linspace(0, 6, SIDE_PX), indexing="ij"
    )
    waves = [np.sin((c + 1) * x + 0.7 * y + 0.5 * t) + 0.5 * np.cos(2 * y - t) for c in range(3)]
    noise = np.random.RandomState(0).standard_normal((3, FRAMES, SIDE_PX, SIDE_PX))
    return (np.stack(waves) + 0.3 * noise).astype(np.float32)[None]


def make_model(binary, folder):
    subprocess.run(
        [str(binary), "init", "--arch", "vit-b16", "--seed", "1", "-o", str(folder)],
        check=True,
        stdout=subprocess.DEVNULL,
        env=engines.environment(1),
        timeout=INIT_TIMEOUT_S,
    )
    return folder


def prepare_graphs(options, folder, clip, work):
    """The float32 and int8 ONNX graphs of the video tower."""
    paths = work / "video-f32.onnx", work / "video-int8.onnx"
    vision = peer_model.load(folder).vision
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing fixes the shapes, as it is meant to
        export.export_float(
            vision,
            torch.from_numpy(clip),
            paths[0],
            prune=options.prune_peers,
            fused_attention=not options.plain_attention,
        )
    export.quantize(*paths)
    return paths


def contestants(options, folder, clip, work):
    input_file, raw = work / "input.safetensors", work / "input.f32"
    tensors.write(input_file, {"input": clip})
    clip.tofile(raw)
    graphs = prepare_graphs(options, folder, clip, work)
    shape = ",".join(map(str, clip.shape))
    extent = "pruned" if options.prune_peers else "whole"
    ours = [
        engines.Ours(precision, options.m2clip, folder, work, input_file)
        for precision in options.precisions.split(",")
    ]
    return [
        engines.torch_worker("f32", folder, input_file, extent),
        engines.torch_worker("bf16", folder, input_file, extent),
        engines.onnx_worker("f32", graphs[0], raw, shape),
        engines.onnx_worker("dynamic int8", graphs[1], raw, shape),
        *ours,
    ]


class Session:
    """Samples and outputs as they come in; an engine that fails once is left out from then on."""

    def __init__(self, options, field):
        self.options, self.field = options, field
        self.samples, self.outputs, self.failures = {}, {}, {}
        self.versions = {}
        self.start = time.monotonic()

    def elapsed_s(self):
        return time.monotonic() - self.start

    def attempt(self, engine, action):
        """The action's result, or None after a failure that is remembered."""
        who = engine.name, engine.precision
        if who in self.failures:
            return None
        try:
            return action()
        except engines.EngineFailed as failure:
            self.failures[who] = str(failure)
            say(f"{' '.join(who)}: {failure}")
            return None

    def run_threads(self, threads, deadline_s):
        try:
            for engine in self.field:
                self.attempt(engine, lambda engine=engine: engine.start(threads))
                self.versions[engine.name] = engine.version
            longest_s = 0.0
            for turn in range(self.options.rounds):
                begin_s = self.elapsed_s()
                if turn > 0 and begin_s + longest_s > deadline_s:
                    say(f"--threads {threads}: {turn} of {self.options.rounds} rounds fit")
                    break
                self.run_round(threads, turn)
                longest_s = max(longest_s, self.elapsed_s() - begin_s)
        finally:
            for engine in self.field:
                engine.stop()

    def run_round(self, threads, turn):
        for engine in self.field:
            who = engine.name, engine.precision
            time.sleep(SETTLE_S)
            sample = self.attempt(engine, lambda: engine.sample(self.options.repeats))
            if sample is not None:
                self.samples.setdefault((*who, threads), []).append(sample)
                say(f"--threads {threads}, round {turn + 1}: {' '.join(who)} {sample['ms']:.0f} ms")
            if who not in self.outputs:
                outputs = self.attempt(engine, engine.outputs)
                if outputs is not None:
                    self.outputs[who] = outputs


def say(text):
    print(text, file=sys.stderr, flush=True)


def busy_cores(seconds=1.5):
    """Cores that others keep busy while this script sleeps."""

    def idle_ticks():
        fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
        return int(fields[3]) + int(fields[4])

    before = idle_ticks()
    time.sleep(seconds)
    idle = (idle_ticks() - before) / os.sysconf("SC_CLK_TCK") / seconds
    return max(0.0, (os.cpu_count() or 1) - idle)


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return os.uname().machine


def facts(options, session, clip, busy):
    versions = ", ".join(f"{name} {version}" for name, version in session.versions.items())
    named = "the model given" if options.model else "a random ViT-B/16"
    pruned = ", peers pruned" if options.prune_peers else ""
    return {
        "model": named + pruned,
        "clip": f"one clip of {clip.shape[2]} frames",
        "machine": f"{processor()}, {os.cpu_count()} cores; {versions}",
        "load": f"Cores that others kept busy: {busy[0]:.1f} before, {busy[1]:.1f} after.",
        "busy_cores": busy,
        "seconds": round(session.elapsed_s()),
    }


def measure(options, work):
    folder = options.model or make_model(options.m2clip, work / "model")
    clip = tensors.read(options.input)["input"] if options.input else made_clip()
    if clip.ndim != 5 or clip.shape[:2] != (1, 3):
        sys.exit(f"{options.input}: `input` is {list(clip.shape)}, one clip [1,3,T,H,W] is wanted")
    busy = [busy_cores()]
    session = Session(options, contestants(options, folder, np.array(clip), work))
    counts = [int(count) for count in options.threads.split(",")]
    for i, threads in enumerate(counts):
        session.run_threads(threads, options.budget_s * (i + 1) / len(counts))
    busy.append(busy_cores())
    table = report.rows(session.samples, session.outputs)
    return {
        "facts": facts(options, session, clip, busy),
        "results": table,
        "comparisons": report.comparisons(table),
        "not_measured": [f"{' '.join(who)}: {why}" for who, why in session.failures.items()],
    }


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that scratch files go
    if not (HERE / "node_modules").exists():
        sys.exit(f"ONNX Runtime is missing: npm ci --ignore-scripts, in {HERE.relative_to(ROOT)}")
    if not options.m2clip.exists():
        sys.exit(f"{options.m2clip} is missing: ./dev build, or --m2clip PATH")
    with tempfile.TemporaryDirectory(prefix="m2clip-peers-") as scratch:
        work = options.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        result = measure(options, work)
    text = report.markdown(result)
    print(text, end="")
    if options.markdown:
        options.markdown.write_text(text)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0 if result["results"] else 1


if __name__ == "__main__":
    sys.exit(main())
