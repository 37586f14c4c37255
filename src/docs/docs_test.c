#include "docs/docs_priv.h"
#include "t_app.h"
#include <stdlib.h>

/* --- the site --- */

TEST(the_pages_are_sorted_and_each_is_found)
{
	struct asset as, found;

	CHECK(site_ok());
	CHECK_INT(site_count(), >, 50);
	for (int i = 0; i < site_count(); i++) {
		as = site_asset(i);
		if (i > 0)
			CHECK_INT(str_cmp(str_z(site_asset(i - 1).path), str_z(as.path)), <, 0);
		CHECK(site_find(str_z(as.path), &found) && found.path == as.path);
	}
	CHECK(!site_find(S(""), &found));
	CHECK(!site_find(S("/docs/"), &found));
	CHECK(!site_find(S("/zzz"), &found));
}

static bool is_page(const struct asset *as) { return strcmp(as->type, "text/html; charset=utf-8") == 0 && as->path[0] == '/'; }

TEST(every_page_has_a_twin_in_markdown)
{
	struct arena a;
	int pages = 0;

	arena_init(&a, 1 << 20);
	for (int i = 0; i < site_count(); i++) {
		struct asset as = site_asset(i), twin;
		if (!is_page(&as))
			continue;
		pages++;
		CHECK(site_find(str_fmt(&a, "%s.md", as.path), &twin));
		CHECK_STR(str_z(twin.type), S("text/markdown; charset=utf-8"));
	}
	CHECK_INT(pages, >, 40);
	arena_free(&a);
}

TEST(a_page_has_a_short_name_and_is_read_by_it)
{
	struct arena a;
	str notes, same;
	int n, all;

	arena_init(&a, (size_t)64 << 20);
	const struct docs_page *p = docs_list(&a, &n);
	CHECK_INT(n, >, 15);
	CHECK_STR(p[0].name, S("index"));
	for (int i = 0; i < n; i++) {
		str text;
		CHECK(docs_read(&a, p[i].name, &text));
		CHECK_INT(text.n, ==, p[i].size);
		CHECK(p[i].title.n > 0 && p[i].about.n > 0);
	}
	const str *names = docs_names(&a, &all);
	CHECK_INT(all, >, n);
	for (int i = 0; i < all; i++)
		CHECK(docs_read(&a, names[i], &same));
	CHECK(docs_read(&a, S("notes"), &notes) && str_starts(notes, S("# Notes")));
	CHECK(docs_read(&a, S("api/v1/notes"), &same) && str_eq(same, notes));
	CHECK(docs_read(&a, S("notes.md"), &same) && str_eq(same, notes));
	CHECK(docs_read(&a, S("errors/not_found"), &same));
	CHECK(!docs_read(&a, S(""), &same));
	CHECK(!docs_read(&a, S("assets/search.json"), &same));
	CHECK(!docs_read(&a, S("../llms"), &same));
	arena_free(&a);
}

TEST(what_is_packed_is_whole_and_its_tags_are_its_own)
{
	struct arena a;
	size_t all = 0;

	arena_init(&a, (size_t)64 << 20);
	for (int i = 0; i < site_count(); i++) {
		struct asset as = site_asset(i);
		str body = as.body.p != NULL ? as.body : gunzip(&a, as.gzip, as.size);
		CHECK(body.p != NULL);
		CHECK_INT(body.n, ==, as.size);
		CHECK(utf8_ok(body));
		CHECK_STR(str_z(as.etag), str_z(tag_of(&a, hash_of(&a, body), "\"")));
		CHECK_STR(str_z(as.etag_gzip), str_z(tag_of(&a, hash_of(&a, body), GZIP_TAIL)));
		all += as.body.n + as.gzip.n;
	}
	CHECK_INT(all, <, 1500000);
	arena_free(&a);
}

TEST(what_is_not_ours_is_not_unpacked)
{
	struct arena a;
	arena_init(&a, 1 << 20);
	str whole = gzip_of(&a, S("some words, and some words"));

	CHECK_STR(gunzip(&a, whole, 26), S("some words, and some words"));
	CHECK(gunzip(&a, whole, 25).p == NULL);
	CHECK(gunzip(&a, whole, 27).p == NULL);
	CHECK(gunzip(&a, str_cut(whole, 0, whole.n - 1), 26).p == NULL);
	CHECK(gunzip(&a, S("no gzip"), 26).p == NULL);
	arena_free(&a);
}

/* docs_url is …/docs/api/v1/errors#CODE. */
TEST(every_error_has_an_anchor_and_a_page)
{
	struct arena a;
	struct asset errors, page;

	arena_init(&a, (size_t)16 << 20);
	CHECK(site_find(S("/docs/api/v1/errors"), &errors));
	str html = gunzip(&a, errors.gzip, errors.size);
	for (int e = OK + 1; e < ERR_COUNT; e++) {
		const struct err_row *r = err_row((enum err)e);
		if (r->slug == NULL)
			continue;
		str anchor = str_fmt(&a, " id=\"%s\"", r->slug), link = str_fmt(&a, "href=\"/docs/api/v1/errors/%s\"", r->slug);
		CHECK(memmem(html.p, html.n, anchor.p, anchor.n) != NULL);
		CHECK(memmem(html.p, html.n, link.p, link.n) != NULL);
		CHECK(site_find(str_fmt(&a, "/docs/api/v1/errors/%s", r->slug), &page));
	}
	arena_free(&a);
}

TEST(every_operation_has_its_place_in_the_reference)
{
	struct arena a;
	struct asset as;

	arena_init(&a, (size_t)16 << 20);
	CHECK(site_find(S("/docs/api/v1/reference"), &as));
	str html = gunzip(&a, as.gzip, as.size);
	for (int i = 0; i < nops; i++) {
		str anchor = str_fmt(&a, " id=\"%s\"", ops[i].name);
		CHECK_INT(memmem(html.p, html.n, anchor.p, anchor.n) != NULL, ==, !(ops[i].flags & OP_BENCH));
	}
	arena_free(&a);
}

TEST(gzip_is_taken_where_accept_encoding_says_so)
{
	static const struct { const char *list; bool takes; } row[] = {
		{ "gzip", true }, { "GZip", true }, { "x-gzip", true }, { "deflate, gzip;q=0.5, br", true }, { "*", true }, { "br, *;q=0.1", true },
		{ "gzip;q=1.0", true }, { "gzip ; q=0.001", true },
		{ "", false }, { "br", false }, { "identity", false }, { "gzip;q=0", false }, { "gzip;q=0.000", false }, { "*;q=0", false },
		{ "*, gzip;q=0", false }, { "gzip;q=0, *", false }, { "gzipped", false }, { ",,;,", false },
	};

	CHECK(!takes_gzip(STR_NONE));
	for (size_t i = 0; i < COUNT(row); i++)
		CHECK_INT(takes_gzip(str_z(row[i].list)), ==, row[i].takes);
}

/* --- the OpenAPI document --- */

TEST(the_document_is_printed_once_for_each_url)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct spec *list = NULL;
	struct asset first, again, other, yaml;
	struct arena a;

	arena_init(&a, (size_t)64 << 20);
	CHECK(spec_get(&list, &lock, "https://a.example", SPEC_JSON, &first));
	CHECK(spec_get(&list, &lock, "https://b.example", SPEC_JSON, &other));
	CHECK(spec_get(&list, &lock, "https://a.example", SPEC_JSON, &again));
	CHECK(spec_get(&list, &lock, "https://a.example", SPEC_YAML, &yaml));
	CHECK(first.body.p == again.body.p);
	CHECK(!str_eq(str_z(first.etag), str_z(other.etag)));
	CHECK(!str_eq(str_z(first.etag), str_z(yaml.etag)));
	CHECK_STR(gunzip(&a, first.gzip, first.size), first.body);
	json_t *v = json_loadb(other.body.p, other.body.n, 0, NULL);
	CHECK_STR(t_text(v, "servers.0.url"), S("https://b.example"));
	json_decref(v);
	spec_free(list);
	arena_free(&a);
}

/* --- over HTTP --- */

struct house { struct t_app app; struct docs *docs; struct front *front; struct t_conn c; };

static void
house_open(struct house *h, struct t_db *t)
{
	struct front_face faces[DOCS_FACES];
	struct error e;

	t_app_open(&h->app, t, 0, "");
	CHECK_OK(e, docs_new(h->app.api, &h->docs, &e));
	docs_faces(h->docs, faces);
	h->front = t_front(&h->app, faces, DOCS_FACES, &h->c);
}

static void
house_close(struct house *h)
{
	t_conn_close(&h->c);
	front_close(h->front);
	docs_free(h->docs);
	t_app_close(&h->app);
}

SQLITE_TEST(each_asset_comes_whole_plain_and_compressed_and_not_again)
{
	struct house h;
	struct arena a;
	house_open(&h, t);

	arena_init(&a, (size_t)64 << 20);
	for (int i = 0; i < site_count(); i++) {
		struct asset as = site_asset(i);
		if (as.path[0] != '/')
			continue;
		struct t_answer plain = t_ask(&h.c, "GET", as.path, NULL, NULL);
		CHECK_INT(plain.status, ==, 200);
		CHECK_INT(plain.text.n, ==, as.size);
		CHECK_STR(t_header(&plain, "ETag"), str_z(as.etag));
		CHECK_STR(t_header(&plain, "Content-Type"), str_z(as.type));
		struct t_answer zip = t_ask(&h.c, "GET", as.path, NULL, "Accept-Encoding: gzip, br\r\n");
		if (as.gzip.n != 0) {
			CHECK_STR(t_header(&zip, "Content-Encoding"), S("gzip"));
			CHECK_STR(t_header(&zip, "ETag"), str_z(as.etag_gzip));
			CHECK_STR(gunzip(&a, zip.text, as.size), plain.text);
		}
		struct t_answer known = t_ask(&h.c, "GET", as.path, NULL, str_fmt(&a, "If-None-Match: \"x\", W/%s\r\n", as.etag).p);
		CHECK_INT(known.status, ==, 304);
		CHECK_STR(t_header(&known, "ETag"), str_z(as.etag));
		arena_reset(&a);
	}
	house_close(&h);
	arena_free(&a);
}

static void *
ask_for_the_document(void *ctx)
{
	struct t_conn c;

	t_conn_open(&c, *(int *)ctx, NULL);
	struct t_answer r = t_ask(&c, "GET", "/openapi.json", NULL, NULL);
	CHECK_INT(r.status, ==, 200);
	CHECK_STR(t_text(r.body, "openapi"), S("3.1.0"));
	t_conn_close(&c);
	return NULL;
}

SQLITE_TEST(many_who_ask_for_the_document_first_all_get_it)
{
	pthread_t th[8];
	struct house h;
	house_open(&h, t);
	int port = h.c.port;

	for (size_t i = 0; i < COUNT(th); i++)
		CHECK_INT(pthread_create(&th[i], NULL, ask_for_the_document, &port), ==, 0);
	for (size_t i = 0; i < COUNT(th); i++)
		pthread_join(th[i], NULL);
	house_close(&h);
}
