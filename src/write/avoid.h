/* avoid -- words and phrases that a person does not write (contract 12.8), found in whatever form they come.
 *
 * Found are: any case; the forms that the English and the German stemmer hold for one word, and German participles with ge-; a phrase
 * with a hyphen, a blank or nothing between its words ("game changer": game-changer, #GameChanger, gamechanger); a word that is a
 * part of what is joined by hyphens or capitals.  Invisible letters and accents that are characters of their own hide nothing.  Not
 * found: irregular verbs in another tense, and the word as a part of a longer one ("Synergieeffekt").  What is no word at all, a
 * picture or a dash, is looked for as it stands.
 * A stem of another language than that of the text counts from 4 letters on: German "us" is the stem of "user".
 *
 * Ownership: an arena's; each question forgets what it needed.  Threads: one at a time, as its arena.  Layer: includes text. */
#ifndef WRITE_AVOID_H
#define WRITE_AVOID_H
#include "text/text.h"

struct avoid;
/* lang: that of the texts it will be asked about. */
struct avoid *avoid_new(struct arena *, const str *phrase, int n, enum text_lang lang);
bool	avoid_hits(const struct avoid *, str text);
/* What can be told of a text without them: its clean sentences, and of the others the clauses that can stand alone (brackets go,
 * main clauses part at ";" and at a conjunction with a subject behind it, a subordinate clause at the end goes, in English one in
 * front as well).  Empty when nothing can. */
str	clause_keep(struct arena *, const struct avoid *, str text, enum text_lang);	/* clause.c */
/* The main clauses of a sentence as sentences, where each can be one: "…, but we stayed." is "… But we stayed."; an "and" goes.  Returns
 * how many, 1 where it is better left whole. */
int	clause_split(struct arena *, str sentence, enum text_lang, str *ret, int max);
#endif
