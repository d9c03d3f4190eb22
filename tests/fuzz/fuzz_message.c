/* Messages (wire.md 2, 3): every type in every release. What was decoded is encoded to a frame that
 * decodes to the same; releases agree on what is JSON at all; memory is bounded by the payload. */
#include "protocol/message.h"

#include "protocol/frame.h"
#include "protocol/limits.h"
#include "protocol/message_table.h"
#include "tests/fuzz/input.h"

/* A list of nodes makes the most of its bytes: a struct for each `{},`. */
#define MEMORY_FACTOR      ((size_t)80)
#define MEMORY_FIXED_BYTES ((size_t)16384)

static const uint8_t TYPES[] = {
    RP_MSG_FETCH_FILE,    RP_MSG_FETCH_FILE_ACK, RP_MSG_FORWARD_APPLY,  RP_MSG_FORWARD_APPLY_ACK,
    RP_MSG_JOIN_REQUEST,  RP_MSG_JOIN_RESPONSE,  RP_MSG_LEADER_INFO,    RP_MSG_HEARTBEAT,
    RP_MSG_HEARTBEAT_ACK, RP_MSG_LEAVE_NOTIFY,   RP_MSG_REPLICATE_SYNC, RP_MSG_REPLICATE_SYNC_ACK};
#define TYPE_COUNT (sizeof TYPES / sizeof TYPES[0])

/* The frame in `bytes`, which is all of it. */
static struct rp_frame frame_of(struct fuzz_memory *memory, struct rp_view bytes)
{
    struct rp_frame_reader reader;
    struct rp_frame frame = {.type = 0};
    bool is_out_of_memory = false;
    rp_frame_reader_init(&reader, &memory->alloc);
    RP_ASSERT(rp_frame_reader_take(&reader, &bytes, &frame, &is_out_of_memory) == RP_FRAME_READY);
    RP_ASSERT(bytes.length_bytes == 0);
    rp_frame_reader_clear(&reader);
    return frame;
}

static void check_round_trip(struct fuzz_memory *memory, const struct rp_traits *traits,
                             const struct rp_message *message)
{
    struct rp_buffer first;
    struct rp_buffer second;
    struct rp_arena arena;
    struct rp_message again;
    rp_buffer_init(&first, &memory->alloc, RP_FRAME_LENGTH_MAX + 4);
    rp_buffer_init(&second, &memory->alloc, RP_FRAME_LENGTH_MAX + 4);
    rp_arena_init(&arena, &memory->alloc);
    int error = rp_message_encode(traits, message, &first);
    /* A year or a zone that can be read but not written. */
    RP_ASSERT(error == 0 || error == RP_ERR_UNENCODABLE);
    if (error == 0) {
        struct rp_frame frame = frame_of(memory, rp_buffer_view(&first));
        RP_ASSERT(frame.type == message->type);
        RP_ASSERT(rp_message_decode(traits, frame.type, frame.payload, &arena, &again) == 0);
        RP_ASSERT(again.type == message->type);
        RP_ASSERT(rp_message_encode(traits, &again, &second) == 0);
        RP_ASSERT(rp_view_equal(rp_buffer_view(&first), rp_buffer_view(&second)));
    }
    RP_ASSERT(error == 0 || first.length_bytes == 0);
    rp_buffer_clear(&first);
    rp_buffer_clear(&second);
    rp_arena_clear(&arena);
}

static int check_release(struct fuzz_memory *memory, enum rp_release release, uint8_t type,
                         struct rp_view payload)
{
    const struct rp_traits *traits = rp_release_traits(release);
    struct rp_arena arena;
    struct rp_message message;
    rp_arena_init(&arena, &memory->alloc);
    size_t asked_before = memory->asked_bytes;
    int error = rp_message_decode(traits, type, payload, &arena, &message);
    RP_ASSERT(memory->asked_bytes - asked_before <=
              MEMORY_FACTOR * payload.length_bytes + MEMORY_FIXED_BYTES);
    if (error == 0) {
        check_round_trip(memory, traits, &message);
    }
    rp_arena_clear(&arena);
    return error;
}

/* wire.md 4.1: the first thing that is looked at is whether it is JSON. */
static void check_error(int error, uint8_t type, enum rp_release release, struct rp_view payload)
{
    struct rp_json_walk walk;
    uint32_t features = rp_message_features(rp_release_traits(release));
    const struct rp_message_kind *kind = rp_message_kind_find(type);
    bool is_known = kind != NULL && (kind->needs & ~features) == 0;
    RP_ASSERT((error == RP_ERR_UNKNOWN_TYPE) == !is_known);
    if (is_known) {
        bool is_json = rp_json_walk_open(&walk, payload) != RP_ERR_SYNTAX;
        RP_ASSERT((error == RP_ERR_SYNTAX) == !is_json);
        RP_ASSERT(error == 0 || error == RP_ERR_SYNTAX || error == RP_ERR_TYPE ||
                  error == RP_ERR_TIME || error == RP_ERR_BASE64);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    struct fuzz_memory memory;
    fuzz_memory_init(&memory);
    uint8_t choice = fuzz_byte(&input);
    uint8_t type = choice < 200 ? TYPES[choice % TYPE_COUNT] : choice;
    struct rp_chunk chunk = fuzz_chunk(&memory, fuzz_rest(&input));
    struct rp_view payload = rp_chunk_view(chunk);
    RP_ASSERT(rp_message_type_name(type) != NULL);
    for (int release = 0; release < RP_RELEASE_COUNT; release++) {
        int error = check_release(&memory, (enum rp_release)release, type, payload);
        check_error(error, type, (enum rp_release)release, payload);
    }
    rp_block_release(chunk.block);
    fuzz_memory_check(&memory);
    return 0;
}
