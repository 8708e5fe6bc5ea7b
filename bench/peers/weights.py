# Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Weights of a model by their Hugging Face names: read, or made up."""

import json
import math
import mmap
import os
import struct

import torch

TYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}


def readFile(path):
    """{name: tensor} of a safetensors file, which is mapped."""
    with open(path, "rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        dtype = TYPES[entry["dtype"]]
        flat = torch.frombuffer(data, dtype=dtype, offset=8 + length + begin,
                                count=(end - begin) // dtype.itemsize)
        tensors[name] = flat.view(entry["shape"])
    return tensors


def read(folder):
    index = os.path.join(folder, "model.safetensors.index.json")
    if not os.path.exists(index):
        return readFile(os.path.join(folder, "model.safetensors"))
    with open(index) as file:
        shards = sorted(set(json.load(file)["weight_map"].values()))
    return {name: tensor for shard in shards
            for name, tensor in readFile(os.path.join(folder, shard)).items()}


class MadeUp:
    """Weights of the sizes that are asked for, which keep activations in range."""

    def __init__(self, device, dtype):
        self.device, self.dtype = device, dtype

    def __call__(self, name, *shape):
        if name.endswith("norm.weight"):
            return torch.ones(shape, device=self.device, dtype=self.dtype)
        scale = 1 / math.sqrt(shape[-1]) if len(shape) > 1 else 0.1
        return torch.randn(shape, device=self.device, dtype=self.dtype) * scale


class Read:
    """Weights of a folder on a device, held to the shapes that are asked for."""

    def __init__(self, folder, device, dtype):
        self.tensors, self.folder = read(folder), folder
        self.device, self.dtype = device, dtype

    def __call__(self, name, *shape):
        tensor = self.tensors[name]
        if tuple(tensor.shape) != shape:
            raise ValueError("%s: %s: expected shape %s, found %s" % (
                self.folder, name, shape, tuple(tensor.shape)))
        return tensor.to(self.device, self.dtype)
