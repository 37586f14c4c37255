#include "dial/guard.h"
#include "oauth/oauth_priv.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define SCHEMES "cursor,vscode"
static void
must(bool c)
{
	if (!c)
		abort();
}

/* One that is taken is read alike by who reads URLs to call them, and an answer behind it leads to the same place. */
static void
check_redirect(struct arena *a, str uri)
{
	struct front_param v[] = { { S("state"), uri } };
	enum redirect_kind kind;
	struct guard_url u;

	(void)redirect_host(uri);
	if (redirect_judge(uri, SCHEMES, &kind) != NULL)
		return;
	must(redirect_matches(uri, uri));
	for (size_t i = 0; i < uri.n; i++)
		must(uri.p[i] > ' ' && uri.p[i] < 0x7F && strchr("\\#\"<>", uri.p[i]) == NULL);
	str to = str_z(redirect_with(a, uri, v, 1));
	must(str_starts(to, uri) && memchr(to.p, '\n', to.n) == NULL);
	if (kind == REDIRECT_APP || guard_url(&guard_open, a, str_dup(a, uri).p, &u) != NULL)
		return;
	str host = redirect_host(uri), name = str_z(u.host);
	bool six = str_starts(host, S("["));
	must(str_ieq(str_cut(host, six, six + name.n), name) || memchr(host.p, '_', host.n) != NULL || str_ends(host, S(".")) || six || u.literal);
}

static void
check_metadata(struct arena *a, str text, str document)
{
	struct refusal r;
	struct client c;
	struct error e;
	json_t *all, *kept;
	enum redirect_kind kind;

	if (json_read(text, &all, &e) != OK)
		return;
	rec_init(&client_row, &c);
	enum refused code = describe(a, all, document, SCHEMES, &c, &r);
	json_decref(all);
	if (code != O_OK) {
		for (const char *p = r.why; *p != '\0'; p++)
			must(*p >= ' ' && *p <= '~' && *p != '"' && *p != '\\');
		return;
	}
	must(c.name.n != 0 && c.name.n <= REDIRECT_MAX && c.auth_method >= 0 && c.metadata.n <= DESCRIBE_MAX);
	must(json_read(c.metadata, &kept, &e) == OK && json_is_object(kept));
	json_decref(kept);
	int n = 0;
	for (str one; (one = client_redirect(a, &c, n)).p != NULL; n++)
		must(redirect_judge(one, SCHEMES, &kind) == NULL);
	must(n >= 1 && n <= REDIRECTS_MOST);
	(void)client_may_refresh(&c);
}

static void
check_params(struct arena *a, str text)
{
	struct params p;
	struct refusal r;
	bool unknown;
	str all;

	if (params_read(a, text, &p, &r) != O_OK)
		return;
	unsigned set = scope_read(param(&p, "scope"), &unknown);
	must(scope_read(scope_text(a, set), &unknown) == set && !unknown);
	if (resources_read(a, "https://s.example", &p, &all, &r) == O_OK)
		must(resources_within(all, all));
}

static void
check_credentials(struct arena *a, str header, str form)
{
	struct exchange x = { .header[FH_AUTHORIZATION] = header };
	struct turn t = { .f = { .a = a, .x = &x } };
	struct credentials c;
	struct params p;

	if (params_read(a, form, &p, &t.r) == O_OK && credentials_read(&t, &p, &c) == O_OK)
		must(c.id.p != NULL && utf8_ok(c.id) && (c.secret.p == NULL || utf8_ok(c.secret)));
}

/* The first line is a header or a URL; the rest a form, or JSON. */
int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	static const struct conf open = { .oauth_allow_private = true };
	str rest = { (const char *)d, n }, line = str_split(&rest, '\n');
	struct arena a;

	arena_init(&a, 16 << 20);
	check_redirect(&a, line);
	check_params(&a, rest);
	check_credentials(&a, line, rest);
	check_metadata(&a, rest, STR_NONE);
	check_metadata(&a, rest, line);
	(void)document_named(&open, line);
	int64_t ms = document_fresh_ms(line);
	must(ms >= 60000 && ms <= 86400000);
	arena_free(&a);
	return 0;
}
