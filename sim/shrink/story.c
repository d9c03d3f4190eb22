#include "sim/shrink/story.h"

#include <stdlib.h>
#include <string.h>

#include "sim/shrink/text.h"
#include "sim/shrink/tree.h"

/* ---- Reading ---------------------------------------------------------------------------------- */

/* Cuts the next field off; "" when there is none. */
static char *field(char **rest)
{
    char *begin = *rest;
    char *tab = strchr(begin, '\t');
    if (tab != NULL) {
        *tab = '\0';
        *rest = tab + 1;
    } else {
        *rest = begin + strlen(begin);
    }
    return begin;
}

static uint64_t number_field(char **rest)
{
    return strtoull(field(rest), NULL, 10);
}

static char *copy(const char *text)
{
    return shrink_copy(text, strlen(text));
}

static struct shrink_call *add_call(struct shrink_story *story)
{
    size_t count = story->call_count;
    if ((count & (count - 1)) == 0) { /* a power of two: full */
        story->calls =
            shrink_grow(story->calls, (count == 0 ? 1 : count * 2) * sizeof *story->calls);
    }
    struct shrink_call *call = &story->calls[story->call_count++];
    memset(call, 0, sizeof *call);
    call->name = copy("");
    return call;
}

static struct shrink_call *find_call(struct shrink_story *story, uint64_t number)
{
    for (size_t row = story->call_count; row > 0; row -= 1) {
        struct shrink_call *call = &story->calls[row - 1];
        if (!call->is_decision && call->number == number) {
            return call;
        }
    }
    return NULL;
}

static void read_call(struct shrink_story *story, char *rest)
{
    struct shrink_call *call = add_call(story);
    call->number = number_field(&rest);
    call->begin_ns = number_field(&rest);
    call->task = number_field(&rest);
    const char *kind = field(&rest);
    call->is_fault = strncmp(kind, "fault", 5) == 0;
    call->is_wait = strncmp(kind, "wait", 4) == 0;
    call->is_judge = strncmp(kind, "judge", 5) == 0;
    call->is_protected = strchr(kind, '?') != NULL;
    call->lua = copy(rest);
}

static void read_decision(struct shrink_story *story, char *rest)
{
    struct shrink_call *call = add_call(story);
    call->begin_ns = number_field(&rest);
    call->is_decision = call->is_fault = call->has_ended = true;
    call->end_ns = call->begin_ns;
    call->lua = copy(rest);
}

static void read_path(struct shrink_story *story, char *rest)
{
    const struct shrink_call *maker = find_call(story, number_field(&rest));
    if (maker == NULL) {
        return;
    }
    story->paths = shrink_grow(story->paths, (story->path_count + 1) * sizeof *story->paths);
    struct shrink_path *path = &story->paths[story->path_count++];
    path->maker = (size_t)(maker - story->calls);
    path->row = number_field(&rest);
    path->lua = copy(rest);
}

static void read_section(struct shrink_story *story, char *rest)
{
    story->sections =
        shrink_grow(story->sections, (story->section_count + 1) * sizeof *story->sections);
    struct shrink_section *section = &story->sections[story->section_count++];
    section->name = copy(field(&rest));
    section->lua = copy(rest);
}

static void read_ended(struct shrink_story *story, char sign, char *rest)
{
    struct shrink_call *call = find_call(story, number_field(&rest));
    if (call == NULL) {
        return;
    }
    if (sign == 'E') {
        call->has_ended = true;
        call->end_ns = number_field(&rest);
        free(call->name);
        call->name = copy(rest);
    } else if (sign == 'R') {
        free(call->drawn);
        call->drawn = copy(rest);
    } else {
        call->has_raised = true;
    }
}

static void read_violation(struct shrink_story *story, char *rest, const char *property,
                           const char *place)
{
    uint64_t time_ns = number_field(&rest);
    const char *violated = field(&rest);
    if (!story->has_violated && strcmp(violated, property) == 0 && strcmp(rest, place) == 0) {
        story->has_violated = true;
        story->violated_ns = time_ns;
    }
}

void shrink_story_read(struct shrink_story *story, FILE *record, const char *property,
                       const char *place)
{
    char *line = NULL;
    size_t max = 0;
    ssize_t length = 0;
    memset(story, 0, sizeof *story);
    while ((length = getline(&line, &max, record)) > 0) {
        if (line[length - 1] != '\n') {
            break; /* the run died in it */
        }
        line[length - 1] = '\0';
        char *rest = line + 2;
        switch (line[1] == '\t' ? line[0] : '\0') {
        case 'C': read_call(story, rest); break;
        case 'R':
        case 'E':
        case 'X': read_ended(story, line[0], rest); break;
        case 'N': read_decision(story, rest); break;
        case 'P': read_path(story, rest); break;
        case 'D': read_section(story, rest); break;
        case 'V': read_violation(story, rest, property, place); break;
        case 'T':
            story->has_end = true;
            story->end_ns = number_field(&rest);
            break;
        default: break;
        }
    }
    free(line);
}

void shrink_story_clear(struct shrink_story *story)
{
    for (size_t row = 0; row < story->call_count; row += 1) {
        free(story->calls[row].lua);
        free(story->calls[row].drawn);
        free(story->calls[row].name);
    }
    for (size_t row = 0; row < story->path_count; row += 1) {
        free(story->paths[row].lua);
    }
    for (size_t row = 0; row < story->section_count; row += 1) {
        free(story->sections[row].name);
        free(story->sections[row].lua);
    }
    free(story->calls);
    free(story->paths);
    free(story->sections);
    memset(story, 0, sizeof *story);
}

size_t shrink_story_fault_count(const struct shrink_story *story)
{
    size_t count = 0;
    for (size_t row = 0; row < story->call_count; row += 1) {
        count += story->calls[row].is_fault && !story->calls[row].has_raised;
    }
    return count;
}

const char *shrink_story_section(const struct shrink_story *story, const char *name)
{
    for (size_t row = story->section_count; row > 0; row -= 1) {
        if (strcmp(story->sections[row - 1].name, name) == 0) {
            return story->sections[row - 1].lua;
        }
    }
    return NULL;
}

void shrink_story_set_section(struct shrink_story *story, const char *name, const char *lua)
{
    struct shrink_text line = {.bytes = NULL};
    shrink_say(&line, "%s\t%s", name, lua);
    read_section(story, line.bytes);
    free(line.bytes);
}

/* ---- The head --------------------------------------------------------------------------------- */

/* Of what was expected only what is accepted anyhow stays: the file shall fail. */
static void put_expect(const char *lua, struct shrink_text *text)
{
    struct shrink_tree tree;
    struct shrink_text whole = {.bytes = NULL};
    shrink_say(&whole, "return %s", lua);
    if (shrink_tree_parse(whole.bytes, &tree)) {
        size_t table = shrink_tree_returned(whole.bytes, &tree);
        size_t accept = table == SHRINK_NONE
                            ? SHRINK_NONE
                            : shrink_tree_field(whole.bytes, &tree, table, "accept");
        if (accept != SHRINK_NONE) {
            const struct shrink_node *node = &tree.nodes[accept];
            int length = (int)(node->end - node->begin);
            length -= whole.bytes[node->end - 1] == ',';
            shrink_say(text, "  expect = { %.*s },\n", length, whole.bytes + node->begin);
        }
        shrink_tree_clear(&tree);
    }
    free(whole.bytes);
}

void shrink_story_put_head(const struct shrink_story *story, const char *params,
                           struct shrink_text *text)
{
    static const char *const names[] = {"name",    "about",   "cluster", "network",
                                        "storage", "closing", "limit",   "expect"};
    shrink_say(text, "return {\n");
    for (size_t row = 0; row < sizeof names / sizeof names[0]; row += 1) {
        const char *lua = shrink_story_section(story, names[row]);
        const char *release = shrink_story_section(story, "release");
        if (lua != NULL && strcmp(names[row], "expect") == 0) {
            put_expect(lua, text);
        } else if (lua != NULL) {
            shrink_say(text, "  %s = %s,\n", names[row], lua);
        } else if (strcmp(names[row], "cluster") == 0 && release != NULL) {
            shrink_say(text, "  cluster = { release = %s },\n", release);
        }
        if (strcmp(names[row], "about") == 0 && params != NULL && strcmp(params, "{}") != 0) {
            shrink_say(text, "  params = %s,\n", params);
        }
    }
}

/* ---- Calls ------------------------------------------------------------------------------------ */

struct teller {
    struct shrink_story *story;
    struct shrink_telling telling;
    struct shrink_text text;
    uint64_t made_count;
};

static bool is_told(const struct teller *teller, const struct shrink_call *call)
{
    bool is_skipped =
        call->is_judge || call->has_raised || call->begin_ns >= teller->telling.cut_ns;
    return !is_skipped && !(call->is_wait && teller->telling.is_absolute);
}

static const char *words_of(const struct teller *teller, const struct shrink_call *call)
{
    return call->drawn != NULL && !teller->telling.is_raw ? call->drawn : call->lua;
}

/* Files that later calls name are told by the flush that made them: names count all files of a run. */
static void number_made(struct teller *teller)
{
    struct shrink_story *story = teller->story;
    teller->made_count = 0;
    for (size_t row = 0; row < story->call_count; row += 1) {
        story->calls[row].made = 0;
    }
    for (size_t row = 0; row < story->path_count; row += 1) {
        struct shrink_call *maker = &story->calls[story->paths[row].maker];
        if (maker->made != 0 || !is_told(teller, maker)) {
            continue;
        }
        for (size_t later = 0; later < story->call_count; later += 1) {
            const struct shrink_call *call = &story->calls[later];
            if (call->begin_ns >= maker->end_ns && is_told(teller, call) &&
                strstr(words_of(teller, call), story->paths[row].lua) != NULL) {
                teller->made_count += 1;
                maker->made = teller->made_count;
                break;
            }
        }
    }
}

static void put_made(struct teller *teller, const struct shrink_path *path)
{
    const struct shrink_call *maker = &teller->story->calls[path->maker];
    shrink_say(&teller->text, "f[%llu]", (unsigned long long)maker->made);
    if (path->row > 0) {
        shrink_say(&teller->text, "[%llu]", (unsigned long long)path->row);
    }
}

/* The words, with every path of a told flush by its place in `f`. */
static void put_words(struct teller *teller, const char *words, uint64_t now_ns)
{
    const struct shrink_story *story = teller->story;
    while (*words != '\0') {
        const struct shrink_path *nearest = NULL;
        const char *nearest_at = NULL;
        for (size_t row = 0; row < story->path_count && teller->made_count > 0; row += 1) {
            const struct shrink_path *path = &story->paths[row];
            const struct shrink_call *maker = &story->calls[path->maker];
            const char *at =
                maker->made == 0 || maker->end_ns > now_ns ? NULL : strstr(words, path->lua);
            if (at != NULL && (nearest == NULL || at < nearest_at)) {
                nearest = path;
                nearest_at = at;
            }
        }
        if (nearest == NULL) {
            shrink_put(&teller->text, words, strlen(words));
            return;
        }
        shrink_put(&teller->text, words, (size_t)(nearest_at - words));
        put_made(teller, nearest);
        words = nearest_at + strlen(nearest->lua);
    }
}

/* What might have failed without harm may do so again. */
static void put_call(struct teller *teller, const struct shrink_call *call)
{
    shrink_say(&teller->text, call->is_protected ? "pcall(function() " : "");
    if (call->name[0] != '\0') {
        shrink_say(&teller->text, "%s = ", call->name);
    } else if (call->made != 0) {
        shrink_say(&teller->text, "f[%llu] = ", (unsigned long long)call->made);
    }
    put_words(teller, words_of(teller, call), call->begin_ns);
    shrink_say(&teller->text, call->is_protected ? " end)" : "");
}

/* ---- Beside the story ------------------------------------------------------------------------- */

/* The call of the same coroutine before it, told or not; NULL: it is the first. */
static const struct shrink_call *call_before(const struct shrink_story *story, size_t row)
{
    for (size_t before = row; before > 0; before -= 1) {
        const struct shrink_call *call = &story->calls[before - 1];
        if (!call->is_decision && call->task == story->calls[row].task) {
            return call;
        }
    }
    return NULL;
}

/* The told call after it in its coroutine that began as soon as it ended; SIZE_MAX: none. */
static size_t call_behind(const struct teller *teller, size_t row)
{
    const struct shrink_story *story = teller->story;
    const struct shrink_call *call = &story->calls[row];
    for (size_t behind = row + 1; behind < story->call_count; behind += 1) {
        const struct shrink_call *other = &story->calls[behind];
        if (!other->is_decision && other->task == call->task) {
            bool is_at_once = call->has_ended && other->begin_ns == call->end_ns;
            return is_at_once && is_told(teller, other) ? behind : SIZE_MAX;
        }
    }
    return SIZE_MAX;
}

static bool is_begin_of_block(const struct teller *teller, size_t row)
{
    const struct shrink_story *story = teller->story;
    const struct shrink_call *before = call_before(story, row);
    return before == NULL || !is_told(teller, before) || !before->has_ended ||
           before->end_ns != story->calls[row].begin_ns;
}

/* Does a coroutine begin with it at the instant of another's call? Then that one began it. */
static bool is_born_of_another(const struct shrink_story *story, size_t row)
{
    uint64_t begin_ns = story->calls[row].begin_ns;
    for (size_t other = 0; other < story->call_count; other += 1) {
        const struct shrink_call *call = &story->calls[other];
        if (call->task != story->calls[row].task && !call->is_decision &&
            (call->begin_ns == begin_ns || (call->has_ended && call->end_ns == begin_ns))) {
            return true;
        }
    }
    return false;
}

#define BEHIND_PARENT_NS 10

/* What was waited for is there in the events of that instant: behind them, when nobody waits any more. */
static uint64_t begin_of(const struct teller *teller, size_t row)
{
    const struct shrink_story *story = teller->story;
    const struct shrink_call *before = call_before(story, row);
    uint64_t begin_ns = story->calls[row].begin_ns;
    if (before == NULL) {
        bool is_child = story->calls[row].task != 0 && is_born_of_another(story, row);
        return begin_ns + (is_child ? BEHIND_PARENT_NS : 0);
    }
    bool is_behind_wait = (before->is_judge || before->is_wait) && !is_told(teller, before) &&
                          before->has_ended && before->end_ns == begin_ns;
    return begin_ns + is_behind_wait;
}

static void put_block(struct teller *teller, size_t row)
{
    struct shrink_text *text = &teller->text;
    size_t behind = call_behind(teller, row);
    shrink_say(text, "    c:at(");
    shrink_put_seconds(text, begin_of(teller, row));
    if (behind == SIZE_MAX) {
        shrink_say(text, ", function() ");
        put_call(teller, &teller->story->calls[row]);
        shrink_say(text, " end)\n");
        return;
    }
    shrink_say(text, ", function()\n");
    for (; row != SIZE_MAX; row = call_behind(teller, row)) {
        shrink_say(text, "      ");
        put_call(teller, &teller->story->calls[row]);
        shrink_say(text, "\n");
    }
    shrink_say(text, "    end)\n");
}

static void put_beside(struct teller *teller)
{
    const struct shrink_story *story = teller->story;
    for (size_t row = 0; row < story->call_count; row += 1) {
        const struct shrink_call *call = &story->calls[row];
        bool is_beside = call->task != 0 || teller->telling.is_absolute;
        if (!is_told(teller, call)) {
            continue;
        }
        if (call->is_decision) {
            shrink_say(&teller->text, "    ");
            put_words(teller, call->lua, call->begin_ns);
            shrink_say(&teller->text, "\n");
        } else if (is_beside && is_begin_of_block(teller, row)) {
            put_block(teller, row);
        }
    }
}

/* ---- The story itself ------------------------------------------------------------------------- */

static void put_sleep(struct teller *teller, uint64_t duration_ns)
{
    if (duration_ns > 0) {
        shrink_say(&teller->text, "    c:sleep(");
        shrink_put_duration(&teller->text, duration_ns);
        shrink_say(&teller->text, ")\n");
    }
}

/* To a moment behind whatever happens at its end. */
static uint64_t end_of(const struct teller *teller)
{
    const struct shrink_story *story = teller->story;
    uint64_t end_ns = story->end_ns;
    if (!story->has_end && story->call_count > 0) {
        end_ns = story->calls[story->call_count - 1].begin_ns; /* it crashed there */
    }
    end_ns = end_ns < teller->telling.cut_ns ? end_ns : teller->telling.cut_ns;
    return end_ns + 1;
}

static void put_story(struct teller *teller)
{
    const struct shrink_story *story = teller->story;
    uint64_t now_ns = 0, end_ns = end_of(teller);
    bool is_endless = false;
    for (size_t row = 0; row < story->call_count && !teller->telling.is_absolute; row += 1) {
        const struct shrink_call *call = &story->calls[row];
        if (call->is_decision || call->task != 0 || !is_told(teller, call)) {
            continue;
        }
        uint64_t begin_ns = begin_of(teller, row);
        begin_ns = begin_ns > now_ns ? begin_ns : now_ns;
        put_sleep(teller, begin_ns - now_ns);
        shrink_say(&teller->text, "    ");
        put_call(teller, call);
        shrink_say(&teller->text, "\n");
        is_endless = !call->has_ended;
        now_ns = begin_ns + (call->has_ended ? call->end_ns - call->begin_ns : 0);
    }
    if (!is_endless || story->has_violated) {
        put_sleep(teller, end_ns > now_ns ? end_ns - now_ns : 0);
    }
}

/* ---- The whole -------------------------------------------------------------------------------- */

static void put_names(struct teller *teller)
{
    bool is_first = true;
    for (size_t row = 0; row < teller->story->call_count; row += 1) {
        const struct shrink_call *call = &teller->story->calls[row];
        if (call->name[0] != '\0' && is_told(teller, call)) {
            shrink_say(&teller->text, is_first ? "    local %s" : ", %s", call->name);
            is_first = false;
        }
    }
    shrink_say(&teller->text, is_first ? "" : "\n");
    if (teller->made_count > 0) {
        shrink_say(&teller->text, "    local f = {}\n");
    }
}

char *shrink_story_tell(struct shrink_story *story, const struct shrink_telling *telling)
{
    struct teller teller = {.story = story, .telling = *telling};
    number_made(&teller);
    shrink_story_put_head(story, NULL, &teller.text);
    shrink_say(&teller.text, "  run = function(c)\n");
    put_names(&teller);
    put_beside(&teller);
    put_story(&teller);
    shrink_say(&teller.text, "  end,\n}\n");
    return shrink_take(&teller.text);
}
