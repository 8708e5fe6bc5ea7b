"""Prefill in chunks of every size gives what the whole gives.

  check-chunks.py PACKAGE WEIGHTS INPUT.safetensors WORKDIR ATOL [STEP]

With STEP in chunks of its multiples only.
"""

import os
import sys

from programs import check, difference, forward, tensorfile

package, weights, path, workdir, limit = sys.argv[1:6]
step = int(sys.argv[6]) if len(sys.argv) > 6 else 1
os.makedirs(workdir, exist_ok=True)
tensors = {"input_ids": tensorfile.read(path)["input_ids"]}
length = tensors["input_ids"][1][1]
whole = forward(package, weights, tensors, workdir)
for chunk in range(step, length + 1, step):
    split = forward(package, weights, tensors, workdir, "--chunk", chunk)
    check("chunks of %d" % chunk, difference(split, whole), float(limit))
