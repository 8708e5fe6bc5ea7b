"""Runs a command that must fail as bad input should: exit status 1, one line
of message, nothing new on the disk. Prints the message.

  expect-error.py [--clean FOLDER] [--limit-file-size BYTES] -- COMMAND...

--clean: the folder must hold the same files before and after.
--limit-file-size: a write beyond this size fails, as on a full disk.
"""

import argparse
import os
import re
import resource
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--clean", action="append", default=[])
    parser.add_argument("--limit-file-size", type=int)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()

    def limit():
        if arguments.limit_file_size is not None:
            size = arguments.limit_file_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    before = [sorted(os.listdir(folder)) for folder in arguments.clean]
    done = subprocess.run(
        arguments.command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
        # Keeps SIGXFSZ ignored, so that the write fails instead.
        restore_signals=arguments.limit_file_size is None,
    )
    after = [sorted(os.listdir(folder)) for folder in arguments.clean]
    print(done.stdout, end="")
    print(done.stderr, end="")
    if done.returncode != 1:
        sys.exit("expected exit status 1, found %d" % done.returncode)
    lines = [line for line in done.stderr.splitlines() if not re.search("(warning|note):", line)]
    if len(lines) != 1:
        sys.exit("expected one line of message, found %d" % len(lines))
    if before != after:
        sys.exit("expected no new files, found %s" % after)


main()
