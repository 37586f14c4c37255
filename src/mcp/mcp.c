#include "mcp/live.h"
#include <stdlib.h>

enum err
mcp_new(struct api *api, const secret *s, struct mcp **ret, struct error *e)
{
	struct mcp *m = calloc(1, sizeof(*m));

	if (m == NULL || (m->counts = calloc(2 * (size_t)(mcp_nmethods + 1), sizeof(*m->counts))) == NULL) {
		free(m);
		return fail(e, E_SYS, NULL, "no memory for the Model Context Protocol");
	}
	m->api = api;
	m->secret = *s;
	crypto_random(m->tag_key, sizeof(m->tag_key));
	m->tools = tools_new(api_conf(api));
	m->sessions = sessions_new();
	m->teller = teller_new(m);
	m->watch = watch_new(m);
	*ret = m;
	return OK;
}

void mcp_drain(struct mcp *m) { teller_drain(m->teller); }

void
mcp_free(struct mcp *m)
{
	if (m == NULL)
		return;
	bus_unlisten(m->bus, &m->hears);
	watch_free(m->watch);
	teller_free(m->teller);
	tools_free(m->tools);
	sessions_free(m->sessions);
	crypto_wipe(&m->secret, sizeof(m->secret));
	free(m->counts);
	free(m);
}

void
mcp_faces(struct mcp *m, struct front_face ret[MCP_FACES])
{
	static const str at[MCP_FACES] = { S_INIT("/mcp"), S_INIT("/mcp/"), S_INIT("/api/mcp"), S_INIT("/api/mcp/") };

	for (int i = 0; i < MCP_FACES; i++) {
		ret[i] = (struct front_face){ at[i], false, mcp_turns };
		ret[i].handler.ctx = m;
	}
}

/* --- figures --- */

void
mcp_count(const struct ask *k)
{
	size_t row = k->method != NULL ? (size_t)(k->method - mcp_methods) : (size_t)mcp_nmethods;
	atomic_fetch_add_explicit(&k->m->counts[2 * row + k->failed], 1, memory_order_relaxed);
}

void
mcp_metrics(struct mcp *m, struct buf *b)
{
	buf_add(b, S("# HELP scriped_mcp_messages_total Messages of the Model Context Protocol by method and outcome; calls of tools count as operations, too.\n"
	    "# TYPE scriped_mcp_messages_total counter\n"));
	for (int i = 0; i <= mcp_nmethods; i++)
		for (int failed = 0; failed < 2; failed++) {
			int64_t n = atomic_load_explicit(&m->counts[2 * i + failed], memory_order_relaxed);
			if (n != 0)
				buf_fmt(b, "scriped_mcp_messages_total{method=\"%s\",outcome=\"%s\"} %lld\n", i < mcp_nmethods ? mcp_methods[i].name.p : "unknown",
				    failed ? "error" : "ok", (long long)n);
		}
}
