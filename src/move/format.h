/* format -- the file of an export: lines of JSON in chunks, each a gzip member of its own, so that `zcat FILE` shows all of it.
 *
 *	{"scriped":"export","format":1,"export":"01J…","scope":"all","schema":5,"engine":"sqlite","secret":"…","moment":"…",…}	chunk 0
 *	{"sha256":"…"}
 *	{"chunk":1,"table":"workspace","columns":["id","name",…]}		rows of one table: an array each, bytes in base64url
 *	["01J…","Acme",…]
 *	{"sha256":"…"}
 *	{"chunk":9,"blob":"01J…-01J…","from":0,"size":1200000}			a stretch of the bytes of an upload
 *	["…"]
 *	{"sha256":"…"}
 *	{"chunk":9,"again":"2026-…","moment":"…"}				an interrupted export went on here
 *	{"chunk":10,"end":true,"snapshots":1,"rows":{"workspace":1,…}}		the footer
 *	{"sha256":"…"}
 *
 * sha256 is that of the one before it (32 bytes; zeros before the first) and of the lines of its chunk.  So each covers all that came before,
 * the last one the whole file, and a chunk that was changed, left out, moved or taken from another file is found where it stands.
 * It is a checksum and no signature: who can write the file can write it anew.
 *
 * A file that ends behind a whole chunk can be gone on with there; one without a footer is no export.
 *
 * Limits:     CHUNK_MAX for the lines of a chunk, whatever the file says; one chunk is in memory.
 * Errors:     E_SYS with what is wrong and what to do; E_FULL: the disk.
 * Threads:    none.  Layer: includes base, crypto, json, sys. */
#ifndef MOVE_FORMAT_H
#define MOVE_FORMAT_H
#include "crypto/crypto.h"
#include "json/json.h"

#define EXPORT_FORMAT	1
#define CHUNK_FULL	((size_t)1 << 20)	/* a chunk is closed behind the row that passes it */
#define CHUNK_MAX	((size_t)400 << 20)	/* the longest text there may be, each byte of it an escape, and some more */

/* --- writing --- */
struct export_writer {
	int fd;
	struct arena a;			/* of the chunk */
	struct buf body;
	struct json j;
	digest chain;
	int64_t chunk, bytes;		/* the number of the next one; what stands in the file */
};
void	export_writer_init(struct export_writer *, int fd);
void	export_writer_free(struct export_writer *);
/* Begins a chunk: its first line is written to j as the members of an object that is open. */
struct json *export_chunk(struct export_writer *);
void	export_line_end(struct export_writer *);	/* ends the object or array of a line */
struct json *export_row(struct export_writer *);	/* begins a row: an array that is open */
MUST_USE enum err export_chunk_end(struct export_writer *, struct error *);

/* --- reading --- */
struct export_source { size_t (*read)(void *ctx, char *to, size_t n); void *ctx; };	/* 0: the end, or what failed */
struct export_chunk {
	int64_t number;
	json_t *head;			/* of the reader */
	str rows;			/* the lines of the rows, each with its newline */
	int64_t ends;			/* where in the file the chunk ends */
	digest chain;
};
struct export_reader;
struct export_reader *export_reader_new(struct export_source);
void	export_reader_free(struct export_reader *);
/* The next chunk, checked; it stands until the next call.  *found is false at the end of the file; *torn: that is in the middle of a chunk. */
MUST_USE enum err export_next(struct export_reader *, struct export_chunk *ret, bool *found, bool *torn, struct error *);
/* The next row of the chunk: an array, the caller's to json_decref; NULL behind the last one. */
MUST_USE enum err export_next_row(struct export_chunk *, json_t **ret, struct error *);
const char *export_text(const json_t *object, const char *name);	/* "" where it is no text */
size_t	export_fd(void *ctx, char *to, size_t n);	/* a source: ctx is an int *, the descriptor */
#endif
