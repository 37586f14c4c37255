#include "mcp/resource.h"
#include "t.h"
#include <stdlib.h>

#define ID	"01J9ZAB12CD34E56F7G8H9JKMN"

/* --- addresses --- */

static const struct { const char *uri, *form, *id, *project; } good[] = {
	{ "scripe://projects/proj_" ID, "scripe://projects/{id}", "proj_" ID, NULL },
	{ "scripe://projects/proj_" ID "/voice", "scripe://projects/{id}/voice", "proj_" ID, NULL },
	{ "scripe://projects/proj_" ID "/posts", "scripe://projects/{id}/posts", "proj_" ID, NULL },
	{ "scripe://projects/proj_" ID "/posts/post_" ID, "scripe://projects/{projectId}/posts/{id}", "post_" ID, "proj_" ID },
	{ "scripe://posts/post_" ID, "scripe://posts/{id}", "post_" ID, NULL },
	{ "scripe://posts/post%5F" ID, "scripe://posts/{id}", "post_" ID, NULL },
	{ "scripe://posts/x", "scripe://posts/{id}", "x", NULL },
	{ "scripe://notes/%E2%82%AC", "scripe://notes/{id}", "\xe2\x82\xac", NULL },
	{ "scripe://sources/%2525", "scripe://sources/{id}", "%25", NULL },
	{ "scripe://docs/notes", "scripe://docs/{page}", "notes", NULL },
	{ "scripe://docs/api/v1/notes", "scripe://docs/{page}", "api/v1/notes", NULL },
	{ "scripe://docs/api%2fv1%2Fnotes", "scripe://docs/{page}", "api/v1/notes", NULL },
	{ "scripe://docs/errors", "scripe://docs/{page}", "errors", NULL },
	{ "scripe://docs/errors/not_found", "scripe://docs/errors/{code}", "errors/not_found", NULL },
};
static const char *const bad[] = {
	"", "scripe:", "scripe://", "scripe://posts", "scripe://posts/", "scripe://posts//", "scripe://posts/a/b", "scripe://posts/a/", "scripe://projects/a/nothing",
	"scripe://projects//posts/b", "scripe://projects/a/posts/", "scripe://projects/a/posts/b/c", "SCRIPE://posts/a", "Scripe://posts/a", "http://posts/a", " scripe://posts/a",
	"scripe://posts/%", "scripe://posts/%4", "scripe://posts/%zz", "scripe://posts/%00", "scripe://posts/a%00", "scripe://posts/%ff", "scripe://posts/%C0%AF",
	"scripe://docs/", "scripe://voices/a", "test://template/1/data",
};

TEST(an_address_is_read_by_the_template_that_it_fits)
{
	struct arena a;
	struct address at;

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(good); i++) {
		CHECK(mcp_address(&a, str_z(good[i].uri), &at));
		CHECK_STR(str_z(at.t->uri), str_z(good[i].form));
		CHECK_STR(at.id, str_z(good[i].id));
		CHECK(good[i].project == NULL ? at.project.p == NULL : str_eq(at.project, str_z(good[i].project)));
	}
	arena_free(&a);
}

TEST(what_fits_no_template_is_no_address)
{
	struct arena a;
	struct address at;

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (mcp_address(&a, str_z(bad[i]), &at))
			t_fail(__FILE__, __LINE__, "%s is an address of %s", bad[i], at.t->uri);
	arena_free(&a);
}

/* An address without its last byte, in memory of exactly its size: nothing behind it is read. */
TEST(an_address_that_ends_early_is_read_to_its_end_alone)
{
	struct arena a;
	struct address at;

	arena_init(&a, (size_t)4 << 20);
	for (size_t i = 0; i < COUNT(good); i++)
		for (size_t n = 0; n < strlen(good[i].uri); n++) {
			char *p = malloc(n + 1);
			memcpy(p, good[i].uri, n);
			p[n] = '%';
			(void)mcp_address(&a, (str){ p, n }, &at);
			CHECK(!mcp_address(&a, (str){ p, n + 1 }, &at));
			free(p);
		}
	arena_free(&a);
}

TEST(every_template_is_read_by_an_operation_that_is_a_tool_or_is_a_page)
{
	for (int i = 0; i < mcp_ntemplates; i++) {
		const struct template *t = &mcp_templates[i];
		const struct op *o = t->op != NULL ? op_named(t->op) : NULL;
		CHECK((o == NULL) == (t->id == C_PAGE || t->id == C_ERROR));
		CHECK(o == NULL || ((o->flags & OP_MCP) && o->method == M_GET));
		CHECK(o == NULL || t->by_project == (o->id_kind < 0));
		CHECK(t->name[0] != '\0' && t->title[0] != '\0' && t->description[0] != '\0');
	}
}

/* --- changes --- */

TEST(a_change_touches_the_thing_and_the_list_that_it_stands_in)
{
	static const struct { const char *uri, *type; bool touched; } rows[] = {
		{ "scripe://posts/post_" ID, "post.updated", true }, { "scripe://posts/post_" ID, "post.scheduled", true },
		{ "scripe://posts/post_" ID, "note.created", false }, { "scripe://posts/post_01J9ZAB12CD34E56F7G8H9JKMM", "post.updated", false },
		{ "scripe://projects/proj_" ID "/posts/post_" ID, "post.updated", true },
		{ "scripe://projects/proj_01J9ZAB12CD34E56F7G8H9JKMM/posts/post_" ID, "post.updated", false },
		{ "scripe://projects/proj_" ID "/posts", "post.created", true }, { "scripe://projects/proj_" ID "/notes", "post.created", false },
		{ "scripe://projects/proj_01J9ZAB12CD34E56F7G8H9JKMM/posts", "post.created", false },
		{ "scripe://projects/proj_" ID, "post.created", false }, { "scripe://projects/proj_" ID "/voice", "post.created", false },
		{ "scripe://docs/posts", "post.created", false }, { "scripe://posts/post_" ID, "job.completed", false },
	};
	struct arena a;
	struct address at;

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK(mcp_address(&a, str_z(rows[i].uri), &at));
		if (mcp_touched(&at, str_z(rows[i].type), S("post_" ID), S(ID)) != rows[i].touched)
			t_fail(__FILE__, __LINE__, "%s by %s", rows[i].uri, rows[i].type);
	}
	CHECK(mcp_address(&a, S("scripe://projects/proj_" ID), &at));
	CHECK(mcp_touched(&at, S("project.updated"), S("proj_" ID), S(ID)));
	CHECK(mcp_address(&a, S("scripe://projects/proj_" ID "/posts"), &at));
	CHECK(!mcp_touched(&at, S("project.updated"), S("proj_" ID), S(ID)));
	CHECK(!mcp_touched(&at, S("post.created"), S("post_" ID), S("")));
	arena_free(&a);
}
