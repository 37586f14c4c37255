/* text -- sentences, words and languages.  Pure: no file, socket, clock or thread; fuzzed.
 *
 * Input is UTF-8; what is not is read as U+FFFD.  Results point into the input or live in the arena.
 * No locale: case and letters are decided by tables of our own (Latin, Greek, Cyrillic, Armenian have case here).
 * Layer:  includes base. */
#ifndef TEXT_H
#define TEXT_H
#include "base/base.h"

enum text_lang { TEXT_EN, TEXT_DE, TEXT_OTHER };
enum text_lang text_language(str);			/* by function words; TEXT_OTHER when unsure */

struct text_sentence { str s; int paragraph; bool heading; };	/* without the blanks or the list mark around it */
/* Splits at sentence ends, surviving abbreviations, initials, ordinals ("am 3. Mai"), numbers, decimals, domains, ellipses,
 * and closing quotes or brackets behind the full stop; blank lines and list items end a sentence too.  A line that was only
 * wrapped goes on in the next.  A short line of its own without a full stop is a heading, as is what Markdown marks as one. */
int	text_sentences(struct arena *, str, enum text_lang, struct text_sentence **ret);

struct text_word { str s; str stem; bool stop; bool capital; bool number; };	/* stem: folded to lower case and stemmed */
/* A word is a run of letters and digits, with apostrophes and the points of a number inside it; "E-Mail" is one, "follow-up"
 * two; each ideograph is one.  A function word (stop) is folded, not stemmed.  TEXT_OTHER has no stemmer: there the words of up to
 * four letters are taken for function words. */
int	text_words(struct arena *, str, enum text_lang, struct text_word **ret);
bool	text_next_word(str, size_t *i, str *ret);	/* the word at or behind *i */

str	text_fold(struct arena *, str);			/* lower case, ’ as ', blanks and controls as one space each */
bool	text_letter(uint32_t);				/* a letter of any script, or a mark that belongs to one */
uint32_t text_lower(uint32_t);
uint32_t text_upper(uint32_t);
size_t	text_put(char *, uint32_t);			/* as UTF-8, up to 4 bytes; returns how many */
#endif
