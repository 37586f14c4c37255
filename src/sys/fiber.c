/* fiber -- see fiber.h.
 *
 * The first switch to a fiber is setcontext's, for only makecontext makes a stack.  All others are _setjmp and _longjmp: swapcontext asks the
 * kernel for the signal mask each time, four times for a call, and nobody changes that here.  A sanitizer understands swapcontext alone.
 *
 * The check of longjmp that comes with _FORTIFY_SOURCE knows one stack only. */
#undef _FORTIFY_SOURCE
#include "sys/fiber.h"
#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif
/* valgrind takes a short way to another stack for a growth of this one, unless it knows of both. */
#if !defined(NDEBUG) && defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(from, to)	0
#define VALGRIND_STACK_DEREGISTER(id)		(void)(id)
#endif

/* The deepest calls of handlers take some 30 KB (80 parameters as text, texts of errors, JSON); a sanitizer triples it. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FIBER_STACK	((size_t)1024 << 10)
typedef ucontext_t place;
#else
#define FIBER_STACK	((size_t)256 << 10)
typedef jmp_buf place;
#endif

struct fiber {
	struct fiber *next;
	struct fibers *home;
	void (*run)(void *);
	void *arg;
	bool begun, ended;
	char *map;
	size_t mapped;
	ucontext_t start;
	place self, caller;
	unsigned stack;				/* valgrind's number of it */
	void *shadow, *caller_shadow;		/* the sanitizers' */
	const void *caller_stack;
	size_t caller_size;
};

/* What a sanitizer must know before and after the stack is another one. */
static void
leave_for(void **keep, const void *stack, size_t size, void *thread)
{
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_start_switch_fiber(keep, stack, size);
#endif
#ifdef __SANITIZE_THREAD__
	__tsan_switch_to_fiber(thread, 0);
#endif
	(void)keep, (void)stack, (void)size, (void)thread;
}

static void
arrived(void *kept, const void **from, size_t *size)
{
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_finish_switch_fiber(kept, from, size);
#endif
	(void)kept, (void)from, (void)size;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static void enter(struct fiber *f) { swapcontext(&f->caller, f->begun ? &f->self : &f->start); }
static void leave(struct fiber *f) { swapcontext(&f->self, &f->caller); }
#else
static void
enter(struct fiber *f)
{
	if (_setjmp(f->caller) != 0)
		return;
	if (f->begun)
		_longjmp(f->self, 1);
	setcontext(&f->start);
}

static void
leave(struct fiber *f)
{
	if (_setjmp(f->self) == 0)
		_longjmp(f->caller, 1);
}
#endif

static void
back(struct fiber *f)
{
	leave_for(&f->shadow, f->caller_stack, f->caller_size, f->caller_shadow);
	leave(f);
	arrived(f->shadow, &f->caller_stack, &f->caller_size);
}

/* A pointer goes through makecontext as two ints. */
static void
begin(unsigned high, unsigned low)
{
	struct fiber *f = (struct fiber *)((uintptr_t)high << 32 | (uintptr_t)low);

	f->begun = true;
	arrived(NULL, &f->caller_stack, &f->caller_size);
	for (;;) {
		f->run(f->arg);
		f->ended = true;
		back(f);
	}
}

static struct fiber *
make(struct fibers *home)
{
	struct fiber *f = calloc(1, sizeof(*f));
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (f == NULL)
		abort();
	f->home = home;
	f->mapped = FIBER_STACK + page;
	f->map = mmap(NULL, f->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (f->map == MAP_FAILED || mprotect(f->map, page, PROT_NONE) != 0 || getcontext(&f->start) != 0)
		abort();
	f->stack = VALGRIND_STACK_REGISTER(f->map + page, f->map + f->mapped);
	f->start.uc_stack.ss_sp = f->map + page;
	f->start.uc_stack.ss_size = FIBER_STACK;
	makecontext(&f->start, (void (*)(void))(uintptr_t)begin, 2, (unsigned)((uintptr_t)f >> 32), (unsigned)(uintptr_t)f);
#ifdef __SANITIZE_THREAD__
	f->shadow = __tsan_create_fiber(0);
#endif
	return f;
}

struct fiber *
fiber_new(struct fibers *home, void (*run)(void *), void *arg)
{
	struct fiber *f = home->spare;

	if (f != NULL)
		home->spare = f->next;
	else
		f = make(home);
	f->run = run;
	f->arg = arg;
	f->ended = false;
	return f;
}

bool
fiber_go(struct fiber *f)
{
	void *shadow = f->shadow;	/* under ASan it is the fiber's own, and of no interest here */

#ifdef __SANITIZE_THREAD__
	f->caller_shadow = __tsan_get_current_fiber();
#endif
	leave_for(&f->caller_shadow, f->start.uc_stack.ss_sp, FIBER_STACK, shadow);
	enter(f);
	arrived(f->caller_shadow, NULL, NULL);
	if (!f->ended)
		return true;
	f->next = f->home->spare;
	f->home->spare = f;
	return false;
}

void fiber_wait(struct fiber *f) { back(f); }

void
fibers_free(struct fibers *home)
{
	for (struct fiber *f; (f = home->spare) != NULL; ) {
		home->spare = f->next;
#ifdef __SANITIZE_THREAD__
		__tsan_destroy_fiber(f->shadow);
#endif
#ifdef __SANITIZE_ADDRESS__
		__asan_unpoison_memory_region(f->map, f->mapped);	/* another map may come to this place */
#endif
		VALGRIND_STACK_DEREGISTER(f->stack);
		munmap(f->map, f->mapped);
		free(f);
	}
}
