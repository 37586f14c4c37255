#include "model/person.h"

static const struct field fields[] = {
	F_ID  (person, id, person, "id", "id", 0, "The user"),
	F_STR (person, email, "email", "email", 0, 3, 254, "E-mail address, in lower case", "ada@example.com"),
	F_STR (person, name, "name", "name", 0, 1, 200, "Name in this workspace", "Ada"),
	F_WORD(person, role, "role", "role", 0, &role_words, "Role in this workspace", "Admin"),
	F_CREATED(person, id, person, "createdAt", "When the user was created"),
};
const struct rec person_rec = REC_NAMED(person, "member", fields, "A member of a workspace");
#define MEMBER "SELECT p.id, p.email, coalesce(m.name, p.name), m.role FROM membership m JOIN person p ON p.id = m.person WHERE m.workspace = $1"

/* Something on both sides of the last @, and no blanks: whether it exists, only a letter tells. */
enum err
person_email_ok(str s, struct error *e)
{
	size_t at = s.n;
	bool plain = true;

	for (size_t i = 0; i < s.n; i++) {
		plain &= (uint8_t)s.p[i] > ' ' && s.p[i] != 0x7F && strchr("<>,;:\"()[]\\", s.p[i]) == NULL;
		if (s.p[i] == '@')
			at = i;
	}
	if (!plain || at == 0 || at + 1 >= s.n)
		return fail(e, E_INVALID_REQUEST, "email", "'email' must be an e-mail address, such as ada@example.com.");
	return OK;
}

static enum err check_create(const void *v, struct error *e) { return person_email_ok(((const struct person_create *)v)->email, e); }

static const struct field create_fields[] = {
	F_STR (person_create, email, "email", NULL, F_REQ, 3, 254, "E-mail address", "ada@example.com"),
	F_STR (person_create, name, "name", NULL, F_REQ | F_NAME, 1, 200, "Name", "Ada"),
	F_WORD(person_create, role, "role", NULL, 0, &role_words, "Role; Creator when left out", "Creator"),
};
const struct rec person_create_rec = REC_NAMED_CHECKED(person_create, "member_create", create_fields, check_create, "A new member");

static enum err
check_patch(const void *v, struct error *e)
{
	const struct person_patch *p = v;

	if (p->name.p == NULL && p->role == -1)
		return fail(e, E_INVALID_REQUEST, NULL, "The body changes nothing: give at least one field.");
	return OK;
}

static const struct field patch_fields[] = {
	F_STR (person_patch, name, "name", NULL, F_KEEP | F_NAME, 1, 200, "Name in this workspace", "Ada"),
	F_WORD(person_patch, role, "role", NULL, F_KEEP, &role_words, "Role in this workspace", "Manager"),
};
const struct rec person_patch_rec = REC_NAMED_CHECKED(person_patch, "member_patch", patch_fields, check_patch, "A change of a member; what is left out stays");

static const struct field query_fields[] = { PAGE_FIELDS(persons_query) };
const struct rec persons_query_rec = REC(persons_query, query_fields, "Paging of the list of members");

SQL(insert, "person.insert", "INSERT INTO person (id, email, name) VALUES ($1, $2, $3) ON CONFLICT (email) DO NOTHING");
/* Before it is asked what it has: whoever gives the account its password is waited for. */
SQL(hold_email, "person.hold_email", "SELECT 1 FROM person WHERE email = $1{for_update}");
/* $3 and $4 are of the member, and the person of that address is there already or was made just before. */
SQL(join, "membership.insert",
    "INSERT INTO membership (workspace, person, role, name) SELECT $1, id, $3, $4 FROM person WHERE email = $2 ON CONFLICT (workspace, person) DO NOTHING"
    " RETURNING person, role, coalesce(name, (SELECT p.name FROM person p WHERE p.id = person)), (SELECT p.password IS NOT NULL FROM person p WHERE p.id = person)");
SQL(get, "membership.get", MEMBER " AND m.person = $2");
SQL(page, "membership.page", MEMBER " AND m.person < $2 ORDER BY m.person DESC LIMIT $3");
SQL(anchor, "membership.anchor", "SELECT 1 FROM membership WHERE workspace = $1 AND person = $2");
SQL(update, "membership.update", "UPDATE membership SET role = $3, name = $4 WHERE workspace = $1 AND person = $2");
SQL(call_it, "membership.rename", "UPDATE membership SET name = $3 WHERE workspace = $1 AND person = $2");
SQL(leave, "membership.delete", "DELETE FROM membership WHERE workspace = $1 AND person = $2");
SQL(beside, "membership.beside",
    "SELECT p.id, p.email, coalesce(m.name, p.name), m.role, EXISTS (SELECT 1 FROM membership o WHERE o.workspace = m.workspace AND o.role = $3 AND o.person <> m.person)"
    " FROM membership m JOIN person p ON p.id = m.person WHERE m.workspace = $1 AND m.person = $2");

str
person_email(struct arena *a, str s)
{
	char *p = arena_raw(a, s.n + 1);

	for (size_t i = 0; i < s.n; i++)
		p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
	p[s.n] = '\0';
	return (str){ p, s.n };
}

enum err
person_join(struct db *db, struct arena *a, workspace_id w, const struct person_create *c, person_id fresh, struct person *ret, struct error *e)
{
	bool known;

	return person_join_as(db, a, w, c, fresh, ret, &known, e);
}

enum err
person_join_as(struct db *db, struct arena *a, workspace_id w, const struct person_create *c, person_id fresh, struct person *ret, bool *known, struct error *e)
{
	str email = person_email(a, c->email);
	struct rows r;
	bool joined;

	TRY(db_run(db, insert, e, VID(fresh), V(email), V(c->name)));
	TRY(db_run(db, hold_email, e, V(email)));
	TRY(db_query(db, join, &r, e, VID(w), V(email), val_word(&role_words, c->role >= 0 ? c->role : ROLE_CREATOR), V(c->name)));
	if ((joined = db_next(&r))) {
		rec_init(&person_rec, ret);
		memcpy(ret->id.u.s, db_col(&r, 0).s.p, 26);
		ret->email = email;
		db_val_word(&role_words, db_col(&r, 1), &ret->role);
		ret->name = str_dup(a, db_col(&r, 2).s);
		*known = db_col(&r, 3).i != 0;
	}
	TRY(db_done(&r, e));
	return joined ? OK : fail(e, E_CONFLICT, NULL, "This person is a member already: change the member instead.");
}

enum err
person_get(struct db *db, struct arena *a, workspace_id w, person_id id, struct person *ret, struct error *e)
{
	bool found;

	TRY(db_one(db, get, &person_rec, a, ret, &found, e, VID(w), VID(id)));
	return found ? OK : fail(e, E_NOT_FOUND, NULL, "User not found.");
}

enum err
person_beside(struct db *db, struct arena *a, workspace_id w, person_id id, struct person *ret, bool *other_admin, struct error *e)
{
	struct rows r;
	bool found;

	TRY(db_query(db, beside, &r, e, VID(w), VID(id), val_word(&role_words, ROLE_ADMIN)));
	if ((found = db_next(&r))) {
		db_scan(&person_rec, &r, a, ret);
		*other_admin = db_col(&r, 4).i != 0;
	}
	TRY(db_done(&r, e));
	return found ? OK : fail(e, E_NOT_FOUND, NULL, "User not found.");
}

enum err
person_update(struct db *db, workspace_id w, const struct person *p, struct error *e)
{
	return db_run(db, update, e, VID(w), VID(p->id), val_word(&role_words, p->role), V(p->name));
}

enum err
person_rename(struct db *db, workspace_id w, person_id id, str name, struct error *e)
{
	static const struct miss left = { E_CONFLICT, NULL, "This person is no member any more." };

	return db_must(db, call_it, left, e, VID(w), VID(id), V(name));
}

enum err
person_leave(struct db *db, workspace_id w, person_id id, struct error *e)
{
	return db_run(db, leave, e, VID(w), VID(id));
}

enum err
person_page(struct db *db, workspace_id w, person_id before, int limit, struct rows *ret, struct error *e)
{
	return db_query(db, page, ret, e, VID(w), VID(before), V(limit));
}

enum err
person_anchor(struct db *db, workspace_id w, const ulid *id, const struct miss *miss, struct error *e)
{
	return db_must_(db, &anchor, miss, e, VALS(VID(w), val_ulid(id)));
}

/* --- accounts --- */

#define ACCOUNT	"SELECT id, email, name, password, password_at FROM person"
SQL(account_by_email, "person.account_by_email", ACCOUNT " WHERE email = $1");
SQL(account_get, "person.account", ACCOUNT " WHERE id = $1");
SQL(account_hold, "person.account_hold", ACCOUNT " WHERE id = $1{for_update}");
SQL(first_password, "person.first_password", "UPDATE person SET password = $2, password_at = $3 WHERE id = $1 AND password IS NULL");
SQL(set_password, "person.set_password", "UPDATE person SET password = $2, password_at = $3 WHERE id = $1");
SQL(workspaces, "membership.workspaces",
    "SELECT w.id, w.name, w.plan, w.subscription, w.amplifiers, w.engagement, m.role FROM membership m JOIN workspace w ON w.id = m.workspace"
    " WHERE m.person = $1 AND m.workspace < $2 ORDER BY m.workspace DESC LIMIT $3");
SQL(role_in, "membership.role", "SELECT workspace, role FROM membership WHERE workspace = $1 AND person = $2");
SQL(first, "membership.first", "SELECT workspace, role FROM membership WHERE person = $1 ORDER BY workspace LIMIT 1");

static enum err
account(struct rows *r, struct arena *a, struct account *ret, bool *found, struct error *e)
{
	if ((*found = db_next(r))) {
		struct val at = db_col(r, 4);
		*ret = (struct account){ .email = str_dup(a, db_col(r, 1).s), .name = str_dup(a, db_col(r, 2).s),
		    .password = str_dup(a, db_col(r, 3).s), .password_at = at.t == V_NULL ? TIME_NONE : at.i };
		memcpy(ret->id.u.s, db_col(r, 0).s.p, 26);
	}
	return db_done(r, e);
}

enum err
person_by_email(struct db *db, struct arena *a, str email, struct account *ret, bool *found, struct error *e)
{
	struct rows r;

	TRY(db_query(db, account_by_email, &r, e, V(person_email(a, email))));
	return account(&r, a, ret, found, e);
}

enum err
person_account(struct db *db, struct arena *a, person_id id, struct account *ret, bool *found, struct error *e)
{
	struct rows r;

	TRY(db_query(db, account_get, &r, e, VID(id)));
	return account(&r, a, ret, found, e);
}

enum err
person_account_hold(struct db *db, struct arena *a, person_id id, struct account *ret, bool *found, struct error *e)
{
	struct rows r;

	TRY(db_query(db, account_hold, &r, e, VID(id)));
	return account(&r, a, ret, found, e);
}

enum err
person_hold(struct db *db, struct arena *a, str email, struct error *e)
{
	return db_run(db, hold_email, e, V(person_email(a, email)));
}

/* Length is what helps; rules about kinds of letters do not (NIST SP 800-63B). */
enum err
person_password_ok(str s, struct error *e)
{
	size_t n = utf8_ok(s) ? utf8_count(s) : 0;

	if (n >= PASSWORD_LEAST && n <= PASSWORD_MOST)
		return OK;
	return fail(e, E_INVALID_REQUEST, "password", "A password has %d to %d characters.", PASSWORD_LEAST, PASSWORD_MOST);
}

enum err
person_set_password(struct db *db, person_id id, str hash, int64_t now, struct error *e)
{
	static const struct miss unknown = { E_NOT_FOUND, NULL, "User not found." };

	return db_must(db, set_password, unknown, e, VID(id), V(hash), V(now));
}

enum err
person_first_password(struct db *db, person_id id, str hash, int64_t now, struct error *e)
{
	static const struct miss has = { E_CONFLICT, NULL, "This account has a password already." };

	return db_must(db, first_password, has, e, VID(id), V(hash), V(now));
}

enum err
person_reach_page(struct db *db, person_id id, workspace_id before, int limit, struct rows *ret, struct error *e)
{
	return db_query(db, workspaces, ret, e, VID(id), VID(before), V(limit));
}

void
person_reach_scan(struct rows *r, struct arena *a, struct reach *ret)
{
	db_scan(&workspace_rec, r, a, &ret->workspace);
	ret->workspace.features.api_access = workspace_api_access(&ret->workspace);
	db_val_word(&role_words, db_col(r, 6), &ret->role);
}

enum err
person_workspaces(struct db *db, struct arena *a, person_id id, workspace_id before, int limit, struct reach *ret, int *n, struct error *e)
{
	struct rows r;

	*n = 0;
	TRY(person_reach_page(db, id, before, limit, &r, e));
	while (*n < limit && db_next(&r))
		person_reach_scan(&r, a, &ret[(*n)++]);
	return db_done(&r, e);
}

static enum err
membership(struct rows *r, workspace_id *w, int *role, bool *found, struct error *e)
{
	if ((*found = db_next(r))) {
		memcpy(w->u.s, db_col(r, 0).s.p, 26);
		w->u.s[26] = '\0';
		db_val_word(&role_words, db_col(r, 1), role);
	}
	return db_done(r, e);
}

enum err
person_role_in(struct db *db, person_id id, workspace_id w, int *role, bool *found, struct error *e)
{
	struct rows r;

	TRY(db_query(db, role_in, &r, e, VID(w), VID(id)));
	return membership(&r, &w, role, found, e);
}

enum err
person_first_workspace(struct db *db, person_id id, workspace_id *ret, int *role, bool *found, struct error *e)
{
	struct rows r;

	TRY(db_query(db, first, &r, e, VID(id)));
	return membership(&r, ret, role, found, e);
}
