"""check-live.py EXAMPLE LOG WORKDIR: what jetc search --data measured — of two
sequences of recall and one of text — is what the logits of a package of the same
placement say."""

import json
import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../e2e/Inputs"))

import programs  # noqa: E402
import tensorfile  # noqa: E402

example, log, workdir = sys.argv[1:]
os.makedirs(workdir, exist_ok=True)
data = tensorfile.read(os.path.join(example, "evalset.safetensors"))


def rows(name, count):
    _, (_, length), _ = data[name]
    flat = tensorfile.values(data[name])
    return [list(flat[i * length : (i + 1) * length]) for i in range(count)]


def metrics(package, name, count):
    """(accuracy, loss) of the targets of the first sequences."""
    ids = rows(name, count)
    mask = rows(name + "_mask", count) if name + "_mask" in data else None
    inputs = {"input_ids": tensorfile.ids([row[:-1] for row in ids])}
    logits = programs.forward(package, example, inputs, workdir)
    _, (_, length, vocab), _ = logits
    values = tensorfile.values(logits)
    loss = hits = targets = 0
    for i, row in enumerate(ids):
        for position in range(1, length + 1):
            if mask and not mask[i][position]:
                continue
            begin = (i * length + position - 1) * vocab
            of = values[begin : begin + vocab]
            largest = max(of)
            total = math.fsum(math.exp(x - largest) for x in of)
            loss += math.log(total) + largest - of[row[position]]
            hits += of.index(largest) == row[position]
            targets += 1
    return hits / targets, loss / targets


with open(log) as file:
    lines = [json.loads(line) for line in file][1:]
for line in (lines[0], lines[5]):
    package = os.path.join(workdir, "placed.jet")
    placement = "--placement=" + ",".join(line["placement"])
    options = (placement, "--kv-dtype=f32", "--max-context", "512")
    programs.compile(os.path.join(example, "config.json"), package, *options)
    accuracy, loss = metrics(package, "recall", 2)
    found = line["metrics"]
    programs.check("recall_loss", abs(found["recall_loss"] - loss), 1e-5)
    programs.check("recall_accuracy", abs(found["recall_accuracy"] - accuracy), 0)
    _, loss = metrics(package, "text", 1)
    programs.check("text_loss", abs(found["text_loss"] - loss), 1e-5)
