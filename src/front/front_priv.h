/* front_priv -- what the files of front share.
 *
 * One loop is one libmicrohttpd daemon with one thread and no listening socket; the keeper is one thread of ours that accepts
 * for all of them, sweeps the deadlines and reads out connections that were answered before they had sent everything.
 * We accept ourselves because the library's own listener hangs connections above its limit, and because its quiesce
 * aborts the process when a loop takes the listener out of its epoll set in the same microsecond.
 *
 * A stream takes its socket away from its loop, whose part of a connection would cost 36 KB, and which could not tell that a client left
 * while it is suspended: the library is left with another descriptor under the number, and closes that.
 *
 * Threads:  a turn belongs to its loop's thread, except `park`.  A conn is made and ended by its loop's thread; `mark` and
 *           `got` are written there and read by the keeper; the block marked so is the keeper's, under front.lock. */
#ifndef FRONT_PRIV_H
#define FRONT_PRIV_H
#include "front/stream.h"
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>

#define HEADER_MAX	32768		/* request line and header block */
#define POOL_SIZE	(36 * 1024)	/* of the library, per connection: HEADER_MAX, its list of headers and the answer's */
#define QUERY_MAX	64
#define FREE_MAX	64		/* turns kept warm per loop */
#define LINGER_MAX	128
#define LINGER_US	INT64_C(5000000)
#define FD_RESERVE	256		/* descriptors left for the rest of the program, lingerers included */
#define BODY_GRACE_US	INT64_C(10000000)

enum phase { PH_IDLE, PH_HEAD, PH_BODY, PH_RUN, PH_WRITE };
#define PHASE_BITS	3
#define PHASE_MASK	((1u << PHASE_BITS) - 1)

struct conn {
	int fd, slot;			/* slot: where in front.conns */
	_Atomic uint32_t mark;		/* requests ended << PHASE_BITS | phase */
	_Atomic uint64_t got;		/* bytes of the body under way */
	uint32_t ended;
	bool linger;			/* answered while the client may still send: read it out before closing */
	bool moved;			/* its socket is a stream's */
	str peer;
	char peer_text[INET6_ADDRSTRLEN];
	/* the keeper's */
	uint32_t seen;			/* mark at the last sweep */
	bool begun;			/* while idle: bytes of the next request have arrived */
	bool killed;
	int64_t since_us;
	uint64_t base;			/* bytes on the socket at since_us */
};

enum stage { ST_NEW, ST_HEAD, ST_READ, ST_DRAIN, ST_PARKED, ST_DONE };	/* HEAD: parked before the body */
enum park { PARK_NO, PARK_YES, PARK_WOKEN };

struct turn {				/* one request and its answer */
	struct exchange x;		/* first: the handler's pointer is ours */
	struct loop *loop;
	struct conn *conn;
	const struct front_handler *h;
	struct MHD_Connection *mhd;
	struct turn *next;		/* on the loop's free list */
	enum stage stage;
	bool headed;			/* head() was called, so end() will be */
	bool parks;			/* the handler called front_park in this step */
	bool midway;			/* the answer is due while a chunked body still comes: the library takes none then */
	bool sent;			/* answered past the library */
	bool chunked, expects, http10;
	struct front_stream *stream;	/* that is the answer, until it has the socket */
	uint64_t length, got;		/* of the body: declared, received */
	char *buf;
	size_t cap;
	_Atomic int park;
};

struct loop {
	struct front *front;
	struct MHD_Daemon *mhd;
	struct turn *free;
	int nfree;
	atomic_int open;
	atomic_int waking;		/* calls of front_wake under way */
};

struct lingerer { int fd; int64_t until_us; };

struct front {
	struct front_conf conf;
	struct front_handler h;			/* of what no face takes */
	struct front_face faces[FRONT_FACES];
	char url[sizeof("http://[]:65535") + INET6_ADDRSTRLEN];
	char local[sizeof("http://localhost:65535")];	/* the same by name, where it listens on loopback; else empty */
	int listener, poll, bell, spare;	/* spare: a descriptor to give up when there are no others */
	int lines, dummy;			/* lines: polls the streams' sockets; dummy: what the library gets for one */
	pthread_t keeper;
	bool kept;				/* the keeper runs */
	_Atomic bool parting, quiet, stop;	/* parting: answers say Connection: close; stop: nothing is begun any more */
	atomic_int open;
	pthread_mutex_t lock;			/* conns, lingering, the listener */
	struct conn **conns;
	int nconns, max;
	struct lingerer lingering[LINGER_MAX];
	int nlingering;
	int nloops;
	struct loop *loops;
	pthread_mutex_t streams_lock;		/* the list */
	struct front_stream *streams;
	atomic_int nstreams;			/* made and not ended */
	_Atomic size_t waiting;			/* bytes that streams hold */
};

static inline void
conn_mark(struct conn *c, enum phase p)
{
	atomic_store_explicit(&c->mark, c->ended << PHASE_BITS | p, memory_order_relaxed);
}

/* serve.c: what the library calls */
enum MHD_Result serve_call(void *loop, struct MHD_Connection *, const char *url, const char *method, const char *version,
    const char *data, size_t *size, void **turn);
void	*serve_target(void *loop, const char *target, struct MHD_Connection *);
void	 serve_done(void *loop, struct MHD_Connection *, void **turn, enum MHD_RequestTerminationCode);
void	 serve_free(struct loop *);		/* its warm turns */

str	 serve_status(struct turn *, const char *framing);	/* status line and headers of an answer that goes past the library */

/* stream.c */
enum MHD_Result stream_begin(struct turn *);	/* takes the socket from the library */
void	 stream_lost(struct turn *);		/* it never began */
void	 stream_attend(struct front *);		/* what the sockets have to say */
void	 stream_sweep(struct front *, int64_t now);
void	 stream_close(struct front *);		/* cuts all; the keeper and the loops have ended */

/* head.c: the headers of t into t->x; false with the status of the refusal. */
bool	 head_read(struct turn *t, const char *method, const char *version, int *ret_status);

/* watch.c */
void	 watch_conn(void *loop, struct MHD_Connection *, void **conn, enum MHD_ConnectionNotificationCode);
void	*watch_run(void *front);		/* the keeper */
bool	 watch_fd(struct front *, int fd);	/* the keeper attends to it */
void	 watch_ring(struct front *);		/* have it look at once */
bool	 watch_adopt(struct front *, int fd, const struct sockaddr *, socklen_t);	/* serve this socket */
#endif
