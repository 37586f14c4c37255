#include "limit/limit.h"
#include "t.h"
#include <stdlib.h>

/* The window against its definition: at most `limit` takes in any 60 s, and never one refused that would fit. */
TEST(the_count_is_exact_over_any_sixty_seconds)
{
	enum { LIMIT = 7, TAKES = 4000 };
	static int64_t taken[TAKES];
	struct limits *l = limits_new(1000);
	struct limit_key k = { 1, 2, 0 };
	int n = 0;
	int64_t now = 0;

	srand(4711);
	for (int i = 0; i < TAKES; i++) {
		struct limit_state st;
		int in_window = 0;
		now += rand() % 20000;
		for (int j = n - 1; j >= 0 && taken[j] > now - LIMIT_WINDOW_MS; j--)
			in_window++;
		limits_take(l, k, LIMIT, now, &st);
		CHECK_INT(st.refused, ==, in_window >= LIMIT);
		if (!st.refused)
			taken[n++] = now;
		CHECK_INT(st.remaining, ==, LIMIT - in_window - !st.refused);
		int64_t oldest = taken[n - LIMIT + st.remaining];
		CHECK_INT(st.reset_s, ==, (oldest + LIMIT_WINDOW_MS - now + 999) / 1000);
	}
	limits_free(l);
}

TEST(a_limit_of_zero_counts_nothing)
{
	struct limits *l = limits_new(10);
	struct limit_state st;

	for (int i = 0; i < 1000; i++)
		limits_take(l, (struct limit_key){ 1, 1, 0 }, 0, i, &st);
	CHECK(!st.refused && st.limit == 0 && st.reset_s == 0);
	limits_free(l);
}

TEST(a_changed_limit_keeps_what_was_counted)
{
	struct limits *l = limits_new(10);
	struct limit_key k = { 3, 3, 0 };
	struct limit_state st;

	for (int i = 0; i < 5; i++)
		limits_take(l, k, 10, i, &st);
	limits_look(l, k, 20, 10, &st);
	CHECK_INT(st.remaining, ==, 15);
	limits_look(l, k, 3, 10, &st);
	CHECK(st.refused && st.remaining == 0);
	limits_free(l);
}

TEST(strangers_do_not_fill_the_memory)
{
	struct limits *l = limits_new(1024);
	struct limit_state st;

	for (uint64_t i = 0; i < 100000; i++)
		limits_take(l, (struct limit_key){ i, i * 7, 0 }, 60, 5, &st);
	CHECK_INT(st.remaining, ==, 59);
	limits_free(l);
}
