// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/tile/interpreter/Program.h"

using namespace mlir;
using namespace jet::tile;

uint32_t jet::tile::countCells(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return Element::of(vector.getElementType()).kind == Element::Kind::None
               ? 0
               : vector.getNumElements();
  if (auto acc = dyn_cast<AccType>(type))
    return acc.getNumElements() + 1;
  if (isa<RowsType>(type))
    return 2;
  if (auto frag = dyn_cast<FragType>(type))
    return 2 * frag.getNumRegisters();
  if (isa<SharedType, BarriersType, TensorMapType, MemRefType>(type))
    return 1;
  return Element::of(type).kind != Element::Kind::None;
}

uint32_t Compiler::newCells(uint32_t count) {
  uint32_t first = program.cells;
  program.cells += count;
  return first;
}

uint32_t Compiler::cell(Value value) {
  auto [place, isNew] = places.try_emplace(value, 0);
  if (isNew)
    place->second = newCells(countCells(value.getType()));
  return place->second;
}

void Compiler::alias(Value alias, Value value) { places[alias] = cell(value); }

Instruction &Compiler::emit(Operation *op, Instruction::Run run,
                            Instruction::Kind kind) {
  Instruction &instruction = program.instructions.emplace_back();
  instruction.number = program.instructions.size() - 1;
  instruction.kind = kind;
  instruction.run = run;
  instruction.op = op;
  for (Value operand : op->getOperands())
    instruction.in.push_back(cell(operand));
  if (op->getNumResults()) {
    instruction.out = cell(op->getResult(0));
    instruction.cells = countCells(op->getResult(0).getType());
  }
  return instruction;
}

Instruction &Compiler::emitBlocking(Operation *op, Instruction::Poll poll) {
  Instruction &instruction = emit(op, nullptr, Instruction::Kind::Blocking);
  instruction.poll = poll;
  return instruction;
}

LogicalResult Compiler::compileOp(Operation &op) {
  for (Type type : op.getResultTypes())
    if (!countCells(type))
      return op.emitOpError("the interpreter has no values of ") << type;
  LogicalResult result = success();
  if (compileControl(&op, result))
    return result;
  for (auto family :
       {compileArith, compileMath, compileVector, compileKernelOps, compileSync,
        compileCopies, compileMatrices, compileWgmma})
    if (family(*this, &op))
      return success();
  return op.emitOpError("the interpreter does not know this op");
}

LogicalResult Compiler::compileBody(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(compileOp(op)))
      return failure();
  return success();
}

LogicalResult Compiler::compileKernel() {
  KernelOp kernel = program.kernel;
  for (Value argument : kernel.getBody().front().getArguments()) {
    if (!countCells(argument.getType()))
      return kernel.emitOpError("the interpreter has no values of ")
             << argument.getType();
    program.arguments.push_back(cell(argument));
  }
  program.sharedBytes = kernel.assignOffsets().back();
  SmallVector<uint32_t> exits;
  if (failed(compileRegion(kernel.getBody(), exits)))
    return failure();
  for (uint32_t exit : exits)
    land(exit);
  emit(kernel.getBody().back().getTerminator(), nullptr,
       Instruction::Kind::Exit);
  return success();
}

std::unique_ptr<Program> jet::tile::compile(KernelOp kernel) {
  auto program = std::make_unique<Program>();
  program->kernel = kernel;
  program->block = kernel.getBlock();
  program->cluster = kernel.getCluster();
  Compiler compiler(*program);
  if (failed(compiler.compileKernel()))
    return nullptr;
  return program;
}
