#include "speech/speech_priv.h"
#include <math.h>

/* As Whisper itself judges that a segment is silence in which it heard something. */
#define NO_SPEECH	0.6
#define UNSURE		-1.0

#define SAME_MOST	3		/* times in a row; models that lose the thread repeat themselves for minutes */

struct reading {
	struct marked_maker *into;
	int64_t from_ms, to_ms;
	str last;			/* what was said last, and how often */
	int same;
	struct answer ret;
};

static str
text_of(const json_t *v)
{
	return json_is_string(v) ? (str){ json_string_value(v), json_string_length(v) } : STR_NONE;
}

/* "[BLANK_AUDIO]", "(soft music)": what a model says of a sound that is no speech. */
static bool
is_remark(str s)
{
	static const char open[] = "[(", close[] = "])";

	for (int i = 0; s.n >= 2 && i < 2; i++)
		if (s.p[0] == open[i])
			return memchr(s.p, close[i], s.n) == s.p + s.n - 1;
	return false;
}

static void
say(struct reading *r, int64_t from_ms, int64_t to_ms, str text)
{
	text = str_trim(text);
	if (text.n == 0 || is_remark(text))
		return;
	r->same = str_eq(text, r->last) ? r->same + 1 : 1;
	r->last = text;
	if (r->same > SAME_MOST)
		return;
	marked_said(r->into, from_ms, to_ms, text);
	r->ret.said++;
}

/* Seconds behind the beginning of the piece; what is no such time is `otherwise`. */
static int64_t
time_of(const struct reading *r, const json_t *v, int64_t otherwise)
{
	double s = json_is_number(v) ? json_number_value(v) : NAN;

	if (!(s >= 0 && s < 1e6))
		return otherwise;
	return MIN(r->from_ms + (int64_t)(s * 1000 + 0.5), r->to_ms);
}

static bool
is_silence(const json_t *segment)
{
	const json_t *none = json_object_get(segment, "no_speech_prob"), *sure = json_object_get(segment, "avg_logprob");

	return json_is_number(none) && json_number_value(none) > NO_SPEECH && json_is_number(sure) && json_number_value(sure) < UNSURE;
}

static void
read_segments(struct reading *r, const json_t *list)
{
	size_t n = MIN(json_array_size(list), (size_t)SEGMENTS_MAX);

	for (size_t i = 0; i < n; i++) {
		const json_t *s = json_array_get(list, i);
		int64_t from = time_of(r, json_object_get(s, "start"), r->from_ms);
		if (!is_silence(s))
			say(r, from, MAX(time_of(r, json_object_get(s, "end"), r->to_ms), from), text_of(json_object_get(s, "text")));
	}
}

static void
read_document(struct arena *a, struct reading *r, const json_t *root)
{
	const json_t *segments = json_object_get(root, "segments"), *text = json_object_get(root, "text");

	r->ret.error = provider_error(a, root);
	r->ret.timed = json_array_size(segments) != 0;
	if (r->ret.error.found)
		return;
	if (r->ret.timed)
		read_segments(r, segments);
	else if (json_is_string(text))
		say(r, r->from_ms, r->to_ms, text_of(text));
	else
		r->ret.nonsense = !json_is_array(segments);
}

struct answer
answer_read(struct arena *a, str body, str type, int64_t from_ms, int64_t to_ms, struct marked_maker *into)
{
	struct reading r = { .into = into, .from_ms = from_ms, .to_ms = MAX(to_ms, from_ms) };
	struct error e;
	json_t *root;

	if (json_read(body, &root, &e) == OK) {
		read_document(a, &r, root);
		json_decref(root);
	} else if (str_starts(type, S("text/plain")) && utf8_ok(body) && memchr(body.p, '\0', body.n) == NULL) {
		say(&r, r.from_ms, r.to_ms, body);
	} else {
		r.ret.nonsense = true;
	}
	return r.ret;
}
