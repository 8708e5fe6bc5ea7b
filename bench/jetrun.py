# Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""jet-run, for the benchmarks."""

import json
import subprocess

LIMIT_SECONDS = 60


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True,
                          timeout=LIMIT_SECONDS)
    if done.returncode != 0:
        raise RuntimeError("%s: expected status 0, found %d: %s" % (
            " ".join(command), done.returncode, done.stderr.strip()[-300:]))
    return done.stdout


def bench(jetRun, package, *options):
    """What `jet-run bench` says."""
    return json.loads(run(jetRun, "bench", package, "--json", *options))


def deviceName():
    return run("nvidia-smi", "--query-gpu=name,driver_version",
               "--format=csv,noheader").strip()
