#include "kv/slots.h"

#define VERSION	1

/* --- as bytes --- */

static const char *
take(const char **p, const char *end, void *to, size_t n)
{
	if (*p != NULL && (size_t)(end - *p) >= n) {
		memcpy(to, *p, n);
		*p += n;
	} else
		*p = NULL;
	return *p;
}

static void
give(char **p, const void *from, size_t n)
{
	memcpy(*p, from, n);
	*p += n;
}

static bool
read_all(const char *p, const char *end, struct slots *s)
{
	uint8_t version = 0, blocks = 0, n8;
	uint16_t moments = 0;
	int64_t base = 0;
	uint32_t behind, n;

	if (!take(&p, end, &version, 1) || version != VERSION || !take(&p, end, &blocks, 1) || blocks > SLOTS_OUT || !take(&p, end, &moments, 2) || moments > SLOTS_ROOM)
		return false;
	for (; s->nblocks < blocks; s->nblocks++) {
		struct slots_block *b = &s->block[s->nblocks];
		if (!take(&p, end, &b->id, 8) || !take(&p, end, &b->until, 8) || !take(&p, end, &n8, 1))
			return false;
		b->n = n8;
	}
	if (!take(&p, end, &base, 8))
		return false;
	for (; s->n < moments; s->n++) {
		if (!take(&p, end, &behind, 4) || !take(&p, end, &n, 4) || n > INT32_MAX)
			return false;
		s->moment[s->n] = (struct slots_moment){ base + behind, (int)n };
	}
	return p == end;
}

void
slots_read(str bytes, struct slots *s)
{
	s->n = s->nblocks = 0;
	if (bytes.n == 0 || !read_all(bytes.p, bytes.p + bytes.n, s))
		s->n = s->nblocks = 0;
}

static int64_t
oldest_of(const struct slots *s, int64_t none)
{
	int64_t at = s->n != 0 ? s->moment[0].at : none;

	for (int i = 1; i < s->n; i++)
		at = MIN(at, s->moment[i].at);
	return at;
}

size_t
slots_write(const struct slots *s, char out[SLOTS_BYTES])
{
	int64_t base = oldest_of(s, 0);
	uint16_t moments = (uint16_t)s->n;
	char *p = out;

	give(&p, &(uint8_t){ VERSION }, 1);
	give(&p, &(uint8_t){ (uint8_t)s->nblocks }, 1);
	give(&p, &moments, 2);
	for (int i = 0; i < s->nblocks; i++) {
		give(&p, &s->block[i].id, 8);
		give(&p, &s->block[i].until, 8);
		give(&p, &(uint8_t){ (uint8_t)s->block[i].n }, 1);
	}
	give(&p, &base, 8);
	for (int i = 0; i < s->n; i++) {
		give(&p, &(uint32_t){ (uint32_t)(s->moment[i].at - base) }, 4);
		give(&p, &(uint32_t){ (uint32_t)s->moment[i].n }, 4);
	}
	return (size_t)(p - out);
}

/* --- a turn --- */

/* With room for no more moments the newest takes it, and leaves later than it might. */
static void
add_moment(struct slots *s, const struct slots_ask *q, int64_t at, int n)
{
	int64_t part = q->limit > SLOTS_MOMENTS ? q->window / SLOTS_MOMENTS : 1;

	at = (at + part - 1) / part * part;
	for (int i = s->n - 1; i >= 0 && n != 0; i--)
		if (s->moment[i].at == at || (i == s->n - 1 && s->n == SLOTS_ROOM)) {
			s->moment[i].at = MAX(s->moment[i].at, at);
			s->moment[i].n += n;
			return;
		}
	if (n != 0)
		s->moment[s->n++] = (struct slots_moment){ at, n };
}

static void
leave(struct slots *s, const struct slots_ask *q)
{
	int kept = 0;

	for (int i = 0; i < s->n; i++)
		if (s->moment[i].at + q->window + SLOTS_GUARD_MS > q->now)
			s->moment[kept++] = s->moment[i];
	s->n = kept;
}

/* What was promised and not reported was used at the end of the promise, for all that we know. */
static void
end_blocks(struct slots *s, const struct slots_ask *q)
{
	int kept = 0;

	for (int i = 0; i < s->nblocks; i++) {
		struct slots_block b = s->block[i];
		if (b.until + SLOTS_GUARD_MS <= q->now)
			add_moment(s, q, b.until, b.n);
		else if (b.n > 0)
			s->block[kept++] = b;
	}
	s->nblocks = kept;
}

/* Its block, taken out of the others; of one that ended meanwhile everything is counted already. */
static struct slots_block
take_own(struct slots *s, const struct slots_ask *q)
{
	for (int i = 0; i < s->nblocks; i++)
		if (s->block[i].id == q->block) {
			struct slots_block own = s->block[i];
			s->block[i] = s->block[--s->nblocks];
			return own;
		}
	return (struct slots_block){ q->block, 0, 0 };
}

static int
used_of(const struct slots *s)
{
	int n = 0;

	for (int i = 0; i < s->n; i++)
		n += s->moment[i].n;
	return n;
}

static int
held_of(const struct slots *s)
{
	int n = 0;

	for (int i = 0; i < s->nblocks; i++)
		n += s->block[i].n;
	return n;
}

void
slots_turn(struct slots *s, const struct slots_ask *q, struct slots_told *ret)
{
	leave(s, q);
	end_blocks(s, q);
	struct slots_block own = take_own(s, q);
	for (int i = 0; i < q->nused && own.n > 0; i++, own.n--)
		add_moment(s, q, q->used[i], 1);
	if (q->back)
		own.n = 0;
	int others = held_of(s), room = q->limit - used_of(s) - others - own.n;
	ret->got = MAX(MIN(q->want, room), 0);
	add_moment(s, q, q->now, ret->got);
	ret->added = q->back ? 0 : MAX(MIN(MIN(q->add, room - ret->got), SLOTS_OUT - others - own.n), 0);
	own.n += ret->added;
	own.until = q->now + SLOTS_HOLD_MS;
	ret->held = own.n;
	ret->left = MAX(q->limit - used_of(s) - others, 0);
	ret->oldest = oldest_of(s, q->now);
	if (own.n > 0)
		s->block[s->nblocks++] = own;
}
