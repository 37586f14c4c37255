/* bus -- short words from one node to all others, over LISTEN and NOTIFY of PostgreSQL.
 *
 * A word is a hint, never the truth: that is in the database, and whoever waits for a word also looks there by itself now and then.  So a
 * word may be lost (a link that breaks, a node that is killed between its commit and its word), may come twice, and comes in any order.
 * When words may have been lost, each listener hears one without a text: look for yourself.
 *
 * Words are said by a thread of the bus on a connection of its own, outside of any transaction: NOTIFY inside one would have all commits of
 * the database wait for each other.  What is said while one NOTIFY is under way goes out together with the next.  A node does not hear its
 * own words: who says one has told its own house already.
 *
 * With the embedded database there is nobody to talk to: a bus of no URI is NULL, and all functions take that and do nothing.
 *
 * Ownership:  texts are copied.  A listener belongs to who adds it, who takes it away before it goes.
 * Limits:     a text is at most BUS_TEXT bytes, longer ones are cut; BUS_PENDING bytes wait at most, beyond that they give way to one
 *             "look for yourself".
 * Threads:    all functions from any thread; bus_say never waits.  Listeners are called on the thread of the bus and must be quick: no
 *             database, no lock held for long, and neither bus_listen nor bus_unlisten.
 * Layer:      includes base, sys, log. */
#ifndef BUS_H
#define BUS_H
#include "log/log.h"

#define BUS_TEXT	120
#define BUS_PENDING	65536
enum bus_topic {
	BUS_JOB,		/* a job is QUEUED; no text.  Of several that wait to be said mostly one is */
	BUS_ENDED,		/* a job ended: its id */
	BUS_BUST,		/* what is remembered of keys, sessions and consents is not true any more: of whom (auth.h), or of all */
	BUS_CANCEL,		/* a caller gave up a request of MCP: whose, and which */
	BUS_FOLLOW,		/* somebody is told the steps of a job: its id */
	BUS_STEP,		/* a job that is followed has come further, and that is in the database: its id */
	BUS_TOPICS
};
struct bus_listener {
	struct bus_listener *next;	/* the bus's */
	enum bus_topic topic;
	void (*heard)(struct bus_listener *, str text);		/* text.p NULL: words may have been lost */
};
struct bus_conf {
	const char *uri;		/* of the database itself, past any pooler; NULL: nobody to talk to */
	ulid node;			/* of this process */
	struct log *log;
	const struct sys_clock *clock;
};
struct bus;
/* Does not wait for the link: that is made, and made anew, behind it.  E_USAGE: not a URI. */
MUST_USE enum err bus_open(const struct bus_conf *, struct bus **ret, struct error *);
void	bus_listen(struct bus *, struct bus_listener *);
void	bus_unlisten(struct bus *, struct bus_listener *);	/* once it returns, that one is not called any more */
void	bus_say(struct bus *, enum bus_topic, str text);
bool	bus_hears(const struct bus *);		/* whether the link stands */
void	bus_close(struct bus *);		/* says what waits, if that is quick */
#endif
