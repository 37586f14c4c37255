/* analyse -- what is in a source: its topics with summaries, takeaways, times and opening lines (contract 6.7, 12.2).
 *
 * builtin: no model, no network, deterministic.  The text is cut where its vocabulary changes (segment.c), and each part is
 *	    described by sentences and phrases of its own (topic.c): nothing is invented.
 * A part of a recording knows its times through the marks of its text.  English and German; of other languages the parts are
 * found, too, with plainer titles.
 *
 * Limits:    a text of SOURCE_TEXT_MAX characters takes under 2 s and less than ANALYSE_BUDGET of memory beside its result.
 * Ownership: what is returned lives in the arena that is given; the work is done in one of its own.
 * Threads:   any; no state is shared.  Layer: includes base, text, rank, crypto, json, sys, conf, dial. */
#ifndef ANALYSE_H
#define ANALYSE_H
#include "base/base.h"
#include "text/marked.h"

enum { ANALYSER_BUILTIN, ANALYSER_OFF };	/* the words of the setting, in its order */

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
};
struct analysis { struct analysis_topic topic[ANALYSE_TOPICS]; int n; };	/* the best first */

/* Called now and then with a fraction 0..1; returns false when the work must stop. */
typedef bool analyse_progress(void *ctx, double fraction, const char *what);
/* False: stopped.  A text of fewer than ANALYSE_WORDS words has no topic. */
#define ANALYSE_WORDS	5
bool	analyse_builtin(struct arena *, const struct marked_text *, analyse_progress *, void *ctx, struct analysis *ret);
#endif
