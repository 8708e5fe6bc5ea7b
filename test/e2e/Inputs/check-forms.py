"""A model in bf16 by kernels of the tile dialect on a GPU: the same bits in every
run, and errors like those of rounding.

  check-forms.py FORMS GENERAL CPU WEIGHTS VOCAB WORKDIR

The packages are of the same model: FORMS and GENERAL (--general-kernels) for a
GPU, both of which round activations, CPU with them in fp32. Tensor cores round
their operands as well, to which the errors of FORMS against CPU are held: in the
mean at most 3 times those of GENERAL, which rounds a part of them.
"""

import os
import sys

from programs import forward, tensorfile

packages, (weights, vocab, workdir) = sys.argv[1:4], sys.argv[4:]
vocab = int(vocab)
os.makedirs(workdir, exist_ok=True)


def distance(x, y):
    return (sum((a - b) ** 2 for a, b in zip(x, y)) / len(x)) ** 0.5


# The last ones take one token of each sequence a step, as decoding does.
cases = [(1, 1), (2, 5), (1, 300), (17, 9), (3, 70),
         (2, 6, 1), (3, 5, 1), (5, 6, 1), (100, 4, 1)]
for batch, length, *chunk in cases:
    chunk = ["--chunk", *chunk] if chunk else []
    rows = tensorfile.randomIds(batch, length, vocab, seed=length)
    inputs = {"input_ids": tensorfile.ids(rows)}
    forms, again, general, cpu = (
        forward(package, weights, inputs, workdir, *chunk)
        for package in (packages[0], *packages)
    )
    if forms[2] != again[2]:
        sys.exit("%d x %d: expected the same bits in two runs" % (batch, length))
    forms, general, cpu = (tensorfile.values(t) for t in (forms, general, cpu))
    error, other = distance(forms, cpu), distance(general, cpu)
    print("%d x %d: error %.4f, of the general path %.4f" % (batch, length, error, other))
    limit = max(3 * other, 0.05)  # of few logits the mean says little
    if not error <= limit:
        sys.exit("%d x %d: expected an error of at most %.4f" % (batch, length, limit))
