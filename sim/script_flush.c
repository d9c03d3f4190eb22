/* Flushes as a story asks for them: their options, the real files they may come from, and the list of
 * paths that comes back (docs/scenario-api.md, n:flush). */
#define _XOPEN_SOURCE 700

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "protocol/error.h"
#include "sim/script_story.h"
#include "sim/workload.h"

struct flush_end {
    const struct sim_flush_result *result;
};

static int list_paths(lua_State *lua)
{
    const struct flush_end *end = lua_touserdata(lua, 1);
    lua_createtable(lua, (int)end->result->path_count, 0);
    for (size_t index = 0; index < end->result->path_count; index += 1) {
        script_push_view(lua, end->result->paths[index]);
        lua_rawseti(lua, -2, (lua_Integer)index + 1);
    }
    return 1;
}

/* An error of the disk shows as a shorter list: the scenario decides what that means. */
static void flush_done(void *context, int error, const struct sim_flush_result *result)
{
    struct script_task *task = context;
    struct script *script = task->script;
    struct flush_end end = {result};
    (void)error;
    if (script_story_is_dropped(script)) {
        return;
    }
    lua_pushcfunction(script->lua, list_paths);
    lua_pushlightuserdata(script->lua, &end);
    if (script_call(script, 1, 1)) {
        script_task_wake(task, true);
    } else {
        script_story_fail(script);
    }
}

static int return_list(lua_State *lua, int status, lua_KContext context)
{
    (void)lua;
    (void)status;
    (void)context;
    return 1;
}

static int is_visible_name(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Not the locale's order. */
static int compare_entries(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

/* Leaves Lua memory that holds the names on the stack. */
static void take_folder(lua_State *lua, const char *folder, struct sim_flush_spec *spec)
{
    char *resolved = script_resolve(script_of(lua), folder);
    struct dirent **entries = NULL;
    int count =
        resolved == NULL ? -1 : scandir(resolved, &entries, is_visible_name, compare_entries);
    if (count < 0) {
        free(resolved);
        luaL_error(lua, "flush: from: '%s' is no folder of the scenario's own", folder);
    }
    lua_newtable(lua);
    const char **names = lua_newuserdatauv(lua, 2 * (size_t)(count + 1) * sizeof *names, 0);
    int kept = lua_gettop(lua) - 1;
    size_t file_count = 0;
    for (int index = 0; index < count; index += 1) {
        struct stat status;
        const char *path = lua_pushfstring(lua, "%s/%s", resolved, entries[index]->d_name);
        const char *name = lua_pushstring(lua, entries[index]->d_name);
        free(entries[index]);
        lua_rawseti(lua, kept, 2 * index + 2);
        lua_rawseti(lua, kept, 2 * index + 1);
        if (stat(path, &status) == 0 && S_ISREG(status.st_mode)) {
            names[file_count] = path;
            names[count + 1 + (int)file_count] = name;
            file_count += 1;
        }
    }
    free(entries);
    free(resolved);
    if (file_count == 0) {
        luaL_error(lua, "flush: from: no files in '%s'", folder);
    }
    spec->from_paths = names;
    spec->from_names = names + count + 1;
    spec->from_count = file_count;
}

void script_flush_check(lua_State *lua)
{
    static const char *const keys[] = {"files", "bytes", "every",  "database", "measurement",
                                       "from",  "path",  "sparse", NULL};
    lua_settop(lua, 2);
    if (!lua_isnil(lua, 2)) {
        script_check_keys(lua, 2, "flush", keys);
    }
}

static void take_flush(lua_State *lua, int options, struct sim_flush_spec *spec)
{
    spec->file_count = 1;
    spec->size_bytes.low = spec->size_bytes.high = 65536;
    spec->database = "db";
    spec->measurement = "cpu";
    if (script_get(lua, options, "files")) {
        spec->file_count = script_draw_count(lua, -1, "flush: files");
    }
    if (script_get(lua, options, "bytes")) {
        spec->size_bytes = script_take_size_range(lua, -1, "flush: bytes");
    }
    if (script_get(lua, options, "every")) {
        spec->every_ns = script_take_duration_range(lua, -1, "flush: every");
    }
    if (script_get(lua, options, "database")) {
        spec->database = script_take_text(lua, -1, "flush: database");
    }
    if (script_get(lua, options, "measurement")) {
        spec->measurement = script_take_text(lua, -1, "flush: measurement");
    }
    if (script_get(lua, options, "path")) {
        spec->path = script_take_path(lua, -1, "flush: path");
        if (spec->file_count != 1) {
            luaL_error(lua, "flush: path names one file, and files is above 1");
        }
    }
    if (script_get(lua, options, "sparse")) {
        spec->is_sparse = script_take_bool(lua, -1, "flush: sparse");
    }
    if (script_get(lua, options, "from")) {
        take_folder(lua, script_take_text(lua, -1, "flush: from"), spec);
    }
}

/* Stack: the caller's first argument, then the options. */
int script_flush(lua_State *lua, struct sim_pod *pod, const char *call)
{
    struct script *script = script_of(lua);
    struct script_task *task = script_running_task(lua, call);
    struct sim_flush_spec spec;
    char note[160] = "";
    memset(&spec, 0, sizeof spec);
    lua_settop(lua, 2);
    take_flush(lua, 2, &spec);
    uint64_t file_count = spec.from_count > 0 ? spec.from_count : spec.file_count;
    if (file_count > SCRIPT_FILE_COUNT_MAX ||
        script->file_count + file_count > SCRIPT_FILE_COUNT_MAX) {
        return luaL_error(lua, "flush: more than a million files in one run");
    }
    script->file_count += file_count;
    struct sim_flush_wait wait = {flush_done, task};
    int error = sim_workload_flush(pod, &spec, &wait, note);
    if (error != 0) {
        return luaL_error(lua, "flush: %s", note[0] == '\0' ? rp_strerror(error) : note);
    }
    return script_yield(lua, task, 0, return_list);
}

/* ---- What follows a flush -------------------------------------------------------------------------- */

#define REGISTERED_WAIT_NS (60 * RP_NS_PER_S)

bool script_awaits_registration(struct sim_world *world, struct rp_view path, lua_KContext *since)
{
    rp_time_ns now_ns = sim_world_now(world);
    if (*since == 0) {
        *since = (lua_KContext)now_ns + 1; /* 0 means: not yet */
    }
    bool is_over = now_ns + 1 - (rp_time_ns)*since >= REGISTERED_WAIT_NS;
    return !is_over && sim_workload_is_on_its_way(world, path);
}

#define PROCESS_WAIT_NS (300 * RP_NS_PER_S)
#define PROCESS_POLL_NS (20 * RP_NS_PER_MS)

int script_wait_for_process(lua_State *lua, struct script_task *task, const char *call,
                            const char *what, lua_KContext since, lua_KFunction again)
{
    rp_time_ns now_ns = sim_world_now(script_world(lua));
    since = since == 0 ? (lua_KContext)now_ns + 1 : since; /* 0 means: not yet */
    /* Load beside the story may wait out an outage of any length. */
    if (task->is_main && now_ns + 1 - (rp_time_ns)since >= PROCESS_WAIT_NS) {
        char detail[256];
        (void)snprintf(detail, sizeof detail, "%s timed out: %s", call, what);
        script_story_timed_out(script_of(lua), "story/wait", detail);
        return script_yield(lua, task, since, again); /* for good: the story is over */
    }
    return script_sleep(lua, task, PROCESS_POLL_NS, since, again);
}
