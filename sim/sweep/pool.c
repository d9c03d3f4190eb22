#include "sim/sweep/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

/* What a read takes at once; the pipe of the kernel holds as much. */
#define READ_BYTES 65536

struct worker {
    pid_t child; /* 0: the place is free */
    void *job;
    int result, noise; /* pipes; -1: at their end */
    double began_s;
    char *output; /* owned; kept for the next worker of the place */
    size_t output_bytes, output_capacity;
    char noise_text[2 * SWEEP_NOISE_BYTES + 1];
    size_t noise_bytes;
    bool is_killed, is_overflowed;
};

struct sweep_pool {
    struct sweep_pool_spec spec;
    uint32_t running;
    struct pollfd *files;   /* owned; two a worker */
    struct worker *workers; /* owned */
    char scratch[READ_BYTES];
};

int sweep_pool_new(const struct sweep_pool_spec *spec, struct sweep_pool **pool_out)
{
    struct sweep_pool *pool = calloc(1, sizeof *pool);
    *pool_out = pool;
    if (pool == NULL) {
        return SWEEP_ERR_NOMEM;
    }
    pool->spec = *spec;
    pool->files = calloc((size_t)spec->jobs * 2, sizeof *pool->files);
    pool->workers = calloc(spec->jobs, sizeof *pool->workers);
    if (pool->files == NULL || pool->workers == NULL) {
        sweep_pool_free(pool);
        *pool_out = NULL;
        return SWEEP_ERR_NOMEM;
    }
    return SWEEP_OK;
}

static void close_file(int *file)
{
    if (*file >= 0) {
        close(*file);
        *file = -1;
    }
}

/* A worker whose pipe is at its end is ending. One that only closed it by mistake is given this long. */
#define LINGER_MS 2000
/* Most are gone after a turn of the processor or two. */
#define LINGER_TURNS 50

static int reap(struct worker *worker)
{
    int status = 0;
    for (int turn = 0; waitpid(worker->child, &status, WNOHANG) == 0; turn++) {
        if (turn == LINGER_TURNS + LINGER_MS) {
            worker->is_killed = true;
            kill(worker->child, SIGKILL);
        }
        if (turn < LINGER_TURNS) {
            (void)sched_yield();
        } else {
            (void)poll(NULL, 0, 1);
        }
    }
    return status;
}

void sweep_pool_free(struct sweep_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    for (uint32_t i = 0; i < pool->spec.jobs && pool->workers != NULL; i++) {
        struct worker *worker = &pool->workers[i];
        if (worker->child != 0) {
            kill(worker->child, SIGKILL);
            (void)reap(worker);
            close_file(&worker->result);
            close_file(&worker->noise);
        }
        free(worker->output);
    }
    free(pool->workers);
    free(pool->files);
    free(pool);
}

uint32_t sweep_pool_running(const struct sweep_pool *pool)
{
    return pool->running;
}

bool sweep_pool_has_room(const struct sweep_pool *pool)
{
    return pool->running < pool->spec.jobs;
}

/* ---- In the child ----------------------------------------------------------------------------------- */

/* It is the worker that goes when memory runs out, not the parent; and with the parent, the worker. */
static void bind_to_parent(pid_t parent)
{
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file >= 0) {
        ssize_t ignored = write(file, "1000", 4);
        (void)ignored;
        close(file);
    }
#endif
    if (getppid() != parent) {
        _exit(EXIT_FAILURE); /* it died before it could be bound to */
    }
}

/* A crash leaves no core file behind each seed; a limit of memory makes malloc say no. */
static void limit(const struct sweep_pool_spec *spec)
{
    struct rlimit none = {0, 0}, memory = {spec->memory_bytes, spec->memory_bytes};
    setrlimit(RLIMIT_CORE, &none);
    if (spec->memory_bytes > 0) {
        setrlimit(RLIMIT_AS, &memory);
    }
}

/* Ctrl-C reaches the whole group: the parent decides, and its workers go on until then. */
static void reset_signals(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
}

static void work(struct sweep_pool *pool, pid_t parent, void *job, int result, int noise)
{
    bind_to_parent(parent);
    reset_signals();
    dup2(noise, STDOUT_FILENO);
    dup2(noise, STDERR_FILENO);
    close(noise);
    for (uint32_t i = 0; i < pool->spec.jobs; i++) {
        if (pool->workers[i].child != 0) {
            close_file(&pool->workers[i].result);
            close_file(&pool->workers[i].noise);
        }
    }
    limit(&pool->spec);
    int code = pool->spec.work(pool->spec.context, job, result);
    fflush(stdout);
    fflush(stderr);
    _exit(code);
}

/* ---- Starting --------------------------------------------------------------------------------------- */

static struct worker *free_worker(struct sweep_pool *pool)
{
    for (uint32_t i = 0; i < pool->spec.jobs; i++) {
        if (pool->workers[i].child == 0) {
            return &pool->workers[i];
        }
    }
    return NULL;
}

static int refuse(int files[4], char note_out[SWEEP_NOTE_BYTES], const char *what)
{
    snprintf(note_out, SWEEP_NOTE_BYTES, "%s: %s", what, strerror(errno));
    for (int i = 0; i < 4; i++) {
        close_file(&files[i]);
    }
    return SWEEP_ERR_SYSTEM;
}

static bool make_pipe(int ends[2])
{
    if (pipe(ends) != 0) {
        ends[0] = ends[1] = -1;
        return false;
    }
    return fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
}

int sweep_pool_start(struct sweep_pool *pool, void *job, char note_out[SWEEP_NOTE_BYTES])
{
    int files[4] = {-1, -1, -1, -1};
    struct worker *worker = free_worker(pool);
    if (!make_pipe(files) || !make_pipe(files + 2)) {
        return refuse(files, note_out, "no pipe to a worker");
    }
    (void)fflush(NULL); /* or the child would print it once more */
    pid_t parent = getpid();
    pid_t child = fork();
    if (child < 0) {
        return refuse(files, note_out, "no process for a worker");
    }
    if (child == 0) {
        close(files[0]);
        close(files[2]);
        work(pool, parent, job, files[1], files[3]);
    }
    close(files[1]);
    close(files[3]);
    worker->child = child;
    worker->job = job;
    worker->result = files[0];
    worker->noise = files[2];
    worker->began_s = pool->spec.now();
    worker->output_bytes = worker->noise_bytes = 0;
    worker->is_killed = worker->is_overflowed = false;
    pool->running += 1;
    return SWEEP_OK;
}

/* ---- Gathering -------------------------------------------------------------------------------------- */

static void stop(struct worker *worker, bool *why)
{
    if (!worker->is_killed && !worker->is_overflowed) {
        *why = true;
        kill(worker->child, SIGKILL);
    }
}

static void keep_output(struct worker *worker, const char *bytes, size_t count)
{
    if (worker->output_bytes + count > SWEEP_OUTPUT_BYTES) {
        stop(worker, &worker->is_overflowed);
        return;
    }
    if (worker->output_bytes + count + 1 > worker->output_capacity) {
        size_t capacity = (worker->output_bytes + count) * 2 + 1;
        char *grown = realloc(worker->output, capacity);
        if (grown == NULL) {
            stop(worker, &worker->is_overflowed);
            return;
        }
        worker->output = grown;
        worker->output_capacity = capacity;
    }
    memcpy(worker->output + worker->output_bytes, bytes, count);
    worker->output_bytes += count;
}

/* The last bytes only: twice as many are held, so that they are moved seldom. */
static void keep_noise(struct worker *worker, const char *bytes, size_t count)
{
    if (count > SWEEP_NOISE_BYTES) {
        bytes += count - SWEEP_NOISE_BYTES;
        count = SWEEP_NOISE_BYTES;
    }
    if (worker->noise_bytes + count > 2 * SWEEP_NOISE_BYTES) {
        memmove(worker->noise_text, worker->noise_text + worker->noise_bytes - SWEEP_NOISE_BYTES,
                SWEEP_NOISE_BYTES);
        worker->noise_bytes = SWEEP_NOISE_BYTES;
    }
    memcpy(worker->noise_text + worker->noise_bytes, bytes, count);
    worker->noise_bytes += count;
}

/* What is there now, and no more than that. */
static void read_file(struct sweep_pool *pool, struct worker *worker, int *file,
                      void (*keep)(struct worker *worker, const char *bytes, size_t count))
{
    ssize_t count = *file < 0 ? -1 : read(*file, pool->scratch, sizeof pool->scratch);
    if (count > 0) {
        keep(worker, pool->scratch, (size_t)count);
    } else if (count == 0 || (*file >= 0 && errno != EINTR && errno != EAGAIN)) {
        close_file(file);
    }
}

/* Noise may be held open by a child of the worker's; what came until now is enough. */
static bool end_worker(struct sweep_pool *pool, struct worker *worker)
{
    int status = reap(worker);
    struct sweep_ended ended = {
        .job = worker->job,
        .output = worker->output == NULL ? "" : worker->output,
        .output_bytes = worker->output_bytes,
        .is_signalled = WIFSIGNALED(status),
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        .code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
        .is_killed = worker->is_killed,
        .is_overflowed = worker->is_overflowed,
        .wall_s = pool->spec.now() - worker->began_s,
    };
    read_file(pool, worker, &worker->noise, keep_noise);
    close_file(&worker->noise);
    size_t skipped =
        worker->noise_bytes > SWEEP_NOISE_BYTES ? worker->noise_bytes - SWEEP_NOISE_BYTES : 0;
    worker->noise_text[worker->noise_bytes] = '\0';
    ended.noise = worker->noise_text + skipped;
    if (worker->output != NULL) {
        worker->output[worker->output_bytes] = '\0';
    }
    worker->child = 0;
    pool->running -= 1;
    return pool->spec.ended(pool->spec.context, &ended);
}

static double nearest_deadline(const struct sweep_pool *pool, double now_s, double timeout_s)
{
    for (uint32_t i = 0; i < pool->spec.jobs && pool->spec.kill_after_s > 0; i++) {
        const struct worker *worker = &pool->workers[i];
        double left_s = worker->began_s + pool->spec.kill_after_s - now_s;
        if (worker->child != 0 && !worker->is_killed && left_s < timeout_s) {
            timeout_s = left_s < 0 ? 0 : left_s;
        }
    }
    return timeout_s;
}

static void kill_late(struct sweep_pool *pool)
{
    double now_s = pool->spec.now();
    for (uint32_t i = 0; i < pool->spec.jobs && pool->spec.kill_after_s > 0; i++) {
        struct worker *worker = &pool->workers[i];
        if (worker->child != 0 && now_s - worker->began_s >= pool->spec.kill_after_s) {
            stop(worker, &worker->is_killed);
        }
    }
}

bool sweep_pool_wait(struct sweep_pool *pool, double timeout_s)
{
    for (uint32_t i = 0; i < pool->spec.jobs; i++) {
        const struct worker *worker = &pool->workers[i];
        bool is_running = worker->child != 0;
        pool->files[2 * i] =
            (struct pollfd){.fd = is_running ? worker->result : -1, .events = POLLIN};
        pool->files[2 * i + 1] =
            (struct pollfd){.fd = is_running ? worker->noise : -1, .events = POLLIN};
    }
    timeout_s = nearest_deadline(pool, pool->spec.now(), timeout_s);
    int count = poll(pool->files, (nfds_t)pool->spec.jobs * 2, (int)(timeout_s * 1000) + 1);
    bool is_good = true;
    for (uint32_t i = 0; i < pool->spec.jobs && count > 0 && is_good; i++) {
        struct worker *worker = &pool->workers[i];
        if (pool->files[2 * i + 1].revents != 0) {
            read_file(pool, worker, &worker->noise, keep_noise);
        }
        if (pool->files[2 * i].revents != 0) {
            read_file(pool, worker, &worker->result, keep_output);
            is_good = worker->result >= 0 || end_worker(pool, worker);
        }
    }
    kill_late(pool);
    return is_good;
}
