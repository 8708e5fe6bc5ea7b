"""How far logits drift when what is kept between steps is rounded: the largest
difference of a logit from that with everything in f32, both fed token by token.

  check-drift.py CONFIG WEIGHTS WORKDIR TOKENS

CONFIG is in f32. The numbers of docs/memory-plan.md are from here.
"""

import json
import os
import sys

from programs import check, compile, difference, forward, tensorfile

config, weights, workdir, count = sys.argv[1:]
os.makedirs(workdir, exist_ok=True)
with open(config) as file:
    vocab = json.load(file)["vocab_size"]
ids = tensorfile.ids(tensorfile.randomIds(1, int(count), vocab, 7))


def logits(*options):
    package = os.path.join(workdir, "drift.jet")
    compile(config, package, *options)
    inputs = {"input_ids": ids}
    return forward(package, weights, inputs, workdir, "--chunk", 1)


def rows(tensor, begin, end):
    values = tensor[2][begin * vocab * 4 : end * vocab * 4]
    return tensor[0], [1, end - begin, vocab], values


exact = logits()
print("logits up to %.3g" % max(map(abs, tensorfile.values(exact))))


def drift(option):
    """The largest of all steps; it must not grow with their number: that of the
    second half may be at most twice that of the first."""
    rounded, half, all = logits(option), int(count) // 2, int(count)
    first, second = (
        difference(rows(rounded, *part), rows(exact, *part))
        for part in ((0, half), (half, all))
    )
    print("%s: %.3g, then %.3g" % (option, first, second))
    check("growth with " + option, second / first, 2)
    return max(first, second)


bf16, fp8 = drift("--kv-dtype=bf16"), drift("--kv-dtype=fp8")
# Rounding to bf16 is off by up to 2⁻⁸ of a number, to e4m3 by up to 2⁻⁴: 16 times
# as much. Errors this small add up in proportion; the largest of many that add up
# at random differs from run to run by less than a factor of 2.
check("fp8 to bf16", fp8 / bf16, 2 * 16)
check("bf16 to fp8", bf16 / fp8, 1)
drift("--state-dtype=bf16")
