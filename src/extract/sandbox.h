/* sandbox -- what a process gives up before it looks at a stranger's bytes, for ever and for all of its threads.
 *
 *   limits    memory (address space), CPU time, the size of files, descriptors; no core dump
 *   Landlock  reading: shared libraries, fonts, the data of poppler and tesseract; writing: the working folder; nothing else exists.
 *             Where the kernel has none (before 5.13), no file can be opened, renamed or removed at all, and what libraries open late is opened by warm().
 *   seccomp   an allow list. No sockets, no new process (threads are all right), no code that was data; execve and its like kill.
 *   the rest  no new privileges, no dump, death with the parent, descriptors above 3 closed
 *
 * Needs no privilege.  Under a sanitizer memory has no limit: its shadow would pass any.
 * Threads: call it before there is a second one.  Layer: includes base. */
#ifndef SANDBOX_H
#define SANDBOX_H
#include "base/base.h"

struct sandbox { int64_t memory, cpu_s, file_size; void (*warm)(void); };
enum sandbox_guard { SANDBOX_LANDLOCK = 1, SANDBOX_SECCOMP = 2 };
/* Returns which guards hold.  E_SYS: the kernel refuses one that it must have. */
MUST_USE enum err sandbox_enter(const struct sandbox *, unsigned *ret_guards, struct error *);
#endif
