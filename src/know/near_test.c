#include "db/engine.h"
#include "know/near.h"
#include "t_db.h"
#include <math.h>
#include <stdio.h>

#define DIMS	8

struct house { struct db db; workspace_id w; project_id project[2]; struct arena a; int documents; };

static void
open_house(struct house *h, struct t_db *t)
{
	*h = (struct house){ .w = { t_ulid(1, 1) }, .project = { { t_ulid(1, 2) }, { t_ulid(1, 3) } } };
	t_db_schema(t);
	h->db = t_db_open(t);
	struct error e;
	CHECK_OK(e, db_prepare_all(&h->db, &e));
	arena_init(&h->a, 16 << 20);
}

static void
close_house(struct house *h)
{
	h->db.ops->close(&h->db);
	arena_free(&h->a);
}

/* A vector that leans from axis 0 towards axis 1 by so many degrees. */
static void
vector(char to[VECTOR_HEAD + DIMS], double degrees)
{
	double v[DIMS] = { cos(degrees * M_PI / 180), sin(degrees * M_PI / 180) };

	CHECK(vector_pack(to, v, DIMS));
}

static void
put(struct house *h, document_id id, const char *model, int first, int n, double degrees)
{
	char data[VECTORS_SLICE * (VECTOR_HEAD + DIMS)];
	struct error e;

	for (int i = 0; i < n; i++)
		vector(data + i * (VECTOR_HEAD + DIMS), degrees + i);
	struct vectors v = { first, n, str_z(model), { data, (size_t)n * (VECTOR_HEAD + DIMS) } };
	CHECK_OK(e, vectors_put(&h->db, h->w, id, &v, &e));
}

/* A listed document of n passages, from that angle on by a degree each. */
static document_id
document(struct house *h, const char *model, int n, double degrees)
{
	document_id id = { t_ulid(2, ++h->documents) };
	struct document d = { .id = id, .type = KT_TEXT, .name = S("x"), .language = -1, .preview = S("x"), .characters = 1, .passages = n };
	digest hash = crypto_sha256((str){ id.u.s, 26 });
	struct error e;

	if (model != NULL)
		for (int i = 0; i < n; i += VECTORS_SLICE)
			put(h, id, model, i, MIN(n - i, VECTORS_SLICE), degrees + i);
	CHECK_OK(e, document_list(&h->db, h->w, &d, 1, &hash, model != NULL ? str_z(model) : S(""), &e));
	return id;
}

static int
search(struct house *h, struct near *c, const char *model, int most, struct near_hit *ret)
{
	char v[VECTOR_HEAD + DIMS];
	struct error e;
	int n = -1;

	vector(v, 0);
	struct near_question q = { .workspace = h->w, .model = str_z(model), .dims = DIMS, .vector = v };
	CHECK_OK(e, near_search(c, &h->db, &q, most, ret, &n, &e));
	return n;
}

static bool same(document_id a, document_id b) { return memcmp(a.u.s, b.u.s, 26) == 0; }

TEST(a_vector_keeps_its_direction_to_within_a_hundredth)
{
	char a[VECTOR_HEAD + DIMS], b[VECTOR_HEAD + DIMS];

	for (int d = 0; d <= 180; d += 7) {
		vector(a, 0);
		vector(b, d);
		CHECK(fabs(vector_likeness(a, b, DIMS) - cos(d * M_PI / 180)) < 0.01);
	}
}

TEST(a_long_vector_and_one_of_any_length_are_counted_whole)
{
	enum { MOST = 1537 };
	static char a[VECTOR_HEAD + MOST];
	static double v[MOST];

	for (int dims = 1; dims <= MOST; dims += 32) {
		for (int i = 0; i < dims; i++)
			v[i] = i % 5 - 2.5;
		CHECK(vector_pack(a, v, dims));
		CHECK(fabs(vector_likeness(a, a, dims) - 1) < 0.01);
	}
}

TEST(what_has_no_direction_is_no_vector)
{
	char to[VECTOR_HEAD + DIMS];

	CHECK(!vector_pack(to, (double[DIMS]){ 0 }, DIMS));
	CHECK(!vector_pack(to, (double[DIMS]){ 1, INFINITY }, DIMS));
	CHECK(!vector_pack(to, (double[DIMS]){ 1, NAN }, DIMS));
	CHECK(!vector_pack(to, (double[DIMS]){ 1e200, 1e200 }, DIMS));
}

/* A cache of any size gives the same answers. */
DB_TEST(the_nearest_come_first_whatever_fits_into_memory)
{
	static const int64_t sizes[] = { 0, 1500, 1 << 20 };
	struct near_hit hit[NEAR_MOST];
	struct house h;

	open_house(&h, t);
	document_id far = document(&h, "m", 100, 60), close = document(&h, "m", 3, 5);
	(void)document(&h, NULL, 2, 0);
	(void)document(&h, "other", 2, 0);
	for (int k = 0; k < 3; k++) {
		struct near *c = near_new(sizes[k]);
		for (int again = 0; again < 3; again++) {
			CHECK_INT(search(&h, c, "m", 5, hit), ==, 5);
			for (int i = 0; i < 5; i++)
				CHECK(same(hit[i].document, i < 3 ? close : far) && hit[i].place == i % 3);
			CHECK(fabs(hit[0].likeness - cos(5 * M_PI / 180)) < 0.01);
			CHECK_INT(search(&h, c, "m", NEAR_MOST, hit), ==, NEAR_MOST);
		}
		near_free(c);
	}
	close_house(&h);
}

DB_TEST(what_came_went_or_was_made_anew_is_seen_by_the_next_search)
{
	struct near *c = near_new(1 << 20);
	struct near_hit hit[NEAR_MOST];
	upload_id upload = { .u = { "" } };
	struct house h;
	struct error e;
	int n;

	open_house(&h, t);
	document_id a = document(&h, "m", 1, 20);
	CHECK_INT(search(&h, c, "m", 9, hit), ==, 1);
	document_id b = document(&h, "m", 1, 10);
	CHECK_INT(search(&h, c, "m", 9, hit), ==, 2);
	CHECK(same(hit[0].document, b));
	CHECK_OK(e, document_unlist(&h.db, h.w, b, &upload, &e));
	CHECK_INT(search(&h, c, "m", 9, hit), ==, 1);
	CHECK(same(hit[0].document, a));
	/* the same model, other vectors; the search in between sees none */
	CHECK_OK(e, vectors_forget(&h.db, h.w, 10, &n, &e));
	CHECK_INT(n, ==, 1);
	struct vectors_wanted v;
	bool found;
	CHECK_OK(e, vectors_want(&h.db, S("m"), 5, &v, &found, &e));
	CHECK(found && same(v.id, a));
	CHECK_OK(e, vectors_claim(&h.db, &v, 50, &e));
	CHECK_ERR(vectors_claim(&h.db, &v, 60, &e), E_CONFLICT);
	v.claim = 50;
	put(&h, a, "m", 0, 1, 70);
	CHECK_OK(e, vectors_whole(&h.db, &v, S("m"), 51, &e));
	CHECK_INT(search(&h, c, "m", 9, hit), ==, 1);
	CHECK(fabs(hit[0].likeness - cos(70 * M_PI / 180)) < 0.01);
	CHECK_INT(search(&h, c, "another", 9, hit), ==, 0);
	CHECK_OK(e, vectors_want(&h.db, S("m"), 100, &v, &found, &e));
	CHECK(!found);
	CHECK_OK(e, vectors_want(&h.db, S("another"), 100, &v, &found, &e));
	CHECK(found);
	close_house(&h);
	near_free(c);
}

/* --- many at once, as requests are --- */

enum { SEEKERS = 4 };
struct seeker { struct call c; struct near *near; struct near_question q; struct near_hit hit[9]; int n; };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static int found;

static enum err
seek(struct call *c, struct db *db, struct error *e)
{
	struct seeker *s = (struct seeker *)c;
	return near_search(s->near, db, &s->q, 9, s->hit, &s->n, e);
}

static void
sought(struct call *c, enum err code, const struct error *why)
{
	(void)c, (void)why;
	pthread_mutex_lock(&lock);
	found += code == OK;
	pthread_cond_broadcast(&change);
	pthread_mutex_unlock(&lock);
}

/* On PostgreSQL all of them stand on one thread: who waited for another one there would wait for ever. */
DB_TEST(who_searches_while_another_one_reads_waits_for_nobody)
{
	struct near *c = near_new(1 << 20);
	struct engine_conf conf = t_db_conf(t);
	static struct seeker s[SEEKERS];
	char v[VECTOR_HEAD + DIMS];
	struct house h;
	struct error e;

	open_house(&h, t);
	(void)document(&h, "m", 3, 5);
	(void)document(&h, "m", 2, 50);
	vector(v, 0);
	struct engine *g = t_db_engine(&conf);
	found = 0;
	for (int i = 0; i < SEEKERS; i++) {
		s[i] = (struct seeker){ .c = { .run = seek, .done = sought, .flags = CALL_READ }, .near = c, .n = -1,
		    .q = { .workspace = h.w, .model = S("m"), .dims = DIMS, .vector = v } };
		CHECK_OK(e, engine_submit(g, &s[i].c, &e));
	}
	pthread_mutex_lock(&lock);
	while (found < SEEKERS)
		pthread_cond_wait(&change, &lock);
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < SEEKERS; i++)
		CHECK_INT(s[i].n, ==, 5);
	engine_close(g);
	close_house(&h);
	near_free(c);
}

DB_TEST(vectors_of_a_length_of_their_own_are_passed_over)
{
	struct near *c = near_new(1 << 20);
	struct near_hit hit[NEAR_MOST];
	struct house h;
	struct error e;

	open_house(&h, t);
	document_id a = document(&h, "m", 1, 20);
	struct vectors odd = { 0, 1, S("m"), { "\0\0\0\0\1\2\3", 7 } }, torn = { 0, 3, S("m"), { "\0\0\0\0\1\2\3", 7 } };
	CHECK_OK(e, vectors_put(&h.db, h.w, a, &odd, &e));
	CHECK_INT(search(&h, c, "m", 9, hit), ==, 0);
	near_free(c);
	c = near_new(1 << 20);
	CHECK_OK(e, vectors_put(&h.db, h.w, a, &torn, &e));
	CHECK_INT(search(&h, c, "m", 9, hit), ==, 0);
	close_house(&h);
	near_free(c);
}

DB_TEST(workspaces_make_room_for_each_other)
{
	struct near *c = near_new(6000);
	struct near_hit hit[NEAR_MOST];
	struct house h;

	open_house(&h, t);
	for (int round = 0; round < 3; round++)
		for (int k = 0; k < 4; k++) {
			h.w = (workspace_id){ t_ulid(3, k + 1) };
			if (round == 0)
				(void)document(&h, "m", 200, k);
			CHECK_INT(search(&h, c, "m", 3, hit), ==, 3);
			CHECK(fabs(hit[0].likeness - cos(k * M_PI / 180)) < 0.01);
		}
	close_house(&h);
	near_free(c);
}
