"""No kernel keeps registers in memory, in `jetc inspect --json` of a package that an
assembler saw and that has kernels with forms and without.

  check-spills.py INSPECT.json
"""

import json
import sys

with open(sys.argv[1]) as file:
    kernels = json.load(file)["kernels"]
for stages in True, False:
    assert any(("form" in kernel) == stages for kernel in kernels)
spilling = [kernel["name"] for kernel in kernels if kernel["spill_bytes"]]
if spilling:
    sys.exit("expected no spills, found some in " + ", ".join(spilling))
print("%d kernels without spills" % len(kernels))
