#include "write/openai.h"

static str
text_of(const json_t *v)
{
	return json_is_string(v) ? (str){ json_string_value(v), json_string_length(v) } : S("");
}

static void
read_finish(struct reply *r, str why)
{
	r->whole |= why.n != 0;
	r->cut_off |= str_eq(why, S("length"));
	r->filtered |= str_eq(why, S("content_filter"));
}

static int64_t
tokens(const json_t *usage, const char *name, int64_t before)
{
	const json_t *v = json_object_get(usage, name);

	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return before;
	return MIN(json_integer_value(v), REPLY_TOKENS_MAX);
}

/* As much as fits, ending with a whole character. */
static void
add_text(struct reply *r, str s)
{
	size_t room = r->text.max - r->text.n;

	r->full |= s.n > room;
	while (s.n > room && room > 0 && ((uint8_t)s.p[room] & 0xC0) == 0x80)
		room--;
	buf_add(&r->text, str_cut(s, 0, room));
}

/* `message` is where the text stands: "delta" in a chunk, "message" in a document. */
static void
read_choice(struct reply *r, const json_t *choice, const char *message)
{
	add_text(r, text_of(json_object_get(json_object_get(choice, message), "content")));
	read_finish(r, text_of(json_object_get(choice, "finish_reason")));
}

static void
read_root(struct reply *r, const json_t *root, const char *message)
{
	const json_t *choices = json_object_get(root, "choices"), *usage = json_object_get(root, "usage");

	r->error = provider_error(r->a, root);
	if (!r->error.found && !json_is_array(choices) && !json_is_object(usage))
		r->nonsense = true;
	read_choice(r, json_array_get(choices, 0), message);
	r->tokens_in = tokens(usage, "prompt_tokens", r->tokens_in);
	r->tokens_out = tokens(usage, "completion_tokens", r->tokens_out);
}

static void
read_text(struct reply *r, str text, const char *message)
{
	struct error e;
	json_t *root;

	if (json_read(text, &root, &e) != OK) {
		r->nonsense = true;
		return;
	}
	r->read = true;
	read_root(r, root, message);
	json_decref(root);
}

static bool
take_event(void *ctx, str data)
{
	struct reply *r = ctx;

	data = str_trim(data);
	if (data.n == 0)
		return true;
	if (str_eq(data, S("[DONE]"))) {
		r->whole = true;
		return false;
	}
	read_text(r, data, "delta");
	return !r->nonsense && !r->error.found && !r->full;
}

void
reply_init(struct reply *r, struct arena *a)
{
	*r = (struct reply){ .a = a, .tokens_in = -1, .tokens_out = -1 };
	sse_init(&r->sse, a, take_event, r);
	buf_init(&r->doc, a, REPLY_DOC_MAX);
	buf_init(&r->text, a, REPLY_TEXT_MAX);
}

bool
reply_feed(struct reply *r, str piece)
{
	if (r->form == REPLY_UNSEEN) {
		while (piece.n != 0 && str_trim(str_cut(piece, 0, 1)).n == 0)
			piece = str_cut(piece, 1, piece.n);
		if (piece.n == 0)
			return true;
		r->form = piece.p[0] == '{' ? REPLY_DOC : REPLY_STREAM;
	}
	if (r->form == REPLY_DOC) {
		buf_add(&r->doc, piece);
		r->nonsense |= r->doc.over;
		return !r->nonsense;
	}
	bool more = sse_feed(&r->sse, piece);
	r->nonsense |= r->sse.over;
	return more;
}

void
reply_end(struct reply *r)
{
	bool stopped = r->whole || r->nonsense || r->error.found || r->full;

	if (r->form == REPLY_DOC) {
		read_text(r, buf_str(&r->doc), "message");
		r->whole = !r->nonsense && !r->error.found;
	} else if (r->form == REPLY_STREAM && !stopped) {
		sse_end(&r->sse);
	}
	r->nonsense |= !r->read && !r->whole;
}
