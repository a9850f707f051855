"""What the command-line tests share: the program, models and clips made on the spot."""

import json
import os
import pathlib
import struct
import subprocess

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
DTYPES = {"F32": numpy.float32, "I32": numpy.int32}


def binary():
    return os.environ.get("M2CLIP_BIN", str(ROOT / "build" / "m2clip"))


def keeps_memory():
    """Whether the program is built with a sanitizer, which holds freed memory back or shadows it: its
    size then says nothing about ours."""
    program = pathlib.Path(binary()).read_bytes()
    return b"libasan.so" in program or b"libtsan.so" in program


def clean_environment(**extra):
    """The environment without our own variables, so that the caller's shell cannot interfere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("M2CLIP_")}
    kept.update(extra)
    return kept


def m2clip(*arguments, stdin=None, env=None, cwd=None, timeout=120):
    """Runs the program; stdout and stderr as text."""
    return subprocess.run([binary(), *map(str, arguments)], input=stdin, capture_output=True,
                          env=clean_environment(**(env or {})), cwd=cwd, timeout=timeout,
                          text=not isinstance(stdin, bytes), check=False)


def json_lines(result):
    text = result.stdout if isinstance(result.stdout, str) else result.stdout.decode()
    return [json.loads(line) for line in text.splitlines()]


def make_clip(path, seconds=1, size="160x120", rate=10, codec=("-c:v", "mpeg4"), source="testsrc"):
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i",
                    f"{source}=duration={seconds}:size={size}:rate={rate}", *codec, str(path)],
                   check=True, timeout=60)
    return path


def write_safetensors(path, tensors):
    names = {numpy.dtype(dtype): name for name, dtype in DTYPES.items()}
    header, blobs, offset = {}, [], 0
    for name, array in tensors.items():
        blob = numpy.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": names[array.dtype], "shape": list(array.shape),
                        "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def read_safetensors(path):
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        values = numpy.frombuffer(data[8 + length + begin : 8 + length + end],
                                  dtype=DTYPES[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
    return tensors
