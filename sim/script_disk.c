/* n:disk{...}: storage faults, each set or ended by its own key (docs/scenario-api.md). */
#include "sim/script_story.h"
#include "sim/store.h"

#include <stddef.h>

#define CALL_ROW(text, value, member, about, explanation, example)                                 \
    {text, FAULT_VALUE_##value, offsetof(struct sim_disk_faults, calls.member)},

static const struct disk_key {
    const char *key;
    enum fault_value kind;
    size_t offset;
} disk_keys[] = {
    FAULT_DISK_TABLE(CALL_ROW) /* each with its comma */
    {"torn", FAULT_VALUE_CHANCE, offsetof(struct sim_disk_faults, torn)},
    {"lose_unsynced", FAULT_VALUE_FLAG, offsetof(struct sim_disk_faults, loses_unsynced)},
    {"lie_about_sync", FAULT_VALUE_FLAG, offsetof(struct sim_disk_faults, lies_about_sync)},
};

#define DISK_KEY_COUNT (sizeof disk_keys / sizeof disk_keys[0])

/* The value on top of the stack; false ends the fault. */
static void take_value(lua_State *lua, const struct disk_key *key, struct sim_disk_faults *faults)
{
    char what[40];
    (void)snprintf(what, sizeof what, "n:disk: %s", key->key);
    void *member = (char *)faults + key->offset;
    bool is_end = lua_isboolean(lua, -1) && !lua_toboolean(lua, -1);
    if (key->kind == FAULT_VALUE_FLAG) {
        *(bool *)member = script_take_bool(lua, -1, what);
        return;
    }
    uint64_t value = 0;
    if (!is_end && key->kind == FAULT_VALUE_CHANCE) {
        value = script_take_chance(lua, -1, what);
    } else if (!is_end && key->kind == FAULT_VALUE_DURATION) {
        value = script_draw_duration(lua, -1, what);
    } else if (!is_end) {
        value = script_draw_size(lua, -1, what);
    }
    *(uint64_t *)member = value;
    if (key->kind == FAULT_VALUE_SIZE) {
        faults->calls.has_free_bytes = !is_end;
    }
}

/* `stuck` counts from this call, also when it is as long as the last one. */
static void unstick(struct sim_pod *pod)
{
    struct sim_disk_faults faults = sim_store_faults(sim_pod_store(pod));
    faults.calls.stuck_ns = 0;
    sim_store_set_faults(sim_pod_store(pod), &faults);
}

static struct sim_disk_faults take_faults(lua_State *lua, struct sim_pod *pod)
{
    const char *keys[DISK_KEY_COUNT + 1];
    for (size_t row = 0; row < DISK_KEY_COUNT; row += 1) {
        keys[row] = disk_keys[row].key;
    }
    keys[DISK_KEY_COUNT] = NULL;
    if (!lua_isnil(lua, 2)) {
        script_check_keys(lua, 2, "n:disk", keys);
    }
    struct sim_disk_faults faults = sim_store_faults(sim_pod_store(pod));
    bool is_empty = true;
    for (size_t row = 0; row < DISK_KEY_COUNT; row += 1) {
        if (script_get(lua, 2, disk_keys[row].key)) {
            take_value(lua, &disk_keys[row], &faults);
            is_empty = false;
        }
        lua_settop(lua, 2);
    }
    if (is_empty) {
        memset(&faults, 0, sizeof faults);
    }
    return faults;
}

int script_node_disk(lua_State *lua)
{
    script_check_change(lua, "n:disk");
    struct sim_pod *pod = script_take_node(lua, 1, "n:disk");
    lua_settop(lua, 2);
    struct sim_disk_faults faults = take_faults(lua, pod);
    if (script_get(lua, 2, "stuck")) {
        unstick(pod);
    }
    sim_pod_set_disk(pod, &faults);
    return 0;
}

/* n:scrub(): not awaited, since it ends when every file was read. */
int script_node_scrub(lua_State *lua)
{
    script_check_change(lua, "n:scrub");
    sim_pod_scrub(script_take_node(lua, 1, "n:scrub"));
    return 0;
}
