/* memory -- what videos refused for good, so that nobody asks for it again and again, and the pause that a 429 asked for. */
#include "web/web_priv.h"
#include <stdio.h>

#define REMEMBERED	64
#define KEPT_MS		600000

struct refusal {
	char id[WEB_VIDEO_ID + 1], why[401];	/* 100 letters */
	enum web_fault fault;
	int64_t until_ms;
};
static struct {
	pthread_mutex_t lock;
	struct refusal said[REMEMBERED];	/* a ring */
	unsigned next;
	int64_t pause_ms;		/* until when nobody asks for anything */
} memory = { .lock = PTHREAD_MUTEX_INITIALIZER };

enum web_fault
memory_ask(const struct sys_clock *clock, const char *id, str *why, struct arena *a, int *wait_s)
{
	int64_t now = sys_mono_us(clock) / 1000;
	enum web_fault fault = WEB_OK;

	*wait_s = 0;
	pthread_mutex_lock(&memory.lock);
	for (const struct refusal *r = memory.said; r < memory.said + REMEMBERED && fault == WEB_OK; r++)
		if (strcmp(r->id, id) == 0 && r->until_ms > now) {
			fault = r->fault;
			*why = str_dup(a, str_z(r->why));
		}
	if (fault == WEB_OK && memory.pause_ms > now) {
		fault = WEB_V_BUSY;
		*why = S("it answered with status 429");
		*wait_s = (int)((memory.pause_ms - now + 999) / 1000);
	}
	pthread_mutex_unlock(&memory.lock);
	return fault;
}

void
memory_refused(const struct sys_clock *clock, const char *id, enum web_fault fault, str why)
{
	pthread_mutex_lock(&memory.lock);
	struct refusal *r = &memory.said[memory.next++ % REMEMBERED];
	*r = (struct refusal){ .fault = fault, .until_ms = sys_mono_us(clock) / 1000 + KEPT_MS };
	memcpy(r->id, id, WEB_VIDEO_ID);
	snprintf(r->why, sizeof(r->why), "%.*s", STR(why));
	pthread_mutex_unlock(&memory.lock);
}

void
memory_pause(const struct sys_clock *clock, int seconds)
{
	int64_t until = sys_mono_us(clock) / 1000 + (int64_t)seconds * 1000;

	pthread_mutex_lock(&memory.lock);
	memory.pause_ms = MAX(memory.pause_ms, until);
	pthread_mutex_unlock(&memory.lock);
}
