# Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What each fusion saves of the bytes of a 2B decode step.

  check-fusion-bytes.py CONFIG DIRECTORY
"""

import json
import subprocess
import sys

config, directory = sys.argv[1:]
BATCH, CONTEXT = 128, 65536


def cost(*disabled, phase="decode"):
    package = directory + "/bytes.jet"
    options = ["--disable-fusion=" + ",".join(disabled)] if disabled else []
    subprocess.run(["jetc", "compile", config, "-o", package, *options],
                   check=True)
    text = subprocess.run(
        ["jetc", "inspect", package, "--cost", f"--batch={BATCH}",
         f"--context={CONTEXT}", "--phase=" + phase, "--target=h200", "--json"],
        check=True, capture_output=True, text=True).stdout
    return json.loads(text)


def total(report):
    return report["cost"]["phases"][0]["total"]["bytes"]["total"]


def unavoidable(report):
    return report["cost"]["phases"][0]["unavoidable_bytes"]["total"]


fused = cost()
every = ["generated-conv", "group-linears", "swiglu", "rms-norm",
         "delta-rule-norm", "delta-rule-inputs", "elementwise", "delta-step",
         "head-top-k", "kv-append"]
unfused = cost("all")
ratio = total(fused) / unavoidable(fused)
print(f"fused moves {ratio:.4f} times the unavoidable bytes, unfused "
      f"{total(unfused) / unavoidable(unfused):.4f}")
assert ratio <= 1.03, "fused is not within 3 % of the unavoidable bytes"
assert total(unfused) / unavoidable(unfused) > 1.06

# Bytes that come back when a fusion is left out, per decode step: tensors of
# f32 that are written and read again, times layers and sequences.
JET, LAYERS, HEADS, KEY, VALUE, INNER, HIDDEN = 24, 28, 12, 96, 256, 8960, 1536
KV = 2 * 128  # elements of k or v
channels = HEADS * VALUE
expected = {
    # taps: [channels, 4]; and delta-step, which needs it
    "generated-conv": JET * channels * (4 + 1) * 8,
    # gate and up instead of their product: one more written, one more read,
    # and the product itself
    "swiglu": LAYERS * 2 * INNER * 8,
    # the normed rows, before both halves of a layer and before the head
    "rms-norm": (2 * LAYERS + 1) * HIDDEN * 8,
    # the convolved values
    "delta-step": JET * channels * 8,
    # in f32 q and k before the rotary embedding; in bf16 k and v, which are
    # written, and read once more than the cache is; positions
    "kv-append": (LAYERS - JET) * ((HIDDEN + KV) * 8 + 2 * KV * 4 + 4),
    # the rule's result before the norm
    "delta-rule-norm": JET * channels * 8,
}
for name, perSequence in expected.items():
    more = total(cost(name)) - total(fused)
    print(f"without {name}: {more / 1e6:.1f} MB more, "
          f"expected {BATCH * perSequence / 1e6:.1f} MB")
    assert abs(more - BATCH * perSequence) <= 0.02 * BATCH * perSequence, name
for name in every:
    if name != "head-top-k":
        assert total(cost(name)) > total(fused), name

# Of a prompt, what the last layer's output projection and MLP read and write in
# f32 of all rows but the last: y, the residual, x, the MLP's product, and x again.
TOKENS = BATCH * CONTEXT
more = total(cost("last-token", phase="prefill")) - total(cost(phase="prefill"))
saved = TOKENS * 4 * (channels + 2 * HIDDEN + HIDDEN + 2 * INNER + 2 * HIDDEN)
print(f"without last-token: {more / 1e9:.1f} GB more, expected {saved / 1e9:.1f} GB")
assert abs(more - saved) <= 0.02 * saved

# Candidates: logits that are written and read again, instead of 64 candidates
# of 8 bytes for each block of 2048, which are written and read. Where nothing is
# merged the best are read once more, to pick one of them.
VOCAB, K, BLOCK = 151936, 64, 2048
candidates = cost(phase="decode_sample")
more = total(cost("head-top-k", phase="decode_sample")) - total(candidates)
saved = BATCH * (8 * VOCAB - 16 * K * -(-VOCAB // BLOCK) + 8 * K)
print(f"without head-top-k: {more / 1e6:.1f} MB more")
assert more == saved, saved
more = total(cost("sample", phase="decode_sample")) - total(candidates)
assert more == BATCH * 8 * K, more
outputs = BATCH * (4 + 8 * K + 20)
found = candidates["cost"]["phases"][0]["unavoidable_bytes"]["activations"]
assert found == outputs, (found, outputs)
