/* versions -- which versions of the API are spoken, and what each one changed (contract 2.2, 12.1).
 *
 * A new version is a row of `versions` in front of the others, and a row of `changes` for each thing that it does
 * otherwise.  Handlers, models and SQL know the newest form only. */
#include "api/rq.h"
#include "model/note.h"
#include "model/post.h"
#include "rec/older.h"

/* Newest first; the first one is the default. */
const struct version versions[] = {
	{ .date = VERSION_CURRENT },
	{ .date = "2026-05-01", .deprecated = VERSION_CURRENT, .sunset = "2099-12-31", .replacement = VERSION_CURRENT, .test = true },
};
const int nversions = (int)COUNT(versions);

/* --- what 2026-08-01 changed --- */

static void
is_business(const void *content_type, void *ret)
{
	int t = *(const int *)content_type;
	*(bool *)ret = t == CT_BUSINESS_INTERNAL || t == CT_BUSINESS_EXTERNAL;
}

static void
of_business(const void *business, void *content_type)
{
	*(int *)content_type = *(const bool *)business ? CT_BUSINESS_EXTERNAL : CT_PERSONAL;
}

static const struct field a_business = { .type = T_BOOL, .doc = "Whether it is about a business; `contentType` says more" };
#define USE_TYPE	"`true` is `BUSINESS_EXTERNAL`, `false` is `PERSONAL`; in answers both business types were `true`."

static const struct change changes[] = {
	{ "2026-08-01", &note_rec, CHANGE_RENAMED, S_INIT("content"), S_INIT("text"), NULL, NULL, NULL, "" },
	{ "2026-08-01", &note_create_rec, CHANGE_RENAMED, S_INIT("content"), S_INIT("text"), NULL, NULL, NULL, "" },
	{ "2026-08-01", &notes_query_rec, CHANGE_RENAMED, S_INIT("folderId"), S_INIT("folder"), NULL, NULL, NULL, "" },
	{ "2026-08-01", &post_rec, CHANGE_REMOVED, S_INIT("contentType"), S_INIT("business"), &a_business, is_business, NULL, USE_TYPE },
	{ "2026-08-01", &post_create_rec, CHANGE_REMOVED, S_INIT("contentType"), S_INIT("business"), &a_business, NULL, of_business, USE_TYPE },
	{ "2026-08-01", &post_patch_rec, CHANGE_REMOVED, S_INIT("contentType"), S_INIT("business"), &a_business, NULL, of_business, USE_TYPE },
};

/* --- which --- */

/* A sunset is the first moment of its day. */
bool
version_open(const struct version *v, const struct conf *c, const struct sys_clock *clock)
{
	int64_t end;

	if (v->test && !c->test_version)
		return false;
	return v->sunset == NULL || !date_parse(str_z(v->sunset), &end) || sys_wall_ms(clock) < end;
}

const struct version *
version_find(str date)
{
	for (int i = 0; i < nversions; i++)
		if (str_eq(str_z(versions[i].date), date))
			return &versions[i];
	return NULL;
}

/* --- their records --- */

static struct older older[COUNT(versions)];	/* the first one stays empty: nothing is undone */
static struct arena arena;
static const char *wrong;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
make_records(struct older *o)
{
	for (int i = 0; i < nops; i++) {
		if (ops[i].in != NULL)
			(void)older_rec(o, ops[i].in);
		(void)older_rec(o, ops[i].out);
	}
	for (size_t i = 0; i < COUNT(changes); i++)
		if (strcmp(changes[i].since, o->since) == 0 && older_find(o, changes[i].rec) == changes[i].rec)
			o->bad = str_fmt(&arena, "%s: no operation has the record %s", changes[i].since, changes[i].rec->name).p;
}

static void
make_all(void)
{
	arena_init(&arena, (size_t)4 << 20);
	for (int i = 1; i < nversions; i++) {
		older[i] = (struct older){ .since = versions[i - 1].date, .newer = i > 1 ? &older[i - 1] : NULL, .changes = changes,
		    .nchanges = (int)COUNT(changes), .a = &arena };
		make_records(&older[i]);
		if (wrong == NULL)
			wrong = older[i].bad;
	}
	for (size_t i = 0; i < COUNT(changes) && wrong == NULL; i++)
		if (version_find(str_z(changes[i].since)) == NULL)
			wrong = str_fmt(&arena, "%s: a change of a version that is none", changes[i].since).p;
}

const char *
versions_check(void)
{
	pthread_once(&once, make_all);
	return wrong;
}

const struct rec *
version_older(const struct version *v, const struct rec *newest)
{
	pthread_once(&once, make_all);
	return older_find(&older[v - versions], newest);
}

/* --- said to people --- */

static void
print_change(const struct change *c, struct buf *b)
{
	buf_fmt(b, "| %s | %s | ", c->since, c->rec->name);
	if (c->kind == CHANGE_RENAMED)
		buf_fmt(b, "`%.*s` was called `%.*s`. |\n", STR(c->now), STR(c->then));
	else
		buf_fmt(b, "`%.*s` is gone: use `%.*s`. %s |\n", STR(c->then), STR(c->now), c->doc);
}

void
versions_print(struct buf *b)
{
	buf_add(b, S("| Version | Status | Deprecated | Sunset | Replaced by |\n| --- | --- | --- | --- | --- |\n"));
	for (int i = 0; i < nversions; i++) {
		const struct version *v = &versions[i];
		const char *status = v->test ? "for tests" : v->sunset != NULL ? "deprecated" : i == 0 ? "current" : "supported";
		const char *none = "";
		buf_fmt(b, "| %s | %s | %s | %s | %s |\n", v->date, status, v->deprecated != NULL ? v->deprecated : none,
		    v->sunset != NULL ? v->sunset : none, v->replacement != NULL ? v->replacement : none);
	}
	buf_add(b, S("\n| Since | Record | Change |\n| --- | --- | --- |\n"));
	for (size_t i = 0; i < COUNT(changes); i++)
		print_change(&changes[i], b);
}
