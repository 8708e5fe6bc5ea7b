// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"
#include "passes/fuse/Fuse.h"
#include "runtime/Package.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_FUSEKVAPPENDPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

namespace {

/// All that becomes a jet.qkv_linear and, if that may append, an attention that
/// reads the cache.
struct Match {
  bool appends;
  AttentionOp attention;
  KvAppendOp append;
  RopeOp qRope, kRope;
  SplitHeadsOp heads[3]; // of q, k, v
  GroupedLinearOp group;
  SmallVector<Value> weights, biases; // of q, k, v

  /// The group's result that q (0), k (1) or v (2) is made from.
  unsigned resultOf(unsigned part) {
    return cast<OpResult>(heads[part].getX()).getResultNumber();
  }
};

} // namespace

/// The attention beside `append`: both read the same cache, keys and values,
/// and nothing else reads any of these.
static FailureOr<AttentionOp> findAttention(KvAppendOp append, FusionLog &log) {
  AttentionOp attention;
  for (Operation *user : append.getK().getUsers())
    if (user != append)
      attention = dyn_cast<AttentionOp>(user);
  if (!attention || attention.getK() != append.getK() ||
      attention.getV() != append.getV())
    return log.refuse(append, "no attention reads the same keys and values");
  if (attention.getCache() != append.getCache() ||
      attention.getBatch() != append.getBatch())
    return log.refuse(append, "the attention is of another cache or batch");
  const Value shared[] = {append.getK(), append.getV(), append.getCache()};
  for (Value value : shared)
    if (!value.hasNUses(2))
      return log.refuse(append, "its cache, keys or values have other readers");
  if (!attention->isBeforeInBlock(append))
    return log.refuse(append, "the attention comes after it");
  return attention;
}

/// The tensor that the code on result `index` adds, null if there is no code.
static FailureOr<Value> matchBias(GroupedLinearOp group, unsigned index) {
  std::optional<Port> port = findPort(group, resultPort(index));
  if (!port)
    return Value();
  if (port->extras.size() != 1 ||
      cast<ShapedType>(port->extras[0].getType()).getRank() != 1)
    return failure();
  // Through conversions: what is added is wide, what is yielded may be rounded.
  Block &body = port->region->front();
  Value value = cast<YieldOp>(body.getTerminator()).getValue();
  if (auto rounded = value.getDefiningOp<arith::TruncFOp>())
    value = rounded.getIn();
  auto sum = value.getDefiningOp<arith::AddFOp>();
  if (!sum)
    return failure();
  auto isArgument = [&](Value side, unsigned number) {
    if (auto extended = side.getDefiningOp<arith::ExtFOp>())
      side = extended.getIn();
    return side == body.getArgument(number);
  };
  for (auto [acc, bias] : {std::pair{sum.getLhs(), sum.getRhs()},
                           std::pair{sum.getRhs(), sum.getLhs()}})
    if (isArgument(acc, 0) && isArgument(bias, 1))
      return port->extras[0];
  return failure();
}

/// The weights and biases of a group that makes q, k and v and nothing else.
static LogicalResult matchGroup(Match &match, FusionLog &log) {
  GroupedLinearOp group = match.group;
  if (group.getNumResults() != 3 || group.getWeights().size() != 3)
    return log.refuse(match.append, "the group has other projections");
  if (findPort(group, 0))
    return log.refuse(match.append, "the group carries code on its input");
  for (unsigned part : {0, 1, 2}) {
    unsigned index = match.resultOf(part);
    Value result = group.getResult(index);
    if (!result.hasOneUse() || (part != 2 && !match.heads[part]->hasOneUse()))
      return log.refuse(match.append, "q, k or v have other readers");
    if (part != 2 && !getElementTypeOrSelf(result.getType()).isF32())
      return log.refuse(match.append, "q or k is rounded before the rotary "
                                      "embedding");
    FailureOr<Value> bias = matchBias(group, index);
    if (failed(bias))
      return log.refuse(match.append, "a projection carries code other than a "
                                      "bias");
    match.weights.push_back(group.getWeights()[index]);
    if (*bias)
      match.biases.push_back(*bias);
  }
  if (!match.biases.empty() && match.biases.size() != 3)
    return log.refuse(match.append, "only some of q, k and v have a bias");
  return success();
}

static FailureOr<Match> findMatch(KvAppendOp append, bool oneTokenEach,
                                  FusionLog &log) {
  FailureOr<AttentionOp> attention = findAttention(append, log);
  if (failed(attention))
    return failure();
  Match match;
  match.append = append;
  match.attention = *attention;
  // Many tokens would push keys out of the window that earlier ones see.
  match.appends = oneTokenEach || !append.getCache().getType().getWindow();
  match.qRope = match.attention.getQ().getDefiningOp<RopeOp>();
  match.kRope = append.getK().getDefiningOp<RopeOp>();
  if (!match.qRope || !match.kRope)
    return log.refuse(append, "q and k are not made by jet.rope");
  if (!match.qRope->hasOneUse())
    return log.refuse(append, "q, k or v have other readers");
  if (match.qRope.getPositions() != match.kRope.getPositions() ||
      match.qRope.getTheta() != match.kRope.getTheta())
    return log.refuse(append, "q and k are rotated by different angles");
  Value parts[] = {match.qRope.getX(), match.kRope.getX(), append.getV()};
  for (auto [part, heads] : llvm::zip_equal(parts, match.heads)) {
    heads = part.getDefiningOp<SplitHeadsOp>();
    auto group =
        heads ? heads.getX().getDefiningOp<GroupedLinearOp>() : nullptr;
    if (!group || (match.group && group != match.group))
      return log.refuse(append, "q, k and v are not projections of one group");
    match.group = group;
  }
  if (failed(matchGroup(match, log)))
    return failure();
  return match;
}

/// The projections, before the attention.
static QkvLinearOp createProjections(RewriterBase &rewriter, Match &match) {
  KvAppendOp append = match.append;
  SmallVector<Type> kept = {append.getType()};
  if (!match.appends)
    kept = {append.getK().getType(), append.getV().getType()};
  SmallVector<Location> locations = {match.group.getLoc(), match.qRope.getLoc(),
                                     match.kRope.getLoc()};
  if (match.appends)
    locations.push_back(append.getLoc());
  rewriter.setInsertionPoint(match.attention);
  return QkvLinearOp::create(
      rewriter, rewriter.getFusedLoc(locations),
      match.attention.getQ().getType(), kept, match.group.getX(),
      match.weights[0], match.weights[1], match.weights[2], match.biases,
      match.group.getNorm(), match.qRope.getPositions(),
      match.appends ? Value(append.getCache()) : Value(),
      match.appends ? Value(append.getBatch()) : Value(),
      match.qRope.getThetaAttr(), match.group.getNormEpsAttr());
}

/// The attention that reads k and v from the cache.
static AttentionOp createReader(RewriterBase &rewriter, AttentionOp attention,
                                QkvLinearOp fused) {
  auto reader = AttentionOp::create(
      rewriter, attention.getLoc(), attention.getType(), fused.getQ(),
      /*k=*/Value(), /*v=*/Value(), fused.getNextCache(), attention.getBatch(),
      attention.getExtras(), attention.getPorts(),
      attention.getPortRegions().size());
  for (auto [from, to] :
       llvm::zip_equal(attention.getPortRegions(), reader.getPortRegions()))
    to.takeBody(from);
  return reader;
}

static void fuse(RewriterBase &rewriter, Match &match) {
  QkvLinearOp fused = createProjections(rewriter, match);
  if (match.appends) {
    AttentionOp reader = createReader(rewriter, match.attention, fused);
    rewriter.replaceOp(match.append, fused.getNextCache());
    rewriter.replaceOp(match.attention, reader.getResult());
  } else {
    rewriter.replaceAllUsesWith(match.attention.getQ(), fused.getQ());
    rewriter.replaceAllUsesWith(match.append.getK(), fused.getK());
    rewriter.replaceAllUsesWith(match.append.getV(), fused.getV());
  }
  for (Operation *op : {match.qRope.getOperation(), match.kRope.getOperation()})
    rewriter.eraseOp(op);
  for (SplitHeadsOp heads : match.heads)
    rewriter.eraseOp(heads);
  rewriter.eraseOp(match.group);
}

namespace {
struct FuseKvAppendPass : jet::impl::FuseKvAppendPassBase<FuseKvAppendPass> {
  using FuseKvAppendPassBase::FuseKvAppendPassBase;

  void runOnOperation() override {
    FusionLog log("kv-append", remarks);
    IRRewriter rewriter(&getContext());
    bool oneTokenEach = isDecodeProgram(getOperation().getSymName());
    for (KvAppendOp append :
         llvm::to_vector(getOperation().getOps<KvAppendOp>())) {
      FailureOr<Match> match = findMatch(append, oneTokenEach, log);
      if (failed(match))
        continue;
      fuse(rewriter, *match);
      ++numFused;
    }
  }
};
} // namespace
