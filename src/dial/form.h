/* form -- multipart/form-data (RFC 7578), as the parts of a request: files are read while they are sent.
 *
 * The boundary is 32 random hexadecimal digits, so that nothing in a value or a file can end its part.
 * Ownership: text lives in the arena; a file's descriptor stays its owner's and must outlive the call.
 * Limits:   FORM_TEXT_MAX bytes of text, FORM_FILES files; names and types are constants of the program.
 * Layer:    includes base, sys. */
#ifndef DIAL_FORM_H
#define DIAL_FORM_H
#include "dial/dial.h"

#define FORM_TEXT_MAX	65536
#define FORM_FILES	4

struct form {
	struct arena *a;
	char boundary[33];
	struct buf text;			/* what stands behind the last file */
	struct dial_part part[2 * FORM_FILES + 1];
	int parts;
};
void	form_begin(struct form *, struct arena *);
void	form_field(struct form *, const char *name, str value);
/* `head`, then that many bytes of fd from there. */
void	form_file(struct form *, const char *name, const char *file_name, const char *type, str head, int fd, int64_t from, int64_t bytes);
const char *form_end(struct form *);		/* the Content-Type */
#endif
