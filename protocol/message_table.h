/* The kinds of message as tables (wire.md 2, 3): message.c reads and writes by them, and
 * so do the attackers of a scenario. Not for other modules. */
#ifndef REPLISIM_PROTOCOL_MESSAGE_TABLE_H
#define REPLISIM_PROTOCOL_MESSAGE_TABLE_H

#include "protocol/json.h"
#include "protocol/message.h"

/* What a release's wire has beyond the first one's; `needs` of kinds and of keys. */
enum rp_message_feature {
    RP_HAS_ACK_CODE = 1,       /* the code of a fetch ack */
    RP_HAS_LATER_FIELDS = 2,   /* byte offsets, forwarding, the MAC of ReplicateSync */
    RP_HAS_HEARTBEAT_AUTH = 4, /* the MAC of heartbeats */
    RP_HAS_BINDING = 8,        /* keys of our own */
    RP_HAS_FORWARD_BINDING = 16,
    RP_HAS_JOIN_BINDING = 32
};

struct rp_message_kind {
    enum rp_message_type type;
    const char *name;
    uint32_t needs; /* of enum rp_message_feature; lacking one, the type is unknown */
    struct rp_json_shape shape;
};

/* NULL: no such type in any release. */
const struct rp_message_kind *rp_message_kind_find(uint8_t type);
/* The features of a release's wire. */
uint32_t rp_message_features(const struct rp_traits *traits);

#endif
