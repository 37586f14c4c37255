/* container -- what kind of recording begins with these bytes. */
#include "extract/container.h"

/* MPEG audio: sync, and no reserved value of version, layer, bit rate and sample rate. */
static bool
is_mpeg_frame(str h)
{
	const uint8_t *p = (const uint8_t *)h.p;

	return h.n >= 4 && p[0] == 0xFF && (p[1] & 0xE0) == 0xE0 && (p[1] & 0x18) != 0x08 && (p[1] & 0x06) != 0
	    && (p[2] & 0xF0) != 0xF0 && (p[2] & 0x0C) != 0x0C;
}

/* The length of the frame that begins here, 0 for none: layer III and II only, which is what recordings are. */
static size_t
mpeg_frame_size(str h)
{
	static const int rates[] = { 44100, 48000, 32000 };
	static const int kbits[2][2][16] = {	/* version 1 or 2; layer III, layer II */
		{ { 0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320 }, { 0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384 } },
		{ { 0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160 }, { 0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160 } },
	};
	if (!is_mpeg_frame(h))
		return 0;
	const uint8_t *p = (const uint8_t *)h.p;
	int version = (p[1] >> 3) & 3, layer = (p[1] >> 1) & 3, low = version != 3;
	if (layer == 3)
		return 0;
	int kbit = kbits[low][layer - 1][p[2] >> 4], rate = rates[(p[2] >> 2) & 3] >> (version == 3 ? 0 : version == 2 ? 1 : 2);
	int per_frame = layer == 1 && low ? 72 : 144;
	return (size_t)(per_frame * 1000 * kbit / rate + ((p[2] >> 1) & 1));
}

/* Two frames, one behind the other: what looks like one frame is in any file. */
static bool
first_mp3(str h)
{
	size_t n = mpeg_frame_size(h);

	return (str_starts(h, S("ID3")) && h.n > 4 && h.p[3] >= 2 && h.p[3] <= 4) || (n != 0 && is_mpeg_frame(str_cut(h, n, h.n)));
}

static bool
first_aac(str h)
{
	const uint8_t *p = (const uint8_t *)h.p;
	size_t n = h.n < 7 || p[0] != 0xFF || (p[1] & 0xF6) != 0xF0 ? 0 : ((size_t)(p[3] & 3) << 11) | ((size_t)p[4] << 3) | (p[5] >> 5);

	return n >= 7 && n + 2 <= h.n && p[n] == 0xFF && (p[n + 1] & 0xF6) == 0xF0;
}

static bool
first_ts(str h)
{
	for (size_t i = 0; i < 5; i++)
		if (h.n <= i * 188 || h.p[i * 188] != 0x47)
			return false;
	return true;
}

/* A box: its size, then its name.  None is as large as letters would say, so that no text is one ("For free, …"). */
static bool
box(str h)
{
	static const char *const boxes[] = { "ftyp", "moov", "mdat", "wide", "free", "skip", "pnot" };

	for (size_t i = 0; i < COUNT(boxes) && h.n >= 12; i++)
		if (memcmp(h.p + 4, boxes[i], 4) == 0)
			return (uint8_t)h.p[0] < ' ';
	return false;
}

static bool named_box(str h, const char *brand, size_t n) { return box(h) && memcmp(h.p + 4, "ftyp", 4) == 0 && memcmp(h.p + 8, brand, n) == 0; }
static bool riff(str h, str head, const char *kind) { return h.n >= 12 && str_starts(h, head) && memcmp(h.p + 8, kind, 4) == 0; }
static bool ebml(str h) { return str_starts(h, S("\x1A\x45\xDF\xA3")); }

bool wav_sniff(const struct file *f) { return riff(f->bytes, S("RIFF"), "WAVE") || riff(f->bytes, S("RF64"), "WAVE"); }
bool avi_sniff(const struct file *f) { return riff(f->bytes, S("RIFF"), "AVI "); }
bool aiff_sniff(const struct file *f) { return riff(f->bytes, S("FORM"), "AIFF") || riff(f->bytes, S("FORM"), "AIFC"); }
bool flac_sniff(const struct file *f) { return file_starts(f, S("fLaC\0")); }
bool ogg_sniff(const struct file *f) { return file_starts(f, S("OggS\0")); }
bool m4a_sniff(const struct file *f) { return named_box(f->bytes, "M4", 2) && !named_box(f->bytes, "M4V", 3); }
bool mov_sniff(const struct file *f) { return named_box(f->bytes, "qt", 2); }
bool gpp_sniff(const struct file *f) { return named_box(f->bytes, "3g", 2); }
bool mp4_sniff(const struct file *f) { return box(f->bytes); }
bool webm_sniff(const struct file *f) { return ebml(f->bytes) && memmem(f->bytes.p, MIN(f->bytes.n, 64), "webm", 4) != NULL; }
bool mkv_sniff(const struct file *f) { return ebml(f->bytes); }
bool amr_sniff(const struct file *f) { return file_starts(f, S("#!AMR")); }
bool asf_sniff(const struct file *f) { return file_starts(f, S("\x30\x26\xB2\x75\x8E\x66\xCF\x11")); }
bool flv_sniff(const struct file *f) { return file_starts(f, S("FLV\x01")); }
bool mpg_sniff(const struct file *f) { return file_starts(f, S("\0\0\1\xBA")); }
bool ts_sniff(const struct file *f) { return first_ts(f->bytes); }
bool aac_sniff(const struct file *f) { return first_aac(f->bytes); }
bool mp3_sniff(const struct file *f) { return first_mp3(f->bytes); }
