#include "t.h"
#include "write/write_priv.h"
#include <stdlib.h>

/* How the built-in writer follows voices: 6 voices on 8 texts, English and German, of test/corpus. */

static const char *const voices[] = { "founder_en", "coach_en", "analyst_en", "gruender_de", "beraterin_de", "team_de" };
static const char *const sources[] = {
	"examples/talk.txt", "examples/vortrag.txt", "test/corpus/sources/bakery_en.txt", "test/corpus/sources/bridge_en.txt",
	"test/corpus/sources/release_en.txt", "test/corpus/sources/werkstatt_de.txt", "test/corpus/sources/wasser_de.txt",
	"test/corpus/sources/schule_de.txt",
};

static const struct voice unsaid = { .formality = -1, .warmth = -1, .energy = -1, .complexity = -1 };

static struct voice
voice_of(struct arena *a, const char *name)
{
	struct voice v = unsaid;
	str all = t_file(a, str_fmt(a, "test/corpus/voices/%s.txt", name).p), *sample = NEW_N(a, str, VOICE_SAMPLES);

	while (all.n > 0 && v.samples < VOICE_SAMPLES) {
		const char *gap = memmem(all.p, all.n, "\n%%\n", 4);
		size_t n = gap != NULL ? (size_t)(gap - all.p) : all.n;
		sample[v.samples++] = str_cut(all, 0, n);
		all = str_cut(all, n + 4, all.n);
	}
	v.sample = sample;
	return v;
}

static bool go_on(void *ctx, double fraction, const char *what) { (void)ctx; return fraction >= 0 && fraction <= 1 && what != NULL; }

static str
draft(struct arena *a, str source, const struct voice *v, str instructions)
{
	struct write_input in = { .source = source, .length = WRITE_MEDIUM, .length_free = true, .voice = v, .instructions = instructions };
	struct write_output o = { 0 };

	CHECK_INT(builtin_post(&in, a, go_on, NULL, &o), ==, WRITE_OK);
	CHECK(utf8_ok(o.content) && utf8_ok(o.title));
	CHECK_INT(utf8_count(o.content), <=, POST_MAX);
	CHECK_INT(utf8_count(o.title), <=, 120);
	return o.content;
}

TEST(drafts_move_toward_the_samples)
{
	struct arena a;
	float before = 0, after = 0;
	int pairs = 0, nearer = 0;

	arena_init(&a, 256 << 20);
	for (size_t v = 0; v < COUNT(voices); v++) {
		struct voice voice = voice_of(&a, voices[v]);
		struct habits h;
		float was = 0, is = 0;
		style_learn(&a, voice.sample, voice.samples, &h);
		for (size_t s = 0; s < COUNT(sources); s++) {
			str source = t_file(&a, sources[s]);
			struct style x = style_of(&a, draft(&a, source, NULL, STR_NONE)), y = style_of(&a, draft(&a, source, &voice, STR_NONE));
			float dx = style_distance(&x, &h.mean), dy = style_distance(&y, &h.mean);
			if (getenv("FOLLOW_SHOW") != NULL)
				printf("# %-12s %-36s %.3f %.3f\n", voices[v], sources[s], (double)dx, (double)dy);
			was += dx;
			is += dy;
			pairs++;
			nearer += dy < dx;
		}
		CHECK(is < was);
		before += was;
		after += is;
	}
	printf("# distance to the samples: %.3f without a voice, %.3f with it; nearer in %d of %d\n", (double)before / pairs, (double)after / pairs, nearer, pairs);
	CHECK_INT(nearer * 100, >=, pairs * 85);
	CHECK(after < before * 0.6f);
	arena_free(&a);
}

/* --- nothing is invented --- */

/* A line without bullet, pictures and hashtags. */
static str
bare(struct arena *a, str line)
{
	struct buf b;

	buf_init(&b, a, line.n + 1);
	for (size_t i = 0, n; i < line.n; i += n) {
		if ((n = style_picture(line, i)) > 0)
			continue;
		if (line.p[i] == '#') {
			while (i + n < line.n && line.p[i + n] != ' ')
				n++;
			continue;
		}
		buf_char(&b, line.p[i]);
		n = 1;
	}
	str s = str_trim(buf_str(&b));
	return str_starts(s, S("• ")) ? str_cut(s, sizeof("•"), s.n) : s;
}

static bool
told_by(struct arena *a, str source, str s)
{
	str text = text_fold(a, rank_line(a, source, 1 << 20)), part = text_fold(a, s);

	while (part.n > 0 && strchr(".!? ", part.p[part.n - 1]) != NULL)
		part.n--;
	return part.n == 0 || memmem(text.p, text.n, part.p, part.n) != NULL;
}

static bool
own_words(const struct habits *h, str s)
{
	for (int i = 0; i < h->closers; i++)
		if (str_eq(h->closer[i], s))
			return true;
	return str_eq(h->opener, s) || str_starts(s, S("What is your experience")) || str_starts(s, S("Welche Erfahrungen "));
}

static void
check_told(struct arena *a, str source, const struct habits *h, str content)
{
	struct text_sentence *s;

	while (content.n > 0) {
		str line = bare(a, str_split(&content, '\n'));
		if (own_words(h, line))
			continue;
		int n = text_sentences(a, line, text_language(source), &s);
		for (int k = 0; k < n; k++)
			if (!told_by(a, source, s[k].s))
				t_fail(__FILE__, __LINE__, "not in the source: %.*s", STR(s[k].s));
	}
}

TEST(every_sentence_is_one_of_the_source_or_of_the_person)
{
	struct arena a;

	arena_init(&a, 256 << 20);
	for (size_t v = 0; v < COUNT(voices); v++)
		for (size_t s = 0; s < COUNT(sources); s++) {
			struct voice voice = voice_of(&a, voices[v]);
			struct habits h;
			style_learn(&a, voice.sample, voice.samples, &h);
			str source = t_file(&a, sources[s]), content = draft(&a, source, &voice, STR_NONE);
			check_told(&a, source, &h, content);
			CHECK_STR(draft(&a, str_dup(&a, source), &voice, STR_NONE), content);
		}
	arena_free(&a);
}

/* --- what is avoided --- */

static uint64_t seed = 88172645463325252u;

static uint32_t
any(size_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 20) % below);
}

/* Some sentences of a source. */
static str
stretch(struct arena *a, str source)
{
	struct text_sentence *s;
	int n = text_sentences(a, source, text_language(source), &s), from = (int)any((size_t)n), to = from + 2 + (int)any(10);
	struct buf b;

	buf_init(&b, a, 1 << 16);
	for (int i = from; i < MIN(n, to); i++)
		buf_fmt(&b, "%.*s%s", STR(s[i].s), any(3) == 0 ? "\n\n" : any(8) == 0 ? "\n- " : " ");
	return buf_str(&b);
}

/* A word of the text or two, in some case, joined somehow. */
static str
avoided_word(struct arena *a, const struct text_word *w, int n)
{
	int i = (int)any((size_t)n);
	str s = w[i].s;
	char *p;

	if (i + 1 < n && any(4) == 0)
		s = str_fmt(a, "%.*s%c%.*s", STR(s), any(2) == 0 ? '-' : ' ', STR(w[i + 1].s));
	s = str_dup(a, s);
	p = (char *)(uintptr_t)s.p;
	for (size_t k = 0; any(2) == 0 && k < s.n; k++)
		p[k] = p[k] >= 'a' && p[k] <= 'z' && any(2) == 0 ? (char)(p[k] - 32) : p[k];
	return s;
}

/* By other means than those of the writer: words and stems of one language, side by side. */
static bool
holds(struct arena *a, str text, str phrase, enum text_lang lang)
{
	struct text_word *t, *w;
	int n = text_words(a, text, lang, &t), m = text_words(a, phrase, lang, &w);

	for (int i = 0; i + m <= n; i++) {
		int k = 0;
		while (k < m && str_eq(t[i + k].stem, w[k].stem) && (k == 0 || t[i + k].s.p == t[i + k - 1].s.p + t[i + k - 1].s.n + 1))
			k++;
		if (k == m && m > 0)
			return true;
	}
	return false;
}

#define AVOIDED		6

static bool
try_avoiding(struct arena *a, str source, struct voice *v)
{
	static const char *const said[] = { "", "short, with a list", "end with a question", "ohne Hashtags", "open with a question" };
	str text = stretch(a, source), avoid[AVOIDED];
	struct text_word *w;
	struct write_output o = { 0 };
	enum text_lang lang = text_language(text);
	int n = text_words(a, text, lang, &w);

	v->avoid = avoid;
	for (v->avoids = 0; n > 0 && v->avoids < 1 + (int)any(AVOIDED); v->avoids++)
		avoid[v->avoids] = avoided_word(a, w, n);
	struct write_input in = { .source = text, .length = (enum write_length)any(3), .length_free = any(2) == 0, .voice = v,
		.instructions = str_z(said[any(COUNT(said))]), .hook = any(3) == 0 ? stretch(a, text) : STR_NONE };
	enum write_fault fault = builtin_post(&in, a, go_on, NULL, &o);
	CHECK(fault == WRITE_OK || fault == WRITE_AVOIDED || fault == WRITE_EMPTY);
	for (int i = 0; i < v->avoids && fault == WRITE_OK; i++)
		if (holds(a, o.content, avoid[i], lang) || holds(a, o.title, avoid[i], lang))
			t_fail(__FILE__, __LINE__, "%.*s in: %.*s / %.*s", STR(avoid[i]), STR(o.title), STR(o.content));
	return fault == WRITE_OK;
}

/* 10,000 of them where there is time (SCRIPED_LONG). */
TEST(no_avoided_word_in_2000_drafts)
{
	int drafts = getenv("SCRIPED_LONG") != NULL ? 10000 : 2000;
	struct arena a, own;
	int written = 0;
	str text[COUNT(sources)];
	struct voice voice[COUNT(voices) + 1];

	arena_init(&a, 64 << 20);
	arena_init(&own, 64 << 20);
	for (size_t i = 0; i < COUNT(sources); i++)
		text[i] = t_file(&own, sources[i]);
	for (size_t i = 0; i < COUNT(voices); i++)
		voice[i] = voice_of(&own, voices[i]);
	voice[COUNT(voices)] = unsaid;
	for (int i = 0; i < drafts; i++, arena_reset(&a))
		written += try_avoiding(&a, text[any(COUNT(text))], &voice[any(COUNT(voice))]);
	printf("# %d drafts, the other sources were left with nothing\n", written);
	CHECK_INT(written, >, drafts * 6 / 10);
	arena_free(&a);
	arena_free(&own);
}

TEST(a_source_that_is_all_avoided)
{
	static const struct { const char *avoid, *source; enum write_fault fault; const char *post; } row[] = {
		{ "synergy", "Our synergies were great. Synergy is all.", WRITE_AVOIDED, "" },
		{ "synergy", "We moved the office to Kiel in March, and the synergies were small.", WRITE_OK, "We moved the office to Kiel in March." },
		{ "Synergie", "Die Synergien blieben aus, aber das Team war wieder froh.", WRITE_OK, "Das Team war wieder froh." },
		{ "synergy", " ", WRITE_EMPTY, "" },
	};
	struct arena a;

	arena_init(&a, 16 << 20);
	for (size_t i = 0; i < COUNT(row); i++) {
		struct voice v = unsaid;
		str avoid = str_z(row[i].avoid);
		struct write_output o = { 0 };
		v.avoid = &avoid;
		v.avoids = 1;
		struct write_input in = { .source = str_z(row[i].source), .voice = &v };
		CHECK_INT(builtin_post(&in, &a, go_on, NULL, &o), ==, row[i].fault);
		CHECK(row[i].fault != WRITE_OK || str_starts(o.content, str_z(row[i].post)));
	}
	arena_free(&a);
}

/* --- preferred words, openings, instructions, sliders --- */

static bool has(str s, const char *what) { return memmem(s.p, s.n, what, strlen(what)) != NULL; }

TEST(a_word_is_exchanged_only_where_a_pair_says_so)
{
	static const str prefer[] = { S_INIT("customer -> guest"), S_INIT("clients"), S_INIT("mistake → lesson") };
	struct voice v = unsaid;
	struct arena a;

	arena_init(&a, 16 << 20);
	v.prefer = prefer;
	v.prefers = COUNT(prefer);
	str s = draft(&a, S("Customer number one was a Customer of ours. The customers came back. The customer's table is free, a mistake."), &v, STR_NONE);
	CHECK(has(s, "Guest number one was a Guest of ours."));
	CHECK(has(s, "The customers came back."));
	CHECK(has(s, "a lesson"));
	CHECK(!has(s, "clients"));
	arena_free(&a);
}

TEST(a_preferred_word_decides_between_equals)
{
	static const str prefer = S_INIT("harbour");
	struct voice v = unsaid;
	struct arena a;
	str source = S("The town grew by 12 percent in a year, but nobody was hired. Ships bring much coal to the old dock in summer. "
	    "Ships bring much coal to the old harbour in summer. Trains bring sand to the mill in the valley. Farmers bring corn to the mill "
	    "on the hill. The mayor bought a bicycle for the market in spring.");

	arena_init(&a, 16 << 20);
	v.prefer = &prefer;
	v.prefers = 1;
	CHECK(!has(draft(&a, source, &unsaid, STR_NONE), "harbour"));
	CHECK(has(draft(&a, source, &v, STR_NONE), "harbour"));
	arena_free(&a);
}

static str
hooked(struct arena *a, str source, str hook, const struct voice *v)
{
	struct write_input in = { .source = source, .length = WRITE_MEDIUM, .voice = v, .hook = hook };
	struct write_output o = { 0 };

	CHECK_INT(builtin_post(&in, a, go_on, NULL, &o), ==, WRITE_OK);
	return o.content;
}

TEST(the_hook_that_was_chosen_comes_first)
{
	static const str avoid = S_INIT("night");
	struct arena a;

	arena_init(&a, 64 << 20);
	str source = t_file(&a, "test/corpus/sources/bakery_en.txt"), hook = S("Applications have doubled. I employ nine people, and none of them works before six.");
	for (size_t i = 0; i < COUNT(voices); i++) {
		struct voice v = voice_of(&a, voices[i]);
		str s = hooked(&a, source, hook, &v);
		CHECK(str_starts(s, hook));
		CHECK(!has(str_cut(s, hook.n, s.n), "Applications have doubled"));
	}
	CHECK(str_starts(hooked(&a, source, S(" A line\nof its own! "), NULL), S("A line of its own!\n\n")));
	struct voice v = unsaid;
	v.avoid = &avoid;
	v.avoids = 1;
	CHECK(!has(hooked(&a, source, S("The night was never a part of the craft."), &v), "night"));
	struct write_input in = { .source = source, .voice = &v, .hook = S("The night was never a part of the craft.") };
	struct write_output o = { 0 };
	CHECK_INT(builtin_post(&in, &a, go_on, NULL, &o), ==, WRITE_OK);
	CHECK(!o.hooked);
	in.voice = NULL;
	CHECK_INT(builtin_post(&in, &a, go_on, NULL, &o), ==, WRITE_OK);
	CHECK(o.hooked);
	arena_free(&a);
}

static int
times(str s, char c)
{
	int n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == c;
	return n;
}

/* The last line that is not one of hashtags. */
static str
last_line(str s)
{
	str last = S("");

	while (s.n > 0) {
		str line = str_trim(str_split(&s, '\n'));
		last = line.n > 0 && line.p[0] != '#' ? line : last;
	}
	return last;
}

TEST(instructions_that_can_be_checked_are_followed)
{
	static const char *const no_tags[] = { "no hashtags", "Please write it WITHOUT hashtags.", "Bitte keine Hashtags!" };
	static const char *const ask[] = { "End with a question.", "Ende mit einer Frage" }, *const still[] = { "no questions please", "Bitte ohne Frage" };
	struct arena a;

	arena_init(&a, 64 << 20);
	str source = t_file(&a, "test/corpus/sources/bakery_en.txt");
	for (size_t i = 0; i < COUNT(voices); i++) {
		struct voice v = voice_of(&a, voices[i]);
		for (size_t k = 0; k < COUNT(no_tags); k++)
			CHECK_INT(times(draft(&a, source, &v, str_z(no_tags[k])), '#'), ==, 0);
		for (size_t k = 0; k < COUNT(ask); k++)
			CHECK(has(last_line(draft(&a, source, &v, str_z(ask[k]))), "?"));
		for (size_t k = 0; k < COUNT(still); k++)
			CHECK(!has(last_line(draft(&a, source, &v, str_z(still[k]))), "?"));
		CHECK_INT(times(draft(&a, source, &v, S("five hashtags")), '#'), ==, 5);
		struct style st = style_of(&a, draft(&a, source, &v, S("ohne Emojis, kurz")));
		CHECK(st.v[STYLE_EMOJI_AT] + st.v[STYLE_EMOJI_END] <= 0);
		CHECK(st.v[STYLE_LENGTH] <= 700);
	}
	CHECK(utf8_count(draft(&a, source, NULL, S("Keep it short."))) < 700);
	CHECK(utf8_count(draft(&a, source, NULL, S("not too short"))) > 1000);
	CHECK_INT(utf8_count(draft(&a, source, NULL, S("SHORT!"))), <, 700);
	CHECK_INT(utf8_count(draft(&a, source, NULL, S("bitte kurz, und keine Emojis"))), <, 700);
	CHECK_STR(draft(&a, source, NULL, S("Tell them how long it took us and why short nights are bad.")), draft(&a, source, NULL, STR_NONE));
	CHECK(has(draft(&a, source, NULL, S("use bullet points")), "\n• We shape the dough"));
	CHECK_STR(draft(&a, source, NULL, S("make it pop")), draft(&a, source, NULL, STR_NONE));
	arena_free(&a);
}

TEST(samples_cannot_take_the_room_of_the_post)
{
	struct arena a;
	struct buf b;
	str sample[2];
	struct voice v = unsaid;

	arena_init(&a, 64 << 20);
	buf_init(&b, &a, 1 << 16);
	buf_add(&b, S("We met at noon.\n\n"));
	for (int i = 0; i < 400; i++)
		buf_add(&b, S("👩‍"));
	buf_add(&b, S("👩\n\n#"));
	for (int i = 0; i < 400; i++)
		buf_add(&b, S("tag"));
	sample[0] = buf_str(&b);
	sample[1] = str_fmt(&a, "Once more, we met at noon and sat there.\n%.*s", STR(sample[0]));
	v.sample = sample;
	v.samples = 2;
	str s = draft(&a, t_file(&a, "examples/talk.txt"), &v, STR_NONE);
	CHECK(has(s, "issue tracker"));
	CHECK(!has(s, "tagtag") && !has(s, "👩‍👩‍"));
	arena_free(&a);
}

/* The person writes them, and then asks not to. */
TEST(a_picture_or_bullet_that_is_avoided_takes_no_line_with_it)
{
	static const char *const signs[] = { "🚀", "👉", "✅" };
	struct arena a;
	struct voice v = unsaid;

	arena_init(&a, 64 << 20);
	str sample[] = { S("🚀 We moved house today.\n\n🚀 It rained all day. ✅\n\n🚀 What we took:\n👉 a table\n👉 two chairs\n\n🚀 It was fun. ✅"),
		S("🚀 I baked a cake for them.\n\n🚀 They liked it. ✅\n\n🚀 What was in it:\n👉 some flour\n👉 two eggs\n\n🚀 Bake one too. ✅") };
	str source = t_file(&a, "examples/talk.txt"), avoid[COUNT(signs)];
	v.sample = sample;
	v.samples = COUNT(sample);
	str with = draft(&a, source, &v, STR_NONE);
	for (size_t i = 0; i < COUNT(signs); i++)
		avoid[i] = str_z(signs[i]);
	v.avoid = avoid;
	v.avoids = COUNT(avoid);
	str without = draft(&a, source, &v, STR_NONE);
	CHECK(has(with, "🚀") && !has(without, "🚀") && !has(without, "👉") && !has(without, "✅"));
	CHECK_INT(utf8_count(without), >, utf8_count(with) * 3 / 4);
	arena_free(&a);
}

TEST(sliders_count_where_no_sample_speaks)
{
	struct arena a;
	struct voice calm = unsaid, loud = unsaid;

	arena_init(&a, 64 << 20);
	str source = t_file(&a, "examples/talk.txt");
	calm.complexity = calm.formality = 1000;
	loud.energy = 1000;
	loud.complexity = 0;
	struct style c = style_of(&a, draft(&a, source, &calm, STR_NONE)), l = style_of(&a, draft(&a, source, &loud, STR_NONE));
	CHECK(c.v[STYLE_WORDS] > l.v[STYLE_WORDS] + 2);
	CHECK(c.v[STYLE_PARAGRAPH] > l.v[STYLE_PARAGRAPH]);
	CHECK_STR(draft(&a, source, &unsaid, STR_NONE), draft(&a, source, NULL, STR_NONE));
	struct voice v = voice_of(&a, "founder_en"), w = v;
	w.energy = w.formality = 1000;
	w.profile = S("long sentences, no hashtags");
	CHECK_STR(draft(&a, source, &v, STR_NONE), draft(&a, source, &w, STR_NONE));
	v = unsaid;
	v.structure = S("No hashtags. One sentence per paragraph.");
	CHECK_INT(times(draft(&a, source, &v, STR_NONE), '#'), ==, 0);
	arena_free(&a);
}
