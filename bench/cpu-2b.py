#!/usr/bin/env python3
# Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Jet-Nemotron-2B with random weights on this machine's CPU: compile time,
prefill, decode and peak memory, with and without fusions in alternation.

  bench/cpu-2b.py WORKDIR > bench/results/DATE-cpu-2b.json

WORKDIR takes the checkpoint (3.9 GB), which is made if it is not there.
"""

import datetime
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.join(ROOT, "build", "bin")
CONFIG = os.path.join(ROOT, "examples", "jet-nemotron-2b.json")
PROMPT = ",".join(str(token) for token in range(1, 65))
NEW_TOKENS, REPEATS = 16, 6


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True)


def compileModel(package, *options):
    begin = time.monotonic()
    run(f"{BIN}/jetc", "compile", CONFIG, "-o", package, *options)
    return time.monotonic() - begin


def generate(package, weights):
    """Tokens per second of prefill and decode."""
    text = run(f"{BIN}/jet-run", "generate", package, "--weights", weights,
               "--prompt-ids", PROMPT, "--greedy", "--print-ids",
               "--ignore-eos", f"--max-new-tokens={NEW_TOKENS}").stderr
    prefill, decode = re.findall(r"tokens ([0-9.]+) tok/s", text)
    return {"prefill_tokens_per_s": float(prefill),
            "decode_tokens_per_s": float(decode)}


def main():
    workdir = sys.argv[1]
    os.makedirs(workdir, exist_ok=True)
    weights = os.path.join(workdir, "jet-nemotron-2b-random")
    if not os.path.exists(weights):
        run(f"{BIN}/jet-run", "init", CONFIG, "-o", weights, "--seed", "1")
    variants = {"fused": [], "unfused": ["--disable-fusion=all"],
                "without rms-norm": ["--disable-fusion=rms-norm"],
                "without kv-append": ["--disable-fusion=kv-append"]}
    result = {
        "date": datetime.date.today().isoformat(),
        "commit": run("git", "-C", ROOT, "rev-parse", "--short",
                      "HEAD").stdout.strip(),
        "device": re.search(r"model name\s*: (.*)",
                            open("/proc/cpuinfo").read()).group(1),
        "cores": os.cpu_count(), "machine": platform.machine(),
        "model": "Jet-Nemotron-2B, bf16 weights, random",
        "checkpoint_bytes": sum(
            os.path.getsize(os.path.join(weights, name))
            for name in os.listdir(weights) if name.endswith(".safetensors")),
        "prompt_tokens": 64, "new_tokens": NEW_TOKENS, "repeats": REPEATS,
        "variants": {},
    }
    packages, runs = {}, {name: [] for name in variants}
    for name, options in variants.items():
        packages[name] = os.path.join(workdir, name.replace(" ", "-") + ".jet")
        seconds = compileModel(packages[name], *options)
        result["variants"][name] = {"compile_s": round(seconds, 2)}
    for _ in range(REPEATS):
        for name in variants:
            runs[name].append(generate(packages[name], weights))
    for name, measured in runs.items():
        for key in measured[0]:
            result["variants"][name][key] = statistics.median(
                one[key] for one in measured)
    # Of the largest child, which is jet-run with all weights touched.
    result["peak_resident_bytes"] = 1024 * resource.getrusage(
        resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps(result, indent=1))


main()
