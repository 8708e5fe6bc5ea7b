#!/usr/bin/env python3
# Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where a prompt's time goes on a GPU, by the GPU's own clock: how long no kernel
runs, what each kernel adds to the time, and whether it slows down on the way.

  bench/gpu-timeline.py JET_RUN PACKAGE --json=FILE [--prefill=65536] [--chunk=8192]

Needs a C++ compiler and CUPTI, which is part of the CUDA toolkit (--cuda). Kernels
overlap where programmatic dependent launch lets them, so that durations add up to
more than the time: "exclusive" is from the end of all that began earlier, or a
kernel's begin, to its end. "last_to_first" compares the last step with the first
one: a clock that falls shows there.
"""

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile

import jetrun

HERE = os.path.dirname(os.path.abspath(__file__))


def buildTrace(cuda, folder):
    library = os.path.join(folder, "trace.so")
    cupti = os.path.join(cuda, "extras", "CUPTI")
    include = [os.path.join(cuda, "include"), os.path.join(cupti, "include")]
    lib = [os.path.join(cuda, "lib64"), os.path.join(cupti, "lib64")]
    subprocess.run(["c++", "-O1", "-shared", "-fPIC",
                    os.path.join(HERE, "timeline", "trace.cpp"), "-o", library,
                    *("-I" + path for path in include),
                    *("-L" + path for path in lib),
                    *("-Wl,-rpath," + path for path in lib), "-lcupti"], check=True)
    return library


def readSteps(path, prefill, chunk):
    """The kernels (begin, end, name) of each step of the prompt, in ns: a step
    begins with an embedding, and those of a prompt have the kernels of the one
    that takes longest."""
    steps = []
    with open(path) as file:
        rows = [line.split(" ", 2) for line in file]
    for begin, end, name in sorted((int(a), int(b), n.strip()) for a, b, n in rows):
        if name.startswith("embedding"):
            steps.append([])
        if steps:
            steps[-1].append((begin, end, name))
    if not steps:
        raise SystemExit(f"{path}: expected steps, found none")
    longest = max(steps, key=lambda step: step[-1][1] - step[0][0])
    names = {name for _, _, name in longest}
    prompts = [step for step in steps
               if len(names & {name for _, _, name in step}) > len(names) // 2]
    count = -(-prefill // chunk)
    if len(prompts) < count:
        raise SystemExit(f"{path}: expected {count} steps of a prompt, found "
                         f"{len(prompts)}")
    return prompts[-count:]  # a first one warms up


def summarize(steps):
    idle = {"in_steps": 0, "between_steps": 0}
    total = collections.defaultdict(lambda: [0, 0, 0])  # launches, ns, exclusive ns
    own = [collections.defaultdict(list) for _ in steps]
    ended = steps[0][0][0]
    for number, step in enumerate(steps):
        for place, (begin, end, name) in enumerate(step):
            idle["in_steps" if place else "between_steps"] += max(0, begin - ended)
            entry = total[name]
            entry[0] += 1
            entry[1] += end - begin
            entry[2] += max(0, end - max(begin, ended))
            own[number][name].append(end - begin)
            ended = max(ended, end)
    whole = ended - steps[0][0][0]

    def drift(name):
        first, last = own[0][name], own[-1][name]
        if not first or not last:
            return None
        return round(sum(last) / len(last) / (sum(first) / len(first)), 3)

    kernels = [{"name": name, "launches": launches, "us": round(ns / launches / 1e3, 1),
                "exclusive_us": round(exclusive / launches / 1e3, 1),
                "exclusive_ms": round(exclusive / 1e6, 2),
                "last_to_first": drift(name)}
               for name, (launches, ns, exclusive) in total.items()]
    kernels.sort(key=lambda kernel: -kernel["exclusive_ms"])
    return {"ms": round(whole / 1e6, 2),
            "steps_ms": [round((max(k[1] for k in step) - step[0][0]) / 1e6, 2)
                         for step in steps],
            "idle_ms": {key: round(ns / 1e6, 3) for key, ns in idle.items()},
            "idle_share": round(sum(idle.values()) / whole, 5),
            "kernels": kernels}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jet_run")
    parser.add_argument("package")
    parser.add_argument("--json", required=True, help="the file to write")
    parser.add_argument("--prefill", type=int, default=65536)
    parser.add_argument("--chunk", type=int, default=8192)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--cuda", default="/usr/local/cuda", help="the toolkit")
    arguments = parser.parse_args()
    options = (f"--batch={arguments.batch}", "--context=64", "--steps=1",
               f"--prefill={arguments.prefill}", f"--chunk={arguments.chunk}")
    with tempfile.TemporaryDirectory() as folder:
        print("without tracing", file=sys.stderr)
        plain = jetrun.bench(arguments.jet_run, arguments.package, *options)
        timeline = os.path.join(folder, "timeline")
        os.environ["CUDA_INJECTION64_PATH"] = buildTrace(arguments.cuda, folder)
        os.environ["JET_TIMELINE"] = timeline
        print("with", file=sys.stderr)
        traced = jetrun.bench(arguments.jet_run, arguments.package, *options)
        steps = readSteps(timeline, arguments.prefill, arguments.chunk)
    result = {"device": jetrun.deviceName(), "batch": arguments.batch,
              "prefill": arguments.prefill, "chunk": arguments.chunk,
              "seconds": plain["prefill"]["seconds"],
              "seconds_traced": traced["prefill"]["seconds"], **summarize(steps)}
    with open(arguments.json, "w") as file:
        json.dump(result, file, indent=1)
    print(f"{result['ms']} ms, idle {result['idle_share']:.2%}; steps, ms:",
          *result["steps_ms"])
    for kernel in result["kernels"]:
        print("%-44s %5d x %8.1f us, exclusive %8.1f us, %7.2f ms  last/first %s" % (
            kernel["name"][:44], kernel["launches"], kernel["us"],
            kernel["exclusive_us"], kernel["exclusive_ms"], kernel["last_to_first"]))


main()
