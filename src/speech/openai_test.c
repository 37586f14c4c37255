#include "pcm/pcm.h"
#include "speech/speech.h"
#include "t.h"
#include "t_provider.h"
#include "json/json.h"
#include "dial/dial.h"

#define KEY	"sk-very-secret-key"

struct run {
	struct arena a;
	struct conf conf;
	struct speech s;
	struct marked_maker into;
	struct marked_text text;
	int told, stop_at;			/* calls of progress; the one that says stop, 0 for none */
	double last;
	char what[80];
};

static bool
note(void *ctx, double fraction, const char *what)
{
	struct run *r = ctx;

	CHECK(fraction >= r->last && fraction <= 1);
	r->last = fraction;
	snprintf(r->what, sizeof(r->what), "%s", what);
	return ++r->told != r->stop_at;
}

/* Noise of so many seconds, with a pause in front of each tenth. */
static int
noise(int seconds)
{
	int fd = fileno(tmpfile());
	int16_t block[PCM_RATE];
	unsigned seed = 7;

	for (int s = 0; s < seconds; s++) {
		for (size_t i = 0; i < COUNT(block); i++) {
			seed = seed * 1103515245u + 12345u;
			block[i] = s % 10 == 9 && i > PCM_RATE / 2 ? 0 : (int16_t)((int)(seed >> 16) % 6000 - 3000);
		}
		if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
			abort();
	}
	return fd;
}

static void
run_init(struct run *r, const char *behaviour, int seconds, int piece)
{
	*r = (struct run){ 0 };
	arena_init(&r->a, 16 << 20);
	r->conf = (struct conf){ .transcriber = 2, .transcribe_key = KEY, .transcribe_model = "whisper-1", .transcribe_language = "", .openai_url = "",
	    .openai_key = "", .transcribe_piece = piece, .transcribe_connect = 60000, .transcribe_stall = 60000, .transcribe_total = 60000,
	    .transcribe_price = 36, .job_backoff = 10 };
	/* a path of its own: the provider counts the pieces of each */
	static int run;
	r->conf.transcribe_url = str_fmt(&r->a, "http://127.0.0.1:%d/%s/%d/v1", provider_port(), behaviour, ++run).p;
	marked_begin(&r->into, &r->a, 100000);
	r->s = (struct speech){ .conf = &r->conf, .clock = &sys_clock_real, .pcm = noise(seconds), .into = &r->into, .progress = note, .ctx = r };
}

static enum speech_fault
transcribe(struct run *r)
{
	enum speech_fault f = speech_transcribe(&r->s);

	CHECK(strstr(r->s.why, KEY) == NULL);
	CHECK(utf8_ok(str_z(r->s.why)));
	r->text = marked_end(&r->into);
	for (int i = 0; i < r->text.marks; i++)
		CHECK(r->text.mark[i].from_ms <= r->text.mark[i].to_ms && r->text.mark[i].to_ms <= pcm_ms(pcm_samples(r->s.pcm)));
	return f;
}

static void
run_free(struct run *r)
{
	close(r->s.pcm);
	arena_free(&r->a);
}

static bool holds(str text, const char *part) { return memmem(text.p, text.n, part, strlen(part)) != NULL; }

/* What the provider got with that path. */
static json_t *
requests(struct run *r)
{
	struct dial_result got;
	struct error e;
	json_t *all, *ours = json_array(), *one;
	size_t i;
	const char *path = strchr(r->conf.transcribe_url + 7, '/');

	dial(&r->a, &sys_clock_real, &(struct dial_request){ .method = "GET", .url = str_fmt(&r->a, "http://127.0.0.1:%d/_requests", provider_port()).p,
	    .connect_ms = 60000, .silence_ms = 60000, .total_ms = 60000, .max = 8 << 20 }, &got);
	if (json_read(got.body, &all, &e) != OK)
		abort();
	json_array_foreach(all, i, one)
		if (strncmp(json_string_value(json_object_get(one, "path")), path, strlen(path)) == 0)
			json_array_append(ours, one);
	json_decref(all);
	return ours;
}

static const json_t *field(const json_t *list, size_t i, const char *name) { return json_object_get(json_object_get(json_array_get(list, i), "body"), name); }
static str text_at(const json_t *list, size_t i, const char *name) { return str_z(json_string_value(field(list, i, name))); }

TEST(a_recording_goes_in_pieces_and_comes_back_with_its_times)
{
	struct run r;

	run_init(&r, "normal", 35, 12);
	r.s.language = S("de-AT");
	CHECK_INT(transcribe(&r), ==, SPEECH_OK);
	CHECK(str_starts(r.text.text, S("Piece 1, part 1. Piece 1, part 2.")));
	CHECK(holds(r.text.text, "Piece 4, part 1."));
	json_t *got = requests(&r);
	CHECK_INT(json_array_size(got), ==, 4);
	CHECK_STR(text_at(got, 0, "model"), S("whisper-1"));
	CHECK_STR(text_at(got, 0, "response_format"), S("verbose_json"));
	CHECK_STR(text_at(got, 0, "timestamp_granularities[]"), S("segment"));
	CHECK_STR(text_at(got, 0, "language"), S("de"));
	int64_t ms = 0;
	for (size_t i = 0; i < 4; i++) {
		const json_t *file = field(got, i, "file");
		CHECK_INT(json_integer_value(json_object_get(file, "rate")), ==, 16000);
		CHECK_INT(json_integer_value(json_object_get(file, "ms")), <=, 12000);
		CHECK_INT(json_integer_value(json_object_get(file, "ms")), >=, 5000);
		/* the first segment of a piece begins with it */
		const struct text_mark *m = marked_at(r.text.mark, r.text.marks,
		    (size_t)((const char *)memmem(r.text.text.p, r.text.text.n, str_fmt(&r.a, "Piece %zu,", i + 1).p, 8) - r.text.text.p));
		CHECK_INT(m->from_ms - ms, <=, 1);
		CHECK_INT(m->from_ms - ms, >=, -1);
		ms = m->from_ms + json_integer_value(json_object_get(file, "ms"));
	}
	CHECK_INT(ms, >=, 34990);
	/* 35 s at 36 cents an hour are 0.35 cents; each piece is rounded down to a millisecond */
	CHECK_INT(r.s.cost_microcents, >=, 349900);
	CHECK_INT(r.s.cost_microcents, <=, 350000);
	CHECK(strcmp(r.what, "transcribing, 0 of 1 minute") == 0);
	CHECK(r.last > 0.5);
	json_decref(got);
	run_free(&r);
}

/* One row, one way in which an endpoint behaves.  `text` is a part of what was said, or of why it failed. */
static const struct way {
	const char *behaviour;
	int seconds, piece;
	enum speech_fault fault;
	int retry_after_s, requests;
	bool free;
	const char *text;
} ways[] = {
	{ "plain", 25, 60, SPEECH_OK, 0, 2, false, "Piece 2, part 1. Piece 2, part 2." },
	{ "untimed", 150, 100, SPEECH_OK, 0, 3, false, "Piece 1. Piece 2. Piece 3." },
	{ "prose", 25, 60, SPEECH_OK, 0, 1, false, "Piece 1." },
	{ "hush", 5, 60, SPEECH_SILENT, 0, 1, false, "" },
	{ "odd", 25, 60, SPEECH_OK, 0, 1, false, "Before the  beginning. Of no time. Behind the end. Backwards.\n\nThanks. Thanks. Thanks.\n\n(So it was.) And [then] (it) was not." },
	{ "late-50", 5, 60, SPEECH_OK, 0, 1, false, "Piece 1, part 2." },
	{ "later-1", 35, 12, SPEECH_OK, 0, 5, false, "Piece 5, part 1." },
	{ "later-9", 35, 12, SPEECH_UNAVAILABLE, 0, 4, false, "answered 500: status 500 as asked. Try again later." },
	{ "mute", 5, 60, SPEECH_TIMEOUT, 0, 1, true, "sent nothing for 1000 ms. Try again, or raise the transcribe_* time limits." },
	{ "stall", 5, 60, SPEECH_TIMEOUT, 0, 1, true, "sent nothing for 1000 ms" },
	{ "cut", 5, 60, SPEECH_UNAVAILABLE, 0, 1, true, "The answer is no transcript. Check that transcribe_url ends where" },
	{ "garbage", 5, 60, SPEECH_UNAVAILABLE, 0, 1, true, "The answer is no transcript" },
	{ "html", 5, 60, SPEECH_UNAVAILABLE, 0, 1, true, "The answer is no transcript" },
	{ "json", 5, 60, SPEECH_UNAVAILABLE, 0, 1, true, "The answer is no transcript" },
	{ "flood", 5, 60, SPEECH_UNAVAILABLE, 0, 1, true, "more than 8388608 bytes" },
	{ "break", 5, 60, SPEECH_UNAVAILABLE, 0, 1, true, "broke" },
	{ "drop", 5, 60, SPEECH_UNAVAILABLE, 0, 1, true, "broke" },
	{ "busy-7", 5, 60, SPEECH_UNAVAILABLE, 7, 1, true, "answered 429: Rate limit reached" },
	{ "quota", 5, 60, SPEECH_REJECTED, 0, 1, true, "quota" },
	{ "leak", 5, 60, SPEECH_REJECTED, 0, 1, true, "Check transcribe_key." },
	{ "status-400", 5, 60, SPEECH_REJECTED, 0, 2, true, "answered 400" },
	{ "status-413", 5, 60, SPEECH_REJECTED, 0, 1, true, "answered 413" },
	{ "redirect", 5, 60, SPEECH_REJECTED, 0, 1, true, "Set transcribe_url to where it redirects." },
};

TEST(every_way_an_endpoint_behaves)
{
	for (const struct way *w = ways; w < ways + COUNT(ways); w++) {
		struct run r;
		run_init(&r, w->behaviour, w->seconds, w->piece);
		if (w->fault == SPEECH_TIMEOUT)
			r.conf.transcribe_stall = 1000;		/* a busy provider has counted it by then */
		enum speech_fault f = transcribe(&r);
		str said = f == SPEECH_OK ? r.text.text : str_z(r.s.why);
		json_t *got = requests(&r);
		if (f != w->fault || !holds(said, w->text) || r.s.retry_after_s != w->retry_after_s || (int)json_array_size(got) != w->requests
		    || (r.s.cost_microcents == 0) != w->free)
			t_fail(__FILE__, __LINE__, "%s: fault %d, retry %d, %zu requests, %lld: %.*s", w->behaviour, (int)f, r.s.retry_after_s,
			    json_array_size(got), (long long)r.s.cost_microcents, STR(said));
		json_decref(got);
		run_free(&r);
	}
}

TEST(silence_is_not_sent)
{
	struct run r;

	run_init(&r, "normal", 1, 60);
	if (ftruncate(r.s.pcm, 0) != 0 || ftruncate(r.s.pcm, (off_t)60 * PCM_RATE * PCM_WIDTH) != 0)
		abort();
	CHECK_INT(transcribe(&r), ==, SPEECH_SILENT);
	json_t *got = requests(&r);
	CHECK_INT(json_array_size(got), ==, 0);
	CHECK_INT(r.s.cost_microcents, ==, 0);
	json_decref(got);
	run_free(&r);
}

TEST(a_job_that_must_stop_stops)
{
	for (int at = 1; at <= 3; at++) {
		struct run r;
		run_init(&r, "mute", 5, 60);
		r.stop_at = at;
		CHECK_INT(transcribe(&r), ==, SPEECH_STOPPED);
		CHECK_INT(r.told, ==, at);
		run_free(&r);
	}
}

TEST(the_key_of_the_writer_goes_to_its_own_address_only)
{
	struct run r;

	run_init(&r, "normal", 5, 60);
	r.conf.openai_key = "sk-of-the-writer";
	r.conf.transcribe_key = "";
	CHECK_INT(transcribe(&r), ==, SPEECH_OK);
	json_t *got = requests(&r);
	CHECK(json_object_get(json_object_get(json_array_get(got, 0), "headers"), "Authorization") == NULL);
	json_decref(got);
	r.conf.openai_url = r.conf.transcribe_url;
	r.conf.transcribe_url = "";
	CHECK_INT(transcribe(&r), ==, SPEECH_OK);
	r.conf.transcribe_url = r.conf.openai_url;
	got = requests(&r);
	CHECK_STR(str_z(json_string_value(json_object_get(json_object_get(json_array_get(got, 1), "headers"), "Authorization"))),
	    S("Bearer sk-of-the-writer"));
	json_decref(got);
	run_free(&r);
}

TEST(which_way_and_what_it_costs)
{
	static const struct { int setting; const char *url; int64_t price; enum speech_way way; bool costs; } rows[] = {
		{ 0, "", 60, SPEECH_BY_BUILTIN, false }, { 0, "http://x", 60, SPEECH_BY_OPENAI, true }, { 0, "http://x", 0, SPEECH_BY_OPENAI, false },
		{ 1, "http://x", 60, SPEECH_BY_BUILTIN, false }, { 2, "", 60, SPEECH_BY_OPENAI, true }, { 3, "http://x", 60, SPEECH_BY_NONE, false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct conf c = { .transcriber = rows[i].setting, .transcribe_url = rows[i].url, .transcribe_price = rows[i].price };
		CHECK_INT(speech_way(&c), ==, rows[i].way);
		CHECK(speech_costs(&c) == rows[i].costs);
	}
}
