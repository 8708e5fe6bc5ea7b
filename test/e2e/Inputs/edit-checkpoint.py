"""Copies a safetensors file with one thing wrong (or odd) in it.

  edit-checkpoint.py IN OUT ACTION [TENSOR]

drop TENSOR, reshape TENSOR (transposed shape), retype TENSOR, add (a tensor
nobody needs), overlap (two tensors share bytes), hole (bytes of no tensor),
duplicate (one name twice), header (a header longer than the file), truncate.
"""

import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../Inputs"))

import tensorfile  # noqa: E402


def assemble(header, body):
    if not isinstance(header, str):
        header = json.dumps(header)
    return struct.pack("<Q", len(header)) + header.encode() + body


def split(data):
    (length,) = struct.unpack_from("<Q", data)
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def edit(path, action, name):
    if action in ("drop", "add", "retype"):
        tensors = tensorfile.read(path)
        if action == "drop":
            del tensors[name]
        elif action == "add":
            tensors["unheard.of.weight"] = tensorfile.make("F32", [2, 3], range(6))
        else:
            dtype, shape, data = tensors[name]
            tensors[name] = ("I32", shape, data)
        return tensorfile.pack(tensors)
    with open(path, "rb") as file:
        data = file.read()
    header, body = split(data)
    names = [key for key in header if key != "__metadata__"]
    if action == "reshape":
        header[name]["shape"].reverse()
    elif action == "overlap":
        second = sorted(names, key=lambda n: header[n]["data_offsets"])[1]
        begin, end = header[second]["data_offsets"]
        header[second]["data_offsets"] = [begin - 4, end - 4]
    elif action == "hole":
        body += b"\0" * 8
    elif action == "duplicate":
        entry = json.dumps({names[0]: header[names[0]]})
        header = entry[:-1] + ", " + json.dumps(header)[1:]
    elif action == "header":
        return struct.pack("<Q", 99_000_000) + data[8:]
    elif action == "truncate":
        return data[:-1]
    else:
        sys.exit("no such action: " + action)
    return assemble(header, body)


source, target, action = sys.argv[1:4]
with open(target, "wb") as file:
    file.write(edit(source, action, sys.argv[4] if len(sys.argv) > 4 else None))
