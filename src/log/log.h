/* log -- one event per line, as logfmt or JSON.
 *
 * A line is built by its caller in a struct log_line on the stack and handed over whole; a thread of the log's own
 * writes it.  The hand-over is bounded (1 MB): what does not fit is dropped and counted, and the next line that
 * fits says how many were lost.  A caller never waits for the disk.  A line is written within 100 ms, an error at once;
 * what cannot be written (a full disk) is tried again until the hand-over is full.
 *
 *	struct log_line l;
 *	log_begin(lg, &l, LOG_INFO, "request");
 *	log_str(&l, "path", path); log_i64(&l, "status", 200);
 *	log_end(lg, &l);
 *
 * Values are escaped for their format; a value over 256 bytes is cut, an absent one left out, as is a field that the line
 * (2,048 bytes) has no room for.  Names are constants and go out as they are.  Secrets have no function here: keep
 * them out.
 * Threads:  all.  Layer: includes base, sys. */
#ifndef LOG_H
#define LOG_H
#include "sys/sys.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };
struct log;
struct log_line { size_t n; bool json; enum log_level level; char p[2048]; };

/* path NULL: standard error.  SIGHUP reopens the file through log_reopen. */
MUST_USE enum err log_open(const char *path, enum log_format, enum log_level, const struct sys_clock *, struct log **ret, struct error *);
void	log_reopen(struct log *);
void	log_level(struct log *, enum log_level);
void	log_stop(struct log *);			/* writes what is queued; later lines are lost.  For an end in which others still log */
void	log_close(struct log *);		/* the same, and frees */
void	log_begin(struct log *, struct log_line *, enum log_level, const char *event);
void	log_str(struct log_line *, const char *name, str);
void	log_i64(struct log_line *, const char *name, int64_t);
void	log_end(struct log *, struct log_line *);
/* One line with a message: log_note(lg, LOG_WARN, "disk", "only %d MB left", n). */
void	log_note(struct log *, enum log_level, const char *event, const char *fmt, ...) PRINTF(4, 5);
#endif
