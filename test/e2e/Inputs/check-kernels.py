"""The kernels of a prompt in `jet-run bench --kernels --json` are all launches of the
program, those over all rows and those over last tokens apart.

  check-kernels.py BENCH.json INSPECT.json ROWS SEQUENCES
"""

import json
import sys

bench, inspect = (json.load(open(path)) for path in sys.argv[1:3])
rows, sequences = map(int, sys.argv[3:])
launches = {}
for kernel in bench["prefill"]["kernels"]:
    key = kernel["name"], kernel["rows"]
    if kernel["rows"] not in (rows, sequences) or key in launches:
        sys.exit("expected each kernel once over %d and %d rows, found %s"
                 % (rows, sequences, key))
    launches[key] = kernel["launches"]
expected = inspect["programs"]["prefill_sample"]["launches"]
if sum(launches.values()) != expected:
    sys.exit("expected %d launches, found %s" % (expected, launches))
both = [name for name, count in launches
        if count == sequences and launches.get((name, rows), 0) > 1]
if not both:
    sys.exit("expected kernels over rows and over last tokens, found %s" % launches)
print("%d launches, %s in both ways" % (expected, ", ".join(both)))
