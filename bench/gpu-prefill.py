#!/usr/bin/env python3
# Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prompts of Jet-Nemotron-2B (and 4B) on a GPU beside what PyTorch has for the same
work, in one run: products against cuBLAS, attention against cuDNN, the chunked delta
rule against flash-linear-attention, whole prompts against a model of these parts.

  bench/gpu-prefill.py JET_RUN 2B 4B --commit=ID --json=bench/results/DATE-gpu-prefill.json

2B and 4B are packages by `jetc compile examples/jet-nemotron-2b.json` (4b)
--target=sm_90a --max-batch 128 --max-context 66000; 4B with a max_position_embeddings
of 131072 in its config, for 64K rows of one sequence. JET_RUN and the packages may
come from another machine; this one needs PyTorch, its Triton a C compiler, and
flash-linear-attention. A table on standard output, progress on standard error,
everything in the JSON; beside it, with .svg in its name's place, how much faster
prompts of each length are read.

Our kernels are those of `jet-run bench --prefill --kernels`, in a step of so many
rows: all layers' in turn, so that weights come from memory. Products are timed twice,
ours and cuBLAS's alike: steadily, behind 200 ms of themselves, when the GPU's power
is at its limit and its clock drops, and in bursts behind a pause; the rest in bursts.
Ours with what they do besides: SwiGLU, residual sums, rotation and SiLU in the
epilogues of products, where cuBLAS has none (and once more such a sum, "sum_us");
pages of keys and values in attention; unit lengths, gates and the gated norm in the
delta rule. Rows that are normed before a product are a stage of its own, and not
counted there.
"""

import argparse
import datetime
import functools
import gc
import json
import math
import os
import sys
import time

import jetrun

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONFIG = os.path.join(ROOT, "examples", "jet-nemotron-2b.json")
LONG = 65536
ROWS = [2048, 8192, LONG]
LENGTHS = [2048, 4096, 8192, 16384, 32768, LONG]
# As bench/peers/timing.py.
BURST, STEADY = "--pause=100", "--busy=200"
PRODUCTS = "grouped_linear", "qkv_linear", "generated_conv"
CHUNK = 8192  # rows at once of whole prompts, by PyTorch

# Of both models: hidden, FFN, width of in-projections, value dim, generator, qkv,
# heads of attention and of a JetBlock, d_k.
MODELS = {
    "2B": dict(hidden=1536, ffn=8960, into=8856, values=3072, generator=384,
               qkv=2048, heads=12, jetHeads=12, keyDim=96),
    "4B": dict(hidden=2048, ffn=11008, into=12832, values=4096, generator=512,
               qkv=2560, heads=16, jetHeads=16, keyDim=128)}

BEGIN = time.monotonic()


def say(text):
    print("%5.1f s  %s" % (time.monotonic() - BEGIN, text), file=sys.stderr,
          flush=True)


class Ours:
    """Each step is measured once."""

    def __init__(self, jetRun, packages, rows):
        self.jetRun, self.packages, self.rows = jetRun, packages, rows

    @functools.cache
    def run(self, model, batch, length, *options):
        say(f"jet-run bench, {model}, {batch} x {length} {' '.join(options)}")
        return jetrun.bench(self.jetRun, self.packages[model], f"--batch={batch}",
                            "--context=64", "--steps=0", f"--prefill={length}",
                            *options)["prefill"]

    def kernel(self, model, op, stage=None, batch=1, length=LONG,
               where=lambda k: True, pace=BURST):
        """Of the kernel of `op` (or of a stage of it that ends so) in a step of whole
        prompts; of several that `where` takes, the one with most time."""
        ops = op if op not in PRODUCTS else ",".join(PRODUCTS)
        rows = self.run(model, batch, length, f"--chunk={length}", f"--kernels={ops}",
                        pace)["kernels"]
        rows = [row for row in rows if row["op"] == op and where(row)]
        if not rows:
            raise LookupError(f"expected a kernel of {op} in the step, found none")
        row = max(rows, key=lambda row: row["total_us"])
        for entry in row.get("stages", []) if stage else []:
            if entry["name"].endswith(stage):
                return {"name": row["name"] + ", its " + stage, "us": entry["us"]}
        return {"name": row["name"], "us": row["us"],
                "stages": row.get("stages", [])}

    def product(self, model, op, shape, m):
        """As kernels.largeGemm(). The convolution is the only one of its op."""
        isConv = op == "generated_conv"
        steady, burst = (
            self.kernel(model, op, "convolve" if isConv else "project", length=m,
                        where=lambda row: isConv or shapeOf(row) == shape, pace=pace)
            for pace in (STEADY, BURST))
        return dict(steady, burst_us=burst["us"])


def shapeOf(row):
    """K and N of a kernel's product, from its name as in tables of tiles: "1536 ->
    2x8960 bf16 code, 12 f32"."""
    if "product" not in row:
        return None
    inner, outputs = row["product"].split(" -> ")
    sizes = [output.split(" ")[0].split("x") for output in outputs.split(", ")]
    return int(inner), sum(math.prod(map(int, size)) for size in sizes)


class Table:
    def __init__(self, file, head):
        self.file, self.head, self.rows = file, head, []

    def compare(self, what, case, ours, peer, flops=None):
        """`ours` and `peer` measure: {"name", "us", …}. One that fails is a reason in
        the row."""
        import torch

        say(f"{what}, {case}")
        row = {"what": what, "case": case}
        for part, measure in (("ours", ours), ("peer", peer)):
            try:
                row[part] = measure()
                if flops:
                    row[part]["tflop_per_s"] = flops / row[part]["us"] / 1e6
            except Exception as error:  # the other rows go on, whatever it was
                row[part + "_failed"] = "%s: %s" % (type(error).__name__,
                                                    str(error).strip()[:300])
                say("%s: %s" % (case, row[part + "_failed"]))
            gc.collect()
            torch.cuda.empty_cache()
        if "ours" in row and "peer" in row:
            row["ratio"] = row["peer"]["us"] / row["ours"]["us"]
            if "burst_us" in row["ours"]:
                row["burst_ratio"] = row["peer"]["burst_us"] / row["ours"]["burst_us"]
            if "sum_us" in row["peer"]:
                row["sum_ratio"] = row["peer"]["sum_us"] / row["ours"]["us"]
        self.rows.append(row)
        self.write()  # as far as it is: a later row may take too long

    def write(self):
        with open(self.file, "w") as file:
            json.dump(dict(self.head, seconds=time.monotonic() - BEGIN,
                           rows=self.rows), file, indent=1)
        prompts = {int(row["case"].split(" x ")[1]): row["ratio"] for row in self.rows
                   if row["what"] == "prompt" and row["case"].startswith("1 x")
                   and "ratio" in row}
        if not prompts:
            return
        from peers.plot import speedUps

        with open(os.path.splitext(self.file)[0] + ".svg", "w") as file:
            file.write(speedUps(prompts, "prefill, batch 1: times as fast as PyTorch "
                                "with cuBLAS, cuDNN and fla, " + self.head["device"]))

    def print(self):
        print("%-9s  %-34s %11s %7s %11s %7s %6s %6s %6s  %s" % (
            "", "", "ours us", "TFLOP/s", "peer us", "TFLOP/s", "ratio", "burst", "sum",
            "peer"))
        for row in self.rows:
            ours, peer = row.get("ours", {}), row.get("peer", {})
            cells = [format(side[key], form) if key in side else "-"
                     for side, key, form in (
                         (ours, "us", ".1f"), (ours, "tflop_per_s", ".0f"),
                         (peer, "us", ".1f"), (peer, "tflop_per_s", ".0f"),
                         (row, "ratio", ".2f"), (row, "burst_ratio", ".2f"),
                         (row, "sum_ratio", ".2f"))]
            notes = [peer.get("name"), row.get("peer_failed"), row.get("ours_failed")]
            print("%-9s  %-34s %11s %7s %11s %7s %6s %6s %6s  %s" % (
                row["what"], row["case"], *cells, "; ".join(filter(None, notes))))


def addGemm(table, ours):
    from peers import kernels

    for model, size in MODELS.items():
        hidden, ffn, values = size["hidden"], size["ffn"], size["values"]
        for k, n, op, hasSum in (
                (hidden, 2 * ffn, "grouped_linear", False),
                (ffn, hidden, "grouped_linear", True),
                (hidden, size["into"], "grouped_linear", False),
                (values, hidden, "grouped_linear", True),
                (hidden, hidden, "grouped_linear", True),
                (size["generator"], 4 * values, "generated_conv", False),
                (hidden, size["qkv"], "qkv_linear", False)):
            for m in ours.rows:
                table.compare("gemm", f"{model}, M {m}, {k} x {n}",
                              lambda: ours.product(model, op, (k, n), m),
                              lambda: kernels.largeGemm(m, k, n, hasSum),
                              2 * m * k * n)


def addAttention(table, ours):
    from peers import kernels

    for length in (8192, 32768, LONG):
        flops = 2 * 2 * MODELS["2B"]["heads"] * 128 * length * length / 2
        table.compare("attention", f"12/2 x 128, T {length}",
                      lambda: ours.kernel("2B", "attention", length=length),
                      lambda: kernels.causalAttention(length), flops)


def addDelta(table, ours):
    from peers import kernels

    for model, size in MODELS.items():
        heads, keyDim = size["jetHeads"], size["keyDim"]
        for batch, length in ((1, LONG), (8, 8192)):
            table.compare(
                "delta", f"{heads} x {keyDim} x 256, {batch} x {length}",
                lambda: ours.kernel(model, "gated_delta_rule", batch=batch,
                                    length=length),
                lambda: kernels.chunkedDelta(batch, length, heads, keyDim))


def addPrompts(table, ours):
    from peers.prefill import Prefiller

    prefiller = functools.cache(lambda: Prefiller(CONFIG))

    def own(batch, length):
        prefill = ours.run("2B", batch, length)
        return {"name": f"chunks of {prefill['chunk']}", "us": prefill["seconds"] * 1e6,
                "tokens_per_s": prefill["tokens_per_second"]}

    def peer(batch, length):
        """Of many sequences as many at once as CHUNK has tokens for."""
        together = min(batch, max(8, CHUNK // length))
        found = prefiller().measure(together, length)
        if together < batch:
            found["name"] += f", {together} sequences at once"
            found["us"] *= batch / together
        return found

    for batch, length in [(1, length) for length in LENGTHS] + [(8, 8192),
                                                                (128, 2048)]:
        table.compare("prompt", f"{batch} x {length}", lambda: own(batch, length),
                      lambda: peer(batch, length))


PARTS = {"prompt": addPrompts, "delta": addDelta, "attention": addAttention,
         "gemm": addGemm}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jet_run")
    parser.add_argument("package", help="of Jet-Nemotron-2B")
    parser.add_argument("package_4b", help="of Jet-Nemotron-4B")
    parser.add_argument("--commit", required=True, help="what all were built of")
    parser.add_argument("--json", required=True, help="the file to write")
    parser.add_argument("--rows", type=lambda text: [int(m) for m in text.split(",")],
                        default=ROWS, help="of the products, e.g. 2048,8192")
    parser.add_argument("--only", choices=PARTS, action="append",
                        help="these parts of the table")
    arguments = parser.parse_args()

    import torch

    ours = Ours(arguments.jet_run,
                {"2B": arguments.package, "4B": arguments.package_4b}, arguments.rows)
    table = Table(arguments.json, {
        "date": datetime.date.today().isoformat(), "commit": arguments.commit,
        "device": jetrun.deviceName(),
        "model": "Jet-Nemotron-2B and 4B, bf16, made-up weights, fp32 state",
        "torch": torch.__version__})
    for name, add in PARTS.items():
        if not arguments.only or name in arguments.only:
            add(table, ours)
    table.print()
    print(table.head["device"])
    say("done")


main()
