#include "sim/raft_wire.h"

#include <stddef.h>

#include "protocol/auth.h"
#include "protocol/error.h"
#include "protocol/panic.h"
#include "sim/consensus_raft_inner.h"

#define MAC_BYTES   RP_SHA256_HEX
#define BLOCK_BYTES 64u
#define COUNT_MAX   UINT32_C(1000000)

/* ---- Fields ------------------------------------------------------------------------------------ */

struct wire_field {
    const char *name;
    size_t offset, size_bytes;
    bool is_flag;
};
struct wire_kind {
    const char *name;
    unsigned short type; /* libraft's */
    const struct wire_field *fields;
    size_t count;
};

#define MEMBER_BYTES(member) sizeof(((struct sim_raft_message *)0)->member)
#define NUMBER(text, member)                                                                       \
    {                                                                                              \
        text, offsetof(struct sim_raft_message, member), MEMBER_BYTES(member), false               \
    }
#define FLAG(text, member)                                                                         \
    {                                                                                              \
        text, offsetof(struct sim_raft_message, member), MEMBER_BYTES(member), true                \
    }
#define KIND(text, type, fields)                                                                   \
    {                                                                                              \
        text, type, fields, sizeof(fields) / sizeof(fields)[0]                                     \
    }

static const struct wire_field ENVELOPE[] = {
    NUMBER("sender_id", source),      NUMBER("target_id", target),
    NUMBER("number", number),         NUMBER("sender_session", source_session),
    NUMBER("session", meant_session),
};
#define ENVELOPE_COUNT (sizeof ENVELOPE / sizeof ENVELOPE[0])

static const struct wire_field APPEND[] = {
    NUMBER("term", scalars.append_entries.term),
    NUMBER("prev_log_index", scalars.append_entries.prev_log_index),
    NUMBER("prev_log_term", scalars.append_entries.prev_log_term),
    NUMBER("leader_commit", scalars.append_entries.leader_commit),
};
static const struct wire_field APPEND_RESULT[] = {
    NUMBER("term", scalars.append_entries_result.term),
    NUMBER("rejected", scalars.append_entries_result.rejected),
    NUMBER("last_log_index", scalars.append_entries_result.last_log_index),
};
static const struct wire_field VOTE[] = {
    NUMBER("term", scalars.request_vote.term),
    NUMBER("candidate_id", scalars.request_vote.candidate_id),
    NUMBER("last_log_index", scalars.request_vote.last_log_index),
    NUMBER("last_log_term", scalars.request_vote.last_log_term),
    FLAG("disrupt_leader", scalars.request_vote.disrupt_leader),
    FLAG("pre_vote", scalars.request_vote.pre_vote),
};
static const struct wire_field VOTE_RESULT[] = {
    NUMBER("term", scalars.request_vote_result.term),
    FLAG("vote_granted", scalars.request_vote_result.vote_granted),
    NUMBER("pre_vote", scalars.request_vote_result.pre_vote), /* of three values */
};
static const struct wire_field SNAPSHOT[] = {
    NUMBER("term", scalars.install_snapshot.term),
    NUMBER("last_index", scalars.install_snapshot.last_index),
    NUMBER("last_term", scalars.install_snapshot.last_term),
    NUMBER("conf_index", scalars.install_snapshot.conf_index),
};
static const struct wire_field TIMEOUT_NOW[] = {
    NUMBER("term", scalars.timeout_now.term),
    NUMBER("last_log_index", scalars.timeout_now.last_log_index),
    NUMBER("last_log_term", scalars.timeout_now.last_log_term),
};

static const struct wire_kind KINDS[] = {
    [SIM_RAFT_APPEND] = KIND("AppendEntries", RAFT_IO_APPEND_ENTRIES, APPEND),
    [SIM_RAFT_APPEND_RESULT] =
        KIND("AppendEntriesResult", RAFT_IO_APPEND_ENTRIES_RESULT, APPEND_RESULT),
    [SIM_RAFT_VOTE] = KIND("RequestVote", RAFT_IO_REQUEST_VOTE, VOTE),
    [SIM_RAFT_VOTE_RESULT] = KIND("RequestVoteResult", RAFT_IO_REQUEST_VOTE_RESULT, VOTE_RESULT),
    [SIM_RAFT_SNAPSHOT] = KIND("InstallSnapshot", RAFT_IO_INSTALL_SNAPSHOT, SNAPSHOT),
    [SIM_RAFT_TIMEOUT_NOW] = KIND("TimeoutNow", RAFT_IO_TIMEOUT_NOW, TIMEOUT_NOW),
    [SIM_RAFT_AUX] = {"ReadIndex", 0, NULL, 0},
};
#define KIND_COUNT (sizeof KINDS / sizeof KINDS[0])

const char *sim_raft_kind_name(enum sim_raft_message_kind kind)
{
    return KINDS[kind].name;
}

bool sim_raft_kind_parse(const char *name, enum sim_raft_message_kind *kind_out)
{
    for (size_t kind = SIM_RAFT_APPEND; kind < KIND_COUNT; kind += 1) {
        if (strcmp(KINDS[kind].name, name) == 0) {
            *kind_out = (enum sim_raft_message_kind)kind;
            return true;
        }
    }
    return false;
}

static const struct wire_field *field_of(const struct sim_raft_message *message, size_t field)
{
    RP_ASSERT(field < sim_raft_field_count(message));
    return field < ENVELOPE_COUNT ? &ENVELOPE[field]
                                  : &KINDS[message->kind].fields[field - ENVELOPE_COUNT];
}

size_t sim_raft_field_count(const struct sim_raft_message *message)
{
    return ENVELOPE_COUNT + KINDS[message->kind].count;
}

const char *sim_raft_field_name(const struct sim_raft_message *message, size_t field)
{
    return field_of(message, field)->name;
}

bool sim_raft_field_is_flag(const struct sim_raft_message *message, size_t field)
{
    return field_of(message, field)->is_flag;
}

uint64_t sim_raft_field_get(const struct sim_raft_message *message, size_t field)
{
    const struct wire_field *row = field_of(message, field);
    const char *place = (const char *)message + row->offset;
    switch (row->size_bytes) {
    case sizeof(uint64_t): return *(const uint64_t *)(const void *)place;
    case sizeof(uint32_t): return *(const uint32_t *)(const void *)place;
    default: return *(const bool *)(const void *)place;
    }
}

void sim_raft_field_set(struct sim_raft_message *message, size_t field, uint64_t value)
{
    const struct wire_field *row = field_of(message, field);
    char *place = (char *)message + row->offset;
    switch (row->size_bytes) {
    case sizeof(uint64_t): *(uint64_t *)(void *)place = value; break;
    case sizeof(uint32_t): *(uint32_t *)(void *)place = (uint32_t)value; break;
    default: *(bool *)(void *)place = value != 0; break;
    }
}

const char *sim_raft_message_cluster(const struct sim_raft_message *message)
{
    return message->cluster_name;
}

const char *sim_raft_message_source_address(const struct sim_raft_message *message)
{
    return message->source_address;
}

uint64_t sim_raft_message_source_session(const struct sim_raft_message *message)
{
    return message->source_session;
}

uint64_t sim_raft_message_meant_session(const struct sim_raft_message *message)
{
    return message->meant_session;
}

uint64_t sim_raft_message_number(const struct sim_raft_message *message)
{
    return message->number;
}

/* ---- Payloads ---------------------------------------------------------------------------------- */

size_t sim_raft_entry_count(const struct sim_raft_message *message)
{
    return message->kind == SIM_RAFT_APPEND ? message->scalars.append_entries.n_entries : 0;
}

struct sim_raft_entry_view sim_raft_entry_at(const struct sim_raft_message *message, size_t at)
{
    const struct raft_shared_entry *entry = &message->entries[at];
    return (struct sim_raft_entry_view){
        entry->term, entry->type, rp_view_make(entry->block->bytes, entry->block->length_bytes)};
}

static int block_of(const struct rp_alloc *alloc, struct rp_view view, struct rp_block **block_out)
{
    uint8_t *target;
    int error = rp_block_new(alloc, view.length_bytes, block_out, &target);
    if (error == 0 && view.length_bytes > 0) {
        memcpy(target, view.bytes, view.length_bytes);
    }
    return error;
}

int sim_raft_entries_set(struct sim_raft_message *message,
                         const struct sim_raft_entry_view *entries, size_t count)
{
    RP_ASSERT(message->kind == SIM_RAFT_APPEND && count <= COUNT_MAX);
    raft_message_drop_entries(message);
    if (count == 0) {
        return 0;
    }
    message->entries = rp_allocate_zeroed(message->alloc, count * sizeof *message->entries);
    if (message->entries == NULL) {
        return RP_ERR_NOMEM;
    }
    for (size_t at = 0; at < count; at += 1) {
        message->entries[at].term = entries[at].term;
        message->entries[at].type = (unsigned short)entries[at].type;
        int error = block_of(message->alloc, entries[at].bytes, &message->entries[at].block);
        if (error != 0) {
            return error;
        }
        message->scalars.append_entries.n_entries += 1;
    }
    return 0;
}

static bool has_data(const struct sim_raft_message *message)
{
    return message->kind == SIM_RAFT_SNAPSHOT || message->kind == SIM_RAFT_AUX;
}

struct rp_view sim_raft_message_data(const struct sim_raft_message *message)
{
    return has_data(message) && message->block != NULL
               ? rp_view_make(message->block->bytes, message->block->length_bytes)
               : rp_view_make(NULL, 0);
}

int sim_raft_message_set_data(struct sim_raft_message *message, struct rp_view data)
{
    struct rp_block *block = NULL;
    RP_ASSERT(has_data(message));
    int error = block_of(message->alloc, data, &block);
    if (error == 0) {
        rp_block_release(message->block);
        message->block = block;
    }
    return error;
}

/* ---- Forged ------------------------------------------------------------------------------------ */

static int make_blank(const struct rp_alloc *alloc, enum sim_raft_message_kind kind,
                      uint64_t source, uint64_t target, const char *source_address,
                      const char *cluster_name, struct sim_raft_message **message_out)
{
    struct sim_raft_message *message =
        raft_message_new(alloc, source, target, source_address, cluster_name, 0);
    if (message == NULL) {
        return RP_ERR_NOMEM;
    }
    message->kind = kind;
    message->scalars.type = KINDS[kind].type;
    raft_configuration_init(&message->snapshot_configuration);
    if (has_data(message) && sim_raft_message_set_data(message, rp_view_make(NULL, 0)) != 0) {
        sim_raft_message_release(message);
        return RP_ERR_NOMEM;
    }
    *message_out = message;
    return 0;
}

int sim_raft_message_forge(const struct rp_alloc *alloc, enum sim_raft_message_kind kind,
                           uint64_t source, uint64_t target, const char *source_address,
                           const char *cluster_name, struct sim_raft_message **message_out)
{
    int error = make_blank(alloc, kind, source, target, source_address, cluster_name, message_out);
    if (error != 0) {
        return error;
    }
    struct sim_raft_message *message = *message_out;
    for (size_t field = 0; field < sim_raft_field_count(message); field += 1) {
        if (strcmp(sim_raft_field_name(message, field), "term") == 0) {
            sim_raft_field_set(message, field, 1);
        }
    }
    if (kind == SIM_RAFT_VOTE) {
        message->scalars.request_vote.candidate_id = source;
    } else if (kind == SIM_RAFT_VOTE_RESULT) {
        message->scalars.request_vote_result.vote_granted = true;
    }
    return 0;
}

/* ---- Bytes, both ways -------------------------------------------------------------------------- */

/* One walk over a message, which writes it or reads it. */
struct walk {
    struct rp_buffer *out; /* NULL: it reads */
    struct rp_view in;
    int error; /* the first one; nothing more is done then */
};

static void walk_number(struct walk *walk, uint64_t *number)
{
    uint8_t bytes[8];
    if (walk->error != 0) {
        return;
    }
    if (walk->out != NULL) {
        for (unsigned at = 0; at < 8; at += 1) {
            bytes[at] = (uint8_t)(*number >> (56 - 8 * at));
        }
        walk->error = rp_buffer_append(walk->out, rp_view_make(bytes, sizeof bytes));
        return;
    }
    if (walk->in.length_bytes < sizeof bytes) {
        walk->error = RP_ERR_INVALID;
        return;
    }
    *number = 0;
    for (unsigned at = 0; at < 8; at += 1) {
        *number = *number << 8 | walk->in.bytes[at];
    }
    walk->in = rp_view_make(walk->in.bytes + 8, walk->in.length_bytes - 8);
}

static void walk_view(struct walk *walk, struct rp_view *view)
{
    uint64_t length_bytes = view->length_bytes;
    walk_number(walk, &length_bytes);
    if (walk->error != 0) {
        return;
    }
    if (walk->out != NULL) {
        walk->error = rp_buffer_append(walk->out, *view);
        return;
    }
    if (length_bytes > walk->in.length_bytes) {
        walk->error = RP_ERR_INVALID;
        return;
    }
    *view = rp_view_make(walk->in.bytes, (size_t)length_bytes);
    walk->in =
        rp_view_make(walk->in.bytes + length_bytes, walk->in.length_bytes - (size_t)length_bytes);
}

static void walk_text(struct walk *walk, const struct rp_alloc *alloc, char **text)
{
    struct rp_view view = rp_view_text(*text == NULL ? "" : *text);
    walk_view(walk, &view);
    if (walk->error == 0 && walk->out == NULL) {
        rp_release(alloc, *text);
        *text = raft_text(alloc, view);
        walk->error = *text == NULL ? RP_ERR_NOMEM : 0;
    }
}

static void walk_block(struct walk *walk, const struct rp_alloc *alloc, struct rp_block **block)
{
    struct rp_view view = *block == NULL ? rp_view_make(NULL, 0)
                                         : rp_view_make((*block)->bytes, (*block)->length_bytes);
    walk_view(walk, &view);
    if (walk->error == 0 && walk->out == NULL) {
        rp_block_release(*block);
        *block = NULL;
        walk->error = block_of(alloc, view, block);
    }
}

static void walk_entries(struct walk *walk, struct sim_raft_message *message)
{
    uint64_t count = message->scalars.append_entries.n_entries;
    walk_number(walk, &count);
    if (walk->error == 0 && walk->out == NULL) {
        if (count > walk->in.length_bytes / 24) { /* each takes so much at least */
            walk->error = RP_ERR_INVALID;
            return;
        }
        message->entries =
            rp_allocate_zeroed(message->alloc, (size_t)(count + 1) * sizeof *message->entries);
        walk->error = message->entries == NULL ? RP_ERR_NOMEM : 0;
    }
    for (uint64_t at = 0; at < count && walk->error == 0; at += 1) {
        struct raft_shared_entry *entry = &message->entries[at];
        uint64_t type = entry->type;
        walk_number(walk, &entry->term);
        walk_number(walk, &type);
        entry->type = (unsigned short)type;
        walk_block(walk, message->alloc, &entry->block);
        if (walk->error == 0 && walk->out == NULL) {
            message->scalars.append_entries.n_entries += 1;
        }
    }
}

static void walk_server(struct walk *walk, struct sim_raft_message *message, unsigned at)
{
    struct raft_configuration *configuration = &message->snapshot_configuration;
    uint64_t id = 0, role = 0;
    struct rp_view address = rp_view_make(NULL, 0);
    if (walk->out != NULL) {
        id = configuration->servers[at].id;
        role = (uint64_t)configuration->servers[at].role;
        address = rp_view_text(configuration->servers[at].address);
    }
    walk_number(walk, &id);
    walk_number(walk, &role);
    walk_view(walk, &address);
    if (walk->error == 0 && walk->out == NULL) {
        char *text = raft_text(message->alloc, address);
        bool is_added = text != NULL && id != 0 && role <= RAFT_SPARE &&
                        raft_configuration_add(configuration, id, text, (int)role) == 0;
        rp_release(message->alloc, text);
        walk->error = is_added ? 0 : RP_ERR_INVALID;
    }
}

static void walk_snapshot(struct walk *walk, struct sim_raft_message *message)
{
    uint64_t count = message->snapshot_configuration.n;
    walk_number(walk, &count);
    if (walk->out == NULL && count > walk->in.length_bytes / 24) {
        walk->error = RP_ERR_INVALID;
    }
    for (unsigned at = 0; at < count && walk->error == 0; at += 1) {
        walk_server(walk, message, at);
    }
}

/* The kind is known. */
static void walk_message(struct walk *walk, struct sim_raft_message *message)
{
    for (size_t field = 0; field < sim_raft_field_count(message); field += 1) {
        uint64_t value = sim_raft_field_get(message, field);
        walk_number(walk, &value);
        if (walk->out == NULL && walk->error == 0) {
            sim_raft_field_set(message, field, value);
        }
    }
    walk_text(walk, message->alloc, &message->source_address);
    walk_text(walk, message->alloc, &message->cluster_name);
    if (message->kind == SIM_RAFT_APPEND) {
        walk_entries(walk, message);
    }
    if (message->kind == SIM_RAFT_SNAPSHOT) {
        walk_snapshot(walk, message);
    }
    if (has_data(message)) {
        walk_block(walk, message->alloc, &message->block);
    }
}

/* ---- The MAC ----------------------------------------------------------------------------------- */

static void hash_padded(struct rp_sha256 *hash, const char key[BLOCK_BYTES], uint8_t pad,
                        struct rp_view bytes, char hex_out[MAC_BYTES])
{
    uint8_t block[BLOCK_BYTES];
    for (unsigned at = 0; at < BLOCK_BYTES; at += 1) {
        block[at] = (uint8_t)key[at] ^ pad;
    }
    rp_sha256_begin(hash);
    rp_sha256_update(hash, rp_view_make(block, sizeof block));
    rp_sha256_update(hash, bytes);
    rp_sha256_hex(hash, hex_out);
}

/* A nested hash under a key of its own, which is no key of the peer channel. */
static int sign(const struct rp_alloc *alloc, struct rp_view secret, struct rp_view bytes,
                char mac_out[MAC_BYTES])
{
    char key[MAC_BYTES], inner[MAC_BYTES];
    struct rp_sha256 *hash = NULL;
    int error = rp_sha256_new(alloc, &hash);
    if (error != 0) {
        return error;
    }
    rp_sha256_begin(hash);
    rp_sha256_update(hash, rp_view_text("consensus"));
    rp_sha256_update(hash, rp_view_make("", 1));
    rp_sha256_update(hash, secret);
    rp_sha256_hex(hash, key);
    hash_padded(hash, key, 0x36, bytes, inner);
    hash_padded(hash, key, 0x5c, rp_view_make(inner, sizeof inner), mac_out);
    rp_sha256_free(hash);
    return 0;
}

int sim_raft_message_encode(const struct sim_raft_message *message, uint64_t session,
                            struct rp_view secret, struct rp_buffer *bytes_out)
{
    char mac[MAC_BYTES];
    struct sim_raft_message copy = *message; /* borrows all; the walk only reads it */
    struct walk walk = {.out = bytes_out};
    if (copy.meant_session == 0) {
        copy.meant_session = session;
    }
    walk.error = rp_buffer_append_byte(bytes_out, (uint8_t)message->kind);
    walk_message(&walk, &copy);
    if (walk.error == 0) {
        walk.error = sign(message->alloc, secret, rp_buffer_view(bytes_out), mac);
    }
    return walk.error != 0 ? walk.error
                           : rp_buffer_append(bytes_out, rp_view_make(mac, sizeof mac));
}

static int read_message(struct sim_raft_message *message, struct rp_view bytes)
{
    struct walk walk = {.in = bytes};
    walk_message(&walk, message);
    if (walk.error == 0 && walk.in.length_bytes > 0) {
        return RP_ERR_INVALID;
    }
    return walk.error;
}

int sim_raft_message_decode(const struct rp_alloc *alloc, struct rp_view bytes,
                            struct rp_view secret, uint64_t secret_digest,
                            struct sim_raft_message **message_out, bool *is_authentic_out)
{
    char mac[MAC_BYTES];
    struct sim_raft_message *message = NULL;
    if (bytes.length_bytes < 1 + MAC_BYTES || bytes.bytes[0] < SIM_RAFT_APPEND ||
        bytes.bytes[0] >= KIND_COUNT) {
        return RP_ERR_INVALID;
    }
    size_t signed_bytes = bytes.length_bytes - MAC_BYTES;
    int error =
        make_blank(alloc, (enum sim_raft_message_kind)bytes.bytes[0], 0, 0, "", "", &message);
    if (error == 0) {
        error = read_message(message, rp_view_make(bytes.bytes + 1, signed_bytes - 1));
    }
    if (error == 0) {
        error = sign(alloc, secret, rp_view_make(bytes.bytes, signed_bytes), mac);
    }
    if (error != 0) {
        sim_raft_message_release(message);
        return error;
    }
    *is_authentic_out = memcmp(mac, bytes.bytes + signed_bytes, MAC_BYTES) == 0;
    message->secret_digest = *is_authentic_out ? secret_digest : 0;
    message->size_bytes = bytes.length_bytes;
    *message_out = message;
    return 0;
}
