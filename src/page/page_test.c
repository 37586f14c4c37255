#include "page/page.h"
#include "t.h"

struct sheet { struct exchange x; struct html p; };

static void
begin(struct sheet *s)
{
	s->x = (struct exchange){ 0 };
	arena_init(&s->x.arena, 4 << 20);
	page_begin(&s->p, &s->x, "A title");
}

static bool
holds(const struct sheet *s, const char *what)
{
	return memmem(s->p.b.p, s->p.b.n, what, strlen(what)) != NULL;
}

static str
header(const struct exchange *x, const char *name)
{
	for (int i = 0; i < x->nout; i++)
		if (strcmp(x->out[i].name, name) == 0)
			return str_z(x->out[i].value);
	return STR_NONE;
}

TEST(nothing_is_written_without_being_escaped)
{
	struct sheet s;
	begin(&s);

	page_p(&s.p, NULL, "%s & 'more'", "<script>");
	page_open(&s.p, "a", "href", "\"><b onx='", NULL);
	page_text(&s.p, S("</a>"));
	page_close(&s.p, "a");
	page_hidden(&s.p, "n", S("\"/><"));
	page_button(&s.p, "go", "<", NULL, "a<b");
	page_h2(&s.p, "<%d>", 1);
	CHECK(holds(&s, "<p>&lt;script&gt; &amp; &#39;more&#39;</p>"));
	CHECK(holds(&s, "<a href=\"&quot;&gt;&lt;b onx=&#39;\">&lt;/a&gt;</a>"));
	CHECK(holds(&s, "<input type=\"hidden\" name=\"n\" value=\"&quot;/&gt;&lt;\">"));
	CHECK(holds(&s, "<button type=\"submit\" name=\"go\" value=\"&lt;\">a&lt;b</button>"));
	CHECK(holds(&s, "<h2>&lt;1&gt;</h2>"));
	arena_free(&s.x.arena);
}

TEST(a_text_of_strangers_cannot_turn_or_hide_what_stands_beside_it)
{
	struct sheet s;
	begin(&s);

	page_p(&s.p, NULL, "[a\xE2\x80\xAE" "b\xE2\x81\xA6" "c]");	/* an override, an isolate */
	page_p(&s.p, NULL, "[d\xE2\x80\x8B" "e\xEF\xBB\xBF" "f]");	/* a blank without width, a mark */
	page_p(&s.p, NULL, "[\x01\x7F]");
	page_text(&s.p, (str){ "[x\0y\xFF\xC3]", 7 });
	page_p(&s.p, NULL, "[\xC3\xBC \xE2\x82\xAC \xF0\x9F\x98\x80]");
	CHECK(holds(&s, "[abc]"));
	CHECK(holds(&s, "[def]"));
	CHECK(holds(&s, "[\xEF\xBF\xBD\xEF\xBF\xBD]"));
	CHECK(holds(&s, "[x\xEF\xBF\xBDy\xEF\xBF\xBD\xEF\xBF\xBD]"));
	CHECK(holds(&s, "[\xC3\xBC \xE2\x82\xAC \xF0\x9F\x98\x80]"));
	arena_free(&s.x.arena);
}

TEST(a_password_is_not_shown_again_and_a_field_says_what_it_is)
{
	struct sheet s;
	begin(&s);

	page_alert(&s.p, "Wrong.");
	page_input(&s.p, &(struct page_field){ .label = "Password", .name = "password", .type = "password", .autocomplete = "current-password", .value = S("hunter2"),
	    .hint = "Ten.", .required = true, .focus = true });
	page_input(&s.p, &(struct page_field){ .label = "E-mail", .name = "email", .type = "email", .autocomplete = "username", .value = S("a@b") });
	CHECK(!holds(&s, "hunter2"));
	CHECK(holds(&s, "<label for=\"f-password\">Password</label>"));
	CHECK(holds(&s, "aria-describedby=\"alert h-password\" aria-invalid=\"true\" required autofocus"));
	CHECK(holds(&s, "id=\"alert\""));
	CHECK(holds(&s, "name=\"email\" type=\"email\" autocomplete=\"username\" value=\"a@b\""));
	arena_free(&s.x.arena);
}

TEST(a_page_has_the_headers_that_keep_it_alone)
{
	struct sheet s;
	begin(&s);

	page_answer(&s.p, 200);
	str policy = header(&s.x, "Content-Security-Policy");
	CHECK_INT(s.x.status, ==, 200);
	CHECK_STR(header(&s.x, "X-Frame-Options"), S("DENY"));
	CHECK_STR(header(&s.x, "Cache-Control"), S("no-store"));
	CHECK_STR(header(&s.x, "Referrer-Policy"), S("same-origin"));
	CHECK_STR(header(&s.x, "X-Content-Type-Options"), S("nosniff"));
	CHECK_STR(header(&s.x, "Cross-Origin-Opener-Policy"), S("same-origin"));
	CHECK(str_starts(policy, S("default-src 'none'; style-src 'sha256-")));
	CHECK(memmem(policy.p, policy.n, "form-action 'self'; frame-ancestors 'none'", 42) != NULL);
	CHECK(memmem(policy.p, policy.n, "unsafe", 6) == NULL);
	CHECK(holds(&s, "<title>A title · scriped</title>") && holds(&s, "<h1>A title</h1>") && !holds(&s, "<script"));
	arena_free(&s.x.arena);
}

TEST(a_form_leads_only_where_the_page_says)
{
	static const struct { const char *origin, *policy; } row[] = {
		{ "https://app.example.com", "form-action 'self' https://app.example.com; frame" },
		{ "http://127.0.0.1:*", "form-action 'self' http://127.0.0.1:*; frame" },
		{ "cursor:", "form-action 'self' cursor:; frame" },
		{ "https://a.example; script-src *", "form-action 'self'; frame" },
		{ "https://a.example *", "form-action 'self'; frame" },
		{ "'unsafe-inline'", "form-action 'self'; frame" },
		{ "", "form-action 'self'; frame" },
		{ NULL, "form-action 'self'; frame" },
	};

	for (size_t i = 0; i < COUNT(row); i++) {
		struct sheet s;
		begin(&s);
		page_leads_to(&s.p, row[i].origin);
		page_answer(&s.p, 200);
		str policy = header(&s.x, "Content-Security-Policy");
		CHECK(memmem(policy.p, policy.n, row[i].policy, strlen(row[i].policy)) != NULL);
		CHECK_INT(header(&s.x, "Cross-Origin-Opener-Policy").p == NULL, ==, i < 3);
		arena_free(&s.x.arena);
	}
}

TEST(the_origin_of_a_url_is_what_a_policy_can_say_of_it)
{
	static const struct { const char *url, *origin; } row[] = {
		{ "https://app.example.com/oauth/callback?x=1", "https://app.example.com" }, { "https://app.example.com:8443", "https://app.example.com:8443" },
		{ "http://127.0.0.1:41234/callback", "http://127.0.0.1:*" }, { "http://localhost/cb", "http://localhost:*" }, { "http://[::1]:41234/cb", "http:" },
		{ "cursor://anysphere.cursor-mcp/oauth/callback", "cursor:" }, { "com.example.app:/cb", "com.example.app:" },
		{ "https://*/x", NULL }, { "https://a b/", NULL }, { "https://u@h/", NULL }, { "https:///x", NULL }, { "https:x", NULL }, { "/path", NULL }, { "", NULL },
		{ "a/b:c", NULL }, { "https://a;b/", NULL }, { "1x:y", NULL },
	};
	struct arena a;

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(row); i++) {
		const char *o = page_origin(&a, str_z(row[i].url));
		CHECK_STR(o != NULL ? str_z(o) : STR_NONE, row[i].origin != NULL ? str_z(row[i].origin) : STR_NONE);
	}
	arena_free(&a);
}

TEST(a_page_that_would_be_too_large_or_too_deep_is_a_500)
{
	struct sheet s;
	begin(&s);

	for (int i = 0; i < 20000; i++)
		page_p(&s.p, NULL, "%0100d", i);
	page_answer(&s.p, 200);
	CHECK_INT(s.x.status, ==, 500);
	arena_free(&s.x.arena);
}

TEST(forms_are_decoded_strictly)
{
	struct page_pairs p;
	struct arena a;
	bool twice;

	arena_init(&a, 1 << 20);
	page_pairs(&a, S("email=ada%40example.com&password=a+b%26c%3D%C3%BC&x&&y="), &p);
	CHECK(!p.bad);
	CHECK_INT(p.n, ==, 4);
	CHECK_STR(page_pair(&p, "email", NULL), S("ada@example.com"));
	CHECK_STR(page_pair(&p, "password", NULL), S("a b&c=\xC3\xBC"));
	CHECK(page_pair(&p, "x", NULL).p != NULL && page_pair(&p, "x", NULL).n == 0);
	CHECK(page_pair(&p, "z", &twice).p == NULL && !twice);
	page_pairs(&a, S("a=1&a=2"), &p);
	CHECK_STR(page_pair(&p, "a", &twice), S("1"));
	CHECK(twice);
	static const char *const bad[] = { "a=%00", "a=%", "a=%4", "a=%zz", "a=%FF", "a=%ED%A0%80", "a=\x01", "a=b c", "%C3=x", "a=%C0%80" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		page_pairs(&a, str_z(bad[i]), &p);
		CHECK(p.bad && p.n == 0);
	}
	char many[400] = "";
	for (int i = 0; i < PAGE_PAIRS + 1; i++) {
		CHECK_INT(p.bad, ==, i == 0);
		strncat(many, "a=1&", sizeof(many) - strlen(many) - 1);
		page_pairs(&a, str_z(many), &p);
	}
	CHECK(p.bad);
	arena_free(&a);
}

TEST(a_cookie_is_found_by_its_name_and_not_believed_twice)
{
	static const struct { const char *line, *value; } row[] = {
		{ "scriped=abc", "abc" }, { "a=1; scriped=abc; b=2", "abc" }, { "a=1;scriped=abc", "abc" }, { "scriped=a=b", "a=b" }, { "scriped=", "" },
		{ "xscriped=abc", NULL }, { "scriped2=abc", NULL }, { "scriped", NULL }, { "scriped=a; scriped=b", NULL }, { "", NULL }, { ";;=;", NULL },
		{ "Scriped=abc", NULL },
	};

	for (size_t i = 0; i < COUNT(row); i++) {
		struct exchange x = { .header[FH_COOKIE] = str_z(row[i].line) };
		str v = page_cookie(&x, "scriped");
		CHECK_STR(v, row[i].value != NULL ? str_z(row[i].value) : STR_NONE);
		CHECK_INT(v.p != NULL, ==, row[i].value != NULL);
	}
	struct exchange none = { 0 };
	CHECK(page_cookie(&none, "scriped").p == NULL);
}

TEST(a_form_is_what_its_media_type_says)
{
	struct exchange x = { .header[FH_CONTENT_TYPE] = S("Application/x-www-form-urlencoded; charset=UTF-8") };

	CHECK(page_is_form(&x));
	x.header[FH_CONTENT_TYPE] = S("text/plain");
	CHECK(!page_is_form(&x));
	x.header[FH_CONTENT_TYPE] = STR_NONE;
	CHECK(!page_is_form(&x));
}

TEST(a_moment_is_said_in_words)
{
	struct sheet s;
	begin(&s);

	page_time(&s.p, INT64_C(1779438600000));
	CHECK(holds(&s, "<time datetime=\"2026-05-22T08:30:00.000Z\">22 May 2026, 08:30 UTC</time>"));
	page_date(&s.p, INT64_C(1779438600000));
	CHECK(holds(&s, "<time datetime=\"2026-05-22\">22 May 2026</time>"));
	arena_free(&s.x.arena);
}
