"""The recurrent state of layer 0 after prompt and continuation is the golden.

  check-state.py PACKAGE WEIGHTS GOLDEN.safetensors WORKDIR ATOL
"""

import os
import sys

from programs import check, run, tensorfile

package, weights, golden, workdir, limit = sys.argv[1:]
os.makedirs(workdir, exist_ok=True)
tensors = tensorfile.read(golden)


def rows(name):
    width = tensors[name][1][1]
    flat = tensorfile.values(tensors[name])
    return [flat[i : i + width] for i in range(0, len(flat), width)]


ids = [a + b for a, b in zip(rows("input_ids"), rows("greedy_tokens"))]
given = os.path.join(workdir, "ids.safetensors")
result = os.path.join(workdir, "states.safetensors")
tensorfile.write(given, {"input_ids": tensorfile.ids(ids)})
run(
    *("jet-run", "forward", package, "--weights", weights, "--states"),
    *("--input", given, "--output", result),
)
states = tensorfile.read(result)
# Layer 0 comes first among the recurrent states.
names = [name for name in states if name.endswith(".recurrent")]
first = min(names, key=lambda name: int(name.split(".")[1]))
found, expected = states[first], tensors["recurrent_state_layer0"]
assert found[1] == expected[1], (found[1], expected[1])
pairs = zip(tensorfile.values(found), tensorfile.values(expected))
check(first, max(abs(a - b) for a, b in pairs), float(limit))
