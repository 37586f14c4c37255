/* rec_priv -- what the files of rec/ share.  Not for others. */
#ifndef REC_PRIV_H
#define REC_PRIV_H
#include "rec/rec.h"

/* Whether a body that was decoded to v has one of the forms of its record, by the fields that were there, a bit for each
 * place in the newest record.  prefix: "source." inside a nested record; what is at fault is called by the newest names. */
MUST_USE enum err form_check(const struct rec *newest, const void *v, uint64_t seen, str prefix, struct arena *, struct error *);
#endif
