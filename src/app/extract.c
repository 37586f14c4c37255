/* extract -- what the server would read of a file: the same program in the same sandbox, for a file on this machine. */
#include "app/app.h"
#include "ingest/ingest.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct extract { str type; };
static const struct field extract_fields[] = {
	F_STR(extract, type, "type", NULL, 0, 1, 255, "The media type that an upload would declare", "text/plain; charset=iso-8859-1"),
};
const struct rec extract_rec = REC(extract, extract_fields, "A file to read");

static bool
on_progress(void *ctx, double fraction, const char *what)
{
	(void)ctx;
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K%3d %% %s", (int)(fraction * 100), what);
	return true;
}

static void
print_line(void *ctx, str line)
{
	(void)ctx;
	printf("%.*s\n", STR(line));
}

static int
print_text(const struct ingest_result *r)
{
	printf("%.*s\n", STR(r->text.text));
	return EXIT_DONE;
}

static int
complain_about(const char *file, enum ingest_fault f, const struct ingest_result *r)
{
	const struct ingest_fault_row *row = ingest_fault_row(f);

	if (r->said.n > 0)
		fprintf(stderr, "%.*s%s", STR(r->said), r->said.p[r->said.n - 1] == '\n' ? "" : "\n");
	fprintf(stderr, "scriped: %s: %s: %s\n", file, row->code, r->why[0] != '\0' ? r->why : row->message);
	return EXIT_FAILED;
}

static int
extract(struct options *o, const struct conf *conf, int fd)
{
	const char *slash = strrchr(o->word, '/'), *name = slash != NULL ? slash + 1 : o->word;
	str type = o->nfields > 0 ? o->fields[o->nfields - 1].value : STR_NONE;
	struct ingest_result r;
	enum ingest_fault f;

	ingest_sweep(conf);
	if (o->json)
		f = ingest_lines(conf, &sys_clock_real, &o->a, fd, type, str_z(name), print_line, on_progress, NULL, &r);
	else
		f = ingest_file(conf, &sys_clock_real, &o->a, fd, type, str_z(name), on_progress, NULL, &r);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
	return f != INGEST_OK ? complain_about(o->word, f, &r) : o->json ? EXIT_DONE : print_text(&r);
}

static enum err
open_file(const char *path, int *ret, struct error *e)
{
	struct stat st;

	if ((*ret = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) < 0)
		return fail(e, E_SYS, NULL, "%s: %s", path, strerror(errno));
	if (fstat(*ret, &st) == 0 && S_ISREG(st.st_mode))
		return OK;
	close(*ret);
	return fail(e, E_SYS, NULL, "%s is no file", path);
}

int
extract_run(const struct command *c, struct options *o)
{
	struct conf conf;
	struct error e;
	int fd;

	if (o->word == NULL)
		return (void)fail(&e, E_USAGE, NULL, "say which file: %s", c->example), complain(&e);
	if (options_conf(o, &conf, &e) != OK)
		return complain(&e);
	if (open_file(o->word, &fd, &e) != OK) {
		conf_free(&conf);
		return complain(&e);
	}
	int status = extract(o, &conf, fd);
	close(fd);
	conf_free(&conf);
	return status;
}
