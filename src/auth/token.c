#include "auth/token.h"
#include <stdio.h>

static const str prefix[] = { [TOKEN_ACCESS] = S_INIT("scripe_at_"), [TOKEN_REFRESH] = S_INIT("scripe_rt_") };
enum { FAMILY_AT = 10, NUMBER_AT = FAMILY_AT + 26, MAC_AT = NUMBER_AT + 11 };
_Static_assert(MAC_AT + 64 == OAUTH_TOKEN_LEN, "prefix, family, number, MAC");
#define NUMBER_MOST	((INT64_C(1) << 44) - 1)	/* 11 hex digits: milliseconds until the year 2527 */

/* What the kind is stands in front of all. */
static digest mac(const secret *s, const char *token) { return crypto_hmac(s, (str){ token, MAC_AT }); }

void
token_mint(const secret *s, enum token_kind kind, const ulid *family, int64_t number, char ret[OAUTH_TOKEN_LEN + 1])
{
	memcpy(ret, prefix[kind].p, prefix[kind].n);
	memcpy(ret + FAMILY_AT, family->s, 26);
	snprintf(ret + NUMBER_AT, 12, "%011llx", (unsigned long long)(number & NUMBER_MOST));
	digest d = mac(s, ret);
	crypto_hex(ret + MAC_AT, d.b, sizeof(d.b));
}

static bool
hex_number(str s, int64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		*ret = *ret * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return true;
}

bool
token_read(const secret *s, str token, enum token_kind *kind, ulid *family, int64_t *number)
{
	char again[65];

	if (token.n != OAUTH_TOKEN_LEN)
		return false;
	*kind = str_starts(token, prefix[TOKEN_ACCESS]) ? TOKEN_ACCESS : TOKEN_REFRESH;
	if (!str_starts(token, prefix[*kind]) || !hex_number(str_cut(token, NUMBER_AT, MAC_AT), number))
		return false;
	digest want = mac(s, token.p), got;
	if (!crypto_unhex(str_cut(token, MAC_AT, token.n), got.b, sizeof(got.b)) || !crypto_same(&want, &got))
		return false;
	crypto_hex(again, got.b, sizeof(got.b));	/* one spelling: a token is known by its letters */
	if (!str_eq(str_cut(token, MAC_AT, token.n), str_z(again)))
		return false;
	memcpy(family->s, token.p + FAMILY_AT, 26);
	family->s[26] = '\0';
	return true;
}
