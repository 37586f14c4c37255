#include "t.h"
#include "sys/fiber.h"

struct walk { struct fiber *f; int steps, at; int64_t sum; };

/* As deep as handlers go, and stopped at the bottom. */
static int64_t
descend(struct walk *w, int depth)
{
	volatile char room[1024];

	room[depth % 1024] = (char)depth;
	if (depth == 0) {
		fiber_wait(w->f);
		return 0;
	}
	return descend(w, depth - 1) + room[depth % 1024];
}

static void
walk(void *arg)
{
	struct walk *w = arg;
	double half = 0.5 * w->steps;		/* what a switch must keep: registers of every kind, and the stack */

	for (w->at = 1; w->at < w->steps; w->at++)
		w->sum += descend(w, w->at % 30);
	w->sum += (int64_t)(half * 2);
}

static int64_t
expected(int steps)
{
	int64_t sum = steps;

	for (int i = 1; i < steps; i++)
		sum += (i % 30) * (i % 30 + 1) / 2;
	return sum;
}

TEST(each_fiber_goes_on_where_it_stopped)
{
	enum { N = 20 };
	struct fibers home = { 0 };
	struct walk w[N];
	int alive = 0;

	for (int i = 0; i < N; i++, alive++) {
		w[i] = (struct walk){ .steps = 10 + i * 7 };
		w[i].f = fiber_new(&home, walk, &w[i]);
	}
	for (int turn = 1; alive > 0; turn++)
		for (int i = 0; i < N; i++) {
			if (w[i].f == NULL)
				continue;
			bool more = fiber_go(w[i].f);
			CHECK_INT(w[i].at, ==, turn);
			CHECK(more == (turn < w[i].steps));
			if (!more) {
				w[i].f = NULL;
				alive--;
			}
		}
	for (int i = 0; i < N; i++)
		CHECK_INT(w[i].sum, ==, expected(w[i].steps));
	fibers_free(&home);
}

TEST(who_has_ended_leaves_its_stack_to_the_next)
{
	struct fibers home = { 0 };
	struct walk w = { .steps = 2 };

	struct fiber *first = w.f = fiber_new(&home, walk, &w);
	CHECK(fiber_go(w.f));
	CHECK(!fiber_go(w.f));
	for (int i = 0; i < 3; i++) {
		struct walk again = { .steps = 3 };
		again.f = fiber_new(&home, walk, &again);
		CHECK(again.f == first);
		CHECK(fiber_go(again.f) && fiber_go(again.f) && !fiber_go(again.f));
		CHECK_INT(again.sum, ==, expected(3));
	}
	fibers_free(&home);
}
