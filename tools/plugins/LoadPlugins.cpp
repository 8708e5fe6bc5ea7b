// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/plugins/LoadPlugins.h"
#include "passes/Plugin.h"
#include "support/File.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/FileSystem.h"

#include <dlfcn.h>

using jet::MappedFile;
using jet::Result;
using namespace llvm;

namespace {

/// What the tables of a shared object tell without running any of it.
struct SharedObject {
  std::optional<std::string> version; // the text at jetPluginVersion
  bool hasEntryPoint = false;
  std::vector<std::string> libraries; // that it wants loaded beside it
};

using ElfFile = object::ELFFile<object::ELF64LE>;

/// The text at `address` in memory, up to a zero byte.
Expected<std::string> readText(const ElfFile &elf, uint64_t address) {
  Expected<const uint8_t *> begin = elf.toMappedAddr(address);
  if (!begin)
    return begin.takeError();
  const uint8_t *end = elf.base() + elf.getBufSize();
  return std::string(*begin, std::find(*begin, end, 0));
}

Error readSymbols(const ElfFile &elf, const ElfFile::Elf_Shdr &table,
                  SharedObject &object) {
  auto symbols = elf.symbols(&table);
  if (!symbols)
    return symbols.takeError();
  Expected<StringRef> names = elf.getStringTableForSymtab(table);
  if (!names)
    return names.takeError();
  for (const ElfFile::Elf_Sym &symbol : *symbols) {
    Expected<StringRef> name = symbol.getName(*names);
    if (!name)
      return name.takeError();
    if (symbol.st_shndx == ELF::SHN_UNDEF)
      continue;
    if (*name == "mlirGetPassPluginInfo")
      object.hasEntryPoint = true;
    if (*name != "jetPluginVersion")
      continue;
    Expected<std::string> version = readText(elf, symbol.st_value);
    if (!version)
      return version.takeError();
    object.version = std::move(*version);
  }
  return Error::success();
}

Error readLibraries(const ElfFile &elf, SharedObject &object) {
  auto entries = elf.dynamicEntries();
  if (!entries)
    return entries.takeError();
  uint64_t names = 0;
  for (const ElfFile::Elf_Dyn &entry : *entries)
    if (entry.getTag() == ELF::DT_STRTAB)
      names = entry.getVal();
  for (const ElfFile::Elf_Dyn &entry : *entries) {
    if (entry.getTag() != ELF::DT_NEEDED)
      continue;
    Expected<std::string> name = readText(elf, names + entry.getVal());
    if (!name)
      return name.takeError();
    object.libraries.push_back(std::move(*name));
  }
  return Error::success();
}

Expected<SharedObject> readSharedObject(StringRef bytes) {
  Expected<ElfFile> elf = ElfFile::create(bytes);
  if (!elf)
    return elf.takeError();
  const ElfFile::Elf_Ehdr &header = elf->getHeader();
  if (!header.checkMagic() || header.e_ident[ELF::EI_CLASS] != ELF::ELFCLASS64)
    return createStringError("another format");
  if (header.e_type != ELF::ET_DYN || header.e_machine != ELF::EM_X86_64)
    return createStringError("another kind of ELF file");
  SharedObject object;
  auto sections = elf->sections();
  if (!sections)
    return sections.takeError();
  for (const ElfFile::Elf_Shdr &section : *sections)
    if (section.sh_type == ELF::SHT_DYNSYM)
      if (Error error = readSymbols(*elf, section, object))
        return error;
  if (Error error = readLibraries(*elf, object))
    return error;
  return object;
}

/// A second LLVM in the process would break both.
bool isOtherLlvm(StringRef library) {
  std::string suffix = ".so." + std::to_string(LLVM_VERSION_MAJOR) + "." +
                       std::to_string(LLVM_VERSION_MINOR);
  return (library.starts_with("libMLIR.so") ||
          library.starts_with("libLLVM.so")) &&
         !library.ends_with(suffix);
}

/// Why the file cannot be loaded here.
Result<void> check(const std::string &path, StringRef bytes) {
  auto fail = [&](StringRef expected, const Twine &found) -> jet::Error {
    return {path + ": expected " + expected.str() + ", found " + found.str()};
  };
  Expected<SharedObject> object = readSharedObject(bytes);
  if (!object)
    return fail("a pass plugin (a shared object for x86-64)",
                toString(object.takeError()));
  if (!object->hasEntryPoint)
    return fail("a pass plugin, which exports mlirGetPassPluginInfo",
                "a shared object without it");
  for (StringRef library : object->libraries)
    if (isOtherLlvm(library))
      return fail("a plugin built against LLVM " LLVM_VERSION_STRING,
                  "one that needs " + library);
  if (!object->version)
    return fail("a plugin built against " JET_PLUGIN_VERSION,
                "one without a version (see JET_PASS_PLUGIN in "
                "passes/Plugin.h)");
  if (*object->version != JET_PLUGIN_VERSION)
    return fail("a plugin built against " JET_PLUGIN_VERSION,
                "one built against " + *object->version);
  return {};
}

} // namespace

Result<void> jet::loadPassPlugin(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.error();
  if (Result<void> checked = check(path, file->text()); !checked)
    return checked;
  // A name without a slash would be looked up elsewhere.
  SmallString<128> absolute;
  if (std::error_code error = sys::fs::real_path(path, absolute))
    return jet::Error{path + ": " + error.message()};
  // Now, so that a symbol that is not there shows here and not in a call.
  if (!dlopen(absolute.c_str(), RTLD_NOW | RTLD_LOCAL))
    return jet::Error{path + ": cannot be loaded: " + dlerror()};
  Expected<mlir::PassPlugin> plugin =
      mlir::PassPlugin::load(std::string(absolute));
  if (!plugin)
    return jet::Error{path +
                      ": cannot be loaded: " + toString(plugin.takeError())};
  plugin->registerPassRegistryCallbacks();
  return {};
}

Result<void> jet::loadPassPlugins(int &argc, char **argv) {
  StringSet<> loaded;
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    StringRef option = argv[i];
    auto [name, path] = option.ltrim('-').split('=');
    bool isOurs = option.starts_with("-") && name == "load-pass-plugin";
    // Without a file it is for the command line's parser to report.
    if (!isOurs || (!option.contains('=') && i + 1 == argc)) {
      argv[kept++] = argv[i];
      continue;
    }
    if (!option.contains('='))
      path = argv[++i];
    if (!loaded.insert(path).second)
      continue;
    if (Result<void> done = loadPassPlugin(path.str()); !done)
      return jet::Error{"--load-pass-plugin: " + done.error().message};
  }
  argc = kept;
  argv[argc] = nullptr;
  return {};
}
