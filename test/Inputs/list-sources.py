"""Prints the C++ files of the source tree given, one a line."""

import os
import sys

FOLDERS = (
    "bench dialects frontend lowering passes runtime support test tools".split()
)

for folder in FOLDERS:
    for place, subfolders, files in os.walk(os.path.join(sys.argv[1], folder)):
        subfolders.sort()
        for name in sorted(files):
            if name.endswith((".c", ".cpp", ".h")):
                print(os.path.join(place, name))
