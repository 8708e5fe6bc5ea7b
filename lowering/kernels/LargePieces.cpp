// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/kernels/LargePieces.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

static constexpr int64_t kPair = LargeTile::kPair;
static constexpr int64_t kPairs = kMultiprocessors / kPair;

void LargePieces::forEach(const Some &some, ValueRange inits, Body body) {
  Value own = b.div(b.blockX(), kPair), one = b.index(1);
  Value pairs = stage.size(rows.ceilDiv(kPair * LargeTile::kRows));
  Value all = b.mul(pairs, tiles), rounds = b.div(all, kPairs);
  Value rest = b.rem(all, kPairs);
  auto pieceOfRound = [&](Value round) {
    return pieceOf(b.add(own, b.mul(round, kPairs)), Value(), round, pairs);
  };
  auto forRounds = [&](Value hasMore,
                       function_ref<Values(Value, ValueRange)> ofRound) {
    Value count = b.select(hasMore, b.add(rounds, one), rounds);
    b.loop(some.from, some.end ? b.min(count, some.end) : count,
           b.index(some.step), inits, ofRound);
  };
  if (!halves) {
    forRounds(b.less(own, rest), [&](Value round, ValueRange carried) {
      return body(pieceOfRound(round), carried);
    });
    return;
  }
  Value halved = b.less(rest, kPairs / 2 + 1);
  Value share = b.select(halved, b.mul(rest, 2), rest);
  forRounds(b.less(own, share), [&](Value round, ValueRange carried) -> Values {
    Value isHalf = b.both(halved, b.inverse(b.less(round, rounds)));
    auto branch = scf::IfOp::create(b, TypeRange(carried), isHalf,
                                    /*withElseRegion=*/true);
    auto fill = [&](Region &region, function_ref<Piece()> piece) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(&region.front());
      Values next = body(piece(), carried);
      if (!carried.empty()) // without values it has its end already
        scf::YieldOp::create(b, next);
    };
    fill(branch.getThenRegion(), [&] {
      Value number = b.add(b.mul(rounds, kPairs), b.div(own, 2));
      return pieceOf(number, b.rem(own, 2), round, pairs);
    });
    fill(branch.getElseRegion(), [&] { return pieceOfRound(round); });
    return llvm::to_vector_of<Value>(branch.getResults());
  });
}

/// Tile `number`, counted block by block: of one pair where a round has all
/// columns twice, so that it reads all weights anyway.
LargePieces::Piece LargePieces::pieceOf(Value number, Value half, Value round,
                                        Value pairs) {
  int64_t blockPairs = 2 * tiles <= kPairs ? 1 : shape.blockPairs;
  Value block = b.index(blockPairs * tiles);
  Value blockNumber = b.div(number, block);
  Value inBlock = b.sub(number, b.mul(blockNumber, block));
  Value firstPair = b.mul(blockNumber, blockPairs);
  Value count = b.min(b.sub(pairs, firstPair), b.index(blockPairs));
  Value tile = b.div(inBlock, count);
  Value pair = b.add(firstPair, b.sub(inBlock, b.mul(tile, count)));
  return {b.mul(pair, kPair * LargeTile::kRows), tile, half, round};
}
