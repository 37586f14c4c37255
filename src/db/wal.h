/* wal -- the writer's log, written in long strides.
 *
 * SQLite writes each page of its log in two calls, 24 bytes and 4,096, and a batch of 64 creates is some 100 pages: half of the
 * kernel's work for a create.  This layer between SQLite and its operating system keeps what is written to the log in order,
 * up to 120 KB, and gives it to the file in one call.
 *
 * Why nothing is lost:  the file has everything before it is synced, read, measured, cut or closed, and before anything is
 *             written out of order.  A commit is made known to others only behind the sync of its last page, which
 *             synchronous=FULL gives to each; hence this is for a connection that has set it, and for the log alone.
 * Errors:     a write that fails is told by the call that makes room, mostly the sync: SQLite takes back the transaction for
 *             either.
 * Ownership:  the name of the layer is constant; each open log has its buffer, made at its first write.
 * Threads:    as SQLite: a file belongs to one connection.
 * Layer:      private to db. */
#ifndef DB_WAL_H
#define DB_WAL_H

/* What sqlite3_open_v2 takes as the name of its layer; NULL, SQLite's own, when it cannot be made. */
const char *wal_vfs(void);
#endif
