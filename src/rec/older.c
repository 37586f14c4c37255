#include "rec/older.h"

#define FIELDS_MAX	64		/* the decoder keeps a bit for each */

const struct rec *
older_find(const struct older *o, const struct rec *newest)
{
	for (int i = 0; i < o->nmade; i++)
		if (o->made[i].newest == newest)
			return o->made[i].mine;
	return newest;
}

static bool
known(const struct older *o, const struct rec *newest)
{
	for (int i = 0; i < o->nmade; i++)
		if (o->made[i].newest == newest)
			return true;
	return false;
}

static void
bad(struct older *o, const struct rec *r, const struct change *c, const char *what)
{
	if (o->bad == NULL)
		o->bad = str_fmt(o->a, "%s: %s.%.*s: %s", c->since, r->name, STR(c->now), what).p;
}

static int
place(const struct rec *r, str name)
{
	for (int i = 0; i < r->n; i++)
		if (str_eq(r->f[i].name, name))
			return i;
	return -1;
}

/* Where the value of a field ends in the newest record. */
static int slot_of(const struct rec *r, int i) { return r->f[i].type == T_MADE ? r->f[i].made->slot : i; }

/* The field that is gone: it looks like `as`, and is left out of a request, or not, like the one that it is made of. */
static struct field
made_field(struct older *o, const struct rec *newer, const struct change *c, int at)
{
	struct made *m = NEW(o->a, struct made);
	struct field f = *c->as;

	f.name = c->then;
	f.flags |= newer->f[at].flags & F_KEEP;
	*m = (struct made){ .as = f, .from = &newer->f[at], .slot = slot_of(newer, at), .give = c->give, .take = c->take };
	f.type = T_MADE;
	f.off = 0;
	f.made = m;
	return f;
}

static bool holds_record(const struct field *f) { return f->type == T_REC || f->type == T_LIST; }

static void
undo(struct older *o, const struct rec *newer, const struct change *c, struct rec *r, struct field *f)
{
	int at = place(newer, c->now);

	if (at < 0)
		bad(o, newer, c, "no such field");
	else if (c->kind != CHANGE_ALTERED && place(r, c->then) >= 0)
		bad(o, newer, c, "two fields of one name");
	else if (c->kind == CHANGE_RENAMED)
		f[at].name = c->then;
	else if (c->as == NULL || (c->give == NULL && c->take == NULL) || (newer->f[at].flags & F_ERASE) || holds_record(&newer->f[at]))
		bad(o, newer, c, "nothing can be made of it");
	else if (c->kind == CHANGE_ALTERED)
		f[at] = made_field(o, newer, c, at);
	else if (r->n == FIELDS_MAX)
		bad(o, newer, c, "more than 64 fields");
	else
		f[r->n++] = made_field(o, newer, c, at);
}

/* New fields stand behind all others: an older record has the fields of the newest one in the same places. */
static const struct rec *
make(struct older *o, const struct rec *newest, const struct rec *newer)
{
	struct field f[FIELDS_MAX];
	struct rec r = *newer;
	bool same = true;

	memcpy(f, newer->f, sizeof(*f) * (size_t)newer->n);
	r.f = f;
	r.newer = newer;
	for (int i = 0; i < r.n; i++)
		if (holds_record(&f[i])) {
			/* what it holds was made of the newest one too */
			const struct rec *inner = f[i].rec;
			while (inner->newer != NULL)
				inner = inner->newer;
			inner = older_rec(o, inner);
			same &= inner == f[i].rec;
			f[i].rec = inner;
		}
	for (int i = 0; i < o->nchanges; i++)
		if (o->changes[i].rec == newest && strcmp(o->changes[i].since, o->since) == 0) {
			undo(o, newer, &o->changes[i], &r, f);
			same = false;
		}
	if (same)
		return newer;
	struct rec *ret = NEW(o->a, struct rec);
	struct field *kept = NEW_N(o->a, struct field, r.n);
	memcpy(kept, f, sizeof(*f) * (size_t)r.n);
	*ret = r;
	ret->f = kept;
	return ret;
}

const struct rec *
older_rec(struct older *o, const struct rec *newest)
{
	const struct rec *newer = o->newer != NULL ? older_find(o->newer, newest) : newest;

	if (known(o, newest))
		return older_find(o, newest);
	const struct rec *mine = make(o, newest, newer);
	if (o->nmade == OLDER_MAX)
		o->bad = "more records than there is room for";
	else
		o->made[o->nmade++] = (struct older_pair){ newest, mine };
	return mine;
}
