"""Ctrl-C while output is written: the command ends, nothing is left behind.

  check-interrupt.py FOLDER -- COMMAND...    FOLDER is where the output goes
"""

import os
import shutil
import signal
import subprocess
import sys


def main():
    folder, command = sys.argv[1], sys.argv[3:]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        # lit's workers ignore the signal, and a program would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    # Its temporary appears there first.
    while not os.listdir(folder) and process.poll() is None:
        pass
    if process.poll() is not None:
        sys.exit("expected it to be at work, found status %d" % process.returncode)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    if process.returncode not in (130, -signal.SIGINT):
        sys.exit("expected an interrupt's status, found %d" % process.returncode)
    left = os.listdir(folder)
    shutil.rmtree(folder)
    if left:
        sys.exit("expected an empty folder, found %s" % left)


main()
