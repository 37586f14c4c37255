#include "write/openai.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
read_in_pieces(struct reply *r, struct arena *a, str answer, size_t step)
{
	bool more = true;

	reply_init(r, a);
	for (size_t at = 0; more && at < answer.n; at += step)
		more = reply_feed(r, str_cut(answer, at, at + step));
	if (more)
		reply_end(r);
}

static bool
same(const struct reply *a, const struct reply *b)
{
	return str_eq(buf_str(&a->text), buf_str(&b->text)) && a->whole == b->whole && a->nonsense == b->nonsense
	    && a->error.found == b->error.found && a->full == b->full && a->tokens_in == b->tokens_in && a->tokens_out == b->tokens_out;
}

/* A model's post against material that holds none of it: what is mended is text still, and never longer. */
static void
mend(struct arena *a, str post)
{
	static const str avoid[] = { S_INIT("synergy"), S_INIT("the") };
	struct voice v = { .avoid = avoid, .avoids = 2, .formality = -1, .warmth = -1, .energy = -1, .complexity = -1 };
	struct write_input in = { .source = S("Nothing of it."), .voice = &v };
	struct verdict verdict;
	struct prompt p;
	struct check c;

	prompt_make(a, &in, 16000, &p);
	check_init(&c, a, &in, &p, post);
	str mended = check_mend(&c, post);
	if (mended.n > post.n || (utf8_ok(post) && !utf8_ok(mended)))
		abort();
	check_post(&c, mended, &verdict);
	if (utf8_ok(post) && !utf8_ok(verdict.say))
		abort();
}

static void
hold_post(struct arena *a, str text, bool cut_off)
{
	str post = tidy_post(a, text, cut_off), title = tidy_title(a, post);

	if (utf8_count(post) > POST_MAX || utf8_count(title) > 120)
		abort();
	if (utf8_ok(text) && (!utf8_ok(post) || !utf8_ok(title)))
		abort();
	mend(a, post);
}

/* The first byte says how large the pieces are: an answer reads the same however it is cut.  What it says becomes a post;
 * so does the input itself. */
int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct arena a;
	struct reply once, cut;

	if (n == 0)
		return 0;
	str answer = { (const char *)d + 1, n - 1 };
	arena_init(&a, 64 << 20);
	read_in_pieces(&once, &a, answer, answer.n + 1);
	read_in_pieces(&cut, &a, answer, (size_t)(d[0] & 31) + 1);
	if (!same(&once, &cut))
		abort();
	hold_post(&a, buf_str(&once.text), once.cut_off);
	hold_post(&a, answer, (d[0] & 32) != 0);
	arena_free(&a);
	return 0;
}
