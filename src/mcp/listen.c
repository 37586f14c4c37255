/* listen -- streams that carry what is no answer: lists that changed, resources that changed. Who has what to tell is watch.c. */
#include "mcp/live.h"
#include "mcp/resource.h"
#include "mcp/task.h"
#include <stdlib.h>

#define URIS_MOST	200		/* that one stream may name */
#define FOLLOWED_MOST	10000		/* that all streams of a workspace may */

/* --- what is said --- */

/* ,"_meta":{…} of a notification on a stream that a request opened. */
static str
tag(struct arena *a, const struct ask *k)
{
	return is_modern(k->version) ? str_fmt(a, "\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":%.*s}", STR(k->id)) : S("");
}

void
listen_say(struct live *l, const char *method, str more)
{
	struct arena a;

	arena_init(&a, 1 << 16);
	str meta = tag(&a, &l->k);
	bool both = meta.n != 0 && more.n != 0, any = meta.n != 0 || more.n != 0;
	live_send(l, str_fmt(&a, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/%s\"%s%.*s%s%.*s%s}", method, any ? ",\"params\":{" : "", STR(meta), both ? "," : "",
	    STR(more), any ? "}" : ""));
	arena_free(&a);
}

struct change { const char *list; const workspace_id *w; };

static bool
say_changed(struct live *l, void *ctx)
{
	const struct change *c = ctx;
	const struct listener *by = l->listens;
	bool wants = c->list[0] == 't' ? by->tools : c->list[0] == 'p' ? by->prompts : by->resources;
	struct arena a;

	if (!wants || (c->w != NULL && memcmp(c->w->u.s, l->k.who.workspace.u.s, 26) != 0))
		return true;
	arena_init(&a, 4096);
	listen_say(l, str_fmt(&a, "%s/list_changed", c->list).p, S(""));
	arena_free(&a);
	return true;
}

void
mcp_list_changed(struct mcp *m, const char *list, const workspace_id *w)
{
	live_each_listener(m->teller, say_changed, &(struct change){ list, w });
}

/* --- the beginning and the end --- */

struct auth_ask
listen_ask_copy(struct arena *a, struct auth_ask from)
{
	str *all[] = { &from.authorization, &from.workspace, &from.address, &from.url };

	for (size_t i = 0; i < COUNT(all); i++)
		if (all[i]->p != NULL)
			*all[i] = str_dup(a, *all[i]);
	return from;
}

struct auth_ask
listen_by(struct live *l)
{
	const struct exchange *x = l->over;

	return listen_ask_copy(&l->a, (struct auth_ask){ .authorization = x->header[FH_AUTHORIZATION], .workspace = x->header[FH_SCRIPE_WORKSPACE_ID],
	    .address = face_address(x->face), .url = api_origin(api_conf(l->k.m->api), x) });
}

static struct listener *
listener_of(struct live *l)
{
	struct listener *who = NEW(&l->a, struct listener);

	who->by = listen_by(l);
	who->began_ms = sys_wall_ms(l->k.m->api->c.clock);
	return who;
}

static bool
wanted(const json_t *filter, const char *name)
{
	return json_is_true(json_object_get(filter, name));
}

/* What of the filter is honoured: lists of resources do not change while the server runs. */
static void
acknowledge(struct live *l, const struct listener *by)
{
	struct arena a;
	struct buf b;
	struct json j;

	arena_init(&a, (size_t)1 << 20);
	buf_init(&b, &a, (size_t)1 << 20);
	buf_add(&b, S("\"notifications\":"));
	jw_begin(&j, &b);
	jw_obj(&j);
	if (by->tools)
		jw_raw((jw_key(&j, S("toolsListChanged")), &j), S("true"));
	if (by->prompts)
		jw_raw((jw_key(&j, S("promptsListChanged")), &j), S("true"));
	if (by->has_uris) {
		jw_key(&j, S("resourceSubscriptions"));
		jw_arr(&j);
		for (int i = 0; i < by->uris.n; i++)
			jw_str(&j, by->uris.v[i]);
		jw_end(&j);
	}
	jw_end(&j);
	listen_say(l, "subscriptions/acknowledged", buf_str(&b));
	arena_free(&a);
}

static bool
are_uris(const json_t *v)
{
	const json_t *one;
	size_t i;

	if (v != NULL && (!json_is_array(v) || json_array_size(v) > URIS_MOST))
		return false;
	json_array_foreach (v, i, one)
		if (!json_is_string(one) || json_string_length(one) > URI_MAX)
			return false;
	return true;
}

struct uris
listen_uris(struct arena *a, const json_t *list)
{
	struct uris u = { NEW_N(a, str, json_array_size(list) + 1), 0 };
	const json_t *one;
	size_t i;

	json_array_foreach (list, i, one)
		u.v[u.n++] = str_dup(a, (str){ json_string_value(one), json_string_length(one) });
	return u;
}

/* Those that are addresses of ours: the others nobody will ever tell of. */
static struct uris
addresses(struct arena *keep, const json_t *list)
{
	struct address at;
	struct arena a;

	arena_init(&a, (size_t)1 << 20);
	struct uris all = listen_uris(&a, list), ours = { NEW_N(keep, str, all.n + 1), 0 };
	for (int i = 0; i < all.n; i++)
		if (mcp_address(&a, all.v[i], &at))
			ours.v[ours.n++] = str_dup(keep, all.v[i]);
	arena_free(&a);
	return ours;
}

struct followed { const workspace_id *w; size_t n; };

static bool
add_up(struct live *l, void *ctx)
{
	struct followed *f = ctx;

	if (memcmp(f->w->u.s, l->k.who.workspace.u.s, 26) == 0)
		f->n += (size_t)l->listens->uris.n;
	return true;
}

/* False: refused, and answered.  A pass looks at each of them every second. */
static bool
may_follow(struct ask *k, size_t more)
{
	struct followed f = { &k->who.workspace, more };
	struct error e;

	live_each_listener(k->m->teller, add_up, &f);
	if (f.n <= FOLLOWED_MOST)
		return true;
	mcp_refuse(k, E_UNAVAILABLE, (fail(&e, E_UNAVAILABLE, NULL, "The open streams of this workspace may name %d URIs together: close some.", FOLLOWED_MOST), &e));
	return false;
}

void
mcp_listen(struct ask *k)
{
	const json_t *filter = json_object_get(k->params, "notifications");
	json_t *uris = json_object_get(filter, "resourceSubscriptions");

	if (!json_is_object(filter) || !are_uris(uris)) {
		mcp_fail(k, RPC_PARAMS, "'notifications' must be an object; its 'resourceSubscriptions', where given, a list of at most %d URIs of at most %d bytes.",
		    URIS_MOST, URI_MAX);
		return;
	}
	/* a task tells of itself when it is asked: the acknowledgement names none */
	if (json_object_get(filter, "taskIds") != NULL && !mcp_needs_tasks(k))
		return;
	if (!may_follow(k, json_array_size(uris)) || (k = mcp_stream(k)) == NULL)
		return;
	struct listener *by = listener_of(k->live);
	by->tools = wanted(filter, "toolsListChanged");
	by->prompts = wanted(filter, "promptsListChanged") && api_conf(k->m->api)->mcp_conformance;
	by->has_uris = uris != NULL;
	by->uris = addresses(&k->live->a, uris);
	mcp_forget(k);
	mcp_count(k);
	live_listens(k->live, by, acknowledge);
}

/* A stream that a GET opened has no request to answer. */
void
listen_session(struct turn *t)
{
	struct ask *k = t->ask = NEW(t->f.a, struct ask);

	*k = (struct ask){ .m = t->m, .version = t->version, .who = t->f.who, .session = &t->session, .a = t->f.a, .turn = t };
	if ((k = mcp_stream(k)) == NULL)
		return;
	struct listener *by = listener_of(k->live);
	struct live *l = k->live;
	by->tools = by->resources = true;
	by->prompts = api_conf(k->m->api)->mcp_conformance;
	live_listens(l, by, NULL);
	t->live = NULL;
	live_left(l);
}

void
listen_over(struct ask *k)
{
	if (is_modern(k->version)) {
		struct json *j = mcp_result_meta(k, S("complete"), str_fmt(k->a, "\"io.modelcontextprotocol/subscriptionId\":%.*s", STR(k->id)));
		jw_end(j);
		jw_end(j);
	}
	live_done(k);
}
