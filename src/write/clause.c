#include "write/avoid.h"
#include "write/style.h"

/* What can stand alone of a sentence that holds an avoided word.  No grammar is known here but the small words at the seams of clauses, so
 * a cut is made only where both sides show that they are clauses; what is unsure is not written. */

#define CLAUSE_WORDS	4		/* fewer are no clause worth writing */

enum seam { JOIN, SUBJECT, PERSON, VERB, UNDER };
static const struct { enum seam seam; enum text_lang lang; str words; } seams[] = {
	{ JOIN, TEXT_EN, S_INIT(" and but so yet ") }, { JOIN, TEXT_DE, S_INIT(" und aber denn doch ") },
	{ SUBJECT, TEXT_EN, S_INIT(" i we you he she it they the a an our my your his her their this these there nobody everybody everyone each ") },
	{ SUBJECT, TEXT_DE, S_INIT(" ich wir du ihr er sie es man der die das ein eine unser unsere mein meine niemand jeder alle ") },
	{ PERSON, TEXT_EN, S_INIT(" i we you he she they ") }, { PERSON, TEXT_DE, S_INIT(" ich wir du ihr er sie man ") },
	{ VERB, TEXT_EN, S_INIT(" is are was were has have had will would can could did does do must should may might ") },
	{ VERB, TEXT_DE, S_INIT(" ist sind war waren hat haben hatte hatten wird werden wurde wurden kann können konnte konnten muss müssen soll sollen ") },
	{ UNDER, TEXT_EN, S_INIT(" because which although though while whereas where when since if unless until after before as who ") },
	{ UNDER, TEXT_DE, S_INIT(" weil da obwohl während wobei indem damit sodass nachdem bevor wenn falls sobald solange wohingegen ") },
};

static bool
is(enum seam seam, enum text_lang lang, str word)
{
	for (size_t r = 0; r < COUNT(seams); r++)
		if (seams[r].seam == seam && seams[r].lang == lang && style_among(seams[r].words, word))
			return true;
	return false;
}

static int
words_in(str s)
{
	int n = 0;
	str w;

	for (size_t i = 0; text_next_word(s, &i, &w);)
		n++;
	return n;
}

/* The first two words behind i. */
static void
peek(str s, size_t i, str word[2])
{
	word[0] = word[1] = S("");
	if (text_next_word(s, &i, &word[0]))
		text_next_word(s, &i, &word[1]);
}

struct cut { const struct avoid *v; struct arena *a; enum text_lang lang; struct buf *out; };

/* "…, and the team in Berlin" may be the last of a list: behind a seam stands a clause that has a person or a verb that is known. */
static bool
is_clause(const struct cut *c, str s)
{
	str w;

	for (size_t i = 0, n = 0; text_next_word(s, &i, &w); n++)
		if ((n == 0 && is(PERSON, c->lang, w)) || is(VERB, c->lang, w))
			return true;
	return false;
}

/* Writes s as a sentence; false when it is too short or holds what is avoided. */
static bool
keep(struct cut *c, str s)
{
	char first[4];
	size_t i = 0;

	while (s.n > 0 && strchr(" ,;:-\t\n", s.p[s.n - 1]) != NULL)
		s.n--;
	s = str_trim(s);
	if (words_in(s) < CLAUSE_WORDS || avoid_hits(c->v, s))
		return false;
	uint32_t head = utf8_next(s, &i);
	buf_add(c->out, (str){ first, text_put(first, text_upper(head)) });
	buf_add(c->out, str_cut(s, i, s.n));
	buf_add(c->out, strchr(".!?", s.p[s.n - 1]) != NULL ? S(" ") : S(". "));
	return true;
}

/* Of one main clause: without a subordinate clause behind it, or in English in front of it. */
static void
keep_main(struct cut *c, str s)
{
	str word[2];

	if (keep(c, s))
		return;
	peek(s, 0, word);
	bool led = is(UNDER, c->lang, word[0]);
	for (size_t i = 0; i + 1 < s.n; i++) {
		if (s.p[i] != ',' || s.p[i + 1] != ' ')
			continue;
		peek(s, i + 1, word);
		if (led && c->lang == TEXT_EN && is(SUBJECT, c->lang, word[0]) && keep(c, str_cut(s, i + 1, s.n)))
			return;
		if (!led && is(UNDER, c->lang, word[0]) && keep(c, str_cut(s, 0, i)))
			return;
	}
}

static str
without_brackets(struct arena *a, str s)
{
	struct buf b;
	int depth = 0;

	buf_init(&b, a, s.n + 1);
	for (size_t i = 0; i < s.n; i++) {
		depth += s.p[i] == '(';
		if (depth == 0)
			buf_char(&b, s.p[i]);
		else if (s.p[i] == '(' && b.n > 0 && b.p[b.n - 1] == ' ')
			b.n--;
		depth -= s.p[i] == ')' && depth > 0;
	}
	return depth == 0 ? buf_str(&b) : s;
}

/* Where a main clause ends at i, how many bytes are between it and the next one; 0: it goes on. */
static size_t
seam_at(const struct cut *c, str s, size_t i)
{
	str word[2];

	if (s.p[i] == ';')
		return 1;
	if (s.p[i] != ',' && s.p[i] != ' ')
		return 0;
	peek(s, i, word);
	bool close = word[0].p <= s.p + i + 2;
	if (!close || !is(JOIN, c->lang, word[0]) || !is(SUBJECT, c->lang, word[1]) || (s.p[i] == ' ' && c->lang == TEXT_EN))
		return 0;
	return (size_t)(word[0].p + word[0].n - (s.p + i));
}

static void
keep_part(struct cut *c, str s, size_t from, size_t to)
{
	if (from == 0 || is_clause(c, str_cut(s, from, to)))
		keep_main(c, str_cut(s, from, to));
}

static void
keep_clauses(struct cut *c, str s)
{
	size_t from = 0;

	s = without_brackets(c->a, s);
	if (keep(c, s))
		return;
	for (size_t i = 0; i < s.n; i++) {
		size_t gap = seam_at(c, s, i);
		if (gap == 0)
			continue;
		keep_part(c, s, from, i);
		from = i += gap;
	}
	keep_part(c, s, from, s.n);
}

str
clause_keep(struct arena *a, const struct avoid *v, str text, enum text_lang lang)
{
	struct text_sentence *s;
	struct buf out;
	struct cut c = { .v = v, .a = a, .lang = lang, .out = &out };
	int n = text_sentences(a, text, lang, &s);

	buf_init(&out, a, text.n * 2 + 16);
	for (int i = 0; i < n; i++) {
		if (s[i].heading)
			continue;
		if (i > 0 && out.n > 0 && s[i].paragraph != s[i - 1].paragraph)
			buf_add(&out, S("\n\n"));
		keep_clauses(&c, s[i].s);
	}
	return str_trim(buf_str(&out));
}

/* --- sentences made shorter --- */

#define VERB_AT		4		/* a clause without a person has its verb among so many words */

/* "they could see it", "the team was small": it has a subject and a verb near to it. */
static bool
stands(enum text_lang lang, str s)
{
	str w;

	for (size_t i = 0, n = 0; n < VERB_AT && text_next_word(s, &i, &w); n++) {
		if (n > 0 && (memchr(s.p, ',', (size_t)(w.p - s.p)) != NULL || is(UNDER, lang, w) || str_ieq(w, S("that"))))
			return false;		/* "the people who are there" */
		if (n == 0 ? is(PERSON, lang, w) : is(VERB, lang, w))
			return true;
	}
	return false;
}

/* Whether a main clause ends at the comma or the semicolon at i, and another one begins behind it; *ret is where. */
static bool
splits(str s, size_t i, enum text_lang lang, size_t *ret)
{
	str word[2];

	if (i + 1 >= s.n || (s.p[i] != ',' && s.p[i] != ';') || s.p[i + 1] != ' ')
		return false;
	peek(s, i + 1, word);
	size_t at = (size_t)(word[0].p - s.p), behind = at + word[0].n;
	bool joined = is(JOIN, lang, word[0]);
	if (s.p[i] == ',' && !joined)
		return false;
	if (joined && !is(SUBJECT, lang, word[1]))
		return false;
	*ret = str_ieq(word[0], S("and")) || str_ieq(word[0], S("und")) ? behind : at;
	str rest = str_trim(str_cut(s, joined ? behind : at, s.n));
	return stands(lang, rest) && words_in(str_cut(s, 0, i)) >= CLAUSE_WORDS - 1 && words_in(rest) >= CLAUSE_WORDS - 1;
}

static str
as_sentence(struct arena *a, str s)
{
	char first[4];
	size_t i = 0;

	s = str_trim(s);
	uint32_t head = utf8_next(s, &i);
	size_t n = text_put(first, text_upper(head));
	bool open = strchr(".!?", s.p[s.n - 1]) == NULL && (uint8_t)s.p[s.n - 1] < 0x80;
	return str_fmt(a, "%.*s%.*s%s", (int)n, first, STR(str_cut(s, i, s.n)), open ? "." : "");
}

int
clause_split(struct arena *a, str s, enum text_lang lang, str *ret, int max)
{
	size_t from = 0, next;
	str word[2];
	int n = 0;

	peek(s, 0, word);
	ret[0] = s;
	/* what is quoted, asked or hangs on a first clause is left whole */
	for (size_t i = 0; i < s.n; i++)
		if (strchr("\"():?", s.p[i]) != NULL || (uint8_t)s.p[i] == 0xE2)
			return 1;
	if (is(UNDER, lang, word[0]) || lang == TEXT_OTHER)
		return 1;
	for (size_t i = 0; i < s.n && n + 1 < max; i++)
		if (splits(s, i, lang, &next)) {
			ret[n++] = as_sentence(a, str_cut(s, from, i));
			i = from = next;
		}
	if (n > 0)
		ret[n] = as_sentence(a, str_cut(s, from, s.n));
	return n + 1;
}
