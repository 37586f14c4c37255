#include "write/write_priv.h"
#include "crypto/crypto.h"
#include "write/openai.h"

enum { WRITER_BUILTIN, WRITER_OPENAI };		/* the words of the setting, in its order */
#define ESTIMATE_CENTS	5

static const struct write_fault_row rows[WRITE_FAULT_COUNT] = {
	[WRITE_OK] = { "", false, "" },
#define FAULT(id, code, retry, message) [WRITE_##id] = { code, retry, message },
#include "write/fault.def"
#undef FAULT
};

const struct write_fault_row *
write_fault_row(enum write_fault f)
{
	return &rows[f < WRITE_FAULT_COUNT ? f : WRITE_STOPPED];
}

/* Each part goes in behind its length, so that no two inputs read the same. */
static void
hash_part(struct crypto_sha256 *h, str s)
{
	uint64_t n = s.n;

	crypto_sha256_add(h, (str){ (const char *)&n, sizeof(n) });
	crypto_sha256_add(h, s);
}

static void
hash_list(struct crypto_sha256 *h, const str *s, int n)
{
	hash_part(h, (str){ (const char *)&n, sizeof(n) });
	for (int i = 0; i < n; i++)
		hash_part(h, s[i]);
}

/* What the built-in writer reads of it. */
static void
hash_voice(struct crypto_sha256 *h, const struct voice *v)
{
	int slider[] = { v->formality, v->warmth, v->energy, v->complexity };

	hash_part(h, v->profile);
	hash_part(h, (str){ (const char *)slider, sizeof(slider) });
	hash_part(h, v->structure);
	hash_list(h, v->prefer, v->prefers);
	hash_list(h, v->avoid, v->avoids);
	hash_list(h, v->sample, v->samples);
}

static str
input_hash(struct arena *a, const struct write_input *in)
{
	struct crypto_sha256 h;
	char *hex = arena_raw(a, 65);

	crypto_sha256_init(&h);
	hash_part(&h, in->source);
	hash_part(&h, in->language);
	hash_part(&h, in->length == WRITE_SHORT ? S("short") : in->length == WRITE_LONG ? S("long") : S("medium"));
	hash_part(&h, in->length_free ? S("free") : S("asked"));
	hash_part(&h, in->instructions);
	hash_part(&h, in->hook);
	hash_part(&h, in->topic);
	if (in->voice != NULL)
		hash_voice(&h, in->voice);
	digest d = crypto_sha256_end(&h);
	crypto_hex(hex, d.b, sizeof(d.b));
	return (str){ hex, 64 };
}

enum write_fault
write_post(const struct conf *conf, const struct sys_clock *clock, struct arena *a, const struct write_input *in,
    write_progress *progress, void *ctx, struct write_output *ret)
{
	*ret = (struct write_output){ .source_used = in->source.n };
	if (str_trim(in->source).n == 0)
		return WRITE_EMPTY;		/* a model would invent something, and be paid for it */
	if (conf->writer == WRITER_OPENAI)
		return openai_post(conf, clock, a, in, progress, ctx, ret);
	ret->prompt_hash = input_hash(a, in);
	return builtin_post(in, a, progress, ctx, ret);
}

bool write_reads_passages(const struct conf *conf) { return conf->writer == WRITER_OPENAI; }

int
write_estimate_cents(const struct conf *conf)
{
	return conf->writer == WRITER_OPENAI && (conf->openai_price_in > 0 || conf->openai_price_out > 0) ? ESTIMATE_CENTS : 0;
}
