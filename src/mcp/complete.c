/* complete -- what an argument of a prompt or the variable of an address may be: found by what the person typed of its name or text.
 * Values are what the argument takes, so of things their ids.  Things are listed as the caller, by the operations of the API. */
#include "mcp/resource.h"
#include "docs/docs.h"

#define VALUES_MAX	100		/* of the protocol */
#define PROJECTS_LIMIT	"3"
#define PROJECTS_MAX	3		/* whose things are looked through where no project is known: each costs a request */
#define LOOKED_AT	200		/* bytes of a text */

struct hints {
	struct wanted want;
	str first[VALUES_MAX], second[VALUES_MAX];	/* what begins with the value; what has it somewhere */
	int nfirst, nsecond, total;
	bool more;			/* than was looked at */
	str projects[PROJECTS_MAX];
	int nprojects, at;
};

/* --- what fits --- */

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c; }

/* 0: it begins with the value; 1: it has it somewhere; -1: neither */
static int
rank(str text, str value)
{
	text = utf8_head(text, LOOKED_AT);
	for (size_t from = 0; from + value.n <= text.n; from++) {
		size_t k = 0;
		while (k < value.n && lower(text.p[from + k]) == lower(value.p[k]))
			k++;
		if (k == value.n)
			return from > 0;
	}
	return -1;
}

static void
take(struct ask *ask, struct hints *h, str value, int rank)
{
	int *n = rank == 0 ? &h->nfirst : &h->nsecond;

	if (rank < 0)
		return;
	h->total++;
	if (*n < VALUES_MAX)
		(rank == 0 ? h->first : h->second)[(*n)++] = str_dup(ask->a, value);
}

static void
answer(struct ask *ask)
{
	const struct hints *h = ask->own;
	struct json *j = mcp_result(ask);
	int n = MIN(h->nfirst + h->nsecond, VALUES_MAX);

	jw_key(j, S("completion"));
	jw_obj(j);
	jw_key(j, S("values"));
	jw_arr(j);
	for (int i = 0; i < n; i++)
		jw_str(j, i < h->nfirst ? h->first[i] : h->second[i - h->nfirst]);
	jw_end(j);
	if (!h->more)
		jw_key_i64(j, S("total"), h->total);
	jw_key(j, S("hasMore"));
	jw_bool(j, h->more || h->total > n);
	jw_end(j);
	mcp_done(ask);
}

/* --- things --- */

static const struct { const char *list; const char *texts[2]; } listed[] = {
	[C_PROJECT] = { "list_projects", { "name", "id" } }, [C_POST] = { "list_posts", { "title", "content" } },
	[C_NOTE] = { "list_notes", { "content", "id" } }, [C_SOURCE] = { "list_sources", { "name", "excerpt" } },
};

static void
take_thing(struct ask *ask, struct hints *h, const json_t *thing)
{
	str id = mcp_text(thing, "id");
	int best = rank(id, h->want.value) == 0 ? 0 : -1;

	for (size_t i = 0; i < COUNT(listed[0].texts) && best != 0; i++) {
		int r = rank(mcp_text(thing, listed[h->want.kind].texts[i]), h->want.value);
		best = r >= 0 && (best < 0 || r < best) ? r : best;
	}
	take(ask, h, id, best);
}

static void things_told(struct ask *);

static void
ask_for_things(struct ask *ask)
{
	struct hints *h = ask->own;
	str project = h->projects[h->at];
	json_t *query = h->want.kind == C_PROJECT ? mcp_fields(ask, json_pack("{s:s}", "limit", "200")) :
	    mcp_fields(ask, json_pack("{s:s%, s:s}", "projectId", project.p, project.n, "limit", "200"));

	mcp_operate(ask, op_named(listed[h->want.kind].list), STR_NONE, query, things_told);
}

/* False: refused, and answered; what is not there or not this caller's to see completes nothing. */
static bool
told(struct ask *ask, json_t **ret)
{
	int status = ask->call->x.status;
	struct error e;

	if (status == 200) {
		enum err code = json_read(ask->call->x.answer, ret, &e);
		if (code == OK)
			return true;
		mcp_refuse(ask, code, &e);
	} else if (status >= 429) {
		mcp_refused(ask, STR_NONE);
	} else {
		answer(ask);
	}
	return false;
}

static void
things_told(struct ask *ask)
{
	struct hints *h = ask->own;
	json_t *v, *thing;
	size_t i;

	if (!told(ask, &v))
		return;
	json_array_foreach(json_object_get(v, "data"), i, thing)
		take_thing(ask, h, thing);
	h->more |= json_is_true(json_object_get(json_object_get(v, "pagination"), "has_more"));
	json_decref(v);
	if (h->want.kind != C_PROJECT && ++h->at < h->nprojects && h->total < VALUES_MAX)
		ask_for_things(ask);
	else
		answer(ask);
}

static void
projects_told(struct ask *ask)
{
	struct hints *h = ask->own;
	json_t *v, *p;
	size_t i;

	if (!told(ask, &v))
		return;
	json_array_foreach(json_object_get(v, "data"), i, p)
		if (h->nprojects < PROJECTS_MAX)
			h->projects[h->nprojects++] = str_dup(ask->a, mcp_text(p, "id"));
	h->more |= json_is_true(json_object_get(json_object_get(v, "pagination"), "has_more"));
	json_decref(v);
	if (h->nprojects > 0)
		ask_for_things(ask);
	else
		answer(ask);
}

static void
things(struct ask *ask, struct hints *h)
{
	if (h->want.kind == C_PROJECT || h->want.project.p != NULL) {
		h->projects[h->nprojects++] = h->want.project;
		ask_for_things(ask);
	} else {
		mcp_operate(ask, op_named("list_projects"), STR_NONE, mcp_fields(ask, json_pack("{s:s}", "limit", PROJECTS_LIMIT)), projects_told);
	}
}

/* --- words --- */

static void
take_pages(struct ask *ask, struct hints *h, bool errors)
{
	int n;
	const str *names = docs_names(ask->a, &n);

	for (int i = 0; i < n; i++) {
		bool error = str_starts(names[i], S("errors/"));
		if (error == errors)
			take(ask, h, error ? str_cut(names[i], sizeof("errors/") - 1, names[i].n) : names[i],
			    rank(error ? str_cut(names[i], sizeof("errors/") - 1, names[i].n) : names[i], h->want.value));
	}
}

/* The days on which the next weeks begin. */
static void
take_days(struct ask *ask, struct hints *h)
{
	int64_t day = time_day(sys_wall_ms(mcp_api(ask)->c.clock)) / DAY_MS;
	char text[TIME_LEN];

	for (int week = 1; week <= 4; week++) {
		time_write(text, (day - (day + 3) % 7 + 7 * week) * DAY_MS);
		take(ask, h, (str){ text, 10 }, rank((str){ text, 10 }, h->want.value) == 0 ? 0 : -1);
	}
}

static void
take_words(struct ask *ask, struct hints *h, const char *const *words, int n)
{
	for (int i = 0; i < n; i++)
		take(ask, h, str_z(words[i]), rank(str_z(words[i]), h->want.value) == 0 ? 0 : -1);
}

static void
words(struct ask *ask, struct hints *h)
{
	static const char *const languages[] = { "en", "de", "fr", "es", "it", "pt", "pt-BR", "nl", "pl", "sv", "da", "nb", "fi", "cs", "tr", "uk", "ja", "ko", "zh", "hi", "ar" };
	static const char *const counts[] = { "1", "2", "3", "4", "5", "6", "7", "8", "9", "10" };

	if (h->want.kind == C_PAGE || h->want.kind == C_ERROR)
		take_pages(ask, h, h->want.kind == C_ERROR);
	else if (h->want.kind == C_LANGUAGE)
		take_words(ask, h, languages, (int)COUNT(languages));
	else if (h->want.kind == C_LENGTH)
		take_words(ask, h, gen_length_words.v, gen_length_words.n);
	else if (h->want.kind == C_COUNT)
		take_words(ask, h, counts, (int)COUNT(counts));
	else if (h->want.kind == C_DAY)
		take_days(ask, h);
	answer(ask);
}

/* --- what is asked for --- */

static bool
of_prompt(struct ask *ask, str name, str argument, enum complete *ret)
{
	const struct prompt *p = name.p != NULL ? mcp_prompt(ask, name) : NULL;

	for (const struct prompt_arg *a = p != NULL ? p->args : NULL; a != NULL && a < p->args + PROMPT_ARGS && a->name != NULL; a++)
		if (str_eq(str_z(a->name), argument)) {
			*ret = a->with;
			return true;
		}
	return false;
}

static bool
of_template(struct ask *ask, str uri, str variable, enum complete *ret)
{
	str braced = str_fmt(ask->a, "{%.*s}", STR(variable));

	for (int i = 0; i < mcp_ntemplates; i++)
		if (str_eq(str_z(mcp_templates[i].uri), uri) && strstr(mcp_templates[i].uri, braced.p) != NULL) {
			*ret = str_eq(variable, S("projectId")) ? C_PROJECT : mcp_templates[i].id;
			return true;
		}
	*ret = C_NONE;
	return mcp_conformance(ask) && str_eq(uri, S(FIXTURE_TEMPLATE)) && str_eq(variable, S("id"));
}

/* The project that was chosen before, under either of the names that we give it. */
static str
known_project(const struct ask *ask)
{
	const json_t *before = json_object_get(json_object_get(ask->params, "context"), "arguments");
	str id = mcp_text(before, "projectId");

	if (id.p == NULL)
		id = mcp_text(before, "project");
	return str_starts(id, id_prefix(ID_project)) ? id : STR_NONE;
}

void
mcp_complete(struct ask *ask)
{
	const json_t *ref = json_object_get(ask->params, "ref"), *argument = json_object_get(ask->params, "argument");
	str type = mcp_text(ref, "type"), name = mcp_text(argument, "name");
	struct hints *h = ask->own = NEW(ask->a, struct hints);
	bool known = false;

	h->want = (struct wanted){ .value = mcp_text(argument, "value"), .project = known_project(ask) };
	if (name.p == NULL || h->want.value.p == NULL) {
		mcp_fail(ask, RPC_PARAMS, "'argument' must have a name and a value, both texts.");
		return;
	}
	if (str_eq(type, S("ref/prompt")))
		known = of_prompt(ask, mcp_text(ref, "name"), name, &h->want.kind);
	else if (str_eq(type, S("ref/resource")))
		known = of_template(ask, mcp_text(ref, "uri"), name, &h->want.kind);
	if (!known)
		mcp_fail(ask, RPC_PARAMS, "There is no such argument: 'ref' names a prompt of prompts/list, or a template of resources/templates/list, 'argument' one of its arguments.");
	else if (h->want.kind >= C_PROJECT && h->want.kind <= C_SOURCE)
		things(ask, h);
	else
		words(ask, h);
}
