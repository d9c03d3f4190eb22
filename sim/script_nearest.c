/* What a misspelt word was probably meant to be. */
#include "sim/script_fields.h"

#define WORD_LENGTH_MAX 48

static size_t least(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Letters put in, taken out or changed between the two; two that changed places count as one. */
static size_t distance(const char *left, size_t left_length, const char *right, size_t right_length)
{
    size_t rows[3][WORD_LENGTH_MAX + 1];
    for (size_t column = 0; column <= right_length; column += 1) {
        rows[0][column] = column;
    }
    for (size_t row = 1; row <= left_length; row += 1) {
        size_t *now = rows[row % 3], *above = rows[(row - 1) % 3], *before = rows[(row + 1) % 3];
        now[0] = row;
        for (size_t column = 1; column <= right_length; column += 1) {
            size_t cost = left[row - 1] == right[column - 1] ? 0 : 1;
            now[column] = least(now[column - 1] + 1, above[column] + 1, above[column - 1] + cost);
            bool is_swapped = row > 1 && column > 1 && left[row - 1] == right[column - 2] &&
                              left[row - 2] == right[column - 1];
            if (is_swapped && before[column - 2] + 1 < now[column]) {
                now[column] = before[column - 2] + 1;
            }
        }
    }
    return rows[left_length % 3][right_length];
}

void script_nearest_init(struct script_nearest *nearest, const char *word)
{
    nearest->word = word;
    nearest->best = NULL;
    nearest->distance = SIZE_MAX;
}

void script_nearest_try(struct script_nearest *nearest, const char *candidate)
{
    size_t word_length = strlen(nearest->word), length = strlen(candidate);
    if (word_length > WORD_LENGTH_MAX || length > WORD_LENGTH_MAX) {
        return;
    }
    /* A third of the letters may be wrong; or it is the beginning that is right. */
    size_t bound = (length > word_length ? length : word_length) / 3;
    size_t apart = distance(nearest->word, word_length, candidate, length);
    bool is_beginning = word_length >= 3 && strncmp(candidate, nearest->word, word_length) == 0;
    apart = is_beginning && apart > 1 ? 1 : apart;
    size_t far = 2 * apart + !is_beginning; /* of two as near, the one that is begun */
    bool is_nearer = far < nearest->distance ||
                     (far == nearest->distance && strcmp(candidate, nearest->best) < 0);
    if (apart > 0 && apart <= (bound < 1 ? 1 : bound) && is_nearer) {
        nearest->best = candidate;
        nearest->distance = far;
    }
}

const char *script_nearest_text(lua_State *lua, const struct script_nearest *nearest)
{
    return nearest->best == NULL ? ""
                                 : lua_pushfstring(lua, " (did you mean '%s'?)", nearest->best);
}

int script_refuse_method(lua_State *lua, const char *object, int methods)
{
    struct script_nearest nearest;
    const char *name = script_tostring(lua, 2, NULL);
    methods = lua_absindex(lua, methods);
    script_nearest_init(&nearest, name);
    lua_pushnil(lua);
    while (lua_next(lua, methods) != 0) { /* in any order: the nearest is one */
        lua_pop(lua, 1);
        if (lua_type(lua, -1) == LUA_TSTRING) {
            script_nearest_try(&nearest, lua_tostring(lua, -1));
        }
    }
    return luaL_error(lua, "%s.%s: there is no such call or field%s", object, name,
                      script_nearest_text(lua, &nearest));
}
