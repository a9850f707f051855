"""Safetensors files as numpy arrays, without the safetensors package (Debian has none)."""

import json
import struct
from pathlib import Path

import numpy as np

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1"}
NAMES = {np.dtype(numpy_name): name for name, numpy_name in DTYPES.items()}


def read(path):
    """{name: array}; BF16 becomes float32, every other type stays as it is."""
    content = np.memmap(path, dtype=np.uint8, mode="r")
    header_bytes = struct.unpack("<Q", content[:8].tobytes())[0]
    header = json.loads(content[8 : 8 + header_bytes].tobytes())
    header.pop("__metadata__", None)
    data = content[8 + header_bytes :]
    return {name: _array(data, entry) for name, entry in header.items()}


def _array(data, entry):
    begin, end = entry["data_offsets"]
    raw = data[begin:end]
    if entry["dtype"] == "BF16":  # the upper half of a float32
        wide = raw.view("<u2").astype("<u4") << 16
        return wide.view("<f4").reshape(entry["shape"])
    return raw.view(DTYPES[entry["dtype"]]).reshape(entry["shape"])


def write(path, tensors):
    header, offset = {}, 0
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    for name, array in arrays.items():
        shape = list(np.shape(tensors[name]))
        header[name] = {
            "dtype": NAMES[array.dtype],
            "shape": shape,
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in arrays.values():
            file.write(array.tobytes())


def read_model(folder):
    """All tensors of a model folder: one file, or the shards that an index names."""
    folder = Path(folder)
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return read(folder / "model.safetensors")
    tensors = {}
    for shard in sorted(set(json.loads(index.read_text())["weight_map"].values())):
        tensors.update(read(folder / shard))
    return tensors
