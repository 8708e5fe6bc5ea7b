"""jetc inspect --json agrees with the formulas for layers, parameters and
state bytes.

  check-inspect.py CONFIG PACKAGE CONTEXT [PAGE_SIZE [PLACEMENT]]
"""

import json
import sys

from programs import run
import modelspec

configPath, package, context = sys.argv[1:4]
page = int(sys.argv[4]) if len(sys.argv) > 4 else 64
placement = sys.argv[5].split(",") if len(sys.argv) > 5 else None
with open(configPath) as file:
    config = json.load(file)
found = json.loads(run("jetc", "inspect", package, "--json", "--context", context))
expected = {
    "page_size": page,
    "layers": modelspec.mixers(config, placement),
    "parameters": modelspec.countParameters(
        config, placement or config.get("placement")
    ),
    "state_bytes_per_sequence": modelspec.stateBytes(
        config, int(context), placement, page
    ),
}
for key, value in expected.items():
    print(key, found.get(key))
    if found.get(key) != value:
        sys.exit("%s: expected %s, found %s" % (key, value, found.get(key)))
