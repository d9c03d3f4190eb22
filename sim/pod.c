#include "sim/pod.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/world_internal.h"

/* A pod's body: what it is, its volume and address, and what may be asked about it. Its lives are in
 * pod_life.c. */

struct rp_view sim_pod_id(const struct sim_pod *pod)
{
    return rp_view_text(pod->id);
}

struct rp_view sim_pod_label(const struct sim_pod *pod)
{
    return rp_view_text(pod->label);
}

sim_site sim_pod_site(const struct sim_pod *pod)
{
    return pod->site;
}

struct rp_view sim_pod_role(const struct sim_pod *pod)
{
    return rp_view_text(pod->role);
}

struct rp_view sim_pod_zone(const struct sim_pod *pod)
{
    return rp_view_text(pod->zone);
}

struct rp_view sim_pod_address(const struct sim_pod *pod)
{
    return rp_view_text(pod->address);
}

enum rp_release sim_pod_release(const struct sim_pod *pod)
{
    return pod->state == SIM_POD_DOWN ? pod->release : pod->life_release;
}

enum sim_pod_state sim_pod_state(const struct sim_pod *pod)
{
    if (pod->is_frozen && pod->state != SIM_POD_DOWN) {
        return SIM_POD_PAUSED;
    }
    return pod->state;
}

bool sim_pod_is_up(const struct sim_pod *pod)
{
    return pod->state != SIM_POD_DOWN;
}

bool sim_pod_is_ready(const struct sim_pod *pod)
{
    return pod->node != NULL && pod->state == SIM_POD_UP && rp_node_is_ready(pod->node);
}

uint64_t sim_pod_life(const struct sim_pod *pod)
{
    return pod->life;
}

uint64_t sim_pod_number(const struct sim_pod *pod)
{
    return pod->number;
}

rp_time_ns sim_pod_life_began(const struct sim_pod *pod)
{
    return pod->life_began_ns;
}

struct rp_node *sim_pod_node(struct sim_pod *pod)
{
    return pod->node;
}

struct sim_world *sim_pod_world(struct sim_pod *pod)
{
    return pod->world;
}

bool sim_pod_is_gone(const struct sim_pod *pod)
{
    return pod->is_gone;
}

struct sim_pod *sim_pod_successor(const struct sim_pod *pod)
{
    return pod->successor;
}

struct sim_store *sim_pod_store(struct sim_pod *pod)
{
    return pod->store;
}

size_t sim_pod_armed_timers(const struct sim_pod *pod)
{
    return sim_clock_armed_count(pod->clock);
}

size_t sim_pod_connections(const struct sim_pod *pod)
{
    return pod->endpoint == NULL ? 0 : sim_endpoint_conn_count(pod->endpoint);
}

int64_t sim_pod_wall_s(const struct sim_pod *pod)
{
    int64_t wall_ns = sim_clock_wall(pod->clock);
    int64_t seconds = wall_ns / (int64_t)RP_NS_PER_S;
    return seconds - (wall_ns % (int64_t)RP_NS_PER_S < 0);
}

rp_time_ns sim_pod_clock_ns(const struct sim_pod *pod)
{
    return sim_clock_now(pod->clock);
}

rp_time_ns sim_pod_frozen_ns(const struct sim_pod *pod)
{
    rp_time_ns present_ns = pod->is_frozen ? sim_clock_now(pod->clock) - pod->frozen_since_ns : 0;
    return pod->frozen_ns + present_ns;
}

const struct rp_config *sim_pod_config(const struct sim_pod *pod)
{
    return &pod->config;
}

uint64_t sim_pod_event_count(const struct sim_pod *pod)
{
    return pod->event_count;
}

/* ---- Settings --------------------------------------------------------------------------------- */

void sim_pod_set_release(struct sim_pod *pod, enum rp_release release)
{
    pod->release = release;
    sim_world_note_release(pod->world, pod);
}

static int set_text(char **text, const struct rp_alloc *alloc, const char *value)
{
    size_t size = strlen(value) + 1;
    char *copy = rp_allocate(alloc, size);
    if (copy == NULL) {
        return RP_ERR_NOMEM;
    }
    memcpy(copy, value, size);
    rp_release(alloc, *text);
    *text = copy;
    return 0;
}

/* What the pod's place in the cluster decides, whatever the scenario's configuration says. */
int sim_pod_place_config(struct sim_pod *pod)
{
    struct rp_config *config = &pod->config;
    char seeds[SIM_ADDRESS_BYTES_MAX];
    (void)snprintf(seeds, sizeof seeds, "%s:9100", pod->world->spec.cluster.name);
    const struct {
        char **text;
        const char *value;
    } texts[] = {
        {&config->node_id, pod->id},
        {&config->role, pod->role},
        {&config->cluster_name, pod->world->spec.cluster.name},
        {&config->seeds, seeds},
        {&config->advertise_addr, pod->address},
        {&config->raft_advertise_addr, pod->raft_address},
    };
    for (size_t row = 0; row < sizeof texts / sizeof texts[0]; row += 1) {
        int error = set_text(texts[row].text, config->alloc, texts[row].value);
        if (error != 0) {
            return error;
        }
    }
    config->is_raft_bootstrap = pod->is_bootstrap;
    config->voter_max = pod->world->spec.cluster.voter_max;
    return 0;
}

int sim_pod_set_config(struct sim_pod *pod, const struct rp_config *config)
{
    struct rp_config copy;
    int error = rp_config_copy(config, &copy);
    if (error != 0) {
        return error;
    }
    rp_config_clear(&pod->config);
    pod->config = copy;
    return 0;
}

/* ---- The volume -------------------------------------------------------------------------------- */

/* A raft id belongs to a raft folder (design.md): drawn when the folder is made. */
int sim_pod_new_folder(struct sim_pod *pod)
{
    struct sim_world *world = pod->world;
    uint64_t raft_id = 0;
    while (raft_id == 0) {
        raft_id = sim_rng_next(&world->identities);
    }
    sim_raft_folder_free(pod->folder);
    pod->folder = NULL;
    pod->ideal_raft_id = raft_id;
    return sim_raft_folder_new(&world->alloc, raft_id, &pod->folder);
}

int sim_pod_new_volume(struct sim_pod *pod)
{
    struct sim_world *world = pod->world;
    const struct sim_storage_spec *storage = &world->spec.storage;
    struct sim_store_spec spec = {
        .name = sim_pod_label(pod),
        .number = pod->number,
        .owner = pod,
        .read_bytes_per_s = storage->read_bytes_per_s,
        .write_bytes_per_s = storage->write_bytes_per_s,
        .hash_bytes_per_s = SIM_HASH_BYTES_PER_S,
        .latency_ns = storage->latency_ns,
        .capacity_bytes = storage->capacity_bytes,
    };
    int error = sim_store_new(world->disks, &spec, &pod->store);
    return error != 0 ? error : sim_pod_new_folder(pod);
}

bool sim_pod_has(struct sim_pod *pod, struct rp_view path)
{
    const struct sim_truth *truth = pod->world->truth;
    const struct sim_truth_file *file = sim_truth_file(truth, path);
    if (file != NULL && file->is_registered) {
        return sim_truth_holds(truth, pod, file);
    }
    /* Deleted, or not registered yet: it is what a flush made all the same. */
    const struct sim_content *content = sim_store_content(pod->store, path);
    if (content == NULL) {
        return false;
    }
    if (file != NULL && file->version != NULL) {
        return sim_content_is(content, file->version->key, file->version->length_bytes);
    }
    char hex[64];
    return sim_content_sha256(content, hex) == 0 &&
           sim_truth_version(truth, path, rp_view_make(hex, sizeof hex)) != NULL;
}

bool sim_pod_holds_all(struct sim_pod *pod)
{
    return sim_truth_missing_count(pod->world->truth, pod) == 0;
}

int sim_pod_sha256(struct sim_pod *pod, struct rp_view path, char hex_out[64])
{
    const struct sim_content *content = sim_store_content(pod->store, path);
    return content == NULL ? RP_ERR_NOT_FOUND : sim_content_sha256(content, hex_out);
}

size_t sim_pod_files(struct sim_pod *pod, struct rp_view cursor, struct rp_view *paths_out,
                     size_t max)
{
    return sim_store_names(pod->store, cursor, paths_out, max);
}

static uint64_t larger(uint64_t left, uint64_t right)
{
    return left > right ? left : right;
}

bool sim_pod_log(const struct sim_pod *pod, struct sim_pod_log *log_out)
{
    const struct sim_raft_folder *folder = pod->folder;
    if (folder == NULL || pod->world->spec.cluster.consensus != SIM_CONSENSUS_RAFT) {
        return false;
    }
    uint64_t snapshot = sim_raft_folder_snapshot_index(folder);
    log_out->raft_id = sim_raft_folder_raft_id(folder);
    log_out->last_index = larger(sim_raft_folder_last_index(folder), snapshot);
    log_out->durable_index = larger(sim_raft_folder_synced_index(folder), snapshot);
    return true;
}

size_t sim_pod_voters(const struct sim_pod *pod, uint64_t *ids_out, size_t max)
{
    struct sim_pod_log log;
    return sim_pod_log(pod, &log) ? sim_raft_folder_voters(pod->folder, ids_out, max) : 0;
}

void sim_pod_mark(const struct sim_pod *pod, const char *name, struct rp_view text)
{
    sim_trace_mark(pod->world->trace, sim_event_queue_now(pod->world->queue), name,
                   sim_pod_label(pod), text);
}

void sim_pod_scrub(struct sim_pod *pod)
{
    if (pod->node != NULL) {
        rp_node_scrub(pod->node);
    }
}

int sim_pod_remove(struct sim_pod *pod, struct rp_view path)
{
    sim_pod_mark(pod, "remove", path);
    sim_reach_fault(sim_world_reach(pod->world), "remove");
    return sim_store_remove(pod->store, path);
}

int sim_pod_corrupt(struct sim_pod *pod, struct rp_view path, enum sim_corruption kind)
{
    static const enum sim_store_damage DAMAGE[] = {
        [SIM_CORRUPT_FLIP] = SIM_STORE_FLIP,
        [SIM_CORRUPT_TRUNCATE] = SIM_STORE_TRUNCATE,
        [SIM_CORRUPT_ZERO] = SIM_STORE_ZERO,
        [SIM_CORRUPT_SWAP] = SIM_STORE_SWAP,
    };
    sim_reach_fault(sim_world_reach(pod->world), "corrupt");
    sim_pod_mark(pod, "corrupt", path);
    return sim_store_damage(pod->store, path, DAMAGE[kind]);
}

int sim_pod_put(struct sim_pod *pod, struct rp_view path, uint64_t size_bytes)
{
    struct sim_world *world = pod->world;
    sim_body_key key =
        sim_body_key_make(world->spec.seed, rp_view_text("put"), ++world->run->flush_number, false);
    return sim_store_put(pod->store, path, key, size_bytes, sim_clock_wall(pod->clock));
}

/* ---- Clock, counters ---------------------------------------------------------------------------- */

void sim_pod_clock(struct sim_pod *pod, const int64_t *skew_ns, const int64_t *drift_ppm,
                   const int64_t *jump_ns)
{
    bool is_off = (skew_ns != NULL && *skew_ns != 0) || (drift_ppm != NULL && *drift_ppm != 0);
    if (is_off || (jump_ns != NULL && *jump_ns != 0)) {
        sim_reach_fault(sim_world_reach(pod->world), "clock");
        sim_pod_mark(pod, "clock", rp_view_text(""));
    } else {
        sim_pod_mark(pod, "clock-right", rp_view_text(""));
    }
    if (skew_ns != NULL) {
        sim_clock_set_skew(pod->clock, *skew_ns);
    }
    if (drift_ppm != NULL) {
        sim_clock_set_drift(pod->clock, *drift_ppm);
    }
    if (jump_ns != NULL) {
        sim_clock_jump(pod->clock, *jump_ns);
    }
}

static int64_t true_wall(const struct sim_run *run)
{
    return SIM_WALL_AT_ZERO_S * (int64_t)RP_NS_PER_S + (int64_t)sim_event_queue_now(run->queue) -
           (int64_t)run->zero_ns;
}

static void set_wall(struct sim_pod *pod, int64_t wall_unix_ns)
{
    static const int64_t NONE = 0;
    sim_pod_clock(pod, &NONE, &NONE, NULL);
    sim_clock_jump(pod->clock, wall_unix_ns - sim_clock_wall(pod->clock));
}

void sim_pod_clock_right(struct sim_pod *pod)
{
    set_wall(pod, true_wall(pod->world->run));
}

/* Clocks agree when faults are over, and none is set back for it: a node would refuse, for as long as
 * that takes to pass, every stamp that it may have accepted and forgotten. */
static int64_t furthest_wall(const struct sim_run *run)
{
    int64_t furthest_ns = true_wall(run);
    for (size_t index = 0; index < run->pod_count; index += 1) {
        int64_t wall_ns = sim_clock_wall(run->pods[index]->clock);
        furthest_ns = wall_ns > furthest_ns ? wall_ns : furthest_ns;
    }
    return furthest_ns;
}

static void hostile_over(void *context, uint64_t argument)
{
    struct sim_pod *pod = context;
    (void)argument;
    pod->hostile_event = 0;
    sim_pod_set_hostile(pod, NULL, 0);
}

static void note_hostile(const struct sim_pod *pod, rp_time_ns duration_ns)
{
    const struct fault_hostile_spec *spec = &pod->hostile_spec;
    const uint64_t words[6] = {pod->number,       (uint64_t)spec->kind, spec->chance,
                               spec->after_bytes, duration_ns,          spec->matches != NULL};
    sim_trace_note_words(pod->world->trace, "hostile", words, 6);
    sim_pod_mark(pod, pod->is_hostile ? "hostile" : "hostile-right",
                 rp_view_text(pod->is_hostile ? fault_hostile_name(spec->kind) : ""));
}

void sim_pod_set_hostile(struct sim_pod *pod, const struct fault_hostile_spec *spec,
                         rp_time_ns duration_ns)
{
    static const struct fault_hostile_spec HONEST;
    struct sim_event_queue *queue = pod->world->queue;
    if (spec == NULL && !pod->is_hostile) {
        return;
    }
    (void)sim_event_queue_cancel(queue, pod->hostile_event);
    pod->hostile_event = 0;
    pod->is_hostile = spec != NULL;
    pod->was_hostile = true;
    sim_checks_hostile(pod->world->checks);
    pod->hostile_spec = spec == NULL ? HONEST : *spec;
    note_hostile(pod, duration_ns);
    if (pod->hostile != NULL) {
        fault_hostile_set(pod->hostile, spec);
    }
    if (spec != NULL && duration_ns != 0) {
        pod->hostile_event = sim_event_queue_add(queue, sim_event_queue_now(queue) + duration_ns,
                                                 SIM_EVENT_FAULT, hostile_over, pod, pod->number);
    }
}

bool sim_pod_is_hostile(const struct sim_pod *pod)
{
    return pod->is_hostile;
}

bool sim_pod_was_hostile(const struct sim_pod *pod)
{
    return pod->was_hostile;
}

void sim_pod_set_disk(struct sim_pod *pod, const struct sim_disk_faults *faults)
{
    const struct fault_disk_spec *calls = &faults->calls;
    const uint64_t flags = (uint64_t)calls->is_full | (uint64_t)calls->has_free_bytes << 1 |
                           (uint64_t)faults->loses_unsynced << 2 |
                           (uint64_t)faults->lies_about_sync << 3 |
                           (uint64_t)calls->has_no_append << 4;
    const uint64_t words[8] = {pod->number,
                               flags,
                               calls->free_bytes,
                               calls->slow_ns,
                               calls->stuck_ns,
                               calls->read_error ^ calls->write_error << 1,
                               calls->sync_error ^ calls->stat_error << 1,
                               calls->short_write ^ faults->torn << 1 ^ calls->list_error << 2};
    sim_trace_note_words(pod->world->trace, "disk", words, 8);
    bool is_right = true;
    for (size_t word = 1; word < 8; word += 1) {
        is_right = is_right && words[word] == 0;
    }
    sim_pod_mark(pod, is_right ? "disk-right" : "disk", rp_view_text(""));
    sim_store_set_faults(pod->store, faults);
}

void sim_pod_heal(struct sim_pod *pod)
{
    static const struct sim_disk_faults HEALTHY;
    sim_store_set_faults(pod->store, &HEALTHY);
    sim_pod_set_hostile(pod, NULL, 0);
    set_wall(pod, furthest_wall(pod->world->run));
    pod->stop_at_event = 0;
    if (pod->is_frozen) {
        sim_pod_thaw(pod);
    }
}

/* Those that say how things are now, not how often something happened. */
static bool is_gauge(const char *name)
{
    return strcmp(name, "queue_depth") == 0 || strcmp(name, "inflight_count") == 0;
}

void sim_pod_keep_counters(struct sim_pod *pod)
{
    struct rp_node_inspection inspection;
    rp_node_inspect(pod->node, &inspection);
    for (size_t row = 0; row < RP_PULL_COUNTER_COUNT; row += 1) {
        if (!is_gauge(rp_pull_counter_name(row))) {
            pod->counters[row] += rp_pull_counter_value(&inspection.puller, row);
        }
    }
}

size_t sim_pod_counters(struct sim_pod *pod, struct sim_counter *counters_out, size_t max)
{
    struct rp_node_inspection inspection;
    memset(&inspection, 0, sizeof inspection);
    if (pod->node != NULL) {
        rp_node_inspect(pod->node, &inspection);
    }
    size_t count = RP_PULL_COUNTER_COUNT < max ? RP_PULL_COUNTER_COUNT : max;
    for (size_t row = 0; row < count; row += 1) {
        counters_out[row].name = rp_pull_counter_name(row);
        counters_out[row].value =
            pod->counters[row] + rp_pull_counter_value(&inspection.puller, row);
    }
    return count;
}

/* ---- Birth and death ----------------------------------------------------------------------------- */

void sim_pod_free(struct sim_pod *pod)
{
    if (pod == NULL) {
        return;
    }
    const struct rp_alloc *alloc = &pod->world->alloc;
    sim_store_free(pod->store);
    sim_raft_folder_free(pod->folder);
    sim_clock_free(pod->clock);
    rp_config_clear(&pod->config);
    rp_release(alloc, pod->waits);
    rp_release(alloc, pod->id);
    rp_release(alloc, pod->label);
    rp_release(alloc, pod->role);
    rp_release(alloc, pod->zone);
    rp_release(alloc, pod);
}
