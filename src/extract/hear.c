#include "extract/hear.h"
#include "extract/utter.h"
#include "pcm/pcm.h"

#define ASK_FOR		"Its operator can install pocketsphinx-en-us, or set transcribe_url. Upload the text of the recording instead."

#ifdef HAVE_pocketsphinx
#include <pocketsphinx.h>
#include <unistd.h>

#define MODEL		POCKETSPHINX_MODEL "/en-us/"
#define PIECE		(15 * PCM_RATE)
#define FRAME_MS	10

struct hear { ps_decoder_t *decoder; int16_t sample[PIECE]; };

bool hear_ready(void) { return access(MODEL "en-us.lm.bin", R_OK) == 0; }

struct hear *
hear_open(struct arena *a, const char **why)
{
	struct hear *h = NEW(a, struct hear);
	cmd_ln_t *c = cmd_ln_init(NULL, ps_args(), TRUE, "-hmm", MODEL "en-us", "-lm", MODEL "en-us.lm.bin", "-dict", MODEL "cmudict-en-us.dict",
	    "-remove_silence", "no", "-logfn", "/dev/null", NULL);

	h->decoder = c != NULL ? ps_init(c) : NULL;
	cmd_ln_free_r(c);
	if (h->decoder != NULL)
		return h;
	*why = "Recordings are not written down here: the model of the built-in transcriber is missing. " ASK_FOR;
	return NULL;
}

static void
take_words(struct hear *h, int64_t start_ms, struct utter *u)
{
	for (ps_seg_t *s = ps_seg_iter(h->decoder); s != NULL; s = ps_seg_next(s)) {
		int from, to;
		ps_seg_frames(s, &from, &to);
		utter_word(u, start_ms + (int64_t)from * FRAME_MS, start_ms + (int64_t)(to + 1) * FRAME_MS, str_z(ps_seg_word(s)));
	}
}

static void
hear_piece(struct hear *h, int fd, int64_t from, int64_t to, struct utter *u)
{
	int n = pcm_read(fd, from, to - from, h->sample);

	if (ps_start_utt(h->decoder) < 0)
		out_stop(u->o, "transcription_failed", "The built-in transcriber broke down. Upload the text of the recording instead.");
	(void)ps_process_raw(h->decoder, h->sample, (size_t)n, FALSE, TRUE);
	(void)ps_end_utt(h->decoder);
	take_words(h, pcm_ms(from), u);
}

void
hear_read(struct hear *h, int fd, struct out *o)
{
	int64_t end = pcm_samples(fd);
	struct utter u;
	char what[80];

	utter_begin(&u, o);
	for (int64_t at = 0, to; at < end; at = to) {
		pcm_what(what, sizeof(what), at, end);
		out_progress(o, (double)at / (double)end, "%s", what);
		to = pcm_cut(fd, at, end, PIECE);
		if (!pcm_silent(fd, at, to))
			hear_piece(h, fd, at, to, &u);
	}
	utter_end(&u);
	if (u.said == 0)
		out_stop(o, EMPTY, "No speech was found in the recording. Upload one in which somebody speaks.");
	out_end(o);
}
#else
bool hear_ready(void) { return false; }

struct hear *
hear_open(struct arena *a, const char **why)
{
	(void)a;
	*why = "Recordings are not written down here: this server was built without pocketsphinx. " ASK_FOR;
	return NULL;
}

/* Nobody comes here: hear_open gave nothing. */
void
hear_read(struct hear *h, int fd, struct out *o)
{
	(void)h, (void)fd;
	out_stop(o, "transcription_failed", "This server was built without pocketsphinx.");
}
#endif
