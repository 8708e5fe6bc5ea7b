# Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decode of the PyTorch model as one CUDA graph."""

import torch

from peers import timing
from peers.model import Clock, Model, Spec
from peers.weights import MadeUp

REPLAYS = 15
# Of norms. Roundings of 28 layers in bf16 come to some hundredths, a mistake to 1.
DIFFERENCE_LIMIT = 0.2


class Decoder:
    def __init__(self, config):
        self.model = Model(Spec(config), MadeUp("cuda", torch.bfloat16), "cuda",
                           torch.bfloat16)
        self.check()

    def check(self):
        """The fast step computes what the plain one does, which the tests hold to
        the goldens: logits and states, but for roundings."""
        model, context = self.model, 300
        state = model.makeState(1, context)
        ids, clock = torch.tensor([7], device="cuda"), Clock(context - 1, "cuda")
        results = []
        for fast in False, True:
            model.setFast(fast)
            own = [[tensor.clone() for tensor in layer] for layer in state]
            logits = model.step(ids, own, clock)
            results.append([logits] + [tensor for layer in own for tensor in layer])
        self.difference = max(
            ((fast.float() - plain.float()).norm() / plain.float().norm()).item()
            for plain, fast in zip(*results))
        if not self.difference < DIFFERENCE_LIMIT:
            raise RuntimeError("fast and plain step differ: expected at most %g, "
                               "found %g" % (DIFFERENCE_LIMIT, self.difference))

    def measure(self, batch, context):
        """The time of a step that appends the last of `context` positions."""
        state = self.model.makeState(batch, context)
        ids = torch.randint(self.model.spec.vocab, (batch,), device="cuda")
        clock = Clock(context - 1, "cuda")

        def step():
            self.model.stepGreedily(ids, state, clock)

        step()  # compiles, and chooses for attention
        graph = timing.capture([step])
        attend, layers = self.model.attend, zip(self.model.spec.layers, state)
        chosen = {f"{kind} {attend.chosen[own[0].shape]}" for kind, own in layers
                  if kind != "jet"}
        return {"name": ", ".join(["CUDA graph", *sorted(chosen)]),
                "us": timing.eventTime(graph.replay, REPLAYS),
                "difference_to_plain": self.difference}
