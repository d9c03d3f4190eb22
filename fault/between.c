#include "fault/between.h"

static const struct rp_net_port *below(void *state)
{
    return &((struct fault_between *)state)->below;
}

static int port_listen(void *state)
{
    return below(state)->listen(below(state)->state);
}

static void port_listen_stop(void *state)
{
    below(state)->listen_stop(below(state)->state);
}

static int port_dial(void *state, struct rp_view address, rp_conn *conn_out)
{
    return below(state)->dial(below(state)->state, address, conn_out);
}

static size_t port_send(void *state, rp_conn handle, struct rp_chunk chunk)
{
    return below(state)->send(below(state)->state, handle, chunk);
}

static void port_pause(void *state, rp_conn handle, bool is_paused)
{
    below(state)->pause(below(state)->state, handle, is_paused);
}

static void port_close(void *state, rp_conn handle)
{
    below(state)->close(below(state)->state, handle);
}

static void port_abort(void *state, rp_conn handle)
{
    below(state)->abort(below(state)->state, handle);
}

static size_t port_unsent_bytes(void *state, rp_conn handle)
{
    return below(state)->unsent_bytes(below(state)->state, handle);
}

void fault_between_init(struct fault_between *between, const struct rp_net_port *net,
                        const struct rp_alloc *alloc)
{
    between->below = *net;
    between->port = (struct rp_net_port){
        .state = between,
        .listen = port_listen,
        .listen_stop = port_listen_stop,
        .dial = port_dial,
        .send = port_send,
        .pause = port_pause,
        .close = port_close,
        .abort = port_abort,
        .unsent_bytes = port_unsent_bytes,
    };
    between->events = (struct rp_net_events){.context = between};
    rp_table_init(&between->conns, alloc);
}

void fault_between_clear(struct fault_between *between)
{
    rp_table_clear(&between->conns);
}

const struct rp_net_events *fault_between_events(struct fault_between *between,
                                                 const struct rp_net_events *node_events)
{
    between->node = *node_events;
    return &between->events;
}

static struct rp_view key_of(const rp_conn *handle)
{
    return rp_view_make(handle, sizeof *handle);
}

void *fault_between_find(const struct fault_between *between, rp_conn handle)
{
    return rp_table_count(&between->conns) == 0 ? NULL
                                                : rp_table_get(&between->conns, key_of(&handle));
}

int fault_between_put(struct fault_between *between, const rp_conn *handle, void *record)
{
    return rp_table_put(&between->conns, key_of(handle), record, NULL);
}

void fault_between_remove(struct fault_between *between, rp_conn handle)
{
    (void)rp_table_remove(&between->conns, key_of(&handle));
}

void *fault_between_next(const struct fault_between *between, size_t *cursor)
{
    return rp_table_next(&between->conns, cursor);
}
