/* spec -- the OpenAPI document of this server, printed once for each URL it was reached by and kept. */
#include "api/openapi.h"
#include "docs/docs_priv.h"
#include <pthread.h>
#include <stdlib.h>

#define SPEC_ARENA	(4 * OPENAPI_MAX)
#define CACHE		"public, no-cache"

struct spec {
	struct spec *next;
	struct arena a;
	const char *url;
	struct asset form[2];
};

static bool
print(struct spec *s, enum spec_form f)
{
	struct arena tmp;
	struct buf b;

	arena_init(&tmp, SPEC_ARENA);
	buf_init(&b, &tmp, OPENAPI_MAX);
	api_openapi(false, f == SPEC_JSON, NULL, s->url, &b);
	bool whole = !b.over;
	if (whole) {
		str body = str_dup(&s->a, buf_str(&b)), zip = gzip_of(&tmp, body), hash = hash_of(&s->a, body);
		s->form[f] = (struct asset){
			.type = f == SPEC_JSON ? "application/json" : "application/yaml; charset=utf-8", .cache = CACHE,
			.etag = tag_of(&s->a, hash, "\""), .etag_gzip = tag_of(&s->a, hash, GZIP_TAIL),
			.body = body, .size = body.n, .gzip = zip.p != NULL ? str_dup(&s->a, zip) : STR_NONE,
		};
	}
	arena_free(&tmp);
	return whole;
}

static struct spec *
new_spec(const char *url)
{
	struct spec *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	arena_init(&s->a, SPEC_ARENA);
	s->url = str_dup(&s->a, str_z(url)).p;
	if (print(s, SPEC_YAML) && print(s, SPEC_JSON))
		return s;
	arena_free(&s->a);
	free(s);
	return NULL;
}

/* The newest stands first.  Older ones stay, for answers under way may still use their bytes. */
bool
spec_get(struct spec **list, pthread_mutex_t *lock, const char *url, enum spec_form f, struct asset *ret)
{
	pthread_mutex_lock(lock);
	struct spec *s = *list;
	while (s != NULL && strcmp(s->url, url) != 0)
		s = s->next;
	if (s == NULL && (s = new_spec(url)) != NULL) {
		s->next = *list;
		*list = s;
	}
	if (s != NULL)
		*ret = s->form[f];
	pthread_mutex_unlock(lock);
	return s != NULL;
}

void
spec_free(struct spec *list)
{
	while (list != NULL) {
		struct spec *s = list;
		list = s->next;
		arena_free(&s->a);
		free(s);
	}
}
