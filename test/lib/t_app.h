/* t_app -- the whole application in one process, on a real socket: a house (t_work.h) with auth, limits, the API and the
 * front that serves it.
 *
 *	struct t_app a;
 *	t_app_open(&a, t, T_FAULTS, "rate_write=60");
 *	struct t_answer r = t_call(&a, "POST", "/v1/notes", "{…}", "Idempotency-Key: k\r\n");
 *	CHECK_INT(r.status, ==, 200);  CHECK_STR(t_text(r.body, "data.id"), …);  CHECK_STR(t_header(&r, "ETag"), …);
 *	t_app_close(&a);
 *
 * t_call keeps one connection alive; t_ask is for a test's own connections, one thread at a time each.  What they return
 * lives until the connection is closed. */
#ifndef T_APP_H
#define T_APP_H
#include "api/api.h"
#include "blob/blob.h"
#include "t_work.h"

struct t_conn { int fd, port; const char *token; struct arena a; json_t *kept; };
struct t_app {
	struct t_house h;
	secret secret;
	struct auth *auth;
	struct limits *limits;
	struct blobs blobs;		/* without an embedded store */
	struct api *api;
	struct front *front;
	struct t_conn c;
	char key[80];			/* live, all scopes, no end */
	key_id key_id;
	char project[40], other_project[40];	/* as the API names them; the other one is of another workspace */
	int port;
};
void	t_app_open(struct t_app *, struct t_db *, unsigned flags, const char *sets);
void	t_app_close(struct t_app *);
/* A front of a test's own, with these faces before the API, and a connection to it. */
struct front *t_front(struct t_app *, const struct front_face *, int n, struct t_conn *);
/* A key; `ms` TIME_NONE: no end.  Its token is written to ret, 80 bytes. */
key_id	t_key(struct t_app *, workspace_id, int mode, unsigned scopes, int64_t ms, char *ret);
#define T_ALL_SCOPES	((1u << SCOPE_COUNT) - 1)

/* A figure of the metrics page without labels; -1: it is not there. */
int64_t	t_figure(struct t_app *, const char *name);

struct t_answer { int status; str head, text; json_t *body; };	/* status 0: the connection ended without an answer */
void	t_conn_open(struct t_conn *, int port, const char *token);	/* token NULL: no Authorization */
void	t_conn_close(struct t_conn *);
/* body NULL: none; more: header lines, each with CRLF, or NULL.  Connects anew where the server had closed. */
struct t_answer t_ask(struct t_conn *, const char *method, const char *path, const char *body, const char *more);
struct t_answer t_call(struct t_app *, const char *method, const char *path, const char *body, const char *more);
/* The two halves of t_ask, for what waits. */
void	t_send(struct t_conn *, const char *method, const char *path, const char *body, const char *more);
struct t_answer t_hear(struct t_conn *);

str	t_header(const struct t_answer *, const char *name);	/* absent where there is none */
/* The member at a path such as "data.slot.date" or "data.0.id"; NULL or absent where there is none. */
json_t	*t_at(json_t *, const char *path);
str	t_text(json_t *, const char *path);
int64_t	t_int(json_t *, const char *path);		/* -1 where there is none */
/* Formats into the arena of the house. */
const char *t_fmt(struct t_app *, const char *fmt, ...) PRINTF(2, 3);
/* A note's or a generation's body with a text. */
const char *t_note(struct t_app *, const char *text);
#endif
