# Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whole prompts through the PyTorch model, as a user who cares for speed would:
cuBLAS, cuDNN's causal attention, the chunked delta rule of flash-linear-attention,
elementwise code by Inductor, logits of the last token alone.

SDPA has no window: windowed layers attend to the whole prompt.
"""

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from peers import timing
from peers.model import JetBlock, Model, Spec
from peers.weights import MadeUp


def makeInputs(qk, gates, heads, aLog, dtBias):
    """q, k [B, T, H, d_k] after silu, the log decay and β [B, T, H] in fp32."""
    q, k = F.silu(qk.float()).to(qk.dtype).unflatten(-1, (2, heads, -1)).unbind(2)
    a, b = gates.float().unflatten(-1, (2, -1)).unbind(2)
    decay = -aLog.float().exp() * F.softplus(a + dtBias.float())
    return q.contiguous(), k.contiguous(), decay, torch.sigmoid(b)


def convolve(u, taps, count):
    """silu of the dynamic convolution: u [B, T, C], taps tap slowest."""
    length = u.shape[1]
    taps = taps.unflatten(-1, (count, -1)).float()
    padded = F.pad(u, (0, 0, count - 1, 0)).float()
    v = sum(taps[:, :, j] * padded[:, j:j + length] for j in range(count))
    return F.silu(v).to(u.dtype)


def chunkRule(q, k, v, decay, beta):
    """y and the last state of flash-linear-attention's chunked delta rule."""
    from fla.ops.gated_delta_rule import chunk_gated_delta_rule

    return chunk_gated_delta_rule(q, k, v, decay, beta, output_final_state=True,
                                  use_qk_l2norm_in_kernel=True)


def causal(q, k, v):
    """Attention of q [B, Hq, T, D] by cuDNN."""
    with sdpa_kernel([SDPBackend.CUDNN_ATTENTION]):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True,
                                              enable_gqa=True)


class Prefiller:
    def __init__(self, config):
        self.model = Model(Spec(config), MadeUp("cuda", torch.bfloat16), "cuda",
                           torch.bfloat16)
        self.model.setFast(True)
        self.makeInputs = torch.compile(makeInputs, dynamic=True)
        self.convolve = torch.compile(convolve, dynamic=True)

    def mix(self, mixer, x):
        spec = self.model.spec
        if isinstance(mixer, JetBlock):
            qk, u, gate, taps, gates = mixer.project(x)
            q, k, decay, beta = self.makeInputs(qk, gates, spec.jetHeads,
                                                mixer.aLog, mixer.dtBias)
            v = self.convolve(u, taps, spec.taps).unflatten(
                -1, (spec.jetHeads, -1))
            return mixer.finish(chunkRule(q, k, v, decay, beta)[0], gate)
        positions = torch.arange(x.shape[1], device=x.device)
        q, k, v = (t.transpose(1, 2) for t in mixer.project(x, positions))
        return F.linear(causal(q, k, v).transpose(1, 2).flatten(2), mixer.out)

    @torch.no_grad()
    def measure(self, batch, length):
        """The time of a prompt of `length` tokens for each of `batch` sequences."""
        ids = torch.randint(self.model.spec.vocab, (batch, length), device="cuda")

        def run():
            self.model.run(ids, lambda i, mixer, x: self.mix(mixer, x), last=True)

        run()  # compiles
        return {"name": "PyTorch", "us": timing.eventTime(run, 3)}
