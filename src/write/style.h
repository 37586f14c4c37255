/* style -- how somebody writes, measured: of one post, of a few samples, and how far two are from each other (contract 12.8).
 *
 * Pure and deterministic: the same texts give the same numbers, whatever the locale.  English and German; of another language the persons
 * are not known.  What is measured are the rows of style.def.
 * Input is UTF-8 of strangers (fuzzed); of each text the first STYLE_READ bytes count.
 * Ownership:  the arena's; strs point into the samples.
 * Layer:      includes text. */
#ifndef WRITE_STYLE_H
#define WRITE_STYLE_H
#include "text/text.h"

#define STYLE_READ	8000		/* bytes: more than a post may have */
#define STYLE_SAMPLES	16
#define HABITS_MAX	8

enum style_id {
#define STYLE(id, weight, scale, what) STYLE_##id,
#include "write/style.def"
#undef STYLE
	STYLE_COUNT
};
struct style { float v[STYLE_COUNT]; };
struct style style_of(struct arena *, str post);
float	style_distance(const struct style *, const struct style *);	/* 0: the same .. 1 */

enum address { ADDRESS_NONE, ADDRESS_DU, ADDRESS_IHR, ADDRESS_SIE };	/* of German readers */
struct habits {
	struct style mean;		/* of the samples, a text that comes twice counted once */
	int samples;
	str emoji[HABITS_MAX];		/* pictures behind words, the most used first */
	int emojis;
	str front[HABITS_MAX];		/* those in front of lines that are no items of a list */
	int fronts;
	float fronted;			/* how many such lines a sample has */
	str bullet;			/* in front of the items of lists; absent: there are none; "1.": they are numbered */
	int items;			/* of a list, on average */
	str opener, closer[2];		/* lines that two samples begin or end with, word by word: the person's own; or absent */
	int closers;
	str tag[HABITS_MAX];		/* hashtags of more than half of the samples */
	int tags;
	float asks;			/* share of the samples that end on a question, whatever line they are signed with */
	enum address address;
};
void	style_learn(struct arena *, const str *sample, int n, struct habits *ret);

unsigned style_persons(str sentence, enum text_lang);	/* a bit for each of STYLE_I to STYLE_THEY that it names */
enum style_id style_opening(str sentence, enum text_lang);	/* one of STYLE_OPEN_…, or STYLE_COUNT */

/* A letter that is a picture, with what belongs to it (colour of skin, joined ones), at i: its bytes, or 0. */
size_t	style_picture(str, size_t i);
/* Whether word, in whatever case, is one of the list, which begins, ends and parts its words with one blank. */
bool	style_among(str list, str word);
#endif
