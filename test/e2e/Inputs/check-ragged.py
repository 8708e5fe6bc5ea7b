"""A batch of sequences of different lengths gives each sequence, bit for bit,
what it gets alone.

  check-ragged.py PACKAGE WEIGHTS VOCAB WORKDIR LENGTH...
"""

import os
import sys

from programs import forward, tensorfile

package, weights, vocab, workdir = sys.argv[1:5]
vocab, lengths = int(vocab), [int(word) for word in sys.argv[5:]]
os.makedirs(workdir, exist_ok=True)
rows = tensorfile.randomIds(len(lengths), max(lengths), vocab, seed=7)
rows = [row[:length] for row, length in zip(rows, lengths)]
batch = {
    "input_ids": tensorfile.ids(rows),
    "lengths": tensorfile.make("I32", [len(lengths)], lengths),
}
for options in [], ["--chunk", 3]:
    together = forward(package, weights, batch, workdir, *options)
    assert together[0] == "F32", together[0]
    for i, row in enumerate(rows):
        single = {"input_ids": tensorfile.ids([row])}
        alone = forward(package, weights, single, workdir, *options)
        begin = i * max(lengths) * vocab * 4
        found = together[2][begin : begin + len(row) * vocab * 4]
        if found != alone[2] or not alone[2]:
            sys.exit("sequence %d of length %d: expected the same bits" % (i, len(row)))
        print("sequence %d of length %d: %d bytes equal" % (i, len(row), len(found)))
