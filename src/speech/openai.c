#include "dial/form.h"
#include "pcm/pcm.h"
#include "speech/speech.h"
#include "speech/speech_priv.h"
#include <stdio.h>

#define ANSWER_MAX	(8 << 20)	/* bytes of the answer to a piece of ten minutes, with all that servers tell of each word */
#define PLAIN_S		60		/* longest piece for a server that tells no times: they are the piece's own */
#define TRIES		3		/* of a piece, once another one was paid */
#define WAIT_MAX_S	60		/* a longer one is the job's: it gives its worker back */
#define MEMORY		((size_t)64 << 20)

struct talk {
	struct speech *s;
	struct arena a;			/* of one piece */
	struct provider to;
	int64_t from, to_sample, all;	/* samples: the piece, and the end */
	char language[4];		/* ISO 639; empty: none is said */
	bool plain;			/* the server knows no verbose_json */
	bool paid;			/* a piece was transcribed */
	int said;
};

/* --- settings --- */

/* The first part of a BCP 47 tag, which is what endpoints take: "de" of "de-AT". */
static void
set_language(struct talk *t)
{
	str tag = t->s->language.n != 0 ? t->s->language : str_z(t->s->conf->transcribe_language);
	size_t n = 0;

	while (n < tag.n && ((tag.p[n] | 32) >= 'a' && (tag.p[n] | 32) <= 'z'))
		n++;
	if (n < 2 || n > 3 || (n < tag.n && tag.p[n] != '-'))
		return;
	for (size_t i = 0; i < n; i++)
		t->language[i] = (char)(tag.p[i] | 32);
}

/* The writer's key goes to the writer's address only. */
static void
set_provider(struct talk *t)
{
	const struct conf *c = t->s->conf;
	bool own = c->transcribe_url[0] != '\0';

	t->to = (struct provider){ .name = own ? "transcribe" : "openai", .url = speech_url(c), .key = own ? c->transcribe_key : c->openai_key,
	    .model = c->transcribe_model, .path = "/audio/transcriptions", .connect_ms = c->transcribe_connect,
	    .stall_ms = c->transcribe_stall, .total_ms = c->transcribe_total };
}

/* --- one piece --- */

static bool
tell(void *ctx)
{
	struct talk *t = ctx;
	char what[80];

	pcm_what(what, sizeof(what), t->from, t->all);
	return t->s->progress(t->s->ctx, (double)t->from / (double)MAX(t->all, 1), what);
}

static enum provider_fault
send_piece(struct talk *t, struct provider_call *c)
{
	char head[PCM_HEADER];
	struct form f;

	pcm_wav(head, t->to_sample - t->from);
	form_begin(&f, &t->a);
	form_field(&f, "model", str_z(t->to.model));
	form_field(&f, "response_format", t->plain ? S("json") : S("verbose_json"));
	if (!t->plain)
		form_field(&f, "timestamp_granularities[]", S("segment"));
	if (t->language[0] != '\0')
		form_field(&f, "language", str_z(t->language));
	form_file(&f, "file", "piece.wav", "audio/wav", (str){ head, sizeof(head) }, t->s->pcm, t->from * PCM_WIDTH, (t->to_sample - t->from) * PCM_WIDTH);
	*c = (struct provider_call){ .to = &t->to, .a = &t->a, .content_type = form_end(&f), .accept = "application/json, text/plain",
	    .part = f.part, .parts = f.parts, .max = ANSWER_MAX, .alive = tell, .ctx = t };
	return provider_ask(t->s->clock, c);
}

static void
account(struct talk *t)
{
	/* cents an hour are 1,000,000 / 3,600,000 of a millionth of a cent a millisecond */
	t->s->cost_microcents += pcm_ms(t->to_sample - t->from) * t->s->conf->transcribe_price * 10 / 36;
	t->paid = true;
}

static enum provider_fault
take_answer(struct talk *t, struct provider_call *c)
{
	struct answer r = answer_read(&t->a, c->answer, c->type, pcm_ms(t->from), pcm_ms(t->to_sample), t->s->into);

	if (r.error.found)
		return provider_blame_error(c, &r.error);
	if (r.nonsense)
		return provider_blame(c, PROVIDER_UNAVAILABLE, "The answer is no transcript", STR_NONE, "Check that @_url ends where /audio/transcriptions begins.");
	account(t);
	t->plain |= r.said != 0 && !r.timed;
	t->said += r.said;
	return PROVIDER_OK;
}

/* What a server says of a form that it does not know. */
static bool knows_no_format(const struct talk *t, const struct provider_call *c)
{
	return !t->plain && (c->status == 400 || c->status == 415 || c->status == 422);
}

static void
keep_why(struct talk *t, const struct provider_call *c)
{
	memcpy(t->s->why, c->why, sizeof(t->s->why));
	t->s->retry_after_s = c->retry_after_s;
}

static int64_t
longest(const struct talk *t)
{
	int64_t s = t->s->conf->transcribe_piece;

	return (t->plain ? MIN(s, PLAIN_S) : s) * PCM_RATE;
}

static enum provider_fault
ask_once(struct talk *t)
{
	struct provider_call c;

	arena_reset(&t->a);
	t->to_sample = pcm_cut(t->s->pcm, t->from, t->all, longest(t));
	if (pcm_silent(t->s->pcm, t->from, t->to_sample))
		return PROVIDER_OK;
	enum provider_fault f = send_piece(t, &c);
	if (f == PROVIDER_OK)
		f = take_answer(t, &c);
	else if (knows_no_format(t, &c)) {
		t->plain = true;
		return ask_once(t);
	}
	if (f != PROVIDER_OK)
		keep_why(t, &c);
	return f;
}

/* False: stopped. */
static bool
pause_for(struct talk *t, int64_t ms)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t never;
	bool on = true;

	sys_cond_init(&never);
	pthread_mutex_lock(&lock);
	for (int64_t end = sys_mono_us(t->s->clock) + ms * 1000; on && sys_mono_us(t->s->clock) < end; on = tell(t))
		(void)sys_cond_wait_us(&never, &lock, 100000);
	pthread_mutex_unlock(&lock);
	pthread_cond_destroy(&never);
	return on;
}

/* As long as nothing was paid for, the job itself tries again. */
static enum provider_fault
ask(struct talk *t)
{
	enum provider_fault f;

	for (int try = 1;; try++) {
		f = ask_once(t);
		bool again = f == PROVIDER_UNAVAILABLE || f == PROVIDER_TIMEOUT;
		if (!again || !t->paid || try == TRIES || t->s->retry_after_s > WAIT_MAX_S)
			return f;
		if (!pause_for(t, MAX(t->s->retry_after_s * 1000, t->s->conf->job_backoff * try)))
			return PROVIDER_STOPPED;
	}
}

/* --- the whole --- */

static enum speech_fault
transcribe(struct talk *t)
{
	for (; t->from < t->all; t->from = t->to_sample) {
		if (!tell(t))
			return SPEECH_STOPPED;
		enum provider_fault f = ask(t);
		if (f != PROVIDER_OK)
			return (enum speech_fault)f;
		t->s->why[0] = '\0';
		t->s->retry_after_s = 0;
	}
	return t->said != 0 ? SPEECH_OK : SPEECH_SILENT;
}

enum speech_fault
speech_transcribe(struct speech *s)
{
	struct talk t = { .s = s, .all = pcm_samples(s->pcm) };

	s->cost_microcents = 0;
	s->why[0] = '\0';
	s->retry_after_s = 0;
	arena_init(&t.a, MEMORY);
	set_provider(&t);
	set_language(&t);
	enum speech_fault f = transcribe(&t);
	arena_free(&t.a);
	return f;
}
