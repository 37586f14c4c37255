/* text_priv -- what the files of text share. */
#ifndef TEXT_PRIV_H
#define TEXT_PRIV_H
#include "text/text.h"

#define WORD_MAX	64		/* bytes of the longest word that is looked up or stemmed */

static inline bool text_digit(uint32_t c) { return c >= '0' && c <= '9'; }
static inline bool text_blank(uint32_t c) { return c <= ' ' || c == 0x7F || c == 0xA0 || c == 0x2009 || c == 0x202F || c == 0x3000 || c == 0xFEFF; }
static inline bool text_is_upper(uint32_t c) { return text_lower(c) != c; }
static inline bool text_is_lower(uint32_t c) { return text_upper(c) != c || c == 0xDF; }

size_t	text_fold_word(char out[WORD_MAX], str);	/* without a possessive 's; 0 when it does not fit */
bool	text_stop(enum text_lang, str folded);
bool	text_stop_sorted(void);				/* the tables are what a binary search expects; for the test */
bool	text_abbr_sorted(void);
#endif
