/* Against programs that behave as scriped-extract must, and as it must not: each is a few lines of shell. */
#include "ingest/ingest_priv.h"
#include "t.h"
#include "t_provider.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct house { struct arena a; struct conf conf; char program[256]; int file; struct ingest_result r; int asked, stop_at; };

static const char *
program_of(struct house *h, const char *script)
{
	static int made;
	struct error e;

	snprintf(h->program, sizeof(h->program), "%s/program%d", t_dir(), ++made);
	CHECK(sys_write_file(h->program, str_fmt(&h->a, "#!/bin/sh\n%s\n", script), &e) == OK);
	chmod(h->program, 0700);
	return h->program;
}

/* The program: `script` behind a head; the file: what it gets. */
static void
open_house(struct house *h, const char *script, const char *file)
{
	static int made;
	char path[256], data[300], time[] = "extract_time=2", set[300];
	struct error e;

	*h = (struct house){ .stop_at = -1 };
	arena_init(&h->a, 64 << 20);
	snprintf(path, sizeof(path), "%s/file%d", t_dir(), ++made);
	CHECK(sys_write_file(path, str_z(file), &e) == OK);
	h->file = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(data, sizeof(data), "data=%s", t_dir());
	snprintf(set, sizeof(set), "extract_program=%s", program_of(h, script));
	CHECK(conf_load(&h->conf, NULL, NULL, (const char *[]){ data, set, time }, 3, &e) == OK);
}

static void
close_house(struct house *h)
{
	close(h->file);
	conf_free(&h->conf);
	arena_free(&h->a);
}

static bool
on_progress(void *ctx, double fraction, const char *what)
{
	struct house *h = ctx;

	CHECK(fraction >= 0 && fraction <= 1 && what[0] != '\0');
	return h->asked++ != h->stop_at;
}

static enum ingest_fault
read_as(struct house *h, str type)
{
	return ingest_file(&h->conf, &sys_clock_real, &h->a, h->file, type, S("a name.txt"), on_progress, h, &h->r);
}

static enum ingest_fault read_it(struct house *h) { return read_as(h, S("text/x-test")); }
static enum ingest_fault hear_it(struct house *h) { return read_as(h, S("audio/x-test")); }

static int
left_over(void)
{
	char path[256];
	int n = 0;

	snprintf(path, sizeof(path), "%s/tmp", t_dir());
	DIR *d = opendir(path);
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL; )
		n += e->d_name[0] != '.';
	if (d != NULL)
		closedir(d);
	return n;
}

/* Each row: what the program does, and what becomes of it. */
static const struct { const char *script; enum ingest_fault fault; const char *text, *why; } ends[] = {
	{ "echo '{\"type\":\"text/plain\"}'; echo '{\"heading\":2,\"text\":\"One\"}'; echo '{\"text\":\"Two\"}'; echo '{\"end\":true}'", INGEST_OK, "## One\n\nTwo", "" },
	{ "echo '{\"text\":\"A\"}'; printf '{\"end\":true}'", INGEST_OK, "A", "" },
	{ "echo '{\"text\":\"A\"}'; echo '{\"end\":true}'; exit 3", INGEST_OK, "A", "" },
	{ "echo '{\"text\":\"A\"}'; echo '{\"new\":1}'; echo; echo '{\"end\":true}'; echo nonsense", INGEST_OK, "A", "" },
	{ "echo '{\"text\":\"A\"}'; echo '{\"end\":true}'; sleep 60", INGEST_OK, "A", "" },
	{ "echo '{\"end\":true}'", INGEST_EMPTY, "", "" },
	{ "printf '{\"error\":\"unsupported_media\",\"message\":\"It is a picture.\\\\nOf a cat.\"}\\n'; exit 1", INGEST_UNSUPPORTED, "", "It is a picture. Of a cat." },
	{ "echo '{\"error\":\"extraction_failed\"}'", INGEST_BROKEN, "", "" },
	{ "echo '{\"error\":\"rm -rf\",\"message\":\"x\"}'", INGEST_BROKEN, "", "x" },
	{ "echo '{\"text\":\"A\"}'", INGEST_BROKEN, "", "The program that reads files broke off before its end. Save the file anew and upload that." },
	{ "exit 7", INGEST_BROKEN, "", "The program that reads files gave up early (status 7). Save the file anew and upload that." },
	{ "kill -SEGV $$", INGEST_BROKEN, "", "The program that reads files broke down on it. Save it anew, or as plain text, and upload that." },
	{ "kill -KILL $$", INGEST_BROKEN, "", "The file needs more memory to be read than there is. Upload it in parts." },
	{ "kill -XCPU $$", INGEST_BROKEN, "", "The file takes too long to read. Upload it in parts." },
	{ "kill -SYS $$", INGEST_BROKEN, "", "The file made the program that reads it do what it must not. Convert it to plain text and upload that." },
	{ "exec >&-; exit 0", INGEST_BROKEN, "", NULL },
	{ "exec >&-; sleep 60", INGEST_BROKEN, "", NULL },
	{ "sleep 60", INGEST_BROKEN, "", "The file takes longer than 2 s to read. Upload it in parts." },
	{ "while :; do echo '{\"progress\":0.5,\"what\":\"on and on\"}'; done", INGEST_BROKEN, "", NULL },
	{ "sleep 60 & exec >&-; exit 0", INGEST_BROKEN, "", NULL },
	{ "echo nonsense; sleep 60", INGEST_BROKEN, "", NULL },
	{ "echo '[1]'", INGEST_BROKEN, "", NULL },
	{ "echo '{\"text\":7}'", INGEST_BROKEN, "", NULL },
	{ "echo '{\"page\":2}{\"page\":1}'", INGEST_BROKEN, "", NULL },
	{ "echo '{\"page\":2}'; echo '{\"page\":1}'; sleep 60", INGEST_BROKEN, "", NULL },
	{ "echo '{\"page\":0}'; sleep 60", INGEST_BROKEN, "", NULL },
	{ "echo '{\"fromMs\":5,\"toMs\":4,\"text\":\"x\"}'; sleep 60", INGEST_BROKEN, "", NULL },
	{ "echo '{\"fromMs\":5,\"toMs\":6,\"text\":\"x\"}'; echo '{\"fromMs\":4,\"toMs\":6,\"text\":\"x\"}'; sleep 60", INGEST_BROKEN, "", NULL },
	{ "echo '{\"durationMs\":-1}'; sleep 60", INGEST_BROKEN, "", NULL },
	{ "echo '{\"type\":\"text\"}'; sleep 60", INGEST_BROKEN, "", NULL },
	{ "printf '{\"text\":\"\\377\"}\\n'; sleep 60", INGEST_BROKEN, "", NULL },
	{ "printf '{\"text\":\"\\\\u0000\"}\\n'; sleep 60", INGEST_BROKEN, "", NULL },
	{ "yes '{\"page\":1}' | tr -d '\\n'", INGEST_TOO_LARGE, "", "" },
	{ "yes '{\"text\":\"yes and yes and yes and yes and yes and yes and yes and yes and yes and yes\"}'", INGEST_TOO_LARGE, "", "" },
};

TEST(however_the_program_ends_there_is_a_verdict_and_nothing_is_left)
{
	for (size_t i = 0; i < COUNT(ends); i++) {
		struct house h;
		open_house(&h, ends[i].script, "");
		if (ends[i].fault != INGEST_BROKEN || (ends[i].why != NULL && strstr(ends[i].why, "2 s") == NULL))	/* however slow a machine is */
			h.conf.extract_time = 120;
		enum ingest_fault f = read_it(&h);
		if (f != ends[i].fault)
			t_fail(__FILE__, __LINE__, "%s: fault %d, \"%s\"", ends[i].script, (int)f, h.r.why);
		if (f == INGEST_OK)
			CHECK_STR(h.r.text.text, str_z(ends[i].text));
		if (ends[i].why != NULL)
			CHECK_STR(str_z(h.r.why), str_z(ends[i].why));
		CHECK_INT(left_over(), ==, 0);
		CHECK(waitpid(-1, NULL, WNOHANG) == -1);
		close_house(&h);
	}
}

TEST(what_it_reads_is_told_with_its_pages_and_times)
{
	struct house h;

	open_house(&h, "echo '{\"type\":\"application/pdf\"}'; echo '{\"progress\":0.5,\"what\":\"page 1 of 2\"}'; echo '{\"title\":\"T\"}'; echo '{\"page\":2}'; echo '{\"text\":\"A\"}'\n"
	    "echo '{\"durationMs\":9000}'; echo '{\"fromMs\":1,\"toMs\":2,\"text\":\"B\"}'; echo '{\"end\":true}'", "");
	CHECK_INT(read_it(&h), ==, INGEST_OK);
	CHECK_STR(h.r.type, S("application/pdf"));
	CHECK_STR(h.r.text.title, S("T"));
	CHECK_STR(h.r.text.text, S("A\n\nB"));
	CHECK_INT(h.r.text.marks, ==, 2);
	CHECK_INT(h.r.text.mark[0].page, ==, 2);
	CHECK_INT(h.r.text.mark[1].from_ms, ==, 1);
	CHECK_INT(h.r.text.duration_ms, ==, 9000);
	close_house(&h);
}

/* It tells as text what it sees: the file, its arguments, the environment, its folder and its descriptors. */
TEST(it_gets_the_file_and_nothing_else)
{
	char here[64];
	struct house h;

	open_house(&h, "tell() { echo \"{\\\"text\\\":\\\"$*\\\"}\"; }\nread line; tell $line; tell $*\ntell ${HOME-none} ${T_SECRET-none}\n"
	    "touch here && tell $(ls)\nfor fd in 4 5 6 7 8 9 10 11 12 20 30; do [ ! -e /proc/self/fd/$fd ] || readlink /proc/self/fd/$fd; done | grep -v program >fds; tell $(cat fds)\n"
	    "tell $(ps -o nice= -p $$)\necho gone >&3; echo trouble >&2; echo '{\"end\":true}'", "the file\n");
	setenv("T_SECRET", "seen", 1);
	int open_one = open("/dev/null", O_RDONLY);
	CHECK(read(h.file, here, 3) == 3);		/* it is read from its beginning all the same */
	CHECK_INT(read_it(&h), ==, INGEST_OK);
	CHECK_STR(h.r.text.text, S("the file\n\n--type text/x-test --name a name.txt --cpu-s 2 --memory-mb 1024\n\nnone none\n\nhere pcm\n\n10"));
	CHECK_STR(h.r.said, S("trouble\n"));
	CHECK_INT(left_over(), ==, 0);
	close(open_one);
	close_house(&h);
}

TEST(the_end_of_what_it_complains_about_is_kept)
{
	struct house h;

	open_house(&h, "i=0; while [ $i -lt 3000 ]; do echo \"line $i\"; i=$((i+1)); done >&2; echo '{\"text\":\"A\"}'; echo '{\"end\":true}'", "");
	CHECK_INT(read_it(&h), ==, INGEST_OK);
	CHECK_INT(h.r.said.n, ==, CHILD_SAID_MAX);
	CHECK(str_ends(h.r.said, S("line 2999\n")));
	close_house(&h);
}

TEST(it_stops_when_it_is_wanted_no_more)
{
	struct house h;

	open_house(&h, "sleep 60 & sleep 60", "");
	h.stop_at = 2;
	int64_t began = sys_mono_us(&sys_clock_real);
	CHECK_INT(read_it(&h), ==, INGEST_STOPPED);
	CHECK_INT(sys_mono_us(&sys_clock_real) - began, <, 50000000);		/* the reader sleeps for 60 s */
	CHECK_INT(left_over(), ==, 0);
	close_house(&h);
}

static bool gone(pid_t pid) { return kill(pid, 0) != 0 && errno == ESRCH; }

TEST(it_dies_with_the_server_and_its_folder_is_swept)
{
	char path[300];
	struct arena a;
	struct house h;
	struct error e;
	str pid;
	int n = 0;

	snprintf(path, sizeof(path), "%s/pid", t_dir());
	arena_init(&a, 4096);
	open_house(&h, str_fmt(&a, "mkdir -p a/b; touch a/b/c; echo $$ >%s.new; mv %s.new %s; exec sleep 60", path, path, path).p, "");
	pid_t server = fork();
	if (server == 0) {
		h.conf.extract_time = 60;
		(void)!read_it(&h);
		_exit(0);
	}
	while (sys_read_file(&h.a, path, 100, &pid, &e) != OK && n++ < 60000)
		usleep(1000);
	ingest_sweep(&h.conf);				/* it is in use */
	CHECK_INT(left_over(), ==, 1);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	for (n = 0; !gone((pid_t)strtol(pid.p, NULL, 10)) && n < 60000; n++)
		usleep(1000);
	CHECK_INT(n, <, 60000);
	ingest_sweep(&h.conf);
	CHECK_INT(left_over(), ==, 0);
	close_house(&h);
	arena_free(&a);
}

/* Of a folder that others may write to, and of what lies beside our own, nothing is taken. */
TEST(without_a_data_folder_it_has_one_of_its_own_in_tmpdir)
{
	char ours[300], beside[300];
	struct house h;

	open_house(&h, "pwd >&2; echo '{\"text\":\"A\"}'; echo '{\"end\":true}'", "");
	h.conf.data = "";
	setenv("TMPDIR", t_dir(), 1);
	snprintf(ours, sizeof(ours), "%s/scriped-extract-%u", t_dir(), (unsigned)geteuid());
	snprintf(beside, sizeof(beside), "%s/file-beside", t_dir());
	CHECK(mkdir(beside, 0700) == 0);
	CHECK_INT(read_it(&h), ==, INGEST_OK);
	CHECK(str_starts(h.r.said, str_z(ours)));
	CHECK(mkdir(str_fmt(&h.a, "%s/file-left", ours).p, 0700) == 0);
	ingest_sweep(&h.conf);
	CHECK(access(beside, F_OK) == 0 && rmdir(ours) == 0);
	CHECK(mkdir(ours, 0700) == 0 && chmod(ours, 0777) == 0);
	CHECK_INT(read_it(&h), ==, INGEST_SYSTEM);
	CHECK(rmdir(ours) == 0 && symlink(t_dir(), ours) == 0);
	CHECK_INT(read_it(&h), ==, INGEST_SYSTEM);
	ingest_sweep(&h.conf);
	CHECK(access(beside, F_OK) == 0);
	unsetenv("TMPDIR");
	close_house(&h);
}

TEST(a_program_that_is_missing_or_no_program_is_the_operators_matter)
{
	struct house h;

	open_house(&h, "", "");
	unlink(h.program);
	CHECK_INT(read_it(&h), ==, INGEST_NO_PROGRAM);
	h.conf.extract_program = "no-such-program-anywhere";
	CHECK_INT(read_it(&h), ==, INGEST_NO_PROGRAM);
	CHECK(ingest_fault_row(INGEST_NO_PROGRAM)->retry);
	h.conf.extract_program = "/";
	CHECK_INT(read_it(&h), ==, INGEST_NO_PROGRAM);
	h.conf.extract_program = program_of(&h, "exec /no/such/program");
	CHECK_INT(read_it(&h), ==, INGEST_NO_PROGRAM);
	CHECK_INT(left_over(), ==, 0);
	close_house(&h);
}

TEST(no_place_for_its_folder_is_the_servers_fault)
{
	struct house h;

	open_house(&h, "exit 0", "");
	h.conf.data = "/proc/none";
	CHECK_INT(read_it(&h), ==, INGEST_SYSTEM);
	CHECK(strstr(h.r.why, "/proc/none/tmp") != NULL);
	close_house(&h);
}

static void count_line(void *ctx, str line) { *(int *)ctx += line.n > 0; }

TEST(lines_pass_as_they_are)
{
	struct house h;
	int n = 0;

	open_house(&h, "echo '{\"text\":\"A\"}'; echo what; echo '{\"end\":true}'", "");
	CHECK_INT(ingest_lines(&h.conf, &sys_clock_real, &h.a, h.file, STR_NONE, STR_NONE, count_line, NULL, &n, &h.r), ==, INGEST_OK);
	CHECK_INT(n, ==, 3);
	close_house(&h);
}

/* --- recordings --- */

/* Leaves eight seconds of noise; asked once more, writes down what it finds at its descriptor 0. */
#define RECORDING	"if [ \"$1\" != --transcribe ]; then echo '{\"type\":\"audio/mpeg\"}'; echo '{\"progress\":0.1,\"what\":\"decoding\"}'\n" \
	"head -c 256000 /dev/urandom >&3; echo '{\"durationMs\":8000}'; echo '{\"end\":true}'; exit; fi\n"

TEST(what_is_said_is_written_down_by_the_program_itself)
{
	struct house h;

	open_house(&h, RECORDING "echo '{\"progress\":0.5,\"what\":\"transcribing, 4 of 8 seconds\"}'; sleep 0.3\n"
	    "echo \"{\\\"fromMs\\\":1000,\\\"toMs\\\":2500,\\\"text\\\":\\\"$1 $2 $3 $(wc -c)\\\"}\"; [ ! -e /proc/self/fd/3 ] && ls && echo '{\"end\":true}'", "");
	CHECK_INT(hear_it(&h), ==, INGEST_OK);
	CHECK_STR(h.r.type, S("audio/mpeg"));
	CHECK_STR(h.r.text.text, S("--transcribe --cpu-s 26 256000"));
	CHECK_INT(h.r.text.duration_ms, ==, 8000);
	CHECK_INT(h.r.text.marks, ==, 1);
	CHECK_INT(h.r.text.mark[0].from_ms, ==, 1000);
	CHECK_INT(h.r.text.mark[0].to_ms, ==, 2500);
	CHECK_INT(h.r.cost_microcents, ==, 0);
	CHECK_INT(left_over(), ==, 0);
	close_house(&h);
}

/* Each row: what the program does when it shall write down, and what becomes of it. */
static const struct { const char *script; enum ingest_fault fault; const char *why; } hearings[] = {
	{ "echo '{\"end\":true}'", INGEST_EMPTY, "" },
	{ "echo '{\"error\":\"empty_text\",\"message\":\"No speech.\"}'; exit 1", INGEST_EMPTY, "No speech." },
	{ "echo '{\"error\":\"transcription_failed\",\"message\":\"Not built in.\"}'; exit 1", INGEST_TRANSCRIPTION, "Not built in." },
	{ "kill -SEGV $$", INGEST_TRANSCRIPTION, "The built-in transcriber broke down on this recording. Upload its text instead." },
	{ "exit 0", INGEST_TRANSCRIPTION, "The built-in transcriber broke down on this recording. Upload its text instead." },
	{ "echo nonsense", INGEST_TRANSCRIPTION, "The built-in transcriber broke down on this recording. Upload its text instead." },
};

TEST(however_the_writing_down_ends_there_is_a_verdict)
{
	for (size_t i = 0; i < COUNT(hearings); i++) {
		char script[1000];
		struct house h;
		snprintf(script, sizeof(script), RECORDING "%s", hearings[i].script);
		open_house(&h, script, "");
		CHECK_INT(hear_it(&h), ==, hearings[i].fault);
		CHECK_STR(str_z(h.r.why), str_z(hearings[i].why));
		CHECK_INT(left_over(), ==, 0);
		close_house(&h);
	}
}

static void
use_endpoint(struct house *h, const char *behaviour)
{
	h->conf.transcribe_url = str_fmt(&h->a, "http://127.0.0.1:%d/%s/ingest/v1", provider_port(), behaviour).p;
	h->conf.transcribe_price = 360;
}

TEST(what_is_said_is_written_down_by_an_endpoint)
{
	struct house h;

	open_house(&h, RECORDING "exit 1", "");
	use_endpoint(&h, "normal");
	CHECK_INT(hear_it(&h), ==, INGEST_OK);
	CHECK_STR(h.r.text.text, S("Piece 1, part 1. Piece 1, part 2. Piece 1, part 3. Piece 1, part 4."));
	CHECK_INT(h.r.text.duration_ms, ==, 8000);
	CHECK_INT(h.r.text.marks, ==, 4);
	CHECK_INT(h.r.text.mark[3].from_ms, ==, 6000);
	CHECK_INT(h.r.cost_microcents, ==, 800000);
	close_house(&h);
	open_house(&h, RECORDING "exit 1", "");
	use_endpoint(&h, "busy-9");
	CHECK_INT(hear_it(&h), ==, INGEST_UNAVAILABLE);
	CHECK_INT(h.r.retry_after_s, ==, 9);
	CHECK(strstr(h.r.why, "Rate limit reached") != NULL);
	close_house(&h);
	open_house(&h, RECORDING "exit 1", "");
	use_endpoint(&h, "hush");
	CHECK_INT(hear_it(&h), ==, INGEST_EMPTY);
	CHECK(strstr(h.r.why, "No speech was found") != NULL);
	CHECK_INT(h.r.cost_microcents, ==, 800000);
	CHECK_INT(left_over(), ==, 0);
	close_house(&h);
}

TEST(what_was_called_something_else_is_not_written_down)
{
	static const char *const types[] = { "application/octet-stream", "application/vnd.openxmlformats-officedocument.x", "text/plain" };

	for (size_t i = 0; i < COUNT(types); i++) {
		struct house h;
		open_house(&h, RECORDING "exit 1", "");
		use_endpoint(&h, "normal");
		CHECK_INT(read_as(&h, str_z(types[i])), ==, INGEST_UNSUPPORTED);
		CHECK(strstr(h.r.why, "is a recording. Upload it again as audio/mpeg.") != NULL);
		CHECK_INT(h.r.cost_microcents, ==, 0);
		CHECK_INT(left_over(), ==, 0);
		close_house(&h);
	}
}

TEST(nobody_may_be_asked_to_write_down)
{
	struct house h;

	open_house(&h, RECORDING "exit 1", "");
	h.conf.transcriber = 3;
	CHECK_INT(hear_it(&h), ==, INGEST_TRANSCRIPTION);
	CHECK(strstr(h.r.why, "`transcriber` is none") != NULL);
	close_house(&h);
}

TEST(it_tells_what_it_can_read)
{
	struct ingest_format *f;
	struct house h;
	int n;

	open_house(&h, "[ \"$1\" = --formats ] || exit 1\necho '{\"format\":\"pdf\",\"types\":[\"application/pdf\",\"x/y\"],\"reads\":true,\"missing\":null}'\n"
	    "echo '{\"format\":\"audio\",\"types\":[],\"reads\":false,\"missing\":\"ffmpeg\"}'\necho nonsense", "");
	CHECK_INT(ingest_formats(&h.conf, &sys_clock_real, &h.a, &f, &n, &h.r), ==, INGEST_OK);
	CHECK_INT(n, ==, 2);
	CHECK_STR(f[0].types, S("application/pdf, x/y"));
	CHECK(f[0].reads && f[0].missing.p == NULL && !f[1].reads);
	CHECK_STR(f[1].missing, S("ffmpeg"));
	close_house(&h);
}
