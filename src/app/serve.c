/* serve -- the server: one function per phase, main is their list.
 *
 * Threads: main waits for signals; loops of the front; the writer (or the pool); job workers and their keeper; the log's;
 * the control socket's; one loop for metrics where that is asked for. */
#include "app/app.h"
#include "docs/docs.h"
#include "know/near.h"
#include "kv/seen.h"
#include "ingest/ingest.h"
#include "mcp/mcp.h"
#include "move/keep.h"
#include "oauth/oauth.h"
#include "people/people.h"
#include "store/store.h"
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#define ARENA_BUDGET	((size_t)32 << 20)
#define OLD_CONFS	256		/* SIGHUPs in a life; the settings of each stay, for requests may still read them */
#define LIMIT_KEYS	262144
#define SKEW_US		INT64_C(5000000)	/* of this machine's clock, from which on its operator should know */
enum { ROLE_API, ROLE_WORKER, ROLE_ALL };	/* in the order of the words of the setting */
static const char *const roles[] = { "api", "worker", "all" };

struct server {
	struct options *o;
	struct conf *confs[OLD_CONFS];
	int nconfs;
	struct home home;
	struct log *log;
	struct auth *auth;
	struct kv *kv;
	struct seen *seen;
	struct limits *limits;
	struct near *near;
	struct work *work;
	struct api *api;
	struct docs *docs;
	struct mcp *mcp;
	struct oauth *oauth;
	struct blobs blobs;
	struct store *store;
	struct people *people;
	struct front *front, *metrics;
	struct desk desk;
	struct control *control;
	struct keep *keep;
	struct bus *bus;
	struct node node;
	char host[HOST_NAME_MAX + 16];
	struct sys_clock_shared shared;
	const struct sys_clock *clock;		/* of this machine, or the one that all nodes share */
	_Atomic(const struct conf *) conf;
	sigset_t signals;
};

static const struct conf *settings(void *ctx) { return atomic_load(&((struct server *)ctx)->conf); }

/* --- metrics on a listener of their own --- */

static void
metrics_head(void *ctx, struct exchange *x)
{
	(void)ctx;
	x->body_max = 0;
}

static void
metrics_counted(void *ctx, struct exchange *x)
{
	struct server *s = ctx;
	struct buf b;

	buf_init(&b, &x->arena, (size_t)1 << 20);
	api_metrics(s->api, x->face, front_connections(s->front), front_streams(s->front), &b);
	mcp_metrics(s->mcp, &b);
	keep_metrics(s->keep, &b);
	front_add(x, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
	front_answer(x, 200, buf_str(&b));
}

/* Probes come to this listener, too, and it has one loop: nobody waits on it. */
static void
metrics_run(void *ctx, struct exchange *x)
{
	struct server *s = ctx;
	struct api_counts *counts = NEW(&x->arena, struct api_counts);

	if (!str_eq(x->path, S("/metrics"))) {
		front_add(x, "Content-Type", "text/plain; charset=utf-8");
		front_answer(x, 404, S("Only /metrics, /livez and /readyz are here.\n"));
		return;
	}
	x->face = counts;
	if (!api_count(s->api, x, counts))
		metrics_counted(ctx, x);
}

static void metrics_end(void *ctx, struct exchange *x) { (void)ctx, (void)x; }

/* --- phases of the start --- */

static enum err
load_conf(struct server *s, struct error *e)
{
	struct conf *c = calloc(1, sizeof(*c));

	if (c == NULL)
		abort();
	enum err code = options_conf(s->o, c, e);
	if (code != OK) {
		free(c);
		return code;
	}
	s->confs[s->nconfs++] = c;
	return OK;
}

/* Settings that mean nothing without another one. */
static enum err
check_role(const struct server *s, struct error *e)
{
	const struct conf *c = s->confs[0];

	if (home_pg(c) != NULL)
		return OK;
	if (c->db_read[0] != '\0' || c->db_direct[0] != '\0')
		return fail(e, E_USAGE, NULL, "db_read and db_direct lead to the database of db: say --db postgres://…, or leave them away");
	if (c->role == ROLE_ALL)
		return OK;
	return fail(e, E_USAGE, NULL, "--role %s is for nodes that share a database: say --db postgres://…, or leave --role away", roles[c->role]);
}

/* Without a place where nodes tell each other what they wrote, who just wrote could read an older state. */
static enum err
check_replica(const struct server *s, struct error *e)
{
	const struct conf *c = s->confs[0];

	if (c->db_read[0] == '\0' || c->kv[0] != '\0')
		return OK;
	return fail(e, E_USAGE, NULL, "db_read needs kv: nodes tell each other there how far they have written, and without it a caller could read from the replica "
		    "what was before its own write. Name a Valkey or Redis in kv, or leave db_read away");
}

/* Over PostgreSQL the folder holds only what is local, and several may share it: the bytes of uploads are guarded file by file. */
static enum err
open_home(struct server *s, struct error *e)
{
	const struct conf *c = s->confs[0];
	bool many = home_pg(c) != NULL, own = !many || !c->db_clock;
	int pid;

	sys_clock_shared_init(&s->shared);
	s->clock = own ? &sys_clock_real : &s->shared.c;
	s->home = (struct home){ .conf = s->confs[0], .clock = s->clock, .lock = -1, .make = true, .shared = own ? NULL : &s->shared };
	enum err code = home_lock(&s->home, &pid, e);
	if (code == E_CONFLICT && many)
		log_note(s->log, LOG_INFO, "start", "process %d has the data folder %s, too: the commands of this machine go through that one", pid, c->data);
	else
		TRY(code);
	TRY(home_open(&s->home, e));
	int64_t ahead = sys_wall_us(s->clock) - sys_wall_us(&sys_clock_real);
	if (llabs(ahead) > SKEW_US)
		log_note(s->log, LOG_WARN, "clock", "this machine's clock is %lld s off the database's, whose time is used: set it right", (long long)(ahead / 1000000));
	return OK;
}

/* This process among the others. */
static enum err
open_bus(struct server *s, struct error *e)
{
	const struct conf *c = s->confs[0];
	char name[HOST_NAME_MAX + 1] = "";

	if (home_direct(c) == NULL)
		return OK;
	(void)gethostname(name, sizeof(name) - 1);
	int n = snprintf(s->host, sizeof(s->host), "%s:%d", name, (int)getpid());
	s->node = (struct node){ .id = { sys_ulid(s->clock) }, .role = str_z(roles[c->role]), .host = { s->host, (size_t)n }, .version = S(SCRIPED_VERSION),
	    .began_at = sys_wall_ms(s->clock) };
	return bus_open(&(struct bus_conf){ home_direct(c), s->node.id.u, s->log, &sys_clock_real }, &s->bus, e);
}

static enum err
meet_nodes(struct server *s, struct error *e)
{
	struct arena a;
	struct buf b;

	if (home_pg(s->confs[0]) == NULL)
		return OK;
	arena_init(&a, 1 << 16);
	buf_init(&b, &a, 1 << 16);
	conf_shared(s->confs[0], &b);
	struct node me = s->node;
	me.seen_at = me.began_at;
	me.settings = buf_str(&b);
	enum err code = nodes_meet(s->home.engine, s->log, &me, e);
	arena_free(&a);
	return code;
}

static enum err
open_log(struct server *s, struct error *e)
{
	const struct conf *c = s->confs[0];

	return log_open(c->log_file[0] != '\0' ? c->log_file : NULL, (enum log_format)c->log_format, (enum log_level)c->log_level,
	    &sys_clock_real, &s->log, e);
}

/* The bytes of uploads; a server without a data folder has no place for them. */
static enum err
open_blobs(struct server *s, struct error *e)
{
	const struct conf *c = s->confs[0];
	struct disk *disk = NULL;

	if (c->data[0] != '\0')
		TRY(disk_open(home_path(&s->confs[0]->a, c, "uploads").p, (int)c->upload_streams, &disk, e));
	blobs_init(&s->blobs, &s->home.secret, disk);
	return store_recover(s->home.engine, &s->blobs, e);
}

static struct kv_name
name_of(const ulid *workspace)
{
	struct limit_key k = auth_budget(&(workspace_id){ *workspace }, 0);
	return (struct kv_name){ k.lo, k.hi, 0, 'l' };
}

static enum err
open_replicas(struct server *s, struct error *e)
{
	if (home_pg(s->confs[0]) == NULL || s->confs[0]->db_read[0] == '\0')
		return OK;
	return seen_open(&(struct seen_conf){ s->home.engine, s->kv, s->log, name_of }, &s->seen, e);
}

static enum err
open_work(struct server *s, struct error *e)
{
	s->near = near_new(s->confs[0]->embed_cache * 1000000);
	struct kv_conf kc = { s->confs[0]->kv, s->home.engine, s->log, s->clock, s->confs[0]->kv_timeout * 1000 };
	struct work_conf wc = { .settings = settings, .ctx = s, .engine = s->home.engine, .log = s->log, .clock = s->clock, .disk = s->blobs.disk, .near = s->near,
	    .bus = s->bus, .node = s->node, .shared = s->home.shared, .no_workers = s->confs[0]->role == ROLE_API };
	struct api_conf ac = { .engine = s->home.engine, .log = s->log, .clock = s->clock, .blobs = &s->blobs, .near = s->near };

	ingest_sweep(s->confs[0]);
	TRY(kv_open(&kc, &s->kv, e));
	TRY(open_replicas(s, e));
	ac.seen = s->seen;
	ac.kv = wc.kv = s->kv;
	ac.auth = s->auth = auth_new(&s->home.secret, s->clock);
	auth_on_bus(s->auth, s->bus);
	auth_share(s->auth, s->kv);
	ac.limits = s->limits = limits_new(LIMIT_KEYS);
	limits_share(s->limits, s->kv, 'w');
	TRY(work_open(&wc, &s->work, e));
	ac.work = s->work;
	TRY(api_open(&ac, s->confs[0], &s->api, e));
	TRY(store_new(s->api, s->home.engine, &s->blobs, s->clock, &s->store, e));
	TRY(docs_new(s->api, &s->docs, e));
	TRY(people_new(s->api, &s->home.secret, &s->people, e));
	TRY(oauth_new(s->api, s->people, &s->home.secret, &s->oauth, e));
	TRY(mcp_new(s->api, &s->home.secret, &s->mcp, e));
	mcp_on_bus(s->mcp, s->bus);
	return OK;
}

static enum err
listen_on(struct server *s, const char *at, int threads, const struct front_handler *h, const struct front_face *faces, int nfaces,
    struct front **ret, struct error *e)
{
	const struct conf *c = s->confs[0];
	struct front_conf fc = {
		.listen = at, .threads = threads, .max_connections = (int)c->max_connections, .header_ms = c->header_timeout * 1000,
		.keepalive_ms = c->keepalive * 1000, .body_rate = c->body_rate, .drain_max = (size_t)c->drain_max,
		.arena_budget = ARENA_BUDGET, .clock = &sys_clock_real, .faces = faces, .nfaces = nfaces,
	};

	return front_open(&fc, h, ret, e);
}

/* --- what a node that only works says to callers who came to it by mistake --- */

static void
elsewhere(void *ctx, struct exchange *x)
{
	api_greet(ctx, x);
	x->body_max = 0;
	api_refuse(x, E_UNAVAILABLE, "This node only runs jobs (role worker): requests belong to a node of role api.");
}

static void elsewhere_run(void *ctx, struct exchange *x) { (void)ctx, (void)x; }
static void elsewhere_end(void *ctx, struct exchange *x) { (void)ctx; api_part(x); }

/* --- listening --- */

static enum err
listen_all(struct server *s, const struct front_handler *h, const struct front_face *faces, int n, const struct front_face *probes, struct error *e)
{
	const struct conf *c = s->confs[0];
	struct front_handler metrics = { metrics_head, metrics_run, metrics_counted, metrics_end, s };
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	int threads = c->role == ROLE_WORKER ? 1 : c->threads != 0 ? (int)c->threads : (int)MAX(cores, 1);

	TRY(listen_on(s, c->listen, threads, h, faces, n, &s->front, e));
	s->api->url = front_url(s->front);
	if (c->metrics_listen[0] != '\0')
		TRY(listen_on(s, c->metrics_listen, 1, &metrics, probes, READY_FACES, &s->metrics, e));
	if (s->home.lock >= 0)
		TRY(control_open(c, &s->desk, s->log, &s->control, e));
	return OK;
}

static enum err
open_front(struct server *s, struct error *e)
{
	const struct conf *c = s->confs[0];
	struct front_handler api;
	struct front_face faces[FRONT_FACES], probes[READY_FACES];
	int n = 0;

	s->desk = (struct desk){ s->home.engine, &s->home.secret, s->clock, s->auth, s->api };
	api_front(s->api, &api);
	ready_faces(s->api, probes);
	ready_faces(s->api, &faces[n]);
	n += READY_FACES;
	if (c->role == ROLE_WORKER) {
		faces[n++] = (struct front_face){ S("/v1/health"), false, api };
		return listen_all(s, &(struct front_handler){ elsewhere, elsewhere_run, elsewhere_run, elsewhere_end, s->api }, faces, n, probes, e);
	}
	oauth_faces(s->oauth, &faces[n]);	/* before /mcp: the first that takes a path has it */
	n += OAUTH_FACES;
	docs_faces(s->docs, &faces[n]);
	n += DOCS_FACES;
	people_faces(s->people, &faces[n]);
	n += PEOPLE_FACES;
	mcp_faces(s->mcp, &faces[n]);
	n += MCP_FACES;
	if (s->blobs.disk != NULL)
		store_face(s->store, &faces[n++]);
	return listen_all(s, &api, faces, n, probes, e);
}

/* Signals are main's; threads of sys_thread block them. */
static void
prepare_process(struct server *s)
{
	struct rlimit files;

	sigemptyset(&s->signals);
	sigaddset(&s->signals, SIGTERM);
	sigaddset(&s->signals, SIGINT);
	sigaddset(&s->signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &s->signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	mallopt(M_ARENA_MAX, 2);	/* one heap per thread would cost more memory than it saves waits */
}

/* PostgreSQL has backups of its own, which know more than a copy. */
static void
open_keep(struct server *s)
{
	struct keep_conf kc = { settings, s, &s->home.secret, s->log, s->clock };

	if (home_pg(s->confs[0]) == NULL)
		s->keep = keep_new(&kc);
	else if (s->confs[0]->backup_to[0] != '\0')
		log_note(s->log, LOG_WARN, "backup", "none is made: backup_to is for the embedded database; PostgreSQL has pg_dump and pg_basebackup");
	else if (s->confs[0]->backup_to[0] != '\0')
		log_note(s->log, LOG_WARN, "backup", "backup_to is for the embedded database: none is made of PostgreSQL, use pg_basebackup or pg_dump");
}

static enum err
start(struct server *s, struct error *e)
{
	prepare_process(s);
	TRY(load_conf(s, e));
	atomic_store(&s->conf, s->confs[0]);
	TRY(check_role(s, e));
	TRY(check_replica(s, e));
	TRY(open_log(s, e));
	TRY(open_home(s, e));
	TRY(open_bus(s, e));
	TRY(meet_nodes(s, e));
	TRY(open_blobs(s, e));
	TRY(open_work(s, e));
	TRY(open_front(s, e));
	open_keep(s);
	return OK;
}

/* --- running --- */

static void
reload(struct server *s)
{
	struct error e;
	struct arena a;

	log_reopen(s->log);
	if (s->nconfs == OLD_CONFS) {
		log_note(s->log, LOG_WARN, "reload", "not taken over: %d reloads in one life is the most; restart the server", OLD_CONFS - 1);
		return;
	}
	if (load_conf(s, &e) != OK) {
		log_note(s->log, LOG_ERROR, "reload", "not taken over: %s", e.detail);
		return;
	}
	struct conf *now = s->confs[s->nconfs - 1];
	arena_init(&a, 1 << 16);
	str fixed = conf_keep_fixed(now, s->confs[0], &a);
	atomic_store(&s->conf, now);
	atomic_store_explicit(&s->api->conf, now, memory_order_release);
	log_level(s->log, (enum log_level)now->log_level);
	if (fixed.n != 0)
		log_note(s->log, LOG_WARN, "reload", "taken over, but for these, which need a restart: %.*s", STR(fixed));
	else
		log_note(s->log, LOG_INFO, "reload", "taken over");
	arena_free(&a);
}

static void
wait_for_end(struct server *s)
{
	int sig;

	while (sigwait(&s->signals, &sig) == 0 && sig == SIGHUP)
		reload(s);
}

/* Whoever sends callers here hears of it by /readyz and needs a moment; until then they are served.  A second signal cuts it short. */
static void
give_notice(struct server *s)
{
	int64_t until = sys_mono_us(&sys_clock_real) + settings(s)->drain_delay * 1000000, left;
	int sig = SIGHUP;

	atomic_store(&s->api->leaving, true);
	front_part(s->front);
	if (settings(s)->drain_delay > 0)
		log_note(s->log, LOG_INFO, "stop", "in %lld s: /readyz says so, requests go on", (long long)settings(s)->drain_delay);
	while (sig == SIGHUP && (left = until - sys_mono_us(&sys_clock_real)) > 0) {
		struct timespec t = { left / 1000000, left % 1000000 * 1000 };
		sig = sigtimedwait(&s->signals, NULL, &t);
		if (sig == SIGHUP)
			reload(s);
		else if (sig < 0 && errno == EINTR)
			sig = SIGHUP;		/* neither: wait on */
	}
	log_note(s->log, LOG_INFO, "stop", "draining");
}

static void leave(int sig) { (void)sig; _exit(EXIT_DONE); }

/* What does not end (a request, a database that hangs, a log that nobody reads) must not keep us: what is acknowledged is
 * committed, the rest comes again. */
static void
leave_by_the_clock(struct server *s)
{
	int64_t ms = settings(s)->drain_time * 1000 - 100;
	struct itimerval t = { .it_value = { ms / 1000, ms % 1000 * 1000 } };

	signal(SIGALRM, leave);
	setitimer(ITIMER_REAL, &t, NULL);
}

/* New callers are refused, parked waits answered with their job as it stands, and requests that run may end. */
static bool
drain(struct server *s)
{
	enum { PAUSE_US = 2000 };
	int64_t until = sys_mono_us(&sys_clock_real) + settings(s)->drain_time * 1000000 - 500000;

	atomic_store(&s->api->draining, true);
	front_quiesce(s->front);
	mcp_drain(s->mcp);
	oauth_drain(s->oauth);
	work_release(s->work);
	while (front_busy(s->front) > 0 && sys_mono_us(&sys_clock_real) < until)
		usleep(PAUSE_US);
	return front_busy(s->front) == 0;
}

static void
close_all(struct server *s)
{
	keep_close(s->keep);
	control_close(s->control);
	if (s->metrics != NULL)
		front_close(s->metrics);
	if (s->front != NULL)
		front_close(s->front);
	if (s->people != NULL)
		people_free(s->people);
	if (s->docs != NULL)
		docs_free(s->docs);
	mcp_free(s->mcp);
	oauth_free(s->oauth);
	store_free(s->store);
	if (s->work != NULL)
		work_close(s->work);
	if (s->blobs.disk != NULL)
		disk_close(s->blobs.disk);
	if (s->api != NULL)
		api_close(s->api);
	if (s->near != NULL)
		near_free(s->near);
	seen_stop(s->seen);
	kv_close(s->kv);
	home_close(&s->home);
	seen_free(s->seen);
	if (s->auth != NULL)
		auth_free(s->auth);
	bus_close(s->bus);
	limits_free(s->limits);
	if (s->log != NULL)
		log_close(s->log);
	for (int i = 0; i < s->nconfs; i++) {
		conf_free(s->confs[i]);
		free(s->confs[i]);
	}
}

int
serve_run(const struct command *c, struct options *o)
{
	struct server s = { .o = o, .home.lock = -1 };
	struct error e;

	(void)c;
	if (start(&s, &e) != OK) {
		close_all(&s);
		return complain(&e);
	}
	printf("scriped ready on %s\n", front_url(s.front));
	if (s.metrics != NULL)
		printf("metrics on %s/metrics\n", front_url(s.metrics));
	fflush(stdout);
	wait_for_end(&s);
	give_notice(&s);
	leave_by_the_clock(&s);
	if (!drain(&s)) {
		log_note(s.log, LOG_WARN, "stop", "%d requests did not end in time", front_busy(s.front));
		log_stop(s.log);
		_exit(EXIT_DONE);
	}
	close_all(&s);
	return EXIT_DONE;
}
