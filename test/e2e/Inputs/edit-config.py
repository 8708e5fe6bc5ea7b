"""Copies a JSON file with changes.

  edit-config.py IN OUT KEY=JSON... KEY-...     (keys with dots and indices:
                                                efficient_attention_config.jet.head_dim,
                                                layer_types.2; "KEY-" removes)
"""

import json
import sys

source, target, *changes = sys.argv[1:]
with open(source) as file:
    config = json.load(file)
for change in changes:
    path, equals, value = change.partition("=")
    *parents, last = (path if equals else path.rstrip("-")).split(".")
    place = config
    for key in parents:
        place = place[key]
    if isinstance(place, list):
        last = int(last)
    if equals:
        place[last] = json.loads(value)
    else:
        del place[last]
with open(target, "w") as file:
    json.dump(config, file)
