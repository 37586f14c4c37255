/* Everything that this house reads itself, from recognising to the lines that are said; what libraries of others read is left to their fuzzers.
 * The first byte is the declared type. */
#include "extract/extract.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
const char *__asan_default_options(void);

/* What a library holds when its reader gives up is not freed: the process would have ended. */
const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}

static bool
ours(const struct format *f)
{
	static const char *const names[] = { "docx", "pptx", "xlsx", "doc", "html", "markdown", "text" };

	for (size_t i = 0; f != NULL && f->name != NULL && i < COUNT(names); i++)
		if (strcmp(f->name, names[i]) == 0)
			return true;
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const types[] = { "", "text/html", "text/markdown", "application/msword" };
	struct file f = { .fd = -1 };
	struct arena a;
	struct out o;
	jmp_buf back;

	if (n == 0)
		return 0;
	f.declared = str_z(types[p[0] % COUNT(types)]);
	f.bytes = (str){ (const char *)p + 1, n - 1 };
	arena_init(&a, (size_t)256 << 20);
	out_init(&o, &a, &sys_clock_real, -1, (size_t)16 << 20);
	o.back = &back;
	if (setjmp(back) == 0 && ours(format_of(&f)))
		extract(&f, &o);
	assert(utf8_ok(buf_str(&o.lines)));
	arena_free(&o.scratch);
	arena_free(&a);
	return 0;
}
