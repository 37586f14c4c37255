#include "extract/encode.h"
#include "t.h"

struct row { str bytes; const char *declared, *text, *name; };		/* text NULL: no text */

static const struct row rows[] = {
	{ S_INIT("plain"), NULL, "plain", "UTF-8" },
	{ S_INIT("\xEF\xBB\xBFgr\xC3\xBC\xC3\x9F"), "latin1", "grüß", "UTF-8" },
	{ S_INIT("gr\xC3\xBC\xC3\x9F"), "latin1", "grüß", "UTF-8" },		/* the bytes know better */
	{ S_INIT("gr\xFC\xDF"), NULL, "grüß", "WINDOWS-1252" },
	{ S_INIT("gr\xFC\xDF \x84zu\x93 \x80"), "ISO-8859-1", "grüß „zu“ €", "WINDOWS-1252" },
	{ S_INIT("za\xBF\xF3\xB3\xE6"), "ISO-8859-2", "zażółć", "ISO-8859-2" },
	{ S_INIT("za\xBF\xF3\xB3\xE6"), "UTF-8//IGNORE", NULL, NULL },		/* a guess, but no order to iconv */
	{ S_INIT("\xFF\xFEg\0r\0\xFC\0"), NULL, "grü", "UTF-16LE" },
	{ S_INIT("\xFE\xFF\0g\0r\0\xFC"), NULL, "grü", "UTF-16BE" },
	{ S_INIT("a\0b\0=\xD8\1\xDE"), NULL, "ab😁", "UTF-16LE" },
	{ S_INIT("\xFF\xFE\0\0g\0\0\0"), NULL, "g", "UTF-32LE" },
	{ S_INIT("\0\0\0g\0\0\0\xFC"), NULL, "gü", "UTF-32BE" },
	{ S_INIT("a\0b\0=\xD8x\0"), NULL, "ab\xEF\xBF\xBDx", "UTF-16LE" },	/* half a pair */
	{ S_INIT("a\0b\0c"), NULL, "ab", "UTF-16LE" },				/* half a letter at the end */
	{ S_INIT("\1\2\3\4\5\6\7\1\2\3"), NULL, "", NULL },
	{ S_INIT("words\0\1\2and\0\0\0\7\xFFmore"), NULL, "", NULL },
	{ S_INIT("\x1B$B4A;z\x1B(B"), NULL, "漢字", "ISO-2022-JP" },
};

TEST(bytes_become_the_text_that_they_mean)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a;
		const char *name = "";
		arena_init(&a, 1 << 20);
		str got = encode_utf8(&a, rows[i].bytes, str_z(rows[i].declared), &name);
		if (rows[i].name != NULL) {
			CHECK_STR(got, str_z(rows[i].text));
			CHECK_STR(str_z(name), str_z(rows[i].name));
		} else if (rows[i].text != NULL) {
			CHECK(got.p == NULL);
		} else {
			CHECK(got.n > 0 && utf8_ok(got));
		}
		arena_free(&a);
	}
}

TEST(an_empty_text_is_one)
{
	struct arena a;

	arena_init(&a, 1 << 20);
	CHECK_INT(encode_utf8(&a, S(""), STR_NONE, NULL).n, ==, 0);
	arena_free(&a);
}
