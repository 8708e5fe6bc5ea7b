"""A model in bf16 on a GPU against the same model in PyTorch (bench/peers).

  check-torch.py WEIGHTS --golden FILE [--device=cpu]
      The PyTorch model in fp32 computes the golden logits, all tokens of a
      sequence at once and one after the other.
  check-torch.py WEIGHTS --package PACKAGE WORKDIR BATCHxLENGTH[/CHUNK]...
                 [--cpu-package FILE]
      Logits of PACKAGE are no further from those of PyTorch in fp32 than twice
      what PyTorch in bf16 is, in the mean over random tokens, and no further from
      those of FILE, the same model for the CPU. CHUNK tokens are taken in at once;
      one, by decoding.

WEIGHTS is a folder with config.json.
"""

import argparse
import os
import re
import sys

import torch

from programs import check, forward, tensorfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../bench"))

from peers.model import Clock, Model, Spec  # noqa: E402
from peers.weights import Read  # noqa: E402

LIMIT, GOLDEN_LIMIT = 2, 1e-3


def toTorch(tensor, device):
    dtype, shape, data = tensor
    type = {"F32": torch.float32, "I32": torch.int32}[dtype]
    return torch.frombuffer(bytearray(data), dtype=type).view(shape).to(device)


def load(weights, device, dtype):
    spec = Spec(os.path.join(weights, "config.json"))
    return Model(spec, Read(weights, device, dtype), device, dtype)


def rms(x):
    return x.double().square().mean().sqrt().item()


def checkGolden(weights, path, device):
    model, golden = load(weights, device, torch.float32), tensorfile.read(path)
    ids, logits = (toTorch(golden[name], device) for name in ("input_ids", "logits"))

    def distance(found, expected):
        return (found - expected).abs().max().item()

    check("PyTorch, a sequence at once", distance(model.forward(ids), logits),
          GOLDEN_LIMIT)
    state = model.makeState(len(ids), ids.shape[1])
    model.clear(state)
    steps = [model.step(ids[:, i], state, Clock(i, device))
             for i in range(ids.shape[1])]
    check("PyTorch, token by token", distance(torch.stack(steps, 1), logits),
          GOLDEN_LIMIT)


def checkPackage(weights, package, workdir, shapes, cpuPackage):
    os.makedirs(workdir, exist_ok=True)
    exact, rounded = (load(weights, "cuda", dtype)
                      for dtype in (torch.float32, torch.bfloat16))
    for shape in shapes:
        batch, length, chunk = re.fullmatch(r"(\d+)x(\d+)(?:/(\d+))?", shape).groups()
        rows = tensorfile.randomIds(int(batch), int(length), exact.spec.vocab, seed=1)
        options = ["--chunk=" + chunk] if chunk else []
        tensors = {"input_ids": tensorfile.ids(rows)}
        ours = toTorch(forward(package, weights, tensors, workdir, "--device=cuda:0",
                               *options), "cuda")
        ids = torch.tensor(rows, device="cuda")
        expected = exact.forward(ids)
        size = rms(expected)
        ownError = rms(ours - expected) / size
        torchError = rms(rounded.forward(ids).float() - expected) / size
        print("%s: error %.3g, of PyTorch in bf16 %.3g" % (shape, ownError, torchError))
        check(shape + ": times PyTorch's error", ownError / torchError, LIMIT)
        if cpuPackage:
            cpu = toTorch(forward(cpuPackage, weights, tensors, workdir), "cuda")
            print("%s: error of the CPU %.3g" % (shape, rms(cpu - expected) / size))
            check(shape + ": from the CPU, times PyTorch's error",
                  rms(ours - cpu) / size / torchError, LIMIT)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weights")
    parser.add_argument("--golden")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--package", nargs="+")
    parser.add_argument("--cpu-package")
    arguments = parser.parse_args()
    with torch.no_grad():
        if arguments.golden:
            checkGolden(arguments.weights, arguments.golden, arguments.device)
        if arguments.package:
            package, workdir, *shapes = arguments.package
            checkPackage(arguments.weights, package, workdir, shapes,
                         arguments.cpu_package)


main()
