#include "protocol/node_exchange.h"

#include "protocol/error.h"
#include "protocol/node_internal.h"

struct node_exchange {
    struct rp_node *node;
    struct node_link link;
    struct rp_timer timer;
    struct rp_frame_reader reader;
    struct rp_block *frame; /* owned */
    rp_time_ns reply_timeout_ns;
    int dial_error;
    void (*done)(void *owner, int error, const struct rp_frame *reply);
    void (*let_go)(void *owner);
    void *owner;
    struct node_exchange *previous, *next;
};

static void destroy(struct node_exchange *exchange)
{
    struct rp_node *node = exchange->node;
    node_disarm(node, &exchange->timer);
    node_link_close(&exchange->link);
    rp_frame_reader_clear(&exchange->reader);
    rp_block_release(exchange->frame);
    if (exchange->previous != NULL) {
        exchange->previous->next = exchange->next;
    } else {
        node->exchanges = exchange->next;
    }
    if (exchange->next != NULL) {
        exchange->next->previous = exchange->previous;
    }
    node->exchange_count -= 1;
    rp_release(node->ports.alloc, exchange);
}

static void finish(struct node_exchange *exchange, int error, const struct rp_frame *reply)
{
    struct rp_node *node = exchange->node;
    if (exchange->done != NULL) {
        exchange->done(exchange->owner, error, reply);
    }
    destroy(exchange);
    node_stop_advance(node);
}

static void on_timer(void *context)
{
    struct node_exchange *exchange = context;
    finish(exchange, exchange->dial_error != 0 ? exchange->dial_error : RP_ERR_TIMEOUT, NULL);
}

static void on_connected(void *owner, int error)
{
    struct node_exchange *exchange = owner;
    if (error == 0) {
        error = node_link_send(&exchange->link, rp_chunk_of(exchange->frame));
    }
    if (error != 0 || exchange->reply_timeout_ns == 0) {
        finish(exchange, error, NULL);
        return;
    }
    node_arm_after(exchange->node, &exchange->timer, exchange->reply_timeout_ns);
}

static void on_received(void *owner, struct rp_chunk chunk)
{
    struct node_exchange *exchange = owner;
    struct rp_view input = rp_chunk_view(chunk);
    struct rp_frame reply;
    bool is_out_of_memory = false;
    switch (rp_frame_reader_take(&exchange->reader, &input, &reply, &is_out_of_memory)) {
    case RP_FRAME_NEED_MORE: return;
    case RP_FRAME_FAILED:
        finish(exchange, is_out_of_memory ? RP_ERR_NOMEM : RP_ERR_SYNTAX, NULL);
        return;
    case RP_FRAME_READY: finish(exchange, 0, &reply); return;
    }
}

static void on_ended(void *owner, int error)
{
    finish(owner, error == 0 ? RP_ERR_CLOSED : error, NULL);
}

static const struct node_link_owner VTABLE = {on_connected, on_received, NULL, on_ended};

static void enlist(struct node_exchange *exchange)
{
    struct rp_node *node = exchange->node;
    exchange->next = node->exchanges;
    if (exchange->next != NULL) {
        exchange->next->previous = exchange;
    }
    node->exchanges = exchange;
    node->exchange_count += 1;
}

static int copy_frame(struct node_exchange *exchange, struct rp_view frame)
{
    uint8_t *bytes = NULL;
    int error =
        rp_block_new(exchange->node->ports.alloc, frame.length_bytes, &exchange->frame, &bytes);
    if (error == 0) {
        memcpy(bytes, frame.bytes, frame.length_bytes);
    }
    return error;
}

int node_exchange_begin(struct rp_node *node, const struct node_exchange_spec *spec,
                        struct node_exchange **exchange_out)
{
    struct node_exchange *exchange = rp_allocate_zeroed(node->ports.alloc, sizeof *exchange);
    if (exchange == NULL) {
        return RP_ERR_NOMEM;
    }
    exchange->node = node;
    exchange->reply_timeout_ns = spec->reply_timeout_ns;
    exchange->done = spec->done;
    exchange->let_go = spec->let_go;
    exchange->owner = spec->owner;
    node_link_init(&exchange->link, node, &VTABLE, exchange);
    node_timer_init(&exchange->timer, on_timer, exchange);
    rp_frame_reader_init(&exchange->reader, node->ports.alloc);
    int error = copy_frame(exchange, spec->frame);
    if (error != 0) {
        rp_release(node->ports.alloc, exchange);
        return error;
    }
    enlist(exchange);
    exchange->dial_error = node_link_dial(&exchange->link, spec->address);
    /* A dial that fails at once is told by the timer: `done` never runs inside this call. */
    node_arm_after(node, &exchange->timer, exchange->dial_error != 0 ? 0 : spec->dial_timeout_ns);
    if (exchange_out != NULL) {
        *exchange_out = exchange;
    }
    return 0;
}

void node_exchange_cancel_all(struct rp_node *node)
{
    while (node->exchanges != NULL) {
        struct node_exchange *exchange = node->exchanges;
        if (exchange->let_go != NULL) {
            exchange->let_go(exchange->owner);
        }
        destroy(exchange);
    }
}
