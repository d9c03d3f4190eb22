/* The `cluster` table, of the scenario's file or of c:cluster. Lua keeps no lines for its values, so
 * errors name the key. */
#include <ctype.h>
#include <stdlib.h>

#include "protocol/error.h"
#include "sim/script_declare.h"
#include "sim/script_story.h"

/* A table on Lua's stack, by index, and the parameters that its functions are called with. */
struct declaring {
    struct sim_cluster_spec *cluster;
    int table, params;
};

/* As script_get; a function in its place is called too: any table may depend on parameters. */
static bool get_table(lua_State *lua, const struct declaring *declaring, const char *key)
{
    if (script_get(lua, declaring->table, key) && lua_isfunction(lua, -1)) {
        lua_pushvalue(lua, declaring->params);
        lua_call(lua, 1, 1);
    }
    return !lua_isnil(lua, -1);
}

static uint32_t draw_node_count(lua_State *lua, int table, const char *key, uint32_t count)
{
    char what[64];
    (void)snprintf(what, sizeof what, "cluster.%s", key);
    if (script_get(lua, table, key)) {
        uint64_t drawn = script_draw_count(lua, -1, what);
        if (drawn > SCRIPT_NODE_COUNT_MAX) {
            luaL_error(lua, "%s: more than %d nodes", what, (int)SCRIPT_NODE_COUNT_MAX);
        }
        count = (uint32_t)drawn;
    }
    lua_pop(lua, 1);
    return count;
}

static void declare_consensus(lua_State *lua, const struct declaring *declaring)
{
    struct sim_cluster_spec *cluster = declaring->cluster;
    static const char *const keys[] = {"kind", "delay", NULL};
    if (!get_table(lua, declaring, "consensus")) {
        lua_pop(lua, 1);
        return;
    }
    int consensus = lua_gettop(lua);
    bool is_table = lua_istable(lua, consensus);
    if (is_table) {
        script_check_keys(lua, consensus, "cluster.consensus", keys);
        (void)script_get(lua, consensus, "kind");
    }
    const char *kind = script_take_text(lua, -1, "cluster.consensus");
    if (strcmp(kind, "ideal") == 0) {
        cluster->consensus = SIM_CONSENSUS_IDEAL;
        if (cluster->consensus_delay_ns.high == 0) {
            cluster->consensus_delay_ns.low = 5 * RP_NS_PER_MS;
            cluster->consensus_delay_ns.high = 50 * RP_NS_PER_MS;
        }
    } else if (strcmp(kind, "raft") == 0) {
        cluster->consensus = SIM_CONSENSUS_RAFT;
    } else {
        luaL_error(lua, "cluster.consensus: '%s' is neither \"raft\" nor \"ideal\"", kind);
    }
    if (is_table && script_get(lua, consensus, "delay")) {
        cluster->consensus_delay_ns =
            script_take_duration_range(lua, -1, "cluster.consensus.delay");
    }
    lua_settop(lua, consensus - 1);
}

static struct sim_node_spec *node_exception(lua_State *lua, struct sim_cluster_spec *cluster,
                                            const char *id)
{
    for (size_t index = 0; index < cluster->exception_count; index += 1) {
        if (strcmp(cluster->exceptions[index].id, id) == 0) {
            return &cluster->exceptions[index];
        }
    }
    size_t size_bytes = (cluster->exception_count + 1) * sizeof *cluster->exceptions;
    struct sim_node_spec *exceptions = realloc(cluster->exceptions, size_bytes);
    if (exceptions == NULL) {
        luaL_error(lua, "out of memory");
        return NULL;
    }
    cluster->exceptions = exceptions;
    struct sim_node_spec *added = &exceptions[cluster->exception_count];
    memset(added, 0, sizeof *added);
    added->id = script_copy_text(lua, id);
    cluster->exception_count += 1;
    return added;
}

static void take_exception(lua_State *lua, struct sim_cluster_spec *cluster, const char *section,
                           const char *id)
{
    char what[320];
    (void)snprintf(what, sizeof what, "cluster.%s.%.200s", section, id);
    struct sim_node_spec *node = node_exception(lua, cluster, id);
    if (strcmp(section, "releases") == 0) {
        node->has_release = true;
        node->release = script_take_release(lua, -1, what);
    } else if (strcmp(section, "zones") == 0) {
        const char *zone = script_take_text(lua, -1, what);
        free(node->zone);
        node->zone = script_copy_text(lua, zone);
    } else {
        if (node->config == NULL) {
            struct rp_config *config = calloc(1, sizeof *config);
            if (config == NULL || rp_config_copy(&cluster->config, config) != 0) {
                free(config);
                luaL_error(lua, "out of memory");
            }
            node->config = config;
        }
        script_take_config(lua, -1, what, node->config);
    }
}

/* One of the nodes that the counts make: those that are added later take keys of their own. */
static void check_declared(lua_State *lua, const struct sim_cluster_spec *cluster, const char *what,
                           const char *id)
{
    static const char *const roles[] = {"writer", "compactor", "reader"};
    const uint32_t counts[] = {cluster->writer_count, cluster->compactor_count,
                               cluster->reader_count};
    for (size_t role = 0; role < 3; role += 1) {
        size_t length = strlen(roles[role]);
        if (strncmp(id, roles[role], length) == 0 && id[length] == '-') {
            char again[32];
            long number = strtol(id + length + 1, NULL, 10);
            (void)snprintf(again, sizeof again, "%ld", number);
            bool is_plain = strcmp(again, id + length + 1) == 0;
            if (is_plain && number >= 1 && (unsigned long)number <= counts[role]) {
                return;
            }
        }
    }
    luaL_error(lua, "%s: there is no node '%s'", what, id);
}

/* Exceptions by node id, in the order of `pairs`. */
static void declare_exceptions(lua_State *lua, const struct declaring *declaring,
                               const char *section)
{
    int base = lua_gettop(lua);
    if (!get_table(lua, declaring, section)) {
        lua_settop(lua, base);
        return;
    }
    int exceptions = lua_gettop(lua);
    if (!lua_istable(lua, exceptions)) {
        luaL_error(lua, "cluster.%s: expected a table, got %s", section,
                   luaL_typename(lua, exceptions));
    }
    lua_pushnil(lua); /* the key, then its value: fixed slots */
    lua_pushnil(lua);
    for (;;) {
        lua_getglobal(lua, "next");
        lua_pushvalue(lua, exceptions);
        lua_pushvalue(lua, exceptions + 1);
        lua_call(lua, 2, 2);
        lua_replace(lua, exceptions + 2);
        lua_replace(lua, exceptions + 1);
        if (lua_isnil(lua, exceptions + 1)) {
            break;
        }
        char what[64];
        (void)snprintf(what, sizeof what, "cluster.%s", section);
        const char *id = script_take_text(lua, exceptions + 1, what);
        lua_pushvalue(lua, exceptions + 2);
        check_declared(lua, declaring->cluster, what, id);
        take_exception(lua, declaring->cluster, section, id);
        lua_settop(lua, exceptions + 2);
    }
    lua_settop(lua, base);
}

static void replace_text(lua_State *lua, char **text, const char *value)
{
    char *copy = script_copy_text(lua, value);
    free(*text);
    *text = copy;
}

static void declare_license(lua_State *lua, const struct declaring *declaring)
{
    static const char *const keys[] = {"clustering", NULL};
    if (get_table(lua, declaring, "license")) {
        script_check_keys(lua, -1, "cluster.license", keys);
        if (script_get(lua, -1, "clustering")) {
            declaring->cluster->has_clustering_license =
                script_take_bool(lua, -1, "cluster.license.clustering");
        }
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
}

static void declare_nodes(lua_State *lua, int table, struct sim_cluster_spec *cluster)
{
    cluster->writer_count = draw_node_count(lua, table, "writers", cluster->writer_count);
    cluster->reader_count = draw_node_count(lua, table, "readers", cluster->reader_count);
    cluster->compactor_count = draw_node_count(lua, table, "compactors", cluster->compactor_count);
    uint64_t node_count = (uint64_t)cluster->writer_count + cluster->reader_count;
    if (node_count + cluster->compactor_count > SCRIPT_NODE_COUNT_MAX || node_count == 0) {
        luaL_error(lua, "cluster: from 1 to %d nodes", (int)SCRIPT_NODE_COUNT_MAX);
    }
    if (script_get(lua, table, "voters")) {
        cluster->voter_max = (uint32_t)script_draw_count_to(lua, -1, "cluster.voters", 1000);
    }
    if (script_get(lua, table, "leader")) {
        const char *leader = script_take_text(lua, -1, "cluster.leader");
        check_declared(lua, cluster, "cluster.leader", leader);
        replace_text(lua, &cluster->leader, leader);
    }
}

static void declare_release(lua_State *lua, int table, struct sim_cluster_spec *cluster)
{
    if (script_get(lua, table, "release")) {
        cluster->release = script_take_release(lua, -1, "cluster.release");
    }
    if (lua_getfield(lua, LUA_REGISTRYINDEX, "script.release") != LUA_TNIL) {
        cluster->release = script_take_release(lua, -1, "--set release");
    }
}

/* It is a name of DNS as well, under which its nodes find each other. */
static const char *take_cluster_name(lua_State *lua)
{
    const char *name = script_take_name(lua, -1, "cluster.name");
    for (const char *at = name; *at != '\0'; at += 1) {
        if (strchr("-._", *at) == NULL && !isalnum((unsigned char)*at)) {
            luaL_error(lua, "cluster.name: '%s': letters, digits, \"-\", \".\" and \"_\" only",
                       name);
        }
    }
    return name;
}

static void check_cluster_keys(lua_State *lua, int table, bool is_further)
{
    static const char *const keys[] = {"name",   "writers", "readers", "compactors", "consensus",
                                       "voters", "config",  "release", "releases",   "configs",
                                       "zones",  "tls",     "license", "leader",     NULL};
    static const char *const further_keys[] = {"name",      "writers", "readers",      "compactors",
                                               "consensus", "voters",  "config",       "release",
                                               "releases",  "configs", "zones",        "tls",
                                               "license",   "leader",  "share_secret", NULL};
    script_check_keys(lua, table, is_further ? "c:cluster" : "cluster",
                      is_further ? further_keys : keys);
}

void script_declare_cluster(lua_State *lua, int table, int params, bool is_further,
                            struct sim_cluster_spec *cluster)
{
    int base = lua_gettop(lua);
    const struct declaring declaring = {cluster, table, params};
    check_cluster_keys(lua, table, is_further);
    if (script_get(lua, table, "name")) {
        replace_text(lua, &cluster->name, take_cluster_name(lua));
    }
    declare_nodes(lua, table, cluster);
    declare_consensus(lua, &declaring);
    if (get_table(lua, &declaring, "config")) {
        script_take_config(lua, -1, "cluster.config", &cluster->config);
    }
    declare_release(lua, table, cluster);
    if (script_get(lua, table, "tls")) {
        cluster->is_tls = script_take_bool(lua, -1, "cluster.tls");
    }
    declare_license(lua, &declaring);
    declare_exceptions(lua, &declaring, "releases");
    declare_exceptions(lua, &declaring, "configs");
    declare_exceptions(lua, &declaring, "zones");
    lua_settop(lua, base);
}
