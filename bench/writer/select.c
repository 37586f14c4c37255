/* select -- the built-in writer's choice of sentences, for bench/writer: the texts of others in, what it would keep out.
 *
 *	printf '3 12\nA text here.' | build/release/select	each text behind a line of words wanted and bytes that follow;
 *								each answer behind a line of its bytes */
#include "rank/rank.h"
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX	((size_t)8 << 20)
#define BUDGET		((size_t)512 << 20)

static int
answer(struct arena *a, str text, int words)
{
	struct text_sentence *s;
	size_t bytes = 0;
	int n = rank_best(a, text, text_language(text), words, &s);

	for (int i = 0; i < n; i++)
		bytes += s[i].s.n + 1;
	printf("%zu\n", bytes);
	for (int i = 0; i < n; i++)
		printf("%.*s\n", STR(s[i].s));
	return fflush(stdout);
}

int
main(void)
{
	char *text = malloc(TEXT_MAX);
	struct arena a;
	size_t n;
	int words;

	arena_init(&a, BUDGET);
	for (char line[64]; text != NULL && fgets(line, sizeof(line), stdin) != NULL; arena_reset(&a)) {
		char *end;
		words = (int)strtol(line, &end, 10);
		n = strtoul(end, NULL, 10);
		if (n > TEXT_MAX || fread(text, 1, n, stdin) != n || answer(&a, (str){ text, n }, words) != 0) {
			fprintf(stderr, "select: a text that ends early or has more than %zu bytes\n", TEXT_MAX);
			return 1;
		}
	}
	arena_free(&a);
	free(text);
	return 0;
}
