/* conf_priv -- between the files of conf: settings by their names, while a conf is being loaded.
 *
 * Errors:   a name that is no row of conf.def is a bug, and aborts.
 * Threads:  as conf.h. */
#ifndef CONF_PRIV_H
#define CONF_PRIV_H
#include "conf/conf.h"

bool	conf_given(const struct conf *, const char *name);	/* by the file, the environment or the command line */
bool	conf_says(const struct conf *, const char *name, str v);	/* whether it has this value */
bool	conf_set(struct conf *, const char *name, str v);	/* false: out of range */

/* bloburi.c */
MUST_USE enum err blob_uri(struct conf *, struct error *);
#endif
