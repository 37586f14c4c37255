#include "extract/container.h"
#include "t.h"

/* The first bytes, and the name of the format that they are. */
static const struct { str bytes; const char *name; } heads[] = {
	{ S_INIT("RIFF\0\0\0\0WAVEfmt "), "wav" }, { S_INIT("RF64\0\0\0\0WAVEds64"), "wav" }, { S_INIT("RIFF\0\0\0\0AVI LIST"), "avi" },
	{ S_INIT("FORM\0\0\0\0AIFC"), "aiff" }, { S_INIT("fLaC\0\0\0\x22"), "flac" }, { S_INIT("OggS\0\2"), "ogg" },
	{ S_INIT("\0\0\0\x1C" "ftypM4A \0\0\0\0"), "m4a" }, { S_INIT("\0\0\0\x1C" "ftypM4V \0\0\0\0"), "mp4" }, { S_INIT("\0\0\0\x14" "ftypqt  \0\0\0\0"), "mov" },
	{ S_INIT("\0\0\0\x1C" "ftyp3gp4\0\0\0\0"), "gpp" }, { S_INIT("\0\0\0\x1C" "ftypisom\0\0\0\0"), "mp4" }, { S_INIT("\0\0\x10\0moov\0\0\0\x6Cmvhd"), "mp4" },
	{ S_INIT("\x1A\x45\xDF\xA3\x9F\x42\x86\x81\1\x42\xF7\x81\1\x42\xF2\x81\4\x42\xF3\x81\x8\x42\x82\x84webm"), "webm" },
	{ S_INIT("\x1A\x45\xDF\xA3\xA3\x42\x86\x81\1\x42\x82\x88matroska"), "mkv" }, { S_INIT("#!AMR\n"), "amr" },
	{ S_INIT("\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9"), "asf" }, { S_INIT("FLV\1\5"), "flv" }, { S_INIT("\0\0\1\xBA\x44"), "mpg" }, { S_INIT("ID3\4\0\0\0\0\0\0"), "mp3" },
	/* and what is none of them */
	{ S_INIT("For free you get nothing."), "text" }, { S_INIT("All moov and no mdat"), "text" }, { S_INIT("ID3 is a kind of tag."), "text" },
	{ S_INIT("FLV files"), "text" }, { S_INIT("RIFF WAVE"), "text" }, { S_INIT("FORM and AIFF"), "text" }, { S_INIT("OggS"), "text" },
};

TEST(each_head_is_recognised)
{
	for (size_t i = 0; i < COUNT(heads); i++) {
		struct file f = { .bytes = heads[i].bytes, .fd = -1, .sound = -1 };
		const struct format *found = format_of(&f);
		if (found == NULL || strcmp(found->name, heads[i].name) != 0)
			t_fail(__FILE__, __LINE__, "row %zu: %s and not %s", i, found != NULL ? found->name : "nothing", heads[i].name);
	}
}

/* Cut anywhere, they are recognised or not; nothing is read behind their end. */
TEST(no_head_is_too_short)
{
	for (size_t i = 0; i < COUNT(heads); i++)
		for (size_t n = 0; n <= heads[i].bytes.n; n++) {
			char *exact = n != 0 ? memcpy((char [64]){ 0 }, heads[i].bytes.p, n) : (char [1]){ 0 };
			struct file f = { .bytes = { exact, n }, .fd = -1, .sound = -1 };
			(void)format_of(&f);
		}
}

/* Sync and a length are needed twice: one frame of MPEG audio is soon found in noise. */
TEST(a_frame_is_followed_by_another)
{
	char frames[2 * 417 + 8] = { 0 };
	struct file f = { .bytes = { frames, sizeof(frames) }, .fd = -1, .sound = -1 };

	memcpy(frames, "\xFF\xFB\x90\x64", 4);		/* MPEG 1, layer III, 128 kbit/s, 44,100 Hz: 417 bytes */
	CHECK(!mp3_sniff(&f));
	memcpy(frames + 417, "\xFF\xFB\x90\x64", 4);
	CHECK(mp3_sniff(&f));
	frames[2] = '\xF0';				/* no such bit rate */
	CHECK(!mp3_sniff(&f));
	memset(frames, 0, sizeof(frames));
	for (size_t i = 0; i < 4; i++)
		frames[i * 188] = 'G';
	CHECK(!ts_sniff(&f));
	frames[4 * 188] = 'G';
	CHECK(ts_sniff(&f));
}
