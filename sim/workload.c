#include "sim/workload.h"

#include <stdio.h>
#include <stdlib.h>

#include "protocol/path.h"
#include "sim/world_internal.h"

/* One sim_flush a call of `flush`: it makes the bodies one after another, hands each to the node's
 * own flush path, and remembers what was stored. */

struct sim_flush {
    struct sim_pod *pod;
    struct sim_world *world;
    struct sim_flush_wait wait;
    struct sim_range size_bytes, every_ns;
    char *database, *measurement, *fixed_path; /* owned */
    sim_body_key *literal_keys;                /* owned; of real files */
    uint64_t *literal_sizes;
    char **literal_names;
    uint64_t file_count, next_file;
    bool is_sparse, is_update, is_told;
    uint64_t number; /* of this workload: names its streams */
    uint64_t life;   /* in which it began: it dies with it */
    struct sim_rng rng;
    sim_event event;
    struct rp_flush_request request;
    bool is_busy; /* the node has the request */
    char path[RP_PATH_BYTES_MAX + 1];
    size_t path_bytes;
    sim_body_key key;
    struct rp_view *stored; /* owned, and its texts */
    size_t stored_count, stored_max;
    int error;
    struct sim_flush *previous, *next;
};

static void flush_next(struct sim_flush *flush);

static void destroy(struct sim_flush *flush)
{
    struct sim_world *world = flush->world;
    const struct rp_alloc *alloc = &world->alloc;
    if (flush->previous != NULL) {
        flush->previous->next = flush->next;
    } else {
        world->flushes = flush->next;
    }
    if (flush->next != NULL) {
        flush->next->previous = flush->previous;
    }
    for (size_t row = 0; row < flush->stored_count; row += 1) {
        rp_release(alloc, (void *)(uintptr_t)flush->stored[row].bytes);
    }
    for (uint64_t row = 0; flush->literal_names != NULL && row < flush->file_count; row += 1) {
        rp_release(alloc, flush->literal_names[row]);
    }
    rp_release(alloc, flush->stored);
    rp_release(alloc, flush->literal_keys);
    rp_release(alloc, flush->literal_sizes);
    rp_release(alloc, flush->literal_names);
    rp_release(alloc, flush->database);
    rp_release(alloc, flush->measurement);
    rp_release(alloc, flush->fixed_path);
    rp_release(alloc, flush);
}

/* Told from an event of its own: the node may be in the middle of dying. */
static void tell(void *context, uint64_t argument)
{
    struct sim_flush *flush = context;
    (void)argument;
    struct sim_flush_result result = {flush->stored, flush->stored_count};
    flush->event = 0;
    flush->wait.done(flush->wait.context, flush->error, &result);
    destroy(flush);
}

static void end_flush(struct sim_flush *flush, int error)
{
    if (flush->is_told) {
        return;
    }
    flush->is_told = true;
    flush->error = error;
    flush->event =
        sim_event_queue_add(flush->world->queue, 0, SIM_EVENT_WORKLOAD, tell, flush, flush->number);
}

/* ---- One file --------------------------------------------------------------------------------------- */

static bool read_body(void *context, uint64_t offset, size_t max_bytes, struct rp_chunk *chunk_out)
{
    struct sim_flush *flush = context;
    uint64_t rest = flush->request.size_bytes - offset;
    size_t wanted = rest < max_bytes ? (size_t)rest : max_bytes;
    return sim_body_chunk(flush->world->bodies, flush->key, offset, wanted, chunk_out) == 0;
}

static void keep_path(struct sim_flush *flush)
{
    if (flush->stored_count == flush->stored_max) {
        flush->stored_max = flush->stored_max == 0 ? 16 : flush->stored_max * 2;
        flush->stored = rp_resize(&flush->world->alloc, flush->stored,
                                  flush->stored_max * sizeof *flush->stored);
        RP_ASSERT(flush->stored != NULL);
    }
    char *copy = sim_copy_text(flush->world, flush->path, flush->path_bytes);
    flush->stored[flush->stored_count++] = rp_view_make(copy, flush->path_bytes);
}

static void resume(void *context, uint64_t argument)
{
    struct sim_flush *flush = context;
    (void)argument;
    flush->event = 0;
    flush_next(flush);
}

static void on_flushed(struct rp_flush_request *request, int error)
{
    struct sim_flush *flush = request->context;
    flush->is_busy = false;
    if (error != 0) {
        end_flush(flush, error);
        return;
    }
    keep_path(flush);
    if (flush->next_file == flush->file_count) {
        end_flush(flush, 0);
        return;
    }
    rp_time_ns pause_ns = sim_rng_range(&flush->rng, flush->every_ns);
    flush->event =
        sim_event_queue_add(flush->world->queue, sim_world_true_now(flush->world) + pause_ns,
                            SIM_EVENT_WORKLOAD, resume, flush, flush->number);
}

/* "db/cpu/2026/04/11/16/writer-1-000042.parquet": the hour is the wall clock's of the node. */
static void name_file(struct sim_flush *flush)
{
    if (flush->fixed_path != NULL) {
        flush->path_bytes = strlen(flush->fixed_path);
        memcpy(flush->path, flush->fixed_path, flush->path_bytes);
        return;
    }
    if (flush->literal_names != NULL) {
        int length = snprintf(flush->path, sizeof flush->path, "%s/%s/%s", flush->database,
                              flush->measurement, flush->literal_names[flush->next_file]);
        flush->path_bytes = length < 0 ? 0 : (size_t)length;
        return;
    }
    int64_t wall_s = sim_clock_wall(flush->pod->clock) / (int64_t)RP_NS_PER_S;
    int64_t days = wall_s / 86400;
    int64_t era_days = days + 719468; /* civil date from days since 1970, Gregorian */
    int64_t era = era_days / 146097;
    int64_t day_of_era = era_days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_index = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * month_index + 2) / 5 + 1;
    int64_t month = month_index < 10 ? month_index + 3 : month_index - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2);
    int length = snprintf(flush->path, sizeof flush->path,
                          "%s/%s/%04lld/%02lld/%02lld/%02lld/%s-%06llu.parquet", flush->database,
                          flush->measurement, (long long)year, (long long)month, (long long)day,
                          (long long)(wall_s / 3600 % 24), flush->pod->id,
                          (unsigned long long)++flush->world->run->flush_number);
    flush->path_bytes = length < 0 ? 0 : (size_t)length;
}

static void make_body(struct sim_flush *flush)
{
    struct sim_world *world = flush->world;
    if (flush->literal_keys != NULL) {
        flush->key = flush->literal_keys[flush->next_file];
        flush->request.size_bytes = flush->literal_sizes[flush->next_file];
        return;
    }
    flush->key = sim_body_key_make(world->spec.seed, rp_view_text("flush"),
                                   (flush->number << 32) + flush->next_file, flush->is_sparse);
    flush->request.size_bytes = sim_rng_range(&flush->rng, flush->size_bytes);
}

/* Truth hears of the version when its hash is known, which is within the node's call and before the
 * store can show anything. */
static void flush_next(struct sim_flush *flush)
{
    struct sim_world *world = flush->world;
    struct sim_pod *pod = flush->pod;
    /* Ingest goes on in a stop until the node refuses it. */
    bool is_running = pod->state == SIM_POD_UP || pod->state == SIM_POD_STOPPING;
    bool is_over =
        world->run->phase == SIM_PHASE_CLOSING; /* the story's workload ends with the story */
    if (pod->node == NULL || pod->life != flush->life || !is_running || is_over) {
        end_flush(flush, RP_ERR_STOPPED);
        return;
    }
    name_file(flush);
    make_body(flush);
    flush->next_file += 1;
    struct rp_flush_request *request = &flush->request;
    request->done = on_flushed;
    request->context = flush;
    request->path = rp_view_make(flush->path, flush->path_bytes);
    request->database = rp_view_text(flush->database);
    request->measurement = rp_view_text(flush->measurement);
    request->partition_time.unix_s =
        sim_clock_wall(pod->clock) / (int64_t)RP_NS_PER_S / 3600 * 3600;
    request->is_update = flush->is_update;
    request->read = read_body;
    flush->is_busy = true;
    rp_node_flush(pod->node, request);
    if (flush->is_busy) {
        RP_ASSERT(sim_truth_flushed(world->truth, request->path,
                                    rp_view_make(request->sha256, RP_SHA256_HEX), flush->key,
                                    request->size_bytes, pod->number) == 0);
    }
}

/* ---- Real files ---------------------------------------------------------------------------------------- */

static int read_file(struct sim_flush *flush, const char *name, uint64_t row, char note_out[160])
{
    FILE *file = fopen(name, "rb");
    if (file == NULL) {
        (void)snprintf(note_out, 160, "%.120s: cannot be opened", name);
        return RP_ERR_IO;
    }
    struct rp_buffer bytes;
    rp_buffer_init(&bytes, &flush->world->alloc, (size_t)1 << 30);
    int error = 0;
    for (;;) {
        uint8_t *room = NULL;
        size_t before = bytes.length_bytes;
        error = rp_buffer_extend(&bytes, 65536, &room);
        if (error != 0) {
            break;
        }
        size_t got = fread(room, 1, 65536, file);
        bytes.length_bytes = before + got;
        if (got == 0) {
            error = ferror(file) ? RP_ERR_IO : 0;
            break;
        }
    }
    (void)fclose(file);
    if (error == 0) {
        flush->literal_sizes[row] = bytes.length_bytes;
        error = sim_bodies_literal(flush->world->bodies, rp_buffer_view(&bytes),
                                   &flush->literal_keys[row]);
    } else {
        (void)snprintf(note_out, 160, "%.120s: %s", name, rp_strerror(error));
    }
    rp_buffer_clear(&bytes);
    return error;
}

static int read_files(struct sim_flush *flush, const struct sim_flush_spec *spec,
                      char note_out[160])
{
    const struct rp_alloc *alloc = &flush->world->alloc;
    flush->file_count = spec->from_count;
    flush->literal_keys = rp_allocate_zeroed(alloc, (spec->from_count + 1) * sizeof(sim_body_key));
    flush->literal_sizes = rp_allocate_zeroed(alloc, (spec->from_count + 1) * sizeof(uint64_t));
    flush->literal_names = rp_allocate_zeroed(alloc, (spec->from_count + 1) * sizeof(char *));
    RP_ASSERT(flush->literal_keys != NULL && flush->literal_sizes != NULL &&
              flush->literal_names != NULL);
    for (size_t row = 0; row < spec->from_count; row += 1) {
        flush->literal_names[row] =
            sim_copy_text(flush->world, spec->from_names[row], strlen(spec->from_names[row]));
        int error = read_file(flush, spec->from_paths[row], row, note_out);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* ---- Beginning ------------------------------------------------------------------------------------------ */

static char *copy_or(struct sim_world *world, const char *text, const char *fallback)
{
    const char *source = text == NULL ? fallback : text;
    return sim_copy_text(world, source, strlen(source));
}

static struct sim_flush *new_flush(struct sim_pod *pod, const struct sim_flush_spec *spec,
                                   const struct sim_flush_wait *wait)
{
    struct sim_world *world = pod->world;
    struct sim_flush *flush = rp_allocate_zeroed(&world->alloc, sizeof *flush);
    RP_ASSERT(flush != NULL);
    flush->pod = pod;
    flush->world = world;
    flush->wait = *wait;
    flush->size_bytes = spec->size_bytes;
    flush->every_ns = spec->every_ns;
    flush->database = copy_or(world, spec->database, "db");
    flush->measurement = copy_or(world, spec->measurement, "cpu");
    flush->file_count = spec->file_count;
    flush->is_sparse = spec->is_sparse;
    flush->is_update = spec->is_update;
    flush->number = ++world->run->flush_count;
    flush->life = pod->life;
    if (spec->path.length_bytes != 0) {
        flush->fixed_path =
            sim_copy_text(world, (const char *)spec->path.bytes, spec->path.length_bytes);
    }
    sim_rng_init(&flush->rng, world->spec.seed, "workload", sim_pod_label(pod), flush->number);
    flush->next = world->flushes;
    if (flush->next != NULL) {
        flush->next->previous = flush;
    }
    world->flushes = flush;
    return flush;
}

int sim_workload_flush(struct sim_pod *pod, const struct sim_flush_spec *spec,
                       const struct sim_flush_wait *wait, char note_out[160])
{
    note_out[0] = '\0';
    if (spec->path.length_bytes > RP_PATH_BYTES_MAX) {
        (void)snprintf(note_out, 160, "the path is longer than %d bytes", RP_PATH_BYTES_MAX);
        return RP_ERR_INVALID;
    }
    struct sim_flush *flush = new_flush(pod, spec, wait);
    int error = spec->from_count != 0 ? read_files(flush, spec, note_out) : 0;
    if (error != 0) {
        destroy(flush);
        return error;
    }
    if (flush->file_count == 0) {
        end_flush(flush, 0);
        return 0;
    }
    flush->event =
        sim_event_queue_add(pod->world->queue, 0, SIM_EVENT_WORKLOAD, resume, flush, flush->number);
    return 0;
}

/* ---- Deletes -------------------------------------------------------------------------------------------- */

struct sim_deletion {
    struct sim_world *world;
    struct rp_node_proposal proposal;
    struct sim_propose_wait wait;
    struct sim_propose_result result;
};

static void tell_deletion(void *context, uint64_t argument)
{
    struct sim_deletion *deletion = context;
    (void)argument;
    deletion->wait.done(deletion->wait.context, &deletion->result);
    sim_world_let_go(deletion->world, deletion);
}

static void on_proposed(struct rp_node_proposal *proposal, int error, const char *code,
                        const char *text)
{
    struct sim_deletion *deletion = proposal->context;
    deletion->result = (struct sim_propose_result){
        .error = error,
        .status = error == 0 ? "ok" : "error",
        .code = code,
        .text = error == 0 ? "" : text,
    };
    (void)sim_event_queue_add(deletion->world->queue, 0, SIM_EVENT_WORKLOAD, tell_deletion,
                              deletion, 0);
}

static struct sim_deletion *deletion_new(struct sim_world *world,
                                         const struct sim_propose_wait *wait)
{
    struct sim_deletion *deletion = sim_world_hold(world, sizeof *deletion);
    RP_ASSERT(deletion != NULL);
    deletion->world = world;
    deletion->wait = *wait;
    deletion->proposal.done = on_proposed;
    deletion->proposal.context = deletion;
    return deletion;
}

void sim_workload_propose(struct sim_pod *pod, struct rp_view command,
                          const struct sim_propose_wait *wait)
{
    struct sim_world *world = pod->world;
    struct sim_deletion *deletion = deletion_new(world, wait);
    if (pod->node == NULL) {
        on_proposed(&deletion->proposal, RP_ERR_STOPPED, "", "the node is down");
        return;
    }
    rp_node_propose(pod->node, &deletion->proposal, command);
}

static bool has_registrations(struct sim_pod *pod)
{
    if (pod->node == NULL) {
        return false;
    }
    struct rp_node_inspection inspection;
    rp_node_inspect(pod->node, &inspection);
    return inspection.registrar.queue_depth + inspection.registrar.under_way_count > 0;
}

bool sim_workload_is_on_its_way(struct sim_world *world, struct rp_view path)
{
    if (sim_truth_file(world->truth, path) != NULL) {
        return false;
    }
    size_t row = 0;
    while (row < world->pod_count && !(sim_store_content(world->pods[row]->store, path) != NULL &&
                                       has_registrations(world->pods[row]))) {
        row += 1;
    }
    return row < world->pod_count;
}

void sim_workload_delete(struct sim_world *world, struct rp_view path, struct rp_view reason,
                         const struct sim_propose_wait *wait)
{
    struct sim_pod *pod = sim_world_leader(world);
    if (pod == NULL) {
        pod = sim_world_primary_writer(world);
    }
    struct rp_buffer command;
    rp_buffer_init(&command, &world->alloc, RP_FRAME_LENGTH_MAX);
    int error = rp_command_encode_delete(&command, path, reason);
    pod = pod != NULL ? pod : world->pods[0];
    if (error == 0) {
        sim_workload_propose(pod, rp_buffer_view(&command), wait);
    } else {
        on_proposed(&deletion_new(world, wait)->proposal, error, "", rp_strerror(error));
    }
    rp_buffer_clear(&command);
}

/* ---- Anti-entropy --------------------------------------------------------------------------------------- */

struct sim_reconciliation {
    struct sim_world *world;
    struct rp_node_reconcile request;
    struct sim_reconcile_wait wait;
    struct rp_reconcile_report report; /* without its sample, which is the node's */
};

static void tell_reconciliation(void *context, uint64_t argument)
{
    struct sim_reconciliation *reconciliation = context;
    (void)argument;
    reconciliation->wait.done(reconciliation->wait.context, &reconciliation->report);
    sim_world_let_go(reconciliation->world, reconciliation);
}

static void on_reconciled(struct rp_node_reconcile *request,
                          const struct rp_reconcile_report *report)
{
    struct sim_reconciliation *reconciliation = request->context;
    reconciliation->report = *report;
    reconciliation->report.sample = NULL;
    reconciliation->report.sample_count = 0;
    (void)sim_event_queue_add(reconciliation->world->queue, 0, SIM_EVENT_WORKLOAD,
                              tell_reconciliation, reconciliation, 0);
}

void sim_workload_reconcile(struct sim_pod *pod, bool is_act, const struct sim_reconcile_wait *wait)
{
    struct sim_world *world = pod->world;
    struct sim_reconciliation *reconciliation = sim_world_hold(world, sizeof *reconciliation);
    RP_ASSERT(reconciliation != NULL);
    reconciliation->world = world;
    reconciliation->wait = *wait;
    reconciliation->request.done = on_reconciled;
    reconciliation->request.context = reconciliation;
    reconciliation->request.is_act = is_act;
    if (pod->node == NULL) {
        struct rp_reconcile_report down = {.end = RP_RECONCILE_CANCELLED};
        on_reconciled(&reconciliation->request, &down);
        return;
    }
    rp_node_reconcile(pod->node, &reconciliation->request);
}

void sim_workload_drop_all(struct sim_world *world)
{
    while (world->flushes != NULL) {
        destroy(world->flushes);
    }
}

bool sim_workload_is_busy(const struct sim_pod *pod)
{
    const struct sim_flush *flush = pod->world->flushes;
    while (flush != NULL && (flush->pod != pod || !flush->is_busy)) {
        flush = flush->next;
    }
    return flush != NULL;
}
