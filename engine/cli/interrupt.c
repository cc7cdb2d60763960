/* Ctrl-C as a cancel. The handler does nothing but an atomic store. */
#include "cli.h"

#include <signal.h>

static xai_token *running;

static void interrupt(int signal_number)
{
    (void)signal_number;
    xai_token_cancel(running);
}

void cli_on_interrupt(xai_token *token)
{
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};
    if (token) {
        running = token;
        sigaction(SIGINT, &action, NULL);
    } else {
        signal(SIGINT, SIG_DFL);
    }
}
