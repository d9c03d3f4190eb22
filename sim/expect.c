#include "sim/expect.h"

#include <stdio.h>
#include <stdlib.h>

#include "protocol/error.h"
#include "sim/result.h"

static bool is_tolerated(const struct sim_expect *expect, const struct sim_violation *violation,
                         void *context,
                         enum rp_release (*release_of)(void *context, const char *node))
{
    enum sim_property property;
    if ((!expect->has_violates && !expect->is_accepting) || violation->node == NULL ||
        violation->node[0] == '\0' ||
        !sim_property_parse(rp_view_text(violation->property), &property)) {
        return false;
    }
    enum rp_release release =
        violation->has_release ? violation->release : release_of(context, violation->node);
    if (!expect->has_violates && !expect->accepts[release]) {
        return false;
    }
    return sim_expect_exception(release, property) != NULL;
}

static char *copy_text(const char *text)
{
    size_t length_bytes = strlen(text) + 1;
    char *copy = malloc(length_bytes);
    if (copy != NULL) {
        memcpy(copy, text, length_bytes);
    }
    return copy;
}

static int add_unseen(struct sim_result *result, enum sim_property property)
{
    size_t size_bytes = (result->violation_count + 1) * sizeof *result->violations;
    struct sim_violation *violations = realloc(result->violations, size_bytes);
    if (violations == NULL) {
        return RP_ERR_NOMEM;
    }
    result->violations = violations;
    struct sim_violation *unseen = &violations[result->violation_count];
    char detail[160];
    (void)snprintf(detail, sizeof detail, "expected a violation of %s, and none was seen",
                   sim_property_name(property));
    memset(unseen, 0, sizeof *unseen);
    unseen->property = copy_text("scenario-check");
    unseen->node = copy_text("");
    unseen->place = copy_text("expect/not-seen");
    unseen->detail = copy_text(detail);
    unseen->time_ns = (uint64_t)(result->virtual_seconds * 1e9);
    if (unseen->property == NULL || unseen->node == NULL || unseen->place == NULL ||
        unseen->detail == NULL) {
        free(unseen->property);
        free(unseen->node);
        free(unseen->place);
        free(unseen->detail);
        return RP_ERR_NOMEM;
    }
    result->violation_count += 1;
    return 0;
}

int sim_expect_apply(const struct sim_expect *expect, struct sim_result *result, void *context,
                     enum rp_release (*release_of)(void *context, const char *node))
{
    bool is_seen = false, is_failed = false;
    for (size_t index = 0; index < result->violation_count; index += 1) {
        struct sim_violation *violation = &result->violations[index];
        if (expect->has_violates &&
            strcmp(violation->property, sim_property_name(expect->violates)) == 0) {
            is_seen = true; /* awaited: neither a failure nor an exception */
            violation->is_tolerated = false;
            continue;
        }
        violation->is_tolerated = is_tolerated(expect, violation, context, release_of);
        is_failed = is_failed || !violation->is_tolerated;
    }
    int error = 0;
    if (expect->has_violates && !is_seen && result->verdict != SIM_VERDICT_ERROR) {
        error = add_unseen(result, expect->violates);
        is_failed = true;
    }
    if (result->verdict != SIM_VERDICT_ERROR) {
        result->verdict = is_failed ? SIM_VERDICT_FAIL : SIM_VERDICT_PASS;
    }
    return error;
}
