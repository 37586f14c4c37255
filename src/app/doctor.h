/* doctor -- what could be wrong, one line a check.  Private to app/.
 *
 *	doctor.c	the machine: folder, database, providers, limits
 *	engines.c	what nodes share: PostgreSQL as a server, its replica, the way past its pooler, Valkey
 *	walk.c		an MCP server as its hosts meet it, step by step (`--mcp URL`)
 *	probe.c		one question of that walk, and what any answer may tell about what stands between
 *	mend.def	what mends it, in words and as a line of Caddy and of nginx
 *
 * Ownership: everything lives in the arena of struct doctor. */
#ifndef DOCTOR_H
#define DOCTOR_H
#include "app/app.h"
#include "dial/dial.h"

enum health { GOOD, WARN, BAD };
struct doctor { const char *given; struct conf conf; struct home home; struct arena a; struct json j; struct buf out; bool json, colour; enum health worst; };
/* One line; in JSON an object that may be given more members until it is closed. */
void	doctor_open(struct doctor *, enum health, const char *check, const char *text);
void	doctor_close(struct doctor *);
void	doctor_tell(struct doctor *, enum health, const char *check, const char *fmt, ...) PRINTF(4, 5);

/* schema: of the database, which answers. */
void	engines_look(struct doctor *, int schema);
void	engines_kv(struct doctor *);

/* What mends it.  In a row's texts {origin}, {host}, {path} and {there} are those of the URL that was asked, {given} is the origin that hosts are given. */
enum mend {
	MEND_NONE,
#define MEND(id, words, caddy, nginx) MEND_##id,
#include "app/mend.def"
#undef MEND
	MEND_COUNT
};

/* An MCP server by its URL, and with a token what stands behind it; a trial client is registered and removed unless no_register. */
struct walk_conf { const char *url, *token; bool no_register; };
void	walk_run(struct doctor *, const struct walk_conf *);

/* --- one question --- */
struct place { const char *url, *origin, *host, *path; bool tls; };
bool	place_read(struct arena *, const char *url, struct place *ret);	/* false: no http(s) URL */

#define PROBE_HEADERS	10
struct probe {
	const char *method, *url;
	str body;
	const char *headers[PROBE_HEADERS + 1];
	int nheaders;
	int64_t wait_ms;		/* 0: as long as any answer may take */
	bool first;			/* enough of the body has come as soon as some of it has */
	/* what came */
	struct place at;
	struct dial_result r;
	json_t *v;			/* of a JSON body, the caller's to give back (probe_end) */
	str challenge, allow_origin, allow_headers, date, policy, frame, session;
	str piece;			/* `first`: what came first */
	int64_t piece_ms;		/* and when, after the question */
	bool http10, is_html;
	int64_t began_us;
	struct arena *a;
};
void	probe_begin(struct arena *, struct probe *, const char *method, const char *url);
void	probe_header(struct probe *, const char *fmt, ...) PRINTF(2, 3);
void	probe_ask(struct probe *);
void	probe_end(struct probe *);
const char *probe_member(const struct probe *, const char *name);	/* a text of the object that came, or NULL */
/* What came, for a person: "404, a page of HTML". */
const char *probe_said(const struct probe *);
/* True: it is an answer of the server that was asked.  False, and it was told: nobody, or somebody in between, answered; `route` mends an answer of another application. */
bool	probe_reached(struct doctor *, const char *check, const struct probe *, enum mend route);
/* A line, and with it what mends it. */
void	probe_tell(struct doctor *, enum health, const char *check, const struct probe *, enum mend, const char *fmt, ...) PRINTF(6, 7);
#endif
