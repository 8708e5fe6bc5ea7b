// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Data to measure placements on: a safetensors file, docs/search.md has the
// format.

#ifndef JET_SEARCH_EVALUATIONDATA_H
#define JET_SEARCH_EVALUATIONDATA_H

#include "support/Error.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace jet {

/// Sequences of one kind, all of one length.
struct EvaluationTask {
  std::string name;
  int64_t sequences = 0, length = 0;
  std::vector<int32_t> ids; // [sequences, length]
  /// [sequences, length]: 1 where the token is to be predicted from those
  /// before it; empty: everywhere but at the first.
  std::vector<uint8_t> mask;

  bool hasMask() const { return !mask.empty(); }
  bool isTarget(int64_t sequence, int64_t position) const {
    return position > 0 && (mask.empty() || mask[sequence * length + position]);
  }
};

/// The tasks of `path`, in the order of their names, of each the first
/// `rows[name]` sequences if it is there. Errors: not token ids below `vocab`
/// of at least 2 and at most `maxLength` + 1 positions; a mask of another
/// shape, of other values than 0 and 1, without targets; rows of a task that
/// there is not, or of more sequences than it has.
Result<std::vector<EvaluationTask>>
readEvaluationData(const std::string &path, int64_t vocab, int64_t maxLength,
                   const std::map<std::string, int64_t> &rows);

} // namespace jet

#endif // JET_SEARCH_EVALUATIONDATA_H
