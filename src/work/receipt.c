/* receipt -- what a post was made of (contract 12.8): by whom, from how much of the source, with which passages, samples and pillars. */
#include "work/work_priv.h"

#define RECEIPT_MAX	((size_t)64 << 10)

struct used_passage { document_id document; int64_t place, milli; };
static const struct field passage_fields[] = {
	F_ID   (used_passage, document, document, "documentId", NULL, 0, "The knowledge document"),
	F_I64  (used_passage, place, "passage", NULL, 0, 0, INT64_MAX, "Its place in the document, from 0", "0"),
	F_MILLI(used_passage, milli, "score", NULL, 0, "How well it fits the source; compares passages of one receipt only", "4.217"),
};
static const struct rec passage_rec = REC_NAMED(used_passage, "used_passage", passage_fields, "A passage of the knowledge that the writer got");

struct used_sample { sample_id sample; int64_t milli, shared; };
static const struct field sample_fields[] = {
	F_ID   (used_sample, sample, sample, "sampleId", NULL, 0, "The voice sample"),
	F_MILLI(used_sample, milli, "score", NULL, 0, "How much alike its words and those of the source are, 0 to 1; among equals the newest come first", "0.214"),
	F_I64  (used_sample, shared, "sharedWords", NULL, 0, 0, INT64_MAX, "How many words, by their stems, it shares with the source", "12"),
};
static const struct rec sample_used_rec = REC_NAMED(used_sample, "used_sample", sample_fields, "A voice sample that the writer got");

struct used_pillar { pillar_id pillar; };
static const struct field pillar_fields[] = { F_ID(used_pillar, pillar, pillar, "pillarId", NULL, 0, "The content pillar") };
static const struct rec pillar_used_rec = REC_NAMED(used_pillar, "used_pillar", pillar_fields, "A content pillar that the writer got");

struct unused { str what; int64_t n; };
static const struct field unused_fields[] = {
	F_STR(unused, what, "what", NULL, 0, 0, 0, "The ingredient: passages, samples, pillars, prefer, structure, profile, avoid or source", "passages"),
	F_I64(unused, n, "count", NULL, 0, 0, INT64_MAX, "How many of it; of the source, bytes", "2"),
};
static const struct rec unused_rec = REC_NAMED(unused, "left_out", unused_fields, "What did not fit into the context of the model");

struct receipt {
	str provider, model, hash, followed, again;
	int64_t tokens_in, tokens_out, cost, source, read, calls;
	hook_id hook;
	struct rec_list passages, samples, pillars, unused;
};
static const struct field fields[] = {
	F_STR (receipt, provider, "provider", NULL, 0, 0, 0, "Who wrote: builtin or openai", "openai"),
	F_STR (receipt, model, "model", NULL, 0, 0, 0, "The model that was asked for", "gpt-4o-mini"),
	F_I64 (receipt, tokens_in, "tokensIn", NULL, 0, 0, INT64_MAX, "Tokens of the prompt, of all calls together", "1800"),
	F_I64 (receipt, tokens_out, "tokensOut", NULL, 0, 0, INT64_MAX, "Tokens of the answer", "310"),
	F_I64 (receipt, cost, "costMicrocents", NULL, 0, 0, INT64_MAX, "What that cost, in millionths of a cent", "45600"),
	F_STR (receipt, hash, "promptHash", NULL, 0, 0, 0, "SHA-256 of what the writer got, in hex", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
	F_I64 (receipt, calls, "calls", NULL, F_OMIT, 0, INT64_MAX, "How often the model was asked; twice where the first post could not be taken", "1"),
	F_STR (receipt, again, "askedAgainFor", NULL, F_OMIT, 0, 0, "What was wrong with the first post: leaked, language, avoided, hook, address, long or short", "language"),
	F_STR (receipt, followed, "instructionsFollowed", NULL, F_OMIT, 0, 0, "Of the built-in writer: the instructions that it understood", "short"),
	F_I64 (receipt, source, "sourceBytes", NULL, F_OMIT, 0, INT64_MAX, "Bytes of the source", "5120"),
	F_I64 (receipt, read, "readBytes", NULL, F_OMIT, 0, INT64_MAX, "So many of them the writer read", "5120"),
	F_ID  (receipt, hook, hook, "hookId", NULL, F_OMIT, "The hook that the post begins with"),
	F_LIST(receipt, passages, "passages", F_OMIT, &passage_rec, "Passages of the knowledge, best first"),
	F_LIST(receipt, samples, "samples", F_OMIT, &sample_used_rec, "Voice samples, most alike first"),
	F_LIST(receipt, pillars, "pillars", F_OMIT, &pillar_used_rec, "Content pillars, those that the source touches first"),
	F_LIST(receipt, unused, "leftOut", F_OMIT, &unused_rec, "What did not fit into the context of the model"),
};
const struct rec receipt_rec = REC(receipt, fields, "What a job was done with; other kinds of jobs than generations leave out what they do not have");

/* How many of n were put. */
static int
put_of(const struct write_output *o, const char *what, int n)
{
	for (int i = 0; i < o->nleft; i++)
		if (strcmp(o->left[i].what, what) == 0)
			n -= (int)o->left[i].n;
	return n;
}

static struct rec_list
unused_list(struct arena *a, const struct write_output *o)
{
	struct unused *v = NEW_N(a, struct unused, o->nleft + 1);

	for (int i = 0; i < o->nleft; i++)
		v[i] = (struct unused){ str_z(o->left[i].what), o->left[i].n };
	return (struct rec_list){ v, o->nleft };
}

str
receipt_text(struct arena *a, const struct write_output *o, size_t source, hook_id hook, const struct found *found, int nfound, const struct job_voice *jv)
{
	struct used_passage *p = NEW_N(a, struct used_passage, nfound + 1);
	struct used_sample *s = NEW_N(a, struct used_sample, VOICE_SAMPLES);
	struct receipt r = { .provider = str_z(o->provider), .model = o->model, .hash = o->prompt_hash, .calls = o->calls, .again = o->again != NULL ? str_z(o->again) : STR_NONE, .followed = o->followed.n > 0 ? o->followed : STR_NONE, .tokens_in = o->tokens_in,
	    .tokens_out = o->tokens_out, .cost = o->cost_microcents, .source = (int64_t)source, .read = (int64_t)o->source_used, .hook = hook,
	    .unused = unused_list(a, o) };
	struct buf b;
	struct json j;

	for (int i = 0; i < nfound; i++)
		p[i] = (struct used_passage){ found[i].at.document, found[i].at.place, found[i].milli };
	for (int i = 0; i < jv->v.samples; i++)
		s[i] = (struct used_sample){ jv->sample[i].id, jv->sample[i].milli, jv->sample[i].shared };
	r.passages = (struct rec_list){ p, put_of(o, "passages", nfound) };
	r.samples = (struct rec_list){ s, put_of(o, "samples", jv->v.samples) };
	r.pillars = (struct rec_list){ jv->pillar, put_of(o, "pillars", jv->v.pillars) };
	buf_init(&b, a, RECEIPT_MAX);
	jw_begin(&j, &b);
	rec_encode(&receipt_rec, &r, &j);
	return buf_str(&b);
}
