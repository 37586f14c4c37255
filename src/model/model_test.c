#include "db/partition.h"
#include "model/folder.h"
#include "model/key.h"
#include "model/ledger.h"
#include "model/note.h"
#include "model/person.h"
#include "model/post.h"
#include "model/project.h"
#include "model/server.h"
#include "model/workspace.h"
#include "t_db.h"
#include <stdlib.h>

#define MK(type, n)	((type##_id){ t_ulid(1000, n) })
static const struct miss missed = { E_NOT_FOUND, NULL, "none" };
static const int64_t now = INT64_C(1778803200000);		/* 2026-05-15 00:00 UTC */

SQL(put_folder, "test.folder", "INSERT INTO folder (workspace, id, project, name) VALUES ($1, $2, $3, 'f')");

struct bench { struct db db; struct arena a; struct error e; };

static void
open_bench(struct bench *b, struct t_db *t)
{
	*b = (struct bench){ .db = t_db_open(t) };
	arena_init(&b->a, 64 << 20);
}

static void
close_bench(struct bench *b)
{
	arena_free(&b->a);
	b->db.ops->close(&b->db);
}

static void
put_workspace(struct bench *b, int n, int plan)
{
	struct workspace w = { .id = MK(workspace, n), .name = S("Acme 😀"), .plan = plan, .subscription = SUB_ACTIVE };
	CHECK_OK(b->e, workspace_insert(&b->db, &w, &b->e));
}

static void
put_project(struct bench *b, int w, int n)
{
	struct project p = { .id = MK(project, n), .name = S("Ada"), .type = PT_COMPANY_PAGE, .status = PS_ACTIVE, .url = STR_NONE };
	status_id ids[PROJECT_COLUMNS];

	for (int i = 0; i < PROJECT_COLUMNS; i++)
		ids[i] = MK(status, n * 10 + i);
	CHECK_OK(b->e, project_insert(&b->db, MK(workspace, w), &p, ids, &b->e));
}

/* Two workspaces with the same two projects: whatever a query forgets to bind shows. */
static void
setup(struct bench *b, struct t_db *t)
{
	t_db_schema(t);
	open_bench(b, t);
	for (int w = 1; w <= 2; w++) {
		put_workspace(b, w, PLAN_TRIAL);
		put_project(b, w, 1);
		put_project(b, w, 2);
	}
}

static int
some(int n)
{
	static unsigned x = 12345;
	x = x * 1103515245u + 12345u;
	return (int)((x >> 16) % (unsigned)n);
}

/* --- workspaces and people --- */

TEST(the_plan_opens_the_api)
{
	static const struct { int plan; bool api; int64_t cap; } row[] = {
		{ PLAN_FREE, false, 0 }, { PLAN_SOLO, false, 500 }, { PLAN_TRIAL, true, 500 }, { PLAN_ADVANCED, true, 2000 },
		{ PLAN_BUSINESS, true, 5000 }, { PLAN_ENTERPRISE, true, CAP_NONE }, { -1, false, 0 },
	};

	for (size_t i = 0; i < COUNT(row); i++) {
		struct workspace w = { .plan = row[i].plan, .subscription = SUB_ACTIVE };
		CHECK_INT(workspace_cap_cents(&w), ==, row[i].cap);
		for (int s = -1; s < SUB_COUNT; s++) {
			w.subscription = s;
			CHECK_INT(workspace_api_access(&w), ==, row[i].api && (s == SUB_ACTIVE || s == SUB_TRIALING));
		}
	}
}

DB_TEST(workspaces_are_kept_and_paged)
{
	struct workspace w, list[10];
	struct bench b;
	int n;

	setup(&b, t);
	put_workspace(&b, 3, PLAN_FREE);
	CHECK_OK(b.e, workspace_get(&b.db, &b.a, MK(workspace, 1), &w, &b.e));
	CHECK(w.plan == PLAN_TRIAL && w.subscription == SUB_ACTIVE && w.features.api_access && !w.features.amplifiers);
	CHECK_STR(w.name, S("Acme 😀"));
	CHECK_ERR(workspace_get(&b.db, &b.a, MK(workspace, 9), &w, &b.e), E_NOT_FOUND);
	CHECK_STR(str_z(b.e.detail), S("Workspace not found."));
	CHECK_OK(b.e, workspace_set_plan(&b.db, MK(workspace, 1), PLAN_SOLO, now, &b.e));
	CHECK_OK(b.e, workspace_get(&b.db, &b.a, MK(workspace, 1), &w, &b.e));
	CHECK(w.plan == PLAN_SOLO && !w.features.api_access);
	CHECK_ERR(workspace_set_plan(&b.db, MK(workspace, 9), PLAN_SOLO, now, &b.e), E_NOT_FOUND);
	CHECK_OK(b.e, workspace_page(&b.db, &b.a, MK(workspace, 99), 2, list, &n, &b.e));
	CHECK(n == 2 && strcmp(list[0].id.u.s, MK(workspace, 3).u.s) == 0 && strcmp(list[1].id.u.s, MK(workspace, 2).u.s) == 0);
	CHECK(!list[0].features.api_access && list[1].features.api_access);
	CHECK_OK(b.e, workspace_page(&b.db, &b.a, list[1].id, 2, list, &n, &b.e));
	CHECK_INT(n, ==, 1);
	close_bench(&b);
}

DB_TEST(a_person_joins_each_workspace_once)
{
	struct person_create c = { S("Ada@Example.COM"), S("Ada"), ROLE_ADMIN };
	struct person p, q;
	struct bench b;
	bool other, known;

	setup(&b, t);
	CHECK_OK(b.e, person_join(&b.db, &b.a, MK(workspace, 1), &c, MK(person, 1), &p, &b.e));
	CHECK(memcmp(&p.id, &MK(person, 1), sizeof(p.id)) == 0 && p.role == ROLE_ADMIN);
	CHECK_STR(p.email, S("ada@example.com"));
	c.email = S("ADA@example.com");
	c.name = S("Countess");
	c.role = ROLE_CLIENT;
	CHECK_ERR(person_join(&b.db, &b.a, MK(workspace, 1), &c, MK(person, 2), &p, &b.e), E_CONFLICT);
	CHECK_OK(b.e, person_join(&b.db, &b.a, MK(workspace, 2), &c, MK(person, 3), &q, &b.e));
	CHECK(memcmp(&q.id, &MK(person, 1), sizeof(q.id)) == 0 && q.role == ROLE_CLIENT);
	CHECK_STR(q.name, S("Countess"));		/* what one workspace calls her is not the other one's */
	CHECK_OK(b.e, person_get(&b.db, &b.a, MK(workspace, 1), MK(person, 1), &p, &b.e));
	CHECK_STR(p.name, S("Ada"));
	CHECK_OK(b.e, person_beside(&b.db, &b.a, MK(workspace, 1), MK(person, 1), &p, &other, &b.e));
	CHECK(!other && p.role == ROLE_ADMIN);
	c = (struct person_create){ S("bob@example.com"), S("Bob"), ROLE_ADMIN };
	CHECK_OK(b.e, person_join_as(&b.db, &b.a, MK(workspace, 1), &c, MK(person, 9), &q, &known, &b.e));
	CHECK(!known);
	CHECK_OK(b.e, person_beside(&b.db, &b.a, MK(workspace, 1), MK(person, 1), &p, &other, &b.e));
	CHECK(other);
	CHECK_OK(b.e, person_leave(&b.db, MK(workspace, 1), MK(person, 9), &b.e));
	CHECK_OK(b.e, person_set_password(&b.db, MK(person, 9), S("hash"), now, &b.e));
	CHECK_OK(b.e, person_join_as(&b.db, &b.a, MK(workspace, 1), &c, MK(person, 8), &q, &known, &b.e));
	CHECK(known && memcmp(&q.id, &MK(person, 9), sizeof(q.id)) == 0);
	CHECK_OK(b.e, person_leave(&b.db, MK(workspace, 1), MK(person, 1), &b.e));
	CHECK_ERR(person_get(&b.db, &b.a, MK(workspace, 1), MK(person, 1), &p, &b.e), E_NOT_FOUND);
	CHECK_OK(b.e, person_get(&b.db, &b.a, MK(workspace, 2), MK(person, 1), &p, &b.e));
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM person"), ==, 2);
	close_bench(&b);
}

/* --- spend --- */

DB_TEST(spend_stops_at_the_cap)
{
	struct workspace w = { .id = MK(workspace, 1), .plan = PLAN_TRIAL }, free_plan = { .id = MK(workspace, 2), .plan = PLAN_FREE };
	struct bench b;

	setup(&b, t);
	CHECK_OK(b.e, spend_reserve(&b.db, &b.a, &w, now, 498, &b.e));
	CHECK_ERR(spend_reserve(&b.db, &b.a, &w, now, 5, &b.e), E_SPEND_CAP_EXCEEDED);
	CHECK_STR(str_z(b.e.detail), S("Daily AI spend cap reached (498¢ of 500¢). Resets at 00:00 UTC."));
	CHECK_STR(b.e.extra, S("{\"bucketDate\":\"2026-05-15\",\"capCents\":500,\"spentCents\":498,\"estimateCents\":5}"));
	CHECK_OK(b.e, spend_reserve(&b.db, &b.a, &w, now, 2, &b.e));
	CHECK_ERR(spend_reserve(&b.db, &b.a, &w, now + DAY_MS - 1, 1, &b.e), E_SPEND_CAP_EXCEEDED);
	CHECK_OK(b.e, spend_reserve(&b.db, &b.a, &w, now, 0, &b.e));			/* what costs nothing is never refused */
	CHECK_OK(b.e, spend_reserve(&b.db, &b.a, &w, now + DAY_MS, 500, &b.e));		/* the next day */
	CHECK_ERR(spend_reserve(&b.db, &b.a, &free_plan, now, 1, &b.e), E_SPEND_CAP_EXCEEDED);

	/* 500 reserved; of 498 only 1.5 cents were spent, which counts as 2 */
	CHECK_OK(b.e, spend_settle(&b.db, w.id, now + 5, 498, CENT * 3 / 2, &b.e));
	CHECK_ERR(spend_reserve(&b.db, &b.a, &w, now, 497, &b.e), E_SPEND_CAP_EXCEEDED);
	CHECK(strstr(b.e.extra.p, "\"spentCents\":4,") != NULL);
	CHECK_OK(b.e, spend_reserve(&b.db, &b.a, &w, now, 496, &b.e));
	CHECK_OK(b.e, spend_settle(&b.db, w.id, now + 2 * DAY_MS, 0, CENT, &b.e));	/* a day without a row */
	w.plan = PLAN_ENTERPRISE;
	CHECK_OK(b.e, spend_reserve(&b.db, &b.a, &w, now, 1000000, &b.e));
	close_bench(&b);
}

struct spender { pthread_t thread; struct t_db *t; int ok; };

static void *
spend_some(void *arg)
{
	struct spender *s = arg;
	struct workspace w = { .id = MK(workspace, 1), .plan = PLAN_TRIAL };
	struct bench b;

	open_bench(&b, s->t);
	for (int i = 0; i < 20; i++) {
		CHECK_OK(b.e, b.db.ops->begin(&b.db, TX_WRITE, &b.e));
		enum err code = spend_reserve(&b.db, &b.a, &w, now, 7, &b.e);
		CHECK(code == OK || code == E_SPEND_CAP_EXCEEDED);
		if (code == OK)
			code = b.db.ops->commit(&b.db, &b.e);
		else
			b.db.ops->rollback(&b.db);
		s->ok += code == OK;
	}
	close_bench(&b);
	return NULL;
}

DB_TEST(eight_threads_never_pass_the_cap)
{
	struct spender s[8];
	struct bench b;
	int ok = 0;

	setup(&b, t);
	for (int i = 0; i < 8; i++) {
		s[i] = (struct spender){ .t = t };
		CHECK_OK(b.e, sys_thread(&s[i].thread, "spender", spend_some, &s[i], &b.e));
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(s[i].thread, NULL);
		ok += s[i].ok;
	}
	CHECK_INT(ok, ==, 500 / 7);
	CHECK_INT(t_db_count(t, "SELECT sum(reserved) FROM spend"), ==, 500 / 7 * 7);
	close_bench(&b);
}

/* --- projects --- */

DB_TEST(a_project_is_born_with_its_columns)
{
	struct project p, list[5];
	struct bench b;
	struct rows r;
	status_id column;
	bool found;
	int n = 0;

	setup(&b, t);
	CHECK_OK(b.e, project_get(&b.db, &b.a, MK(workspace, 1), MK(project, 1), &p, &b.e));
	CHECK(p.type == PT_COMPANY_PAGE && p.status == PS_ACTIVE && p.url.p == NULL);
	put_project(&b, 2, 3);
	CHECK_ERR(project_get(&b.db, &b.a, MK(workspace, 1), MK(project, 3), &p, &b.e), E_NOT_FOUND);
	CHECK_ERR(project_exists(&b.db, MK(workspace, 1), MK(project, 3), &b.e), E_NOT_FOUND);
	CHECK_OK(b.e, project_exists(&b.db, MK(workspace, 2), MK(project, 3), &b.e));
	CHECK_ERR(project_exists(&b.db, MK(workspace, 1), (project_id){ { "-" } }, &b.e), E_NOT_FOUND);
	CHECK_OK(b.e, project_there(&b.db, MK(workspace, 1), MK(project, 3), &found, &b.e));
	CHECK(!found);
	for (int c = 0; c < CAT_COUNT; c++) {
		CHECK_OK(b.e, column_of(&b.db, MK(workspace, 1), MK(project, 2), c, &column, &b.e));
		CHECK_INT(id_set(column), ==, c != CAT_SUGGESTED);
		if (c != CAT_SUGGESTED)
			CHECK_STR(str_z(column.u.s), str_z(MK(status, 20 + c - 1).u.s));
	}
	CHECK_OK(b.e, column_of(&b.db, MK(workspace, 1), MK(project, 3), CAT_DRAFT, &column, &b.e));
	CHECK(!id_set(column));
	CHECK_OK(b.e, project_page(&b.db, MK(workspace, 1), MK(project, 99), 5, &r, &b.e));
	while (n < 5 && db_next(&r))
		db_scan(&project_rec, &r, &b.a, &list[n++]);
	CHECK_OK(b.e, db_done(&r, &b.e));
	CHECK(n == 2 && memcmp(&list[0].id, &MK(project, 2), sizeof(p.id)) == 0 && memcmp(&list[1].id, &MK(project, 1), sizeof(p.id)) == 0);
	close_bench(&b);
}

DB_TEST(a_folder_belongs_to_its_project)
{
	struct bench b;

	setup(&b, t);
	CHECK_OK(b.e, db_run(&b.db, put_folder, &b.e, VID(MK(workspace, 1)), VID(MK(folder, 1)), VID(MK(project, 1))));
	CHECK_OK(b.e, folder_of(&b.db, MK(workspace, 1), MK(project, 1), MK(folder, 1), &missed, &b.e));
	CHECK_ERR(folder_of(&b.db, MK(workspace, 1), MK(project, 2), MK(folder, 1), &missed, &b.e), E_NOT_FOUND);
	CHECK_ERR(folder_of(&b.db, MK(workspace, 2), MK(project, 1), MK(folder, 1), &missed, &b.e), E_NOT_FOUND);
	close_bench(&b);
}

/* --- keys --- */

TEST(tokens_have_one_form)
{
	char a[TOKEN_LEN + 1], c[TOKEN_LEN + 1];
	int mode = -1;

	CHECK(crypto_init());
	token_make(MODE_LIVE, a);
	token_make(MODE_TEST, c);
	CHECK(token_ok(str_z(a), &mode) && mode == MODE_LIVE && strlen(a) == TOKEN_LEN);
	CHECK(token_ok(str_z(c), &mode) && mode == MODE_TEST && strcmp(a + 15, c + 15) != 0);
	CHECK(!token_ok((str){ a, TOKEN_LEN - 1 }, &mode) && !token_ok(STR_NONE, &mode));
	a[20] = 'A';
	CHECK(!token_ok(str_z(a), &mode));
	a[20] = 'g';
	CHECK(!token_ok(str_z(a), &mode));
	c[10] = 'T';
	CHECK(!token_ok(str_z(c), &mode));
}

TEST(scopes_are_names_or_all)
{
	static const struct { str text; enum err code; unsigned set; } row[] = {
		{ S_INIT("all"), OK, (1u << SCOPE_COUNT) - 1 }, { S_INIT("notes:read, posts:write"), OK, SCOPE_BIT(NOTES_READ) | SCOPE_BIT(POSTS_WRITE) },
		{ S_INIT("notes:read,all"), E_INVALID_REQUEST, 0 }, { S_INIT(","), E_INVALID_REQUEST, 0 }, { S_INIT(""), E_INVALID_REQUEST, 0 },
	};
	struct rec_opts o = { .text_max = 100 };
	struct rec_notes notes = { 0 };
	struct key_create c;
	struct arena a;
	struct error e;

	arena_init(&a, 1 << 16);
	for (size_t i = 0; i < COUNT(row); i++) {
		struct rec_pair p[] = { { S("name"), S("x") }, { S("scopes"), row[i].text } };
		CHECK_INT(rec_decode_pairs(&key_create_rec, &o, &a, p, 2, &c, &notes, &e), ==, row[i].code);
		CHECK(row[i].code != OK || c.scopes == row[i].set);
	}
	arena_free(&a);
}

static struct key
key_of(int w, int n)
{
	return (struct key){ .workspace = MK(workspace, w), .id = MK(key, n), .name = S("Zapier"), .mode = MODE_TEST, .scopes = 5,
	    .last4 = S("d401"), .created_by = STR_NONE, .expires_at = TIME_NONE };
}

DB_TEST(a_key_is_found_by_its_hash)
{
	digest h[3];
	struct key k;
	struct bench b;
	workspace_id w;
	bool found;

	setup(&b, t);
	for (int i = 0; i < 3; i++) {
		struct key fresh = key_of(i == 2 ? 2 : 1, i);
		memset(&h[i], i * 85, sizeof(h[i]));		/* zeros and high bytes among them */
		fresh.expires_at = i == 1 ? now : TIME_NONE;
		CHECK_OK(b.e, key_insert(&b.db, &fresh, &h[i], &b.e));
	}
	CHECK_OK(b.e, key_by_hash(&b.db, &b.a, &h[1], &k, &found, &b.e));
	CHECK(found && k.scopes == 5 && k.mode == MODE_TEST && k.expires_at == now && k.revoked_at == TIME_NONE && k.last_used_at == TIME_NONE);
	CHECK_STR(k.last4, S("d401"));
	memset(&h[2], 1, sizeof(h[2]));
	CHECK_OK(b.e, key_by_hash(&b.db, &b.a, &h[2], &k, &found, &b.e));
	CHECK(!found);
	struct key twin = key_of(2, 9);
	CHECK_ERR(key_insert(&b.db, &twin, &h[0], &b.e), E_DUPLICATE);
	CHECK_OK(b.e, key_get(&b.db, &b.a, MK(workspace, 1), MK(key, 1), &k, &b.e));
	CHECK_ERR(key_get(&b.db, &b.a, MK(workspace, 1), MK(key, 2), &k, &b.e), E_NOT_FOUND);
	CHECK_OK(b.e, key_find(&b.db, MK(key, 2), &w, &b.e));
	CHECK_STR(str_z(w.u.s), str_z(MK(workspace, 2).u.s));
	CHECK_ERR(key_find(&b.db, MK(key, 7), &w, &b.e), E_NOT_FOUND);
	close_bench(&b);
}

DB_TEST(a_key_is_revoked_once)
{
	digest h = { { 1 } };
	struct key k = key_of(1, 1);
	struct bench b;
	bool found;

	setup(&b, t);
	CHECK_OK(b.e, key_insert(&b.db, &k, &h, &b.e));
	CHECK_OK(b.e, key_touch(&b.db, k.workspace, k.id, now, &b.e));
	CHECK_OK(b.e, key_revoke(&b.db, MK(workspace, 2), k.id, now, S("x"), STR_NONE, &b.e));		/* not theirs */
	CHECK_OK(b.e, key_revoke(&b.db, k.workspace, k.id, now + 1, S("ada"), S("leaked"), &b.e));
	CHECK_OK(b.e, key_revoke(&b.db, k.workspace, k.id, now + 2, S("bob"), STR_NONE, &b.e));	/* as it was */
	CHECK_OK(b.e, key_by_hash(&b.db, &b.a, &h, &k, &found, &b.e));
	CHECK(found && k.last_used_at == now && k.revoked_at == now + 1);
	CHECK_STR(k.revoked_by, S("ada"));
	CHECK_STR(k.revoked_reason, S("leaked"));
	close_bench(&b);
}

DB_TEST(the_server_remembers_its_secret_and_its_setup)
{
	secret one, two;
	struct bench b, other;
	workspace_id w;
	project_id p;
	bool found;

	CHECK(crypto_init());
	setup(&b, t);
	open_bench(&other, t);
	CHECK_OK(b.e, secret_shared(&b.db, &one, &b.e));
	CHECK_OK(b.e, secret_shared(&other.db, &two, &b.e));
	CHECK(memcmp(&one, &two, sizeof(one)) == 0);
	two.b[0] ^= 1;
	CHECK_OK(b.e, secret_judge(&b.db, &two, true, &b.e));
	CHECK_OK(b.e, secret_judge(&b.db, &one, true, &b.e));
	CHECK_OK(b.e, secret_judge(&b.db, &one, false, &b.e));
	CHECK_ERR(secret_judge(&b.db, &two, false, &b.e), E_USAGE);
	CHECK_OK(b.e, setup_recall(&b.db, &w, &p, &found, &b.e));
	CHECK(!found);
	CHECK_OK(b.e, setup_remember(&b.db, MK(workspace, 1), MK(project, 2), &b.e));
	CHECK_OK(b.e, setup_remember(&b.db, MK(workspace, 2), MK(project, 1), &b.e));	/* the first one holds */
	CHECK_OK(b.e, setup_recall(&other.db, &w, &p, &found, &b.e));
	CHECK(found);
	CHECK_STR(str_z(w.u.s), str_z(MK(workspace, 1).u.s));
	CHECK_STR(str_z(p.u.s), str_z(MK(project, 2).u.s));
	close_bench(&other);
	close_bench(&b);
}

/* --- pages --- */

TEST(a_page_has_bounds)
{
	ulid after = t_ulid(5000, 7), none = { { 0 } };
	struct page p = page_between(&none, TIME_NONE, TIME_NONE, 10);

	CHECK(p.limit == 10 && memcmp(p.before.s, "ZZZZZZZZZZZZZZZZZZZZZZZZZZ", 27) == 0);
	CHECK_STR(str_z(p.from.s), str_z(ulid_low(0).s));
	p = page_between(&after, 4000, 9000, 10);
	CHECK_STR(str_z(p.before.s), str_z(after.s));
	CHECK_STR(str_z(p.from.s), str_z(ulid_low(4000).s));
	p = page_between(&after, 4000, 5000, 10);		/* a cursor does not lift the bound */
	CHECK_STR(str_z(p.before.s), str_z(ulid_low(5000).s));
	p = page_between(&none, -5, -1, 10);
	CHECK_STR(str_z(p.before.s), str_z(ulid_low(0).s));
}

enum { ROWS = 300, ASKED = 250 };
struct have { ulid id; int project, folder, status; int64_t day; };

/* 300 rows with ids in no order, several to a millisecond. */
static void
invent(struct have *h)
{
	for (int i = 0; i < ROWS; i++)
		h[i] = (struct have){ t_ulid(now + some(60) * 3600000, (i * 7919) % ROWS), 1 + some(2), some(3), some(POST_COUNT), now + some(10) * DAY_MS };
}

static int newest_first(const void *a, const void *b) { return strcmp(((const struct have *)b)->id.s, ((const struct have *)a)->id.s); }

static void
same_list(const struct have *want, int nwant, const ulid *got, int ngot, int asked)
{
	bool same = nwant == ngot;

	for (int i = 0; same && i < nwant; i++)
		same = strcmp(want[i].id.s, got[i].s) == 0;
	if (!same)
		t_fail(__FILE__, __LINE__, "question %d: %d rows, not %d, or others", asked, ngot, nwant);
}

static void
put_notes(struct bench *b, const struct have *h)
{
	CHECK_OK(b->e, b->db.ops->begin(&b->db, TX_WRITE, &b->e));
	for (int i = 0; i < ROWS * 2; i++) {
		const struct have *one = &h[i % ROWS];
		struct note n = { .id = { one->id }, .project = MK(project, one->project), .folder = one->folder != 0 ? MK(folder, one->folder) : (folder_id){ 0 },
		    .content = i < ROWS ? S("ours") : S("foreign"), .slot = { MK(slot, i), one->day, CT_PERSONAL } };
		CHECK_OK(b->e, note_insert(&b->db, MK(workspace, i < ROWS ? 1 : 2), &n, &b->e));
	}
	CHECK_OK(b->e, b->db.ops->commit(&b->db, &b->e));
}

static int
notes_wanted(const struct have *h, const struct notes_query *q, const struct page *p, struct have *ret)
{
	int n = 0;

	for (int i = 0; i < ROWS && n < p->limit; i++)
		if (strcmp(MK(project, h[i].project).u.s, q->project.u.s) == 0 && strcmp(h[i].id.s, p->before.s) < 0 &&
		    (!id_set(q->folder) || (h[i].folder != 0 && strcmp(MK(folder, h[i].folder).u.s, q->folder.u.s) == 0)) &&
		    (q->from == TIME_NONE || h[i].day >= q->from) && (q->to == TIME_NONE || h[i].day < q->to))
			ret[n++] = h[i];
	return n;
}

static int
notes_found(struct bench *b, const struct notes_query *q, const struct page *p, ulid *ret)
{
	struct note note;
	struct rows r;
	int n = 0;

	CHECK_OK(b->e, note_page(&b->db, MK(workspace, 1), q, p, &r, &b->e));
	while (n < ROWS && db_next(&r)) {
		db_scan(&note_rec, &r, &b->a, &note);
		CHECK_STR(note.content, S("ours"));
		ret[n++] = note.id.u;
	}
	CHECK_OK(b->e, db_done(&r, &b->e));
	return n;
}

DB_TEST(pages_of_notes_are_what_a_filter_gives)
{
	struct have h[ROWS], want[ROWS];
	ulid got[ROWS], none = { { 0 } };
	struct bench b;

	setup(&b, t);
	invent(h);
	put_notes(&b, h);
	qsort(h, ROWS, sizeof(*h), newest_first);
	for (int i = 0; i < ASKED; i++) {
		struct notes_query q = { .project = MK(project, 1 + some(2)), .from = some(2) ? TIME_NONE : now + some(10) * DAY_MS, .to = some(2) ? TIME_NONE : now + some(11) * DAY_MS };
		if (some(3) == 0)
			q.folder = MK(folder, 1 + some(3));
		struct page p = page_between(some(2) ? &none : &h[some(ROWS)].id, TIME_NONE, TIME_NONE, 1 + some(60));
		same_list(want, notes_wanted(h, &q, &p, want), got, notes_found(&b, &q, &p, got), i);
	}
	close_bench(&b);
}

static void
put_posts(struct bench *b, const struct have *h)
{
	CHECK_OK(b->e, b->db.ops->begin(&b->db, TX_WRITE, &b->e));
	for (int i = 0; i < ROWS * 2; i++) {
		const struct have *one = &h[i % ROWS];
		struct post p = { .id = { one->id }, .project = MK(project, one->project), .status = one->status, .category = post_category(one->status), .content_type = CT_UNKNOWN,
		    .title = S(""), .content = i < ROWS ? S("ours") : S("foreign"), .scheduled_at = TIME_NONE };
		CHECK_OK(b->e, post_insert(&b->db, MK(workspace, i < ROWS ? 1 : 2), &p, NULL, &b->e));
	}
	CHECK_OK(b->e, b->db.ops->commit(&b->db, &b->e));
}

static int
posts_wanted(const struct have *h, const struct posts_query *q, const struct page *p, struct have *ret)
{
	int n = 0;

	for (int i = 0; i < ROWS && n < p->limit; i++)
		if (strcmp(MK(project, h[i].project).u.s, q->project.u.s) == 0 && strcmp(h[i].id.s, p->before.s) < 0 &&
		    strcmp(h[i].id.s, p->from.s) >= 0 && (q->status == 0 || (q->status >> h[i].status & 1)))
			ret[n++] = h[i];
	return n;
}

static int
posts_found(struct bench *b, const struct posts_query *q, const struct page *p, ulid *ret)
{
	struct post post;
	struct rows r;
	int n = 0;

	CHECK_OK(b->e, post_page(&b->db, MK(workspace, 1), q, p, &r, &b->e));
	while (n < ROWS && db_next(&r)) {
		post_scan(&r, &b->a, &post);
		CHECK_STR(post.content, S("ours"));
		CHECK(post.platform == PLATFORM_LINKEDIN && post.category == post_category(post.status));
		ret[n++] = post.id.u;
	}
	CHECK_OK(b->e, db_done(&r, &b->e));
	return n;
}

DB_TEST(pages_of_posts_are_what_a_filter_gives)
{
	struct have h[ROWS], want[ROWS];
	ulid got[ROWS], none = { { 0 } };
	struct bench b;

	setup(&b, t);
	invent(h);
	put_posts(&b, h);
	qsort(h, ROWS, sizeof(*h), newest_first);
	for (int i = 0; i < ASKED; i++) {
		struct posts_query q = { .project = MK(project, 1 + some(2)), .status = some(3) ? (unsigned)some(1 << POST_COUNT) : 0 };
		struct page p = page_between(some(2) ? &none : &h[some(ROWS)].id, some(2) ? TIME_NONE : now + some(60) * 3600000,
		    some(2) ? TIME_NONE : now + some(60) * 3600000, 1 + some(60));
		same_list(want, posts_wanted(h, &q, &p, want), got, posts_found(&b, &q, &p, got), i);
	}
	close_bench(&b);
}

/* --- one note, one post --- */

DB_TEST(a_note_comes_back_whole)
{
	struct note n = { .id = MK(note, 1), .project = MK(project, 1), .content = S("e\xCC\x81 😀 'quoted'"), .slot = { MK(slot, 1), now, CT_EDUCATIONAL } }, back;
	struct bench b;

	setup(&b, t);
	CHECK_OK(b.e, note_insert(&b.db, MK(workspace, 1), &n, &b.e));
	CHECK_ERR(note_insert(&b.db, MK(workspace, 1), &n, &b.e), E_DUPLICATE);
	CHECK_OK(b.e, note_get(&b.db, &b.a, MK(workspace, 1), n.id, &back, &b.e));
	CHECK_STR(back.content, n.content);
	CHECK(!id_set(back.folder) && back.updated_at == TIME_NONE && back.slot.date == now && back.slot.content_type == CT_EDUCATIONAL);
	CHECK_STR(str_z(back.slot.id.u.s), str_z(n.slot.id.u.s));
	CHECK_ERR(note_get(&b.db, &b.a, MK(workspace, 2), n.id, &back, &b.e), E_NOT_FOUND);
	CHECK_STR(str_z(b.e.detail), S("Note not found."));
	CHECK_OK(b.e, note_anchor(&b.db, MK(workspace, 1), &n.id.u, &missed, &b.e));
	CHECK_ERR(note_anchor(&b.db, MK(workspace, 2), &n.id.u, &missed, &b.e), E_NOT_FOUND);
	close_bench(&b);
}

DB_TEST(a_post_comes_back_whole)
{
	struct post p = { .id = MK(post, 1), .project = MK(project, 1), .status = POST_SCHEDULED, .category = CAT_SCHEDULED, .content_type = CT_PERSONAL, .title = S(""), .content = S(" "),
	    .scheduled_at = now, .status_id = MK(status, 13), .auto_like = true, .job = MK(job, 1) }, back;
	struct bench b;

	setup(&b, t);
	CHECK_OK(b.e, post_insert(&b.db, MK(workspace, 1), &p, NULL, &b.e));
	CHECK_OK(b.e, post_get(&b.db, &b.a, MK(workspace, 1), p.id, &back, &b.e));
	CHECK(back.status == POST_SCHEDULED && back.category == CAT_SCHEDULED && back.scheduled_at == now && back.auto_like && !back.auto_comment);
	CHECK(back.title.p != NULL && back.title.n == 0 && str_eq(back.content, S(" ")) && back.updated_at == TIME_NONE);
	CHECK_ERR(post_get(&b.db, &b.a, MK(workspace, 2), p.id, &back, &b.e), E_NOT_FOUND);
	CHECK_ERR(post_anchor(&b.db, MK(workspace, 2), &p.id.u, &missed, &b.e), E_NOT_FOUND);
	p.id = MK(post, 2);
	CHECK_ERR(post_insert(&b.db, MK(workspace, 1), &p, NULL, &b.e), E_DUPLICATE);		/* a job writes one post */
	p.job = (job_id){ 0 };
	CHECK_OK(b.e, post_insert(&b.db, MK(workspace, 1), &p, NULL, &b.e));
	CHECK_INT(post_category(-1), ==, CAT_DRAFT);
	close_bench(&b);
}

/* Columns whose number is not what counting gives. */
#define MISCOUNTED "SELECT count(*) FROM (SELECT s.id, (SELECT count(*) FROM post p WHERE p.workspace = s.workspace AND p.status_id = s.id) AS real," \
	" (SELECT COALESCE(sum(c.posts), 0) FROM post_count c WHERE c.workspace = s.workspace AND c.status_id = s.id) AS kept FROM post_status s) x WHERE real <> kept"

/* Sixty posts over five columns or none, each moved some times, now and then undone; the numbers follow. */
DB_TEST(a_column_knows_how_many_posts_it_holds)
{
	struct bench b;

	setup(&b, t);
	for (int i = 0; i < 60; i++) {
		struct post p = { .id = { t_ulid(now, i) }, .project = MK(project, 1), .status = POST_DRAFT, .category = CAT_DRAFT,
		    .title = S(""), .content = S(" "), .scheduled_at = TIME_NONE, .updated_at = TIME_NONE };
		bool undo = i % 7 == 6;
		CHECK_OK(b.e, b.db.ops->begin(&b.db, TX_WRITE, &b.e));
		CHECK_OK(b.e, post_insert(&b.db, MK(workspace, 1), &p, NULL, &b.e));
		for (int k = 0; k < i % 5; k++) {
			struct post was = p;
			p.status_id = some(6) == 0 ? (status_id){ 0 } : MK(status, 10 + some(5));
			CHECK_OK(b.e, post_update(&b.db, MK(workspace, 1), &was, &p, &b.e));
		}
		if (undo)
			b.db.ops->rollback(&b.db);
		else
			CHECK_OK(b.e, b.db.ops->commit(&b.db, &b.e));
	}
	CHECK_INT(t_db_count(t, MISCOUNTED), ==, 0);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM post WHERE status_id IS NOT NULL"), >=, 20);
	close_bench(&b);
}

/* --- the ledger --- */

static int
by_name(str a, str b)
{
	struct idem_name x = idem_name(MK(workspace, 1), S("r"), a), y = idem_name(MK(workspace, 1), S("r"), b);
	return memcmp(x.b, y.b, sizeof(x.b));
}

TEST(an_idempotency_record_is_named_by_all_three_and_in_the_order_of_its_key)
{
	struct idem_name a = idem_name(MK(workspace, 1), S("POST /v1/notes"), S("k-1")), b = idem_name(MK(workspace, 1), S("POST /v1/notes"), S("k-1"));
	static const char *const ascending[] = { "0", "01", "1", "9", "9A", "A", "Z", "a", "z", "zz", "zzzzzzzzzz" };

	CHECK(memcmp(a.b, b.b, sizeof(a.b)) == 0);
	CHECK(by_name(S("k-1"), S("k1")) != 0);			/* what the beginning leaves out, the hash has */
	CHECK(by_name(S("0123456789abc"), S("0123456789abd")) != 0);
	b = idem_name(MK(workspace, 2), S("POST /v1/notes"), S("k-1"));
	CHECK(memcmp(a.b + IDEM_BEGINS, b.b + IDEM_BEGINS, IDEM_HASH) != 0);
	b = idem_name(MK(workspace, 1), S("POST /v1/note"), S("sk-1"));
	CHECK(memcmp(a.b + IDEM_BEGINS, b.b + IDEM_BEGINS, IDEM_HASH) != 0);
	for (size_t i = 1; i < COUNT(ascending); i++)
		CHECK(by_name(str_z(ascending[i - 1]), str_z(ascending[i])) < 0);
	/* version 7 UUIDs of two milliseconds */
	CHECK(by_name(S("019a1b2c-3d4e-7fff-bfff-ffffffffffff"), S("019a1b2c-3d4f-7000-8000-000000000000")) < 0);
}

DB_TEST(an_idempotency_key_binds_for_a_while)
{
	digest one = { { 1 } }, two = { { 2 } };
	workspace_id w = MK(workspace, 1);
	struct idem_name name = idem_name(w, S("POST /v1/notes"), S("k"));
	struct idem_name elsewhere = idem_name(w, S("POST /v1/posts"), S("k")), other = idem_name(MK(workspace, 2), S("POST /v1/notes"), S("k"));
	struct bench b;
	struct idem i;
	const int64_t keep = 1000;

	setup(&b, t);
	CHECK_OK(b.e, idem_look(&b.db, &b.a, w, &name, &one, now, keep, &i, &b.e));
	CHECK(i.fresh);
	CHECK_OK(b.e, idem_finish(&b.db, w, &name, &one, now, 200, S("{\"a\":\"ü\"}"), &b.e));
	CHECK_OK(b.e, idem_look(&b.db, &b.a, w, &name, &one, now + keep - 1, keep, &i, &b.e));
	CHECK(!i.fresh && i.same && i.status == 200);
	CHECK_STR(i.body, S("{\"a\":\"ü\"}"));
	CHECK_OK(b.e, idem_look(&b.db, &b.a, w, &name, &two, now + 1, keep, &i, &b.e));
	CHECK(!i.fresh && !i.same);
	CHECK_OK(b.e, idem_look(&b.db, &b.a, w, &elsewhere, &two, now, keep, &i, &b.e));
	CHECK(i.fresh);
	CHECK_OK(b.e, idem_look(&b.db, &b.a, MK(workspace, 2), &other, &two, now, keep, &i, &b.e));
	CHECK(i.fresh);
	CHECK_OK(b.e, idem_look(&b.db, &b.a, w, &name, &two, now + keep, keep, &i, &b.e));
	CHECK(i.fresh);			/* the old answer is gone, whatever the body */
	CHECK_OK(b.e, idem_finish(&b.db, w, &name, &two, now + keep, 404, S("{}"), &b.e));
	CHECK_OK(b.e, idem_look(&b.db, &b.a, w, &name, &two, now + keep, keep, &i, &b.e));
	CHECK(!i.fresh && i.same && i.status == 404);
	close_bench(&b);
}

DB_TEST(a_claim_that_is_undone_binds_nothing)
{
	digest one = { { 1 } }, two = { { 2 } };
	workspace_id w = MK(workspace, 1);
	struct idem_name name = idem_name(w, S("r"), S("k"));
	struct bench b;
	struct idem i;

	setup(&b, t);
	CHECK_OK(b.e, b.db.ops->begin(&b.db, TX_WRITE, &b.e));
	CHECK_OK(b.e, b.db.ops->mark(&b.db, true, &b.e));
	CHECK_OK(b.e, idem_look(&b.db, &b.a, w, &name, &one, now, 1000, &i, &b.e));
	CHECK_OK(b.e, b.db.ops->rewind(&b.db, &b.e));
	CHECK_OK(b.e, idem_look(&b.db, &b.a, w, &name, &two, now, 1000, &i, &b.e));
	CHECK(i.fresh);			/* the same transaction binds its refusal after the rewind */
	CHECK_OK(b.e, idem_finish(&b.db, w, &name, &two, now, 422, S("{}"), &b.e));
	CHECK_OK(b.e, b.db.ops->commit(&b.db, &b.e));
	CHECK_OK(b.e, idem_look(&b.db, &b.a, w, &name, &two, now, 1000, &i, &b.e));
	CHECK(!i.fresh && i.same && i.status == 422);
	close_bench(&b);
}

static enum err
audit_list(struct db *db, struct arena *a, workspace_id w, int limit, struct audit *ret, int *n, struct error *e)
{
	struct page p = page_between(&(ulid){ "" }, TIME_NONE, TIME_NONE, limit);
	struct rows r;

	*n = 0;
	TRY(audit_page(db, w, &(struct audit_query){ .from = TIME_NONE, .to = TIME_NONE }, &p, &r, e));
	while (*n < limit && db_next(&r))
		db_scan(&audit_rec, &r, a, &ret[(*n)++]);
	return db_done(&r, e);
}

DB_TEST(audit_and_events)
{
	struct audit a = { .workspace = MK(workspace, 1), .principal = S("key_1"), .mode = S("live"), .method = S("POST"), .route = S("/v1/notes"), .status = 200,
	    .request = S("req_1"), .resource = STR_NONE, .ip = S("::1") }, list[5];
	struct note n = { .id = MK(note, 1), .project = MK(project, 1), .content = S("\"x\""), .updated_at = TIME_NONE };
	struct bench b;
	int got;

	setup(&b, t);
	for (int i = 0; i < 3; i++) {
		a.id.u = t_ulid(now + i, 1);
		a.status = 200 + i;
		CHECK_OK(b.e, audit_insert(&b.db, &a, &b.e));
	}
	CHECK_OK(b.e, audit_list(&b.db, &b.a, MK(workspace, 1), 2, list, &got, &b.e));
	CHECK(got == 2 && list[0].status == 202 && list[1].status == 201 && strcmp(list[1].id.u.s, t_ulid(now + 1, 1).s) == 0 && list[0].resource.p == NULL);
	CHECK_OK(b.e, audit_list(&b.db, &b.a, MK(workspace, 2), 2, list, &got, &b.e));
	CHECK_INT(got, ==, 0);
	CHECK_OK(b.e, event_put(&b.db, &b.a, MK(workspace, 1), MK(project, 1), (event_id){ t_ulid(now, 1) }, EVENT_NOTE_CREATED, &note_rec, &n, &b.e));
	CHECK_OK(b.e, event_put(&b.db, &b.a, MK(workspace, 1), (project_id){ 0 }, (event_id){ t_ulid(now, 2) }, EVENT_JOB_FAILED, &note_rec, &n, &b.e));
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM event WHERE type = 'note.created' AND body LIKE '{\"id\":\"evt_%\",\"type\":\"note.created\","
	    "\"createdAt\":\"2026-05-15T00:00:00.000Z\",\"apiVersion\":\"2026-08-01\",\"workspaceId\":\"org_%\",\"projectId\":\"proj_%\",\"data\":{\"id\":\"note_%}}'"), ==, 1);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM event WHERE project IS NULL AND body LIKE '%\"projectId\":null,%'"), ==, 1);
	close_bench(&b);
}

DB_TEST(old_entries_go_in_slices)
{
	digest h = { { 1 } };
	struct note n = { .id = MK(note, 1), .project = MK(project, 1), .content = S("x") };
	struct bench b;
	int64_t gone;

	setup(&b, t);
	for (int i = 0; i < 10; i++)
		for (int w = 1; w <= 2; w++) {
			struct audit a = { { t_ulid(now + i, i) }, MK(workspace, w), S("p"), S("live"), S("GET"), S("/"), S("r"), STR_NONE, S("::1"), 200, { { "" } } };
			CHECK_OK(b.e, audit_insert(&b.db, &a, &b.e));
			CHECK_OK(b.e, event_put(&b.db, &b.a, MK(workspace, w), MK(project, 1), (event_id){ t_ulid(now + i, i) }, EVENT_NOTE_CREATED, &note_rec, &n, &b.e));
			struct idem_name name = idem_name(MK(workspace, w), S("r"), str_fmt(&b.a, "k%d", i));
			CHECK_OK(b.e, idem_finish(&b.db, MK(workspace, w), &name, &h, now + i, 200, S("{}"), &b.e));
		}
	/* 5 keys, 3 entries and 1 event are old; a slice is 4 of each.  Entries and events in partitions go with these. */
	bool whole = partition_on(&b.db);
	CHECK_OK(b.e, ledger_clean(&b.db, MK(workspace, 1), now + 5, now + 3, now + 1, 4, &gone, &b.e));
	CHECK_INT(gone, ==, whole ? 4 : 4 + 3 + 1);
	CHECK_OK(b.e, ledger_clean(&b.db, MK(workspace, 1), now + 5, now + 3, now + 1, 4, &gone, &b.e));
	CHECK_INT(gone, ==, 1);
	CHECK_OK(b.e, ledger_clean(&b.db, MK(workspace, 1), now + 5, now + 3, now + 1, 4, &gone, &b.e));
	CHECK_INT(gone, ==, 0);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM idempotency"), ==, 15);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM audit"), ==, whole ? 20 : 17);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM event"), ==, whole ? 20 : 19);
	close_bench(&b);
}
