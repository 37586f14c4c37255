#include "mkdocs.h"
#include <stdio.h>
#include <stdlib.h>

void
asset_add(struct site *s, const char *path, const char *type, bool for_ever, str body)
{
	str hash = hash_of(&s->a, body), zip = gzip_of(&s->a, body);

	if (s->nassets == (int)COUNT(s->assets))
		die("too many assets");
	if (zip.n + 200 > body.n)
		zip = S("");
	s->assets[s->nassets++] = (struct asset){
		.path = path, .type = type, .cache = for_ever ? "public, max-age=31536000, immutable" : "public, no-cache",
		.etag = tag_of(&s->a, hash, "\""), .etag_gzip = tag_of(&s->a, hash, GZIP_TAIL), .body = body, .gzip = zip, .size = body.n,
	};
}

static int
by_path(const void *a, const void *b)
{
	return str_cmp(str_z(((const struct asset *)a)->path), str_z(((const struct asset *)b)->path));
}

/* Where it will be. */
static uint32_t
place(struct buf *b, size_t base, str s)
{
	size_t at = base + b->n;

	buf_add(b, s);
	buf_char(b, '\0');
	return (uint32_t)at;
}

void
pack_write(struct site *s, const char *to)
{
	struct pack_head head = { PACK_MAGIC, (uint32_t)s->nassets };
	struct pack_row *rows = NEW_N(&s->a, struct pack_row, s->nassets);
	size_t base = sizeof(head) + (size_t)s->nassets * sizeof(*rows);
	struct buf b;

	buf_init(&b, &s->a, (size_t)64 << 20);
	qsort(s->assets, (size_t)s->nassets, sizeof(s->assets[0]), by_path);
	for (int i = 0; i < s->nassets; i++) {
		const struct asset *as = &s->assets[i];
		if (i > 0 && strcmp(as[-1].path, as->path) == 0)
			die("two pages at %s", as->path);
		rows[i] = (struct pack_row){
			.path = place(&b, base, str_z(as->path)), .type = place(&b, base, str_z(as->type)), .cache = place(&b, base, str_z(as->cache)),
			.etag = place(&b, base, str_z(as->etag)),
		};
		place(&b, base, str_z(as->etag_gzip));		/* stands behind the other one */
		rows[i].size = (uint32_t)as->size;
		rows[i].gzip_n = (uint32_t)as->gzip.n;
		if (as->gzip.n != 0)
			rows[i].gzip = place(&b, base, as->gzip);
		else
			rows[i].body = place(&b, base, as->body);
	}
	FILE *f = fopen(to, "wb");
	if (f == NULL || b.over || fwrite(&head, sizeof(head), 1, f) != 1 ||
	    fwrite(rows, sizeof(*rows), (size_t)s->nassets, f) != (size_t)s->nassets || fwrite(b.p, 1, b.n, f) != b.n || fclose(f) != 0)
		die("%s cannot be written", to);
}
