"""The hand calculation in docs/cost-model.md: every formula has the value that
stands beside it, and the totals are what jetc inspect --cost prints for 2B.

  check-cost-docs.py DOC PACKAGE
"""

import json
import re
import sys

from programs import run

with open(sys.argv[1]) as file:
    rows = re.findall(r"^\| ([^|`]+) \| `([0-9+* ()]+)` \| ([0-9,]+) \|$", file.read(), re.M)
values = {}
for what, formula, value in rows:
    values[what] = int(value.replace(",", ""))
    if eval(formula) != values[what]:
        sys.exit("%s: %s is %d, not %s" % (what, formula, eval(formula), value))
if len(rows) < 20:
    sys.exit("expected at least 20 formulas, found %d" % len(rows))

command = ["jetc", "inspect", sys.argv[2], "--json", "--cost", "--target=h200"]
command += ["--phase=decode", "--batch", 128, "--context", 65536]
summary = json.loads(run(*command))
[phase] = summary["cost"]["phases"]
total, unavoidable = phase["total"], phase["unavoidable_bytes"]
found = {
    "parameters": summary["parameters"],
    "unavoidable weights: all once": unavoidable["weights"],
    "weights: and the rows of the embedding": total["bytes"]["weights"],
    "state": total["bytes"]["state"],
    "unavoidable activations: ids and logits": unavoidable["activations"],
    "unavoidable bytes": unavoidable["total"],
    "tensor operations": total["flops"]["tensor"],
}
for what, value in found.items():
    print(what, value)
    if values.get(what) != value:
        sys.exit("%s: the page says %s, jetc %d" % (what, values.get(what), value))
