/* The sandbox: one Lua state with bounded memory and instructions, and only what a scenario may see.
 *
 * A hook counts instructions in every coroutine; library work that no instruction shows is counted by
 * script_spend, and bytes by the allocator. Once a limit is hit the hook fires at every instruction
 * and every protected call passes the error on, so that no pcall outlives it. */
/* For realpath; before any header. */
#define _XOPEN_SOURCE 700

#include "sim/script_state.h"

#include <errno.h>
#include <stdlib.h>

#include "protocol/error.h"

#define HOOK_INSTRUCTIONS 1000
/* Of all blocks made without sleeping: loops of concatenations end here, in a few seconds. */
#define MADE_BYTES_MAX (UINT64_C(8) << 30)

/* ---- Limits ---------------------------------------------------------------------------------- */

struct script *script_of(lua_State *lua)
{
    struct script *script = NULL;
    memcpy(&script, lua_getextraspace(lua), sizeof script);
    return script;
}

static void *allocate(void *context, void *pointer, size_t old_bytes, size_t new_bytes)
{
    struct script *script = context;
    struct script_memory *memory = &script->memory;
    if (pointer == NULL) {
        old_bytes = 0; /* Lua passes the kind of object then */
    }
    if (new_bytes == 0) {
        memory->used_bytes -= old_bytes;
        free(pointer);
        return NULL;
    }
    if (new_bytes > old_bytes) {
        uint64_t more_bytes = new_bytes - old_bytes;
        if (more_bytes > SCRIPT_MEMORY_BYTES_MAX ||
            memory->used_bytes + more_bytes > SCRIPT_MEMORY_BYTES_MAX ||
            memory->made_bytes > MADE_BYTES_MAX) {
            return NULL;
        }
        memory->made_bytes += new_bytes;
    }
    void *moved = realloc(pointer, new_bytes);
    if (moved != NULL) {
        memory->used_bytes = memory->used_bytes - old_bytes + new_bytes;
    }
    return moved;
}

static void end_by_limit(lua_State *lua, const char *what);

static void count_hook(lua_State *lua, lua_Debug *activation)
{
    struct script *script = script_of(lua);
    (void)activation;
    script->work += HOOK_INSTRUCTIONS;
    if (script->is_over || script->work > SCRIPT_INSTRUCTIONS_MAX) {
        end_by_limit(lua, "50 million instructions without sleeping");
    }
}

/* The nearest Lua line at or below the running function, as "name:line: "; "" when there is none.
 * Without Lua's memory, which may be what ran out. */
static void write_place(lua_State *lua, char *text_out, size_t text_bytes)
{
    lua_Debug activation;
    text_out[0] = '\0';
    for (int level = 0; lua_getstack(lua, level, &activation) != 0; level += 1) {
        lua_getinfo(lua, "Sl", &activation);
        if (activation.currentline > 0) {
            (void)snprintf(text_out, text_bytes, "%s:%d: ", activation.short_src,
                           activation.currentline);
            return;
        }
    }
}

static void end_by_limit(lua_State *lua, const char *what)
{
    struct script *script = script_of(lua);
    if (!script->is_over) {
        char place[256];
        char text[SCRIPT_TEXT_MAX];
        script->is_over = true;
        write_place(lua, place, sizeof place);
        (void)snprintf(text, sizeof text, "%sthe script was stopped: %s", place, what);
        script_place_error(script, text);
    }
    lua_sethook(lua, count_hook, LUA_MASKCOUNT, 1);
    luaL_checkstack(lua, 1, NULL);
    lua_pushliteral(lua, "the script was stopped by a limit");
    lua_error(lua);
}

void script_spend(lua_State *lua, uint64_t units)
{
    struct script *script = script_of(lua);
    script->work =
        units > SCRIPT_INSTRUCTIONS_MAX ? SCRIPT_INSTRUCTIONS_MAX + 1 : script->work + units;
    if (script->is_over || script->work > SCRIPT_INSTRUCTIONS_MAX) {
        end_by_limit(lua, "50 million instructions without sleeping");
    }
}

void script_rest(struct script *script)
{
    script->work = 0;
    script->memory.made_bytes = 0;
}

/* ---- Errors ---------------------------------------------------------------------------------- */

/* Chunks are named within the scenario's folder, so a place is "name.lua:line:". */
static bool has_place(const char *message)
{
    size_t name_length = strcspn(message, ":");
    return name_length > 4 && strncmp(message + name_length - 4, ".lua", 4) == 0 &&
           message[name_length] == ':' && message[name_length + 1] >= '0' &&
           message[name_length + 1] <= '9';
}

void script_place_error(struct script *script, const char *message)
{
    if (!has_place(message)) {
        (void)snprintf(script->error, sizeof script->error, "%s: %s", script->path, message);
    } else if (strchr(script->path, '/') == NULL) {
        (void)snprintf(script->error, sizeof script->error, "%s", message);
    } else {
        (void)snprintf(script->error, sizeof script->error, "%s/%s", script->folder, message);
    }
}

/* In place of the error value on top: its text, without addresses. */
static int value_to_text(lua_State *lua)
{
    script_tostring(lua, -1, NULL);
    return 1;
}

void script_take_error(struct script *script, lua_State *thread)
{
    if (script->is_over) {
        return; /* the limit told already, and where */
    }
    /* A dead thread still shows the line; the text is made in the main state, protected. */
    char place[256];
    char whole[SCRIPT_TEXT_MAX * 2];
    lua_State *lua = script->lua;
    write_place(thread, place, sizeof place);
    lua_pushvalue(thread, -1);
    if (thread != lua) {
        lua_xmove(thread, lua, 1);
    }
    lua_pushcfunction(lua, value_to_text);
    lua_insert(lua, -2);
    const char *text = lua_pcall(lua, 1, 1, 0) == LUA_OK ? lua_tostring(lua, -1) : "out of memory";
    (void)snprintf(whole, sizeof whole, "%s%s", has_place(text) ? "" : place, text);
    script_place_error(script, whole);
    lua_pop(lua, 1);
}

/* Runs where the error was raised, so the stack still shows the line. */
static int handle_error(lua_State *lua)
{
    char place[256];
    if (script_of(lua)->is_over) {
        return 1;
    }
    lua_settop(lua, 1);
    const char *message = script_tostring(lua, 1, NULL);
    if (!has_place(message)) {
        write_place(lua, place, sizeof place);
        lua_pushstring(lua, place);
        lua_insert(lua, -2);
        lua_concat(lua, 2);
    }
    return 1;
}

void script_out_of_memory(struct script *script, lua_State *thread)
{
    if (!script->is_over) {
        char place[256];
        char text[SCRIPT_TEXT_MAX];
        script->is_over = true;
        write_place(thread, place, sizeof place);
        (void)snprintf(text, sizeof text, "%sthe script was stopped: 256 MiB of memory", place);
        script_place_error(script, text);
    }
}

bool script_call(struct script *script, int argument_count, int result_count)
{
    lua_State *lua = script->lua;
    int function = lua_gettop(lua) - argument_count;
    lua_pushcfunction(lua, handle_error);
    lua_insert(lua, function);
    int status = lua_pcall(lua, argument_count, result_count, function);
    lua_remove(lua, function);
    if (status == LUA_OK && !script->is_over) {
        return true;
    }
    if (status == LUA_ERRMEM) {
        script_out_of_memory(script, lua);
    } else if (status != LUA_OK) {
        script_take_error(script, lua);
    }
    if (status != LUA_OK) {
        lua_pop(lua, 1);
    }
    return false;
}

/* ---- pcall that may be slept in and does not outlive a limit ---------------------------------- */

static int finish_protected(lua_State *lua, int status, lua_KContext extra)
{
    struct script *script = script_of(lua);
    if (status == LUA_ERRMEM && !script->is_over) {
        end_by_limit(lua, "256 MiB of memory");
    }
    if (script->is_over) {
        end_by_limit(lua, "");
    }
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_pushboolean(lua, 0);
        lua_pushvalue(lua, -2);
        return 2;
    }
    return lua_gettop(lua) - (int)extra;
}

static int protected_call(lua_State *lua)
{
    luaL_checkany(lua, 1);
    lua_pushboolean(lua, 1);
    lua_insert(lua, 1);
    int status = lua_pcallk(lua, lua_gettop(lua) - 2, LUA_MULTRET, 0, 0, finish_protected);
    return finish_protected(lua, status, 0);
}

/* A script's handler runs with hooks off when the hook itself raised the error: then it is skipped,
 * or an endless handler would never be stopped. */
static int guarded_handler(lua_State *lua)
{
    if (script_of(lua)->is_over) {
        return 1;
    }
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, lua_gettop(lua) - 1, 1);
    return 1;
}

static int protected_call_handled(lua_State *lua)
{
    int argument_count = lua_gettop(lua);
    luaL_checktype(lua, 2, LUA_TFUNCTION);
    lua_pushvalue(lua, 2);
    lua_pushcclosure(lua, guarded_handler, 1);
    lua_replace(lua, 2);
    lua_pushboolean(lua, 1);
    lua_pushvalue(lua, 1);
    lua_rotate(lua, 3, 2);
    int status = lua_pcallk(lua, argument_count - 2, LUA_MULTRET, 2, 2, finish_protected);
    return finish_protected(lua, status, 2);
}

bool script_is_protected(lua_State *lua)
{
    lua_Debug activation;
    bool is_protected = false;
    for (int level = 0; !is_protected && lua_getstack(lua, level, &activation) != 0; level += 1) {
        lua_getinfo(lua, "f", &activation);
        lua_CFunction function = lua_tocfunction(lua, -1);
        is_protected = function == protected_call || function == protected_call_handled;
        lua_pop(lua, 1);
    }
    return is_protected;
}

/* ---- Loading --------------------------------------------------------------------------------- */

char *script_resolve(const struct script *script, const char *name)
{
    errno = 0;
    if (name[0] == '\0' || name[0] == '/') {
        return NULL;
    }
    for (const char *part = name; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '\0' || part[2] == '/')) {
            return NULL;
        }
    }
    size_t length_bytes = strlen(script->root) + strlen(name) + 2;
    char *joined = malloc(length_bytes);
    if (joined == NULL) {
        return NULL;
    }
    (void)snprintf(joined, length_bytes, "%s/%s", script->root, name);
    char *resolved = realpath(joined, NULL);
    free(joined);
    size_t root_length = strlen(script->root);
    if (resolved != NULL && (strncmp(resolved, script->root, root_length) != 0 ||
                             (root_length > 1 && resolved[root_length] != '/'))) {
        free(resolved); /* a link that leads out of the folder */
        errno = 0;
        return NULL;
    }
    return resolved;
}

bool script_load_text(lua_State *lua, const char *name, struct rp_view text)
{
    lua_pushfstring(lua, "@%s", name);
    int status = luaL_loadbufferx(lua, (const char *)text.bytes, text.length_bytes,
                                  lua_tostring(lua, -1), "t");
    lua_remove(lua, -2);
    return status == LUA_OK;
}

bool script_load(lua_State *lua, struct script *script, const char *name)
{
    char *resolved = script_resolve(script, name);
    FILE *file = resolved == NULL ? NULL : fopen(resolved, "rb");
    int cause = errno;
    free(resolved);
    if (file == NULL) {
        lua_pushfstring(lua, "cannot read '%s': %s", name,
                        cause != 0 ? strerror(cause) : "outside the scenario's folder");
        return false;
    }
    luaL_Buffer buffer;
    luaL_buffinit(lua, &buffer);
    size_t total_bytes = 0, count = 0;
    do {
        char *space = luaL_prepbuffer(&buffer);
        count = fread(space, 1, LUAL_BUFFERSIZE, file);
        luaL_addsize(&buffer, count);
        total_bytes += count;
    } while (count == LUAL_BUFFERSIZE && total_bytes < SCRIPT_STRING_BYTES_MAX / 4);
    cause = errno;
    bool is_sound = ferror(file) == 0, is_whole = is_sound && feof(file) != 0;
    (void)fclose(file);
    luaL_pushresult(&buffer);
    if (!is_whole) {
        lua_pop(lua, 1);
        lua_pushfstring(lua, "cannot read '%s': %s", name,
                        is_sound ? "too long for a scenario" : strerror(cause));
        return false;
    }
    size_t length_bytes = 0;
    const char *text = lua_tolstring(lua, -1, &length_bytes);
    bool is_loaded = script_load_text(lua, name, rp_view_make(text, length_bytes));
    lua_remove(lua, -2);
    return is_loaded;
}

/* `require "_lib"`: dots separate folders as everywhere in Lua; each file runs once. */
static int require_file(lua_State *lua)
{
    const char *module = luaL_checkstring(lua, 1);
    lua_settop(lua, 1);
    lua_getfield(lua, lua_upvalueindex(1), module);
    if (!lua_isnil(lua, -1)) {
        return 1;
    }
    if (strstr(module, "..") != NULL || module[0] == '/' || module[0] == '.') {
        return luaL_error(lua, "require '%s': only files of the scenario's own folder", module);
    }
    const char *name = luaL_gsub(lua, module, ".", "/");
    name = lua_pushfstring(lua, "%s.lua", name);
    if (!script_load(lua, script_of(lua), name)) {
        return luaL_error(lua, "require '%s': %s", module, lua_tostring(lua, -1));
    }
    lua_pushvalue(lua, 1);
    lua_call(lua, 1, 1);
    if (lua_isnil(lua, -1)) {
        lua_pushboolean(lua, 1);
        lua_replace(lua, -2);
    }
    lua_pushvalue(lua, -1);
    lua_setfield(lua, lua_upvalueindex(1), module);
    return 1;
}

/* `load` of text only. Upvalue: the stock function. */
static int load_text(lua_State *lua)
{
    bool has_environment = lua_gettop(lua) >= 4;
    lua_settop(lua, 4);
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_pushvalue(lua, 1);
    lua_pushvalue(lua, 2);
    lua_pushliteral(lua, "t");
    if (has_environment) {
        lua_pushvalue(lua, 4);
    }
    lua_call(lua, has_environment ? 4 : 3, 2);
    if (!lua_isnil(lua, -2)) {
        lua_pop(lua, 1);
        return 1;
    }
    return 2;
}

/* ---- What a scenario sees -------------------------------------------------------------------- */

/* Finalizers and weak tables would show when memory is collected. */
static int set_metatable(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    if (lua_istable(lua, 2)) {
        static const char *const refused[] = {"__gc", "__mode"};
        for (size_t index = 0; index < 2; index += 1) {
            lua_pushstring(lua, refused[index]);
            if (lua_rawget(lua, 2) != LUA_TNIL) {
                return luaL_error(lua, "%s is not available to scenarios", refused[index]);
            }
            lua_pop(lua, 1);
        }
    }
    lua_settop(lua, 2);
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, 2, 1);
    return 1;
}

static int collect_garbage(lua_State *lua)
{
    lua_pushinteger(lua, 0);
    return 1;
}

static void wrap_global(lua_State *lua, const char *name, lua_CFunction wrapper)
{
    lua_getglobal(lua, name);
    lua_pushcclosure(lua, wrapper, 1);
    lua_setglobal(lua, name);
}

static void open_libraries(lua_State *lua)
{
    static const luaL_Reg libraries[] = {
        {LUA_GNAME, luaopen_base},        {LUA_TABLIBNAME, luaopen_table},
        {LUA_STRLIBNAME, luaopen_string}, {LUA_MATHLIBNAME, luaopen_math},
        {LUA_UTF8LIBNAME, luaopen_utf8},  {NULL, NULL},
    };
    static const char *const removed[] = {"dofile", "loadfile", "warn", NULL};
    for (const luaL_Reg *library = libraries; library->name != NULL; library += 1) {
        luaL_requiref(lua, library->name, library->func, 1);
        lua_pop(lua, 1);
    }
    for (size_t index = 0; removed[index] != NULL; index += 1) {
        lua_pushnil(lua);
        lua_setglobal(lua, removed[index]);
    }
    /* luaL_requiref keeps the libraries in the registry, which no script can reach. */
    lua_register(lua, "pcall", protected_call);
    lua_register(lua, "xpcall", protected_call_handled);
    lua_register(lua, "collectgarbage", collect_garbage);
    wrap_global(lua, "setmetatable", set_metatable);
    wrap_global(lua, "load", load_text);
    lua_newtable(lua);
    lua_pushcclosure(lua, require_file, 1);
    lua_setglobal(lua, "require");
}

static int open_sandbox(lua_State *lua)
{
    open_libraries(lua);
    script_open_pairs(lua);
    script_open_strings(lua);
    script_open_table(lua);
    script_open_random(lua);
    return 0;
}

/* ---- Life ------------------------------------------------------------------------------------ */

static char *copy_bytes(const char *text, size_t length_bytes)
{
    char *copy = malloc(length_bytes + 1);
    if (copy != NULL) {
        memcpy(copy, text, length_bytes);
        copy[length_bytes] = '\0';
    }
    return copy;
}

static bool set_place(struct script *script, const char *path)
{
    const char *slash = strrchr(path, '/');
    script->path = copy_bytes(path, strlen(path));
    if (slash == NULL) {
        script->folder = copy_bytes(".", 1);
    } else {
        script->folder = copy_bytes(path, slash == path ? 1 : (size_t)(slash - path));
    }
    if (script->path == NULL || script->folder == NULL) {
        return false;
    }
    script->root = realpath(script->folder, NULL);
    if (script->root == NULL) {
        script->root = copy_bytes(script->folder, strlen(script->folder));
    }
    return script->root != NULL;
}

int script_new(const char *path, uint64_t seed, FILE *log, struct script **script_out)
{
    struct script *script = calloc(1, sizeof *script);
    if (script == NULL) {
        return RP_ERR_NOMEM;
    }
    script->seed = seed;
    script->log = log;
    sim_rng_init(&script->math_rng, seed, "script-math", rp_view_text(""), 0);
    sim_rng_init(&script->story_rng, seed, "script-rng", rp_view_text(""), 0);
    sim_rng_init(&script->draw_rng, seed, "script-draw", rp_view_text(""), 0);
    if (!set_place(script, path)) {
        script_free(script);
        return RP_ERR_NOMEM;
    }
    script->lua = lua_newstate(allocate, script);
    if (script->lua == NULL) {
        script_free(script);
        return RP_ERR_NOMEM;
    }
    memcpy(lua_getextraspace(script->lua), &script, sizeof script);
    lua_sethook(script->lua, count_hook, LUA_MASKCOUNT, HOOK_INSTRUCTIONS);
    lua_pushcfunction(script->lua, open_sandbox);
    if (lua_pcall(script->lua, 0, 0, 0) != LUA_OK) {
        script_free(script);
        return RP_ERR_NOMEM;
    }
    *script_out = script;
    return 0;
}

void script_free(struct script *script)
{
    if (script == NULL) {
        return;
    }
    if (script->lua != NULL) {
        lua_close(script->lua);
    }
    free(script->path);
    free(script->folder);
    free(script->root);
    free(script);
}
