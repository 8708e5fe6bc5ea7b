"""The commands under test, for scripts. All are found by PATH."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../Inputs"))

import tensorfile  # noqa: E402


def run(*command):
    """Runs a command that must succeed; its standard output."""
    words = [str(word) for word in command]
    print("$", " ".join(words), flush=True)
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit("expected status 0, found %d" % done.returncode)
    return done.stdout


def compile(config, package, *options):
    """For $JET_TARGET, the CPU by default."""
    target = "--target=" + os.environ.get("JET_TARGET", "cpu")
    run("jetc", "compile", config, target, "-o", package, *options)


def forward(package, weights, tensors, workdir, *options):
    """The logits tensor of jet-run forward on the input `tensors`."""
    given = os.path.join(workdir, "in.safetensors")
    result = os.path.join(workdir, "out.safetensors")
    tensorfile.write(given, tensors)
    run(
        *("jet-run", "forward", package, "--weights", weights),
        *("--input", given, "--output", result, *options),
    )
    return tensorfile.read(result)["logits"]


def generate(package, weights, ids, count, *options):
    """The token ids of jet-run generate --greedy."""
    text = run(
        *("jet-run", "generate", package, "--weights", weights),
        *("--prompt-ids", ",".join(map(str, ids)), "--max-new-tokens", count),
        *("--greedy", "--print-ids", *options),
    )
    return [int(word) for word in re.findall(r"\d+", text)]


def difference(left, right, lengths=None):
    """The largest absolute difference of two [B, T, vocab] tensors, rows
    beyond a sequence's length aside."""
    assert left[1] == right[1], (left[1], right[1])
    batch, length, vocab = left[1]
    a, b = tensorfile.values(left), tensorfile.values(right)
    largest = 0.0
    for sequence in range(batch):
        begin = sequence * length * vocab
        end = begin + (lengths[sequence] if lengths else length) * vocab
        for x, y in zip(a[begin:end], b[begin:end]):
            if not abs(x - y) <= largest:  # a NaN counts as a difference
                largest = abs(x - y)
                if largest != largest:
                    return float("inf")
    return largest


def check(what, found, limit):
    print("%s: %.3g (limit %g)" % (what, found, limit), flush=True)
    if not found <= limit:
        sys.exit("%s: expected at most %g, found %g" % (what, limit, found))
