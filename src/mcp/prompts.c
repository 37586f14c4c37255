/* prompts -- what a person picks in a menu: each becomes messages that hold what the work needs (project, voice, source) and say which
 * tools do it.  What is in them is read as the caller, so that nobody sees more than by the API. */
#include "mcp/resource.h"

#define PROMPTS_TTL	INT64_C(3600000)
#define MESSAGES_MAX	((size_t)4 << 20)
#define TOPIC_MAX	100000
#define PART_MAX	((size_t)250 << 10)	/* bytes of a part: all of them, escaped once more, have room in MESSAGES_MAX */
#define PARTS		6
#define WEEK		(7 * DAY_MS)
#define SAY(b, ...)	buf_add(b, str_fmt(ask->a, __VA_ARGS__))

/* A prompt on its way: its parts are read one after another, then `say` adds what is to be done with them. */
struct composing {
	struct address parts[PARTS];
	int nparts, at;
	str project;			/* its id, once it is known */
	int64_t posts, start;		/* arguments, where the prompt has them */
	void (*say)(struct ask *, struct buf *);
	struct buf messages;
	struct json j;
};

/* --- arguments --- */

str
mcp_argument(const struct ask *ask, const char *name)
{
	str v = mcp_text(json_object_get(ask->params, "arguments"), name);

	return v.n > 0 ? v : STR_NONE;
}

static bool
number(struct ask *ask, const char *name, int64_t fallback, int64_t most, int64_t *ret)
{
	str text = mcp_argument(ask, name);

	*ret = fallback;
	if (text.p == NULL || (str_int(text, ret) && *ret >= 1 && *ret <= most))
		return true;
	mcp_fail(ask, RPC_PARAMS, "'%s' must be a number from 1 to %d.", name, (int)most);
	return false;
}

/* What goes into a text for a model as a value of a tool's argument must be such a value. */
static bool
language_ok(struct ask *ask)
{
	str v = mcp_argument(ask, "language");
	bool ok = v.n <= 35;

	for (size_t i = 0; i < v.n; i++)
		ok &= v.p[i] == '-' || (v.p[i] >= '0' && v.p[i] <= '9') || ((v.p[i] | 0x20) >= 'a' && (v.p[i] | 0x20) <= 'z');
	if (!ok)
		mcp_fail(ask, RPC_PARAMS, "'language' must be a language tag such as en or pt-BR.");
	return ok;
}

static bool
length_ok(struct ask *ask)
{
	str v = mcp_argument(ask, "length");

	if (v.p == NULL || words_find(&gen_length_words, v) >= 0)
		return true;
	mcp_fail(ask, RPC_PARAMS, "'length' must be short, medium or long.");
	return false;
}

/* --- the parts --- */

static const struct template *
template_of(const char *uri)
{
	for (int i = 0; i < mcp_ntemplates; i++)
		if (strcmp(mcp_templates[i].uri, uri) == 0)
			return &mcp_templates[i];
	return NULL;
}

static void
part(struct composing *c, const char *uri, str id)
{
	c->parts[c->nparts++] = (struct address){ .t = template_of(uri), .id = id };
}

static struct composing *
compose(struct ask *ask, void (*say)(struct ask *, struct buf *))
{
	struct composing *c = ask->own = NEW(ask->a, struct composing);

	c->say = say;
	buf_init(&c->messages, ask->a, MESSAGES_MAX);
	jw_begin(&c->j, &c->messages);
	jw_arr(&c->j);
	return c;
}

static void
begin_message(struct json *j, const char *type)
{
	jw_obj(j);
	jw_key_str(j, S("role"), S("user"));
	jw_key(j, S("content"));
	jw_obj(j);
	jw_key_str(j, S("type"), str_z(type));
}

static void
finish(struct ask *ask)
{
	struct composing *c = ask->own;
	struct buf text;

	buf_init(&text, ask->a, MESSAGES_MAX);
	c->say(ask, &text);
	begin_message(&c->j, "text");
	jw_key_str(&c->j, S("text"), buf_str(&text));
	jw_end(&c->j);
	jw_end(&c->j);
	jw_end(&c->j);
	struct json *j = mcp_result(ask);
	jw_key_str(j, S("description"), str_z(mcp_prompt(ask, mcp_text(ask->params, "name"))->description));
	jw_key(j, S("messages"));
	jw_raw(j, buf_str(&c->messages));
	mcp_done(ask);
}

static void gather(struct ask *);

static str
address_of(struct ask *ask, const struct address *at)
{
	const char *open = strchr(at->t->uri, '{');

	return str_fmt(ask->a, "%.*s%.*s%s", (int)(open - at->t->uri), at->t->uri, STR(at->id), strchr(open, '}') + 1);
}

/* A part that would fill a model's window is named, and read by its tool where it is wanted. */
static void
put_part(struct ask *ask, const struct address *at)
{
	struct json *j = &((struct composing *)ask->own)->j;
	str address = address_of(ask, at), text = mcp_thing(ask, at);

	begin_message(j, text.n > PART_MAX ? "text" : "resource");
	if (text.n > PART_MAX) {
		jw_key_str(j, S("text"), str_fmt(ask->a, "%.*s is too long to stand here: read it by `%s`, a few at a time.", STR(address), at->t->op));
	} else {
		jw_key(j, S("resource"));
		mcp_contents(j, address, at->t->mime, text);
	}
	jw_end(j);
	jw_end(j);
}

/* The first part must be there; of the others, those that this caller may not read are left out. */
static void
part_told(struct ask *ask)
{
	struct composing *c = ask->own;
	const struct address *at = &c->parts[c->at];
	int status = ask->call->x.status;

	if (status != 200 && (c->at == 0 || status >= 429)) {
		mcp_refused(ask, address_of(ask, at));
		return;
	}
	if (status == 200)
		put_part(ask, at);
	c->at++;
	gather(ask);
}

static void
gather(struct ask *ask)
{
	struct composing *c = ask->own;

	if (c->at == c->nparts)
		finish(ask);
	else
		mcp_fetch(ask, &c->parts[c->at], part_told);
}

/* --- which project --- */

static void draft_parts(struct ask *);
static void week_parts(struct ask *);

static void
with_project(struct ask *ask)
{
	struct composing *c = ask->own;

	part(c, "scripe://projects/{id}", c->project);
	part(c, "scripe://projects/{id}/voice", c->project);
	part(c, "scripe://projects/{id}/pillars", c->project);
}

/* By its name, whatever the case; without one, the only project that there is. */
static str
pick(struct ask *ask, const json_t *projects, str name, struct buf *names)
{
	str found = STR_NONE;
	json_t *p;
	size_t i;

	json_array_foreach(projects, i, p) {
		if (found.p == NULL && (name.p == NULL ? json_array_size(projects) == 1 : str_ieq(mcp_text(p, "name"), name)))
			found = str_dup(ask->a, mcp_text(p, "id"));
		if (i < 10)
			SAY(names, "%s%.*s (%.*s)", i > 0 ? ", " : "", STR(mcp_text(p, "name")), STR(mcp_text(p, "id")));
	}
	return found;
}

static void
projects_told(struct ask *ask)
{
	struct composing *c = ask->own;
	struct error ignored;
	struct buf names;
	json_t *v;

	if (ask->call->x.status != 200 || json_read(ask->call->x.answer, &v, &ignored) != OK) {
		mcp_refused(ask, STR_NONE);
		return;
	}
	buf_init(&names, ask->a, 1 << 16);
	c->project = pick(ask, json_object_get(v, "data"), mcp_argument(ask, "project"), &names);
	json_decref(v);
	if (c->project.p == NULL)
		mcp_fail(ask, RPC_PARAMS, "Say which project, by 'project': its name or id. There are: %.*s.", STR(buf_str(&names)));
	else if (c->start != 0)
		week_parts(ask);
	else
		draft_parts(ask);
}

static void
find_project(struct ask *ask, mcp_then *known)
{
	struct composing *c = ask->own;

	c->project = mcp_argument(ask, "project");
	if (str_starts(c->project, id_prefix(ID_project)))
		known(ask);
	else
		mcp_operate(ask, op_named("list_projects"), STR_NONE, mcp_fields(ask, json_pack("{s:s}", "limit", "200")), projects_told);
}

/* --- draft_post --- */

static void
options(struct ask *ask, struct buf *b, const char *more)
{
	str language = mcp_argument(ask, "language"), length = mcp_argument(ask, "length");

	SAY(b, "\"options\": {%s", more);
	if (language.p != NULL)
		SAY(b, "%s\"language\": \"%.*s\"", *more != '\0' ? ", " : "", STR(language));
	if (length.p != NULL)
		SAY(b, "%s\"length\": \"%.*s\"", *more != '\0' || language.p != NULL ? ", " : "", STR(length));
	buf_add(b, S("}"));
}

static void
say_draft(struct ask *ask, struct buf *b)
{
	const struct composing *c = ask->own;

	SAY(b, "Write a LinkedIn post for the project above, in the voice that is described above, about this:\n\n%.*s\n\n", STR(mcp_argument(ask, "topic")));
	SAY(b, "How to go about it:\n"
	    "1. If the topic is thin, ask `search_knowledge` with {\"projectId\": \"%.*s\", \"q\": …} for facts. Use what stands there and in the topic; invent nothing.\n"
	    "2. Call `generate_post` with {\"projectId\": \"%.*s\", \"source\": {\"text\": the topic with the facts that you found}, ", STR(c->project), STR(c->project));
	options(ask, b, "");
	buf_add(b, S(", \"wait_for_completion_ms\": 25000}. It knows the voice, the samples and the pillars of the project.\n"
	    "3. When the job is DONE, read the draft by `get_post` with its `result.postId`. If it is still running, ask `get_job` again; if it FAILED, say what `errorMessage` says.\n"
	    "4. Show the whole draft, and ask what to change. Change it by `update_post`. Schedule it only when the person says when.\n"));
}

static void
draft_parts(struct ask *ask)
{
	struct composing *c = ask->own;

	with_project(ask);
	part(c, "scripe://projects/{id}/samples", c->project);
	gather(ask);
}

static void
draft_post(struct ask *ask)
{
	if (utf8_count(mcp_argument(ask, "topic")) > TOPIC_MAX) {
		mcp_fail(ask, RPC_PARAMS, "'topic' has more than %d characters: make it a source with create_source, and use the prompt repurpose_source.", TOPIC_MAX);
		return;
	}
	if (!language_ok(ask) || !length_ok(ask))
		return;
	(void)compose(ask, say_draft);
	find_project(ask, draft_parts);
}

/* --- repurpose_source --- */

static void
say_repurpose(struct ask *ask, struct buf *b)
{
	const struct composing *c = ask->own;

	SAY(b, "Make %d LinkedIn post%s of the source above, in the voice of the project above.\n\nHow to go about it:\n"
	    "1. Choose %d of its `topics`, the best ranked first, each with one of its `hooks`; where it has none, choose different thoughts of its text. No two posts say the same.\n"
	    "2. Say in a line each what the posts will be about.\n"
	    "3. For each, call `generate_post` with {\"projectId\": \"%.*s\", \"source\": {\"sourceId\": \"%.*s\"}, ",
	    (int)c->posts, c->posts == 1 ? "" : "s", (int)c->posts, STR(c->project), STR(mcp_argument(ask, "source")));
	options(ask, b, "\"hookId\": the id of the hook, \"instructions\": what this post is about and what to leave to the others");
	buf_add(b, S(", \"wait_for_completion_ms\": 25000}. It reads the whole text, of which you see the beginning.\n"
	    "4. When a job is DONE, read its draft by `get_post` with `result.postId`; while it runs, ask `get_job`.\n"
	    "5. Show the drafts one after another, and ask what to change. Change them by `update_post`. Schedule them only when the person says when.\n"));
}

/* The project of the source, unless another one was named. */
static void
source_told(struct ask *ask)
{
	struct composing *c = ask->own;
	struct error ignored;
	json_t *v = NULL;

	if (ask->call->x.status == 200 && json_read(ask->call->x.answer, &v, &ignored) == OK) {
		c->project = str_starts(mcp_argument(ask, "project"), id_prefix(ID_project)) ? mcp_argument(ask, "project") :
		    str_dup(ask->a, mcp_text(json_object_get(v, "data"), "projectId"));
		json_decref(v);
		with_project(ask);
	}
	part_told(ask);
}

static void
repurpose_source(struct ask *ask)
{
	struct composing *c = compose(ask, say_repurpose);

	if (!number(ask, "posts", 3, 10, &c->posts) || !language_ok(ask) || !length_ok(ask))
		return;
	part(c, "scripe://sources/{id}", mcp_argument(ask, "source"));
	mcp_fetch(ask, &c->parts[0], source_told);
}

/* --- plan_week --- */

static void
say_week(struct ask *ask, struct buf *b)
{
	const struct composing *c = ask->own;
	char from[TIME_LEN], to[TIME_LEN];

	time_write(from, c->start);
	time_write(to, c->start + WEEK - DAY_MS);
	SAY(b, "Plan the LinkedIn posts of the project above for the week from %.10s to %.10s: %d of them.\n\nHow to go about it:\n"
	    "1. See what is there: drafts and scheduled posts, notes whose `slot.date` lies in that week, sources that nothing was made of. What was posted lately is not said again.\n"
	    "2. Propose a table: day, time, pillar, what the post says, and what it is made of (an existing draft, a note, a source, or a new text). Spread the pillars; leave a day between two posts.\n"
	    "3. Ask the person to agree or to change it. Do nothing before they do.\n"
	    "4. Then make what is missing by `generate_post` with {\"projectId\": \"%.*s\", \"source\": {\"noteId\": …} or {\"sourceId\": …} or {\"text\": …}, \"wait_for_completion_ms\": 25000}, and read "
	    "each draft by `get_post`.\n"
	    "5. Schedule each that the person approves by `update_post` with {\"postId\": …, \"scheduledFor\": the moment, such as %.10sT09:00:00+01:00 in their time zone}.\n",
	    from, to, (int)c->posts, STR(c->project), from);
}

static void
week_parts(struct ask *ask)
{
	struct composing *c = ask->own;

	with_project(ask);
	part(c, "scripe://projects/{id}/posts", c->project);
	part(c, "scripe://projects/{id}/notes", c->project);
	part(c, "scripe://projects/{id}/sources", c->project);
	gather(ask);
}

/* The Monday after this day (1970 began on a Thursday). */
static int64_t
next_monday(int64_t now)
{
	int64_t day = time_day(now) / DAY_MS;

	return (day + 7 - (day + 3) % 7) * DAY_MS;
}

static void
plan_week(struct ask *ask)
{
	struct composing *c = compose(ask, say_week);
	str start = mcp_argument(ask, "start");

	if (!number(ask, "posts", 3, 14, &c->posts))
		return;
	if (start.p == NULL)
		c->start = next_monday(sys_wall_ms(mcp_api(ask)->c.clock));
	else if (!date_parse(start, &c->start) || c->start <= 0) {
		mcp_fail(ask, RPC_PARAMS, "'start' must be a day such as 2026-11-23.");
		return;
	}
	find_project(ask, week_parts);
}

/* --- the rows --- */

#define ARG_PROJECT	{ "project", "Project", "Name or id of the project; not needed where there is one", false, C_PROJECT }
#define ARG_LANGUAGE	{ "language", "Language", "Language of the post, such as en or de", false, C_LANGUAGE }
#define ARG_LENGTH	{ "length", "Length", "short, medium or long", false, C_LENGTH }

const struct prompt mcp_prompts[] = {
	{ "draft_post", "Draft a post", "Writes a LinkedIn post about a topic, in the voice of a project.",
	  { { "topic", "Topic", "What the post is about: a thought, notes, or a whole text", true, C_NONE }, ARG_PROJECT, ARG_LANGUAGE, ARG_LENGTH }, draft_post },
	{ "plan_week", "Plan a week", "Plans the posts of a week from what is there (drafts, notes, sources), and schedules them once agreed.",
	  { ARG_PROJECT, { "start", "First day", "First day of the week, such as 2026-11-23; the coming Monday when left out", false, C_DAY },
	    { "posts", "Posts", "How many posts, 3 when left out", false, C_COUNT } }, plan_week },
	{ "repurpose_source", "Repurpose a source", "Makes several LinkedIn posts of one talk, recording or article.",
	  { { "source", "Source", "Id of the source", true, C_SOURCE }, { "posts", "Posts", "How many posts, 3 when left out", false, C_COUNT },
	    { "project", "Project", "Id of the project whose voice is used; that of the source when left out", false, C_PROJECT }, ARG_LANGUAGE, ARG_LENGTH }, repurpose_source },
};
const int mcp_nprompts = (int)COUNT(mcp_prompts);

const struct prompt *
mcp_prompt(const struct ask *ask, str name)
{
	for (int i = 0; i < mcp_nprompts; i++)
		if (str_eq(str_z(mcp_prompts[i].name), name))
			return &mcp_prompts[i];
	for (int i = 0; mcp_conformance(ask) && i < mcp_nfixture_prompts; i++)
		if (str_eq(str_z(mcp_fixture_prompts[i].name), name))
			return &mcp_fixture_prompts[i];
	return NULL;
}

static void
list_prompt(struct json *j, const struct prompt *p)
{
	jw_obj(j);
	jw_key_str(j, S("name"), str_z(p->name));
	jw_key_str(j, S("title"), str_z(p->title));
	jw_key_str(j, S("description"), str_z(p->description));
	jw_key(j, S("arguments"));
	jw_arr(j);
	for (const struct prompt_arg *a = p->args; a < p->args + PROMPT_ARGS && a->name != NULL; a++) {
		jw_obj(j);
		jw_key_str(j, S("name"), str_z(a->name));
		jw_key_str(j, S("title"), str_z(a->title));
		jw_key_str(j, S("description"), str_z(a->description));
		jw_key(j, S("required"));
		jw_bool(j, a->required);
		jw_end(j);
	}
	jw_end(j);
	jw_end(j);
}

void
mcp_prompts_list(struct ask *ask)
{
	if (!mcp_one_page(ask))
		return;
	struct json *j = mcp_result(ask);
	jw_key(j, S("prompts"));
	jw_arr(j);
	for (int i = 0; i < mcp_nprompts; i++)
		list_prompt(j, &mcp_prompts[i]);
	for (int i = 0; mcp_conformance(ask) && i < mcp_nfixture_prompts; i++)
		list_prompt(j, &mcp_fixture_prompts[i]);
	jw_end(j);
	mcp_caching(ask, PROMPTS_TTL, true);
	mcp_done(ask);
}

/* Arguments are texts, and what is required is there. */
static bool
arguments_ok(struct ask *ask, const struct prompt *p)
{
	json_t *given = json_object_get(ask->params, "arguments"), *v;
	const char *name;

	if (given != NULL && !json_is_object(given)) {
		mcp_fail(ask, RPC_PARAMS, "'arguments' must be an object of texts.");
		return false;
	}
	json_object_foreach(given, name, v)
		if (!json_is_string(v)) {
			mcp_fail(ask, RPC_PARAMS, "Each argument of a prompt is a text.");
			return false;
		}
	for (const struct prompt_arg *a = p->args; a < p->args + PROMPT_ARGS && a->name != NULL; a++)
		if (a->required && mcp_argument(ask, a->name).p == NULL) {
			mcp_fail(ask, RPC_PARAMS, "The prompt %s needs the argument '%s': %s.", p->name, a->name, a->description);
			return false;
		}
	return true;
}

void
mcp_prompts_get(struct ask *ask)
{
	str name = mcp_text(ask->params, "name");
	const struct prompt *p = name.p != NULL ? mcp_prompt(ask, name) : NULL;

	if (p == NULL)
		mcp_fail(ask, RPC_PARAMS, "There is no prompt of that name: prompts/list says which there are.");
	else if (arguments_ok(ask, p))
		p->run(ask);
}
