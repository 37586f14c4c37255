/* Against a real S3 service: SCRIPED_TEST_S3 names one (test/lib/s3.py). */
#include "blob/bucket.h"
#include "dial/dial.h"
#include "t.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KEY	S("org_01J9ZA/upl_01J9ZA")

struct place { struct arena a; struct conf conf; struct bucket_client b; };

/* Sends one request as a client of the service would; the status. */
static int
ask(struct place *p, const char *method, str key, const char *url, str body)
{
	struct s3_place at = blobs_place(&p->a, NULL, &p->conf, NULL);
	const char *typed[] = { "Content-Type: audio/mpeg", NULL };
	struct s3_signed s;
	struct dial_result r;

	s3_sign(&p->a, &at, method, key, STR_NONE, sys_wall_ms(&sys_clock_real), &s);
	dial(&p->a, &sys_clock_real, &(struct dial_request){ .method = method, .url = url != NULL ? url : s.url, .headers = url != NULL ? typed : s.header,
	    .body = body, .connect_ms = 5000, .silence_ms = 10000, .total_ms = 20000, .max = 1 << 20 }, &r);
	return r.fault == DIAL_OK ? r.status : -(int)r.fault;
}

/* A bucket of its own for each test. */
static void
place_open(struct place *p, const char *bucket)
{
	const char *endpoint = getenv("SCRIPED_TEST_S3");

	if (endpoint == NULL)
		t_fail(__FILE__, __LINE__, "no S3 service: python3 test/lib/s3.py -- build/asan/test/blob/bucket_test");
	*p = (struct place){ .conf = { .blob_endpoint = endpoint != NULL ? endpoint : "http://127.0.0.1:1", .blob_bucket = bucket, .blob_region = "us-east-1", .blob_key_id = "test:tester",
	    .blob_key_secret = "testing", .blob_token = "", .blob_path_style = true, .public_url = "" } };
	arena_init(&p->a, 64 << 20);
	p->b = (struct bucket_client){ .conf = &p->conf, .clock = &sys_clock_real, .a = &p->a };
	CHECK_INT(ask(p, "PUT", S(""), NULL, S("")), ==, 200);
}

static int
put(struct place *p, str key, str body)
{
	struct s3_place at = blobs_place(&p->a, NULL, &p->conf, NULL);

	return ask(p, "PUT", key, s3_presign_put(&p->a, &at, key, S("audio/mpeg"), sys_wall_ms(&sys_clock_real), 900).p, body);
}

static str
read_back(struct place *p, str key, enum bucket_end expected)
{
	char path[] = "/tmp/scriped-bucket-XXXXXX", *text = arena_raw(&p->a, 1 << 20);
	int fd = mkstemp(path);

	unlink(path);
	enum bucket_end end = bucket_read(&p->b, key, fd, 1 << 20);
	if (end != expected)
		t_fail(__FILE__, __LINE__, "read back: %d, %s", end, p->b.why);
	ssize_t n = pread(fd, text, 1 << 20, 0);
	close(fd);
	return (str){ text, n > 0 ? (size_t)n : 0 };
}

TEST(what_a_client_put_is_kept_and_read)
{
	struct place p;

	place_open(&p, "kept-and-read");
	CHECK_INT(put(&p, KEY, S("an afternoon's talk")), ==, 200);
	CHECK_INT(bucket_keep(&p.b, KEY, 100), ==, BUCKET_OK);
	CHECK_STR(read_back(&p, KEY, BUCKET_OK), S("an afternoon's talk"));
	CHECK_INT(bucket_keep(&p.b, KEY, 100), ==, BUCKET_OK);		/* who was killed keeps again */
	arena_free(&p.a);
}

TEST(a_later_put_changes_nothing)
{
	struct place p;

	place_open(&p, "later-put");
	CHECK_INT(put(&p, KEY, S("first")), ==, 200);
	CHECK_INT(bucket_keep(&p.b, KEY, 100), ==, BUCKET_OK);
	CHECK_INT(put(&p, KEY, S("second, and longer")), ==, 200);
	CHECK_INT(bucket_keep(&p.b, KEY, 100), ==, BUCKET_OK);
	CHECK_STR(read_back(&p, KEY, BUCKET_OK), S("first"));
	CHECK_INT(bucket_remove(&p.b, KEY), ==, BUCKET_OK);
	read_back(&p, KEY, BUCKET_MISSING);
	CHECK_INT(bucket_keep(&p.b, KEY, 100), ==, BUCKET_MISSING);	/* both are gone */
	CHECK_INT(bucket_remove(&p.b, KEY), ==, BUCKET_OK);
	arena_free(&p.a);
}

TEST(what_is_missing_or_too_large_is_said)
{
	struct place p;

	place_open(&p, "missing");
	CHECK_INT(bucket_keep(&p.b, KEY, 100), ==, BUCKET_MISSING);
	CHECK_INT(put(&p, KEY, S("0123456789")), ==, 200);
	CHECK_INT(bucket_keep(&p.b, KEY, 9), ==, BUCKET_TOO_LARGE);
	CHECK_INT(bucket_keep(&p.b, KEY, 10), ==, BUCKET_OK);
	CHECK_INT(put(&p, S("org_1/ü (1).mp3"), S("x")), ==, 200);
	CHECK_INT(bucket_keep(&p.b, S("org_1/ü (1).mp3"), 10), ==, BUCKET_OK);
	arena_free(&p.a);
}

TEST(a_service_that_says_no_is_the_operators_business)
{
	struct place p;

	place_open(&p, "refuses");
	CHECK_INT(bucket_check(&p.b), ==, BUCKET_OK);
	p.conf.blob_key_secret = "wrong";
	CHECK_INT(bucket_check(&p.b), ==, BUCKET_REFUSED);
	CHECK(strstr(p.b.why, "SignatureDoesNotMatch") != NULL);
	CHECK(strstr(p.b.why, "wrong") == NULL);
	p.conf.blob_key_secret = "testing";
	p.conf.blob_bucket = "no-such-bucket";
	CHECK_INT(bucket_check(&p.b), ==, BUCKET_REFUSED);
	CHECK(strstr(p.b.why, "NoSuchBucket") != NULL);
	p.conf.blob_endpoint = "http://127.0.0.1:1";
	CHECK_INT(bucket_check(&p.b), ==, BUCKET_BROKEN);
	arena_free(&p.a);
}
