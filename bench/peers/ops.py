# Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Pieces of the PyTorch model: elementwise code, the delta rule, attention of one
token. Without a GPU all of them run on the CPU, where the model can be checked.
"""

import warnings

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from peers import timing


def rmsNorm(x, weight, eps):
    wide = x.float()
    wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    return (wide * weight.float()).to(x.dtype)


def addNorm(x, y, weight, eps):
    """x + y, and its norm."""
    x = x + y
    return x, rmsNorm(x, weight, eps)


def swiglu(gateUp):
    gate, up = gateUp.chunk(2, -1)
    return (F.silu(gate.float()) * up.float()).to(gateUp.dtype)


def silu(x):
    return F.silu(x.float()).to(x.dtype)


def rotate(x, angles):
    """Rotary embedding of x [..., heads, D]; angles [..., 1, D / 2]."""
    left, right = x.float().chunk(2, -1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([left * cos - right * sin, right * cos + left * sin],
                     -1).to(x.dtype)


def splitHeads(qkv, heads, kvHeads, positions, frequencies):
    """q, k (rotated) and v of [..., (heads + 2 kvHeads) D]."""
    qkv = qkv.unflatten(-1, (heads + 2 * kvHeads, -1))
    q, k, v = qkv.split([heads, kvHeads, kvHeads], -2)
    angles = (positions.float()[:, None] * frequencies).unsqueeze(1)
    return rotate(q, angles), rotate(k, angles), v.contiguous()


def stepInputs(qk, gates, heads):
    """q, k [2, B, 1, heads, d_k] after silu; a, b [2, B, 1, heads]."""
    qk = silu(qk).unflatten(-1, (2, 1, heads, -1))
    gates = gates.unflatten(-1, (2, 1, heads))
    return (qk.movedim(1, 0).contiguous(), gates.movedim(1, 0).contiguous())


def stepConvolution(taps, u, tail):
    """taps [B, W C], tap slowest, u [B, C]; moves tail [B, W - 1, C] on."""
    window = torch.cat([tail, u.unsqueeze(1)], 1)
    taps = taps.unflatten(-1, (window.shape[1], -1))
    v = F.silu((taps.float() * window.float()).sum(1)).to(u.dtype)
    tail.copy_(window[:, 1:])
    return v


def gatedNorm(y, gate, weight, eps):
    """rms_norm(y [..., heads, d_v]) · silu(gate [..., heads d_v])."""
    wide = y.float()
    wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    wide = (wide * weight.float()).flatten(-2)
    return (wide * F.silu(gate.float())).to(gate.dtype)


def argmax(logits, pieces):
    """The largest of a row in two stages: one alone would keep few SMs busy."""
    values, places = logits.unflatten(-1, (pieces, -1)).max(-1)
    piece = values.argmax(-1, keepdim=True)
    return (places.gather(-1, piece) + piece * (logits.shape[-1] // pieces))[:, 0]


class Elementwise:
    """The functions above, as they stand or compiled by Inductor, one kernel for
    results that have the same inputs."""

    FUNCTIONS = (rmsNorm, addNorm, swiglu, silu, splitHeads, stepInputs,
                 stepConvolution, gatedNorm, argmax)

    def __init__(self, compiled):
        for function in self.FUNCTIONS:
            setattr(self, function.__name__, torch.compile(
                function, options={"combo_kernels": True}) if compiled else function)


def unit(x):
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + 1e-6)


def deltaRule(q, k, v, a, b, aLog, dtBias, state):
    """Token after token in fp32: q, k [B, T, H, d_k], v [B, T, H, d_v], a, b
    [B, T, H]; advances state [B, H, d_k, d_v]."""
    q, k = unit(q.float()) * q.shape[-1] ** -0.5, unit(k.float())
    beta = torch.sigmoid(b.float())
    decay = torch.exp(-aLog.float().exp() * F.softplus(a.float() + dtBias.float()))
    rows = []
    for t in range(q.shape[1]):
        state *= decay[:, t, :, None, None]
        seen = torch.einsum("bhkv,bhk->bhv", state, k[:, t])
        delta = beta[:, t, :, None] * (v[:, t].float() - seen)
        state += k[:, t, :, :, None] * delta[:, :, None]
        rows.append(torch.einsum("bhkv,bhk->bhv", state, q[:, t]))
    return torch.stack(rows, 1).to(v.dtype)


def flaStep(q, k, v, a, b, aLog, dtBias, state):
    """The same by flash-linear-attention's kernel of recurrent steps. Its wrapper
    returns the state in new memory; here the kernel gets the old state's, which is
    right because each program reads its columns before it writes them."""
    import triton
    from fla.ops.gated_delta_rule import fused_recurrent as fla

    batch, length, heads, keyDim = q.shape
    valueDim = v.shape[-1]
    out = torch.empty_like(v)
    columns = min(8, triton.next_power_of_2(valueDim))
    fla.fused_recurrent_gated_delta_rule_fwd_kernel[
        (triton.cdiv(valueDim, columns), batch * heads)](
        q=q, k=k, v=v, g=a, gk=None, gv=None, beta=b, A_log=aLog, dt_bias=dtBias,
        o=out, h0=state, ht=state, cu_seqlens=None, scale=keyDim ** -0.5, T=length,
        H=heads, HV=heads, K=keyDim, V=valueDim,
        BK=triton.next_power_of_2(keyDim), BV=columns, IS_BETA_HEADWISE=True,
        USE_QK_L2NORM_IN_KERNEL=True, APPLY_BETA_SIGMOID=True,
        ALLOW_NEG_EIGVAL=False, STATE_V_FIRST=False, num_warps=1, num_stages=3)
    return out


class DecodeAttention:
    """softmax(q kᵀ / √D) v of one query a sequence, q [B, Hq, D] against all of k,
    v [B, Hkv, L, D], by the fastest way that SDPA has for the shape: each
    backend, with the heads of a group as heads or as rows of one query."""

    BACKENDS = {"cudnn": SDPBackend.CUDNN_ATTENTION,
                "flash": SDPBackend.FLASH_ATTENTION,
                "efficient": SDPBackend.EFFICIENT_ATTENTION}

    def __init__(self, choose):
        self.choose = choose
        self.chosen = {}  # names, by shape; when a shape comes for the first time

    def __call__(self, q, k, v):
        if not self.choose:
            return self.heads(q, k, v)
        if k.shape not in self.chosen:
            times = timing.each(self.timed([(q, k, v)]))
            self.chosen[k.shape], _ = timing.best(times)
        return self.by(*self.chosen[k.shape].split(), q, k, v)

    @staticmethod
    def heads(q, k, v):
        return F.scaled_dot_product_attention(q.unsqueeze(2), k, v,
                                              enable_gqa=True).flatten(1)

    @staticmethod
    def rows(q, k, v):
        rows = q.unflatten(1, (k.shape[1], -1))
        return F.scaled_dot_product_attention(rows, k, v).flatten(1)

    @classmethod
    def by(cls, backend, way, q, k, v):
        with warnings.catch_warnings():
            # Why a backend refuses: another is taken.
            warnings.simplefilter("ignore")
            with sdpa_kernel([cls.BACKENDS[backend]]):
                return getattr(cls, way)(q, k, v)

    @classmethod
    def timed(cls, sets):
        return {f"{backend} {way}": [
                    lambda s=s, call=(backend, way): cls.by(*call, *s) for s in sets]
                for backend in cls.BACKENDS for way in ("heads", "rows")}
