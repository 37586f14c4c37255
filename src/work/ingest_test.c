#include "know/near.h"
#include "model/knowledge.h"
#include "model/upload.h"
#include "t_provider.h"
#include "t_work.h"
#include <sys/stat.h>
#include <unistd.h>

/* A text of some passages and more terms than a slice has. */
static str
long_text(struct t_house *h, int words)
{
	struct buf b;

	buf_init(&b, &h->a, 1 << 20);
	for (int i = 0; i < words; i++)
		buf_fmt(&b, "word%d%s", i % 400, i % 10 == 9 ? ". The " : " ");
	return buf_str(&b);
}

struct submit { struct t_house *h; struct unlisted u; struct job j; };

static enum err
put(void *ctx, struct db *db, struct error *e)
{
	struct submit *s = ctx;

	TRY(unlisted_insert(db, s->h->ws, &s->u, e));
	return job_insert(db, s->h->ws, &s->j, ingest_input(&s->h->a, s->u.id, STR_NONE), t_now(s->h), t_now(s->h) * 1000, 0, e);
}

static job_id
submit(struct t_house *h, str text, document_id *ret)
{
	struct submit s = { .h = h, .j = { .id = { sys_ulid(&h->clock.c) }, .type = JT_KB_INGEST_TEXT } };

	s.u = (struct unlisted){ .id = { sys_ulid(&h->clock.c) }, .job = s.j.id, .type = KT_TEXT, .name = S("A name"), .body = text };
	t_write(h, put, &s);
	if (ret != NULL)
		*ret = s.u.id;
	return s.j.id;
}

static int
status_of(struct t_house *h, job_id id)
{
	struct job j;

	t_get_job(h, id, &j);
	return j.status;
}

/* The worker's life until the job has ended: what the database refuses is tried again, what is lost comes back. */
static void
work_through(struct t_house *h, job_id id)
{
	struct error e;
	struct run r;
	bool took;
	int i = 0, n;

	t_run_init(h, &r);
	for (; i < 60; i++) {
		enum err code = t_step(h, &r, &took, &e);
		if (code == E_CONFLICT) {
			board_dropped(h->work->board, &r.task);
			t_run_free(&r);
			t_run_init(h, &r);
		} else if (code == OK && took) {
			r.kind->run(&r);
		} else if (code == OK) {
			if (status_of(h, id) == JS_DONE || status_of(h, id) == JS_FAILED)
				break;
			t_move(h, 600000);
			(void)!step_lost(h->work, t_now(h), &n, &e);
		}
	}
	CHECK_INT(i, <, 60);
	t_run_free(&r);
}

struct rows_of { int64_t documents, passages, terms, slices, unlisted, listed, twice; };

static struct rows_of
count(struct t_house *h)
{
	return (struct rows_of){ t_count(h, "knowledge"), t_count(h, "knowledge_passage"), t_count(h, "knowledge_term"), t_count(h, "knowledge_slice"),
	    t_count(h, "knowledge_unlisted"), t_count(h, "event WHERE type = 'knowledge.indexed'"), t_count(h, "event WHERE type = 'job.completed'") };
}

static void
clear(struct t_house *h)
{
	t_db_script(h->t, "DELETE FROM knowledge; DELETE FROM knowledge_unlisted; DELETE FROM knowledge_passage; DELETE FROM knowledge_term;"
	    " DELETE FROM knowledge_vector; DELETE FROM knowledge_slice; DELETE FROM knowledge_size; DELETE FROM event; DELETE FROM job");
}

DB_TEST(a_text_is_one_document_whatever_breaks)
{
	static const enum db_fault_kind kinds[] = { DB_FAULT_CALL, DB_FAULT_COMMIT_BEFORE, DB_FAULT_COMMIT_AFTER };
	struct t_house h;

	t_house_open(&h, t, T_FAULTS, "");
	str text = long_text(&h, 900);
	work_through(&h, submit(&h, text, NULL));
	struct rows_of whole = count(&h);
	CHECK_INT(whole.documents, ==, 1);
	CHECK_INT(whole.passages, >, 3);
	CHECK_INT(whole.slices, >, 2);
	CHECK_INT(whole.unlisted, ==, 0);
	CHECK_INT(whole.listed, ==, 1);
	for (size_t k = 0; k < COUNT(kinds); k++)
		for (int n = 1;; n += kinds[k] == DB_FAULT_CALL && n > 30 ? 37 : 1) {
			clear(&h);
			job_id id = submit(&h, text, NULL);
			t_break(&h, kinds[k], n, false);
			work_through(&h, id);
			bool fired = t_mend(&h);
			struct rows_of is = count(&h);
			CHECK_INT(status_of(&h, id), ==, JS_DONE);
			if (memcmp(&is, &whole, sizeof(is)) != 0)
				t_fail(__FILE__, __LINE__, "kind %d, fault %d: %lld documents, %lld passages, %lld terms, %lld slices, %lld unlisted, %lld events", (int)k, n,
				    (long long)is.documents, (long long)is.passages, (long long)is.terms, (long long)is.slices, (long long)is.unlisted, (long long)is.listed);
			if (!fired || n > 2000)
				break;
		}
	t_house_close(&h);
}

DB_TEST(twins_become_one_document_and_the_job_names_it)
{
	struct t_house h;
	document_id first;
	struct job j;

	t_house_open(&h, t, 0, "");
	job_id a = submit(&h, S("The same text."), &first), b = submit(&h, S("The same text."), NULL);
	work_through(&h, a);
	work_through(&h, b);
	CHECK_INT(t_count(&h, "knowledge"), ==, 1);
	CHECK_INT(t_count(&h, "event WHERE type = 'knowledge.indexed'"), ==, 1);
	t_get_job(&h, b, &j);
	CHECK_STR(j.result, str_fmt(&h.a, "{\"documentId\":\"kb_%s\"}", first.u.s));
	t_house_close(&h);
}

#define ORPHANS	"knowledge_%s WHERE document NOT IN (SELECT id FROM knowledge) AND document NOT IN (SELECT id FROM knowledge_unlisted)"

/* A start that a fault ends somewhere; then somebody else submits the same text and is first. */
DB_TEST(a_twin_that_comes_between_two_starts_leaves_nothing_that_nobody_knows_of)
{
	static const char *const tables[] = { "passage", "term", "slice" };
	struct t_house h;
	struct error e;
	struct run r;
	bool took, fired = true;

	t_house_open(&h, t, T_FAULTS, "");
	str text = long_text(&h, 900);
	for (int n = 2; fired && n < 2000; n *= 2) {
		clear(&h);
		job_id b = submit(&h, text, NULL);
		t_run_init(&h, &r);
		CHECK_OK(e, t_step(&h, &r, &took, &e));
		t_break(&h, DB_FAULT_CALL, n, true);
		r.kind->run(&r);
		fired = t_mend(&h);
		CHECK_OK(e, t_step(&h, &r, &took, &e));
		t_run_free(&r);
		work_through(&h, submit(&h, text, NULL));
		work_through(&h, b);
		CHECK_INT(status_of(&h, b), ==, JS_DONE);
		CHECK_INT(t_count(&h, "knowledge"), ==, 1);
		for (size_t i = 0; i < COUNT(tables); i++)
			CHECK_INT(t_count(&h, str_fmt(&h.a, ORPHANS, tables[i]).p), ==, 0);
	}
	t_house_close(&h);
}

DB_TEST(a_model_gets_the_passages_that_fit_and_the_receipt_names_them)
{
	struct t_house h;
	document_id about, other;
	char sets[200];

	snprintf(sets, sizeof(sets), "writer=openai openai_model=m openai_url=http://127.0.0.1:%d/normal/v1", provider_port());
	t_house_open(&h, t, 0, sets);
	work_through(&h, submit(&h, S("The support form had many old fields. Every support call was about one of the forms."), &about));
	work_through(&h, submit(&h, S("Zebras live in Africa."), &other));
	work_through(&h, t_job(&h, JT_POST_GENERATION, NULL, 0));
	CHECK_INT(t_count(&h, str_fmt(&h.a, "job WHERE receipt LIKE '%%\"passages\":[{\"documentId\":\"kb_%s\",\"passage\":0,%%'", about.u.s).p), ==, 1);
	CHECK_INT(t_count(&h, str_fmt(&h.a, "job WHERE receipt LIKE '%%%s%%'", other.u.s).p), ==, 0);
	t_house_close(&h);
}

DB_TEST(the_writer_without_a_model_reads_no_knowledge)
{
	struct t_house h;

	t_house_open(&h, t, 0, "");
	work_through(&h, submit(&h, S("The support form had many old fields."), NULL));
	work_through(&h, t_job(&h, JT_POST_GENERATION, NULL, 0));
	CHECK_INT(t_count(&h, "job WHERE receipt LIKE '%\"passages\":[],%'"), ==, 1);
	t_house_close(&h);
}

static enum err
unlist(void *ctx, struct db *db, struct error *e)
{
	struct submit *s = ctx;
	upload_id upload;
	return document_unlist(db, s->h->ws, s->u.id, &upload, e);
}

DB_TEST(the_keeper_leaves_nothing_of_what_is_deleted_cancelled_or_failed)
{
	struct submit s = { .h = NULL };
	struct t_house h;
	struct job was;

	t_house_open(&h, t, T_HANDS, "job_poll=20");
	job_id a = submit(&h, long_text(&h, 3000), &s.u.id), b = submit(&h, S(" … "), NULL);
	work_wake(h.work);
	T_UNTIL(status_of(&h, a) == JS_DONE && status_of(&h, b) == JS_FAILED);
	t_get_job(&h, b, &was);
	CHECK_STR(was.error_code, S("empty_text"));
	s.h = &h;
	t_write(&h, unlist, &s);
	T_UNTIL((t_move(&h, 100), t_count(&h, "knowledge_unlisted") == 0));
	CHECK_INT(t_count(&h, "knowledge_passage"), ==, 0);
	CHECK_INT(t_count(&h, "knowledge_term"), ==, 0);
	CHECK_INT(t_count(&h, "knowledge_slice"), ==, 0);
	CHECK_INT(t_count(&h, "knowledge_size WHERE passages <> 0 OR words <> 0"), ==, 0);
	t_house_close(&h);
}

/* The keeper looks at an unlisted document, and then at its job; in between the job may have listed it. */
DB_TEST(a_document_that_is_listed_while_the_keeper_looks_is_not_emptied)
{
	struct t_house h;

	t_house_open(&h, t, T_HANDS, "job_poll=20 clean_interval=1");
	for (int i = 0; i < 60; i++) {
		job_id id = submit(&h, str_fmt(&h.a, "Text %d about one thing.", i), NULL);
		work_wake(h.work);
		T_UNTIL((t_move(&h, 1000), status_of(&h, id) == JS_DONE));
	}
	T_UNTIL((t_move(&h, 1000), t_count(&h, "knowledge_unlisted") == 0));
	CHECK_INT(t_count(&h, "knowledge"), ==, 60);
	CHECK_INT(t_count(&h, "knowledge WHERE id NOT IN (SELECT document FROM knowledge_passage)"), ==, 0);
	CHECK_INT(t_count(&h, "knowledge WHERE id NOT IN (SELECT document FROM knowledge_slice)"), ==, 0);
	t_house_close(&h);
}

DB_TEST(a_document_whose_job_still_waits_is_left_alone)
{
	struct t_house h;

	t_house_open(&h, t, 0, "job_poll=20");
	job_id id = submit(&h, S("A text."), NULL);
	t_db_script(h.t, "UPDATE job SET run_at = 9000000000000000");
	t_work_close(&h);
	t_work_open(&h, T_HANDS);
	for (int i = 0; i < 100; i++) {
		t_move(&h, 100);
		t_pause();
	}
	CHECK_INT(t_count(&h, "knowledge_unlisted"), ==, 1);
	CHECK_INT(status_of(&h, id), ==, JS_QUEUED);
	t_db_script(h.t, "UPDATE job SET status = 'CANCELLED'");
	T_UNTIL((t_move(&h, 100), t_count(&h, "knowledge_unlisted") == 0));
	t_house_close(&h);
}

/* --- vectors --- */

#define TORN	"knowledge k WHERE vectors <> '' AND passages <> (SELECT coalesce(sum(n), 0) FROM knowledge_vector v WHERE v.document = k.id)"

static void
open_with_vectors(struct t_house *h, struct t_db *t, unsigned flags, const char *behaviour)
{
	char sets[200];

	snprintf(sets, sizeof(sets), "embed_url=http://127.0.0.1:%d/%s/v1 embed_total=1000 job_poll=20", provider_port(), behaviour);
	t_house_open(h, t, flags, sets);
	h->work->c.near = near_new(1 << 20);
}

static void
close_with_vectors(struct t_house *h)
{
	struct near *c = h->work->c.near;

	t_house_close(h);
	near_free(c);
}

DB_TEST(a_document_has_all_of_its_vectors_or_says_that_it_has_none)
{
	static const struct { const char *behaviour; int whole; } rows[] = {
		{ "normal", 1 }, { "turned", 1 }, { "shorter", 0 }, { "few", 0 }, { "status-500", 0 }, { "busy-1", 0 }, { "drop", 0 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct t_house h;
		open_with_vectors(&h, t, 0, rows[i].behaviour);
		clear(&h);
		job_id id = submit(&h, long_text(&h, 14000), NULL);
		work_through(&h, id);
		CHECK_INT(status_of(&h, id), ==, JS_DONE);
		CHECK_INT(t_count(&h, "knowledge WHERE passages > 64"), ==, 1);
		CHECK_INT(t_count(&h, "knowledge WHERE vectors <> ''"), ==, rows[i].whole);
		CHECK_INT(t_count(&h, TORN), ==, 0);
		close_with_vectors(&h);
	}
}

DB_TEST(vectors_are_whole_whatever_breaks)
{
	static const enum db_fault_kind kinds[] = { DB_FAULT_CALL, DB_FAULT_COMMIT_BEFORE, DB_FAULT_COMMIT_AFTER };
	struct t_house h;

	open_with_vectors(&h, t, T_FAULTS, "normal");
	str text = long_text(&h, 300);
	for (size_t k = 0; k < COUNT(kinds); k++)
		for (int n = 1;; n += kinds[k] == DB_FAULT_CALL ? 13 : 1) {
			clear(&h);
			job_id id = submit(&h, text, NULL);
			t_break(&h, kinds[k], n, false);
			work_through(&h, id);
			bool fired = t_mend(&h);
			CHECK_INT(status_of(&h, id), ==, JS_DONE);
			CHECK_INT(t_count(&h, "knowledge"), ==, 1);
			CHECK_INT(t_count(&h, TORN), ==, 0);
			if (!fired || n > 2000)
				break;
		}
	close_with_vectors(&h);
}

DB_TEST(a_deleted_document_leaves_no_vector)
{
	struct submit s = { .h = NULL };
	struct t_house h;

	open_with_vectors(&h, t, T_HANDS, "normal");
	job_id a = submit(&h, long_text(&h, 3000), &s.u.id);
	work_wake(h.work);
	T_UNTIL(status_of(&h, a) == JS_DONE);
	CHECK_INT(t_count(&h, "knowledge_vector"), >, 0);
	s.h = &h;
	t_write(&h, unlist, &s);
	T_UNTIL((t_move(&h, 100), t_count(&h, "knowledge_unlisted") == 0));
	CHECK_INT(t_count(&h, "knowledge_vector"), ==, 0);
	close_with_vectors(&h);
}

/* --- a document that is made of a file --- */

/* The program that reads it: each run leaves a byte, and each passage is a page. */
static const char *
program(struct t_house *h, const char *ending)
{
	char *path = (char *)(uintptr_t)str_fmt(&h->a, "%s/reader", t_dir()).p;
	struct error e;
	struct buf b;

	buf_init(&b, &h->a, 1 << 16);
	buf_fmt(&b, "#!/bin/sh\nprintf x >>%s/runs\ncat <<END\n{\"type\":\"text/x\"}\n", t_dir());
	for (int page = 1; page < 6; page++) {
		buf_fmt(&b, "{\"page\":%d}\n{\"text\":\"", page);
		for (int i = 0; i < 200; i++)
			buf_fmt(&b, "word%d%s", page * 50 + i % 50, i % 10 == 9 ? ". The " : " ");
		buf_fmt(&b, "\"}\n");
	}
	buf_fmt(&b, "%s\nEND\n", ending);
	CHECK(sys_write_file(path, buf_str(&b), &e) == OK);
	chmod(path, 0700);
	return path;
}

static size_t
runs(struct t_house *h)
{
	const char *path = str_fmt(&h->a, "%s/runs", t_dir()).p;
	struct error e;
	str s = S("");

	(void)!sys_read_file(&h->a, path, 1000, &s, &e);
	unlink(path);
	return s.n;
}

/* The house has a store; its clock is the real one where a program is waited for. */
static struct disk *
open_store(struct t_house *h, const char *ending)
{
	struct disk *disk;
	struct error e;

	CHECK(disk_open(str_fmt(&h->a, "%s/uploads", t_dir()).p, 4, &disk, &e) == OK);
	h->work->c.disk = disk;
	h->conf.extract_program = program(h, ending);
	h->conf.data = t_dir();
	return disk;
}

struct submit_file { struct submit s; struct upload u; };

/* An upload whose bytes are there. */
static struct upload
fresh_upload(struct t_house *h)
{
	struct upload u = { .id = { sys_ulid(&h->clock.c) }, .state = UP_WAITING, .content_type = S("text/x"), .max_size = 10, .since = 1, .expires_at = 1 };
	const char *path = str_fmt(&h->a, "%s/uploads/%s", t_dir(), blobs_file(&h->ws, &u.id).s).p;
	struct error e;

	CHECK(sys_write_file(path, S("x"), &e) == OK);
	return u;
}

static enum err
put_upload(struct submit_file *f, struct db *db, int64_t now, struct error *e)
{
	struct t_house *h = f->s.h;
	ulid attempt = f->u.id.u;

	TRY(upload_insert(db, h->ws, &f->u, e));
	TRY(upload_store(db, h->ws, f->u.id, &attempt, 3, now, e));
	return upload_use(db, h->ws, &f->u, f->s.j.id, now, e);
}

static enum err
put_file(void *ctx, struct db *db, struct error *e)
{
	struct submit_file *f = ctx;
	struct submit *s = &f->s;
	int64_t now = t_now(s->h);

	TRY(put_upload(f, db, now, e));
	TRY(unlisted_insert(db, s->h->ws, &s->u, e));
	return job_insert(db, s->h->ws, &s->j, ingest_input(&s->h->a, s->u.id, S("text/x")), now, now * 1000, 0, e);
}

static job_id
submit_file(struct t_house *h)
{
	struct submit_file f = { .s = { .h = h, .j = { .id = { sys_ulid(&h->clock.c) }, .type = JT_KB_INGEST_FILE } }, .u = fresh_upload(h) };

	f.s.u = (struct unlisted){ .id = { sys_ulid(&h->clock.c) }, .job = f.s.j.id, .type = KT_FILE, .name = S("A file"), .body = S(""), .upload = f.u.id };
	t_write(h, put_file, &f);
	return f.s.j.id;
}

DB_TEST(a_file_is_one_document_whatever_breaks_and_is_not_read_again_for_it)
{
	static const enum db_fault_kind kinds[] = { DB_FAULT_CALL, DB_FAULT_COMMIT_BEFORE, DB_FAULT_COMMIT_AFTER };
	size_t once = 0, fired = 1;
	struct t_house h;

	t_house_open(&h, t, T_FAULTS, "");
	struct disk *disk = open_store(&h, "{\"end\":true}");
	(void)runs(&h);
	work_through(&h, submit_file(&h));
	struct rows_of whole = count(&h);
	CHECK_INT(whole.documents, ==, 1);
	CHECK_INT(t_count(&h, "knowledge_passage WHERE page = 5"), >=, 1);
	CHECK_INT(t_count(&h, "knowledge_passage WHERE page IS NULL"), ==, 0);
	CHECK_INT(t_count(&h, "upload WHERE state = 'used'"), ==, 1);
	for (size_t k = 0; k < COUNT(kinds); k++)
		for (int n = 1; n < 2000; n += kinds[k] == DB_FAULT_CALL && n > 16 ? 197 : 1) {
			clear(&h);
			(void)runs(&h);
			job_id id = submit_file(&h);
			t_break(&h, kinds[k], n, false);
			work_through(&h, id);
			if (!t_mend(&h))
				break;
			struct rows_of is = count(&h);
			size_t times = runs(&h);
			CHECK_INT(status_of(&h, id), ==, JS_DONE);
			CHECK_INT(times, <=, 2);
			once += times == 1;
			fired++;
			if (memcmp(&is, &whole, sizeof(is)) != 0)
				t_fail(__FILE__, __LINE__, "kind %d, fault %d: %lld documents, %lld passages, %lld unlisted", (int)k, n, (long long)is.documents,
				    (long long)is.passages, (long long)is.unlisted);
		}
	CHECK_INT(once, >, fired / 2);
	t_house_close(&h);
	disk_close(disk);
}

DB_TEST(what_came_to_nothing_gives_its_upload_back_and_a_twin_condemns_it)
{
	struct t_house h;
	struct job j;

	t_house_open(&h, t, 0, "");
	struct disk *disk = open_store(&h, "{\"error\":\"unsupported_media\",\"message\":\"No.\"}");
	job_id id = submit_file(&h);
	work_through(&h, id);
	t_get_job(&h, id, &j);
	CHECK_INT(j.status, ==, JS_FAILED);
	CHECK_STR(j.error_code, S("unsupported_media"));
	CHECK_STR(j.error_message, S("No."));
	CHECK_INT(t_count(&h, "upload WHERE state = 'stored' AND job IS NULL"), ==, 1);
	program(&h, "{\"end\":true}");
	work_through(&h, submit_file(&h));
	work_through(&h, submit_file(&h));
	CHECK_INT(t_count(&h, "knowledge"), ==, 1);
	CHECK_INT(t_count(&h, "upload WHERE state = 'used'"), ==, 1);
	CHECK_INT(t_count(&h, "upload WHERE state = 'doomed'"), ==, 1);
	t_house_close(&h);
	disk_close(disk);
}

/* --- a source that is made of a file --- */

static enum err
put_source(void *ctx, struct db *db, struct error *e)
{
	struct submit_file *f = ctx;
	struct submit *s = &f->s;
	struct ingestion g = { .upload = f->u.id, .content_type = f->u.content_type };
	int64_t now = t_now(s->h);

	TRY(put_upload(f, db, now, e));
	return job_insert(db, s->h->ws, &s->j, ingestion_input(&s->h->a, &g), now, now * 1000, 0, e);
}

static job_id
submit_source(struct t_house *h)
{
	struct submit_file f = { .s = { .h = h, .j = { .id = { sys_ulid(&h->clock.c) }, .type = JT_SOURCE_INGEST_FILE, .project = h->project } }, .u = fresh_upload(h) };

	t_write(h, put_source, &f);
	return f.s.j.id;
}

DB_TEST(a_source_whose_job_is_lost_after_reading_is_not_read_again)
{
	struct t_house h;
	struct error e;
	struct run r;
	bool took;
	int n;

	t_house_open(&h, t, 0, "");
	struct disk *disk = open_store(&h, "{\"title\":\"A talk\"}\n{\"end\":true}");
	(void)runs(&h);
	job_id id = submit_source(&h);
	t_run_init(&h, &r);
	CHECK_INT(t_step(&h, &r, &took, &e), ==, OK);
	CHECK(took);
	r.kind->run(&r);
	CHECK_INT(t_count(&h, "upload_text"), ==, 1);
	t_move(&h, 600000);			/* its worker was killed before it wrote down how it ended */
	CHECK_OK(e, step_lost(h.work, t_now(&h), &n, &e));
	CHECK_INT(n, ==, 1);
	board_dropped(h.work->board, &r.task);
	t_run_free(&r);
	work_through(&h, id);
	CHECK_INT(status_of(&h, id), ==, JS_DONE);
	CHECK_INT(runs(&h), ==, 1);
	CHECK_INT(t_count(&h, "source WHERE name = 'A talk' AND file_type = 'text/x'"), ==, 1);
	CHECK_INT(t_count(&h, "source_text WHERE marks IS NOT NULL"), ==, 1);
	CHECK_INT(t_count(&h, "upload_text"), ==, 0);
	CHECK_INT(t_count(&h, "upload WHERE state = 'used'"), ==, 1);
	t_house_close(&h);
	disk_close(disk);
}

DB_TEST(a_source_is_one_whatever_breaks_and_what_was_read_does_not_stay)
{
	static const enum db_fault_kind kinds[] = { DB_FAULT_CALL, DB_FAULT_COMMIT_BEFORE, DB_FAULT_COMMIT_AFTER };
	struct t_house h;

	t_house_open(&h, t, T_FAULTS, "");
	struct disk *disk = open_store(&h, "{\"end\":true}");
	for (size_t k = 0; k < COUNT(kinds); k++)
		for (int n = 1; n < 200; n += kinds[k] == DB_FAULT_CALL && n > 40 ? 17 : 1) {
			t_db_script(t, "DELETE FROM source_hook; DELETE FROM source_topic; DELETE FROM source_text; DELETE FROM source");
			(void)runs(&h);
			job_id id = submit_source(&h);
			t_break(&h, kinds[k], n, false);
			work_through(&h, id);
			if (!t_mend(&h))
				break;
			CHECK_INT(status_of(&h, id), ==, JS_DONE);
			CHECK_INT(runs(&h), <=, 2);
			CHECK_INT(t_count(&h, "source"), ==, 1);
			CHECK_INT(t_count(&h, "source_text"), ==, 1);
			CHECK_INT(t_count(&h, "upload_text"), ==, 0);
		}
	t_house_close(&h);
	disk_close(disk);
}

DB_TEST(what_was_read_goes_with_a_job_that_fails)
{
	struct t_house h;
	struct error e;
	struct run r;
	bool took;
	int n;

	t_house_open(&h, t, 0, "job_lost_leases=1");
	struct disk *disk = open_store(&h, "{\"end\":true}");
	job_id id = submit_source(&h);
	t_run_init(&h, &r);
	CHECK_INT(t_step(&h, &r, &took, &e), ==, OK);
	r.kind->run(&r);
	CHECK_INT(t_count(&h, "upload_text"), ==, 1);
	t_move(&h, 600000);
	CHECK_OK(e, step_lost(h.work, t_now(&h), &n, &e));
	board_dropped(h.work->board, &r.task);
	t_run_free(&r);
	CHECK_INT(status_of(&h, id), ==, JS_FAILED);
	CHECK_INT(t_count(&h, "upload_text"), ==, 0);
	CHECK_INT(t_count(&h, "upload WHERE state = 'stored'"), ==, 1);
	t_house_close(&h);
	disk_close(disk);
}
