#include "sim/shrink/tree.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 180

enum token_kind { TOKEN_END, TOKEN_NAME, TOKEN_KEYWORD, TOKEN_NUMBER, TOKEN_STRING, TOKEN_SIGN };

struct token {
    enum token_kind kind;
    size_t begin, end;
};

struct parser {
    const char *text;
    size_t at; /* behind the token at hand */
    struct token token;
    size_t last_end; /* of the token before */
    struct shrink_tree *tree;
    size_t parent;
    int depth;
    bool is_bad;
};

/* ---- Words ------------------------------------------------------------------------------------ */

static bool is_letter(char sign)
{
    return (sign >= 'a' && sign <= 'z') || (sign >= 'A' && sign <= 'Z') || sign == '_';
}

static bool is_digit(char sign)
{
    return sign >= '0' && sign <= '9';
}

/* "[[" or "[==[": its level; -1: none. */
static int long_level(const char *text)
{
    int level = 0;
    if (text[0] != '[') {
        return -1;
    }
    while (text[1 + level] == '=') {
        level += 1;
    }
    return text[1 + level] == '[' ? level : -1;
}

/* Behind the closing bracket of that level; the end of the text when there is none. */
static size_t long_end(const char *text, size_t at, int level)
{
    for (; text[at] != '\0'; at += 1) {
        if (text[at] != ']') {
            continue;
        }
        int equals = 0;
        while (text[at + 1 + (size_t)equals] == '=') {
            equals += 1;
        }
        if (equals == level && text[at + 1 + (size_t)equals] == ']') {
            return at + (size_t)equals + 2;
        }
    }
    return at;
}

static size_t skip_blank(const char *text, size_t at)
{
    for (;;) {
        if (text[at] != '\0' && strchr(" \t\r\n\v\f", text[at]) != NULL) {
            at += 1;
        } else if (text[at] == '-' && text[at + 1] == '-') {
            int level = long_level(text + at + 2);
            at = level >= 0 ? long_end(text, at + 4 + (size_t)level, level)
                            : at + strcspn(text + at, "\n");
        } else {
            return at;
        }
    }
}

static size_t string_end(const char *text, size_t at)
{
    char quote = text[at];
    at += 1;
    while (text[at] != '\0' && text[at] != quote) {
        at += text[at] == '\\' && text[at + 1] != '\0' ? 2 : 1;
    }
    return text[at] == '\0' ? at : at + 1;
}

static size_t number_end(const char *text, size_t at)
{
    bool is_hex = text[at] == '0' && (text[at + 1] == 'x' || text[at + 1] == 'X');
    while (is_letter(text[at]) || is_digit(text[at]) || text[at] == '.') {
        bool is_exponent =
            is_hex ? (text[at] == 'p' || text[at] == 'P') : (text[at] == 'e' || text[at] == 'E');
        bool is_signed = is_exponent && (text[at + 1] == '+' || text[at + 1] == '-');
        if (text[at] == '.' && text[at + 1] == '.') {
            break;
        }
        at += is_signed ? 2 : 1;
    }
    return at;
}

static size_t sign_end(const char *text, size_t at)
{
    static const char *const longer[] = {
        "...", "..", "==", "~=", "<=", ">=", "<<", ">>", "//", "::"};
    for (size_t row = 0; row < sizeof longer / sizeof longer[0]; row += 1) {
        if (strncmp(text + at, longer[row], strlen(longer[row])) == 0) {
            return at + strlen(longer[row]);
        }
    }
    return at + 1;
}

static bool is_text(const struct parser *parser, const char *word)
{
    size_t length = strlen(word);
    return parser->token.end - parser->token.begin == length &&
           memcmp(parser->text + parser->token.begin, word, length) == 0;
}

static bool is_word(const struct parser *parser, const char *word)
{
    return (parser->token.kind == TOKEN_KEYWORD || parser->token.kind == TOKEN_SIGN) &&
           is_text(parser, word);
}

static bool is_keyword(const struct parser *parser)
{
    static const char *const words[] = {"and",   "break", "do",       "else", "elseif", "end",
                                        "false", "for",   "function", "goto", "if",     "in",
                                        "local", "nil",   "not",      "or",   "repeat", "return",
                                        "then",  "true",  "until",    "while"};
    for (size_t row = 0; row < sizeof words / sizeof words[0]; row += 1) {
        if (is_text(parser, words[row])) {
            return true;
        }
    }
    return false;
}

static void next(struct parser *parser)
{
    const char *text = parser->text;
    struct token *token = &parser->token;
    parser->last_end = token->end;
    size_t at = skip_blank(text, parser->at);
    token->begin = at;
    if (text[at] == '\0') {
        token->kind = TOKEN_END;
        token->end = at;
    } else if (is_letter(text[at])) {
        while (is_letter(text[at]) || is_digit(text[at])) {
            at += 1;
        }
        token->end = at;
        token->kind = is_keyword(parser) ? TOKEN_KEYWORD : TOKEN_NAME;
    } else if (is_digit(text[at]) || (text[at] == '.' && is_digit(text[at + 1]))) {
        token->kind = TOKEN_NUMBER;
        token->end = number_end(text, at);
    } else if (text[at] == '"' || text[at] == '\'') {
        token->kind = TOKEN_STRING;
        token->end = string_end(text, at);
    } else if (long_level(text + at) >= 0) {
        int level = long_level(text + at);
        token->kind = TOKEN_STRING;
        token->end = long_end(text, at + 2 + (size_t)level, level);
    } else {
        token->kind = TOKEN_SIGN;
        token->end = sign_end(text, at);
    }
    parser->at = token->end;
}

static bool accept(struct parser *parser, const char *word)
{
    if (is_word(parser, word)) {
        next(parser);
        return true;
    }
    return false;
}

static void expect(struct parser *parser, const char *word)
{
    if (!accept(parser, word)) {
        parser->is_bad = true;
    }
}

static void expect_name(struct parser *parser)
{
    if (parser->token.kind != TOKEN_NAME) {
        parser->is_bad = true;
    } else {
        next(parser);
    }
}

/* ---- Nodes ------------------------------------------------------------------------------------ */

static size_t open_node(struct parser *parser, enum shrink_kind kind)
{
    struct shrink_tree *tree = parser->tree;
    if (tree->count == tree->max) {
        size_t max = tree->max == 0 ? 256 : tree->max * 2;
        struct shrink_node *nodes = realloc(tree->nodes, max * sizeof *nodes);
        if (nodes == NULL) {
            parser->is_bad = true;
            return tree->count == 0 ? 0 : tree->count - 1;
        }
        tree->nodes = nodes;
        tree->max = max;
    }
    struct shrink_node *node = &tree->nodes[tree->count];
    memset(node, 0, sizeof *node);
    node->kind = kind;
    node->begin = parser->token.begin;
    node->parent = parser->parent;
    parser->parent = tree->count;
    return tree->count++;
}

static void close_node(struct parser *parser, size_t index)
{
    struct shrink_node *node = &parser->tree->nodes[index];
    node->end = parser->last_end > node->begin ? parser->last_end : node->begin;
    node->after = parser->tree->count;
    parser->parent = node->parent;
}

/* ---- Expressions ------------------------------------------------------------------------------ */

static void parse_block(struct parser *parser);
static void parse_expression(struct parser *parser);

static void parse_list(struct parser *parser)
{
    do {
        parse_expression(parser);
    } while (!parser->is_bad && accept(parser, ","));
}

/* After `function` and its name. */
static void parse_body(struct parser *parser)
{
    expect(parser, "(");
    while (!parser->is_bad && !is_word(parser, ")")) {
        if (!accept(parser, "...")) {
            expect_name(parser);
        }
        if (!is_word(parser, ")")) {
            expect(parser, ",");
        }
    }
    expect(parser, ")");
    parse_block(parser);
    expect(parser, "end");
}

static void parse_field(struct parser *parser)
{
    size_t field = open_node(parser, SHRINK_FIELD);
    if (parser->token.kind == TOKEN_NAME) {
        size_t behind = skip_blank(parser->text, parser->token.end);
        if (parser->text[behind] == '=' && parser->text[behind + 1] != '=') {
            parser->tree->nodes[field].name_begin = parser->token.begin;
            parser->tree->nodes[field].name_end = parser->token.end;
            next(parser);
            next(parser);
        }
    } else if (accept(parser, "[")) {
        parse_expression(parser);
        expect(parser, "]");
        expect(parser, "=");
    }
    parse_expression(parser);
    if (!accept(parser, ",")) {
        (void)accept(parser, ";");
    }
    close_node(parser, field);
}

static void parse_table(struct parser *parser)
{
    size_t table = open_node(parser, SHRINK_TABLE);
    expect(parser, "{");
    while (!parser->is_bad && !is_word(parser, "}")) {
        parse_field(parser);
    }
    expect(parser, "}");
    close_node(parser, table);
}

static void parse_literal(struct parser *parser, enum shrink_kind kind)
{
    size_t literal = open_node(parser, kind);
    next(parser);
    close_node(parser, literal);
}

/* False: no arguments stand here. */
static bool parse_arguments(struct parser *parser)
{
    if (parser->token.kind == TOKEN_STRING) {
        parse_literal(parser, SHRINK_STRING);
    } else if (is_word(parser, "{")) {
        parse_table(parser);
    } else if (accept(parser, "(")) {
        if (!is_word(parser, ")")) {
            parse_list(parser);
        }
        expect(parser, ")");
    } else {
        return false;
    }
    return true;
}

static void parse_method(struct parser *parser)
{
    size_t call = open_node(parser, SHRINK_CALL);
    parser->tree->nodes[call].name_begin = parser->token.begin;
    parser->tree->nodes[call].name_end = parser->token.end;
    expect_name(parser);
    if (!parse_arguments(parser)) {
        parser->is_bad = true;
    }
    close_node(parser, call);
}

static void parse_suffixed(struct parser *parser)
{
    if (accept(parser, "(")) {
        parse_expression(parser);
        expect(parser, ")");
    } else {
        expect_name(parser);
    }
    while (!parser->is_bad) {
        if (accept(parser, ".")) {
            expect_name(parser);
        } else if (accept(parser, "[")) {
            parse_expression(parser);
            expect(parser, "]");
        } else if (accept(parser, ":")) {
            parse_method(parser);
        } else if (!parse_arguments(parser)) {
            return;
        }
    }
}

static void parse_simple(struct parser *parser)
{
    if (parser->token.kind == TOKEN_NUMBER) {
        parse_literal(parser, SHRINK_NUMBER);
    } else if (parser->token.kind == TOKEN_STRING) {
        parse_literal(parser, SHRINK_STRING);
    } else if (is_word(parser, "{")) {
        parse_table(parser);
    } else if (is_word(parser, "function")) {
        size_t function = open_node(parser, SHRINK_FUNCTION);
        next(parser);
        parse_body(parser);
        close_node(parser, function);
    } else if (is_word(parser, "nil") || is_word(parser, "true") || is_word(parser, "false") ||
               is_word(parser, "...")) {
        next(parser);
    } else {
        parse_suffixed(parser);
    }
}

static bool accept_any(struct parser *parser, const char *const *words, size_t count)
{
    for (size_t row = 0; row < count; row += 1) {
        if (accept(parser, words[row])) {
            return true;
        }
    }
    return false;
}

/* Which operator binds first changes nothing about where it ends. */
static void parse_expression(struct parser *parser)
{
    static const char *const before[] = {"not", "-", "#", "~"};
    static const char *const between[] = {"+",  "-", "*",  "/",  "//", "^",   "%",
                                          "&",  "~", "|",  ">>", "<<", "..",  "<",
                                          "<=", ">", ">=", "==", "~=", "and", "or"};
    parser->depth += 1;
    if (parser->depth > DEPTH_MAX) {
        parser->is_bad = true;
    }
    do {
        while (!parser->is_bad && accept_any(parser, before, sizeof before / sizeof before[0])) {
        }
        if (!parser->is_bad) {
            parse_simple(parser);
        }
    } while (!parser->is_bad && accept_any(parser, between, sizeof between / sizeof between[0]));
    parser->depth -= 1;
}

/* ---- Statements ------------------------------------------------------------------------------- */

static void parse_if(struct parser *parser)
{
    do {
        next(parser); /* if, elseif */
        parse_expression(parser);
        expect(parser, "then");
        parse_block(parser);
    } while (!parser->is_bad && is_word(parser, "elseif"));
    if (accept(parser, "else")) {
        parse_block(parser);
    }
    expect(parser, "end");
}

static void parse_for(struct parser *parser)
{
    next(parser);
    do {
        expect_name(parser);
    } while (!parser->is_bad && accept(parser, ","));
    if (!accept(parser, "=")) {
        expect(parser, "in");
    }
    parse_list(parser);
    expect(parser, "do");
    parse_block(parser);
    expect(parser, "end");
}

static void parse_while(struct parser *parser)
{
    next(parser);
    parse_expression(parser);
    expect(parser, "do");
    parse_block(parser);
    expect(parser, "end");
}

static void parse_repeat(struct parser *parser)
{
    next(parser);
    parse_block(parser);
    expect(parser, "until");
    parse_expression(parser);
}

static void parse_local(struct parser *parser)
{
    next(parser);
    if (accept(parser, "function")) {
        expect_name(parser);
        parse_body(parser);
        return;
    }
    do {
        expect_name(parser);
        if (accept(parser, "<")) {
            expect_name(parser);
            expect(parser, ">");
        }
    } while (!parser->is_bad && accept(parser, ","));
    if (accept(parser, "=")) {
        parse_list(parser);
    }
}

static void parse_named_function(struct parser *parser)
{
    next(parser);
    do {
        expect_name(parser);
    } while (!parser->is_bad && (accept(parser, ".") || accept(parser, ":")));
    parse_body(parser);
}

static void parse_assignment(struct parser *parser)
{
    parse_suffixed(parser);
    while (!parser->is_bad && accept(parser, ",")) {
        parse_suffixed(parser);
    }
    if (accept(parser, "=")) {
        parse_list(parser);
    }
}

static void parse_return(struct parser *parser)
{
    next(parser);
    if (parser->token.kind != TOKEN_END && !is_word(parser, "end") && !is_word(parser, ";") &&
        !is_word(parser, "else") && !is_word(parser, "elseif") && !is_word(parser, "until")) {
        parse_list(parser);
    }
    (void)accept(parser, ";");
}

static enum shrink_statement parse_known(struct parser *parser)
{
    if (is_word(parser, "if")) {
        parse_if(parser);
        return SHRINK_IF;
    }
    if (is_word(parser, "for")) {
        parse_for(parser);
        return SHRINK_LOOP;
    }
    if (is_word(parser, "while")) {
        parse_while(parser);
        return SHRINK_LOOP;
    }
    if (is_word(parser, "repeat")) {
        parse_repeat(parser);
        return SHRINK_LOOP;
    }
    if (is_word(parser, "local")) {
        parse_local(parser);
        return SHRINK_LOCAL;
    }
    if (is_word(parser, "return")) {
        parse_return(parser);
        return SHRINK_RETURN;
    }
    if (accept(parser, "do")) {
        parse_block(parser);
        expect(parser, "end");
        return SHRINK_DO;
    }
    parse_assignment(parser);
    return SHRINK_EXPRESSION;
}

static void parse_statement(struct parser *parser)
{
    size_t index = open_node(parser, SHRINK_STATEMENT);
    enum shrink_statement statement = SHRINK_OTHER;
    if (is_word(parser, "function")) {
        parse_named_function(parser);
    } else if (accept(parser, "goto")) {
        expect_name(parser);
    } else if (accept(parser, "::")) {
        expect_name(parser);
        expect(parser, "::");
    } else if (!accept(parser, ";") && !accept(parser, "break")) {
        statement = parse_known(parser);
    }
    close_node(parser, index);
    parser->tree->nodes[index].statement = statement;
}

static bool is_block_over(const struct parser *parser)
{
    return parser->token.kind == TOKEN_END || is_word(parser, "end") || is_word(parser, "else") ||
           is_word(parser, "elseif") || is_word(parser, "until");
}

static void parse_block(struct parser *parser)
{
    size_t block = open_node(parser, SHRINK_BLOCK);
    parser->depth += 1;
    if (parser->depth > DEPTH_MAX) {
        parser->is_bad = true;
    }
    while (!parser->is_bad && !is_block_over(parser)) {
        parse_statement(parser);
    }
    parser->depth -= 1;
    close_node(parser, block);
}

/* ---- The whole -------------------------------------------------------------------------------- */

bool shrink_tree_parse(const char *text, struct shrink_tree *tree_out)
{
    memset(tree_out, 0, sizeof *tree_out);
    struct parser parser = {.text = text, .tree = tree_out, .parent = SHRINK_NONE};
    if (text[0] == '#') {
        parser.at = strcspn(text, "\n");
    }
    next(&parser);
    parse_block(&parser);
    if (parser.is_bad || parser.token.kind != TOKEN_END || tree_out->count == 0) {
        shrink_tree_clear(tree_out);
        return false;
    }
    return true;
}

void shrink_tree_clear(struct shrink_tree *tree)
{
    free(tree->nodes);
    memset(tree, 0, sizeof *tree);
}

bool shrink_tree_is_named(const char *text, const struct shrink_node *node, const char *name)
{
    size_t length = strlen(name);
    return node->name_end - node->name_begin == length &&
           memcmp(text + node->name_begin, name, length) == 0;
}

size_t shrink_tree_field(const char *text, const struct shrink_tree *tree, size_t table,
                         const char *key)
{
    for (size_t row = table + 1; row < tree->nodes[table].after; row += 1) {
        const struct shrink_node *node = &tree->nodes[row];
        if (node->kind == SHRINK_FIELD && node->parent == table &&
            shrink_tree_is_named(text, node, key)) {
            return row;
        }
    }
    return SHRINK_NONE;
}

size_t shrink_tree_returned(const char *text, const struct shrink_tree *tree)
{
    for (size_t row = tree->count; row > 0; row -= 1) {
        const struct shrink_node *node = &tree->nodes[row - 1];
        if (node->kind == SHRINK_STATEMENT && node->parent == 0 &&
            node->statement == SHRINK_RETURN) {
            bool is_table = row < tree->count && tree->nodes[row].kind == SHRINK_TABLE &&
                            skip_blank(text, node->begin + 6) == tree->nodes[row].begin &&
                            tree->nodes[row].end == node->end;
            return is_table ? row : SHRINK_NONE;
        }
    }
    return SHRINK_NONE;
}
