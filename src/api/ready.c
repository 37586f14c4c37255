/* ready -- GET /livez and GET /readyz: whether this process should be started anew, and whether callers should be sent to it.
 *
 * Both answer from memory, to anybody, without a line in the log: load balancers ask every second.  /livez says that a loop of this
 * process answers, and nothing else: a database that is away is no reason to start it anew.  /readyz says whether a request would be
 * served now.  What requests are served without (the store that nodes share; room for writes) makes a node degraded, never unready: if all
 * were taken out because of what all share, nobody would be left to answer. */
#include "api/rq.h"
#include "json/json.h"

static void
answer(struct exchange *x, int status, str body)
{
	front_add(x, "Content-Type", "application/json");
	front_add(x, "Cache-Control", "no-store");
	front_answer(x, status, body);
}

static void
on_head(void *ctx, struct exchange *x)
{
	(void)ctx;
	x->body_max = 0;
	if (str_eq(x->method, S("GET")) || str_eq(x->method, S("HEAD")))
		return;
	front_add(x, "Allow", "GET, HEAD");
	answer(x, 405, S("{\"error\":\"GET or HEAD\"}\n"));
}

static void live(void *ctx, struct exchange *x) { (void)ctx; answer(x, 200, S("{\"live\":true}\n")); }

/* "ok", or what is wrong. */
static str worded(str fault) { return fault.n != 0 ? fault : S("ok"); }

static void
ready(void *ctx, struct exchange *x)
{
	struct api *api = ctx;
	struct health_view v;
	struct json j;
	struct buf b;

	health_look(api, &v);
	bool stops = atomic_load_explicit(&api->leaving, memory_order_relaxed), yes = (v.database.n == 0 || v.reads) && !stops;
	buf_init(&b, &x->arena, 4000);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key(&j, S("ready"));
	jw_bool(&j, yes);
	jw_key_str(&j, S("status"), stops ? S("stopping") : !yes ? S("unready") : v.shared.n != 0 || v.database.n != 0 ? S("degraded") : S("ok"));
	jw_key_str(&j, S("database"), worded(v.database));
	jw_key_str(&j, S("kv"), worded(v.shared));
	jw_end(&j);
	buf_char(&b, '\n');
	answer(x, yes ? 200 : 503, buf_str(&b));
}

static void on_end(void *ctx, struct exchange *x) { (void)ctx, (void)x; }

void
ready_faces(struct api *api, struct front_face ret[READY_FACES])
{
	ret[0] = (struct front_face){ S("/livez"), false, { on_head, live, live, on_end, api } };
	ret[1] = (struct front_face){ S("/readyz"), false, { on_head, ready, ready, on_end, api } };
}
