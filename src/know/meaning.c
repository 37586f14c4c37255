#include "know/meaning.h"
#include <math.h>
#include <stdio.h>

#define ANSWER_MAX	((size_t)16 << 20)
#define TEXT_MAX_BYTES	((size_t)8000)	/* of one text: some 2,000 tokens, which is less than any model of today reads */

/* --- vectors --- */

bool
vector_pack(char *to, const double *v, int dims)
{
	double sum = 0, most = 0;

	for (int i = 0; i < dims; i++) {
		sum += v[i] * v[i];
		most = MAX(most, fabs(v[i]));
	}
	if (!isfinite(sum) || sum < 1e-30)
		return false;
	float scale = (float)(most / sqrt(sum) / 127);
	memcpy(to, &scale, VECTOR_HEAD);
	for (int i = 0; i < dims; i++)
		to[VECTOR_HEAD + i] = (char)(int8_t)lrint(v[i] / most * 127);
	return true;
}

/* Strides of a fixed length are what the compiler makes vector instructions of. */
#define STRIDE	32

static int32_t
dot(const int8_t *a, const int8_t *b, int n)
{
	int32_t sum = 0;
	int i = 0;

	for (; i + STRIDE <= n; i += STRIDE)
		for (int k = 0; k < STRIDE; k++)
			sum += (int16_t)a[i + k] * (int16_t)b[i + k];
	for (; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

double
vector_likeness(const char *a, const char *b, int dims)
{
	float x, y;

	memcpy(&x, a, VECTOR_HEAD);
	memcpy(&y, b, VECTOR_HEAD);
	return (double)x * (double)y * dot((const int8_t *)a + VECTOR_HEAD, (const int8_t *)b + VECTOR_HEAD, dims);
}

/* --- what is asked --- */

bool meaning_on(const struct conf *c) { return c->embed_url[0] != '\0'; }
str meaning_model(struct arena *a, const struct conf *c) { return str_fmt(a, "%s/%d", c->embed_model, (int)c->embed_dimensions); }

str
meaning_text(struct arena *a, str name, const struct passage *p)
{
	return utf8_head(str_fmt(a, "%.*s\n%.*s\n%.*s", STR(name), STR(p->heading), STR(p->body)), TEXT_MAX_BYTES);
}

int
meaning_batch(const str *texts, int n)
{
	size_t bytes = 0;
	int i = 0;

	while (i < n && i < MEANING_TEXTS && (i == 0 || bytes + texts[i].n <= MEANING_BYTES))
		bytes += texts[i++].n;
	return i;
}

static str
request_body(const struct meaning_ask *m)
{
	size_t bytes = strlen(m->conf->embed_model);
	struct buf b;
	struct json j;

	for (int i = 0; i < m->n; i++)
		bytes += m->texts[i].n + 4;
	buf_init(&b, m->a, 6 * bytes + 256);	/* an escape is at most six bytes long */
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key_str(&j, S("model"), str_z(m->conf->embed_model));
	jw_key_str(&j, S("encoding_format"), S("float"));
	if (m->conf->embed_dimensions > 0)
		jw_key_i64(&j, S("dimensions"), m->conf->embed_dimensions);
	jw_key(&j, S("input"));
	jw_arr(&j);
	for (int i = 0; i < m->n; i++)
		jw_str(&j, m->texts[i]);
	jw_end(&j);
	jw_end(&j);
	return buf_str(&b);
}

/* --- what is answered --- */

struct answer { struct meaning_ask *m; struct provider_call *c; char *data; bool *seen; double *v; };

static enum provider_fault
blame(struct answer *w, const char *what, const char *advice)
{
	return provider_blame(w->c, PROVIDER_REJECTED, what, STR_NONE, advice);
}

static enum provider_fault
take_vector(struct answer *w, const json_t *item, size_t i)
{
	const json_t *list = json_object_get(item, "embedding"), *index = json_object_get(item, "index");
	struct meaning_ask *m = w->m;
	size_t dims = json_array_size(list), at = json_is_integer(index) ? (size_t)json_integer_value(index) : i;

	if (m->dims == 0 && dims > 0 && dims <= MEANING_DIMS) {
		m->dims = (int)dims;
		w->data = arena_raw(m->a, (size_t)m->n * (VECTOR_HEAD + dims));
		w->v = NEW_N(m->a, double, dims);
	}
	if (dims == 0 || (int)dims != m->dims || (m->conf->embed_dimensions > 0 && (int64_t)dims != m->conf->embed_dimensions))
		return blame(w, "The provider sent vectors of another length", "Check @_model and @_dimensions.");
	if (at >= (size_t)m->n || w->seen[at])
		return blame(w, "The provider sent vectors that belong to no text", "Check @_url.");
	w->seen[at] = true;
	for (size_t k = 0; k < dims; k++) {
		if (!json_is_number(json_array_get(list, k)))
			return blame(w, "The provider sent a vector that is not of numbers", "Check @_model.");
		w->v[k] = json_number_value(json_array_get(list, k));
	}
	if (!vector_pack(w->data + at * (VECTOR_HEAD + dims), w->v, m->dims))
		return blame(w, "The provider sent a vector without a direction", "Check @_model.");
	return PROVIDER_OK;
}

static enum provider_fault
take_answer(struct answer *w, const json_t *root)
{
	const json_t *list = json_object_get(root, "data"), *tokens = json_object_get(json_object_get(root, "usage"), "prompt_tokens");
	struct provider_error said = provider_error(w->m->a, root);
	enum provider_fault fault = PROVIDER_OK;

	if (json_is_integer(tokens) && json_integer_value(tokens) >= 0 && json_integer_value(tokens) <= 1000000000)
		w->m->cost = json_integer_value(tokens) * w->m->conf->embed_price;
	if (said.found)
		return provider_blame_error(w->c, &said);
	if (!json_is_array(list))
		return blame(w, "The answer holds no vectors", "Check that @_url ends where /embeddings begins.");
	if (json_array_size(list) != (size_t)w->m->n)
		return blame(w, "The provider sent more or fewer vectors than texts", "Check @_url.");
	for (size_t i = 0; i < (size_t)w->m->n && fault == PROVIDER_OK; i++)
		fault = take_vector(w, json_array_get(list, i), i);
	return fault;
}

static enum provider_fault
read_answer(struct meaning_ask *m, struct provider_call *c)
{
	struct answer w = { .m = m, .c = c, .seen = NEW_N(m->a, bool, m->n) };
	struct error e;
	json_t *root;

	for (int i = 0; i < m->n; i++)	/* until it says itself what it counted */
		m->cost += provider_tokens(m->texts[i]) * m->conf->embed_price;
	if (json_read(c->answer, &root, &e) != OK)
		return provider_blame(c, PROVIDER_UNAVAILABLE, "The answer is no JSON", STR_NONE, "Check that @_url ends where /embeddings begins.");
	m->dims = 0;
	enum provider_fault fault = take_answer(&w, root);
	json_decref(root);
	if (fault == PROVIDER_OK)
		m->data = (str){ w.data, (size_t)m->n * (size_t)(VECTOR_HEAD + m->dims) };
	return fault;
}

enum provider_fault
meaning_ask(struct meaning_ask *m)
{
	const struct conf *c = m->conf;
	int64_t total = m->question ? c->embed_question : c->embed_total;
	struct provider to = { .name = "embed", .url = c->embed_url, .key = c->embed_key, .model = c->embed_model, .path = "/embeddings",
	    .connect_ms = MIN(c->embed_connect, total), .stall_ms = total, .total_ms = total };
	struct provider_call call = { .to = &to, .a = m->a, .body = request_body(m), .max = ANSWER_MAX, .alive = m->alive, .ctx = m->ctx };

	m->cost = 0;
	enum provider_fault fault = provider_ask(m->clock, &call);
	if (fault == PROVIDER_OK)
		fault = read_answer(m, &call);
	m->retry_after_s = call.retry_after_s;
	snprintf(m->why, sizeof(m->why), "%s", call.why);
	return fault;
}
