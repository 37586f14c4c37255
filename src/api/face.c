#include "api/face.h"
#include "api/rq.h"

static struct rq *rq_of(const struct face *f) { return f->x->user; }

void
face_greet(struct face *f, struct api *api, struct exchange *x)
{
	api_greet(api, x);
	x->face = f;
	f->api = api;
	f->x = x;
	f->a = &x->arena;
	f->conf = api_conf(api);
}

str face_address(const struct face *f) { return rq_of(f)->address; }
const char *face_url(const struct face *f) { return api_url(f->api, f->x); }

/* --- the database --- */

static enum err
run(struct call *c, struct db *db, struct error *e)
{
	struct face *f = (struct face *)c;

	arena_back(f->a, f->mark);		/* what an earlier try made */
	return f->work(f, db, e);
}

static void
done(struct call *c, enum err code, const struct error *why)
{
	struct face *f = (struct face *)c;

	f->code = code;
	if (code != OK)
		f->err = *why;
	front_wake(f->x);
}

static void
submit(struct face *f, unsigned flags)
{
	f->call = (struct call){ .run = run, .done = done, .flags = flags, .bytes = f->x->body.n + 1024 };
	enum err code = engine_submit(f->api->c.engine, &f->call, &f->err);
	if (code == OK) {
		front_park(f->x);
		return;
	}
	f->code = code;
	f->then(f);
}

static void
prepare(struct face *f, face_work *work, face_then *then)
{
	f->work = work;
	f->then = then;
	f->mark = arena_mark(f->a);
}

void
face_write(struct face *f, face_work *work, face_then *then)
{
	prepare(f, work, then);
	submit(f, 0);
}

/* Inline on this thread's own connection, or, where there is none, on the engine's pool. */
void
face_read(struct face *f, face_work *work, face_then *then)
{
	struct db *db;

	prepare(f, work, then);
	f->code = engine_reader(f->api->c.engine, &db, &f->err);
	if (f->code == OK && db == NULL) {
		submit(f, CALL_READ);
		return;
	}
	if (f->code == OK)
		f->code = work(f, db, &f->err);
	then(f);
}

void
face_resumed(void *ctx, struct exchange *x)
{
	struct face *f = x->face;

	(void)ctx;
	f->then(f);
}

void face_end(void *ctx, struct exchange *x) { (void)ctx; api_part(x); }

enum err
face_audit(struct face *f, struct db *db, const struct face_deed *d, struct error *e)
{
	struct audit a = { .id = { sys_ulid(f->api->c.clock) }, .workspace = d->workspace, .principal = id_text(f->a, ID_person, &d->person.u),
	    .mode = str_z(key_mode_words.v[MODE_LIVE]), .method = S("POST"), .route = str_z(d->route), .request = str_z(api_request_id(f->x)),
	    .resource = d->resource, .ip = face_address(f), .status = 303, .client = d->client };

	return audit_insert(db, &a, e);
}

/* --- who it is --- */

static enum err
look_up(struct face *f, struct db *db, struct error *e)
{
	struct rq *rq = rq_of(f);
	enum err code = identify(rq, db);

	f->who = rq->who;
	if (code != OK)
		*e = rq->err;
	return code;
}

void
face_who(struct face *f, face_then *then)
{
	f->code = look_up(f, NULL, &f->err);
	if (f->code == E_NEED_DB)
		face_read(f, look_up, then);
	else
		then(f);
}

/* --- how often --- */

static void
rate_told(struct limit_ask *q)
{
	front_wake(((struct face *)((char *)q - offsetof(struct face, rate)))->x);
}

void
face_rate(struct face *f, struct limits *l, struct limit_key k, int64_t limit, face_then *then)
{
	f->then = then;
	f->rate = (struct limit_ask){ .key = k, .limit = (int)limit, .now_ms = sys_mono_us(f->api->c.clock) / 1000, .done = rate_told };
	if (limits_ask(l, &f->rate))
		then(f);
	else
		front_park(f->x);
}

/* --- lastUsedAt: written at most once a minute, riding on another batch --- */

struct touch { struct call call; struct auth_used used; int64_t now; };

static enum err
touch_run(struct call *c, struct db *db, struct error *e)
{
	const struct touch *t = (const struct touch *)c;
	return auth_touch(db, &t->used, t->now, e);
}

static void
touch_done(struct call *c, enum err code, const struct error *why)
{
	(void)code, (void)why;		/* the next minute brings another one */
	free(c);
}

void
face_used(struct api *api, const struct auth_ask *ask, const struct principal *who)
{
	struct touch *t = malloc(sizeof(*t));
	struct error e;

	if (t == NULL)
		return;
	*t = (struct touch){ { .run = touch_run, .done = touch_done, .flags = CALL_RIDE }, auth_used(api->c.auth, ask, who), sys_wall_ms(api->c.clock) };
	if (engine_submit(api->c.engine, &t->call, &e) != OK)
		free(t);
}
