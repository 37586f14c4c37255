#include "write/openai.h"
#include "crypto/crypto.h"
#include "t.h"
#include "t_provider.h"

struct run { struct arena a; struct write_input in; struct voice v; struct write_output out; };

static bool go_on(void *ctx, double fraction, const char *what) { return ctx == NULL && fraction <= 1 && what != NULL; }

static const str avoid[] = { S_INIT("synergy"), S_INIT("game changer") };

static void
run_init(struct run *r)
{
	*r = (struct run){ .v = { .formality = -1, .warmth = -1, .energy = -1, .complexity = -1, .avoid = avoid, .avoids = 2 } };
	if (!crypto_init())
		abort();
	arena_init(&r->a, 16 << 20);
	r->in = (struct write_input){ .source = S("We threw away the dashboard and we kept the list, because that is what people used."), .length = WRITE_MEDIUM };
}

static enum write_fault
run_post(struct run *r, const char *behaviour)
{
	struct conf c = { .writer = 1, .openai_key = "k", .openai_model = "m", .openai_connect = 2000, .openai_stall = 2000, .openai_total = 5000,
	    .openai_context = 16000, .openai_price_in = 10, .openai_url = str_fmt(&r->a, "http://127.0.0.1:%d/%s/v1", provider_port(), behaviour).p };

	r->in.voice = &r->v;
	return write_post(&c, &sys_clock_real, &r->a, &r->in, go_on, NULL, &r->out);
}

static bool
holds(str text, const char *part)
{
	return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

/* again: what the model was asked once more for; NULL: it was not.  part: of the post; not: of no post. */
static const struct { const char *behaviour, *again, *part, *not; } mended[] = {
	{ "normal", NULL, "What would you throw away first?", NULL },
	{ "markdownonly", NULL, "See our page for it.", "evil" },
	{ "mentionsonly", NULL, "Thanks to eve and (mallory) for this.", "@" },
	{ "baitonly", NULL, "What would you throw away first?", "evil" },
	{ "tags2only", NULL, "first?\n\n#caf\xC3\xA9", "Synergy" },
	{ "links", "address", "What would you throw away first?", "evil" },
	{ "mails", "address", "What would you throw away first?", "evil" },
	{ "synergies", "avoided", "What would you throw away first?", "synerg" },
	{ "german", "language", "What would you throw away first?", "Dashboard weg" },
	{ "leaks", "leaked", "What would you throw away first?", "MATERIAL" },
	{ "rules", "leaked", "What would you throw away first?", "in the voice of" },
};

TEST(what_can_be_mended_is_and_the_rest_is_asked_for_once_more)
{
	for (size_t i = 0; i < COUNT(mended); i++) {
		struct run r;
		run_init(&r);
		enum write_fault f = run_post(&r, mended[i].behaviour);
		bool again = r.out.again != NULL && mended[i].again != NULL && strcmp(r.out.again, mended[i].again) == 0;
		if (f != WRITE_OK || again != (mended[i].again != NULL) || !holds(r.out.content, mended[i].part) ||
		    (mended[i].not != NULL && holds(r.out.content, mended[i].not)))
			t_fail(__FILE__, __LINE__, "%s: fault %d, again %s, \"%.*s\" %s", mended[i].behaviour, f, r.out.again, STR(r.out.content), r.out.why);
		CHECK_INT(r.out.calls, ==, again ? 2 : 1);
		CHECK_INT(r.out.tokens_in, ==, 321 * r.out.calls);
		CHECK_INT(r.out.cost_microcents, ==, 3210 * r.out.calls);
		arena_free(&r.a);
	}
}

/* Again and again the same flaw: refused, and the person is told what to do. */
static const struct { const char *behaviour, *why; } refused[] = {
	{ "linksonly", "The model made up an address: It has an address that you were not given: https://evil.invalid/x. Submit it again, or" },
	{ "mailsonly", "ceo@evil.invalid" },
	{ "synergiesonly", "The model wrote what the voice avoids: It has what the person never writes: synergy. Take it off the list" },
	{ "germanonly", "in another language than it was asked for: It is in German. Say options.language" },
	{ "leaksonly", "The model repeated its instructions" },
	{ "rulesonly", "The model repeated its instructions" },
};

TEST(what_is_wrong_twice_is_refused)
{
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct run r;
		run_init(&r);
		enum write_fault f = run_post(&r, refused[i].behaviour);
		if (f != WRITE_REJECTED || !holds(str_z(r.out.why), refused[i].why))
			t_fail(__FILE__, __LINE__, "%s: fault %d, \"%s\" %.*s", refused[i].behaviour, f, r.out.why, STR(r.out.content));
		CHECK(r.out.content.n == 0);
		CHECK_INT(r.out.calls, ==, 2);
		CHECK_INT(r.out.cost_microcents, ==, 6420);
		arena_free(&r.a);
	}
}

TEST(what_was_given_may_be_said)
{
	struct run r;

	run_init(&r);
	r.in.source = S("We kept the list and that is it: see http://www.EVIL.invalid/x/ for more of this.");
	CHECK_INT(run_post(&r, "linksonly"), ==, WRITE_OK);
	CHECK_INT(r.out.calls, ==, 1);
	r.in.source = S("We kept the list and that is it.");
	r.in.passage = &(struct write_passage){ S("Contact"), S("Reach ceo@evil.invalid.") };
	r.in.passages = 1;
	CHECK_INT(run_post(&r, "mailsonly"), ==, WRITE_OK);
	r.in.passage = &(struct write_passage){ S("https://evil.invalid/x"), S("A page that has no name but its address.") };
	CHECK_INT(run_post(&r, "linksonly"), ==, WRITE_OK);
	CHECK_INT(r.out.calls, ==, 1);
	r.in.instructions = S("Thank @Eve and @mallory.");
	CHECK_INT(run_post(&r, "mentionsonly"), ==, WRITE_OK);
	CHECK(holds(r.out.content, "@eve and (@mallory)"));
	r.v.avoids = 0;
	CHECK_INT(run_post(&r, "synergiesonly"), ==, WRITE_OK);
	arena_free(&r.a);
}

TEST(the_language_is_the_one_that_was_asked_for)
{
	struct run r;

	run_init(&r);
	r.in.language = S("de-AT");
	CHECK_INT(run_post(&r, "germanonly"), ==, WRITE_OK);
	CHECK_INT(r.out.calls, ==, 1);
	CHECK_INT(run_post(&r, "normal"), ==, WRITE_REJECTED);
	r.in.language = S("fr");		/* it stayed in the language of the source */
	CHECK_INT(run_post(&r, "normal"), ==, WRITE_REJECTED);
	CHECK_INT(run_post(&r, "germanonly"), ==, WRITE_OK);
	r.in.language = STR_NONE;
	r.in.instructions = S("Schreib auf Deutsch.");
	CHECK_INT(run_post(&r, "germanonly"), ==, WRITE_OK);
	arena_free(&r.a);
}

TEST(a_post_begins_with_its_hook)
{
	struct run r;

	run_init(&r);
	r.in.hook = S("the smallest change we made this year saved the most time");
	CHECK_INT(run_post(&r, "normal"), ==, WRITE_OK);
	CHECK_INT(r.out.calls, ==, 1);
	r.in.hook = S("Synergy was what we wanted.");
	CHECK_INT(run_post(&r, "normal"), ==, WRITE_OK);
	CHECK(r.out.again != NULL && strcmp(r.out.again, "hook") == 0);
	CHECK(str_starts(r.out.content, S("Synergy was what we wanted.\n\nThe smallest change")));
	CHECK_STR(r.out.title, S("Synergy was what we wanted."));
	arena_free(&r.a);
}

static str
sentences(struct arena *a, int n)
{
	struct buf b;

	buf_init(&b, a, 1 << 20);
	for (int i = 0; i < n; i++)
		buf_add(&b, S("This is a sentence of the source that we have. "));
	return buf_str(&b);
}

TEST(the_wrong_length_is_asked_for_once_more_and_then_taken)
{
	struct run r;

	run_init(&r);
	r.in.source = sentences(&r.a, 100);
	CHECK_INT(run_post(&r, "long"), ==, WRITE_OK);
	CHECK(r.out.again != NULL && strcmp(r.out.again, "long") == 0 && holds(r.out.content, "throw away first"));
	CHECK_INT(run_post(&r, "longonly"), ==, WRITE_OK);
	CHECK_INT(r.out.calls, ==, 2);
	CHECK_INT(utf8_count(r.out.content), <=, 1800);
	CHECK_INT(utf8_count(r.out.content), >, 1700);
	CHECK(str_ends(r.out.content, S("kept the list.")));
	CHECK_INT(run_post(&r, "brief"), ==, WRITE_OK);
	CHECK(r.out.again != NULL && strcmp(r.out.again, "short") == 0 && holds(r.out.content, "throw away first"));
	CHECK_INT(run_post(&r, "briefonly"), ==, WRITE_OK);
	CHECK_STR(r.out.content, S("We kept the list."));
	r.in.source = S("We kept the list, and that is all that we have to say.");
	CHECK_INT(run_post(&r, "briefonly"), ==, WRITE_OK);
	CHECK_INT(r.out.calls, ==, 1);
	r.in.length_free = true;
	CHECK_INT(run_post(&r, "longonly"), ==, WRITE_OK);
	CHECK_INT(r.out.calls, ==, 1);
	CHECK_INT(utf8_count(r.out.content), >, 2000);
	arena_free(&r.a);
}

/* --- mending and finding, by rows --- */

TEST(mending_leaves_the_rest_as_it_is)
{
	static const struct { str in, out; } rows[] = {
		{ S_INIT("Plain. Text, at 10:30."), S_INIT("Plain. Text, at 10:30.") }, { S_INIT("A [b] (c) ](d"), S_INIT("A [b] (c) ](d") },
		{ S_INIT("[a](b) and [c](d)"), S_INIT("a and c") }, { S_INIT("ask @Ada, @bob!"), S_INIT("ask @Ada, bob!") }, { S_INIT("a @ b @1 @"), S_INIT("a @ b @1 @") },
		{ S_INIT("One.\n\nhttps://x.invalid\n\nTwo."), S_INIT("One.\n\n\nTwo.") }, { S_INIT("\xE2\x80\x9C@eve\xE2\x80\x9D"), S_INIT("\xE2\x80\x9C" "eve\xE2\x80\x9D") },
		{ S_INIT("Ends.\n\n#synergy #list"), S_INIT("Ends.\n\n#list") }, { S_INIT("Ends.\n\n#GameChanger"), S_INIT("Ends.") },
		{ S_INIT("#synergy is a word here"), S_INIT("#synergy is a word here") },
	};
	struct prompt p;
	struct check c;
	struct run r;

	run_init(&r);
	r.in.source = S("Ask @ada.");
	r.in.voice = &r.v;
	prompt_make(&r.a, &r.in, 16000, &p);
	for (size_t i = 0; i < COUNT(rows); i++) {
		check_init(&c, &r.a, &r.in, &p, rows[i].in);
		CHECK_STR(check_mend(&c, rows[i].in), rows[i].out);
	}
	arena_free(&r.a);
}

TEST(addresses)
{
	static const struct { const char *text; bool strange; } rows[] = {
		{ "See https://a.invalid.", true }, { "See HTTP://A.invalid", true }, { "See www.a.invalid", true }, { "See acme.com/pricing", true }, { "See bit.ly/x", true },
		{ "mail a.b@c.invalid", true }, { "(mail: a@b.co)", true }, { "See example.com!", false }, { "see https://www.example.com/", false }, { "Node.js and e.g. 3.5", false },
		{ "v1.2.3 at 10:30", false }, { "and/or", false }, { "5 @ 3", false }, { "it ends.And begins", false }, { "...", false }, { "", false },
	};
	struct prompt p;
	struct check c;
	struct verdict v;
	struct run r;

	run_init(&r);
	r.in.source = S("We are at Example.com, and that is where we are.");
	prompt_make(&r.a, &r.in, 16000, &p);
	for (size_t i = 0; i < COUNT(rows); i++) {
		check_init(&c, &r.a, &r.in, &p, str_z(rows[i].text));
		check_post(&c, str_z(rows[i].text), &v);
		bool strange = !v.good && strcmp(v.name, "address") == 0;
		if (strange != rows[i].strange)
			t_fail(__FILE__, __LINE__, "%s: %s", rows[i].text, v.name != NULL ? v.name : "good");
	}
	arena_free(&r.a);
}
