/* text -- sentences, words and languages.  Pure: no file, socket, clock or thread; fuzzed.
 *
 * Input is UTF-8; what is not is read as U+FFFD.  Results point into the input or live in the arena.
 * Layer:  includes base. */
#ifndef TEXT_H
#define TEXT_H
#include "base/base.h"

enum text_lang { TEXT_EN, TEXT_DE, TEXT_OTHER };
enum text_lang text_language(str);			/* by function words; TEXT_OTHER when unsure */

struct text_sentence { str s; int paragraph; bool heading; };	/* without the blanks around it */
/* Splits at sentence ends, surviving abbreviations, initials, ordinals ("am 3. Mai"), numbers, decimals, domains, ellipses,
 * and closing quotes or brackets behind the full stop; blank lines and list items end a sentence too. */
int	text_sentences(struct arena *, str, enum text_lang, struct text_sentence **ret);

struct text_word { str s; str stem; bool stop; bool capital; bool number; };	/* stem: folded to lower case and stemmed */
int	text_words(struct arena *, str, enum text_lang, struct text_word **ret);
#endif
