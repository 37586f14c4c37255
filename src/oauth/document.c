/* document -- client ID metadata documents (draft-ietf-oauth-client-id-metadata-document): fetched by threads, believed as long as their headers say.
 *
 * A stranger chooses what is fetched.  So: only for people who are signed in, so many a minute of each and of an address; through dial's guard, without redirects,
 * DOCUMENT_MS at the most; a failure is remembered for a minute; and whoever asked learns that it failed but not how, unless it is a document that
 * names itself.  The operator finds the reason in the log. */
#include "oauth/oauth_priv.h"
#include "dial/dial.h"
#include <stdlib.h>

enum { DOCUMENT_THREADS = 4, QUEUE_MOST = 16, FAILURES = 256 };
#define DOCUMENT_MS	INT64_C(5000)
#define FAILED_MS	INT64_C(60000)
#define FRESH_LEAST_MS	INT64_C(60000)
#define FRESH_MS	INT64_C(3600000)	/* where nothing is said */
#define FRESH_MOST_MS	INT64_C(86400000)

struct fetch { struct fetch *next; struct turn *t; str url; struct client *ret; };
struct failure { struct crypto_hash url; int64_t until_us; struct refusal r; };
struct documents {
	struct oauth *o;
	pthread_mutex_t lock;			/* all below */
	pthread_cond_t some;
	struct fetch *first, **last;
	int queued, threads;
	bool stop;
	struct failure failure[FAILURES];
	pthread_t thread[DOCUMENT_THREADS];
};

/* --- pure --- */

bool
document_named(const struct conf *c, str id)
{
	bool https = str_starts(id, S("https://")), http = str_starts(id, S("http://")) && c->oauth_allow_private;
	enum redirect_kind kind;
	const char *slash;

	if (!(https || http) || redirect_judge(id, "", &kind) != NULL)
		return false;
	str rest = str_cut(id, https ? 8 : 7, id.n);
	slash = memchr(rest.p, '/', rest.n);
	return slash != NULL && slash + 1 < rest.p + rest.n && slash[1] != '?';
}

int64_t
document_fresh_ms(str header)
{
	int64_t ms = FRESH_MS, s;

	while (header.p != NULL) {
		str word = str_trim(str_split(&header, ','));
		if (str_ieq(word, S("no-store")) || str_ieq(word, S("no-cache")))
			return FRESH_LEAST_MS;
		if (str_ieq(str_cut(word, 0, 8), S("max-age=")))
			ms = str_int(str_cut(word, 8, word.n), &s) && s > 0 ? MIN(s, FRESH_MOST_MS / 1000) * 1000 : FRESH_LEAST_MS;
	}
	return MIN(MAX(ms, FRESH_LEAST_MS), FRESH_MOST_MS);
}

static bool
is_json(str type)
{
	type = str_trim(str_split(&type, ';'));
	return str_ieq(type, S("application/json")) || (str_ieq(str_cut(type, 0, 12), S("application/")) && type.n > 5 && str_ieq(str_cut(type, type.n - 5, type.n), S("+json")));
}

/* --- failures --- */

static bool
failed_lately(struct documents *d, str url, int64_t now_us, struct refusal *ret)
{
	struct crypto_hash h = crypto_siphash(d->o->hash_key, url);
	const struct failure *f = &d->failure[h.lo % FAILURES];

	pthread_mutex_lock(&d->lock);
	bool hit = f->url.lo == h.lo && f->url.hi == h.hi && now_us < f->until_us;
	if (hit)
		*ret = f->r;
	pthread_mutex_unlock(&d->lock);
	return hit;
}

static void
remember_failure(struct documents *d, str url, int64_t now_us, const struct refusal *r)
{
	struct crypto_hash h = crypto_siphash(d->o->hash_key, url);

	pthread_mutex_lock(&d->lock);
	d->failure[h.lo % FAILURES] = (struct failure){ h, now_us + FAILED_MS * 1000, *r };
	pthread_mutex_unlock(&d->lock);
}

/* --- one fetch, on a thread --- */

static bool
alive(void *ctx)
{
	struct documents *d = ctx;

	pthread_mutex_lock(&d->lock);
	bool on = !d->stop;
	pthread_mutex_unlock(&d->lock);
	return on;
}

static const char *
why_not(const struct dial_result *r)
{
	if (r->fault != DIAL_OK)
		return r->why;
	if (r->status != 200)
		return "its status is not 200";
	return is_json(r->content_type) ? NULL : "its Content-Type is not application/json";
}

/* Who names itself may be told what is wrong with it; of anything else nothing is told. */
static void
read_document(struct fetch *f, const struct dial_result *r, const char **why)
{
	struct turn *t = f->t;
	json_t *all = NULL;
	struct error e;

	if ((*why = why_not(r)) == NULL && json_read(r->body, &all, &e) != OK)
		*why = "it is no JSON";
	const char *id = json_string_value(json_object_get(all, "client_id"));
	if (*why == NULL && (id == NULL || !str_eq(str_z(id), f->url)))
		*why = "its client_id is not its URL";
	if (*why != NULL)
		refuse(&t->r, O_INVALID_CLIENT, "The page that this program describes itself with cannot be fetched, or it is none.");
	else if (describe(t->f.a, all, f->url, t->f.conf->oauth_schemes, f->ret, &t->r) != O_OK)
		*why = t->r.why;
	json_decref(all);
}

static void
fetch(struct documents *d, struct fetch *f)
{
	static const char *const headers[] = { "Accept: application/json", NULL };
	struct turn *t = f->t;
	struct dial_request rq = { .method = "GET", .url = str_dup(t->f.a, f->url).p, .headers = headers, .connect_ms = DOCUMENT_MS, .silence_ms = DOCUMENT_MS,
	    .total_ms = DOCUMENT_MS, .max = DESCRIBE_MAX, .unpack = true, .guard = t->f.conf->oauth_allow_private ? &guard_open : &guard_strict,
	    .proxy = t->f.conf->fetch_proxy, .alive = alive, .ctx = d };
	const struct sys_clock *clock = d->o->api->c.clock;
	struct dial_result r;
	const char *why;

	dial(t->f.a, clock, &rq, &r);
	if (!alive(d)) {
		refuse(&t->r, O_UNAVAILABLE, "This server is about to stop. Try again in a moment.");
		t->r.retry_s = 1;
		return;
	}
	read_document(f, &r, &why);
	if (why != NULL) {
		log_note(d->o->api->c.log, LOG_INFO, "oauth", "the client document %.*s is not taken: %s", (int)MIN(f->url.n, 200), f->url.p, why);
		remember_failure(d, f->url, sys_mono_us(clock), &t->r);
		return;
	}
	f->ret->url = f->url;
	f->ret->created_at = f->ret->changed_at = sys_wall_ms(clock);
	f->ret->fresh_until = f->ret->created_at + document_fresh_ms(r.cache_control);
}

static struct fetch *
next(struct documents *d)
{
	pthread_mutex_lock(&d->lock);
	while (d->first == NULL && !d->stop)
		pthread_cond_wait(&d->some, &d->lock);
	struct fetch *f = d->first;
	if (f != NULL) {
		if ((d->first = f->next) == NULL)
			d->last = &d->first;
		d->queued--;
	}
	pthread_mutex_unlock(&d->lock);
	return f;
}

static void *
work(void *ctx)
{
	struct documents *d = ctx;
	struct fetch *f;

	while ((f = next(d)) != NULL) {
		fetch(d, f);
		front_wake(f->t->f.x);
	}
	return NULL;
}

/* --- who asks --- */

static bool
enqueue(struct documents *d, struct fetch *f)
{
	pthread_mutex_lock(&d->lock);
	bool room = d->queued < QUEUE_MOST && !d->stop;
	if (room) {
		*d->last = f;
		d->last = &f->next;
		d->queued++;
		pthread_cond_signal(&d->some);
	}
	pthread_mutex_unlock(&d->lock);
	return room;
}

void
document_fetch(struct turn *t, str url, struct client *ret, face_then *then)
{
	struct documents *d = t->o->documents;
	struct fetch *f = NEW(t->f.a, struct fetch);

	*f = (struct fetch){ .t = t, .url = url, .ret = ret };
	rec_init(&client_row, ret);
	t->f.code = OK;
	t->f.then = then;
	if (failed_lately(d, url, sys_mono_us(t->o->api->c.clock), &t->r)) {
		then(&t->f);
		return;
	}
	t->r.code = O_OK;
	front_park(t->f.x);
	if (enqueue(d, f))
		return;
	refuse(&t->r, O_UNAVAILABLE, "Too many programs describe themselves at the same time. Try again.");
	t->r.retry_s = 1;
	front_wake(t->f.x);
}

enum err
documents_new(struct oauth *o, struct documents **ret, struct error *e)
{
	struct documents *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return fail(e, E_SYS, NULL, "no memory for the documents of programs");
	d->o = o;
	d->last = &d->first;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->some, NULL);
	*ret = d;
	for (; d->threads < DOCUMENT_THREADS; d->threads++)
		TRY(sys_thread(&d->thread[d->threads], "document", work, d, e));
	return OK;
}

void
documents_drain(struct documents *d)
{
	pthread_mutex_lock(&d->lock);
	d->stop = true;
	pthread_cond_broadcast(&d->some);
	pthread_mutex_unlock(&d->lock);
}

void
documents_free(struct documents *d)
{
	if (d == NULL)
		return;
	documents_drain(d);
	for (int i = 0; i < d->threads; i++)
		pthread_join(d->thread[i], NULL);
	pthread_mutex_destroy(&d->lock);
	pthread_cond_destroy(&d->some);
	free(d);
}
