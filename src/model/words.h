/* words -- the enumerations of words.def as C enums and as the lists that field tables point to.
 * Layer: includes rec. */
#ifndef MODEL_WORDS_H
#define MODEL_WORDS_H
#include "rec/rec.h"

#define W(prefix, name, word) prefix##_##name,
#define WORDS(list, prefix, ...) enum list { __VA_ARGS__ prefix##_COUNT };
#include "model/words.def"
#undef WORDS
#undef W
#define WORDS(list, prefix, ...) extern const struct words list##_words;
#include "model/words.def"
#undef WORDS
/* Job types from here on are nobody's business: no list shows them, no id finds them, and no row is left of one that ended. */
#define JT_SHOWN	JT_SOURCE_ANALYSE
extern const struct words job_kind_words, job_any_words, job_seen_words;	/* job types that a caller may ask for, and may be told; and with NOOP */
/* Event types from EVENT_PROJECT_CREATED on are for those who wait inside, agents over MCP: the contract has none of them. */
/* The last scope is no right but a wish: to stay when the person is away.  It is of programs alone; keys have those before it. */
#define SCOPE_COUNT	SCOPE_OFFLINE_ACCESS
extern const struct words scope_words;
#define SCOPE_BIT(name)	(1u << SCOPE_##name)
#endif
