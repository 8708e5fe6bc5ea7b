// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/EvaluationLog.h"
#include "support/File.h"
#include "support/Json.h"

#include "llvm/ADT/StringExtras.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

using namespace jet;
using nlohmann::ordered_json;

static constexpr size_t kMaxLogBytes = 1u << 30;

static ordered_json makeHeader(const Evaluations &evaluations,
                               const std::string &source) {
  ordered_json layers = ordered_json::array();
  for (const LayerChoices &layer : evaluations.space.layers)
    layers.push_back(layer.names);
  return {{"format", "jetc-search-log"},
          {"version", 1},
          {"source", source},
          {"candidates", layers},
          {"metrics", evaluations.evaluator.metricNames()}};
}

namespace {

/// Reads the lines of a log.
class LogReader {
public:
  LogReader(const std::string &path, Evaluations &evaluations)
      : path(path), evaluations(evaluations) {}

  Result<void> checkHeader(llvm::StringRef line, const ordered_json &expected) {
    Result<nlohmann::json> header = parseJson(line.str(), path + ":1");
    if (!header)
      return header.error();
    for (const auto &[key, value] : expected.items())
      if (!header->is_object() || header->value(key, nlohmann::json()) != value)
        return error(1, "expected the log of the same search, with " + key +
                            " " + shorten(value.dump()) + ", found " +
                            (header->is_object() && header->contains(key)
                                 ? shorten((*header)[key].dump())
                                 : "none"));
    return {};
  }

  Result<void> readEntry(int number, llvm::StringRef line) {
    Result<nlohmann::json> entry =
        parseJson(line.str(), path + ":" + std::to_string(number));
    if (!entry)
      return entry.error();
    Result<Placement> placement = readPlacement(number, *entry);
    if (!placement)
      return placement.error();
    Metrics metrics;
    for (const std::string &name : evaluations.evaluator.metricNames()) {
      const nlohmann::json *value = find(find(&*entry, "metrics"), name);
      if (!value || !value->is_number() || !std::isfinite(value->get<double>()))
        return error(number, "expected a number for $.metrics." + name);
      metrics.push_back(value->get<double>());
    }
    if (evaluations.find(*placement))
      return error(number, "expected each placement once, found one again");
    evaluations.add(*placement, metrics);
    return {};
  }

private:
  static std::string shorten(std::string text) {
    return text.size() > 200 ? text.substr(0, 200) + "…" : text;
  }
  static const nlohmann::json *find(const nlohmann::json *object,
                                    const std::string &key) {
    if (!object || !object->is_object())
      return nullptr;
    auto found = object->find(key);
    return found == object->end() ? nullptr : &*found;
  }
  Error error(int line, const std::string &message) const {
    return Error{path + ":" + std::to_string(line) + ": " + message};
  }

  Result<Placement> readPlacement(int number, const nlohmann::json &entry) {
    const SearchSpace &space = evaluations.space;
    const nlohmann::json *names = find(&entry, "placement");
    if (!names || !names->is_array() || names->size() != space.numLayers())
      return error(number, "expected an array of " +
                               std::to_string(space.numLayers()) +
                               " mixers for $.placement");
    Placement placement;
    for (size_t layer = 0; layer < names->size(); ++layer) {
      const nlohmann::json &name = (*names)[layer];
      int found =
          name.is_string() ? space.find(layer, name.get<std::string>()) : -1;
      if (found < 0)
        return error(number, "$.placement[" + std::to_string(layer) +
                                 "]: expected one of " +
                                 llvm::join(space.layers[layer].names, ", ") +
                                 ", found " + describeJson(name));
      placement.push_back(found);
    }
    return placement;
  }

  const std::string &path;
  Evaluations &evaluations;
};

} // namespace

/// Takes in the file's whole lines; returns how long they are.
static Result<size_t> readLog(const std::string &path,
                              const ordered_json &header,
                              Evaluations &evaluations) {
  Result<std::string> text = readTextFile(path, kMaxLogBytes);
  if (!text)
    return text.error();
  llvm::StringRef rest = *text;
  // What was cut off has no end of line.
  const size_t whole =
      rest.rfind('\n') == llvm::StringRef::npos ? 0 : rest.rfind('\n') + 1;
  rest = rest.take_front(whole);
  LogReader reader(path, evaluations);
  for (int number = 1; !rest.empty(); ++number) {
    llvm::StringRef line;
    std::tie(line, rest) = rest.split('\n');
    Result<void> read = number == 1 ? reader.checkHeader(line, header)
                                    : reader.readEntry(number, line);
    if (!read)
      return read.error();
  }
  return whole;
}

Result<EvaluationLog> EvaluationLog::open(const std::string &path, bool resume,
                                          const std::string &source,
                                          Evaluations &evaluations) {
  const ordered_json header = makeHeader(evaluations, source);
  const bool exists = access(path.c_str(), F_OK) == 0;
  if (exists && !resume)
    return Error{path + ": expected --resume, or no such file, found one"};
  size_t whole = 0;
  if (exists) {
    Result<size_t> read = readLog(path, header, evaluations);
    if (!read)
      return read.error();
    whole = *read;
  }
  int fd =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  EvaluationLog log(path, fd);
  if (fd < 0 || ftruncate(fd, whole) != 0)
    return Error{path + ": " + std::strerror(errno)};
  if (whole == 0)
    if (auto done = log.writeLine(header); !done)
      return done.error();
  return log;
}

EvaluationLog::~EvaluationLog() {
  if (fd >= 0)
    close(fd);
}

Result<void> EvaluationLog::write(const Evaluations &evaluations,
                                  const Evaluated &evaluated) {
  ordered_json metrics = ordered_json::object();
  for (auto [name, value] :
       llvm::zip_equal(evaluations.evaluator.metricNames(), evaluated.metrics))
    metrics[name] = value;
  return writeLine(
      {{"placement", evaluations.space.namesOf(evaluated.placement)},
       {"metrics", metrics},
       {"minimized", evaluated.value}});
}

Result<void> EvaluationLog::writeLine(const ordered_json &json) {
  const std::string line = json.dump() + "\n";
  for (size_t done = 0; done < line.size();) {
    ssize_t wrote = ::write(fd, line.data() + done, line.size() - done);
    if (wrote < 0 && errno == EINTR)
      continue;
    if (wrote < 0)
      return Error{path + ": " + std::strerror(errno)};
    done += wrote;
  }
  return {};
}
