"""jet-run generate --greedy continues known prompts with known tokens.

  check-greedy.py PACKAGE WEIGHTS GOLDEN.safetensors   input_ids, greedy_tokens
  check-greedy.py PACKAGE WEIGHTS GREEDY.json          {"prompt": [tokens, ...]}
"""

import json
import sys

from programs import generate, run, tensorfile


def rows(tensor):
    width = tensor[1][1]
    flat = tensorfile.values(tensor)
    return [flat[i : i + width] for i in range(0, len(flat), width)]


def expect(found, expected, prompt):
    if found != expected:
        sys.exit("%s: expected %s, found %s" % (prompt, expected, found))


package, weights, golden = sys.argv[1:]
if golden.endswith(".json"):
    with open(golden) as file:
        cases = json.load(file)
    for prompt, expected in cases.items():
        ids = list(prompt.encode())
        expect(generate(package, weights, ids, len(expected)), expected, prompt)
        # The same as text: a vocabulary of 256 is bytes.
        text = run(
            *("jet-run", "generate", package, "--weights", weights),
            *("--prompt", prompt, "--greedy", "--max-new-tokens", len(expected)),
        )
        if bytes(expected).decode() not in text:
            sys.exit("expected %r in %r" % (bytes(expected).decode(), text))
else:
    tensors = tensorfile.read(golden)
    prompts, continuations = rows(tensors["input_ids"]), rows(tensors["greedy_tokens"])
    for prompt, expected in zip(prompts, continuations):
        expect(generate(package, weights, prompt, len(expected)), expected, prompt)
    # All in one batch: a line each, in their order.
    options = [part for p in prompts for part in ("--prompt-ids", ",".join(map(str, p)))]
    text = run(
        *("jet-run", "generate", package, "--weights", weights, *options),
        *("--max-new-tokens", len(continuations[0]), "--greedy", "--print-ids"),
    )
    lines = [[int(word) for word in line.split()] for line in text.splitlines()]
    expect(lines, continuations, "the batch")
