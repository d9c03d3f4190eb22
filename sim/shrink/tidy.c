#include <stdlib.h>
#include <string.h>

#include "sim/shrink/text.h"
#include "sim/shrink/tree.h"
#include "sim/shrink/weaken.h"

/* "n:kill{}" is "n:kill()"; the table is the call's only argument when it stands right behind its name. */
static bool is_only_argument(const struct shrink_tree *tree, size_t table)
{
    size_t parent = tree->nodes[table].parent;
    return parent != SHRINK_NONE && tree->nodes[parent].kind == SHRINK_CALL &&
           tree->nodes[parent].name_end == tree->nodes[table].begin;
}

/* One line, or with its lines kept: what is inside tells. */
static bool is_on_one_line(const char *text, const struct shrink_node *node)
{
    return memchr(text + node->begin, '\n', node->end - node->begin) == NULL;
}

/* The next thing to mend; false: there is none. */
static bool mend_one(char **text)
{
    struct shrink_tree tree;
    char *mended = NULL;
    if (!shrink_tree_parse(*text, &tree)) {
        return false;
    }
    for (size_t row = 0; row < tree.count && mended == NULL; row += 1) {
        const struct shrink_node *node = &tree.nodes[row];
        if (node->kind != SHRINK_TABLE) {
            continue;
        }
        bool is_empty = node->after == row + 1;
        const char *empty = is_only_argument(&tree, row) ? "()" : "{}";
        size_t length = node->end - node->begin;
        if (is_empty && (length != 2 || empty[0] != (*text)[node->begin])) {
            mended = shrink_splice(*text, node->begin, node->end, empty);
        } else if (!is_empty && is_on_one_line(*text, node)) {
            size_t last = node->end - 1;
            while (last > node->begin && (*text)[last - 1] == ' ') {
                last -= 1;
            }
            if ((*text)[last - 1] == ',') {
                mended = shrink_splice(*text, last - 1, node->end - 1, " ");
            }
        }
    }
    shrink_tree_clear(&tree);
    if (mended != NULL) {
        free(*text);
        *text = mended;
    }
    return mended != NULL;
}

char *shrink_tidy(const char *text)
{
    char *tidy = shrink_copy(text, strlen(text));
    while (mend_one(&tidy)) {
    }
    struct shrink_text lines = {.bytes = NULL};
    size_t blank_count = 0;
    for (const char *line = tidy; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        bool is_blank = strspn(line, " \t") >= length;
        blank_count = is_blank ? blank_count + 1 : 0;
        if (blank_count < 2) {
            shrink_put(&lines, line, is_blank ? 0 : length);
            shrink_put(&lines, "\n", 1);
        }
        line += length + (line[length] == '\n');
    }
    free(tidy);
    return shrink_take(&lines);
}
