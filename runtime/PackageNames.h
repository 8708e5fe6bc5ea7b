// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The words of a package's header, for its writer and its reader. Private to
// the package library.

#ifndef JET_RUNTIME_PACKAGENAMES_H
#define JET_RUNTIME_PACKAGENAMES_H

#include "runtime/Package.h"

#include <cstdint>
#include <utility>

namespace jet::names {

inline constexpr const char *kFormat = "jet-package";
inline constexpr int64_t kBlobAlignment = 64;

inline constexpr char kSymbols[kNumSymbols] = {'R', 'B', 'T', 'C', 'S', 'P'};

inline constexpr std::pair<const char *, SizeExpr::Kind> kSizeOps[] = {
    {"add", SizeExpr::Kind::Add},
    {"mul", SizeExpr::Kind::Mul},
    {"ceildiv", SizeExpr::Kind::CeilDiv},
    {"floordiv", SizeExpr::Kind::FloorDiv},
};

inline constexpr std::pair<const char *, Access> kAccesses[] = {
    {"read", Access::Read},
    {"write", Access::Write},
    {"readwrite", Access::ReadWrite},
};

inline constexpr std::pair<const char *, StateKind> kStateKinds[] = {
    {"attention_kv", StateKind::AttentionKv},
    {"window_kv", StateKind::WindowKv},
    {"recurrent", StateKind::Recurrent},
    {"conv_tail", StateKind::ConvTail},
};

/// Operands that are an index: {"parameter": 3}.
inline constexpr std::pair<const char *, OperandRef::Kind> kIndexedOperands[] =
    {
        {"parameter", OperandRef::Kind::Parameter},
        {"state", OperandRef::Kind::State},
        {"buffer", OperandRef::Kind::Buffer},
};

/// Operands that are a name: {"input": "tokens"}.
inline constexpr std::pair<const char *, OperandRef::Kind> kInputs[] = {
    {"tokens", OperandRef::Kind::Tokens},
    {"positions", OperandRef::Kind::Positions},
    {"batch", OperandRef::Kind::Batch},
    {"sampling", OperandRef::Kind::Sampling},
};

/// Operands that are a result: {"output": "logits"}.
inline constexpr std::pair<const char *, OperandRef::Kind> kOutputs[] = {
    {"logits", OperandRef::Kind::Logits},
    {"values", OperandRef::Kind::Values},
    {"ids", OperandRef::Kind::Ids},
    {"next", OperandRef::Kind::Next},
};

/// Arguments of a stage: {"operand": 3}, {"scratch": 0}, {"size": "R"}.
inline constexpr std::pair<const char *, StageArgument::Kind> kArguments[] = {
    {"operand", StageArgument::Kind::Operand},
    {"scratch", StageArgument::Kind::Scratch},
    {"size", StageArgument::Kind::Size},
};

inline constexpr std::pair<const char *, bool> kRows[] = {
    {"tokens", false},
    {"sequences", true},
};

/// `size` rounded up to the blob alignment; `size` is far from overflow.
constexpr int64_t alignBlob(int64_t size) {
  return (size + kBlobAlignment - 1) / kBlobAlignment * kBlobAlignment;
}

} // namespace jet::names

#endif // JET_RUNTIME_PACKAGENAMES_H
