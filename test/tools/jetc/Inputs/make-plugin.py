"""Makes a shared object that is nearly a pass plugin.

  make-plugin.py OUT.so [--version TEXT] [--no-version] [--no-entry]
                 [--api-version N] [--calls SYMBOL] [--needs SONAME]

Without options it is a plugin as jetc wants it, that registers nothing. Loading
it prints "the plugin runs" on stderr.
"""

import argparse
import os
import re
import subprocess

SOURCE = """
#include <stdint.h>
#include <unistd.h>
struct Info { uint32_t api; const char *name, *version; void (*registerPasses)(void); };
%(version)s
%(calls)s
static void registerPasses(void) { %(call)s }
__attribute__((constructor)) static void start(void) {
  if (write(2, "the plugin runs\\n", 16)) {}
}
struct Info %(entry)s(void) {
  struct Info info = {%(api)d, "nearly", "1", registerPasses};
  return info;
}
"""


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def ourVersion(headers):
    with open(os.path.join(headers, "passes", "PluginVersion.h")) as file:
        interface = re.search('JET_PLUGIN_INTERFACE "(.*)"', file.read()).group(1)
    return "jetc %s, LLVM %s" % (interface, output("llvm-config", "--version").strip())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("plugin")
    parser.add_argument("--headers", required=True, help="the build folder")
    parser.add_argument("--version")
    parser.add_argument("--no-version", action="store_true")
    parser.add_argument("--no-entry", action="store_true")
    parser.add_argument("--api-version", type=int, default=1)
    parser.add_argument("--calls")
    parser.add_argument("--needs")
    arguments = parser.parse_args()

    version = arguments.version or ourVersion(arguments.headers)
    text = SOURCE % {
        "version": "" if arguments.no_version else 'const char jetPluginVersion[] = "%s";' % version,
        "calls": "void %s(void);" % arguments.calls if arguments.calls else "",
        "call": "%s();" % arguments.calls if arguments.calls else "",
        "entry": "somethingElse" if arguments.no_entry else "mlirGetPassPluginInfo",
        "api": arguments.api_version,
    }
    source = arguments.plugin + ".c"
    with open(source, "w") as file:
        file.write(text)
    command = ["clang", "-shared", "-fPIC", source, "-o", arguments.plugin]
    if arguments.needs:
        library = os.path.join(os.path.dirname(arguments.plugin), arguments.needs)
        with open(library + ".c", "w") as file:
            file.write("int nothing;\n")
        subprocess.run(
            ["clang", "-shared", "-fPIC", library + ".c", "-o", library, "-Wl,-soname," + arguments.needs],
            check=True,
        )
        command += ["-Wl,--no-as-needed", library, "-Wl,-rpath," + os.path.dirname(library)]
    subprocess.run(command, check=True)


main()
