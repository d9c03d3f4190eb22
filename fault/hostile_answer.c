/* The answers of a hostile peer: what it says instead of the node's ack. */
#include "fault/hostile_inner.h"

#include "protocol/auth.h"
#include "protocol/error.h"
#include "protocol/limits.h"

#define PREFIX_BYTES      4u /* a frame's length */
#define GARBAGE_BYTES_MAX 256u
/* A forged body is hashed before its ack: above this the hash is a drawn one. */
#define FORGED_BYTES_MAX (UINT64_C(256) << 20)
#define FORGE_STEP_BYTES 65536u

/* ---- Names ------------------------------------------------------------------------------------- */

#define HOSTILE_NAME(name, text, about, explanation) [name] = (text),
static const char *const names[FAULT_HOSTILE_KIND_COUNT] = {
    [FAULT_HOSTILE_NONE] = "none", FAULT_HOSTILE_TABLE(HOSTILE_NAME) /* each with its comma */
};

const char *fault_hostile_name(enum fault_hostile_kind kind)
{
    return names[kind];
}

bool fault_hostile_parse(struct rp_view name, enum fault_hostile_kind *kind_out)
{
    for (int kind = FAULT_HOSTILE_NONE + 1; kind < FAULT_HOSTILE_KIND_COUNT; kind += 1) {
        if (rp_view_equal(name, rp_view_text(names[kind]))) {
            *kind_out = (enum fault_hostile_kind)kind;
            return true;
        }
    }
    return false;
}

bool fault_hostile_has_place(enum fault_hostile_kind kind)
{
    switch (kind) {
    case FAULT_HOSTILE_CORRUPT_BODY:
    case FAULT_HOSTILE_SHORT_BODY:
    case FAULT_HOSTILE_LONG_BODY:
    case FAULT_HOSTILE_STALL:
    case FAULT_HOSTILE_SLOW_DRIP:
    case FAULT_HOSTILE_CLOSE_EARLY:
    case FAULT_HOSTILE_RESET: return true;
    default: return false;
    }
}

/* ---- Drawn bytes ------------------------------------------------------------------------------- */

static void fill(const struct fault_random *random, uint8_t *bytes, size_t length_bytes)
{
    for (size_t at = 0; at < length_bytes; at += 1) {
        bytes[at] = (uint8_t)(random->next(random->state) >> 56);
    }
}

static uint64_t mix(uint64_t word)
{
    word += UINT64_C(0x9e3779b97f4a7c15);
    word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
    return word ^ word >> 31;
}

/* A byte depends on its place alone, so that a piece that was not taken is the same the next time. */
void hostile_forge(const struct hostile_misdeed *misdeed, uint64_t offset, uint8_t *bytes,
                   size_t length_bytes)
{
    for (size_t at = 0; at < length_bytes; at += 1) {
        uint64_t place = offset + at;
        bytes[at] = (uint8_t)(mix(misdeed->key + place / 8) >> place % 8 * 8);
    }
}

static void draw_hex(const struct fault_random *random, char hex_out[RP_SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t at = 0; at < RP_SHA256_HEX; at += 1) {
        hex_out[at] = digits[fault_random_below(random, 16)];
    }
}

static int hash_forged(const struct fault_hostile_params *params,
                       const struct hostile_misdeed *misdeed, char hex_out[RP_SHA256_HEX])
{
    if (misdeed->tail_bytes > FORGED_BYTES_MAX) {
        draw_hex(&params->random, hex_out);
        return 0;
    }
    struct rp_sha256 *hash = NULL;
    uint8_t *bytes = rp_allocate(params->alloc, FORGE_STEP_BYTES);
    if (bytes == NULL || rp_sha256_new(params->alloc, &hash) != 0) {
        rp_release(params->alloc, bytes);
        return RP_ERR_NOMEM;
    }
    rp_sha256_begin(hash);
    for (uint64_t at = 0; at < misdeed->tail_bytes; at += FORGE_STEP_BYTES) {
        uint64_t left = misdeed->tail_bytes - at;
        size_t part = left < FORGE_STEP_BYTES ? (size_t)left : FORGE_STEP_BYTES;
        hostile_forge(misdeed, at, bytes, part);
        rp_sha256_update(hash, rp_view_make(bytes, part));
    }
    rp_sha256_hex(hash, hex_out);
    rp_sha256_free(hash);
    rp_release(params->alloc, bytes);
    return 0;
}

/* ---- Frames that are no acks --------------------------------------------------------------------- */

static int append_length(struct rp_buffer *frame, uint32_t length)
{
    uint8_t prefix[PREFIX_BYTES] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16),
                                    (uint8_t)(length >> 8), (uint8_t)length};
    return rp_buffer_append(frame, rp_view_make(prefix, sizeof prefix));
}

static int append_drawn(const struct fault_random *random, size_t length_bytes,
                        struct rp_buffer *frame)
{
    uint8_t *bytes = NULL;
    int error = rp_buffer_extend(frame, length_bytes, &bytes);
    if (error == 0) {
        fill(random, bytes, length_bytes);
    }
    return error;
}

static int huge_frame(const struct fault_random *random, struct rp_buffer *frame)
{
    uint32_t above = UINT32_MAX - RP_FRAME_LENGTH_MAX;
    uint32_t length = RP_FRAME_LENGTH_MAX + 1 + (uint32_t)fault_random_below(random, above);
    int error = append_length(frame, length);
    error = error != 0 ? error : rp_buffer_append_byte(frame, RP_MSG_FETCH_FILE_ACK);
    return error != 0 ? error : append_drawn(random, 16, frame);
}

/* The honest text under another number: known types, and one that nobody has. */
static int wrong_type(const struct fault_random *random, struct rp_view honest,
                      struct rp_buffer *frame)
{
    static const uint8_t types[] = {RP_MSG_JOIN_RESPONSE,
                                    RP_MSG_LEADER_INFO,
                                    RP_MSG_HEARTBEAT_ACK,
                                    RP_MSG_FETCH_FILE,
                                    RP_MSG_REPLICATE_SYNC_ACK,
                                    RP_MSG_FORWARD_APPLY_ACK,
                                    0x7f};
    int error = rp_buffer_append(frame, honest);
    if (error == 0) {
        frame->bytes[PREFIX_BYTES] = types[fault_random_below(random, sizeof types)];
    }
    return error;
}

/* The honest text, cut off somewhere: no beginning of an object is a whole document. */
static int malformed_json(const struct fault_random *random, struct rp_view honest,
                          struct rp_buffer *frame)
{
    size_t text_bytes = honest.length_bytes - PREFIX_BYTES - 1;
    size_t kept = text_bytes < 2 ? 0 : 1 + (size_t)fault_random_below(random, text_bytes - 1);
    int error = append_length(frame, (uint32_t)kept + 1);
    return error != 0
               ? error
               : rp_buffer_append(frame, rp_view_make(honest.bytes + PREFIX_BYTES, kept + 1));
}

/* True: the kind is one of these, and `*error_out` tells how it went. */
static bool answer_by_frame(const struct fault_hostile_params *params, enum fault_hostile_kind kind,
                            struct rp_view honest, struct rp_buffer *frame, int *error_out)
{
    const struct fault_random *random = &params->random;
    switch (kind) {
    case FAULT_HOSTILE_GARBAGE_FRAME:
        *error_out =
            append_drawn(random, 1 + (size_t)fault_random_below(random, GARBAGE_BYTES_MAX), frame);
        return true;
    case FAULT_HOSTILE_HUGE_FRAME: *error_out = huge_frame(random, frame); return true;
    case FAULT_HOSTILE_ZERO_FRAME: *error_out = append_length(frame, 0); return true;
    case FAULT_HOSTILE_WRONG_TYPE: *error_out = wrong_type(random, honest, frame); return true;
    case FAULT_HOSTILE_MALFORMED_JSON:
        *error_out = malformed_json(random, honest, frame);
        return true;
    default: return false;
    }
}

/* ---- Lies: error acks ------------------------------------------------------------------------------ */

static int append_number(struct rp_buffer *text, int64_t number)
{
    uint8_t digits[20];
    size_t at = sizeof digits;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (uint8_t)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    int error = number < 0 ? rp_buffer_append_byte(text, '-') : 0;
    return error != 0 ? error
                      : rp_buffer_append(text, rp_view_make(digits + at, sizeof digits - at));
}

/* The text of an honest refusal, for what was asked and the size that the honest ack tells. */
static int bad_offset_text(const struct hostile_misdeed *misdeed, struct rp_buffer *text)
{
    int64_t size_bytes = (int64_t)(misdeed->tail_bytes + (uint64_t)misdeed->asked_offset);
    int error = rp_buffer_append_text(text, "invalid byte offset ");
    error = error != 0 ? error : append_number(text, misdeed->asked_offset);
    error = error != 0 ? error : rp_buffer_append_text(text, " for file size ");
    return error != 0 ? error : append_number(text, size_bytes);
}

struct lie {
    enum fault_hostile_kind kind;
    const char *code, *text;
};

/* False: the kind is none of these. `text` holds what the ack refers to. */
static bool lie(const struct fault_hostile_params *params, const struct hostile_misdeed *misdeed,
                struct rp_fetch_file_ack *ack, struct rp_buffer *text, int *error_out)
{
    static const struct lie lies[] = {
        {FAULT_HOSTILE_NOT_FOUND_LIE, "not_found", "file not found on local backend"},
        {FAULT_HOSTILE_MANIFEST_LIE, "manifest", "file not in manifest"},
        {FAULT_HOSTILE_AUTH_LIE, "auth", "authentication failed"},
        {FAULT_HOSTILE_BAD_OFFSET_LIE, "bad_offset", ""},
        {FAULT_HOSTILE_LEGACY_NEAR_MISS, "", ""},
    };
    static const char *const near_misses[] = {
        "file not in manifest ",  "File not in manifest",  "file not found on local backend.",
        "file not found locally", " file not in manifest", "file not in the manifest",
    };
    size_t row = 0;
    while (row < sizeof lies / sizeof lies[0] && lies[row].kind != misdeed->kind) {
        row += 1;
    }
    if (row == sizeof lies / sizeof lies[0]) {
        return false;
    }
    memset(ack, 0, sizeof *ack);
    ack->status = rp_view_text("error");
    ack->code = rp_view_text(lies[row].code);
    ack->error = rp_view_text(lies[row].text);
    if (misdeed->kind == FAULT_HOSTILE_BAD_OFFSET_LIE) {
        *error_out = bad_offset_text(misdeed, text);
        ack->error = rp_buffer_view(text);
    } else if (misdeed->kind == FAULT_HOSTILE_LEGACY_NEAR_MISS) {
        uint64_t count = sizeof near_misses / sizeof near_misses[0];
        ack->error = rp_view_text(near_misses[fault_random_below(&params->random, count)]);
    }
    return true;
}

/* ---- Acks with a field changed ----------------------------------------------------------------------- */

static int64_t wrong_size(const struct fault_random *random, int64_t size_bytes)
{
    int64_t change = 1 + (int64_t)fault_random_below(random, 16);
    bool is_more = fault_random_below(random, 2) == 0 || change > size_bytes;
    if (is_more && size_bytes <= INT64_MAX - change) {
        return size_bytes + change;
    }
    return size_bytes - change;
}

/* Leaves well-formed hex that differs in at least one digit. */
static void wrong_hash(const struct fault_random *random, struct rp_view honest,
                       char hex[RP_SHA256_HEX])
{
    draw_hex(random, hex);
    if (rp_view_equal(honest, rp_view_make(hex, RP_SHA256_HEX))) {
        hex[0] = hex[0] == '0' ? '1' : '0';
    }
}

/* The ack stays an ok one. `hex` holds what it may refer to. Errors: RP_ERR_NOMEM. */
static int change_field(const struct fault_hostile_params *params,
                        const struct hostile_misdeed *misdeed, struct rp_fetch_file_ack *ack,
                        char hex[RP_SHA256_HEX])
{
    const struct fault_random *random = &params->random;
    int error = 0;
    switch (misdeed->kind) {
    case FAULT_HOSTILE_FORGERY:
        error = hash_forged(params, misdeed, hex);
        ack->sha256 = rp_view_make(hex, RP_SHA256_HEX);
        break;
    case FAULT_HOSTILE_WRONG_HASH:
        wrong_hash(random, ack->sha256, hex);
        ack->sha256 = rp_view_make(hex, RP_SHA256_HEX);
        break;
    case FAULT_HOSTILE_WRONG_SIZE: ack->size_bytes = wrong_size(random, ack->size_bytes); break;
    case FAULT_HOSTILE_NEGATIVE_SIZE: ack->size_bytes = -1 - ack->size_bytes; break;
    case FAULT_HOSTILE_HUGE_SIZE: ack->size_bytes = INT64_MAX; break;
    case FAULT_HOSTILE_WRONG_OFFSET:
        ack->byte_offset += 1 + (int64_t)fault_random_below(
                                    random, misdeed->tail_bytes == 0 ? 1 : misdeed->tail_bytes);
        break;
    default: break;
    }
    return error;
}

/* ---- The answer ---------------------------------------------------------------------------------------- */

static bool is_of_body(enum fault_hostile_kind kind)
{
    return fault_hostile_has_place(kind) || kind == FAULT_HOSTILE_FORGERY;
}

static bool is_of_ack_field(enum fault_hostile_kind kind)
{
    switch (kind) {
    case FAULT_HOSTILE_FORGERY:
    case FAULT_HOSTILE_WRONG_HASH:
    case FAULT_HOSTILE_WRONG_SIZE:
    case FAULT_HOSTILE_NEGATIVE_SIZE:
    case FAULT_HOSTILE_HUGE_SIZE:
    case FAULT_HOSTILE_WRONG_OFFSET: return true;
    default: return false;
    }
}

/* Where the misdeed of the body begins when the scenario does not say. */
static void place(const struct fault_hostile_params *params, struct hostile_misdeed *misdeed)
{
    if (misdeed->has_place) {
        return;
    }
    misdeed->place = 0;
    if (misdeed->kind == FAULT_HOSTILE_SHORT_BODY && misdeed->tail_bytes > 0) {
        misdeed->place = fault_random_below(&params->random, misdeed->tail_bytes);
    } else if (misdeed->kind == FAULT_HOSTILE_LONG_BODY) {
        misdeed->place = misdeed->tail_bytes;
    }
}

static int encode(const struct fault_hostile_params *params, const struct rp_fetch_file_ack *ack,
                  struct rp_buffer *frame_out)
{
    struct rp_message message = {.type = RP_MSG_FETCH_FILE_ACK};
    message.as.fetch_file_ack = *ack;
    return rp_message_encode(params->traits, &message, frame_out);
}

/* No ack of an honest node is undecodable or too large once changed: what is left is memory. */
static int answer_by_ack(const struct fault_hostile_params *params, struct hostile_misdeed *misdeed,
                         struct rp_fetch_file_ack *ack, struct rp_view honest,
                         struct rp_buffer *frame_out, enum hostile_answer *answer_out)
{
    bool is_ok = rp_view_equal(ack->status, rp_view_text("ok"));
    char hex[RP_SHA256_HEX];
    struct rp_buffer text;
    int error = 0;
    misdeed->tail_bytes = is_ok && ack->size_bytes > 0 ? (uint64_t)ack->size_bytes : 0;
    misdeed->key = params->random.next(params->random.state);
    place(params, misdeed);
    rp_buffer_init(&text, params->alloc, 128);
    *answer_out = HOSTILE_ANSWER_HONEST;
    if (lie(params, misdeed, ack, &text, &error)) {
        *answer_out = HOSTILE_ANSWER_CLOSE;
        error = error != 0 ? error : encode(params, ack, frame_out);
    } else if (is_ok && is_of_ack_field(misdeed->kind)) {
        *answer_out = HOSTILE_ANSWER_BODY;
        error = change_field(params, misdeed, ack, hex);
        error = error != 0 ? error : encode(params, ack, frame_out);
    } else {
        *answer_out =
            is_ok && is_of_body(misdeed->kind) ? HOSTILE_ANSWER_BODY : HOSTILE_ANSWER_HONEST;
        error = rp_buffer_append(frame_out, honest);
    }
    rp_buffer_clear(&text);
    return error;
}

int hostile_answer(const struct fault_hostile_params *params, struct hostile_misdeed *misdeed,
                   struct rp_view frame, struct rp_buffer *frame_out,
                   enum hostile_answer *answer_out)
{
    int error = 0;
    if (misdeed->kind == FAULT_HOSTILE_NEVER_ACK) {
        *answer_out = HOSTILE_ANSWER_HOLD;
        return 0;
    }
    if (!misdeed->has_place && misdeed->kind == FAULT_HOSTILE_CLOSE_EARLY) {
        *answer_out = HOSTILE_ANSWER_CLOSE;
        return 0;
    }
    if (!misdeed->has_place && misdeed->kind == FAULT_HOSTILE_RESET) {
        *answer_out = HOSTILE_ANSWER_RESET;
        return 0;
    }
    if (answer_by_frame(params, misdeed->kind, frame, frame_out, &error)) {
        *answer_out = HOSTILE_ANSWER_SWALLOW;
        return error;
    }
    struct rp_arena arena;
    struct rp_message message;
    rp_arena_init(&arena, params->alloc);
    error = rp_message_decode(
        params->traits, frame.bytes[PREFIX_BYTES],
        rp_view_make(frame.bytes + PREFIX_BYTES + 1, frame.length_bytes - PREFIX_BYTES - 1), &arena,
        &message);
    if (error == 0 && message.type == RP_MSG_FETCH_FILE_ACK) {
        error = answer_by_ack(params, misdeed, &message.as.fetch_file_ack, frame, frame_out,
                              answer_out);
    } else if (error != RP_ERR_NOMEM) {
        *answer_out = HOSTILE_ANSWER_HONEST;
        error = rp_buffer_append(frame_out, frame);
    }
    rp_arena_clear(&arena);
    return error;
}
