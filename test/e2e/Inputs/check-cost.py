"""jetc inspect --cost agrees with the cost model's formulas, written a second
time from docs/cost-model.md.

  check-cost.py CONFIG PACKAGE TARGET BATCH CONTEXT [TOKENS] [--unfused]

TARGET is the name of a description in targets/. With TOKENS the phase is
prefill of the last TOKENS of each sequence's CONTEXT, else decode. --unfused:
the package was compiled without fusions, so activations are known too.
"""

import json
import os
import re
import sys

from programs import run
import modelspec

arguments = [a for a in sys.argv[1:] if a != "--unfused"]
unfused = "--unfused" in sys.argv
configPath, package, target = arguments[:3]
batch, context = int(arguments[3]), int(arguments[4])
isPrefill = len(arguments) > 5
each = int(arguments[5]) if isPrefill else 1  # tokens of each sequence
before = context - each if isPrefill else context  # positions in the state
tokens = batch * each

with open(configPath) as file:
    config = json.load(file)
element = modelspec.ELEMENT_BYTES[config["torch_dtype"]]
hidden, inner = config["hidden_size"], config["intermediate_size"]
vocab = config["vocab_size"]
headDim, dk, dv, valueDim = modelspec.sizes(config)
heads, kvHeads = config["num_attention_heads"], config["num_key_value_heads"]
efficient = config["efficient_attention_config"]
jet = efficient.get("jet")
mixers = modelspec.mixers(config)
placement = config.get("placement")
shapes = modelspec.parameters(config, placement)
linear = {"jet", "gdn", "mamba2"}  # mixers with a recurrent state


def windowOf(kind):
    return efficient["swa"]["window_size"] if kind == "swa" else sys.maxsize


def attentionOf(kind):
    """(bytes of KV read, written, keys seen) by all sequences, row by row."""
    window, row = windowOf(kind), 2 * kvHeads * headDim * element
    keys = sum(min(before + i + 1, window) for i in range(each))
    read = min(before, window) * row
    written = min(each, window) * row
    return batch * read, batch * written, batch * keys


def expectedState():
    total = 0
    for kind in mixers:
        if kind in linear:
            total += 2 * batch * modelspec.stateBytes(config, 0, [kind])["total"]
        else:
            read, written, _ = attentionOf(kind)
            total += read + written
    return total


def expectedWeights():
    """Bytes: (moved, unavoidable)."""
    everything = modelspec.countParameters(config, placement) * element
    moved = tokens * hidden * element
    if "mamba2" in mixers:  # dt_bias is for the decay and for the time step
        moved += mixers.count("mamba2") * efficient["mamba2"]["num_heads"] * element
    if config["tie_word_embeddings"]:
        return everything + moved, everything
    table = vocab * hidden * element
    unavoidable = everything - table + tokens * hidden * element
    return everything - table + moved, unavoidable


def isBehindLastTokens(name):
    """Whether a prefill multiplies only the last tokens' rows by this weight."""
    isLast = name.startswith(f"model.layers.{len(mixers) - 1}.")
    behind = (".mlp.", ".o_proj.", ".out_proj.")
    return isLast and not unfused and any(part in name for part in behind)


def expectedTensorFlops():
    perToken, total = 0, 0
    for name, shape in shapes.items():
        if len(shape) == 2 and "embed_tokens" not in name and "lm_head" not in name:
            flops = 2 * shape[0] * shape[1]
            if isBehindLastTokens(name):
                total += batch * flops
            else:
                perToken += flops
    for kind in mixers:
        if kind == "jet":
            perToken += 6 * jet["num_heads"] * dk * dv
        elif kind == "gdn":
            _, h, keys, values = modelspec.gatedDeltaNetSizes(config)
            perToken += 6 * h * keys * values
        elif kind == "mamba2":
            inner = modelspec.mamba2Sizes(config)[0]
            perToken += 4 * inner * efficient["mamba2"]["state_size"]
        else:
            total += 4 * heads * headDim * attentionOf(kind)[2]
    return total + tokens * perToken + batch * 2 * hidden * vocab


def jetBlockActivations():
    """(values in f32, values in the state's type) for a token."""
    keys, h = jet["num_heads"] * dk, jet["num_heads"]
    generator = valueDim // jet["dconv_generator_reduction"]
    taps = valueDim * jet["conv_size"]
    wide = 2 * (hidden + keys + 2 * keys + 2 * keys)  # q, k: linear, silu, l2
    wide += hidden + generator + 2 * generator  # w1, silu
    wide += generator + taps  # w2
    wide += hidden  # v
    wide += taps + valueDim + 2 * valueDim  # convolution, silu
    wide += 2 * (hidden + h + 2 * h)  # a, b and what is made of them
    wide += 2 * keys + valueDim + 2 * h + valueDim  # delta rule
    wide += hidden + valueDim + 3 * valueDim  # gate, gated norm
    wide += valueDim + hidden  # o
    return wide, valueDim + valueDim  # v, convolution


def convolved(columns):
    """A projection, its short convolution, and what is made of each element."""
    return hidden + columns + 2 * columns, 2 * columns


def gatedDeltaNetActivations():
    keyHeads, h, keyDim, valueDim = modelspec.gatedDeltaNetSizes(config)
    keys, values = keyHeads * keyDim, h * valueDim
    parts = [convolved(keys), convolved(keys), convolved(values)]
    wide, narrow = (sum(part[i] for part in parts) for i in (0, 1))
    wide += 2 * 2 * keys  # l2
    wide += 2 * (hidden + h + 2 * h)  # a, b and what is made of them
    wide += 2 * keys + values + 2 * h + values  # delta rule
    wide += hidden + values + 3 * values  # gate, gated norm
    wide += values + hidden  # o
    return wide, narrow


def mamba2Activations():
    mamba = efficient["mamba2"]
    inner, columns = modelspec.mamba2Sizes(config)
    parts = [convolved(inner), convolved(columns), convolved(columns)]
    wide, narrow = (sum(part[i] for part in parts) for i in (0, 1))
    h = mamba["num_heads"]
    wide += hidden + inner  # z
    wide += hidden + h + 2 * 2 * h  # dt, time step, decay
    wide += 2 * columns + inner + 2 * h + inner  # rule
    wide += 4 * inner  # skip and gate
    wide += (2 if mamba["n_groups"] == 1 else 4) * inner  # norm
    wide += inner + hidden  # out
    return wide, narrow


def attentionActivations():
    q, kv = heads * headDim, kvHeads * headDim
    wide = hidden + q + hidden + kv + hidden  # q, k, v
    wide += 2 * q + kv  # rope
    wide += 2 * q  # attention
    wide += q + hidden  # o
    return wide, kv + kv + 2 * kv + 2 * kv  # v, rope, attention, append


def expectedActivations():
    """Every op reads its inputs from memory and writes its results there, in
    f32 but for what is stored in the state."""
    total = 0
    for kind in mixers:
        # Two norms and residuals; gate, up, swiglu, down.
        common = 2 * (2 + 3) * hidden + 2 * (hidden + inner) + 3 * inner
        common += inner + hidden
        wide, narrow = {
            "jet": jetBlockActivations,
            "gdn": gatedDeltaNetActivations,
            "mamba2": mamba2Activations,
        }.get(kind, attentionActivations)()
        total += tokens * (4 * (common + wide) + element * narrow)
        total += 0 if kind in linear else tokens * 2 * 4  # positions for rope
        # Of attention and JetBlocks two ops read the batch.
        total += batch * 16 * (4 if kind in ("gdn", "mamba2") else 2)
    total += tokens * 4 * (1 + hidden)  # embedding
    if isPrefill:
        total += batch * (4 * 2 * hidden + 16)  # last tokens
    # Norm, head; its logits, how to sample, the next token.
    return total + batch * 4 * (2 * hidden + hidden + vocab + vocab + 4 + 1)


def check(what, expected, found):
    print(what, found)
    if found != expected:
        sys.exit("%s: expected %s, found %s" % (what, expected, found))


def rates():
    folder = os.path.join(os.path.dirname(__file__), "../../../targets")
    with open(os.path.join(folder, target + ".mlir")) as file:
        text = re.sub("//.*", "", file.read())
    names = ("memory_bandwidth", "tensor_flops", "vector_flops")
    return [float(re.search(name + r" = ([^,>]+)", text).group(1)) for name in names]


def checkTimes(found):
    bandwidth, tensor, vector = rates()
    total = found["total"]
    print("seconds", total["seconds"], "bound", found["bound_seconds"])
    for row in found["ops"]:
        memory = row["bytes"]["total"] / bandwidth
        flops = row["flops"]
        compute = max(flops["tensor"] / tensor, flops["vector"] / vector)
        # The roofline of a sum is at most the sum of rooflines.
        if row["seconds"] < max(memory, compute) * (1 - 1e-9):
            sys.exit("%s: less than its roofline" % row)
        if row["seconds"] > (memory + compute) * (1 + 1e-9):
            sys.exit("%s: more than memory and compute one after the other" % row)
    unavoidable = found["unavoidable_bytes"]["total"]
    bound = max(
        unavoidable / bandwidth,
        total["flops"]["tensor"] / tensor,
        total["flops"]["vector"] / vector,
    )
    if abs(found["bound_seconds"] / bound - 1) > 1e-9:
        sys.exit("bound: expected %g, found %g" % (bound, found["bound_seconds"]))
    for key, sum in (
        ("seconds", total["seconds"]),
        ("launches", total["launches"]),
        ("share", 1),
    ):
        parts = [row[key] for row in found["ops"]]
        if abs(__builtins__.sum(parts) / sum - 1) > 1e-9:
            sys.exit("%s: the parts do not sum to the total" % key)
    ratio = total["bytes"]["total"] / unavoidable
    if abs(found["bytes_ratio"] / ratio - 1) > 1e-9:
        sys.exit("bytes_ratio: expected %g, found %g" % (ratio, found["bytes_ratio"]))


def main():
    command = ["jetc", "inspect", package, "--cost", "--json", "--target=" + target]
    command += ["--batch", batch, "--context", context]
    command += ["--phase", "prefill" if isPrefill else "decode"]
    command += ["--tokens", each] if isPrefill else []
    cost = json.loads(run(*command))["cost"]
    [found] = cost["phases"]
    check("target", target, cost["target"]["name"])
    check("batch", batch, found["batch"])
    check("tokens", each, found["tokens_per_sequence"])
    check("before", before, found["positions_before"])
    check("unknown", 0, found["launches_without_cost"])
    total, unavoidable = found["total"], found["unavoidable_bytes"]
    moved, once = expectedWeights()
    check("weights", moved, total["bytes"]["weights"])
    check("unavoidable weights", once, unavoidable["weights"])
    check("state", expectedState(), total["bytes"]["state"])
    check("unavoidable state", expectedState(), unavoidable["state"])
    ends = 4 * tokens + 4 * batch * (vocab + 4 + 1)
    check("unavoidable activations", ends, unavoidable["activations"])
    check("tensor flops", expectedTensorFlops(), total["flops"]["tensor"])
    if unfused:
        check("activations", expectedActivations(), total["bytes"]["activations"])
    checkTimes(found)


main()
