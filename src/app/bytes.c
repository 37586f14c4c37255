#include "app/bytes.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *
bytes_folder(const struct conf *c)
{
	const char *tmp = getenv("TMPDIR");
	return c->data[0] != '\0' && access(c->data, W_OK) == 0 ? c->data : tmp != NULL ? tmp : "/tmp";
}

enum err
bytes_scratch(const struct conf *c, int *ret, struct error *e)
{
	*ret = open(bytes_folder(c), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return *ret >= 0 ? OK : fail(e, E_SYS, NULL, "no place for a file in %s: %s", bytes_folder(c), strerror(errno));
}

static enum err
write_at(int fd, const char *path, str bytes, int64_t from, struct error *e)
{
	return lseek(fd, from, SEEK_SET) == from ? sys_write_all(fd, bytes, path, e) : sys_fault(e, path);
}

/* --- in the data folder --- */

static enum err
path_of(const struct bytes *b, struct arena *a, str workspace, str upload, const char *tail, const char **ret, struct error *e)
{
	if (b->conf->data[0] == '\0')
		return fail(e, E_USAGE, NULL, "uploads are bytes of files: name a data folder for them (--data DIR), or a bucket (--set blob=s3://BUCKET)");
	*ret = str_fmt(a, "%s/uploads/%.*s-%.*s%s", b->conf->data, STR(workspace), STR(upload), tail).p;
	return OK;
}

static enum err
open_file(const struct bytes *b, struct arena *a, str workspace, str upload, int *ret, struct error *e)
{
	const char *path = NULL;

	TRY(path_of(b, a, workspace, upload, "", &path, e));
	return (*ret = open(path, O_RDONLY | O_CLOEXEC)) >= 0 ? OK : sys_fault(e, path);
}

/* Into NAME.part at its place, however often; whole and synced it gets its name. */
static enum err
put_file(const struct bytes *b, struct arena *a, const struct moved_bytes *m, struct error *e)
{
	const char *part = NULL, *path = NULL;

	TRY(path_of(b, a, m->workspace, m->upload, ".part", &part, e));
	TRY(path_of(b, a, m->workspace, m->upload, "", &path, e));
	TRY(sys_mkdir_private(str_fmt(a, "%s/uploads", b->conf->data).p, e));
	int fd = open(part, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return sys_fault(e, part);
	enum err code = write_at(fd, part, m->bytes, m->from, e);
	if (code == OK && fdatasync(fd) != 0)
		code = sys_fault(e, part);
	if (code == OK && moved_last(m) && (ftruncate(fd, m->size) != 0 || rename(part, path) != 0))
		code = sys_fault(e, path);
	close(fd);
	return code == OK && moved_last(m) ? sys_sync_folder(path, e) : code;
}

/* --- in a bucket --- */

static struct object_place
place_of(const struct bytes *b, struct arena *a, const char *folder, str workspace, str upload)
{
	return (struct object_place){ .at = blobs_place(a, NULL, b->conf, NULL), .clock = &sys_clock_real, .alive = b->alive,
		.key = str_fmt(a, "%s%.*s%.*s/%.*s%.*s", folder, STR(id_prefix(ID_workspace)), STR(workspace), STR(id_prefix(ID_upload)), STR(upload)) };
}

/* The copy that a job made, or what its client put. */
static enum err
open_object(const struct bytes *b, struct arena *a, str workspace, str upload, int *ret, struct error *e)
{
	if (!blobs_external(b->conf))
		return fail(e, E_USAGE, NULL, "upl_%.*s is in a bucket: say which, as the server is told (--set blob=s3://BUCKET, blob_key_id, blob_key_secret), "
		    "or leave out --blobs", STR(upload));
	struct object_place copy = place_of(b, a, "kept/", workspace, upload), put = place_of(b, a, "", workspace, upload);
	TRY(bytes_scratch(b->conf, ret, e));
	enum err code = object_get(&copy, *ret, e);
	if (code == E_NOT_FOUND)
		code = object_get(&put, *ret, e);
	if (code != OK)
		close(*ret);
	return code;
}

static enum err
put_object(struct bytes *b, struct arena *a, const struct moved_bytes *m, struct error *e)
{
	struct object_place p = place_of(b, a, "", m->workspace, m->upload);

	if (b->fd < 0)
		TRY(bytes_scratch(b->conf, &b->fd, e));
	if (m->from == 0 && ftruncate(b->fd, 0) != 0)
		return sys_fault(e, bytes_folder(b->conf));
	TRY(write_at(b->fd, bytes_folder(b->conf), m->bytes, m->from, e));
	return moved_last(m) && !m->again ? object_put(&p, b->fd, e) : OK;
}

/* --- either --- */

static enum err
open_upload(void *ctx, struct arena *a, str workspace, str upload, bool external, int *ret, struct error *e)
{
	return (external ? open_object : open_file)(ctx, a, workspace, upload, ret, e);
}

static enum err
put_upload(void *ctx, const struct moved_bytes *m, struct error *e)
{
	struct bytes *b = ctx;
	struct arena a;
	enum err code = OK;

	arena_init(&a, 1 << 16);
	if (blobs_external(b->conf))
		code = put_object(b, &a, m, e);
	else if (!m->again)
		code = put_file(b, &a, m, e);
	arena_free(&a);
	return code;
}

void
bytes_begin(struct bytes *b, const struct conf *c, bool (*alive)(void *), struct move_blobs *ret)
{
	*b = (struct bytes){ c, alive, -1 };
	*ret = (struct move_blobs){ open_upload, put_upload, blobs_external(c), b };
}

void
bytes_end(struct bytes *b)
{
	if (b->conf != NULL && b->fd >= 0)
		close(b->fd);
	b->conf = NULL;
}
