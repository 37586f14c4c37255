#include "model/words.h"

#define W(prefix, name, word) word,
#define WORDS(list, prefix, ...) \
	static const char *const list##_list[] = { __VA_ARGS__ }; \
	const struct words list##_words = { list##_list, (int)COUNT(list##_list) };
#include "model/words.def"
