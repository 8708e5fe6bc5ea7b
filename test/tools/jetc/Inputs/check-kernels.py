#!/usr/bin/env python3
"""Checks the kernels of `jetc inspect --json`: each says what its code takes, and
its occupancy is that of the largest number of CTAs that fit."""

import json
import sys


def fits(kernel, ctas):
    warps = (kernel["threads"] + 31) // 32
    registers = (kernel["registers"] * 32 + 255) // 256 * 256  # of a warp
    shared = (kernel["shared_memory_bytes"] + 1024 + 127) // 128 * 128
    warpsByRegisters = 16384 // registers * 4
    return (
        ctas <= 32
        and ctas * warps <= min(64, warpsByRegisters)
        and ctas * shared <= 228 * 1024
    )


with open(sys.argv[1]) as file:
    kernels = json.load(file)["kernels"]
assert kernels
for kernel in kernels:
    assert 1 <= kernel["registers"] <= 255, kernel
    assert kernel["spill_bytes"] >= 0, kernel
    ctas = max(n for n in range(33) if fits(kernel, n))
    expected = ctas * ((kernel["threads"] + 31) // 32) / 64
    assert kernel["occupancy"] == expected, (kernel, expected)
    assert expected > 0, kernel
