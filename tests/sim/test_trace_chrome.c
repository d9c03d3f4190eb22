#include <check.h>
#include <jansson.h>

#include "sim/script.h"
#include "sim/trace.h"
#include "sim/world.h"
#include "tests/lib/test_alloc.h"

/* ---- What Perfetto asks of a trace -------------------------------------------------------------- */

#define TRACK_MAX 4096
#define DEPTH_MAX 8

struct track {
    json_int_t process, thread;
    double time_us;
    bool is_named;
    size_t depth;
    const char *names[DEPTH_MAX];
};

struct tracks {
    struct track all[TRACK_MAX];
    size_t count;
    size_t slices, instants, counters;
    size_t pulls, fetches_in_attempts;
};

static struct track *track_of(struct tracks *tracks, const json_t *event)
{
    json_int_t process = json_integer_value(json_object_get(event, "pid"));
    json_int_t thread = json_integer_value(json_object_get(event, "tid"));
    for (size_t index = 0; index < tracks->count; index += 1) {
        if (tracks->all[index].process == process && tracks->all[index].thread == thread) {
            return &tracks->all[index];
        }
    }
    ck_assert_uint_lt(tracks->count, TRACK_MAX);
    struct track *track = &tracks->all[tracks->count++];
    *track = (struct track){.process = process, .thread = thread};
    return track;
}

static bool is_slice_known(const char *name)
{
    static const char *const NAMES[] = {
        "set-up",  "story", "closing", "life",       "stopping", "leads",   "follows", "join",
        "barrier", "walk",  "ready",   "leaderless", "pull",     "attempt", "fetch",   "publish"};
    for (size_t index = 0; index < sizeof NAMES / sizeof NAMES[0]; index += 1) {
        if (strcmp(NAMES[index], name) == 0) {
            return true;
        }
    }
    return false;
}

static void begin_slice(struct tracks *tracks, struct track *track, const char *name)
{
    ck_assert_msg(is_slice_known(name), "slice %s", name);
    ck_assert_uint_lt(track->depth, DEPTH_MAX);
    tracks->slices += 1;
    tracks->pulls += strcmp(name, "pull") == 0;
    tracks->fetches_in_attempts += strcmp(name, "fetch") == 0 && track->depth == 2 &&
                                   strcmp(track->names[1], "attempt") == 0 &&
                                   strcmp(track->names[0], "pull") == 0;
    track->names[track->depth++] = name;
}

static void check_event(struct tracks *tracks, const json_t *event)
{
    const char *phase = json_string_value(json_object_get(event, "ph"));
    const char *name = json_string_value(json_object_get(event, "name"));
    struct track *track = track_of(tracks, event);
    double time_us = json_number_value(json_object_get(event, "ts"));
    ck_assert_ptr_nonnull(phase);
    ck_assert(json_is_object(json_object_get(event, "args")));
    if (phase[0] == 'M') {
        track->is_named = track->is_named || strcmp(name, "thread_name") == 0;
        return;
    }
    ck_assert_msg(time_us >= track->time_us, "%s at %f after %f", phase, time_us, track->time_us);
    track->time_us = time_us;
    ck_assert(track->is_named || phase[0] == 'C');
    switch (phase[0]) {
    case 'B': begin_slice(tracks, track, name); break;
    case 'E':
        ck_assert_uint_gt(track->depth, 0);
        track->depth -= 1;
        break;
    case 'i': tracks->instants += 1; break;
    case 'C': tracks->counters += 1; break;
    default: ck_abort_msg("phase %s", phase);
    }
}

/* The whole file; each slice has its end, each track its name and its order. */
static void check_trace(FILE *file, struct tracks *tracks)
{
    json_error_t error;
    rewind(file);
    memset(tracks, 0, sizeof *tracks);
    json_t *root = json_loadf(file, 0, &error);
    ck_assert_msg(root != NULL, "line %d: %s", error.line, error.text);
    const json_t *events = json_object_get(root, "traceEvents");
    for (size_t index = 0; index < json_array_size(events); index += 1) {
        check_event(tracks, json_array_get(events, index));
    }
    for (size_t index = 0; index < tracks->count; index += 1) {
        ck_assert_uint_eq(tracks->all[index].depth, 0);
    }
    json_decref(root);
}

/* ---- Single observations ------------------------------------------------------------------------ */

struct bench {
    struct test_alloc alloc;
    struct sim_trace *trace;
    FILE *file;
    rp_time_ns now_ns;
};

static void bench_begin(struct bench *bench)
{
    memset(bench, 0, sizeof *bench);
    test_alloc_init(&bench->alloc);
    bench->file = tmpfile();
    ck_assert_int_eq(sim_trace_new(&bench->alloc.alloc, 0, &bench->trace), 0);
    sim_trace_sink(bench->trace, bench->file, SIM_TRACE_CHROME);
}

static void bench_end(struct bench *bench, struct tracks *tracks)
{
    ck_assert_int_eq(sim_trace_sink_end(bench->trace), 0);
    check_trace(bench->file, tracks);
    fclose(bench->file);
    sim_trace_free(bench->trace);
    ck_assert_uint_eq(bench->alloc.live_count, 0);
}

static void see(struct bench *bench, enum rp_observation_kind kind, const char *path,
                uint64_t value)
{
    struct rp_observation seen = {.kind = kind, .path = rp_view_text(path), .value = value};
    bench->now_ns += 1500;
    sim_trace_observation(bench->trace, bench->now_ns, rp_view_text("reader-1"), &seen);
}

/* Two workers' pulls overlap and lie in tracks of their own; fetches lie in attempts. */
START_TEST(pulls_of_two_workers_do_not_mix)
{
    struct bench bench;
    static struct tracks tracks;
    bench_begin(&bench);
    see(&bench, RP_SEE_ANNOUNCED, "a", 0);
    see(&bench, RP_SEE_ANNOUNCED, "b\"\xff", 0);
    see(&bench, RP_SEE_PULL_BEGIN, "a", 0);
    see(&bench, RP_SEE_PULL_BEGIN, "b\"\xff", 1);
    see(&bench, RP_SEE_ATTEMPT_BEGIN, "a", 1);
    see(&bench, RP_SEE_DIAL, "a", 1);
    see(&bench, RP_SEE_ATTEMPT_BEGIN, "b\"\xff", 1);
    see(&bench, RP_SEE_DIAL, "b\"\xff", 1);
    see(&bench, RP_SEE_FETCH_END, "a", 0);
    see(&bench, RP_SEE_PUBLISH_BEGIN, "a", 0);
    see(&bench, RP_SEE_PUBLISHED, "a", 0);
    see(&bench, RP_SEE_PULL_END, "a", 0);
    see(&bench, RP_SEE_FETCH_END, "b\"\xff", 4);
    see(&bench, RP_SEE_ATTEMPT_BEGIN, "b\"\xff", 2);
    see(&bench, RP_SEE_DIAL, "b\"\xff", 2);
    see(&bench, RP_SEE_PULL_END, "b\"\xff", 2);
    bench_end(&bench, &tracks);
    ck_assert_uint_eq(tracks.pulls, 2);
    ck_assert_uint_eq(tracks.fetches_in_attempts, 3);
    ck_assert_uint_ge(tracks.counters, 6);
}
END_TEST

/* A kill, and the end of the trace, end whatever is open; what ends without a beginning ends nothing. */
START_TEST(what_is_open_is_closed)
{
    struct bench bench;
    static struct tracks tracks;
    bench_begin(&bench);
    see(&bench, RP_SEE_FETCH_END, "nobody", 0);
    see(&bench, RP_SEE_WALK_END, "", 0);
    for (int life = 0; life < 2; life += 1) {
        sim_trace_note(bench.trace, "life-begins", "reader-1", 8);
        see(&bench, RP_SEE_LEADER, "", 7);
        see(&bench, RP_SEE_JOIN_BEGIN, "", 0);
        see(&bench, RP_SEE_JOIN_BEGIN, "", 0);
        see(&bench, RP_SEE_WALK_BEGIN, "", 0);
        see(&bench, RP_SEE_READY, "", 1);
        see(&bench, RP_SEE_PULL_BEGIN, "a", 3);
        see(&bench, RP_SEE_DIAL, "a", 1);
        see(&bench, RP_SEE_STOP_BEGIN, "", 0);
        if (life == 0) {
            sim_trace_note(bench.trace, "life-killed", "reader-1", 8);
        }
    }
    bench_end(&bench, &tracks);
    ck_assert_uint_eq(tracks.pulls, 2);
}
END_TEST

/* ---- Whole runs --------------------------------------------------------------------------------- */

static const char STORY[] = "return { name = 'traced', about = 'A kill, a cut, files.',\n"
                            "  cluster = { writers = 2, readers = 2 },\n"
                            "  run = function(c)\n"
                            "    c:flush{ files = 30, bytes = '64KiB' }\n"
                            "    c:node('reader-1'):kill()\n"
                            "    c:sleep('1s')\n"
                            "    c.net:partition(c:node('writer-1'), c:node('reader-2'))\n"
                            "    c:node('reader-1'):start()\n"
                            "    c:sleep('5s')\n"
                            "    c.net:heal()\n"
                            "    c:settle('2m')\n"
                            "  end }\n";

struct watched {
    FILE *file;
    struct sim_world *world;
    uint64_t left_count; /* records until it is interrupted */
};

static void count_down(void *context, const struct sim_trace_record *record)
{
    struct watched *watched = context;
    (void)record;
    if (watched->left_count > 0 && --watched->left_count == 0) {
        sim_world_interrupt(watched->world);
    }
}

static void run_begins(void *context, struct sim_world *world)
{
    struct watched *watched = context;
    const struct sim_trace_listener listener = {watched, count_down};
    watched->world = world;
    sim_trace_sink(sim_world_trace(world), watched->file, SIM_TRACE_CHROME);
    sim_trace_listen(sim_world_trace(world), &listener);
}

static void run_ends(void *context, struct sim_world *world)
{
    (void)context;
    ck_assert_int_eq(sim_trace_sink_end(sim_world_trace(world)), 0);
}

static void run_traced(struct tracks *tracks, uint64_t left_count)
{
    struct watched watched = {.file = tmpfile(), .left_count = left_count};
    struct script_outcome outcome;
    const struct script_options options = {
        .path = "traced.lua",
        .text = STORY,
        .seed = 1,
        .watch_context = &watched,
        .world_begins = run_begins,
        .world_ends = run_ends,
    };
    ck_assert_int_eq(script_run_file(&options, &outcome), 0);
    ck_assert_msg(left_count > 0 || outcome.end == SCRIPT_END_PASS, "%s", outcome.error);
    script_outcome_clear(&outcome);
    check_trace(watched.file, tracks);
    fclose(watched.file);
}

/* A run with a kill and a cut: pulls of all readers, faults as instants. */
START_TEST(a_whole_run_is_a_sound_trace)
{
    static struct tracks tracks;
    run_traced(&tracks, 0);
    ck_assert_uint_ge(tracks.pulls, 60);
    ck_assert_uint_ge(tracks.fetches_in_attempts, 60);
    ck_assert_uint_ge(tracks.counters, 60);
}
END_TEST

/* Cut off anywhere, the file is as sound. */
START_TEST(an_interrupted_run_is_a_sound_trace)
{
    static struct tracks tracks;
    run_traced(&tracks, 1 + (uint64_t)_i * 1777);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trace_chrome");
    TCase *tcase = tcase_create("trace_chrome");
    tcase_add_test(tcase, pulls_of_two_workers_do_not_mix);
    tcase_add_test(tcase, what_is_open_is_closed);
    tcase_add_test(tcase, a_whole_run_is_a_sound_trace);
    tcase_add_loop_test(tcase, an_interrupted_run_is_a_sound_trace, 0, 6);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
