/* fiber -- a function that can stop in the middle and go on later, on a stack of its own.
 *
 * A thread runs a fiber by fiber_go, which returns when the fiber waits (fiber_wait) or has ended.  So a thread carries hundreds of calls that
 * read like straight lines.  A fiber that has ended keeps its stack for the next one.
 *
 * Ownership:  fibers belong to the struct fibers of the thread that runs them; it never changes.
 * Limits:     a stack is FIBER_STACK bytes, of which the kernel gives what is touched, with a page below that nobody may touch: who needs
 *             more ends the program there, and not in somebody's data.
 * Threads:    a struct fibers belongs to one thread.  What runs on a fiber holds no lock while it waits.
 * Layer:      includes base. */
#ifndef FIBER_H
#define FIBER_H
#include "base/base.h"

struct fiber;
struct fibers { struct fiber *spare; };
struct fiber *fiber_new(struct fibers *, void (*run)(void *), void *arg);	/* does not run yet */
bool	fiber_go(struct fiber *);	/* false: it has ended, and is no more */
void	fiber_wait(struct fiber *);	/* on the fiber itself: back to who runs it */
void	fibers_free(struct fibers *);	/* all have ended */
#endif
