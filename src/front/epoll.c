/* epoll -- a trap of libmicrohttpd 0.9.75, mended in front of it.
 *
 * Its loop asks for 128 events and, when it gets exactly 128, asks again with the same time-out before it looks at the
 * first ones: with 128 connections ready at once and nothing else going on it sleeps for ever, and they hang.  (Seen with
 * 256 connections on two loops, about every second run.)  The library's call is bound to this definition, which gives it
 * one event fewer than it has room for, so that it never believes there are more.
 *
 * It is also where each loop's thread passes first, and says that whoever waits for it waits for a short while only: beside
 * workers that use all processors a read waited three milliseconds for its turn.  And it is where a round of a loop is over. */
#include "front/front_priv.h"
#include <sys/epoll.h>

int
epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
	static _Thread_local bool prompt;

	if (!prompt)
		sys_thread_prompt();
	prompt = true;
	sys_round_over();
	return epoll_pwait(fd, events, max > 1 ? max - 1 : max, timeout_ms, NULL);
}
