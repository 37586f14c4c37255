/* pool_priv -- what the two files of the pool share: pool.c (connections, opening, closing) and drive.c (calls). */
#ifndef POOL_PRIV_H
#define POOL_PRIV_H
#include "db/engine_priv.h"
#include "db/pg.h"
#include "sys/fiber.h"
#include <stdatomic.h>

#define GROUP		32		/* reads of a flight */
#define LOOK_US		100000		/* how often deadlines are looked at */

enum state { SEAT_DOWN, SEAT_DIALING, SEAT_FREE, SEAT_FLIGHT, SEAT_HELD, SEAT_CLOSING };	/* closing: an answer that nobody waits for */
struct seat {
	struct seat *next;		/* in the lists of the dialer */
	struct driver *d;
	enum state state;
	struct link l, fresh;		/* fresh: the dialer's, while it dials */
	struct pg pg;			/* of the writes that run here */
	struct db db;
	struct task *task;		/* who holds it */
	struct ask *flight[GROUP];
	int n;
	int64_t heard_us;		/* when something was sent or came */
	bool outs;			/* epoll tells when it takes more */
};

struct task {
	struct task *next;		/* in one list at most */
	struct driver *d;
	struct call *call;
	struct fiber *fiber;
	struct seat *seat;
	struct pg pg;			/* of reads */
	struct db db;
	struct ask *awaits;
	bool waits, silent, again;
	int64_t wake_us;
};
struct tasks { struct task *head, **tail; };

struct driver {
	struct pool *p;
	pthread_t thread;
	int epoll, event;
	struct seat *seat;
	int nseats;
	struct fibers fibers;
	struct task *spare;
	struct tasks ready, holders, sleepers;
	struct ask *asks, **asks_end;	/* reads that wait for a flight */
	int nasks, alive, aloft, pending;
	int64_t left_us, looked_us, active_us;
	bool asleep;			/* under the engine's lock */
	struct seat *dialed;		/* under the pool's lock */
};

struct pool {
	struct engine *g;
	struct driver *driver;
	struct seat *seat;
	int drivers, running;
	int64_t silence_us;
	struct link_conf conf;
	struct call tick;		/* measures */
	int64_t ticked_us;
	_Atomic bool ticking;
	pthread_t dialer;
	pthread_mutex_t lock;		/* the dialer's lists */
	pthread_cond_t more;
	struct seat *dials, **dials_end;
	bool dialing, closing;
	_Atomic int fails;		/* of the dialer, in a row */
	_Atomic int64_t up, busy, waiting, trips, flights, reconnects;
};

static inline int64_t mono(void) { return sys_mono_us(&sys_clock_real); }	/* of sockets and timers; what a call may wait for goes by the engine's clock */

static inline void tasks_init(struct tasks *l) { *l = (struct tasks){ .tail = &l->head }; }

extern const struct pg_host pool_host;
void	*pool_drive(void *driver);
void	pool_seat_up(struct seat *);
void	pool_want(struct driver *, int n);		/* as many connections as would be used now */
#endif
