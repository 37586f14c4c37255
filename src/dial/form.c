#include "dial/form.h"

void
form_begin(struct form *f, struct arena *a)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t random[sizeof(f->boundary) / 2];

	*f = (struct form){ .a = a };
	buf_init(&f->text, a, FORM_TEXT_MAX);
	sys_random(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++) {
		f->boundary[2 * i] = digits[random[i] >> 4];
		f->boundary[2 * i + 1] = digits[random[i] & 15];
	}
}

void
form_field(struct form *f, const char *name, str value)
{
	buf_fmt(&f->text, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n", f->boundary, name);
	buf_add(&f->text, value);
	buf_add(&f->text, S("\r\n"));
}

static void
end_text(struct form *f)
{
	f->part[f->parts++] = (struct dial_part){ .text = buf_str(&f->text) };
	buf_init(&f->text, f->a, FORM_TEXT_MAX);
}

void
form_file(struct form *f, const char *name, const char *file_name, const char *type, str head, int fd, int64_t from, int64_t bytes)
{
	buf_fmt(&f->text, "--%s\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%s\"\r\nContent-Type: %s\r\n\r\n",
	    f->boundary, name, file_name, type);
	buf_add(&f->text, head);
	end_text(f);
	f->part[f->parts++] = (struct dial_part){ .fd = fd, .from = from, .bytes = bytes };
	buf_add(&f->text, S("\r\n"));
}

const char *
form_end(struct form *f)
{
	buf_fmt(&f->text, "--%s--\r\n", f->boundary);
	end_text(f);
	return str_fmt(f->a, "multipart/form-data; boundary=%s", f->boundary).p;
}
