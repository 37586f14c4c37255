/* meaning -- texts as vectors, by an /embeddings endpoint (settings embed_*), and how near two of them are.
 *
 * A vector is kept as its scale (float) and a signed byte a dimension, VECTOR_HEAD + dims bytes, of a vector of length 1.  The
 * nearness of two is their cosine, to within a hundredth.
 *
 * Errors:   a fault of provider.h.  All that the endpoint sends is a stranger's: as many vectors as texts, each with as many finite
 *           numbers as the others and not all of them 0, or it is a fault.
 * Ownership: in the arena.  Threads: any; an ask blocks its thread, bounded by the settings.  Layer: includes base, conf, provider. */
#ifndef KNOW_MEANING_H
#define KNOW_MEANING_H
#include "conf/conf.h"
#include "model/vector.h"
#include "provider/provider.h"

#define MEANING_TEXTS	VECTORS_SLICE		/* of one request, */
#define MEANING_BYTES	((size_t)200000)	/* and their bytes */
#define MEANING_DIMS	4096
#define VECTOR_HEAD	4

bool	meaning_on(const struct conf *);
str	meaning_model(struct arena *, const struct conf *);	/* as it is kept beside vectors: name and embed_dimensions */
/* What is embedded of a passage: the words that stand above it, too. */
str	meaning_text(struct arena *, str name, const struct passage *);
/* How many of the texts fit into one request: one at least. */
int	meaning_batch(const str *texts, int n);

struct meaning_ask {
	const struct conf *conf;
	const struct sys_clock *clock;
	struct arena *a;
	const str *texts;
	int n;
	bool question;				/* somebody waits for it */
	bool (*alive)(void *ctx);		/* as a provider's; may be NULL */
	void *ctx;
	/* what came of it */
	int dims;
	str data;				/* n vectors */
	int64_t cost;				/* millionths of a cent, on a fault too */
	char why[200];
	int retry_after_s;
};
enum provider_fault meaning_ask(struct meaning_ask *);

/* v: dims numbers; false when they have no direction. */
bool	vector_pack(char *to, const double *v, int dims);
double	vector_likeness(const char *a, const char *b, int dims);
#endif
