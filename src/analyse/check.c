#include "analyse/analyse_priv.h"

#define TITLE_MAX	80		/* code points */
#define SUMMARY_MAX	600
#define KEY_MAX		240

/* --- is it in the part? --- */

static bool digit(char c) { return c >= '0' && c <= '9'; }

/* The number at *i, with what stands between its digits; *i moves behind it. */
static bool
next_number(str s, size_t *i, str *ret)
{
	size_t from, k;

	while (*i < s.n && !digit(s.p[*i]))
		(*i)++;
	from = k = *i;
	while (k < s.n && (digit(s.p[k]) || (strchr(".,:", s.p[k]) != NULL && k + 1 < s.n && digit(s.p[k + 1]))))
		k++;
	*i = k;
	*ret = str_cut(s, from, k);
	return ret->n != 0;
}

/* 2.5 and 2,5 are one: a model that writes in another language than the part writes its numbers so, too. */
static bool
same_number(str a, str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (a.p[i] != b.p[i] && (strchr(".,", a.p[i]) == NULL || strchr(".,", b.p[i]) == NULL))
			return false;
	return true;
}

static bool
has_number(str part, str number)
{
	str n;

	for (size_t i = 0; next_number(part, &i, &n);)
		if (same_number(n, number))
			return true;
	return false;
}

static bool
has(str s, str what)
{
	return memmem(s.p, s.n, what.p, what.n) != NULL;
}

/* A link, an e-mail address or an @mention. */
static bool
is_address(str word)
{
	return has(word, S("://")) || has(word, S("www.")) || memchr(word.p, '@', word.n) != NULL;
}

static bool
is_grounded(str s, str part)
{
	str n, rest = s;

	for (size_t i = 0; next_number(s, &i, &n);)
		if (!has_number(part, n))
			return false;
	while (rest.p != NULL) {
		str word = str_split(&rest, ' ');
		if (word.n != 0 && is_address(word) && !has(part, word))
			return false;
	}
	return true;
}

/* --- piece by piece --- */

static bool
take_text(struct arena *a, const json_t *v, str part, int max, str *ret)
{
	if (!json_is_string(v))
		return false;
	str s = rank_clean(a, (str){ json_string_value(v), json_string_length(v) });
	s = rank_line(a, s, (int)s.n + 1);
	if (s.n == 0 || (int)utf8_count(s) > max || !is_grounded(s, part))
		return false;
	*ret = s;
	return true;
}

static const char *
word_of(const json_t *v, const char *const *words, size_t n, const char *otherwise)
{
	for (size_t i = 0; i < n && json_is_string(v); i++)
		if (strcmp(json_string_value(v), words[i]) == 0)
			return words[i];
	return otherwise;
}

static void
take_keys(struct arena *a, const json_t *list, str part, struct analysis_topic *t)
{
	str key[ANALYSE_KEYS];
	int n = 0;

	for (size_t i = 0; i < json_array_size(list) && n < ANALYSE_KEYS; i++)
		n += take_text(a, json_array_get(list, i), part, KEY_MAX, &key[n]);
	for (int i = 0; i < n; i++)
		t->key[i] = key[i];
	t->keys = n > 0 ? n : t->keys;
}

static void
take_hooks(struct arena *a, const json_t *list, str part, struct analysis_topic *t)
{
	static const char *const types[] = { "QUESTION", "CONTRAST", "NUMBER", "LESSON", "STORY", "CLAIM" };
	static const char *const contents[] = { "PERSONAL", "BUSINESS_INTERNAL", "BUSINESS_EXTERNAL", "EDUCATIONAL", "UNKNOWN" };
	struct analysis_hook hook[ANALYSE_HOOKS];
	int n = 0;

	for (size_t i = 0; i < json_array_size(list) && n < ANALYSE_HOOKS; i++) {
		const json_t *v = json_array_get(list, i);
		if (!take_text(a, json_object_get(v, "content"), part, ANALYSE_HOOK_MAX, &hook[n].content))
			continue;
		hook[n].post_type = word_of(json_object_get(v, "postType"), types, COUNT(types), "CLAIM");
		hook[n].content_type = word_of(json_object_get(v, "contentType"), contents, COUNT(contents), "UNKNOWN");
		n++;
	}
	for (int i = 0; i < n; i++)
		t->hook[i] = hook[i];
	t->hooks = n > 0 ? n : t->hooks;
}

void
check_topic(struct arena *a, const json_t *said, str part, struct analysis_topic *t)
{
	double score = json_number_value(json_object_get(said, "score"));

	(void)take_text(a, json_object_get(said, "title"), part, TITLE_MAX, &t->title);
	(void)take_text(a, json_object_get(said, "summary"), part, SUMMARY_MAX, &t->summary);
	take_keys(a, json_object_get(said, "keyTakeaways"), part, t);
	take_hooks(a, json_object_get(said, "hooks"), part, t);
	if (json_is_number(json_object_get(said, "score")) && score >= 0 && score <= 1)
		t->score = (int)(score * 1000 + 0.5);
}

json_t *
check_object(str s)
{
	static const str thought = S_INIT("</think>");
	const char *hit, *open, *close;
	struct error e;
	json_t *root;

	while ((hit = memmem(s.p, s.n, thought.p, thought.n)) != NULL)
		s = str_cut(s, (size_t)(hit - s.p) + thought.n, s.n);
	open = memchr(s.p, '{', s.n);
	close = memrchr(s.p, '}', s.n);
	if (open == NULL || close == NULL || close < open || json_read((str){ open, (size_t)(close - open) + 1 }, &root, &e) != OK)
		return NULL;
	return root;
}
