// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C interface: thin wrappers that let no exception out.

#include "runtime/jet_runtime.h"

#include "runtime/Model.h"
#include "runtime/Sampler.h"
#include "runtime/Session.h"
#include "runtime/State.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <optional>

struct jet_model {
  std::shared_ptr<const jet::Model> model;
};
struct jet_state {
  jet::State state;
};
struct jet_session {
  jet::Session session;
};
struct jet_sampler {
  jet::Sampler sampler;
};

static int fail(jet_error *error, const char *message) {
  if (error) {
    const size_t length =
        std::min(std::strlen(message), sizeof(error->message) - 1);
    std::memcpy(error->message, message, length);
    error->message[length] = '\0';
  }
  return 1;
}

static int fail(jet_error *error, const jet::Error &what) {
  return fail(error, what.message.c_str());
}

/// Runs `body`, which returns a status; running out of memory is an error too.
template <typename Body> static int guarded(jet_error *error, Body body) {
  try {
    return body();
  } catch (const std::exception &exception) {
    return fail(error, exception.what());
  }
}

const char *jet_version(void) { return JET_VERSION; }

int jet_model_load(const char *package_path, const char *weights_path,
                   jet_model **model, jet_error *error) {
  if (!package_path || !weights_path || !model)
    return fail(error, "jet_model_load: expected no null arguments");
  return guarded(error, [&] {
    auto loaded = jet::Model::load(package_path, weights_path);
    if (!loaded)
      return fail(error, loaded.error());
    *model = new jet_model{std::move(*loaded)};
    return 0;
  });
}

void jet_model_destroy(jet_model *model) { delete model; }

void jet_model_get_info(const jet_model *model, jet_model_info *info) {
  const jet::ModelInfo &source = model->model->info();
  *info = {source.vocabSize, source.maxBatch,   source.maxContext,
           source.pageSize,  source.bosTokenId, model->model->candidates()};
}

int jet_model_is_eos(const jet_model *model, int32_t token) {
  const std::vector<int64_t> &ids = model->model->info().eosTokenIds;
  return std::find(ids.begin(), ids.end(), token) != ids.end();
}

int jet_state_create(const jet_model *model, int64_t slots, int64_t capacity,
                     int64_t pages, jet_state **state, jet_error *error) {
  if (!model || !state)
    return fail(error, "jet_state_create: expected no null arguments");
  return guarded(error, [&] {
    std::optional<int64_t> given;
    if (pages)
      given = pages;
    auto created = jet::State::create(model->model, slots, capacity, given);
    if (!created)
      return fail(error, created.error());
    *state = new jet_state{std::move(*created)};
    return 0;
  });
}

void jet_state_destroy(jet_state *state) { delete state; }

int jet_state_reset(jet_state *state, int64_t slot, jet_error *error) {
  if (!state)
    return fail(error, "jet_state_reset: expected no null arguments");
  return guarded(error, [&] {
    auto done = state->state.reset(slot);
    return done ? 0 : fail(error, done.error());
  });
}

int64_t jet_state_free_pages(const jet_state *state) {
  return state ? state->state.pageTable().freePages() : 0;
}

int64_t jet_state_position(const jet_state *state, int64_t slot) {
  if (!state || slot < 0 || slot >= state->state.slots())
    return -1;
  return state->state.position(slot);
}

int jet_session_create(const jet_model *model, int threads,
                       jet_session **session, jet_error *error) {
  if (!model || !session || threads < 0)
    return fail(error, "jet_session_create: expected a model, a place for the "
                       "session and threads >= 0");
  return guarded(error, [&] {
    *session = new jet_session{jet::Session(model->model, threads)};
    return 0;
  });
}

void jet_session_destroy(jet_session *session) { delete session; }

/// The sequences of a step; nothing when one has no tokens to read.
static std::optional<std::vector<jet::StepInput>>
readSequences(const jet_sequence *sequences, size_t count) {
  std::vector<jet::StepInput> inputs;
  for (size_t i = 0; i < count; ++i) {
    const jet_sequence &sequence = sequences[i];
    if (sequence.num_tokens && !sequence.tokens)
      return std::nullopt;
    inputs.push_back({sequence.slot, {sequence.tokens, sequence.num_tokens}});
  }
  return inputs;
}

int jet_session_step(jet_session *session, jet_state *state,
                     const jet_sequence *sequences, size_t num_sequences,
                     int logits_of, const float **logits, jet_error *error) {
  if (!session || !state || !logits || (num_sequences && !sequences))
    return fail(error, "jet_session_step: expected no null arguments");
  if (logits_of != JET_LOGITS_OF_LAST_TOKENS &&
      logits_of != JET_LOGITS_OF_ALL_TOKENS)
    return fail(error, "jet_session_step: expected logits_of 0 or 1");
  return guarded(error, [&] {
    auto inputs = readSequences(sequences, num_sequences);
    if (!inputs)
      return fail(error, "jet_session_step: expected tokens, found null");
    auto result = session->session.step(state->state, *inputs,
                                        logits_of == JET_LOGITS_OF_ALL_TOKENS
                                            ? jet::LogitsOf::AllTokens
                                            : jet::LogitsOf::LastTokens);
    if (!result)
      return fail(error, result.error());
    *logits = result->data();
    return 0;
  });
}

int jet_session_extend(jet_session *session, jet_state *state,
                       const jet_sequence *sequences, size_t num_sequences,
                       jet_error *error) {
  if (!session || !state || (num_sequences && !sequences))
    return fail(error, "jet_session_extend: expected no null arguments");
  return guarded(error, [&] {
    auto inputs = readSequences(sequences, num_sequences);
    if (!inputs)
      return fail(error, "jet_session_extend: expected tokens, found null");
    auto done = session->session.extend(state->state, *inputs);
    return done ? 0 : fail(error, done.error());
  });
}

int jet_session_step_top_k(jet_session *session, jet_state *state,
                           const jet_sequence *sequences, size_t num_sequences,
                           const float **values, const int32_t **ids,
                           jet_error *error) {
  if (!session || !state || !values || !ids || (num_sequences && !sequences))
    return fail(error, "jet_session_step_top_k: expected no null arguments");
  return guarded(error, [&] {
    auto inputs = readSequences(sequences, num_sequences);
    if (!inputs)
      return fail(error, "jet_session_step_top_k: expected tokens, found null");
    auto result = session->session.stepTopK(state->state, *inputs);
    if (!result)
      return fail(error, result.error());
    *values = result->values.data();
    *ids = result->ids.data();
    return 0;
  });
}

int jet_session_step_sample(jet_session *session, jet_state *state,
                            const jet_sequence *sequences, size_t num_sequences,
                            jet_sampler *const *samplers, const int32_t **next,
                            jet_error *error) {
  if (!session || !state || !next ||
      (num_sequences && (!sequences || !samplers)))
    return fail(error, "jet_session_step_sample: expected no null arguments");
  return guarded(error, [&] {
    auto inputs = readSequences(sequences, num_sequences);
    if (!inputs)
      return fail(error,
                  "jet_session_step_sample: expected tokens, found null");
    std::vector<jet::SamplingRow> sampling(num_sequences);
    for (size_t i = 0; i < num_sequences; ++i)
      if (samplers[i])
        sampling[i] = samplers[i]->sampler.row();
    auto result = session->session.stepSample(state->state, *inputs, sampling);
    if (!result)
      return fail(error, result.error());
    for (size_t i = 0; i < num_sequences; ++i)
      if (samplers[i])
        samplers[i]->sampler.advance();
    *next = result->data();
    return 0;
  });
}

int jet_sampler_create(double temperature, int64_t top_k, double top_p,
                       uint64_t seed, jet_sampler **sampler, jet_error *error) {
  if (!sampler)
    return fail(error, "jet_sampler_create: expected no null arguments");
  return guarded(error, [&] {
    auto created = jet::Sampler::create({temperature, top_k, top_p, seed});
    if (!created)
      return fail(error, created.error());
    *sampler = new jet_sampler{std::move(*created)};
    return 0;
  });
}

void jet_sampler_destroy(jet_sampler *sampler) { delete sampler; }

int32_t jet_sampler_sample(jet_sampler *sampler, const float *logits,
                           int64_t vocab_size) {
  const std::span<const float> values(logits, static_cast<size_t>(vocab_size));
  int32_t token = 0;
  // Sampling allocates scratch memory once; greedy needs none.
  if (guarded(nullptr, [&] {
        token = sampler->sampler.sample(values);
        return 0;
      }))
    token = jet::argmax(values);
  return token;
}

int jet_sampler_can_use_candidates(const jet_sampler *sampler,
                                   const jet_model *model) {
  return sampler->sampler.canUseCandidates(model->model->candidates(),
                                           model->model->info().vocabSize);
}

int32_t jet_sampler_sample_candidates(jet_sampler *sampler, const float *values,
                                      const int32_t *ids, int64_t candidates) {
  const auto count = static_cast<size_t>(candidates);
  int32_t token = ids[0];
  // Sampling allocates scratch memory once; greedy needs none.
  (void)guarded(nullptr, [&] {
    token = sampler->sampler.sample({values, count}, {ids, count});
    return 0;
  });
  return token;
}
