#include "sim/world.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/alloc.h"
#include "sim/recover.h"
#include "sim/world_internal.h"

/* A world's birth and death, its pods, and what it says of itself. The run is in world_run.c. */

char *sim_copy_text(const struct sim_world *world, const char *text, size_t length)
{
    char *copy = rp_allocate(&world->alloc, length + 1);
    RP_ASSERT(copy != NULL);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

/* ---- Watching ------------------------------------------------------------------------------------- */

static void count_bytes(struct sim_world *world, const struct rp_observation *seen)
{
    world->run->pull_end_count +=
        seen->kind == RP_SEE_PULL_END && world->run->phase == SIM_PHASE_STORY;
    if (seen->kind == RP_SEE_FETCH_END) {
        world->run->result.bytes_hashed += seen->value2;
        world->run->result.bytes_replicated += seen->value == RP_FETCH_OK ? seen->value2 : 0;
    } else if (seen->kind == RP_SEE_FLUSH_QUEUED) {
        world->run->result.bytes_hashed += (uint64_t)seen->size_bytes;
    } else if (seen->kind == RP_SEE_PRESENT) {
        world->run->result.bytes_hashed += seen->value2;
    }
}

/* Truth first: the checkers compare with it. */
void sim_world_see(struct sim_world *world, struct sim_pod *pod,
                   const struct rp_observation *observation)
{
    sim_trace_observation(world->trace, sim_world_true_now(world), sim_pod_label(pod), observation);
    sim_truth_observe(world->truth, pod, observation);
    count_bytes(world, observation);
    sim_reach_observe(&world->run->result.reach, observation);
    sim_checks_observe(world->checks, pod, observation);
    sim_world_cut_off_see(world, pod, observation);
}

/* ---- Birth ---------------------------------------------------------------------------------------- */

bool sim_world_is_first(const struct sim_world *world)
{
    return world == world->run->worlds[0];
}

/* The whole second that the true wall clock shows at time 0 is the same in every run, so set-up has
 * a length that depends on the size of the cluster only. */
static rp_time_ns setup_length(const struct sim_cluster_spec *cluster)
{
    uint64_t nodes =
        (uint64_t)cluster->writer_count + cluster->reader_count + cluster->compactor_count;
    uint64_t per_node_ms = cluster->consensus == SIM_CONSENSUS_RAFT ? 600 : 20;
    return (10 + nodes * per_node_ms / 1000) * RP_NS_PER_S;
}

static void borrow_parts(struct sim_world *world, struct sim_run *run)
{
    world->run = run;
    world->queue = run->queue;
    world->trace = run->trace;
    world->bodies = run->bodies;
    world->dns = run->dns;
    world->net = run->net;
    world->disks = run->disks;
    world->pool = run->pool;
}

/* Clusters of one run draw different raft ids. */
static void init_identities(struct sim_world *world)
{
    struct rp_view key = rp_view_make(NULL, 0);
    if (!sim_world_is_first(world)) {
        key = rp_view_text(world->spec.cluster.name);
    }
    sim_rng_init(&world->identities, world->spec.seed, "raft-ids", key, 0);
}

int sim_world_make(struct sim_run *run, const struct sim_world_spec *spec,
                   struct sim_world **world_out)
{
    struct sim_world *world = rp_allocate_zeroed(&run->alloc, sizeof *world);
    if (world == NULL) {
        return RP_ERR_NOMEM;
    }
    world->alloc = run->alloc;
    borrow_parts(world, run);
    rp_table_init(&world->compacted, &world->alloc);
    rp_table_init(&world->cut_offs, &world->alloc);
    sim_run_take(run, world);
    *world_out = world;
    int error = sim_world_spec_copy(spec, &world->spec);
    if (error == 0) {
        init_identities(world);
        error = sim_ideal_log_new(&world->alloc, 0, &world->ideal_log);
    }
    if (error == 0) {
        error = sim_truth_new(world, &world->alloc, &world->truth);
    }
    if (error == 0) {
        error = sim_checks_new(world, &world->alloc, &world->checks);
    }
    for (int row = 0; row < SIM_PROPERTY_COUNT && error == 0; row += 1) {
        if (run->result.is_without[row]) {
            sim_checks_disable(world->checks, (enum sim_property)row);
        }
    }
    return error;
}

int sim_world_new(const struct sim_world_spec *spec, struct sim_world **world_out,
                  char note_out[160])
{
    struct sim_run *run = NULL;
    note_out[0] = '\0';
    int error = sim_run_new(spec, setup_length(&spec->cluster), &run);
    if (error == 0) {
        error = sim_world_make(run, spec, world_out);
    }
    if (error != 0) {
        (void)snprintf(note_out, 160, "%s", rp_strerror(error));
        sim_run_free(run);
        *world_out = NULL;
    }
    return error;
}

static void drop_waits(struct sim_pod *pod)
{
    for (size_t row = 0; row < pod->wait_count; row += 1) {
        pod->waits[row].done(pod->waits[row].context, RP_ERR_CANCELLED);
    }
    pod->wait_count = 0;
}

void sim_world_end_lives(struct sim_world *world)
{
    for (size_t index = 0; index < world->pod_count; index += 1) {
        drop_waits(world->pods[index]);
        sim_pod_kill(world->pods[index], false);
    }
    sim_nemesis_free_all(world);
    sim_workload_drop_all(world);
    sim_compact_drop_all(world);
    sim_checks_free(world->checks);
    world->checks = NULL;
}

void sim_world_clear(struct sim_world *world)
{
    for (size_t index = 0; index < world->pod_count; index += 1) {
        sim_pod_free(world->pods[index]);
    }
    rp_release(&world->alloc, (void *)world->pods);
    sim_truth_free(world->truth);
    sim_ideal_log_free(world->ideal_log);
    sim_world_free_cut_offs(world);
    sim_world_let_all_go(world);
    sim_world_spec_clear(&world->spec);
}

void sim_world_free(struct sim_world *world)
{
    if (world != NULL) {
        sim_run_free(world->run);
    }
}

/* ---- Pods ------------------------------------------------------------------------------------------ */

struct sim_pod *sim_world_pod(struct sim_world *world, struct rp_view node_id)
{
    for (size_t index = 0; index < world->pod_count; index += 1) {
        if (rp_view_equal(sim_pod_id(world->pods[index]), node_id)) {
            return world->pods[index];
        }
    }
    return NULL;
}

struct sim_pod *sim_world_labelled(struct sim_world *world, struct rp_view label)
{
    const struct sim_run *run = world->run;
    for (size_t number = 0; number < run->pod_count; number += 1) {
        if (rp_view_equal(sim_pod_label(run->pods[number]), label)) {
            return run->pods[number];
        }
    }
    return NULL;
}

size_t sim_world_node_count(const struct sim_world *world)
{
    return world->run->pod_count;
}

size_t sim_world_pod_count(const struct sim_world *world)
{
    return world->pod_count;
}

struct sim_pod *sim_world_pod_at(struct sim_world *world, size_t index)
{
    return world->pods[index];
}

/* The leader of the highest term among those that believe they lead. */
struct sim_pod *sim_world_leader(struct sim_world *world)
{
    struct sim_pod *leader = NULL;
    uint64_t highest_term = 0;
    for (size_t index = 0; index < world->pod_count; index += 1) {
        struct sim_pod *pod = world->pods[index];
        if (pod->node == NULL || (pod->state != SIM_POD_UP && pod->state != SIM_POD_STOPPING)) {
            continue;
        }
        struct rp_consensus_status status = pod->ports.consensus.status(pod->ports.consensus.state);
        if (status.is_leader && (leader == NULL || status.term > highest_term)) {
            leader = pod;
            highest_term = status.term;
        }
    }
    return leader;
}

/* Whom PromoteWriter named, as the leader knows it. */
static struct sim_pod *promoted_writer(struct sim_world *world)
{
    struct sim_pod *leader = sim_world_leader(world);
    const struct rp_manifest *manifest = leader == NULL ? NULL : rp_node_manifest(leader->node);
    const struct rp_node_record *record =
        manifest == NULL ? NULL : rp_manifest_primary_writer(manifest);
    struct sim_pod *pod = record == NULL ? NULL : sim_world_pod(world, record->id);
    return pod != NULL && pod->state == SIM_POD_UP ? pod : NULL;
}

struct sim_pod *sim_world_primary_writer(struct sim_world *world)
{
    struct sim_pod *promoted = promoted_writer(world);
    if (promoted != NULL) {
        return promoted;
    }
    for (size_t index = 0; index < world->pod_count; index += 1) {
        struct sim_pod *pod = world->pods[index];
        if (pod->state == SIM_POD_UP && strcmp(pod->role, "writer") == 0) {
            return pod;
        }
    }
    return NULL;
}

static const struct sim_node_spec *exception_of(const struct sim_world *world, const char *id)
{
    const struct sim_cluster_spec *cluster = &world->spec.cluster;
    for (size_t row = 0; row < cluster->exception_count; row += 1) {
        if (strcmp(cluster->exceptions[row].id, id) == 0) {
            return &cluster->exceptions[row];
        }
    }
    return NULL;
}

static void grow_pods(struct sim_world *world)
{
    if (world->pod_count < world->pod_max) {
        return;
    }
    world->pod_max = world->pod_max == 0 ? 16 : world->pod_max * 2;
    world->pods = rp_resize(&world->alloc, world->pods, world->pod_max * sizeof(struct sim_pod *));
    RP_ASSERT(world->pods != NULL);
}

static int fill_pod(struct sim_world *world, struct sim_pod *pod, const struct sim_add_spec *spec)
{
    const struct sim_node_spec *exception = exception_of(world, pod->id);
    const struct rp_config *config = spec->config;
    const char *zone = spec->zone;
    pod->release = spec->has_release ? spec->release : world->spec.cluster.release;
    if (exception != NULL) {
        pod->release =
            exception->has_release && !spec->has_release ? exception->release : pod->release;
        config = config == NULL ? exception->config : config;
        zone = zone == NULL ? exception->zone : zone;
    }
    sim_world_note_release(world, pod);
    pod->zone = sim_copy_text(world, zone == NULL ? "" : zone, zone == NULL ? 0 : strlen(zone));
    int error = rp_config_copy(config == NULL ? &world->spec.cluster.config : config, &pod->config);
    if (error == 0) {
        error = sim_net_site(world->net, sim_pod_label(pod), sim_pod_zone(pod), &pod->site);
    }
    if (error == 0) {
        int64_t wall_base_ns =
            SIM_WALL_AT_ZERO_S * (int64_t)RP_NS_PER_S - (int64_t)world->run->zero_ns;
        error = sim_clock_new(&world->alloc, world->queue, wall_base_ns, &pod->clock);
    }
    if (error == 0) {
        sim_pod_new_address(pod);
        error = sim_pod_new_volume(pod);
    }
    return error;
}

static char *make_label(const struct sim_world *world, const char *id)
{
    if (sim_world_is_first(world)) {
        return sim_copy_text(world, id, strlen(id));
    }
    size_t name_bytes = strlen(world->spec.cluster.name), id_bytes = strlen(id);
    char *label = rp_allocate(&world->alloc, name_bytes + id_bytes + 2);
    RP_ASSERT(label != NULL);
    memcpy(label, world->spec.cluster.name, name_bytes);
    label[name_bytes] = '/';
    memcpy(label + name_bytes + 1, id, id_bytes + 1);
    return label;
}

/* Nobody has it, and no pod that another cluster still makes will. */
static bool is_label_free(struct sim_world *world, const char *label)
{
    const struct sim_run *run = world->run;
    for (size_t row = 0; row < run->world_count; row += 1) {
        const struct sim_world *other = run->worlds[row];
        size_t name_bytes = strlen(other->spec.cluster.name);
        if (other != world && !sim_world_is_first(other) &&
            strncmp(label, other->spec.cluster.name, name_bytes) == 0 && label[name_bytes] == '/') {
            return false;
        }
    }
    return sim_world_labelled(world, rp_view_text(label)) == NULL;
}

static bool is_id_free(struct sim_world *world, const char *id)
{
    char *label = make_label(world, id);
    bool is_free = is_label_free(world, label);
    rp_release(&world->alloc, label);
    return is_free;
}

static uint64_t next_of_role(struct sim_world *world, const char *role)
{
    uint64_t count = 1;
    for (;; count += 1) {
        char id[64];
        (void)snprintf(id, sizeof id, "%s-%llu", role, (unsigned long long)count);
        if (sim_world_pod(world, rp_view_text(id)) == NULL && is_id_free(world, id)) {
            return count;
        }
    }
}

/* A pod on an empty volume that does not boot yet. */
int sim_world_new_pod(struct sim_world *world, const struct sim_add_spec *spec,
                      struct sim_pod **pod_out)
{
    char id[64];
    if (sim_world_node_count(world) >= SIM_NODE_COUNT_MAX) {
        return RP_ERR_FULL;
    }
    if (spec->id == NULL) {
        (void)snprintf(id, sizeof id, "%s-%llu", spec->role,
                       (unsigned long long)next_of_role(world, spec->role));
    }
    const char *name = spec->id != NULL ? spec->id : id;
    char *label = make_label(world, name);
    struct sim_pod *pod = NULL;
    int error = RP_ERR_INVALID;
    if (is_label_free(world, label)) {
        pod = rp_allocate_zeroed(&world->alloc, sizeof *pod);
        error = RP_ERR_NOMEM;
    }
    if (pod == NULL) {
        rp_release(&world->alloc, label);
        return error;
    }
    pod->world = world;
    pod->id = sim_copy_text(world, name, strlen(name));
    pod->label = label;
    sim_run_number(world->run, pod);
    pod->role = sim_copy_text(world, spec->role, strlen(spec->role));
    grow_pods(world);
    world->pods[world->pod_count++] = pod;
    error = fill_pod(world, pod, spec);
    sim_truth_pod_added(world->truth, pod);
    *pod_out = pod;
    return error; /* a pod that could not be filled stays down and is freed with the world */
}

int sim_world_add(struct sim_world *world, const struct sim_add_spec *spec,
                  struct sim_pod **pod_out)
{
    int error = sim_world_new_pod(world, spec, pod_out);
    if (error == 0) {
        sim_pod_boot_at(*pod_out, 0);
    }
    return error;
}

/* ---- Time and access --------------------------------------------------------------------------------- */

rp_time_ns sim_world_true_now(const struct sim_world *world)
{
    return sim_event_queue_now(world->queue);
}

rp_time_ns sim_world_now(const struct sim_world *world)
{
    rp_time_ns now_ns = sim_world_true_now(world);
    return now_ns > world->run->zero_ns ? now_ns - world->run->zero_ns : 0;
}

double sim_world_seconds(const struct sim_world *world, rp_time_ns true_ns)
{
    return true_ns >= world->run->zero_ns ? (double)(true_ns - world->run->zero_ns) / 1e9
                                          : -(double)(world->run->zero_ns - true_ns) / 1e9;
}

sim_event sim_world_at(struct sim_world *world, rp_time_ns at_ns, sim_event_fn run, void *context,
                       uint64_t argument)
{
    rp_time_ns true_ns = at_ns > RP_TIME_NEVER - world->run->zero_ns ? RP_TIME_NEVER - 1
                                                                     : at_ns + world->run->zero_ns;
    return sim_event_queue_add(world->queue, true_ns, SIM_EVENT_STORY, run, context, argument);
}

void sim_world_cancel(struct sim_world *world, sim_event event)
{
    (void)sim_event_queue_cancel(world->queue, event);
}

uint64_t sim_world_seed(const struct sim_world *world)
{
    return world->spec.seed;
}

const struct sim_world_spec *sim_world_spec(const struct sim_world *world)
{
    return &world->spec;
}

struct sim_truth *sim_world_truth(struct sim_world *world)
{
    return world->truth;
}

struct sim_checks *sim_world_checks(struct sim_world *world)
{
    return world->checks;
}

struct sim_net *sim_world_net(struct sim_world *world)
{
    return world->net;
}

struct sim_bodies *sim_world_bodies(struct sim_world *world)
{
    return world->bodies;
}

struct sim_trace *sim_world_trace(struct sim_world *world)
{
    return world->trace;
}

struct sim_result *sim_world_result(struct sim_world *world)
{
    return &world->run->result;
}

size_t sim_world_manifest(struct sim_world *world, size_t from, struct sim_manifest_row *rows_out,
                          size_t max)
{
    const struct sim_truth_file *files[64];
    size_t count = 0;
    while (count < max) {
        size_t wanted = max - count < 64 ? max - count : 64;
        size_t got = sim_truth_page(world->truth, from + count, files, wanted);
        for (size_t row = 0; row < got; row += 1) {
            rows_out[count + row] = (struct sim_manifest_row){
                .path = files[row]->path,
                .sha256 = files[row]->sha256,
                .origin_node_id = files[row]->origin_node_id,
                .size_bytes = files[row]->size_bytes,
                .lsn = files[row]->lsn,
            };
        }
        count += got;
        if (got < wanted) {
            break;
        }
    }
    return count;
}

/* ---- Verdicts and samples ------------------------------------------------------------------------------ */

/* The result's texts are libc's: they are handed out with it. */
static char *copy_libc(const char *text, size_t length)
{
    char *copy = malloc(length + 1);
    RP_ASSERT(copy != NULL);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

/* What is violated, by whom; the texts are the caller's. */
struct violation_words {
    const char *property, *place, *detail;
    struct rp_view node_id;
    bool has_release;
    enum rp_release release;
};

static bool is_repeat(const struct sim_violation *known, const struct violation_words *words)
{
    bool is_check = strcmp(words->property, "scenario-check") == 0;
    return strcmp(known->property, words->property) == 0 &&
           strcmp(known->place, words->place) == 0 && known->has_release == words->has_release &&
           known->release == words->release &&
           rp_view_equal(rp_view_text(known->node), words->node_id) &&
           (!is_check || strcmp(known->detail, words->detail) == 0);
}

static void add_violation(struct sim_world *world, const struct violation_words *words)
{
    struct sim_result *result = &world->run->result;
    for (size_t row = 0; row < result->violation_count; row += 1) {
        if (is_repeat(&result->violations[row], words)) {
            return;
        }
    }
    struct sim_violation *grown =
        realloc(result->violations, (result->violation_count + 1) * sizeof *result->violations);
    RP_ASSERT(grown != NULL);
    result->violations = grown;
    result->violations[result->violation_count++] = (struct sim_violation){
        .property = copy_libc(words->property, strlen(words->property)),
        .time_ns = sim_world_now(world),
        .node = copy_libc((const char *)words->node_id.bytes, words->node_id.length_bytes),
        .place = copy_libc(words->place, strlen(words->place)),
        .detail = copy_libc(words->detail, strlen(words->detail)),
        .has_release = words->has_release,
        .release = words->release,
    };
    sim_trace_note(world->trace, "violation", words->property, strlen(words->property));
    if (world->run->watch.violated != NULL) {
        world->run->watch.violated(world->run->watch.context, world,
                                   &result->violations[result->violation_count - 1]);
    }
}

void sim_world_fail(struct sim_world *world, const char *property, struct rp_view node_id,
                    const char *place, const char *detail)
{
    struct violation_words words = {
        .property = property, .place = place, .detail = detail, .node_id = node_id};
    add_violation(world, &words);
}

void sim_world_violate_as(struct sim_world *world, const char *property, struct sim_pod *pod,
                          enum rp_release release, const char *place, const char *detail)
{
    struct violation_words words = {.property = property, .place = place, .detail = detail};
    if (pod != NULL) {
        words.node_id = sim_pod_label(pod);
    } else if (sim_world_is_first(world)) {
        words.node_id = rp_view_text("");
    } else { /* of that cluster as a whole */
        words.node_id = rp_view_text(world->spec.cluster.name);
    }
    words.has_release = pod != NULL;
    words.release = release;
    add_violation(world, &words);
}

void sim_world_violate(struct sim_world *world, const char *property, struct sim_pod *pod,
                       const char *place, const char *detail)
{
    enum rp_release release = pod == NULL ? RP_RELEASE_CURRENT : pod->life_release;
    sim_world_violate_as(world, property, pod, release, place, detail);
}

void sim_world_metric(struct sim_world *world, const char *name, double value)
{
    struct sim_result *result = &world->run->result;
    struct sim_metric_summary *metric = NULL;
    for (size_t row = 0; row < result->metric_count && metric == NULL; row += 1) {
        metric = strcmp(result->metrics[row].name, name) == 0 ? &result->metrics[row] : NULL;
    }
    if (metric == NULL) {
        struct sim_metric_summary *grown =
            realloc(result->metrics, (result->metric_count + 1) * sizeof *result->metrics);
        RP_ASSERT(grown != NULL);
        result->metrics = grown;
        metric = &result->metrics[result->metric_count++];
        *metric = (struct sim_metric_summary){.name = copy_libc(name, strlen(name)), .max = value};
    }
    metric->count += 1;
    metric->last = value;
    metric->max = value > metric->max ? value : metric->max;
}

static size_t find_name(char *const *names, size_t count, const char *name)
{
    size_t row = 0;
    while (row < count && strcmp(names[row], name) != 0) {
        row += 1;
    }
    return row;
}

static void add_name(char ***names, size_t *count, const char *name)
{
    if (find_name(*names, *count, name) == *count) {
        char **grown = realloc(*names, (*count + 1) * sizeof(char *));
        RP_ASSERT(grown != NULL);
        *names = grown;
        grown[(*count)++] = copy_libc(name, strlen(name));
    }
}

void sim_world_reached(struct sim_world *world, const char *name)
{
    struct sim_result *result = &world->run->result;
    add_name(&result->reached, &result->reached_count, name);
    size_t row = find_name(result->missed, result->missed_count, name);
    if (row < result->missed_count) {
        free(result->missed[row]);
        result->missed_count -= 1;
        memmove(result->missed + row, result->missed + row + 1,
                (result->missed_count - row) * sizeof(char *));
    }
}

void sim_world_missed(struct sim_world *world, const char *name)
{
    struct sim_result *result = &world->run->result;
    if (find_name(result->reached, result->reached_count, name) == result->reached_count) {
        add_name(&result->missed, &result->missed_count, name);
    }
}

void sim_world_log(struct sim_world *world, struct rp_view node_id, const char *text)
{
    sim_trace_note(world->trace, "log-of", node_id.bytes, node_id.length_bytes);
    sim_trace_note(world->trace, "log", text, strlen(text));
}

struct sim_reach *sim_world_reach(struct sim_world *world)
{
    return &world->run->result.reach;
}

/* ---- Settled? ------------------------------------------------------------------------------------------ */

/* A pod that is cut off from all the others cannot have what they have, and is not waited for. */
static bool is_counted(const struct sim_pod *pod)
{
    return pod->state != SIM_POD_DOWN && !pod->is_frozen && !sim_world_is_outside(pod->world, pod);
}

static bool has_all(const struct sim_pod *pod)
{
    return (pod->missing_count == 0 && pod->state == SIM_POD_UP) || !is_counted(pod);
}

static bool pod_is_settled(const struct sim_pod *pod)
{
    return has_all(pod) && (!is_counted(pod) || rp_node_is_idle(pod->node));
}

/* Asked at every instant that a story waits: what one number tells comes before any node is asked. */
bool sim_world_is_settled(struct sim_world *world)
{
    for (size_t index = 0; index < world->pod_count; index += 1) {
        if (!has_all(world->pods[index])) {
            return false;
        }
    }
    for (size_t index = 0; index < world->pod_count; index += 1) {
        if (!pod_is_settled(world->pods[index])) {
            return false;
        }
    }
    return true;
}

static const char *holder_text(enum sim_recover_file status)
{
    switch (status) {
    case SIM_RECOVER_FILE_HELD: return "";
    case SIM_RECOVER_FILE_DOWN: return " without a holder that is up";
    case SIM_RECOVER_FILE_LOST: break;
    }
    return " without a holder";
}

void sim_world_unsettled_text(struct sim_world *world, char *text_out, size_t text_bytes)
{
    size_t used = 0;
    text_out[0] = '\0';
    for (size_t index = 0; index < world->pod_count && used + 1 < text_bytes; index += 1) {
        struct sim_pod *pod = world->pods[index];
        if (pod_is_settled(pod)) {
            continue;
        }
        const struct sim_truth_file *files[3];
        size_t count = sim_truth_missing(world->truth, pod, files, 3);
        int written =
            snprintf(text_out + used, text_bytes - used, "%s%s: %llu missing",
                     used == 0 ? "" : "; ", pod->label, (unsigned long long)pod->missing_count);
        used += written < 0 ? 0 : (size_t)written;
        for (size_t row = 0; row < count && used + 1 < text_bytes; row += 1) {
            written =
                snprintf(text_out + used, text_bytes - used, "%s%.*s%s", row == 0 ? " (" : ", ",
                         (int)files[row]->path.length_bytes, (const char *)files[row]->path.bytes,
                         holder_text(sim_recover_file(world, files[row])));
            used += written < 0 ? 0 : (size_t)written;
        }
        if (count > 0 && used + 1 < text_bytes) {
            written = snprintf(text_out + used, text_bytes - used, ")");
            used += written < 0 ? 0 : (size_t)written;
        }
    }
}
