#include "model/node.h"
#include "t.h"

TEST(nodes_that_differ_are_told_by_what)
{
	struct arena a;

	arena_init(&a, 1 << 16);
	struct node v[] = {
		{ .seen_at = 0, .settings = S("kv=dead\n") }, { .seen_at = 100000, .settings = S("kv=a\nrate=1\n") }, { .seen_at = 100000, .settings = S("") },
		{ .seen_at = 100000, .settings = S("kv=b\nrate=1\nnew=2\n") }, { .seen_at = 100000, .settings = S("kv=\nrate=1\n") },
	};
	nodes_judge(&a, v, (int)COUNT(v), 100000 + NODE_DEAD_MS - 1);
	CHECK(!v[0].alive && v[1].alive && v[2].alive && v[3].alive);
	CHECK_STR(v[0].differs, S(""));
	CHECK_STR(v[1].differs, S("kv=a"));
	CHECK_STR(v[2].differs, S(""));
	CHECK_STR(v[3].differs, S("kv=b"));
	CHECK_STR(v[4].differs, S("kv="));
	CHECK(node_setting(v[1].settings, S("rat")).p == NULL && node_setting(v[4].settings, S("kv")).n == 0 && node_setting(v[4].settings, S("kv")).p != NULL);
	nodes_judge(&a, &v[1], 2, 100000);
	CHECK_STR(v[1].differs, S(""));
	arena_free(&a);
}
