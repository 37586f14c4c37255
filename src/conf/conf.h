/* conf -- the settings: rows of conf.def, read from a file, the environment and the command line.
 *
 * struct conf has one member per row, of the row's type.  An unknown name or a value out of range is E_USAGE whose
 * detail names the place ("scriped.conf:12: …", "SCRIPED_LISTEN: …", "--set listen: …") and what would be right.
 * A file has lines `name = value`; `#` starts a comment line; a value may stand in double quotes, which are taken off.
 * A whole number may end in k, M or G (thousands).  Of a name given twice in one place the last one counts.
 * `blob` fills the settings blob_… that it stands for (bloburi.c).
 * SCRIPED_TEST_… and SCRIPED_BENCH_… are no settings and are passed over, and so are SCRIPED_URL, _KEY and _PROJECT, which the
 * examples of the documentation export in the shell of who also runs the commands.
 *
 * Ownership:  strings belong to the conf's own arena; conf_free frees them.
 * Threads:    a conf is not changed after it is loaded; SIGHUP makes another one.
 * Layer:      includes base, sys. */
#ifndef CONF_H
#define CONF_H
#include "sys/sys.h"

enum { CF_RELOAD = 1, CF_SECRET = 2, CF_SAME = 4 };
struct conf {
	struct arena a;
	uint64_t given[4];		/* a bit per row: said by the file, the environment or the command line */
#define SET_GROUP(title)
#define SET_STR(name, def, flags, doc) const char *name;
#define SET_INT(name, def, min, max, unit, flags, doc) int64_t name;
#define SET_BOOL(name, def, flags, doc) bool name;
#define SET_ENUM(name, def, words, flags, doc) int name;
#include "conf/conf.def"
#undef SET_GROUP
#undef SET_STR
#undef SET_INT
#undef SET_BOOL
#undef SET_ENUM
};

/* file NULL: none.  sets: n texts "name=value", from --set and from flags that stand for a setting. */
MUST_USE enum err conf_load(struct conf *ret, const char *file, char *const *env, const char *const *sets, int n, struct error *);
void	conf_free(struct conf *);
/* Every setting with its value, one per line as a file has them or as a JSON object; a secret that is set as "***". */
void	conf_print(const struct conf *, bool json, struct buf *);
/* Those that all nodes of a database are to have alike, a line name=value each, without what is secret: of `kv` where it leads, of `db_read` whether
 * that is a replica, the primary, or nowhere. */
void	conf_shared(const struct conf *, struct buf *);
/* The settings as a manual: name, default, range, doc; for --help, the man page and the docs. */
void	conf_help(struct buf *);
/* What SIGHUP cannot take over: settings that are not CF_RELOAD stay as `first` has them, which must outlive `now`.
 * Returns the names of those that `now` had otherwise, comma-separated. */
str	conf_keep_fixed(struct conf *now, const struct conf *first, struct arena *);
#endif
