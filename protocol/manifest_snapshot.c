/* Snapshots of the manifest (behaviour.md 1.6).
 *
 * Ours: "RPM" and a version byte; numbers as base-128 varints, signed ones zigzagged, texts with
 * their length; applied index, nodes by id, files by path, since version 2 roles and remembered
 * deletions by path; last 16 bytes of mixing hash over all before. Equal states give equal bytes.
 * Arc's: JSON, with maps of nodes and files, and the two roles. */
#include "protocol/command_json.h"
#include "protocol/digest.h"
#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/manifest_state.h"

#define VERSION_FIRST 1
#define VERSION       2
#define TRAILER_BYTES 16
static const uint8_t MAGIC[4] = {'R', 'P', 'M', VERSION};

/* ---- Writing --------------------------------------------------------------------------------- */

/* The first error sticks, so a record is a plain list of fields. */
struct writer {
    struct rp_buffer buffer;
    int error;
};

static void put_number(struct writer *writer, uint64_t number)
{
    uint8_t bytes[10];
    size_t count = 0;
    do {
        bytes[count] = (uint8_t)((number & 0x7f) | (number > 0x7f ? 0x80 : 0));
        count += 1;
        number >>= 7;
    } while (number > 0);
    if (writer->error == 0) {
        writer->error = rp_buffer_append(&writer->buffer, rp_view_make(bytes, count));
    }
}

static void put_signed(struct writer *writer, int64_t number)
{
    uint64_t bits = (uint64_t)number;
    put_number(writer, (bits << 1) ^ (number < 0 ? UINT64_MAX : 0));
}

static void put_text(struct writer *writer, struct rp_view text)
{
    put_number(writer, text.length_bytes);
    if (writer->error == 0) {
        writer->error = rp_buffer_append(&writer->buffer, text);
    }
}

static void put_time(struct writer *writer, struct rp_wall_time time)
{
    put_signed(writer, time.unix_s);
    put_signed(writer, time.nsec);
    put_signed(writer, time.offset_s);
}

static void put_entry(struct writer *writer, const struct rp_file_entry *entry)
{
    put_text(writer, entry->path);
    put_text(writer, entry->sha256);
    put_signed(writer, entry->size_bytes);
    put_text(writer, entry->database);
    put_text(writer, entry->measurement);
    put_time(writer, entry->partition_time);
    put_text(writer, entry->origin_node_id);
    put_text(writer, entry->tier);
    put_time(writer, entry->created_at);
    put_number(writer, entry->lsn);
}

static void put_node(struct writer *writer, const struct rp_node_record *record)
{
    put_text(writer, record->id);
    put_text(writer, record->name);
    put_text(writer, record->role);
    put_text(writer, record->cluster_name);
    put_text(writer, record->address);
    put_text(writer, record->api_address);
    put_text(writer, record->state);
    put_text(writer, record->version);
    put_text(writer, record->writer_state);
    put_signed(writer, record->core_count);
    put_number(writer, record->raft_id);
    put_text(writer, record->raft_address);
    put_signed(writer, record->joined_unix_s);
    put_number(writer, record->is_bound_fetch ? 1 : 0);
    put_number(writer, record->index);
    put_number(writer, record->born_index);
}

static void store_number(uint8_t *bytes, uint64_t number)
{
    for (size_t i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
}

static void checksum(struct rp_view bytes, uint8_t trailer_out[TRAILER_BYTES])
{
    struct rp_mixer mixer;
    rp_mixer_begin(&mixer);
    rp_mixer_view(&mixer, bytes);
    rp_mixer_finish(&mixer);
    store_number(trailer_out, mixer.low);
    store_number(trailer_out + 8, mixer.high);
}

static void put_id(struct writer *writer, const struct rp_node_record *record)
{
    put_text(writer, record == NULL ? rp_view_make(NULL, 0) : record->id);
}

static void put_roles(struct writer *writer, const struct rp_node_table *nodes)
{
    put_id(writer, nodes == NULL ? NULL : nodes->primary_writer);
    put_id(writer, nodes == NULL ? NULL : nodes->active_compactor);
}

static void put_deletions(struct writer *writer, const struct rp_tree_node *deleted)
{
    struct rp_tree_walk walk;
    put_number(writer, rp_tree_count(deleted));
    rp_tree_walk_first(&walk, deleted);
    const struct rp_file_entry *deletion = rp_tree_walk_next(&walk);
    for (; deletion != NULL && writer->error == 0; deletion = rp_tree_walk_next(&walk)) {
        put_text(writer, deletion->path);
        put_number(writer, deletion->lsn);
    }
}

static void put_state(struct writer *writer, const struct rp_state *state, uint64_t applied_index)
{
    writer->error = rp_buffer_append(&writer->buffer, rp_view_make(MAGIC, sizeof MAGIC));
    put_number(writer, applied_index);
    size_t node_count = state->nodes == NULL ? 0 : state->nodes->count;
    put_number(writer, node_count);
    for (size_t i = 0; i < node_count; i++) {
        put_node(writer, state->nodes->records[i]);
    }
    put_number(writer, rp_tree_count(state->files));
    struct rp_tree_walk walk;
    rp_tree_walk_first(&walk, state->files);
    const struct rp_file_entry *entry = rp_tree_walk_next(&walk);
    for (; entry != NULL && writer->error == 0; entry = rp_tree_walk_next(&walk)) {
        put_entry(writer, entry);
    }
    put_roles(writer, state->nodes);
    put_deletions(writer, state->deleted);
}

int rp_snapshot_write(const struct rp_state *state, uint64_t applied_index,
                      const struct rp_alloc *alloc, struct rp_block **block_out)
{
    struct writer writer;
    uint8_t *bytes;
    rp_buffer_init(&writer.buffer, alloc, SIZE_MAX / 2);
    put_state(&writer, state, applied_index);
    int error = writer.error;
    size_t length_bytes = writer.buffer.length_bytes;
    if (error == 0) {
        error = rp_block_new(alloc, length_bytes + TRAILER_BYTES, block_out, &bytes);
    }
    if (error == 0) {
        memcpy(bytes, writer.buffer.bytes, length_bytes);
        checksum(rp_buffer_view(&writer.buffer), bytes + length_bytes);
    }
    rp_buffer_clear(&writer.buffer);
    return error;
}

/* ---- Reading our form ------------------------------------------------------------------------ */

struct reader {
    struct rp_view rest;
    int error;
    uint8_t version;
};

static uint64_t take_number(struct reader *reader)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 70 && reader->error == 0; shift += 7) {
        if (reader->rest.length_bytes == 0) {
            break;
        }
        uint8_t byte = reader->rest.bytes[0];
        reader->rest = rp_view_make(reader->rest.bytes + 1, reader->rest.length_bytes - 1);
        if (shift == 63 && byte > 1) {
            break;
        }
        number |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            return number;
        }
    }
    reader->error = RP_ERR_SYNTAX;
    return 0;
}

static int64_t take_signed(struct reader *reader)
{
    uint64_t bits = take_number(reader);
    uint64_t number = (bits >> 1) ^ ((bits & 1) != 0 ? UINT64_MAX : 0);
    int64_t result;
    memcpy(&result, &number, sizeof result);
    return result;
}

static struct rp_view take_text(struct reader *reader)
{
    uint64_t length_bytes = take_number(reader);
    if (reader->error != 0 || length_bytes > reader->rest.length_bytes) {
        reader->error = RP_ERR_SYNTAX;
        return rp_view_make(NULL, 0);
    }
    struct rp_view text = rp_view_make(reader->rest.bytes, (size_t)length_bytes);
    reader->rest = rp_view_make(reader->rest.bytes + text.length_bytes,
                                reader->rest.length_bytes - text.length_bytes);
    return text;
}

static struct rp_wall_time take_time(struct reader *reader)
{
    struct rp_wall_time time;
    time.unix_s = take_signed(reader);
    time.nsec = (int32_t)take_signed(reader);
    time.offset_s = (int32_t)take_signed(reader);
    return time;
}

/* How many records follow; each has at least one byte, so a false count cannot run away. */
static uint64_t take_count(struct reader *reader)
{
    uint64_t count = take_number(reader);
    if (reader->error == 0 && count > reader->rest.length_bytes) {
        reader->error = RP_ERR_SYNTAX;
    }
    return reader->error == 0 ? count : 0;
}

/* What is being read into. */
struct restored {
    const struct rp_alloc *alloc;
    const struct rp_traits *traits;
    struct rp_state *state; /* owned until given away */
    uint64_t refused_count;
    uint64_t index;                                  /* of the snapshot, for what carries none */
    struct rp_view primary_writer, active_compactor; /* set once all nodes are there */
};

/* Inadmissible entries are left out and counted (behaviour.md 1.6). */
static int add_file(struct restored *restored, const struct rp_file_record *file, uint64_t lsn)
{
    const struct rp_file_entry *entry;
    const struct rp_file_entry *before = NULL;
    int error = rp_file_entry_new(restored->alloc, file, lsn, &entry);
    if (error != 0) {
        return error;
    }
    if (rp_state_admits_restored(restored->traits, entry)) {
        error = rp_state_put_file(restored->state, entry, &before);
        rp_file_entry_release(before);
    } else {
        restored->refused_count += 1;
    }
    rp_file_entry_release(entry);
    return error;
}

static int add_node(struct restored *restored, const struct rp_node_record *source)
{
    const struct rp_node_record *record;
    const struct rp_node_record *before = NULL;
    /* As apply has it: no node is without an id. An empty one would pass for whoever has no role. */
    if (source->id.length_bytes == 0) {
        restored->refused_count += 1;
        return 0;
    }
    int error = rp_node_record_new(restored->alloc, source, &record);
    if (error != 0) {
        return error;
    }
    error = rp_state_put_node(restored->state, record, &before);
    rp_node_record_release(before);
    rp_node_record_release(record);
    return error;
}

static int take_entry(struct reader *reader, struct restored *restored)
{
    struct rp_file_record file;
    file.path = take_text(reader);
    file.sha256 = take_text(reader);
    file.size_bytes = take_signed(reader);
    file.database = take_text(reader);
    file.measurement = take_text(reader);
    file.partition_time = take_time(reader);
    file.origin_node_id = take_text(reader);
    file.tier = take_text(reader);
    file.created_at = take_time(reader);
    uint64_t lsn = take_number(reader);
    return reader->error != 0 ? reader->error : add_file(restored, &file, lsn);
}

static int take_node(struct reader *reader, struct restored *restored)
{
    struct rp_node_record record;
    memset(&record, 0, sizeof record);
    record.id = take_text(reader);
    record.name = take_text(reader);
    record.role = take_text(reader);
    record.cluster_name = take_text(reader);
    record.address = take_text(reader);
    record.api_address = take_text(reader);
    record.state = take_text(reader);
    record.version = take_text(reader);
    record.writer_state = take_text(reader);
    record.core_count = take_signed(reader);
    record.raft_id = take_number(reader);
    record.raft_address = take_text(reader);
    record.joined_unix_s = take_signed(reader);
    record.is_bound_fetch = take_number(reader) != 0;
    record.index = take_number(reader);
    record.born_index = take_number(reader);
    return reader->error != 0 ? reader->error : add_node(restored, &record);
}

static int check_frame(struct rp_view bytes, struct reader *reader)
{
    uint8_t trailer[TRAILER_BYTES];
    if (bytes.length_bytes < sizeof MAGIC + TRAILER_BYTES) {
        return RP_ERR_SYNTAX;
    }
    size_t length_bytes = bytes.length_bytes - TRAILER_BYTES;
    checksum(rp_view_make(bytes.bytes, length_bytes), trailer);
    if (memcmp(trailer, bytes.bytes + length_bytes, TRAILER_BYTES) != 0) {
        return RP_ERR_SYNTAX;
    }
    reader->version = bytes.bytes[3];
    if (reader->version < VERSION_FIRST || reader->version > VERSION) {
        return RP_ERR_TYPE;
    }
    reader->rest = rp_view_make(bytes.bytes + sizeof MAGIC, length_bytes - sizeof MAGIC);
    reader->error = 0;
    return 0;
}

static int set_roles(struct restored *restored)
{
    bool has_any =
        restored->primary_writer.length_bytes > 0 || restored->active_compactor.length_bytes > 0;
    return has_any ? rp_state_set_roles(restored->state, restored->primary_writer,
                                        restored->active_compactor)
                   : 0;
}

static int take_deletion(struct reader *reader, struct restored *restored)
{
    struct rp_view path = take_text(reader);
    uint64_t index = take_number(reader);
    return reader->error != 0 ? reader->error
                              : rp_state_remember(restored->state, restored->traits, path, index);
}

static int take_rest(struct reader *reader, struct restored *restored)
{
    restored->primary_writer = take_text(reader);
    restored->active_compactor = take_text(reader);
    uint64_t count = take_count(reader);
    int error = reader->error;
    for (uint64_t i = 0; error == 0 && i < count; i++) {
        error = take_deletion(reader, restored);
    }
    return error;
}

static int read_ours(struct rp_view bytes, struct restored *restored)
{
    struct reader reader;
    int error = check_frame(bytes, &reader);
    if (error != 0) {
        return error;
    }
    restored->index = take_number(&reader);
    uint64_t node_count = take_count(&reader);
    for (uint64_t i = 0; error == 0 && i < node_count; i++) {
        error = take_node(&reader, restored);
    }
    uint64_t file_count = error == 0 ? take_count(&reader) : 0;
    for (uint64_t i = 0; error == 0 && i < file_count; i++) {
        error = take_entry(&reader, restored);
    }
    if (error == 0 && reader.version > VERSION_FIRST) {
        error = take_rest(&reader, restored);
    }
    if (error == 0 && reader.error == 0 && reader.rest.length_bytes > 0) {
        error = RP_ERR_SYNTAX;
    }
    error = error != 0 ? error : reader.error;
    return error != 0 ? error : set_roles(restored);
}

/* ---- Reading Arc's form ---------------------------------------------------------------------- */

static int as_refusal(int error)
{
    return error == 0 || error == RP_ERR_NOMEM || error == RP_ERR_SYNTAX ? error : RP_ERR_TYPE;
}

static bool is_null(struct rp_view value)
{
    return rp_view_equal(value, rp_view_text("null"));
}

/* The map key is the path, whatever the entry says of itself. */
static int read_file(struct restored *restored, struct rp_arena *arena, struct rp_view key,
                     struct rp_view value)
{
    struct rp_file_json file;
    if (is_null(value)) {
        restored->refused_count += 1;
        return 0;
    }
    int error = rp_json_decode_object(&RP_FILE_SHAPE, 0, value, arena, &file);
    if (error != 0) {
        return error;
    }
    file.record.path = key;
    return add_file(restored, &file.record, file.lsn);
}

static int read_node(struct restored *restored, struct rp_arena *arena, struct rp_view key,
                     struct rp_view value)
{
    struct rp_node_record record;
    if (is_null(value)) {
        restored->refused_count += 1;
        return 0;
    }
    int error = rp_json_decode_object(&RP_NODE_SHAPE, 0, value, arena, &record);
    if (error != 0) {
        return error;
    }
    record.id = key;
    record.index = restored->index;
    record.born_index = restored->index;
    return add_node(restored, &record);
}

static int read_map(struct restored *restored, struct rp_view json, bool is_files)
{
    struct rp_arena arena;
    struct rp_json_walk walk;
    int error = rp_json_walk_open(&walk, json);
    rp_arena_init(&arena, restored->alloc);
    while (error == 0) {
        struct rp_view key;
        struct rp_view value;
        rp_arena_reset(&arena);
        int step = rp_json_walk_next(&walk, &arena, &key, &value);
        if (step <= 0) {
            error = step;
            break;
        }
        error = is_files ? read_file(restored, &arena, key, value)
                         : read_node(restored, &arena, key, value);
    }
    rp_arena_clear(&arena);
    return error;
}

/* A role's id; whatever is no string is nobody. */
static int read_role(struct rp_arena *arena, struct rp_view value, struct rp_view *id_out)
{
    static const struct rp_json_field fields[] = {
        {RP_JSON_FIELD(struct rp_node_id_payload, node_id, "id", RP_JSON_TEXT)}};
    static const struct rp_json_shape shape = RP_JSON_SHAPE(struct rp_node_id_payload, fields);
    struct rp_node_id_payload role;
    struct rp_buffer json;
    struct rp_view text;
    rp_buffer_init(&json, arena->alloc, RP_FRAME_LENGTH_MAX);
    int error = rp_buffer_append(&json, rp_view_text("{\"id\":"));
    error = error == 0 ? rp_buffer_append(&json, value) : error;
    error = error == 0 ? rp_buffer_append(&json, rp_view_text("}")) : error;
    error = error == 0 ? rp_arena_copy(arena, rp_buffer_view(&json), &text) : error;
    rp_buffer_clear(&json);
    if (error == 0 && rp_json_decode_object(&shape, 0, text, arena, &role) == 0) {
        *id_out = role.node_id;
    }
    return error;
}

static int read_arc_key(struct restored *restored, struct rp_arena *arena, struct rp_view key,
                        struct rp_view value)
{
    bool is_files = rp_view_equal(key, rp_view_text("files"));
    if (is_files || rp_view_equal(key, rp_view_text("nodes"))) {
        return read_map(restored, value, is_files);
    }
    if (rp_view_equal(key, rp_view_text("primary_writer_id"))) {
        return read_role(arena, value, &restored->primary_writer);
    }
    if (rp_view_equal(key, rp_view_text("active_compactor_id"))) {
        return read_role(arena, value, &restored->active_compactor);
    }
    return 0;
}

static int read_arc(struct rp_view bytes, struct restored *restored)
{
    struct rp_arena arena;
    struct rp_json_walk walk;
    int error = rp_json_walk_open(&walk, bytes);
    rp_arena_init(&arena, restored->alloc);
    while (error == 0) {
        struct rp_view key;
        struct rp_view value;
        int step = rp_json_walk_next(&walk, &arena, &key, &value);
        if (step <= 0) {
            error = step;
            break;
        }
        error = read_arc_key(restored, &arena, key, value);
    }
    if (error == 0) {
        error = set_roles(restored);
    }
    rp_arena_clear(&arena);
    return as_refusal(error);
}

int rp_snapshot_read(const struct rp_alloc *alloc, const struct rp_traits *traits,
                     struct rp_view bytes, uint64_t fallback_index, struct rp_state **state_out,
                     uint64_t *applied_index_out, uint64_t *refused_out)
{
    struct restored restored = {.alloc = alloc, .traits = traits, .index = fallback_index};
    int error = rp_state_new(alloc, &restored.state);
    if (error != 0) {
        return error;
    }
    bool is_ours = bytes.length_bytes > 0 && bytes.bytes[0] == MAGIC[0];
    error = is_ours ? read_ours(bytes, &restored) : read_arc(bytes, &restored);
    if (error != 0) {
        rp_state_release(restored.state);
        return error;
    }
    *state_out = restored.state;
    *applied_index_out = restored.index;
    *refused_out = restored.refused_count;
    return 0;
}
