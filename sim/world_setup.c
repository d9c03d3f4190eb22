/* How the nodes that a cluster was declared with come to be: before time 0, or within the story. */
#include <stdio.h>

#include "sim/world_internal.h"

static int make_role(struct sim_world *world, const char *role, uint32_t count)
{
    for (uint32_t number = 0; number < count; number += 1) {
        struct sim_add_spec spec = {.role = role};
        struct sim_pod *pod = NULL;
        int error = sim_world_new_pod(world, &spec, &pod);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

int sim_world_make_nodes(struct sim_world *world, char note_out[160])
{
    const struct sim_cluster_spec *cluster = &world->spec.cluster;
    int error = make_role(world, "writer", cluster->writer_count);
    if (error == 0) {
        error = make_role(world, "compactor", cluster->compactor_count);
    }
    if (error == 0) {
        error = make_role(world, "reader", cluster->reader_count);
    }
    if (error != 0 || world->pod_count == 0) {
        (void)snprintf(note_out, 160, "%s", error != 0 ? rp_strerror(error) : "no nodes");
        return error != 0 ? error : RP_ERR_INVALID;
    }
    return 0;
}

/* The first leader bootstraps; the others join it by the ordinary handshake, one after another. */
void sim_world_boot_all(struct sim_world *world)
{
    const char *wanted = world->spec.cluster.leader;
    struct sim_pod *first = world->pods[0];
    if (wanted != NULL && sim_world_pod(world, rp_view_text(wanted)) != NULL) {
        first = sim_world_pod(world, rp_view_text(wanted));
    }
    rp_time_ns now_ns = sim_world_true_now(world);
    first->is_bootstrap = true;
    sim_pod_boot_at(first, now_ns);
    rp_time_ns gap_ns = world->spec.cluster.consensus == SIM_CONSENSUS_RAFT ? 250 * RP_NS_PER_MS
                                                                            : 10 * RP_NS_PER_MS;
    rp_time_ns at_ns = now_ns + 2 * RP_NS_PER_S;
    for (size_t index = 0; index < world->pod_count; index += 1) {
        if (world->pods[index] != first) {
            sim_pod_boot_at(world->pods[index], at_ns);
            at_ns += gap_ns;
        }
    }
}

/* What a node that does not run, or has not caught up, waits for. */
static void say_state(const struct sim_pod *pod, char *text_out, size_t text_bytes)
{
    struct rp_node_inspection inspection = {.is_idle = true};
    const char *what = "waits for the barrier";
    if (pod->state == SIM_POD_UP && pod->node != NULL) {
        rp_node_inspect(pod->node, &inspection);
    }
    const struct rp_catchup_status *catchup = &inspection.catchup;
    int64_t owed_count =
        catchup->catchup_inflight + catchup->catchup_failed + catchup->catchup_dropped;
    if (pod->state != SIM_POD_UP || pod->node == NULL) {
        what = pod->state == SIM_POD_BOOTING ? "still boots" : "does not run";
    } else if (!inspection.has_leader) {
        what = inspection.is_joined ? "joined, and knows no leader" : "has not joined any leader";
    } else if (catchup->completed_at == 0) {
        what = "has not ended its walk";
    } else if (owed_count > 0) {
        (void)snprintf(text_out, text_bytes, "waits for %lld files", (long long)owed_count);
        return;
    }
    (void)snprintf(text_out, text_bytes, "%s", what);
}

static unsigned short count_ready(const struct sim_world *world)
{
    size_t ready_count = 0;
    for (size_t index = 0; index < world->pod_count; index += 1) {
        ready_count += sim_pod_is_ready(world->pods[index]);
    }
    return (unsigned short)ready_count; /* a thousand at most, limits.h */
}

static void say_not_ready(const struct sim_pod *pod, char note_out[160])
{
    char state[40];
    if (pod->boot_note[0] != '\0') {
        (void)snprintf(note_out, 160, "%.40s did not start: %.100s", pod->label, pod->boot_note);
        return;
    }
    say_state(pod, state, sizeof state);
    (void)snprintf(note_out, 160,
                   "%.60s was not ready when set-up ended (%hu of %hu were): it %.30s", pod->label,
                   count_ready(pod->world), (unsigned short)pod->world->pod_count, state);
}

/* ---- Further clusters --------------------------------------------------------------------------- */

static bool is_name_taken(const struct sim_run *run, const char *name)
{
    size_t name_bytes = strlen(name);
    for (size_t row = 0; row < run->world_count; row += 1) {
        if (strcmp(run->worlds[row]->spec.cluster.name, name) == 0) {
            return true;
        }
    }
    for (size_t number = 0; number < run->pod_count; number += 1) {
        const char *label = run->pods[number]->label;
        if (strncmp(label, name, name_bytes) == 0 && label[name_bytes] == '/') {
            return true; /* labels would be ambiguous */
        }
    }
    return false;
}

int sim_world_join(struct sim_world *world, const struct sim_cluster_spec *cluster,
                   struct sim_world **joined_out, char note_out[160])
{
    struct sim_run *run = world->run;
    struct sim_world_spec spec = run->worlds[0]->spec; /* shallow: it is copied */
    spec.cluster = *cluster;
    note_out[0] = '\0';
    if (is_name_taken(run, cluster->name)) {
        (void)snprintf(note_out, 160, "there is a cluster '%.100s' already", cluster->name);
        return RP_ERR_INVALID;
    }
    int error = sim_world_make(run, &spec, joined_out);
    if (error == 0) {
        error = sim_world_make_nodes(*joined_out, note_out);
    }
    if (error == 0) {
        sim_world_boot_all(*joined_out);
    }
    return error;
}

/* ---- Come up? ------------------------------------------------------------------------------------ */

/* Nothing more is to come of it: ready, or one that may not run, or not with the others. */
static bool has_come_up(const struct sim_pod *pod)
{
    return sim_pod_is_ready(pod) || sim_world_is_outside(pod->world, pod) ||
           (pod->life != 0 && pod->judgement != RP_CONFIG_RUN);
}

bool sim_world_has_come_up(struct sim_world *world, char note_out[160])
{
    for (size_t index = 0; index < world->pod_count; index += 1) {
        struct sim_pod *pod = world->pods[index];
        if (!has_come_up(pod)) {
            say_not_ready(pod, note_out);
            return false;
        }
    }
    for (size_t index = 0; index < world->pod_count; index += 1) {
        world->pods[index]->is_bootstrap = false;
    }
    return true;
}
