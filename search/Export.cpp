// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/Export.h"
#include "runtime/Checkpoint.h"
#include "support/File.h"
#include "support/Json.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <unistd.h>

namespace jet {

Result<std::string> placeConfig(const std::string &text,
                                const std::string &path,
                                const std::vector<std::string> &mixers) {
  // Checked before; read again for the order of its fields.
  auto config = nlohmann::ordered_json::parse(text, nullptr,
                                              /*allow_exceptions=*/false);
  if (!config.is_object())
    return Error{path + ": expected a JSON object"};
  config["layer_types"] = mixers;
  config.erase("supernet_candidates");
  config.erase("placement");
  return config.dump(1) + "\n";
}

namespace {

/// A folder that is renamed into place, or removed again.
class NewDirectory {
public:
  static Result<NewDirectory> create(const std::string &path) {
    std::filesystem::path target(path);
    if (!target.has_filename())
      target = target.parent_path();
    std::error_code error;
    if (std::filesystem::exists(target, error) &&
        !std::filesystem::is_empty(target, error))
      return Error{path + ": expected no such folder or an empty one, found "
                          "something there"};
    std::string name =
        (target.parent_path() / ("." + target.filename().string() + ".XXXXXX"))
            .string();
    if (!mkdtemp(name.data()))
      return Error{name + ": " + std::strerror(errno)};
    return NewDirectory(target.string(), name);
  }
  NewDirectory(NewDirectory &&other) noexcept
      : target(std::move(other.target)),
        temporary(std::exchange(other.temporary, {})) {}
  ~NewDirectory() {
    std::error_code ignored;
    if (!temporary.empty())
      std::filesystem::remove_all(temporary, ignored);
  }

  std::string file(const std::string &name) const {
    return temporary + "/" + name;
  }

  Result<void> commit() {
    std::error_code error;
    // mkdtemp() lets only the owner in.
    std::filesystem::permissions(temporary, std::filesystem::perms(0755),
                                 error);
    if (!error)
      std::filesystem::rename(temporary, target, error);
    if (error)
      return Error{target + ": " + error.message()};
    temporary.clear();
    return {};
  }

private:
  NewDirectory(std::string target, std::string temporary)
      : target(std::move(target)), temporary(std::move(temporary)) {}
  std::string target, temporary;
};

/// The parameters of the placed model, with the names of a supernet or not.
std::vector<ParameterSpec>
placedParameters(ModelSpec spec, const std::vector<std::string> &mixers,
                 bool asSupernet) {
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    spec.layers[i].candidates = {*parseMixerKind(mixers[i])};
    spec.layers[i].isSupernet &= asSupernet;
  }
  return listParameters(spec);
}

} // namespace

Result<void> exportModel(const ModelSpec &supernet,
                         const std::vector<std::string> &mixers,
                         const std::string &config, const std::string &weights,
                         const std::string &directory) {
  Result<Checkpoint> checkpoint = Checkpoint::open(weights);
  if (!checkpoint)
    return checkpoint.error();
  std::vector<ParameterInfo> wanted;
  for (ParameterSpec &parameter : placedParameters(supernet, mixers, true))
    wanted.push_back({parameter.name, supernet.dtype, parameter.shape});
  Result<BoundParameters> bound = checkpoint->bind(wanted);
  if (!bound)
    return bound.error();

  Result<NewDirectory> folder = NewDirectory::create(directory);
  if (!folder)
    return folder.error();
  std::vector<TensorSpec> tensors;
  for (ParameterSpec &parameter : placedParameters(supernet, mixers, false))
    tensors.push_back({parameter.name, supernet.dtype, parameter.shape});
  auto writer =
      SafetensorsWriter::create(folder->file("model.safetensors"), tensors);
  if (!writer)
    return writer.error();
  for (const TensorView &tensor : bound->tensors)
    if (auto done = writer->write(tensor.bytes.data(), tensor.bytes.size());
        !done)
      return done;
  if (auto done = writer->commit(); !done)
    return done;
  if (auto done = writeTextFile(folder->file("config.json"), config); !done)
    return done;
  return folder->commit();
}

} // namespace jet
