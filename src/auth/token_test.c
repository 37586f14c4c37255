#include "auth/token.h"
#include "t_db.h"

static const secret ours = { { 1, 2, 3 } };
static const int64_t moment = INT64_C(1778803200123);

TEST(a_token_tells_its_kind_family_and_number)
{
	static const int64_t number[] = { 0, 1, 4711, INT64_C(1778803200123), (INT64_C(1) << 44) - 1 };
	char token[OAUTH_TOKEN_LEN + 1];
	ulid family = t_ulid(moment, 7), got;
	enum token_kind kind;
	int64_t n;

	CHECK(crypto_init());
	for (size_t i = 0; i < COUNT(number) * 2; i++) {
		enum token_kind k = i % 2 ? TOKEN_REFRESH : TOKEN_ACCESS;
		token_mint(&ours, k, &family, number[i / 2], token);
		CHECK_INT(strlen(token), ==, OAUTH_TOKEN_LEN);
		CHECK(strncmp(token, k == TOKEN_ACCESS ? "scripe_at_" : "scripe_rt_", 10) == 0);
		CHECK(token_read(&ours, str_z(token), &kind, &got, &n));
		CHECK(kind == k && n == number[i / 2] && strcmp(got.s, family.s) == 0);
	}
}

/* The same twice: that is how a lost answer is given again. */
TEST(a_token_is_made_by_arithmetic)
{
	char a[OAUTH_TOKEN_LEN + 1], b[OAUTH_TOKEN_LEN + 1];
	ulid family = t_ulid(moment, 7), other = t_ulid(moment, 8);

	CHECK(crypto_init());
	token_mint(&ours, TOKEN_REFRESH, &family, 3, a);
	token_mint(&ours, TOKEN_REFRESH, &family, 3, b);
	CHECK(strcmp(a, b) == 0);
	token_mint(&ours, TOKEN_REFRESH, &family, 4, b);
	CHECK(strcmp(a + 47, b + 47) != 0);
	token_mint(&ours, TOKEN_REFRESH, &other, 3, b);
	CHECK(strcmp(a + 47, b + 47) != 0);
	token_mint(&ours, TOKEN_ACCESS, &family, 3, b);
	CHECK(strcmp(a + 47, b + 47) != 0);
}

TEST(whatever_is_changed_in_a_token_is_noticed)
{
	static const secret theirs = { { 1, 2, 4 } };
	char token[OAUTH_TOKEN_LEN + 2];
	ulid family = t_ulid(moment, 7);
	enum token_kind kind;
	int64_t n;

	CHECK(crypto_init());
	token_mint(&ours, TOKEN_ACCESS, &family, moment, token);
	CHECK(token_read(&ours, (str){ token, OAUTH_TOKEN_LEN }, &kind, &family, &n));
	CHECK(!token_read(&theirs, str_z(token), &kind, &family, &n));
	for (size_t i = 0; i < OAUTH_TOKEN_LEN; i++) {
		char was = token[i];
		for (const char *c = "0aAZz_ \x80"; *c != '\0'; c++) {
			token[i] = *c;
			if (*c != was && token_read(&ours, (str){ token, OAUTH_TOKEN_LEN }, &kind, &family, &n))
				t_fail(__FILE__, __LINE__, "letter %zu as '%c'", i, *c);
		}
		token[i] = (char)(was >= 'a' && was <= 'f' ? was - 32 : was);	/* upper-case digits are another text */
		CHECK(token[i] == was || !token_read(&ours, (str){ token, OAUTH_TOKEN_LEN }, &kind, &family, &n));
		token[i] = was;
		CHECK(!token_read(&ours, (str){ token, i }, &kind, &family, &n));
	}
	token[OAUTH_TOKEN_LEN] = '0';
	CHECK(!token_read(&ours, (str){ token, OAUTH_TOKEN_LEN + 1 }, &kind, &family, &n));
	CHECK(!token_read(&ours, STR_NONE, &kind, &family, &n));
}
