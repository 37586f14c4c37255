#include "extract/media.h"
#include "extract/container.h"
#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <stdio.h>
#include <unistd.h>

#define INPUT_BLOCK	65536
#define OUTPUT_SAMPLES	32768
#define ALLOC_MAX	((size_t)256 << 20)	/* one allocation of the libraries: the index of a long file is some 60 MB */
#define CHANNELS_MAX	64
#define RATE_MIN	1000
#define RATE_MAX	768000
#define GAP_MIN_MS	100			/* timestamps tremble; a pause that was not recorded does not */
#define GAP_MAX_MS	600000			/* a longer one is a broken timestamp */
#define SHARE		0.1			/* of the progress: writing down what is said takes the rest */
#define BAD_MAX		1000			/* packets in a row that cannot be decoded */

/* What is decoded: each decoder more is one more that a stranger's bytes reach. */
static bool
codec_known(enum AVCodecID id)
{
	static const enum AVCodecID known[] = {
		AV_CODEC_ID_AAC, AV_CODEC_ID_AAC_LATM, AV_CODEC_ID_AC3, AV_CODEC_ID_EAC3, AV_CODEC_ID_ALAC, AV_CODEC_ID_AMR_NB, AV_CODEC_ID_AMR_WB,
		AV_CODEC_ID_FLAC, AV_CODEC_ID_MP1, AV_CODEC_ID_MP2, AV_CODEC_ID_MP3, AV_CODEC_ID_OPUS, AV_CODEC_ID_SPEEX, AV_CODEC_ID_VORBIS, AV_CODEC_ID_WMAV1,
		AV_CODEC_ID_WMAV2, AV_CODEC_ID_ADPCM_MS, AV_CODEC_ID_ADPCM_IMA_WAV, AV_CODEC_ID_ADPCM_IMA_QT, AV_CODEC_ID_GSM, AV_CODEC_ID_GSM_MS,
		AV_CODEC_ID_PCM_S16LE, AV_CODEC_ID_PCM_S16BE, AV_CODEC_ID_PCM_U8, AV_CODEC_ID_PCM_S8, AV_CODEC_ID_PCM_ALAW, AV_CODEC_ID_PCM_MULAW,
		AV_CODEC_ID_PCM_S24LE, AV_CODEC_ID_PCM_S24BE, AV_CODEC_ID_PCM_S32LE, AV_CODEC_ID_PCM_S32BE, AV_CODEC_ID_PCM_F32LE, AV_CODEC_ID_PCM_F32BE,
		AV_CODEC_ID_PCM_F64LE, AV_CODEC_ID_PCM_F64BE,
	};
	for (size_t i = 0; i < COUNT(known); i++)
		if (known[i] == id)
			return true;
	return false;
}

/* --- the work --- */

struct work {
	struct media *m;
	int64_t size, at;			/* of the file; where it is read */
	AVIOContext *io;
	AVFormatContext *format;
	AVStream *stream;
	AVCodecContext *codec;
	SwrContext *swr;
	AVFrame *frame;
	AVPacket *packet;
	AVChannelLayout layout;			/* what swr was made for */
	int rate, sample_format;
	int64_t samples, told;			/* written; when progress was last told, in samples */
	int64_t skew_ms;			/* between the timestamps and what was written */
	int bad;
	int16_t out[OUTPUT_SAMPLES];
};

static bool refuse(struct work *, const char *code, const char *fmt, ...) PRINTF(3, 4);

static bool
refuse(struct work *w, const char *code, const char *fmt, ...)
{
	va_list ap;

	w->m->code = code;
	va_start(ap, fmt);
	vsnprintf(w->m->message, sizeof(w->m->message), fmt, ap);
	va_end(ap);
	return false;
}

/* --- reading: our descriptor is all there is --- */

static int
read_bytes(void *ctx, uint8_t *to, int n)
{
	struct work *w = ctx;
	ssize_t got = pread(w->m->in, to, (size_t)n, w->at);

	if (got < 0)
		return AVERROR(errno);
	w->at += got;
	return got != 0 ? (int)got : AVERROR_EOF;
}

static int64_t
seek_bytes(void *ctx, int64_t to, int whence)
{
	struct work *w = ctx;

	if (whence == AVSEEK_SIZE)
		return w->size;
	whence &= ~AVSEEK_FORCE;
	to += whence == SEEK_CUR ? w->at : whence == SEEK_END ? w->size : 0;
	if (to < 0)
		return AVERROR(EINVAL);
	return w->at = to;
}

/* A reference to another file, inside of a container. */
static int
open_nothing(struct AVFormatContext *f, AVIOContext **io, const char *url, int flags, AVDictionary **options)
{
	(void)f, (void)io, (void)url, (void)flags, (void)options;
	return AVERROR(EACCES);
}

static bool
open_format(struct work *w, const char *demuxer)
{
	uint8_t *block = av_malloc(INPUT_BLOCK);

	w->io = block != NULL ? avio_alloc_context(block, INPUT_BLOCK, 0, w, read_bytes, NULL, seek_bytes) : NULL;
	w->format = avformat_alloc_context();
	if (w->io == NULL || w->format == NULL)
		return refuse(w, "extraction_failed", "There is not enough memory for the recording. Try again later.");
	w->format->pb = w->io;
	w->format->io_open = open_nothing;
	w->format->protocol_whitelist = av_strdup("");
	w->format->codec_whitelist = av_strdup("none");	/* while it looks for streams, no decoder runs */
	w->format->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_DISCARD_CORRUPT;
	int rc = avformat_open_input(&w->format, NULL, av_find_input_format(demuxer), NULL);
	if (rc < 0)	/* it frees the context itself */
		return refuse(w, "extraction_failed", "The recording cannot be read: it is damaged or incomplete. Export it again, for example as MP3 or M4A.");
	/* What cannot be found out shows when the decoder is opened. */
	(void)avformat_find_stream_info(w->format, NULL);
	return true;
}

/* A picture on a cover is no video. */
static bool
has_video(const struct work *w)
{
	for (unsigned i = 0; i < w->format->nb_streams; i++) {
		const AVStream *s = w->format->streams[i];
		if (s->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && (s->disposition & AV_DISPOSITION_ATTACHED_PIC) == 0)
			return true;
	}
	return false;
}

/* How good it is as the one that is heard; 0 when it is none. */
static int
worth(const AVStream *s)
{
	int aside = AV_DISPOSITION_COMMENT | AV_DISPOSITION_VISUAL_IMPAIRED | AV_DISPOSITION_DUB;

	if (s->codecpar->codec_type != AVMEDIA_TYPE_AUDIO)
		return 0;
	return 1 + 4 * codec_known(s->codecpar->codec_id) + 2 * ((s->disposition & aside) == 0) + ((s->disposition & AV_DISPOSITION_DEFAULT) != 0);
}

/* Not av_find_best_stream: it wants to know rate and channels, which of some containers only a decoder tells. */
static int
best_stream(const AVFormatContext *f)
{
	int best = -1, most = 0;

	for (unsigned i = 0; i < f->nb_streams; i++) {
		int v = worth(f->streams[i]);
		if (v > most) {
			most = v;
			best = (int)i;
		}
	}
	return best;
}

static bool
choose_stream(struct work *w)
{
	int i = best_stream(w->format);

	if (i < 0 && has_video(w))
		return refuse(w, "empty_text", "The video has no sound, so nothing is said in it. Upload one with an audio track.");
	if (i < 0)
		return refuse(w, "extraction_failed", "No audio track was found in the recording. Export it again, for example as MP3 or M4A.");
	for (unsigned n = 0; n < w->format->nb_streams; n++)
		w->format->streams[n]->discard = AVDISCARD_ALL;
	w->stream = w->format->streams[i];
	w->stream->discard = AVDISCARD_DEFAULT;
	return true;
}

static bool
open_codec(struct work *w)
{
	const AVCodecParameters *p = w->stream->codecpar;
	const AVCodec *codec = codec_known(p->codec_id) ? avcodec_find_decoder(p->codec_id) : NULL;

	if (codec == NULL)
		return refuse(w, "unsupported_media", "The audio is encoded as %s, which is not read here. Export it again, for example as MP3 or M4A.",
		    avcodec_get_name(p->codec_id));
	w->codec = avcodec_alloc_context3(codec);
	w->frame = av_frame_alloc();
	w->packet = av_packet_alloc();
	if (w->codec == NULL || w->frame == NULL || w->packet == NULL || avcodec_parameters_to_context(w->codec, p) < 0)
		return refuse(w, "extraction_failed", "There is not enough memory for the recording. Try again later.");
	w->codec->thread_count = 1;
	w->codec->pkt_timebase = w->stream->time_base;
	if (avcodec_open2(w->codec, codec, NULL) < 0)
		return refuse(w, "extraction_failed", "The audio of the recording (%s) cannot be decoded: it is damaged. Export it again.", avcodec_get_name(p->codec_id));
	return true;
}

/* --- writing --- */

static int64_t ms_of(int64_t samples) { return samples * 1000 / MEDIA_RATE; }

static bool
put(struct work *w, const int16_t *sample, int n)
{
	str bytes = { (const char *)sample, (size_t)n * sizeof(*sample) };
	struct error e;

	w->samples += n;
	if (ms_of(w->samples) > w->m->max_ms)
		return refuse(w, "upload_too_large", "The recording is longer than %lld minutes. Upload it in parts.", (long long)(w->m->max_ms / 60000));
	if (w->m->out >= 0 && sys_write_all(w->m->out, bytes, "The sound of the recording could not be kept", &e) != OK)
		return refuse(w, "extraction_failed", "%s. Try again later.", e.detail);
	return true;
}

static bool
put_silence(struct work *w, int64_t samples)
{
	memset(w->out, 0, sizeof(w->out));
	for (int n; samples > 0; samples -= n) {
		n = (int)MIN(samples, OUTPUT_SAMPLES);
		if (!put(w, w->out, n))
			return false;
	}
	return true;
}

/* What swr still holds, and what it makes of the first n samples of the frame; 0 at the end. */
static bool
convert(struct work *w, int n)
{
	uint8_t *to = (uint8_t *)w->out;
	const uint8_t *from[CHANNELS_MAX] = { NULL };
	const uint8_t **data = NULL;

	if (n != 0) {
		int planes = av_sample_fmt_is_planar(w->frame->format) ? w->frame->ch_layout.nb_channels : 1;
		memcpy(from, w->frame->extended_data, (size_t)planes * sizeof(*from));
		data = from;
	}
	int got = swr_convert(w->swr, &to, OUTPUT_SAMPLES, data, n);

	while (got > 0) {
		if (!put(w, w->out, got))
			return false;
		if (got < OUTPUT_SAMPLES)
			break;
		got = swr_convert(w->swr, &to, OUTPUT_SAMPLES, NULL, 0);
	}
	return got >= 0 || refuse(w, "extraction_failed", "The sound of the recording could not be converted. Export it again, for example as MP3.");
}

/* Anew for each frame that is otherwise than the last one. */
static bool
set_converter(struct work *w)
{
	AVFrame *f = w->frame;
	AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;

	if (f->sample_rate < RATE_MIN || f->sample_rate > RATE_MAX || f->ch_layout.nb_channels < 1 || f->ch_layout.nb_channels > CHANNELS_MAX)
		return refuse(w, "unsupported_media", "The recording claims %d Hz and %d channels, which is not read here. Export it again, for example as MP3.",
		    f->sample_rate, f->ch_layout.nb_channels);
	if (f->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
		av_channel_layout_default(&f->ch_layout, f->ch_layout.nb_channels);
	if (w->swr != NULL && w->rate == f->sample_rate && w->sample_format == f->format && av_channel_layout_compare(&w->layout, &f->ch_layout) == 0)
		return true;
	if (w->swr != NULL && !convert(w, 0))
		return false;
	swr_free(&w->swr);
	w->rate = f->sample_rate;
	w->sample_format = f->format;
	if (av_channel_layout_copy(&w->layout, &f->ch_layout) < 0
	    || swr_alloc_set_opts2(&w->swr, &mono, AV_SAMPLE_FMT_S16, MEDIA_RATE, &f->ch_layout, f->format, f->sample_rate, 0, NULL) < 0
	    || swr_init(w->swr) < 0)
		return refuse(w, "unsupported_media", "The channels of the recording (%d) cannot be mixed. Export it with one or two.", f->ch_layout.nb_channels);
	return true;
}

/* A pause that was not recorded is silence, so that times stay those of the recording. */
static bool
fill_gap(struct work *w)
{
	if (w->frame->best_effort_timestamp == AV_NOPTS_VALUE)
		return true;
	AVRational ms = { 1, 1000 };
	int64_t start = w->format->start_time != AV_NOPTS_VALUE ? w->format->start_time / 1000 : 0;
	int64_t at = av_rescale_q(w->frame->best_effort_timestamp, w->stream->time_base, ms), gap;
	if (__builtin_sub_overflow(at, start + w->skew_ms, &at) || __builtin_sub_overflow(at, ms_of(w->samples), &gap))
		return true;
	if (gap >= GAP_MIN_MS && gap <= GAP_MAX_MS)
		return put_silence(w, gap * MEDIA_RATE / 1000);
	if (gap > GAP_MAX_MS || gap < -GAP_MIN_MS)
		w->skew_ms += gap;
	return true;
}

static void
tell(struct work *w)
{
	int64_t all = w->format->duration != AV_NOPTS_VALUE ? w->format->duration / 1000 : 0, now = ms_of(w->samples);
	char what[80];

	if (w->m->progress == NULL || w->samples - w->told < 20 * MEDIA_RATE)
		return;
	w->told = w->samples;
	if (all >= now && all <= w->m->max_ms)
		snprintf(what, sizeof(what), "decoding, %lld of %lld minutes", (long long)((now + 59999) / 60000), (long long)((all + 59999) / 60000));
	else
		snprintf(what, sizeof(what), "decoding, %lld minutes", (long long)((now + 59999) / 60000));
	double part = all >= now && all <= w->m->max_ms ? (double)now / (double)all : (double)avio_tell(w->io) / (double)MAX(w->size, 1);
	w->m->progress(w->m->ctx, part < 0 ? 0 : part > 1 ? 1 : part, what);
}

/* --- from packet to sound --- */

static bool
take_frames(struct work *w)
{
	int rc;

	while ((rc = avcodec_receive_frame(w->codec, w->frame)) >= 0) {
		bool ok = set_converter(w) && fill_gap(w) && convert(w, w->frame->nb_samples);
		av_frame_unref(w->frame);
		if (!ok)
			return false;
		w->bad = 0;
		tell(w);
	}
	return true;
}

static bool
take_packet(struct work *w)
{
	if (w->packet->stream_index == w->stream->index && avcodec_send_packet(w->codec, w->packet) < 0 && ++w->bad > BAD_MAX)
		return refuse(w, "extraction_failed", "Most of the recording cannot be decoded: it is damaged. Export it again.");
	return take_frames(w);
}

static bool
decode_all(struct work *w)
{
	bool ok = true;

	while (ok && av_read_frame(w->format, w->packet) >= 0) {
		ok = take_packet(w);
		av_packet_unref(w->packet);
	}
	if (!ok)
		return false;
	(void)avcodec_send_packet(w->codec, NULL);
	if (!take_frames(w) || (w->swr != NULL && !convert(w, 0)))
		return false;
	return w->samples != 0 || refuse(w, "extraction_failed", "There is no sound in the recording: it is empty or damaged. Export it again.");
}

static void
close_all(struct work *w)
{
	av_packet_free(&w->packet);
	av_frame_free(&w->frame);
	swr_free(&w->swr);
	av_channel_layout_uninit(&w->layout);
	avcodec_free_context(&w->codec);
	avformat_close_input(&w->format);
	if (w->io != NULL)
		av_freep(&w->io->buffer);
	avio_context_free(&w->io);
}

bool
media_decode(struct media *m, const char *demuxer)
{
	static struct work w;			/* too large for a stack; there is one recording in a process */

	w = (struct work){ .m = m, .size = lseek(m->in, 0, SEEK_END) };
	if (m->max_ms == 0)
		m->max_ms = MEDIA_MAX_MS;
	av_max_alloc(ALLOC_MAX);
	av_log_set_level(AV_LOG_QUIET);
	bool ok = open_format(&w, demuxer) && choose_stream(&w) && open_codec(&w) && decode_all(&w);
	close_all(&w);
	m->duration_ms = ms_of(w.samples);
	return ok;
}

/* --- as a reader of files --- */

static const struct { bool (*sniff)(const struct file *); const char *demuxer; } containers[] = {
#define CONTAINER(name, noun, demuxer, types) { name##_sniff, demuxer },
#include "extract/containers.def"
#undef CONTAINER
};

static void tell_out(void *ctx, double part, const char *what) { out_progress(ctx, SHARE * part, "%s", what); }

void
media_read(const struct file *f, struct out *o)
{
	struct media m = { .in = f->fd, .out = f->sound, .progress = tell_out, .ctx = o };
	size_t i = 0;

	while (!containers[i].sniff(f))		/* the one by which it came here */
		i++;
	if (!media_decode(&m, containers[i].demuxer))
		out_stop(o, m.code, "%s", m.message);
	out_duration(o, m.duration_ms);
}
