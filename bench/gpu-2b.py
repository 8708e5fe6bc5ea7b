#!/usr/bin/env python3
# Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Jet-Nemotron-2B with made-up weights on a GPU: decode and prefill, packages in
alternation, against the time that the memory of the device needs.

  bench/gpu-2b.py JET_RUN COMMIT NAME=PACKAGE... > bench/results/DATE-gpu-2b.json

Packages by `jetc compile examples/jet-nemotron-2b.json --target=sm_90a`, with
--max-batch 128 --max-context 8192. JET_RUN and the packages may come from another
machine; COMMIT says of what they were built.
"""

import datetime
import json
import subprocess
import sys

CONTEXT, PREFILL, STEPS, REPEATS = 1024, 512, 8, 2
# Bytes a second, as specified.
BANDWIDTH = {"H100": 3.35e12, "H200": 4.8e12}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main():
    jetRun, commit, *variants = sys.argv[1:]
    device = run("nvidia-smi", "--query-gpu=name,driver_version",
                 "--format=csv,noheader").strip()
    bandwidth = next(rate for name, rate in BANDWIDTH.items() if name in device)
    rows = []
    for batch in (1, 16, 128):
        best = {}
        for _ in range(REPEATS):
            for variant in variants:
                name, package = variant.split("=", 1)
                measured = json.loads(run(
                    jetRun, "bench", package, f"--batch={batch}",
                    f"--context={CONTEXT}", f"--steps={STEPS}",
                    f"--prefill={PREFILL if batch == 1 else 0}"))
                decode = measured["decode"]
                row = {"variant": name, "batch": batch,
                       "decode_ms": decode["median_ms"],
                       "bytes_per_step": decode["bytes_per_step"],
                       "bound_ms": decode["bytes_per_step"] / bandwidth * 1e3}
                if "prefill" in measured:
                    row["prefill_tokens_per_s"] = \
                        measured["prefill"]["tokens_per_second"]
                if name not in best or row["decode_ms"] < best[name]["decode_ms"]:
                    best[name] = row
        rows += best.values()
    print(json.dumps({
        "date": datetime.date.today().isoformat(), "commit": commit,
        "device": device, "bandwidth_bytes_per_s": bandwidth,
        "model": "Jet-Nemotron-2B, bf16, made-up weights",
        "context": CONTEXT, "prefill_tokens": PREFILL, "steps": STEPS,
        "repeats": REPEATS, "rows": rows}, indent=1))


main()
