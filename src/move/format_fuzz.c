#include "move/format.h"
#include "move/tar.h"
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct memory { const uint8_t *p; size_t n; };

static size_t
from_memory(void *ctx, char *to, size_t n)
{
	struct memory *m = ctx;
	size_t k = MIN(n, m->n);

	memcpy(to, m->p, k);
	m->p += k;
	m->n -= k;
	return k;
}

static void
read_export(const uint8_t *d, size_t n)
{
	struct memory m = { d, n };
	struct export_reader *r = export_reader_new((struct export_source){ from_memory, &m });
	struct export_chunk c;
	struct error e;
	json_t *row;
	bool found = true, torn;
	int64_t next = 0;

	while (export_next(r, &c, &found, &torn, &e) == OK && found) {
		if (c.number != next++ || c.ends > (int64_t)n)
			abort();
		while (export_next_row(&c, &row, &e) == OK && row != NULL)
			json_decref(row);
	}
	export_reader_free(r);
}

/* However the reader's caller reads, a member never has more bytes than its head says. */
static void
read_tar(const uint8_t *d, size_t n)
{
	struct memory m = { d, n };
	struct tar_reader t;
	struct tar_member member;
	struct error e;
	bool found = true;
	char piece[1000];

	tar_reader_init(&t, from_memory, &m);
	while (tar_next(&t, &member, &found, &e) == OK && found) {
		int64_t got = 0;
		size_t k = 1;
		while (k > 0 && tar_read(&t, piece, sizeof(piece), &k, &e) == OK)
			got += (int64_t)k;
		if (got > member.size || memchr(member.name, '\0', sizeof(member.name)) == NULL)
			abort();
	}
}

/* The first byte says which: a chunk is packed and has a sum, which no change at random gets right, so the second way packs what is given. */
static void
read_packed(const uint8_t *d, size_t n)
{
	char path[] = "/tmp/scriped-fuzz-XXXXXX";
	struct export_writer w;
	struct error e;
	int fd = mkstemp(path);

	if (fd < 0)
		abort();
	unlink(path);
	export_writer_init(&w, fd);
	(void)export_chunk(&w);
	w.body.n = 0;
	buf_add(&w.body, S("{\"scriped\":\"export\"}\n"));
	buf_add(&w.body, (str){ (const char *)d, n });
	buf_char(&w.body, '\n');
	if (export_chunk_end(&w, &e) != OK)
		abort();
	export_writer_free(&w);
	uint8_t *all = malloc((size_t)w.bytes);
	if (all == NULL || pread(fd, all, (size_t)w.bytes, 0) != w.bytes)
		abort();
	read_export(all, (size_t)w.bytes);
	free(all);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	if (n == 0)
		return 0;
	if (d[0] == 'p')
		read_packed(d + 1, n - 1);
	else if (d[0] == 't')
		read_tar(d + 1, n - 1);
	else
		read_export(d, n);
	return 0;
}
