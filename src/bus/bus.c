#include "bus/bus.h"
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A payload is the node that says it and its words, a line each: the letter of the topic, and the text. */
#define CHANNEL		"scriped"
#define PAYLOAD		7999		/* the most that the server takes */
#define MISSED		'!'		/* the word that says: look for yourself */
#define SILENT_US	INT64_C(3000000)	/* a link on which nothing moves for so long is asked, and has as long to answer */
#define FAREWELL_US	INT64_C(300000)
#define BACKOFF_US	INT64_C(50000)
#define BACKOFF_MOST_US	INT64_C(5000000)

static const char letter[BUS_TOPICS] = { [BUS_JOB] = 'j', [BUS_ENDED] = 'e', [BUS_BUST] = 'b', [BUS_CANCEL] = 'c', [BUS_FOLLOW] = 'f',
	[BUS_STEP] = 's' };

struct bus {
	struct bus_conf c;
	pthread_t thread;
	int bell;			/* eventfd: there is something to say, or the end */
	_Atomic bool hears, stop;

	pthread_mutex_t lock;		/* of what is to be said */
	char pending[BUS_PENDING];
	size_t n;
	bool job, missed;		/* BUS_JOB stands among them; too much was said, or what was said may be lost */

	pthread_mutex_t telling;	/* of the listeners, held while they are called */
	struct bus_listener *listener[BUS_TOPICS];

	/* the thread's own */
	PGconn *pg;
	bool under_way, listening;	/* a statement has no answer yet; LISTEN is in force */
	bool told;			/* the log knows that there is no link */
	int64_t heard_us, backoff_us;	/* when the server said anything; the next pause */
	char saying[PAYLOAD + 1];
};

/* --- what is to be said --- */

static void
ring(struct bus *b)
{
	uint64_t one = 1;

	if (write(b->bell, &one, sizeof(one)) < 0 && errno != EAGAIN)
		abort();
}

void
bus_say(struct bus *b, enum bus_topic topic, str text)
{
	if (b == NULL)
		return;
	text = str_cut(text, 0, BUS_TEXT);
	pthread_mutex_lock(&b->lock);
	bool quiet = b->n == 0 && !b->missed;
	if (b->n + text.n + 2 > sizeof(b->pending)) {
		b->missed = true;
		b->job = false;
		b->n = 0;
	} else if (topic != BUS_JOB || !b->job) {
		b->pending[b->n++] = letter[topic];
		if (text.n != 0)
			memcpy(b->pending + b->n, text.p, text.n);
		b->n += text.n;
		b->pending[b->n++] = '\n';
		b->job |= topic == BUS_JOB;
	}
	pthread_mutex_unlock(&b->lock);
	if (quiet)
		ring(b);
}

/* As many whole words as fit; false: there is nothing to say. */
static bool
take_words(struct bus *b)
{
	pthread_mutex_lock(&b->lock);
	int n = snprintf(b->saying, sizeof(b->saying), "%.26s\n", b->c.node.s);
	size_t room = (size_t)(PAYLOAD - n - 2), take = b->n;
	bool some = b->missed || b->n != 0;
	if (b->missed) {
		b->saying[n++] = MISSED;
		b->saying[n++] = '\n';
		b->missed = false;
	}
	if (take > room)
		for (take = room; take > 0 && b->pending[take - 1] != '\n'; take--)
			;
	memcpy(b->saying + n, b->pending, take);
	b->saying[(size_t)n + take] = '\0';
	memmove(b->pending, b->pending + take, b->n -= take);
	b->job = false;		/* one that stayed behind may be said twice */
	pthread_mutex_unlock(&b->lock);
	return some;
}

/* What was on its way may be lost, and who heard it cannot be told. */
static void
say_missed(struct bus *b)
{
	pthread_mutex_lock(&b->lock);
	b->missed = true;
	pthread_mutex_unlock(&b->lock);
}

/* --- what is heard --- */

void
bus_listen(struct bus *b, struct bus_listener *l)
{
	if (b == NULL)
		return;
	pthread_mutex_lock(&b->telling);
	l->next = b->listener[l->topic];
	b->listener[l->topic] = l;
	pthread_mutex_unlock(&b->telling);
}

void
bus_unlisten(struct bus *b, struct bus_listener *l)
{
	if (b == NULL)
		return;
	pthread_mutex_lock(&b->telling);
	for (struct bus_listener **at = &b->listener[l->topic]; *at != NULL; at = &(*at)->next)
		if (*at == l) {
			*at = l->next;
			break;
		}
	pthread_mutex_unlock(&b->telling);
}

static void
tell(struct bus *b, int topic, str text)
{
	for (struct bus_listener *l = b->listener[topic], *next; l != NULL; l = next) {
		next = l->next;
		l->heard(l, text);
	}
}

static void
tell_missed(struct bus *b)
{
	pthread_mutex_lock(&b->telling);
	for (int i = 0; i < BUS_TOPICS; i++)
		tell(b, i, STR_NONE);
	pthread_mutex_unlock(&b->telling);
}

/* A word of a later release that we do not know is passed over; anybody who may write to the database can say one. */
static void
hear(struct bus *b, str payload)
{
	str from = str_split(&payload, '\n');

	if (str_eq(from, (str){ b->c.node.s, 26 }))
		return;
	pthread_mutex_lock(&b->telling);
	while (payload.n != 0) {
		str word = str_split(&payload, '\n');
		for (int i = 0; i < BUS_TOPICS && word.n != 0; i++)
			if (word.p[0] == letter[i] || word.p[0] == MISSED)
				tell(b, i, word.p[0] == MISSED ? STR_NONE : str_cut(word, 1, word.n));
	}
	pthread_mutex_unlock(&b->telling);
}

static void
hear_all(struct bus *b)
{
	PGnotify *n;

	while ((n = PQnotifies(b->pg)) != NULL) {
		hear(b, str_z(n->extra));
		PQfreemem(n);
	}
}

/* --- the link --- */

static void
hang_up(struct bus *b)
{
	const char *why = b->pg == NULL ? "no memory" : PQerrorMessage(b->pg)[0] != '\0' ? PQerrorMessage(b->pg) : "the server says nothing any more";

	str text = str_trim(str_z(why));
	if (!b->told && !b->stop)
		log_note(b->c.log, LOG_WARN, "bus", "no link to the other nodes, which are heard when they are next asked for (db_direct, or db): %.*s", STR(text));
	b->told = true;
	b->hears = false;
	PQfinish(b->pg);
	b->pg = NULL;
	if (b->under_way)
		say_missed(b);
	b->under_way = b->listening = false;
}

/* Until the link or the bell says something, or it is time; whether the link did. */
static bool
wait_for(struct bus *b, short events, int64_t us)
{
	struct pollfd p[2] = { { b->bell, POLLIN, 0 }, { b->pg != NULL ? PQsocket(b->pg) : -1, events, 0 } };
	uint64_t rung;

	if (us <= 0 || poll(p, 2, (int)(us / 1000) + 1) <= 0)
		return false;
	if (p[0].revents != 0 && read(b->bell, &rung, sizeof(rung)) < 0 && errno != EAGAIN)
		abort();
	return p[1].revents != 0;
}

static void quiet(void *arg, const PGresult *r) { (void)arg, (void)r; }

/* NOTIFY writes to the log of the server: nobody needs to wait until that is on its disk. */
static const char greeting[] = "SET synchronous_commit = off; SET statement_timeout = 0; SET client_encoding = 'UTF8'; LISTEN " CHANNEL;

/* Host by host, where the URI names several, until one takes writes: a standby has no LISTEN. */
static bool
call(struct bus *b)
{
	static const char *const names[] = { "connect_timeout", "target_session_attrs", "keepalives_idle", "keepalives_interval", "keepalives_count",
	    "tcp_user_timeout", "application_name", "dbname", NULL };
	const char *values[] = { "3", "read-write", "5", "5", "2", "15000", "scriped bus", b->c.uri, NULL };

	b->pg = PQconnectdbParams(names, values, 1);
	if (PQstatus(b->pg) != CONNECTION_OK || PQsetnonblocking(b->pg, 1) != 0 || PQsendQuery(b->pg, greeting) != 1)
		return false;
	PQsetNoticeReceiver(b->pg, quiet, NULL);
	b->under_way = true;
	b->heard_us = sys_mono_us(b->c.clock);
	return true;
}

/* From here on nothing is missed; what was before may have been. */
static void
connected(struct bus *b)
{
	if (b->told)
		log_note(b->c.log, LOG_INFO, "bus", "the link to the other nodes stands again");
	b->told = false;
	b->listening = true;
	b->hears = true;
	b->backoff_us = 0;
	tell_missed(b);
}

/* What the server has sent; false: the link is gone. */
static bool
receive(struct bus *b)
{
	PGresult *r;

	if (PQconsumeInput(b->pg) != 1)
		return false;
	b->heard_us = sys_mono_us(b->c.clock);
	while (b->under_way && PQisBusy(b->pg) == 0) {
		if ((r = PQgetResult(b->pg)) == NULL) {
			b->under_way = false;
			if (!b->listening)
				connected(b);
			break;
		}
		ExecStatusType s = PQresultStatus(r);
		PQclear(r);
		if (s != PGRES_COMMAND_OK && s != PGRES_TUPLES_OK && s != PGRES_EMPTY_QUERY)
			return false;		/* a full queue of the server, most likely: once more, later */
	}
	hear_all(b);
	return true;
}

static bool
send_some(struct bus *b, int64_t now)
{
	static const char say[] = "SELECT pg_notify('" CHANNEL "', $1)";
	const char *value = b->saying;

	if (!b->under_way && take_words(b))
		b->under_way = PQsendQueryParams(b->pg, say, 1, NULL, &value, NULL, NULL, 0) == 1;
	else if (!b->under_way && now - b->heard_us > SILENT_US)
		b->under_way = PQsendQuery(b->pg, "") == 1;
	else
		return true;
	if (!b->under_way)
		say_missed(b);
	return b->under_way;
}

/* While the link stands. */
static void
converse(struct bus *b)
{
	int64_t until = INT64_MAX;

	for (;;) {
		int64_t now = sys_mono_us(b->c.clock);
		if (b->stop && until == INT64_MAX)
			until = now + FAREWELL_US;
		if (now >= until || now - b->heard_us > 2 * SILENT_US || !send_some(b, now))
			break;
		if (b->stop && !b->under_way)
			break;
		int unsent = PQflush(b->pg);
		if (unsent < 0)
			break;
		if (wait_for(b, unsent == 1 ? POLLIN | POLLOUT : POLLIN, MIN(until - now, SILENT_US)) && !receive(b))
			break;
	}
}

static void
pause_some(struct bus *b)
{
	uint16_t luck;

	sys_random(&luck, sizeof(luck));
	b->backoff_us = MIN(MAX(b->backoff_us * 2, BACKOFF_US), BACKOFF_MOST_US);
	int64_t until = sys_mono_us(b->c.clock) + b->backoff_us / 2 + b->backoff_us / 2 * luck / UINT16_MAX;
	while (!b->stop && sys_mono_us(b->c.clock) < until)
		(void)wait_for(b, 0, until - sys_mono_us(b->c.clock));
}

static void *
run(void *arg)
{
	struct bus *b = arg;

	sys_thread_prompt();
	do {		/* once at least: a command says its word and is gone */
		if (call(b))
			converse(b);
		hang_up(b);
		if (!b->stop)
			pause_some(b);
	} while (!b->stop);
	return NULL;
}

/* --- open and close --- */

bool bus_hears(const struct bus *b) { return b != NULL && b->hears; }

static enum err
judge_uri(const char *uri, struct error *e)
{
	char *why = NULL;
	PQconninfoOption *o = PQconninfoParse(uri, &why);
	enum err code = o != NULL ? OK : fail(e, E_USAGE, NULL, "the URI of the database for LISTEN: %s", why != NULL ? why : "cannot be read");

	PQconninfoFree(o);
	PQfreemem(why);
	return code;
}

enum err
bus_open(const struct bus_conf *c, struct bus **ret, struct error *e)
{
	*ret = NULL;
	if (c->uri == NULL)
		return OK;
	TRY(judge_uri(c->uri, e));
	struct bus *b = calloc(1, sizeof(*b));
	if (b == NULL || (b->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		abort();
	b->c = *c;
	pthread_mutex_init(&b->lock, NULL);
	pthread_mutex_init(&b->telling, NULL);
	enum err code = sys_thread(&b->thread, "bus", run, b, e);
	if (code != OK) {
		close(b->bell);
		free(b);
		return code;
	}
	*ret = b;
	return OK;
}

void
bus_close(struct bus *b)
{
	if (b == NULL)
		return;
	b->stop = true;
	ring(b);
	pthread_join(b->thread, NULL);
	close(b->bell);
	pthread_mutex_destroy(&b->lock);
	pthread_mutex_destroy(&b->telling);
	free(b);
}
