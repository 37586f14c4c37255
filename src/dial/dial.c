#include "dial/dial.h"
#include <arpa/inet.h>
#include <curl/curl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define TICK_MS		100	/* how often `alive` is asked */
#define HOST_SHOWN	60	/* characters of HOST:PORT in a `why` */

struct call {
	const struct dial_request *rq;
	struct dial_result *ret;
	struct arena *a;
	const struct sys_clock *clock;
	CURL *easy;
	struct buf body;
	const char *url, *host;		/* HOST:PORT, for a person */
	bool loopback;
	struct curl_slist *pins;	/* what the guard found the host to be */
	size_t head;			/* bytes of headers */
	size_t got;			/* bytes of body */
	int part;			/* the part of our own body that is sent, and how much of it went */
	int64_t sent;
	int64_t moved;			/* bytes in both directions when last looked at */
	int64_t began_us;
	int64_t moved_us, asked_us;	/* when that number last changed; when `alive` was last asked */
	char text[CURL_ERROR_SIZE];	/* libcurl's own words */
};

static void
give_up(struct call *c, enum dial_fault fault, const char *fmt, ...) PRINTF(3, 4);

static void
give_up(struct call *c, enum dial_fault fault, const char *fmt, ...)
{
	va_list ap;

	c->ret->fault = fault;
	va_start(ap, fmt);
	vsnprintf(c->ret->why, sizeof(c->ret->why), fmt, ap);
	va_end(ap);
}

static bool global_ok;
static void global_init(void) { global_ok = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK; }

/* --- before the call --- */

static int64_t
passed_ms(const struct call *c)
{
	return (sys_mono_us(c->clock) - c->began_us) / 1000;
}

static char *
url_part(CURLU *u, CURLUPart part)
{
	char *s;

	return curl_url_get(u, part, &s, CURLU_DEFAULT_PORT) == CURLUE_OK ? s : NULL;
}

/* Keeps HOST:PORT; a user name, a password, the path and the query are nobody's business.  False if it is no http(s) URL. */
static bool
read_url(struct call *c)
{
	CURLU *u = curl_url();
	bool ok = u != NULL && curl_url_set(u, CURLUPART_URL, c->url, 0) == CURLUE_OK;
	char *scheme = ok ? url_part(u, CURLUPART_SCHEME) : NULL, *host = ok ? url_part(u, CURLUPART_HOST) : NULL;
	char *port = ok ? url_part(u, CURLUPART_PORT) : NULL;

	ok = scheme != NULL && host != NULL && port != NULL && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
	if (ok) {
		c->host = str_fmt(c->a, "%.*s:%s", HOST_SHOWN - 6, host, port).p;
		c->loopback = str_ieq(str_z(host), S("localhost")) || strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0;
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	return ok;
}

/* "HOST:PORT:ADDRESS,ADDRESS", which libcurl takes for what a resolver would have said. */
static struct curl_slist *
pins_of(struct arena *a, const struct guard_url *u, const struct guard_addresses *found)
{
	char text[INET6_ADDRSTRLEN];
	struct buf b;

	buf_init(&b, a, 4096);
	buf_fmt(&b, "%s:%d:", u->host, u->port);
	for (int i = 0; i < found->n; i++) {
		const struct sockaddr *sa = (const struct sockaddr *)&found->at[i];
		bool v6 = sa->sa_family == AF_INET6;
		const void *from = v6 ? (const void *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr :
		    (const void *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr;
		inet_ntop(sa->sa_family, from, text, sizeof(text));
		buf_fmt(&b, v6 ? "%s[%s]" : "%s%s", i > 0 ? "," : "", text);
	}
	buf_char(&b, '\0');
	return curl_slist_append(NULL, b.p);
}

static bool
proxied(const struct dial_request *rq)
{
	return rq->proxy != NULL && rq->proxy[0] != '\0';
}

static bool
look_up(struct call *c, const struct guard_url *u)
{
	const struct dial_request *rq = c->rq;
	struct guard_addresses found;
	const char *why;

	switch (guard_resolve(rq->guard, c->a, u, MIN(rq->connect_ms, rq->total_ms), rq->alive, rq->ctx, &found, &why)) {
	case GUARD_OK:
		if (!u->literal)
			c->pins = pins_of(c->a, u, &found);
		return true;
	case GUARD_REFUSED:
		give_up(c, DIAL_BLOCKED, "%s %s", c->host, why);
		break;
	case GUARD_LATE:
		give_up(c, DIAL_TIMEOUT, "no address of %s was found in time", c->host);
		break;
	case GUARD_STOPPED:
		give_up(c, DIAL_STOPPED, "the call was stopped");
		break;
	default:
		give_up(c, DIAL_RESOLVE, "no address found for %s", c->host);
	}
	return false;
}

/* Whether the call may be made; otherwise its fault is set. */
static bool
admit(struct call *c)
{
	struct guard_url u;

	c->url = c->rq->url;
	if (c->rq->guard != NULL) {
		const char *why = guard_url(c->rq->guard, c->a, c->url, &u);
		if (why != NULL) {
			give_up(c, DIAL_BLOCKED, "the address %s", why);
			return false;
		}
		c->url = u.url;
	}
	if (!read_url(c)) {
		give_up(c, DIAL_CONNECT, "the address is no http:// or https:// URL");
		return false;
	}
	return c->rq->guard == NULL || proxied(c->rq) || look_up(c, &u);
}

/* The last word: the address that is really connected to. */
static curl_socket_t
open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct call *c = ctx;
	const char *why = c->rq->guard->judge(&to->addr);

	(void)purpose;
	if (why == NULL)
		return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	give_up(c, DIAL_BLOCKED, "%s leads to %s", c->host, why);
	return CURL_SOCKET_BAD;
}

/* NULL when there is no memory. */
static struct curl_slist *
headers_of(const struct dial_request *rq)
{
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");	/* a large body would wait a second for "100 Continue" */

	for (int i = 0; list != NULL && rq->headers != NULL && rq->headers[i] != NULL; i++) {
		struct curl_slist *more = curl_slist_append(list, rq->headers[i]);
		if (more == NULL)
			curl_slist_free_all(list);
		list = more;
	}
	return list;
}

static int
status_of(const struct call *c)
{
	long status = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

static str
type_of(const struct call *c)
{
	char *type = NULL;

	curl_easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE, &type);
	return str_z(type);
}

static size_t
take(char *p, size_t size, size_t n, void *ctx)
{
	struct call *c = ctx;
	str piece = { p, size * n };

	c->got += piece.n;
	if (c->got > c->rq->max) {
		give_up(c, DIAL_TOO_LARGE, "%s answered more than %zu bytes", c->host, c->rq->max);
		return 0;
	}
	bool refused = status_of(c) >= 300, first = c->got == piece.n;
	if (refused)
		c->body.max = MIN(c->rq->max, DIAL_ERROR_MAX);
	if (refused || c->rq->piece == NULL) {
		buf_add(&c->body, piece);
	} else if ((first && c->rq->begin != NULL && !c->rq->begin(c->rq->ctx, type_of(c))) || !c->rq->piece(c->rq->ctx, piece)) {
		give_up(c, DIAL_STOPPED, "the call was stopped");
		return 0;
	}
	return piece.n;
}

static size_t
take_head(char *p, size_t size, size_t n, void *ctx)
{
	struct call *c = ctx;

	c->head += size * n;
	if (c->rq->head != NULL)
		c->rq->head(c->rq->ctx, str_trim((str){ p, size * n }));
	if (c->head <= DIAL_HEAD_MAX)
		return size * n;
	give_up(c, DIAL_TOO_LARGE, "%s answered with more than %d bytes of headers", c->host, DIAL_HEAD_MAX);
	return 0;
}

static int64_t part_size(const struct dial_part *p) { return p->bytes != 0 ? p->bytes : (int64_t)p->text.n; }

/* The next bytes of the body in parts, at most n; 0 at its end, -1 when a file ends before its part does. */
static ssize_t
next_bytes(struct call *c, char *to, size_t n)
{
	for (; c->part < c->rq->parts; c->part++, c->sent = 0) {
		const struct dial_part *p = &c->rq->part[c->part];
		size_t most = (size_t)MIN((int64_t)n, part_size(p) - c->sent);
		if (most == 0)
			continue;
		ssize_t got = (ssize_t)most;
		if (p->bytes != 0)
			got = pread(p->fd, to, most, p->from + c->sent);
		else
			memcpy(to, p->text.p + c->sent, most);
		if (got <= 0)
			return -1;
		c->sent += got;
		return got;
	}
	return 0;
}

static size_t
give(char *to, size_t size, size_t n, void *ctx)
{
	ssize_t got = next_bytes(ctx, to, size * n);

	return got >= 0 ? (size_t)got : CURL_READFUNC_ABORT;
}

/* libcurl sends a body again when a kept connection turns out to be gone. */
static int
give_again(void *ctx, curl_off_t at, int origin)
{
	struct call *c = ctx;

	if (at != 0 || origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	c->part = 0;
	c->sent = 0;
	return CURL_SEEKFUNC_OK;
}

static void
set_parts(struct call *c)
{
	int64_t all = 0;

	for (int i = 0; i < c->rq->parts; i++)
		all += part_size(&c->rq->part[i]);
	curl_easy_setopt(c->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)all);
	curl_easy_setopt(c->easy, CURLOPT_READFUNCTION, give);
	curl_easy_setopt(c->easy, CURLOPT_READDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_SEEKFUNCTION, give_again);
	curl_easy_setopt(c->easy, CURLOPT_SEEKDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, c->rq->method);
}

static void
set_method(struct call *c)
{
	CURL *h = c->easy;
	const struct dial_request *rq = c->rq;

	if (rq->parts != 0) {
		set_parts(c);
	} else if (strcmp(rq->method, "HEAD") == 0) {
		curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
	} else if (strcmp(rq->method, "GET") != 0 || rq->body.n != 0) {
		curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.n);
		curl_easy_setopt(h, CURLOPT_POSTFIELDS, rq->body.n != 0 ? rq->body.p : "");
		curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, rq->method);
	}
}

/* Through which proxy, and to which addresses. */
static void
set_way(struct call *c)
{
	const struct dial_request *rq = c->rq;

	if (proxied(rq)) {
		curl_easy_setopt(c->easy, CURLOPT_PROXY, rq->proxy);
		curl_easy_setopt(c->easy, CURLOPT_NOPROXY, "");		/* and not what the environment excepts */
	} else if (rq->guard != NULL || rq->proxy != NULL || c->loopback)
		curl_easy_setopt(c->easy, CURLOPT_NOPROXY, "*");
	if (c->pins != NULL)
		curl_easy_setopt(c->easy, CURLOPT_RESOLVE, c->pins);
	if (rq->guard != NULL && !proxied(rq)) {
		curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
		curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETDATA, c);
	}
}

static void
prepare(struct call *c, struct curl_slist *headers)
{
	const struct dial_request *rq = c->rq;
	CURL *h = c->easy;

	curl_easy_setopt(h, CURLOPT_URL, c->url);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_QUICK_EXIT, 1L);	/* do not wait for a resolver that hangs */
	curl_easy_setopt(h, CURLOPT_USERAGENT, "scriped");
	curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)MAX(rq->connect_ms, 1));
	curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)MAX(rq->total_ms - passed_ms(c), 1));
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, take_head);
	curl_easy_setopt(h, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->text);
	if (rq->unpack)
		curl_easy_setopt(h, CURLOPT_ACCEPT_ENCODING, "");
	set_way(c);
	set_method(c);
}

/* --- the call --- */

static int64_t
bytes_moved(CURL *h)
{
	long asked = 0, head = 0;
	curl_off_t up = 0, down = 0;

	curl_easy_getinfo(h, CURLINFO_REQUEST_SIZE, &asked);
	curl_easy_getinfo(h, CURLINFO_HEADER_SIZE, &head);
	curl_easy_getinfo(h, CURLINFO_SIZE_UPLOAD_T, &up);
	curl_easy_getinfo(h, CURLINFO_SIZE_DOWNLOAD_T, &down);
	return (int64_t)asked + head + up + down;
}

/* Whether the call may go on.  Silence counts from the request on: before, the limit for connecting holds. */
static bool
may_wait(struct call *c)
{
	int64_t now = sys_mono_us(c->clock), moved = bytes_moved(c->easy);

	if (moved != c->moved || moved == 0) {
		c->moved = moved;
		c->moved_us = now;
	}
	if (now - c->moved_us >= c->rq->silence_ms * 1000) {
		give_up(c, DIAL_TIMEOUT, "%s sent nothing for %lld ms", c->host, (long long)c->rq->silence_ms);
		return false;
	}
	if (c->rq->alive != NULL && now - c->asked_us >= TICK_MS * 1000) {
		c->asked_us = now;
		if (!c->rq->alive(c->rq->ctx)) {
			give_up(c, DIAL_STOPPED, "the call was stopped");
			return false;
		}
	}
	return true;
}

/* How long nothing needs to be looked at, if nothing comes. */
static int
patience_ms(const struct call *c)
{
	int64_t silent_ms = (sys_mono_us(c->clock) - c->moved_us) / 1000;

	return (int)MAX(1, MIN(TICK_MS, c->rq->silence_ms - silent_ms));
}

/* libcurl's outcome; CURLE_OK too when may_wait ended the call, which has then filled the fault. */
static CURLcode
drive(CURLM *m, struct call *c)
{
	int running, left;
	CURLMcode rc;

	c->moved_us = c->asked_us = sys_mono_us(c->clock);
	while ((rc = curl_multi_perform(m, &running)) == CURLM_OK && running != 0) {
		if (!may_wait(c))
			return CURLE_OK;
		if ((rc = curl_multi_poll(m, NULL, 0, patience_ms(c), NULL)) != CURLM_OK)
			break;
	}
	const CURLMsg *msg = rc == CURLM_OK ? curl_multi_info_read(m, &left) : NULL;
	return msg != NULL ? msg->data.result : CURLE_RECV_ERROR;
}

/* --- after the call --- */

static void
explain_timeout(struct call *c)
{
	const struct dial_request *rq = c->rq;

	if (bytes_moved(c->easy) == 0)
		give_up(c, DIAL_TIMEOUT, "no connection to %s within %lld ms", c->host, (long long)MIN(rq->connect_ms, rq->total_ms));
	else
		give_up(c, DIAL_TIMEOUT, "%s did not finish within %lld ms", c->host, (long long)rq->total_ms);
}

static void
explain(struct call *c, CURLcode rc)
{
	long number = 0;

	curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &number);
	switch (rc) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		give_up(c, DIAL_RESOLVE, "no address found for %s", c->host);
		break;
	case CURLE_COULDNT_CONNECT:
		give_up(c, DIAL_CONNECT, "no connection to %s: %.60s", c->host, number != 0 ? strerror((int)number) : c->text);
		break;
	case CURLE_OPERATION_TIMEDOUT:
		explain_timeout(c);
		break;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ENGINE_INITFAILED:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		give_up(c, DIAL_TLS, "no TLS with %s: %.70s", c->host, c->text[0] != '\0' ? c->text : curl_easy_strerror(rc));
		break;
	default:
		give_up(c, DIAL_BROKEN, "the connection with %s broke: %.70s", c->host, curl_easy_strerror(rc));
	}
}

/* Seconds, or an HTTP-date (RFC 9110 section 10.2.3); -1 for neither. */
static int
retry_after(const struct call *c)
{
	struct curl_header *h;
	int64_t v;

	if (curl_easy_header(c->easy, "Retry-After", 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
		return -1;
	if (!str_int(str_trim(str_z(h->value)), &v)) {
		time_t at = curl_getdate(h->value, NULL);
		if (at == -1)
			return -1;
		v = MAX((int64_t)at - sys_wall_ms(c->clock) / 1000, 0);
	}
	return v < 0 ? -1 : (int)MIN(v, INT_MAX);
}

static str
cache_control(const struct call *c)
{
	struct curl_header *h;
	struct buf b;

	buf_init(&b, c->a, 4096);
	for (size_t i = 0; curl_easy_header(c->easy, "Cache-Control", i, CURLH_HEADER, -1, &h) == CURLHE_OK; i++)
		buf_fmt(&b, "%s%s", i != 0 ? ", " : "", h->value);
	return b.n != 0 ? buf_str(&b) : STR_NONE;
}

static void
keep_answer(struct call *c)
{
	char *location = NULL, *address = NULL;
	curl_off_t length = -1;

	if (curl_easy_getinfo(c->easy, CURLINFO_PRIMARY_IP, &address) == CURLE_OK && address != NULL)
		snprintf(c->ret->address, sizeof(c->ret->address), "%s", address);
	curl_easy_getinfo(c->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	c->ret->length = length;
	if (c->ret->fault == DIAL_OK)
		curl_easy_getinfo(c->easy, CURLINFO_REDIRECT_URL, &location);
	c->ret->location = location != NULL ? str_dup(c->a, str_z(location)).p : NULL;
	c->ret->url = c->url;
	c->ret->status = status_of(c);
	c->ret->content_type = str_dup(c->a, type_of(c));
	c->ret->retry_after_s = retry_after(c);
	c->ret->cache_control = cache_control(c);
	c->ret->body = buf_str(&c->body);
}

static void
run(struct call *c, CURLM *m, struct curl_slist *headers)
{
	prepare(c, headers);
	curl_multi_add_handle(m, c->easy);
	CURLcode rc = drive(m, c);
	if (rc != CURLE_OK && c->ret->fault == DIAL_OK)
		explain(c, rc);
	keep_answer(c);
	curl_multi_remove_handle(m, c->easy);
}

static void
call(struct call *c)
{
	CURLM *m = curl_multi_init();
	struct curl_slist *headers = headers_of(c->rq);

	c->easy = curl_easy_init();
	if (global_ok && m != NULL && headers != NULL && c->easy != NULL)
		run(c, m, headers);
	else
		give_up(c, DIAL_CONNECT, "libcurl could not be started");
	curl_easy_cleanup(c->easy);
	curl_multi_cleanup(m);
	curl_slist_free_all(headers);
}

void
dial(struct arena *a, const struct sys_clock *clock, const struct dial_request *rq, struct dial_result *ret)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct call c = { .rq = rq, .ret = ret, .a = a, .clock = clock, .began_us = sys_mono_us(clock) };

	*ret = (struct dial_result){ .fault = DIAL_OK, .retry_after_s = -1, .length = -1, .url = rq->url };
	buf_init(&c.body, a, rq->max);
	pthread_once(&once, global_init);
	if (admit(&c))
		call(&c);
	curl_slist_free_all(c.pins);
}

static bool
is_redirect(const struct dial_result *r)
{
	return r->fault == DIAL_OK && r->location != NULL &&
	    (r->status == 301 || r->status == 302 || r->status == 303 || r->status == 307 || r->status == 308);
}

void
dial_follow(struct arena *a, const struct sys_clock *clock, const struct dial_request *rq, int hops, dial_hop *hop, struct dial_result *ret)
{
	int64_t end_us = sys_mono_us(clock) + rq->total_ms * 1000;
	struct dial_request next = *rq;

	for (;; hops--) {
		next.total_ms = (end_us - sys_mono_us(clock)) / 1000;
		if (hop != NULL && !hop(rq->ctx, next.url, next.total_ms)) {
			*ret = (struct dial_result){ .fault = DIAL_STOPPED, .retry_after_s = -1, .length = -1, .url = next.url, .why = "the call was stopped" };
			return;
		}
		next.total_ms = (end_us - sys_mono_us(clock)) / 1000;
		if (next.total_ms <= 0) {
			*ret = (struct dial_result){ .fault = DIAL_TIMEOUT, .retry_after_s = -1, .length = -1, .url = next.url };
			snprintf(ret->why, sizeof(ret->why), "the redirects took more than %lld ms", (long long)rq->total_ms);
			return;
		}
		dial(a, clock, &next, ret);
		if (hops == 0 || !is_redirect(ret))
			return;
		next.url = ret->location;
	}
}
