/* rules -- what can be judged without a server. */
#include "people/people_priv.h"
#include <arpa/inet.h>

/* --- where to go on --- */

/* Browsers read a backslash as a slash and leave out tabs and line ends: nothing of the kind may be in it. */
bool
rule_next_ok(str s)
{
	size_t path = s.n;

	if (s.n == 0 || s.n > 8000 || s.p[0] != '/')
		return false;
	for (size_t i = s.n; i-- > 0;) {
		uint8_t c = (uint8_t)s.p[i];
		if (c <= ' ' || c >= 0x7F || c == '\\' || c == '"' || c == '<' || c == '>')
			return false;
		if (c == '?' || c == '#')
			path = i;
	}
	return memmem(s.p, path, "//", 2) == NULL;
}

bool
rule_of_program(str next)
{
	str path = str_split(&next, '?');
	return str_eq(path, S("/oauth/authorize")) || str_eq(path, S("/authorize"));
}

/* A parameter of the question that `next` will ask. */
static str
asked(struct arena *a, str next, const char *name)
{
	str query = next;
	struct page_pairs p;

	(void)str_split(&query, '?');
	if (query.p == NULL || !rule_of_program(next))
		return STR_NONE;
	page_pairs(a, query, &p);
	return page_pair(&p, name, NULL);
}

const char *
rule_leads_to(struct arena *a, str next)
{
	str to = asked(a, next, "redirect_uri");
	return to.p != NULL ? page_origin(a, to) : NULL;
}

bool
rule_asks_anew(struct arena *a, str next)
{
	str words = asked(a, next, "prompt");

	while (words.p != NULL)
		if (str_eq(str_split(&words, ' '), S("login")))
			return true;
	return false;
}

str
rule_escape(struct arena *a, str s)
{
	static const char digits[] = "0123456789ABCDEF";
	char *p = arena_raw(a, s.n * 3 + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = (uint8_t)s.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || memchr("-._~/", c, 5) != NULL;
		if (!plain) {
			p[n++] = '%';
			p[n++] = digits[c >> 4];
			c = (uint8_t)digits[c & 15];
		}
		p[n++] = (char)c;
	}
	p[n] = '\0';
	return (str){ p, n };
}

/* --- addresses --- */

str
people_group(struct arena *a, str address)
{
	uint8_t b[16];

	if (inet_pton(AF_INET6, str_dup(a, address).p, b) != 1)
		return address;
	if (sys_in_network(S("0.0.0.0/0"), address))	/* one of IPv4, written as IPv6 */
		return str_fmt(a, "%d.%d.%d.%d", b[12], b[13], b[14], b[15]);
	return str_fmt(a, "%02x%02x:%02x%02x:%02x%02x:%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]);
}

/* --- passwords and names --- */

/* What is tried first, where ten characters are the least; digits and signs behind a word do not make it another one. */
static const char *const common[] = {
	"password", "passwort", "passw0rd", "p@ssword", "p@ssw0rd", "motdepasse", "contrasena", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm", "qwerty", "qwertz",
	"azerty", "letmein", "welcome", "willkommen", "iloveyou", "sunshine", "princess", "football", "baseball", "basketball", "superman", "batman", "dragon", "monkey",
	"shadow", "master", "michael", "jennifer", "trustno", "whatever", "starwars", "pokemon", "computer", "internet", "changeme", "secret", "administrator", "admin", "root", "test",
	"guest", "default", "hello", "helloworld", "abcdefghij", "abcdefghijk", "abcdefghijkl", "qazwsxedc", "qweasdzxc", "passwordpassword", "correcthorsebatterystaple", "scriped", "scripe", "linkedin",
	"zaqxsw", "loveyou", "liverpool", "chelsea", "arsenal", "charlie", "samsung", "google", "facebook", "summer", "winter", "spring", "autumn", "sommer", "fuckyou",
	"q1w2e3r4t5", "1q2w3e4r5t", "1qaz2wsx3edc", "zaq12wsx", "abcd1234", "abc123abc123", "a1b2c3d4e5", "0987654321", "9876543210", "1029384756",
};

static str
lowered(struct arena *a, str s)
{
	char *p = arena_raw(a, s.n + 1);

	for (size_t i = 0; i < s.n; i++)
		p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
	return (str){ p, s.n };
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (uint8_t)c >= 0x80; }

/* Fewer than five different characters, or each the next one of the one before. */
static bool
is_pattern(str s)
{
	bool seen[256] = { false };
	int kinds = 0;
	size_t up = 0, down = 0;

	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = (uint8_t)s.p[i];
		kinds += !seen[c];
		seen[c] = true;
		up += i > 0 && (c == (uint8_t)s.p[i - 1] + 1 || (c == '0' && s.p[i - 1] == '9'));
		down += i > 0 && (c + 1 == (uint8_t)s.p[i - 1] || (c == '9' && s.p[i - 1] == '0'));
	}
	return kinds < 5 || up + 1 >= s.n || down + 1 >= s.n;
}

const char *
rule_password(struct arena *a, str password, str email)
{
	str s = lowered(a, password), core = s, rest = email, local = str_split(&rest, '@');
	struct error e;

	if (person_password_ok(password, &e) != OK)
		return str_fmt(a, "%s", e.detail).p;
	if (str_eq(s, email) || (local.n >= 3 && str_starts(s, local) && s.n < local.n + 5))
		return "Choose a password that is not your e-mail address.";
	while (core.n > 0 && !is_letter(core.p[core.n - 1]))
		core.n--;
	for (size_t i = 0; i < COUNT(common); i++) {
		str word = str_z(common[i]);
		if (str_eq(s, word) || (str_eq(core, word) && s.n < core.n + 8))
			return "This password is one of those that are tried first. Choose another one: a few words of your own are best.";
	}
	if (is_pattern(s))
		return "This password is too easy to guess. Choose another one: a few words of your own are best.";
	return NULL;
}

bool
rule_name_ok(str s)
{
	if (s.n == 0 || !utf8_ok(s) || utf8_count(s) > 200)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((uint8_t)s.p[i] < ' ' || s.p[i] == 0x7F)
			return false;
	return true;
}

/* --- browsers --- */

static bool
names(str agent, const char *word)
{
	return agent.n != 0 && memmem(agent.p, agent.n, word, strlen(word)) != NULL;
}

str
rule_agent(struct arena *a, str agent)
{
	static const char *const browsers[][2] = { { "Edg", "Edge" }, { "OPR/", "Opera" }, { "Firefox/", "Firefox" }, { "FxiOS", "Firefox" }, { "CriOS", "Chrome" }, { "Chrome/", "Chrome" }, { "Safari/", "Safari" },
	    { "curl/", "curl" } };
	static const char *const systems[][2] = { { "iPhone", "iPhone" }, { "iPad", "iPad" }, { "Android", "Android" }, { "Windows", "Windows" }, { "CrOS", "ChromeOS" }, { "Macintosh", "macOS" },
	    { "Linux", "Linux" } };
	const char *b = NULL, *s = NULL;

	for (size_t i = 0; i < COUNT(browsers) && b == NULL; i++)
		b = names(agent, browsers[i][0]) ? browsers[i][1] : NULL;
	for (size_t i = 0; i < COUNT(systems) && s == NULL; i++)
		s = names(agent, systems[i][0]) ? systems[i][1] : NULL;
	if (b == NULL)
		return s != NULL ? str_fmt(a, "A browser on %s", s) : S("A browser");
	return s != NULL ? str_fmt(a, "%s on %s", b, s) : str_z(b);
}
