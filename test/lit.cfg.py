# The suite of all .mlir and .test files; lit enters unit/ by itself.
#
# Substitutions besides lit's own:
#   %python    the Python that runs lit; scripts use its standard library only
#   %source    the root of the source tree
#   %bin       the folder of the programs built (for their paths; to run them,
#              their names suffice)
#   %inputs    test/Inputs: scripts and data that several folders share

import ctypes
import os
import shutil
import subprocess
import sys

import lit.formats

config.name = "jet"
# The shell inside lit: it names the failing command and does not hide the
# status of a pipe's first stages. Loops belong in a Python script in Inputs/.
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.jet_obj_root, "test")

path = [config.jet_tools_dir, config.llvm_tools_dir, config.environment["PATH"]]
config.environment["PATH"] = os.pathsep.join(path)
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "JET_NUM_THREADS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions += [
    ("%python", '"%s"' % sys.executable),
    ("%source", config.jet_src_root),
    ("%bin", config.jet_tools_dir),
    ("%inputs", os.path.join(config.jet_src_root, "test", "Inputs")),
]

if config.jet_sanitize:
    # UNSUPPORTED: sanitize stands in tests that are about generated code, which is
    # not instrumented, or that repeat another one with other numbers.
    config.available_features.add("sanitize")
    # Debian's LLVM is not instrumented: memory that an inlined function of its
    # headers poisons in our code would be reported when the library uses it.
    config.environment.setdefault("ASAN_OPTIONS", "allow_user_poisoning=0")


def canMountSmallDisk():
    """Whether a file system of a few kilobytes can be had without privileges."""
    try:
        command = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def hasPtxas():
    """Whether CUDA's assembler is where jet-ptx looks for it."""
    home = os.environ.get("CUDA_HOME")
    folders = ([os.path.join(home, "bin")] if home else []) + [
        config.environment["PATH"], "/usr/local/cuda/bin"]
    if home:
        config.environment["CUDA_HOME"] = home
    return bool(shutil.which("ptxas", path=os.pathsep.join(folders)))


def hasGpu():
    """Whether there is a GPU that runs code for sm_90a."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count, major = ctypes.c_int(0), ctypes.c_int(0)
    capabilityMajor = 75  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
    return (
        driver.cuInit(0) == 0
        and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
        and count.value > 0
        and driver.cuDeviceGetAttribute(ctypes.byref(major), capabilityMajor, 0) == 0
        and major.value == 9
    )


def hasTorch():
    """Whether python3 has PyTorch, and that a GPU. It need not be lit's Python, which
    is the system's; PyTorch often lives in an environment of its own."""
    program = "import torch; assert torch.cuda.is_available()"
    command = ["python3", "-c", program]
    return (
        subprocess.run(command, capture_output=True, env=config.environment).returncode
        == 0
    )


if hasGpu():
    config.available_features.add("cuda")
    if hasTorch():
        config.available_features.add("torch")
    if shutil.which("compute-sanitizer", path=config.environment["PATH"]):
        config.available_features.add("compute-sanitizer")

if hasPtxas():
    config.available_features.add("ptxas")

if canMountSmallDisk():
    config.available_features.add("small-disk")
