/* ask -- an authorization request as it is understood: what authorize.c reads and consent.c puts before a person.  Private to oauth/.
 *
 * The text of its parameters (a query, or a form) is what it is: the consent page carries it, and it is read and judged anew when the answer comes. */
#ifndef OAUTH_ASK_H
#define OAUTH_ASK_H
#include "model/person.h"
#include "oauth/oauth_priv.h"

enum { REACH_MOST = 100, CODE_TEXT = 43 };
struct ask {
	str text;
	struct params p;
	str client_id, state;
	/* from the database */
	struct client client;
	bool known;				/* there is such a client */
	struct session me;
	bool in;				/* somebody is signed in */
	struct consent had;
	bool has;				/* a consent that holds */
	struct reach reach[REACH_MOST];		/* workspaces of who is signed in */
	int nreach;
	/* understood */
	str redirect;
	enum redirect_kind kind;
	unsigned scopes;
	str resource, challenge;
	bool never_ask, sign_in_anew, always_ask;	/* prompt */
	bool fetched;				/* the document of the client, for this request */
	struct client learned;
	/* what is given */
	workspace_id into;
	struct grant_code code;
	char secret[CODE_TEXT + 1];
	bool widens;				/* a consent, with it */
	consent_id fresh;
};
/* Reads text; false: it was answered, with a page. */
bool	ask_begin(struct turn *, str text);
/* Work: client, visitor, consent, workspaces. */
enum err ask_look(struct face *, struct db *, struct error *);
/* Client and redirect URI; false: a page tells what is wrong, for no redirect may be believed. */
bool	ask_trusts(struct turn *);
/* All the rest; not O_OK: the client is to be told. */
enum refused ask_judge(struct turn *);
/* The path that asks once more; anew: with prompt=login in place of whatever prompt there was. */
str	ask_path(struct turn *, bool anew);
/* Back to the client with an error.  deliberate: a person said so. */
void	ask_refuse(struct turn *, bool deliberate);
/* A code for the workspace, with a consent where widens is set; then back to the client. */
void	ask_give(struct turn *, workspace_id);
/* The page; alert may be NULL. */
void	ask_person(struct turn *, const char *alert);
#endif
