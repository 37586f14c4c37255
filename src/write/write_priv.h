/* write_priv -- what the files of write share: the built-in writer.
 *
 * Deterministic: the same source gives the same answer on every run; no time, randomness or locale.
 * Ownership: all results live in the arena. */
#ifndef WRITE_PRIV_H
#define WRITE_PRIV_H
#include "rank/rank.h"
#include "write/write.h"

/* --- the builtin writer --- */

/* Fills title, content, provider and model; WRITE_EMPTY when the source holds no word, WRITE_STOPPED when progress says so. */
enum write_fault builtin_post(const struct write_input *, struct arena *, write_progress *, void *ctx, struct write_output *ret);
#endif
