/* app -- main, sub-commands, wiring.  Private to app/.
 *
 *	commands.c	the table of commands, and its help
 *	complete.c	the same for shells and the manual
 *	main.c		main
 *	print.c		the commands that only print
 *	options.c	the command line: settings, fields of a command's record, operands
 *	home.c		the data folder: lock, secret, database, opened for one command or for serve
 *	operate.c	commands that are operations of the API, for the command line as an Admin
 *	admin.c		the commands that no operation stands behind: setup, workspaces
 *	nodes.c		the other processes of the database, as a server or a command meets them
 *	people.c	those for people and programs: passwords, OAuth clients
 *	site.c		where either is done: here, or in the server that holds the data folder
 *	control.c	the socket of that server
 *	migrate.c	the schema, brought forward
 *	serve.c		the server: wiring, signals, drain
 *	stop.c		how a long command is asked to end
 *	extract.c	what the server would read of a file
 *	move.c		export and import; bytes.c: the bytes of uploads that go along
 *	backup.c	a copy of the embedded database, and the way back
 *	doctor.c	what could be wrong, checked; walk.c and probe.c: an MCP server, as its hosts meet it (doctor.h)
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
	const char *word;			/* an operand of a command without a record */
	bool json, help, contract, no_register, blobs, without_keys, no_secret, check, go_on;
};
struct command;
struct admin;
MUST_USE enum err options_read(struct options *, const struct command *, int argc, char **argv, struct error *);
MUST_USE enum err options_conf(struct options *, struct conf *ret, struct error *);
str	options_value(const struct options *, const char *name);	/* of a field; absent: it was not given */

struct command {
	const char *noun, *verb;		/* verb NULL: the noun is the command */
	int (*run)(const struct command *, struct options *);
	/* of rows that site_run runs, one of the two */
	const char *op;				/* the operation: its record, its path's id and its words are the command's */
	enum err (*admin)(struct admin *, struct db *, struct error *);	/* the work, in one transaction; options are the fields of `in` */
	const struct rec *in;
	/* of an operation: the workspace of the path's id, where that can be told without --workspace */
	enum err (*whose)(struct db *, const ulid *, workspace_id *ret, struct error *);
	const char *plain;			/* field that is printed alone without --json */
	enum err (*asks)(struct options *, struct error *);	/* what standard input gives, or NULL */
	const char *example, *summary;		/* summary NULL: the operation's */
};
extern const struct command commands[];
extern const int ncommands;
const struct command *command_find(const char *noun, const char *verb);
const struct op *command_op(const struct command *);			/* NULL: there is none */
const struct rec *command_rec(const struct command *);			/* of its options, or NULL */
/* The field that an option means: its name, in camelCase or with-dashes; a trailing Id or At may be left off. */
const struct field *command_field(const struct command *, str option);
const char *command_summary(const struct command *);
const char *command_words(const struct command *, struct arena *);	/* as it is typed: "key mint" */
bool	command_shows(const struct command *, const struct field *);	/* as an option */
str	command_option(str field, char to[64]);	/* how an option is shown: with dashes, without Id or At */
void	command_help(const struct command *);
int	commands_help(const char *noun);	/* of all for NULL; how many there are */
int	complain(const struct error *);		/* one line on standard error; EXIT_FAILED, or EXIT_USAGE for E_USAGE */

/* --- where the work is done --- */
struct home;
struct desk {
	struct engine *engine;
	const secret *secret;
	const struct sys_clock *clock;
	struct auth *auth;
	struct api *api;
};
/* The fields are texts; result is JSON in the arena: an answer's body, or what an admin function wrote. */
MUST_USE enum err desk_do(struct desk *, struct arena *, const struct command *, const struct rec_pair *, int n, str *result, struct error *);
MUST_USE enum err operate(struct desk *, struct arena *, const struct command *, const struct rec_pair *, int n, str *result, struct error *);
int	site_run(const struct command *, struct options *);

/* --- administration --- */
struct admin {
	struct arena *a;
	const struct sys_clock *clock;
	const secret *secret;
	void *in;
	struct buf out;				/* JSON: one object, or one array of records */
	bool bust;				/* workspaces changed: caches must forget */
};
MUST_USE enum err admin_call(struct desk *, struct arena *, const struct command *, const struct rec_pair *, int n, str *result, struct error *);
enum err admin_setup(struct admin *, struct db *, struct error *);
enum err admin_workspace_create(struct admin *, struct db *, struct error *);
enum err admin_workspace_list(struct admin *, struct db *, struct error *);
enum err admin_workspace_plan(struct admin *, struct db *, struct error *);
enum err admin_node_list(struct admin *, struct db *, struct error *);
enum err admin_knowledge_reembed(struct admin *, struct db *, struct error *);
enum err admin_user_password(struct admin *, struct db *, struct error *);
enum err admin_client_list(struct admin *, struct db *, struct error *);
enum err admin_client_verify(struct admin *, struct db *, struct error *);
enum err admin_client_delete(struct admin *, struct db *, struct error *);
/* For these: the answer, how many rows are wanted, and a line of a workspace's audit log. */
enum err admin_one(struct admin *, const struct rec *, const void *);
enum err admin_many(struct admin *, const struct rec *, const void *, int n, size_t size);
int	admin_limit(const struct admin *);
MUST_USE enum err admin_audit(struct admin *, struct db *, workspace_id, const char *what, str resource, struct error *);
/* A password from standard input, as the field `hash`. */
MUST_USE enum err password_read(struct options *, struct error *);
extern const struct rec password_set_rec, client_verify_rec, client_delete_rec;
extern const struct rec doctor_rec, extract_rec, openapi_rec, setup_rec, migrate_rec, plan_set_rec, list_rec, reembed_rec, export_rec, import_rec, backup_rec, restore_rec;

/* --- the others of the database (PostgreSQL) --- */
struct node;
/* Says that this one is there, with its settings.  E_CONFLICT: with another that lives, who just wrote could read what was before; what else they have otherwise is a line in the log. */
MUST_USE enum err nodes_meet(struct engine *, struct log *, struct node *me, struct error *);
/* Behind what a command wrote: from its return on nobody reads from a replica what was before.  Takes two seconds where anybody reads from one.  g NULL: by a connection of its own. */
MUST_USE enum err nodes_told(const struct conf *, struct engine *g, struct error *);

/* --- the data folder --- */
struct home {
	struct conf *conf;
	const struct sys_clock *clock;
	int lock;				/* file descriptor, -1: not held */
	bool make;				/* a data folder that is not there yet is made */
	bool first;				/* so are the tables, in a PostgreSQL that has none */
	struct sys_clock_shared *shared;	/* NULL, or what is set by the database's time first of all */
	secret secret;
	struct engine *engine;
};
/* E_CONFLICT when another process holds the folder; *pid names it. */
MUST_USE enum err home_lock(struct home *, int *pid, struct error *);
MUST_USE enum err home_open(struct home *, struct error *);	/* schema, secret, engine; the lock is held or not needed */
void	home_close(struct home *);
str	home_path(struct arena *, const struct conf *, const char *name);
const char *home_pg(const struct conf *);			/* NULL: embedded */
const char *home_direct(const struct conf *);			/* past any pooler, for what is the connection's; NULL: embedded */
/* The 32 bytes of a file.  E_NOT_FOUND: there is none. */
MUST_USE enum err home_read_secret(const char *path, secret *ret, struct error *);

/* --- the control socket --- */
struct control;
MUST_USE enum err control_open(const struct conf *, struct desk *, struct log *, struct control **ret, struct error *);
void	control_close(struct control *);
/* Hands a command to the server that holds the folder.  E_SYS: nobody listens. */
MUST_USE enum err control_call(struct arena *, const struct conf *, const struct command *, const struct rec_pair *, int n, str *result, struct error *);

/* --- the others --- */
int	serve_run(const struct command *, struct options *);
int	migrate_run(const struct command *, struct options *);
int	doctor_run(const struct command *, struct options *);
int	conf_run(const struct command *, struct options *);
int	openapi_run(const struct command *, struct options *);
int	versions_run(const struct command *, struct options *);
int	version_run(const struct command *, struct options *);
int	help_of(const struct command *);
/* Long commands stop when SIGINT or SIGTERM says so, where they may: stop_on_signals, then stop_not_asked now and then. */
void	stop_on_signals(void);
bool	stop_not_asked(void *ctx);
int	help_run(const struct command *, struct options *);
/* A file to read from, - for standard input, or an object, which is fetched into a file without a name. */
MUST_USE enum err source_open(struct arena *, const struct conf *, str from, int *ret, struct error *);
int	backup_command(const struct command *, struct options *);
int	restore_command(const struct command *, struct options *);
int	export_run(const struct command *, struct options *);
int	import_run(const struct command *, struct options *);
int	extract_run(const struct command *, struct options *);
int	completion_run(const struct command *, struct options *);
#endif
