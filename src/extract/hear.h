/* hear -- sound to a draft of what is said in it: pocketsphinx with its model of American English.
 *
 * The sound is recognised in pieces of some seconds that end where it is quietest; what is silent is passed over.
 * hear_open reads the model, so it comes before the sandbox closes; some 150 MB, and a third of the time that a recording lasts.
 * Layer: of the extractor; needs pocketsphinx.  Where that is missing, hear_open says so. */
#ifndef HEAR_H
#define HEAR_H
#include "extract/extract.h"

struct hear;
bool	hear_ready(void);			/* this build can, and the model is there */
struct hear *hear_open(struct arena *, const char **why);	/* NULL: why, and what to do */
/* fd: samples as in pcm/pcm.h.  Ends the lines. */
void	hear_read(struct hear *, int fd, struct out *);
#endif
