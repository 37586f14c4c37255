#include "write/openai.h"
#include "crypto/crypto.h"
#include "dial/dial.h"
#include "t.h"
#include "t_provider.h"

static bool
holds(str text, const char *part)
{
	return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

static bool go_on(void *ctx, double fraction, const char *what) { return ctx == NULL && fraction <= 1 && what != NULL; }

/* What the model is told by the request that comes of an input. */
static str
asked(struct arena *a, const struct write_input *in, struct write_output *out)
{
	struct conf c = { .writer = 1, .openai_key = "k", .openai_model = "m", .openai_connect = 2000, .openai_stall = 2000, .openai_total = 5000,
	    .openai_context = 16000, .openai_url = str_fmt(a, "http://127.0.0.1:%d/json/v1", provider_port()).p };
	const char *url = str_fmt(a, "http://127.0.0.1:%d/_requests", provider_port()).p;
	struct dial_result got;
	struct error e;
	json_t *all;

	CHECK_INT(write_post(&c, &sys_clock_real, a, in, go_on, NULL, out), ==, WRITE_OK);
	dial(a, &sys_clock_real, &(struct dial_request){ .method = "GET", .url = url, .connect_ms = 60000, .silence_ms = 60000, .total_ms = 60000, .max = 8 << 20 }, &got);
	if (json_read(got.body, &all, &e) != OK)
		abort();
	const json_t *body = json_object_get(json_array_get(all, json_array_size(all) - 1), "body");
	str user = str_dup(a, str_z(json_string_value(json_object_get(json_array_get(json_object_get(body, "messages"), 1), "content"))));
	json_decref(all);
	return user;
}

/* --- each ingredient reaches the request --- */

static const struct voice silent = { .formality = -1, .warmth = -1, .energy = -1, .complexity = -1 };
struct made { struct write_input in; struct voice v; };
static const str two_words[] = { S_INIT("alpha phrase"), S_INIT("beta") };
static const struct voice_pillar two_pillars[] = { { S_INIT("Support"), S_INIT("Why builders answer.") }, { S_INIT("Hiring"), S_INIT("") } };
static const struct write_passage two_passages[] = { { S_INIT("Prices"), S_INIT("Nine euros.") }, { S_INIT("Terms"), S_INIT("Thirty days.") } };

static void set_source(struct made *m) { m->in.source = S("The very source."); }
static void set_profile(struct made *m) { m->v.profile = S("Never sells."); }
static void set_sliders(struct made *m) { m->v.formality = 100; m->v.complexity = 1000; }
static void set_prefer(struct made *m) { m->v.prefer = two_words; m->v.prefers = 2; }
static void set_avoid(struct made *m) { m->v.avoid = two_words; m->v.avoids = 2; }
static void set_structure(struct made *m) { m->v.structure = S("A list in the middle."); }
static void set_samples(struct made *m) { m->v.sample = two_words; m->v.samples = 2; }
static void set_pillars(struct made *m) { m->v.pillar = two_pillars; m->v.pillars = 2; }
static void set_passages(struct made *m) { m->in.passage = two_passages; m->in.passages = 2; }
static void set_language(struct made *m) { m->in.language = S("en-GB"); }
static void set_length(struct made *m) { m->in.length = WRITE_LONG; }
static void set_hook(struct made *m) { m->in.hook = S("Nobody asked us."); }
static void set_topic(struct made *m) { m->in.topic = S("Orders on one page."); }
static void set_instructions(struct made *m) { m->in.instructions = S("Address founders."); }

/* In the order of contract 12.8, which is that of the message; # stands for the code of the fences. */
static const struct { void (*set)(struct made *); const char *part[3]; } rows[] = {
	{ set_source, { "MATERIAL #\nThe very source.\nMATERIAL #\n" } },
	{ set_profile, { "PROFILE #\nNever sells.\nPROFILE #\n" } },
	{ set_sliders, { "The tone: very informal, as among friends; long sentences and the terms of the trade.\n" } },
	{ set_prefer, { "PREFER #\nalpha phrase\nbeta\nPREFER #\n" } },
	{ set_avoid, { "AVOID #\nalpha phrase\nbeta\nAVOID #\n" } },
	{ set_structure, { "STRUCTURE #\nA list in the middle.\nSTRUCTURE #\n" } },
	{ set_samples, { "SAMPLE #\nalpha phrase\nSAMPLE #\nSAMPLE #\nbeta\nSAMPLE #\n" } },
	{ set_pillars, { "PILLARS #\nSupport: Why builders answer.\nHiring\nPILLARS #\n" } },
	{ set_passages, { "REFERENCE #\nPrices:\nNine euros.\nREFERENCE #\n", "REFERENCE #\nTerms:\nThirty days.\nREFERENCE #\n" } },
	{ set_language, { "BCP 47 tag is en-GB." } },
	{ set_length, { "At most 2000 characters" } },
	{ set_hook, { "HOOK #\nNobody asked us.\nHOOK #\n" } },
	{ set_topic, { "TOPIC #\nOrders on one page.\nTOPIC #\n" } },
	{ set_instructions, { "wishes for this post:\nAddress founders.\n" } },
};

static str
with_fence(struct arena *a, const char *part, const char *fence)
{
	str rest = str_z(part);
	struct buf b;

	buf_init(&b, a, 4096);
	while (rest.p != NULL) {
		buf_add(&b, str_split(&rest, '#'));
		if (rest.p != NULL)
			buf_add(&b, str_z(fence));
	}
	buf_char(&b, '\0');
	return buf_str(&b);
}

static struct made
made(void)
{
	return (struct made){ .v = silent, .in = { .source = S("Some source."), .length = WRITE_MEDIUM } };
}

TEST(each_ingredient_reaches_the_request)
{
	struct arena a;

	arena_init(&a, 16 << 20);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct made with = made(), without = made();
		struct write_output out;
		struct prompt p;
		rows[i].set(&with);
		with.in.voice = &with.v;
		prompt_make(&a, &without.in, 16000, &p);
		for (int k = 0; k < 3 && rows[i].part[k] != NULL; k++) {
			CHECK(!holds(p.user, with_fence(&a, rows[i].part[k], p.fence).p));
			struct prompt mine;
			prompt_make(&a, &with.in, 16000, &mine);
			str user = asked(&a, &with.in, &out);
			if (!holds(user, with_fence(&a, rows[i].part[k], mine.fence).p))
				t_fail(__FILE__, __LINE__, "row %zu: %.*s", i, STR(user));
			CHECK_INT(out.nleft, ==, 0);
		}
	}
	arena_free(&a);
}

TEST(they_stand_in_the_order_of_the_contract)
{
	struct made m = made();
	struct arena a;
	struct prompt p;
	const char *at;

	arena_init(&a, 16 << 20);
	for (size_t i = 0; i < COUNT(rows); i++)
		rows[i].set(&m);
	m.in.voice = &m.v;
	prompt_make(&a, &m.in, 16000, &p);
	at = str_dup(&a, p.user).p;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *found = strstr(at, with_fence(&a, rows[i].part[0], p.fence).p);
		if (found == NULL)
			t_fail(__FILE__, __LINE__, "row %zu does not follow the one before", i);
		else
			at = found;
	}
	CHECK(str_ends(p.user, S("Write the post.")));
	arena_free(&a);
}

/* --- what does not fit --- */

static str
sentences(struct arena *a, const char *name, int n)
{
	struct buf b;

	buf_init(&b, a, 1 << 20);
	for (int i = 0; i < n; i++)
		buf_fmt(&b, "This is sentence %d of %s, and it says little. ", i, name);
	return buf_str(&b);
}

static struct made
large(struct arena *a)
{
	struct made m = made();
	struct write_passage *p = NEW_N(a, struct write_passage, 5);
	struct voice_pillar *pillar = NEW_N(a, struct voice_pillar, 3);
	str *sample = NEW_N(a, str, 5), *word = NEW_N(a, str, 100);

	for (int i = 0; i < 5; i++) {
		p[i] = (struct write_passage){ S("Doc"), sentences(a, "passage", 40) };
		sample[i] = sentences(a, "sample", 40);
	}
	for (int i = 0; i < 3; i++)
		pillar[i] = (struct voice_pillar){ S("Pillar"), sentences(a, "pillar", 30) };
	for (int i = 0; i < 100; i++)
		word[i] = str_fmt(a, "a phrase that is long enough to weigh something, number %d", i);
	m.in.source = sentences(a, "source", 300);
	m.in.passage = p;
	m.in.passages = 5;
	m.in.instructions = S("Address founders.");
	m.v = (struct voice){ .profile = sentences(a, "profile", 200), .formality = 1, .warmth = 1, .energy = 1, .complexity = 1, .structure = sentences(a, "structure", 30),
	    .prefer = word, .prefers = 100, .avoid = word, .avoids = 100, .sample = sample, .samples = 5, .pillar = pillar, .pillars = 3 };
	return m;
}

static int64_t
left(const struct prompt *p, const char *what)
{
	for (int i = 0; i < p->nleft; i++)
		if (strcmp(p->left[i].what, what) == 0)
			return p->left[i].n;
	return 0;
}

/* The next one is only touched when nothing is left of the one before. */
TEST(the_least_useful_gives_way_first_and_the_source_last)
{
	static const struct { const char *what; int all; } order[] = { { "passages", 5 }, { "samples", 5 }, { "pillars", 3 }, { "prefer", 1 }, { "structure", 1 },
		{ "profile", 1 }, { "avoid", 1 }, { "source", 0 } };
	bool seen[COUNT(order)] = { false };
	struct arena a;

	arena_init(&a, 256 << 20);
	struct made m = large(&a);
	m.in.voice = &m.v;
	for (int64_t context = 30000; context >= 4000; context -= 250) {
		struct prompt p;
		prompt_make(&a, &m.in, context, &p);
		CHECK_INT(provider_tokens(p.system) + provider_tokens(p.user) + 2500, <=, context + 40);	/* the estimate of parts rounds up */
		for (size_t i = 0; i < COUNT(order); i++) {
			int64_t n = left(&p, order[i].what);
			seen[i] |= n > 0;
			for (size_t k = 0; n > 0 && k < i; k++)
				CHECK_INT(left(&p, order[k].what), ==, order[k].all);
		}
		CHECK(holds(p.user, "Address founders.") && holds(p.user, "The tone: "));
		CHECK(holds(p.user, "This is sentence 0 of source"));
		if (left(&p, "source") > 0)
			CHECK(str_ends(p.source, S("little.")) && p.source.n + (size_t)left(&p, "source") == m.in.source.n);
	}
	for (size_t i = 0; i < COUNT(order); i++)
		CHECK(seen[i]);
	arena_free(&a);
}

TEST(the_last_of_a_kind_goes_first)
{
	struct arena a;
	struct prompt p;

	arena_init(&a, 256 << 20);
	struct made m = large(&a);
	m.in.passage = (struct write_passage[]){ { S("First"), sentences(&a, "first", 60) }, { S("Second"), sentences(&a, "second", 60) } };
	m.in.passages = 2;
	m.in.voice = NULL;
	prompt_make(&a, &m.in, 2500 + 400 + (int64_t)(m.in.source.n + m.in.passage[0].body.n) / 4 + 200, &p);
	CHECK_INT(left(&p, "passages"), ==, 1);
	CHECK(holds(p.user, "of first") && !holds(p.user, "of second"));
	arena_free(&a);
}

TEST(a_context_without_room_still_gets_some_of_the_source)
{
	struct arena a;
	struct prompt p;

	arena_init(&a, 64 << 20);
	struct made m = made();
	m.in.source = sentences(&a, "source", 300);
	m.in.instructions = sentences(&a, "instructions", 300);
	prompt_make(&a, &m.in, 4000, &p);
	CHECK_INT(provider_tokens(p.source), >, 200);
	CHECK_INT(provider_tokens(p.source), <=, 256);
	arena_free(&a);
}

TEST(tokens_of_other_scripts)
{
	CHECK_INT(provider_tokens(S("")), ==, 0);
	CHECK_INT(provider_tokens(S("abcdefgh")), ==, 2);
	CHECK_INT(provider_tokens(S("你好世界")), ==, 4);
	CHECK_INT(provider_tokens(S("привет")), ==, 3);
	CHECK_INT(provider_tokens(S("🚀")), ==, 2);
}

TEST(nothing_in_the_prompt_can_be_a_fence)
{
	struct made m = made();
	struct arena a;
	struct prompt one, two;

	arena_init(&a, 16 << 20);
	prompt_make(&a, &m.in, 16000, &one);
	m.v.profile = str_fmt(&a, "MATERIAL %s", one.fence);
	m.in.voice = &m.v;
	prompt_make(&a, &m.in, 16000, &two);
	CHECK(strcmp(one.fence, two.fence) != 0);
	CHECK_INT(strlen(two.fence), ==, FENCE_LEN);
	arena_free(&a);
}
