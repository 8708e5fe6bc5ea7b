"""A plugin cut off at many lengths is refused in one line.

  cut-plugin.py GOOD.so CUT.so CONFIG
"""

import subprocess
import sys

good, cut, config = sys.argv[1:]
with open(good, "rb") as file:
    whole = file.read()
refused = 0
for i in range(40):
    length = len(whole) * i // 40
    with open(cut, "wb") as file:
        file.write(whole[:length])
    done = subprocess.run(
        ["jetc", "compile", config, "--emit=model", "--load-pass-plugin=" + cut],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode == 1 and len(done.stderr.splitlines()) == 1:
        refused += 1
    else:
        print("%d bytes: exit status %d: %s" % (length, done.returncode, done.stderr))
print("%d of 40 refused" % refused)
