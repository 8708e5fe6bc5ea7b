"""No single flipped bit of a package and no truncation goes unnoticed.

  check-flips.py PACKAGE WORKDIR
"""

import os
import subprocess
import sys

package, workdir = sys.argv[1:]
os.makedirs(workdir, exist_ok=True)
with open(package, "rb") as file:
    original = file.read()
broken = os.path.join(workdir, "broken.jet")


def inspect(data, what):
    with open(broken, "wb") as file:
        file.write(data)
    command = ["jetc", "inspect", broken]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = done.stderr.splitlines()
    if done.returncode != 1 or len(lines) != 1 or broken not in lines[0]:
        sys.exit("%s: status %d: %s" % (what, done.returncode, done.stderr))


size = len(original)
# The header's length, its first bytes, the checksum, and a spread over the rest.
places = list(range(0, 24)) + list(range(size - 8, size))
places += list(range(24, size - 8, max(1, size // 60)))
for place in places:
    data = bytearray(original)
    data[place] ^= 1 << place % 8
    inspect(data, "bit flipped at %d of %d" % (place, size))
for length in [0, 1, 7, 8, 9, 16, 100, size // 2, size - 64, size - 8, size - 1]:
    inspect(original[:length], "truncated to %d of %d" % (length, size))
print("%d places checked" % len(places))
