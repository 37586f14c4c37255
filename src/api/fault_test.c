#include "t_app.h"
#include "api/call.h"
#include "model/client.h"
#include "model/folder.h"
#include "model/grant.h"
#include "model/invitation.h"
#include "model/knowledge.h"
#include "model/person.h"
#include "model/project.h"
#include "model/upload.h"

/* Every write of the table with the database failing at each of its calls.  A row that is not here fails the test. */
struct prepared {
	const char *name;		/* of the operation */
	const char *path, *body;	/* {p}: the project, {j}: a QUEUED job made for it, {q}: a post made for it,
					 * {k}: a key, {u}: a member, {e}: its address, {f}: a folder with a note, named
					 * as its id, {c}: a column with a post, {d}: a knowledge document, {o}: the project of these,
					 * {s}: a voice sample, {l}: a pillar, {i}: an invitation, {t}: a consent, {w}: an upload that is stored, {n}: a number */
	struct t_tally makes;
	int status;			/* 200, or an error that is bound */
	bool wakes;
};
static const struct prepared prepared[] = {
	{ "create_note", "/v1/notes", "{\"projectId\":\"{p}\",\"content\":\"x\"}", { .note = 1, .event = 1 }, 200, false },
	{ "create_note", "/v1/notes", "{\"projectId\":\"proj_01J9ZAB12CD34E56F7G8H9JKMN\"}", { 0 }, 404, false },
	{ "create_post", "/v1/posts", "{\"projectId\":\"{p}\",\"content\":\"x\"}", { .post = 1, .event = 1 }, 200, false },
	{ "create_post", "/v1/posts", "{\"projectId\":\"{p}\",\"scheduledFor\":\"2126-01-01T00:00:00Z\"}", { .post = 1, .event = 2 }, 200, false },
	{ "create_post", "/v1/posts", "{\"projectId\":\"{p}\",\"scheduledFor\":\"2016-01-01T00:00:00Z\"}", { 0 }, 422, false },
	{ "update_post", "/v1/posts/{q}", "{\"content\":\"y\",\"scheduledFor\":\"2126-01-01T00:00:00Z\"}", { .event = 2 }, 200, false },
	{ "update_post", "/v1/posts/{q}", "{\"statusCategory\":\"scheduled\"}", { 0 }, 422, false },
	{ "generate_post", "/v1/posts/generations", "{\"projectId\":\"{p}\",\"source\":{\"text\":\"A text.\"}}", { .job = 1, .reserved = 5 }, 200, true },
	{ "create_source", "/v1/sources", "{\"type\":\"text\",\"projectId\":\"{p}\",\"text\":\"x\"}", { .source = 1, .event = 1, .job = 1, .reserved = 5 }, 200, true },
	{ "create_source", "/v1/sources", "{\"type\":\"file\",\"projectId\":\"{p}\",\"uploadId\":\"upl_01J9ZAB12CD34E56F7G8H9JKMN\"}", { 0 }, 422, false },
	{ "create_knowledge", "/v1/knowledge", "{\"type\":\"text\",\"name\":\"x\",\"text\":\"A text.\"}", { .unlisted = 1, .job = 1 }, 200, true },
	{ "create_source", "/v1/sources", "{\"type\":\"file\",\"projectId\":\"{p}\",\"uploadId\":\"{w}\"}", { .job = 1, .reserved = 5 }, 200, true },
	{ "create_knowledge", "/v1/knowledge", "{\"type\":\"file\",\"name\":\"x\",\"uploadId\":\"{w}\"}", { .unlisted = 1, .job = 1 }, 200, true },
	{ "create_knowledge", "/v1/knowledge", "{\"type\":\"url\",\"url\":\"https://example.com/\"}", { .unlisted = 1, .job = 1 }, 200, true },
	{ "create_knowledge", "/v1/knowledge", "{\"type\":\"youtube\",\"url\":\"https://youtu.be/dQw4w9WgXcQ\"}", { .unlisted = 1, .job = 1 }, 200, true },
	{ "create_knowledge", "/v1/knowledge", "{\"type\":\"url\",\"url\":\"http://127.0.0.1/\"}", { 0 }, 422, false },
	{ "delete_knowledge", "/v1/knowledge/{d}", NULL, { .kept = -1, .unlisted = 1 }, 200, false },
	{ "create_upload", "/v1/uploads", "{\"contentType\":\"text/plain\"}", { .kept = 1 }, 200, false },
	{ "create_upload", "/v1/uploads", "{\"contentType\":\"x/y\"}", { 0 }, 422, false },
	{ "create_job", "/v1/jobs", "{\"type\":\"NOOP\",\"count\":2}", { .job = 2 }, 200, true },
	{ "cancel_job", "/v1/jobs/{j}/cancel", NULL, { .reserved = -5 }, 200, false },
	{ "create_project", "/v1/projects", "{\"name\":\"x\"}", { .kept = 6, .event = 1 }, 200, false },
	{ "update_project", "/v1/projects/{p}", "{\"name\":\"y\"}", { .event = 1 }, 200, false },
	{ "create_folder", "/v1/folders", "{\"projectId\":\"{o}\",\"name\":\"new {n}\"}", { .kept = 1 }, 200, false },
	{ "create_folder", "/v1/folders", "{\"projectId\":\"{o}\",\"name\":\"{f}\"}", { 0 }, 409, false },
	{ "update_folder", "/v1/folders/{f}", "{\"name\":\"other {n}\"}", { 0 }, 200, false },
	{ "delete_folder", "/v1/folders/{f}", NULL, { .kept = -1 }, 200, false },
	{ "create_post_status", "/v1/post-statuses", "{\"projectId\":\"{o}\",\"name\":\"new {n}\",\"category\":\"draft\",\"order\":0}", { .kept = 1 }, 200, false },
	{ "update_post_status", "/v1/post-statuses/{c}", "{\"order\":0}", { 0 }, 200, false },
	{ "delete_post_status", "/v1/post-statuses/{c}", NULL, { .kept = -1, .event = 1 }, 200, false },
	{ "update_voice", "/v1/projects/{p}/voice", "{\"formality\":0.5,\"avoid\":[\"x\"]}", { 0 }, 200, false },
	{ "create_voice_sample", "/v1/projects/{o}/voice/samples", "{\"text\":\"x\"}", { .kept = 1 }, 200, false },
	{ "create_voice_sample", "/v1/projects/{o}/voice/samples", "{\"postId\":\"post_01J9ZAB12CD34E56F7G8H9JKMN\"}", { 0 }, 422, false },
	{ "delete_voice_sample", "/v1/voice-samples/{s}", NULL, { .kept = -1 }, 200, false },
	{ "create_pillar", "/v1/projects/{o}/pillars", "{\"name\":\"new\"}", { .kept = 1 }, 200, false },
	{ "update_pillar", "/v1/pillars/{l}", "{\"about\":\"y\"}", { 0 }, 200, false },
	{ "delete_pillar", "/v1/pillars/{l}", NULL, { .kept = -1 }, 200, false },
	{ "create_key", "/v1/keys", "{\"name\":\"x\",\"scopes\":[]}", { .kept = 1 }, 200, false },
	{ "update_key", "/v1/keys/{k}", "{\"scopes\":[]}", { 0 }, 200, false },
	{ "revoke_key", "/v1/keys/{k}/revoke", "{\"reason\":\"x\"}", { 0 }, 200, false },
	{ "create_member", "/v1/members", "{\"email\":\"new{n}@example.com\",\"name\":\"x\"}", { .kept = 2 }, 200, false },
	{ "create_member", "/v1/members", "{\"email\":\"{e}\",\"name\":\"x\"}", { 0 }, 409, false },
	{ "update_member", "/v1/members/{u}", "{\"role\":\"Client\"}", { 0 }, 200, false },
	{ "delete_member", "/v1/members/{u}", NULL, { .kept = -1 }, 200, false },
	{ "create_invitation", "/v1/invitations", "{\"email\":\"new{n}@example.com\"}", { .kept = 1 }, 200, false },
	{ "create_invitation", "/v1/invitations", "{\"email\":\"{e}\"}", { 0 }, 409, false },
	{ "delete_invitation", "/v1/invitations/{i}", NULL, { .kept = -1 }, 200, false },
	{ "revoke_consent", "/v1/consents/{t}/revoke", NULL, { .kept = -1 }, 200, false },
	{ "revoke_my_consent", "/v1/users/me/consents/{t}/revoke", NULL, { .kept = -1 }, 200, false },
	{ "update_workspace", "/v1/workspaces/me", "{\"name\":\"y\"}", { 0 }, 200, false },
	{ "cancel_job", "/v1/jobs/job_01J9ZAB12CD34E56F7G8H9JKMN/cancel", NULL, { 0 }, 404, false },
};
static const char *const kind_names[] = { "call", "commit, before", "commit, after" };

struct round {
	struct t_app *app;
	const struct prepared *p;
	const struct op *op;
	enum db_fault_kind kind;
	int n;
	bool each;
	const char *path, *body, *key, *headers;
	struct t_tally was;
	person_id giver;		/* of {t}; unset: it is the command line that asks */
};

TEST(every_write_is_prepared)
{
	for (int i = 0; i < nops; i++) {
		bool found = !(ops[i].flags & OP_TX);
		for (size_t k = 0; k < COUNT(prepared); k++)
			found |= strcmp(prepared[k].name, ops[i].name) == 0;
		if (!found)
			t_fail(__FILE__, __LINE__, "%s has no row in prepared[]", ops[i].name);
	}
}

/* --- one round --- */

static bool idempotent(const struct round *r) { return (r->op->flags & OP_IDEMPOTENT) != 0; }

/* What stands for what in a path or a body. */
struct stand_in { const char *mark; char text[48]; };
enum { MADE_P, MADE_J, MADE_Q, MADE_K, MADE_U, MADE_E, MADE_N, MADE_F, MADE_C, MADE_D, MADE_O, MADE_S, MADE_L, MADE_W, MADE_I, MADE_T, MADE_COUNT };
#define MADE_NONE { [MADE_P] = { "{p}", "" }, [MADE_J] = { "{j}", "" }, [MADE_Q] = { "{q}", "" }, [MADE_K] = { "{k}", "" }, \
	[MADE_U] = { "{u}", "" }, [MADE_E] = { "{e}", "" }, [MADE_N] = { "{n}", "" }, \
	[MADE_F] = { "{f}", "" }, [MADE_C] = { "{c}", "" }, [MADE_D] = { "{d}", "" }, [MADE_O] = { "{o}", "" }, \
	[MADE_S] = { "{s}", "" }, [MADE_L] = { "{l}", "" }, [MADE_W] = { "{w}", "" }, \
	[MADE_I] = { "{i}", "" }, [MADE_T] = { "{t}", "" } }

static const char *
filled(struct t_app *a, const char *text, const struct stand_in *m)
{
	char out[500];
	size_t n = 0;

	while (*text != '\0') {
		int i = 0;
		while (i < MADE_COUNT && strncmp(text, m[i].mark, 3) != 0)
			i++;
		if (i < MADE_COUNT) {
			n += (size_t)snprintf(out + n, sizeof(out) - n, "%s", m[i].text);
			text += 3;
		} else
			out[n++] = *text++;
	}
	out[n] = '\0';
	return t_fmt(a, "%s", out);
}

static bool
woken(struct t_app *a)
{
	struct work *w = a->h.work;

	pthread_mutex_lock(&w->lock);
	bool woke = w->tokens > 0;
	w->tokens = 0;
	pthread_mutex_unlock(&w->lock);
	return woke;
}

/* What is there now is what was there before and, `times` times, what the request makes. */
static void
check_rows(const struct round *r, const char *when, int times)
{
	struct t_tally is = t_tally(&r->app->h), want = r->was;
	const struct t_tally *m = &r->p->makes;

	want.note += times * m->note;
	want.post += times * m->post;
	want.source += times * m->source;
	want.unlisted += times * m->unlisted;
	want.job += times * m->job;
	want.event += times * m->event;
	want.reserved += times * m->reserved;
	want.kept += times * m->kept;
	want.audit = is.audit;
	want.idempotency += times * idempotent(r);
	if (!t_same(&is, &want))
		t_fail(__FILE__, __LINE__, "%s (%d), %s %d%s, %s: note %lld post %lld job %lld event %lld idempotency %lld reserved %lld", r->p->name,
		    r->p->status, kind_names[r->kind], r->n, r->each ? " each time" : "", when, (long long)(is.note - r->was.note),
		    (long long)(is.post - r->was.post), (long long)(is.job - r->was.job), (long long)(is.event - r->was.event),
		    (long long)(is.idempotency - r->was.idempotency), (long long)(is.reserved - r->was.reserved));
}

static void
check_audit(const struct round *r, int more)
{
	CHECK_INT(t_tally(&r->app->h).audit - r->was.audit, ==, more);
}

/* What only people may is asked for from inside, by an Admin. */
static struct t_answer
ask_inside(const struct round *r, const char *key)
{
	struct t_app *a = r->app;
	struct principal who = { .type = PRINCIPAL_USER, .role = ROLE_ADMIN, .workspace = a->h.ws, .person = r->giver };
	struct t_answer got = { 0 };
	struct api_call c;

	api_call_init(&c, r->op, &who);
	c.id = r->op->id_kind >= 0 ? str_cut(str_z(r->path), (size_t)(strchr(r->op->path, '{') - r->op->path), strlen(r->path)) : STR_NONE;
	c.id = str_split(&c.id, '/');
	c.x.body = r->body != NULL ? str_z(r->body) : STR_NONE;
	if (key != NULL)
		c.x.header[FH_IDEMPOTENCY_KEY] = str_z(key);
	api_call_wait(a->api, &c);
	got.status = c.x.status;
	got.text = str_dup(&a->h.a, c.x.answer);
	got.head = S("");
	for (int i = 0; i < c.x.nout; i++)
		got.head = str_fmt(&a->h.a, "%.*s%s: %s\r\n", STR(got.head), c.x.out[i].name, c.x.out[i].value);
	if ((got.body = json_loadb(got.text.p, got.text.n, 0, NULL)) != NULL)
		json_array_append_new(a->c.kept, got.body);
	api_call_end(&c);
	return got;
}

static struct t_answer
ask(const struct round *r)
{
	if (r->op->flags & OP_PEOPLE)
		return ask_inside(r, idempotent(r) ? r->key : NULL);
	return t_call(r->app, method_names[r->op->method], r->path, r->body, r->headers);
}

static const char *
new_post(struct t_app *a, const char *project)
{
	struct t_answer made = t_call(a, "POST", "/v1/posts", t_fmt(a, "{\"projectId\":\"%s\"}", project), NULL);

	CHECK_INT(made.status, ==, 200);
	return t_fmt(a, "%.*s", STR(t_text(made.body, "data.id")));
}

struct member { struct t_app *a; person_id id; str email; int role; };

static enum err
join(void *ctx, struct db *db, struct error *e)
{
	const struct member *m = ctx;
	struct person_create c = { m->email, S("x"), m->role };
	struct person p;

	TRY(person_join(db, &m->a->h.a, m->a->h.ws, &c, m->id, &p, e));
	return person_set_password(db, m->id, S("x"), 1, e);
}

static void
new_member(struct t_app *a, const char *email, int role, char ret[48])
{
	struct member m = { a, { sys_ulid(&a->h.clock.c) }, str_z(email), role };

	t_write(&a->h, join, &m);
	snprintf(ret, 48, "usr_%s", m.id.u.s);
}

struct giving { struct t_app *a; struct invitation invitation; struct client client; person_id person; consent_id consent; };

static enum err
put_invitation(void *ctx, struct db *db, struct error *e)
{
	const struct giving *g = ctx;
	digest h = crypto_sha256((str){ g->invitation.id.u.s, 26 });

	return invitation_insert(db, &g->invitation, &h, e);
}

static void
new_invitation(struct t_app *a, char ret[48])
{
	struct giving g = { a, .invitation = { .id = { sys_ulid(&a->h.clock.c) }, .workspace = a->h.ws, .email = S("i@example.com"), .name = S("i"),
	    .role = ROLE_CLIENT, .invited_by = S("x"), .expires_at = INT64_MAX } };

	t_write(&a->h, put_invitation, &g);
	snprintf(ret, 48, "inv_%s", g.invitation.id.u.s);
}

static enum err
put_consent(void *ctx, struct db *db, struct error *e)
{
	const struct giving *g = ctx;
	struct consent c;

	TRY(client_insert(db, &g->client, e));
	return consent_give(db, &g->a->h.a, g->person, g->client.id, g->a->h.ws, SCOPE_BIT(NOTES_READ), g->consent, 1, &c, e);
}

/* What a new member allowed a new program; who gave it. */
static person_id
new_consent(struct t_app *a, char ret[48])
{
	struct giving g = { a, .client = { .id = { sys_ulid(&a->h.clock.c) }, .name = S("x"), .redirects = S("[]"), .metadata = S("{}"), .fresh_until = TIME_NONE,
	    .consented_at = TIME_NONE }, .consent = { sys_ulid(&a->h.clock.c) } };
	char id[48];

	new_member(a, t_fmt(a, "giver%s@example.com", g.consent.u.s), ROLE_ADMIN, id);
	CHECK(id_parse(ID_person, str_z(id), &g.person.u));
	t_write(&a->h, put_consent, &g);
	snprintf(ret, 48, "cons_%s", g.consent.u.s);
	return g.person;
}

/* A project of its own for what a project has a hundred of at most. */
struct own { struct t_app *a; project_id id; folder_id folder; };

static enum err
put_own(void *ctx, struct db *db, struct error *e)
{
	const struct own *o = ctx;
	struct project p = { .id = o->id, .name = S("own"), .type = PT_PERSONAL_BRAND, .status = PS_ACTIVE };
	struct folder f = { o->folder, o->id, id_text(&o->a->h.a, ID_folder, &o->folder.u) };
	status_id columns[PROJECT_COLUMNS];

	for (int i = 0; i < PROJECT_COLUMNS; i++)
		columns[i] = (status_id){ sys_ulid(&o->a->h.clock.c) };
	TRY(project_insert(db, o->a->h.ws, &p, columns, e));
	return folder_insert(db, o->a->h.ws, &f, e);
}

static void
new_own(struct t_app *a, struct stand_in *m)
{
	struct own o = { a, { sys_ulid(&a->h.clock.c) }, { sys_ulid(&a->h.clock.c) } };
	char *project = m[MADE_O].text;

	t_write(&a->h, put_own, &o);
	snprintf(project, sizeof(m->text), "proj_%s", o.id.u.s);
	snprintf(m[MADE_F].text, sizeof(m->text), "fold_%s", o.folder.u.s);
	CHECK_INT(t_call(a, "POST", "/v1/notes", t_fmt(a, "{\"projectId\":\"%s\",\"folderId\":\"%s\"}", project, m[MADE_F].text), NULL).status, ==, 200);
	struct t_answer got = t_call(a, "POST", "/v1/post-statuses",
	    t_fmt(a, "{\"projectId\":\"%s\",\"name\":\"column\",\"category\":\"draft\"}", project), NULL);
	CHECK_INT(got.status, ==, 200);
	snprintf(m[MADE_C].text, sizeof(m->text), "%.*s", STR(t_text(got.body, "data.id")));
	const char *post = t_fmt(a, "/v1/posts/%s", new_post(a, project));
	CHECK_INT(t_call(a, "PATCH", post, t_fmt(a, "{\"statusId\":\"%s\"}", m[MADE_C].text), NULL).status, ==, 200);
}

struct listed { struct t_app *a; document_id id; };

static enum err
put_document(void *ctx, struct db *db, struct error *e)
{
	struct listed *l = ctx;
	struct document d = { .id = l->id, .type = KT_TEXT, .name = S("x"), .language = -1, .preview = S("x"), .characters = 1 };
	digest hash = crypto_sha256((str){ l->id.u.s, 26 });

	return document_list(db, l->a->h.ws, &d, 1, &hash, S(""), e);
}

static void
new_document(struct t_app *a, char ret[48])
{
	struct listed l = { a, { sys_ulid(&a->h.clock.c) } };

	t_write(&a->h, put_document, &l);
	snprintf(ret, 48, "kb_%s", l.id.u.s);
}

struct put_upload { struct t_app *a; upload_id id; };

static enum err
put_upload(void *ctx, struct db *db, struct error *e)
{
	const struct put_upload *p = ctx;
	struct upload u = { .id = p->id, .state = UP_WAITING, .content_type = S("text/plain"), .max_size = 10, .expires_at = 1, .since = 1 };
	ulid attempt = p->id.u;

	TRY(upload_insert(db, p->a->h.ws, &u, e));
	return upload_store(db, p->a->h.ws, u.id, &attempt, 3, 1, e);
}

static void
new_upload(struct t_app *a, char ret[48])
{
	struct put_upload p = { a, { sys_ulid(&a->h.clock.c) } };

	t_write(&a->h, put_upload, &p);
	snprintf(ret, 48, "upl_%s", p.id.u.s);
}

/* What a POST makes. */
static void
new_thing(struct t_app *a, const char *path, const char *body, char ret[48])
{
	struct t_answer made = t_call(a, "POST", path, body, NULL);

	CHECK_INT(made.status, ==, 200);
	snprintf(ret, 48, "%.*s", STR(t_text(made.body, "data.id")));
}

static bool mentions(const struct prepared *p, const char *mark) { return strstr(p->path, mark) != NULL || (p->body != NULL && strstr(p->body, mark) != NULL); }

static void
prepare(struct round *r)
{
	static int made;
	struct t_app *a = r->app;
	struct stand_in m[MADE_COUNT] = MADE_NONE;
	char token[80];

	snprintf(m[MADE_P].text, sizeof(m->text), "%s", a->project);
	snprintf(m[MADE_N].text, sizeof(m->text), "%d", ++made);
	snprintf(m[MADE_E].text, sizeof(m->text), "old%d@example.com", made);
	if (mentions(r->p, "{j}"))
		snprintf(m[MADE_J].text, sizeof(m->text), "job_%s", t_job(&a->h, JT_NOOP, "{}", 5).u.s);
	if (mentions(r->p, "{q}"))
		snprintf(m[MADE_Q].text, sizeof(m->text), "%s", new_post(a, a->project));
	if (mentions(r->p, "{k}"))
		snprintf(m[MADE_K].text, sizeof(m->text), "key_%s", t_key(a, a->h.ws, MODE_TEST, T_ALL_SCOPES, TIME_NONE, token).u.s);
	if (mentions(r->p, "{u}") || mentions(r->p, "{e}"))
		new_member(a, m[MADE_E].text, ROLE_CREATOR, m[MADE_U].text);
	if (mentions(r->p, "{o}") || mentions(r->p, "{f}") || mentions(r->p, "{c}"))
		new_own(a, m);
	if (mentions(r->p, "{d}"))
		new_document(a, m[MADE_D].text);
	if (mentions(r->p, "{i}"))
		new_invitation(a, m[MADE_I].text);
	if (mentions(r->p, "{t}"))
		r->giver = new_consent(a, m[MADE_T].text);
	if (mentions(r->p, "{w}"))
		new_upload(a, m[MADE_W].text);
	if (mentions(r->p, "{s}") || mentions(r->p, "{l}")) {
		new_own(a, m);
		new_thing(a, t_fmt(a, "/v1/projects/%s/voice/samples", m[MADE_O].text), "{\"text\":\"x\"}", m[MADE_S].text);
		new_thing(a, t_fmt(a, "/v1/projects/%s/pillars", m[MADE_O].text), "{\"name\":\"x\"}", m[MADE_L].text);
	}
	r->op = op_named(r->p->name);
	r->path = filled(a, r->p->path, m);
	r->body = r->p->body != NULL ? filled(a, r->p->body, m) : NULL;
	r->key = t_fmt(a, "k%d", made);
	r->headers = idempotent(r) ? t_fmt(a, "Idempotency-Key: %s\r\n", r->key) : NULL;
	r->was = t_tally(&a->h);
	(void)woken(a);
}

/* Refused, and nothing of it is there: the same request then does it, once. */
static void
check_refused(const struct round *r, const struct t_answer *got)
{
	CHECK_STR(t_text(got->body, "error.code"), S("service_unavailable"));
	CHECK_STR(t_header(got, "Retry-After"), S("1"));
	CHECK(strstr(t_text(got->body, "error.message").p, "injected") == NULL);
	CHECK(!woken(r->app));
	check_rows(r, "refused", 0);
	check_audit(r, 0);
	struct t_answer again = ask(r);
	CHECK_INT(again.status, ==, r->p->status);
	if (idempotent(r))
		CHECK_STR(t_header(&again, "Idempotent-Replayed"), S("false"));
	CHECK(woken(r->app) == r->p->wakes);
	check_rows(r, "asked again", 1);
	check_audit(r, 1);
}

/* Answered although something broke: it is there, and a replay says the same. */
static void
check_answered(const struct round *r, const struct t_answer *got)
{
	CHECK_INT(got->status, ==, r->p->status);
	CHECK(woken(r->app) == r->p->wakes);		/* workers hear of a job though its commit was uncertain first */
	check_rows(r, "answered", 1);
	check_audit(r, 1);
	if (!idempotent(r))
		return;
	struct t_answer again = ask(r);
	CHECK_INT(again.status, ==, r->p->status);
	CHECK_STR(t_header(&again, "Idempotent-Replayed"), S("true"));
	CHECK_STR(again.text, got->text);
	check_rows(r, "replayed", 1);
}

/* Nobody could say; but it stands. */
static void
check_uncertain(const struct round *r, const struct t_answer *got)
{
	CHECK(strstr(t_text(got->body, "error.message").p, "not known") != NULL);
	CHECK(woken(r->app) == r->p->wakes);
	check_rows(r, "uncertain", 1);
	if (!idempotent(r))
		return;
	struct t_answer again = ask(r);
	CHECK_INT(again.status, ==, r->p->status);
	CHECK_STR(t_header(&again, "Idempotent-Replayed"), S("true"));
	check_rows(r, "asked again", 1);
}

/* True when the fault was met. */
static bool
one_round(struct round *r)
{
	prepare(r);
	t_break(&r->app->h, r->kind, r->n, r->each);
	struct t_answer got = ask(r);
	bool fired = t_mend(&r->app->h);
	if (got.status != r->p->status && got.status != 503)
		t_fail(__FILE__, __LINE__, "%s, %s %d: %d", r->p->name, kind_names[r->kind], r->n, got.status);
	if (r->each && fired && r->kind != DB_FAULT_CALL)	/* a batch has one call more than a call that runs alone */
		CHECK_INT(got.status, ==, 503);
	if (got.status == 503 && r->kind == DB_FAULT_COMMIT_AFTER)
		check_uncertain(r, &got);
	else if (got.status == 503)
		check_refused(r, &got);
	else
		check_answered(r, &got);
	if (r->kind == DB_FAULT_COMMIT_AFTER && !r->each && idempotent(r))
		CHECK_INT(got.status, ==, r->p->status);	/* the record tells */
	return fired;
}

static void
all_rounds(struct t_db *t, enum db_fault_kind kind, bool each)
{
	struct t_app app;

	t_app_open(&app, t, T_FAULTS, "writer=openai openai_price_in=1 audit_buffer=16 blob_bucket=files");
	CHECK_INT(t_call(&app, "GET", "/v1/workspaces/me", NULL, NULL).status, ==, 200);	/* the key is known from here on */
	for (size_t i = 0; i < COUNT(prepared); i++) {
		struct round r = { .app = &app, .p = &prepared[i], .kind = kind, .n = 1, .each = each };
		while (r.n < 100 && one_round(&r))
			r.n++;
		CHECK_INT(r.n, >=, kind == DB_FAULT_CALL ? 6 : 2);
		CHECK_INT(r.n, <, 100);
	}
	t_app_close(&app);
}

/* --- round trips, on PostgreSQL --- */

/* Those that need more than one for a read and two for a write, and why. */
static const struct { const char *name; int most; const char *why; } longer[] = {
	{ "delete_post_status", 12, "moves the posts of the column, each counted and announced, one text in memory at a time" },
	{ "search_knowledge", 3, "how much there is, then the words of the question, then the passages that were found" },
};

static int
most_trips(const struct op *o)
{
	for (size_t i = 0; i < COUNT(longer); i++)
		if (strcmp(longer[i].name, o->name) == 0)
			return longer[i].most;
	return o->method == M_GET ? 1 : 2;
}

static int64_t
trips_of(const struct round *r, struct t_answer *ret)
{
	struct t_app *a = r->app;
	_Atomic int64_t *n = &a->api->stats[r->op - ops].trips;

	(void)t_call(a, "GET", "/v1/workspaces/me", NULL, NULL);	/* the caller is known again, whatever was revoked */
	T_UNTIL(front_busy(a->front) == 0);		/* what went before is counted behind its answer */
	int64_t before = *n;
	*ret = ask(r);
	T_UNTIL(front_busy(a->front) == 0);
	return *n - before;
}

static void
check_trips(const struct round *r, const char *what)
{
	struct t_answer got;
	int64_t n = trips_of(r, &got);

	printf("# %-22s %-20s %d %lld\n", r->op->name, what, got.status, (long long)n);
	if (n > most_trips(r->op))
		t_fail(__FILE__, __LINE__, "%s (%s, %d) takes %lld round trips, not %d", r->op->name, what, got.status, (long long)n, most_trips(r->op));
}

/* Something to read for each kind of id in a path. */
static const char *
some_id(struct round *r, enum id_kind kind)
{
	static const struct { enum id_kind kind; const char *path, *body; } row[] = {
		{ ID_note, "/v1/notes", "{\"projectId\":\"{p}\"}" }, { ID_post, "/v1/posts", "{\"projectId\":\"{p}\"}" },
		{ ID_source, "/v1/sources", "{\"type\":\"text\",\"projectId\":\"{p}\",\"text\":\"x\"}" },
		{ ID_job, "/v1/posts/generations", "{\"projectId\":\"{p}\",\"source\":{\"text\":\"x\"}}" },
		{ ID_folder, "/v1/folders/{f}", NULL }, { ID_status, "/v1/post-statuses/{c}", NULL }, { ID_document, "/v1/knowledge/{d}", NULL },
		{ ID_sample, "/v1/voice-samples/{s}", NULL }, { ID_pillar, "/v1/pillars/{l}", NULL }, { ID_key, "/v1/keys/{k}", NULL },
		{ ID_person, "/v1/members/{u}", NULL }, { ID_consent, "/v1/consents/{t}", NULL },
	};
	struct t_app *a = r->app;
	char id[48];

	if (kind == ID_project)
		return a->project;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct prepared p = { "get_note", row[i].path, row[i].body, { 0 }, 200, false };
		if (row[i].kind != kind)
			continue;
		r->p = &p;
		prepare(r);
		if (p.body == NULL)
			return strrchr(r->path, '/') + 1;
		new_thing(a, r->path, r->body, id);
		return t_fmt(a, "%s", id);
	}
	return t_fmt(a, "%.*s01J9ZAB12CD34E56F7G8H9JKMN", STR(id_prefix(kind)));
}

static void
read_page_by_page(struct round *r, const char *path)
{
	struct t_answer got;

	r->path = t_fmt(r->app, "%s?limit=1&projectId=%s", path, r->app->project);
	check_trips(r, "first page");
	got = ask(r);
	str cursor = t_text(got.body, "pagination.next_cursor");
	if (cursor.n == 0)
		return;
	r->path = t_fmt(r->app, "%s&cursor=%.*s", r->path, STR(cursor));
	check_trips(r, "behind a cursor");
}

static void
read_all(struct t_app *a)
{
	for (int i = 0; i < nops; i++) {
		struct round r = { .app = a };
		const char *path = ops[i].path;
		if (ops[i].method != M_GET || (ops[i].flags & OP_PUBLIC))
			continue;
		if (ops[i].id_kind >= 0) {
			const char *from = strchr(path, '{'), *to = strchr(path, '}');
			path = t_fmt(a, "%.*s%s%s", (int)(from - path), path, some_id(&r, (enum id_kind)ops[i].id_kind), to + 1);
		}
		r.op = &ops[i];
		if (ops[i].flags & OP_LIST) {
			read_page_by_page(&r, path);
			continue;
		}
		r.path = strcmp(ops[i].name, "search_knowledge") == 0 ? t_fmt(a, "%s?q=prices", path) : path;
		check_trips(&r, "read");
	}
}

PG_TEST(a_read_is_one_round_trip_and_a_write_two)
{
	struct t_app app;

	t_app_open(&app, t, 0, "writer=openai openai_price_in=1 blob_bucket=files");
	CHECK_INT(t_call(&app, "GET", "/v1/workspaces/me", NULL, NULL).status, ==, 200);	/* the key is known from here on */
	for (int pass = 0; pass < 2; pass++)		/* the first one prepares the statements of each connection, which costs nothing */
		for (size_t i = 0; i < COUNT(prepared); i++) {
			struct round r = { .app = &app, .p = &prepared[i] };
			if (prepared[i].status != 200)
				continue;
			prepare(&r);
			check_trips(&r, "write");
		}
	read_all(&app);
	t_app_close(&app);
}

DB_TEST(a_call_fails_once)		{ all_rounds(t, DB_FAULT_CALL, false); }
DB_TEST(a_call_fails_each_time)		{ all_rounds(t, DB_FAULT_CALL, true); }
DB_TEST(a_commit_fails_once)		{ all_rounds(t, DB_FAULT_COMMIT_BEFORE, false); }
DB_TEST(a_commit_fails_each_time)	{ all_rounds(t, DB_FAULT_COMMIT_BEFORE, true); }
DB_TEST(the_answer_of_a_commit_is_lost_once)	{ all_rounds(t, DB_FAULT_COMMIT_AFTER, false); }
DB_TEST(the_answer_of_a_commit_is_lost_each_time) { all_rounds(t, DB_FAULT_COMMIT_AFTER, true); }
