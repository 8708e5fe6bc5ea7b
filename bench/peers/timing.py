# Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times on the device: CUDA graphs over inputs that no cache holds."""

import statistics
import time

import torch

REPLAYS = 7
# As --pause and --busy of `jet-run bench`.
PAUSE_SECONDS, BUSY_SECONDS = 0.1, 0.2
# More than any L2: what one call leaves there the next must not find.
ROTATED_BYTES = 256 << 20


def copies(bytes):
    """How many sets of inputs of that size outlast the L2."""
    return max(2, -(-ROTATED_BYTES // bytes))


def capture(functions):
    """A graph of all functions in turn, after a run of each to warm up."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(2):
            for function in functions:
                function()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for function in functions:
            function()
    return graph


def timed(function):
    """Microseconds of a call on the device."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    function()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) * 1e3


def eventTime(function, repeats=REPLAYS, pause=0):
    """Median microseconds of a call, each behind a pause of so many seconds."""
    function()
    times = []
    for _ in range(repeats):
        torch.cuda.synchronize()
        time.sleep(pause)
        times.append(timed(function))
    return statistics.median(times)


def graphTime(functions, calls=8, **options):
    """The same of one of the functions, which take turns for so many calls at least."""
    rounds = -(-calls // len(functions))
    graph = capture(list(functions) * rounds)
    return eventTime(graph.replay, **options) / (rounds * len(functions))


def burstTime(functions, calls=80):
    """The same at the clock of a GPU that is cool."""
    return graphTime(functions, calls, repeats=3, pause=PAUSE_SECONDS)


def each(variants, measure=graphTime):
    """{name: microseconds by `measure`} of {name: functions that take turns}, without
    those that do not take the inputs."""
    times = {}
    for name, functions in variants.items():
        try:
            times[name] = measure(functions)
        except RuntimeError:
            continue
    if not times:
        raise RuntimeError("expected one of %s to run" % ", ".join(variants))
    return times


def steadyTime(functions):
    """Microseconds of one of the functions, which take turns for BUSY_SECONDS before
    the measurement and for half as long in it: the clock of a GPU that computes
    drops, and what is compared must meet the same one."""
    rounds = -(-8 // len(functions))
    graph = capture(list(functions) * rounds)
    count = max(2, round(BUSY_SECONDS * 1e6 / eventTime(graph.replay, 1)))

    def run(count):
        for _ in range(count):
            graph.replay()

    run(count)
    half = count // 2
    return timed(lambda: run(half)) / (half * rounds * len(functions))


def best(times):
    """(name, microseconds) of the fastest."""
    name = min(times, key=times.get)
    return name, times[name]


def bandwidth():
    """TB/s of a device copy (bytes read and written) and of a sum. Not as graphs,
    in which a copy is slower."""
    source = torch.randn(1 << 29, device="cuda")
    target = torch.empty_like(source)
    size = source.numel() * source.element_size()
    return {"copy_tb_per_s": 2 * size / eventTime(lambda: target.copy_(source)) / 1e6,
            "read_tb_per_s": size / eventTime(lambda: source.sum()) / 1e6}
