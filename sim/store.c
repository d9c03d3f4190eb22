#include "sim/store.h"

#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/panic.h"
#include "sim/store_internal.h"

const struct rp_alloc *store_alloc(const struct sim_store *store)
{
    return store->disks->spec.alloc;
}

rp_time_ns store_now(const struct sim_store *store)
{
    return sim_event_queue_now(store->disks->spec.queue);
}

int sim_disks_new(const struct sim_disks_spec *spec, struct sim_disks **disks_out)
{
    struct sim_disks *disks = rp_allocate(spec->alloc, sizeof *disks);
    if (disks == NULL) {
        return RP_ERR_NOMEM;
    }
    disks->spec = *spec;
    *disks_out = disks;
    return 0;
}

void sim_disks_free(struct sim_disks *disks)
{
    if (disks != NULL) {
        rp_release(disks->spec.alloc, disks);
    }
}

int sim_store_new(struct sim_disks *disks, const struct sim_store_spec *spec,
                  struct sim_store **store_out)
{
    struct sim_store *store = rp_allocate_zeroed(disks->spec.alloc, sizeof *store);
    if (store == NULL) {
        return RP_ERR_NOMEM;
    }
    store->disks = disks;
    store->spec = *spec;
    store->spec.name = rp_view_text(NULL);
    store->table.alloc = disks->spec.alloc;
    sim_rng_init(&store->rng, disks->spec.seed, "disk", spec->name, 0);
    sim_rng_init(&store->fault_rng, disks->spec.seed, "disk-fault", spec->name, 0);
    store_port_init(store);
    int error = store_fault_init(store);
    if (error != 0) {
        rp_release(disks->spec.alloc, store);
        return error;
    }
    *store_out = store;
    return 0;
}

void store_stage_free(struct sim_store *store, struct store_stage *stage)
{
    struct store_stage **link = &store->stages;
    while (*link != stage) {
        link = &(*link)->next;
    }
    *link = stage->next;
    store_unuse(store, stage->content.length_bytes);
    sim_content_clear(&stage->content);
    rp_release(store_alloc(store), stage);
}

void sim_store_wipe(struct sim_store *store)
{
    RP_ASSERT(!store->is_attached);
    while (store->stages != NULL) {
        store_stage_free(store, store->stages);
    }
    /* One sort for all: a table that is asked anew after each removal sorts n times, 18 % of the
     * instructions of a rotation of 1000 files of 1 KiB. */
    struct store_record **order = store_table_order(&store->table);
    RP_ASSERT(order != NULL || store->table.count == 0);
    for (size_t index = store->table.count; index > 0; index -= 1) {
        store_hide(store, order[index - 1], store_record_path(order[index - 1]), false);
    }
    store_table_clear(&store->table);
    store->used_bytes = 0;
}

void sim_store_free(struct sim_store *store)
{
    if (store == NULL) {
        return;
    }
    sim_store_detach(store);
    while (store->stages != NULL) {
        store_stage_free(store, store->stages);
    }
    store_table_clear(&store->table);
    fault_disk_free(store->fault);
    rp_release(store_alloc(store), store->handles);
    rp_release(store_alloc(store), store);
}

uint64_t sim_store_number(const struct sim_store *store)
{
    return store->spec.number;
}

void *sim_store_owner(const struct sim_store *store)
{
    return store->spec.owner;
}

/* ---- Space and names --------------------------------------------------------------------------- */

uint64_t store_free_bytes(const struct sim_store *store)
{
    uint64_t capacity = store->spec.capacity_bytes;
    return store->used_bytes < capacity ? capacity - store->used_bytes : 0;
}

uint64_t store_room_bytes(const struct sim_store *store)
{
    return fault_disk_room(store->fault, store_free_bytes(store));
}

void store_use(struct sim_store *store, uint64_t bytes)
{
    store->used_bytes += bytes;
}

void store_unuse(struct sim_store *store, uint64_t bytes)
{
    RP_ASSERT(bytes <= store->used_bytes);
    store->used_bytes -= bytes;
}

void store_unname(struct sim_store *store, struct store_object *object)
{
    store->plain_count -= object->is_plain;
    object->is_plain = false;
    object->is_named = false;
}

int store_show(struct sim_store *store, struct rp_view path, struct rp_view sha256_hex,
               struct store_object *object, bool is_by_node)
{
    struct rp_buffer scratch;
    struct rp_view name;
    rp_buffer_init(&scratch, store_alloc(store), RP_FRAME_LENGTH_MAX);
    if (!store_name(store, path, &scratch, &name)) {
        store_unuse(store, object->content.length_bytes);
        store_object_release(store_alloc(store), object);
        rp_buffer_clear(&scratch);
        return RP_ERR_INVALID;
    }
    struct store_record *old = store_table_find(&store->table, name);
    if (old != NULL) {
        store_unuse(store, old->object->content.length_bytes);
        store_unname(store, old->object); /* somebody may still have it open */
    }
    store->identity_next += 1;
    object->identity = store->identity_next;
    object->is_named = true;
    uint64_t length_bytes = object->content.length_bytes;
    int error = store_table_put(&store->table, name, object);
    rp_buffer_clear(&scratch);
    if (error != 0) {
        store_unuse(store, length_bytes);
        return error;
    }
    const struct sim_store_watch *watch = &store->disks->spec.watch;
    if (watch->visible != NULL) {
        watch->visible(watch->context, store, path, sha256_hex, &object->content, is_by_node);
    }
    return 0;
}

void store_hide(struct sim_store *store, struct store_record *record, struct rp_view path,
                bool is_by_node)
{
    const struct sim_store_watch *watch = &store->disks->spec.watch;
    store_unuse(store, record->object->content.length_bytes);
    store_unname(store, record->object);
    /* The watcher is told before the name's memory goes, and looks the store up without it. */
    uint8_t *copy = rp_allocate(store_alloc(store), path.length_bytes + 1);
    RP_ASSERT(copy != NULL);
    memcpy(copy, path.bytes, path.length_bytes);
    struct store_object *object = record->object;
    object->reference_count += 1;
    store_table_remove(&store->table, record);
    if (watch->vanished != NULL) {
        watch->vanished(watch->context, store, rp_view_make(copy, path.length_bytes),
                        &object->content, is_by_node);
    }
    store_object_release(store_alloc(store), object);
    rp_release(store_alloc(store), copy);
}

/* ---- Lives ------------------------------------------------------------------------------------- */

const struct rp_store_port *sim_store_attach(struct sim_store *store, const struct sim_gate *gate,
                                             const struct rp_clock_port *clock)
{
    RP_ASSERT(!store->is_attached);
    memset(&store->gate, 0, sizeof store->gate);
    if (gate != NULL) {
        store->gate = *gate;
    }
    store->clock = clock;
    store->is_attached = true;
    store->life += 1;
    return fault_disk_port(store->fault);
}

static bool is_torn(struct sim_store *store, uint64_t length_bytes)
{
    bool is_it = length_bytes > 0 && sim_rng_chance(&store->rng, store->faults.torn);
    if (is_it) {
        sim_reach_fault(store->disks->spec.reach, "disk.torn");
    }
    return is_it;
}

/* False: it is left as it was. */
static bool stage_torn(struct sim_store *store, struct store_stage *stage)
{
    uint64_t length_bytes = stage->content.length_bytes;
    if (!is_torn(store, length_bytes)) {
        return false;
    }
    uint64_t kept = sim_rng_below(&store->rng, length_bytes);
    store_unuse(store, length_bytes - kept);
    sim_content_truncate(&stage->content, kept);
    return true;
}

static void stages_torn(struct sim_store *store)
{
    for (struct store_stage *stage = store->stages; stage != NULL; stage = stage->next) {
        (void)stage_torn(store, stage);
    }
}

void sim_store_detach(struct sim_store *store)
{
    if (!store->is_attached) {
        return;
    }
    store->is_attached = false;
    store->life += 1;
    store->clock = NULL;
    fault_disk_drop(store->fault);
    store_ops_drop(store);
    store_handles_close(store);
}

/* Half of it is there, under its name, and stays from now on. */
static void leave_half(struct sim_store *store, struct store_record *record)
{
    struct store_object *object = record->object;
    int error = sim_store_damage(store, store_record_path(record), SIM_STORE_TRUNCATE);
    RP_ASSERT(error == 0); /* a truncation needs no memory, and there are bytes to lose */
    object->durable_ns = store_now(store);
}

static void unsynced_vanish(struct sim_store *store)
{
    struct store_record **order = store_table_order(&store->table);
    size_t count = store->table.count;
    for (size_t index = count; index > 0; index -= 1) {
        struct store_record *record = order[index - 1];
        if (store_now(store) >= record->object->durable_ns) {
            continue;
        }
        if (is_torn(store, record->object->content.length_bytes)) {
            leave_half(store, record);
        } else {
            /* From the end: the order of those before stays as it is. */
            store_hide(store, record, store_record_path(record), false);
        }
    }
}

void sim_store_power_loss(struct sim_store *store)
{
    RP_ASSERT(!store->is_attached);
    struct store_stage *stage = store->stages;
    while (stage != NULL) {
        struct store_stage *next = stage->next;
        if (!stage_torn(store, stage)) {
            store_stage_free(store, stage);
        }
        stage = next;
    }
    unsynced_vanish(store);
}

void sim_store_killed(struct sim_store *store, bool is_power_lost)
{
    RP_ASSERT(!store->is_attached);
    if (store->faults.loses_unsynced) {
        sim_reach_fault(store->disks->spec.reach, "disk.lose_unsynced");
    }
    if (is_power_lost || store->faults.loses_unsynced) {
        sim_store_power_loss(store);
    } else {
        stages_torn(store);
    }
    store->faults.loses_unsynced = false; /* it acts once */
}

void sim_store_thaw(struct sim_store *store)
{
    store_ops_thaw(store);
}

static bool is_held_up(const struct sim_store *store)
{
    return store->faults.calls.slow_ns != 0 || store->faults.calls.stuck_ns != 0;
}

rp_time_ns sim_store_held_up_until(const struct sim_store *store)
{
    return is_held_up(store) ? RP_TIME_NEVER : store->held_up_until_ns;
}

void sim_store_set_faults(struct sim_store *store, const struct sim_disk_faults *faults)
{
    if (is_held_up(store)) {
        store->held_up_until_ns = store_now(store);
    }
    store->faults = *faults;
    fault_disk_set(store->fault, &faults->calls, store_free_bytes(store));
}

struct sim_disk_faults sim_store_faults(const struct sim_store *store)
{
    struct sim_disk_faults faults = store->faults;
    if (faults.calls.has_free_bytes) {
        faults.calls.free_bytes = fault_disk_left(store->fault, store_free_bytes(store));
    }
    return faults;
}

/* ---- Truth ------------------------------------------------------------------------------------- */

const struct sim_content *sim_store_content(const struct sim_store *store, struct rp_view path)
{
    const struct store_record *record = store_find(store, path);
    return record == NULL ? NULL : &record->object->content;
}

bool sim_store_verify(const struct sim_store *store, struct rp_view path, sim_body_key key,
                      uint64_t length_bytes)
{
    const struct sim_content *content = sim_store_content(store, path);
    return content != NULL && sim_content_is(content, key, length_bytes);
}

bool sim_store_is_durable(const struct sim_store *store, struct rp_view path)
{
    const struct store_record *record = store_find(store, path);
    return record == NULL || record->object->durable_ns <= store_now(store);
}

bool sim_store_is_all_durable(const struct sim_store *store)
{
    for (size_t bucket = 0; bucket < store->table.bucket_count; bucket += 1) {
        const struct store_record *record = store->table.buckets[bucket];
        for (; record != NULL; record = record->chained) {
            if (store_now(store) < record->object->durable_ns) {
                return false;
            }
        }
    }
    return true;
}

size_t sim_store_count(const struct sim_store *store)
{
    return store->table.count;
}

uint64_t sim_store_used_bytes(const struct sim_store *store)
{
    return store->used_bytes;
}

size_t sim_store_names(struct sim_store *store, struct rp_view cursor, struct rp_view *paths_out,
                       size_t path_max)
{
    struct store_record **order = store_table_order(&store->table);
    RP_ASSERT(order != NULL || store->table.count == 0);
    size_t first = store_table_after(&store->table, cursor);
    size_t count = 0;
    while (count < path_max && first + count < store->table.count) {
        paths_out[count] = store_record_path(order[first + count]);
        count += 1;
    }
    return count;
}

size_t sim_store_plain_count(const struct sim_store *store)
{
    return store->plain_count;
}

size_t sim_store_staged_count(const struct sim_store *store)
{
    size_t count = 0;
    for (const struct store_stage *stage = store->stages; stage != NULL; stage = stage->next) {
        count += 1;
    }
    return count;
}

bool sim_store_is_staged(const struct sim_store *store, struct rp_view path)
{
    for (const struct store_stage *stage = store->stages; stage != NULL; stage = stage->next) {
        if (rp_view_equal(rp_view_make(stage->text, stage->path_bytes), path)) {
            return true;
        }
    }
    return false;
}

bool sim_store_is_staged_up_to(const struct sim_store *store, struct rp_view path,
                               uint64_t size_bytes)
{
    for (const struct store_stage *stage = store->stages; stage != NULL; stage = stage->next) {
        if (stage->content.length_bytes == size_bytes &&
            rp_view_equal(rp_view_make(stage->text, stage->path_bytes), path)) {
            return true;
        }
    }
    return false;
}

int sim_store_put(struct sim_store *store, struct rp_view path, sim_body_key key,
                  uint64_t length_bytes, int64_t mtime_unix_ns)
{
    if (length_bytes > store_room_bytes(store)) {
        return RP_ERR_NO_SPACE;
    }
    struct store_object *object = store_object_new(store_alloc(store), store->disks->spec.bodies);
    if (object == NULL) {
        return RP_ERR_NOMEM;
    }
    sim_content_set_body(&object->content, key, length_bytes);
    object->mtime_unix_ns = mtime_unix_ns;
    store_use(store, length_bytes);
    return store_show(store, path, rp_view_text(NULL), object, false);
}

int sim_store_remove(struct sim_store *store, struct rp_view path)
{
    struct store_record *record = store_find(store, path);
    if (record == NULL) {
        return RP_ERR_NOT_FOUND;
    }
    store_hide(store, record, path, false);
    return 0;
}

/* Readers that have the object open see the damage too, as they would on a disk. */
static int damage_content(struct sim_store *store, struct sim_content *content,
                          enum sim_store_damage damage)
{
    uint64_t length_bytes = content->length_bytes;
    uint64_t place = sim_rng_below(&store->rng, length_bytes);
    uint64_t extent_bytes = 1 + sim_rng_below(&store->rng, length_bytes - place);
    uint64_t half = length_bytes / 2;
    switch (damage) {
    case SIM_STORE_FLIP:
        return sim_content_flip(content, place, (uint8_t)(1u << (extent_bytes % 8)));
    case SIM_STORE_TRUNCATE:
        store_unuse(store, length_bytes - place);
        sim_content_truncate(content, place);
        return 0;
    case SIM_STORE_ZERO: return sim_content_zero(content, place, extent_bytes);
    case SIM_STORE_SWAP:
        return half == 0 ? sim_content_flip(content, 0, 1)
                         : sim_content_swap(content, 0, length_bytes - half, half);
    }
    return RP_ERR_INVALID;
}

int sim_store_damage(struct sim_store *store, struct rp_view path, enum sim_store_damage damage)
{
    struct store_record *record = store_find(store, path);
    if (record == NULL) {
        return RP_ERR_NOT_FOUND;
    }
    if (record->object->content.length_bytes == 0) {
        return RP_ERR_INVALID;
    }
    int error = damage_content(store, &record->object->content, damage);
    const struct sim_store_watch *watch = &store->disks->spec.watch;
    if (error == 0 && watch->damaged != NULL) {
        watch->damaged(watch->context, store, path);
    }
    return error;
}

void sim_store_set_owner(struct sim_store *store, void *owner)
{
    store->spec.owner = owner;
}
