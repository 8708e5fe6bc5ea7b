# Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The peers of single kernels. Each function returns name and microseconds of the
fastest of what the library offers, the times of all, and the bytes that it cannot
avoid."""

import functools

import torch

from peers import ops, timing


def random(*shape, dtype=torch.bfloat16):
    return torch.randn(shape, device="cuda", dtype=dtype)


def fastest(times, bytes):
    name, us = timing.best(times)
    return {"name": name, "us": us, "bytes": bytes, "all_us": times}


def gemm(m, k, n):
    """x [M, K] · W [K, N] by cuBLAS and cuBLASLt, weights by rows and by columns,
    the result as it is and transposed."""
    x = random(m, k)
    rows = [random(n, k) for _ in range(timing.copies(2 * k * n))]
    weights = {"rows": rows, "columns": [w.t().contiguous().t() for w in rows]}
    products = {"x Wᵀ": lambda w: torch.mm(x, w.t()),
                "W xᵀ": lambda w: torch.mm(w, x.t())}
    if m == 1:
        products["vector"] = lambda w: torch.mv(w, x[0])

    def call(library, product, w):
        torch.backends.cuda.preferred_blas_library(library)
        return products[product](w)

    times = timing.each({
        f"{library} {product}, by {way}": [
            functools.partial(call, library, product, w) for w in those]
        for library in ("cublas", "cublaslt") for product in products
        for way, those in weights.items()})
    torch.backends.cuda.preferred_blas_library("default")
    return fastest(times, 2 * (k * n + m * k + m * n))


def attention(batch, context, heads=12, kvHeads=2, dim=128):
    """One query a sequence against keys and values in one piece."""
    bytes = 2 * 2 * batch * kvHeads * context * dim
    sets = [(random(batch, heads, dim), random(batch, kvHeads, context, dim),
             random(batch, kvHeads, context, dim))
            for _ in range(timing.copies(bytes))]
    times = timing.each(ops.DecodeAttention.timed(sets))
    return fastest(times, bytes + 2 * 2 * batch * heads * dim)


def delta(batch, heads=12, keyDim=96, valueDim=256):
    """A recurrent step in place by flash-linear-attention: the gates and unit
    lengths in the kernel, without convolution and norm."""
    stateBytes = 4 * batch * heads * keyDim * valueDim
    sets = [(random(batch, 1, heads, keyDim), random(batch, 1, heads, keyDim),
             random(batch, 1, heads, valueDim), random(batch, 1, heads),
             random(batch, 1, heads), random(heads), random(heads),
             random(batch, heads, keyDim, valueDim, dtype=torch.float32))
            for _ in range(timing.copies(stateBytes))]
    time = timing.graphTime([lambda s=s: ops.flaStep(*s) for s in sets])
    return fastest({"fla fused_recurrent_gated_delta_rule, in place": time},
                   2 * stateBytes + 2 * 2 * batch * heads * (keyDim + valueDim))


def largeGemm(m, k, n, hasSum=False):
    """x [M, K] · W [K, N] of many rows by cuBLAS and cuBLASLt, weights by rows and by
    columns: the fastest of them after a pause, "burst_us", and steadily. With `hasSum`
    the same library also adds the products to a matrix, in place and steadily,
    "sum_us"."""
    x = random(m, k)
    rows = [random(n, k) for _ in range(timing.copies(2 * k * n))]
    weights = {"rows": rows, "columns": [w.t().contiguous().t() for w in rows]}

    def call(library, w):
        torch.backends.cuda.preferred_blas_library(library)
        return torch.mm(x, w.t())

    # As many as take some 20 ms: more would heat the GPU for what comes behind them.
    calls = min(80, max(8, round(20e-3 * 700e12 / (2 * m * k * n))))
    times = timing.each({
        f"{library}, by {way}": [functools.partial(call, library, w) for w in those]
        for library in ("cublas", "cublaslt") for way, those in weights.items()},
        functools.partial(timing.burstTime, calls=calls))
    peer = fastest(times, 2 * (k * n + m * k + m * n))
    library, way = peer["name"].split(", by ")
    peer["burst_us"] = peer["us"]
    peer["us"] = timing.steadyTime(
        [functools.partial(call, library, w) for w in weights[way]])
    if hasSum:
        sums = random(m, n)
        peer["sum_us"] = timing.steadyTime(
            [functools.partial(sums.addmm_, x, w.t()) for w in weights[way]])
    torch.backends.cuda.preferred_blas_library("default")
    return peer


def causalAttention(length, heads=12, kvHeads=2, dim=128):
    """A whole prompt, by cuDNN."""
    from peers.prefill import causal

    q, k, v = (random(1, count, length, dim) for count in (heads, kvHeads, kvHeads))
    time = timing.burstTime([lambda: causal(q, k, v)], calls=6)
    return {"name": "cuDNN, is_causal", "us": time}


def chunkedDelta(batch, length, heads, keyDim, valueDim=256):
    """The rule in chunks by flash-linear-attention: unit lengths in the kernel,
    without gates, convolution and norm."""
    from peers.prefill import chunkRule

    q, k = (random(batch, length, heads, keyDim) for _ in range(2))
    v = random(batch, length, heads, valueDim)
    decay = -torch.rand(batch, length, heads, device="cuda")
    beta = torch.rand(batch, length, heads, device="cuda")
    with torch.no_grad():
        time = timing.burstTime([lambda: chunkRule(q, k, v, decay, beta)], calls=4)
    return {"name": "fla chunk_gated_delta_rule", "us": time}
