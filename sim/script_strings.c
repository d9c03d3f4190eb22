/* string.*, bounded: patterns are matched here with a counted budget, so that no pattern runs away,
 * and string.rep and string.format make no text longer than a limit and show no address. */
#include "sim/script_state.h"

#include <ctype.h>

/* ---- Patterns --------------------------------------------------------------------------------- */

#define CAPTURE_COUNT_MAX 32
#define MATCH_DEPTH_MAX   200
#define STEPS_TOLD        1024 /* steps between two calls of the counter */

enum capture_state { CAPTURE_OPEN, CAPTURE_CLOSED, CAPTURE_POSITION };

struct capture {
    const char *start;
    size_t length;
    enum capture_state state;
};

struct matcher {
    lua_State *lua;
    const char *subject, *subject_end, *pattern_end;
    struct capture captures[CAPTURE_COUNT_MAX];
    int capture_count;
    int depth;
    uint32_t steps;
};

static const char *match(struct matcher *m, const char *at, const char *pattern);

static void take_step(struct matcher *m)
{
    m->steps += 1;
    if (m->steps == STEPS_TOLD) {
        script_spend(m->lua, STEPS_TOLD);
        m->steps = 0;
    }
}

static bool is_in_class(unsigned char byte, unsigned char class)
{
    int is_member = 0;
    switch (tolower(class)) {
    case 'a': is_member = isalpha(byte); break;
    case 'c': is_member = iscntrl(byte); break;
    case 'd': is_member = isdigit(byte); break;
    case 'g': is_member = isgraph(byte); break;
    case 'l': is_member = islower(byte); break;
    case 'p': is_member = ispunct(byte); break;
    case 's': is_member = isspace(byte); break;
    case 'u': is_member = isupper(byte); break;
    case 'w': is_member = isalnum(byte); break;
    case 'x': is_member = isxdigit(byte); break;
    default: return byte == class; /* an escaped sign stands for itself */
    }
    return (is_member != 0) == (islower(class) != 0);
}

/* The end of the single item (a sign, a class or a set) that begins at `pattern`. */
static const char *item_end(struct matcher *m, const char *pattern)
{
    char first = *pattern++;
    if (first == '%') {
        if (pattern == m->pattern_end) {
            luaL_error(m->lua, "malformed pattern (ends with '%%')");
        }
        return pattern + 1;
    }
    if (first != '[') {
        return pattern;
    }
    if (pattern < m->pattern_end && *pattern == '^') {
        pattern += 1;
    }
    /* The first sign of a set is a member, even a bracket. */
    do {
        if (pattern == m->pattern_end) {
            luaL_error(m->lua, "malformed pattern (missing ']')");
        }
        if (*pattern++ == '%') {
            pattern += pattern < m->pattern_end;
        }
    } while (pattern == m->pattern_end || *pattern != ']');
    return pattern + 1;
}

/* `set` is at '[', `last` at its ']'. */
static bool is_in_set(struct matcher *m, unsigned char byte, const char *set, const char *last)
{
    bool is_positive = true;
    set += 1;
    if (*set == '^') {
        is_positive = false;
        set += 1;
    }
    for (; set < last; set += 1) {
        take_step(m);
        if (*set == '%' && set + 1 < last) {
            set += 1;
            if (is_in_class(byte, (unsigned char)*set)) {
                return is_positive;
            }
        } else if (set + 2 < last && set[1] == '-') {
            if ((unsigned char)set[0] <= byte && byte <= (unsigned char)set[2]) {
                return is_positive;
            }
            set += 2;
        } else if ((unsigned char)*set == byte) {
            return is_positive;
        }
    }
    return !is_positive;
}

static bool is_item(struct matcher *m, const char *at, const char *pattern, const char *end)
{
    take_step(m);
    if (at >= m->subject_end) {
        return false;
    }
    unsigned char byte = (unsigned char)*at;
    switch (*pattern) {
    case '.': return true;
    case '%': return is_in_class(byte, (unsigned char)pattern[1]);
    case '[': return is_in_set(m, byte, pattern, end - 1);
    default: return (unsigned char)*pattern == byte;
    }
}

/* As many as there are, then fewer, one by one. */
static const char *match_greedy(struct matcher *m, const char *at, const char *pattern,
                                const char *end, ptrdiff_t least)
{
    ptrdiff_t count = 0;
    while (is_item(m, at + count, pattern, end)) {
        count += 1;
    }
    for (; count >= least; count -= 1) {
        const char *matched = match(m, at + count, end + 1);
        if (matched != NULL) {
            return matched;
        }
        take_step(m);
    }
    return NULL;
}

static const char *match_lazy(struct matcher *m, const char *at, const char *pattern,
                              const char *end)
{
    for (;;) {
        const char *matched = match(m, at, end + 1);
        if (matched != NULL) {
            return matched;
        }
        if (!is_item(m, at, pattern, end)) {
            return NULL;
        }
        at += 1;
    }
}

static const char *open_capture(struct matcher *m, const char *at, const char *pattern)
{
    if (m->capture_count == CAPTURE_COUNT_MAX) {
        luaL_error(m->lua, "too many captures");
    }
    bool is_position = pattern + 1 < m->pattern_end && pattern[1] == ')';
    struct capture capture = {at, 0, is_position ? CAPTURE_POSITION : CAPTURE_OPEN};
    m->captures[m->capture_count++] = capture;
    const char *matched = match(m, at, pattern + (is_position ? 2 : 1));
    if (matched == NULL) {
        m->capture_count -= 1;
    }
    return matched;
}

static const char *close_capture(struct matcher *m, const char *at, const char *pattern)
{
    int index = m->capture_count - 1;
    while (index >= 0 && m->captures[index].state != CAPTURE_OPEN) {
        index -= 1;
    }
    if (index < 0) {
        luaL_error(m->lua, "invalid pattern capture");
    }
    m->captures[index].state = CAPTURE_CLOSED;
    m->captures[index].length = (size_t)(at - m->captures[index].start);
    const char *matched = match(m, at, pattern + 1);
    if (matched == NULL) {
        m->captures[index].state = CAPTURE_OPEN;
    }
    return matched;
}

/* %bxy: from an x to the y that balances it. */
static const char *match_balanced(struct matcher *m, const char *at, const char *pattern)
{
    if (m->pattern_end - pattern < 4) {
        luaL_error(m->lua, "malformed pattern (missing arguments to '%%b')");
    }
    if (at >= m->subject_end || *at != pattern[2]) {
        return NULL;
    }
    size_t open_count = 1;
    for (at += 1; at < m->subject_end; at += 1) {
        take_step(m);
        if (*at == pattern[3]) {
            open_count -= 1;
            if (open_count == 0) {
                return at + 1;
            }
        } else if (*at == pattern[2]) {
            open_count += 1;
        }
    }
    return NULL;
}

/* %f[set]: between a sign outside the set and one within; the ends count as NUL. */
static bool is_frontier(struct matcher *m, const char *at, const char *set, const char *end)
{
    unsigned char before = at == m->subject ? 0 : (unsigned char)at[-1];
    unsigned char after = at == m->subject_end ? 0 : (unsigned char)*at;
    return !is_in_set(m, before, set, end - 1) && is_in_set(m, after, set, end - 1);
}

static const char *match_again(struct matcher *m, const char *at, char digit)
{
    int index = digit - '1';
    if (index < 0 || index >= m->capture_count || m->captures[index].state != CAPTURE_CLOSED) {
        luaL_error(m->lua, "invalid capture index %%%d", index + 1);
    }
    const struct capture *capture = &m->captures[index];
    script_spend(m->lua, capture->length / 16);
    if ((size_t)(m->subject_end - at) < capture->length ||
        memcmp(capture->start, at, capture->length) != 0) {
        return NULL;
    }
    return at + capture->length;
}

/* %b, %f and %1: moves both on. False: no match. `pattern` is at '%'. */
static bool take_special(struct matcher *m, const char **at, const char **pattern)
{
    const char *end = NULL;
    char kind = (*pattern)[1];
    if (kind == 'b') {
        *at = match_balanced(m, *at, *pattern);
        *pattern += 4;
    } else if (kind == 'f') {
        *pattern += 2;
        if (*pattern >= m->pattern_end || **pattern != '[') {
            luaL_error(m->lua, "missing '[' after '%%f' in pattern");
        }
        end = item_end(m, *pattern);
        *at = is_frontier(m, *at, *pattern, end) ? *at : NULL;
        *pattern = end;
    } else {
        *at = match_again(m, *at, kind);
        *pattern += 2;
    }
    return *at != NULL;
}

static bool is_special(struct matcher *m, const char *pattern)
{
    return *pattern == '%' && pattern + 1 < m->pattern_end &&
           (pattern[1] == 'b' || pattern[1] == 'f' || isdigit((unsigned char)pattern[1]));
}

static const char *match_rest(struct matcher *m, const char *at, const char *pattern)
{
    while (pattern < m->pattern_end) {
        if (*pattern == '(') {
            return open_capture(m, at, pattern);
        }
        if (*pattern == ')') {
            return close_capture(m, at, pattern);
        }
        if (*pattern == '$' && pattern + 1 == m->pattern_end) {
            return at == m->subject_end ? at : NULL;
        }
        if (is_special(m, pattern)) {
            if (!take_special(m, &at, &pattern)) {
                return NULL;
            }
            continue;
        }
        const char *end = item_end(m, pattern);
        char repeat = end < m->pattern_end ? *end : '\0';
        if (repeat == '*' || repeat == '+') {
            return match_greedy(m, at, pattern, end, repeat == '+');
        }
        if (repeat == '-') {
            return match_lazy(m, at, pattern, end);
        }
        bool is_there = is_item(m, at, pattern, end);
        if (repeat == '?') {
            const char *matched = is_there ? match(m, at + 1, end + 1) : NULL;
            if (matched != NULL) {
                return matched;
            }
            pattern = end + 1;
            continue;
        }
        if (!is_there) {
            return NULL;
        }
        at += 1;
        pattern = end;
    }
    return at;
}

static const char *match(struct matcher *m, const char *at, const char *pattern)
{
    if (m->depth == MATCH_DEPTH_MAX) {
        luaL_error(m->lua, "pattern too complex");
    }
    m->depth += 1;
    const char *matched = match_rest(m, at, pattern);
    m->depth -= 1;
    return matched;
}

static void matcher_init(struct matcher *m, lua_State *lua, struct rp_view subject,
                         struct rp_view pattern)
{
    memset(m, 0, sizeof *m);
    m->lua = lua;
    m->subject = (const char *)subject.bytes;
    m->subject_end = m->subject + subject.length_bytes;
    m->pattern_end = (const char *)pattern.bytes + pattern.length_bytes;
}

static const char *try_match(struct matcher *m, const char *at, const char *pattern)
{
    m->capture_count = 0;
    m->depth = 0;
    take_step(m);
    return match(m, at, pattern);
}

static void push_capture(struct matcher *m, int index, const char *start, const char *end)
{
    if (index == 0 && m->capture_count == 0) {
        lua_pushlstring(m->lua, start, (size_t)(end - start));
        return;
    }
    if (index >= m->capture_count) {
        luaL_error(m->lua, "invalid capture index %%%d", index + 1);
    }
    const struct capture *capture = &m->captures[index];
    if (capture->state == CAPTURE_OPEN) {
        luaL_error(m->lua, "unfinished capture");
    }
    if (capture->state == CAPTURE_POSITION) {
        lua_pushinteger(m->lua, capture->start - m->subject + 1);
    } else {
        lua_pushlstring(m->lua, capture->start, capture->length);
    }
}

/* All captures; the whole match when there are none and `start` is given. */
static int push_captures(struct matcher *m, const char *start, const char *end)
{
    int count = m->capture_count == 0 && start != NULL ? 1 : m->capture_count;
    luaL_checkstack(m->lua, count, "too many captures");
    for (int index = 0; index < count; index += 1) {
        push_capture(m, index, start, end);
    }
    return count;
}

/* ---- find, match, gmatch, gsub ---------------------------------------------------------------- */

static struct rp_view check_view(lua_State *lua, int index)
{
    size_t length_bytes = 0;
    const char *text = luaL_checklstring(lua, index, &length_bytes);
    return rp_view_make(text, length_bytes);
}

/* From 1, or from the end when negative, to an offset; above the length means beyond the end. */
static size_t start_offset(lua_State *lua, int index, size_t length_bytes)
{
    lua_Integer start = luaL_optinteger(lua, index, 1);
    if (start > 0) {
        return (lua_Unsigned)start - 1 > length_bytes ? length_bytes + 1 : (size_t)start - 1;
    }
    if (start == 0 || start < -(lua_Integer)length_bytes) {
        return 0;
    }
    return length_bytes - (size_t)-start;
}

static bool has_specials(struct rp_view pattern)
{
    for (size_t index = 0; index < pattern.length_bytes; index += 1) {
        if (pattern.bytes[index] != '\0' && strchr("^$*+?.([%-", pattern.bytes[index]) != NULL) {
            return true;
        }
    }
    return false;
}

static int find_plain(lua_State *lua, struct rp_view subject, struct rp_view pattern, size_t from)
{
    for (size_t at = from; at + pattern.length_bytes <= subject.length_bytes; at += 1) {
        size_t same = 0;
        while (same < pattern.length_bytes && subject.bytes[at + same] == pattern.bytes[same]) {
            same += 1;
        }
        if (same == pattern.length_bytes) {
            script_spend(lua, (at - from) / 16);
            lua_pushinteger(lua, (lua_Integer)at + 1);
            lua_pushinteger(lua, (lua_Integer)(at + pattern.length_bytes));
            return 2;
        }
        if (same > 16 || (at & 1023) == 1023) {
            script_spend(lua, 64 + same);
        }
    }
    lua_pushnil(lua);
    return 1;
}

static int find_or_match(lua_State *lua, bool is_find)
{
    struct rp_view subject = check_view(lua, 1), pattern = check_view(lua, 2);
    size_t from = start_offset(lua, 3, subject.length_bytes);
    if (from > subject.length_bytes) {
        lua_pushnil(lua);
        return 1;
    }
    if (is_find && (lua_toboolean(lua, 4) || !has_specials(pattern))) {
        return find_plain(lua, subject, pattern, from);
    }
    struct matcher m;
    matcher_init(&m, lua, subject, pattern);
    const char *text = (const char *)pattern.bytes;
    bool is_anchored = pattern.length_bytes > 0 && *text == '^';
    text += is_anchored;
    for (const char *at = m.subject + from; at <= m.subject_end; at += 1) {
        const char *end = try_match(&m, at, text);
        if (end != NULL && is_find) {
            lua_pushinteger(lua, at - m.subject + 1);
            lua_pushinteger(lua, end - m.subject);
            return 2 + push_captures(&m, NULL, NULL);
        }
        if (end != NULL) {
            return push_captures(&m, at, end);
        }
        if (is_anchored) {
            break;
        }
    }
    lua_pushnil(lua);
    return 1;
}

bool script_find(lua_State *lua, struct rp_view subject, struct rp_view pattern)
{
    struct matcher m;
    matcher_init(&m, lua, subject, pattern);
    const char *text = (const char *)pattern.bytes;
    bool is_anchored = pattern.length_bytes > 0 && *text == '^';
    text += is_anchored;
    for (const char *at = m.subject; at <= m.subject_end; at += 1) {
        if (try_match(&m, at, text) != NULL) {
            return true;
        }
        if (is_anchored) {
            break;
        }
    }
    return false;
}

static int string_find(lua_State *lua)
{
    return find_or_match(lua, true);
}

static int string_match(lua_State *lua)
{
    return find_or_match(lua, false);
}

/* Upvalues: subject, pattern, offset to go on at, end of the last match (-1: none). */
static int next_match(lua_State *lua)
{
    struct rp_view subject = check_view(lua, lua_upvalueindex(1));
    struct rp_view pattern = check_view(lua, lua_upvalueindex(2));
    lua_Integer from = lua_tointeger(lua, lua_upvalueindex(3));
    lua_Integer last = lua_tointeger(lua, lua_upvalueindex(4));
    struct matcher m;
    matcher_init(&m, lua, subject, pattern);
    for (const char *at = m.subject + from; at <= m.subject_end; at += 1) {
        const char *end = try_match(&m, at, (const char *)pattern.bytes);
        /* An empty match right behind the last one is that one again. */
        if (end != NULL && end - m.subject != last) {
            lua_pushinteger(lua, end - m.subject);
            lua_copy(lua, -1, lua_upvalueindex(3));
            lua_replace(lua, lua_upvalueindex(4));
            return push_captures(&m, at, end);
        }
    }
    return 0;
}

static int string_gmatch(lua_State *lua)
{
    struct rp_view subject = check_view(lua, 1);
    (void)check_view(lua, 2);
    size_t from = start_offset(lua, 3, subject.length_bytes);
    lua_settop(lua, 2);
    lua_pushinteger(lua, (lua_Integer)from);
    lua_pushinteger(lua, -1);
    lua_pushcclosure(lua, next_match, 4);
    return 1;
}

static void add_template(struct matcher *m, luaL_Buffer *buffer, const char *start, const char *end)
{
    size_t length_bytes = 0;
    const char *text = lua_tolstring(m->lua, 3, &length_bytes);
    for (size_t index = 0; index < length_bytes; index += 1) {
        if (text[index] != '%') {
            luaL_addchar(buffer, text[index]);
            continue;
        }
        index += 1;
        char sign = index < length_bytes ? text[index] : '\0';
        if (sign == '%') {
            luaL_addchar(buffer, '%');
        } else if (sign == '0') {
            luaL_addlstring(buffer, start, (size_t)(end - start));
        } else if (isdigit((unsigned char)sign)) {
            push_capture(m, sign - '1', start, end);
            luaL_tolstring(m->lua, -1, NULL);
            lua_remove(m->lua, -2);
            luaL_addvalue(buffer);
        } else {
            luaL_error(m->lua, "invalid use of '%%' in replacement string");
        }
    }
}

/* True when something else took the place of the match. */
static bool add_replacement(struct matcher *m, luaL_Buffer *buffer, const char *start,
                            const char *end, int kind)
{
    lua_State *lua = m->lua;
    if (kind == LUA_TFUNCTION) {
        lua_pushvalue(lua, 3);
        int count = push_captures(m, start, end);
        lua_call(lua, count, 1);
    } else if (kind == LUA_TTABLE) {
        push_capture(m, 0, start, end);
        lua_gettable(lua, 3);
    } else {
        add_template(m, buffer, start, end);
        return true;
    }
    if (!lua_toboolean(lua, -1)) {
        lua_pop(lua, 1);
        luaL_addlstring(buffer, start, (size_t)(end - start));
        return false;
    }
    if (!lua_isstring(lua, -1)) {
        luaL_error(lua, "invalid replacement value (a %s)", luaL_typename(lua, -1));
    }
    luaL_addvalue(buffer);
    return true;
}

static int string_gsub(lua_State *lua)
{
    struct rp_view subject = check_view(lua, 1), pattern = check_view(lua, 2);
    int kind = lua_type(lua, 3);
    luaL_argexpected(lua,
                     kind == LUA_TNUMBER || kind == LUA_TSTRING || kind == LUA_TFUNCTION ||
                         kind == LUA_TTABLE,
                     3, "string/function/table");
    lua_Integer max = luaL_optinteger(lua, 4, (lua_Integer)subject.length_bytes + 1);
    const char *text = (const char *)pattern.bytes;
    bool is_anchored = pattern.length_bytes > 0 && *text == '^';
    text += is_anchored;
    struct matcher m;
    matcher_init(&m, lua, subject, pattern);
    luaL_Buffer buffer;
    luaL_buffinit(lua, &buffer);
    const char *at = m.subject, *last = NULL;
    lua_Integer count = 0;
    while (count < max) {
        const char *end = try_match(&m, at, text);
        if (end != NULL && end != last) {
            count += 1;
            (void)add_replacement(&m, &buffer, at, end, kind);
            at = last = end;
        } else if (at < m.subject_end) {
            luaL_addchar(&buffer, *at++);
        } else {
            break;
        }
        if (is_anchored) {
            break;
        }
    }
    luaL_addlstring(&buffer, at, (size_t)(m.subject_end - at));
    luaL_pushresult(&buffer);
    lua_pushinteger(lua, count);
    return 2;
}

/* ---- rep, format ------------------------------------------------------------------------------ */

/* Upvalue: the stock function. */
static int call_stock(lua_State *lua, int result_count)
{
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, lua_gettop(lua) - 1, result_count);
    return result_count;
}

static int string_rep(lua_State *lua)
{
    struct rp_view text = check_view(lua, 1);
    lua_Integer count = luaL_checkinteger(lua, 2);
    size_t between = 0;
    (void)luaL_optlstring(lua, 3, "", &between);
    size_t piece = text.length_bytes + between;
    if (count <= 0 || piece == 0) {
        lua_pushliteral(lua, "");
        return 1;
    }
    if ((lua_Unsigned)count > SCRIPT_STRING_BYTES_MAX / piece) {
        return luaL_error(lua, "resulting string too large (limit %d MiB)",
                          (int)(SCRIPT_STRING_BYTES_MAX >> 20));
    }
    script_spend(lua, (uint64_t)count + (uint64_t)count * piece / 16);
    return call_stock(lua, 1);
}

/* Puts a text without address in the place of each argument of %s. */
static int string_format(lua_State *lua)
{
    struct rp_view format = check_view(lua, 1);
    int argument = 1;
    for (size_t index = 0; index < format.length_bytes; index += 1) {
        if (format.bytes[index] != '%') {
            continue;
        }
        index += 1;
        while (index < format.length_bytes && format.bytes[index] != '\0' &&
               strchr("-+ #0123456789.", format.bytes[index]) != NULL) {
            index += 1;
        }
        char kind = index < format.length_bytes ? (char)format.bytes[index] : '\0';
        argument += kind != '%';
        if (kind == 'p') {
            return luaL_error(lua, "'%%p' is not available to scenarios: addresses differ");
        }
        if (kind == 's' && argument <= lua_gettop(lua)) {
            script_tostring(lua, argument, NULL);
            lua_replace(lua, argument);
        }
    }
    return call_stock(lua, 1);
}

void script_open_strings(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"find", string_find},
        {"match", string_match},
        {"gmatch", string_gmatch},
        {"gsub", string_gsub},
        {NULL, NULL},
    };
    lua_getglobal(lua, LUA_STRLIBNAME);
    luaL_setfuncs(lua, functions, 0);
    lua_pushnil(lua);
    lua_setfield(lua, -2, "dump");
    lua_getfield(lua, -1, "rep");
    lua_pushcclosure(lua, string_rep, 1);
    lua_setfield(lua, -2, "rep");
    lua_getfield(lua, -1, "format");
    lua_pushcclosure(lua, string_format, 1);
    lua_setfield(lua, -2, "format");
    lua_pop(lua, 1);
}
