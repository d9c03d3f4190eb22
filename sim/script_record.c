#include "sim/script_record.h"

#include <inttypes.h>
#include <stdlib.h>

#include "protocol/error.h"
#include "sim/script_attacker.h"
#include "sim/script_record_text.h"
#include "sim/script_story.h"

struct recording {
    struct script_record face; /* first: the one is the other */
    FILE *file;
    uint64_t number;         /* of calls */
    uint64_t name_count;     /* of objects */
    bool has_call;           /* what is drawn belongs to the latest call */
    bool is_ended;           /* the story is over */
    struct record_text text; /* of the latest call */
};

/* One wrapped call; a light pointer in its closure. */
struct wrapped {
    enum script_call call;
    char method[24];
    char object[8];
};

static struct recording *recording_of(const struct script *script)
{
    return (struct recording *)(void *)script->record;
}

static void end_line(struct recording *record)
{
    (void)fputc('\n', record->file);
    (void)fflush(record->file);
}

static rp_time_ns now_of(const struct script *script)
{
    return script->world == NULL ? 0 : sim_world_now(script->world);
}

/* ---- Words ------------------------------------------------------------------------------------ */

/* The variable that holds a cluster: `c`, or `c_` and its name. */
static void put_cluster_name(struct sim_world *world, struct sim_world *first,
                             struct record_text *text)
{
    record_say(text, "c");
    if (world == NULL || world == first) {
        return;
    }
    record_say(text, "_");
    for (const char *at = sim_world_spec(world)->cluster.name; *at != '\0'; at += 1) {
        bool is_plain = strchr("-.", *at) == NULL;
        record_put(text, is_plain ? at : "_", 1);
    }
}

static bool put_receiver(lua_State *lua, const char *object, struct record_text *text)
{
    struct script *script = script_of(lua);
    struct sim_world *world = script_world(lua);
    if (strcmp(object, "a") == 0) {
        return record_put_value(lua, 1, 0, world, text);
    }
    put_cluster_name(world, script->world, text);
    if (strcmp(object, "c.net") == 0) {
        record_say(text, ".net");
    } else if (strcmp(object, "n") == 0) {
        struct sim_pod **pod = luaL_testudata(lua, 1, SCRIPT_NODE_TYPE);
        if (pod == NULL) {
            return false;
        }
        record_say(text, ":node(");
        record_put_string(text, sim_pod_id(*pod));
        record_say(text, ")");
    }
    return true;
}

static bool put_arguments(lua_State *lua, const struct wrapped *wrapped, int count,
                          struct record_text *text)
{
    struct sim_world *world = script_world(lua);
    bool is_cluster = strcmp(wrapped->method, "cluster") == 0;
    bool is_table = count == 2 && lua_istable(lua, 2);
    int params = 0;
    while (count > 1 && lua_isnil(lua, count) && strcmp(wrapped->method, "hostile") != 0) {
        count -= 1;
    }
    if (is_cluster) {
        (void)lua_getfield(lua, 1, "params");
        params = lua_gettop(lua);
    }
    record_say(text, is_table ? "" : "(");
    bool is_good = true;
    for (int index = 2; index <= count && is_good; index += 1) {
        record_say(text, index > 2 ? ", " : "");
        is_good = is_cluster ? record_put_cluster(lua, index, params, world, text)
                             : record_put_value(lua, index, 0, world, text);
    }
    record_say(text, is_table ? "" : ")");
    lua_settop(lua, is_cluster ? params - 1 : lua_gettop(lua));
    return is_good;
}

/* ---- Calls ------------------------------------------------------------------------------------ */

static void write_call(lua_State *lua, const struct wrapped *wrapped)
{
    struct script *script = script_of(lua);
    struct recording *record = recording_of(script);
    struct record_text *text = &record->text;
    text->length_bytes = 0;
    int count = lua_gettop(lua);
    bool is_good = count >= 1 && put_receiver(lua, wrapped->object, text);
    record_say(text, ":%s", wrapped->method);
    /* A function cannot be told; that somebody waited can. */
    is_good =
        is_good && (wrapped->call == SCRIPT_CALL_JUDGE || put_arguments(lua, wrapped, count, text));
    record->has_call = is_good && !text->is_failed;
    record->number += 1;
    if (record->has_call) {
        (void)fprintf(record->file, "C\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%s%s\t%s",
                      record->number, now_of(script), script_story_task(script),
                      script_call_text(wrapped->call), script_is_protected(lua) ? "?" : "",
                      text->bytes);
        end_line(record);
    }
}

/* Gives the object at `index` a name, by which later calls tell it. */
static const char *name_object(lua_State *lua, int index, const char *prefix)
{
    struct recording *record = recording_of(script_of(lua));
    index = lua_absindex(lua, index);
    if (lua_getfield(lua, LUA_REGISTRYINDEX, SCRIPT_RECORD_NAMES) != LUA_TTABLE) {
        lua_pop(lua, 1);
        lua_newtable(lua);
        lua_pushvalue(lua, -1);
        lua_setfield(lua, LUA_REGISTRYINDEX, SCRIPT_RECORD_NAMES);
    }
    record->name_count += 1;
    lua_pushvalue(lua, index);
    const char *name = lua_pushfstring(lua, "%s%I", prefix, (LUAI_UACINT)record->name_count);
    lua_rawset(lua, -3);
    lua_pop(lua, 1);
    return name; /* the registry keeps it */
}

static void write_end(lua_State *lua, const struct wrapped *wrapped, uint64_t number)
{
    struct script *script = script_of(lua);
    struct record_text name = {.bytes = NULL};
    bool has_result = lua_gettop(lua) >= 1;
    if (strcmp(wrapped->method, "attacker") == 0 && has_result) {
        record_say(&name, "%s", name_object(lua, 1, "attacker_"));
    } else if (strcmp(wrapped->method, "capture") == 0 && has_result && lua_istable(lua, 1)) {
        record_say(&name, "%s", name_object(lua, 1, "capture_"));
    } else if (strcmp(wrapped->method, "cluster") == 0 && has_result) {
        put_cluster_name(script_world(lua), script->world, &name);
    }
    (void)fprintf(recording_of(script)->file, "E\t%" PRIu64 "\t%" PRIu64 "\t%s", number,
                  now_of(script), name.bytes == NULL ? "" : name.bytes);
    end_line(recording_of(script));
    record_text_clear(&name);
}

static void write_path(lua_State *lua, int index, uint64_t number, lua_Integer row)
{
    struct recording *record = recording_of(script_of(lua));
    struct record_text path = {.bytes = NULL};
    size_t length_bytes = 0;
    const char *bytes = lua_tolstring(lua, index, &length_bytes);
    record_put_string(&path, rp_view_make(bytes, length_bytes));
    if (!path.is_failed) {
        (void)fprintf(record->file, "P\t%" PRIu64 "\t%lld\t%s", number, (long long)row, path.bytes);
        end_line(record);
    }
    record_text_clear(&path);
}

/* What a flush or a compaction made: later calls name it by its path. */
static void write_paths(lua_State *lua, const struct wrapped *wrapped, uint64_t number)
{
    bool is_one = strcmp(wrapped->method, "compact") == 0;
    if (is_one && lua_type(lua, 1) == LUA_TSTRING) {
        write_path(lua, 1, number, 0);
    }
    if (strcmp(wrapped->method, "flush") != 0 || !lua_istable(lua, 1)) {
        return;
    }
    for (lua_Integer row = 1; lua_rawgeti(lua, 1, row) == LUA_TSTRING; row += 1) {
        write_path(lua, -1, number, row);
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
}

static int recorded_end(lua_State *lua, int status, lua_KContext context)
{
    struct script *script = script_of(lua);
    const struct wrapped *wrapped = lua_touserdata(lua, lua_upvalueindex(2));
    if (status != LUA_OK && status != LUA_YIELD) {
        (void)fprintf(recording_of(script)->file, "X\t%" PRIu64, (uint64_t)context);
        end_line(recording_of(script));
        return lua_error(lua);
    }
    write_end(lua, wrapped, (uint64_t)context);
    write_paths(lua, wrapped, (uint64_t)context);
    recording_of(script)->has_call = false;
    return lua_gettop(lua);
}

/* Upvalues: the call, what it is. */
static int recorded_call(lua_State *lua)
{
    struct recording *record = recording_of(script_of(lua));
    int count = lua_gettop(lua);
    luaL_checkstack(lua, 16, NULL);
    write_call(lua, lua_touserdata(lua, lua_upvalueindex(2)));
    uint64_t number = record->number;
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    int status = lua_pcallk(lua, count, LUA_MULTRET, 0, (lua_KContext)number, recorded_end);
    return recorded_end(lua, status, (lua_KContext)number);
}

/* ---- Hooks ------------------------------------------------------------------------------------ */

static const char *object_of(const char *kind)
{
    static const char *const kinds[][2] = {{SCRIPT_CLUSTER_TYPE, "c"},
                                           {SCRIPT_NODE_TYPE, "n"},
                                           {SCRIPT_NET_TYPE, "c.net"},
                                           {SCRIPT_ATTACKER_TYPE, "a"}};
    for (size_t row = 0; row < sizeof kinds / sizeof kinds[0]; row += 1) {
        if (strcmp(kinds[row][0], kind) == 0) {
            return kinds[row][1];
        }
    }
    return "";
}

static void set_methods(lua_State *lua, const char *kind, const luaL_Reg *methods)
{
    const char *object = object_of(kind);
    for (; methods->name != NULL; methods += 1) {
        enum script_call call = script_call_of(object, methods->name);
        bool is_wait = call == SCRIPT_CALL_WAIT || strcmp(methods->name, "wait") == 0;
        if (call == SCRIPT_CALL_FAULT || call == SCRIPT_CALL_WORK || is_wait) {
            lua_pushcfunction(lua, methods->func);
            struct wrapped *wrapped = lua_newuserdatauv(lua, sizeof *wrapped, 0);
            memset(wrapped, 0, sizeof *wrapped);
            wrapped->call = call;
            (void)snprintf(wrapped->method, sizeof wrapped->method, "%s", methods->name);
            (void)snprintf(wrapped->object, sizeof wrapped->object, "%s", object);
            lua_pushcclosure(lua, recorded_call, 2);
            lua_setfield(lua, -2, methods->name);
        }
    }
}

static void write_section(lua_State *lua, const char *section)
{
    struct recording *record = recording_of(script_of(lua));
    struct record_text text = {.bytes = NULL};
    bool is_cluster = strcmp(section, "cluster") == 0;
    int params = is_cluster ? 3 : 0; /* as sections are read: reading, table, parameters */
    bool is_put = is_cluster ? record_put_cluster(lua, -1, params, NULL, &text)
                             : record_put_value(lua, -1, params, NULL, &text);
    if (is_put && !text.is_failed) {
        (void)fprintf(record->file, "D\t%s\t%s", section, text.bytes);
        end_line(record);
    }
    record_text_clear(&text);
}

/* The first such string of the call is replaced: ranges are drawn from in the order of their keys, and
 * equal ones are alike. */
static void replace_range(struct recording *record, const char *range, int64_t value,
                          const char *unit)
{
    struct record_text quoted = {.bytes = NULL}, changed = {.bytes = NULL};
    record_put_string(&quoted, rp_view_text(range));
    const char *at = quoted.is_failed ? NULL : strstr(record->text.bytes, quoted.bytes);
    if (at != NULL) {
        record_put(&changed, record->text.bytes, (size_t)(at - record->text.bytes));
        if (strcmp(unit, "ns") == 0) {
            record_put_duration(&changed, value);
        } else {
            record_say(&changed, "%" PRId64, value);
        }
        at += quoted.length_bytes;
        record_put(&changed, at, strlen(at));
    }
    if (at != NULL && !changed.is_failed) {
        record_text_clear(&record->text);
        record->text = changed;
        (void)fprintf(record->file, "R\t%" PRIu64 "\t%s", record->number, changed.bytes);
        end_line(record);
    } else {
        record_text_clear(&changed);
    }
    record_text_clear(&quoted);
}

static void drew(lua_State *lua, int index, struct sim_range range, int64_t value, const char *unit)
{
    struct recording *record = recording_of(script_of(lua));
    if (!record->has_call || lua_type(lua, index) != LUA_TSTRING || range.low == range.high) {
        return;
    }
    replace_range(record, lua_tostring(lua, index), value, unit);
}

static void rest(struct script_record *record)
{
    ((struct recording *)(void *)record)->has_call = false;
}

static void end_record(struct script *script)
{
    struct recording *record = recording_of(script);
    if (!record->is_ended) {
        record->is_ended = true;
        (void)fprintf(record->file, "T\t%" PRIu64, now_of(script));
        end_line(record);
    }
}

/* ---- What becomes of the run ------------------------------------------------------------------ */

static void on_violated(void *context, struct sim_world *world,
                        const struct sim_violation *violation)
{
    struct script *script = context;
    (void)world;
    (void)fprintf(recording_of(script)->file, "V\t%" PRIu64 "\t%s\t%s", violation->time_ns,
                  violation->property, violation->place);
    end_line(recording_of(script));
}

/* Its line names the cluster `c`: in another one, that name is bound first. */
static void on_decided(void *context, struct sim_world *world, const struct sim_decision *decision)
{
    static const char opening[] = "function() ";
    struct script *script = context;
    char *lua = decision->is_applied ? sim_decision_lua(decision) : NULL;
    const char *body = lua == NULL ? NULL : strstr(lua, opening);
    if (body == NULL) {
        free(lua);
        return;
    }
    struct record_text text = {.bytes = NULL};
    body += sizeof opening - 1;
    record_put(&text, lua, (size_t)(body - lua));
    if (world != script->world) {
        record_say(&text, "local c = ");
        put_cluster_name(world, script->world, &text);
        record_say(&text, " ");
    }
    record_put(&text, body, strlen(body));
    if (!text.is_failed) {
        (void)fprintf(recording_of(script)->file, "N\t%" PRIu64 "\t%s", decision->at_ns,
                      text.bytes);
        end_line(recording_of(script));
    }
    record_text_clear(&text);
    free(lua);
}

void script_record_world(struct script *script, struct sim_world *world)
{
    if (script->record != NULL) {
        const struct sim_run_watch watch = {script, on_violated, on_decided};
        sim_world_watch_run(world, &watch);
    }
}

/* ---- Birth and end ------------------------------------------------------------------------------ */

int script_record_new(FILE *file, struct script_record **record_out)
{
    struct recording *record = calloc(1, sizeof *record);
    if (record == NULL) {
        return RP_ERR_NOMEM;
    }
    record->face = (struct script_record){set_methods, write_section, drew, rest, end_record};
    record->file = file;
    *record_out = &record->face;
    return 0;
}

void script_record_free(struct script_record *record)
{
    if (record != NULL) {
        record_text_clear(&((struct recording *)(void *)record)->text);
        free(record);
    }
}
