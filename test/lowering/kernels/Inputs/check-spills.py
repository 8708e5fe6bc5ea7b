"""No stage of a form keeps registers in memory, in `jetc inspect --json` of a
package that an assembler saw.

  check-spills.py INSPECT.json
"""

import json
import sys

with open(sys.argv[1]) as file:
    kernels = json.load(file)["kernels"]
stages = [kernel for kernel in kernels if "form" in kernel]
assert stages, "expected stages of forms"
spilling = [kernel["name"] for kernel in stages if kernel["spill_bytes"]]
if spilling:
    sys.exit("expected no spills, found some in " + ", ".join(spilling))
print("%d stages without spills" % len(stages))
