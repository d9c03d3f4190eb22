/* The shape of a Lua text: statements, calls, fields and literals with their places in it, as far as
 * somebody needs it who takes parts out. Says nothing about what the text means; a text that Lua
 * takes is parsed, one that it does not take may be parsed all the same.
 *
 * Nodes stand in the order of their beginnings, a parent before what is in it. */
#ifndef REPLISIM_SHRINK_TREE_H
#define REPLISIM_SHRINK_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum shrink_kind {
    SHRINK_STATEMENT,
    SHRINK_BLOCK,    /* of statements; what is between `do` and `end`, and the whole text */
    SHRINK_FUNCTION, /* from its `function` to its `end`; its block is in it */
    SHRINK_TABLE,    /* a constructor */
    SHRINK_FIELD,    /* of one, with the separator behind it */
    SHRINK_CALL,     /* c:name(...); from its name to its end */
    SHRINK_NUMBER,
    SHRINK_STRING
};

enum shrink_statement {
    SHRINK_OTHER,
    SHRINK_LOCAL,
    SHRINK_EXPRESSION, /* a call, or an assignment */
    SHRINK_IF,
    SHRINK_LOOP,
    SHRINK_DO,
    SHRINK_RETURN
};

#define SHRINK_NONE SIZE_MAX

struct shrink_node {
    enum shrink_kind kind;
    enum shrink_statement statement;
    size_t begin, end;           /* bytes of the text */
    size_t name_begin, name_end; /* of a call, of a field with a key; else equal */
    size_t parent;               /* SHRINK_NONE: the whole text */
    size_t after;                /* the first node that is no part of this one */
};

struct shrink_tree {
    struct shrink_node *nodes; /* owned */
    size_t count, max;
};

/* False: no such text, too deep, or out of memory; the tree is empty then. */
bool shrink_tree_parse(const char *text, struct shrink_tree *tree_out);
void shrink_tree_clear(struct shrink_tree *tree);

/* Is the name of a call or field that? */
bool shrink_tree_is_named(const char *text, const struct shrink_node *node, const char *name);
/* The field of that key directly in the table; SHRINK_NONE: there is none. */
size_t shrink_tree_field(const char *text, const struct shrink_tree *tree, size_t table,
                         const char *key);
/* The table that the text returns; SHRINK_NONE: it returns something else. */
size_t shrink_tree_returned(const char *text, const struct shrink_tree *tree);

#endif
