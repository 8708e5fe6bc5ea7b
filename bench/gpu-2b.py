#!/usr/bin/env python3
# Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Jet-Nemotron-2B with made-up weights on a GPU: decode and prefill by kernels of
the tile dialect, and by the general path alone, in alternation, against the time
that the memory of the device needs.

  bench/gpu-2b.py JET_RUN COMMIT PACKAGE GENERAL > bench/results/DATE-gpu-2b.json

PACKAGE by `jetc compile examples/jet-nemotron-2b.json --target=sm_90a` with
--max-batch 128 --max-context 66000, GENERAL with --general-kernels as well. JET_RUN
and the packages may come from another machine; COMMIT says of what they were built.
"""

import datetime
import json
import sys

from jetrun import bench, deviceName

# Batch and context. The general path is too slow for more.
DECODE = [(1, 1024), (1, 65536), (16, 1024), (16, 65536),
          (128, 1024), (128, 4096), (128, 65536)]
GENERAL = [(1, 1024), (16, 1024)]
PREFILL = {"forms": 8192, "general": 512}
STEPS, REPEATS = 8, 2


def decode(jetRun, packages, batch, context):
    """The faster of REPEATS runs of each variant, which take turns."""
    best = {}
    for _ in range(REPEATS):
        for name, package in packages.items():
            if name == "general" and (batch, context) not in GENERAL:
                continue
            result = bench(jetRun, package, f"--batch={batch}",
                           f"--context={context}", f"--steps={STEPS}")["decode"]
            row = {"variant": name, "batch": batch, "context": context,
                   **{key: result[key] for key in
                      ("program", "device_ms", "median_ms", "bound_ms",
                       "unavoidable_bytes", "tokens_per_second")}}
            if name not in best or row["device_ms"] < best[name]["device_ms"]:
                best[name] = row
    return list(best.values())


def main():
    jetRun, commit, forms, general = sys.argv[1:]
    packages = {"forms": forms, "general": general}
    rows = [row for batch, context in DECODE
            for row in decode(jetRun, packages, batch, context)]
    prefill = []
    for name, package in packages.items():
        result = bench(jetRun, package, f"--prefill={PREFILL[name]}",
                       "--chunk=2048", "--steps=1")
        prefill.append({"variant": name, **result["prefill"]})
    kernels = {str(batch): bench(jetRun, forms, f"--batch={batch}",
                                 "--context=4096", "--steps=4",
                                 "--kernels")["kernels"]
               for batch in (1, 128)}
    print(json.dumps({
        "date": datetime.date.today().isoformat(), "commit": commit,
        "device": deviceName(),
        "model": "Jet-Nemotron-2B, bf16, made-up weights",
        "steps": STEPS, "repeats": REPEATS, "decode": rows, "prefill": prefill,
        "kernels_at_context_4096": kernels}, indent=1))


main()
