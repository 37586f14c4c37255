/* valkey -- one thread, one connection: what waits is sent together, answers come in order (kv.h). */
#include "kv/kv_priv.h"
#include "kv/wire.h"
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SETUP_US	INT64_C(500000)		/* at least: to connect, and for all that is said before the first take, */
#define SETUP_TRIPS	8			/* so many round trips with TLS, each of which may take as long as a take may */
#define PING_US		INT64_C(1000000)	/* of silence, after which we ask whether it still lives */
#define HEAPS		256			/* chains of names, while takes of one name are brought together */
#define WROTE_MS	"3600000"		/* an hour: no replica that is further behind is of use */
#define PREFIX		"scriped:"

/* A window is the list of its moments in microseconds of the server's clock, the oldest first.  Returns: how many were taken now, how many were there, when the
 * oldest leaves, and up to where its workspace has written. */
static const char take_script[] =
	"local t = redis.call('TIME')\n"
	"local now = t[1] * 1000000 + t[2]\n"
	"local head = redis.call('LINDEX', KEYS[1], 0)\n"
	"while head and tonumber(head) <= now - ARGV[2] do\n"
	"  redis.call('LPOP', KEYS[1])\n"
	"  head = redis.call('LINDEX', KEYS[1], 0)\n"
	"end\n"
	"local n = head and redis.call('LLEN', KEYS[1]) or 0\n"
	"local got = math.max(0, math.min(ARGV[3], ARGV[1] - n))\n"
	"if got > 0 then\n"
	"  local at = string.format('%.0f', now)\n"
	"  for i = 1, got do redis.call('RPUSH', KEYS[1], at) end\n"
	"  redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] / 1000) + 1000)\n"
	"  head = head or at\n"
	"end\n"
	"return {got, n, head and head + ARGV[2] - now or 0, KEYS[2] and redis.call('GET', KEYS[2])}\n";
/* The place in the log only grows, whichever node comes last.  Compared as texts of one length: numbers there are exact up to 2^53 only. */
static const char wrote_script[] =
	"local old = redis.call('GET', KEYS[1])\n"
	"if not old or old < ARGV[1] then redis.call('SET', KEYS[1], ARGV[1], 'PX', " WROTE_MS ") end\n"
	"return 1\n";

enum what { TAKES, WROTE, PING };
struct flight {
	struct flight *next;
	enum what what;
	bool whole;				/* sent with the text of its script */
	struct kv_take *takes, **tail;		/* of one name */
	int n;
	struct kv_tale *tale;
	int64_t since_us;
};
struct valkey {
	struct kv *kv;
	struct kv_uri uri;
	struct wire wire;
	int bell;				/* eventfd */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t tried_once;
	bool tried, runs;
	/* under the lock */
	bool up, closing;
	struct kv_take *in, **in_tail;
	struct kv_tale *wrote;			/* to be sent */
	const char *why;
	_Atomic int64_t links;
	_Atomic int64_t latency_us, commands;
	/* the thread's */
	struct flight *out, **out_tail;		/* sent, in order */
	int64_t heard_us;
	char sha[2][41];			/* by enum what */
};

/* --- who asks --- */

static void
ring(struct valkey *v)
{
	uint64_t one = 1;
	ssize_t n = write(v->bell, &one, sizeof(one));
	(void)n;			/* full: then it rings already */
}

static enum kv_when
take(void *h, struct kv_take *t)
{
	struct valkey *v = h;

	pthread_mutex_lock(&v->lock);
	bool up = v->up, first = up && v->in == NULL && v->wrote == NULL;
	t->next = NULL;
	if (up) {
		*v->in_tail = t;
		v->in_tail = &t->next;
	}
	pthread_mutex_unlock(&v->lock);
	if (first)
		ring(v);
	return up ? KV_LATER : KV_AWAY;
}

static bool
wrote(void *h, struct kv_tale *t)
{
	struct valkey *v = h;

	pthread_mutex_lock(&v->lock);
	bool up = v->up, first = up && v->in == NULL && v->wrote == NULL;
	if (up) {
		t->next = v->wrote;
		v->wrote = t;
	}
	pthread_mutex_unlock(&v->lock);
	if (first)
		ring(v);
	return up;
}

static int64_t links(void *h) { return ((struct valkey *)h)->links; }

static void
stats(void *h, struct kv_stats *ret)
{
	struct valkey *v = h;

	pthread_mutex_lock(&v->lock);
	ret->ok = v->up;
	ret->latency_us = v->up ? v->latency_us : 0;
	ret->why = v->up ? "" : v->why;
	ret->commands = v->commands;
	ret->links = v->links;
	pthread_mutex_unlock(&v->lock);
}

/* --- commands --- */

struct command { str w[10]; int n; char text[10][80]; };

static void word(struct command *w, str s) { w->w[w->n++] = s; }

static void
word_i64(struct command *w, int64_t i)
{
	char *to = w->text[w->n];
	word(w, (str){ to, (size_t)snprintf(to, sizeof(w->text[0]), "%lld", (long long)i) });
}

static void
word_position(struct command *w, int64_t lsn)
{
	char *to = w->text[w->n];
	word(w, (str){ to, (size_t)snprintf(to, sizeof(w->text[0]), "%019lld", (long long)lsn) });
}

/* What is of one workspace has one hash tag. */
static void
word_name(struct command *w, struct kv_name n)
{
	char *to = w->text[w->n];
	word(w, (str){ to, (size_t)snprintf(to, sizeof(w->text[0]), PREFIX "{%016llx%016llx}:%c%u", (unsigned long long)n.lo, (unsigned long long)n.hi, n.kind, n.part) });
}

static void
word_script(struct command *w, const struct valkey *v, const struct flight *f)
{
	const char *text = f->what == TAKES ? take_script : wrote_script;

	word(w, f->whole ? S("EVAL") : S("EVALSHA"));
	word(w, str_z(f->whole ? text : v->sha[f->what]));
}

static void
put_takes(struct command *w, const struct flight *f)
{
	const struct kv_take *t = f->takes;

	word_i64(w, t->ask_wrote ? 2 : 1);
	word_name(w, t->name);
	if (t->ask_wrote)
		word_name(w, (struct kv_name){ t->name.lo, t->name.hi, 0, 'l' });
	word_i64(w, t->limit);
	word_i64(w, t->window_us);
	word_i64(w, t->look ? 0 : f->n);
}

static void
put(struct valkey *v, struct flight *f)
{
	struct command w = { .n = 0 };

	if (f->what == PING) {
		word(&w, S("PING"));
	} else {
		word_script(&w, v, f);
		if (f->what == TAKES) {
			put_takes(&w, f);
		} else {
			word_i64(&w, 1);
			word_name(&w, f->tale->name);
			word_position(&w, f->tale->lsn);
		}
	}
	wire_put(&v->wire, w.w, w.n);
	v->commands++;
}

static void
send_flight(struct valkey *v, struct flight *f, int64_t now_us)
{
	f->since_us = now_us;
	f->next = NULL;
	put(v, f);
	*v->out_tail = f;
	v->out_tail = &f->next;
}

static struct flight *
fly(enum what what)
{
	struct flight *f = calloc(1, sizeof(*f));

	if (f == NULL)
		abort();
	f->what = what;
	f->tail = &f->takes;
	return f;
}

static bool
alike(const struct kv_take *a, const struct kv_take *b)
{
	return a->name.lo == b->name.lo && a->name.hi == b->name.hi && a->name.part == b->name.part && a->name.kind == b->name.kind &&
	    a->limit == b->limit && a->window_us == b->window_us && a->look == b->look && a->ask_wrote == b->ask_wrote;
}

/* Takes of one name in one command: heap[] has the last one that was begun of those that hash alike. */
static void
gather(struct valkey *v, struct kv_take *in, int64_t now_us)
{
	struct flight *heap[HEAPS] = { NULL }, *first = NULL, **last = &first;

	for (struct kv_take *t = in, *next; t != NULL; t = next) {
		struct flight **at = &heap[(t->name.lo + t->name.part) % HEAPS], *f = *at;
		next = t->next;
		t->next = NULL;
		if (f == NULL || !alike(f->takes, t)) {
			f = *at = *last = fly(TAKES);
			last = &f->next;
			f->takes = t;
		} else
			*f->tail = t;
		f->tail = &t->next;
		f->n++;
	}
	for (struct flight *f = first, *next; f != NULL; f = next) {
		next = f->next;
		send_flight(v, f, now_us);
	}
}

/* --- answers --- */

static int64_t
number_at(const redisReply *r, size_t i)
{
	const redisReply *one = i < r->elements ? r->element[i] : NULL;
	int64_t n;

	if (one != NULL && one->type == REDIS_REPLY_INTEGER)
		return one->integer;
	return one != NULL && one->type == REDIS_REPLY_STRING && str_int((str){ one->str, (size_t)one->len }, &n) ? n : KV_UNKNOWN;
}

/* The first `got` of them had it. */
static void
answer_takes(struct valkey *v, struct flight *f, const redisReply *r)
{
	int64_t got = number_at(r, 0), had = number_at(r, 1), reset = number_at(r, 2), lsn = number_at(r, 3), i = 0;

	for (struct kv_take *t = f->takes, *next; t != NULL; t = next, i++) {
		next = t->next;
		t->ok = true;
		t->refused = t->look ? had >= t->limit : i >= got;
		t->left = (int)MAX(t->limit - had - (t->look ? 0 : MIN(i + 1, got)), 0);
		t->reset_us = MAX(reset, 0);
		t->wrote = lsn;
		kv_answer(v->kv, t);
	}
}

static void
give_up(struct valkey *v, struct kv_take *t)
{
	for (struct kv_take *next; t != NULL; t = next) {
		next = t->next;
		t->ok = false;
		kv_answer(v->kv, t);
	}
}

static void
untold(struct kv_tale *t)
{
	for (struct kv_tale *next; t != NULL; t = next) {
		next = t->next;
		t->done(t, false);
	}
}

static struct flight *
landed(struct valkey *v)
{
	struct flight *f = v->out;

	if (f != NULL && (v->out = f->next) == NULL)
		v->out_tail = &v->out;
	return f;
}

/* A server that began anew, or forgot its scripts, is given the text once more. */
static bool
hear_one(struct valkey *v, const redisReply *r, int64_t now_us)
{
	struct flight *f = landed(v);
	bool forgot = r->type == REDIS_REPLY_ERROR && strncmp(r->str, "NOSCRIPT", 8) == 0;
	bool ok = r->type != REDIS_REPLY_ERROR && (f == NULL || f->what != TAKES || (r->type == REDIS_REPLY_ARRAY && r->elements >= 3));

	if (f == NULL)
		return wire_fail(&v->wire, "EPROTO");
	if (forgot && !f->whole) {
		f->whole = true;
		send_flight(v, f, f->since_us);
		return true;
	}
	if (ok) {
		v->latency_us = now_us - f->since_us;
		if (f->what == TAKES)
			answer_takes(v, f, r);
		else if (f->what == WROTE)
			f->tale->done(f->tale, true);
	} else {
		wire_fail_by(&v->wire, r);
		give_up(v, f->takes);
		untold(f->tale);
	}
	free(f);
	return ok;
}

static bool
hear(struct valkey *v)
{
	int64_t now = sys_mono_us(v->kv->c.clock);
	redisReply *r;
	bool ok = wire_fill(&v->wire);

	while (ok && (ok = wire_next(&v->wire, &r)) && r != NULL) {
		v->heard_us = now;
		ok = hear_one(v, r, now);
		freeReplyObject(r);
	}
	return ok;
}

/* --- the link comes and goes --- */

static bool
say(struct valkey *v, const str *words, int n, redisReply **ret, int64_t until_us)
{
	wire_put(&v->wire, words, n);
	if (!wire_wait(&v->wire, ret, until_us))
		return false;
	if ((*ret)->type != REDIS_REPLY_ERROR)
		return true;
	wire_fail_by(&v->wire, *ret);
	freeReplyObject(*ret);
	return false;
}

static bool
told(struct valkey *v, const str *words, int n, int64_t until_us)
{
	redisReply *r;

	if (!say(v, words, n, &r, until_us))
		return false;
	freeReplyObject(r);
	return true;
}

static bool
load(struct valkey *v, enum what what, const char *text, int64_t until_us)
{
	redisReply *r;

	if (!say(v, (str[]){ S("SCRIPT"), S("LOAD"), str_z(text) }, 3, &r, until_us))
		return false;
	bool ok = r->type == REDIS_REPLY_STRING && r->len == 40;
	if (ok)
		memcpy(v->sha[what], r->str, 41);
	freeReplyObject(r);
	return ok || wire_fail(&v->wire, "EPROTO");
}

static int64_t setup_us(const struct valkey *v) { return MAX(SETUP_US, SETUP_TRIPS * v->kv->patience_us); }

/* Who we are, where we count, our scripts; and whether one may write there. */
static bool
set_up(struct valkey *v)
{
	const struct kv_uri *u = &v->uri;
	int64_t until = sys_mono_us(v->kv->c.clock) + setup_us(v);
	str who[] = { S("AUTH"), str_z(u->user), str_z(u->pass) }, pass[] = { S("AUTH"), str_z(u->pass) };
	char db[16];

	snprintf(db, sizeof(db), "%d", u->db);
	str where[] = { S("SELECT"), str_z(db) };
	if (!wire_open(&v->wire, setup_us(v)))
		return false;
	if (u->user[0] != '\0' ? !told(v, who, 3, until) : u->pass[0] != '\0' && !told(v, pass, 2, until))
		return false;
	if (u->db != 0 && !told(v, where, 2, until))
		return false;
	if (!load(v, TAKES, take_script, until) || !load(v, WROTE, wrote_script, until))
		return false;
	return told(v, (str[]){ S("EVALSHA"), { v->sha[TAKES], 40 }, S("1"), S(PREFIX "{here}:p0"), S("1"), S("1000"), S("1") }, 7, until);
}

static bool
is_closing(struct valkey *v)
{
	pthread_mutex_lock(&v->lock);
	bool closing = v->closing;
	pthread_mutex_unlock(&v->lock);
	return closing;
}

static void
note(struct valkey *v, bool up, const char *why)
{
	if (up)
		log_note(v->kv->c.log, LOG_INFO, "kv", "%s answers: all nodes count there", v->uri.host);
	else
		log_note(v->kv->c.log, LOG_WARN, "kv", "%s cannot be used (%s: %s): each node counts its share of the limits by itself, until it can", v->uri.host, why,
		    wire_words(why));
}

/* Whoever waits is told that nobody can be asked. */
static void
turn(struct valkey *v, bool up)
{
	pthread_mutex_lock(&v->lock);
	bool news = v->up != up || !v->tried || (!up && strcmp(v->why, v->wire.why) != 0);
	struct kv_take *in = up ? NULL : v->in;
	struct kv_tale *gone = up ? NULL : v->wrote;
	v->up = up;
	v->tried = true;
	v->links += up;
	if (!up) {
		v->in = NULL;
		v->in_tail = &v->in;
		v->wrote = NULL;
		v->why = v->wire.why;
	}
	pthread_cond_broadcast(&v->tried_once);
	pthread_mutex_unlock(&v->lock);
	if (news && !is_closing(v))
		note(v, up, v->wire.why);
	untold(gone);
	give_up(v, in);
}

static void
hang_up(struct valkey *v)
{
	wire_close(&v->wire);
	turn(v, false);
	for (struct flight *f; (f = landed(v)) != NULL; free(f)) {
		give_up(v, f->takes);
		untold(f->tale);
	}
}

/* --- the thread --- */

/* What has gathered, and a PING after a long silence. */
static void
send_all(struct valkey *v)
{
	int64_t now = sys_mono_us(v->kv->c.clock);

	pthread_mutex_lock(&v->lock);
	struct kv_take *in = v->in;
	struct kv_tale *w = v->wrote;
	v->in = NULL;
	v->in_tail = &v->in;
	v->wrote = NULL;
	pthread_mutex_unlock(&v->lock);
	for (struct kv_tale *next; w != NULL; w = next) {
		struct flight *f = fly(WROTE);
		next = w->next;
		w->next = NULL;
		f->tale = w;
		send_flight(v, f, now);
	}
	gather(v, in, now);
	if (v->out == NULL && now - v->heard_us >= PING_US)
		send_flight(v, fly(PING), now);
}

/* Until something comes, or the first in line has waited for too long. */
static bool
listen_some(struct valkey *v)
{
	int64_t now = sys_mono_us(v->kv->c.clock), left = v->out != NULL ? v->out->since_us + v->kv->patience_us - now : v->heard_us + PING_US - now;
	struct pollfd p[2] = { { v->wire.fd, (short)(POLLIN | (wire_waits(&v->wire) ? POLLOUT : 0)), 0 }, { v->bell, POLLIN, 0 } };
	uint64_t rings;

	(void)poll(p, 2, (int)(MAX(left, 0) / 1000 + 1));
	if ((p[1].revents & POLLIN) && read(v->bell, &rings, sizeof(rings)) < 0)
		return true;
	if (p[0].revents != 0 && !hear(v))
		return false;
	if (v->out != NULL && sys_mono_us(v->kv->c.clock) - v->out->since_us > v->kv->patience_us)
		return wire_fail(&v->wire, "ETIMEDOUT");
	return true;
}

static void
serve(struct valkey *v)
{
	v->heard_us = sys_mono_us(v->kv->c.clock);
	turn(v, true);
	while (!is_closing(v)) {
		send_all(v);
		if (!wire_flush(&v->wire) || !listen_some(v))
			return;
	}
}

static void
pause_for(struct valkey *v)
{
	struct pollfd p = { v->bell, POLLIN, 0 };
	uint64_t rings;
	ssize_t n = read(v->bell, &rings, sizeof(rings));	/* of those who were told in the meantime */

	(void)n;
	if (!is_closing(v))
		(void)poll(&p, 1, KV_NEW_US / 1000);
}

static void *
run(void *arg)
{
	struct valkey *v = arg;

	while (!is_closing(v)) {
		if (set_up(v))
			serve(v);
		hang_up(v);
		pause_for(v);
	}
	return NULL;
}

/* --- from first to last --- */

static void
close_valkey(void *h)
{
	struct valkey *v = h;

	pthread_mutex_lock(&v->lock);
	v->closing = true;
	pthread_mutex_unlock(&v->lock);
	ring(v);
	if (v->runs)
		pthread_join(v->thread, NULL);
	wire_free(&v->wire);
	if (v->bell >= 0)
		close(v->bell);
	pthread_cond_destroy(&v->tried_once);
	pthread_mutex_destroy(&v->lock);
	crypto_wipe(&v->uri, sizeof(v->uri));
	free(v);
}

static const struct kv_ops ops = { KV_VALKEY, take, wrote, links, stats, close_valkey };

/* The first try is waited for, so that who starts beside a Valkey that is there counts there from the first request on. */
static enum err
start(struct valkey *v, struct error *e)
{
	TRY(sys_thread(&v->thread, "kv", run, v, e));
	v->runs = true;
	pthread_mutex_lock(&v->lock);
	while (!v->tried && sys_cond_wait_us(&v->tried_once, &v->lock, 2 * setup_us(v)))
		;
	pthread_mutex_unlock(&v->lock);
	return OK;
}

/* A link for one question.  Who may not ask it gets no answer, and counts all the same. */
enum err
kv_info(const char *uri, const struct sys_clock *clock, struct arena *a, str *ret, struct error *e)
{
	struct kv kv = { .c.clock = clock };
	struct valkey v = { .kv = &kv };
	enum err code = OK;
	redisReply *r;

	*ret = S("");
	TRY(kv_uri_read(str_z(uri), &v.uri, e));
	wire_init(&v.wire, &v.uri, clock);
	if (!set_up(&v))
		code = fail(e, E_STORAGE, NULL, "%s: %s", v.wire.why, wire_words(v.wire.why));
	else if (say(&v, (str[]){ S("INFO") }, 1, &r, sys_mono_us(clock) + SETUP_US)) {
		*ret = r->type == REDIS_REPLY_STRING ? str_dup(a, (str){ r->str, (size_t)r->len }) : S("");
		freeReplyObject(r);
	}
	wire_free(&v.wire);
	crypto_wipe(&v.uri, sizeof(v.uri));
	return code;
}

enum err
valkey_open(struct kv *kv, struct error *e)
{
	struct valkey *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return fail(e, E_SYS, NULL, "no memory for the link to Valkey");
	v->kv = kv;
	v->why = "";
	v->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	v->in_tail = &v->in;
	v->out_tail = &v->out;
	pthread_mutex_init(&v->lock, NULL);
	sys_cond_init(&v->tried_once);
	enum err code = kv_uri_read(str_z(kv->c.uri), &v->uri, e);
	wire_init(&v->wire, &v->uri, kv->c.clock);
	if (code == OK)
		code = start(v, e);
	if (code != OK) {
		close_valkey(v);
		return code;
	}
	kv->ops = &ops;
	kv->h = v;
	return OK;
}
