/* shelf -- the pages by short names, as Markdown, for the faces that hand them to programs. */
#include "docs/docs_priv.h"

#define TWIN	".md"
#define INDEX	"index"

/* "/docs/api/v1/notes.md": notes; "/docs.md": index.  Absent for what is no page. */
static str
name_of(str path)
{
	if (!str_starts(path, S("/docs")) || !str_ends(path, S(TWIN)))
		return STR_NONE;
	path = str_cut(path, sizeof("/docs") - 1, path.n - (sizeof(TWIN) - 1));
	if (path.n == 0)
		return S(INDEX);
	path = str_cut(path, 1, path.n);
	return str_starts(path, S("api/v1/")) ? str_cut(path, sizeof("api/v1/") - 1, path.n) : path;
}

/* The three places where a page of that name may be; a name may also be a whole path behind /docs/, with or without .md. */
static bool
find(struct arena *a, str name, struct asset *ret)
{
	if (str_ends(name, S(TWIN)))
		name = str_cut(name, 0, name.n - (sizeof(TWIN) - 1));
	if (str_eq(name, S(INDEX)))
		return site_find(S("/docs" TWIN), ret);
	return site_find(str_fmt(a, "/docs/%.*s" TWIN, STR(name)), ret) || site_find(str_fmt(a, "/docs/api/v1/%.*s" TWIN, STR(name)), ret);
}

static str
text_of(struct arena *a, const struct asset *as)
{
	return as->body.p != NULL ? as->body : gunzip(a, as->gzip, as->size);
}

bool
docs_read(struct arena *a, str name, str *ret)
{
	struct asset as;

	if (!find(a, name, &as))
		return false;
	*ret = text_of(a, &as);
	return ret->p != NULL;
}

/* A line of llms.txt: "- [title](path): about". */
static bool
read_line(str line, struct docs_page *ret)
{
	struct asset as;

	if (!str_starts(line, S("- [")))
		return false;
	line = str_cut(line, sizeof("- [") - 1, line.n);
	ret->title = str_split(&line, ']');
	(void)str_split(&line, '(');
	str path = str_split(&line, ')');
	ret->about = str_trim(str_cut(line, 1, line.n));
	ret->name = name_of(path);
	if (ret->name.p == NULL || !site_find(path, &as))
		return false;
	ret->size = as.size;
	return true;
}

const struct docs_page *
docs_list(struct arena *a, int *n)
{
	struct docs_page *ret = NEW_N(a, struct docs_page, site_count());
	struct asset as;
	str text = site_find(S("/llms.txt"), &as) ? text_of(a, &as) : STR_NONE;

	*n = 0;
	while (text.p != NULL)
		*n += read_line(str_split(&text, '\n'), &ret[*n]);
	return ret;
}

const str *
docs_names(struct arena *a, int *n)
{
	str *ret = NEW_N(a, str, site_count());

	*n = 0;
	for (int i = 0; i < site_count(); i++) {
		ret[*n] = name_of(str_z(site_asset(i).path));
		*n += ret[*n].p != NULL;
	}
	return ret;
}
