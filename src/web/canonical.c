/* canonical -- the address that an HTML document gives itself: <link rel="canonical" href="…"> in its head. */
#include "web/web_priv.h"

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* The next attribute of a tag: its name, and its value without quotes.  False at the end. */
static bool
next_attribute(str *rest, str *name, str *value)
{
	const char *p = rest->p, *end = p + rest->n;

	while (p < end && (blank(*p) || *p == '/'))
		p++;
	const char *from = p;
	while (p < end && !blank(*p) && *p != '=' && *p != '/')
		p++;
	*name = (str){ from, (size_t)(p - from) };
	*value = S("");
	while (p < end && blank(*p))
		p++;
	if (p < end && *p == '=') {
		for (p++; p < end && blank(*p); p++)
			;
		char quote = p < end && (*p == '"' || *p == '\'') ? *p++ : '\0';
		from = p;
		while (p < end && (quote != '\0' ? *p != quote : !blank(*p)))
			p++;
		*value = (str){ from, (size_t)(p - from) };
		p += p < end && quote != '\0';
	}
	bool any = p > rest->p && (name->n > 0 || p < end);
	*rest = (str){ p, (size_t)(end - p) };
	return any;
}

/* The inside of the next <link …>; absent at the end. */
static str
next_link(str html, size_t *at)
{
	for (size_t i = *at; i + 6 < html.n; i++) {
		if (html.p[i] != '<' || !str_ieq(str_cut(html, i + 1, i + 5), S("link")) || !(blank(html.p[i + 5]) || html.p[i + 5] == '/'))
			continue;
		const char *end = memchr(html.p + i, '>', html.n - i);
		if (end == NULL)
			break;
		*at = (size_t)(end - html.p);
		return str_cut(html, i + 5, *at);
	}
	return STR_NONE;
}

static bool
has_word(str words, str word)
{
	while (words.p != NULL)
		if (str_ieq(str_trim(str_split(&words, ' ')), word))
			return true;
	return false;
}

str
canonical_of(struct arena *a, str html)
{
	size_t at = 0;

	for (str link = next_link(html, &at); link.p != NULL; link = next_link(html, &at)) {
		str name, value, href = STR_NONE;
		bool canonical = false;
		while (next_attribute(&link, &name, &value)) {
			if (str_ieq(name, S("rel")))
				canonical = has_word(value, S("canonical"));
			else if (str_ieq(name, S("href")))
				href = str_trim(value);
		}
		if (canonical && href.n > 0)
			return entity_decode(a, href);
	}
	return STR_NONE;
}
