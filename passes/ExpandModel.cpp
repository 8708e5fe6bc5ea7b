// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"
#include "passes/expand/Expand.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_EXPANDMODELPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

namespace {

/// Which logits a function returns.
enum class Logits { LastTokens, OneTokenEach, AllTokens };

/// One of the functions to make.
struct Program {
  StringRef name;
  Logits logits;
  bool picks = false; // the next token of each sequence, from all logits
  int64_t topK = 0;   // or from that many candidates, if not 0

  bool samples() const { return picks || topK; }
};

/// silu(gate h) ∘ up h, projected back.
Value expandMlp(ExpandBuilder &b, Value h, int64_t hidden,
                int64_t intermediate) {
  Value gate = b.linear(h, "gate_proj", intermediate);
  Value up = b.linear(h, "up_proj", intermediate);
  Value y = SwigluOp::create(b, gate.getType(), gate, up);
  return b.linear(y, "down_proj", hidden);
}

/// One decoder layer: both residual branches.
Value expandLayer(ExpandBuilder &b, ModelOp model, LayerOp layer, Value x,
                  MutableArrayRef<Value> states) {
  b.setLoc(layer.getLoc());
  std::string prefix = ("model.layers." + Twine(layer.getIndex()) + ".").str();
  auto norm = [&](StringRef name, Value x) -> Value {
    b.prefix = prefix;
    return RmsNormOp::create(
        b, x.getType(), x,
        b.param(name + Twine(".weight"), {(int64_t)model.getHiddenSize()}),
        model.getRmsNormEps());
  };
  Value h = norm("input_layernorm", x);
  b.prefix = (prefix + layer.getWeights() + ".").str();
  x = b.add(x, expandMixer(b, layer.getMixerInterface(), h, states));
  h = norm("post_attention_layernorm", x);
  b.prefix = prefix + "mlp.";
  return b.add(
      x, expandMlp(b, h, model.getHiddenSize(), model.getIntermediateSize()));
}

/// Final norm and head: logits, or values and ids, and what `sampling` picks.
SmallVector<Value> expandHead(ExpandBuilder &b, ModelOp model, Value x,
                              Value table, Value sampling,
                              const Program &program) {
  int64_t hidden = model.getHiddenSize(), vocab = model.getVocabSize();
  b.setLoc(model.getLoc());
  b.prefix.clear();
  if (program.logits == Logits::LastTokens)
    x = LastTokenOp::create(b, x.getType(), x, b.batch);
  x = RmsNormOp::create(b, x.getType(), x,
                        b.param("model.norm.weight", {hidden}),
                        model.getRmsNormEps());
  if (!model.getTied())
    table = b.param("lm_head.weight", {vocab, hidden});
  Value logits = LinearOp::create(b, b.rows({vocab}), x, table, Value());
  RankedTensorType picks = b.rows({}, b.getI32Type());
  if (program.picks)
    return {logits, SampleLogitsOp::create(b, picks, logits, sampling)};
  if (!program.topK)
    return {logits};
  auto topK = TopKOp::create(b, b.rows({program.topK}),
                             b.rows({program.topK}, b.getI32Type()), logits,
                             program.topK);
  Value next =
      SampleOp::create(b, picks, topK.getValues(), topK.getIds(), sampling);
  return {topK.getValues(), topK.getIds(), next};
}

void expandFunction(ModelOp model, const Program &program) {
  OpBuilder top(model->getBlock(), model->getBlock()->end());
  MLIRContext *context = model.getContext();
  SmallVector<LayerOp> layers = model.getLayers();
  auto indices = RankedTensorType::get({ShapedType::kDynamic},
                                       IntegerType::get(context, 32));
  SmallVector<Type> inputs = {indices, indices, BatchType::get(context)};
  if (program.samples())
    inputs.push_back(RankedTensorType::get(
        {ShapedType::kDynamic, kSamplingSize}, Float32Type::get(context)));
  const size_t firstState = inputs.size();
  SmallVector<int64_t> owners;
  for (LayerOp layer : layers)
    for (Type type : layer.getStateTypes()) {
      inputs.push_back(type);
      owners.push_back(layer.getIndex());
    }
  auto function = func::FuncOp::create(top, model.getLoc(), program.name,
                                       top.getFunctionType(inputs, {}));
  for (auto [index, layer] : llvm::enumerate(owners))
    function.setArgAttr(index + firstState, "jet.layer",
                        top.getI64IntegerAttr(layer));

  ExpandBuilder b(
      model.getLoc(),
      OpBuilder(function.addEntryBlock(), function.getBody().front().end()),
      model.getStorage());
  b.positions = function.getArgument(1);
  b.batch = function.getArgument(2);
  Value table =
      b.param("model.embed_tokens.weight",
              {(int64_t)model.getVocabSize(), (int64_t)model.getHiddenSize()});
  Value x = EmbeddingOp::create(b, b.rows({(int64_t)model.getHiddenSize()}),
                                function.getArgument(0), table);
  SmallVector<Value> states(function.getArguments().drop_front(firstState));
  MutableArrayRef<Value> rest = states;
  for (LayerOp layer : layers) {
    size_t count = layer.getStateTypes().size();
    x = expandLayer(b, model, layer, x, rest.take_front(count));
    rest = rest.drop_front(count);
  }
  Value sampling = program.samples() ? function.getArgument(3) : Value();
  SmallVector<Value> returned =
      expandHead(b, model, x, table, sampling, program);
  llvm::append_range(returned, states);
  func::ReturnOp::create(b, returned);
  function.setFunctionType(
      b.getFunctionType(inputs, ValueRange(returned).getTypes()));
}

struct ExpandModelPass : jet::impl::ExpandModelPassBase<ExpandModelPass> {
  using ExpandModelPassBase::ExpandModelPassBase;

  void runOnOperation() override {
    auto models = llvm::to_vector(getOperation().getOps<ModelOp>());
    if (models.size() != 1) {
      getOperation().emitError()
          << "expected one jet.model to expand, found " << models.size();
      return signalPassFailure();
    }
    for (LayerOp layer : models.front().getLayers())
      if (!layer.isPlaced()) {
        InFlightDiagnostic diag = layer.emitOpError();
        diag << "still has candidates (";
        llvm::interleaveComma(layer.getCandidateNames(), diag);
        diag << "): pick one with -jet-place-layers";
        return signalPassFailure();
      }
    ModelOp model = models.front();
    const int64_t k = topK;
    if (k < 0 || k > (int64_t)model.getVocabSize()) {
      model.emitOpError() << "expected top-k from 0 to " << model.getVocabSize()
                          << ", the size of the vocabulary, found " << k;
      return signalPassFailure();
    }
    const bool picks = k > 0;
    expandFunction(model, {"prefill", Logits::LastTokens, picks});
    expandFunction(model, {"decode", Logits::OneTokenEach, picks});
    expandFunction(model, {"forward", Logits::AllTokens});
    if (!picks)
      return;
    expandFunction(model, {"prefill_sample", Logits::LastTokens, false, k});
    expandFunction(model, {"decode_sample", Logits::OneTokenEach, false, k});
  }
};

} // namespace
