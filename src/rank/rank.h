/* rank -- which sentences of a text say most, what it is about, and what a sentence is good for.
 *
 * What the built-in writer and the built-in analyser stand on.  Deterministic: the same source gives the same answer on every
 * run; no time, randomness or locale.
 * Ownership: all results live in the arena; strs point into the source.
 * Memory:    some 200 bytes per word of the source.
 * Threads:   any; no state is shared.
 * Layer:     includes base, text. */
#ifndef RANK_H
#define RANK_H
#include "text/text.h"

#define RANK_MAX	2000		/* sentences that are compared with each other; of a longer text, evenly many from every part */

enum word_kind {			/* rows of words.def */
	WORD_LINK = 1, WORD_PRONOUN = 2, WORD_BEFORE = 4, WORD_NOT_BEFORE = 8, WORD_WEAK = 16, WORD_CONTRAST = 32, WORD_SURPRISE = 64,
	WORD_READER = 128, WORD_FILLER = 256, WORD_OPENING = 512, WORD_PART = 1024, WORD_PLACING = 2048,
	WORD_SELF = 4096, WORD_OURS = 8192, WORD_MARKET = 16384, WORD_TEACH = 32768,
};
enum phrase_kind {			/* rows of phrases.def */
	PHRASE_NOISE = 1, PHRASE_FILLER = 2, PHRASE_GREETING = 4, PHRASE_POINTER = 8, PHRASE_RESULT = 16, PHRASE_TAKEAWAY = 32,
	PHRASE_SEQUEL = 64, PHRASE_ASIDE = 128,
};
struct rank_word {
	str s;
	int term;			/* the same for all inflections of a word */
	unsigned kinds;			/* of enum word_kind */
	bool stop, capital, number;
	bool first;			/* of its sentence */
	bool joined;			/* only a blank or a hyphen between it and the word before */
};
struct rank_term { int id; float weight; };
struct rank_item {
	str s;				/* without speaker and time in front */
	int paragraph, at;		/* at: its number among the sentences of the source */
	int word, words;		/* its words, from rank.word[word] */
	int length;			/* code points */
	struct rank_term *term;		/* by id; a vector of length 1 */
	int terms;
	unsigned phrases;		/* of enum phrase_kind */
	bool heading;
	bool leans;			/* cannot be understood without the sentence before */
	float fit;			/* 0: never chosen .. 1: nothing against it */
#define FIT_MIN	0.35f			/* below it a sentence is only used when there is nothing else */
	float score;			/* 0 .. 1: how much of the text it says */
};
struct rank {
	struct arena *a;
	enum text_lang lang;
	struct rank_word *word;
	int words;
	int terms;			/* term numbers are below this */
	struct rank_item *item;
	int n;
	bool spoken;			/* people with names talk to each other */
};
struct rank *rank_new(struct arena *, str source, enum text_lang);
/* A source that is nearly all headings, fragments or endless sentences: then they are what there is to choose from.
 * False when it holds no word at all. */
bool	rank_relax(struct rank *);

/* Choosing with as little repetition as can be: what is like the chosen ones falls behind. */
struct rank_choice { const struct rank *r; float *like; bool *taken; float *dense; };
#define RANK_ALIKE	0.55f		/* cosine: two sentences that say the same */
void	rank_choice_init(struct rank_choice *, const struct rank *);
void	rank_take(struct rank_choice *, int item);
float	rank_worth(const struct rank_choice *, int item);	/* <= 0: not to be chosen */

/* What has the words of `about`, a part of the source or a summary of one, says more from now on: up to twenty times as much. */
void	rank_toward(struct rank *, str about);
/* The sentences that say most, in the order of the source: the best ones until max_words are reached; so the last one may pass
 * that number, and who compares summaries cuts there.  Returns how many. */
int	rank_best(struct arena *, str source, enum text_lang, int max_words, struct text_sentence **ret);

/* --- what a sentence is good for (sentence.c) --- */

str	rank_clean(struct arena *, str);		/* UTF-8 without controls, so that no rule has to think of them */
str	rank_line(struct arena *, str, int max);	/* every run of blanks as one; at most max code points, cut between words */
unsigned rank_kinds(const struct rank *, const struct rank_item *);	/* of enum word_kind: those of all its words */
bool	rank_has_number(const struct rank *, const struct rank_item *);
bool	rank_asks(const struct rank_item *);
bool	rank_addresses(const struct rank *, const struct rank_item *);	/* the reader: "you", and the German "Sie" inside a sentence */
float	rank_opening(const struct rank *, int item);	/* as the first line of a post; 0: none */

/* --- key phrases (phrase.c) --- */

struct phrase { int word, words; float score; };	/* its first place in rank.word */
int	phrase_find(const struct rank *, struct phrase *ret, int max);		/* the best first; no two share a word */
str	phrase_text(const struct rank *, const struct phrase *);			/* in the form that the source uses most */
str	phrase_tag(const struct rank *, const struct phrase *);			/* "#IssueTracker" */
/* As it can stand behind "with": in the plural, bare, or with the article it has in the source; absent when it never occurs so. */
str	phrase_object(const struct rank *, const struct phrase *);
#endif
