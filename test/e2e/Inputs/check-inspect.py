"""jetc inspect --json agrees with the formulas for layers, parameters and
state bytes.

  check-inspect.py CONFIG PACKAGE CONTEXT [PLACEMENT] [--page-size=N]
                   [--kv-dtype=T] [--state-dtype=T]
"""

import json
import sys

from programs import run
import modelspec

given = {"--kv-dtype": None, "--state-dtype": "f32", "--page-size": "64"}
given.update(a.split("=") for a in sys.argv[1:] if a.startswith("--"))
arguments = [a for a in sys.argv[1:] if not a.startswith("--")]
configPath, package, context = arguments[:3]
placement = arguments[3].split(",") if len(arguments) > 3 else None
page = int(given["--page-size"])
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
        *(config, int(context), placement),
        *(given["--kv-dtype"], given["--state-dtype"], page),
    ),
}
for key, value in expected.items():
    print(key, found.get(key))
    if found.get(key) != value:
        sys.exit("%s: expected %s, found %s" % (key, value, found.get(key)))
