#include "provider/provider.h"
#include "t.h"
#include "t_provider.h"

#define KEY	"sk-very-secret-key"

static struct arena arena;

/* A call to a provider that behaves so (test/provider/provider.py).  It has all the time that a busy machine may need, unless silence is what is expected. */
static struct provider_call
ask(const char *behaviour, const char *end, const char *key, enum provider_fault expected)
{
	static struct provider to;
	struct provider_call c = { .to = &to, .a = &arena, .body = S("{\"model\":\"m\",\"messages\":[]}"), .max = 1 << 20 };

	arena_init(&arena, 4 << 20);
	to = (struct provider){ .name = "embed", .key = key, .model = "m", .path = "/chat/completions", .connect_ms = 60000,
	    .stall_ms = expected == PROVIDER_TIMEOUT ? 150 : 60000, .total_ms = 60000 };
	to.url = str_fmt(&arena, "http://127.0.0.1:%d/%s/v1%s", provider_port(), behaviour, end).p;
	enum provider_fault fault = provider_ask(&sys_clock_real, &c);
	if (fault != expected)
		t_fail(__FILE__, __LINE__, "%s%s: fault %d, \"%s\"", behaviour, end, fault, c.why);
	CHECK((fault == PROVIDER_OK) == (c.why[0] == '\0'));
	CHECK(strstr(c.why, KEY) == NULL);
	return c;
}

TEST(an_answer_is_collected_wherever_the_url_ends)
{
	static const char *const ends[] = { "", "/", "//", "/chat/completions", "/chat/completions/" };

	for (size_t i = 0; i < COUNT(ends); i++) {
		struct provider_call c = ask("json", ends[i], "", PROVIDER_OK);
		struct error e;
		json_t *root;
		CHECK_INT(json_read(c.answer, &root, &e), ==, OK);
		CHECK(json_is_array(json_object_get(root, "choices")));
		CHECK(c.got);
		json_decref(root);
		arena_free(&arena);
	}
}

TEST(what_fails_names_the_settings_of_this_provider)
{
	static const struct { const char *behaviour; enum provider_fault fault; const char *why; } rows[] = {
		{ "status-404", PROVIDER_REJECTED, "The provider answered 404: status 404 as asked. Check embed_url and embed_model." },
		{ "quota", PROVIDER_REJECTED, "Check the quota of that account." },
		{ "mute", PROVIDER_TIMEOUT, "raise the embed_* time limits." },
		{ "drop", PROVIDER_UNAVAILABLE, "Check embed_url, or try again later." },
		{ "break", PROVIDER_UNAVAILABLE, "The answer broke off" },
		{ "leak", PROVIDER_REJECTED, "Wrong key" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct provider_call c = ask(rows[i].behaviour, "", KEY, rows[i].fault);
		if (strstr(c.why, rows[i].why) == NULL)
			t_fail(__FILE__, __LINE__, "%s: \"%s\"", rows[i].behaviour, c.why);
		arena_free(&arena);
	}
}

TEST(how_long_to_wait_is_what_the_provider_asked_for)
{
	CHECK_INT(ask("busy-7", "", KEY, PROVIDER_UNAVAILABLE).retry_after_s, ==, 7);
	arena_free(&arena);
	CHECK_INT(ask("busy-99999", "", KEY, PROVIDER_UNAVAILABLE).retry_after_s, ==, 3600);
	arena_free(&arena);
	CHECK_INT(ask("status-401", "", KEY, PROVIDER_REJECTED).retry_after_s, ==, 0);
	arena_free(&arena);
}

TEST(a_key_that_would_break_a_header_is_not_sent)
{
	struct provider_call c = ask("json", "", "sk\r\nX: y", PROVIDER_REJECTED);

	CHECK(strstr(c.why, "The setting embed_key holds a line break or control character. Set it anew.") != NULL);
	CHECK(!c.got);
	arena_free(&arena);
}

static int asked;
static bool leave(void *ctx) { (void)ctx; return ++asked < 2; }

TEST(who_asks_can_leave)
{
	static struct provider to = { .name = "embed", .key = "", .model = "m", .path = "/x", .connect_ms = 60000, .stall_ms = 60000, .total_ms = 60000 };
	struct provider_call c = { .to = &to, .a = &arena, .body = S("{}"), .max = 1000, .alive = leave };

	arena_init(&arena, 1 << 20);
	to.url = str_fmt(&arena, "http://127.0.0.1:%d/mute", provider_port()).p;
	CHECK_INT(provider_ask(&sys_clock_real, &c), ==, PROVIDER_STOPPED);
	CHECK(c.stopped && c.why[0] != '\0');
	arena_free(&arena);
}
