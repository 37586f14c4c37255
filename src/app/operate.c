/* operate -- commands that are operations: the command line is an Admin of the workspace that it names, and walks the pipeline
 * like everybody. */
#include "app/app.h"
#include "api/call.h"

/* --- whose workspace --- */

struct search { const struct command *c; struct arena *a; str named, id; workspace_id found; int plan; };

/* The one there is; with several, one must be named. */
static enum err
only_one(struct search *s, struct db *db, struct error *e)
{
	struct workspace w[2];
	workspace_id top;
	int n;

	memset(top.u.s, 'Z', 26);
	TRY(workspace_page(db, s->a, top, 2, w, &n, e));
	if (n == 0)
		return fail(e, E_NOT_FOUND, NULL, "there is no workspace yet: scriped setup makes the first one");
	if (n > 1)
		return fail(e, E_USAGE, NULL, "there are several workspaces: say --workspace ID (scriped workspace list shows them)");
	s->found = w[0].id;
	return OK;
}

static enum err
which_workspace(struct search *s, struct db *db, struct error *e)
{
	const struct op *op = command_op(s->c);
	ulid id;

	if (s->named.p == NULL && s->c->whose != NULL && id_parse((enum id_kind)op->id_kind, s->id, &id))
		return s->c->whose(db, &id, &s->found, e);
	if (s->named.p == NULL)
		return only_one(s, db, e);
	if (!id_parse(ID_workspace, s->named, &s->found.u))
		return fail(e, E_NOT_FOUND, NULL, "Workspace not found.");
	return OK;
}

static enum err
find_workspace(void *ctx, struct db *db, struct error *e)
{
	struct search *s = ctx;
	struct workspace w;

	TRY(which_workspace(s, db, e));
	TRY(workspace_get(db, s->a, s->found, &w, e));
	s->plan = w.plan;
	return OK;
}

/* --- the call --- */

/* A message about 'projectId' is one about --project here. */
static str
in_options(struct arena *a, const struct command *c, const char *said, const char *field)
{
	const char *quoted = field != NULL ? str_fmt(a, "'%s'", field).p : NULL, *at = quoted != NULL ? strstr(said, quoted) : NULL;
	char option[64];

	if (at == NULL || command_field(c, str_z(field)) == NULL)
		return str_z(said);
	return str_fmt(a, "%.*s--%.*s%s", (int)(at - said), said, STR(command_option(str_z(field), option)), at + strlen(quoted));
}

/* What the operation refused with, in its own words. */
static enum err
refused(struct api_call *call, const struct command *c, struct error *e)
{
	struct error unread;
	json_t *v;

	if (json_read(call->x.answer, &v, &unread) != OK)
		return fail(e, E_INTERNAL, NULL, "the operation failed with %d", call->x.status);
	const json_t *error = json_object_get(v, "error");
	const char *said = json_string_value(json_object_get(error, "message"));
	str text = in_options(&call->x.arena, c, said != NULL ? said : "refused", json_string_value(json_object_get(json_object_get(error, "details"), "field")));
	bool usage = call->x.status == 400;
	enum err code = usage ? fail(e, E_USAGE, NULL, "%.*s See scriped %s --help", STR(text), command_words(c, &call->x.arena))
	    : fail(e, E_CONFLICT, NULL, "%.*s", STR(text));
	json_decref(v);
	return code;
}

static enum err
run(struct desk *d, struct arena *a, const struct command *c, const struct principal *who, str id, const struct rec_pair *p, int n,
    str *result, struct error *e)
{
	const struct op *op = command_op(c);
	struct api_call call;

	api_call_init(&call, op, who);
	struct front_param *query = NEW_N(&call.x.arena, struct front_param, n + 1);
	for (int i = 0; i < n; i++)
		query[i] = (struct front_param){ p[i].name, p[i].value };
	call.id = id;
	call.strict = true;
	if (op->method == M_GET) {
		call.x.query = query;
		call.x.nquery = n;
	} else {
		call.fields = p;
		call.nfields = n;
	}
	api_call_wait(d->api, &call);
	enum err code = call.x.status == 200 ? OK : refused(&call, c, e);
	if (code == OK)
		*result = str_dup(a, call.x.answer);
	api_call_end(&call);
	return code;
}

enum err
operate(struct desk *d, struct arena *a, const struct command *c, const struct rec_pair *p, int n, str *result, struct error *e)
{
	struct principal who = { .type = PRINCIPAL_USER, .role = ROLE_ADMIN, .mode = MODE_LIVE, .expires_at = TIME_NONE, .revoked_at = TIME_NONE };
	struct rec_pair *rest = NEW_N(a, struct rec_pair, n + 1);
	struct search s = { .c = c, .a = a };
	const struct op *op = command_op(c);
	int nrest = 0;

	for (int i = 0; i < n; i++) {
		str *to = str_eq(p[i].name, S("workspace")) ? &s.named : op->id_kind >= 0 && str_eq(p[i].name, S("id")) ? &s.id : NULL;
		if (to != NULL && to->p != NULL)
			return fail(e, E_USAGE, NULL, "'%.*s' is given more than once", STR(p[i].name));
		if (to != NULL)
			*to = p[i].value;
		else
			rest[nrest++] = p[i];
	}
	if (op->id_kind >= 0 && s.id.p == NULL)
		return fail(e, E_USAGE, NULL, "an id is missing: see scriped %s --help", command_words(c, a));
	TRY(engine_read(d->engine, find_workspace, &s, e));
	who.workspace = s.found;
	who.plan = s.plan;
	who.budget = auth_budget(&s.found, 0);
	return run(d, a, c, &who, s.id, rest, nrest, result, e);
}
