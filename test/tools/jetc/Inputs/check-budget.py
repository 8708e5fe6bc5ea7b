"""jetc compile --memory and jetc inspect --memory agree on the largest batch.

check-budget.py CONFIG DIRECTORY
"""

import json
import re
import subprocess
import sys

config, directory = sys.argv[1:]
CONTEXT = 1024


def compile_for(batch, budget):
    return subprocess.run(
        ["jetc", "compile", config, f"--max-batch={batch}",
         f"--max-context={CONTEXT}", f"--memory={budget}", "--emit=plan",
         "-o", directory + "/budget.mlir"], capture_output=True, text=True)


subprocess.run(["jetc", "compile", config, "--max-batch=4096",
                f"--max-context={CONTEXT}", "-o", directory + "/m.jet"],
               check=True)
for budget in ("20MB", "100MB", "1GB"):
    inspect = subprocess.run(
        ["jetc", "inspect", directory + "/m.jet", "--context", str(CONTEXT),
         "--memory", budget, "--json"],
        check=True, capture_output=True, text=True)
    largest = json.loads(inspect.stdout)["memory"]["largest_batch"]
    assert largest > 1, largest
    fits = compile_for(largest, budget)
    assert fits.returncode == 0, fits.stderr
    refused = compile_for(largest + 1, budget)
    assert refused.returncode == 1, budget
    said = re.search(r"enough for a batch of (\d+)", refused.stderr)
    assert said and int(said[1]) == largest, refused.stderr
    terms = re.search(r"at least (\d+) bytes .*weights (\d+), state (\d+), "
                      r"activations (\d+) .*logits (\d+);", refused.stderr)
    total, *parts = (int(term) for term in terms.groups())
    assert total == sum(parts) > int(re.search(r"\((\d+) bytes\)",
                                               refused.stderr)[1])
