"""check-table.py LOG TABLE PLACEMENTS: a search's log has so many placements, and what
it measured on the whole data set is what the table says."""

import csv
import json
import sys

log, table, count = sys.argv[1:]
with open(table, encoding="utf-8") as file:
    rows = {row["full_attention"]: row for row in csv.DictReader(file)}
with open(log, encoding="utf-8") as file:
    lines = [json.loads(line) for line in file][1:]
assert len(lines) == int(count), len(lines)
for line in lines:
    placement = "".join("1" if m == "attn" else "0" for m in line["placement"])
    found = line["metrics"]
    expected = {name: float(rows[placement][name]) for name in found}

    def check(name, most):
        error = abs(found[name] - expected[name])
        assert error <= most, "%s of %s: expected %g, found %g" % (
            name, placement, expected[name], found[name])

    check("text_loss", 1e-3 * expected["text_loss"])
    check("recall_loss", max(1e-2 * expected["recall_loss"], 5e-4))
    check("recall_accuracy", 2e-3)
