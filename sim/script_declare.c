/* The table that a scenario returns. Lua keeps no lines for its values, so errors name the file and
 * the key. */
#include "sim/script_declare.h"

#include <stdlib.h>

#include "protocol/error.h"
#include "sim/script_story.h"

/* What one protected reading is about; passed as light userdata. */
struct reading {
    struct script *script;
    struct script_declaration *declaration;
    const char *const *sets;
    size_t set_count;
};

static char *copy_text(lua_State *lua, const char *text)
{
    size_t size_bytes = strlen(text) + 1;
    char *copy = malloc(size_bytes);
    if (copy == NULL) {
        luaL_error(lua, "out of memory");
        return NULL;
    }
    memcpy(copy, text, size_bytes);
    return copy;
}

void script_declaration_clear(struct script_declaration *declaration)
{
    free(declaration->name);
    free(declaration->about);
    free(declaration->params_json);
    memset(declaration, 0, sizeof *declaration);
}

/* ---- The file ------------------------------------------------------------------------------------ */

static int open_protected(lua_State *lua)
{
    struct script *script = script_of(lua);
    const char *slash = strrchr(script->path, '/');
    if (!script_load(lua, script, slash == NULL ? script->path : slash + 1)) {
        return lua_error(lua);
    }
    lua_call(lua, 0, 1);
    if (!lua_istable(lua, -1)) {
        return luaL_error(lua, "the file returns no table");
    }
    return 1;
}

bool script_open_file(struct script *script)
{
    lua_pushcfunction(script->lua, open_protected);
    return script_call(script, 0, 1);
}

/* ---- Name, parameters ---------------------------------------------------------------------------- */

static void check_name(lua_State *lua, const char *name)
{
    if (name[0] == '\0' || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name)) {
        luaL_error(lua, "name: '%s' is not of a-z, 0-9 and -", name);
    }
}

/* `breaks`: releases to property names, both known; the key `current` would be a contradiction. */
static void declare_breaks(lua_State *lua, struct script_breaks *breaks)
{
    int base = lua_gettop(lua);
    if (!script_get(lua, 2, "breaks")) {
        lua_settop(lua, base);
        return;
    }
    const char *keys[RP_RELEASE_COUNT];
    for (int release = 0; release < RP_RELEASE_CURRENT; release += 1) {
        keys[release] = rp_release_name((enum rp_release)release);
    }
    keys[RP_RELEASE_CURRENT] = NULL;
    script_check_keys(lua, base + 1, "breaks", keys);
    for (int release = 0; release < RP_RELEASE_CURRENT; release += 1) {
        if (!script_get(lua, base + 1, keys[release])) {
            lua_pop(lua, 1);
            continue;
        }
        char what[64];
        (void)snprintf(what, sizeof what, "breaks.%s", keys[release]);
        const char *name = script_take_text(lua, -1, what);
        if (!sim_property_parse(rp_view_text(name), &breaks->properties[release])) {
            luaL_error(lua, "%s: '%s' is no property", what, name);
        }
        breaks->has[release] = breaks->is_declared = true;
        lua_pop(lua, 1);
    }
    if (!breaks->is_declared) {
        luaL_error(lua, "breaks: names no release");
    }
    lua_settop(lua, base);
}

/* Stack: reading, table. Leaves the parameters. */
static int declare_head(lua_State *lua)
{
    static const char *const keys[] = {"name",    "about",   "phase",   "params", "cluster",
                                       "network", "storage", "closing", "limit",  "expect",
                                       "breaks",  "run",     NULL};
    struct reading *reading = lua_touserdata(lua, 1);
    struct script_declaration *declaration = reading->declaration;
    const char *release = NULL;
    script_check_keys(lua, 2, "scenario", keys);
    if (!script_get(lua, 2, "name")) {
        return luaL_error(lua, "name: is missing");
    }
    check_name(lua, script_take_text(lua, -1, "name"));
    declaration->name = copy_text(lua, lua_tostring(lua, -1));
    if (script_get(lua, 2, "about")) {
        declaration->about = copy_text(lua, script_take_text(lua, -1, "about"));
    }
    if (script_get(lua, 2, "phase")) {
        declaration->phase = (int64_t)script_take_count(lua, -1, "phase", 100);
    }
    declare_breaks(lua, &declaration->breaks);
    (void)script_get(lua, 2, "params");
    script_push_params(lua, lua_gettop(lua), reading->sets, reading->set_count, &release);
    int params = lua_gettop(lua);
    declaration->params_json = copy_text(lua, script_push_params_json(lua, params));
    if (release != NULL) {
        lua_pushstring(lua, release);
        lua_setfield(lua, LUA_REGISTRYINDEX, "script.release");
    }
    lua_pushvalue(lua, params);
    return 1;
}

bool script_declare_head(struct script *script, const char *const *sets, size_t set_count,
                         struct script_declaration *declaration)
{
    struct reading reading = {script, declaration, sets, set_count};
    lua_State *lua = script->lua;
    lua_pushcfunction(lua, declare_head);
    lua_pushlightuserdata(lua, &reading);
    lua_pushvalue(lua, -3);
    return script_call(script, 2, 1);
}

/* ---- The cluster --------------------------------------------------------------------------------- */

/* Pushes table[key]; a function is called with the parameters. Stack: 1 reading, 2 table, 3 params. */
static bool get_section(lua_State *lua, const char *key)
{
    if (!script_get(lua, 2, key)) {
        return false;
    }
    if (lua_isfunction(lua, -1)) {
        lua_pushvalue(lua, 3);
        lua_call(lua, 1, 1);
    }
    return !lua_isnil(lua, -1);
}

/* As script_get; a function in its place is called too: any table may depend on parameters. */
static bool get_table(lua_State *lua, int table, const char *key)
{
    if (script_get(lua, table, key) && lua_isfunction(lua, -1)) {
        lua_pushvalue(lua, 3);
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

static void declare_consensus(lua_State *lua, int table, struct sim_cluster_spec *cluster)
{
    static const char *const keys[] = {"kind", "delay", NULL};
    if (!get_table(lua, table, "consensus")) {
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
    added->id = copy_text(lua, id);
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
        node->zone = copy_text(lua, zone);
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

/* Exceptions by node id, in the order of `pairs`. */
static void declare_exceptions(lua_State *lua, int table, const char *section,
                               struct sim_cluster_spec *cluster)
{
    int base = lua_gettop(lua);
    if (!get_table(lua, table, section)) {
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
        take_exception(lua, cluster, section, id);
        lua_settop(lua, exceptions + 2);
    }
    lua_settop(lua, base);
}

static void replace_text(lua_State *lua, char **text, const char *value)
{
    char *copy = copy_text(lua, value);
    free(*text);
    *text = copy;
}

static void check_leader(lua_State *lua, const struct sim_cluster_spec *cluster)
{
    static const char *const roles[] = {"writer", "compactor", "reader"};
    const uint32_t counts[] = {cluster->writer_count, cluster->compactor_count,
                               cluster->reader_count};
    for (size_t role = 0; role < 3; role += 1) {
        size_t length = strlen(roles[role]);
        if (strncmp(cluster->leader, roles[role], length) == 0 && cluster->leader[length] == '-') {
            long number = strtol(cluster->leader + length + 1, NULL, 10);
            if (number >= 1 && (unsigned long)number <= counts[role]) {
                return;
            }
        }
    }
    luaL_error(lua, "cluster.leader: there is no node '%s'", cluster->leader);
}

static void declare_license(lua_State *lua, int table, struct sim_cluster_spec *cluster)
{
    static const char *const keys[] = {"clustering", NULL};
    if (get_table(lua, table, "license")) {
        script_check_keys(lua, -1, "cluster.license", keys);
        if (script_get(lua, -1, "clustering")) {
            cluster->has_clustering_license =
                script_take_bool(lua, -1, "cluster.license.clustering");
        }
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
}

static void declare_cluster(lua_State *lua, struct sim_cluster_spec *cluster)
{
    static const char *const keys[] = {"name",   "writers", "readers", "compactors", "consensus",
                                       "voters", "config",  "release", "releases",   "configs",
                                       "zones",  "tls",     "license", "leader",     NULL};
    int base = lua_gettop(lua);
    if (!get_section(lua, "cluster")) {
        lua_settop(lua, base);
        lua_newtable(lua);
    }
    int table = lua_gettop(lua);
    script_check_keys(lua, table, "cluster", keys);
    if (script_get(lua, table, "name")) {
        replace_text(lua, &cluster->name, script_take_text(lua, -1, "cluster.name"));
    }
    cluster->writer_count = draw_node_count(lua, table, "writers", cluster->writer_count);
    cluster->reader_count = draw_node_count(lua, table, "readers", cluster->reader_count);
    cluster->compactor_count = draw_node_count(lua, table, "compactors", cluster->compactor_count);
    uint64_t node_count = (uint64_t)cluster->writer_count + cluster->reader_count;
    if (node_count + cluster->compactor_count > SCRIPT_NODE_COUNT_MAX || node_count == 0) {
        luaL_error(lua, "cluster: from 1 to %d nodes", (int)SCRIPT_NODE_COUNT_MAX);
    }
    declare_consensus(lua, table, cluster);
    if (script_get(lua, table, "voters")) {
        cluster->voter_max = (uint32_t)script_take_count(lua, -1, "cluster.voters", 1000);
    }
    if (get_table(lua, table, "config")) {
        script_take_config(lua, -1, "cluster.config", &cluster->config);
    }
    if (script_get(lua, table, "release")) {
        cluster->release = script_take_release(lua, -1, "cluster.release");
    }
    if (lua_getfield(lua, LUA_REGISTRYINDEX, "script.release") != LUA_TNIL) {
        cluster->release = script_take_release(lua, -1, "--set release");
    }
    if (script_get(lua, table, "tls")) {
        cluster->is_tls = script_take_bool(lua, -1, "cluster.tls");
    }
    if (script_get(lua, table, "leader")) {
        replace_text(lua, &cluster->leader, script_take_text(lua, -1, "cluster.leader"));
        check_leader(lua, cluster);
    }
    declare_license(lua, table, cluster);
    declare_exceptions(lua, table, "releases", cluster);
    declare_exceptions(lua, table, "configs", cluster);
    declare_exceptions(lua, table, "zones", cluster);
    lua_settop(lua, base);
}

/* ---- Network, storage, closing, limit, expect ----------------------------------------------------- */

static void declare_network(lua_State *lua, struct sim_network_spec *network)
{
    static const char *const keys[] = {"latency", "bandwidth", "loss", NULL};
    int base = lua_gettop(lua);
    if (get_section(lua, "network")) {
        int table = lua_gettop(lua);
        script_check_keys(lua, table, "network", keys);
        if (script_get(lua, table, "latency")) {
            network->latency_ns = script_take_duration_range(lua, -1, "network.latency");
        }
        if (script_get(lua, table, "bandwidth")) {
            network->bandwidth_bytes_per_s = script_take_rate(lua, -1, "network.bandwidth");
        }
        if (script_get(lua, table, "loss")) {
            network->loss = script_take_chance(lua, -1, "network.loss");
        }
    }
    lua_settop(lua, base);
}

/* A size or a rate: "2GiB/s" is what the page writes, "2GiB" would be a mistake. */
static void declare_storage(lua_State *lua, struct sim_storage_spec *storage)
{
    static const char *const keys[] = {"read", "write", "latency", "capacity", NULL};
    int base = lua_gettop(lua);
    if (get_section(lua, "storage")) {
        int table = lua_gettop(lua);
        script_check_keys(lua, table, "storage", keys);
        if (script_get(lua, table, "read")) {
            storage->read_bytes_per_s = script_take_rate(lua, -1, "storage.read");
        }
        if (script_get(lua, table, "write")) {
            storage->write_bytes_per_s = script_take_rate(lua, -1, "storage.write");
        }
        if (script_get(lua, table, "latency")) {
            storage->latency_ns = script_take_duration_range(lua, -1, "storage.latency");
        }
        if (script_get(lua, table, "capacity")) {
            storage->capacity_bytes = script_take_size_range(lua, -1, "storage.capacity").low;
        }
    }
    lua_settop(lua, base);
}

static void declare_closing(lua_State *lua, struct sim_world_spec *spec)
{
    if (get_section(lua, "closing")) {
        const char *closing = script_take_text(lua, -1, "closing");
        if (strcmp(closing, "full") != 0 && strcmp(closing, "short") != 0) {
            luaL_error(lua, "closing: '%s' is neither \"full\" nor \"short\"", closing);
        }
        spec->closing = closing[0] == 's' ? SIM_CLOSING_SHORT : SIM_CLOSING_FULL;
    }
    if (get_section(lua, "limit")) {
        spec->limit_ns = (rp_time_ns)script_take_duration(lua, -1, "limit", SCRIPT_UNSIGNED);
    }
    lua_settop(lua, 3);
}

static void declare_expect(lua_State *lua, struct sim_expect *expect)
{
    static const char *const keys[] = {"violates", "accept", NULL};
    if (get_section(lua, "expect")) {
        int table = lua_gettop(lua);
        script_check_keys(lua, table, "expect", keys);
        if (script_get(lua, table, "violates")) {
            const char *name = script_take_text(lua, -1, "expect.violates");
            if (!sim_property_parse(rp_view_text(name), &expect->violates)) {
                luaL_error(lua, "expect.violates: '%s' is no property", name);
            }
            expect->has_violates = true;
        }
        if (script_get(lua, table, "accept")) {
            int list = lua_gettop(lua);
            if (!lua_istable(lua, list)) {
                luaL_error(lua, "expect.accept: expected a list of releases");
            }
            expect->is_accepting = true;
            lua_Integer count = luaL_len(lua, list);
            for (lua_Integer index = 1; index <= count; index += 1) {
                lua_rawgeti(lua, list, index);
                expect->accepts[script_take_release(lua, -1, "expect.accept")] = true;
                lua_pop(lua, 1);
            }
        }
    }
    lua_settop(lua, 3);
}

/* Stack: 1 reading, 2 table, 3 params. */
static int declare_world(lua_State *lua)
{
    struct reading *reading = lua_touserdata(lua, 1);
    struct script *script = reading->script;
    declare_cluster(lua, &script->spec.cluster);
    declare_network(lua, &script->spec.network);
    declare_storage(lua, &script->spec.storage);
    declare_closing(lua, &script->spec);
    declare_expect(lua, &reading->declaration->expect);
    if (!script_get(lua, 2, "run") || !lua_isfunction(lua, -1)) {
        return luaL_error(lua, "run: expected a function, got %s", luaL_typename(lua, -1));
    }
    lua_pushvalue(lua, 3);
    script_push_cluster(lua);
    lua_insert(lua, -2);
    script_story_set(script);
    return 0;
}

bool script_declare_world(struct script *script, struct script_declaration *declaration)
{
    struct reading reading = {script, declaration, NULL, 0};
    lua_State *lua = script->lua;
    lua_pushcfunction(lua, declare_world);
    lua_pushlightuserdata(lua, &reading);
    lua_pushvalue(lua, -4);
    lua_pushvalue(lua, -4);
    return script_call(script, 3, 0);
}
