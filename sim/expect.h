/* What a scenario expects of its run, and the judgement of a result by it (invariants, Releases). */
#ifndef REPLISIM_SIM_EXPECT_H
#define REPLISIM_SIM_EXPECT_H

#include "protocol/release.h"
#include "sim/property.h"

struct sim_result;

struct sim_expect {
    bool has_violates;
    enum sim_property violates; /* must be seen at least once */
    bool is_accepting;
    bool accepts[RP_RELEASE_COUNT]; /* exceptions of these releases are no failures */
};

/* The paragraph that says why that release is known to break the property; NULL: it is not. One
 * table, expect_table.c. */
const char *sim_expect_exception(enum rp_release release, enum sim_property property);

/* Sets `is_tolerated` of each violation and the verdict (one that is `error` stays). A violation
 * belongs to its node and is looked up under `release_of` that node; one without a node is never
 * tolerated. An awaited violation that was not seen is added as `scenario-check`, place
 * "expect/not-seen". Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_expect_apply(const struct sim_expect *expect, struct sim_result *result,
                                 void *context,
                                 enum rp_release (*release_of)(void *context, const char *node));

#endif
