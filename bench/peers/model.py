# Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A Jet-Nemotron model in PyTorch, as a user who cares for speed would write it:
projections that read the same input are one GEMM, states are advanced in place,
elementwise code is compiled. `forward` computes whole sequences by definition,
`step` one token of each.
"""

import json
import math

import torch
import torch.nn.functional as F

from peers import ops


class Spec:
    """What of a config.json the model needs."""

    def __init__(self, path):
        with open(path) as file:
            config = json.load(file)
        self.hidden, self.ffn = config["hidden_size"], config["intermediate_size"]
        self.vocab, self.tied = config["vocab_size"], config["tie_word_embeddings"]
        self.layers = config["layer_types"]
        self.heads = config["num_attention_heads"]
        self.kvHeads = config["num_key_value_heads"]
        self.headDim = config.get("head_dim") or self.hidden // self.heads
        self.eps, self.theta = config["rms_norm_eps"], config["rope_theta"]
        efficient = config["efficient_attention_config"]
        self.window = efficient.get("swa", {}).get("window_size")
        jet = efficient["jet"]
        self.jetHeads, self.keyDim = jet["num_heads"], jet["head_dim"]
        self.valueDim = round(self.keyDim * jet["expand_v"])
        self.taps, self.normEps = jet["conv_size"], float(jet["norm_eps"])
        self.channels = self.jetHeads * self.valueDim
        self.generator = self.channels // jet["dconv_generator_reduction"]


class Attention:
    def __init__(self, model, weights, prefix, window):
        spec = self.spec = model.spec
        self.model, self.window = model, window
        parts = {"q": spec.heads, "k": spec.kvHeads, "v": spec.kvHeads}
        self.qkv, self.bias = (
            torch.cat([weights(f"{prefix}{name}_proj.{kind}", heads * spec.headDim,
                               *rest) for name, heads in parts.items()])
            for kind, rest in (("weight", [spec.hidden]), ("bias", [])))
        self.out = weights(prefix + "o_proj.weight", spec.hidden,
                           spec.heads * spec.headDim)

    def project(self, x, positions):
        return self.model.code.splitHeads(
            F.linear(x, self.qkv, self.bias), self.spec.heads, self.spec.kvHeads,
            positions, self.model.frequencies)

    def forward(self, x):
        length = x.shape[1]
        position = torch.arange(length, device=x.device)
        q, k, v = (t.transpose(1, 2) for t in self.project(x, position))
        distance = position[:, None] - position
        visible = distance >= 0
        if self.window:
            visible &= distance < self.window
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=visible,
                                           enable_gqa=True)
        return F.linear(y.transpose(1, 2).flatten(2), self.out)

    def makeState(self, batch, context):
        """Keys and values; of a windowed layer a ring."""
        kept = min(self.window or context, context)
        shape = (batch, self.spec.kvHeads, kept, self.spec.headDim)
        return [torch.randn(shape, device=self.model.device, dtype=self.model.dtype)
                for _ in range(2)]

    def step(self, x, state, clock):
        q, k, v = self.project(x, clock.position)
        keys, values = state
        kept = keys.shape[2]
        slot = clock.position % kept if self.window else clock.position
        keys.index_copy_(2, slot, k.unsqueeze(2))
        values.index_copy_(2, slot, v.unsqueeze(2))
        filled = min(clock.length, kept)
        y = self.model.attend(q, keys[:, :, :filled], values[:, :, :filled])
        return F.linear(y.flatten(1), self.out)


class JetBlock:
    def __init__(self, model, weights, prefix):
        spec = self.spec = model.spec
        self.model = model
        keys = spec.jetHeads * spec.keyDim
        generator = prefix + "dynamic_conv1d.kernel_generator."
        parts = {prefix + "q_proj": keys, prefix + "k_proj": keys,
                 prefix + "v_proj": spec.channels, prefix + "g_proj": spec.channels,
                 generator + "w1": spec.generator,
                 prefix + "a_proj": spec.jetHeads, prefix + "b_proj": spec.jetHeads}
        self.into = torch.cat([weights(name + ".weight", rows, spec.hidden)
                               for name, rows in parts.items()])
        self.sizes = [2 * keys, spec.channels, spec.channels, spec.generator,
                      2 * spec.jetHeads]
        # Taps come tap by tap, so that the channels of one lie side by side.
        taps = weights(generator + "w2.weight", spec.channels * spec.taps,
                       spec.generator)
        bias = weights(generator + "w2.bias", spec.channels * spec.taps)
        self.tapWeight, self.tapBias = (
            t.unflatten(0, (-1, spec.taps)).transpose(0, 1).flatten(0, 1).contiguous()
            for t in (taps, bias))
        self.aLog = weights(prefix + "A_log", spec.jetHeads)
        self.dtBias = weights(prefix + "dt_bias", spec.jetHeads)
        self.norm = weights(prefix + "o_norm.weight", spec.valueDim)
        self.out = weights(prefix + "o_proj.weight", spec.hidden, spec.channels)

    def project(self, x):
        """q and k side by side, u, gate, taps, a and b side by side."""
        qk, u, gate, hidden, gates = F.linear(x, self.into).split(self.sizes, -1)
        taps = F.linear(self.model.code.silu(hidden), self.tapWeight, self.tapBias)
        return qk, u, gate, taps, gates

    def finish(self, y, gate):
        return F.linear(
            self.model.code.gatedNorm(y, gate, self.norm, self.spec.normEps), self.out)

    def forward(self, x):
        spec, length = self.spec, x.shape[1]
        qk, u, gate, taps, gates = self.project(x)
        q, k = ops.silu(qk).unflatten(-1, (2, spec.jetHeads, -1)).unbind(2)
        a, b = gates.unflatten(-1, (2, -1)).unbind(2)
        padded = F.pad(u, (0, 0, spec.taps - 1, 0))
        taps = taps.unflatten(-1, (spec.taps, -1)).float()
        v = sum(taps[:, :, j] * padded[:, j:j + length].float()
                for j in range(spec.taps))
        v = F.silu(v).to(x.dtype).unflatten(-1, (spec.jetHeads, -1))
        state = x.new_zeros(x.shape[0], spec.jetHeads, spec.keyDim, spec.valueDim,
                            dtype=torch.float32)
        y = ops.deltaRule(q, k, v, a, b, self.aLog, self.dtBias, state)
        return self.finish(y, gate)

    def makeState(self, batch, context):
        """The recurrent state in fp32, and the last inputs of the convolution."""
        spec, device = self.spec, self.model.device
        return [0.1 * torch.randn(batch, spec.jetHeads, spec.keyDim, spec.valueDim,
                                  device=device),
                torch.randn(batch, spec.taps - 1, spec.channels, device=device,
                            dtype=self.model.dtype)]

    def step(self, x, state, clock):
        recurrent, tail = state
        code, heads = self.model.code, self.spec.jetHeads
        qk, u, gate, taps, gates = self.project(x)
        (q, k), (a, b) = code.stepInputs(qk, gates, heads)
        v = code.stepConvolution(taps, u, tail).view(-1, 1, heads, self.spec.valueDim)
        y = self.model.deltaStep(q, k, v, a, b, self.aLog, self.dtBias, recurrent)
        return self.finish(y.squeeze(1), gate)


class Mlp:
    def __init__(self, model, weights, prefix):
        spec = model.spec
        self.model = model
        self.gateUp = torch.cat([weights(f"{prefix}{name}_proj.weight", spec.ffn,
                                         spec.hidden) for name in ("gate", "up")])
        self.down = weights(prefix + "down_proj.weight", spec.hidden, spec.ffn)

    def __call__(self, x):
        return F.linear(self.model.code.swiglu(F.linear(x, self.gateUp)), self.down)


class Clock:
    """Where a step stands: the position of its tokens, on the device, and how many
    positions there are with them, which a graph has fixed."""

    def __init__(self, position, device):
        self.position = torch.tensor([position], device=device)
        self.length = position + 1


class Model:
    """`weights(name, *shape)` gives each weight."""

    def __init__(self, spec, weights, device, dtype):
        self.spec, self.device, self.dtype = spec, device, dtype
        self.setFast(False)
        self.embedding = weights("model.embed_tokens.weight", spec.vocab, spec.hidden)
        self.head = self.embedding if spec.tied else weights(
            "lm_head.weight", spec.vocab, spec.hidden)
        self.lastNorm = weights("model.norm.weight", spec.hidden)
        self.frequencies = spec.theta ** (
            -torch.arange(0, spec.headDim, 2, device=device) / spec.headDim)
        self.layers = []
        for i, kind in enumerate(spec.layers):
            prefix = f"model.layers.{i}."
            norms = [weights(f"{prefix}{name}_layernorm.weight", spec.hidden)
                     for name in ("input", "post_attention")]
            mixer = (JetBlock(self, weights, prefix + "self_attn.") if kind == "jet"
                     else Attention(self, weights, prefix + "self_attn.",
                                    spec.window if kind == "swa" else None))
            self.layers.append((norms, mixer, Mlp(self, weights, prefix + "mlp.")))

    def setFast(self, fast):
        """Whether steps are with Inductor, for the delta rule with
        flash-linear-attention, and for attention with what is fastest.

        Choosing for each GEMM among cuBLAS and cuBLASLt, weights by rows and by
        columns, was tried as well: a step of 2B on an H200 took 1 % less."""
        self.code = ops.Elementwise(fast)
        self.deltaStep = ops.flaStep if fast else ops.deltaRule
        self.attend = ops.DecodeAttention(fast)

    def run(self, ids, mix, last=False):
        """Logits, with `mix(i, mixer, x)` for the mixer of layer i; with `last` of
        the last token alone."""
        code, eps = self.code, self.spec.eps
        x = self.embedding[ids]
        norms = [norm for both, _, _ in self.layers for norm in both]
        h = code.rmsNorm(x, norms[0], eps)
        for i, (_, mixer, mlp) in enumerate(self.layers):
            x, h = code.addNorm(x, mix(i, mixer, h), norms[2 * i + 1], eps)
            following = (norms[2 * i + 2:] or [self.lastNorm])[0]
            x, h = code.addNorm(x, mlp(h), following, eps)
        return F.linear(h[:, -1] if last else h, self.head)

    def forward(self, ids):
        """Logits [B, T, vocab] of ids [B, T]."""
        return self.run(ids, lambda i, mixer, x: mixer.forward(x))

    def makeState(self, batch, context):
        """A state as of no sequence in particular: see clear()."""
        return [mixer.makeState(batch, context) for _, mixer, _ in self.layers]

    @staticmethod
    def clear(state):
        for tensor in (tensor for layer in state for tensor in layer):
            tensor.zero_()

    def step(self, ids, state, clock):
        """Logits [B, vocab] of one token of each sequence; advances the state."""
        return self.run(ids, lambda i, mixer, x: mixer.step(x, state[i], clock))

    def stepGreedily(self, ids, state, clock):
        """A step whose tokens take the place of the last ones."""
        logits = self.step(ids, state, clock)
        pieces = math.gcd(self.spec.vocab, 128)
        ids.copy_(self.code.argmax(logits, pieces))
