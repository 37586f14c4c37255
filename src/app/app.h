/* app -- main, sub-commands, wiring.  Private to app/.
 *
 *	main.c		the table of commands, help, version
 *	options.c	the command line: settings, fields of a command's record, operands
 *	home.c		the data folder: lock, secret, database, opened for one command or for serve
 *	admin.c		commands on workspaces, projects, keys and people, as rows
 *	control.c	the socket of a running server, through which such commands reach it
 *	serve.c		the server: wiring, signals, drain
 *	doctor.c	what could be wrong, checked
 *
 * Exit status: 0 done, 1 refused or failed with one line on standard error that says why and what to do, 2 usage. */
#ifndef APP_H
#define APP_H
#include "api/api.h"
#include "model/server.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };
#define OPTIONS_MAX	64

struct options {
	struct arena a;
	const char *config;
	const char *sets[OPTIONS_MAX];		/* "name=value": --set, and flags that stand for a setting */
	int nsets;
	struct rec_pair fields[OPTIONS_MAX];	/* --name value, for the record of a command */
	int nfields;
	bool json, help, contract;
};
struct command;
struct admin;
MUST_USE enum err options_read(struct options *, const struct command *, int argc, char **argv, struct error *);
MUST_USE enum err options_conf(struct options *, struct conf *ret, struct error *);

struct command {
	const char *noun, *verb;		/* verb NULL: the noun is the command */
	int (*run)(const struct command *, struct options *);
	const struct rec *in;			/* options beyond the common ones, or NULL */
	const char *operand;			/* field that may stand without its name, or NULL */
	/* of rows that admin_run runs: the work, in one transaction */
	enum err (*admin)(struct admin *, struct db *, struct error *);
	const char *plain;			/* field that is printed alone without --json; NULL: a table */
	const char *example, *summary;
};
extern const struct command commands[];
extern const int ncommands;
const struct command *command_find(const char *noun, const char *verb);
int	complain(const struct error *);		/* one line on standard error; EXIT_FAILED, or EXIT_USAGE for E_USAGE */

/* --- administration --- */
struct admin {
	struct arena *a;
	const struct sys_clock *clock;
	const secret *secret;
	void *in;
	struct buf out;				/* JSON: one object, or one array of records */
	bool bust;				/* keys or workspaces changed: caches must forget */
};
int	admin_run(const struct command *, struct options *);
/* Decodes the fields, runs the row in a transaction; result is JSON in the arena. */
struct home;
MUST_USE enum err admin_call(struct engine *, const secret *, const struct sys_clock *, struct arena *, const struct command *,
    const struct rec_pair *, int n, str *result, bool *bust, struct error *);
enum err admin_setup(struct admin *, struct db *, struct error *);
enum err admin_workspace_create(struct admin *, struct db *, struct error *);
enum err admin_workspace_list(struct admin *, struct db *, struct error *);
enum err admin_workspace_plan(struct admin *, struct db *, struct error *);
enum err admin_project_create(struct admin *, struct db *, struct error *);
enum err admin_project_list(struct admin *, struct db *, struct error *);
enum err admin_key_mint(struct admin *, struct db *, struct error *);
enum err admin_key_list(struct admin *, struct db *, struct error *);
enum err admin_key_revoke(struct admin *, struct db *, struct error *);
enum err admin_user_create(struct admin *, struct db *, struct error *);
enum err admin_user_list(struct admin *, struct db *, struct error *);
enum err admin_audit_list(struct admin *, struct db *, struct error *);
extern const struct rec openapi_rec, setup_rec, plan_set_rec, list_rec, list_all_rec, revoke_rec;

/* --- the data folder --- */
struct home {
	struct conf *conf;
	const struct sys_clock *clock;
	int lock;				/* file descriptor, -1: not held */
	secret secret;
	struct engine *engine;
};
/* E_CONFLICT when another process holds the folder; *pid names it. */
MUST_USE enum err home_lock(struct home *, int *pid, struct error *);
MUST_USE enum err home_open(struct home *, struct error *);	/* schema, secret, engine; the lock is held or not needed */
void	home_close(struct home *);
str	home_path(struct arena *, const struct conf *, const char *name);
const char *home_pg(const struct conf *);			/* NULL: embedded */

/* --- the control socket --- */
struct control;
MUST_USE enum err control_open(struct home *, struct auth *, struct log *, struct control **ret, struct error *);
void	control_close(struct control *);
/* Hands a command to the server that holds the folder.  E_SYS: nobody listens. */
MUST_USE enum err control_call(struct arena *, const struct conf *, const struct command *, const struct rec_pair *, int n, str *result, struct error *);

/* --- the others --- */
int	serve_run(const struct command *, struct options *);
int	doctor_run(const struct command *, struct options *);
int	conf_run(const struct command *, struct options *);
int	openapi_run(const struct command *, struct options *);
int	versions_run(const struct command *, struct options *);
int	version_run(const struct command *, struct options *);
int	help_run(const struct command *, struct options *);
#endif
