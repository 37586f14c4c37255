/* people -- the commands for people and programs that are of no one workspace: a password, and OAuth clients.
 *
 * A password comes from standard input, never from an argument, which everybody on the machine can read; it is hashed here, before the
 * writer is asked, and goes no further. */
#include "app/app.h"
#include "model/client.h"
#include "model/grant.h"
#include "model/ledger.h"
#include "model/person.h"
#include "model/session.h"
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* --- reading a password --- */

#define LINE_MAX_	(4 * PASSWORD_MOST + 2)

/* One line without its end; what is longer than any password is cut, and then too long. */
static str
read_line(char to[LINE_MAX_])
{
	size_t n = 0;
	char c;

	while (n < LINE_MAX_ && read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
		to[n++] = c;
	if (n > 0 && to[n - 1] == '\r')
		n--;
	return (str){ to, n };
}

/* At a terminal: asked for, and not shown. */
static str
ask_for(const char *what, char to[LINE_MAX_])
{
	struct termios shown, hidden;

	if (tcgetattr(STDIN_FILENO, &shown) != 0)
		return read_line(to);
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	fprintf(stderr, "%s: ", what);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	str s = read_line(to);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	fprintf(stderr, "\n");
	return s;
}

enum err
password_read(struct options *o, struct error *e)
{
	char first[LINE_MAX_], second[LINE_MAX_], *hash = arena_alloc(&o->a, CRYPTO_PASSWORD);
	str s = ask_for("Password", first);
	enum err code = person_password_ok(s, e);

	if (code == OK && isatty(STDIN_FILENO) && !str_eq(s, ask_for("Once more", second)))
		code = fail(e, E_CONFLICT, NULL, "the two passwords differ: nothing was changed");
	if (code == OK && !crypto_password_hash(s, hash))
		code = fail(e, E_UNAVAILABLE, NULL, "there is no memory to hash a password (64 MB)");
	crypto_wipe(first, sizeof(first));
	crypto_wipe(second, sizeof(second));
	if (code == OK && o->nfields < OPTIONS_MAX)
		o->fields[o->nfields++] = (struct rec_pair){ S("hash"), str_z(hash) };
	return code;
}

/* --- a user's password --- */

#define WORKSPACES	50		/* whose audit logs tell of it */
struct password_set { str email, hash; };
static const struct field password_fields[] = {
	F_STR(password_set, email, "email", NULL, F_REQ, 3, 254, "E-mail address of the user; the password is read from standard input", "ada@example.com"),
	F_STR(password_set, hash, "hash", NULL, F_REQ | F_HIDE, 1, CRYPTO_PASSWORD, "", NULL),
};
const struct rec password_set_rec = REC(password_set, password_fields, "A user and their new password");

struct password_was_set { person_id id; str email; };
static const struct field was_set_fields[] = {
	F_ID (password_was_set, id, person, "id", NULL, 0, "The user"),
	F_STR(password_was_set, email, "email", NULL, 0, 0, 0, "E-mail address", "ada@example.com"),
};
static const struct rec was_set_rec = REC(password_was_set, was_set_fields, "Whose password was set");

enum err
admin_user_password(struct admin *ad, struct db *db, struct error *e)
{
	const struct password_set *in = ad->in;
	struct reach *r = NEW_N(ad->a, struct reach, WORKSPACES);
	workspace_id top;
	struct account c;
	bool found;
	int n;

	TRY(person_by_email(db, ad->a, in->email, &c, &found, e));
	if (!found)
		return fail(e, E_NOT_FOUND, NULL, "no user has this e-mail address: scriped user create makes one");
	TRY(person_set_password(db, c.id, in->hash, sys_wall_ms(ad->clock), e));
	TRY(session_end_all(db, c.id, NULL, e));
	TRY(consent_revoke_all(db, c.id, sys_wall_ms(ad->clock), e));	/* whoever had the account until now has nothing of it */
	memset(top.u.s, 'Z', 26);
	TRY(person_workspaces(db, ad->a, c.id, top, WORKSPACES, r, &n, e));
	for (int i = 0; i < n; i++)
		TRY(admin_audit(ad, db, r[i].workspace.id, "user password", id_text(ad->a, ID_person, &c.id.u), e));
	ad->bust = true;
	return admin_one(ad, &was_set_rec, &(struct password_was_set){ c.id, c.email });
}

/* --- OAuth clients --- */

#define FORGET_SLICE	200
#define FORGET_SLICES	20		/* of one transaction */

struct client_named { client_id client; int verified; };
static const struct field verify_fields[] = {
	F_ID   (client_named, client, client, "client", NULL, F_REQ, "The client"),
	F_MAYBE(client_named, verified, "verified", 0, "false: no longer; true when left out"),
};
const struct rec client_verify_rec = REC(client_named, verify_fields, "A client, and whether you vouch for it");
static const struct field delete_fields[] = { F_ID(client_named, client, client, "client", NULL, F_REQ, "The client") };
const struct rec client_delete_rec = REC(client_named, delete_fields, "A client that is to go");

struct client_gone { client_id id; bool deleted; };
static const struct field gone_fields[] = {
	F_ID  (client_gone, id, client, "id", NULL, 0, "The client"),
	F_BOOL(client_gone, deleted, "deleted", NULL, 0, "It is gone; false: there are more consents, run it again"),
};
static const struct rec gone_rec = REC(client_gone, gone_fields, "What became of a client");

enum err
admin_client_list(struct admin *ad, struct db *db, struct error *e)
{
	int limit = admin_limit(ad), n;
	struct client *c = NEW_N(ad->a, struct client, limit);
	client_id top;

	memset(top.u.s, 'Z', 26);
	TRY(client_page(db, ad->a, top, limit, c, &n, e));
	return admin_many(ad, &client_row, c, n, sizeof(*c));
}

static enum err
find(struct admin *ad, struct db *db, client_id id, struct client *ret, struct error *e)
{
	bool found;

	TRY(client_get(db, ad->a, id, ret, &found, e));
	return found ? OK : fail(e, E_NOT_FOUND, NULL, "OAuth client not found: scriped client list shows them");
}

enum err
admin_client_verify(struct admin *ad, struct db *db, struct error *e)
{
	const struct client_named *in = ad->in;
	struct client c;
	bool found;

	TRY(client_verify(db, in->client, in->verified != 0, &found, e));
	TRY(find(ad, db, in->client, &c, e));
	return admin_one(ad, &client_row, &c);
}

enum err
admin_client_delete(struct admin *ad, struct db *db, struct error *e)
{
	const struct client_named *in = ad->in;
	int64_t n = FORGET_SLICE;
	struct client c;

	TRY(find(ad, db, in->client, &c, e));
	for (int i = 0; i < FORGET_SLICES && n == FORGET_SLICE; i++)
		TRY(grant_forget(db, in->client, FORGET_SLICE, &n, e));
	if (n < FORGET_SLICE)
		TRY(client_delete(db, in->client, e));
	ad->bust = true;
	return admin_one(ad, &gone_rec, &(struct client_gone){ in->client, n < FORGET_SLICE });
}
