/* Drawing one decision: the variant, whom it is done to, and its numbers. All that a decision needs
 * is written into it; what is possible is asked of the world as it is now. */
#include "sim/nemesis_internal.h"

#include <stdlib.h>

static uint64_t below(struct sim_nemesis *nemesis, uint64_t bound)
{
    return sim_rng_below(&nemesis->rng, bound);
}

static int64_t between(struct sim_nemesis *nemesis, uint64_t low, uint64_t high)
{
    return (int64_t)sim_rng_range(&nemesis->rng, (struct sim_range){low, high});
}

static int64_t either_sign(struct sim_nemesis *nemesis, int64_t value)
{
    return below(nemesis, 2) == 0 ? value : -value;
}

static void draw_variant(struct sim_nemesis *nemesis, struct sim_decision *decision)
{
    decision->variant = (uint32_t)below(nemesis, sim_variant_count(decision->kind));
}

static bool takes_down(const struct sim_decision *decision)
{
    return sim_variant_at(decision->kind, decision->variant)->takes_down;
}

static void name(struct sim_decision *decision, const struct sim_pod *pod)
{
    int error = sim_decision_add_node(decision, sim_pod_id(pod));
    RP_ASSERT(error == 0);
}

/* ---- Whom ------------------------------------------------------------------------------------- */

/* Its process runs, and neither a stop nor a freeze is on its way already. */
static bool is_running(const struct sim_pod *pod)
{
    return !pod->is_gone && pod->state == SIM_POD_UP && !pod->is_frozen;
}

/* Kinds that begin or end a life, or hold it up: one at a time on a pod. */
static bool has_troubled_life(const struct sim_world *world, const struct sim_pod *pod)
{
    return nemesis_is_troubled(world, SIM_TROUBLE_KILL, pod) ||
           nemesis_is_troubled(world, SIM_TROUBLE_STOP, pod) ||
           nemesis_is_troubled(world, SIM_TROUBLE_ROTATE, pod) ||
           nemesis_is_troubled(world, SIM_TROUBLE_PAUSE, pod);
}

/* Nothing may follow a pod to its successor, or stay with a volume that is somebody else's now. */
static bool has_any_trouble(const struct sim_world *world, const struct sim_pod *pod)
{
    return has_troubled_life(world, pod) || nemesis_is_troubled(world, SIM_TROUBLE_DISK, pod) ||
           nemesis_is_troubled(world, SIM_TROUBLE_CLOCK, pod) ||
           nemesis_is_troubled(world, SIM_TROUBLE_HOSTILE, pod) ||
           nemesis_is_troubled(world, SIM_TROUBLE_REFUSE, pod) ||
           nemesis_is_troubled(world, SIM_TROUBLE_PARTITION, pod);
}

static bool may_be_rotated(struct sim_nemesis *nemesis, struct sim_pod *pod, uint32_t variant)
{
    bool is_lost = variant == SIM_ROTATE_STABLE_LOST || variant == SIM_ROTATE_NEW_LOST;
    return !has_any_trouble(nemesis->world, pod) &&
           (!is_lost || nemesis_may_lose_volume(nemesis, pod));
}

static uint32_t hostile_count(const struct sim_world *world)
{
    uint32_t count = 0;
    for (size_t index = 0; index < world->pod_count; index += 1) {
        count += !world->pods[index]->is_gone && sim_pod_is_hostile(world->pods[index]);
    }
    return count;
}

static bool may_be_hostile(const struct sim_nemesis *nemesis, const struct sim_pod *pod)
{
    uint32_t max = nemesis->spec.down_max > 1 ? nemesis->spec.down_max : 1;
    return !sim_pod_is_hostile(pod) && hostile_count(nemesis->world) < max;
}

static bool is_victim(struct sim_nemesis *nemesis, const struct sim_decision *decision,
                      struct sim_pod *pod)
{
    struct sim_world *world = nemesis->world;
    if (!is_running(pod) || (takes_down(decision) && !nemesis_may_take_down(nemesis, pod))) {
        return false;
    }
    switch (decision->kind) {
    case SIM_TROUBLE_KILL:
        return !has_troubled_life(world, pod) &&
               (decision->variant == SIM_KILL_POD && !sim_store_faults(pod->store).loses_unsynced
                    ? true
                    : nemesis_may_lose_power(nemesis, pod));
    case SIM_TROUBLE_STOP:
    case SIM_TROUBLE_PAUSE: return !has_troubled_life(world, pod);
    case SIM_TROUBLE_ROTATE: return may_be_rotated(nemesis, pod, decision->variant);
    case SIM_TROUBLE_HOSTILE: return may_be_hostile(nemesis, pod);
    default: return !nemesis_is_troubled(world, decision->kind, pod);
    }
}

/* One of those that it can be done to, each as likely. NULL: there is none. */
static struct sim_pod *draw_victim(struct sim_nemesis *nemesis, const struct sim_decision *decision)
{
    struct sim_world *world = nemesis->world;
    struct sim_pod *chosen = NULL;
    uint64_t count = 0;
    for (size_t index = 0; index < world->pod_count; index += 1) {
        if (is_victim(nemesis, decision, world->pods[index])) {
            count += 1;
            if (below(nemesis, count) == 0) {
                chosen = world->pods[index];
            }
        }
    }
    return chosen;
}

static struct sim_pod *name_victim(struct sim_nemesis *nemesis, struct sim_decision *decision)
{
    struct sim_pod *pod = draw_victim(nemesis, decision);
    if (pod != NULL) {
        name(decision, pod);
    }
    return pod;
}

/* Two different ones that run. */
static bool name_pair(struct sim_nemesis *nemesis, struct sim_decision *decision)
{
    struct sim_pod *first = name_victim(nemesis, decision);
    struct sim_pod *second = NULL;
    for (int try = 0; first != NULL && try < NEMESIS_TRIES; try += 1) {
        second = draw_victim(nemesis, decision);
        if (second != NULL && second != first) {
            name(decision, second);
            return true;
        }
    }
    return false;
}

/* ---- Partitions and links --------------------------------------------------------------------- */

/* Each pod on one side or the other, half of them on the left. */
static bool draw_halves(struct sim_nemesis *nemesis, struct sim_decision *decision)
{
    struct sim_world *world = nemesis->world;
    if (nemesis->spec.down_max == 0 || nemesis_down_count(world) > 0 ||
        nemesis_is_troubled(world, SIM_TROUBLE_PARTITION, NULL)) {
        return false;
    }
    size_t count = 0;
    struct sim_pod **pods = rp_allocate(&world->alloc, (world->pod_count + 1) * sizeof *pods);
    RP_ASSERT(pods != NULL);
    for (size_t index = 0; index < world->pod_count; index += 1) {
        if (is_running(world->pods[index])) {
            pods[count++] = world->pods[index];
        }
    }
    for (size_t left = count; left > 1; left -= 1) {
        size_t other = (size_t)below(nemesis, left);
        struct sim_pod *moved = pods[left - 1];
        pods[left - 1] = pods[other];
        pods[other] = moved;
    }
    for (size_t row = 0; row < count; row += 1) {
        name(decision, pods[row]);
    }
    rp_release(&world->alloc, pods);
    decision->left_count = (uint32_t)(count / 2);
    return count >= 2;
}

static bool draw_partition(struct sim_nemesis *nemesis, struct sim_decision *decision)
{
    switch ((enum sim_partition_variant)decision->variant) {
    case SIM_CUT_HALVES: return draw_halves(nemesis, decision);
    case SIM_CUT_PAIR:
    case SIM_CUT_PAIR_ONE_WAY: return name_pair(nemesis, decision);
    case SIM_CUT_ISOLATE:
    case SIM_CUT_OUT:
    case SIM_CUT_IN: break;
    }
    return name_victim(nemesis, decision) != NULL;
}

/* Everything, one node's links, or one link. */
static bool draw_ends(struct sim_nemesis *nemesis, struct sim_decision *decision)
{
    uint64_t share = below(nemesis, 4);
    bool is_free = !nemesis_is_troubled(nemesis->world, decision->kind, NULL);
    if (share == 0) {
        return is_free;
    }
    if (share == 1) {
        return is_free && name_victim(nemesis, decision) != NULL;
    }
    return name_pair(nemesis, decision);
}

static bool draw_link(struct sim_nemesis *nemesis, struct sim_decision *decision)
{
    int64_t *value = &decision->values[0];
    switch ((enum sim_link_variant)decision->variant) {
    case SIM_LINK_LATENCY: *value = between(nemesis, 5, 300); break;
    case SIM_LINK_JITTER: *value = between(nemesis, 5, 200); break;
    case SIM_LINK_LOSS: *value = between(nemesis, 10, 200); break;
    case SIM_LINK_BANDWIDTH: *value = between(nemesis, 20000, 2000000); break;
    case SIM_LINK_RESET: *value = between(nemesis, 1, 40); break;
    case SIM_LINK_CORRUPT: *value = between(nemesis, 1, 20); break;
    case SIM_LINK_DUPLICATE:
    case SIM_LINK_REORDER: *value = between(nemesis, 50, 500); break;
    case SIM_LINK_STALL: break;
    }
    return draw_ends(nemesis, decision);
}

/* An event a byte: of one link, it is enough to be seen and little enough to be paid for. */
static bool draw_segment(struct sim_nemesis *nemesis, struct sim_decision *decision)
{
    if (decision->variant == SIM_SEGMENT_BYTES) {
        return name_pair(nemesis, decision);
    }
    if (decision->variant == SIM_SEGMENT_SIZES) {
        decision->values[0] = between(nemesis, 1, 40);
        decision->values[1] = between(nemesis, 1, 4000);
    }
    return draw_ends(nemesis, decision);
}

static bool draw_late(struct sim_nemesis *nemesis, struct sim_decision *decision)
{
    decision->values[0] = between(nemesis, 20, 12000);
    return draw_ends(nemesis, decision);
}

/* ---- Lives, clocks, disks --------------------------------------------------------------------- */

static bool draw_stop(struct sim_nemesis *nemesis, struct sim_decision *decision)
{
    decision->values[0] = between(nemesis, 1, 30) * 1000;
    return name_victim(nemesis, decision) != NULL;
}

/* Who makes files may make one more while it shuts down, which then nobody else has: so with its
 * volume it is killed. */
static bool draw_rotation(struct sim_nemesis *nemesis, struct sim_decision *decision)
{
    const struct sim_pod *pod = name_victim(nemesis, decision);
    bool is_lost =
        decision->variant == SIM_ROTATE_STABLE_LOST || decision->variant == SIM_ROTATE_NEW_LOST;
    bool is_polite = below(nemesis, 4) != 0;
    int64_t grace_s = between(nemesis, 5, 30);
    if (is_polite && pod != NULL &&
        (!is_lost || nemesis->spec.may_destroy || strcmp(pod->role, "reader") == 0)) {
        decision->values[0] = grace_s * 1000;
    }
    return pod != NULL;
}

static bool draw_clock(struct sim_nemesis *nemesis, struct sim_decision *decision)
{
    int64_t value = 0;
    switch ((enum sim_clock_variant)decision->variant) {
    case SIM_CLOCK_SKEW: value = between(nemesis, 1, 140) * 1000; break;
    case SIM_CLOCK_JUMP: value = between(nemesis, 1, 100000); break;
    case SIM_CLOCK_DRIFT: value = between(nemesis, 20, 500); break;
    case SIM_CLOCK_SKEW_OUTSIDE:
    case SIM_CLOCK_JUMP_OUTSIDE: value = between(nemesis, 310, 7200) * 1000; break;
    case SIM_CLOCK_DRIFT_HARD: value = between(nemesis, 1000, 20000); break;
    }
    decision->values[0] = either_sign(nemesis, value);
    return name_victim(nemesis, decision) != NULL;
}

static bool draw_disk(struct sim_nemesis *nemesis, struct sim_decision *decision)
{
    switch ((enum sim_disk_variant)decision->variant) {
    case SIM_DISK_FREE: decision->values[0] = between(nemesis, 0, 1 << 20); break;
    case SIM_DISK_SLOW: decision->values[0] = between(nemesis, 5, 200); break;
    case SIM_DISK_READ_ERROR:
    case SIM_DISK_WRITE_ERROR:
    case SIM_DISK_SHORT_WRITE:
    case SIM_DISK_SYNC_ERROR:
    case SIM_DISK_STAT_ERROR:
    case SIM_DISK_LIST_ERROR:
    case SIM_DISK_TORN: decision->values[0] = between(nemesis, 30, 800); break;
    case SIM_DISK_FULL:
    case SIM_DISK_STUCK:
    case SIM_DISK_LOSE_UNSYNCED:
    case SIM_DISK_LIE_ABOUT_SYNC:
    case SIM_DISK_NO_APPEND: break;
    }
    return name_victim(nemesis, decision) != NULL;
}

/* ---- Files ------------------------------------------------------------------------------------ */

static bool may_damage(const struct sim_nemesis *nemesis, const struct sim_pod *pod,
                       const struct sim_decision *decision, const struct sim_truth_file *file)
{
    bool has_bytes = file->size_bytes > 1 || decision->kind == SIM_TROUBLE_REMOVE;
    return has_bytes && memchr(file->path.bytes, 0, file->path.length_bytes) == NULL &&
           sim_truth_holds(nemesis->world->truth, pod, file) &&
           nemesis_may_lose_copy(nemesis, pod, file);
}

static bool draw_damage(struct sim_nemesis *nemesis, struct sim_decision *decision)
{
    const struct sim_truth_file *files[64], *chosen = NULL;
    const struct sim_pod *pod = name_victim(nemesis, decision);
    size_t from = 0, got = pod == NULL ? 0 : 64;
    uint64_t count = 0;
    while (got == 64) {
        got = sim_truth_page(nemesis->world->truth, from, files, 64);
        for (size_t row = 0; row < got; row += 1) {
            if (may_damage(nemesis, pod, decision, files[row])) {
                count += 1;
                chosen = below(nemesis, count) == 0 ? files[row] : chosen;
            }
        }
        from += got;
    }
    if (chosen == NULL) {
        return false;
    }
    decision->path = malloc(chosen->path.length_bytes + 1);
    RP_ASSERT(decision->path != NULL);
    memcpy(decision->path, chosen->path.bytes, chosen->path.length_bytes);
    decision->path[chosen->path.length_bytes] = '\0';
    return true;
}

static bool draw_hostile(struct sim_nemesis *nemesis, struct sim_decision *decision)
{
    static const int64_t chances[] = {256, 512, 1024};
    enum fault_hostile_kind kind = (enum fault_hostile_kind)(decision->variant + 1);
    decision->values[0] = chances[below(nemesis, 3)];
    bool is_behind = fault_hostile_has_place(kind) && below(nemesis, 2) == 0;
    int64_t after_bytes = between(nemesis, 1, 100000);
    decision->values[1] = is_behind ? after_bytes : -1;
    return name_victim(nemesis, decision) != NULL;
}

/* ---- All -------------------------------------------------------------------------------------- */

static bool draw_consensus(struct sim_nemesis *nemesis, struct sim_decision *decision)
{
    bool is_of_all = decision->kind == SIM_TROUBLE_SNAPSHOT
                         ? decision->variant == SIM_SNAPSHOT_TRUNCATE
                         : decision->variant == SIM_LEADER_ELECTION;
    return is_of_all ? sim_world_leader(nemesis->world) != NULL
                     : name_victim(nemesis, decision) != NULL;
}

bool nemesis_draw(struct sim_nemesis *nemesis, enum sim_trouble kind, struct sim_decision *decision)
{
    decision->kind = kind;
    draw_variant(nemesis, decision);
    switch (kind) {
    case SIM_TROUBLE_PARTITION: return draw_partition(nemesis, decision);
    case SIM_TROUBLE_ROTATE: return draw_rotation(nemesis, decision);
    case SIM_TROUBLE_STOP: return draw_stop(nemesis, decision);
    case SIM_TROUBLE_CLOCK: return draw_clock(nemesis, decision);
    case SIM_TROUBLE_DISK: return draw_disk(nemesis, decision);
    case SIM_TROUBLE_CORRUPT:
    case SIM_TROUBLE_REMOVE: return draw_damage(nemesis, decision);
    case SIM_TROUBLE_HOSTILE: return draw_hostile(nemesis, decision);
    case SIM_TROUBLE_LINK: return draw_link(nemesis, decision);
    case SIM_TROUBLE_SEGMENT: return draw_segment(nemesis, decision);
    case SIM_TROUBLE_LATE: return draw_late(nemesis, decision);
    case SIM_TROUBLE_SNAPSHOT:
    case SIM_TROUBLE_LEADER: return draw_consensus(nemesis, decision);
    case SIM_TROUBLE_HANDLES:
    case SIM_TROUBLE_STALE_DNS: return !nemesis_is_troubled(nemesis->world, kind, NULL);
    case SIM_TROUBLE_KILL:
    case SIM_TROUBLE_PAUSE:
    case SIM_TROUBLE_REFUSE: return name_victim(nemesis, decision) != NULL;
    case SIM_TROUBLE_COUNT: break;
    }
    return false;
}
