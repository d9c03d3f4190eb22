/* c.net: partitions, links, refusals and how streams are cut (docs/scenario-api.md, The network). */
#include "protocol/error.h"
#include "sim/net.h"
#include "sim/script_story.h"

static struct sim_net *take_net(lua_State *lua, const char *call)
{
    script_check_change(lua, call);
    return sim_world_net(script_world(lua));
}

/* A node, a list of nodes or "all", as sites in memory of the Lua state. */
static sim_site *take_sites(lua_State *lua, int index, const char *what, size_t *count_out)
{
    struct sim_pod **pods = script_take_nodes(lua, index, what, count_out);
    sim_site *sites = lua_newuserdatauv(lua, (*count_out + 1) * sizeof *sites, 0);
    for (size_t at = 0; at < *count_out; at += 1) {
        sites[at] = sim_pod_site(pods[at]);
    }
    return sites;
}

static rp_time_ns take_for(lua_State *lua, int options, const char *what)
{
    rp_time_ns duration_ns = 0;
    if (script_get(lua, options, "for_")) {
        duration_ns = script_draw_duration(lua, -1, what);
    }
    lua_pop(lua, 1);
    return duration_ns;
}

static bool take_flag(lua_State *lua, int options, const char *key, const char *what)
{
    bool is_set = script_get(lua, options, key) && script_take_bool(lua, -1, what);
    lua_pop(lua, 1);
    return is_set;
}

/* ---- Partitions --------------------------------------------------------------------------------- */

static int net_partition(lua_State *lua)
{
    static const char *const keys[] = {"oneway", "for_", NULL};
    struct sim_net *net = take_net(lua, "net:partition");
    lua_settop(lua, 4);
    if (!lua_isnil(lua, 4)) {
        script_check_keys(lua, 4, "net:partition", keys);
    }
    bool is_oneway = take_flag(lua, 4, "oneway", "net:partition: oneway");
    rp_time_ns duration_ns = take_for(lua, 4, "net:partition: for_");
    size_t source_count = 0, target_count = 0;
    sim_site *sources = take_sites(lua, 2, "net:partition", &source_count);
    sim_site *targets = take_sites(lua, 3, "net:partition", &target_count);
    sim_net_partition(net, sources, source_count, targets, target_count, is_oneway, duration_ns);
    return 0;
}

static int net_isolate(lua_State *lua)
{
    static const char *const keys[] = {"for_", NULL};
    struct sim_net *net = take_net(lua, "net:isolate");
    lua_settop(lua, 3);
    if (!lua_isnil(lua, 3)) {
        script_check_keys(lua, 3, "net:isolate", keys);
    }
    rp_time_ns duration_ns = take_for(lua, 3, "net:isolate: for_");
    size_t count = 0;
    sim_site *sites = take_sites(lua, 2, "net:isolate", &count);
    for (size_t at = 0; at < count; at += 1) {
        sim_net_isolate(net, sites[at], duration_ns);
    }
    return 0;
}

static int net_heal(lua_State *lua)
{
    sim_net_heal(take_net(lua, "net:heal"));
    sim_world_stale_names(script_world(lua), 0, false);
    return 0;
}

/* ---- Links -------------------------------------------------------------------------------------- */

static void take_chance(lua_State *lua, const char *key, const char *what, sim_chance *chance)
{
    if (script_get(lua, 4, key)) {
        *chance = script_take_chance(lua, -1, what);
    }
    lua_pop(lua, 1);
}

static void take_link(lua_State *lua, struct sim_link_faults *faults)
{
    if (script_get(lua, 4, "latency")) {
        faults->has_latency = true;
        faults->latency_ns = script_take_duration_range(lua, -1, "net:link: latency");
    }
    if (script_get(lua, 4, "jitter")) {
        faults->jitter_ns = script_take_duration_range(lua, -1, "net:link: jitter");
        if (faults->jitter_ns.low == faults->jitter_ns.high) {
            faults->jitter_ns.low = 0; /* one duration is the most it may be */
        }
    }
    if (script_get(lua, 4, "loss")) {
        faults->has_loss = true;
        faults->loss = script_take_chance(lua, -1, "net:link: loss");
    }
    if (script_get(lua, 4, "bandwidth")) {
        faults->bandwidth_bytes_per_s = script_take_rate(lua, -1, "net:link: bandwidth");
    }
    lua_settop(lua, 4);
    take_chance(lua, "reset", "net:link: reset", &faults->reset);
    take_chance(lua, "corrupt", "net:link: corrupt", &faults->corrupt);
    take_chance(lua, "duplicate", "net:link: duplicate", &faults->duplicate);
    take_chance(lua, "reorder", "net:link: reorder", &faults->reorder);
}

struct links {
    sim_site *left, *right;
    size_t left_count, right_count;
    bool is_oneway;
};

static struct links take_links(lua_State *lua, const char *what)
{
    struct links links;
    memset(&links, 0, sizeof links);
    links.left = take_sites(lua, 2, what, &links.left_count);
    links.right = take_sites(lua, 3, what, &links.right_count);
    return links;
}

/* Each directed link between two different nodes of the pair. */
static void each_link(struct sim_net *net, const struct links *links, void *context,
                      void (*change)(struct sim_net *net, sim_site from, sim_site to,
                                     void *context))
{
    for (size_t left = 0; left < links->left_count; left += 1) {
        for (size_t right = 0; right < links->right_count; right += 1) {
            if (links->left[left] == links->right[right]) {
                continue;
            }
            change(net, links->left[left], links->right[right], context);
            if (!links->is_oneway) {
                change(net, links->right[right], links->left[left], context);
            }
        }
    }
}

struct link_change {
    struct sim_link_faults faults;
    rp_time_ns stall_ns, late_ns;
    const size_t *sizes_bytes;
    size_t size_count;
    bool is_coalesced;
};

static void change_link(struct sim_net *net, sim_site from, sim_site to, void *context)
{
    const struct link_change *change = context;
    struct sim_link_faults faults = change->faults;
    faults.late_ns = sim_net_link(net, from, to)->late_ns; /* c.net:late is its own call */
    sim_net_set_link(net, from, to, &faults);
    if (change->stall_ns != 0) {
        sim_net_stall(net, from, to, change->stall_ns);
    }
}

static int net_link(lua_State *lua)
{
    static const char *const keys[] = {"latency", "jitter",  "loss",    "bandwidth",
                                       "reset",   "corrupt", "reorder", "duplicate",
                                       "stall",   "oneway",  NULL};
    struct sim_net *net = take_net(lua, "net:link");
    struct link_change change;
    memset(&change, 0, sizeof change);
    lua_settop(lua, 4);
    script_check_keys(lua, 4, "net:link", keys);
    take_link(lua, &change.faults);
    if (script_get(lua, 4, "stall")) {
        change.stall_ns = script_draw_duration(lua, -1, "net:link: stall");
    }
    struct links links = take_links(lua, "net:link");
    links.is_oneway = take_flag(lua, 4, "oneway", "net:link: oneway");
    each_link(net, &links, &change, change_link);
    return 0;
}

static void change_late(struct sim_net *net, sim_site from, sim_site to, void *context)
{
    const struct link_change *change = context;
    struct sim_link_faults faults = *sim_net_link(net, from, to);
    faults.late_ns = change->late_ns;
    sim_net_set_link(net, from, to, &faults);
}

static int net_late(lua_State *lua)
{
    struct sim_net *net = take_net(lua, "net:late");
    struct link_change change;
    memset(&change, 0, sizeof change);
    change.late_ns = script_draw_duration(lua, 4, "net:late");
    struct links links = take_links(lua, "net:late");
    each_link(net, &links, &change, change_late);
    return 0;
}

static void change_segments(struct sim_net *net, sim_site from, sim_site to, void *context)
{
    const struct link_change *change = context;
    /* Checked before: at most 16 sizes, none of them 0. */
    (void)!sim_net_segment(net, from, to, change->sizes_bytes, change->size_count,
                           change->is_coalesced);
}

static int net_segment(lua_State *lua)
{
    static const char *const keys[] = {"sizes", "coalesce", NULL};
    struct sim_net *net = take_net(lua, "net:segment");
    struct link_change change;
    size_t sizes_bytes[16];
    memset(&change, 0, sizeof change);
    lua_settop(lua, 4);
    script_check_keys(lua, 4, "net:segment", keys);
    if (script_get(lua, 4, "sizes")) {
        if (!lua_istable(lua, -1)) { /* one size */
            lua_createtable(lua, 1, 0);
            lua_pushvalue(lua, -2);
            lua_rawseti(lua, -2, 1);
        }
        lua_Integer count = lua_istable(lua, -1) ? luaL_len(lua, -1) : 0;
        if (count < 1 || count > 16) {
            return luaL_error(lua, "net:segment: sizes is a list of 1 to 16 sizes");
        }
        for (lua_Integer index = 1; index <= count; index += 1) {
            lua_rawgeti(lua, -1, index);
            sizes_bytes[index - 1] = (size_t)script_draw_size(lua, -1, "net:segment: sizes");
            if (sizes_bytes[index - 1] == 0) {
                return luaL_error(lua, "net:segment: a size of 0");
            }
            lua_pop(lua, 1);
        }
        change.size_count = (size_t)count;
    }
    change.sizes_bytes = sizes_bytes;
    change.is_coalesced = take_flag(lua, 4, "coalesce", "net:segment: coalesce");
    struct links links = take_links(lua, "net:segment");
    each_link(net, &links, &change, change_segments);
    return 0;
}

/* ---- Inbound ------------------------------------------------------------------------------------- */

/* With false behind the nodes they answer again. */
static int set_inbound(lua_State *lua, const char *call, enum sim_net_inbound inbound)
{
    struct sim_net *net = take_net(lua, call);
    size_t count = 0;
    bool is_set = lua_isnoneornil(lua, 3) || script_take_bool(lua, 3, call);
    sim_site *sites = take_sites(lua, 2, call, &count);
    for (size_t at = 0; at < count; at += 1) {
        sim_net_set_inbound(net, sites[at], is_set ? inbound : SIM_NET_ANSWERS);
    }
    return 0;
}

static int net_refuse(lua_State *lua)
{
    return set_inbound(lua, "net:refuse", SIM_NET_REFUSES);
}

static int net_blackhole(lua_State *lua)
{
    return set_inbound(lua, "net:blackhole", SIM_NET_BLACKHOLE);
}

static int net_reuse_handles(lua_State *lua)
{
    struct sim_net *net = take_net(lua, "net:reuse_handles");
    sim_net_reuse_handles(net, script_take_bool(lua, 2, "net:reuse_handles"));
    return 0;
}

/* ---- Names --------------------------------------------------------------------------------------- */

static int net_stale_dns(lua_State *lua)
{
    static const char *const keys[] = {"reuse", NULL};
    (void)take_net(lua, "net:stale_dns");
    struct sim_world *world = script_world(lua);
    lua_settop(lua, 3);
    rp_time_ns stale_ns = script_draw_duration(lua, 2, "net:stale_dns");
    if (!lua_isnil(lua, 3)) {
        script_check_keys(lua, 3, "net:stale_dns", keys);
    }
    sim_world_stale_names(world, stale_ns, take_flag(lua, 3, "reuse", "net:stale_dns: reuse"));
    return 0;
}

const luaL_Reg script_net_methods[] = {
    {"partition", net_partition},
    {"isolate", net_isolate},
    {"heal", net_heal},
    {"link", net_link},
    {"late", net_late},
    {"segment", net_segment},
    {"refuse", net_refuse},
    {"blackhole", net_blackhole},
    {"reuse_handles", net_reuse_handles},
    {"stale_dns", net_stale_dns},
    {NULL, NULL},
};

void script_push_net(lua_State *lua, struct sim_world *world)
{
    struct sim_world **block =
        script_push_object_sized(lua, SCRIPT_NET_TYPE, script_net_methods, sizeof *block);
    *block = world;
}
