/* check -- what a model wrote, held to what it was asked for.  What can be mended without a model is mended; for the rest the model is
 * asked once more, by all that is wrong with it; what is then still wrong is refused, but for the length. */
#include "write/openai.h"
#include "write/avoid.h"
#include <stdio.h>

#define RULE_LEAST	40		/* bytes of a line of the rules that no post has by chance */

/* --- addresses: links, e-mail addresses, mentions --- */

enum address { ADDRESS_NONE, ADDRESS_LINK, ADDRESS_MAIL, ADDRESS_MENTION };

static bool
parts_words(uint32_t c)
{
	return c <= ' ' || (c < 0x80 && strchr("()[]{}<>\"'`|", (int)c) != NULL) || c == 0xA0 || c == 0xAB || c == 0xBB || (c >= 0x2010 && c <= 0x2026) ||
	    (c >= 0x3000 && c <= 0x303F);
}

/* The next run at or behind *i that may be an address, without the marks at its ends. */
static bool
next_run(str s, size_t *i, str *ret)
{
	size_t from, to, at = *i;

	do {
		from = to = at;
		while (at < s.n) {
			size_t before = at;
			if (parts_words(utf8_next(s, &at))) {
				to = before;
				break;
			}
			to = at;
		}
		while (to > from && strchr(".,;:!?*", s.p[to - 1]) != NULL)
			to--;
		while (from < to && strchr(".,;:!?*", s.p[from]) != NULL)
			from++;
	} while (from == to && at < s.n);
	*i = at;
	*ret = str_cut(s, from, to);
	return from < to;
}

/* example.com and example.com/x, by an ending that people use for pages. */
static bool
is_domain(str s)
{
	static const char *const tops[] = { "com", "net", "org", "io", "ai", "app", "dev", "co", "de", "at", "ch", "eu", "fr", "uk", "info", "biz", "me", "ly", "gl", "link", "page",
		"site", "xyz", "example" };
	str host = str_split(&s, '/');
	const char *dot = memrchr(host.p, '.', host.n);

	if (dot == NULL || dot == host.p)
		return false;
	str top = str_cut(host, (size_t)(dot - host.p) + 1, host.n);
	for (size_t i = 0; i < COUNT(tops); i++)
		if (str_ieq(top, str_z(tops[i])))
			return true;
	return false;
}

static enum address
address_of(str s)
{
	const char *at = memchr(s.p, '@', s.n);

	if (memmem(s.p, s.n, "://", 3) != NULL || str_ieq(str_cut(s, 0, 4), S("www.")))
		return ADDRESS_LINK;
	if (at == s.p)
		return s.n > 1 && text_letter((uint8_t)s.p[1]) ? ADDRESS_MENTION : ADDRESS_NONE;
	if (at != NULL)
		return memchr(at, '.', s.n - (size_t)(at - s.p)) != NULL ? ADDRESS_MAIL : ADDRESS_NONE;
	return is_domain(s) ? ADDRESS_LINK : ADDRESS_NONE;
}

static bool
holds(str text, str part)
{
	for (size_t i = 0; part.n <= text.n && i <= text.n - part.n; i++)
		if (str_ieq(str_cut(text, i, i + part.n), part))
			return true;
	return false;
}

/* Without what one may write or leave out. */
static str
bare(str address)
{
	static const str heads[] = { S_INIT("https://"), S_INIT("http://"), S_INIT("mailto:"), S_INIT("www.") };

	for (size_t i = 0; i < COUNT(heads); i++)
		if (str_ieq(str_cut(address, 0, heads[i].n), heads[i]))
			address = str_cut(address, heads[i].n, address.n);
	while (str_ends(address, S("/")))
		address.n--;
	return address;
}

/* Whether an address stands in anything that the model was given. */
static bool
was_given(const struct write_input *in, str address)
{
	const struct voice *v = in->voice;
	bool found;

	address = bare(address);
	found = holds(in->source, address) || holds(in->instructions, address) || holds(in->hook, address) || holds(in->topic, address);
	for (int i = 0; i < in->passages && !found; i++)
		found = holds(in->passage[i].body, address) || holds(in->passage[i].name, address);	/* a page is named by its address */
	if (v == NULL || found)
		return found;
	found = holds(v->profile, address) || holds(v->structure, address);
	for (int i = 0; i < v->samples && !found; i++)
		found = holds(v->sample[i], address);
	for (int i = 0; i < v->pillars && !found; i++)
		found = holds(v->pillar[i].about, address) || holds(v->pillar[i].name, address);
	for (int i = 0; i < v->prefers && !found; i++)
		found = holds(v->prefer[i], address);
	return found;
}

static bool
next_strange(const struct check *c, str s, size_t *i, str *ret)
{
	while (next_run(s, i, ret))
		if (address_of(*ret) != ADDRESS_NONE && !was_given(c->in, *ret))
			return true;
	return false;
}

/* --- what is mended --- */

/* [text](address) is text. */
static str
without_markdown(struct arena *a, str s)
{
	struct buf b;

	buf_init(&b, a, s.n + 1);
	while (s.n != 0) {
		const char *mid = memmem(s.p, s.n, "](", 2);
		const char *open = mid != NULL ? memrchr(s.p, '[', (size_t)(mid - s.p)) : NULL;
		const char *close = mid != NULL ? memchr(mid, ')', s.n - (size_t)(mid - s.p)) : NULL;
		if (open == NULL || close == NULL)
			break;
		buf_add(&b, str_cut(s, 0, (size_t)(open - s.p)));
		buf_add(&b, str_cut(s, (size_t)(open - s.p) + 1, (size_t)(mid - s.p)));
		s = str_cut(s, (size_t)(close - s.p) + 1, s.n);
	}
	buf_add(&b, s);
	return buf_str(&b);
}

/* A mention of somebody who was not given becomes the name. */
static str
without_mentions(const struct check *c, str s)
{
	struct buf b;
	str run;

	buf_init(&b, c->a, s.n + 1);
	for (size_t i = 0, done = 0;;) {
		if (!next_strange(c, s, &i, &run)) {
			buf_add(&b, str_cut(s, done, s.n));
			return buf_str(&b);
		}
		size_t at = (size_t)(run.p - s.p);
		if (address_of(run) != ADDRESS_MENTION)
			continue;
		buf_add(&b, str_cut(s, done, at));
		done = at + 1;
	}
}

static bool
has_words(str s)
{
	str word;
	size_t i = 0;

	return text_next_word(s, &i, &word);
}

/* A line that is a link and nothing else that is said. */
static bool
is_bare_link(const struct check *c, str line)
{
	size_t i = 0;
	str run;

	if (!next_strange(c, line, &i, &run))
		return false;
	size_t at = (size_t)(run.p - line.p);
	return !has_words(str_cut(line, 0, at)) && !has_words(str_cut(line, at + run.n, line.n));
}

/* Of a line of hashtags those without a word to avoid; other lines as they are. */
static str
clean_tags(const struct check *c, str line)
{
	str rest = line;
	struct buf b;

	buf_init(&b, c->a, line.n + 2);
	while (rest.p != NULL) {
		str tag = str_split(&rest, ' ');
		if (tag.n != 0 && tag.p[0] != '#')
			return line;
		if (tag.n == 0 || avoid_hits(c->avoid, str_cut(tag, 1, tag.n)))
			continue;
		buf_add(&b, b.n != 0 ? S(" ") : S(""));
		buf_add(&b, tag);
	}
	return buf_str(&b);
}

static str
by_line(const struct check *c, str s)
{
	struct buf b;

	buf_init(&b, c->a, s.n + 2);
	while (s.p != NULL) {
		str line = str_split(&s, '\n');
		if (is_bare_link(c, line))
			continue;
		buf_add(&b, c->avoid != NULL ? clean_tags(c, line) : line);
		buf_add(&b, s.p != NULL ? S("\n") : S(""));
	}
	return str_trim(buf_str(&b));
}

str
check_mend(const struct check *c, str post)
{
	return by_line(c, without_mentions(c, without_markdown(c->a, post)));
}

/* --- what is wrong --- */

/* A line of the rules, or a code between whose lines the material stood. */
static bool
leaked(const struct check *c, str post, struct buf *say)
{
	str rules = c->prompt->system;
	bool hit = memmem(post.p, post.n, c->prompt->fence, FENCE_LEN) != NULL;

	while (rules.p != NULL && !hit) {
		str line = str_split(&rules, '\n');
		hit = line.n >= RULE_LEAST && memmem(post.p, post.n, line.p, line.n) != NULL;
	}
	if (hit)
		buf_add(say, S("It repeats what you were told, or a line around the material."));
	return hit;
}

/* -1: nobody can say. */
static int
wanted_language(const struct write_input *in)
{
	str rest = in->language, tag = str_split(&rest, '-');

	if (in->language.n != 0)
		return str_ieq(tag, S("en")) ? TEXT_EN : str_ieq(tag, S("de")) ? TEXT_DE : TEXT_OTHER;
	int of_source = (int)text_language(in->source);
	return in->instructions.n == 0 && of_source != TEXT_OTHER ? of_source : -1;	/* instructions may ask for another one */
}

/* Another language than English and German is not known by its words: then what was wrong is that of the source. */
static bool
foreign(const struct check *c, str post, struct buf *say)
{
	int want = wanted_language(c->in), is = (int)text_language(post);

	if (want < 0 || is == TEXT_OTHER || is == want || (want == TEXT_OTHER && is != (int)text_language(c->in->source)))
		return false;
	buf_fmt(say, "It is in %s.", is == TEXT_EN ? "English" : "German");
	return true;
}

/* The post behind the hook, if it begins with that. */
static str
behind_hook(const struct check *c, str post)
{
	str hook = str_trim(c->in->hook);

	return str_ieq(str_cut(post, 0, hook.n), hook) ? str_cut(post, hook.n, post.n) : post;
}

bool check_begins(const struct check *c, str post) { return c->in->hook.n == 0 || behind_hook(c, post).n < post.n; }

static bool
hookless(const struct check *c, str post, struct buf *say)
{
	if (check_begins(c, post))
		return false;
	buf_fmt(say, "It does not begin with the line that it must begin with, word for word: %.*s", STR(c->in->hook));
	return true;
}

/* The hook was chosen as it is. */
static bool
avoided(const struct check *c, str post, struct buf *say)
{
	bool any = false;

	post = behind_hook(c, post);
	if (c->avoid == NULL || !avoid_hits(c->avoid, post))
		return false;
	for (int i = 0; i < c->in->voice->avoids; i++) {
		struct arena_mark mark = arena_mark(c->a);
		const str *word = &c->in->voice->avoid[i];
		bool hit = avoid_hits(avoid_new(c->a, word, 1, c->lang), post);
		arena_back(c->a, mark);
		if (hit)
			buf_fmt(say, "%s%.*s", any ? ", " : "It has what the person never writes: ", STR(*word));
		any |= hit;
	}
	buf_add(say, any ? S(".") : S("It has words that the person never writes."));
	return true;
}

static bool
strange(const struct check *c, str post, struct buf *say)
{
	size_t i = 0;
	str run;

	if (!next_strange(c, post, &i, &run))
		return false;
	buf_fmt(say, "It has an address that you were not given: %.*s.", STR(utf8_head(run, 200)));
	return true;
}

static bool
too_long(const struct check *c, str post, struct buf *say)
{
	size_t n = utf8_count(post);

	if (c->in->length_free || n <= check_most(c->in))
		return false;
	buf_fmt(say, "It has %zu characters: make it at most %d.", n, prompt_chars(c->in->length));
	return true;
}

/* Where the material has enough to say. */
static bool
too_short(const struct check *c, str post, struct buf *say)
{
	size_t n = utf8_count(post), want = (size_t)prompt_chars(c->in->length);

	if (c->in->length_free || n >= want / 4 || utf8_count(c->in->source) < 2 * want)
		return false;
	buf_fmt(say, "It has only %zu characters: make it about %zu.", n, want);
	return true;
}

/* what and advice: for the person whose job fails of it; NULL: it is taken all the same. */
static const struct flaw { bool (*found)(const struct check *, str, struct buf *); const char *name, *what, *advice; } flaws[] = {
	{ leaked, "leaked", "The model repeated its instructions", "Submit it again, or choose another openai_model." },
	{ foreign, "language", "The model wrote in another language than it was asked for", "Say options.language, or choose another openai_model." },
	{ avoided, "avoided", "The model wrote what the voice avoids", "Take it off the list, or choose another openai_model." },
	{ hookless, "hook", NULL, NULL },
	{ strange, "address", "The model made up an address", "Submit it again, or choose another openai_model." },
	{ too_long, "long", NULL, NULL },
	{ too_short, "short", NULL, NULL },
};

size_t check_most(const struct write_input *in) { return MIN((size_t)prompt_chars(in->length) * 3 / 2, POST_MAX); }

void
check_init(struct check *c, struct arena *a, const struct write_input *in, const struct prompt *p, str post)
{
	const struct voice *v = in->voice;

	*c = (struct check){ .a = a, .in = in, .prompt = p, .lang = text_language(post) };
	if (v != NULL && v->avoids > 0)
		c->avoid = avoid_new(a, v->avoid, v->avoids, c->lang);
}

void
check_post(const struct check *c, str post, struct verdict *ret)
{
	struct buf say, one;

	*ret = (struct verdict){ .good = true };
	buf_init(&say, c->a, 8192);
	for (size_t i = 0; i < COUNT(flaws); i++) {
		buf_init(&one, c->a, 4096);
		if (!flaws[i].found(c, post, &one))
			continue;
		buf_fmt(&say, "- %.*s\n", STR(buf_str(&one)));
		if (ret->good)
			ret->name = flaws[i].name;
		if (flaws[i].what != NULL && ret->what == NULL) {
			ret->what = flaws[i].what;
			ret->said = buf_str(&one);
			ret->advice = flaws[i].advice;
		}
		ret->good = false;
	}
	ret->say = buf_str(&say);
}
