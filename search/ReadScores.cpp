// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/ReadScores.h"
#include "support/File.h"

#include "llvm/ADT/StringExtras.h"

#include <charconv>
#include <cmath>
#include <map>
#include <set>

using namespace mlir;
using namespace jet;

static constexpr size_t kMaxFileBytes = 64 << 20;

/// `text` in quotes, but not a whole file of it.
static std::string quote(StringRef text) {
  constexpr size_t kMost = 60;
  std::string shown;
  for (char c : text.take_front(kMost))
    shown += llvm::isPrint(c) ? c : '?';
  return "'" + shown + (text.size() > kMost ? "…'" : "'");
}

static std::optional<double> parseNumber(StringRef text) {
  double value;
  auto [end, error] = std::from_chars(text.begin(), text.end(), value);
  if (error != std::errc() || end != text.end() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

//===----------------------------------------------------------------------===//
// CSV
//===----------------------------------------------------------------------===//

namespace {

/// A CSV file without quoting: a header, and rows of as many fields.
struct CsvFile {
  std::string path, text;
  SmallVector<StringRef> columns;
  struct Row {
    int line;
    SmallVector<StringRef> fields;
  };
  std::vector<Row> rows;

  static Result<CsvFile> read(const std::string &path);
  Error error(int line, const Twine &message) const {
    return Error{(path + ":" + Twine(line) + ": " + message).str()};
  }
  /// The place of a column, or -1.
  int find(StringRef column) const {
    auto *found = llvm::find(columns, column);
    return found == columns.end() ? -1 : found - columns.begin();
  }
};

} // namespace

static SmallVector<StringRef> splitFields(StringRef line) {
  SmallVector<StringRef> fields;
  line.split(fields, ',');
  for (StringRef &field : fields)
    field = field.trim();
  return fields;
}

Result<CsvFile> CsvFile::read(const std::string &path) {
  Result<std::string> content = readTextFile(path, kMaxFileBytes);
  if (!content)
    return content.error();
  CsvFile file;
  file.path = path;
  file.text = std::move(*content);
  return file;
}

/// Splits the text; a step of its own because fields point into it.
static Result<void> splitCsv(CsvFile &file) {
  int number = 0;
  for (StringRef line : llvm::split(StringRef(file.text), '\n')) {
    ++number;
    if (line.trim().empty())
      continue;
    SmallVector<StringRef> fields = splitFields(line);
    if (!file.columns.empty()) {
      if (fields.size() != file.columns.size())
        return file.error(number, "expected " + Twine(file.columns.size()) +
                                      " fields, found " + Twine(fields.size()));
      file.rows.push_back({number, std::move(fields)});
      continue;
    }
    std::set<StringRef> seen;
    for (StringRef column : fields) {
      if (column.empty())
        return file.error(number, "expected a name of each column, found ''");
      if (!seen.insert(column).second)
        return file.error(number, "expected each column once, found " +
                                      quote(column) + " twice");
    }
    file.columns = std::move(fields);
  }
  if (file.columns.empty())
    return file.error(1, "expected a line with the names of columns");
  if (file.rows.empty())
    return file.error(number, "expected rows below the names of columns");
  return {};
}

//===----------------------------------------------------------------------===//
// Measured placements
//===----------------------------------------------------------------------===//

namespace {

class MeasurementReader {
public:
  MeasurementReader(const SearchSpace &space, const CsvFile &file)
      : space(space), file(file), digits(file.find("full_attention")),
        names(file.find("placement")), count(file.find("num_full")) {}

  Result<void> checkColumns() const {
    if ((digits < 0) == (names < 0))
      return file.error(1, "expected a column full_attention or placement, "
                           "found " +
                               Twine(digits < 0 ? "neither" : "both"));
    return {};
  }

  Result<void> checkMetrics() const {
    for (int i = 0; i < static_cast<int>(file.columns.size()); ++i)
      if (isMetric(i))
        return {};
    return file.error(1, "expected a column with a metric, found none");
  }

  bool isMetric(int column) const {
    return column != digits && column != names && column != count;
  }

  Result<Placement> readPlacement(const CsvFile::Row &row) const {
    Result<Placement> placement = digits >= 0
                                      ? fromDigits(row, row.fields[digits])
                                      : fromNames(row, row.fields[names]);
    if (!placement || count < 0)
      return placement;
    int full = space.countOf(*placement, "attn");
    std::optional<double> given = parseNumber(row.fields[count]);
    if (!given || *given != full)
      return file.error(row.line, "num_full: expected " + Twine(full) +
                                      " as of the placement, found " +
                                      quote(row.fields[count]));
    return placement;
  }

  Result<double> readMetric(const CsvFile::Row &row, int column) const {
    std::optional<double> value = parseNumber(row.fields[column]);
    if (!value)
      return file.error(row.line, file.columns[column] +
                                      ": expected a finite number, found " +
                                      quote(row.fields[column]));
    return *value;
  }

private:
  Result<Placement> fromDigits(const CsvFile::Row &row, StringRef text) const {
    Placement placement;
    if (text.size() != space.numLayers())
      return file.error(row.line,
                        "full_attention: expected " + Twine(space.numLayers()) +
                            " digits, one a layer, found " + quote(text));
    for (auto [layer, digit] : llvm::enumerate(text)) {
      const int full = space.find(layer, "attn");
      const int candidates = space.layers[layer].names.size();
      if (digit != '0' && digit != '1')
        return file.error(row.line,
                          "full_attention: expected digits 0 and 1, found " +
                              quote(text));
      if (digit == '1' && full < 0)
        return file.error(row.line, "full_attention: expected 0 for layer " +
                                        Twine(layer) +
                                        ", which has no candidate attn");
      if (digit == '0' && candidates - (full >= 0) != 1)
        return file.error(row.line, "full_attention: expected layers of attn "
                                    "and one other candidate, found " +
                                        Twine(candidates) +
                                        " candidates of layer " + Twine(layer) +
                                        "; use a column placement");
      placement.push_back(digit == '1' ? full : full == 0);
    }
    return placement;
  }

  Result<Placement> fromNames(const CsvFile::Row &row, StringRef text) const {
    SmallVector<StringRef> mixers;
    text.split(mixers, ' ', -1, /*KeepEmpty=*/false);
    if (mixers.size() != space.numLayers())
      return file.error(
          row.line, "placement: expected " + Twine(space.numLayers()) +
                        " mixers, one a layer, found " + Twine(mixers.size()));
    Placement placement;
    for (auto [layer, mixer] : llvm::enumerate(mixers)) {
      int found = space.find(layer, mixer);
      if (found < 0)
        return file.error(row.line,
                          "placement: expected the mixer of layer " +
                              Twine(layer) + " to be one of " +
                              llvm::join(space.layers[layer].names, ", ") +
                              ", found " + quote(mixer));
      placement.push_back(found);
    }
    return placement;
  }

  const SearchSpace &space;
  const CsvFile &file;
  int digits, names, count;
};

} // namespace

/// The placement of each row, no two of them equal.
static Result<std::vector<Placement>> readAll(const MeasurementReader &reader,
                                              const CsvFile &file) {
  std::vector<Placement> placements;
  std::map<Placement, int> lines;
  for (const CsvFile::Row &row : file.rows) {
    Result<Placement> placement = reader.readPlacement(row);
    if (!placement)
      return placement.error();
    auto [entry, isNew] = lines.try_emplace(*placement, row.line);
    if (!isNew)
      return file.error(row.line, "expected each placement once, found that "
                                  "of line " +
                                      Twine(entry->second) + " again");
    placements.push_back(std::move(*placement));
  }
  return placements;
}

Result<std::vector<Placement>> jet::readPlacements(const SearchSpace &space,
                                                   const std::string &path) {
  Result<CsvFile> file = CsvFile::read(path);
  if (!file)
    return file.error();
  if (auto done = splitCsv(*file); !done)
    return done.error();
  MeasurementReader reader(space, *file);
  if (auto done = reader.checkColumns(); !done)
    return done.error();
  return readAll(reader, *file);
}

Result<void> jet::addMeasurements(SearchOp search, const SearchSpace &space,
                                  const std::string &path) {
  Result<CsvFile> file = CsvFile::read(path);
  if (!file)
    return file.error();
  if (auto done = splitCsv(*file); !done)
    return done;
  MeasurementReader reader(space, *file);
  if (auto done = reader.checkColumns(); !done)
    return done;
  if (auto done = reader.checkMetrics(); !done)
    return done;
  Result<std::vector<Placement>> placements = readAll(reader, *file);
  if (!placements)
    return placements.error();
  OpBuilder builder = OpBuilder::atBlockEnd(&search.getBody().front());
  for (auto [row, placement] : llvm::zip_equal(file->rows, *placements)) {
    SmallVector<NamedAttribute> metrics;
    for (int i = 0; i < static_cast<int>(file->columns.size()); ++i) {
      if (!reader.isMetric(i))
        continue;
      Result<double> value = reader.readMetric(row, i);
      if (!value)
        return value.error();
      metrics.push_back(builder.getNamedAttr(file->columns[i],
                                             builder.getF64FloatAttr(*value)));
    }
    std::vector<std::string> names = space.namesOf(placement);
    MeasuredOp::create(
        builder, FileLineColLoc::get(builder.getStringAttr(path), row.line, 1),
        builder.getStrArrayAttr(llvm::to_vector_of<StringRef>(names)),
        builder.getDictionaryAttr(metrics));
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Scores of layers
//===----------------------------------------------------------------------===//

/// The scores of a row in the order of the layer's candidates.
static Result<SmallVector<double>> readRow(LayerOp layer, const CsvFile &file,
                                           const CsvFile::Row &row) {
  SmallVector<double> scores;
  SmallVector<StringRef> names = layer.getCandidateNames();
  for (StringRef name : names) {
    int column = file.find(name);
    if (column < 0)
      return file.error(1, "expected a column " + name +
                               ", a candidate of layer " +
                               Twine(layer.getIndex()));
    std::optional<double> score = parseNumber(row.fields[column]);
    if (!score)
      return file.error(row.line, name + ": expected a finite number, found " +
                                      quote(row.fields[column]));
    scores.push_back(*score);
  }
  for (auto [column, field] : llvm::zip_equal(file.columns, row.fields))
    if (column != "layer" && !llvm::is_contained(names, column) &&
        !field.empty())
      return file.error(row.line, column + ": expected nothing, as layer " +
                                      Twine(layer.getIndex()) +
                                      " has no such candidate, found " +
                                      quote(field));
  return scores;
}

Result<void> jet::setLayerScores(ModelOp model, const std::string &path) {
  Result<CsvFile> file = CsvFile::read(path);
  if (!file)
    return file.error();
  if (auto done = splitCsv(*file); !done)
    return done;
  const int index = file->find("layer");
  if (index < 0)
    return file->error(1, "expected a column layer, found none");
  SmallVector<LayerOp> layers = model.getLayers();
  std::map<int64_t, int> lines;
  for (const CsvFile::Row &row : file->rows) {
    int64_t layer;
    if (row.fields[index].getAsInteger(10, layer) || layer < 0 ||
        layer >= static_cast<int64_t>(layers.size()))
      return file->error(row.line, "layer: expected 0 to " +
                                       Twine(layers.size() - 1) + ", found " +
                                       quote(row.fields[index]));
    auto [entry, isNew] = lines.try_emplace(layer, row.line);
    if (!isNew)
      return file->error(row.line, "expected each layer once, found layer " +
                                       Twine(layer) + " of line " +
                                       Twine(entry->second) + " again");
    if (layers[layer].isPlaced())
      continue; // nothing to choose
    Result<SmallVector<double>> scores = readRow(layers[layer], *file, row);
    if (!scores)
      return scores.error();
    layers[layer].setScores(*scores);
  }
  for (LayerOp layer : layers)
    if (!layer.isPlaced() && !lines.count(layer.getIndex()))
      return file->error(file->rows.back().line, "expected scores of layer " +
                                                     Twine(layer.getIndex()) +
                                                     ", found none");
  return {};
}

//===----------------------------------------------------------------------===//
// Objectives
//===----------------------------------------------------------------------===//

int jet::directionOfMetric(StringRef name) {
  if (name.starts_with("min:"))
    return 1;
  if (name.starts_with("max:"))
    return -1;
  for (StringRef word : {"loss", "error", "perplexity"})
    if (name.contains(word))
      return 1;
  for (StringRef word : {"accuracy", "score"})
    if (name.contains(word))
      return -1;
  return 0;
}

Result<DictionaryAttr> jet::parseObjective(MLIRContext *context,
                                           StringRef text) {
  Builder builder(context);
  NamedAttrList weights;
  SmallVector<StringRef> terms;
  text.split(terms, '+');
  for (StringRef term : terms) {
    double weight = 1;
    StringRef name = term.trim();
    if (name.contains('*')) {
      auto [factor, metric] = name.split('*');
      std::optional<double> number = parseNumber(factor.trim());
      if (!number || *number <= 0)
        return Error{"--objective: expected a positive weight, found " +
                     quote(factor.trim())};
      weight = *number;
      name = metric.trim();
    }
    const int direction = directionOfMetric(name);
    if (name.starts_with("min:") || name.starts_with("max:"))
      name = name.drop_front(4);
    if (name.empty())
      return Error{"--objective: expected [WEIGHT *] METRIC [+ …], found " +
                   quote(text)};
    if (!direction)
      return Error{"--objective: expected min:" + name.str() +
                   " or max:" + name.str() +
                   ", as the name does not say whether less is "
                   "better"};
    if (weights.get(name))
      return Error{"--objective: expected each metric once, found " +
                   quote(name) + " twice"};
    weights.set(name, builder.getF64FloatAttr(direction * weight));
  }
  return weights.getDictionary(context);
}
