"""check-time.py SECONDS COMMAND...: succeeds, and within that time."""

import subprocess
import sys
import time

limit, command = float(sys.argv[1]), sys.argv[2:]
begin = time.monotonic()
subprocess.run(command, check=True)
seconds = time.monotonic() - begin
print("%.1f s" % seconds)
if seconds > limit:
    sys.exit("expected at most %g s, found %.1f s" % (limit, seconds))
