#include "write/openai.h"
#include "crypto/crypto.h"
#include <stdio.h>

#define ANSWER_MAX	(16 << 20)	/* bytes of a stream, most of them around the text */

struct talk {
	const struct conf *conf;
	struct arena *a;
	write_progress *progress;
	void *ctx;
	struct write_output *ret;
	struct reply reply;
	struct prompt prompt;
	int expected;			/* code points */
	struct provider_call call;
};

/* --- the request --- */

static void
put_message(struct json *j, str role, str content)
{
	jw_obj(j);
	jw_key_str(j, S("role"), role);
	jw_key_str(j, S("content"), content);
	jw_end(j);
}

static str
request_body(struct talk *t)
{
	struct buf b;
	struct json j;

	/* an escape is at most six bytes long */
	buf_init(&b, t->a, 6 * (t->prompt.system.n + t->prompt.user.n + strlen(t->conf->openai_model)) + 1024);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key_str(&j, S("model"), str_z(t->conf->openai_model));
	jw_key(&j, S("stream"));
	jw_bool(&j, true);
	jw_key(&j, S("stream_options"));
	jw_obj(&j);
	jw_key(&j, S("include_usage"));
	jw_bool(&j, true);
	jw_end(&j);
	jw_key(&j, S("messages"));
	jw_arr(&j);
	put_message(&j, S("system"), t->prompt.system);
	put_message(&j, S("user"), t->prompt.user);
	jw_end(&j);
	jw_end(&j);
	return buf_str(&b);
}

/* --- the answer --- */

static void
account(struct talk *t)
{
	const struct reply *r = &t->reply;

	t->ret->tokens_in = r->tokens_in >= 0 ? r->tokens_in : provider_tokens(t->prompt.system) + provider_tokens(t->prompt.user);
	t->ret->tokens_out = r->tokens_out >= 0 ? r->tokens_out : provider_tokens(buf_str(&r->text));
	t->ret->cost_microcents = t->ret->tokens_in * t->conf->openai_price_in + t->ret->tokens_out * t->conf->openai_price_out;
}

static enum write_fault
blame(struct talk *t, enum write_fault fault, const char *what, str said, const char *advice)
{
	return (enum write_fault)provider_blame(&t->call, (enum provider_fault)fault, what, said, advice);
}

static enum write_fault
judge_reply(struct talk *t)
{
	const struct reply *r = &t->reply;

	if (r->error.found)
		return (enum write_fault)provider_blame_error(&t->call, &r->error);
	if (r->nonsense)
		return blame(t, WRITE_UNAVAILABLE, "The answer is no chat completion", STR_NONE, "Check that openai_url ends where /chat/completions begins.");
	if (r->filtered)
		return blame(t, WRITE_REJECTED, "The provider's content filter stopped the answer", STR_NONE, "Change the source or the instructions.");
	if (!r->whole && !r->full)
		return blame(t, WRITE_UNAVAILABLE, "The answer ended before it was complete", STR_NONE, "Try again later.");
	t->ret->content = tidy_post(t->a, buf_str(&r->text), r->cut_off || r->full);
	if (t->ret->content.n == 0)
		return blame(t, WRITE_UNAVAILABLE, "The model wrote nothing", STR_NONE, "Try again, or choose another openai_model.");
	t->ret->title = tidy_title(t->a, t->ret->content);
	t->call.why[0] = '\0';
	return WRITE_OK;
}

/* An answer that is whole counts, whatever became of its connection. */
static enum write_fault
judge(struct talk *t, enum provider_fault fault)
{
	if (t->reply.text.n != 0 || t->reply.tokens_out >= 0)
		account(t);
	bool told = t->reply.whole || t->reply.nonsense || t->reply.error.found;
	if (fault == PROVIDER_OK || (told && fault != PROVIDER_STOPPED))
		return judge_reply(t);
	return (enum write_fault)fault;
}

/* --- the call --- */

static bool
take_piece(void *ctx, str piece)
{
	struct talk *t = ctx;
	return reply_feed(&t->reply, piece);
}

static bool
tell(void *ctx)
{
	struct talk *t = ctx;
	size_t n = utf8_count(buf_str(&t->reply.text));
	char what[160];

	if (n == 0)
		snprintf(what, sizeof(what), "waiting for %.100s", t->conf->openai_model);
	else
		snprintf(what, sizeof(what), "writing, %zu characters", n);
	double part = MIN((double)n / t->expected, 1.0);
	return t->progress(t->ctx, 0.1 + 0.85 * part, what);
}

static enum write_fault
post(struct talk *t, const struct sys_clock *clock)
{
	reply_init(&t->reply, t->a);
	if (!tell(t))
		return blame(t, WRITE_STOPPED, "The job was stopped", STR_NONE, "Submit it again.");
	enum provider_fault fault = provider_ask(clock, &t->call);
	if (fault == PROVIDER_OK)
		reply_end(&t->reply);
	return judge(t, fault);
}

enum write_fault
openai_post(const struct conf *conf, const struct sys_clock *clock, struct arena *a, const struct write_input *in,
    write_progress *progress, void *ctx, struct write_output *ret)
{
	struct provider to = { .name = "openai", .url = conf->openai_url, .key = conf->openai_key, .model = conf->openai_model, .path = "/chat/completions",
	    .connect_ms = conf->openai_connect, .stall_ms = conf->openai_stall, .total_ms = conf->openai_total };
	struct talk t = { .conf = conf, .a = a, .progress = progress, .ctx = ctx, .ret = ret, .expected = prompt_chars(in->length) };
	char *hex = arena_raw(a, 65);

	prompt_make(a, in, conf->openai_context, &t.prompt);
	t.call = (struct provider_call){ .to = &to, .a = a, .accept = "text/event-stream, application/json", .body = request_body(&t),
	    .max = ANSWER_MAX, .piece = take_piece, .alive = tell, .ctx = &t };
	digest d = crypto_sha256(t.call.body);
	crypto_hex(hex, d.b, sizeof(d.b));
	ret->provider = "openai";
	ret->model = str_dup(a, str_z(conf->openai_model));
	ret->prompt_hash = (str){ hex, 64 };
	ret->source_used = t.prompt.source.n;
	memcpy(ret->left, t.prompt.left, sizeof(ret->left));
	ret->nleft = t.prompt.nleft;
	enum write_fault fault = post(&t, clock);
	memcpy(ret->why, t.call.why, sizeof(ret->why));
	ret->retry_after_s = t.call.retry_after_s;
	return fault;
}
