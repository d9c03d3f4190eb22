#include "protocol/command.h"

#include "protocol/command_decode.h"
#include "protocol/digest.h"
#include "protocol/error.h"
#include "protocol/json.h"
#include "protocol/panic.h"

/* ---- File entries ---------------------------------------------------------------------------- */

/* An entry, its digest and its texts in one allocation. */
struct entry_box {
    struct rp_file_entry entry;
    struct rp_digest digest;
    uint8_t texts[];
};

/* References are counted in otherwise immutable memory. */
static struct rp_file_entry *mutable_entry(const struct rp_file_entry *entry)
{
    union {
        const struct rp_file_entry *shared;
        struct rp_file_entry *own;
    } pointer = {entry};
    return pointer.own;
}

const struct rp_file_entry *rp_file_entry_retain(const struct rp_file_entry *entry)
{
    if (entry != NULL) {
        mutable_entry(entry)->reference_count += 1;
    }
    return entry;
}

void rp_file_entry_release(const struct rp_file_entry *entry)
{
    if (entry == NULL) {
        return;
    }
    struct rp_file_entry *own = mutable_entry(entry);
    RP_ASSERT(own->reference_count > 0);
    own->reference_count -= 1;
    if (own->reference_count == 0) {
        rp_release(own->alloc, own);
    }
}

static bool same_instant(struct rp_wall_time left, struct rp_wall_time right)
{
    return left.unix_s == right.unix_s && left.nsec == right.nsec;
}

bool rp_file_entry_same_registration(const struct rp_file_entry *left,
                                     const struct rp_file_entry *right)
{
    return rp_view_equal(left->path, right->path) && rp_view_equal(left->sha256, right->sha256) &&
           rp_view_equal(left->origin_node_id, right->origin_node_id) &&
           same_instant(left->created_at, right->created_at);
}

static struct rp_view place_text(uint8_t **at, struct rp_view text)
{
    struct rp_view placed = rp_view_make(*at, text.length_bytes);
    if (text.length_bytes > 0) {
        memcpy(*at, text.bytes, text.length_bytes);
    }
    *at += text.length_bytes;
    return placed;
}

static void mix_time(struct rp_mixer *mixer, struct rp_wall_time time)
{
    rp_mixer_number(mixer, (uint64_t)time.unix_s);
    rp_mixer_number(mixer, (uint64_t)time.nsec);
    rp_mixer_number(mixer, (uint64_t)time.offset_s);
}

static struct rp_digest mixed(struct rp_mixer *mixer)
{
    rp_mixer_finish(mixer);
    struct rp_digest digest = {mixer->low, mixer->high};
    return digest;
}

static struct rp_digest compute_entry_digest(const struct rp_file_entry *entry)
{
    struct rp_mixer mixer;
    rp_mixer_begin(&mixer);
    rp_mixer_view(&mixer, entry->path);
    rp_mixer_view(&mixer, entry->sha256);
    rp_mixer_number(&mixer, (uint64_t)entry->size_bytes);
    rp_mixer_view(&mixer, entry->database);
    rp_mixer_view(&mixer, entry->measurement);
    mix_time(&mixer, entry->partition_time);
    rp_mixer_view(&mixer, entry->origin_node_id);
    rp_mixer_view(&mixer, entry->tier);
    mix_time(&mixer, entry->created_at);
    rp_mixer_number(&mixer, entry->lsn);
    return mixed(&mixer);
}

int rp_file_entry_new(const struct rp_alloc *alloc, const struct rp_file_record *file, uint64_t lsn,
                      const struct rp_file_entry **entry_out)
{
    size_t text_bytes = file->path.length_bytes + file->sha256.length_bytes +
                        file->database.length_bytes + file->measurement.length_bytes +
                        file->origin_node_id.length_bytes + file->tier.length_bytes;
    struct entry_box *box = rp_allocate_zeroed(alloc, sizeof *box + text_bytes);
    if (box == NULL) {
        return RP_ERR_NOMEM;
    }
    uint8_t *at = box->texts;
    struct rp_file_entry *entry = &box->entry;
    entry->reference_count = 1;
    entry->alloc = alloc;
    entry->path = place_text(&at, file->path);
    entry->sha256 = place_text(&at, file->sha256);
    entry->size_bytes = file->size_bytes;
    entry->database = place_text(&at, file->database);
    entry->measurement = place_text(&at, file->measurement);
    entry->partition_time = file->partition_time;
    entry->origin_node_id = place_text(&at, file->origin_node_id);
    entry->tier = place_text(&at, file->tier);
    entry->created_at = file->created_at;
    entry->lsn = lsn;
    box->digest = compute_entry_digest(entry);
    *entry_out = entry;
    return 0;
}

struct rp_digest rp_file_entry_digest(const struct rp_file_entry *entry)
{
    _Static_assert(offsetof(struct entry_box, entry) == 0, "a box begins with its entry");
    return ((const struct entry_box *)(const void *)entry)->digest;
}

static bool same_time(struct rp_wall_time left, struct rp_wall_time right)
{
    return same_instant(left, right) && left.offset_s == right.offset_s;
}

bool rp_file_entry_equal(const struct rp_file_entry *left, const struct rp_file_entry *right)
{
    return left == right || (rp_file_entry_same_registration(left, right) &&
                             left->lsn == right->lsn && left->size_bytes == right->size_bytes &&
                             same_time(left->created_at, right->created_at) &&
                             same_time(left->partition_time, right->partition_time) &&
                             rp_view_equal(left->database, right->database) &&
                             rp_view_equal(left->measurement, right->measurement) &&
                             rp_view_equal(left->tier, right->tier));
}

struct rp_file_record rp_file_entry_record(const struct rp_file_entry *entry)
{
    struct rp_file_record record = {.path = entry->path,
                                    .sha256 = entry->sha256,
                                    .size_bytes = entry->size_bytes,
                                    .database = entry->database,
                                    .measurement = entry->measurement,
                                    .partition_time = entry->partition_time,
                                    .origin_node_id = entry->origin_node_id,
                                    .tier = entry->tier,
                                    .created_at = entry->created_at};
    return record;
}

/* ---- Node records ---------------------------------------------------------------------------- */

static struct rp_node_record *mutable_record(const struct rp_node_record *record)
{
    union {
        const struct rp_node_record *shared;
        struct rp_node_record *own;
    } pointer = {record};
    return pointer.own;
}

const struct rp_node_record *rp_node_record_retain(const struct rp_node_record *record)
{
    if (record != NULL) {
        mutable_record(record)->reference_count += 1;
    }
    return record;
}

void rp_node_record_release(const struct rp_node_record *record)
{
    if (record == NULL) {
        return;
    }
    struct rp_node_record *own = mutable_record(record);
    RP_ASSERT(own->reference_count > 0);
    own->reference_count -= 1;
    if (own->reference_count == 0) {
        rp_release(own->alloc, own);
    }
}

/* Every text of a node record, for what treats them alike. */
static const size_t NODE_TEXT_OFFSETS[] = {
    offsetof(struct rp_node_record, id),           offsetof(struct rp_node_record, name),
    offsetof(struct rp_node_record, role),         offsetof(struct rp_node_record, cluster_name),
    offsetof(struct rp_node_record, address),      offsetof(struct rp_node_record, api_address),
    offsetof(struct rp_node_record, state),        offsetof(struct rp_node_record, version),
    offsetof(struct rp_node_record, writer_state), offsetof(struct rp_node_record, raft_address),
};
#define NODE_TEXT_COUNT (sizeof NODE_TEXT_OFFSETS / sizeof NODE_TEXT_OFFSETS[0])

static struct rp_view node_text(const struct rp_node_record *record, size_t i)
{
    struct rp_view text;
    memcpy(&text, (const uint8_t *)record + NODE_TEXT_OFFSETS[i], sizeof text);
    return text;
}

int rp_node_record_new(const struct rp_alloc *alloc, const struct rp_node_record *source,
                       const struct rp_node_record **record_out)
{
    size_t text_bytes = 0;
    for (size_t i = 0; i < NODE_TEXT_COUNT; i++) {
        text_bytes += node_text(source, i).length_bytes;
    }
    struct rp_node_record *record = rp_allocate(alloc, sizeof *record + text_bytes);
    if (record == NULL) {
        return RP_ERR_NOMEM;
    }
    *record = *source;
    record->reference_count = 1;
    record->alloc = alloc;
    uint8_t *at = (uint8_t *)(record + 1);
    for (size_t i = 0; i < NODE_TEXT_COUNT; i++) {
        struct rp_view text = place_text(&at, node_text(source, i));
        memcpy((uint8_t *)record + NODE_TEXT_OFFSETS[i], &text, sizeof text);
    }
    *record_out = record;
    return 0;
}

struct rp_digest rp_node_record_digest(const struct rp_node_record *record)
{
    struct rp_mixer mixer;
    rp_mixer_begin(&mixer);
    for (size_t i = 0; i < NODE_TEXT_COUNT; i++) {
        rp_mixer_view(&mixer, node_text(record, i));
    }
    rp_mixer_number(&mixer, (uint64_t)record->core_count);
    rp_mixer_number(&mixer, record->raft_id);
    rp_mixer_number(&mixer, (uint64_t)record->joined_unix_s);
    rp_mixer_number(&mixer, record->is_bound_fetch ? 1 : 0);
    rp_mixer_number(&mixer, record->index);
    rp_mixer_number(&mixer, record->born_index);
    return mixed(&mixer);
}

bool rp_node_record_equal(const struct rp_node_record *left, const struct rp_node_record *right)
{
    for (size_t i = 0; left != right && i < NODE_TEXT_COUNT; i++) {
        if (!rp_view_equal(node_text(left, i), node_text(right, i))) {
            return false;
        }
    }
    return left->core_count == right->core_count && left->raft_id == right->raft_id &&
           left->joined_unix_s == right->joined_unix_s &&
           left->is_bound_fetch == right->is_bound_fetch && left->index == right->index &&
           left->born_index == right->born_index;
}
