#include "sim/expect.h"

#include <stdio.h>
#include <stdlib.h>

#include "protocol/error.h"
#include "sim/result.h"

/* What the reference is known to break, by release; the paragraph of behaviour that says so. */
struct exception {
    enum rp_release release;
    enum sim_property property;
};

static const struct exception exceptions[] = {
    /* Each announcement is a pull of its own (7.2). */
    {RP_RELEASE_PHASE2, SIM_PROP_SINGLE_FLIGHT},
    {RP_RELEASE_PHASE2, SIM_PROP_OUTCOME_ACCOUNTING},
    /* Nothing remembers nonces of fetches (wire.md 8.5). */
    {RP_RELEASE_PHASE2, SIM_PROP_NO_REPLAY},
    {RP_RELEASE_PHASE3, SIM_PROP_NO_REPLAY},
    {RP_RELEASE_ARC, SIM_PROP_NO_REPLAY},
    /* No catch-up at all, or readiness before it, or a view that is not the cluster's (10, 11). */
    {RP_RELEASE_PHASE2, SIM_PROP_QUERY_COMPLETE},
    {RP_RELEASE_PHASE3, SIM_PROP_QUERY_COMPLETE},
    {RP_RELEASE_ARC, SIM_PROP_QUERY_COMPLETE},
    /* A pull that was given up comes back with a restart at best (7.3). */
    {RP_RELEASE_PHASE2, SIM_PROP_CONVERGES},
    {RP_RELEASE_PHASE3, SIM_PROP_CONVERGES},
    {RP_RELEASE_ARC, SIM_PROP_CONVERGES},
    {RP_RELEASE_PHASE3, SIM_PROP_BECOMES_READY},
    {RP_RELEASE_ARC, SIM_PROP_BECOMES_READY},
    {RP_RELEASE_ARC, SIM_PROP_STAYS_READY},
    /* The registrar tries once (2), and a replaced version may be published late (7.5). */
    {RP_RELEASE_PHASE2, SIM_PROP_REGISTERS_ALL},
    {RP_RELEASE_PHASE3, SIM_PROP_REGISTERS_ALL},
    {RP_RELEASE_ARC, SIM_PROP_REGISTERS_ALL},
    {RP_RELEASE_PHASE2, SIM_PROP_PUBLISH_CURRENT},
    {RP_RELEASE_PHASE3, SIM_PROP_PUBLISH_CURRENT},
    {RP_RELEASE_ARC, SIM_PROP_PUBLISH_CURRENT},
    /* Transfers do not end with the node (13.4). */
    {RP_RELEASE_PHASE2, SIM_PROP_STOPS_IN_TIME},
    {RP_RELEASE_PHASE3, SIM_PROP_STOPS_IN_TIME},
    {RP_RELEASE_ARC, SIM_PROP_STOPS_IN_TIME},
    /* Part files are visible, and stay behind (8). */
    {RP_RELEASE_ARC, SIM_PROP_ATOMIC_PUBLISH},
    {RP_RELEASE_ARC, SIM_PROP_INTACT_BYTES},
};

bool sim_expect_is_exception(enum rp_release release, enum sim_property property)
{
    for (size_t index = 0; index < sizeof exceptions / sizeof exceptions[0]; index += 1) {
        if (exceptions[index].release == release && exceptions[index].property == property) {
            return true;
        }
    }
    return false;
}

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
    enum rp_release release = release_of(context, violation->node);
    if (!expect->has_violates && !expect->accepts[release]) {
        return false;
    }
    return sim_expect_is_exception(release, property);
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
