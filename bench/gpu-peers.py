#!/usr/bin/env python3
# Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Jet-Nemotron-2B on a GPU beside what PyTorch has for the same work, in one run:
decode against a model under a CUDA graph, projections against cuBLAS, attention
against the best backend of SDPA, the delta rule's step against
flash-linear-attention.

  bench/gpu-peers.py JET_RUN PACKAGE --commit=ID --json=bench/results/DATE-gpu-2b-peers.json

PACKAGE by `jetc compile examples/jet-nemotron-2b.json --target=sm_90a` with
--max-batch 128 --max-context 66000. JET_RUN and PACKAGE may come from another
machine; this one needs PyTorch, its Triton a C compiler. Without
flash-linear-attention its rows say so. A table on standard output, progress on
standard error, everything in the JSON.

Times are medians by the device's clock. Kernels of PyTorch are timed in CUDA
graphs over inputs that no cache holds, ours by `jet-run bench --kernels`. What
ours do besides: SwiGLU in the epilogue of 1536 -> 17920, pages of keys and values
in attention, convolution, gates and norm in the delta rule's step.
"""

import argparse
import contextlib
import datetime
import functools
import gc
import importlib.metadata
import json
import os
import sys
import time

import jetrun

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONFIG = os.path.join(ROOT, "examples", "jet-nemotron-2b.json")
LONG = 65536

DECODE = [(1, LONG), (16, LONG), (128, 4096), (64, LONG), (128, LONG)]
# Rows, K, N, our kernel.
GEMM = [(m, *rest) for m in (1, 128) for rest in
        ((1536, 17920, "grouped_linear_8960"), (8960, 1536, "grouped_linear_1536_0"))]
ATTENTION = [1, 16, 64]
DELTA = [16, 128]

BEGIN = time.monotonic()


def say(text):
    print("%5.1f s  %s" % (time.monotonic() - BEGIN, text), file=sys.stderr,
          flush=True)


class Ours:
    """Each step is measured once."""

    def __init__(self, jetRun, package):
        self.jetRun, self.package = jetRun, package

    @functools.cache
    def step(self, batch, context):
        say("jet-run bench, batch %d, context %d" % (batch, context))
        return jetrun.bench(self.jetRun, self.package, f"--batch={batch}",
                            f"--context={context}", "--steps=8", "--kernels")

    def kernel(self, batch, context, name, stage=None):
        """Of a kernel, or of the stage of it that ends so."""
        for kernel in self.step(batch, context)["kernels"]:
            if kernel["name"] != name:
                continue
            if stage is None:
                return {"name": name, "us": kernel["us"], "bytes": kernel["bytes"]}
            for entry in kernel.get("stages", []):
                if entry["name"].endswith(stage):
                    return {"name": name + ", its " + stage, "us": entry["us"]}
        raise LookupError("expected a kernel %s%s in the package, found none"
                          % (name, ", stage " + stage if stage else ""))


class Table:
    def __init__(self, bandwidth):
        self.bandwidth, self.rows = bandwidth, []

    @contextlib.contextmanager
    def attempt(self, row, part):
        """A part that fails is a reason in the row."""
        try:
            yield
        except Exception as error:  # the other rows go on, whatever it was
            row[part + "_failed"] = "%s: %s" % (type(error).__name__,
                                                str(error).strip()[:300])
            say("%s: %s" % (row["case"], row[part + "_failed"]))
        gc.collect()

    def compare(self, what, case, ours, peer):
        """`ours` and `peer` measure: {"name", "us", perhaps "bytes", …}."""
        import torch

        say(f"{what}, {case}")
        row = {"what": what, "case": case}
        for part, measure in (("ours", ours), ("peer", peer)):
            with self.attempt(row, part):
                row[part] = measure()
            torch.cuda.empty_cache()
        both = [row[part] for part in ("ours", "peer") if part in row]
        # The same work: where only one side counts its bytes they are both's.
        sizes = [side["bytes"] for side in both if "bytes" in side]
        for side in both:
            if sizes:
                side.setdefault("bytes", sizes[0])
                side["tb_per_s"] = side["bytes"] / side["us"] / 1e6
                side["bound_us"] = side["bytes"] / self.bandwidth / 1e6
        if len(both) == 2:
            row["ratio"] = row["peer"]["us"] / row["ours"]["us"]
        self.rows.append(row)

    def print(self):
        print("%-9s  %-23s %9s %5s %9s %5s %6s %9s  %s" % (
            "", "", "ours us", "TB/s", "peer us", "TB/s", "ratio", "bound us", "peer"))
        for row in self.rows:
            ours, peer = row.get("ours", {}), row.get("peer", {})
            cells = [format(side[key], ".2f") if key in side else "-"
                     for side, key in ((ours, "us"), (ours, "tb_per_s"),
                                       (peer, "us"), (peer, "tb_per_s"),
                                       (row, "ratio"), (ours or peer, "bound_us"))]
            notes = [peer.get("name"), row.get("peer_failed"), row.get("ours_failed")]
            print("%-9s  %-23s %9s %5s %9s %5s %6s %9s  %s" % (
                row["what"], row["case"], *cells, "; ".join(filter(None, notes))))


def addDecode(table, ours):
    from peers.decode import Decoder

    # Made by the first row that needs it: where it fails each row says why.
    decoder = functools.cache(lambda: Decoder(CONFIG))

    def own(batch, context):
        decode = ours.step(batch, context)["decode"]
        return {"name": decode["program"], "us": decode["device_ms"] * 1e3,
                "bytes": decode["unavoidable_bytes"],
                "with_host_us": decode["median_ms"] * 1e3}

    for batch, context in DECODE:
        table.compare("decode", f"{batch} x {context}",
                      lambda: own(batch, context),
                      lambda: decoder().measure(batch, context))


def addGemm(table, ours):
    from peers import kernels

    for m, k, n, name in GEMM:
        context = LONG if m == 1 else 4096
        table.compare("gemm", f"M {m}, {k} x {n}",
                      lambda: ours.kernel(m, context, name),
                      lambda: kernels.gemm(m, k, n))


def addAttention(table, ours):
    from peers import kernels

    name = "attention_12x128"
    for batch in ATTENTION:
        table.compare("attention", f"{batch} x {LONG}",
                      lambda: ours.kernel(batch, LONG, name),
                      lambda: kernels.attention(batch, LONG))


def addDelta(table, ours):
    from peers import kernels

    name = "delta_step_12x256"
    for batch in DELTA:
        context = LONG if batch == 16 else 4096
        table.compare("delta", f"batch {batch}, 12 x 96 x 256",
                      lambda: ours.kernel(batch, context, name, "step"),
                      lambda: kernels.delta(batch))


PARTS = {"gemm": addGemm, "attention": addAttention, "delta": addDelta,
         "decode": addDecode}


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jet_run")
    parser.add_argument("package")
    parser.add_argument("--commit", required=True, help="what both were built of")
    parser.add_argument("--json", required=True, help="the file to write")
    parser.add_argument("--only", choices=PARTS, help="one part of the table")
    arguments = parser.parse_args()

    import torch

    from peers import timing

    device, bandwidth = jetrun.deviceName(), timing.bandwidth()
    torch.cuda.empty_cache()
    say("a copy moves %(copy_tb_per_s).2f TB/s, a sum reads %(read_tb_per_s).2f"
        % bandwidth)
    ours = Ours(arguments.jet_run, arguments.package)
    table = Table(bandwidth["copy_tb_per_s"])
    for name, add in PARTS.items():
        if arguments.only in (None, name):
            add(table, ours)
    table.print()
    print("%s; the bound is bytes at a copy's %.2f TB/s, a sum reads %.2f TB/s" % (
        device, *bandwidth.values()))
    with open(arguments.json, "w") as file:
        json.dump({
            "date": datetime.date.today().isoformat(), "commit": arguments.commit,
            "device": device,
            "model": "Jet-Nemotron-2B, bf16, made-up weights, fp32 state",
            "torch": torch.__version__, "fla": version("flash-linear-attention"),
            "device_bandwidth": bandwidth,
            "seconds": time.monotonic() - BEGIN, "rows": table.rows}, file, indent=1)
    say("done")


main()
