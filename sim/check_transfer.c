/* Single fetches, the puller's side: transfer-budget, exact-stream, ack-code-fixed.
 *
 * Under RP_DEDUP_NONE several pulls of a path may be under way; then nothing tells whose try it is,
 * and nothing is said. */
#include "protocol/fetch_client.h"
#include "sim/check_internal.h"

static struct check_pull *pull_of(struct check_pod *pod, struct rp_view path)
{
    const struct check_path *record = check_path_find(pod, path);
    struct check_pull *pull = record == NULL ? NULL : record->pulls;
    return pull == NULL || pull->next != NULL ? NULL : pull;
}

/* ---- What must not be asked for --------------------------------------------------------------- */

/* A disk that fails or hangs lets a file pass for missing. */
static bool has_disk_trouble(struct check_pod *pod)
{
    const struct fault_disk_spec faults = sim_store_faults(sim_pod_store(pod->pod)).calls;
    return faults.stat_error != 0 || faults.read_error != 0 || faults.stuck_ns != 0 ||
           faults.slow_ns != 0;
}

/* invariants.md, transfer-budget: present files cost nothing. Of what a hand did to the file, the
 * node may not know. */
static void on_attempt(struct check_pod *pod, const struct rp_observation *seen)
{
    bool is_clear = !check_store_is_exempt(pod, seen->path) && !has_disk_trouble(pod);
    const struct sim_version *version =
        sim_truth_version(sim_world_truth(pod->checks->world), seen->path, seen->sha256);
    if (is_clear && version != NULL && version->is_known && pull_of(pod, seen->path) != NULL &&
        check_store_holds(pod, seen->path, seen->sha256)) {
        check_violate(pod, SIM_PROP_TRANSFER_BUDGET, "attempt/present",
                      "peers are asked for %.*s, which is here with the right bytes",
                      CHECK_TEXT(seen->path));
    }
}

/* A resumed try goes on where the last one of this pull broke off. */
static void on_dial(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_pull *pull = pull_of(pod, seen->path);
    if (pull == NULL) {
        return;
    }
    if (seen->value2 != 0 && pull->has_tried && seen->value2 < pull->end_bytes) {
        check_violate(pod, SIM_PROP_TRANSFER_BUDGET, "dial/repeats",
                      "%.*s is resumed at %llu though %llu bytes are here", CHECK_TEXT(seen->path),
                      (unsigned long long)seen->value2, (unsigned long long)pull->end_bytes);
    }
    pull->offset_bytes = seen->value2;
    pull->has_ack = false;
    pull->has_tried = true;
}

/* ---- What came -------------------------------------------------------------------------------- */

static void on_ack(struct check_pod *pod, const struct rp_observation *seen)
{
    enum rp_ack_code code = rp_ack_code_parse(seen->code);
    check_reached(pod, SIM_PROP_ACK_CODE_FIXED);
    if (code == RP_ACK_CODE_OTHER && !rp_view_equal(seen->code, rp_view_text("other"))) {
        check_violate(pod, SIM_PROP_ACK_CODE_FIXED, "ack/code",
                      "the code of an ack is none of the fixed set");
    }
    struct check_pull *pull = pull_of(pod, seen->path);
    if (pull != NULL) {
        pull->has_ack = true;
        pull->is_ack_ok = seen->value2 != 0;
        pull->ack_bytes = seen->value;
        pull->ack_code = (uint32_t)code;
    }
}

/* wire.md 7. A code that a release does not know is a plain failure. */
static bool is_meant(const struct check_pull *pull, enum rp_fetch_outcome outcome)
{
    if (outcome == RP_FETCH_CANCELLED) {
        return true;
    }
    switch ((enum rp_ack_code)pull->ack_code) {
    case RP_ACK_CODE_NONE: return outcome == RP_FETCH_NOT_ON_PEER || outcome == RP_FETCH_FAILED;
    case RP_ACK_CODE_MANIFEST:
    case RP_ACK_CODE_NOT_FOUND: return outcome == RP_FETCH_NOT_ON_PEER;
    case RP_ACK_CODE_BAD_OFFSET:
        return outcome == RP_FETCH_BAD_OFFSET || outcome == RP_FETCH_FAILED;
    default: return outcome == RP_FETCH_FAILED;
    }
}

static void check_meaning(struct check_pod *pod, const struct check_pull *pull,
                          const struct rp_observation *seen)
{
    bool is_refused = pull->has_ack && !pull->is_ack_ok;
    bool is_of_refusal = seen->value == RP_FETCH_NOT_ON_PEER || seen->value == RP_FETCH_BAD_OFFSET;
    bool is_wrong =
        is_refused ? !is_meant(pull, (enum rp_fetch_outcome)seen->value) : is_of_refusal;
    if (is_wrong) {
        check_violate(pod, SIM_PROP_ACK_CODE_FIXED, "fetch-end/meaning",
                      "the fetch of %.*s ended otherwise than its ack says",
                      CHECK_TEXT(seen->path));
    }
}

static void check_bytes(struct check_pod *pod, const struct check_pull *pull,
                        const struct rp_observation *seen)
{
    check_reached(pod, SIM_PROP_EXACT_STREAM);
    check_reached(pod, SIM_PROP_TRANSFER_BUDGET);
    uint64_t tail_bytes =
        pull->size_bytes > pull->offset_bytes ? pull->size_bytes - pull->offset_bytes : 0;
    if (seen->value2 > tail_bytes) {
        check_violate(pod, SIM_PROP_TRANSFER_BUDGET, "fetch-end/beyond",
                      "%llu bytes of %.*s were taken where %llu were left",
                      (unsigned long long)seen->value2, CHECK_TEXT(seen->path),
                      (unsigned long long)tail_bytes);
    }
    bool is_exact = seen->value2 == tail_bytes && (!pull->has_ack || pull->ack_bytes == tail_bytes);
    if (seen->value == RP_FETCH_OK && !is_exact && seen->value2 <= tail_bytes) {
        check_violate(pod, SIM_PROP_EXACT_STREAM, "fetch-end/size",
                      "the fetch of %.*s succeeded with %llu of %llu bytes", CHECK_TEXT(seen->path),
                      (unsigned long long)seen->value2, (unsigned long long)tail_bytes);
    }
}

static void on_fetch_end(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_pull *pull = pull_of(pod, seen->path);
    if (pull == NULL || !pull->has_tried) {
        return;
    }
    check_meaning(pod, pull, seen);
    check_bytes(pod, pull, seen);
    bool is_kept = seen->value == RP_FETCH_FAILED || seen->value == RP_FETCH_NOT_ON_PEER;
    pull->end_bytes = is_kept ? pull->offset_bytes + seen->value2 : 0;
    pull->has_ack = false;
}

void check_transfer_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_ATTEMPT_BEGIN: on_attempt(pod, seen); break;
    case RP_SEE_DIAL: on_dial(pod, seen); break;
    case RP_SEE_ACK: on_ack(pod, seen); break;
    case RP_SEE_FETCH_END: on_fetch_end(pod, seen); break;
    default: break;
    }
}
