// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel as a list of instructions on registers. Values have fixed places
// ("cells"), control flow is jumps. Compiled once, run by all warps.
//
// Cells of a value: a scalar, an element of a vector or of what a thread holds
// of a matrix has one. Integers are sign-extended from their width, floats of
// any type are f32. An accumulator has one cell more, behind its elements: the
// number of the wgmma group that computes it, 0 if it can be read. Shared tiles
// are byte offsets, barriers the index of the first, memory and tensor maps the
// index of the argument.

#ifndef JET_DIALECTS_TILE_INTERPRETER_PROGRAM_H
#define JET_DIALECTS_TILE_INTERPRETER_PROGRAM_H

#include "dialects/tile/interpreter/Elements.h"
#include "dialects/tile/interpreter/Interpreter.h"

#include "llvm/ADT/DenseMap.h"

#include <deque>

namespace jet::tile {

class Warp;

/// Lanes of a warp, a bit each.
using Mask = uint32_t;
inline constexpr Mask kAllLanes = ~Mask(0);

union Cell {
  int64_t i;
  float f;
  double d; // of f64
};

struct Instruction {
  enum class Kind : uint8_t {
    Plain,      // run() for any lanes
    Jump,       // run() sets the lanes' next instruction
    Blocking,   // poll() tells which lanes may go on
    Collective, // run() once the whole warp is here
    Warpgroup,  // run() of its first warp once all four are here
    Exit
  };
  using Run = void (*)(Warp &, const Instruction &, Mask);
  using Poll = Mask (*)(Warp &, const Instruction &, Mask);

  Kind kind = Kind::Plain;
  Run run = nullptr;
  Poll poll = nullptr;
  mlir::Operation *op = nullptr;
  uint32_t number = 0;                   // its own place
  llvm::SmallVector<uint32_t, 6> in;     // first cells of the operands
  uint32_t out = 0, cells = 1;           // of the first result
  llvm::SmallVector<int64_t, 4> numbers; // what else it needs
  Memory memory = {};                    // the memory that it accesses
};

/// Copies `cells` cells.
struct Move {
  uint32_t from, to, cells;
};

struct Program {
  KernelOp kernel;
  uint32_t block = 0, cluster = 1; // threads, CTAs
  // Instructions point to themselves.
  std::deque<Instruction> instructions;
  uint32_t cells = 0;                    // of a thread
  llvm::SmallVector<uint32_t> arguments; // their cells
  int64_t sharedBytes = 0, barriers = 0; // of a CTA
  int64_t granule = 16;                  // smallest access to shared memory
  std::vector<llvm::SmallVector<Move>> moves; // of instructions that move
};

/// Null after an error at an op that it does not know.
std::unique_ptr<Program> compile(KernelOp kernel);

/// Makes a program. What the ops do is in one function an op family, which
/// emits instructions for an op or says that it does not know it.
class Compiler {
public:
  explicit Compiler(Program &program) : program(program) {}

  mlir::LogicalResult compileKernel();

  /// The first cell of a value, whose place is made when first asked for.
  uint32_t cell(mlir::Value value);
  /// Makes `alias` another name of `value`.
  void alias(mlir::Value alias, mlir::Value value);
  uint32_t newCells(uint32_t count);
  /// Adds an instruction with the operands and the first result of `op`.
  Instruction &emit(mlir::Operation *op, Instruction::Run run,
                    Instruction::Kind kind = Instruction::Kind::Plain);
  Instruction &emitBlocking(mlir::Operation *op, Instruction::Poll poll);
  Instruction &emitCollective(mlir::Operation *op, Instruction::Run run) {
    return emit(op, run, Instruction::Kind::Collective);
  }
  uint32_t next() const { return program.instructions.size(); }
  /// Ops of a block before its terminator.
  mlir::LogicalResult compileBody(mlir::Block &block);
  void noteAccess(int64_t bytes) {
    program.granule = std::min(program.granule, bytes);
  }

  /// A jump to where land() puts it.
  uint32_t jump(mlir::Operation *op);
  void land(uint32_t jump) { landAt(jump, next()); }

  Program &program;

private:
  mlir::LogicalResult compileOp(mlir::Operation &op);
  /// A region of any blocks; `exits` are the jumps to behind it.
  mlir::LogicalResult compileRegion(mlir::Region &region,
                                    llvm::SmallVectorImpl<uint32_t> &exits);
  mlir::LogicalResult compileTerminator(
      mlir::Operation &op,
      llvm::SmallVectorImpl<std::pair<uint32_t, mlir::Block *>> &jumps,
      llvm::SmallVectorImpl<uint32_t> &exits);
  mlir::LogicalResult compileFor(mlir::Operation *op);
  mlir::LogicalResult compileIf(mlir::Operation *op);
  mlir::LogicalResult compileWhile(mlir::Operation *op);
  mlir::LogicalResult compileSwitch(mlir::Operation *op);
  mlir::LogicalResult compileRoles(RolesOp op);
  bool compileControl(mlir::Operation *op, mlir::LogicalResult &result);

  void move(mlir::Operation *op, mlir::ValueRange from, mlir::ValueRange to);
  /// Jumps if the condition is false.
  uint32_t jumpUnless(mlir::Operation *op, uint32_t condition);
  void landAt(uint32_t jump, uint32_t target);

  llvm::DenseMap<mlir::Value, uint32_t> places;
};

/// Whether an op has been compiled, an op family each.
bool compileArith(Compiler &compiler, mlir::Operation *op);
bool compileMath(Compiler &compiler, mlir::Operation *op);
bool compileVector(Compiler &compiler, mlir::Operation *op);
bool compileKernelOps(Compiler &compiler, mlir::Operation *op);
bool compileSync(Compiler &compiler, mlir::Operation *op);
bool compileCopies(Compiler &compiler, mlir::Operation *op);
bool compileMatrices(Compiler &compiler, mlir::Operation *op);
bool compileWgmma(Compiler &compiler, mlir::Operation *op);

/// Cells that a value of a type has; 0 for types that are not supported.
uint32_t countCells(mlir::Type type);

} // namespace jet::tile

#endif // JET_DIALECTS_TILE_INTERPRETER_PROGRAM_H
