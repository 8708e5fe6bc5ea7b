"""The activations of packages, from their headers alone.

  check-plan.py PACKAGE...

Prints the arena of every program and its ratio to the most bytes alive in one
launch; fails when buffers alive together overlap or the ratio is above 1.05.
"""

import json
import os
import struct
import sys

LIMIT = 1.05


def readHeader(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        return json.loads(file.read(length))


def followBuffers(kernels, program):
    """{buffer: (first launch that writes it, last that uses it)}"""
    lives = {}
    for step, launch in enumerate(program["launches"]):
        operands = kernels[launch["kernel"]]["operands"]
        for ref, operand in zip(launch["operands"], operands, strict=True):
            if "buffer" not in ref:
                continue
            buffer = ref["buffer"]
            if buffer not in lives:
                assert operand["access"] == "write", f"{buffer} in {step}"
            lives[buffer] = (lives.get(buffer, (step,))[0], step)
    return lives


def checkProgram(name, kernels, program):
    buffers = program["buffers"]
    lives = followBuffers(kernels, program)
    assert len(lives) == len(buffers), "a buffer that nobody uses"
    bound = 0
    for step in range(len(program["launches"])):
        alive = sorted((buffers[i]["offset"], buffers[i]["bytes"])
                       for i, (begin, end) in lives.items()
                       if begin <= step <= end)
        for (offset, size), (following, _) in zip(alive, alive[1:]):
            assert offset + size <= following, f"{name}: overlap in {step}"
        bound = max(bound, sum(size for _, size in alive))
    arena = program["arena_bytes_per_row"]
    assert arena == max(b["offset"] + b["bytes"] for b in buffers)
    print(f"{name}: {program['name']}: {len(program['launches'])} launches, "
          f"{len(buffers)} buffers, arena {arena} bytes a row, bound {bound}, "
          f"ratio {arena / bound:.3f}")
    assert bound <= arena <= LIMIT * bound, f"{name}: too large"


for path in sys.argv[1:]:
    header = readHeader(path)
    names = [program["name"] for program in header["programs"]]
    expected = ["decode", "decode_sample", "forward", "prefill", "prefill_sample"]
    assert sorted(names) == expected, names
    for program in header["programs"]:
        checkProgram(os.path.basename(path), header["kernels"], program)
