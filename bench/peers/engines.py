"""Everything that is measured, behind one shape: started, sampled a few runs at a time, stopped."""

import json
import os
import statistics
import subprocess
import sys
import threading
from pathlib import Path

import tensors

HERE = Path(__file__).resolve().parent
START_TIMEOUT_S, RUN_TIMEOUT_S, STOP_TIMEOUT_S, BENCH_TIMEOUT_S = 180, 60, 20, 240
# Settings that would change what a library does by itself; each run says its own.
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA")
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class EngineFailed(Exception):
    """One sentence on why an engine has no figures."""


def environment(threads):
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in UNSET and not name.startswith("M2CLIP_")
    }
    return {**kept, **{name: str(threads) for name in THREAD_SETTINGS}}


class Worker:
    """A peer: a process that keeps its model loaded and runs when told, asleep in between."""

    def __init__(self, name, precision, command):
        self.name, self.precision, self.command = name, precision, command
        self.process, self.version = None, None

    def start(self, threads):
        self.process = subprocess.Popen(
            [part.format(threads=threads) for part in self.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(threads),
            text=True,
        )
        self.version = self._answer(START_TIMEOUT_S)["version"]

    def sample(self, repeats):
        """Median ms, and the processor's own ms, of `repeats` runs."""
        answers = [self._ask("run") for _ in range(repeats)]
        return {key: statistics.median(a[key] for a in answers) for key in ("ms", "cpu_ms")}

    def outputs(self):
        return self._ask("outputs")["outputs"]

    def stop(self):
        if self.process is None:
            return
        try:
            self.process.stdin.close()
            self.process.wait(timeout=STOP_TIMEOUT_S)
        except BrokenPipeError:
            self.process.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process = None

    def _ask(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise EngineFailed("ended early") from error
        return self._answer(RUN_TIMEOUT_S)

    def _answer(self, timeout_s):
        watchdog = threading.Timer(timeout_s, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line:
            raise EngineFailed(f"ended, or gave no answer within {timeout_s} s")
        return json.loads(line)


class Ours:
    """m2clip: `bench` for the time of stage `clip`, `forward` for what it computes."""

    name = "m2clip"

    def __init__(self, precision, binary, model, work, input_file):
        self.precision, self.binary, self.model = precision, str(binary), str(model)
        self.work, self.input_file = work, str(input_file)
        self.threads, self.version = None, None
        self.one_label = work / "label.txt"
        self.one_label.write_text("one label, so that the clip is what takes the time\n")

    def start(self, threads):
        self.threads = threads
        self.version = self._run("--version").split()[-1]

    def sample(self, repeats):
        """Median ms, and the efficiency that `bench` computes in the same run."""
        text = self._run(
            "bench", "--json", "--repeats", str(repeats), "--labels-file", str(self.one_label)
        )
        rows = {row["stage"]: row for row in json.loads(text)["results"]}
        clip = rows["clip"]
        return {"ms": clip["ms"], "efficiency": clip["efficiency"], "backend": clip["backend"]}

    def outputs(self):
        out = self.work / f"forward-{self.precision}.safetensors"
        self._run("forward", self.input_file, "-o", str(out))
        written = tensors.read(out)
        return {
            name: written[name].astype("f8").ravel().tolist()
            for name in ("video", "vc_logits")
            if name in written
        }

    def stop(self):
        pass

    def _run(self, command, *arguments):
        line = [self.binary, command]
        if command != "--version":
            line += ["--model", self.model, "--precision", self.precision]
            line += ["--threads", str(self.threads), *arguments]
        try:
            done = subprocess.run(
                line,
                env=environment(self.threads),
                capture_output=True,
                text=True,
                timeout=BENCH_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired as error:
            raise EngineFailed(f"{command} took over {BENCH_TIMEOUT_S} s") from error
        if done.returncode != 0:
            first = (done.stderr.strip().splitlines() or ["no reason given"])[0]
            raise EngineFailed(first.removeprefix(f"m2clip {command}: "))
        return done.stdout


def torch_worker(precision, model, input_file, extent):
    script = [sys.executable, str(HERE / "run_torch.py"), str(model)]
    label = "f32" if precision == "f32" else "bf16 autocast"
    return Worker("PyTorch", label, script + ["{threads}", str(input_file), precision, extent])


def onnx_worker(precision, graph, raw_input, shape):
    command = ["node", str(HERE / "run_onnx.js"), str(graph), "{threads}", str(raw_input), shape]
    return Worker("ONNX Runtime", precision, command)
