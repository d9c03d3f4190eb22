#include "tests/sim/fake_cluster.h"

#include <stdio.h>

static struct sim_pod *pod_of(struct sim_world *world, int pod)
{
    return &world->pods[pod];
}

/* ---- sim/world.h ------------------------------------------------------------------------------ */

rp_time_ns sim_world_true_now(const struct sim_world *world)
{
    return world->now_ns;
}

struct sim_reach *sim_world_reach(struct sim_world *world)
{
    return &world->reach;
}

struct sim_truth *sim_world_truth(struct sim_world *world)
{
    return &world->truth;
}

size_t sim_world_pod_count(const struct sim_world *world)
{
    (void)world;
    return FAKE_POD_COUNT;
}

struct sim_pod *sim_world_pod_at(struct sim_world *world, size_t index)
{
    return &world->pods[index];
}

/* All of one release here. */
bool sim_world_can_talk(const struct sim_pod *left, const struct sim_pod *right)
{
    (void)left;
    (void)right;
    return true;
}

bool sim_world_is_outside(struct sim_world *world, const struct sim_pod *pod)
{
    (void)world;
    (void)pod;
    return false;
}

void sim_world_violate(struct sim_world *world, const char *property, struct sim_pod *pod,
                       const char *place, const char *detail)
{
    ck_assert_uint_lt(world->seen_count, FAKE_SEEN_MAX);
    ck_assert_uint_gt(strlen(detail), 0);
    struct fake_violation *seen = &world->seen[world->seen_count];
    world->seen_count += 1;
    (void)snprintf(seen->property, sizeof seen->property, "%s", property);
    (void)snprintf(seen->place, sizeof seen->place, "%s", place);
    seen->pod = pod;
}

void sim_world_violate_as(struct sim_world *world, const char *property, struct sim_pod *pod,
                          enum rp_release release, const char *place, const char *detail)
{
    (void)release;
    sim_world_violate(world, property, pod, place, detail);
}

size_t fake_violations(const struct sim_world *world, enum sim_property property)
{
    size_t count = 0;
    for (size_t row = 0; row < world->seen_count; row += 1) {
        count += property == SIM_PROPERTY_COUNT ||
                 strcmp(world->seen[row].property, sim_property_name(property)) == 0;
    }
    return count;
}

/* ---- sim/pod.h -------------------------------------------------------------------------------- */

struct rp_view sim_pod_id(const struct sim_pod *pod)
{
    return rp_view_text(pod->id);
}

struct rp_view sim_pod_role(const struct sim_pod *pod)
{
    return rp_view_text(pod->role);
}

enum rp_release sim_pod_release(const struct sim_pod *pod)
{
    return pod->release;
}

enum sim_pod_state sim_pod_state(const struct sim_pod *pod)
{
    return pod->state;
}

bool sim_pod_is_up(const struct sim_pod *pod)
{
    return pod->state != SIM_POD_DOWN;
}

bool sim_pod_is_hostile(const struct sim_pod *pod)
{
    return pod->is_hostile;
}

bool sim_pod_was_hostile(const struct sim_pod *pod)
{
    return pod->is_hostile;
}

bool sim_pod_log(const struct sim_pod *pod, struct sim_pod_log *log_out)
{
    *log_out = pod->log;
    return pod->has_log;
}

size_t sim_pod_voters(const struct sim_pod *pod, uint64_t *ids_out, size_t max)
{
    size_t count = 0;
    for (size_t row = 0; pod->has_log && row < FAKE_POD_COUNT && row < max; row += 1) {
        ids_out[count++] = pod->world->pods[row].log.raft_id;
    }
    return count;
}

uint64_t sim_pod_life(const struct sim_pod *pod)
{
    return pod->life;
}

bool sim_pod_is_gone(const struct sim_pod *pod)
{
    (void)pod;
    return false;
}

uint64_t sim_pod_number(const struct sim_pod *pod)
{
    return pod->number;
}

rp_time_ns sim_pod_life_began(const struct sim_pod *pod)
{
    return pod->life_began_ns;
}

struct sim_store *sim_pod_store(struct sim_pod *pod)
{
    return pod->store;
}

size_t sim_pod_armed_timers(const struct sim_pod *pod)
{
    return pod->armed_timers;
}

size_t sim_pod_connections(const struct sim_pod *pod)
{
    return pod->connections;
}

struct rp_node *sim_pod_node(struct sim_pod *pod)
{
    return pod->state == SIM_POD_DOWN ? NULL : &pod->node;
}

rp_time_ns sim_pod_clock_ns(const struct sim_pod *pod)
{
    return pod->world->now_ns;
}

rp_time_ns sim_pod_frozen_ns(const struct sim_pod *pod)
{
    return pod->frozen_ns;
}

int64_t sim_pod_wall_s(const struct sim_pod *pod)
{
    return pod->wall_s;
}

const struct rp_config *sim_pod_config(const struct sim_pod *pod)
{
    return &pod->config;
}

/* ---- protocol/node.h -------------------------------------------------------------------------- */

const struct rp_manifest *rp_node_manifest(const struct rp_node *node)
{
    return node->manifest;
}

bool rp_node_holds_healthy(const struct rp_node *node, struct rp_view peer_id)
{
    return node->unhealthy_id == NULL || !rp_view_equal(peer_id, rp_view_text(node->unhealthy_id));
}

rp_time_ns rp_node_first_frame_wait(const struct rp_node *node)
{
    return node->first_frame_ns;
}

size_t rp_node_exchange_count(const struct rp_node *node)
{
    (void)node;
    return 0;
}

size_t rp_node_connection_count(const struct rp_node *node)
{
    return node->inspection.connection_count;
}

size_t rp_node_nonce_count(const struct rp_node *node)
{
    return node->inspection.nonce_count;
}

void rp_node_inspect(struct rp_node *node, struct rp_node_inspection *inspection_out)
{
    *inspection_out = node->inspection;
    inspection_out->manifest = node->manifest;
}

/* ---- sim/truth.h ------------------------------------------------------------------------------ */

const struct sim_version *sim_truth_version(const struct sim_truth *truth, struct rp_view path,
                                            struct rp_view sha256)
{
    for (size_t row = 0; row < truth->version_count; row += 1) {
        const struct sim_version *version = &truth->versions[row].version;
        if (rp_view_equal(version->path, path) && rp_view_equal(version->sha256, sha256)) {
            return version;
        }
    }
    return NULL;
}

const struct sim_truth_file *sim_truth_file(const struct sim_truth *truth, struct rp_view path)
{
    for (size_t row = 0; row < truth->file_count; row += 1) {
        if (rp_view_equal(truth->files[row].path, path)) {
            return &truth->files[row];
        }
    }
    return NULL;
}

const struct sim_truth_file *sim_truth_deleted(struct sim_truth *truth, size_t *cursor)
{
    while (*cursor < truth->file_count) {
        const struct sim_truth_file *file = &truth->files[*cursor];
        *cursor += 1;
        if (!file->is_registered) {
            return file;
        }
    }
    return NULL;
}

uint64_t sim_truth_last_index(const struct sim_truth *truth)
{
    return truth->last_index;
}

bool sim_truth_holds(const struct sim_truth *truth, const struct sim_pod *pod,
                     const struct sim_truth_file *file)
{
    (void)truth;
    return sim_store_verify(pod->store, file->path, file->version->key,
                            file->version->length_bytes);
}

size_t sim_truth_missing(struct sim_truth *truth, const struct sim_pod *pod,
                         const struct sim_truth_file **files_out, size_t max)
{
    size_t count = 0;
    for (size_t row = 0; row < truth->file_count && count < max; row += 1) {
        const struct sim_truth_file *file = &truth->files[row];
        if (file->is_registered && !sim_truth_holds(truth, pod, file)) {
            files_out[count] = file;
            count += 1;
        }
    }
    return count;
}

uint64_t sim_truth_missing_count(const struct sim_truth *truth, const struct sim_pod *pod)
{
    uint64_t count = 0;
    for (size_t row = 0; row < truth->file_count; row += 1) {
        const struct sim_truth_file *file = &truth->files[row];
        count += file->is_registered && !sim_truth_holds(truth, pod, file);
    }
    return count;
}

/* ---- Birth and death -------------------------------------------------------------------------- */

static void on_visible(void *context, struct sim_store *store, struct rp_view path,
                       struct rp_view sha256_hex, const struct sim_content *content,
                       bool is_by_node)
{
    struct sim_world *world = context;
    ck_assert(!is_by_node && sha256_hex.length_bytes == 0); /* only sim_store_put is used */
    sim_checks_visible(world->checks, sim_store_owner(store), path, world->staged_sha256, content,
                       world->is_by_node);
}

static void on_vanished(void *context, struct sim_store *store, struct rp_view path,
                        const struct sim_content *content, bool is_by_node)
{
    struct sim_world *world = context;
    sim_checks_vanished(world->checks, sim_store_owner(store), path, content,
                        is_by_node || world->is_by_node);
}

static void on_damaged(void *context, struct sim_store *store, struct rp_view path)
{
    struct sim_world *world = context;
    sim_checks_damaged(world->checks, sim_store_owner(store), path);
}

static void see_entry(struct sim_pod *pod, enum rp_observation_kind kind,
                      const struct rp_file_entry *entry)
{
    struct rp_observation seen = {
        .kind = kind,
        .path = entry->path,
        .sha256 = entry->sha256,
        .size_bytes = entry->size_bytes,
        .lsn = entry->lsn,
        .value = rp_manifest_applied_index(pod->node.manifest),
    };
    for (int time = 0; time < 1 + pod->world->extra_callbacks; time += 1) {
        sim_checks_observe(pod->world->checks, pod, &seen);
    }
}

static void on_registered(void *context, const struct rp_file_entry *entry,
                          const struct rp_file_entry *replaced)
{
    (void)replaced;
    see_entry(context, RP_SEE_FILE_REGISTERED, entry);
}

static void on_deleted(void *context, const struct rp_file_entry *removed, struct rp_view reason)
{
    (void)reason;
    see_entry(context, RP_SEE_FILE_DELETED, removed);
}

static void manifest_make(struct sim_pod *pod)
{
    struct rp_manifest_events events = {
        .context = pod, .file_registered = on_registered, .file_deleted = on_deleted};
    rp_manifest_free(pod->node.manifest);
    pod->node.manifest = NULL;
    ck_assert_int_eq(rp_manifest_new(rp_release_traits(pod->release), &pod->world->memory.alloc,
                                     pod->world->pool, &events, &pod->node.manifest),
                     0);
}

void fake_life_begins(struct sim_world *world, int number)
{
    struct sim_pod *pod = pod_of(world, number);
    pod->life += 1;
    pod->life_began_ns = world->now_ns;
    pod->state = SIM_POD_UP;
    manifest_make(pod);
    memset(&pod->node.inspection, 0, sizeof pod->node.inspection);
    pod->node.inspection.is_idle = true;
    pod->node.inspection.has_leader = true;
    sim_checks_life_begins(world->checks, pod);
}

static void pod_make(struct sim_world *world, int number)
{
    static const char *const IDS[] = {"writer-1", "reader-1", "reader-2"};
    static const char *const ROLES[] = {"writer", "reader", "reader"};
    struct sim_pod *pod = pod_of(world, number);
    pod->world = world;
    pod->number = (uint64_t)number;
    pod->id = IDS[number];
    pod->role = ROLES[number];
    pod->release = RP_RELEASE_CURRENT;
    pod->wall_s = FAKE_WALL_S;
    memcpy(pod->secret, "secret", sizeof "secret");
    pod->config.shared_secret = pod->secret;
    pod->config.is_replication_enabled = true;
    pod->config.is_replication_catchup_enabled = true;
    pod->config.replication_retry_max_attempts = 3;
    pod->config.health_check_interval_ns = 5 * RP_NS_PER_S;
    pod->config.replication_fetch_timeout_ns = 60 * RP_NS_PER_S;
    pod->config.replication_serve_timeout_ns = 120 * RP_NS_PER_S;
    pod->config.replication_catchup_barrier_timeout_ns = 10 * RP_NS_PER_S;
    struct sim_store_spec spec = {.name = rp_view_text(pod->id),
                                  .number = pod->number,
                                  .owner = pod,
                                  .capacity_bytes = UINT64_C(1) << 40};
    ck_assert_int_eq(sim_store_new(world->disks, &spec, &pod->store), 0);
    fake_life_begins(world, number);
}

struct sim_world *fake_cluster_new(void)
{
    struct sim_world *world = calloc(1, sizeof *world);
    ck_assert_ptr_nonnull(world);
    test_alloc_init(&world->memory);
    world->now_ns = RP_NS_PER_S;
    world->truth.world = world;
    const struct rp_alloc *alloc = &world->memory.alloc;
    ck_assert_int_eq(sim_event_queue_new(alloc, &world->queue), 0);
    ck_assert_int_eq(sim_bodies_new(alloc, 1 << 20, &world->bodies), 0);
    struct sim_disks_spec disks = {.alloc = alloc,
                                   .queue = world->queue,
                                   .bodies = world->bodies,
                                   .seed = 3,
                                   .watch = {.context = world,
                                             .visible = on_visible,
                                             .vanished = on_vanished,
                                             .damaged = on_damaged}};
    ck_assert_int_eq(sim_disks_new(&disks, &world->disks), 0);
    ck_assert_int_eq(rp_entry_pool_new(alloc, &world->pool), 0);
    ck_assert_int_eq(sim_checks_new(world, alloc, &world->checks), 0);
    for (int number = 0; number < FAKE_POD_COUNT; number += 1) {
        pod_make(world, number);
    }
    return world;
}

void fake_cluster_free(struct sim_world *world)
{
    sim_checks_free(world->checks);
    for (int number = 0; number < FAKE_POD_COUNT; number += 1) {
        sim_store_free(world->pods[number].store);
        rp_manifest_free(world->pods[number].node.manifest);
    }
    rp_entry_pool_free(world->pool);
    sim_disks_free(world->disks);
    sim_bodies_free(world->bodies);
    sim_event_queue_free(world->queue);
    ck_assert_uint_eq(world->memory.live_count, 0);
    free(world);
}

void fake_pass(struct sim_world *world, rp_time_ns duration_ns)
{
    world->now_ns += duration_ns;
}

/* ---- Files ------------------------------------------------------------------------------------ */

const struct fake_file *fake_version(struct sim_world *world, const char *path)
{
    struct sim_truth *truth = &world->truth;
    ck_assert_uint_lt(truth->version_count, FAKE_FILE_MAX);
    struct fake_file *file = &truth->versions[truth->version_count];
    truth->version_count += 1;
    sim_body_key key =
        sim_body_key_make(1, rp_view_text(path), (uint64_t)truth->version_count, false);
    ck_assert_int_eq(sim_body_sha256(world->bodies, key, FAKE_LENGTH_BYTES, file->sha256), 0);
    file->version = (struct sim_version){
        .path = rp_view_text(path),
        .sha256 = rp_view_make(file->sha256, RP_SHA256_HEX),
        .key = key,
        .length_bytes = FAKE_LENGTH_BYTES,
        .origin_pod = WRITER,
        .is_known = true,
    };
    return file;
}

static void put(struct sim_world *world, int pod, const struct fake_file *file, sim_body_key key,
                uint64_t length_bytes)
{
    ck_assert_int_eq(
        sim_store_put(pod_of(world, pod)->store, file->version.path, key, length_bytes, 1), 0);
}

void fake_publish_as(struct sim_world *world, int pod, const struct fake_file *file,
                     sim_body_key key, uint64_t length_bytes)
{
    world->is_by_node = true;
    world->staged_sha256 = file->version.sha256;
    put(world, pod, file, key, length_bytes);
    world->is_by_node = false;
    world->staged_sha256 = rp_view_make(NULL, 0);
}

void fake_publish(struct sim_world *world, int pod, const struct fake_file *file)
{
    fake_publish_as(world, pod, file, file->version.key, file->version.length_bytes);
}

void fake_put(struct sim_world *world, int pod, const struct fake_file *file)
{
    put(world, pod, file, file->version.key, file->version.length_bytes);
}

static void apply(struct sim_world *world, int pod, uint64_t index, const struct rp_buffer *command)
{
    sim_checks_command(world->checks, pod_of(world, pod), index, 1, rp_buffer_view(command));
    int error =
        rp_manifest_apply(pod_of(world, pod)->node.manifest, index, 1, rp_buffer_view(command));
    ck_assert_int_eq(error, 0);
    struct rp_observation seen = {.kind = RP_SEE_APPLIED,
                                  .value = index + world->applied_shift,
                                  .value2 = 1,
                                  .error = world->applied_error};
    fake_see(world, pod, &seen);
}

void fake_apply(struct sim_world *world, int pod, uint64_t index, const struct fake_file *file)
{
    struct rp_buffer command;
    rp_buffer_init(&command, &world->memory.alloc, 1 << 20);
    struct rp_file_record record = {
        .path = file->version.path,
        .sha256 = file->version.sha256,
        .size_bytes = (int64_t)file->version.length_bytes,
        .database = rp_view_text("db"),
        .measurement = rp_view_text("cpu"),
        .partition_time = {FAKE_WALL_S, 0, 0},
        .origin_node_id = rp_view_text("writer-1"),
        .tier = rp_view_text("hot"),
        .created_at = {FAKE_WALL_S + 1, 500, 0},
    };
    ck_assert_int_eq(rp_command_encode_register(&command, RP_CMD_REGISTER_FILE, &record), 0);
    apply(world, pod, index, &command);
    rp_buffer_clear(&command);
}

static struct sim_truth_file *truth_file(struct sim_truth *truth, struct rp_view path)
{
    for (size_t row = 0; row < truth->file_count; row += 1) {
        if (rp_view_equal(truth->files[row].path, path)) {
            return &truth->files[row];
        }
    }
    ck_assert_uint_lt(truth->file_count, FAKE_FILE_MAX);
    truth->file_count += 1;
    return &truth->files[truth->file_count - 1];
}

void fake_commit(struct sim_world *world, const struct fake_file *file)
{
    struct sim_truth *truth = &world->truth;
    truth->last_index += 1;
    truth->versions[file - truth->versions].lsn = truth->last_index;
    *truth_file(truth, file->version.path) = (struct sim_truth_file){
        .path = file->version.path,
        .sha256 = file->version.sha256,
        .size_bytes = (int64_t)file->version.length_bytes,
        .lsn = truth->last_index,
        .is_registered = true,
        .commit_ns = truth->world->now_ns,
        .version = &file->version,
    };
    for (int pod = 0; pod < FAKE_POD_COUNT; pod += 1) {
        fake_apply(world, pod, truth->last_index, file);
    }
}

void fake_remove_by_node(struct sim_world *world, int pod, const struct fake_file *file)
{
    world->is_by_node = true;
    ck_assert_int_eq(sim_store_remove(pod_of(world, pod)->store, file->version.path), 0);
    world->is_by_node = false;
}

void fake_delete(struct sim_world *world, const char *path)
{
    fake_delete_but(world, path, -1);
}

void fake_delete_but(struct sim_world *world, const char *path, int absent_pod)
{
    struct rp_buffer command;
    rp_buffer_init(&command, &world->memory.alloc, 1 << 20);
    ck_assert_int_eq(
        rp_command_encode_delete(&command, rp_view_text(path), rp_view_text("retention")), 0);
    world->truth.last_index += 1;
    truth_file(&world->truth, rp_view_text(path))->is_registered = false;
    truth_file(&world->truth, rp_view_text(path))->delete_ns = world->now_ns;
    for (int pod = 0; pod < FAKE_POD_COUNT; pod += 1) {
        if (pod != absent_pod) {
            apply(world, pod, world->truth.last_index, &command);
        }
    }
    rp_buffer_clear(&command);
}

/* ---- Observations ----------------------------------------------------------------------------- */

void fake_see(struct sim_world *world, int pod, const struct rp_observation *seen)
{
    sim_checks_observe(world->checks, pod_of(world, pod), seen);
}

void fake_see_value(struct sim_world *world, int pod, enum rp_observation_kind kind, uint64_t value,
                    uint64_t value2)
{
    struct rp_observation seen = {.kind = kind, .value = value, .value2 = value2};
    fake_see(world, pod, &seen);
}

static struct rp_observation file_seen(enum rp_observation_kind kind, const struct fake_file *file)
{
    struct rp_observation seen = {
        .kind = kind,
        .path = file->version.path,
        .sha256 = file->version.sha256,
        .size_bytes = (int64_t)file->version.length_bytes,
        .lsn = file->lsn,
    };
    return seen;
}

void fake_see_file(struct sim_world *world, int pod, enum rp_observation_kind kind,
                   const struct fake_file *file, uint64_t value, uint64_t value2)
{
    struct rp_observation seen = file_seen(kind, file);
    seen.value = value;
    seen.value2 = value2;
    fake_see(world, pod, &seen);
}

void fake_see_peer(struct sim_world *world, int pod, enum rp_observation_kind kind,
                   const struct fake_file *file, const char *peer, uint64_t value)
{
    struct rp_observation seen = file_seen(kind, file);
    seen.peer_id = rp_view_text(peer);
    seen.value = value;
    fake_see(world, pod, &seen);
}

void fake_see_request(struct sim_world *world, int pod, const char *kind, char nonce,
                      int64_t stamp_s)
{
    char text[RP_NONCE_HEX];
    memset(text, nonce, sizeof text);
    struct rp_observation seen = {
        .kind = RP_SEE_SIGNED,
        .code = rp_view_text(kind),
        .peer_id = rp_view_text(world->pods[pod].id),
        .sha256 = rp_view_make(text, sizeof text),
        .value = (uint64_t)stamp_s,
    };
    if (!world->is_unsigned) {
        fake_see(world, OTHER, &seen);
    }
    seen.kind = RP_SEE_REQUEST_ACCEPTED;
    seen.peer_id = rp_view_text("reader-2");
    seen.value2 = world->accepted_offset;
    fake_see(world, pod, &seen);
}
