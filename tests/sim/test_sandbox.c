/* Tests of the sandbox: limits hold against scripts that try, and nothing depends on addresses. */
#include <check.h>
#include <stdlib.h>

#include "protocol/buffer.h"
#include "sim/script_message.h"
#include "sim/script_state.h"
#include "tests/lib/test_alloc.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* ---- Helpers --------------------------------------------------------------------------------- */

/* Runs a chunk; its error, or its first result as text, or "" are in `text_out`. */
static bool run_chunk(const char *chunk, uint64_t seed, char text_out[SCRIPT_TEXT_MAX])
{
    struct script *script = NULL;
    ck_assert_int_eq(script_new("folder/case.lua", seed, NULL, &script), 0);
    ck_assert_int_eq(luaL_loadbufferx(script->lua, chunk, strlen(chunk), "@case.lua", "t"), LUA_OK);
    bool is_ok = script_call(script, 0, 1);
    const char *text = is_ok ? lua_tostring(script->lua, -1) : script->error;
    (void)snprintf(text_out, SCRIPT_TEXT_MAX, "%s", text == NULL ? "" : text);
    script_free(script);
    return is_ok;
}

/* ---- Tables ---------------------------------------------------------------------------------- */

struct stop_row {
    const char *name, *chunk, *place;
};
static const struct stop_row stops[] = {
    {"endless loop", "local x\nwhile true do x = 1 end", "folder/case.lua:2: "},
    {"endless loop in pcall", "while true do\n pcall(function() while true do end end) end",
     "folder/case.lua:2: "},
    {"endless handler", "xpcall(function() error('x') end,\n function() while true do end end)",
     "folder/case.lua:2: "},
    {"handler of the limit",
     "xpcall(function() while true do end end,\n"
     "function() while true do end end) while true do end",
     "folder/case.lua:1: "},
    {"string bomb", "local s = 'x'\nwhile true do s = s .. s end", "folder/case.lua"},
    {"string bomb in pcall",
     "while true do pcall(function()\n"
     "local s = 'x' while true do s = s .. s end end) end",
     "folder/case.lua"},
    {"table bomb", "local t = {}\nwhile true do t[#t + 1] = {} end", "folder/case.lua"},
    {"garbage bomb", "local s = string.rep('x', 1 << 24)\nwhile true do local t = s .. 'y' end",
     "folder/case.lua"},
    {"table.move bomb", "table.move({}, 1, 1 << 62, 2)", "folder/case.lua:1: "},
    {"table.concat bomb",
     "table.concat(setmetatable({}, {__index = function() return '' end}),\n"
     "'', 1, 1 << 62)",
     "folder/case.lua"},
    {"table.insert bomb",
     "table.insert(setmetatable({}, {__len = function() return 1 << 62 end}),"
     " 1, 1)",
     "folder/case.lua:1: "},
    {"table.sort bomb", "table.sort(setmetatable({}, {__len = function() return 1 << 62 end}))",
     "folder/case.lua:1: "},
    {"pattern bomb",
     "local p = string.rep('.*', 20) .. 'x'\n"
     "return string.find(string.rep('a', 1000), p)",
     "folder/case.lua:2: "},
    {"pattern bomb in gsub", "return (string.rep('a', 3000):gsub('.-.-.-.-b', ''))",
     "folder/case.lua:1: "},
    {"pattern bomb in gmatch", "for _ in string.rep('a', 3000):gmatch('.-.-.-.-b') do end",
     "folder/case.lua:1: "},
    {"finding bomb",
     "local a = string.rep('a', 1 << 20)\nreturn a:find(a .. 'b', 1, true),"
     " (a .. a):find(string.rep('a', 1 << 19) .. 'b', 1, true)",
     "folder/case.lua:2: "},
    {"to-be-closed",
     "pcall(function() local x <close> = setmetatable({}, {__close = function()\n"
     "while true do end end}) while true do end end)",
     "folder/case.lua"},
};

struct text_row {
    const char *name, *chunk, *expected;
};
static const struct text_row refusals[] = {
    {"io", "return io.open('x')", "'io'"},
    {"os", "return os.time()", "'os'"},
    {"debug", "return debug.getinfo(1)", "'debug'"},
    {"coroutine", "return coroutine.create(print)", "'coroutine'"},
    {"package", "return package.path", "'package'"},
    {"dofile", "return dofile('x')", "'dofile'"},
    {"loadfile", "return loadfile('x')", "'loadfile'"},
    {"dump", "return string.dump(print)", "'dump'"},
    {"bytecode", "return assert(load('\\27Lua', 'x', 'b'))", "binary chunk"},
    {"long repetition", "return string.rep('x', 1 << 62)", "too large"},
    {"address by %p", "return string.format('%p', {})", "%p"},
    {"finalizer", "setmetatable({}, {__gc = print})", "__gc"},
    {"weak table", "setmetatable({}, {__mode = 'k'})", "__mode"},
    {"key without an order", "for k in pairs({[{}] = 1}) do end", "no fixed order"},
    {"require above", "require '../secret'", "own folder"},
    {"require absolute", "require '/etc/passwd'", "own folder"},
    {"require of nothing", "require 'no_such'", "no_such.lua"},
    {"error without a place", "\nerror('plain', 0)", "folder/case.lua:2: plain"},
    {"error value", "error({})", "folder/case.lua:1: table: 1"},
    {"deep recursion", "local function f() return 1 + f() end return f()", "overflow"},
};

static const struct text_row values[] = {
    {"order of pairs",
     "local t = {b = 1, a = 1, [10] = 1, [2] = 1, [-1.5] = 1, [true] = 1, [false] = 1, ['2'] = 1}\n"
     "local s = '' for k in pairs(t) do s = s .. tostring(k) .. ' ' end return s",
     "-1.5 2 10 2 a b false true "},
    {"order of next",
     "local t, s, k = {c = 1, a = 2, b = 3, 7}, '', nil\n"
     "repeat k = next(t, k) s = s .. tostring(k) .. ' ' until k == nil return s",
     "1 a b c nil "},
    {"clearing while walking",
     "local t, s = {a = 1, b = 2, c = 3}, ''\n"
     "for k in pairs(t) do t[k] = nil t.c = nil s = s .. k end return s .. tostring(next(t))",
     "abnil"},
    {"__pairs",
     "local t = setmetatable({}, {__pairs = function(t) return function(_, k)\n"
     "if not k then return 1, 2 end end, t, nil end})\n"
     "local s = '' for k, v in pairs(t) do s = s .. k .. v end return s",
     "12"},
    {"numbered texts",
     "local a, b = {}, {} local s = tostring(b) .. tostring(a) .. tostring(b)\n"
     "return s .. string.format('%s', print)",
     "table: 1table: 2table: 1function: 3"},
    {"rep of nothing", "return '[' .. string.rep('', 1 << 62) .. ']'", "[]"},
    {"pcall passes on", "return tostring(select('#', pcall(error))) .. tostring(pcall(error, 'x'))",
     "2false"},
    {"xpcall handles", "return select(2, xpcall(error, function(m) return m .. '!' end, 'x'))",
     "x!"},
    {"collectgarbage", "return collectgarbage('count') .. collectgarbage()", "00"},
    {"find with captures",
     "return table.concat({string.find('key = value', '(%w+)%s*=%s*(%w+)')},"
     " ',')",
     "1,11,key,value"},
    {"match anchored", "return tostring(string.match('xab', '^a')) .. string.match('ab', '^(a)b$')",
     "nila"},
    {"lazy and sets",
     "return string.match('[[x]] y', '%[%[(.-)%]%]') .. string.match('a-z', '[a%-]+')", "xa-"},
    {"balanced", "return string.match('f(a(b)c)d', '%b()')", "(a(b)c)"},
    {"frontier", "return (string.gsub('THE (quick) fox', '%f[%a]%a+', 'W'))", "W (W) W"},
    {"back reference", "return string.match([[say \"it's\"]], '([\"\\'])(.-)%1') .. '|'", "\"|"},
    {"position capture", "return tostring(string.match('hello', '()ll()'))", "3"},
    {"gsub by table", "return (string.gsub('$name is $age', '%$(%w+)', {name = 'x', age = 7}))",
     "x is 7"},
    {"gsub by function",
     "return (string.gsub('abc', '%w', function(c) if c ~= 'b' then\n"
     "return c .. c end end))",
     "aabcc"},
    {"gsub of empty matches",
     "return (string.gsub('abc', '%w*', 'x')) .. (string.gsub('abc', '', '-'))", "x-a-b-c-"},
    {"gsub counts", "return tostring(select(2, string.gsub('aaa', 'a', '%0%0', 2)))", "2"},
    {"gmatch",
     "local s = '' for k, v in string.gmatch('a=1, b=2', '(%w+)=(%w+)') do\n"
     "s = s .. k .. v end return s",
     "a1b2"},
    {"classes", "return (string.gsub('a1 B_\\t', '[%u%d%s]', '.'))", "a..._."},
    {"range in a set", "return string.match('x42-7', '[0-9-]+')", "42-7"},
    {"optional", "return string.match('-7', '%-?%d+') .. string.match('7', '%-?%d+')", "-77"},
    {"stable sort",
     "local t = {{2, 'a'}, {1, 'b'}, {2, 'c'}, {1, 'd'}}\n"
     "table.sort(t, function(x, y) return x[1] < y[1] end)\n"
     "return t[1][2] .. t[2][2] .. t[3][2] .. t[4][2]",
     "bdac"},
    {"sort", "local t = {5, 2, 8, 1} table.sort(t) return table.concat(t, ',')", "1,2,5,8"},
    {"load of text", "return load('return 1 + 1')() .. load('return x', 'c', 't', {x = 3})()",
     "23"},
    {"load of nonsense", "return tostring(load('return +')) .. type(select(2, load('return +')))",
     "nilstring"},
};

/* ---- Tests ----------------------------------------------------------------------------------- */

/* scenario-api, limits: whatever the script does, it is stopped, with the line. */
START_TEST(limits_stop_a_script_and_name_the_line)
{
    char text[SCRIPT_TEXT_MAX];
    ck_assert_msg(!run_chunk(stops[_i].chunk, 1, text), "%s: ran to its end", stops[_i].name);
    ck_assert_msg(strstr(text, stops[_i].place) != NULL, "%s: '%s'", stops[_i].name, text);
    ck_assert_msg(strstr(text, "the script was stopped") != NULL, "%s: '%s'", stops[_i].name, text);
}
END_TEST

/* scenario-api, the Lua a scenario sees: what is not there, and what is refused. */
START_TEST(refused_calls_say_why)
{
    char text[SCRIPT_TEXT_MAX];
    ck_assert_msg(!run_chunk(refusals[_i].chunk, 1, text), "%s: ran", refusals[_i].name);
    ck_assert_msg(strstr(text, refusals[_i].expected) != NULL, "%s: '%s'", refusals[_i].name, text);
    ck_assert_msg(strncmp(text, "folder/case.lua", 15) == 0, "%s: '%s'", refusals[_i].name, text);
}
END_TEST

/* Replaced functions answer as the manual says, in a fixed order and without addresses. */
START_TEST(replaced_functions_keep_their_meaning)
{
    char text[SCRIPT_TEXT_MAX];
    bool is_ok = run_chunk(values[_i].chunk, 1, text);
    ck_assert_msg(is_ok && strcmp(text, values[_i].expected) == 0, "%s: '%s'", values[_i].name,
                  text);
}
END_TEST

/* math.random is a function of the run's seed, whatever the script asks of randomseed. */
START_TEST(random_numbers_come_from_the_seed)
{
    static const char chunk[] = "local a = math.random(1000000) .. '/' .. math.random()\n"
                                "math.randomseed(7) return a .. '/' .. math.random(5, 500000)";
    char first[SCRIPT_TEXT_MAX], again[SCRIPT_TEXT_MAX], other[SCRIPT_TEXT_MAX];
    ck_assert(run_chunk(chunk, 42, first));
    ck_assert(run_chunk(chunk, 42, again));
    ck_assert(run_chunk(chunk, 43, other));
    ck_assert_str_eq(first, again);
    ck_assert_str_ne(first, other);
}
END_TEST

/* scenario-api, ids: numbers within ids count as numbers. */
START_TEST(ids_are_ordered_by_number)
{
    ck_assert_int_lt(script_compare_ids("reader-2", "reader-10"), 0);
    ck_assert_int_lt(script_compare_ids("reader-10", "writer-1"), 0);
    ck_assert_int_eq(script_compare_ids("reader-2", "reader-2"), 0);
    ck_assert_int_gt(script_compare_ids("reader-3", "reader-2"), 0);
}
END_TEST

/* ---- Buffers --------------------------------------------------------------------------------- */

/* Argument: the memory that the buffer takes. The script has none left for the text. */
static int fill_and_finish(lua_State *lua)
{
    struct test_alloc *memory = lua_touserdata(lua, 1);
    struct rp_buffer *buffer = script_push_buffer(lua, 1 << 20);
    buffer->alloc = &memory->alloc;
    ck_assert_int_eq(rp_buffer_append(buffer, rp_view_text("a text that nobody has yet")), 0);
    ck_assert_uint_eq(memory->live_count, 1);
    script_of(lua)->memory.used_bytes += SCRIPT_MEMORY_BYTES_MAX;
    script_finish_buffer(lua, buffer);
    return 1;
}

/* The limit of memory is hit between a buffer's birth and its end: the script ends, and nothing of it
 * stays. */
START_TEST(buffer_outlives_no_error)
{
    struct script *script = NULL;
    struct test_alloc memory;
    test_alloc_init(&memory);
    ck_assert_int_eq(script_new("folder/case.lua", 1, NULL, &script), 0);
    lua_pushcfunction(script->lua, fill_and_finish);
    lua_pushlightuserdata(script->lua, &memory);
    ck_assert(!script_call(script, 1, 1));
    script->memory.used_bytes -= SCRIPT_MEMORY_BYTES_MAX;
    script_free(script);
    ck_assert_uint_eq(memory.live_count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sandbox");
    TCase *tc = tcase_create("sandbox");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, limits_stop_a_script_and_name_the_line, 0, ROWS(stops));
    tcase_add_loop_test(tc, refused_calls_say_why, 0, ROWS(refusals));
    tcase_add_loop_test(tc, replaced_functions_keep_their_meaning, 0, ROWS(values));
    tcase_add_test(tc, random_numbers_come_from_the_seed);
    tcase_add_test(tc, ids_are_ordered_by_number);
    tcase_add_test(tc, buffer_outlives_no_error);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
