/* consensus-authenticated: what the library is given was made by a member of this very cluster for this
 * very life, and is given once. */
#include "sim/check_internal.h"

static struct rp_view key_of(const uint64_t identity[3])
{
    return rp_view_make(identity, 3 * sizeof identity[0]);
}

void sim_checks_consensus_recorded(struct sim_checks *checks, const uint64_t identity[3])
{
    if (rp_table_get(&checks->recordings, key_of(identity)) != NULL) {
        return;
    }
    struct check_recording *recording = check_allocate(checks, sizeof *recording);
    memcpy(recording->identity, identity, sizeof recording->identity);
    check_put(&checks->recordings, key_of(recording->identity), recording);
}

static const char *fault_of(const struct sim_check_consensus *seen)
{
    if (!seen->is_authentic) {
        return "no member made it";
    }
    if (!seen->is_of_cluster) {
        return "it is of another cluster";
    }
    if (!seen->is_addressed_here) {
        return "it is addressed to another member";
    }
    return seen->is_of_session ? NULL : "it was sent to another life";
}

static bool is_repeated(struct sim_checks *checks, const struct sim_check_consensus *seen)
{
    struct check_recording *recording = rp_table_get(&checks->recordings, key_of(seen->identity));
    if (recording == NULL || seen->is_resent) {
        return false;
    }
    recording->taken_count += 1;
    return recording->taken_count > 1;
}

void sim_checks_consensus(struct sim_checks *checks, struct sim_pod *pod,
                          const struct sim_check_consensus *seen)
{
    const char *fault = fault_of(seen);
    check_reached(check_pod_of(checks, pod), SIM_PROP_CONSENSUS_AUTHENTICATED);
    if (fault == NULL && is_repeated(checks, seen)) {
        fault = "somebody recorded it and sent it again";
    }
    if (fault != NULL) {
        check_violate(check_pod_of(checks, pod), SIM_PROP_CONSENSUS_AUTHENTICATED, seen->kind,
                      "%s of term %llu was given to the library, and %s", seen->kind,
                      (unsigned long long)seen->term, fault);
    }
}

void check_consensus_clear(struct sim_checks *checks)
{
    size_t cursor = 0;
    struct check_recording *recording;
    while ((recording = rp_table_next(&checks->recordings, &cursor)) != NULL) {
        rp_release(checks->alloc, recording);
    }
    rp_table_clear(&checks->recordings);
}
