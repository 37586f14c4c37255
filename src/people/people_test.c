#include "people/people_priv.h"
#include "t.h"
#include <unistd.h>

TEST(a_place_to_go_on_is_a_path_of_this_server)
{
	static const struct { const char *next; bool ok; } row[] = {
		{ "/", true }, { "/account", true }, { "/oauth/authorize?client_id=a&redirect_uri=https%3A%2F%2Fx&state=%20", true },
		{ "/oauth/authorize?redirect_uri=https://app.example.com/cb", true }, { "/invite/abc-_", true },
		{ "", false }, { "account", false }, { "//evil.example", false }, { "/\\evil.example", false }, { "\\\\evil.example", false }, { "/a//b", false },
		{ "https://evil.example", false }, { "javascript:alert(1)", false }, { "/\t/evil.example", false }, { "/\n", false }, { "/a b", false }, { " /a", false },
		{ "/\x7F", false }, { "/\xC3\xBC", false }, { "/a\"b", false }, { "/<b>", false }, { "/.//evil.example", false }, { "/?//", true }, { "/a\\b", false },
	};

	for (size_t i = 0; i < COUNT(row); i++)
		if (rule_next_ok(str_z(row[i].next)) != row[i].ok)
			t_fail(__FILE__, __LINE__, "%s", row[i].next);
	CHECK(!rule_next_ok(STR_NONE));
}

TEST(a_page_of_sign_in_knows_where_the_next_one_may_lead)
{
	struct arena a;

	arena_init(&a, 1 << 20);
	const char *to = rule_leads_to(&a, S("/oauth/authorize?client_id=x&redirect_uri=https%3A%2F%2Fapp.example.com%2Fcb"));
	CHECK(to != NULL && strcmp(to, "https://app.example.com") == 0);
	CHECK(rule_leads_to(&a, S("/account?redirect_uri=https%3A%2F%2Fevil.example")) == NULL);
	CHECK(rule_leads_to(&a, S("/oauth/authorize?redirect_uri=https%3A%2F%2Fa%3Bscript-src")) == NULL);
	CHECK(rule_leads_to(&a, S("/oauth/authorize")) == NULL);
	CHECK(rule_asks_anew(&a, S("/oauth/authorize?client_id=x&prompt=login")) && rule_asks_anew(&a, S("/oauth/authorize?prompt=consent%20login")));
	CHECK(!rule_asks_anew(&a, S("/oauth/authorize?prompt=none")) && !rule_asks_anew(&a, S("/account?prompt=login")) && !rule_asks_anew(&a, STR_NONE));
	CHECK_STR(rule_escape(&a, S("/a?b=c&d=%20 \xC3\xBC")), S("/a%3Fb%3Dc%26d%3D%2520%20%C3%BC"));
	arena_free(&a);
}

TEST(neighbours_of_ipv6_share_their_tries)
{
	struct arena a;

	arena_init(&a, 1 << 20);
	CHECK_STR(people_group(&a, S("203.0.113.7")), S("203.0.113.7"));
	CHECK_STR(people_group(&a, S("2001:db8:1:2:3::4")), people_group(&a, S("2001:db8:1:2:ffff::1")));
	CHECK(!str_eq(people_group(&a, S("2001:db8:1:2::1")), people_group(&a, S("2001:db8:1:3::1"))));
	CHECK_STR(people_group(&a, S("::ffff:203.0.113.7")), S("203.0.113.7"));
	CHECK_STR(people_group(&a, S("nonsense")), S("nonsense"));
	arena_free(&a);
}

TEST(passwords_that_are_tried_first_are_refused)
{
	static const char *const bad[] = { "", "short", "123456789", "1234567890", "01234567890", "9876543210", "aaaaaaaaaaaa", "abababababab", "password123", "Password123!", "PASSWORD1234",
	    "qwertyuiop", "Qwertyuiop1", "1q2w3e4r5t", "letmein123", "administrator", "iloveyou12", "ada@example.com", "Ada@Example.com", "grace.hopper1", "abcdefghijkl", "Welcome2026!", "correcthorsebatterystaple",
	    "11111111111111111111" };
	static const char *const good[] = { "four green ducks", "correct horse", "Tr0ub4dor&3x", "\xC3\xBC\xC3\xA4\xC3\xB6 und so weiter", "passwords are a bother", "x7Hq-92kd-Pz", "sunshine in my garden" };
	struct arena a;

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (rule_password(&a, str_z(bad[i]), str_starts(str_z(bad[i]), S("grace")) ? S("grace.hopper@example.com") : S("ada@example.com")) == NULL)
			t_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
	for (size_t i = 0; i < COUNT(good); i++)
		if (rule_password(&a, str_z(good[i]), S("ada@example.com")) != NULL)
			t_fail(__FILE__, __LINE__, "refused: %s", good[i]);
	char many[300];
	memset(many, 'x', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	CHECK(rule_password(&a, str_z(many), S("ada@example.com")) != NULL);
	CHECK(rule_password(&a, S("not \xFF utf-8 at all"), S("ada@example.com")) != NULL);
	CHECK(rule_password(&a, STR_NONE, S("ada@example.com")) != NULL);
	arena_free(&a);
}

TEST(a_name_is_one_line)
{
	CHECK(rule_name_ok(S("Ada Lovelace")) && rule_name_ok(S("\xC3\x89mile")));
	CHECK(!rule_name_ok(S("")) && !rule_name_ok(STR_NONE) && !rule_name_ok(S("a\nb")) && !rule_name_ok(S("\xFF")));
}

TEST(browsers_have_names)
{
	struct arena a;

	arena_init(&a, 1 << 20);
	CHECK_STR(rule_agent(&a, S("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")), S("Firefox on Linux"));
	CHECK_STR(rule_agent(&a, S("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15")), S("Safari on macOS"));
	CHECK_STR(rule_agent(&a, S("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0")), S("Edge on Windows"));
	CHECK_STR(rule_agent(&a, STR_NONE), S("A browser"));
	CHECK_STR(rule_agent(&a, S("<script>")), S("A browser"));
	arena_free(&a);
}

TEST(every_scope_has_plain_words)
{
	for (int s = 0; s < GRANT_COUNT; s++)
		CHECK(!str_starts(str_z(people_scope(s)), S("Something")));
	CHECK(str_starts(str_z(people_scope(-1)), S("Something")) && str_starts(str_z(people_scope(GRANT_COUNT)), S("Something")));
}

/* --- hashing --- */

static _Atomic int woken;
static void wake(struct exchange *x) { (void)x; woken++; }
static void until(int n) { while (woken < n) usleep(1000); }

TEST(what_a_scope_deletes_its_words_say)
{
	for (int i = 0; i < nops; i++)
		for (int k = 0; k < GRANT_COUNT; k++)
			if (ops[i].method == M_DELETE && (ops[i].scopes & 1u << k) && strstr(people_scope(k), "delete") == NULL)
				t_fail(__FILE__, __LINE__, "%s: '%s'", ops[i].name, people_scope(k));
}

TEST(passwords_are_hashed_and_compared_on_threads_of_their_own)
{
	struct exchange x = { .wake = wake };
	struct hash_job make = { .x = &x, .make = true, .password = S("four green ducks") };
	struct hasher *h;
	struct error e;

	woken = 0;
	CHECK(crypto_init());
	CHECK(hasher_new(2, &h, &e) == OK);
	CHECK(hasher_take(h, &make));
	until(1);
	CHECK(make.ok && str_starts(str_z(make.made), S("$argon2id$")));
	struct hash_job right = { .x = &x, .password = S("four green ducks"), .hash = str_z(make.made) };
	struct hash_job wrong = { .x = &x, .password = S("five green ducks"), .hash = str_z(make.made) };
	struct hash_job nobody = { .x = &x, .password = S("four green ducks") };
	CHECK(hasher_take(h, &right) && hasher_take(h, &wrong) && hasher_take(h, &nobody));
	until(4);
	CHECK(right.ok && !wrong.ok && !nobody.ok);
	hasher_free(h);
}

TEST(whoever_comes_on_top_is_turned_away_and_who_waits_is_served)
{
	static struct hash_job job[SIGNIN_QUEUE + 8];
	struct exchange x = { .wake = wake };
	struct hasher *h;
	struct error e;
	int taken = 0;

	woken = 0;
	CHECK(crypto_init());
	CHECK(hasher_new(1, &h, &e) == OK);
	for (size_t i = 0; i < COUNT(job); i++) {
		/* a hash that is none takes no time */
		job[i] = (struct hash_job){ .x = &x, .password = S("x"), .hash = i == 0 ? STR_NONE : S("none") };
		taken += hasher_take(h, &job[i]);
	}
	CHECK_INT(taken, >=, SIGNIN_QUEUE);
	CHECK_INT(taken, <=, SIGNIN_QUEUE + 1);
	hasher_free(h);		/* after the last one */
	CHECK_INT(woken, ==, taken);
}
