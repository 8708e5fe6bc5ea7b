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

/// Final norm and head.
Value expandHead(ExpandBuilder &b, ModelOp model, Value x, Value table,
                 Logits logits) {
  int64_t hidden = model.getHiddenSize(), vocab = model.getVocabSize();
  b.setLoc(model.getLoc());
  b.prefix.clear();
  if (logits == Logits::LastTokens)
    x = LastTokenOp::create(b, x.getType(), x, b.batch);
  x = RmsNormOp::create(b, x.getType(), x,
                        b.param("model.norm.weight", {hidden}),
                        model.getRmsNormEps());
  if (!model.getTied())
    table = b.param("lm_head.weight", {vocab, hidden});
  return LinearOp::create(b, b.rows({vocab}), x, table, Value());
}

void expandFunction(ModelOp model, StringRef name, Logits logits) {
  OpBuilder top(model->getBlock(), model->getBlock()->end());
  MLIRContext *context = model.getContext();
  SmallVector<LayerOp> layers = model.getLayers();
  auto indices = RankedTensorType::get({ShapedType::kDynamic},
                                       IntegerType::get(context, 32));
  SmallVector<Type> inputs = {indices, indices, BatchType::get(context)};
  SmallVector<int64_t> owners;
  for (LayerOp layer : layers)
    for (Type type :
         layer.getMixerInterface().getStateTypes(model.getStateStorage())) {
      inputs.push_back(type);
      owners.push_back(layer.getIndex());
    }
  SmallVector<Type> results = {RankedTensorType::get(
      {ShapedType::kDynamic, (int64_t)model.getVocabSize()},
      Float32Type::get(context))};
  results.append(inputs.begin() + 3, inputs.end());

  auto function = func::FuncOp::create(top, model.getLoc(), name,
                                       top.getFunctionType(inputs, results));
  for (auto [index, layer] : llvm::enumerate(owners))
    function.setArgAttr(index + 3, "jet.layer", top.getI64IntegerAttr(layer));

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
  SmallVector<Value> states(function.getArguments().drop_front(3));
  MutableArrayRef<Value> rest = states;
  for (LayerOp layer : layers) {
    size_t count =
        layer.getMixerInterface().getStateTypes(model.getStateStorage()).size();
    x = expandLayer(b, model, layer, x, rest.take_front(count));
    rest = rest.drop_front(count);
  }
  SmallVector<Value> returned = {expandHead(b, model, x, table, logits)};
  llvm::append_range(returned, states);
  func::ReturnOp::create(b, returned);
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
    expandFunction(models.front(), "prefill", Logits::LastTokens);
    expandFunction(models.front(), "decode", Logits::OneTokenEach);
    expandFunction(models.front(), "forward", Logits::AllTokens);
  }
};

} // namespace
