"""Frames without an encoder: .safetensors files of up to 256 clips.

Tensors: `frames` U8 [N,T,H,W,3]; `labels` I64 [N], the index of the clip's label in labels.csv.
"""

import json
import os
import struct

CLIPS = 256


def write(path, frames, labels):
    entries, offset = {}, 0
    for name, tensor, kind in (("frames", frames, "U8"), ("labels", labels, "I64")):
        entries[name] = {"dtype": kind, "shape": list(tensor.shape),
                         "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    with open(f"{path}.part", "wb") as out:
        out.write(struct.pack("<Q", len(header)))
        out.write(header)
        out.write(frames.tobytes())
        out.write(labels.astype("<i8").tobytes())
    os.replace(f"{path}.part", path)
