/* nodes -- what other nodes have to hear: a request that was given up, a session that changed or ended.  Its stream, or what is remembered
 * of it, may be on any of them.
 *
 * A word is the session's hash in hexadecimal, and behind it, for a request, a MAC of its id: an id can be longer than a word, and what
 * clients choose has no place in one. */
#include "mcp/live.h"

#define HASH_HEX	64
#define ID_BYTES	16

digest mcp_id_mac(const struct mcp *m, str id) { return crypto_hmac(&m->secret, id); }

void
mcp_say_changed(struct mcp *m, const digest *session)
{
	char word[HASH_HEX + 1];

	crypto_hex(word, session->b, sizeof(session->b));
	bus_say(m->bus, BUS_CANCEL, (str){ word, HASH_HEX });
}

void
mcp_say_cancelled(struct mcp *m, const digest *session, const digest *id)
{
	char word[HASH_HEX + 2 * ID_BYTES + 1];

	crypto_hex(word, session->b, sizeof(session->b));
	crypto_hex(word + HASH_HEX, id->b, ID_BYTES);
	bus_say(m->bus, BUS_CANCEL, (str){ word, HASH_HEX + 2 * ID_BYTES });
}

/* A lost word costs little: what is remembered of a session is believed for seconds, and a request that was given up goes on to its end. */
static void
told(struct bus_listener *l, str text)
{
	struct mcp *m = (struct mcp *)((char *)l - offsetof(struct mcp, hears));
	digest session, id = { { 0 } };

	if (text.p == NULL || !crypto_unhex(str_cut(text, 0, HASH_HEX), session.b, sizeof(session.b)))
		return;
	if (text.n == HASH_HEX)
		session_forget(m, &session);
	else if (crypto_unhex(str_cut(text, HASH_HEX, text.n), id.b, ID_BYTES))
		live_cancel(m, &session, &id, ID_BYTES);
}

void
mcp_on_bus(struct mcp *m, struct bus *bus)
{
	m->bus = bus;
	m->hears = (struct bus_listener){ .topic = BUS_CANCEL, .heard = told };
	bus_listen(bus, &m->hears);
}
