#include "kv/wire.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK	((size_t)16 << 10)

/* --- the URI --- */

static enum err
bad_uri(struct error *e, const char *what)
{
	return fail(e, E_USAGE, "kv", "kv: %s; it is redis://[USER:PASSWORD@]HOST[:PORT][/NUMBER][?name=WORD], or rediss:// for TLS", what);
}

static int hex(char c) { return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1; }

static bool
unescape(str s, char *to, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++, n++) {
		int high = s.p[i] == '%' && i + 2 < s.n ? hex(s.p[i + 1]) : -1, low = high >= 0 ? hex(s.p[i + 2]) : -1;
		if (n + 1 >= room || (s.p[i] == '%' && low < 0))
			return false;
		to[n] = s.p[i];
		if (s.p[i] == '%') {
			to[n] = (char)(high << 4 | low);
			i += 2;
		}
	}
	to[n] = '\0';
	return strlen(to) == n;
}

/* HOST, HOST:PORT, [::1]:PORT */
static bool
read_place(str s, struct kv_uri *u)
{
	const char *close = s.n != 0 && s.p[0] == '[' ? memchr(s.p, ']', s.n) : NULL;
	str host, port = S("6379");
	int64_t n;

	if (close != NULL) {
		host = str_cut(s, 1, (size_t)(close - s.p));
		s = str_cut(s, (size_t)(close - s.p) + 1, s.n);
		if (s.n != 0 && s.p[0] != ':')
			return false;
		if (s.n > 1)
			port = str_cut(s, 1, s.n);
	} else {
		host = str_split(&s, ':');
		if (s.n != 0)
			port = s;
	}
	if (host.n == 0 || host.n >= sizeof(u->host) || !str_int(port, &n) || n < 1 || n > 65535)
		return false;
	snprintf(u->host, sizeof(u->host), "%.*s", STR(host));
	snprintf(u->port, sizeof(u->port), "%d", (int)n);
	return true;
}

enum err
kv_uri_read(str s, struct kv_uri *u, struct error *e)
{
	int64_t db = 0;

	*u = (struct kv_uri){ .tls = str_starts(s, S("rediss://")) };
	if (!u->tls && !str_starts(s, S("redis://")))
		return bad_uri(e, "no such scheme");
	s = str_cut(s, u->tls ? 9 : 8, s.n);
	const char *at = s.n != 0 ? memrchr(s.p, '@', s.n) : NULL;
	if (at != NULL) {
		str who = str_cut(s, 0, (size_t)(at - s.p)), user = str_split(&who, ':');
		if (!unescape(user, u->user, sizeof(u->user)) || !unescape(who, u->pass, sizeof(u->pass)))
			return bad_uri(e, "user or password cannot be read");
		s = str_cut(s, (size_t)(at - s.p) + 1, s.n);
	}
	str option = s;
	s = str_split(&option, '?');
	if (option.p != NULL && (!str_eq(str_split(&option, '='), S("name")) || option.n == 0))
		return bad_uri(e, "behind ? there is name=WORD, and nothing else");
	str place = str_split(&s, '/');
	if (!read_place(place, u))
		return bad_uri(e, "host or port cannot be read");
	if (s.n != 0 && (!str_int(s, &db) || db < 0 || db > 1 << 20))
		return bad_uri(e, "no number of a database");
	u->db = (int)db;
	return OK;
}

/* --- a connection --- */

void
wire_init(struct wire *l, const struct kv_uri *u, const struct sys_clock *clock)
{
	*l = (struct wire){ .uri = u, .clock = clock, .fd = -1, .why = "" };
}

bool
wire_fail(struct wire *l, const char *word)
{
	if (l->why[0] == '\0')
		l->why = word;
	return false;
}

bool
wire_fail_by(struct wire *l, const redisReply *r)
{
	static const char *const words[] = { "NOAUTH", "WRONGPASS", "NOPERM", "LOADING", "BUSY", "READONLY", "OOM", "MISCONF", "MASTERDOWN", "NOREPLICAS",
	    "CLUSTERDOWN", "MOVED" };
	str text = { r->str, (size_t)r->len };

	if (r->type != REDIS_REPLY_ERROR)
		return wire_fail(l, "EPROTO");
	str word = str_split(&text, ' ');
	for (size_t i = 0; i < COUNT(words); i++)
		if (str_eq(word, str_z(words[i])))
			return wire_fail(l, words[i]);
	return wire_fail(l, "ERR");
}

const char *
wire_words(const char *why)
{
	static const struct { const char *why, *words; } known[] = {
		{ "CERTIFICATE_NAME", "its certificate is of another name than the one in kv" },
		{ "CERTIFICATE_EXPIRED", "its certificate is not valid today" },
		{ "CERTIFICATE_UNTRUSTED", "its certificate is of nobody whom this machine trusts: name the authority's file in SSL_CERT_FILE" },
		{ "TLS", "it does not speak TLS, or an older one than 1.2" },
		{ "WRONGPASS", "user or password in kv is wrong" }, { "NOAUTH", "it wants a password: redis://USER:PASSWORD@HOST" },
		{ "NOPERM", "the user in kv may not do what is needed: EVAL, EVALSHA, SCRIPT, TIME, lists, GET and SET of scriped:*" },
		{ "ENOTFOUND", "its name is not known" }, { "ECONNREFUSED", "nobody listens there" }, { "ECONNRESET", "it closed the connection: is kv to be rediss:// for TLS, or has it as many clients as its maxclients allows?" },
		{ "BUSY", "it runs somebody's script without end: SCRIPT KILL" }, { "LOADING", "it reads its data and will answer soon" },
		{ "ETIMEDOUT", "it is silent, as one without TLS is to rediss://" }, { "EPROTO", "it is no Valkey or Redis" }, { "READONLY", "it is a replica" }, { "MISCONF", "it cannot write to its disk" }, { "OOM", "its memory is full" },
	};

	for (size_t i = 0; i < COUNT(known); i++)
		if (strcmp(known[i].why, why) == 0)
			return known[i].words;
	return "see its log";
}

static bool
fail_by(struct wire *l, int number)
{
	const char *name = strerrorname_np(number);
	return wire_fail(l, name != NULL ? name : "EIO");
}

static bool
ready(struct wire *l, short what, int64_t until_us)
{
	struct pollfd p = { l->fd, what, 0 };
	int64_t left = until_us - sys_mono_us(l->clock);

	return (left > 0 && poll(&p, 1, (int)(left / 1000 + 1)) > 0) || fail_by(l, ETIMEDOUT);
}

static bool
connect_to(struct wire *l, const struct addrinfo *a, int64_t until_us)
{
	int one = 1, wrong = 0;
	socklen_t n = sizeof(wrong);

	l->why = "";
	l->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return fail_by(l, errno);
	(void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(l->fd, a->ai_addr, a->ai_addrlen) == 0)
		return true;
	if (errno != EINPROGRESS)
		return fail_by(l, errno);
	if (!ready(l, POLLOUT, until_us))
		return false;
	return (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &wrong, &n) == 0 && wrong == 0) || fail_by(l, wrong != 0 ? wrong : EIO);
}

static bool
dial(struct wire *l, int64_t until_us)
{
	struct addrinfo want = { .ai_socktype = SOCK_STREAM }, *all = NULL;
	bool ok = false;

	if (getaddrinfo(l->uri->host, l->uri->port, &want, &all) != 0)
		return wire_fail(l, "ENOTFOUND");
	for (const struct addrinfo *a = all; a != NULL && !ok; a = a->ai_next) {
		if (l->fd >= 0)
			close(l->fd);
		ok = connect_to(l, a, until_us);
	}
	freeaddrinfo(all);
	return ok;
}

/* --- TLS: the name of the URI, or its address, must be certified by somebody whom this machine trusts (SSL_CERT_FILE names others) --- */

static SSL_CTX *
context(void)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());

	if (c == NULL)
		return NULL;
	SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_default_verify_paths(c);
	SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return c;
}

static bool
name_peer(struct wire *l)
{
	struct in6_addr any;
	const char *host = l->uri->host;
	bool address = inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;

	if (address)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(l->tls), host) == 1;
	return SSL_set1_host(l->tls, host) == 1 && SSL_set_tlsext_host_name(l->tls, (char *)(uintptr_t)host) == 1;
}

static const char *
refusal(long verdict)
{
	switch (verdict) {
	case X509_V_OK:
		return "TLS";
	case X509_V_ERR_HOSTNAME_MISMATCH: case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return "CERTIFICATE_NAME";
	case X509_V_ERR_CERT_HAS_EXPIRED: case X509_V_ERR_CERT_NOT_YET_VALID:
		return "CERTIFICATE_EXPIRED";
	default:
		return "CERTIFICATE_UNTRUSTED";
	}
}

static bool
speak_tls(struct wire *l, int64_t until_us)
{
	if (l->context == NULL)
		l->context = context();
	if (l->context == NULL || (l->tls = SSL_new(l->context)) == NULL || !name_peer(l) || SSL_set_fd(l->tls, l->fd) != 1)
		return wire_fail(l, "TLS");
	for (;;) {
		int got = SSL_connect(l->tls), why = SSL_get_error(l->tls, got);
		if (got == 1)
			return true;
		if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			return wire_fail(l, refusal(SSL_get_verify_result(l->tls)));
		if (!ready(l, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until_us))
			return false;
	}
}

bool
wire_open(struct wire *l, int64_t patience_us)
{
	int64_t until = sys_mono_us(l->clock) + patience_us;

	l->why = "";
	l->nout = l->sent = 0;
	l->reader = redisReaderCreate();
	return l->reader != NULL && dial(l, until) && (!l->uri->tls || speak_tls(l, until));
}

void
wire_close(struct wire *l)
{
	if (l->tls != NULL)
		SSL_free(l->tls);
	l->tls = NULL;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	if (l->reader != NULL)
		redisReaderFree(l->reader);
	l->reader = NULL;
}

void
wire_free(struct wire *l)
{
	wire_close(l);
	if (l->context != NULL)
		SSL_CTX_free(l->context);
	free(l->out);
}

/* --- bytes --- */

static void
add(struct wire *l, const char *p, size_t n)
{
	if (l->nout + n > l->cap) {
		l->cap = MAX(l->cap * 2, l->nout + n + CHUNK);
		if ((l->out = realloc(l->out, l->cap)) == NULL)
			abort();
	}
	memcpy(l->out + l->nout, p, n);
	l->nout += n;
}

static void
add_count(struct wire *l, char kind, size_t n)
{
	char text[24];
	add(l, text, (size_t)snprintf(text, sizeof(text), "%c%zu\r\n", kind, n));
}

void
wire_put(struct wire *l, const str *words, int n)
{
	add_count(l, '*', (size_t)n);
	for (int i = 0; i < n; i++) {
		add_count(l, '$', words[i].n);
		add(l, words[i].p, words[i].n);
		add(l, "\r\n", 2);
	}
}

/* Bytes, 0: later, -1: it broke. */
static ssize_t
tls_result(struct wire *l, int got)
{
	int why = SSL_get_error(l->tls, got);

	if (got > 0)
		return got;
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return 0;
	return wire_fail(l, "ECONNRESET") - 1;
}

static ssize_t
plain_result(struct wire *l, ssize_t got)
{
	if (got > 0)
		return got;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return fail_by(l, got == 0 ? ECONNRESET : errno) - 1;
}

bool
wire_flush(struct wire *l)
{
	while (wire_waits(l)) {
		const char *p = l->out + l->sent;
		size_t n = l->nout - l->sent;
		ssize_t got = l->tls != NULL ? tls_result(l, SSL_write(l->tls, p, (int)MIN(n, CHUNK))) : plain_result(l, send(l->fd, p, n, MSG_NOSIGNAL));
		if (got <= 0)
			return got == 0;
		l->sent += (size_t)got;
	}
	l->nout = l->sent = 0;
	return true;
}

bool
wire_fill(struct wire *l)
{
	char in[CHUNK];

	for (;;) {
		ssize_t got = l->tls != NULL ? tls_result(l, SSL_read(l->tls, in, sizeof(in))) : plain_result(l, recv(l->fd, in, sizeof(in), 0));
		if (got < 0)
			return false;
		if (got > 0 && redisReaderFeed(l->reader, in, (size_t)got) != REDIS_OK)
			return wire_fail(l, "EPROTO");
		if (got < (ssize_t)sizeof(in) && (got == 0 || l->tls == NULL))
			return true;
	}
}

bool
wire_next(struct wire *l, redisReply **ret)
{
	void *got = NULL;

	if (redisReaderGetReply(l->reader, &got) != REDIS_OK)
		return wire_fail(l, "EPROTO");
	*ret = got;
	return true;
}

bool
wire_wait(struct wire *l, redisReply **ret, int64_t until_us)
{
	while (wire_flush(l) && wire_next(l, ret)) {
		if (*ret != NULL)
			return true;
		if (!ready(l, wire_waits(l) ? POLLIN | POLLOUT : POLLIN, until_us) || !wire_fill(l))
			return false;
	}
	return false;
}
