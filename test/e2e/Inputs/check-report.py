"""jetc inspect --memory and the activation peaks agree with formulas written a
second time: weights and state from the config, activations and their lower
bound from the launch list in the package's header.

  check-report.py CONFIG PACKAGE CONTEXT MEMORY BYTES [CHUNK]

BYTES is what MEMORY means.
"""

import json
import struct
import sys

from programs import run
import modelspec


def readHeader(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        return json.loads(file.read(size))


def mostAlive(header, program):
    """The largest sum of buffers that some launch lies between the first and
    the last use of."""
    uses = {}
    for at, launch in enumerate(program["launches"]):
        for operand in launch["operands"]:
            if "buffer" in operand:
                uses.setdefault(operand["buffer"], []).append(at)
    return max(
        sum(
            program["buffers"][buffer]["bytes"]
            for buffer, times in uses.items()
            if times[0] <= at <= times[-1]
        )
        for at in range(len(program["launches"]))
    )


def expect(what, found, expected):
    print("%s: %s" % (what, found), flush=True)
    if found != expected:
        sys.exit("%s: expected %s, found %s" % (what, expected, found))


configPath, package, context, memory, budget = sys.argv[1:6]
chunk = sys.argv[6] if len(sys.argv) > 6 else None
with open(configPath) as file:
    config = json.load(file)
header = readHeader(package)
options = ["--context", context, "--memory", memory]
options += ["--chunk", chunk] if chunk else []
report = json.loads(run("jetc", "inspect", package, "--json", *options))

arena = {}
for program in header["programs"]:
    name = program["name"]
    arena[name] = program["arena_bytes_per_row"]
    alive = mostAlive(header, program)
    found = report["programs"][name]
    expect(name + " arena", found["arena_bytes_per_token"], arena[name])
    expect(name + " bound", found["lower_bound_bytes_per_token"], alive)
    ratio = found["arena_ratio"]
    if not (ratio >= 1 and abs(ratio - arena[name] / alive) < 1e-9):
        sys.exit("%s: ratio %s of %d to %d" % (name, ratio, arena[name], alive))

weights = modelspec.countParameters(config)
weights *= modelspec.ELEMENT_BYTES[config["torch_dtype"]]
state = modelspec.stateBytes(config, int(context))["total"]
tokens = int(chunk or 2048)


def terms(batch):
    decode = max(arena["decode"], arena["decode_sample"])
    prefill = max(arena["prefill"], arena["prefill_sample"])
    activations = max(decode * batch, prefill * tokens)
    return [weights, state * batch, activations, 4 * config["vocab_size"] * batch]


found = report["memory"]
budget = int(budget)
largest = found["largest_batch"]
expect("budget", found["budget_bytes"], budget)
expect("context", found["context"], int(context))
expect("chunk", found["prefill_chunk_tokens"], tokens)
expect("state of one", found["state_bytes_per_sequence"], state)
expect("one more fits", sum(terms(largest + 1)) <= budget, False)
expect("batch of terms", found["batch_of_terms"], max(largest, 1))
if largest:
    expect("largest fits", sum(terms(largest)) <= budget, True)
expected = terms(max(largest, 1))
for key, value in zip(
    ["weights_bytes", "state_bytes", "activation_bytes", "logits_bytes"], expected
):
    expect(key, found[key], value)
expect("total", found["total_bytes"], sum(expected))
expect("missing", found["missing_bytes"], max(sum(expected) - budget, 0))
