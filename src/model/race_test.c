/* Two connections to PostgreSQL: one has written and not committed, the other one decides by what is there.  The order is forced by the lock that
 * it must meet: only when the server says that it waits is the first one committed. */
#include "model/client.h"
#include "model/grant.h"
#include "model/person.h"
#include "model/workspace.h"
#include "t_db.h"
#include <pthread.h>
#include <sched.h>

#define MK(type, n)	((type##_id){ t_ulid(1000, n) })
static const int64_t now = INT64_C(1778803200000);

struct pair {
	struct t_db *t;
	struct t_bench first, second;
	enum err (*decide)(struct pair *, struct error *);	/* what the second one does, in a transaction */
	enum err code;
	struct error e;
	pthread_t thread;
	_Atomic bool over;
	/* what it found */
	bool known;
	str password;
	struct consent consent;
};

static void
open_pair(struct pair *p, struct t_db *t, enum err (*decide)(struct pair *, struct error *))
{
	*p = (struct pair){ .t = t, .decide = decide };
	t_db_schema(t);
	t_bench_open(&p->first, t);
	t_bench_open(&p->second, t);
	struct t_bench *b = &p->first;
	for (int i = 1; i <= 2; i++)
		CHECK_OK(b->e, workspace_insert(&b->db, &(struct workspace){ .id = MK(workspace, i), .name = S("w"), .plan = PLAN_TRIAL, .subscription = SUB_ACTIVE }, &b->e));
}

static void
close_pair(struct pair *p)
{
	t_bench_close(&p->first);
	t_bench_close(&p->second);
}

static enum err
decide(struct pair *p)
{
	struct db *db = &p->second.db;

	TRY(db->ops->begin(db, TX_WRITE, &p->e));
	enum err code = p->decide(p, &p->e);
	if (code == OK)
		code = db->ops->commit(db, &p->e);
	if (code != OK)
		db->ops->rollback(db);
	return code;
}

static void *
run_second(void *arg)
{
	struct pair *p = arg;
	p->code = decide(p);
	p->over = true;
	return NULL;
}

/* The first one has written: the second one begins, waits, and goes on when the first is committed. */
static void
race(struct pair *p)
{
	struct t_bench *b = &p->first;

	CHECK_OK(b->e, db_settle(&b->db, &b->e));
	CHECK(pthread_create(&p->thread, NULL, run_second, p) == 0);
	while (!p->over && t_db_count(p->t, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 0)
		sched_yield();
	CHECK_OK(b->e, b->db.ops->commit(&b->db, &b->e));
	pthread_join(p->thread, NULL);
}

static void begin(struct pair *p) { CHECK_OK(p->first.e, p->first.db.ops->begin(&p->first.db, TX_WRITE, &p->first.e)); }

/* --- accounts --- */

static const struct person_create ada = { .email = S_INIT("ada@example.com"), .name = S_INIT("Ada"), .role = ROLE_CREATOR };

static enum err
join(struct t_bench *b, int ws, int fresh, bool *known, struct error *e)
{
	struct person p;
	return person_join_as(&b->db, &b->a, MK(workspace, ws), &ada, MK(person, fresh), &p, known, e);
}

static enum err
read_password(struct pair *p, struct error *e)
{
	struct account who;
	bool found;

	TRY(person_account_hold(&p->second.db, &p->second.a, MK(person, 1), &who, &found, e));
	p->password = who.password;
	return OK;
}

PG_TEST(who_signs_in_while_the_password_changes_is_judged_by_the_new_one)
{
	struct pair p;
	bool known;

	open_pair(&p, t, read_password);
	CHECK_OK(p.first.e, join(&p.first, 1, 1, &known, &p.first.e));
	CHECK_OK(p.first.e, person_set_password(&p.first.db, MK(person, 1), S("old"), now, &p.first.e));
	begin(&p);
	CHECK_OK(p.first.e, person_set_password(&p.first.db, MK(person, 1), S("new"), now + 1, &p.first.e));
	race(&p);
	CHECK_OK(p.e, p.code);
	CHECK_STR(p.password, S("new"));
	close_pair(&p);
}

static enum err
take_account(struct pair *p, struct error *e)
{
	bool known;

	TRY(join(&p->second, 2, 2, &known, e));
	return person_first_password(&p->second.db, MK(person, 1), S("theirs"), now, e);
}

PG_TEST(of_two_links_to_one_new_address_one_gives_the_password)
{
	struct pair p;
	bool known;

	open_pair(&p, t, take_account);
	begin(&p);
	CHECK_OK(p.first.e, join(&p.first, 1, 1, &known, &p.first.e));
	CHECK_OK(p.first.e, person_first_password(&p.first.db, MK(person, 1), S("mine"), now, &p.first.e));
	race(&p);
	CHECK_INT(p.code, ==, E_CONFLICT);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM person WHERE password = 'mine'"), ==, 1);
	CHECK_INT(t_db_count(t, "SELECT count(*) FROM membership"), ==, 1);
	close_pair(&p);
}

static enum err join_other(struct pair *p, struct error *e) { return join(&p->second, 2, 2, &p->known, e); }

PG_TEST(an_account_that_gets_its_password_at_this_moment_is_one_that_has_one)
{
	struct pair p;
	bool known;

	open_pair(&p, t, join_other);
	CHECK_OK(p.first.e, join(&p.first, 1, 1, &known, &p.first.e));
	CHECK(!known);
	begin(&p);
	CHECK_OK(p.first.e, person_first_password(&p.first.db, MK(person, 1), S("mine"), now, &p.first.e));
	race(&p);
	CHECK_OK(p.e, p.code);
	CHECK(p.known);
	close_pair(&p);
}

/* --- consents --- */

static enum err
give_reading(struct pair *p, struct error *e)
{
	struct t_bench *b = &p->second;
	return consent_give(&b->db, &b->a, MK(person, 1), MK(client, 1), MK(workspace, 1), SCOPE_BIT(NOTES_READ), MK(consent, 2), now + 2, &p->consent, e);
}

PG_TEST(what_is_taken_back_at_this_moment_does_not_come_back_with_another_consent)
{
	struct client c = { .id = MK(client, 1), .name = S("c"), .auth_method = CLIENT_AUTH_NONE, .redirects = S("[]"), .metadata = S("{}"), .created_at = now,
	    .fresh_until = TIME_NONE, .consented_at = TIME_NONE };
	struct pair p;
	bool known;

	open_pair(&p, t, give_reading);
	struct t_bench *b = &p.first;
	CHECK_OK(b->e, join(b, 1, 1, &known, &b->e));
	CHECK_OK(b->e, client_insert(&b->db, &c, &b->e));
	CHECK_OK(b->e, consent_give(&b->db, &b->a, MK(person, 1), c.id, MK(workspace, 1), SCOPE_BIT(POSTS_WRITE), MK(consent, 1), now, &p.consent, &b->e));
	begin(&p);
	CHECK_OK(b->e, consent_revoke(&b->db, MK(person, 1), MK(consent, 1), now + 1, &b->e));
	race(&p);
	CHECK_OK(p.e, p.code);
	CHECK_INT(p.consent.scopes, ==, SCOPE_BIT(NOTES_READ));
	close_pair(&p);
}
