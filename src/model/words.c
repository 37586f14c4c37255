#include "model/words.h"

#define W(prefix, name, word) word,
#define WORDS(list, prefix, ...) \
	static const char *const list##_list[] = { __VA_ARGS__ }; \
	const struct words list##_words = { list##_list, (int)COUNT(list##_list), 0 };
#include "model/words.def"

/* NOOP, the last job type that is shown, is no word of the API: nobody may ask for it, and no document names it. */
const struct words job_kind_words = { job_type_list, JT_NOOP, 0 };
const struct words job_seen_words = { job_type_list, JT_SHOWN, 0 };
const struct words job_any_words = { job_type_list, JT_SHOWN, 1 };
const struct words scope_words = { grant_scope_list, SCOPE_COUNT, 0 };
