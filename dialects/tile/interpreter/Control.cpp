// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Control flow as jumps and moves.

#include "dialects/tile/interpreter/Machine.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace jet::tile;

//===----------------------------------------------------------------------===//
// Moves and jumps
//===----------------------------------------------------------------------===//

static void runMoves(Warp &warp, const Instruction &instruction, Mask mask) {
  for (const Move &move : warp.program().moves[size_t(instruction.numbers[0])])
    for (uint32_t i = 0; i < move.cells; ++i)
      for (int lane : lanes(mask))
        warp.cell(move.to + i, lane) = warp.cell(move.from + i, lane);
}

/// All values are read before any is written.
void Compiler::move(Operation *op, ValueRange from, ValueRange to) {
  SmallVector<Move> moves, late;
  for (auto [source, target] : llvm::zip_equal(from, to)) {
    Move move{cell(source), cell(target), countCells(source.getType())};
    if (move.from == move.to)
      continue;
    bool overwritten = llvm::any_of(
        moves, [&](const Move &before) { return before.to == move.from; });
    if (overwritten) {
      // Kept before anything is written.
      uint32_t kept = newCells(move.cells);
      moves.insert(moves.begin(), Move{move.from, kept, move.cells});
      move.from = kept;
    }
    moves.push_back(move);
  }
  if (moves.empty())
    return;
  Instruction &instruction = emit(op, runMoves);
  instruction.numbers.push_back(program.moves.size());
  program.moves.push_back(std::move(moves));
}

static void runJump(Warp &warp, const Instruction &instruction, Mask mask) {
  for (int lane : lanes(mask))
    warp.setNext(lane, uint32_t(instruction.numbers[0]));
}

static void runJumpUnless(Warp &warp, const Instruction &instruction,
                          Mask mask) {
  uint32_t condition = uint32_t(instruction.numbers[1]);
  for (int lane : lanes(mask))
    warp.setNext(lane, warp.cell(condition, lane).i
                           ? instruction.number + 1
                           : uint32_t(instruction.numbers[0]));
}

uint32_t Compiler::jump(Operation *op) {
  Instruction &instruction = emit(op, runJump, Instruction::Kind::Jump);
  instruction.numbers.push_back(0);
  return instruction.number;
}

uint32_t Compiler::jumpUnless(Operation *op, uint32_t condition) {
  Instruction &instruction = emit(op, runJumpUnless, Instruction::Kind::Jump);
  instruction.numbers.append({0, condition});
  return instruction.number;
}

void Compiler::landAt(uint32_t jump, uint32_t target) {
  program.instructions[jump].numbers[0] = target;
}

//===----------------------------------------------------------------------===//
// scf
//===----------------------------------------------------------------------===//

LogicalResult Compiler::compileFor(Operation *op) {
  auto loop = cast<scf::ForOp>(op);
  Value counter = loop.getInductionVar();
  move(op, loop.getLowerBound(), counter);
  move(op, loop.getInitArgs(), loop.getRegionIterArgs());
  // What an iteration takes is what remains at the end.
  for (auto [result, argument] :
       llvm::zip_equal(loop.getResults(), loop.getRegionIterArgs()))
    alias(result, argument);
  uint32_t condition = newCells(1), head = next();
  unsigned bits = Element::of(counter.getType()).bits;
  Instruction &compare =
      emit(op, [](Warp &warp, const Instruction &instruction, Mask mask) {
        for (int lane : lanes(mask))
          warp.cell(uint32_t(instruction.numbers[1]), lane).i =
              warp.cell(uint32_t(instruction.numbers[0]), lane).i <
              warp.cell(instruction.in[1], lane).i;
      });
  compare.numbers.append({cell(counter), condition});
  uint32_t leave = jumpUnless(op, condition);
  if (failed(compileBody(*loop.getBody())))
    return failure();
  move(loop.getBody()->getTerminator(), loop.getYieldedValues(),
       loop.getRegionIterArgs());
  Instruction &step =
      emit(op, [](Warp &warp, const Instruction &instruction, Mask mask) {
        for (int lane : lanes(mask)) {
          Cell &counter = warp.cell(uint32_t(instruction.numbers[0]), lane);
          counter.i = wrap(counter.i + warp.cell(instruction.in[2], lane).i,
                           unsigned(instruction.numbers[1]));
        }
      });
  step.numbers.append({cell(counter), bits});
  landAt(jump(op), head);
  land(leave);
  return success();
}

LogicalResult Compiler::compileIf(Operation *op) {
  auto branch = cast<scf::IfOp>(op);
  uint32_t otherwise = jumpUnless(op, cell(branch.getCondition()));
  if (failed(compileBody(*branch.thenBlock())))
    return failure();
  move(op, branch.thenYield().getResults(), op->getResults());
  if (!branch.elseBlock()) {
    land(otherwise);
    return success();
  }
  uint32_t end = jump(op);
  land(otherwise);
  if (failed(compileBody(*branch.elseBlock())))
    return failure();
  move(op, branch.elseYield().getResults(), op->getResults());
  land(end);
  return success();
}

LogicalResult Compiler::compileWhile(Operation *op) {
  auto loop = cast<scf::WhileOp>(op);
  move(op, loop.getInits(), loop.getBeforeArguments());
  uint32_t head = next();
  if (failed(compileBody(*loop.getBeforeBody())))
    return failure();
  scf::ConditionOp condition = loop.getConditionOp();
  for (auto [result, argument] :
       llvm::zip_equal(loop.getResults(), loop.getAfterArguments()))
    alias(result, argument);
  move(op, condition.getArgs(), loop.getAfterArguments());
  uint32_t leave = jumpUnless(op, cell(condition.getCondition()));
  if (failed(compileBody(*loop.getAfterBody())))
    return failure();
  move(op, loop.getYieldOp().getResults(), loop.getBeforeArguments());
  landAt(jump(op), head);
  land(leave);
  return success();
}

LogicalResult Compiler::compileSwitch(Operation *op) {
  auto choice = cast<scf::IndexSwitchOp>(op);
  SmallVector<uint32_t> ends;
  uint32_t condition = newCells(1);
  auto compileCase = [&](Block &block) -> LogicalResult {
    if (failed(compileBody(block)))
      return failure();
    move(op, block.getTerminator()->getOperands(), op->getResults());
    ends.push_back(jump(op));
    return success();
  };
  for (auto [value, region] :
       llvm::zip_equal(choice.getCases(), choice.getCaseRegions())) {
    Instruction &compare =
        emit(op, [](Warp &warp, const Instruction &instruction, Mask mask) {
          for (int lane : lanes(mask))
            warp.cell(uint32_t(instruction.numbers[0]), lane).i =
                warp.cell(instruction.in[0], lane).i == instruction.numbers[1];
        });
    compare.numbers.append({condition, value});
    uint32_t other = jumpUnless(op, condition);
    if (failed(compileCase(region.front())))
      return failure();
    land(other);
  }
  if (failed(compileCase(choice.getDefaultBlock())))
    return failure();
  for (uint32_t end : ends)
    land(end);
  return success();
}

//===----------------------------------------------------------------------===//
// Roles, regions of blocks
//===----------------------------------------------------------------------===//

LogicalResult Compiler::compileRoles(RolesOp op) {
  SmallVector<uint32_t> exits;
  uint32_t condition = newCells(1);
  int64_t end = 0;
  for (RoleOp role : op.getBody().front().getOps<RoleOp>()) {
    end += role.getThreads() / 32;
    Instruction &compare =
        emit(op, [](Warp &warp, const Instruction &instruction, Mask mask) {
          for (int lane : lanes(mask))
            warp.cell(uint32_t(instruction.numbers[0]), lane).i =
                warp.index() < instruction.numbers[1];
        });
    compare.numbers.append({condition, end});
    uint32_t other = jumpUnless(op, condition);
    if (failed(compileRegion(role.getBody(), exits)))
      return failure();
    land(other);
  }
  for (uint32_t exit : exits)
    land(exit);
  return success();
}

LogicalResult Compiler::compileRegion(Region &region,
                                      SmallVectorImpl<uint32_t> &exits) {
  DenseMap<Block *, uint32_t> starts;
  SmallVector<std::pair<uint32_t, Block *>> jumps;
  for (Block &block : region) {
    starts[&block] = next();
    if (failed(compileBody(block)) ||
        failed(compileTerminator(*block.getTerminator(), jumps, exits)))
      return failure();
  }
  for (auto [from, block] : jumps)
    landAt(from, starts[block]);
  return success();
}

LogicalResult Compiler::compileTerminator(
    Operation &op, SmallVectorImpl<std::pair<uint32_t, Block *>> &jumps,
    SmallVectorImpl<uint32_t> &exits) {
  if (isa<ReturnOp>(op)) {
    exits.push_back(jump(&op));
  } else if (auto branch = dyn_cast<cf::BranchOp>(op)) {
    move(&op, branch.getDestOperands(), branch.getDest()->getArguments());
    jumps.emplace_back(jump(&op), branch.getDest());
  } else if (auto branch = dyn_cast<cf::CondBranchOp>(op)) {
    uint32_t otherwise = jumpUnless(&op, cell(branch.getCondition()));
    move(&op, branch.getTrueDestOperands(),
         branch.getTrueDest()->getArguments());
    jumps.emplace_back(jump(&op), branch.getTrueDest());
    land(otherwise);
    move(&op, branch.getFalseDestOperands(),
         branch.getFalseDest()->getArguments());
    jumps.emplace_back(jump(&op), branch.getFalseDest());
  } else {
    return op.emitOpError("the interpreter does not know this terminator");
  }
  return success();
}

bool Compiler::compileControl(Operation *op, LogicalResult &result) {
  if (isa<scf::ForOp>(op))
    result = compileFor(op);
  else if (isa<scf::IfOp>(op))
    result = compileIf(op);
  else if (isa<scf::WhileOp>(op))
    result = compileWhile(op);
  else if (isa<scf::IndexSwitchOp>(op))
    result = compileSwitch(op);
  else if (auto roles = dyn_cast<RolesOp>(op))
    result = compileRoles(roles);
  else
    return false;
  return true;
}
