/* analyse -- what is in a source: its topics with summaries, takeaways, times and opening lines (contract 6.7, 12.2).
 *
 * builtin: no model, no network, deterministic.  The text is cut where its vocabulary changes (segment.c), and each part is
 *	    described by sentences and phrases of its own (topic.c): nothing is invented.  English and German; of other languages
 *	    the parts are found, too, with plainer titles.
 * openai:  the same parts, described by a model (any /chat/completions endpoint).  What it says is checked piece by piece (check.c),
 *	    and where it is missing or wrong the words of the built-in one stand; so that there is always an answer.
 * A part of a recording knows its times through the marks of its text.
 *
 * Errors:    a fault of the provider; *ret is whole all the same, by the built-in one.
 * Limits:    a text of a million characters takes the built-in one under 2 s and less than ANALYSE_BUDGET of memory beside its result;
 *	      a model is asked at most ANALYSE_TOPICS times.
 * Ownership: what is returned lives in the arena that is given; the work is done in one of its own.
 * Threads:   any; no state is shared.  Layer: includes base, text, rank, crypto, json, sys, conf, dial, provider. */
#ifndef ANALYSE_H
#define ANALYSE_H
#include "conf/conf.h"
#include "provider/provider.h"
#include "text/marked.h"

enum { ANALYSER_AUTO, ANALYSER_BUILTIN, ANALYSER_OPENAI, ANALYSER_OFF };	/* the words of the setting, in its order */

#define ANALYSE_TOPICS	12		/* at most, */
#define ANALYSE_KEYS	5		/* and of each */
#define ANALYSE_HOOKS	5
#define ANALYSE_HOOK_MAX 210		/* code points: what a feed shows of a post before "more" */
#define ANALYSE_BUDGET	((size_t)128 << 20)

/* The kinds of post that a hook opens, and what its content is (contract 1.3), as the API writes them. */
struct analysis_hook { str content; const char *post_type, *content_type; };
struct analysis_topic {
	str title, summary;			/* one line; two or three sentences */
	str key[ANALYSE_KEYS];			/* takeaways */
	int keys;
	int score;				/* thousandths: how well it carries a post */
	int64_t from_ms, to_ms;			/* -1: the text has no times */
	struct analysis_hook hook[ANALYSE_HOOKS];
	int hooks;
	size_t from, to;			/* bytes of the text */
};
struct analysis {
	struct analysis_topic topic[ANALYSE_TOPICS];	/* the best first */
	int n;
	int64_t cost_microcents;		/* millionths of a cent; also on a fault, as far as it is known */
	char why[200];				/* on a fault, or when the model's words could not be used */
	int retry_after_s;			/* what the provider asked for, or 0 */
};

/* Called now and then with a fraction 0..1; returns false when the work must stop. */
typedef bool analyse_progress(void *ctx, double fraction, const char *what);
/* PROVIDER_STOPPED: progress said so, and nothing was found. */
enum provider_fault analyse(const struct conf *, const struct sys_clock *, struct arena *, const struct marked_text *, analyse_progress *, void *ctx,
    struct analysis *ret);
/* Cents to reserve for one analysis: 5 for a provider with a price, 0 otherwise. */
int	analyse_estimate_cents(const struct conf *);
/* Without a model.  False: stopped.  A text of fewer than ANALYSE_WORDS words has no topic. */
#define ANALYSE_WORDS	5
bool	analyse_builtin(struct arena *, const struct marked_text *, analyse_progress *, void *ctx, struct analysis *ret);

/* The part of a text that a line of it, blanks aside, stands in; absent when it is nowhere. */
str	analyse_part(struct arena *, str text, str line);
#endif
