// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The package: the one file in which the compiler and the runtime meet, and
// this header the one description of it that both include.
//
// Bytes of a package, format version 6 (all integers little-endian):
//
//   offset 0        u64: N, the length of the header
//   offset 8        N bytes: the header, JSON (UTF-8), padded with spaces so
//                   that 8 + N is a multiple of 64
//   offset 8 + N    the blobs, each at a multiple of 64 from here, zero padded
//   last 8 bytes    u64: XXH3-64 of every byte before it
//
// The header is the JSON form of `Package` below: one key per member, in the
// names given in the members' comments. A package holds code and is trusted
// like a program; the checks of readPackage() protect against accidents
// (truncation, bit flips, another version or machine), not against malice.
//
// What a package executes: a *program* is a list of *launches*; a launch runs
// one *kernel* over its grid. A kernel works on rows (tokens or sequences) and
// is compiled once for all sizes; the sizes of a step are the symbols
//
//   R  rows the launch works on: T for tokens, B for sequences (Launch::rows)
//   B  sequences in the batch
//   T  tokens of the step, all sequences together (ragged, no padding)
//   C  pages that a sequence can have at most: the columns of its page table
//   S  slots of the state
//   P  pages of the state
//
// and the kernel's ABI on the CPU target is
//
//   void kernel(void *const *operands, const int64_t symbols[6],
//               int64_t begin, int64_t end);
//
// which computes the grid points [begin, end). Grid points are independent:
// any partition over threads gives the same bits.
//
// On the CUDA target it is a kernel of KernelInfo::threads threads a block with
// the parameters
//
//   one pointer per operand, one int64 per symbol,
//   void *scratch, int64 scratch_bytes, int64 points
//
// of which block i of n computes the grid points from points·i/n to
// points·(i+1)/n, any n >= 1; `scratch` is n · scratch_bytes of memory for the
// launch alone, contents of no matter, scratch_bytes the value of
// KernelInfo::scratch.
//
// Besides this general form a kernel may have others for the CUDA target, each
// for some sizes of a step: see KernelForm. Their kernels take the parameters
// that their StageInfo lists.
//
// Inputs of every program, prepared by the runtime:
//   tokens     [T]     i32   token ids
//   positions  [T]     i32   absolute position of each token in its sequence
//   batch  [B, 4 + C]  i32   per sequence: slot, position (tokens already in
//                            the state), first row in `tokens`, row count >= 1,
//                            then its page table: the pages of its positions,
//                            page_size positions each, up to the step's last
// and of the programs that pick tokens:
//   sampling   [B, 4]  f32   per sequence: temperature, top-p, top-k and u, as
//                            in the op jet.sample; any numbers are safe
// Outputs, one row for each sequence (its last token) or token: either
//   logits     [B or T, vocab]   f32
// or, of the programs *_sample, the K largest logits in order — the larger
// first, of equal ones the lower id, NaNs last —, and their ids:
//   values     [B, K]  f32
//   ids        [B, K]  i32
// and, of those that pick, what `sampling` picks of the logits or of the ids:
//   next       [B]     i32

#ifndef JET_RUNTIME_PACKAGE_H
#define JET_RUNTIME_PACKAGE_H

#include "support/CostExpr.h"
#include "support/DType.h"
#include "support/Error.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace jet {

inline constexpr int64_t kPackageVersion = 7;

/// The sizes that kernels are symbolic in; the index is the ABI's.
enum class Symbol { R = 0, B = 1, T = 2, C = 3, S = 4, P = 5 };
inline constexpr int kNumSymbols = 6;
using SymbolValues = int64_t[kNumSymbols];

/// Columns of the batch in front of a sequence's pages.
inline constexpr int64_t kBatchColumns = 4;
/// Columns of the input `sampling`.
inline constexpr int64_t kSamplingColumns = 4;

/// A non-negative size that is polynomial in the symbols, or a division of one,
/// rounded up or down. JSON: an integer, a symbol's letter, or
/// ["add" | "mul" | "ceildiv" | "floordiv", lhs, rhs].
struct SizeExpr {
  enum class Kind { Constant, Symbol, Add, Mul, CeilDiv, FloorDiv };
  Kind kind = Kind::Constant;
  int64_t constant = 0;           // Constant
  jet::Symbol symbol = Symbol::R; // Symbol
  std::vector<SizeExpr> args;     // two, for the others

  static SizeExpr makeConstant(int64_t value);
  static SizeExpr makeSymbol(jet::Symbol symbol);
  static SizeExpr make(Kind kind, SizeExpr lhs, SizeExpr rhs);

  /// The value for `symbols`; an error on overflow or division by <= 0.
  Result<int64_t> evaluate(const SymbolValues &symbols) const;
};

/// Which machine the code runs on. JSON "target".
struct TargetInfo {
  std::string kind; // "kind": "cpu" | "cuda"
  std::string arch; // "arch": "x86_64"; of cuda "sm_90a"
  /// "cpu_level": microarchitecture level that the code needs, e.g.
  /// "x86-64-v3"; the loader compares it with the machine. Of cuda empty.
  std::string cpuLevel;
};

/// Facts about the model that the runtime and `inspect` need. JSON "model".
struct ModelInfo {
  std::string name;                 // "name"
  std::vector<std::string> layers;  // "layers": mixer names in order
  std::string dtype;                // "dtype": "BF16" | "F32", of weights
  int64_t parameters = 0;           // "parameters": number of weights
  int64_t hiddenSize = 0;           // "hidden_size"
  int64_t vocabSize = 0;            // "vocab_size"
  int64_t maxBatch = 0;             // "max_batch": B, S <= max_batch
  int64_t maxContext = 0;           // "max_context": positions of a sequence
  int64_t pageSize = 1;             // "page_size": positions of a page
  int64_t bosTokenId = -1;          // "bos_token_id": -1 for none
  std::vector<int64_t> eosTokenIds; // "eos_token_ids"
};

/// A checkpoint tensor that a parameter is made from.
struct SourceTensor {
  std::string name;           // "name": its Hugging Face name
  std::vector<int64_t> shape; // "shape"

  bool operator==(const SourceTensor &) const = default;
};

/// A weight: a checkpoint tensor, or made from several. JSON "parameters".
struct ParameterInfo {
  std::string name;           // "name": its Hugging Face name, if it is one
  DType dtype = DType::F32;   // "dtype", also of all sources
  std::vector<int64_t> shape; // "shape"
  /// "recipe": {"concat": [source, …]}, left out for a checkpoint tensor. The
  /// rows (dimension 0) of the sources, one source after another; all other
  /// sizes are the parameter's. No tensor is read by two parameters so.
  std::vector<SourceTensor> concat = {};
  /// "recipe": {"column_scale": source}: a vector of as many elements as the
  /// parameter, a matrix of F32 or BF16, has columns. Each row is multiplied by
  /// it, in f32, and rounded to `dtype`. Others may read it too.
  std::optional<SourceTensor> columnScale = {};
};

/// What a layer keeps for a sequence between steps; see StateInfo::kind.
enum class StateKind { AttentionKv, WindowKv, Recurrent, ConvTail };

/// "attention_kv", "window_kv", "recurrent", "conv_tail".
std::string_view stateKindName(StateKind kind);

/// State of one layer: a slot for each sequence, or, of attention_kv, pages
/// that sequences take from a pool as they grow; either contiguous. A new
/// sequence's slot begins as zeros. JSON "states".
struct StateInfo {
  int64_t layer = 0;                       // "layer"
  StateKind kind = StateKind::AttentionKv; // "kind"
  /// "dtype": "F32" | "BF16", of caches also "F8_E4M3"
  DType dtype = DType::F32;
  /// "shape" of one slot or page; attention_kv: [2, kv_heads, page_size,
  /// head_dim] (K then V), window_kv: [2, kv_heads, window, head_dim] (position
  /// p lives at p mod window), recurrent: [heads, d_k, d_v], conv_tail:
  /// [W - 1, value_dim] (oldest row first).
  std::vector<int64_t> shape;

  bool isPaged() const { return kind == StateKind::AttentionKv; }
};

/// How a kernel uses an operand.
enum class Access { Read, Write, ReadWrite };

/// JSON of a kernel's operand: {"dtype", "shape", "access"}.
struct KernelOperand {
  DType dtype = DType::F32;
  std::vector<SizeExpr> shape;  // dense row-major; states: "S" or "P" first
  Access access = Access::Read; // "read" | "write" | "readwrite"
};

/// How the tensor memory accelerator sees a dense row-major tensor: a
/// CUtensorMap that is encoded for the sizes of a step. JSON "map": {"dtype",
/// "shape", "box", "swizzle"}.
struct TensorMapInfo {
  DType dtype = DType::BF16;
  std::vector<SizeExpr> shape; // 1 to 5 sizes, outermost first
  std::vector<int64_t> box;    // as many, 1 to 256: what one copy moves
  int64_t swizzle = 0;         // bytes: 0, 32, 64, 128
};

/// A parameter of a stage. JSON: {"operand": i}, {"scratch": offset} or
/// {"size": expression}; a tensor map is one of the first two and "map".
struct StageArgument {
  enum class Kind {
    Operand, // a pointer: the kernel's operand `operand`
    Scratch, // a pointer: `value` bytes into the form's scratch memory
    Size     // an int32: `value`
  };
  Kind kind = Kind::Operand;
  int64_t operand = 0;
  SizeExpr value = {};
  /// Instead of the pointer 128 bytes, aligned to 64: the tensor map of what
  /// is there.
  std::optional<TensorMapInfo> map = {};
};

/// One launch of a kernel on the GPU. JSON "stages".
struct StageInfo {
  std::string name;           // "name": symbol in the code blob
  std::vector<SizeExpr> grid; // "grid": CTAs along x, y, z; 1 to 3 of them
  int64_t threads = 0;        // "threads" of a CTA
  int64_t cluster = 1;        // "cluster": CTAs of a cluster, along x
  int64_t sharedBytes = 0;    // "shared_bytes": dynamic shared memory of a CTA
  /// "overlaps": it may start before the launch before it has ended, and waits
  /// by itself for that, or for what it needs of it, and for all of it before
  /// it ends (programmatic dependent launch).
  bool overlaps = false;
  std::vector<StageArgument> arguments; // "arguments"
  /// "product", "tile": of a product of many rows, which it is and what tiles
  /// it is cut into, in the names of a TileTable; left out if empty.
  std::string product = {}, tile = {};
};

/// Another way to compute a kernel, for some sizes of a step: stages one after
/// another, with memory between them. Forms behind one for every R are never
/// taken: they are there to be measured (jet-run tune). JSON "forms".
struct KernelForm {
  /// "max_rows": for launches of R <= max_rows; 0 for every R.
  int64_t maxRows = 0;
  /// "one_token": only for steps with one token of each sequence (T = B).
  bool oneToken = false;
  /// "max_sequences": only for steps of B <= max_sequences; left out if 0, for
  /// any.
  int64_t maxSequences = 0;
  SizeExpr scratch;              // "scratch": bytes, aligned to 1024
  std::vector<StageInfo> stages; // "stages"
};

/// JSON "kernels".
struct KernelInfo {
  std::string name;                    // "name": symbol in the code blob
  SizeExpr grid;                       // "grid": number of grid points
  std::vector<KernelOperand> operands; // "operands"
  /// "op": the op that the kernel computes, e.g. "linear"; empty for unknown.
  std::string op = {};
  /// "cost" of a launch: {part: expression}, parts of 0 left out (see
  /// kCostParts and CostExpr::toString); R is the launch's. For reports:
  /// nothing that runs depends on it.
  OpCost cost = {};
  /// Of the CUDA target: "threads" of a block, and "scratch", the bytes of
  /// memory that a block needs besides; both left out if 0.
  int64_t threads = 0;
  SizeExpr scratch = {};
  /// "forms", left out if there are none: the first one that fits the step is
  /// taken, the kernel itself if none does.
  std::vector<KernelForm> forms = {};
};

/// What the assembler said of one kernel of the code. JSON "code", empty where
/// there was no assembler.
struct CodeInfo {
  std::string name;        // "name": its symbol
  int64_t registers = 0;   // "registers" of a thread
  int64_t sharedBytes = 0; // "shared_bytes": static and dynamic, of a CTA
  int64_t spillBytes = 0;  // "spill_bytes": stored and loaded
  int64_t threads = 0;     // "threads" of a CTA
};

/// Some rows of a parameter: [begin, end). JSON: [begin, end].
struct RowRange {
  int64_t begin = 0, end = 0;
};

/// What a launch passes to a kernel. JSON: {"parameter": i}, {"parameter": i,
/// "rows": [begin, end]}, {"state": i}, {"buffer": i},
/// {"input": "tokens" | "positions" | "batch" | "sampling"},
/// {"output": "logits" | "values" | "ids" | "next"}.
struct OperandRef {
  enum class Kind {
    Parameter,
    State,
    Buffer,
    Tokens,
    Positions,
    Batch,
    Sampling,
    Logits,
    Values, // of candidates
    Ids,
    Next
  };
  Kind kind = Kind::Buffer;
  int64_t index = 0; // Parameter, State: package-wide; Buffer: in the program
  std::optional<RowRange> rows = {}; // Parameter: all of it, if there is none
};

/// JSON "launches".
struct LaunchInfo {
  int64_t kernel = 0; // "kernel": index into kernels
  bool rowsAreSequences =
      false; // "rows": "tokens" (R = T) | "sequences" (R = B)
  std::vector<OperandRef> operands; // "operands"
};

/// An activation: a slice of the arena of a step, which is T * bytesPerRow
/// bytes long; the buffer begins at T * offset and is at least as long as any
/// operand it is passed for. JSON "buffers".
struct BufferInfo {
  int64_t offset = 0; // "offset": bytes per row, a multiple of 64
  int64_t bytes = 0;  // "bytes": bytes per row
};

/// One entry point. JSON "programs".
struct ProgramInfo {
  /// "name": "prefill" | "decode" | "forward", and in packages that can sample
  /// "prefill_sample" | "decode_sample".
  std::string name;
  int64_t arenaBytesPerRow = 0; // "arena_bytes_per_row"
  /// "logits": the rows of the outputs, "sequences" (last token of each) |
  /// "tokens"
  bool logitsPerSequence = true;
  /// "candidates": K of the outputs values and ids, the same in all programs
  /// that sample; 0 for logits.
  int64_t candidates = 0;
  std::vector<BufferInfo> buffers;  // "buffers"
  std::vector<LaunchInfo> launches; // "launches"
};

/// Whether every step of the program named so has one token of each sequence.
inline bool isDecodeProgram(std::string_view name) {
  return name == "decode" || name == "decode_sample";
}

inline bool isOutput(OperandRef::Kind kind) {
  using Kind = OperandRef::Kind;
  return kind == Kind::Logits || kind == Kind::Values || kind == Kind::Ids ||
         kind == Kind::Next;
}
/// Whether `kind` may be among the outputs of `program`.
inline bool mayOutput(const ProgramInfo &program, OperandRef::Kind kind) {
  if (kind == OperandRef::Kind::Next)
    return program.logitsPerSequence;
  return isOutput(kind) &&
         (kind == OperandRef::Kind::Logits) == (program.candidates == 0);
}
/// Whether `program` picks the next tokens: all with candidates do.
bool picksTokens(const ProgramInfo &program);

/// A named run of bytes. JSON "blobs": {"name", "offset", "bytes"}, offset from
/// the end of the header.
struct Blob {
  /// "host_code": an ELF shared object (cpu target). "ptx": PTX of all kernels;
  /// "cubin": the same assembled, where the compiler had the means (cuda
  /// target).
  std::string name;
  std::vector<std::byte> bytes;
};

/// A whole package. JSON top level: "format": "jet-package", "version",
/// "producer", and one key per member. A value; immutable by convention.
struct Package {
  std::string producer; // "jetc <version>"
  TargetInfo target;
  ModelInfo model;
  std::vector<ParameterInfo> parameters;
  std::vector<StateInfo> states;
  std::vector<KernelInfo> kernels;
  std::vector<ProgramInfo> programs;
  std::vector<CodeInfo> code = {};
  std::vector<Blob> blobs;
};

/// Pages that `context` positions of a sequence take.
inline int64_t pagesFor(int64_t context, int64_t pageSize) {
  return context / pageSize + (context % pageSize != 0);
}

/// Checks a package against itself: indices in range, operand counts, dtypes
/// and shapes of launches against kernels, parameters, states and buffers for
/// every B <= max_batch, T, C and P; sizes free of overflow.
Result<void> verifyPackage(const Package &package, const std::string &path);

/// Writes `package` to `path`, which appears whole or not at all.
Result<void> writePackage(const Package &package, const std::string &path);

/// Reads and wholly verifies a package: length, version, checksum, structure,
/// then verifyPackage(). Nothing is allocated by a number that was not checked
/// against the file's size. Does not look at the machine.
Result<Package> readPackage(const std::string &path);

/// Whether this machine can run `target`; an error names what is missing. Of a
/// GPU only the name is looked at: openDevice() asks the driver.
Result<void> checkTarget(const TargetInfo &target, const std::string &path);

/// Bytes of state that one sequence holds with `context` positions, by kind.
struct StateBytes {
  int64_t attentionKv = 0, windowKv = 0, recurrent = 0, convTail = 0;
  int64_t total() const {
    return attentionKv + windowKv + recurrent + convTail;
  }
};
/// Pages count whole. An error on overflow or context < 0.
Result<StateBytes> stateBytesPerSequence(const Package &package,
                                         int64_t context);

} // namespace jet

#endif // JET_RUNTIME_PACKAGE_H
