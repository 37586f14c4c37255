/* agents -- the tables of agents.c, and what all printers write with.  Apart from mkdocs.h, whose page is another one than the program's. */
#ifndef MKDOCS_AGENTS_H
#define MKDOCS_AGENTS_H
#include "base/base.h"

void	put(struct buf *, const char *fmt, ...) PRINTF(2, 3);	/* as buf_fmt, of any length */
void	print_scopes(struct buf *);
void	print_tools(struct buf *);
void	print_prompts(struct buf *);
void	print_resources(struct buf *);
#endif
