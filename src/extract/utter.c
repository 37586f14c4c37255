#include "extract/utter.h"

#define SENTENCE_MS	350		/* of silence, and a sentence has ended */
#define PHRASE_MS	150		/* and a long one is handed out in pieces */
#define PHRASE_WORDS	16
#define WORD_MAX	64

void utter_begin(struct utter *u, struct out *o) { *u = (struct utter){ .o = o }; }

static void
hand_out(struct utter *u, bool ends)
{
	if (u->n == 0)
		return;
	if (!u->inside && u->text[0] >= 'a' && u->text[0] <= 'z')
		u->text[0] = (char)(u->text[0] - 'a' + 'A');
	if (ends)
		u->text[u->n++] = '.';
	out_said(u->o, u->from_ms, u->to_ms, (str){ u->text, u->n });
	u->inside = !ends;
	u->n = 0;
	u->words = 0;
}

void
utter_word(struct utter *u, int64_t from_ms, int64_t to_ms, str word)
{
	const char *variant = word.n != 0 ? memchr(word.p, '(', word.n) : NULL;

	if (variant != NULL)
		word.n = (size_t)(variant - word.p);
	if (word.n == 0 || word.n > WORD_MAX || memchr("<[+", word.p[0], 3) != NULL)
		return;
	int64_t pause = from_ms - u->to_ms;
	if (u->n != 0 && pause >= SENTENCE_MS)
		hand_out(u, true);
	else if (u->n + WORD_MAX + 3 > sizeof(u->text) || (u->words >= PHRASE_WORDS && pause >= PHRASE_MS))
		hand_out(u, false);
	if (u->n == 0)
		u->from_ms = from_ms;
	else
		u->text[u->n++] = ' ';
	memcpy(u->text + u->n, word.p, word.n);
	if (word.p[0] == 'i' && (word.n == 1 || word.p[1] == '\''))
		u->text[u->n] = 'I';
	u->n += word.n;
	u->to_ms = to_ms;
	u->words++;
	u->said++;
}

/* A sentence that was handed out in pieces and has no more words ends as it is. */
void utter_end(struct utter *u) { hand_out(u, true); }
