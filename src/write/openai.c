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
	const struct write_input *in;
	int expected;			/* code points */
	double told;			/* the last fraction of progress */
	const struct provider *to;
	struct provider_call call;
	str first;			/* what the model wrote, where it is asked once more */
	struct verdict verdict;		/* and why */
};

/* --- the request --- */

static str
request_body(struct talk *t)
{
	struct buf b;
	struct json j;

	/* an escape is at most six bytes long */
	buf_init(&b, t->a, 6 * (t->prompt.system.n + t->prompt.user.n + t->first.n + t->verdict.say.n + strlen(t->conf->openai_model)) + 2048);
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
	provider_put_message(&j, S("system"), t->prompt.system);
	provider_put_message(&j, S("user"), t->prompt.user);
	if (t->first.n != 0) {
		provider_put_message(&j, S("assistant"), t->first);
		provider_put_message(&j, S("user"), str_fmt(t->a, "This post cannot be taken:\n%.*sWrite the whole post again, without that.", STR(t->verdict.say)));
	}
	jw_end(&j);
	jw_end(&j);
	return buf_str(&b);
}

static str
hash_of(struct arena *a, str body)
{
	char *hex = arena_raw(a, 65);
	digest d = crypto_sha256(body);

	crypto_hex(hex, d.b, sizeof(d.b));
	return (str){ hex, 64 };
}

/* --- the answer --- */

static void
account(struct talk *t)
{
	const struct reply *r = &t->reply;

	/* of every call */
	t->ret->tokens_in += r->tokens_in >= 0 ? r->tokens_in : provider_tokens(t->prompt.system) + provider_tokens(t->prompt.user) + provider_tokens(t->first);
	t->ret->tokens_out += r->tokens_out >= 0 ? r->tokens_out : provider_tokens(buf_str(&r->text));
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
	double from = t->first.n != 0 ? 0.6 : 0.1, part = MIN((double)n / t->expected, 1.0);
	t->told = MAX(t->told, from + (0.95 - from) * part);
	return t->progress(t->ctx, t->told, what);
}

static enum write_fault
ask(struct talk *t, const struct sys_clock *clock)
{
	t->call = (struct provider_call){ .to = t->to, .a = t->a, .accept = "text/event-stream, application/json", .body = request_body(t),
	    .max = ANSWER_MAX, .piece = take_piece, .alive = tell, .ctx = t };
	if (t->ret->calls++ == 0)
		t->ret->prompt_hash = hash_of(t->a, t->call.body);
	reply_init(&t->reply, t->a);
	if (!tell(t))
		return blame(t, WRITE_STOPPED, "The job was stopped", STR_NONE, "Submit it again.");
	enum provider_fault fault = provider_ask(clock, &t->call);
	if (fault == PROVIDER_OK)
		reply_end(&t->reply);
	return judge(t, fault);
}

/* Mends what was written and tells what is still wrong with it. */
static enum write_fault
look_over(struct talk *t, struct verdict *ret)
{
	struct check c;

	check_init(&c, t->a, t->in, &t->prompt, t->ret->content);
	t->ret->content = check_mend(&c, t->ret->content);
	if (t->ret->content.n == 0)
		return blame(t, WRITE_UNAVAILABLE, "The model wrote nothing but links", STR_NONE, "Try again, or choose another openai_model.");
	check_post(&c, t->ret->content, ret);
	return WRITE_OK;
}

/* Once more, by what is wrong.  A first post that was only of the wrong length, or began otherwise, is better than none. */
static enum write_fault
post_again(struct talk *t, const struct sys_clock *clock)
{
	struct verdict v = { .good = false };

	t->first = t->ret->content;
	t->ret->again = t->verdict.name;
	enum write_fault fault = ask(t, clock);
	if (fault == WRITE_OK)
		fault = look_over(t, &v);
	if (fault == WRITE_OK && v.what == NULL)
		return WRITE_OK;
	if (t->verdict.what == NULL && fault != WRITE_STOPPED) {
		t->ret->content = t->first;
		t->call.why[0] = '\0';
		return WRITE_OK;
	}
	return fault != WRITE_OK ? fault : blame(t, WRITE_REJECTED, v.what, v.said, v.advice);
}

/* A model that was asked twice and still begins otherwise: the hook stands in front of what it wrote. */
static str
with_hook(struct talk *t, str post)
{
	struct check c;

	check_init(&c, t->a, t->in, &t->prompt, post);
	return check_begins(&c, post) ? post : str_fmt(t->a, "%.*s\n\n%.*s", STR(str_trim(t->in->hook)), STR(post));
}

static enum write_fault
post(struct talk *t, const struct sys_clock *clock)
{
	enum write_fault fault = ask(t, clock);

	if (fault == WRITE_OK)
		fault = look_over(t, &t->verdict);
	if (fault == WRITE_OK && !t->verdict.good)
		fault = post_again(t, clock);
	if (fault != WRITE_OK) {
		t->ret->content = STR_NONE;
		return fault;
	}
	t->ret->content = with_hook(t, t->ret->content);
	t->ret->content = tidy_cut(t->a, t->ret->content, t->in->length_free ? POST_MAX : check_most(t->in), false);
	t->ret->title = tidy_title(t->a, t->ret->content);
	return WRITE_OK;
}

enum write_fault
openai_post(const struct conf *conf, const struct sys_clock *clock, struct arena *a, const struct write_input *in,
    write_progress *progress, void *ctx, struct write_output *ret)
{
	struct provider to = { .name = "openai", .url = conf->openai_url, .key = conf->openai_key, .model = conf->openai_model, .path = "/chat/completions",
	    .connect_ms = conf->openai_connect, .stall_ms = conf->openai_stall, .total_ms = conf->openai_total };
	struct talk t = { .conf = conf, .a = a, .progress = progress, .ctx = ctx, .ret = ret, .in = in, .to = &to, .expected = prompt_chars(in->length) };

	prompt_make(a, in, conf->openai_context, &t.prompt);
	ret->provider = "openai";
	ret->hooked = in->hook.n > 0;
	ret->model = str_dup(a, str_z(conf->openai_model));
	ret->source_used = t.prompt.source.n;
	memcpy(ret->left, t.prompt.left, sizeof(ret->left));
	ret->nleft = t.prompt.nleft;
	enum write_fault fault = post(&t, clock);
	memcpy(ret->why, t.call.why, sizeof(ret->why));
	ret->retry_after_s = t.call.retry_after_s;
	return fault;
}
