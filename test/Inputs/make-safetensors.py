"""Makes an input file for jet-run and jet-reference.

  make-safetensors.py OUT --json FILE        {"name": nested lists, ...}:
                                             integers become I32, others F32
  make-safetensors.py OUT --text TEXT...     input_ids of the texts' bytes
  make-safetensors.py OUT --random B T VOCAB [--seed S]
  ... [--lengths 3,5]                        adds lengths [B]
"""

import argparse
import json

import tensorfile


def fromJson(path):
    with open(path) as file:
        content = json.load(file)
    tensors = {}
    for name, nested in content.items():
        shape, flat = tensorfile.flatten(nested)
        isInteger = all(isinstance(value, int) for value in flat)
        tensors[name] = tensorfile.make("I32" if isInteger else "F32", shape, flat)
    return tensors


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--json")
    parser.add_argument("--text", nargs="+")
    parser.add_argument("--random", nargs=3, type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lengths")
    arguments = parser.parse_args()

    tensors = {}
    if arguments.json:
        tensors = fromJson(arguments.json)
    if arguments.text:
        rows = [list(text.encode()) for text in arguments.text]
        tensors["input_ids"] = tensorfile.ids(rows)
        tensors["lengths"] = tensorfile.make(
            "I32", [len(rows)], [len(row) for row in rows]
        )
    if arguments.random:
        rows = tensorfile.randomIds(*arguments.random, arguments.seed)
        tensors["input_ids"] = tensorfile.ids(rows)
    if arguments.lengths:
        lengths = [int(length) for length in arguments.lengths.split(",")]
        tensors["lengths"] = tensorfile.make("I32", [len(lengths)], lengths)
    tensorfile.write(arguments.out, tensors)


main()
