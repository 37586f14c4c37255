/* scrub -- what strangers send, as it may be kept: text, and nothing that looks like a secret.
 *
 * A text is cut into words of letters, digits and _ - + = ~.  A word goes that begins like a credential, that follows
 * `Bearer` or `Basic`, or that has 32 letters and a digit and is no id of ours.  In a query the value of a parameter goes
 * too whose name speaks of a secret.  Better a harmless word too many than a key too few. */
#include "api/journal.h"

#define MASK	S("***")
#define LONG	32

static bool
in_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '+' || c == '=' || c == '~';
}

/* A prefix in lower case, _ and a ulid. */
static bool
is_id(str word)
{
	size_t lead = word.n > 27 ? word.n - 27 : 0;

	for (size_t i = 0; i < lead; i++)
		if (word.p[i] < 'a' || word.p[i] > 'z')
			return false;
	return lead > 0 && lead <= 8 && word.p[lead] == '_' && ulid_ok(str_cut(word, lead + 1, word.n));
}

static bool
is_secret(str word)
{
	static const str leads[] = { S_INIT("scripe_"), S_INIT("whsec_"), S_INIT("eyJ"), S_INIT("sk-"), S_INIT("sk_"), S_INIT("ghp_"), S_INIT("xox") };
	bool digit = false;

	for (size_t i = 0; i < COUNT(leads); i++)
		if (str_ieq(str_cut(word, 0, leads[i].n), leads[i]))
			return true;
	if (word.n < LONG || is_id(word))
		return false;
	for (size_t i = 0; i < word.n; i++)
		digit |= word.p[i] >= '0' && word.p[i] <= '9';
	return digit;
}

static bool
announces_one(str word)
{
	return str_ieq(word, S("bearer")) || str_ieq(word, S("basic"));
}

/* A code point; what is no UTF-8 is U+FFFD, what is no text a blank. */
static str
letter(str s, size_t *i)
{
	size_t from = *i;
	uint32_t c = utf8_next(s, i);

	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return S(" ");
	return utf8_ok(str_cut(s, from, *i)) ? str_cut(s, from, *i) : S("\xEF\xBF\xBD");
}

static str
word_at(str s, size_t i)
{
	size_t end = i;

	while (end < s.n && in_word(s.p[end]))
		end++;
	return str_cut(s, i, end);
}

void
scrub(struct scrubbed *to, str s)
{
	bool next_goes = false;

	for (size_t i = 0; i < s.n && to->n < to->max;) {
		str word = word_at(s, i), piece = word.n == 0 ? letter(s, &i) : next_goes || is_secret(word) ? MASK : word;
		if (word.n != 0)
			next_goes = announces_one(word);
		i += word.n;
		bool full = to->n + piece.n > to->max;
		if (full)
			piece.n = word.n != 0 ? to->max - to->n : 0;	/* no half of a letter */
		memcpy(to->p + to->n, piece.p, piece.n);
		to->n += piece.n;
		if (full)
			return;
	}
}

static bool
speaks_of_a_secret(str name)
{
	static const str parts[] = { S_INIT("key"), S_INIT("secret"), S_INIT("token"), S_INIT("passw"), S_INIT("auth"), S_INIT("credential"),
	    S_INIT("signature"), S_INIT("session"), S_INIT("jwt") };
	static const str wholes[] = { S_INIT("code"), S_INIT("sig"), S_INIT("cursor"), S_INIT("state"), S_INIT("pw"), S_INIT("pwd") };

	for (size_t i = 0; i < COUNT(wholes); i++)
		if (str_ieq(name, wholes[i]))
			return true;
	for (size_t i = 0; i < COUNT(parts); i++)
		for (size_t at = 0; at + parts[i].n <= name.n; at++)
			if (str_ieq(str_cut(name, at, at + parts[i].n), parts[i]))
				return true;
	return false;
}

void
scrub_query(struct scrubbed *to, const struct front_param *q, int n)
{
	for (int i = 0; i < n; i++) {
		bool goes = speaks_of_a_secret(q[i].name) && q[i].value.n != 0 && !is_id(q[i].value);
		scrub(to, i > 0 ? S("&") : S(""));
		scrub(to, q[i].name);
		scrub(to, S("="));
		scrub(to, goes ? MASK : q[i].value);
	}
}
