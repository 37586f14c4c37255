#include "model/source.h"
#include "model/project.h"
#include "model/workspace.h"
#include "t_db.h"

#define MK(type, n)	((type##_id){ t_ulid(1000, n) })

SQL(put_topic, "test.topic", "INSERT INTO source_topic (workspace, id, source, title, summary, takeaways, ranking, score, from_ms, to_ms)"
    " VALUES ($1, $2, $3, $4, 's', '[\"a\",\"b\"]', $5, 870, $6, $7)");
SQL(put_hook, "test.hook", "INSERT INTO source_hook (workspace, id, source, topic, position, content, post_type, content_type)"
    " VALUES ($1, $2, $3, $4, $5, $6, 'STORY', 'PERSONAL')");

struct bench { struct db db; struct arena a; struct error e; };

/* Two workspaces with the same project: whatever a query forgets to bind shows. */
static void
setup(struct bench *b, struct t_db *t)
{
	status_id ids[PROJECT_COLUMNS];

	t_db_schema(t);
	*b = (struct bench){ .db = t_db_open(t) };
	arena_init(&b->a, 64 << 20);
	for (int w = 1; w <= 2; w++) {
		struct workspace ws = { .id = MK(workspace, w), .name = S("Acme"), .plan = PLAN_TRIAL, .subscription = SUB_ACTIVE };
		struct project p = { .id = MK(project, 1), .name = S("Ada"), .type = PT_COMPANY_PAGE, .status = PS_ACTIVE, .url = STR_NONE };
		for (int i = 0; i < PROJECT_COLUMNS; i++)
			ids[i] = MK(status, i);
		CHECK_OK(b->e, workspace_insert(&b->db, &ws, &b->e));
		CHECK_OK(b->e, project_insert(&b->db, MK(workspace, w), &p, ids, &b->e));
	}
}

static void
teardown(struct bench *b)
{
	arena_free(&b->a);
	b->db.ops->close(&b->db);
}

static struct source
put(struct bench *b, int w, int n, int status, str text)
{
	struct source s;

	rec_init(&source_rec, &s);
	s.id = MK(source, n);
	s.project = MK(project, 1);
	s.status = status;
	s.name = S("Talk");
	s.preview = text.p != NULL ? source_preview(text) : S("");
	s.has_text = text.p != NULL;
	s.truncated = s.preview.n < text.n;
	CHECK_OK(b->e, source_insert(&b->db, MK(workspace, w), &s, text, S("\x05\x01\x00"), &b->e));
	return s;
}

static str
encoded(struct bench *b, const struct source *s)
{
	struct buf out;
	struct json j;

	buf_init(&out, &b->a, 1 << 20);
	jw_begin(&j, &out);
	rec_encode(&source_rec, s, &j);
	return buf_str(&out);
}

DB_TEST(a_source_is_read_as_it_was_written)
{
	struct bench b;
	struct source s, got;
	int status = -1;

	setup(&b, t);
	s = put(&b, 1, 1, SS_DONE, S("All of it."));
	CHECK_OK(b.e, source_get(&b.db, &b.a, MK(workspace, 1), s.id, &got, &b.e));
	CHECK_STR(encoded(&b, &got), encoded(&b, &s));
	CHECK_OK(b.e, source_status(&b.db, MK(workspace, 1), s.id, &status, &b.e));
	CHECK_INT(status, ==, SS_DONE);
	s = put(&b, 1, 2, SS_PROCESSING, STR_NONE);
	CHECK_OK(b.e, source_get(&b.db, &b.a, MK(workspace, 1), s.id, &got, &b.e));
	CHECK(!got.has_text && !got.truncated && got.preview.n == 0 && got.duration == INT_NONE);
	teardown(&b);
}

DB_TEST(the_whole_text_is_read_alone)
{
	struct bench b;
	struct buf text;
	str got, marks;

	setup(&b, t);
	buf_init(&text, &b.a, 8 << 20);
	for (int i = 0; i < SOURCE_TEXT_MAX; i++)
		buf_add(&text, S("😀"));
	struct source s = put(&b, 1, 1, SS_DONE, buf_str(&text));
	CHECK(s.truncated && s.preview.n == (size_t)SOURCE_PREVIEW * 4);
	CHECK_OK(b.e, source_text(&b.db, &b.a, MK(workspace, 1), s.id, &got, &b.e));
	CHECK_OK(b.e, source_marks(&b.db, &b.a, MK(workspace, 1), s.id, &marks, &b.e));
	CHECK_STR(marks, S("\x05\x01\x00"));
	CHECK_OK(b.e, source_marks(&b.db, &b.a, MK(workspace, 2), s.id, &marks, &b.e));
	CHECK(marks.p == NULL);
	CHECK(str_eq(got, buf_str(&text)));
	put(&b, 1, 2, SS_PROCESSING, STR_NONE);
	CHECK_ERR(source_text(&b.db, &b.a, MK(workspace, 1), MK(source, 2), &got, &b.e), E_NOT_FOUND);
	teardown(&b);
}

DB_TEST(a_source_is_its_workspaces_own)
{
	struct bench b;
	struct source got;
	int status;
	str text;

	setup(&b, t);
	put(&b, 1, 1, SS_DONE, S("x"));
	CHECK_ERR(source_get(&b.db, &b.a, MK(workspace, 2), MK(source, 1), &got, &b.e), E_NOT_FOUND);
	CHECK_STR(str_z(b.e.detail), S("Source not found."));
	CHECK_ERR(source_status(&b.db, MK(workspace, 2), MK(source, 1), &status, &b.e), E_NOT_FOUND);
	CHECK_ERR(source_text(&b.db, &b.a, MK(workspace, 2), MK(source, 1), &text, &b.e), E_NOT_FOUND);
	put(&b, 2, 1, SS_ERROR, STR_NONE);
	CHECK_OK(b.e, source_status(&b.db, MK(workspace, 1), MK(source, 1), &status, &b.e));
	CHECK_INT(status, ==, SS_DONE);
	teardown(&b);
}

static void
topic(struct bench *b, int w, int n, int ranking, const char *title, int64_t from, int64_t to)
{
	CHECK_OK(b->e, db_run(&b->db, put_topic, &b->e, VID(MK(workspace, w)), VID(MK(topic, n)), VID(MK(source, 1)), V(str_z(title)), V(ranking),
	    VTIME(from), VTIME(to)));
}

static void
hook(struct bench *b, int w, int n, int of, int position, const char *content)
{
	CHECK_OK(b->e, db_run(&b->db, put_hook, &b->e, VID(MK(workspace, w)), VID(MK(hook, n)), VID(MK(source, 1)), VID(MK(topic, of)), V(position),
	    V(str_z(content))));
}

/* What is found in a source comes best first, each topic with its own hooks in their order. */
DB_TEST(topics_come_by_ranking_with_their_hooks)
{
	struct bench b;
	struct source got;

	setup(&b, t);
	for (int w = 1; w <= 2; w++)
		put(&b, w, 1, SS_DONE, S("x"));
	topic(&b, 1, 1, 3, "third", TIME_NONE, TIME_NONE);
	topic(&b, 1, 2, 1, "first", 12500, 95000);
	topic(&b, 1, 3, 2, "second", 0, 1);
	topic(&b, 2, 4, 1, "theirs", 0, 1);
	hook(&b, 1, 1, 2, 2, "b");
	hook(&b, 1, 2, 1, 1, "c");
	hook(&b, 1, 3, 2, 1, "a");
	hook(&b, 2, 4, 4, 1, "theirs");
	CHECK_OK(b.e, source_get(&b.db, &b.a, MK(workspace, 1), MK(source, 1), &got, &b.e));
	str all = encoded(&b, &got);
#define TOPIC(n, title, ranking, from, to, hooks) str_fmt(&b.a, "{\"id\":\"tpc_%s\",\"title\":\"%s\",\"summary\":\"s\",\"keyTakeaways\":[\"a\",\"b\"],\"ranking\":%d," \
	"\"score\":0.87,\"fromSeconds\":%s,\"toSeconds\":%s,\"hooks\":[%s]}", MK(topic, n).u.s, title, ranking, from, to, hooks).p
#define HOOK(n, text) str_fmt(&b.a, "{\"id\":\"hk_%s\",\"content\":\"%s\",\"postType\":\"STORY\",\"contentType\":\"PERSONAL\"}", MK(hook, n).u.s, text).p
	str want = str_fmt(&b.a, ",\"topics\":[%s,%s,%s]}", TOPIC(2, "first", 1, "12.5", "95", str_fmt(&b.a, "%s,%s", HOOK(3, "a"), HOOK(1, "b")).p),
	    TOPIC(3, "second", 2, "0", "0.001", ""), TOPIC(1, "third", 3, "null", "null", HOOK(2, "c")));
	CHECK(str_ends(all, want));
	teardown(&b);
}

DB_TEST(what_was_found_is_written_and_a_hook_is_found_by_itself)
{
	struct bench b;
	struct source got;
	struct hook_found h;

	setup(&b, t);
	for (int w = 1; w <= 2; w++)
		put(&b, w, 1, SS_DONE, S("x"));
	struct hook hs[] = { { MK(hook, 1), MK(topic, 1), S("We sell bread."), S("CLAIM"), CT_BUSINESS_INTERNAL }, { MK(hook, 2), MK(topic, 1), S("Why?"), S("QUESTION"), CT_UNKNOWN } };
	struct topic ts[] = { { .id = MK(topic, 1), .title = S("Bread"), .summary = S("All of it."), .takeaways = S("[\"k\"]"), .ranking = 1, .score = 700, .from = INT_NONE, .to = INT_NONE, .hooks = { hs, 2 } } };
	CHECK_OK(b.e, source_topics_insert(&b.db, MK(workspace, 1), MK(source, 1), &(struct rec_list){ ts, 1 }, &b.e));
	CHECK_OK(b.e, source_touch(&b.db, MK(workspace, 1), MK(source, 1), 77, &b.e));
	CHECK_OK(b.e, source_get(&b.db, &b.a, MK(workspace, 1), MK(source, 1), &got, &b.e));
	const struct topic *x = got.topics.v;
	CHECK(got.updated_at == 77 && got.topics.n == 1 && x->hooks.n == 2 && x->from == INT_NONE && x->score == 700);
	CHECK_STR(((const struct hook *)x->hooks.v)[1].content, S("Why?"));
	CHECK_OK(b.e, hook_find(&b.db, &b.a, MK(workspace, 1), MK(hook, 1), &h, &b.e));
	CHECK_STR(h.content, S("We sell bread."));
	CHECK_STR(h.title, S("Bread"));
	CHECK(memcmp(&h.source, &MK(source, 1), sizeof(h.source)) == 0);
	CHECK_ERR(hook_find(&b.db, &b.a, MK(workspace, 2), MK(hook, 1), &h, &b.e), E_NOT_FOUND);
	CHECK_OK(b.e, source_get(&b.db, &b.a, MK(workspace, 2), MK(source, 1), &got, &b.e));
	CHECK(got.updated_at == TIME_NONE && got.topics.n == 0);
	teardown(&b);
}

TEST(a_preview_ends_between_two_characters)
{
	static const char *const one[] = { "x", "é", "語", "😀" };
	struct arena a;
	struct buf b;

	arena_init(&a, 1 << 20);
	for (size_t k = 0; k < COUNT(one); k++)
		for (int n = SOURCE_PREVIEW - 1; n <= SOURCE_PREVIEW + 1; n++) {
			buf_init(&b, &a, 1 << 16);
			for (int i = 0; i < n; i++)
				buf_add(&b, str_z(one[k]));
			str got = source_preview(buf_str(&b));
			CHECK_INT(utf8_count(got), ==, MIN(n, SOURCE_PREVIEW));
			CHECK(utf8_ok(got) && (got.n == b.n) == (n <= SOURCE_PREVIEW));
		}
	CHECK_INT(source_preview(S("")).n, ==, 0);
	arena_free(&a);
}
