/* Where a story is recorded from: nothing happens when it is not. */
#include "sim/script_record.h"

void script_set_methods(lua_State *lua, const char *object, const luaL_Reg *methods)
{
    const struct script_record *record = script_of(lua)->record;
    luaL_setfuncs(lua, methods, 0);
    if (record != NULL) {
        record->set_methods(lua, object, methods);
    }
}

void script_record_section(lua_State *lua, const char *section)
{
    const struct script_record *record = script_of(lua)->record;
    if (record != NULL && !lua_isnil(lua, -1)) {
        record->section(lua, section);
    }
}

void script_record_drew(lua_State *lua, int index, struct sim_range range, int64_t value,
                        const char *unit)
{
    const struct script_record *record = script_of(lua)->record;
    if (record != NULL) {
        record->drew(lua, index, range, value, unit);
    }
}

void script_record_rest(struct script *script)
{
    if (script->record != NULL) {
        script->record->rest(script->record);
    }
}

void script_record_end(struct script *script)
{
    if (script->record != NULL) {
        script->record->end(script);
    }
}
