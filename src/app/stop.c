/* stop -- how a command that takes long is asked to end, and ends where it can be gone on with. */
#include "app/app.h"
#include <signal.h>

static volatile sig_atomic_t stopped;
/* The second signal ends us wherever we are. */
static void on_stop(int sig) { (void)sig; stopped = 1; }

void
stop_on_signals(void)
{
	struct sigaction stop = { .sa_handler = on_stop, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
}

bool stop_not_asked(void *ctx) { (void)ctx; return !stopped; }
