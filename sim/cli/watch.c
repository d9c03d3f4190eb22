/* The one changing global of the program: a signal handler can reach nothing else. */
#include "sim/cli/cli.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "sim/world.h"

/* After the world was told to stop, this long until the process is ended where it stands. */
#define GRACE_S 5

static struct {
    struct sim_world *volatile world;
    volatile sig_atomic_t is_timed_out;
    volatile sig_atomic_t is_interrupted;
} watch;

double cli_watch_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The second alarm comes only when the world did not heed the first. */
static void on_alarm(int signal_number)
{
    static const char text[] = "replisim: not finished in time, and not to be stopped\n";
    (void)signal_number;
    if (watch.is_timed_out) {
        ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
        (void)ignored;
        _exit(CLI_EXIT_BROKEN);
    }
    watch.is_timed_out = 1;
    if (watch.world != NULL) {
        sim_world_interrupt(watch.world);
    }
}

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    if (watch.is_interrupted) {
        _exit(CLI_EXIT_INTERRUPTED);
    }
    watch.is_interrupted = 1;
    if (watch.world != NULL) {
        sim_world_interrupt(watch.world);
    }
}

static void handle(int signal_number, void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(signal_number, &action, NULL);
}

void cli_watch_alarm(double timeout_s)
{
    watch.is_timed_out = 0;
    if (timeout_s > 0) {
        struct itimerval timer = {.it_interval = {.tv_sec = GRACE_S}};
        timer.it_value.tv_sec = (time_t)timeout_s;
        timer.it_value.tv_usec =
            (suseconds_t)((timeout_s - (double)timer.it_value.tv_sec) * 1e6) + 1;
        if (timer.it_value.tv_usec >= 1000000) {
            timer.it_value.tv_usec = 999999;
        }
        handle(SIGALRM, on_alarm);
        setitimer(ITIMER_REAL, &timer, NULL);
    }
}

void cli_watch_begin(double timeout_s)
{
    handle(SIGINT, on_interrupt);
    handle(SIGTERM, on_interrupt);
    cli_watch_alarm(timeout_s);
}

/* A signal that came before there was a world is passed on to it now. */
void cli_watch_world(struct sim_world *world)
{
    watch.world = world;
    if (world != NULL && (watch.is_timed_out || watch.is_interrupted)) {
        sim_world_interrupt(world);
    }
}

void cli_watch_end(void)
{
    struct itimerval none;
    memset(&none, 0, sizeof none);
    setitimer(ITIMER_REAL, &none, NULL);
    watch.world = NULL;
}

bool cli_watch_is_timed_out(void)
{
    return watch.is_timed_out != 0;
}

bool cli_watch_is_interrupted(void)
{
    return watch.is_interrupted != 0;
}
