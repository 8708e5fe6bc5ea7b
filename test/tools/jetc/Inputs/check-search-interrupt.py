"""check-search-interrupt.py FOLDER -- COMMAND...: Ctrl-C in a search (without --log
and -o) ends it; its log then holds whole lines, those that the search would have
written first, and going on from there ends as if nothing had been.
"""

import json
import os
import signal
import subprocess
import sys
import time

SECONDS = 600


def search(command, folder, name, *options):
    return [*command, "--log", os.path.join(folder, name + ".jsonl"), "-o",
            os.path.join(folder, name + ".json"), *options]


def read(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return file.read()


def interrupt(command, log, lines):
    """Sends SIGINT as soon as the log has so many lines."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # lit's workers ignore the signal, and a program would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    begin = time.monotonic()
    while not os.path.exists(log) or read("", log).count("\n") < lines:
        if process.poll() is not None or time.monotonic() > begin + SECONDS:
            process.kill()
            sys.exit("expected a search at work, found %s %s"
                     % (process.returncode, process.stderr.read()))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=SECONDS)
    if process.returncode != -signal.SIGINT:
        sys.exit("expected the end that SIGINT makes, found %d" % process.returncode)


def main():
    folder, command = sys.argv[1], sys.argv[3:]
    os.makedirs(folder)
    subprocess.run(search(command, folder, "whole"), check=True,
                   stdout=subprocess.DEVNULL)
    whole = read(folder, "whole.jsonl")

    log = os.path.join(folder, "cut.jsonl")
    interrupt(search(command, folder, "cut"), log, 4)
    cut = read(folder, "cut.jsonl")
    for line in cut.splitlines(keepends=True):
        assert line.endswith("\n") and json.loads(line), line
    assert whole.startswith(cut) and cut != whole, (whole, cut)
    left = sorted(os.listdir(folder))
    assert left == ["cut.jsonl", "whole.json", "whole.jsonl"], left

    subprocess.run(search(command, folder, "cut", "--resume"), check=True,
                   stdout=subprocess.DEVNULL)
    assert read(folder, "cut.jsonl") == whole
    assert read(folder, "cut.json") == read(folder, "whole.json")


main()
