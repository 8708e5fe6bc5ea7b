// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The whole model on whole sequences, in double precision: no cache, no
// recurrence, no state. Every formula is of another form than the product's
// where there is one (attention by explicit masks, the gated delta rule in
// chunks), so that agreement means something.

#ifndef JET_TEST_REFERENCE_MODEL_H
#define JET_TEST_REFERENCE_MODEL_H

#include "Matrix.h"
#include "Tensors.h"

#include "frontend/Spec.h"

#include <memory>
#include <string>
#include <vector>

namespace jet::reference {

struct Options {
  /// Rows of a chunk of the gated delta rule.
  int64_t chunk = 16;
  /// What a model keeps between steps, and in which types: K and V (after
  /// rotary), the convolution's input, and the matrix S after each chunk.
  Rounding kv = Rounding::None, tail = Rounding::None, state = Rounding::None;
  /// What tensor cores round the inputs of projections to.
  Rounding activations = Rounding::None;
  /// Mixers of a supernet, one name a layer; empty: the config's placement.
  std::vector<std::string> placement;
};

/// Reads weights by name with the shape that the spec demands.
class WeightReader {
public:
  WeightReader(const TensorMap &tensors, const ModelSpec &spec,
               const Options &options)
      : tensors(tensors), inputType(options.activations) {
    for (const ParameterSpec &parameter : listParameters(spec))
      shapes[parameter.name] = parameter.shape;
  }
  /// The first failed get() is kept in error().
  std::vector<double> get(const std::string &name);
  Linear getLinear(const std::string &prefix, bool hasBias = false);
  const std::string &error() const { return message; }

private:
  const TensorMap &tensors;
  Rounding inputType;
  std::map<std::string, std::vector<int64_t>> shapes;
  std::string message;
};

/// A token mixer. `state` receives what a recurrence would hold after the last
/// row, [heads · d_k, d_v]; a mixer without one leaves it empty.
class Mixer {
public:
  virtual ~Mixer() = default;
  virtual Matrix apply(const Matrix &x, Matrix &state) const = 0;
  /// [heads, d_k, d_v], or nothing.
  virtual std::vector<int64_t> stateShape() const { return {}; }
};

std::unique_ptr<Mixer> makeAttention(const AttentionSpec &spec, int64_t window,
                                     const Options &options,
                                     const std::string &prefix,
                                     WeightReader &weights);
std::unique_ptr<Mixer> makeJetBlock(const JetBlockSpec &spec,
                                    const Options &options,
                                    const std::string &prefix,
                                    WeightReader &weights);

std::unique_ptr<Mixer> makeGatedDeltaNet(const GatedDeltaNetSpec &spec,
                                         const Options &options,
                                         const std::string &prefix,
                                         WeightReader &weights);
std::unique_ptr<Mixer> makeMamba2(const Mamba2Spec &spec,
                                  const Options &options,
                                  const std::string &prefix,
                                  WeightReader &weights);

/// What a forward pass gives.
struct Output {
  Matrix logits;              // [T, vocab]
  std::vector<Matrix> states; // one a layer, as Mixer::apply leaves it
};

/// Immutable once made.
class Model {
public:
  static Result<Model> create(const ModelSpec &spec, const TensorMap &weights,
                              const Options &options);
  /// `ids` are within the vocabulary. With `lastOnly`, logits has one row.
  Output forward(const std::vector<int64_t> &ids, bool lastOnly = false) const;
  /// Mixer::stateShape() of a layer.
  std::vector<int64_t> stateShape(size_t layer) const {
    return layers[layer].mixer->stateShape();
  }

private:
  struct Layer {
    std::vector<double> inputNorm, mlpNorm;
    std::unique_ptr<Mixer> mixer;
    Linear gate, up, down;
  };

  ModelSpec spec;
  std::vector<double> embedding, finalNorm;
  Linear head;
  std::vector<Layer> layers;
};

} // namespace jet::reference

#endif // JET_TEST_REFERENCE_MODEL_H
