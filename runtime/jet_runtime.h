/* Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * The C interface of the runtime: load a package and a checkpoint, feed it
 * tokens, get logits or the likeliest next tokens.
 *
 * Ownership: what a *_create or *_load function returns belongs to the caller
 * and is given back with the *_destroy function of its type, in any order: a
 * state or session keeps its model alive. NULL may be destroyed.
 *
 * Threads: a model is immutable and may be used from any number of threads. A
 * state, session or sampler is used from one thread at a time.
 *
 * Errors: functions that can fail return 0 for success and 1 for an error, and
 * then fill *error (which may be NULL) with one line of text. On an error,
 * outputs are untouched and states are as before the call.
 */

#ifndef JET_RUNTIME_JET_RUNTIME_H
#define JET_RUNTIME_JET_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Owned by the caller. Text that does not fit is cut off. */
typedef struct jet_error {
  char message[1024];
} jet_error;

typedef struct jet_model jet_model;     /* code and weights */
typedef struct jet_state jet_state;     /* caches of a number of sequences */
typedef struct jet_session jet_session; /* threads and scratch memory */
typedef struct jet_sampler jet_sampler; /* picks tokens */

/* "0.1.0"; static. */
const char *jet_version(void);

/* Reads and verifies the package, checks that this machine can run it, and
 * maps the weights: a .safetensors file, a model.safetensors.index.json, or a
 * directory that holds either. */
int jet_model_load(const char *package_path, const char *weights_path,
                   jet_model **model, jet_error *error);
void jet_model_destroy(jet_model *model);

typedef struct jet_model_info {
  int64_t vocab_size;
  int64_t max_batch;    /* most slots of a state */
  int64_t max_context;  /* most tokens of a slot */
  int64_t page_size;    /* tokens of a page */
  int64_t bos_token_id; /* -1 for none */
  int64_t candidates;   /* of jet_session_step_top_k and _sample; 0: not
                           compiled in */
} jet_model_info;

void jet_model_get_info(const jet_model *model, jet_model_info *info);
/* Whether `token` ends a text. */
int jet_model_is_eos(const jet_model *model, int32_t token);

/* Room for `slots` sequences of at most `capacity` tokens, all empty, whose
 * full-attention caches share `pages` pages; 0: enough for all. */
int jet_state_create(const jet_model *model, int64_t slots, int64_t capacity,
                     int64_t pages, jet_state **state, jet_error *error);
void jet_state_destroy(jet_state *state);
/* Makes `slot` a new, empty sequence; its pages are free. */
int jet_state_reset(jet_state *state, int64_t slot, jet_error *error);
/* Pages that no sequence has. A sequence takes one for every
 * jet_model_info.page_size tokens; a step that needs more is refused. */
int64_t jet_state_free_pages(const jet_state *state);
/* Number of tokens that `slot` has taken in, or -1 when there is no such
 * slot. */
int64_t jet_state_position(const jet_state *state, int64_t slot);

/* `threads` counts the calling thread; 0 means one per hardware thread. */
int jet_session_create(const jet_model *model, int threads,
                       jet_session **session, jet_error *error);
void jet_session_destroy(jet_session *session);

/* The next tokens of one sequence. `tokens` is read during the call only. */
typedef struct jet_sequence {
  int64_t slot;
  const int32_t *tokens;
  size_t num_tokens; /* at least 1 */
} jet_sequence;

enum { JET_LOGITS_OF_LAST_TOKENS = 0, JET_LOGITS_OF_ALL_TOKENS = 1 };

/* Takes the tokens of all `sequences` into `state`. *logits becomes a
 * [rows, vocab_size] array owned by the session and valid until its next step
 * or destruction: one row per sequence, or one per token in the order given. */
int jet_session_step(jet_session *session, jet_state *state,
                     const jet_sequence *sequences, size_t num_sequences,
                     int logits_of, const float **logits, jet_error *error);

/* The same without any logits, for tokens in the middle of prompts: computes
 * nothing but `state`. May return before a GPU is done; errors of its work then
 * come with a later step. */
int jet_session_extend(jet_session *session, jet_state *state,
                       const jet_sequence *sequences, size_t num_sequences,
                       jet_error *error);

/* The same for the last token of each sequence with what is largest in its
 * logits: *values and *ids become [num_sequences, candidates] arrays, the
 * larger value first, of equal ones the lower id, NaNs last; owned by the
 * session and valid until its next step or destruction. An error when the
 * model's number of candidates is 0. */
int jet_session_step_top_k(jet_session *session, jet_state *state,
                           const jet_sequence *sequences, size_t num_sequences,
                           const float **values, const int32_t **ids,
                           jet_error *error);

/* The same with the next token of each sequence alone, which the device picks:
 * *next becomes a [num_sequences] array of token ids, owned and valid likewise.
 * `samplers` has one for each sequence, no two the same, that goes on by one
 * token; NULL for the likeliest token, such as where a prompt goes on beside
 * others that end and none is wanted. The tokens are those of
 * jet_sampler_sample, but where rounding decides. Where all can use the model's
 * candidates (jet_sampler_can_use_candidates) the step is a little shorter. */
int jet_session_step_sample(jet_session *session, jet_state *state,
                            const jet_sequence *sequences, size_t num_sequences,
                            jet_sampler *const *samplers, const int32_t **next,
                            jet_error *error);

/* temperature 0 is greedy; top_k 0 and top_p 1 keep every token. */
int jet_sampler_create(double temperature, int64_t top_k, double top_p,
                       uint64_t seed, jet_sampler **sampler, jet_error *error);
void jet_sampler_destroy(jet_sampler *sampler);
/* The next token for `logits` of `vocab_size` > 0 values. */
int32_t jet_sampler_sample(jet_sampler *sampler, const float *logits,
                           int64_t vocab_size);
/* Whether candidates of the model are enough to pick what its logits would
 * give: greedily, or with top_k up to their number. */
int jet_sampler_can_use_candidates(const jet_sampler *sampler,
                                   const jet_model *model);
/* The next token for one sequence's `values` and `ids` of
 * jet_session_step_top_k, when the sampler can use them. */
int32_t jet_sampler_sample_candidates(jet_sampler *sampler, const float *values,
                                      const int32_t *ids, int64_t candidates);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* JET_RUNTIME_JET_RUNTIME_H */
