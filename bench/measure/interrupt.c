#include "measure/interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t came;

static void interrupt_note(int number);

void
interrupt_watch(void)
{
    struct sigaction action = {.sa_handler = interrupt_note,
                               .sa_flags = (int) SA_RESETHAND | SA_RESTART};

    sigemptyset(&action.sa_mask);
    (void) sigaction(SIGINT, &action, NULL);
    (void) sigaction(SIGTERM, &action, NULL);
}

int
interrupt_came(void)
{
    return came != 0;
}

static void
interrupt_note(int number)
{
    (void) number;
    came = 1;
}
