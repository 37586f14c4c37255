/* topics -- the built-in analyser by itself: a text in, what it found out, as one JSON object a line.
 *
 *	printf '12\nA text here.' | build/release/topics	each text behind a line of its bytes
 *
 * {"ms":1.5,"topics":[{"title","summary","keyTakeaways","score","hooks":[{"content","postType","contentType"}]}],"cuts":[byte, …]} */
#include "analyse/analyse_priv.h"
#include "json/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TEXT_MAX	((size_t)8 << 20)

static bool go_on(void *ctx, double fraction, const char *what) { (void)ctx, (void)fraction, (void)what; return true; }

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void
put_topic(struct json *j, const struct analysis_topic *t)
{
	jw_obj(j);
	jw_key_str(j, S("title"), t->title);
	jw_key_str(j, S("summary"), t->summary);
	jw_key_i64(j, S("score"), t->score);
	jw_key(j, S("keyTakeaways"));
	jw_arr(j);
	for (int i = 0; i < t->keys; i++)
		jw_str(j, t->key[i]);
	jw_end(j);
	jw_key(j, S("hooks"));
	jw_arr(j);
	for (int i = 0; i < t->hooks; i++) {
		jw_obj(j);
		jw_key_str(j, S("content"), t->hook[i].content);
		jw_key_str(j, S("postType"), str_z(t->hook[i].post_type));
		jw_key_str(j, S("contentType"), str_z(t->hook[i].content_type));
		jw_end(j);
	}
	jw_end(j);
	jw_end(j);
}

static void
answer(struct arena *a, str text)
{
	struct marked_text m = { .text = text, .duration_ms = -1 };
	struct parts parts;
	struct analysis r;
	struct buf b;
	struct json j;
	double began = now_ms();

	(void)analyse_builtin(a, &m, go_on, NULL, &r);
	double took = now_ms() - began;
	segment_find(a, text, text_language(text), ANALYSE_TOPICS, &parts);
	buf_init(&b, a, 1 << 20);
	jw_begin(&j, &b);
	jw_obj(&j);
	jw_key_i64(&j, S("us"), (int64_t)(took * 1000));
	jw_key(&j, S("cuts"));
	jw_arr(&j);
	for (int i = 1; i < parts.n; i++)
		jw_i64(&j, (int64_t)parts.part[i].from);
	jw_end(&j);
	jw_key(&j, S("topics"));
	jw_arr(&j);
	for (int i = 0; i < r.n; i++)
		put_topic(&j, &r.topic[i]);
	jw_end(&j);
	jw_end(&j);
	printf("%.*s\n", STR(buf_str(&b)));
	fflush(stdout);
}

int
main(void)
{
	char *text = malloc(TEXT_MAX);
	struct arena a;

	arena_init(&a, (size_t)512 << 20);
	for (char line[64]; text != NULL && fgets(line, sizeof(line), stdin) != NULL; arena_reset(&a)) {
		size_t n = strtoul(line, NULL, 10);
		if (n > TEXT_MAX || fread(text, 1, n, stdin) != n) {
			fprintf(stderr, "topics: a text that ends early or has more than %zu bytes\n", TEXT_MAX);
			return 1;
		}
		answer(&a, (str){ text, n });
	}
	arena_free(&a);
	free(text);
	return 0;
}
