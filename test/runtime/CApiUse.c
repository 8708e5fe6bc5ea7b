/* Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * A C program's use of the runtime. Returns 0, or the line that failed.
 */

#include "runtime/jet_runtime.h"

#include <stdio.h>
#include <string.h>

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) {                                                        \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);          \
      return __LINE__;                                                         \
    }                                                                          \
  } while (0)

static int checkErrors(jet_model *model, jet_session *session,
                       jet_state *state) {
  jet_error error;
  const int32_t bad[] = {99};
  const jet_sequence sequence = {0, bad, 1};
  const float *logits = NULL;
  jet_state *tooMany = NULL;
  CHECK(jet_session_step(session, state, &sequence, 1,
                         JET_LOGITS_OF_LAST_TOKENS, &logits, &error) == 1);
  CHECK(strcmp(error.message, "slot 0: expected token ids from 0 to 15, found "
                              "99") == 0);
  CHECK(logits == NULL);
  /* The error may be ignored. */
  CHECK(jet_session_step(session, state, &sequence, 1, 7, &logits, NULL) == 1);
  CHECK(jet_session_step(session, state, NULL, 1, 0, &logits, NULL) == 1);
  CHECK(jet_state_create(model, 99, 8, 0, &tooMany, &error) == 1);
  CHECK(tooMany == NULL);
  CHECK(strcmp(error.message, "batch: expected 1 to 4, found 99") == 0);
  CHECK(jet_state_create(model, 1, 8, 3, &tooMany, &error) == 1);
  CHECK(strcmp(error.message, "pages: expected 1 to 2, found 3") == 0);
  CHECK(jet_state_reset(state, 2, &error) == 1);
  CHECK(jet_state_position(state, 2) == -1);
  return 0;
}

static int checkSteps(jet_session *session, jet_state *state,
                      const float *expected, const float *expectedSecond) {
  jet_error error;
  const int32_t first[] = {1, 2, 3}, second[] = {4};
  const jet_sequence sequences[] = {{1, first, 3}, {0, second, 1}};
  const jet_sequence begin = {1, first, 2}, end = {1, first + 2, 1};
  const float *logits = NULL;
  jet_sampler *sampler = NULL;
  CHECK(jet_session_step(session, state, sequences, 2,
                         JET_LOGITS_OF_LAST_TOKENS, &logits, &error) == 0);
  CHECK(memcmp(logits, expected, 16 * sizeof(float)) == 0);
  CHECK(memcmp(logits + 16, expectedSecond, 16 * sizeof(float)) == 0);
  CHECK(jet_state_position(state, 1) == 3);
  CHECK(jet_state_free_pages(state) == 1);
  CHECK(jet_state_position(state, 0) == 1);
  CHECK(jet_state_reset(state, 1, &error) == 0);
  CHECK(jet_state_position(state, 1) == 0);
  CHECK(jet_state_free_pages(state) == 2);
  CHECK(jet_session_step(session, state, sequences, 1, JET_LOGITS_OF_ALL_TOKENS,
                         &logits, &error) == 0);
  CHECK(memcmp(logits + 2 * 16, expected, 16 * sizeof(float)) == 0);
  /* In two pieces, of which the first has no logits. */
  CHECK(jet_state_reset(state, 1, &error) == 0);
  CHECK(jet_session_extend(session, state, &begin, 1, &error) == 0);
  CHECK(jet_state_position(state, 1) == 2);
  CHECK(jet_session_step(session, state, &end, 1, JET_LOGITS_OF_LAST_TOKENS,
                         &logits, &error) == 0);
  CHECK(memcmp(logits, expected, 16 * sizeof(float)) == 0);
  CHECK(jet_session_extend(session, state, NULL, 1, &error) == 1);
  CHECK(jet_sampler_create(0, 0, 1, 0, &sampler, &error) == 0);
  {
    const int32_t token = jet_sampler_sample(sampler, expected, 16);
    int i;
    for (i = 0; i < 16; ++i)
      CHECK(expected[i] <= expected[token]);
  }
  jet_sampler_destroy(sampler);
  CHECK(jet_sampler_create(-1, 0, 1, 0, &sampler, &error) == 1);
  return 0;
}

/* A session's candidates are the largest of `expected`, and what a sampler
 * picks from them is what it picks from those. */
static int checkCandidates(jet_model *model, jet_session *session,
                           jet_state *state, const float *expected) {
  jet_error error;
  const int32_t tokens[] = {1, 2, 3};
  const jet_sequence sequence = {1, tokens, 3};
  const float *values = NULL;
  const int32_t *ids = NULL;
  jet_sampler *sampler = NULL;
  CHECK(jet_state_reset(state, 1, &error) == 0);
  CHECK(jet_session_step_top_k(session, state, &sequence, 1, &values, NULL,
                               &error) == 1);
  CHECK(jet_session_step_top_k(session, state, &sequence, 1, &values, &ids,
                               &error) == 0);
  CHECK(values[0] >= values[1] && values[1] >= values[2]);
  CHECK(values[2] == expected[ids[2]]);
  CHECK(jet_sampler_create(0, 0, 1, 0, &sampler, &error) == 0);
  CHECK(jet_sampler_can_use_candidates(sampler, model));
  CHECK(jet_sampler_sample_candidates(sampler, values, ids, 3) ==
        jet_sampler_sample(sampler, expected, 16));
  jet_sampler_destroy(sampler);
  CHECK(jet_sampler_create(1, 0, 1, 0, &sampler, &error) == 0);
  CHECK(!jet_sampler_can_use_candidates(sampler, model));
  jet_sampler_destroy(sampler);
  return 0;
}

/* A step that samples picks what the sampler picks from the candidates of the
 * same step, time after time; without a sampler the likeliest. */
static int checkSample(jet_session *session, jet_state *state) {
  jet_error error;
  const int32_t tokens[] = {1, 2, 3};
  const jet_sequence sequences[] = {{1, tokens, 3}, {0, tokens, 2}};
  const float *values = NULL;
  const int32_t *ids = NULL, *next = NULL;
  int32_t likely[2][3];
  float large[3];
  jet_sampler *sampler = NULL, *other = NULL, *samplers[] = {NULL, NULL};
  int i;
  CHECK(jet_session_step_sample(session, state, sequences, 2, NULL, &next,
                                &error) == 1);
  CHECK(jet_sampler_create(1, 0, 1, 0, &sampler, &error) == 0);
  samplers[0] = sampler;
  CHECK(jet_session_step_sample(session, state, sequences, 2, samplers, &next,
                                &error) == 1);
  CHECK(strstr(error.message, "picks tokens from all logits") != NULL);
  jet_sampler_destroy(sampler);
  CHECK(jet_sampler_create(9, 3, 1, 7, &sampler, &error) == 0);
  CHECK(jet_sampler_create(9, 3, 1, 7, &other, &error) == 0);
  samplers[0] = sampler;
  for (i = 0; i < 8; ++i) {
    CHECK(jet_state_reset(state, 0, &error) == 0);
    CHECK(jet_state_reset(state, 1, &error) == 0);
    CHECK(jet_session_step_top_k(session, state, sequences, 2, &values, &ids,
                                 &error) == 0);
    memcpy(large, values, sizeof(large));
    memcpy(likely, ids, sizeof(likely));
    CHECK(jet_state_reset(state, 0, &error) == 0);
    CHECK(jet_state_reset(state, 1, &error) == 0);
    CHECK(jet_session_step_sample(session, state, sequences, 2, samplers, &next,
                                  &error) == 0);
    CHECK(next[0] == jet_sampler_sample_candidates(other, large, likely[0], 3));
    CHECK(next[1] == likely[1][0]);
  }
  jet_sampler_destroy(sampler);
  jet_sampler_destroy(other);
  CHECK(jet_state_reset(state, 0, &error) == 0);
  return 0;
}

/* `expected` are the logits after tokens 1 2 3, `expectedSecond` after 4. */
int useJetRuntime(const char *package, const char *weights,
                  const float *expected, const float *expectedSecond) {
  jet_error error;
  jet_model *model = NULL;
  jet_state *state = NULL;
  jet_session *session = NULL;
  jet_model_info info;
  int failed = 0;
  CHECK(strlen(jet_version()) > 0);
  CHECK(jet_model_load("no such file", weights, &model, &error) == 1);
  CHECK(strstr(error.message, "no such file: cannot open") != NULL);
  CHECK(jet_model_load(NULL, weights, &model, NULL) == 1);
  CHECK(jet_model_load(package, weights, &model, &error) == 0);
  jet_model_get_info(model, &info);
  CHECK(info.vocab_size == 16 && info.max_batch == 4);
  CHECK(info.max_context == 32 && info.bos_token_id == -1);
  CHECK(info.candidates == 3);
  CHECK(info.page_size == 4);
  CHECK(jet_model_is_eos(model, 0) && !jet_model_is_eos(model, 1));
  CHECK(jet_state_create(model, 2, 8, 3, &state, &error) == 0);
  CHECK(jet_session_create(model, 2, &session, &error) == 0);
  if ((failed = checkErrors(model, session, state)))
    return failed;
  if ((failed = checkCandidates(model, session, state, expected)))
    return failed;
  if ((failed = checkSample(session, state)))
    return failed;
  CHECK(jet_state_reset(state, 1, &error) == 0);
  /* The others keep the model alive. */
  jet_model_destroy(model);
  if ((failed = checkSteps(session, state, expected, expectedSecond)))
    return failed;
  jet_state_destroy(state);
  jet_session_destroy(session);
  jet_state_destroy(NULL);
  jet_session_destroy(NULL);
  jet_model_destroy(NULL);
  jet_sampler_destroy(NULL);
  return 0;
}
