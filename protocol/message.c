#include "protocol/message.h"

#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/message_table.h"

#define LENGTH_PREFIX_BYTES 4

uint32_t rp_message_features(const struct rp_traits *traits)
{
    uint32_t features = 0;
    if (traits->wire_fields != RP_WIRE_PLAIN) {
        features |= RP_HAS_ACK_CODE;
    }
    if (traits->wire_fields == RP_WIRE_ACK_CODES_AND_OFFSETS) {
        features |= RP_HAS_LATER_FIELDS;
    }
    if (traits->heartbeat_auth == RP_HEARTBEAT_SIGNED) {
        features |= RP_HAS_HEARTBEAT_AUTH;
    }
    if (traits->fetch_binding == RP_FETCH_BINDING_ADDRESSEE) {
        features |= RP_HAS_BINDING;
    }
    if (traits->forward_binding == RP_FORWARD_BINDING_ADDRESSEE) {
        features |= RP_HAS_FORWARD_BINDING;
    }
    if (traits->join_binding == RP_JOIN_BINDING_STATEMENT) {
        features |= RP_HAS_JOIN_BINDING;
    }
    return features;
}

/* NULL also for a kind that this release does not have. */
static const struct rp_message_kind *find_kind(uint8_t type, uint32_t features)
{
    const struct rp_message_kind *kind = rp_message_kind_find(type);
    return kind != NULL && (kind->needs & ~features) == 0 ? kind : NULL;
}

int rp_message_decode(const struct rp_traits *traits, uint8_t type, struct rp_view payload,
                      struct rp_arena *arena, struct rp_message *message_out)
{
    uint32_t features = rp_message_features(traits);
    const struct rp_message_kind *kind = find_kind(type, features);
    if (kind == NULL) {
        return RP_ERR_UNKNOWN_TYPE;
    }
    message_out->type = kind->type;
    return rp_json_decode_object(&kind->shape, features, payload, arena, &message_out->as);
}

static void put_length(uint8_t *out, size_t length)
{
    out[0] = (uint8_t)(length >> 24);
    out[1] = (uint8_t)(length >> 16);
    out[2] = (uint8_t)(length >> 8);
    out[3] = (uint8_t)length;
}

static int append_frame(const struct rp_message_kind *kind, uint32_t features,
                        const struct rp_message *message, struct rp_buffer *out)
{
    uint8_t *header;
    size_t start = out->length_bytes;
    int error = rp_buffer_extend(out, LENGTH_PREFIX_BYTES + 1, &header);
    if (error != RP_OK) {
        return error;
    }
    header[LENGTH_PREFIX_BYTES] = (uint8_t)kind->type;
    error = rp_json_encode_object(&kind->shape, features, &message->as, out);
    if (error != RP_OK) {
        return error;
    }
    /* wire.md 1.1: the limit counts the type byte. */
    size_t length = out->length_bytes - start - LENGTH_PREFIX_BYTES;
    if (length > RP_FRAME_LENGTH_MAX) {
        return RP_ERR_TOO_LARGE;
    }
    put_length(out->bytes + start, length);
    return RP_OK;
}

int rp_message_encode(const struct rp_traits *traits, const struct rp_message *message,
                      struct rp_buffer *frame_out)
{
    uint32_t features = rp_message_features(traits);
    const struct rp_message_kind *kind = find_kind((uint8_t)message->type, features);
    if (kind == NULL) {
        return RP_ERR_UNKNOWN_TYPE;
    }
    size_t length_before = frame_out->length_bytes;
    int error = append_frame(kind, features, message, frame_out);
    if (error != RP_OK) {
        frame_out->length_bytes = length_before;
    }
    return error;
}

const char *rp_message_type_name(uint8_t type)
{
    const struct rp_message_kind *kind = rp_message_kind_find(type);
    return kind == NULL ? "Unknown" : kind->name;
}
