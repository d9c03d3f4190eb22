#include "sim/cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OPTION_COUNT_MAX 32

static bool is_same_option(const struct cli_option *option, const char *text, size_t length)
{
    bool is_name = strlen(option->name) == length && memcmp(option->name, text, length) == 0;
    bool is_alias = option->alias != NULL && strlen(option->alias) == length &&
                    memcmp(option->alias, text, length) == 0;
    return is_name || is_alias;
}

static enum cli_argument unknown_option(const struct cli_arguments *arguments, const char *text)
{
    const char *names[OPTION_COUNT_MAX];
    size_t count = 0;
    for (; count < arguments->option_count && count < OPTION_COUNT_MAX; count++) {
        names[count] = arguments->options[count].name;
    }
    const char *meant = cli_nearest(text, names, count);
    if (meant != NULL) {
        cli_error("replisim %s: unknown option %s; did you mean %s?", arguments->command, text,
                  meant);
    } else {
        cli_error("replisim %s: unknown option %s; see replisim %s --help", arguments->command,
                  text, arguments->command);
    }
    return CLI_ARGUMENT_WRONG;
}

static enum cli_argument take_value(struct cli_arguments *arguments,
                                    const struct cli_option *option, const char *attached,
                                    const char **value_out)
{
    if (!option->has_value) {
        if (attached != NULL) {
            cli_error("replisim %s: %s takes no value", arguments->command, option->name);
            return CLI_ARGUMENT_WRONG;
        }
        return CLI_ARGUMENT_OPTION;
    }
    if (attached == NULL && arguments->next >= arguments->argc) {
        cli_error("replisim %s: %s needs a value", arguments->command, option->name);
        return CLI_ARGUMENT_WRONG;
    }
    *value_out = attached != NULL ? attached : arguments->argv[arguments->next++];
    return CLI_ARGUMENT_OPTION;
}

enum cli_argument cli_arguments_next(struct cli_arguments *arguments, size_t *option_out,
                                     const char **value_out)
{
    if (arguments->next >= arguments->argc) {
        return CLI_ARGUMENT_END;
    }
    const char *text = arguments->argv[arguments->next++];
    if (!arguments->is_rest && strcmp(text, "--") == 0) {
        arguments->is_rest = true;
        return cli_arguments_next(arguments, option_out, value_out);
    }
    if (arguments->is_rest || text[0] != '-' || text[1] == '\0') {
        *value_out = text;
        return CLI_ARGUMENT_WORD;
    }
    const char *equals = strncmp(text, "--", 2) == 0 ? strchr(text, '=') : NULL;
    size_t length = equals != NULL ? (size_t)(equals - text) : strlen(text);
    for (size_t i = 0; i < arguments->option_count; i++) {
        if (is_same_option(&arguments->options[i], text, length)) {
            *option_out = i;
            return take_value(arguments, &arguments->options[i], equals != NULL ? equals + 1 : NULL,
                              value_out);
        }
    }
    return unknown_option(arguments, text);
}

bool cli_parse_u64(const char *text, uint64_t *value_out)
{
    uint64_t value = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *value_out = value;
    return true;
}

bool cli_parse_seconds(const char *text, double *seconds_out)
{
    if (strspn(text, "0123456789.") != strlen(text)) {
        return false;
    }
    char *end = NULL;
    errno = 0;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !isfinite(seconds) || seconds <= 0 ||
        seconds > 1e9) {
        return false;
    }
    *seconds_out = seconds;
    return true;
}
