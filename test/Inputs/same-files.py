"""same-files.py FOUND EXPECTED: the two folders hold the same text files."""

import difflib
import os
import sys


def readAll(folder):
    files = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with open(path) as file:
                files[os.path.relpath(path, folder)] = file.readlines()
    return files


found, expected = readAll(sys.argv[1]), readAll(sys.argv[2])
if not found:
    sys.exit("%s: expected files, found none" % sys.argv[1])
for name in sorted(found | expected):
    if found.get(name) != expected.get(name):
        labels = [os.path.join(folder, name) for folder in sys.argv[1:]]
        left, right = found.get(name, []), expected.get(name, [])
        sys.stdout.writelines(difflib.unified_diff(left, right, *labels))
        sys.exit("%s differs" % name)
