"""Copies a package with something wrong in it.

  corrupt-package.py IN OUT truncate BYTES   keeps that many bytes
  corrupt-package.py IN OUT cut BYTES        drops that many bytes at the end
  corrupt-package.py IN OUT flip OFFSET      one bit; negative: from the end
  corrupt-package.py IN OUT version          a version number from the future
"""

import sys

source, target, action, *rest = sys.argv[1:]
with open(source, "rb") as file:
    data = bytearray(file.read())
if action == "truncate":
    data = data[: int(rest[0])]
elif action == "cut":
    data = data[: -int(rest[0])]
elif action == "flip":
    data[int(rest[0])] ^= 0x10
else:
    old = data.find(b'"version":7')
    assert old > 0, "the header has no version"
    data[old : old + 11] = b'"version":9'
with open(target, "wb") as file:
    file.write(data)
