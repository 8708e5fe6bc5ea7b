# The GoogleTest programs, one lit test for each of their cases. Their sources
# lie in test/<folder of the code they test>/.

import os

import lit.formats

config.name = "jet-unit"
config.suffixes = []
config.test_source_root = os.path.join(config.jet_obj_root, "test", "unit")
config.test_exec_root = config.test_source_root
# lit's workers ignore Ctrl-C, which a program under test would inherit.
runUnder = ["env", "--default-signal=INT"]
config.test_format = lit.formats.GoogleTest(".", "Tests", runUnder)

for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
if config.jet_sanitize:
    # As in test/lit.cfg.py.
    config.environment.setdefault("ASAN_OPTIONS", "allow_user_poisoning=0")
    # Other levels of the CPU and other seeds run the same code of ours.
    config.environment["GTEST_FILTER"] = "-Cpu/*/v3:Cpu/*/v4:Seeds/*/1"
