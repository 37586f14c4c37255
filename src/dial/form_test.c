#include "dial/form.h"
#include "t.h"
#include <stdlib.h>
#include <unistd.h>

/* The whole of a form, as it would be sent. */
static str
whole(struct form *f)
{
	struct buf b;
	char block[64];

	buf_init(&b, f->a, 1 << 20);
	for (int i = 0; i < f->parts; i++) {
		const struct dial_part *p = &f->part[i];
		buf_add(&b, p->text);
		for (int64_t at = 0; at < p->bytes; at += (int64_t)sizeof(block)) {
			size_t n = (size_t)MIN((int64_t)sizeof(block), p->bytes - at);
			if (pread(p->fd, block, n, p->from + at) != (ssize_t)n)
				abort();
			buf_add(&b, (str){ block, n });
		}
	}
	return buf_str(&b);
}

TEST(a_form_is_written_as_the_standard_says)
{
	struct arena a;
	struct form f;
	int fd = fileno(tmpfile());

	arena_init(&a, 1 << 20);
	if (write(fd, "0123456789", 10) != 10)
		abort();
	form_begin(&f, &a);
	form_field(&f, "model", S("whisper-1"));
	form_field(&f, "language", S(""));
	form_file(&f, "file", "piece.wav", "audio/wav", S("HEAD"), fd, 3, 5);
	form_field(&f, "after", S("line one\r\nline two"));
	const char *type = form_end(&f);
	CHECK_INT(strlen(f.boundary), ==, 32);
	CHECK_STR(str_z(type), str_fmt(&a, "multipart/form-data; boundary=%s", f.boundary));
	CHECK_STR(whole(&f), str_fmt(&a,
	    "--%1$s\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n"
	    "--%1$s\r\nContent-Disposition: form-data; name=\"language\"\r\n\r\n\r\n"
	    "--%1$s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"piece.wav\"\r\nContent-Type: audio/wav\r\n\r\nHEAD34567\r\n"
	    "--%1$s\r\nContent-Disposition: form-data; name=\"after\"\r\n\r\nline one\r\nline two\r\n"
	    "--%1$s--\r\n", f.boundary));
	close(fd);
	arena_free(&a);
}

TEST(no_two_boundaries_are_the_same)
{
	struct arena a;
	struct form f, g;

	arena_init(&a, 1 << 20);
	form_begin(&f, &a);
	form_begin(&g, &a);
	CHECK(strcmp(f.boundary, g.boundary) != 0);
	arena_free(&a);
}

TEST(several_files_follow_each_other)
{
	struct arena a;
	struct form f;
	int fd = fileno(tmpfile()), n = 0;

	arena_init(&a, 1 << 20);
	if (write(fd, "0123456789", 10) != 10)
		abort();
	form_begin(&f, &a);
	for (int i = 0; i < FORM_FILES; i++)
		form_file(&f, "file", "x", "text/plain", STR_NONE, fd, i, 2);
	form_end(&f);
	str all = whole(&f);
	for (const char *p = all.p; (p = memmem(p, all.n - (size_t)(p - all.p), f.boundary, 32)) != NULL; p += 32)
		n++;
	CHECK_INT(n, ==, FORM_FILES + 1);
	CHECK(memmem(all.p, all.n, "\r\n\r\n34\r\n--", 9) != NULL);
	close(fd);
	arena_free(&a);
}
