/* turn -- an exchange from its headers to its answer. */
#include "mcp/live.h"
#include "api/cors.h"

#define METHODS		"GET, POST, DELETE"
#define BATCH_MAX	50
#define BATCH_OUT	((size_t)16 << 20)	/* of all answers to a batch */
#define BATCH_SMALL	((size_t)8 << 10)	/* one that always finds room, such as an error */
#define BATCH_ARENA	((size_t)32 << 20)

static void on_face(struct turn *t) { t->f.then(&t->f); }

/* --- headers: from where, and who --- */

static bool
is_json(str type)
{
	return type.p == NULL || str_ieq(str_trim(str_split(&type, ';')), S("application/json"));
}

static void
ask_rate(struct turn *t, int bucket, int64_t most, face_then *then)
{
	t->go = on_face;
	face_rate(&t->f, t->m->api->c.limits, api_budget(&t->f.who, bucket), most, then);
}

static bool
within_rate(struct turn *t, const char *what)
{
	const struct limit_state *st = &t->f.rate.st;

	if (!st->refused)
		return true;
	(void)fail(&t->f.err, E_RATE_LIMITED, NULL, "Limit of %d %s per minute reached. Try again in %d s.", st->limit, what, st->reset_s);
	t->f.err.retry_s = st->reset_s;
	turn_refuse(t, E_RATE_LIMITED);
	return false;
}

/* Messages have a limit of their own, so that those that are no operation are bounded, too.  What they are is asked last, as everywhere: whoever
 * looks with an empty POST where to sign in is told that. */
static void
counted(struct face *f)
{
	struct turn *t = (struct turn *)f;
	bool post = str_eq(f->x->method, S("POST"));

	if (!within_rate(t, "messages"))
		return;
	if (post && !is_json(f->x->header[FH_CONTENT_TYPE]))
		turn_fail(t, 415, STR_NONE, RPC_REQUEST, STR_NONE, "A message must be application/json, and the Content-Type must say so.");
	else
		f->x->body_max = post ? (size_t)f->conf->body_max_long : 0;
}

static void
known(struct face *f)
{
	struct turn *t = (struct turn *)f;

	if (f->code != OK)
		turn_refuse(t, f->code);
	else
		ask_rate(t, BUCKET_COUNT, f->conf->rate_mcp, counted);
}

static void
on_head(void *ctx, struct exchange *x)
{
	struct turn *t = NEW(&x->arena, struct turn);
	const char *bad;

	face_greet(&t->f, ((struct mcp *)ctx)->api, x);
	t->m = ctx;
	t->go = on_face;
	x->body_max = 0;
	if (cors_preflight_for(t->f.conf, x, METHODS))
		return;
	if ((bad = door_check(t)) != NULL) {
		turn_fail(t, 403, STR_NONE, RPC_REQUEST, STR_NONE, bad);
	} else if (!str_eq(x->method, S("POST")) && !str_eq(x->method, S("GET")) && !str_eq(x->method, S("DELETE"))) {
		front_add(x, "Allow", METHODS);
		turn_fail(t, 405, STR_NONE, RPC_REQUEST, STR_NONE, "This path takes messages by POST.");
	} else {
		face_who(&t->f, known);
	}
}

/* --- one message after the other --- */

static bool is_note(str method) { return str_starts(method, S("notifications/")); }

static struct ask *
ask_new(struct turn *t, const struct message *g)
{
	struct ask *k = arena_raw(t->f.a, sizeof(*k));

	*k = (struct ask){ .m = t->m, .version = t->version, .who = t->f.who, .session = t->session.version.p != NULL ? &t->session : NULL,
	    .params = g->params, .meta = g->meta, .id = g->id, .a = t->batch ? &t->part : t->f.a, .turn = t, .method = method_find(g->method) };
	return k;
}

/* A message that became a stream, at once or when it was resumed, goes on without us. */
static void
let_go(struct turn *t)
{
	struct live *l = t->live;

	t->live = NULL;
	if (l != NULL)
		live_left(l);
}

static void
run(struct turn *t, struct ask *k)
{
	k->method->run(k);
	let_go(t);
}

static void
start(struct turn *t)
{
	const struct message *g = &t->messages[t->at];
	struct ask *k = t->ask = ask_new(t, g);

	if (g->bad != NULL) {
		mcp_fail(k, RPC_REQUEST, "%s", g->bad);
		return;
	}
	if (g->kind == MSG_RESPONSE) {
		k->id = STR_NONE;
		live_response(t->m, &t->session, g->id, g->whole);
		ask_end(k);
		return;
	}
	bool has = k->method != NULL && (k->method->versions >> t->version & 1);
	api_label(t->f.x, has ? k->method->name : S("unknown"));
	if (g->kind == MSG_NOTE && (!has || !is_note(g->method)))
		ask_end(k);		/* nobody waits for an answer */
	else if (!has)
		mcp_fail(k, RPC_METHOD, "There is no method '%.*s' in version %.*s.", STR(utf8_head(g->method, 60)), STR(mcp_versions[t->version]));
	else if (t->full && g->kind == MSG_REQUEST)
		mcp_fail(k, RPC_INTERNAL, "This was not begun: the answers before it have filled that of the batch. Send it by itself.");
	else if (g->kind == MSG_REQUEST && is_note(g->method))
		mcp_fail(k, RPC_REQUEST, "A notification has no 'id'.");
	else
		run(t, k);
}

/* One that does not fit is not told: what it answers was done. */
static void
collect(struct turn *t, str answer)
{
	if (answer.n > BATCH_SMALL && t->out.n + answer.n + BATCH_MAX * BATCH_SMALL > BATCH_OUT) {
		t->full = true;
		answer = answer_error(&t->part, t->ask->id, RPC_INTERNAL, STR_NONE,
		    "This was done, but its answer does not fit into that of the batch. Ask by itself for what came of it.");
	}
	buf_add(&t->out, t->out.n == 0 ? S("[") : S(","));
	buf_add(&t->out, answer);
}

void
turn_next(struct turn *t)
{
	struct ask *k = t->ask;
	bool answers = k->id.p != NULL || k->failed;

	if (!t->batch) {
		turn_answer(t, !answers ? 202 : k->http != 0 ? k->http : 200, answers ? buf_str(&k->out) : S(""));
		return;
	}
	if (answers)
		collect(t, buf_str(&k->out));
	arena_free(&t->part);		/* fifty messages together may not have what one may */
	if (++t->at < t->nmessages) {
		start(t);
		return;
	}
	if (t->out.n != 0)
		buf_char(&t->out, ']');
	turn_answer(t, t->out.n != 0 ? 200 : 202, buf_str(&t->out));
}

/* --- the version without sessions: headers and body say the same --- */

/* A name that is no header's text comes as =?base64?…?=, in the alphabet of RFC 4648 section 4. */
bool
turn_header_is(struct arena *a, str header, str want)
{
	bool coded = header.n >= 11 && str_starts(header, S("=?base64?")) && str_ends(header, S("?="));
	str plain = header;

	if (coded) {
		char *p = arena_raw(a, header.n);
		size_t n = header.n - 11;
		for (size_t i = 0; i < n; i++)
			p[i] = header.p[9 + i] == '+' ? '-' : header.p[9 + i] == '/' ? '_' : header.p[9 + i];
		if (n % 4 != 0 || !crypto_unb64(a, (str){ p, n }, &plain))
			return false;
	}
	return str_eq(plain, want);
}

static void
wrong_header(struct turn *t, str id, const char *what)
{
	turn_fail(t, 400, id, RPC_HEADER, STR_NONE, str_fmt(t->f.a, "Header mismatch: %s.", what).p);
}

static void
wrong_version(struct turn *t, str id, str asked)
{
	struct buf b;
	struct json j;

	buf_init(&b, t->f.a, 2000);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key(&j, S("supported"));
	versions_put(&j);
	jw_key_str(&j, S("requested"), utf8_head(asked, 100));
	jw_end(&j);
	turn_fail(t, 400, id, RPC_VERSION, buf_str(&b), "Unsupported protocol version");
}

/* What the headers must repeat of the body. */
static const char *
header_wrong(struct turn *t, const struct message *g)
{
	const struct exchange *x = t->f.x;
	const struct mcp_method *m = method_find(g->method);
	str named = m != NULL && m->named != NULL ? mcp_text(g->params, m->named) : STR_NONE;

	if (x->header_twice[FH_MCP_METHOD] || !str_eq(x->header[FH_MCP_METHOD], g->method))
		return "Mcp-Method must be there, once, and name the method of the body";
	if (named.p != NULL && (x->header_twice[FH_MCP_NAME] || x->header[FH_MCP_NAME].p == NULL || !turn_header_is(t->f.a, x->header[FH_MCP_NAME], named)))
		return "Mcp-Name must be there, once, and repeat the name or URI of the body";
	return NULL;
}

/* True: it may go on. */
static bool
modern_ok(struct turn *t, const struct message *g)
{
	const struct exchange *x = t->f.x;
	str header = x->header[FH_MCP_PROTOCOL_VERSION], named = mcp_text(g->meta, META_VERSION), level = mcp_text(g->meta, META_LOG_LEVEL);
	const char *bad;

	if (g->kind != MSG_REQUEST)
		return true;
	if (header.p == NULL || x->header_twice[FH_MCP_PROTOCOL_VERSION])
		wrong_header(t, g->id, "MCP-Protocol-Version must be there, once, and name the version of the body");
	else if (named.p == NULL && version_find_mcp(header) < 0)
		wrong_version(t, g->id, header);
	else if (named.p == NULL)
		turn_fail(t, 400, g->id, RPC_PARAMS, STR_NONE, "'_meta' must carry 'io.modelcontextprotocol/protocolVersion'.");
	else if (!str_eq(header, named))
		wrong_header(t, g->id, "MCP-Protocol-Version is another version than that of the body");
	else if (version_find_mcp(named) < 0)
		wrong_version(t, g->id, named);
	else if (!json_is_object(json_object_get(g->meta, META_CAPABILITIES)))
		turn_fail(t, 400, g->id, RPC_PARAMS, STR_NONE, "'_meta' must carry 'io.modelcontextprotocol/clientCapabilities', an object.");
	else if ((bad = header_wrong(t, g)) != NULL)
		wrong_header(t, g->id, bad);
	else if (level.p != NULL && mcp_level(level) < 0)
		turn_fail(t, 400, g->id, RPC_PARAMS, STR_NONE, "'io.modelcontextprotocol/logLevel' is no log level.");
	else
		return true;
	return false;
}

/* Which era the request is of: that it says itself. */
static bool
speaks_modern(const struct turn *t, const struct message *g)
{
	const struct exchange *x = t->f.x;
	str header = x->header[FH_MCP_PROTOCOL_VERSION], named = mcp_text(g->meta, META_VERSION);
	int v = version_find_mcp(named.p != NULL ? named : header);

	if (named.p != NULL)
		return v < 0 || is_modern(v);
	if (str_eq(g->method, S("initialize")) || header.p == NULL)
		return false;
	return v < 0 ? x->header[FH_MCP_SESSION_ID].p == NULL : is_modern(v);
}

/* --- the versions with sessions --- */

static void
no_session(struct turn *t)
{
	turn_fail(t, 404, t->nmessages == 1 ? t->messages[0].id : STR_NONE, RPC_REQUEST, STR_NONE, "There is no such session, or it has ended: begin anew with initialize.");
}

/* The session is there, or it is not: a stranger's is not. */
static void
entered(struct turn *t, bool found)
{
	digest owner = session_owner(t->m, &t->f.who);
	int v = found ? version_find_mcp(t->session.version) : -1;

	if (v < 0 || !crypto_same(&owner, &t->session.principal)) {
		no_session(t);
		return;
	}
	t->version = (enum mcp_version)v;
	session_touched(t->m, &t->session);
	t->inside(t);
}

static enum err
look_up(struct face *f, struct db *db, struct error *e)
{
	struct turn *t = (struct turn *)f;

	return mcp_session_get(db, f->a, &t->session_hash, sys_wall_ms(f->api->c.clock), &t->session, &t->found, e);
}

static void
looked_up(struct face *f)
{
	struct turn *t = (struct turn *)f;

	if (f->code != OK) {
		turn_refuse(t, f->code);
		return;
	}
	if (t->found)
		session_remember(t->m, &t->session);
	entered(t, t->found);
}

static void
enter(struct turn *t, void (*inside)(struct turn *))
{
	const struct exchange *x = t->f.x;
	str id = x->header[FH_MCP_SESSION_ID], header = x->header[FH_MCP_PROTOCOL_VERSION];

	t->inside = inside;
	if (id.p == NULL || x->header_twice[FH_MCP_SESSION_ID]) {
		turn_fail(t, 400, t->nmessages == 1 ? t->messages[0].id : STR_NONE, RPC_REQUEST, STR_NONE,
		    "This request has no Mcp-Session-Id: begin with initialize. Version 2026-07-28, which has no sessions, is named in '_meta' and MCP-Protocol-Version.");
		return;
	}
	if (header.p != NULL && version_find_mcp(header) < 0) {
		wrong_version(t, t->nmessages == 1 ? t->messages[0].id : STR_NONE, header);
		return;
	}
	t->session_hash = session_hash(t->m, id);
	if (session_recall(t->m, t->f.a, &t->session_hash, &t->session)) {
		entered(t, true);
		return;
	}
	t->go = on_face;
	face_read(&t->f, look_up, looked_up);
}

static void
inside(struct turn *t)
{
	if (t->batch && t->version != MCP_2025_03_26)
		turn_fail(t, 400, STR_NONE, RPC_REQUEST, STR_NONE, "Only version 2025-03-26 has batches: send one message.");
	else
		start(t);
}

/* --- the end of a session --- */

static enum err
end_session(struct face *f, struct db *db, struct error *e)
{
	return mcp_session_end(db, &((struct turn *)f)->session_hash, e);
}

static void
session_ended(struct face *f)
{
	struct turn *t = (struct turn *)f;

	if (f->code != OK) {
		turn_refuse(t, f->code);
		return;
	}
	session_forget(t->m, &t->session_hash);
	mcp_say_changed(t->m, &t->session_hash);
	turn_answer(t, 204, S(""));
}

static void
leave(struct turn *t)
{
	t->go = on_face;
	face_write(&t->f, end_session, session_ended);
}

/* --- body --- */

static bool
read_messages(struct turn *t)
{
	size_t n = t->batch ? json_array_size(t->root) : 1;

	if (n == 0 || n > BATCH_MAX) {
		turn_fail(t, 400, STR_NONE, RPC_REQUEST, STR_NONE, "A batch has 1 to 50 messages.");
		return false;
	}
	t->messages = NEW_N(t->f.a, struct message, n);
	t->nmessages = (int)n;
	for (size_t i = 0; i < n; i++)
		t->messages[i].bad = message_read(t->batch ? json_array_get(t->root, i) : t->root, t->f.a, &t->messages[i]);
	if (!t->batch && t->messages[0].bad != NULL)
		turn_fail(t, 400, t->messages[0].id, RPC_REQUEST, STR_NONE, t->messages[0].bad);
	return t->batch || t->messages[0].bad == NULL;
}

static void
session_counted(struct face *f)
{
	struct turn *t = (struct turn *)f;

	if (within_rate(t, "writes, as which a session counts,"))
		start(t);
}

/* Which version they are of, and on with them. */
static void
take_messages(struct turn *t)
{
	const struct message *g = &t->messages[0];

	if (!t->batch && speaks_modern(t, g)) {
		t->version = MCP_2026_07_28;
		if (modern_ok(t, g))
			start(t);
	} else if (!t->batch && g->kind == MSG_REQUEST && str_eq(g->method, S("initialize"))) {
		t->version = version_for(mcp_text(g->params, "protocolVersion"));
		ask_rate(t, BUCKET_WRITE, t->f.conf->rate_write, session_counted);
	} else {
		enter(t, inside);
	}
}

/* A token reaches every workspace of its person; the message said which one is meant. */
static void
known_there(struct face *f)
{
	struct turn *t = (struct turn *)f;

	if (f->code != OK)
		turn_refuse(t, f->code);
	else
		take_messages(t);
}

static void
on_post(struct turn *t)
{
	struct exchange *x = t->f.x;

	if (x->body_over) {
		turn_fail(t, 413, STR_NONE, RPC_REQUEST, STR_NONE, "The message is too large.");
		return;
	}
	if (json_read(x->body, &t->root, &t->f.err) != OK) {
		turn_fail(t, 400, STR_NONE, RPC_PARSE, STR_NONE, t->f.err.detail);
		return;
	}
	t->batch = json_is_array(t->root);
	arena_init(&t->part, BATCH_ARENA);
	buf_init(&t->out, t->f.a, BATCH_OUT);
	if (!read_messages(t))
		return;
	str workspace = mcp_text(t->messages[0].meta, META_WORKSPACE);
	if (t->f.who.type == PRINCIPAL_OAUTH && !t->batch && workspace.p != NULL && x->header[FH_SCRIPE_WORKSPACE_ID].p == NULL) {
		x->header[FH_SCRIPE_WORKSPACE_ID] = workspace;
		t->go = on_face;
		face_who(&t->f, known_there);
	} else {
		take_messages(t);
	}
}

static void
on_get(struct turn *t)
{
	if (t->f.x->header[FH_MCP_SESSION_ID].p != NULL) {
		enter(t, listen_session);
		return;
	}
	front_add(t->f.x, "Allow", "POST");
	turn_fail(t, 405, STR_NONE, RPC_REQUEST, STR_NONE, "There is no stream to be had here without a session: send messages by POST.");
}

static void
on_run(void *ctx, struct exchange *x)
{
	struct turn *t = x->face;

	(void)ctx;
	if (str_eq(x->method, S("POST")))
		on_post(t);
	else if (str_eq(x->method, S("GET")))
		on_get(t);
	else
		enter(t, leave);
}

static void
on_resumed(void *ctx, struct exchange *x)
{
	struct turn *t = x->face;

	(void)ctx;
	t->go(t);
	let_go(t);
}

static void
on_end(void *ctx, struct exchange *x)
{
	struct turn *t = x->face;

	json_decref(t->root);
	arena_free(&t->part);
	face_end(ctx, x);
}

const struct front_handler mcp_turns = { on_head, on_run, on_resumed, on_end, NULL };
