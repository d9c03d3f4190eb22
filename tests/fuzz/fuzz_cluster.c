/* A whole small cluster: the input is what happens to it, event by event. Nodes are killed, stopped,
 * frozen and rescheduled, links lose, cut and change what passes, disks lose files, while files are
 * flushed and deleted. Afterwards all is healed; every property of the simulator must have held. */
#include "sim/net.h"
#include "sim/pod.h"
#include "sim/result.h"
#include "sim/workload.h"
#include "sim/world.h"
#include "tests/fuzz/input.h"

#include <stdio.h>

#define HAPPENING_MAX 24
#define PATH_MAX      64

struct story {
    struct fuzz_input *input;
    struct sim_world *world;
    size_t step_count;
    bool has_lost_volume;
    bool has_votes;               /* consensus is libraft */
    uint8_t paths[PATH_MAX][128]; /* what was flushed */
    size_t path_lengths[PATH_MAX];
    size_t path_count;
};

static const char *const NODES[] = {"reader-1", "reader-2", "writer-1"};
#define NODE_COUNT (sizeof NODES / sizeof NODES[0])

static struct sim_pod *take_pod(struct story *story)
{
    struct sim_pod *pod =
        sim_world_pod(story->world, rp_view_text(NODES[fuzz_below(story->input, NODE_COUNT)]));
    RP_ASSERT(pod != NULL);
    return pod;
}

static sim_site site_of(struct story *story, struct sim_pod *pod)
{
    sim_site site = SIM_SITE_NONE;
    RP_ASSERT(
        sim_net_site(sim_world_net(story->world), sim_pod_id(pod), sim_pod_zone(pod), &site) == 0);
    return site;
}

static rp_time_ns take_duration(struct story *story)
{
    return (UINT64_C(1) + fuzz_byte(story->input)) * 50 * RP_NS_PER_MS;
}

/* ---- What users do --------------------------------------------------------------------------- */

static void flushed(void *context, int error, const struct sim_flush_result *result)
{
    struct story *story = context;
    (void)error;
    for (size_t i = 0; i < result->path_count && story->path_count < PATH_MAX; i++) {
        struct rp_view path = result->paths[i];
        if (path.length_bytes <= sizeof story->paths[0]) {
            memcpy(story->paths[story->path_count], path.bytes, path.length_bytes);
            story->path_lengths[story->path_count++] = path.length_bytes;
        }
    }
}

static void flush(struct story *story)
{
    struct sim_pod *pod = sim_world_primary_writer(story->world);
    struct sim_flush_spec spec;
    struct sim_flush_wait wait = {flushed, story};
    char note[160];
    memset(&spec, 0, sizeof spec);
    spec.file_count = 1 + fuzz_below(story->input, 3);
    uint64_t size_bytes = (uint64_t)fuzz_byte(story->input) * fuzz_byte(story->input) * 8;
    spec.size_bytes = (struct sim_range){size_bytes, size_bytes};
    spec.database = "db";
    spec.measurement = "cpu";
    if (pod != NULL && sim_pod_state(pod) == SIM_POD_UP) {
        RP_ASSERT(sim_workload_flush(pod, &spec, &wait, note) == 0);
    }
}

static struct rp_view take_path(struct story *story)
{
    size_t index = fuzz_below(story->input, story->path_count);
    return story->path_count == 0 ? rp_view_text("db/none")
                                  : rp_view_make(story->paths[index], story->path_lengths[index]);
}

static void proposed(void *context, const struct sim_propose_result *result)
{
    (void)context;
    (void)result;
}

static void remove_path(struct story *story)
{
    struct sim_propose_wait wait = {proposed, story};
    sim_workload_delete(story->world, take_path(story), rp_view_text("retention"), &wait);
}

/* ---- What goes wrong ------------------------------------------------------------------------- */

static void stopped(void *context, int error)
{
    (void)context;
    (void)error;
}

static void end_life(struct story *story)
{
    struct sim_pod *pod = take_pod(story);
    struct sim_wait wait = {stopped, story};
    switch (fuzz_below(story->input, 4)) {
    case 0: sim_pod_kill(pod, false); break;
    case 1: sim_pod_kill(pod, true); break;
    case 2: sim_pod_stop(pod, take_duration(story), &wait); break;
    default: sim_pod_pause(pod, take_duration(story)); break;
    }
}

/* One reader may lose its volume, and with it its vote: others hold what it held, and the votes that
 * are left are a majority. Nobody promises to survive the loss of two out of three. */
static void replace(struct story *story)
{
    struct sim_pod *pod = take_pod(story);
    struct sim_pod *successor;
    struct sim_replace_spec spec;
    bool is_reader = rp_view_equal(sim_pod_role(pod), rp_view_text("reader"));
    memset(&spec, 0, sizeof spec);
    spec.is_volume_lost = fuzz_flag(story->input) && is_reader && !story->has_lost_volume;
    story->has_lost_volume |= spec.is_volume_lost;
    spec.is_address_kept = fuzz_flag(story->input);
    spec.grace_ns = fuzz_flag(story->input) ? take_duration(story) : 0;
    spec.start_delay_ns = take_duration(story);
    RP_ASSERT(sim_pod_replace(pod, &spec, &successor) == 0);
}

static void start_all(struct story *story)
{
    for (size_t i = 0; i < NODE_COUNT; i++) {
        sim_pod_start(sim_world_pod(story->world, rp_view_text(NODES[i])));
    }
}

static void cut(struct story *story)
{
    struct sim_net *net = sim_world_net(story->world);
    sim_site left = site_of(story, take_pod(story));
    sim_site right = site_of(story, take_pod(story));
    rp_time_ns duration_ns = take_duration(story);
    if (left != right) {
        sim_net_partition(net, &left, 1, &right, 1, fuzz_flag(story->input), duration_ns);
    } else {
        sim_net_isolate(net, left, duration_ns);
    }
}

static void spoil_link(struct story *story)
{
    struct sim_net *net = sim_world_net(story->world);
    sim_site left = site_of(story, take_pod(story));
    sim_site right = site_of(story, take_pod(story));
    struct sim_link_faults faults;
    size_t sizes[2];
    memset(&faults, 0, sizeof faults);
    uint64_t chance = (uint64_t)1 << (32 + fuzz_below(story->input, 28));
    switch (fuzz_below(story->input, 5)) {
    case 0: faults.reset = chance; break;
    case 1: faults.corrupt = chance; break;
    case 2:
        faults.has_loss = true;
        faults.loss = chance;
        break;
    case 3: faults.late_ns = take_duration(story); break;
    default:
        sizes[0] = 1 + fuzz_byte(story->input);
        sizes[1] = 1 + (size_t)fuzz_byte(story->input) * 16;
        RP_ASSERT(sim_net_segment(net, left, right, sizes, 2, fuzz_flag(story->input)) == 0);
        return;
    }
    sim_net_set_link(net, left, right, &faults);
}

static void spoil_disk(struct story *story)
{
    struct sim_pod *pod = sim_world_pod(story->world, rp_view_text(NODES[0]));
    struct rp_view path = take_path(story);
    if (fuzz_flag(story->input)) {
        rp_ignore(sim_pod_remove(pod, path)); /* it may not be there */
    } else {
        rp_ignore(sim_pod_corrupt(pod, path, (enum sim_corruption)fuzz_below(story->input, 4)));
    }
}

static void happen(struct story *story)
{
    switch (fuzz_below(story->input, 12)) {
    case 0:
    case 1:
    case 2: flush(story); break;
    case 3: remove_path(story); break;
    case 4: end_life(story); break;
    case 5:
    case 6: start_all(story); break;
    case 7: replace(story); break;
    case 8: cut(story); break;
    case 9: spoil_link(story); break;
    case 10: spoil_disk(story); break;
    default: sim_net_heal(sim_world_net(story->world)); break;
    }
}

/* Nobody whom the story stopped stays away: the checks at rest leave down what is down, and beside a
 * lost volume a second vote that never comes back is a quorum that nothing can restore. A node that
 * is stopping cannot be started yet. */
static void finish(void *context, uint64_t argument)
{
    struct story *story = context;
    (void)argument;
    bool is_stopping = false;
    for (size_t i = 0; i < NODE_COUNT; i++) {
        struct sim_pod *pod = sim_world_pod(story->world, rp_view_text(NODES[i]));
        is_stopping |= sim_pod_state(pod) == SIM_POD_STOPPING;
    }
    if (is_stopping) {
        rp_time_ns again_ns = sim_world_now(story->world) + 100 * RP_NS_PER_MS;
        (void)sim_world_at(story->world, again_ns, finish, story, 0);
        return;
    }
    start_all(story);
    sim_world_story_done(story->world);
}

static void step(void *context, uint64_t argument)
{
    struct story *story = context;
    (void)argument;
    if (story->step_count == HAPPENING_MAX || fuzz_left(story->input) == 0) {
        finish(story, 0);
        return;
    }
    story->step_count += 1;
    happen(story);
    rp_time_ns wait_ns = UINT64_C(20) * fuzz_byte(story->input) * RP_NS_PER_MS;
    (void)sim_world_at(story->world, sim_world_now(story->world) + wait_ns, step, story, 0);
}

static void begin(void *context)
{
    struct story *story = context;
    (void)sim_world_at(story->world, 0, step, story, 0);
}

/* ---- The run --------------------------------------------------------------------------------- */

static void check_result(const struct sim_result *result)
{
    for (size_t i = 0; i < result->violation_count; i++) {
        fprintf(stderr, "%s at %s on %s: %s\n", result->violations[i].property,
                result->violations[i].place, result->violations[i].node,
                result->violations[i].detail);
    }
    RP_ASSERT(result->verdict == SIM_VERDICT_PASS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    struct sim_world_spec spec;
    struct story story = {.input = &input};
    char note[160];
    RP_ASSERT(sim_world_spec_init(&spec) == 0);
    spec.seed = 1 + fuzz_byte(&input);
    spec.cluster.reader_count = 2;
    spec.cluster.consensus = fuzz_flag(&input) ? SIM_CONSENSUS_RAFT : SIM_CONSENSUS_IDEAL;
    RP_ASSERT(sim_world_new(&spec, &story.world, note) == 0);
    struct sim_story face = {.context = &story, .begin = begin};
    RP_ASSERT(sim_world_run(story.world, &face, note) == 0);
    check_result(sim_world_result(story.world));
    sim_world_free(story.world);
    sim_world_spec_clear(&spec);
    return 0;
}
