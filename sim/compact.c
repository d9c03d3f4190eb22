#include "sim/compact.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/world_internal.h"

#define SINGLES_POLL_NS (100 * RP_NS_PER_MS)

/* One call of sim_compact. Also its own way through where a release has no completion files. */
struct sim_compaction {
    struct sim_world *world;
    struct sim_pod *pod;
    uint64_t life;
    struct sim_compact_wait wait;
    struct rp_compact_request request;
    struct rp_flush_request single;
    sim_body_key key;
    char job_id[48];
    char path[RP_PATH_BYTES_MAX + 128];
    const struct rp_file_entry **inputs; /* owned array of references, oldest first */
    struct rp_view *sources;             /* owned; views into the inputs */
    size_t input_count, deleted_count;
    bool is_busy; /* the node has the request */
    bool is_told;
    bool is_given_up; /* whoever waited was told that it takes too long */
    int error;
    sim_event event, deadline;
    struct sim_compaction *previous, *next;
};

/* ---- Which files --------------------------------------------------------------------------------- */

struct input_list {
    struct sim_world *world;
    const struct rp_file_entry **entries; /* owned array of references */
    size_t count, max;
};

static void add_input(struct input_list *list, const struct rp_file_entry *entry)
{
    if (list->count == list->max) {
        list->max = list->max == 0 ? 256 : list->max * 2;
        list->entries = rp_resize(&list->world->alloc, (void *)list->entries,
                                  list->max * sizeof list->entries[0]);
        RP_ASSERT(list->entries != NULL);
    }
    list->entries[list->count++] = rp_file_entry_retain(entry);
}

static void clear_inputs(struct input_list *list)
{
    for (size_t row = 0; row < list->count; row += 1) {
        rp_file_entry_release(list->entries[row]);
    }
    rp_release(&list->world->alloc, (void *)list->entries);
}

/* What the node knows of and has, intact: it cannot compact anything else. */
static void list_inputs(struct sim_pod *pod, struct input_list *list)
{
    const struct rp_file_entry *page[256];
    struct rp_view cursor = rp_view_make(NULL, 0);
    const struct rp_manifest *manifest = rp_node_manifest(pod->node);
    for (size_t count = 256; manifest != NULL && count == 256;) {
        count = rp_manifest_page(manifest, cursor, page, 256);
        for (size_t row = 0; row < count; row += 1) {
            if (sim_pod_has(pod, page[row]->path)) {
                add_input(list, page[row]);
            }
            cursor = page[row]->path; /* the manifest keeps it through this call */
            rp_file_entry_release(page[row]);
        }
    }
}

static int compare_measurements(const struct rp_file_entry *left, const struct rp_file_entry *right)
{
    int order = rp_view_compare(left->database, right->database);
    return order != 0 ? order : rp_view_compare(left->measurement, right->measurement);
}

/* By measurement, then age; paths are unique. */
static int compare_inputs(const void *left, const void *right)
{
    const struct rp_file_entry *const *a = left;
    const struct rp_file_entry *const *b = right;
    int order = compare_measurements(*a, *b);
    if (order == 0 && (*a)->lsn != (*b)->lsn) {
        order = (*a)->lsn < (*b)->lsn ? -1 : 1;
    }
    return order != 0 ? order : rp_view_compare((*a)->path, (*b)->path);
}

/* Where the measurement to compact begins; `count` when there is none. */
static size_t choose_measurement(const struct input_list *list, size_t wanted)
{
    size_t chosen = list->count;
    for (size_t first = 0; first < list->count;) {
        size_t end = first + 1;
        while (end < list->count &&
               compare_measurements(list->entries[first], list->entries[end]) == 0) {
            end += 1;
        }
        bool is_older =
            chosen == list->count || list->entries[first]->lsn < list->entries[chosen]->lsn;
        if (end - first >= wanted && is_older) {
            chosen = first;
        }
        first = end;
    }
    return chosen;
}

static int choose_inputs(struct sim_compaction *compaction, size_t wanted)
{
    struct input_list list = {.world = compaction->world};
    const struct rp_alloc *alloc = &compaction->world->alloc;
    list_inputs(compaction->pod, &list);
    if (list.count > 0) {
        qsort((void *)list.entries, list.count, sizeof list.entries[0], compare_inputs);
    }
    size_t first = choose_measurement(&list, wanted);
    bool is_found = first < list.count;
    if (is_found) {
        compaction->inputs = rp_allocate(alloc, wanted * sizeof compaction->inputs[0]);
        compaction->sources = rp_allocate(alloc, wanted * sizeof compaction->sources[0]);
        RP_ASSERT(compaction->inputs != NULL && compaction->sources != NULL);
        for (size_t row = 0; row < wanted; row += 1) {
            compaction->inputs[row] = rp_file_entry_retain(list.entries[first + row]);
            compaction->sources[row] = compaction->inputs[row]->path;
        }
        compaction->input_count = wanted;
    }
    clear_inputs(&list);
    return is_found ? 0 : RP_ERR_NOT_FOUND;
}

/* ---- The end ------------------------------------------------------------------------------------- */

static void destroy(struct sim_compaction *compaction)
{
    struct sim_world *world = compaction->world;
    if (compaction->previous != NULL) {
        compaction->previous->next = compaction->next;
    } else {
        world->compactions = compaction->next;
    }
    if (compaction->next != NULL) {
        compaction->next->previous = compaction->previous;
    }
    for (size_t row = 0; row < compaction->input_count; row += 1) {
        rp_file_entry_release(compaction->inputs[row]);
    }
    (void)sim_event_queue_cancel(world->queue, compaction->deadline);
    rp_release(&world->alloc, (void *)compaction->inputs);
    rp_release(&world->alloc, compaction->sources);
    rp_release(&world->alloc, compaction);
}

/* Told from an event of its own: the node may be in the middle of dying. */
static void tell(void *context, uint64_t argument)
{
    struct sim_compaction *compaction = context;
    (void)argument;
    compaction->event = 0;
    if (!compaction->is_given_up) {
        compaction->wait.done(compaction->wait.context, compaction->error,
                              compaction->request.path);
    }
    destroy(compaction);
}

/* The node may have the request for longer. */
static void give_up(void *context, uint64_t argument)
{
    struct sim_compaction *compaction = context;
    (void)argument;
    compaction->deadline = 0;
    if (!compaction->is_told) {
        compaction->is_given_up = true;
        compaction->wait.done(compaction->wait.context, RP_ERR_TIMEOUT, compaction->request.path);
    }
}

static void schedule(struct sim_compaction *compaction, rp_time_ns delay_ns, sim_event_fn run)
{
    struct sim_world *world = compaction->world;
    rp_time_ns at_ns = delay_ns == 0 ? 0 : sim_world_true_now(world) + delay_ns;
    compaction->event =
        sim_event_queue_add(world->queue, at_ns, SIM_EVENT_WORKLOAD, run, compaction, 0);
}

static void end_compaction(struct sim_compaction *compaction, int error)
{
    if (!compaction->is_told) {
        compaction->is_told = true;
        compaction->error = error;
        schedule(compaction, 0, tell);
    }
}

/* ---- By single commands ---------------------------------------------------------------------------- */

static bool has_died(const struct sim_compaction *compaction)
{
    const struct sim_pod *pod = compaction->pod;
    return pod->node == NULL || pod->life != compaction->life;
}

static void delete_next(struct sim_compaction *compaction);

static void on_deleted(void *context, const struct sim_propose_result *result)
{
    struct sim_compaction *compaction = context;
    if (result->error != 0) {
        end_compaction(compaction, result->error);
        return;
    }
    compaction->deleted_count += 1;
    delete_next(compaction);
}

static void delete_next(struct sim_compaction *compaction)
{
    if (compaction->deleted_count == compaction->input_count) {
        end_compaction(compaction, 0);
        return;
    }
    char reason[64];
    (void)snprintf(reason, sizeof reason, "compaction:%s", compaction->job_id);
    struct sim_propose_wait wait = {on_deleted, compaction};
    sim_workload_delete(compaction->world, compaction->sources[compaction->deleted_count],
                        rp_view_text(reason), &wait);
}

/* The output first: nothing is deleted before its own manifest shows it. */
static void await_output(void *context, uint64_t argument)
{
    struct sim_compaction *compaction = context;
    (void)argument;
    compaction->event = 0;
    if (has_died(compaction)) {
        end_compaction(compaction, RP_ERR_STOPPED);
        return;
    }
    const struct rp_manifest *manifest = rp_node_manifest(compaction->pod->node);
    if (rp_manifest_file(manifest, compaction->request.path) != NULL) {
        delete_next(compaction);
    } else {
        schedule(compaction, SINGLES_POLL_NS, await_output);
    }
}

static void on_single_stored(struct rp_flush_request *request, int error)
{
    struct sim_compaction *compaction = request->context;
    compaction->is_busy = false;
    if (error != 0) {
        end_compaction(compaction, error);
    } else {
        schedule(compaction, SINGLES_POLL_NS, await_output);
    }
}

static bool read_body(void *context, uint64_t offset, size_t max_bytes, struct rp_chunk *chunk_out)
{
    struct sim_compaction *compaction = context;
    uint64_t rest = compaction->request.size_bytes - offset;
    size_t wanted = rest < max_bytes ? (size_t)rest : max_bytes;
    return sim_body_chunk(compaction->world->bodies, compaction->key, offset, wanted, chunk_out) ==
           0;
}

static void begin_singles(struct sim_compaction *compaction)
{
    const struct rp_compact_request *request = &compaction->request;
    compaction->single = (struct rp_flush_request){
        .done = on_single_stored,
        .context = compaction,
        .path = request->path,
        .database = request->database,
        .measurement = request->measurement,
        .partition_time = request->partition_time,
        .size_bytes = request->size_bytes,
        .read = read_body,
    };
    rp_node_flush(compaction->pod->node, &compaction->single);
    memcpy(compaction->request.sha256, compaction->single.sha256, RP_SHA256_HEX);
}

/* ---- By the node's own compaction ------------------------------------------------------------------ */

static void on_compacted(struct rp_compact_request *request, int error)
{
    struct sim_compaction *compaction = request->context;
    compaction->is_busy = false;
    end_compaction(compaction, error);
}

/* "db/cpu/.../compacted-compactor-1-000007.parquet", beside its oldest source. */
static void name_output(struct sim_compaction *compaction)
{
    struct sim_world *world = compaction->world;
    struct rp_view oldest = compaction->sources[0];
    unsigned long long number = ++world->run->compaction_number;
    size_t folder_bytes = oldest.length_bytes;
    while (folder_bytes > 0 && oldest.bytes[folder_bytes - 1] != '/') {
        folder_bytes -= 1;
    }
    if (folder_bytes + 96 > RP_PATH_BYTES_MAX) {
        folder_bytes = 0; /* the name would be too long there */
    }
    int length =
        snprintf(compaction->path, sizeof compaction->path, "%.*s%scompacted-%.40s-%06llu.parquet",
                 (int)folder_bytes, (const char *)oldest.bytes, folder_bytes == 0 ? "db/" : "",
                 compaction->pod->id, number);
    RP_ASSERT(length > 0);
    (void)snprintf(compaction->job_id, sizeof compaction->job_id, "job-%06llu", number);
    compaction->request.path = rp_view_make(compaction->path, (size_t)length);
    compaction->request.job_id = rp_view_text(compaction->job_id);
    compaction->key =
        sim_body_key_make(world->spec.seed, rp_view_text("compaction"), number, false);
}

static void fill_request(struct sim_compaction *compaction)
{
    struct rp_compact_request *request = &compaction->request;
    const struct rp_file_entry *oldest = compaction->inputs[0];
    name_output(compaction);
    request->done = on_compacted;
    request->context = compaction;
    request->database = oldest->database;
    request->measurement = oldest->measurement;
    request->partition_time = oldest->partition_time;
    request->read = read_body;
    request->sources = compaction->sources;
    request->source_count = compaction->input_count;
    for (size_t row = 0; row < compaction->input_count; row += 1) {
        request->size_bytes += (uint64_t)compaction->inputs[row]->size_bytes;
    }
}

/* ---- Which file became which ------------------------------------------------------------------------- */

struct sim_compacted {
    struct rp_view source, output; /* both behind this struct */
};

static void note_compacted(struct sim_world *world, struct rp_view source, struct rp_view output)
{
    struct sim_compacted *note =
        rp_allocate(&world->alloc, sizeof *note + source.length_bytes + output.length_bytes);
    RP_ASSERT(note != NULL);
    uint8_t *texts = (uint8_t *)(note + 1);
    memcpy(texts, source.bytes, source.length_bytes);
    memcpy(texts + source.length_bytes, output.bytes, output.length_bytes);
    note->source = rp_view_make(texts, source.length_bytes);
    note->output = rp_view_make(texts + source.length_bytes, output.length_bytes);
    rp_release(&world->alloc, rp_table_remove(&world->compacted, source));
    RP_ASSERT(rp_table_put(&world->compacted, note->source, note, NULL) == 0);
}

struct rp_view sim_compacted_into(const struct sim_world *world, struct rp_view source)
{
    const struct sim_compacted *note = rp_table_get(&world->compacted, source);
    return note == NULL ? rp_view_make(NULL, 0) : note->output;
}

/* Truth hears of the version when its hash is known, which is within the node's call and before the
 * store can show anything. */
static void begin_compaction(struct sim_compaction *compaction)
{
    struct sim_truth *truth = compaction->world->truth;
    struct rp_compact_request *request = &compaction->request;
    for (size_t row = 0; row < compaction->input_count; row += 1) {
        note_compacted(compaction->world, compaction->sources[row], request->path);
    }
    compaction->is_busy = true;
    if (rp_node_can_compact(compaction->pod->node)) {
        rp_node_compact(compaction->pod->node, request);
    } else {
        begin_singles(compaction);
    }
    if (compaction->is_busy) {
        RP_ASSERT(sim_truth_flushed(truth, request->path,
                                    rp_view_make(request->sha256, RP_SHA256_HEX), compaction->key,
                                    request->size_bytes, compaction->pod->number) == 0);
    }
}

/* ---- Where ------------------------------------------------------------------------------------------- */

static bool is_able(const struct sim_pod *pod, const char *role)
{
    return pod->state == SIM_POD_UP && pod->node != NULL && strcmp(pod->role, role) == 0;
}

static struct sim_pod *active_compactor(struct sim_world *world)
{
    struct sim_pod *leader = sim_world_leader(world);
    const struct rp_node_record *record =
        leader == NULL ? NULL : rp_manifest_active_compactor(rp_node_manifest(leader->node));
    struct sim_pod *pod = record == NULL ? NULL : sim_world_pod(world, record->id);
    if (pod != NULL && is_able(pod, "compactor")) {
        return pod;
    }
    for (size_t index = 0; index < world->pod_count; index += 1) {
        if (is_able(world->pods[index], "compactor")) {
            return world->pods[index];
        }
    }
    return NULL;
}

static struct sim_pod *choose_pod(struct sim_world *world)
{
    struct sim_pod *pod = active_compactor(world);
    pod = pod != NULL ? pod : sim_world_primary_writer(world);
    bool is_single = pod != NULL && !rp_node_can_compact(pod->node);
    struct sim_pod *leader = sim_world_leader(world);
    return is_single && leader != NULL && leader->state == SIM_POD_UP ? leader : pod;
}

int sim_compact(struct sim_world *world, uint64_t input_count, rp_time_ns timeout_ns,
                const struct sim_compact_wait *wait, char note_out[160])
{
    note_out[0] = '\0';
    struct sim_pod *pod = choose_pod(world);
    if (pod == NULL) {
        (void)snprintf(note_out, 160, "no compactor and no writer is up");
        return RP_ERR_STOPPED;
    }
    struct sim_compaction *compaction = rp_allocate_zeroed(&world->alloc, sizeof *compaction);
    RP_ASSERT(compaction != NULL);
    compaction->world = world;
    compaction->pod = pod;
    compaction->life = pod->life;
    compaction->wait = *wait;
    compaction->next = world->compactions;
    if (compaction->next != NULL) {
        compaction->next->previous = compaction;
    }
    world->compactions = compaction;
    int error = choose_inputs(compaction, (size_t)input_count);
    if (error != 0) {
        (void)snprintf(note_out, 160, "%.60s holds no %llu files of one measurement", pod->id,
                       (unsigned long long)input_count);
        destroy(compaction);
        return error;
    }
    fill_request(compaction);
    compaction->deadline = sim_event_queue_add(world->queue, sim_world_true_now(world) + timeout_ns,
                                               SIM_EVENT_WORKLOAD, give_up, compaction, 0);
    begin_compaction(compaction);
    return 0;
}

void sim_compact_drop_all(struct sim_world *world)
{
    while (world->compactions != NULL) {
        destroy(world->compactions);
    }
    size_t cursor = 0;
    for (struct sim_compacted *note; (note = rp_table_next(&world->compacted, &cursor)) != NULL;) {
        rp_release(&world->alloc, note);
    }
    rp_table_clear(&world->compacted);
}

bool sim_compact_is_busy(const struct sim_pod *pod)
{
    const struct sim_compaction *compaction = pod->world->compactions;
    while (compaction != NULL && compaction->pod != pod) {
        compaction = compaction->next;
    }
    return compaction != NULL;
}
