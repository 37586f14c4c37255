/* stream -- an answer that goes on.
 *
 * front_stream takes the place of front_answer in head, run or resumed: status and the headers that were added go out, then whatever is sent, until
 * the stream is ended.  The connection is closed behind it.  When nothing was sent for beat_ms (0: never) the front itself sends `beat`, a constant,
 * so that proxies keep the line.  The handler's end() comes as soon as the stream has begun: a stream outlives its exchange.
 *
 * A client that closed its socket, or its half of it, is noticed at once; one that vanished without a word, when nothing was acknowledged for
 * keepalive_ms.  HTTP/1.0 gets the same without chunks, HEAD the headers only: its stream is gone at once.
 *
 * Limits:     FRONT_STREAM_MAX bytes wait for a client that takes little, FRONT_STREAMS_MAX for all of them; what would be more cuts the stream.
 *             Half of max_connections may be streams.  An idle one costs some 250 bytes of ours.
 * Ownership:  the handle is the owner's until front_stream_end, which is due in any case, also after front_close.
 * Threads:    front_stream and front_stream_on_gone in the handler's step, the others from any; none waits.
 * Layer:      as front.h. */
#ifndef FRONT_STREAM_H
#define FRONT_STREAM_H
#include "front/front.h"

#define FRONT_STREAM_MAX	((size_t)1 << 20)
#define FRONT_STREAMS_MAX	((size_t)32 << 20)
struct front_stream;
/* NULL where nothing was answered: there are as many as there may be, there is no memory, the exchange is no connection's. */
struct front_stream *front_stream(struct exchange *, int status, str beat, int64_t beat_ms);
/* gone(ctx, id) is called when the client left or the stream was cut, at most once, from a thread of the front that holds nothing.  It may still come
 * while front_stream_end is called by another thread, but not after front_close.  So ctx lives as long as the front, and id is the owner's own number
 * for what the stream belongs to, which gone() may find to be over.  It must be quick.  It may call front_stream_end. */
void	front_stream_on_gone(struct front_stream *, void (*gone)(void *ctx, uint64_t id), void *ctx, uint64_t id);
bool	front_send(struct front_stream *, str);		/* copies.  False: nothing will go out any more */
bool	front_stream_gone(const struct front_stream *);	/* nobody listens any more */
void	front_stream_end(struct front_stream *);	/* once: what was sent goes out, the answer ends */
#endif
