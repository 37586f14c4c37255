/* watch -- what those who listen are told, and whether they still may.
 *
 * A thread looks once a second, while anybody listens: whether each caller may still listen, whether its rights are others, and what was
 * committed in its workspace, by whichever node.  An event may become visible behind a younger one: the last EVENTS_MS are read again and
 * what was seen is skipped.
 * What is younger than the pass itself is left to the next one: who began to listen meanwhile is not in this one, and would miss it. */
#include "mcp/live.h"
#include "mcp/resource.h"
#include "model/ledger.h"
#include <stdlib.h>

#define PASS_US		INT64_C(1000000)
#define EVENTS_MS	10000
#define EVENTS_MOST	500		/* of a workspace in one look */
#define LOOKS_MOST	20		/* in a pass */
#define RING		1024
#define SPARE		64		/* who may begin to listen while a pass begins */

struct place { workspace_id w; int64_t since_ms; uint64_t ring[RING]; unsigned n; bool wanted; struct place *next; };
struct watch {
	struct mcp *m;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	bool stop, runs;
	struct place *places;		/* this and what follows: the thread's own */
};

struct subject { struct address at; bool some, told; };	/* some: an address of ours, of what the caller may read; told: it changed */
/* One who listens, as it was at the beginning of a pass. */
struct heard {
	uint64_t id;
	struct listener by;
	struct principal was, is;
	struct mcp_session session;
	bool has_session, over, changed;
	struct uris uris;
	struct subject *on;		/* of uris, one each */
};
struct pass { struct watch *w; struct arena a; struct heard *v; int n, most; bool full; int64_t began_ms; struct db *db; };

/* --- a pass: who listens --- */

static bool
hear(struct live *l, void *ctx)
{
	struct pass *p = ctx;

	if ((p->full = p->n == p->most))
		return true;
	struct heard *h = &p->v[p->n++];
	*h = (struct heard){ .id = l->id, .by = *l->listens, .was = l->k.who, .is = l->k.who, .uris = { NEW_N(&p->a, str, l->listens->uris.n + 1), 0 } };
	for (int i = 0; i < l->listens->uris.n; i++)
		h->uris.v[h->uris.n++] = str_dup(&p->a, l->listens->uris.v[i]);
	h->by.by = listen_ask_copy(&p->a, h->by.by);
	if ((h->has_session = l->k.session != NULL))
		h->session.hash = l->k.session->hash;
	return true;
}

static void
judge(struct pass *p, struct heard *h)
{
	struct api *api = p->w->m->api;
	enum auth_known known;
	struct error e;
	bool used;
	enum err code = auth_check(api->c.auth, api_conf(api), &h->by.by, p->db, &h->is, &known, &used, &e);
	int http = err_row(code)->http;

	h->over = code != OK && (http == 401 || http == 403);
	h->changed = code == OK && (h->is.scopes != h->was.scopes || h->is.role != h->was.role);
	if (code != OK)
		h->is = h->was;
	else if (used)			/* to listen is to use it */
		face_used(api, &h->by.by, &h->is);
}

/* Its subscriptions stand in its row, and it may have ended on another node. */
static void
judge_session(struct pass *p, struct heard *h)
{
	struct mcp *m = p->w->m;
	digest hash = h->session.hash;
	bool found = true;
	struct error e;

	if (!session_recall(m, &p->a, &hash, &h->session)) {
		if (mcp_session_get(p->db, &p->a, &hash, sys_wall_ms(m->api->c.clock), &h->session, &found, &e) != OK)
			return;
		if (found)
			session_remember(m, &h->session);
	}
	h->over |= !found;
	if (found)
		session_touched(m, &h->session);
	json_t *list = found ? json_loadb(h->session.subscriptions.p, h->session.subscriptions.n, 0, NULL) : NULL;
	h->uris = listen_uris(&p->a, list);
	json_decref(list);
}

/* --- a pass: what happened --- */

static struct place *
place_of(struct watch *w, const workspace_id *id, int64_t since_ms)
{
	struct place *p = w->places;

	while (p != NULL && memcmp(p->w.u.s, id->u.s, 26) != 0)
		p = p->next;
	if (p == NULL && (p = calloc(1, sizeof(*p))) != NULL) {
		*p = (struct place){ .w = *id, .since_ms = since_ms, .next = w->places };
		w->places = p;
	}
	return p;
}

static bool
is_new(struct place *p, const ulid *id)
{
	uint64_t h;

	memcpy(&h, id->s + 18, 8);		/* the random end */
	for (unsigned i = 0; i < RING && i < p->n; i++)
		if (p->ring[i] == h)
			return false;
	p->ring[p->n++ % RING] = h;
	return true;
}

static void
read_subjects(struct pass *p, struct heard *h)
{
	h->on = NEW_N(&p->a, struct subject, h->uris.n + 1);
	for (int i = 0; i < h->uris.n; i++) {
		struct subject *on = &h->on[i];
		on->some = mcp_address(&p->a, h->uris.v[i], &on->at) && on->at.t->op != NULL && tool_may(op_named(on->at.t->op), &h->is);
	}
}

static void
tell_one(struct heard *h, const struct event_seen *e)
{
	for (int i = 0; i < h->uris.n; i++)
		if (h->on[i].some && mcp_touched(&h->on[i].at, e->type, e->thing, e->project))
			h->on[i].told = true;
}

static void
tell_all(struct pass *p, struct place *at, const struct event_seen *v, int n)
{
	for (int i = 0; i < n; i++)
		if (is_new(at, &v[i].id) && v[i].thing.p != NULL)
			for (int k = 0; k < p->n; k++)
				if (p->v[k].uris.n != 0 && !p->v[k].over && memcmp(p->v[k].is.workspace.u.s, at->w.u.s, 26) == 0)
					tell_one(&p->v[k], &v[i]);
}

/* How many of them are older than the pass; they stand in their order. */
static int
settled(const struct pass *p, const struct event_seen *v, int n)
{
	ulid bound = ulid_low(p->began_ms);

	while (n > 0 && memcmp(v[n - 1].id.s, bound.s, 26) >= 0)
		n--;
	return n;
}

static void
look(struct pass *p, struct place *at)
{
	int64_t now = sys_wall_ms(p->w->m->api->c.clock);
	struct event_seen *v = NEW_N(&p->a, struct event_seen, EVENTS_MOST);
	ulid after = ulid_low(MAX(at->since_ms, now - EVENTS_MS));
	struct error e;
	int n = EVENTS_MOST;

	db_concerns(p->db, &at->w.u);		/* who is told may read from a replica */
	for (int looks = 0; n == EVENTS_MOST && looks < LOOKS_MOST; looks++) {
		if (event_since(p->db, &p->a, at->w, &after, EVENTS_MOST, v, &n, &e) != OK)
			return;
		if (n > 0)
			after = v[n - 1].id;
		tell_all(p, at, v, settled(p, v, n));
	}
}

static void
forget_places(struct watch *w)
{
	for (struct place **at = &w->places; *at != NULL;) {
		struct place *p = *at;
		if (p->wanted) {
			p->wanted = false;
			at = &p->next;
			continue;
		}
		*at = p->next;
		free(p);
	}
}

static enum err
read_pass(void *ctx, struct db *db, struct error *e)
{
	struct pass *p = ctx;

	(void)e;
	p->db = db;
	for (int i = 0; i < p->n; i++) {
		struct heard *h = &p->v[i];
		struct place *at;
		judge(p, h);
		if (h->has_session)
			judge_session(p, h);
		read_subjects(p, h);
		if (h->uris.n != 0 && (at = place_of(p->w, &h->is.workspace, h->by.began_ms)) != NULL)
			at->wanted = true;
	}
	for (struct place *at = p->w->places; at != NULL; at = at->next)
		if (at->wanted)
			look(p, at);
	return OK;
}

/* --- a pass: what is told --- */

static int
by_id(const void *key, const void *member)
{
	uint64_t x = *(const uint64_t *)key, y = ((const struct heard *)member)->id;
	return (x < y) - (x > y);		/* the newest one comes first */
}

/* Once each, however often it changed. */
static void
say_updated(struct live *l, const struct heard *h)
{
	struct arena a;

	arena_init(&a, 1 << 20);
	for (int i = 0; i < h->uris.n; i++) {
		struct buf b;
		struct json j;
		if (!h->on[i].told)
			continue;
		buf_init(&b, &a, 8192);
		buf_add(&b, S("\"uri\":"));
		jw_begin(&j, &b);
		jw_str(&j, h->uris.v[i]);
		listen_say(l, "resources/updated", buf_str(&b));
	}
	arena_free(&a);
}

static bool
apply(struct live *l, void *ctx)
{
	struct pass *p = ctx;
	struct heard *h = bsearch(&l->id, p->v, (size_t)p->n, sizeof(*h), by_id);

	if (h == NULL || h->over)
		return h == NULL;
	if (h->changed) {
		l->k.who = h->is;
		if (l->listens->tools)
			listen_say(l, "tools/list_changed", S(""));
	}
	say_updated(l, h);
	return true;
}

/* All of them: whom a pass leaves out would miss what it reads. */
static void
gather(struct pass *p, int streams)
{
	do {
		p->n = 0;
		p->full = false;
		p->most = streams + SPARE;
		p->v = NEW_N(&p->a, struct heard, p->most);
		p->began_ms = sys_wall_ms(p->w->m->api->c.clock);
		live_each_listener(p->w->m->teller, hear, p);
		streams = teller_streams(p->w->m->teller);
	} while (p->full);
}

static void
pass(struct watch *w)
{
	struct pass p = { .w = w };
	struct error e;
	int streams = teller_streams(w->m->teller);

	if (streams == 0) {
		forget_places(w);
		return;
	}
	arena_init(&p.a, (size_t)64 << 20);
	gather(&p, streams);
	if (p.n != 0 && engine_read(w->m->api->c.engine, read_pass, &p, &e) == OK)
		live_each_listener(w->m->teller, apply, &p);
	forget_places(w);
	arena_free(&p.a);
}

static void *
watch_all(void *arg)
{
	struct watch *w = arg;

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		(void)sys_cond_wait_us(&w->turn, &w->lock, PASS_US);
		if (w->stop)
			break;
		pthread_mutex_unlock(&w->lock);
		pass(w);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

struct watch *
watch_new(struct mcp *m)
{
	struct watch *w = calloc(1, sizeof(*w));
	struct error e;

	if (w == NULL)
		abort();
	w->m = m;
	pthread_mutex_init(&w->lock, NULL);
	sys_cond_init(&w->turn);
	w->runs = sys_thread(&w->thread, "mcp-watch", watch_all, w, &e) == OK;
	return w;
}

void
watch_free(struct watch *w)
{
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->turn);
	pthread_mutex_unlock(&w->lock);
	if (w->runs)
		pthread_join(w->thread, NULL);
	forget_places(w);
	forget_places(w);		/* what was wanted in the last pass, too */
	pthread_cond_destroy(&w->turn);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
