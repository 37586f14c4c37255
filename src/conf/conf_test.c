#include "t.h"
#include "conf/conf.h"
#include <jansson.h>
#include <unistd.h>

static struct error e;

static const char *
file_with(str text)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/scriped.conf", t_dir());
	CHECK(sys_write_file(path, text, &e) == OK);
	return path;
}

static enum err
load_set(struct conf *c, const char *set)
{
	return conf_load(c, NULL, NULL, &set, 1, &e);
}

TEST(without_anything_the_defaults_hold)
{
	struct conf c;

	CHECK(conf_load(&c, NULL, NULL, NULL, 0, &e) == OK);
	CHECK_STR(str_z(c.listen), S("127.0.0.1:8080"));
	CHECK_STR(str_z(c.data), S(""));
	CHECK_INT(c.rate_read, ==, 120);
	CHECK_INT(c.log_level, ==, 1);
	CHECK(c.log_requests && !c.bench);
	conf_free(&c);
}

TEST(the_command_line_wins_over_the_environment_and_that_over_the_file)
{
	char path[] = "PATH=/bin", level[] = "SCRIPED_LOG_LEVEL=warn", read[] = "SCRIPED_RATE_READ=7", other[] = "SCRIPED_TEST_DB=x",
	    bench[] = "SCRIPED_BENCH_SECONDS=3", url[] = "SCRIPED_URL=http://127.0.0.1:8080", key[] = "SCRIPED_KEY=k", project[] = "SCRIPED_PROJECT=p";
	char *env[] = { path, level, read, other, bench, url, key, project, NULL };
	const char *set[] = { "rate_read=8", "rate_read=9", "db=postgres://a?b=c" };
	struct conf c;
	const char *file = file_with(S("# comment\n\n rate_read = 5\r\nrate_write=6\nlog_level = error\nlog_file = \" a # b \"\nbench = on"));

	CHECK(conf_load(&c, file, env, set, COUNT(set), &e) == OK);
	CHECK_INT(c.rate_read, ==, 9);
	CHECK_INT(c.rate_write, ==, 6);
	CHECK_INT(c.log_level, ==, 2);
	CHECK_STR(str_z(c.log_file), S(" a # b "));
	CHECK_STR(str_z(c.db), S("postgres://a?b=c"));
	CHECK(c.bench);
	conf_free(&c);
}

TEST(values_are_read_by_their_kind)
{
	static const struct { const char *set; int64_t n; } row[] = {
		{ "rate_read=0", 0 }, { "rate_read=1000000", 1000000 }, { "rate_read=1M", 1000000 }, { "rate_read=2k", 2000 },
		{ "drain_max=1G", 1000000000 }, { "bench=true", 1 }, { "bench=yes", 1 }, { "bench=on", 1 }, { "bench=1", 1 },
		{ "log_requests=false", 0 }, { "log_requests=no", 0 }, { "log_requests=off", 0 }, { "log_requests=0", 0 },
		{ "log_format=json", 1 }, { "writer=openai", 1 },
	};
	for (size_t i = 0; i < COUNT(row); i++) {
		struct conf c = { 0 };
		CHECK(load_set(&c, row[i].set) == OK);
		str name = str_z(row[i].set);
		int64_t got = str_starts(name, S("rate")) ? c.rate_read : str_starts(name, S("drain")) ? c.drain_max :
		    str_starts(name, S("bench")) ? c.bench : str_starts(name, S("log_r")) ? c.log_requests :
		    str_starts(name, S("log_f")) ? c.log_format : c.writer;
		CHECK_INT(got, ==, row[i].n);
		conf_free(&c);
	}
}

TEST(what_cannot_be_understood_is_refused_with_what_would_be_right)
{
	static const struct { const char *set, *says; } row[] = {
		{ "rate_raed=1", "--set rate_raed: there is no setting 'rate_raed'; did you mean 'rate_read'?" },
		{ "rate-write=1", "--set rate-write: there is no setting 'rate-write'; did you mean 'rate_write'?" },
		{ "Listen=1", "--set Listen: there is no setting 'Listen'; did you mean 'listen'?" },
		{ "colour=1", "--set colour: there is no setting 'colour'" },
		{ "=1", "--set : there is no setting ''" },
		{ "listen", "--set listen: must be --set name=value" },
		{ "rate_read=-1", "--set rate_read: rate_read must be a number from 0 to 1000000 per minute, not '-1'" },
		{ "rate_read=1001k", "--set rate_read: rate_read must be a number from 0 to 1000000 per minute, not '1001k'" },
		{ "rate_read=1K", "--set rate_read: rate_read must be a number from 0 to 1000000 per minute, not '1K'" },
		{ "rate_read=k", "--set rate_read: rate_read must be a number from 0 to 1000000 per minute, not 'k'" },
		{ "rate_read=9223372036854775807G",
		  "--set rate_read: rate_read must be a number from 0 to 1000000 per minute, not '9223372036854775807G'" },
		{ "threads=", "--set threads: threads must be a number from 0 to 256, not ''" },
		{ "bench=maybe", "--set bench: bench must be true or false, not 'maybe'" },
		{ "bench=maybe\x1b[2J", "--set bench: bench must be true or false" },
		{ "log_format=xml", "--set log_format: log_format must be one of logfmt|json, not 'xml'" },
		{ "log_format=", "--set log_format: log_format must be one of logfmt|json, not ''" },
		{ "openai_key=secret\n", "--set openai_key: openai_key must be one line of UTF-8 of at most 4096 bytes" },
		{ "data=\xff", "--set data: data must be one line of UTF-8 of at most 4096 bytes" },
	};
	for (size_t i = 0; i < COUNT(row); i++) {
		struct conf c;
		CHECK_INT(load_set(&c, row[i].set), ==, E_USAGE);
		CHECK_STR(str_z(e.detail), str_z(row[i].says));
	}
}

TEST(an_error_names_its_place)
{
	static const struct { str text; const char *says; } row[] = {
		{ S_INIT("# one\n\nlisten\n"), "scriped.conf:3: a line must be `name = value`" },
		{ S_INIT("lisen = 1"), "scriped.conf:1: there is no setting 'lisen'; did you mean 'listen'?" },
		{ S_INIT("data = \"x"), "scriped.conf:1: the line must end with the closing quote" },
		{ S_INIT("data = \""), "scriped.conf:1: the line must end with the closing quote" },
		{ S_INIT("rate_read = 5 # five"), "scriped.conf:1: rate_read must be a number from 0 to 1000000 per minute, not '5 # five'" },
		{ S_INIT("da\0ta = x"), "scriped.conf:1: this is no name of a setting" },
		{ S_INIT("data = a\0b"), "scriped.conf:1: data must be one line of UTF-8 of at most 4096 bytes" },
	};
	struct conf c;
	char wrong[] = "SCRIPED_LISEN=x", *env[] = { wrong, NULL };

	for (size_t i = 0; i < COUNT(row); i++) {
		CHECK_INT(conf_load(&c, file_with(row[i].text), NULL, NULL, 0, &e), ==, E_USAGE);
		CHECK_STR(str_cut(str_z(e.detail), strlen(t_dir()) + 1, sizeof(e.detail)), str_z(row[i].says));
	}
	CHECK_INT(conf_load(&c, NULL, env, NULL, 0, &e), ==, E_USAGE);
	CHECK_STR(str_z(e.detail), S("SCRIPED_LISEN: there is no setting 'lisen'; did you mean 'listen'?"));
	CHECK_INT(conf_load(&c, "/none/scriped.conf", NULL, NULL, 0, &e), ==, E_USAGE);
	CHECK_STR(str_z(e.detail), S("there is no file /none/scriped.conf"));
}

static str
printed(const struct conf *c, bool json, struct arena *a)
{
	struct buf b;

	buf_init(&b, a, 1 << 20);
	conf_print(c, json, &b);
	CHECK(!b.over);
	return buf_str(&b);
}

TEST(what_is_printed_can_be_read_back)
{
	const char *set[] = { "data= x ", "log_file=\"", "docs_url_base=\"a\"b\"", "public_url=# = \\", "rate_read=1k", "writer=openai", "bench=1" };
	struct conf c, again;
	struct arena a;

	arena_init(&a, 1 << 20);
	CHECK(conf_load(&c, NULL, NULL, set, COUNT(set), &e) == OK);
	str text = printed(&c, false, &a);
	CHECK(memmem(text.p, text.n, "\nrate_read = 1000\n", 18) != NULL);
	CHECK(conf_load(&again, file_with(text), NULL, NULL, 0, &e) == OK);
	CHECK_STR(printed(&again, false, &a), text);
	CHECK_STR(str_z(again.docs_url_base), S("\"a\"b\""));
	conf_free(&c);
	conf_free(&again);
	arena_free(&a);
}

TEST(json_holds_every_setting_and_no_secret)
{
	const char *set[] = { "openai_key=sk-1234", "log_file=a\"b\\c", "log_level=warn", "bench=on" };
	struct conf c;
	struct arena a;

	arena_init(&a, 1 << 20);
	CHECK(conf_load(&c, NULL, NULL, set, COUNT(set), &e) == OK);
	str text = printed(&c, true, &a);
	json_t *j = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
	CHECK(j != NULL);
	const char *file, *level, *key, *db;
	int rate, bench;
	CHECK(json_unpack(j, "{s:s, s:s, s:s, s:s, s:i, s:b}", "log_file", &file, "log_level", &level, "openai_key", &key, "db", &db,
	    "rate_read", &rate, "bench", &bench) == 0);
	CHECK_STR(str_z(file), S("a\"b\\c"));
	CHECK_STR(str_z(level), S("warn"));
	CHECK_STR(str_z(key), S("***"));
	CHECK_STR(str_z(db), S(""));
	CHECK(rate == 120 && bench);
	text = printed(&c, false, &a);
	CHECK(memmem(text.p, text.n, "sk-1234", 7) == NULL && memmem(text.p, text.n, "\nopenai_key = ***\n", 18) != NULL);
	json_decref(j);
	conf_free(&c);
	arena_free(&a);
}

TEST(the_manual_is_100_columns_wide_and_complete)
{
	struct conf c;
	struct arena a;
	struct buf b;

	arena_init(&a, 1 << 20);
	buf_init(&b, &a, 1 << 20);
	conf_help(&b);
	CHECK(conf_load(&c, NULL, NULL, NULL, 0, &e) == OK);
	str manual = buf_str(&b), names = printed(&c, false, &a);
	for (str rest = manual; rest.p != NULL; )
		CHECK_INT(utf8_count(str_split(&rest, '\n')), <=, 100);
	while (names.n > 0) {
		str line = str_split(&names, '\n'), name = str_split(&line, ' ');
		str row = str_fmt(&a, "\n  %.*s ", STR(name));
		CHECK(memmem(manual.p, manual.n, row.p, row.n) != NULL);
	}
	CHECK(!b.over && memmem(manual.p, manual.n, "SCRIPED_", 8) != NULL);
	conf_free(&c);
	arena_free(&a);
}

/* What a URI says is what the settings say: the same members, however it was given. */
TEST(a_uri_of_a_bucket_fills_the_settings_that_it_stands_for)
{
	const char *set[] = { "blob=s3://team-files?endpoint=https%3A%2F%2Fs3.example.com:9000&region=eu-central-1&path_style=true", "blob_key_id=AK" };
	const char *half[] = { "blob=s3://files/", "blob_region=eu-west-3", "blob_bucket=files" };
	struct conf c;

	CHECK(conf_load(&c, NULL, NULL, set, COUNT(set), &e) == OK);
	CHECK_STR(str_z(c.blob_bucket), S("team-files"));
	CHECK_STR(str_z(c.blob_endpoint), S("https://s3.example.com:9000"));
	CHECK_STR(str_z(c.blob_region), S("eu-central-1"));
	CHECK(c.blob_path_style);
	conf_free(&c);
	CHECK(conf_load(&c, NULL, NULL, half, COUNT(half), &e) == OK);
	CHECK_STR(str_z(c.blob_bucket), S("files"));
	CHECK_STR(str_z(c.blob_region), S("eu-west-3"));
	CHECK(c.blob_endpoint[0] == '\0' && !c.blob_path_style);
	conf_free(&c);
}

TEST(a_uri_of_a_bucket_that_cannot_be_right_is_refused)
{
	static const struct { const char *set[2], *says; } row[] = {
		{ { "blob=files" }, "blob must be s3://BUCKET" }, { { "blob=https://s3.example.com/files" }, "blob must be s3://BUCKET" },
		{ { "blob=s3://" }, "the name of a bucket" }, { { "blob=s3://Files" }, "the name of a bucket" }, { { "blob=s3://files/folder" }, "the name of a bucket" },
		{ { "blob=s3://fi" }, "the name of a bucket" }, { { "blob=s3://-files" }, "the name of a bucket" },
		{ { "blob=s3://AKIA:secret@files" }, "access keys belong in blob_key_id and blob_key_secret" },
		{ { "blob=s3://files?" }, "has the parameters" }, { { "blob=s3://files?key=AK" }, "access keys belong in" },
		{ { "blob=s3://files?region" }, "?region= needs one value" }, { { "blob=s3://files?region=" }, "?region= needs one value" },
		{ { "blob=s3://files?region=%4" }, "?region= needs one value" }, { { "blob=s3://files?region=a&region=a" }, "?region= needs one value" },
		{ { "blob=s3://files?region=%0A" }, "no value of blob_region" }, { { "blob=s3://files?path_style=maybe" }, "no value of blob_path_style" },
		{ { "blob=s3://files?endpoint=s3.example.com" }, "must be an http:// or https:// URL" },
		{ { "blob=s3://files", "blob_bucket=others" }, "blob and blob_bucket say different things" },
		{ { "blob=s3://files?region=eu", "blob_region=us-east-1" }, "blob and blob_region say different things" },
		{ { "blob=s3://files?path_style=on", "blob_path_style=off" }, "blob and blob_path_style say different things" },
	};
	for (size_t i = 0; i < COUNT(row); i++) {
		struct conf c;
		CHECK_INT(conf_load(&c, NULL, NULL, (const char *const *)row[i].set, row[i].set[1] != NULL ? 2 : 1, &e), ==, E_USAGE);
		CHECK(strstr(e.detail, row[i].says) != NULL);
		CHECK(strstr(e.detail, "secret@") == NULL);
	}
}

/* Whether that line is among what all nodes are to have alike. */
static bool
shares(const char *const *set, int n, const char *line)
{
	struct arena arena;
	struct conf c;
	struct buf b;

	arena_init(&arena, 65536);
	buf_init(&b, &arena, 65536);
	buf_add(&b, S("\n"));
	CHECK_INT(conf_load(&c, NULL, NULL, set, n, &e), ==, OK);
	conf_shared(&c, &b);
	buf_char(&b, '\0');
	bool found = strstr(b.p, str_fmt(&arena, "\n%s\n", line).p) != NULL;
	CHECK(strstr(b.p, "secret") == NULL && strstr(b.p, "openai") == NULL && strstr(b.p, "listen") == NULL);
	conf_free(&c);
	arena_free(&arena);
	return found;
}

TEST(what_nodes_share_is_told_without_secrets)
{
	static const struct { const char *set[2], *line; } row[] = {
		{ { "kv=rediss://me:secret@valkey:6380/2" }, "kv=valkey:6380/2" }, { { "kv=redis://valkey" }, "kv=valkey" }, { { "kv=" }, "kv=" },
		{ { "kv=redis://:secret?name=x@10.0.0.6:1?name=main" }, "kv=main" },
		{ { "db_read=postgres://:secret@b/x", "db=postgres://:secret@a/x" }, "db_read=replica" },
		{ { "db_read=postgres://:secret@a/x", "db=postgres://:secret@a/x" }, "db_read=primary" },
		{ { "db=postgres://:secret@a/x" }, "db_read=" },
		{ { "public_url=https://api.example.com" }, "public_url=https://api.example.com" }, { { "rate_read=7" }, "rate_read=7" }, { { "db_clock=off" }, "db_clock=false" },
		{ { "blob=s3://files?endpoint=http://s3:9000", "blob_key_secret=secret" }, "blob_endpoint=http://s3:9000" },
	};

	for (size_t i = 0; i < COUNT(row); i++)
		CHECK(shares(row[i].set, row[i].set[1] != NULL ? 2 : 1, row[i].line));
}

TEST(what_needs_a_restart_is_named_and_stays)
{
	const char *set[] = { "listen=:1", "threads=3", "rate_read=1", "bench=on", "log_format=json", "openai_key=x" };
	struct conf a, b;
	struct arena arena;

	arena_init(&arena, 65536);
	CHECK(conf_load(&a, NULL, NULL, NULL, 0, &e) == OK && conf_load(&b, NULL, NULL, set, COUNT(set), &e) == OK);
	CHECK_STR(conf_keep_fixed(&b, &a, &arena), S("listen, log_format, threads, bench"));
	CHECK(strcmp(b.listen, a.listen) == 0 && b.threads == a.threads && !b.bench && b.log_format == a.log_format);
	CHECK(b.rate_read == 1 && strcmp(b.openai_key, "x") == 0);
	CHECK_STR(conf_keep_fixed(&b, &a, &arena), S(""));
	conf_free(&a);
	conf_free(&b);
	arena_free(&arena);
}
