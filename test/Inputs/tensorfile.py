"""Safetensors files with Python's standard library, for the tests' scripts.

A file is a dict: name -> (dtype, shape, bytes). Values of F32, I32 and F64
tensors come and go as flat lists.
"""

import array
import json
import math
import random
import struct
import sys

assert sys.byteorder == "little"

TYPECODES = {"F32": "f", "F64": "d", "I32": "i", "U8": "B", "BF16": "H", "F8_E4M3": "B"}


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    body = memoryview(data)[8 + length :]
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = (entry["dtype"], entry["shape"], bytes(body[begin:end]))
    return tensors


def pack(tensors, metadata=None):
    """The bytes of a file."""
    header, body = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    parts, offset = [], 0
    for name, (dtype, shape, data) in tensors.items():
        end = offset + len(data)
        header[name] = {
            "dtype": dtype,
            "shape": list(shape),
            "data_offsets": [offset, end],
        }
        parts.append(data)
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(parts)


def write(path, tensors, metadata=None):
    with open(path, "wb") as file:
        file.write(pack(tensors, metadata))


def values(tensor):
    dtype, _, data = tensor
    return array.array(TYPECODES[dtype], data).tolist()


def make(dtype, shape, flat):
    data = array.array(TYPECODES[dtype], flat)
    assert len(data) == math.prod(shape), (shape, len(data))
    return (dtype, list(shape), data.tobytes())


def flatten(nested):
    """(shape, flat values) of nested lists of equal lengths."""
    if not isinstance(nested, list):
        return [], [nested]
    parts = [flatten(item) for item in nested]
    shapes = [part[0] for part in parts]
    assert all(shape == shapes[0] for shape in shapes), "lists of unequal lengths"
    flat = [value for part in parts for value in part[1]]
    return [len(nested)] + (shapes[0] if shapes else []), flat


def ids(rows):
    """An input_ids tensor of lists of token ids; short rows end in zeros."""
    width = max(len(row) for row in rows)
    flat = [value for row in rows for value in row + [0] * (width - len(row))]
    return make("I32", [len(rows), width], flat)


def randomIds(batch, length, vocab, seed):
    """Lists of ids, the same for the same arguments everywhere."""
    generator = random.Random(seed)
    return [
        [int(generator.random() * vocab) for _ in range(length)]
        for _ in range(batch)
    ]
