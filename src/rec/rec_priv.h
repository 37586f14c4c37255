/* rec_priv -- what the files of rec/ share.  Not for others. */
#ifndef REC_PRIV_H
#define REC_PRIV_H
#include "rec/rec.h"

/* Whether a body that was decoded to v has one of the forms of its record, by the fields that were there, a bit for each
 * place in the newest record.  prefix: "source." inside a nested record; what is at fault is called by the newest names. */
MUST_USE enum err form_check(const struct rec *newest, const void *v, uint64_t seen, str prefix, struct arena *, struct error *);
bool	is_line(str);				/* one line of text that is not blank */
/* What comes in for a T_TEXTS and for a T_MILLI; name: what the caller knows the field by. */
MUST_USE enum err texts_json(const struct field *, const char *name, struct arena *, const json_t *array, str *to, struct error *);
MUST_USE enum err texts_option(const struct field *, const char *name, struct arena *, str, str *to, struct error *);
MUST_USE enum err milli_in(const struct field *, const char *name, double, int64_t *to, struct error *);
bool	milli_read(str, double *ret);
void	milli_write(int64_t, struct json *);
#endif
