/* encode -- makes recordings for tests: PCM (16 kHz, mono, signed 16 bits) from standard input into any container and codec that
 * the libraries can write.
 *
 *	encode OUT.EXT [CODEC [RATE [CHANNELS]]] [--video] [--mute]     the codec as libavcodec calls it; 0 or nothing: the container's own
 *
 * --video adds a picture track, --mute leaves the sound out. */
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libswresample/swresample.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_RATE		16000
#define IN_MAX		(IN_RATE * 1200)
#define SIDE		64
#define FRAMES_A_S	10

static void
must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "encode: %s\n", what);
		exit(1);
	}
}

static AVStream *
add_stream(AVFormatContext *f, AVCodecContext *c)
{
	AVStream *s = avformat_new_stream(f, NULL);

	if (f->oformat->flags & AVFMT_GLOBALHEADER)
		c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	c->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
	must(s != NULL && avcodec_open2(c, NULL, NULL) == 0, "the encoder does not open");
	must(avcodec_parameters_from_context(s->codecpar, c) >= 0, "no parameters");
	s->time_base = c->time_base;
	return s;
}

static void
send(AVFormatContext *f, AVStream *s, AVCodecContext *c, const AVFrame *frame)
{
	AVPacket *p = av_packet_alloc();

	must(avcodec_send_frame(c, frame) == 0, "a frame is refused");
	while (avcodec_receive_packet(c, p) == 0) {
		p->stream_index = s->index;
		av_packet_rescale_ts(p, c->time_base, s->time_base);
		must(av_interleaved_write_frame(f, p) == 0, "a packet is refused");
	}
	av_packet_free(&p);
}

static AVCodecContext *
audio_encoder(const AVFormatContext *f, const char *name, int rate, int channels)
{
	const AVCodec *codec = name != NULL && strcmp(name, "0") != 0 ? avcodec_find_encoder_by_name(name) : avcodec_find_encoder(f->oformat->audio_codec);

	must(codec != NULL, "no such encoder");
	AVCodecContext *c = avcodec_alloc_context3(codec);
	c->sample_rate = rate;
	c->sample_fmt = codec->sample_fmts != NULL ? codec->sample_fmts[0] : AV_SAMPLE_FMT_S16;
	c->bit_rate = 64000;
	c->time_base = (AVRational){ 1, rate };
	av_channel_layout_default(&c->ch_layout, channels);
	return c;
}

static AVCodecContext *
video_encoder(void)
{
	AVCodecContext *c = avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_MPEG4));

	must(c != NULL, "no MPEG-4 encoder");
	c->width = c->height = SIDE;
	c->pix_fmt = AV_PIX_FMT_YUV420P;
	c->time_base = (AVRational){ 1, FRAMES_A_S };
	return c;
}

static void
put_video(AVFormatContext *f, AVStream *s, AVCodecContext *c, int frames)
{
	AVFrame *p = av_frame_alloc();

	p->format = c->pix_fmt;
	p->width = p->height = SIDE;
	must(av_frame_get_buffer(p, 0) == 0, "no memory");
	for (int i = 0; i < frames; i++) {
		must(av_frame_make_writable(p) == 0, "no memory");
		for (int plane = 0; plane < 3; plane++)
			memset(p->data[plane], i & 255, (size_t)p->linesize[plane] * (plane == 0 ? SIDE : SIDE / 2));
		p->pts = i;
		send(f, s, c, p);
	}
	send(f, s, c, NULL);
	av_frame_free(&p);
}

static void
put_audio(AVFormatContext *f, AVStream *s, AVCodecContext *c, const int16_t *in, int n)
{
	AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
	AVFrame *p = av_frame_alloc();
	SwrContext *swr = NULL;
	int size = c->frame_size != 0 ? c->frame_size : 1024, got;
	const uint8_t *from = (const uint8_t *)in;

	must(swr_alloc_set_opts2(&swr, &c->ch_layout, c->sample_fmt, c->sample_rate, &mono, AV_SAMPLE_FMT_S16, IN_RATE, 0, NULL) == 0
	    && swr_init(swr) == 0, "no converter");
	must(swr_convert(swr, NULL, 0, &from, n) >= 0, "not converted");
	p->format = c->sample_fmt;
	p->sample_rate = c->sample_rate;
	p->nb_samples = size;
	av_channel_layout_copy(&p->ch_layout, &c->ch_layout);
	must(av_frame_get_buffer(p, 0) == 0, "no memory");
	p->pts = 0;
	while (av_frame_make_writable(p) == 0 && (got = swr_convert(swr, p->extended_data, size, NULL, 0)) > 0) {
		p->nb_samples = got;
		send(f, s, c, p);
		p->pts += got;
	}
	send(f, s, c, NULL);
	swr_free(&swr);
	av_frame_free(&p);
}

int
main(int argc, char **argv)
{
	bool video = false, mute = false;
	AVFormatContext *f;
	AVCodecContext *ac = NULL, *vc = NULL;
	AVStream *as = NULL, *vs = NULL;

	for (; argc > 1 && argv[argc - 1][0] == '-'; argc--) {
		video |= strcmp(argv[argc - 1], "--video") == 0;
		mute |= strcmp(argv[argc - 1], "--mute") == 0;
	}
	must(argc > 1, "encode OUT [CODEC [RATE [CHANNELS]]] [--video] [--mute] <PCM");
	av_log_set_level(AV_LOG_QUIET);
	int16_t *in = malloc(IN_MAX * sizeof(*in));
	int n = in != NULL ? (int)fread(in, sizeof(*in), IN_MAX, stdin) : 0;
	must(avformat_alloc_output_context2(&f, NULL, NULL, argv[1]) >= 0, "no such container");
	if (!mute)
		as = add_stream(f, ac = audio_encoder(f, argc > 2 ? argv[2] : NULL, argc > 3 ? (int)strtol(argv[3], NULL, 10) : IN_RATE,
		    argc > 4 ? (int)strtol(argv[4], NULL, 10) : 1));
	if (video)
		vs = add_stream(f, vc = video_encoder());
	must(avio_open(&f->pb, argv[1], AVIO_FLAG_WRITE) >= 0 && avformat_write_header(f, NULL) >= 0, "no file");
	if (video)
		put_video(f, vs, vc, (n / IN_RATE + 1) * FRAMES_A_S);
	if (!mute)
		put_audio(f, as, ac, in, n);
	must(av_write_trailer(f) == 0, "no end");
	avio_closep(&f->pb);
	avcodec_free_context(&ac);
	avcodec_free_context(&vc);
	avformat_free_context(f);
	free(in);
	return 0;
}
