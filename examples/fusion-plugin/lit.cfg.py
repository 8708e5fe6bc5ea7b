# lit examples/fusion-plugin --param plugin=FuseLastToken.so
import os

import lit.formats

config.name = "fusion-plugin"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.test_exec_root = os.path.join(os.getcwd(), "lit-output")
config.environment["PATH"] = os.environ["PATH"]
config.substitutions.append(("%plugin", os.path.abspath(lit_config.params["plugin"])))
