/* know -- from a text to passages, from passages to an index, and from a question to the passages that answer it best
 * (contract 6.9, 12.8).
 *
 * **Passages** are cut at headings and sentences: some 200 words, with the last sentences (up to 40 words) of the one before;
 * a sentence longer than that is cut between words.  A passage is a piece of the text as it was written.
 *
 * **The index** has a row for each term and document.  A term is a word, folded and stemmed in the language of the document
 * (text.h); function words are left out where the language is known.  Its hits are numbers of seven bits a byte, low ones
 * first, four for each passage that has it: the passages skipped since the last hit, how often it is in the body, how often
 * in the heading of the passage or the name of the document, and how many terms the body has.  Of a document of 1,000
 * terms a row holds a *group* of them, those whose first letters share one of 256 hashes, from 8,000 on one of 1,024: "=3f" and
 * "=3fa", which no word is.  A row for each of 10,000 terms would be a page of 4 KB written for each.
 *
 * **The search** is BM25 over passages (k1 1.6, b 0.75), with a term of heading or name counting as two; words of the query
 * that stand side by side in the passage as well raise it.  Each word is looked up as it is stemmed in every language.  The same
 * arithmetic on both engines, so they rank alike.  Where an endpoint gives vectors (meaning.h, near.h), the best 50 of this search and
 * the best 50 by meaning are joined by their ranks (reciprocal rank fusion).
 *
 * Ownership:  results live in the arena.  Threads: none.  Layer: includes base, text, model. */
#ifndef KNOW_H
#define KNOW_H
#include "know/near.h"
#include "text/text.h"

int	know_passages(struct arena *, str text, enum text_lang, struct passage **ret);	/* fills words; 0 when there is no word */
/* The rows of the index for all passages, by term or by group; *length: how many terms the bodies have, together. */
int	know_terms(struct arena *, str name, const struct passage *, int n, enum text_lang, struct term **ret, int64_t *length);
str	know_term(str stem);			/* as it is indexed: the beginning of one that is very long */
enum text_lang know_lang(int language);		/* of a document's enum knowledge_language, and back */
int	know_language(enum text_lang);

struct hit { unsigned place, body, head, length; };
bool	know_next_hit(str *rest, struct hit *);		/* *hit: the one before, and place ~0u at first; false at the end, and at what is no hit */

enum know_groups { KNOW_FEW, KNOW_MANY };
#define KNOW_GROUP	4
str	know_group(str term, enum know_groups, char to[KNOW_GROUP]);	/* the group that it would be in; all of `to` is written */
bool	know_next_term(str *rest, struct term *);	/* of a group; false at the end, and at what is none */

#define KNOW_FOUND	50			/* the most that one search gives */
struct found {
	struct passage_at at;
	double score;
	int64_t milli;				/* score, in thousandths */
	str marked;				/* the body as HTML, with <mark> around the words that were found */
};
struct know_query {
	workspace_id workspace;
	project_id project;			/* its passages and those of all projects; absent: all */
	str text;
	int limit;
	bool mark;				/* fill `marked` */
	struct near *near;
	const struct meaning_ask *meaning;	/* of the question, answered; NULL: words alone */
};
/* The best passages for the question, best first. */
MUST_USE enum err know_search(struct db *, struct arena *, const struct know_query *, struct found **ret, int *n, struct error *);
#endif
