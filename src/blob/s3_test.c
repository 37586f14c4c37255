#include "t.h"
#include "blob/s3.h"

#define NONE	{ NULL, 0 }
#define KEY	S_INIT("AKIDEXAMPLE"), S_INIT("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
#define NOW	INT64_C(1778833260000)		/* 2026-05-15T08:21:00Z */

/* What getSignedUrl of @aws-sdk/s3-request-presigner 3.1162.0 made of a PutObjectCommand: requestChecksumCalculation
 * WHEN_REQUIRED, signableHeaders content-type, signingDate NOW. */
static const struct vector { struct s3_place place; const char *key, *type; int expires; const char *url; } vectors[] = {
	{ { NONE, S_INIT("us-east-1"), S_INIT("acme-uploads"), false, KEY, NONE },
	  "org_01/upl_02/talk.mp3", "audio/mpeg", 900,
	  "https://acme-uploads.s3.us-east-1.amazonaws.com/org_01/upl_02/talk.mp3?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&X-Amz-Credential=AKIDEXAMPLE%2F20260515%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20260515T082100Z&X-Amz-Expires=900&X-Amz-Signature=c988a78ecdfcc25e43e6acc8016c1169f2c4d6ac8ece6cac26f5735c8cef0dc0&X-Amz-SignedHeaders=content-type%3Bhost&x-id=PutObject" },
	{ { NONE, S_INIT("eu-central-1"), S_INIT("acme-uploads"), false, KEY, NONE },
	  "a b/ü+(1)~*'!.pdf", "application/pdf", 900,
	  "https://acme-uploads.s3.eu-central-1.amazonaws.com/a%20b/%C3%BC%2B%281%29~%2A%27%21.pdf?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&X-Amz-Credential=AKIDEXAMPLE%2F20260515%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Date=20260515T082100Z&X-Amz-Expires=900&X-Amz-Signature=73dbbc27d7ed0a18f7093086f098476e0c3b9d09e8dbd91d0e77c264e0eff9cb&X-Amz-SignedHeaders=content-type%3Bhost&x-id=PutObject" },
	{ { S_INIT("http://127.0.0.1:9000"), S_INIT("eu-central-1"), S_INIT("acme.with.dots"), true, KEY, NONE },
	  "x", "text/plain; charset=utf-8", 900,
	  "http://127.0.0.1:9000/acme.with.dots/x?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&X-Amz-Credential=AKIDEXAMPLE%2F20260515%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Date=20260515T082100Z&X-Amz-Expires=900&X-Amz-Signature=49e445d5e0ca622485be6ac641370cf5561b2ac3979bc52c6be86c30c5522005&X-Amz-SignedHeaders=content-type%3Bhost&x-id=PutObject" },
	{ { S_INIT("https://minio.example.com:9443/base"), S_INIT("auto"), S_INIT("b"), true, KEY, S_INIT("FwoGZXIvYXdzEBYaD+token/with=chars") },
	  "upl_01J9Z", "image/png", 900,
	  "https://minio.example.com:9443/base/b/upl_01J9Z?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&X-Amz-Credential=AKIDEXAMPLE%2F20260515%2Fauto%2Fs3%2Faws4_request&X-Amz-Date=20260515T082100Z&X-Amz-Expires=900&X-Amz-Security-Token=FwoGZXIvYXdzEBYaD%2Btoken%2Fwith%3Dchars&X-Amz-Signature=fdbd9edbc7109ec4aa9f8b0c3cddd39ea618c5187ab3f2fd96b93e817d595681&X-Amz-SignedHeaders=content-type%3Bhost&x-id=PutObject" },
	{ { S_INIT("https://s3.example.com"), S_INIT("us-east-1"), S_INIT("b2"), false, KEY, NONE },
	  "k/é", "video/mp4", 60,
	  "https://s3.example.com/b2/k/%C3%A9?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&X-Amz-Credential=AKIDEXAMPLE%2F20260515%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20260515T082100Z&X-Amz-Expires=60&X-Amz-Signature=24b630a211818149b05b7f10c2f54b38e5e96be6f9429c3c231c6dd46ec440f1&X-Amz-SignedHeaders=content-type%3Bhost&x-id=PutObject" },
};

TEST(urls_are_those_of_the_javascript_sdk)
{
	struct arena a;

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(vectors); i++) {
		const struct vector *v = &vectors[i];
		CHECK_STR(s3_presign_put(&a, &v->place, str_z(v->key), str_z(v->type), NOW, v->expires), str_z(v->url));
	}
	arena_free(&a);
}

/* A minted URL as it comes back in a request. */
static struct s3_put
put_of(str url, const char *type)
{
	str rest = str_cut(url, url.p[4] == 's' ? 8 : 7, url.n);
	struct s3_put put = { .host = str_cut(rest, 0, (size_t)((char *)memchr(rest.p, '/', rest.n) - rest.p)), .content_type = str_z(type) };

	rest = str_cut(rest, put.host.n, rest.n);
	put.path = str_split(&rest, '?');
	put.query = rest;
	return put;
}

TEST(what_was_minted_is_taken_until_it_expires)
{
	struct arena a;

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(vectors); i++) {
		const struct vector *v = &vectors[i];
		struct s3_put put = put_of(str_z(v->url), v->type);
		CHECK_INT(s3_judge_put(&a, &v->place, &put, NOW), ==, S3_GOOD);
		CHECK_INT(s3_judge_put(&a, &v->place, &put, NOW + v->expires * 1000 - 1), ==, S3_GOOD);
		CHECK_INT(s3_judge_put(&a, &v->place, &put, NOW + v->expires * 1000), ==, S3_EXPIRED);
		CHECK_INT(s3_judge_put(&a, &v->place, &put, NOW - 15 * 60 * 1000), ==, S3_GOOD);
		CHECK_INT(s3_judge_put(&a, &v->place, &put, NOW - 15 * 60 * 1000 - 1), ==, S3_NOT_YET);
	}
	arena_free(&a);
}

/* Each byte of path, query, host and type, changed one at a time: none of them is taken. */
TEST(what_was_changed_is_refused)
{
	const struct vector *v = &vectors[1];
	struct s3_put whole = put_of(str_z(v->url), v->type);
	struct arena a;

	arena_init(&a, 1 << 20);
	for (size_t part = 0; part < sizeof(whole) / sizeof(str); part++) {
		struct s3_put put = whole;
		str *s = &((str *)&put)[part];
		for (size_t i = 0; i < s->n; i++) {
			struct arena_mark m = arena_mark(&a);
			str was = *s;
			char *copy = (char *)(uintptr_t)str_dup(&a, was).p;
			copy[i] = copy[i] == '1' ? '2' : '1';
			s->p = copy;
			CHECK_INT(s3_judge_put(&a, &v->place, &put, NOW), !=, S3_GOOD);
			*s = was;
			arena_back(&a, m);
		}
	}
	arena_free(&a);
}

static enum s3_verdict
judge(struct arena *a, const struct vector *v, const char *query)
{
	struct s3_put put = put_of(str_z(v->url), v->type);

	put.query = str_z(query);
	return s3_judge_put(a, &v->place, &put, NOW);
}

TEST(order_and_escapes_of_the_query_are_the_clients)
{
	const struct vector *v = &vectors[0];
	struct arena a;

	arena_init(&a, 1 << 20);
	str q = put_of(str_z(v->url), v->type).query, rest = q, turned = STR_NONE;
	while (rest.n > 0) {
		str one = str_split(&rest, '&');
		turned = turned.p == NULL ? one : str_fmt(&a, "%.*s&%.*s", STR(one), STR(turned));
	}
	CHECK(!str_eq(q, turned));
	CHECK_INT(judge(&a, v, str_dup(&a, turned).p), ==, S3_GOOD);
	CHECK_INT(judge(&a, v, str_fmt(&a, "%.*s&extra=1", STR(q)).p), ==, S3_MALFORMED);
	CHECK_INT(judge(&a, v, str_fmt(&a, "%.*s&X-Amz-Expires=900", STR(q)).p), ==, S3_MALFORMED);
	CHECK_INT(judge(&a, v, str_fmt(&a, "%.*s", STR(str_cut(q, 0, q.n - S("&x-id=PutObject").n))).p), ==, S3_MALFORMED);
	CHECK_INT(judge(&a, v, ""), ==, S3_MALFORMED);
	CHECK_INT(judge(&a, v, "&&==&X-Amz-Date=20260515T082100Z&X-Amz-Expires=900&X-Amz-Signature=zz"), ==, S3_MALFORMED);
	arena_free(&a);
}

TEST(another_key_is_told_from_a_wrong_signature)
{
	const struct vector *v = &vectors[0];
	struct s3_place other = v->place;
	struct arena a;

	arena_init(&a, 1 << 20);
	struct s3_put put = put_of(str_z(v->url), v->type);
	other.key_id = S("AKIDANOTHER");
	CHECK_INT(s3_judge_put(&a, &other, &put, NOW), ==, S3_OTHER_KEY);
	other = v->place;
	other.key_secret = S("another secret");
	CHECK_INT(s3_judge_put(&a, &other, &put, NOW), ==, S3_WRONG);
	arena_free(&a);
}

TEST(paths_keep_their_slashes_and_values_do_not)
{
	struct arena a;

	arena_init(&a, 1 << 16);
	CHECK_STR(s3_encode(&a, S("a b/\xc3\xbc~"), true), S("a%20b/%C3%BC~"));
	CHECK_STR(s3_encode(&a, S("a b/\xc3\xbc~"), false), S("a%20b%2F%C3%BC~"));
	arena_free(&a);
}
