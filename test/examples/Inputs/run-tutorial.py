"""Runs a tutorial: its ```sh blocks as one script, in the current folder.

  run-tutorial.py TUTORIAL.md SOURCE...

Every ```cpp block must stand, as it is, in one of the sources.
"""

import re
import subprocess
import sys


def main():
    tutorial, *sources = sys.argv[1:]
    with open(tutorial) as file:
        text = file.read()
    programs = []
    for source in sources:
        with open(source) as file:
            programs.append(file.read())
    script = ["set -euo pipefail"]
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for language, block in blocks:
        if language == "sh":
            # Each command is told before its output.
            script += ["cat <<'TUTORIAL'\n$ %sTUTORIAL" % block.replace("\n", "\n$ ", block.count("\n") - 1), block]
        elif language == "cpp" and not any(block in program for program in programs):
            sys.exit("%s: expected code of %s, found\n%s" % (tutorial, sources, block))
    if len(script) == 1:
        sys.exit("%s: expected commands, found none" % tutorial)
    sys.exit(subprocess.run(["bash", "-c", "\n".join(script)], stderr=subprocess.STDOUT).returncode)


main()
