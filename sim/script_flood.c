/* a:flood: many connections to one node, opened at a rate, up to a number at a time; one that the node
 * closes is opened anew when its turn comes (docs/scenario-api.md, attackers). */
#include <stdlib.h>

#include "protocol/error.h"
#include "protocol/message.h"
#include "protocol/panic.h"
#include "sim/alloc.h"
#include "sim/script_attacker.h"
#include "sim/script_message.h"

#define CONNECTIONS_DEFAULT 100
#define CONNECTIONS_MAX     100000
#define RATE_DEFAULT        100
#define RATE_MAX            1000000
#define GARBAGE_BYTES_MAX   1024
#define SLOW_INTERVAL_NS    RP_NS_PER_S

enum flood_kind { FLOOD_CONNECT, FLOOD_GARBAGE, FLOOD_SLOW_FRAME };

struct script_flood {
    struct script_flood *next;
    struct script_attacker *attacker;
    struct sim_pod *target;
    struct sim_endpoint *endpoint; /* the network's */
    enum flood_kind kind;
    size_t connection_max, connection_count;
    rp_conn *connections; /* owned; in order of dialling */
    rp_time_ns interval_ns, slow_ns;
    sim_event event;
};

static void forget(struct script_flood *flood, rp_conn conn)
{
    size_t index = 0;
    while (index < flood->connection_count && flood->connections[index] != conn) {
        index += 1;
    }
    if (index < flood->connection_count) {
        flood->connection_count -= 1;
        memmove(&flood->connections[index], &flood->connections[index + 1],
                (flood->connection_count - index) * sizeof conn);
    }
}

/* ---- What is sent ---------------------------------------------------------------------------------- */

static void send_bytes(struct script_flood *flood, rp_conn conn, const uint8_t *bytes,
                       size_t length_bytes)
{
    const struct rp_net_port *port = sim_endpoint_port(flood->endpoint);
    struct rp_block *block = NULL;
    uint8_t *copy = NULL;
    RP_ASSERT(rp_block_new(sim_libc_alloc(), length_bytes, &block, &copy) == 0);
    memcpy(copy, bytes, length_bytes);
    (void)port->send(port->state, conn, rp_chunk_of(block));
    rp_block_release(block);
}

static void send_garbage(struct script_flood *flood, rp_conn conn)
{
    uint8_t bytes[GARBAGE_BYTES_MAX];
    size_t length = 1 + (size_t)sim_rng_below(&flood->attacker->rng, sizeof bytes);
    sim_rng_fill(&flood->attacker->rng, bytes, length);
    send_bytes(flood, conn, bytes, length);
}

/* ---- The network's answers --------------------------------------------------------------------------- */

static void on_accepted(void *context, rp_conn conn)
{
    struct script_flood *flood = context;
    const struct rp_net_port *port = sim_endpoint_port(flood->endpoint);
    port->abort(port->state, conn); /* nobody dials an attacker */
}

static void on_connected(void *context, rp_conn conn, int error)
{
    static const uint8_t slow_header[] = {0, 0, 4, 0, RP_MSG_FETCH_FILE};
    struct script_flood *flood = context;
    if (error != 0) {
        forget(flood, conn);
    } else if (flood->kind == FLOOD_GARBAGE) {
        send_garbage(flood, conn);
    } else if (flood->kind == FLOOD_SLOW_FRAME) {
        send_bytes(flood, conn, slow_header, sizeof slow_header);
    }
}

static void on_received(void *context, rp_conn conn, struct rp_chunk chunk)
{
    (void)context;
    (void)conn;
    (void)chunk;
}

static void on_writable(void *context, rp_conn conn)
{
    (void)context;
    (void)conn;
}

static void on_ended(void *context, rp_conn conn, int error)
{
    struct script_flood *flood = context;
    const struct rp_net_port *port = sim_endpoint_port(flood->endpoint);
    forget(flood, conn);
    if (error == 0) {
        port->close(port->state, conn);
    }
}

/* ---- Ticks --------------------------------------------------------------------------------------------- */

static void dial_one(struct script_flood *flood)
{
    const struct rp_net_port *port = sim_endpoint_port(flood->endpoint);
    rp_conn conn = 0;
    if (flood->connection_count < flood->connection_max &&
        port->dial(port->state, sim_pod_address(flood->target), &conn) == 0) {
        flood->connections[flood->connection_count++] = conn;
        sim_reach_fault(sim_world_reach(sim_pod_world(flood->target)), "flood");
    }
}

/* Each slow frame grows by a byte a second. */
static void drip(struct script_flood *flood)
{
    rp_time_ns now_ns = sim_world_now(flood->attacker->script->world);
    if (flood->kind != FLOOD_SLOW_FRAME || now_ns < flood->slow_ns) {
        return;
    }
    flood->slow_ns = now_ns + SLOW_INTERVAL_NS;
    for (size_t index = 0; index < flood->connection_count; index += 1) {
        send_bytes(flood, flood->connections[index], (const uint8_t *)"{", 1);
    }
}

static void tick(void *context, uint64_t argument)
{
    struct script_flood *flood = context;
    struct sim_world *world = flood->attacker->script->world;
    dial_one(flood);
    drip(flood);
    flood->event =
        sim_world_at(world, sim_world_now(world) + flood->interval_ns, tick, flood, argument);
}

/* ---- The call -------------------------------------------------------------------------------------------- */

static enum flood_kind take_kind(lua_State *lua)
{
    static const char *const kinds[] = {"connect", "garbage", "slow-frame"};
    if (!script_get(lua, 3, "kind")) {
        lua_pop(lua, 1);
        return FLOOD_CONNECT;
    }
    const char *name = script_take_text(lua, -1, "a:flood: kind");
    for (int kind = 0; kind < 3; kind += 1) {
        if (strcmp(name, kinds[kind]) == 0) {
            lua_pop(lua, 1);
            return (enum flood_kind)kind;
        }
    }
    luaL_error(lua, "a:flood: kind '%s' is unknown: connect, garbage, slow-frame", name);
    return FLOOD_CONNECT;
}

static uint64_t take_number(lua_State *lua, const char *key, const char *what, uint64_t number,
                            uint64_t max)
{
    if (script_get(lua, 3, key)) {
        number = script_draw_count_to(lua, -1, what, max);
        if (number == 0) {
            luaL_error(lua, "%s: is above 0", what);
        }
    }
    lua_pop(lua, 1);
    return number;
}

static void begin(lua_State *lua, struct script_flood *flood)
{
    struct rp_net_events events = {flood,       on_accepted, on_connected,
                                   on_received, on_writable, on_ended};
    struct script_attacker *attacker = flood->attacker;
    flood->connections = calloc(flood->connection_max, sizeof *flood->connections);
    if (flood->connections == NULL || script_attacker_attach(attacker, &flood->endpoint) != 0) {
        free(flood->connections);
        free(flood);
        luaL_error(lua, "a:flood: out of memory");
    }
    sim_endpoint_events(flood->endpoint, &events);
    flood->next = attacker->floods;
    attacker->floods = flood;
    tick(flood, 0);
}

int script_attacker_flood(lua_State *lua)
{
    static const char *const keys[] = {"connections", "rate", "kind", NULL};
    script_check_change(lua, "a:flood");
    struct script_attacker *attacker = script_take_attacker(lua);
    struct sim_pod *target = script_take_node(lua, 2, "a:flood");
    lua_settop(lua, 3);
    if (!lua_isnil(lua, 3)) {
        script_check_keys(lua, 3, "a:flood", keys);
    }
    enum flood_kind kind = take_kind(lua);
    uint64_t connection_max = take_number(lua, "connections", "a:flood: connections",
                                          CONNECTIONS_DEFAULT, CONNECTIONS_MAX);
    uint64_t rate = take_number(lua, "rate", "a:flood: rate", RATE_DEFAULT, RATE_MAX);
    struct script_flood *flood = calloc(1, sizeof *flood);
    if (flood == NULL) {
        return luaL_error(lua, "a:flood: out of memory");
    }
    flood->attacker = attacker;
    flood->target = target;
    flood->kind = kind;
    flood->connection_max = (size_t)connection_max;
    flood->interval_ns = RP_NS_PER_S / rate;
    begin(lua, flood);
    return 0;
}

void script_flood_stop(struct script_attacker *attacker)
{
    while (attacker->floods != NULL) {
        struct script_flood *flood = attacker->floods;
        attacker->floods = flood->next;
        sim_world_cancel(attacker->script->world, flood->event);
        sim_net_detach(flood->endpoint, SIM_NET_PROCESS_ENDED);
        free(flood->connections);
        free(flood);
    }
}
