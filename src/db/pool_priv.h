/* pool_priv -- what the two files of the pool share: pool.c (connections, opening, closing) and drive.c (calls). */
#ifndef POOL_PRIV_H
#define POOL_PRIV_H
#include "db/engine_priv.h"
#include "db/pg.h"
#include "sys/fiber.h"
#include <stdatomic.h>

#define GROUP		32		/* reads of a flight */
#define ALOFT		8		/* so many wait for each flight under way: then another one leaves */
#define ALOFT_US	2000		/* or when none has left for so long */
#define MEASURE_US	10000000	/* between two looks at the size of the database */
#define LOOK_US		100000		/* how often deadlines are looked at */

enum state { SEAT_DOWN, SEAT_DIALING, SEAT_FREE, SEAT_FLIGHT, SEAT_HELD, SEAT_CLOSING };	/* closing: an answer that nobody waits for */
struct seat {
	struct seat *next;		/* in the lists of the dialer */
	struct driver *d;
	struct lane *lane;
	enum state state;
	struct link l, fresh;		/* fresh: the dialer's, while it dials */
	struct pg pg;			/* of the writes that run here */
	struct db db;
	struct task *task;		/* who holds it */
	struct ask *flight[GROUP];
	int n, told;			/* told: as many of them have gone on, and their asks are others' */
	struct ask replayed;		/* of a replica: how far it was when the flight came there */
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
	bool primary;			/* the replica would not do */
	int64_t wake_us;
};
struct tasks { struct task *head, **tail; };

/* Connections to one server, and the reads that wait for a flight there. */
enum { PRIMARY, REPLICA, LANES };
struct lane {
	struct dialer *dialer;
	struct seat *seat;
	int seats;
	struct ask *asks, **end;
	int waiting, aloft, up;
	int64_t left_us, shunned_us;
};

struct driver {
	struct pool *p;
	pthread_t thread;
	int epoll, event;
	struct lane lane[LANES];
	struct fibers fibers;
	struct task *spare;
	struct tasks ready, holders, sleepers;
	int alive, pending;
	int turn;			/* who is given the next seat */
	int64_t looked_us, active_us;
	bool asleep;			/* under the engine's lock */
	int company;			/* the same: so many reads that share wake it */
	struct seat *dialed;		/* under the pool's lock */
};

/* Makes connections to one server, one after another. */
struct dialer {
	struct pool *p;
	struct link_conf conf;
	pthread_t thread;
	pthread_cond_t more;
	struct seat *list, **end;	/* under the pool's lock */
	bool runs;
	_Atomic int fails;		/* in a row */
};

struct pool {
	struct engine *g;
	struct dialer dialer[LANES];
	int size[LANES];		/* seats */
	struct driver *driver;
	struct seat *seat;
	int drivers, running;
	int64_t silence_us;
	struct call tick;		/* measures */
	int64_t ticked_us;
	_Atomic bool ticking;
	pthread_mutex_t lock;		/* the dialers' lists, closing */
	bool closing;
	_Atomic int64_t up, busy, waiting, trips, flights, reconnects, local, of_replica, of_primary, behind;
};

static inline int64_t mono(void) { return sys_mono_us(&sys_clock_real); }	/* of sockets and timers; what a call may wait for goes by the engine's clock */

static inline void tasks_init(struct tasks *l) { *l = (struct tasks){ .tail = &l->head }; }

extern const struct pg_host pool_host;
void	*pool_drive(void *driver);
void	pool_tick(struct driver *, int64_t now);	/* measures the database when it is time */
void	pool_seat_up(struct seat *);
int	pool_company(const struct driver *, int64_t now);	/* how many more reads make a flight leave */
void	pool_want(struct lane *, int n);		/* as many connections as would be used now */
#endif
