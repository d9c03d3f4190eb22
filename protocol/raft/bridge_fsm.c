#include <limits.h>

#include "protocol/error.h"
#include "protocol/panic.h"
#include "protocol/raft/bridge_inner.h"

/* What precedes the node's own bytes in a snapshot: a version, and the index it was taken at, since
 * libraft restores before it moves its own (libraft.md). */
static const uint8_t SNAPSHOT_MAGIC[4] = {'R', 'P', 'B', '1'};
#define SNAPSHOT_HEADER_BYTES 12

/* The term of an entry that is being applied. libraft's apply does not tell it, its log does. */
static uint64_t term_of(const struct rp_bridge *bridge, uint64_t index)
{
    const struct raft_entry *entry = rp_bridge_entry(bridge, index);
    RP_ASSERT(entry != NULL);
    return entry->term;
}

unsigned rp_bridge_snapshot_threshold(const struct rp_bridge *bridge)
{
    bool is_due =
        rp_bridge_now(bridge) - bridge->snapshot_last_ns >= bridge->params.snapshot_interval_ns;
    return is_due ? bridge->params.snapshot_threshold : UINT_MAX;
}

static int fsm_apply(struct raft_fsm *fsm, const struct raft_buffer *buffer, void **result)
{
    struct rp_bridge *bridge = fsm->data;
    *result = &bridge->apply_error;
    bridge->apply_error = 0;
    if (bridge->is_stopping || bridge->is_abandoned) {
        return 0;
    }
    uint64_t index = raft_last_applied(&bridge->raft) + 1;
    bridge->is_in_event = true;
    bridge->apply_error =
        bridge->events.apply(bridge->events.context, index, term_of(bridge, index),
                             rp_view_make(buffer->base, buffer->len));
    bridge->is_in_event = false;
    bridge->command_index = index;
    if (!bridge->is_snapshot_forced) {
        raft_set_snapshot_threshold(&bridge->raft, rp_bridge_snapshot_threshold(bridge));
        raft_set_snapshot_trailing(&bridge->raft, bridge->params.snapshot_trailing);
    }
    if (rp_read_index_waiting(bridge->read_index) > 0) {
        rp_bridge_drain_soon(bridge); /* looks around once last_applied has moved */
    }
    return 0; /* a refused command is an outcome, never an error to libraft */
}

static void put_index(uint8_t *bytes, uint64_t index)
{
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(index >> (8 * i));
    }
}

static uint64_t get_index(const uint8_t *bytes)
{
    uint64_t index = 0;
    for (int i = 0; i < 8; i++) {
        index |= (uint64_t)bytes[i] << (8 * i);
    }
    return index;
}

static int fill_snapshot(struct rp_bridge *bridge, const struct rp_block *block,
                         struct raft_buffer *buffer_out)
{
    size_t length_bytes = SNAPSHOT_HEADER_BYTES + block->length_bytes;
    uint8_t *bytes = raft_malloc(length_bytes);
    if (bytes == NULL) {
        return RAFT_NOMEM;
    }
    memcpy(bytes, SNAPSHOT_MAGIC, sizeof SNAPSHOT_MAGIC);
    put_index(bytes + sizeof SNAPSHOT_MAGIC, raft_last_applied(&bridge->raft));
    if (block->length_bytes > 0) {
        memcpy(bytes + SNAPSHOT_HEADER_BYTES, block->bytes, block->length_bytes);
    }
    *buffer_out = (struct raft_buffer){bytes, length_bytes};
    return 0;
}

static int fsm_snapshot(struct raft_fsm *fsm, struct raft_buffer *buffers_out[],
                        unsigned *count_out)
{
    struct rp_bridge *bridge = fsm->data;
    if (bridge->is_stopping || bridge->is_abandoned) {
        return RAFT_BUSY; /* libraft tries again some time later */
    }
    struct raft_buffer *buffers = raft_malloc(sizeof *buffers);
    if (buffers == NULL) {
        return RAFT_NOMEM;
    }
    struct rp_block *block = NULL;
    bridge->is_in_event = true;
    int error = bridge->events.snapshot(bridge->events.context, &block);
    bridge->is_in_event = false;
    int status = error != 0 ? RAFT_BUSY : fill_snapshot(bridge, block, buffers);
    rp_block_release(block);
    if (status != 0) {
        raft_free(buffers);
        return status;
    }
    bridge->snapshot_last_ns = rp_bridge_now(bridge);
    bridge->is_snapshot_forced = false;
    raft_set_snapshot_threshold(&bridge->raft, rp_bridge_snapshot_threshold(bridge));
    *buffers_out = buffers;
    *count_out = 1;
    return 0;
}

static int fsm_restore(struct raft_fsm *fsm, struct raft_buffer *buffer)
{
    struct rp_bridge *bridge = fsm->data;
    const uint8_t *bytes = buffer->base;
    if (buffer->len < SNAPSHOT_HEADER_BYTES ||
        memcmp(bytes, SNAPSHOT_MAGIC, sizeof SNAPSHOT_MAGIC) != 0) {
        return RAFT_MALFORMED;
    }
    uint64_t index = get_index(bytes + sizeof SNAPSHOT_MAGIC);
    if (!bridge->is_stopping && !bridge->is_abandoned) {
        uint64_t before = bridge->restored_index;
        bridge->restored_index = index;
        bridge->is_in_event = true;
        int error = bridge->events.restore(
            bridge->events.context,
            rp_view_make(bytes + SNAPSHOT_HEADER_BYTES, buffer->len - SNAPSHOT_HEADER_BYTES));
        bridge->is_in_event = false;
        if (error != 0) {
            bridge->restored_index = before;
            return error == RP_ERR_NOMEM ? RAFT_NOMEM : RAFT_MALFORMED;
        }
        bridge->command_index = index;
        rp_bridge_drain_soon(bridge);
    }
    /* What was not committed went with the log. libraft goes on to wait for it (docs/decisions, 0056). */
    bridge->raft.configuration_uncommitted_index = 0;
    raft_free(buffer->base);
    return 0;
}

void rp_bridge_fsm_init(struct rp_bridge *bridge)
{
    bridge->fsm = (struct raft_fsm){.version = 1,
                                    .data = bridge,
                                    .apply = fsm_apply,
                                    .snapshot = fsm_snapshot,
                                    .restore = fsm_restore};
}
