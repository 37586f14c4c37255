#include "t_app.h"
#include "api/call.h"
#include "model/person.h"
#include <pthread.h>
#include <stdio.h>

/* Operations called from inside: who may, what is asked of them, what is written down. */

static struct principal
somebody(struct t_app *a, int role)
{
	return (struct principal){ .type = PRINCIPAL_USER, .workspace = a->h.ws, .person = { sys_ulid(&a->h.clock.c) }, .role = role,
	    .expires_at = TIME_NONE, .revoked_at = TIME_NONE, .budget = auth_budget(&a->h.ws, 0) };
}

static struct principal
console(struct t_app *a)
{
	struct principal p = somebody(a, ROLE_ADMIN);

	p.person = (person_id){ { "" } };
	return p;
}

static struct principal
a_key(struct t_app *a, unsigned scopes)
{
	return (struct principal){ .type = PRINCIPAL_API_KEY, .workspace = a->h.ws, .key = a->key_id, .scopes = scopes,
	    .budget = auth_budget(&a->h.ws, 0) };
}

/* The answer is kept by the house. */
static struct t_answer
call(struct t_app *a, const struct principal *who, const char *name, const char *id, const char *body)
{
	struct t_answer r = { 0 };
	struct api_call c;

	api_call_init(&c, op_named(name), who);
	c.id = id != NULL ? str_z(id) : S("x");
	if (body != NULL)
		c.x.body = str_z(body);
	api_call_wait(a->api, &c);
	r.status = c.x.status;
	r.text = str_dup(&a->h.a, c.x.answer);
	if ((r.body = json_loadb(r.text.p, r.text.n, 0, NULL)) != NULL)
		json_array_append_new(a->c.kept, r.body);
	api_call_end(&c);
	return r;
}

static str code_of(const struct t_answer *r) { return t_text(r->body, "error.code"); }

/* --- who may --- */

/* Each role against each row: what op_roles says is what happens, and nothing else refuses a person's right. */
DB_TEST(a_role_may_what_its_row_says)
{
	struct t_app a;

	t_app_open(&a, t, 0, "");
	for (int i = 0; i < nops; i++)
		for (int role = 0; role < ROLE_COUNT; role++) {
			struct principal who = somebody(&a, role);
			struct t_answer r = call(&a, &who, ops[i].name, NULL, ops[i].method == M_GET ? NULL : "{}");
			bool may = op_roles(&ops[i]) >> role & 1;
			if (str_eq(code_of(&r), S("role_missing")) == may || (may && r.status == 403))
				t_fail(__FILE__, __LINE__, "%s as %s: %d %.*s", ops[i].name, role_words.v[role], r.status, STR(code_of(&r)));
		}
	t_app_close(&a);
}

/* All scopes open no row that is for people; no scope opens one that wants scopes. */
DB_TEST(a_key_is_refused_where_people_are_wanted)
{
	struct t_app a;

	t_app_open(&a, t, 0, "");
	for (int i = 0; i < nops; i++) {
		struct principal all = a_key(&a, T_ALL_SCOPES), none = a_key(&a, 0);
		struct t_answer r = call(&a, &all, ops[i].name, NULL, ops[i].method == M_GET ? NULL : "{}");
		if (str_eq(code_of(&r), S("role_missing")) != ((ops[i].flags & OP_PEOPLE) != 0))
			t_fail(__FILE__, __LINE__, "%s: %d %.*s", ops[i].name, r.status, STR(code_of(&r)));
		r = call(&a, &none, ops[i].name, NULL, ops[i].method == M_GET ? NULL : "{}");
		if (str_eq(code_of(&r), S("scope_missing")) != (ops[i].scopes != 0))
			t_fail(__FILE__, __LINE__, "%s without scopes: %d %.*s", ops[i].name, r.status, STR(code_of(&r)));
	}
	t_app_close(&a);
}

TEST(roles_follow_from_the_row)
{
	unsigned all = (1u << ROLE_COUNT) - 1;

	CHECK_INT(op_roles(op_named("list_notes")), ==, all);
	CHECK_INT(op_roles(op_named("create_note")), ==, all & ~(1u << ROLE_CLIENT));
	CHECK_INT(op_roles(&(struct op){ .flags = OP_TX | OP_PEOPLE | OP_FOR(ADMIN) | OP_FOR(CLIENT) }), ==, 1u << ROLE_ADMIN | 1u << ROLE_CLIENT);
}

/* --- the same pipeline --- */

DB_TEST(a_write_from_inside_is_like_any_other)
{
	struct t_app a;

	t_app_open(&a, t, 0, "rate_write=1");
	struct principal ada = somebody(&a, ROLE_CREATOR), shell = console(&a);
	struct t_tally was = t_tally(&a.h);
	struct t_answer r = call(&a, &ada, "create_note", NULL, t_note(&a, "from inside"));
	CHECK_INT(r.status, ==, 200);
	str id = t_text(r.body, "data.id");
	CHECK_INT(call(&a, &ada, "get_note", id.p, NULL).status, ==, 200);
	struct t_tally is = t_tally(&a.h);
	CHECK_INT(is.note - was.note, ==, 1);
	CHECK_INT(is.event - was.event, ==, 1);
	CHECK_INT(is.audit - was.audit, ==, 1);
	CHECK_INT(t_count(&a.h, t_fmt(&a, "audit WHERE principal = 'usr_%s' AND status = 200 AND mode = 'live'", ada.person.u.s)), ==, 1);
	CHECK_STR(code_of(&(struct t_answer){ .body = call(&a, &ada, "create_note", NULL, t_note(&a, "too fast")).body }), S("rate_limited"));
	for (int i = 0; i < 3; i++)		/* the operator is not held up by the workspace's budget */
		CHECK_INT(call(&a, &shell, "create_note", NULL, t_note(&a, "by hand")).status, ==, 200);
	CHECK_INT(t_count(&a.h, "audit WHERE principal = 'command line'"), ==, 3);
	t_app_close(&a);
}

DB_TEST(what_is_wrong_is_told_as_everywhere)
{
	struct t_app a;

	t_app_open(&a, t, 0, "");
	struct principal ada = somebody(&a, ROLE_CREATOR);
	CHECK_INT(call(&a, &ada, "create_note", NULL, "{").status, ==, 400);
	CHECK_INT(call(&a, &ada, "create_note", NULL, "{\"projectId\":\"proj_01J9ZAB12CD34E56F7G8H9JKMN\"}").status, ==, 404);
	CHECK_INT(call(&a, &ada, "get_note", "note_01J9ZAB12CD34E56F7G8H9JKMN", NULL).status, ==, 404);
	CHECK_INT(call(&a, &ada, "get_note", "nonsense", NULL).status, ==, 404);
	t_app_close(&a);
}

DB_TEST(a_person_is_told_of_a_workspace_that_does_not_match)
{
	struct t_app a;
	struct api_call c;

	t_app_open(&a, t, 0, "");
	for (int key = 0; key < 2; key++) {
		struct principal who = key ? a_key(&a, T_ALL_SCOPES) : somebody(&a, ROLE_ADMIN);
		api_call_init(&c, op_named("list_projects"), &who);
		c.x.header[FH_SCRIPE_WORKSPACE_ID] = S("org_01J9ZAB12CD34E56F7G8H9JKMN");
		api_call_wait(a.api, &c);
		CHECK_INT(c.x.status, ==, key ? 404 : 403);
		CHECK(key || memmem(c.x.answer.p, c.x.answer.n, S("\"workspace_mismatch\"").p, 20) != NULL);
		api_call_end(&c);
	}
	t_app_close(&a);
}

/* Options of a command: texts, and an unknown one is refused when that is asked for. */
DB_TEST(a_body_can_come_as_options)
{
	static const struct rec_pair more = { S_INIT("colour"), S_INIT("red") };
	struct t_app a;
	struct api_call c;

	t_app_open(&a, t, 0, "");
	struct rec_pair p[3] = { { S("projectId"), str_z(a.project) }, { S("content"), S("by option") }, more };
	for (int n = 2; n <= 3; n++) {
		struct principal who = console(&a);
		api_call_init(&c, op_named("create_note"), &who);
		c.fields = p;
		c.nfields = n;
		c.strict = true;
		api_call_wait(a.api, &c);
		CHECK_INT(c.x.status, ==, n == 2 ? 200 : 400);
		api_call_end(&c);
	}
	t_app_close(&a);
}

/* --- for another protocol --- */

struct over { struct exchange x; struct t_answer r; struct api_call c; };

/* An operation whose query or body was read already, over an exchange of another protocol. */
static void
call_over(struct t_app *a, struct over *o, const char *name, const char *id, const char *json)
{
	struct principal who = a_key(a, T_ALL_SCOPES);
	json_t *fields = json_loads(json, 0, NULL);

	*o = (struct over){ .x = { .peer = S("192.0.2.9"), .url = "", .method = S("POST"), .path = S("/other") } };
	arena_init(&o->x.arena, 1 << 20);
	api_greet(a->api, &o->x);
	api_call_init(&o->c, op_named(name), &who);
	o->c.id = id != NULL ? str_z(id) : STR_NONE;
	o->c.json = fields;
	o->c.bytes = strlen(json);
	o->c.strict = true;
	o->c.via = "other";
	o->c.over = &o->x;
	o->c.x.peer = o->x.peer;
	api_call_wait(a->api, &o->c);
	o->r.status = o->c.x.status;
	o->r.text = str_dup(&a->h.a, o->c.x.answer);
	if ((o->r.body = json_loadb(o->r.text.p, o->r.text.n, 0, NULL)) != NULL)
		json_array_append_new(a->c.kept, o->r.body);
	json_decref(fields);
}

static void
over_end(struct over *o)
{
	api_call_end(&o->c);
	api_part(&o->x);
	arena_free(&o->x.arena);
}

DB_TEST(query_and_body_may_have_been_read_already)
{
	struct t_app a;
	struct over o;

	t_app_open(&a, t, 0, "");
	call_over(&a, &o, "create_note", NULL, t_fmt(&a, "{\"projectId\":\"%s\",\"content\":\"read\"}", a.project));
	CHECK_INT(o.r.status, ==, 200);
	const char *id = str_dup(&a.h.a, t_text(o.r.body, "data.id")).p;
	over_end(&o);
	call_over(&a, &o, "get_note", id, "{}");
	CHECK_STR(t_text(o.r.body, "data.content"), S("read"));
	over_end(&o);
	call_over(&a, &o, "list_notes", NULL, t_fmt(&a, "{\"projectId\":\"%s\",\"limit\":\"1\"}", a.project));
	CHECK_STR(t_text(o.r.body, "data.0.content"), S("read"));
	over_end(&o);
	static const struct { const char *name, *id, *json; int status; const char *field; } wrong[] = {
		{ "get_note", NULL, "{}", 400, "noteId" }, { "get_note", "note_x", "{\"more\":1}", 400, "more" },
		{ "list_notes", NULL, "{\"projectId\":5}", 400, "projectId" }, { "list_notes", NULL, "{}", 400, "projectId" },
		{ "create_note", NULL, "{\"projectId\":\"x\",\"nonsense\":1}", 400, "nonsense" },
	};
	for (size_t i = 0; i < COUNT(wrong); i++) {
		call_over(&a, &o, wrong[i].name, wrong[i].id, wrong[i].json);
		CHECK_INT(o.r.status, ==, wrong[i].status);
		CHECK_STR(t_text(o.r.body, "error.details.field"), str_z(wrong[i].field));
		over_end(&o);
	}
	t_app_close(&a);
}

/* Two lines for one request would be two requests; the second call of a batch is one of its own. */
DB_TEST(the_first_call_stands_for_the_request_that_it_came_in)
{
	struct t_app a;
	struct over o;

	t_app_open(&a, t, 0, "");
	call_over(&a, &o, "get_note", "note_x", "{}");
	CHECK_INT(o.r.status, ==, 404);
	CHECK_STR(t_text(o.r.body, "error.request_id"), str_z(api_request_id(&o.x)));
	struct principal who = a_key(&a, T_ALL_SCOPES);
	struct api_call second;
	api_call_init(&second, op_named("get_note"), &who);
	second.id = S("note_x");
	second.over = &o.x;
	api_call_wait(a.api, &second);
	CHECK(memmem(second.x.answer.p, second.x.answer.n, api_request_id(&o.x), 30) == NULL);
	api_call_end(&second);
	over_end(&o);
	t_app_close(&a);
}

DB_TEST(me_tells_who_a_person_is)
{
	struct t_app a;

	t_app_open(&a, t, 0, "");
	struct principal ada = somebody(&a, ROLE_MANAGER);
	struct t_answer r = call(&a, &ada, "get_workspace", NULL, NULL);
	CHECK_STR(t_text(r.body, "principal.type"), S("user"));
	CHECK_STR(t_text(r.body, "principal.id"), str_z(t_fmt(&a, "usr_%s", ada.person.u.s)));
	CHECK_STR(t_text(r.body, "principal.role"), S("Manager"));
	r = t_call(&a, "GET", "/v1/workspaces/me", NULL, NULL);
	CHECK_STR(t_text(r.body, "principal.id"), str_z(t_fmt(&a, "key_%s", a.key_id.u.s)));
	CHECK(t_at(r.body, "principal.role") == NULL);
	t_app_close(&a);
}

/* --- two at once --- */

struct leaver { struct t_app *a; person_id id; int status; };

static enum err
put_admin(void *ctx, struct db *db, struct error *e)
{
	const struct leaver *l = ctx;
	struct person_create c = { id_text(&l->a->h.a, ID_person, &l->id.u), S("x"), ROLE_ADMIN };
	struct person p;

	c.email = str_fmt(&l->a->h.a, "%.*s@example.com", STR(c.email));
	return person_join(db, &l->a->h.a, l->a->h.ws, &c, l->id, &p, e);
}

static void *
leave(void *arg)
{
	struct leaver *l = arg;
	struct principal who = console(l->a);
	char id[40];
	struct api_call c;

	snprintf(id, sizeof(id), "usr_%s", l->id.u.s);
	api_call_init(&c, op_named("delete_member"), &who);
	c.id = str_z(id);
	api_call_wait(l->a->api, &c);
	l->status = c.x.status;
	api_call_end(&c);
	return NULL;
}

/* Each sees the other one there; one must wait and see that it is the last. */
DB_TEST(two_admins_cannot_both_go)
{
	struct t_app a;
	pthread_t thread[2];

	t_app_open(&a, t, 0, "");
	for (int round = 0; round < 10; round++) {
		struct leaver l[2] = { { &a, { sys_ulid(&a.h.clock.c) }, 0 }, { &a, { sys_ulid(&a.h.clock.c) }, 0 } };
		for (int i = 0; i < 2; i++)
			t_write(&a.h, put_admin, &l[i]);
		if (round > 0)		/* the one who had to stay in the round before */
			t_db_script(t, "DELETE FROM membership WHERE person IN (SELECT min(person) FROM membership)");
		for (int i = 0; i < 2; i++)
			CHECK_INT(pthread_create(&thread[i], NULL, leave, &l[i]), ==, 0);
		for (int i = 0; i < 2; i++)
			pthread_join(thread[i], NULL);
		CHECK((l[0].status == 200 && l[1].status == 409) || (l[0].status == 409 && l[1].status == 200));
		CHECK_INT(t_count(&a.h, "membership"), ==, 1);
	}
	t_app_close(&a);
}

/* The second run finds the record and changes nothing; what the first one changed holds all the same. */
DB_TEST(a_key_is_another_one_at_once_though_its_commit_was_uncertain)
{
	struct t_app a;
	struct api_call c;

	t_app_open(&a, t, T_FAULTS, "");
	CHECK_INT(t_call(&a, "GET", "/v1/posts/post_01J9ZAB12CD34E56F7G8H9JKMN", NULL, NULL).status, ==, 404);
	struct principal who = console(&a);
	api_call_init(&c, op_named("update_key"), &who);
	c.id = id_text(&a.h.a, ID_key, &a.key_id.u);
	c.x.body = S("{\"scopes\":[\"notes:read\"]}");
	c.x.header[FH_IDEMPOTENCY_KEY] = S("k-1");
	t_break(&a.h, DB_FAULT_COMMIT_AFTER, 1, false);
	api_call_wait(a.api, &c);
	CHECK_INT(c.x.status, ==, 200);
	api_call_end(&c);
	t_mend(&a.h);
	CHECK_INT(t_call(&a, "GET", "/v1/posts/post_01J9ZAB12CD34E56F7G8H9JKMN", NULL, NULL).status, ==, 403);
	t_app_close(&a);
}
