#include "ingest/ingest_priv.h"
#include "speech/speech.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM		"scriped-extract"
#define WAIT_US		20000		/* between two looks for a free place */
#define FORMATS_MOST	100
#define FORMATS_MS	20000
#define CPU_MOST	86400		/* seconds: the most that the program takes as a limit */

static const struct ingest_fault_row rows[] = {
	[INGEST_OK] = { "", false, "" },
#define FAULT(id, code, retry, message) [INGEST_##id] = { code, retry, message },
#include "ingest/fault.def"
#undef FAULT
};
const struct ingest_fault_row *ingest_fault_row(enum ingest_fault f) { return &rows[f]; }

static enum ingest_fault because(struct ingest_result *, enum ingest_fault, const char *fmt, ...) PRINTF(3, 4);
static enum ingest_fault
because(struct ingest_result *r, enum ingest_fault f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	return f;
}

/* --- the program --- */

static bool runs(const char *path) { return access(path, X_OK) == 0; }

static const char *
in_path(struct arena *a, const char *name)
{
	const char *path = getenv("PATH");
	str rest = path != NULL ? str_z(path) : STR_NONE;

	while (rest.p != NULL) {
		str dir = str_split(&rest, ':');
		const char *at = str_fmt(a, "%.*s/%s", STR(dir), name).p;
		if (dir.n > 0 && dir.p[0] == '/' && runs(at))
			return at;
	}
	return NULL;
}

/* The setting, or what stands beside this program, or what PATH leads to; NULL: none of them. */
static const char *
program(const struct conf *c, struct arena *a)
{
	char self[PATH_MAX];
	ssize_t n;

	if (strchr(c->extract_program, '/') != NULL)
		return c->extract_program;
	if (c->extract_program[0] != '\0')
		return in_path(a, c->extract_program);
	if ((n = readlink("/proc/self/exe", self, sizeof(self))) > 0) {
		while (n > 0 && self[n - 1] != '/')
			n--;
		const char *beside = str_fmt(a, "%.*s" PROGRAM, (int)n, self).p;
		if (runs(beside))
			return beside;
	}
	return in_path(a, PROGRAM);
}

/* --- so many at the same time --- */

static pthread_mutex_t places_lock = PTHREAD_MUTEX_INITIALIZER;
static int taken;

static bool
take_place(const struct conf *c)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	int most = c->extract_processes > 0 ? (int)c->extract_processes : (int)MAX(cores, 1);

	pthread_mutex_lock(&places_lock);
	bool free = taken < most;
	taken += free;
	pthread_mutex_unlock(&places_lock);
	return free;
}

static void
leave_place(void)
{
	pthread_mutex_lock(&places_lock);
	taken--;
	pthread_mutex_unlock(&places_lock);
}

/* False: it must stop. */
static bool
wait_for_place(const struct conf *c, ingest_progress *progress, void *ctx)
{
	while (!take_place(c)) {
		if (progress != NULL && !progress(ctx, 0, "waiting for another file to be read"))
			return false;
		usleep(WAIT_US);
	}
	return true;
}

/* --- one run --- */

static enum ingest_fault
died(const struct child *c, struct ingest_result *r)
{
	int sig = WIFSIGNALED(c->status) ? WTERMSIG(c->status) : 0;

	if (sig == SIGXCPU)
		return because(r, INGEST_BROKEN, "The file takes too long to read. Upload it in parts.");
	if (sig == SIGKILL)	/* the system's, when memory is short: nobody else does */
		return because(r, INGEST_BROKEN, "The file needs more memory to be read than there is. Upload it in parts.");
	if (sig == SIGSYS)
		return because(r, INGEST_BROKEN, "The file made the program that reads it do what it must not. Convert it to plain text and upload that.");
	if (sig != 0)
		return because(r, INGEST_BROKEN, "The program that reads files broke down on it. Save it anew, or as plain text, and upload that.");
	return because(r, INGEST_BROKEN, "The program that reads files gave up early (status %d). Save the file anew and upload that.", WEXITSTATUS(c->status));
}

/* How it ended, unless its lines say more. */
static enum ingest_fault
outcome(const struct conf *conf, const struct child *c, enum child_end end, struct ingest_result *r)
{
	switch (end) {
	case CHILD_ENDED:
		return WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0 ? INGEST_OK : died(c, r);
	case CHILD_ENOUGH:
		return INGEST_OK;
	case CHILD_STOPPED:
		return INGEST_STOPPED;
	case CHILD_LATE:
		return because(r, INGEST_BROKEN, "The file takes longer than %lld s to read. Upload it in parts.", (long long)conf->extract_time);
	case CHILD_FLOODED:
		return INGEST_TOO_LARGE;
	case CHILD_MISSING:
		return INGEST_NO_PROGRAM;
	case CHILD_SYSTEM:
		break;
	}
	return because(r, INGEST_SYSTEM, "The server could not start the program that reads files: %s. Submit this again.", strerror(c->no));
}

/* In a folder of its own, which goes with it.  The descriptor for a recording is a file that was there: it lives on while it is open. */
static enum ingest_fault
run_in_folder(const struct conf *conf, struct child *c, int *pcm, struct ingest_result *r)
{
	struct folder f;
	struct error e;

	if (folder_make(conf, &f, &e) != OK)
		return because(r, INGEST_SYSTEM, "The server has no place to read files in: %.120s", e.detail);
	c->folder = f.path;
	c->pcm = pcm != NULL ? openat(f.fd, "pcm", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
	enum ingest_fault fault = pcm != NULL && c->pcm < 0 ? because(r, INGEST_SYSTEM, "The server has no place to read files in: %s", strerror(errno))
	    : outcome(conf, c, child_run(c), r);
	if (pcm != NULL)
		*pcm = c->pcm;
	folder_remove(&f);
	return fault;
}

/* pcm: where the sound of a recording goes, closed by who calls; NULL: nowhere.  bare: it needs no folder. */
struct call { const char *arg[4]; int in; int64_t time_ms; int *pcm; bool bare; bool (*line)(void *, str); bool (*alive)(void *); void *ctx; };

static enum ingest_fault
run(const struct conf *conf, const struct sys_clock *clock, struct arena *a, const struct call *k, struct ingest_result *r)
{
	const char *argv[10] = { PROGRAM };
	struct child *c = NEW(a, struct child);
	int n = 1;

	*c = (struct child){ .clock = clock, .program = program(conf, a), .argv = argv, .in = k->in, .time_ms = k->time_ms, .line = k->line, .alive = k->alive, .ctx = k->ctx };
	if (c->program == NULL)
		return INGEST_NO_PROGRAM;
	for (size_t i = 0; i < COUNT(k->arg) && k->arg[i] != NULL; i++)
		argv[n++] = k->arg[i];
	if (!k->bare) {
		argv[n++] = "--cpu-s";
		argv[n++] = str_fmt(a, "%lld", (long long)MIN(k->time_ms / 1000, CPU_MOST)).p;
		argv[n++] = "--memory-mb";
		argv[n++] = str_fmt(a, "%lld", (long long)conf->extract_memory).p;
	}
	c->folder = "/";
	c->pcm = -1;
	enum ingest_fault fault = k->bare ? outcome(conf, c, child_run(c), r) : run_in_folder(conf, c, k->pcm, r);
	r->said = (str){ c->said, c->nsaid };
	return fault;
}

/* --- a file --- */

static void
declare(struct arena *a, struct call *k, str type, str name)
{
	int n = 0;

	if (type.n > 0) {
		k->arg[n++] = "--type";
		k->arg[n++] = str_dup(a, type).p;
	}
	if (name.n > 0) {
		k->arg[n++] = "--name";
		k->arg[n++] = str_dup(a, name).p;
	}
}

/* What the program said counts more than how it ended: who ends behind its last line may do so in any way. */
static enum ingest_fault
judge(const struct lines *l, enum ingest_fault ended, struct ingest_result *r)
{
	if (l->fault != INGEST_OK)
		return l->fault;
	if (ended != INGEST_OK && !(l->ended && ended == INGEST_BROKEN))
		return ended;
	if (!l->ended)
		return because(r, INGEST_BROKEN, "The program that reads files broke off before its end. Save the file anew and upload that.");
	r->why[0] = '\0';
	return INGEST_OK;
}

static enum ingest_fault
settle(struct lines *l, struct ingest_result *r)
{
	r->text = marked_end(&l->m);
	return r->text.text.n > 0 ? INGEST_OK : INGEST_EMPTY;
}

/* --- a recording --- */

#define DECODED		0.1		/* of the progress: what it takes to get at the sound */
#define SLOWEST		3		/* how much longer than the recording lasts the program may write it down */

/* By the program itself, once more, which finds nothing but the sound. */
static enum ingest_fault
hear_by_program(const struct conf *conf, const struct sys_clock *clock, struct arena *a, int pcm, struct lines *l, struct ingest_result *ret)
{
	const char *language = conf->transcribe_language;
	if (language[0] != '\0' && !str_ieq(str_cut(str_z(language), 0, 2), S("en")))
		return because(ret, INGEST_TRANSCRIPTION, "The built-in transcriber knows English only, and transcribe_language is %.10s: its operator has to set "
		    "transcribe_url.", language);
	int64_t time_ms = conf->extract_time * 1000 + SLOWEST * l->m.m.duration_ms;
	struct call k = { .arg = { "--transcribe" }, .in = pcm, .time_ms = time_ms, .line = lines_take, .alive = lines_alive, .ctx = l };

	if (!wait_for_place(conf, l->progress, l->ctx))
		return INGEST_STOPPED;
	l->ended = false;
	l->began = DECODED;
	enum ingest_fault fault = judge(l, run(conf, clock, a, &k, ret), ret);
	leave_place();
	return fault == INGEST_BROKEN ? because(ret, INGEST_TRANSCRIPTION, "The built-in transcriber broke down on this recording. Upload its text instead.") : fault;
}

static bool
on_speech(void *ctx, double fraction, const char *what)
{
	struct lines *l = ctx;

	return l->progress == NULL || l->progress(l->ctx, DECODED + (1 - DECODED) * fraction, what);
}

static enum ingest_fault
hear_by_endpoint(const struct conf *conf, const struct sys_clock *clock, int pcm, struct lines *l, struct ingest_result *ret)
{
	static const enum ingest_fault faults[SPEECH_FAULT_COUNT] = { [SPEECH_UNAVAILABLE] = INGEST_UNAVAILABLE, [SPEECH_REJECTED] = INGEST_REJECTED,
		[SPEECH_TIMEOUT] = INGEST_TIMEOUT, [SPEECH_STOPPED] = INGEST_STOPPED, [SPEECH_SILENT] = INGEST_EMPTY, [SPEECH_FAILED] = INGEST_TRANSCRIPTION };
	struct speech s = { .conf = conf, .clock = clock, .pcm = pcm, .into = &l->m, .progress = on_speech, .ctx = l };
	enum speech_fault f = speech_transcribe(&s);

	ret->cost_microcents = s.cost_microcents;
	ret->retry_after_s = s.retry_after_s;
	if (f == SPEECH_OK)
		return l->m.over ? INGEST_TOO_LARGE : INGEST_OK;
	return because(ret, faults[f], "%s", s.why[0] != '\0' ? s.why : speech_fault_row(f)->message);
}

/* What is written down was declared as a recording: who called it something else reserved nothing for what that may cost. */
static bool
asked_for(str type)
{
	str kind = str_cut(type, 0, sizeof("audio/") - 1);

	return type.n == 0 || str_ieq(kind, S("audio/")) || str_ieq(kind, S("video/"));
}

static enum ingest_fault
hear(const struct conf *conf, const struct sys_clock *clock, struct arena *a, int pcm, struct lines *l, struct ingest_result *ret)
{
	switch (speech_way(conf)) {
	case SPEECH_BY_OPENAI:
		return hear_by_endpoint(conf, clock, pcm, l, ret);
	case SPEECH_BY_BUILTIN:
		return hear_by_program(conf, clock, a, pcm, l, ret);
	case SPEECH_BY_NONE:
		break;
	}
	return because(ret, INGEST_TRANSCRIPTION, "This server writes down no recordings: `transcriber` is none. Upload the text of the recording instead.");
}

/* --- the whole --- */

static enum ingest_fault
read_file(const struct conf *conf, const struct sys_clock *clock, struct arena *a, str type, struct call *k, struct lines *l, struct ingest_result *ret)
{
	enum ingest_fault fault = judge(l, run(conf, clock, a, k, ret), ret);

	leave_place();
	bool sound = fault == INGEST_OK && l->m.m.duration_ms >= 0 && l->m.text.n == 0;
	if (sound && !asked_for(type))
		return because(ret, INGEST_UNSUPPORTED, "The file was declared as %.60s, but it is a recording. Upload it again as %.60s.",
		    str_dup(a, type).p, ret->type.n > 0 ? ret->type.p : "audio/mpeg");
	if (sound)
		fault = hear(conf, clock, a, *k->pcm, l, ret);
	return fault == INGEST_OK ? settle(l, ret) : fault;
}

enum ingest_fault
ingest_file(const struct conf *conf, const struct sys_clock *clock, struct arena *a, int fd, str type, str name, ingest_progress *progress, void *ctx,
    struct ingest_result *ret)
{
	struct lines l;
	int pcm = -1;
	struct call k = { .in = fd, .time_ms = conf->extract_time * 1000, .pcm = &pcm, .line = lines_take, .alive = lines_alive, .ctx = &l };

	*ret = (struct ingest_result){ .text.duration_ms = -1 };
	if (!wait_for_place(conf, progress, ctx))
		return INGEST_STOPPED;
	lines_begin(&l, a, progress, ctx, ret);
	declare(a, &k, type, name);
	enum ingest_fault fault = read_file(conf, clock, a, type, &k, &l, ret);
	if (pcm >= 0)
		close(pcm);
	lines_free(&l);
	return fault;
}

/* --- the lines as they are --- */

struct passing { void (*line)(void *, str); ingest_progress *progress; void *ctx; };

static bool
pass(void *ctx, str line)
{
	struct passing *p = ctx;

	p->line(p->ctx, line);
	return true;
}

static bool
pass_alive(void *ctx)
{
	struct passing *p = ctx;

	return p->progress == NULL || p->progress(p->ctx, 0, "reading the file");
}

enum ingest_fault
ingest_lines(const struct conf *conf, const struct sys_clock *clock, struct arena *a, int fd, str type, str name, void (*line)(void *ctx, str),
    ingest_progress *progress, void *ctx, struct ingest_result *ret)
{
	struct passing p = { .line = line, .progress = progress, .ctx = ctx };
	struct call k = { .in = fd, .time_ms = conf->extract_time * 1000, .line = pass, .alive = pass_alive, .ctx = &p };

	*ret = (struct ingest_result){ .text.duration_ms = -1 };
	declare(a, &k, type, name);
	return run(conf, clock, a, &k, ret);
}

/* --- what it can read --- */

struct formats { struct arena *a; struct ingest_format *v; int n; };

static str
text_of(struct arena *a, const json_t *v)
{
	return json_is_string(v) ? marked_line(a, (str){ json_string_value(v), json_string_length(v) }, 100) : STR_NONE;
}

static str
types_of(struct arena *a, const json_t *list)
{
	const json_t *v;
	struct buf b;
	size_t i;

	buf_init(&b, a, 4096);
	json_array_foreach(list, i, v) {
		buf_add(&b, i > 0 ? S(", ") : S(""));
		buf_add(&b, text_of(a, v));
	}
	return buf_str(&b);
}

static bool
take_format(void *ctx, str line)
{
	struct formats *f = ctx;
	struct error e;
	json_t *o;

	if (json_read(line, &o, &e) != OK)
		return f->n < FORMATS_MOST;
	if (f->n < FORMATS_MOST && json_is_string(json_object_get(o, "format")))
		f->v[f->n++] = (struct ingest_format){ text_of(f->a, json_object_get(o, "format")), types_of(f->a, json_object_get(o, "types")),
		    text_of(f->a, json_object_get(o, "missing")), json_is_true(json_object_get(o, "reads")) };
	json_decref(o);
	return true;
}

static bool always(void *ctx) { (void)ctx; return true; }

enum ingest_fault
ingest_formats(const struct conf *conf, const struct sys_clock *clock, struct arena *a, struct ingest_format **ret, int *n, struct ingest_result *r)
{
	struct formats f = { a, NEW_N(a, struct ingest_format, FORMATS_MOST), 0 };
	struct call k = { .arg = { "--formats" }, .bare = true, .in = open("/dev/null", O_RDONLY | O_CLOEXEC), .time_ms = FORMATS_MS, .line = take_format, .alive = always, .ctx = &f };

	*r = (struct ingest_result){ .text.duration_ms = -1 };
	enum ingest_fault fault = run(conf, clock, a, &k, r);
	close(k.in);
	*ret = f.v;
	*n = f.n;
	return fault == INGEST_OK && f.n == 0 ? because(r, INGEST_NO_PROGRAM, "The program names no format that it reads.") : fault;
}
