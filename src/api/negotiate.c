/* negotiate -- what a caller knows already (ETag, RFC 9110) and in which form it likes errors (RFC 9457); contract 12.1. */
#include "api/rq.h"
#include <stdlib.h>

/* --- entity tags --- */

/* Strong: of the representation, which holds the id and the row's state, and of the version it is written in. */
const char *
etag_of(struct rq *rq)
{
	static const uint8_t key[16] = "scriped etag v1";
	const char *version = rq->version != NULL ? rq->version->date : VERSION_CURRENT;
	struct crypto_hash h = crypto_siphash(key, buf_str(&rq->out));

	return str_fmt(rq->a, "\"%016llx%016llx-%s\"", (unsigned long long)h.lo, (unsigned long long)h.hi, version).p;
}

/* Whether a list of tags holds this one: `*`, and the W/ form that a compressing proxy makes, count too. */
bool
etag_listed(str list, const char *tag)
{
	while (list.p != NULL) {
		str one = str_trim(str_split(&list, ','));
		if (str_starts(one, S("W/")))
			one = str_cut(one, 2, one.n);
		if (str_eq(one, S("*")) || str_eq(one, str_z(tag)))
			return true;
	}
	return false;
}

enum err
check_match(struct rq *rq, const struct rec *rec, const void *now)
{
	str wanted_tags = rq->x->header[FH_IF_MATCH];

	if (wanted_tags.p != NULL) {
		TRY(reply(rq, rec, now));
		if (!etag_listed(wanted_tags, etag_of(rq)))
			return fail(&rq->err, E_PRECONDITION_FAILED, NULL, "The resource has changed since you read it.");
	}
	if (rq->notes.later.code == OK)
		return OK;
	rq->err = rq->notes.later;
	return rq->err.code;
}

/* --- Accept --- */

/* The weight of q=0.123 in thousandths; 1000 when there is none. */
static int
weight(str params)
{
	while (params.p != NULL) {
		str one = str_trim(str_split(&params, ';'));
		if (one.n < 3 || (one.p[0] != 'q' && one.p[0] != 'Q') || one.p[1] != '=')
			continue;
		int v = one.p[2] == '1' ? 1000 : 0, unit = 100;
		for (size_t i = 4; v == 0 && i < MIN(one.n, 7) && one.p[i] >= '0' && one.p[i] <= '9'; i++, unit /= 10)
			v += (one.p[i] - '0') * unit;
		return v;
	}
	return 1000;
}

/* How much `type` is wanted: the most exact range counts. */
static int
wanted(str accept, str type)
{
	int q = 0, best = 0;

	while (accept.p != NULL) {
		str params = str_split(&accept, ',');
		str range = str_trim(str_split(&params, ';'));
		int exact = str_ieq(range, type) ? 3 : str_ieq(range, S("application/*")) ? 2 : str_eq(range, S("*/*")) ? 1 : 0;
		if (exact > best) {
			best = exact;
			q = weight(params);
		}
	}
	return q;
}

bool
prefers_problem(const struct rq *rq)
{
	str accept = rq->x->header[FH_ACCEPT];

	return accept.p != NULL && wanted(accept, S("application/problem+json")) > wanted(accept, S("application/json"));
}

/* --- the other form of an error --- */

/* The envelope, also a stored one of a replay, said once more as a problem: same code, message, request id and details. */
void
problem_body(struct rq *rq)
{
	struct error ignored;
	const char *k;
	json_t *v, *m;
	struct buf b;
	struct json j;

	if (json_read(buf_str(&rq->out), &v, &ignored) != OK)
		return;
	json_t *e = json_object_get(v, "error");
	buf_init(&b, rq->a, 32768);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key_str(&j, S("type"), str_z(json_string_value(json_object_get(e, "docs_url"))));
	jw_key_str(&j, S("title"), str_z(json_string_value(json_object_get(e, "code"))));
	jw_key_i64(&j, S("status"), rq->status);
	jw_key_str(&j, S("detail"), str_z(json_string_value(json_object_get(e, "message"))));
	json_object_foreach (e, k, m) {
		if (strcmp(k, "message") == 0)
			continue;
		char *text = json_dumps(m, JSON_COMPACT | JSON_ENCODE_ANY);
		jw_key(&j, str_z(k));
		jw_raw(&j, str_dup(rq->a, str_z(text != NULL ? text : "null")));
		free(text);
	}
	jw_end(&j);
	json_decref(v);
	rq->out = b;
}
