#include "t.h"
#include "t_provider.h"
#include "web/web_priv.h"
#include <sys/stat.h>

/* --- the readers --- */

static const struct rule { const char *file, *path; bool allow; } rules[] = {
	{ "", "/a", true },
	{ "User-agent: *\nDisallow: /", "/a", false },
	{ "User-agent: *\nDisallow:", "/a", true },
	{ "user-AGENT : * # all\n  disallow : /a # b\n", "/a/b", false },
	{ "User-agent: *\rDisallow: /a\r\nAllow: /a/b", "/a/b", true },
	{ "\xEF\xBB\xBFUser-agent: *\nDisallow: /a", "/a", false },
	/* the longest rule counts, and of two equal ones that which allows */
	{ "User-agent: *\nAllow: /a\nDisallow: /a/b", "/a/b/c", false },
	{ "User-agent: *\nDisallow: /a/b\nAllow: /a", "/a/c", true },
	{ "User-agent: *\nDisallow: /a\nAllow: /a", "/a", true },
	{ "User-agent: *\nDisallow: /\nAllow: /$", "/", true },
	{ "User-agent: *\nDisallow: /\nAllow: /$", "/x", false },
	/* our group, not everybody's; groups of ours are one; a name counts up to what is no letter of names */
	{ "User-agent: *\nDisallow: /\n\nUser-agent: Scriped\nDisallow: /x", "/a", true },
	{ "User-agent: scriped\nAllow: /\nUser-agent: *\nDisallow: /", "/a", true },
	{ "User-agent: scriped\nDisallow: /a\n\nUser-agent: other\nDisallow: /\n\nUser-agent: scriped\nDisallow: /b", "/b", false },
	{ "User-agent: scriped\nDisallow: /a\n\nUser-agent: other\nDisallow: /\n\nUser-agent: scriped\nDisallow: /b", "/c", true },
	{ "User-agent: other\nUser-agent: SCRIPED/2.0\nDisallow: /a", "/a", false },
	{ "User-agent: scripedbot\nDisallow: /", "/a", true },
	{ "User-agent: scriped\n\nSitemap: https://example.com/map\nDisallow: /a", "/a", false },
	{ "User-agent: other\nDisallow: /", "/a", true },
	{ "Disallow: /", "/a", true },
	/* stars and ends */
	{ "User-agent: *\nDisallow: /*.pdf$", "/a/b.pdf", false },
	{ "User-agent: *\nDisallow: /*.pdf$", "/a/b.pdf?x", true },
	{ "User-agent: *\nDisallow: /*.pdf", "/a/b.pdf?x", false },
	{ "User-agent: *\nDisallow: /a*b*c", "/a-c-b-c", false },
	{ "User-agent: *\nDisallow: /a*b*c", "/a-c-b", true },
	{ "User-agent: *\nDisallow: /a*b$", "/a-b-b", false },
	{ "User-agent: *\nDisallow: /ab*b$", "/ab", true },
	{ "User-agent: *\nDisallow: *", "/a", false },
	{ "User-agent: *\nDisallow: /*$", "/a", false },
	{ "User-agent: *\nDisallow: /a*$", "/a", false },
	/* one spelling of paths */
	{ "User-agent: *\nDisallow: /caf\xC3\xA9", "/caf%c3%a9/x", false },
	{ "User-agent: *\nDisallow: /%7Ejoe/", "/~joe/x", false },
	{ "User-agent: *\nDisallow: /a%2Fb", "/a/b", true },
	{ "User-agent: *\nDisallow: /a%2fb", "/a%2Fb", false },
	{ "User-agent: *\nDisallow: /a%", "/a%", false },
	{ "User-agent: *\nDisallow: /a?b=", "/a?b=c", false },
	{ "User-agent: *\nDisallow: /", "/robots.txt", true },
};

TEST(rules_of_sites)
{
	for (const struct rule *r = rules; r < rules + COUNT(rules); r++) {
		struct arena a;
		arena_init(&a, 1 << 16);
		if (robots_allow(&a, str_z(r->file), S("scriped"), str_z(r->path)) != r->allow)
			t_fail(__FILE__, __LINE__, "%s of: %s", r->path, r->file);
		arena_free(&a);
	}
}

TEST(half_a_megabyte_of_stars_takes_no_time)
{
	struct arena a;
	struct buf b;

	arena_init(&a, 64 << 20);
	buf_init(&b, &a, 600000);
	buf_add(&b, S("User-agent: *\n"));
	while (b.n < ROBOTS_MAX)
		buf_add(&b, S("Disallow: /*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b$\n"));
	str path = str_fmt(&a, "/%01900d", 0);
	char *p = (char *)(uintptr_t)path.p;
	memset(p + 1, 'a', path.n - 1);
	int64_t before = sys_mono_us(&sys_clock_real);
	CHECK(robots_allow(&a, buf_str(&b), S("scriped"), path));
	CHECK_INT(sys_mono_us(&sys_clock_real) - before, <, 30000000);		/* a search that tries all ways takes years */
	arena_free(&a);
}

TEST(addresses_that_documents_give_themselves)
{
	static const struct { const char *html, *url; } rows[] = {
		{ "<head><link rel=\"canonical\" href=\"https://example.com/a\"></head>", "https://example.com/a" },
		{ "<LINK HREF='/a?b&amp;c' REL='Canonical'/>", "/a?b&c" },
		{ "<link rel=stylesheet href=/x><link rel=canonical href=/y>", "/y" },
		{ "<link rel=\"alternate canonical\" href=\"/z\" data-x>", "/z" },
		{ "<link\n\trel = canonical\n\thref = /w />", "/w" },
		{ "<link rel=canonical href=\"\"><link rel=canonical href=/second>", "/second" },
		{ "<linkrel=canonical href=/x>", "" }, { "<link rel=canonical>", "" }, { "<link rel=canonical href=/x", "" }, { "<p>nothing</p>", "" },
		{ "<link rel=\"canonical\" href=\"/a", "" }, { "", "" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a;
		arena_init(&a, 1 << 16);
		CHECK_STR(canonical_of(&a, str_z(rows[i].html)), str_z(rows[i].url));
		arena_free(&a);
	}
}

TEST(entities)
{
	static const struct { const char *in, *out; } rows[] = {
		{ "a &amp; b &lt;c&gt; &quot;d&quot; &#39;e&#x27; &#x20AC;", "a & b <c> \"d\" 'e' \xE2\x82\xAC" },
		{ "&amp;lt;", "&lt;" }, { "&unknown; & && &#; &#x; &#0; &#xD800; &#x110000; &#99999999999;", "&unknown; & && &#; &#x; &#0; &#xD800; &#x110000; &#99999999999;" },
		{ "&", "&" }, { "", "" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a;
		arena_init(&a, 1 << 16);
		CHECK_STR(entity_decode(&a, str_z(rows[i].in)), str_z(rows[i].out));
		arena_free(&a);
	}
}

TEST(every_url_of_a_video)
{
	static const struct { const char *url; bool is; } rows[] = {
		{ "https://www.youtube.com/watch?v=dQw4w9WgXcQ", true }, { "http://youtube.com/watch?a=b&v=dQw4w9WgXcQ&list=PL1&t=3", true },
		{ "https://m.youtube.com/watch?v=dQw4w9WgXcQ#t=3", true }, { "https://music.youtube.com/watch?v=dQw4w9WgXcQ", true },
		{ "https://youtu.be/dQw4w9WgXcQ?si=x&t=4", true }, { "https://www.youtube.com/shorts/dQw4w9WgXcQ?feature=share", true },
		{ "https://www.youtube.com/live/dQw4w9WgXcQ", true }, { "https://www.youtube.com/embed/dQw4w9WgXcQ/", true },
		{ "https://www.youtube.com/v/dQw4w9WgXcQ", true }, { "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ", true },
		{ "HTTPS://WWW.YOUTUBE.COM/watch/dQw4w9WgXcQ", true }, { "https://www.youtube.com/watch/?v=dQw4w9WgXcQ", true },
		{ "https://www.youtube.com/watch?v=dQw4w9WgXc", false }, { "https://www.youtube.com/watch?v=dQw4w9WgXcQQ", false },
		{ "https://www.youtube.com/watch?vv=dQw4w9WgXcQ", false }, { "https://www.youtube.com/dQw4w9WgXcQ", false },
		{ "https://www.youtube.com/playlist?v=dQw4w9WgXcQ", false }, { "https://www.youtube.com/watch?v=dQw4w9WgXc%51", false },
		{ "https://youtube.com.example/watch?v=dQw4w9WgXcQ", false }, { "https://example.com/watch?v=dQw4w9WgXcQ", false },
		{ "https://www.youtube.com:8080/watch?v=dQw4w9WgXcQ", false }, { "https://x@www.youtube.com/watch?v=dQw4w9WgXcQ", false },
		{ "https://www.youtube.com", false }, { "dQw4w9WgXcQ", false }, { "", false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a;
		char id[WEB_VIDEO_ID + 1] = "";
		arena_init(&a, 1 << 16);
		if (web_video_id(&a, rows[i].url, id) != rows[i].is || (rows[i].is && strcmp(id, "dQw4w9WgXcQ") != 0))
			t_fail(__FILE__, __LINE__, "%s: %s", rows[i].url, id);
		arena_free(&a);
	}
}

/* --- captions --- */

static struct marked_text
say(struct arena *a, struct arena *own, const char *file, bool *ok)
{
	struct marked_maker m;

	arena_init(a, 1 << 20);
	arena_init(own, 1 << 20);
	marked_begin(&m, own, 1000);
	*ok = captions_read(a, str_z(file), &m);
	return marked_end(&m);
}

TEST(captions_in_every_form)
{
	static const struct { const char *file, *text; int64_t from_ms, to_ms; } rows[] = {
		{ "{\"events\":[{\"tStartMs\":1500,\"dDurationMs\":2000,\"segs\":[{\"utf8\":\"Hello\"},{\"utf8\":\" there\\n\"}]},{\"tStartMs\":2,\"segs\":7}]}", "Hello there", 1500, 3500 },
		{ "{\"events\":[{\"tStartMs\":-5,\"dDurationMs\":1e300,\"segs\":[{\"utf8\":\"x\"}]}]}", "x", 0, 0 },
		{ "<timedtext><body><p t=\"1500\" d=\"2000\" w=\"1\">Hello <s>there</s></p></body></timedtext>", "Hello there", 1500, 3500 },
		{ "<transcript><text start=\"1.5\" dur=\"2\">Hello &amp;amp; there</text></transcript>", "Hello & there", 1500, 3500 },
		{ "\xEF\xBB\xBFWEBVTT\n\n1\n00:01.500 --> 00:03.500 align:start\nHello\n<v Ada>there</v>\n\nNOTE nothing\n", "Hello there", 1500, 3500 },
		{ "WEBVTT\r\n\r\n01:00:01.500 --> 01:00:03.500\r\nHello", "Hello", 3601500, 3603500 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a, own;
		bool ok;
		struct marked_text t = say(&a, &own, rows[i].file, &ok);
		CHECK(ok);
		CHECK_STR(t.text, str_z(rows[i].text));
		CHECK_INT(t.marks, ==, 1);
		if (t.marks == 1) {
			CHECK_INT(t.mark[0].from_ms, ==, rows[i].from_ms);
			CHECK_INT(t.mark[0].to_ms, ==, rows[i].to_ms);
		}
		arena_free(&a);
		arena_free(&own);
	}
}

TEST(what_is_heard_and_not_said_is_left_out)
{
	struct arena a, own;
	bool ok;
	struct marked_text t = say(&a, &own, "WEBVTT\n\n00:01.000 --> 00:02.000\n[Applause]\n\n00:02.000 --> 00:03.000\n\xE2\x99\xAA la la \xE2\x99\xAA\n\n"
	    "00:03.000 --> 00:04.000\n(laughs)\n\n00:04.000 --> 00:05.000\n[Ada] Hello.", &ok);

	CHECK(ok);
	CHECK_STR(t.text, S("la la [Ada] Hello."));
	arena_free(&a);
	arena_free(&own);
}

TEST(no_captions_at_all)
{
	static const char *const files[] = { "", "hello", "{", "{}", "{\"events\":{}}", "[1,2]", "\xFF\xFE" };

	for (size_t i = 0; i < COUNT(files); i++) {
		struct arena a, own;
		bool ok;
		struct marked_text t = say(&a, &own, files[i], &ok);
		if (ok || t.text.n != 0)
			t_fail(__FILE__, __LINE__, "%s is read as captions", files[i]);
		arena_free(&a);
		arena_free(&own);
	}
}

/* --- fetching --- */

struct house { struct arena a; struct conf conf; struct web_result r; int asked, stop_at; };

static void
open_house(struct house *h, const char *more)
{
	struct error e;

	*h = (struct house){ .stop_at = -1 };
	arena_init(&h->a, 64 << 20);
	const char *script = str_fmt(&h->a, "%s/program", t_dir()).p;
	CHECK(sys_write_file(script, S("#!/bin/sh\necho '{\"type\":\"text/html\"}'\necho '{\"title\":\"A page\"}'\necho '{\"text\":\"It has a text.\"}'\necho '{\"end\":true}'\n"), &e) == OK);
	chmod(script, 0700);
	const char *sets[] = { str_fmt(&h->a, "data=%s", t_dir()).p, str_fmt(&h->a, "extract_program=%s", script).p, "fetch_allow_private=true", "fetch_time=30",
		"fetch_max=100000", str_fmt(&h->a, "youtube_url=http://127.0.0.1:%d/youtube/", web_port()).p, more };
	CHECK(conf_load(&h->conf, NULL, NULL, sets, (int)COUNT(sets), &e) == OK);
}

static void
close_house(struct house *h)
{
	conf_free(&h->conf);
	arena_free(&h->a);
}

static bool
on_progress(void *ctx, double fraction, const char *what)
{
	struct house *h = ctx;

	CHECK(fraction >= 0 && fraction <= 1 && what[0] != '\0');
	return h->asked++ != h->stop_at;
}

static bool
fetch(struct house *h, const char *path)
{
	return web_page(&h->conf, &sys_clock_real, &h->a, str_fmt(&h->a, "http://127.0.0.1:%d/%s", web_port(), path).p, on_progress, h, &h->r);
}

TEST(a_page_has_its_title_above_its_text)
{
	struct house h;

	open_house(&h, "log_level=info");
	CHECK(fetch(&h, "canonical#part"));
	CHECK_STR(h.r.text.text, S("# A page\n\nIt has a text."));
	CHECK(str_ends(h.r.url, S("/the/article")));
	CHECK_INT(h.asked, >, 1);
	CHECK(fetch(&h, "canonical-2"));
	CHECK(str_ends(h.r.url, S("/canonical-2")));
	close_house(&h);
}

TEST(ways_in_which_a_page_cannot_be_fetched)
{
	static const struct { const char *path, *code, *why; bool retry; int retry_after_s; } rows[] = {
		{ "status-404", "fetch_failed", "status 404", false, 0 }, { "status-401", "fetch_blocked", "status 401", false, 0 },
		{ "status-500", "fetch_failed", "status 500", true, 0 }, { "busy-9", "fetch_failed", "pause", true, 9 }, { "busy-99999", "fetch_failed", "pause", true, 3600 },
		{ "status-204", "empty_text", "status 204", false, 0 }, { "status-206", "empty_text", "status 206", false, 0 },
		{ "status-418", "fetch_failed", "status 418", false, 0 }, { "empty", "empty_text", "nothing", false, 0 },
		{ "nowhere", "fetch_failed", "without a place", false, 0 }, { "redirect-6", "fetch_failed", "5 redirects", false, 0 },
		{ "huge", "fetch_failed", "100000 bytes", false, 0 }, { "bomb", "fetch_failed", "100000 bytes", false, 0 },
		{ "headers", "fetch_failed", "of headers", false, 0 }, { "short", "fetch_failed", "broke", true, 0 }, { "chunks", "fetch_failed", "broke", true, 0 },
		{ "drop", "fetch_failed", "broke", true, 0 }, { "mute", "fetch_failed", " ms", true, 0 }, { "drip", "fetch_failed", " ms", true, 0 },
		{ "audio", "unsupported_media", "audio/mpeg", false, 0 }, { "to?ftp://127.0.0.1/", "fetch_blocked", "no http", false, 0 },
		{ "to?http://127.0.0.1:1/", "fetch_failed", "refused", true, 0 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct house h;
		open_house(&h, "fetch_robots=false");
		if (strcmp(rows[i].why, " ms") == 0)
			h.conf.fetch_time = 1;		/* silence; a busy machine may take its time elsewhere */
		bool ok = fetch(&h, rows[i].path);
		if (ok || strcmp(h.r.code, rows[i].code) != 0 || strstr(h.r.why, rows[i].why) == NULL || h.r.retry != rows[i].retry || h.r.retry_after_s != rows[i].retry_after_s)
			t_fail(__FILE__, __LINE__, "%s: %s, \"%s\", retry %d after %d", rows[i].path, ok ? "fetched" : h.r.code, h.r.why, h.r.retry, h.r.retry_after_s);
		close_house(&h);
	}
}

TEST(private_addresses_are_not_fetched)
{
	struct house h;
	bool inside;

	open_house(&h, "fetch_allow_private=false");
	CHECK(!fetch(&h, "article"));
	CHECK(strcmp(h.r.code, "fetch_blocked") == 0 && !h.r.retry);
	CHECK(web_check(&h.conf, &h.a, "http://10.0.0.1/", &inside) != NULL && inside);
	CHECK(web_check(&h.conf, &h.a, "http://example.com:25/", &inside) != NULL && !inside);
	CHECK(web_check(&h.conf, &h.a, "http://example.com/", &inside) == NULL);
	close_house(&h);
}

TEST(a_job_that_must_stop_stops)
{
	static const char *const paths[] = { "mute", "drip", "endless", "article" };

	for (size_t i = 0; i < COUNT(paths); i++) {
		struct house h;
		open_house(&h, "fetch_max=100000000");
		h.stop_at = 1;
		CHECK(!fetch(&h, paths[i]));
		CHECK(h.r.stopped);
		close_house(&h);
	}
}

/* --- videos: clocks of their own, because what is remembered stays in the process --- */

static bool
watch(struct house *h, const struct sys_clock *clock, const char *id)
{
	return web_video(&h->conf, clock, &h->a, id, on_progress, h, &h->r);
}

TEST(a_pause_that_was_asked_for_is_kept_by_all)
{
	struct sys_clock_test clock;
	struct house h;

	sys_clock_test_init(&clock, 1000000);
	open_house(&h, "log_level=info");
	CHECK(!watch(&h, &clock.c, "toomany0000"));
	CHECK(strcmp(h.r.code, "fetch_failed") == 0 && h.r.retry && h.r.retry_after_s == 1);
	CHECK(!watch(&h, &clock.c, "captioned00"));
	CHECK(h.r.retry && h.r.retry_after_s == 1);
	clock.ms += 1001;
	CHECK(watch(&h, &clock.c, "captioned00"));
	CHECK_STR(h.r.text.title, S("The ferry of Brandon Point; </script> & \"more\""));
	CHECK_INT(h.r.text.mark[0].from_ms, ==, 0);
	CHECK_INT(h.r.text.mark[h.r.text.marks - 1].to_ms, ==, 70000);
	close_house(&h);
}

TEST(a_refusal_is_remembered_for_ten_minutes)
{
	struct sys_clock_test clock;
	struct house h;

	sys_clock_test_init(&clock, 2000000);
	open_house(&h, "log_level=info");
	CHECK(!watch(&h, &clock.c, "nocaptions0"));
	CHECK(strcmp(h.r.code, "no_captions") == 0 && !h.r.retry);
	int asked = h.asked;
	CHECK(!watch(&h, &clock.c, "nocaptions0"));
	CHECK(strcmp(h.r.code, "no_captions") == 0);
	CHECK_INT(h.asked, ==, asked);
	clock.ms += 600001;
	CHECK(!watch(&h, &clock.c, "nocaptions0"));
	CHECK_INT(h.asked, >, asked);
	close_house(&h);
}
