/* t -- the unit-test harness: register, run, report as TAP.
 * A file of tests is: #include "t.h" and TEST(name) { CHECK(…); } rows.  main() is in t.c.
 * `PROGRAM name…` runs only the tests whose name contains one of the words. */
#ifndef T_H
#define T_H
#include "base/base.h"
#include <stdio.h>

struct t { const char *name; void (*fn)(void); struct t *next; };
void t_add(struct t *);
void t_fail(const char *file, int line, const char *fmt, ...) PRINTF(3, 4);
const char *t_dir(void);		/* a fresh temporary directory of this run, removed at its end */
str t_file(struct arena *, const char *path);	/* all of it, of 1 MB at most; empty, and the test failed, when it cannot be read */
#define TEST(id) static void id(void); \
	__attribute__((constructor)) static void id##_reg(void) { static struct t t = { #id, id, NULL }; t_add(&t); } \
	static void id(void)
#define CHECK(c)	do { if (!(c)) t_fail(__FILE__, __LINE__, "%s", #c); } while (0)
#define CHECK_INT(a, op, b) do { long long a_ = (long long)(a), b_ = (long long)(b); if (!(a_ op b_)) \
	t_fail(__FILE__, __LINE__, "%s %s %s: %lld vs %lld", #a, #op, #b, a_, b_); } while (0)
#define CHECK_STR(a, b) do { str a_ = (a), b_ = (b); if (!str_eq(a_, b_)) \
	t_fail(__FILE__, __LINE__, "%s: \"%.*s\" is not \"%.*s\"", #a, STR(a_), STR(b_)); } while (0)
#endif
