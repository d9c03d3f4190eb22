#include "sim/shrink/source.h"

#include <stdlib.h>
#include <string.h>

#include "sim/shrink/text.h"
#include "sim/shrink/tree.h"

#define HELPERS_MAX 64

/* ---- Files ------------------------------------------------------------------------------------ */

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct shrink_text text = {.bytes = NULL};
    char block[4096];
    size_t count = 0;
    if (file == NULL) {
        return NULL;
    }
    while ((count = fread(block, 1, sizeof block, file)) > 0) {
        shrink_put(&text, block, count);
    }
    (void)fclose(file);
    return shrink_take(&text);
}

/* "_a.b" is the file "_a/b.lua" beside the scenario. */
static char *read_helper(const char *path, const char *module)
{
    const char *slash = strrchr(path, '/');
    struct shrink_text name = {.bytes = NULL};
    shrink_put(&name, path, slash == NULL ? 0 : (size_t)(slash - path) + 1);
    for (const char *at = module; *at != '\0'; at += 1) {
        shrink_put(&name, *at == '.' ? "/" : at, 1);
    }
    shrink_say(&name, ".lua");
    char *text = read_file(name.bytes);
    free(name.bytes);
    return text;
}

/* ---- What it requires ------------------------------------------------------------------------- */

struct helpers {
    const char *path;
    char *modules[HELPERS_MAX];
    size_t count;
    struct shrink_text text; /* of all of them, each after those that it requires */
    bool is_failed;
};

static char *inline_requires(struct helpers *helpers, const char *text);

static void add_helper(struct helpers *helpers, const char *module)
{
    for (size_t row = 0; row < helpers->count; row += 1) {
        if (strcmp(helpers->modules[row], module) == 0) {
            return;
        }
    }
    char *text = helpers->count < HELPERS_MAX ? read_helper(helpers->path, module) : NULL;
    if (text == NULL) {
        helpers->is_failed = true;
        return;
    }
    helpers->modules[helpers->count++] = shrink_copy(module, strlen(module));
    char *inlined = inline_requires(helpers, text);
    if (inlined != NULL) {
        shrink_say(&helpers->text, "helpers[\"%s\"] = (function()\n%s\nend)()\n\n", module,
                   inlined);
    }
    free(inlined);
    free(text);
}

/* Where `require` begins before the string at `index`; SIZE_MAX: it does not. */
static size_t require_before(const char *text, size_t begin, size_t *end)
{
    static const char word[] = "require";
    size_t at = begin, length = sizeof word - 1;
    bool is_bracketed = false;
    while (at > 0 && strchr(" \t\n", text[at - 1]) != NULL) {
        at -= 1;
    }
    if (at > 0 && text[at - 1] == '(') {
        is_bracketed = true;
        at -= 1;
        while (at > 0 && strchr(" \t\n", text[at - 1]) != NULL) {
            at -= 1;
        }
    }
    if (at < length || memcmp(text + at - length, word, length) != 0) {
        return SIZE_MAX;
    }
    if (is_bracketed) {
        *end += strspn(text + *end, " \t\n");
        *end += text[*end] == ')';
    }
    return at - length;
}

/* The text with `helpers[...]` where it required one. NULL: a file is missing. */
static char *inline_requires(struct helpers *helpers, const char *text)
{
    struct shrink_tree tree;
    struct shrink_text inlined = {.bytes = NULL};
    size_t at = 0;
    if (!shrink_tree_parse(text, &tree)) {
        helpers->is_failed = true;
        return NULL;
    }
    for (size_t row = 0; row < tree.count; row += 1) {
        const struct shrink_node *node = &tree.nodes[row];
        size_t end = node->end;
        size_t begin = node->kind == SHRINK_STRING && node->end - node->begin >= 2
                           ? require_before(text, node->begin, &end)
                           : SIZE_MAX;
        if (begin == SIZE_MAX || begin < at) {
            continue;
        }
        char *module = shrink_copy(text + node->begin + 1, node->end - node->begin - 2);
        add_helper(helpers, module);
        shrink_put(&inlined, text + at, begin - at);
        shrink_say(&inlined, "helpers[\"%s\"]", module);
        free(module);
        at = end;
    }
    shrink_put(&inlined, text + at, strlen(text + at));
    shrink_tree_clear(&tree);
    return shrink_take(&inlined);
}

/* ---- What random trouble decided --------------------------------------------------------------- */

/* The only call of c:nemesis, a statement; SIZE_MAX: there is none, or there are more. */
static size_t find_nemesis(const char *text, const struct shrink_tree *tree)
{
    size_t found = SIZE_MAX;
    for (size_t row = 0; row < tree->count; row += 1) {
        if (tree->nodes[row].kind == SHRINK_CALL &&
            shrink_tree_is_named(text, &tree->nodes[row], "nemesis")) {
            size_t parent = tree->nodes[row].parent;
            bool is_statement = tree->nodes[parent].kind == SHRINK_STATEMENT &&
                                tree->nodes[parent].end == tree->nodes[row].end;
            if (found != SIZE_MAX || !is_statement) {
                return SIZE_MAX;
            }
            found = parent;
        }
    }
    return found;
}

/* The receiver's name must be the one that decisions use. */
static char *put_decisions(const struct shrink_story *story, char *text)
{
    struct shrink_tree tree;
    struct shrink_text lines = {.bytes = NULL};
    if (!shrink_tree_parse(text, &tree)) {
        return text;
    }
    size_t nemesis = find_nemesis(text, &tree);
    if (nemesis != SIZE_MAX && strncmp(text + tree.nodes[nemesis].begin, "c:", 2) == 0) {
        for (size_t row = 0; row < story->call_count; row += 1) {
            if (story->calls[row].is_decision) {
                shrink_say(&lines, "%s%s", lines.length == 0 ? "" : "\n    ",
                           story->calls[row].lua);
            }
        }
        char *decided = shrink_splice(text, tree.nodes[nemesis].begin, tree.nodes[nemesis].end,
                                      lines.bytes == NULL ? "" : lines.bytes);
        free(text);
        text = decided;
    }
    free(lines.bytes);
    shrink_tree_clear(&tree);
    return text;
}

/* ---- The whole -------------------------------------------------------------------------------- */

/* Its own story under a head without parameters to be set; a file that builds its table in another way
 * stays as it is inside a function. */
static void put_scenario(const struct shrink_story *story, const char *own,
                         struct shrink_text *text)
{
    struct shrink_tree tree;
    const char *params = shrink_story_section(story, "params");
    if (!shrink_tree_parse(own, &tree)) {
        return;
    }
    size_t table = shrink_tree_returned(own, &tree);
    size_t run = table == SHRINK_NONE ? SHRINK_NONE : shrink_tree_field(own, &tree, table, "run");
    if (run != SHRINK_NONE) {
        size_t before = tree.nodes[tree.nodes[table].parent].begin;
        size_t length = tree.nodes[run].end - tree.nodes[run].begin;
        length -= own[tree.nodes[run].end - 1] == ',' || own[tree.nodes[run].end - 1] == ';';
        shrink_put(text, own, before);
        shrink_story_put_head(story, params, text);
        shrink_say(text, "\n  %.*s,\n}\n", (int)length, own + tree.nodes[run].begin);
    } else {
        shrink_say(text, "local scenario = (function()\n%s\nend)()\n\n", own);
        shrink_story_put_head(story, params, text);
        shrink_say(text, "  run = scenario.run,\n}\n");
    }
    shrink_tree_clear(&tree);
}

char *shrink_source_tell(const struct shrink_story *story, const char *path, bool is_decided)
{
    struct helpers helpers = {.path = path};
    struct shrink_text text = {.bytes = NULL};
    char *file = read_file(path);
    char *own = file == NULL ? NULL : inline_requires(&helpers, file);
    if (own != NULL && is_decided) {
        own = put_decisions(story, own);
    }
    if (own != NULL && !helpers.is_failed) {
        if (helpers.count > 0) {
            shrink_say(&text, "local helpers = {}\n\n%s", helpers.text.bytes);
        }
        put_scenario(story, own, &text);
    }
    for (size_t row = 0; row < helpers.count; row += 1) {
        free(helpers.modules[row]);
    }
    free(helpers.text.bytes);
    free(own);
    free(file);
    return text.bytes;
}
