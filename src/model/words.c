#include "model/words.h"

#define W(prefix, name, word) word,
#define WORDS(list, prefix, ...) \
	static const char *const list##_list[] = { __VA_ARGS__ }; \
	const struct words list##_words = { list##_list, (int)COUNT(list##_list) };
#include "model/words.def"

/* NOOP, the last job type, is no word of the API. */
const struct words job_kind_words = { job_type_list, JT_NOOP };
