#!/usr/bin/env python3
# Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Live evaluation of the example supernet on its whole data set: how far from the
table of measured placements, and how long the search for two layers of full attention
takes.

  bench/live-evaluation.py JETC COMMIT WORKDIR [--cpu] [--gpu] > bench/results/DATE-….json

On the CPU, placements of every number of layers with full attention; on the GPU all.
"""

import argparse
import csv
import datetime
import json
import os
import platform
import subprocess
import sys
import time

from jetrun import deviceName

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLE = os.path.join(HERE, "../examples/postnas")
TABLE = os.path.join(EXAMPLE, "placements.csv")
# Two of most numbers of layers, in an order in which neighbours begin alike.
SAMPLE = """00000000 00000001 00000010 00000011 00000111 00001000 00001001 00001010
00001111 00011000 00011100 00011111 00111110 00111111 01111110 01111111 11111110
11111111""".split()


def run(jetc, folder, name, *options):
    """Seconds of a search, and the metrics of each placement that it ran."""
    log = os.path.join(folder, name + ".jsonl")
    if os.path.exists(log):
        os.remove(log)
    command = [jetc, "search", EXAMPLE, "--data",
               os.path.join(EXAMPLE, "evalset.safetensors"), "--log", log, "--json",
               "--objective=recall_loss", *options]
    begin = time.monotonic()
    result = subprocess.run(command, capture_output=True, text=True)
    seconds = time.monotonic() - begin
    if result.returncode:
        sys.exit("%s: %s" % (" ".join(command), result.stderr))
    with open(log) as file:
        lines = [json.loads(line) for line in file][1:]
    found = {"".join("1" if mixer == "attn" else "0" for mixer in line["placement"]):
             line["metrics"] for line in lines}
    return seconds, found, json.loads(result.stdout)


def compare(found):
    """The largest distances from the table."""
    with open(TABLE) as file:
        table = {row["full_attention"]: row for row in csv.DictReader(file)}
    worst = dict.fromkeys(("text_loss_relative", "recall_loss_relative",
                           "recall_loss_absolute", "recall_accuracy_points"), 0.0)
    misses = []
    for placement, metrics in found.items():
        expected = {name: float(table[placement][name]) for name in metrics}
        text = abs(metrics["text_loss"] / expected["text_loss"] - 1)
        recall = abs(metrics["recall_loss"] - expected["recall_loss"])
        points = 100 * abs(metrics["recall_accuracy"] - expected["recall_accuracy"])
        relative = recall / expected["recall_loss"]
        for name, value in zip(worst, (text, relative, recall, points)):
            worst[name] = max(worst[name], value)
        if text > 1e-3 or (relative > 0.01 and recall > 0.0005) or points > 0.2:
            misses.append(placement)
    sizes = sorted({placement.count("1") for placement in found})
    return {"placements": len(found), "sizes": sizes, "largest": worst,
            "beyond_tolerance": misses}


def search(jetc, folder, name, *options):
    seconds, found, result = run(jetc, folder, name, "--full=2", *options)
    return {"seconds": round(seconds, 2), "best": result["best"]["full_attention"],
            "against_the_table": compare(found)}


def measureSample(jetc, folder, name, *options):
    sample = os.path.join(folder, "sample.csv")
    with open(sample, "w") as file:
        file.write("\n".join(["full_attention", *SAMPLE]) + "\n")
    seconds, found, _ = run(jetc, folder, name, "--placements=" + sample, *options)
    return {"seconds": round(seconds, 2), **compare(found), "metrics": found}


def measureGpu(jetc, folder):
    """By the kernels that jetc compile chooses, and by those that are all f32."""
    forms, general = ("--device=cuda:0",), ("--device=cuda:0", "--general-kernels")
    result = {"device": deviceName()}
    # Once more, with the system's caches warm.
    for name in ("search_of_two", "search_of_two_again"):
        result[name] = search(jetc, folder, "forms", *forms)
    seconds, found, _ = run(jetc, folder, "all", "--exhaustive", *forms)
    result["all_placements"] = {"seconds": round(seconds, 2), **compare(found),
                                "metrics": found}
    result["general_kernels"] = {
        "search_of_two": search(jetc, folder, "general", *general),
        "sample": measureSample(jetc, folder, "general-sample", *general)}
    return result


def measureCpu(jetc, folder):
    return {"threads": os.cpu_count(), "machine": platform.machine(),
            "sample": measureSample(jetc, folder, "cpu")}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("jetc")
    parser.add_argument("commit")
    parser.add_argument("workdir")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--gpu", action="store_true")
    options = parser.parse_args()
    os.makedirs(options.workdir, exist_ok=True)
    result = {"date": datetime.date.today().isoformat(), "commit": options.commit,
              "data": "examples/postnas: 96 sequences of text, 256 of recall, of "
                      "513 tokens each",
              "tolerance": "text_loss 1e-3 relative; recall_loss 1e-2 relative or "
                           "5e-4; recall_accuracy 0.2 points"}
    if options.gpu:
        result["gpu"] = measureGpu(options.jetc, options.workdir)
    if options.cpu:
        result["cpu"] = measureCpu(options.jetc, options.workdir)
    print(json.dumps(result, indent=1))


main()
