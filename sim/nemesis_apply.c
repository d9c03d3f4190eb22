/* Carrying decisions out, and undoing them: each as the call of the scenario API does that
 * sim_decision_lua writes for it. */
#include "sim/chosen.h"
#include "sim/nemesis_internal.h"

#define CHANCE_UNIT (SIM_CHANCE_ALWAYS / 1024)

static struct sim_pod *pod_of(struct sim_world *world, const struct sim_decision *decision,
                              uint32_t row)
{
    struct sim_pod *pod = row < decision->node_count
                              ? sim_world_pod(world, rp_view_text(decision->nodes[row]))
                              : NULL;
    return pod == NULL || pod->is_gone ? NULL : pod;
}

static sim_chance chance_of(const struct sim_decision *decision)
{
    return (uint64_t)decision->values[0] * CHANCE_UNIT;
}

static rp_time_ns value_ns(const struct sim_decision *decision)
{
    return (uint64_t)decision->values[0] * RP_NS_PER_MS;
}

/* ---- Partitions ------------------------------------------------------------------------------- */

/* Sites of the named nodes, from `from` to `end`; all nodes when that is none. */
static size_t sites_of(struct sim_world *world, const struct sim_decision *decision, uint32_t from,
                       uint32_t end, sim_site *sites)
{
    size_t count = 0;
    for (uint32_t row = from; row < end; row += 1) {
        const struct sim_pod *pod = sim_world_pod(world, rp_view_text(decision->nodes[row]));
        if (pod != NULL) {
            sites[count++] = pod->site;
        }
    }
    for (size_t index = 0; from >= end && index < world->pod_count; index += 1) {
        if (!world->pods[index]->is_gone) {
            sites[count++] = world->pods[index]->site;
        }
    }
    return count;
}

/* The two ends of what a decision sets between nodes. */
struct ends {
    sim_site *left, *right; /* owned */
    size_t left_count, right_count;
};

static struct ends take_ends(struct sim_world *world, const struct sim_decision *decision,
                             uint32_t left)
{
    size_t max = world->pod_count + decision->node_count + 1;
    struct ends ends;
    ends.left = rp_allocate(&world->alloc, max * sizeof *ends.left);
    ends.right = rp_allocate(&world->alloc, max * sizeof *ends.right);
    RP_ASSERT(ends.left != NULL && ends.right != NULL);
    ends.left_count = sites_of(world, decision, 0, left, ends.left);
    ends.right_count = sites_of(world, decision, left, decision->node_count, ends.right);
    return ends;
}

static void drop_ends(struct sim_world *world, struct ends *ends)
{
    rp_release(&world->alloc, ends->left);
    rp_release(&world->alloc, ends->right);
}

static bool apply_partition(struct sim_world *world, const struct sim_decision *decision)
{
    struct sim_pod *pod = pod_of(world, decision, 0);
    rp_time_ns duration_ns = decision->duration_ns;
    if (decision->variant == SIM_CUT_ISOLATE) {
        if (pod != NULL) {
            sim_net_isolate(world->net, pod->site, duration_ns);
        }
        return pod != NULL;
    }
    bool is_oneway = decision->variant != SIM_CUT_HALVES && decision->variant != SIM_CUT_PAIR;
    struct ends ends =
        take_ends(world, decision, decision->variant == SIM_CUT_HALVES ? decision->left_count : 1);
    bool is_possible = pod != NULL && ends.left_count > 0 && ends.right_count > 0;
    if (is_possible && decision->variant == SIM_CUT_IN) {
        sim_net_partition(world->net, ends.right, ends.right_count, ends.left, ends.left_count,
                          true, duration_ns);
    } else if (is_possible) {
        sim_net_partition(world->net, ends.left, ends.left_count, ends.right, ends.right_count,
                          is_oneway, duration_ns);
    }
    drop_ends(world, &ends);
    return is_possible;
}

/* ---- Links ------------------------------------------------------------------------------------ */

/* What one directed link is to be like; `is_over`: as before. */
static void set_link(struct sim_net *net, sim_site from, sim_site to,
                     const struct sim_decision *decision, bool is_over)
{
    struct sim_link_faults faults = {.late_ns = sim_net_link(net, from, to)->late_ns};
    if (!is_over) {
        switch ((enum sim_link_variant)decision->variant) {
        case SIM_LINK_LATENCY:
            faults.has_latency = true;
            faults.latency_ns = (struct sim_range){value_ns(decision), value_ns(decision)};
            break;
        case SIM_LINK_JITTER: faults.jitter_ns.high = value_ns(decision); break;
        case SIM_LINK_LOSS:
            faults.has_loss = true;
            faults.loss = chance_of(decision);
            break;
        case SIM_LINK_BANDWIDTH:
            faults.bandwidth_bytes_per_s = (uint64_t)decision->values[0];
            break;
        case SIM_LINK_RESET: faults.reset = chance_of(decision); break;
        case SIM_LINK_CORRUPT: faults.corrupt = chance_of(decision); break;
        case SIM_LINK_DUPLICATE: faults.duplicate = chance_of(decision); break;
        case SIM_LINK_REORDER: faults.reorder = chance_of(decision); break;
        case SIM_LINK_STALL: break;
        }
    }
    sim_net_set_link(net, from, to, &faults);
    if (decision->variant == SIM_LINK_STALL && !is_over) {
        sim_net_stall(net, from, to, decision->duration_ns);
    }
}

static void set_segments(struct sim_net *net, sim_site from, sim_site to,
                         const struct sim_decision *decision, bool is_over)
{
    static const size_t one_byte[] = {1};
    const size_t drawn[] = {(size_t)decision->values[0], (size_t)decision->values[1]};
    bool is_coalesced = !is_over && decision->variant == SIM_SEGMENT_COALESCE;
    const size_t *sizes = decision->variant == SIM_SEGMENT_BYTES ? one_byte : drawn;
    size_t count = is_over || is_coalesced ? 0 : decision->variant == SIM_SEGMENT_BYTES ? 1 : 2;
    rp_ignore(sim_net_segment(net, from, to, sizes, count, is_coalesced));
}

static void set_late(struct sim_net *net, sim_site from, sim_site to,
                     const struct sim_decision *decision, bool is_over)
{
    struct sim_link_faults faults = *sim_net_link(net, from, to);
    faults.late_ns = is_over ? 0 : value_ns(decision);
    sim_net_set_link(net, from, to, &faults);
}

typedef void (*set_fn)(struct sim_net *net, sim_site from, sim_site to,
                       const struct sim_decision *decision, bool is_over);

/* The directed links both ways between the ends. False: an end is not there any more. */
static bool set_links(struct sim_world *world, const struct sim_decision *decision, bool is_over)
{
    set_fn set = decision->kind == SIM_TROUBLE_LINK      ? set_link
                 : decision->kind == SIM_TROUBLE_SEGMENT ? set_segments
                                                         : set_late;
    struct ends ends = take_ends(world, decision, decision->node_count > 0 ? 1 : 0);
    for (size_t left = 0; left < ends.left_count; left += 1) {
        for (size_t right = 0; right < ends.right_count; right += 1) {
            if (ends.left[left] != ends.right[right]) {
                set(world->net, ends.left[left], ends.right[right], decision, is_over);
                set(world->net, ends.right[right], ends.left[left], decision, is_over);
            }
        }
    }
    bool is_possible = ends.left_count > 0 && ends.right_count > 0;
    drop_ends(world, &ends);
    return is_possible;
}

/* ---- Lives ------------------------------------------------------------------------------------ */

static bool apply_kill(struct sim_world *world, const struct sim_decision *decision)
{
    struct sim_pod *pod = pod_of(world, decision, 0);
    if (pod == NULL || pod->state == SIM_POD_DOWN) {
        return false;
    }
    sim_pod_kill(pod, decision->variant == SIM_KILL_HOST);
    return true;
}

static bool apply_replace(struct sim_world *world, const struct sim_decision *decision)
{
    struct sim_pod *pod = pod_of(world, decision, 0);
    if (pod == NULL || pod->state == SIM_POD_DOWN) {
        return false;
    }
    bool is_rotation = decision->kind == SIM_TROUBLE_ROTATE;
    struct sim_replace_spec spec = {
        .grace_ns = value_ns(decision),
        .start_delay_ns = decision->duration_ns,
        .is_address_kept = !is_rotation,
    };
    if (is_rotation) {
        spec.is_new_identity =
            decision->variant == SIM_ROTATE_NEW_KEEP || decision->variant == SIM_ROTATE_NEW_LOST;
        spec.is_volume_lost =
            decision->variant == SIM_ROTATE_STABLE_LOST || decision->variant == SIM_ROTATE_NEW_LOST;
    }
    struct sim_pod *successor = NULL;
    return sim_pod_replace(pod, &spec, &successor) == 0; /* else the run has all its nodes */
}

static bool apply_pause(struct sim_world *world, const struct sim_decision *decision)
{
    struct sim_pod *pod = pod_of(world, decision, 0);
    if (pod == NULL || pod->state == SIM_POD_DOWN) {
        return false;
    }
    sim_pod_pause(pod, decision->duration_ns);
    return true;
}

static bool apply_clock(struct sim_world *world, const struct sim_decision *decision)
{
    struct sim_pod *pod = pod_of(world, decision, 0);
    if (pod == NULL) {
        return false;
    }
    int64_t drift_ppm = decision->values[0];
    int64_t offset_ns = decision->values[0] * (int64_t)RP_NS_PER_MS;
    switch ((enum sim_clock_variant)decision->variant) {
    case SIM_CLOCK_SKEW:
    case SIM_CLOCK_SKEW_OUTSIDE: sim_pod_clock(pod, &offset_ns, NULL, NULL); break;
    case SIM_CLOCK_JUMP:
    case SIM_CLOCK_JUMP_OUTSIDE: sim_pod_clock(pod, NULL, NULL, &offset_ns); break;
    case SIM_CLOCK_DRIFT:
    case SIM_CLOCK_DRIFT_HARD: sim_pod_clock(pod, NULL, &drift_ppm, NULL); break;
    }
    return true;
}

/* ---- Disks and what is on them ------------------------------------------------------------------ */

/* The one fault of the decision, set or ended, among those that are set. */
static void change_disk(const struct sim_decision *decision, struct sim_disk_faults *faults,
                        bool is_over)
{
    sim_chance chance = is_over ? 0 : chance_of(decision);
    switch ((enum sim_disk_variant)decision->variant) {
    case SIM_DISK_FULL: faults->calls.is_full = !is_over; break;
    case SIM_DISK_FREE:
        faults->calls.has_free_bytes = !is_over;
        faults->calls.free_bytes = is_over ? 0 : (uint64_t)decision->values[0];
        break;
    case SIM_DISK_SLOW: faults->calls.slow_ns = is_over ? 0 : value_ns(decision); break;
    case SIM_DISK_STUCK: faults->calls.stuck_ns = is_over ? 0 : decision->duration_ns; break;
    case SIM_DISK_READ_ERROR: faults->calls.read_error = chance; break;
    case SIM_DISK_WRITE_ERROR: faults->calls.write_error = chance; break;
    case SIM_DISK_SHORT_WRITE: faults->calls.short_write = chance; break;
    case SIM_DISK_SYNC_ERROR: faults->calls.sync_error = chance; break;
    case SIM_DISK_STAT_ERROR: faults->calls.stat_error = chance; break;
    case SIM_DISK_LIST_ERROR: faults->calls.list_error = chance; break;
    case SIM_DISK_TORN: faults->torn = chance; break;
    case SIM_DISK_LOSE_UNSYNCED: faults->loses_unsynced = !is_over; break;
    case SIM_DISK_LIE_ABOUT_SYNC: faults->lies_about_sync = !is_over; break;
    case SIM_DISK_NO_APPEND: faults->calls.has_no_append = !is_over; break;
    }
}

static bool set_disk(struct sim_world *world, const struct sim_decision *decision, bool is_over)
{
    struct sim_pod *pod = pod_of(world, decision, 0);
    if (pod == NULL) {
        return false;
    }
    struct sim_disk_faults faults = sim_store_faults(pod->store);
    change_disk(decision, &faults, is_over);
    sim_pod_set_disk(pod, &faults);
    return true;
}

static bool apply_damage(struct sim_world *world, const struct sim_decision *decision)
{
    struct sim_pod *pod = pod_of(world, decision, 0);
    if (pod == NULL || decision->path == NULL) {
        return false;
    }
    struct rp_view path = rp_view_text(decision->path);
    int error = decision->kind == SIM_TROUBLE_REMOVE
                    ? sim_pod_remove(pod, path)
                    : sim_pod_corrupt(pod, path, (enum sim_corruption)decision->variant);
    return error == 0;
}

static bool apply_hostile(struct sim_world *world, const struct sim_decision *decision)
{
    struct sim_pod *pod = pod_of(world, decision, 0);
    if (pod == NULL) {
        return false;
    }
    struct fault_hostile_spec spec = {
        .kind = (enum fault_hostile_kind)(decision->variant + 1),
        .chance = chance_of(decision),
        .has_after_bytes = decision->values[1] >= 0,
        .after_bytes = decision->values[1] >= 0 ? (uint64_t)decision->values[1] : 0,
    };
    sim_pod_set_hostile(pod, &spec, decision->duration_ns);
    return true;
}

/* ---- Names, dials, consensus -------------------------------------------------------------------- */

static bool set_inbound(struct sim_world *world, const struct sim_decision *decision, bool is_over)
{
    struct sim_pod *pod = pod_of(world, decision, 0);
    if (pod == NULL) {
        return false;
    }
    enum sim_net_inbound inbound =
        decision->variant == SIM_REFUSE_DIALS ? SIM_NET_REFUSES : SIM_NET_BLACKHOLE;
    sim_net_set_inbound(world->net, pod->site, is_over ? SIM_NET_ANSWERS : inbound);
    return true;
}

static bool apply_consensus(struct sim_world *world, const struct sim_decision *decision)
{
    struct sim_pod *pod = pod_of(world, decision, 0);
    uint64_t mark = 0;
    if (decision->node_count > 0 && pod == NULL) {
        return false;
    }
    int error = 0;
    if (decision->kind == SIM_TROUBLE_SNAPSHOT) {
        error = pod != NULL ? sim_chosen_snapshot(pod, &mark) : sim_chosen_truncate(world, &mark);
    } else {
        error = pod != NULL ? sim_chosen_transfer(pod) : sim_chosen_election(world, &mark);
    }
    return error == 0;
}

/* ---- Both ways ---------------------------------------------------------------------------------- */

bool nemesis_apply(struct sim_world *world, const struct sim_decision *decision)
{
    switch (decision->kind) {
    case SIM_TROUBLE_PARTITION: return apply_partition(world, decision);
    case SIM_TROUBLE_KILL: return apply_kill(world, decision);
    case SIM_TROUBLE_ROTATE:
    case SIM_TROUBLE_STOP: return apply_replace(world, decision);
    case SIM_TROUBLE_PAUSE: return apply_pause(world, decision);
    case SIM_TROUBLE_CLOCK: return apply_clock(world, decision);
    case SIM_TROUBLE_DISK: return set_disk(world, decision, false);
    case SIM_TROUBLE_CORRUPT:
    case SIM_TROUBLE_REMOVE: return apply_damage(world, decision);
    case SIM_TROUBLE_HOSTILE: return apply_hostile(world, decision);
    case SIM_TROUBLE_LINK:
    case SIM_TROUBLE_SEGMENT:
    case SIM_TROUBLE_LATE: return set_links(world, decision, false);
    case SIM_TROUBLE_REFUSE: return set_inbound(world, decision, false);
    case SIM_TROUBLE_HANDLES: sim_net_reuse_handles(world->net, true); return true;
    case SIM_TROUBLE_STALE_DNS:
        sim_world_stale_names(world, decision->duration_ns, decision->variant == SIM_STALE_REUSE);
        return true;
    case SIM_TROUBLE_SNAPSHOT:
    case SIM_TROUBLE_LEADER: return apply_consensus(world, decision);
    case SIM_TROUBLE_COUNT: break;
    }
    return false;
}

/* A clock that was set stays so, until it is set back. */
static void undo_clock(struct sim_pod *pod, const struct sim_decision *decision)
{
    static const int64_t NONE = 0;
    int64_t back_ns = -decision->values[0] * (int64_t)RP_NS_PER_MS;
    bool is_jump =
        decision->variant == SIM_CLOCK_JUMP || decision->variant == SIM_CLOCK_JUMP_OUTSIDE;
    if (pod != NULL && is_jump) {
        sim_pod_clock(pod, NULL, NULL, &back_ns);
    } else if (pod != NULL) {
        sim_pod_clock(pod, &NONE, &NONE, NULL);
    }
}

/* Partitions, freezes and misdeeds end by themselves; a replaced pod starts by itself. */
void nemesis_undo(struct sim_world *world, const struct sim_decision *decision)
{
    struct sim_pod *pod = pod_of(world, decision, 0);
    switch (decision->kind) {
    case SIM_TROUBLE_KILL:
        if (pod != NULL) {
            sim_pod_start(pod);
        }
        break;
    case SIM_TROUBLE_CLOCK: undo_clock(pod, decision); break;
    case SIM_TROUBLE_DISK: (void)set_disk(world, decision, true); break;
    case SIM_TROUBLE_LINK:
        if (decision->variant != SIM_LINK_STALL) {
            (void)set_links(world, decision, true);
        }
        break;
    case SIM_TROUBLE_SEGMENT:
    case SIM_TROUBLE_LATE: (void)set_links(world, decision, true); break;
    case SIM_TROUBLE_REFUSE: (void)set_inbound(world, decision, true); break;
    case SIM_TROUBLE_HANDLES: sim_net_reuse_handles(world->net, false); break;
    case SIM_TROUBLE_STALE_DNS: sim_world_stale_names(world, 0, false); break;
    case SIM_TROUBLE_CORRUPT:
    case SIM_TROUBLE_REMOVE:
        if (pod != NULL) {
            sim_pod_scrub(pod);
        }
        break;
    case SIM_TROUBLE_PARTITION:
    case SIM_TROUBLE_ROTATE:
    case SIM_TROUBLE_STOP:
    case SIM_TROUBLE_PAUSE:
    case SIM_TROUBLE_HOSTILE:
    case SIM_TROUBLE_SNAPSHOT:
    case SIM_TROUBLE_LEADER:
    case SIM_TROUBLE_COUNT: break;
    }
}
