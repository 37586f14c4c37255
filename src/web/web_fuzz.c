/* What strangers' servers send, for each reader of it: the first byte says which one.  What comes out is clean text inside its limits. */
#include "web/web_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
must(bool c)
{
	if (!c)
		__builtin_trap();
}

/* An empty file allows everything, and so does the path of the rules themselves. */
static void
rules(struct arena *a, str in)
{
	str path = str_split(&in, '\n');

	robots_allow(a, in, S("scriped"), path);
	must(robots_allow(a, in, S("scriped"), S("/robots.txt")));
	must(robots_allow(a, S(""), S("scriped"), path));
}

static void
captions(struct arena *a, str in)
{
	struct arena own;
	struct marked_maker m;

	arena_init(&own, 64 << 20);
	marked_begin(&m, &own, 1000);
	(void)captions_read(a, in, &m);
	struct marked_text t = marked_end(&m);
	must(utf8_ok(t.text) && utf8_count(t.text) <= 1000);
	for (int i = 0; i < t.marks; i++) {
		must(t.mark[i].at < t.text.n && t.mark[i].from_ms >= 0 && t.mark[i].to_ms >= t.mark[i].from_ms);
		must(i == 0 || (t.mark[i].at > t.mark[i - 1].at && t.mark[i].from_ms >= t.mark[i - 1].from_ms));
	}
	arena_free(&own);
}

static void
player(struct arena *a, str in)
{
	struct player v;
	str why;
	enum web_fault f = player_read(a, in, &v, &why);

	must(utf8_ok(why) && utf8_count(why) <= 100);
	must(f != WEB_OK || (v.best.url.n > 0 && v.best.url.p[0] == '/'));
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	str in = { n > 1 ? (const char *)d + 1 : "", n > 1 ? n - 1 : 0 };
	char id[WEB_VIDEO_ID + 1];
	struct arena a;

	arena_init(&a, 64 << 20);
	switch (n > 0 ? d[0] : '\0') {
	case 'r':
		rules(&a, in);
		break;
	case 'c':
		captions(&a, in);
		break;
	case 'p':
		player(&a, in);
		break;
	case 'l':
		must(canonical_of(&a, in).n <= in.n + 3);
		break;
	case 'v':
		must(!web_video_id(&a, str_dup(&a, in).p, id) || strlen(id) == WEB_VIDEO_ID);
		break;
	default:
		must(entity_decode(&a, in).n <= in.n);
	}
	arena_free(&a);
	return 0;
}
