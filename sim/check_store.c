/* Disks and what is served from them: intact-bytes, atomic-publish, publish-current,
 * serve-manifest-only. */
#include "sim/check_internal.h"

/* ---- Damage on purpose ------------------------------------------------------------------------ */

static void damage_forget(struct check_pod *pod, struct rp_view path)
{
    rp_release(pod->checks->alloc, rp_table_remove(&pod->damages, path));
}

void check_store_damaged(struct check_pod *pod, struct rp_view path)
{
    struct check_damage *damage = rp_table_get(&pod->damages, path);
    if (damage == NULL) {
        damage = check_allocate(pod->checks, sizeof *damage + path.length_bytes);
        damage->path_bytes = path.length_bytes;
        if (path.length_bytes > 0) {
            memcpy(damage->path, path.bytes, path.length_bytes);
        }
        check_put(&pod->damages, rp_view_make(damage->path, path.length_bytes), damage);
    }
    damage->at_ns = check_now(pod->checks);
    damage->is_by_crash = !pod->life.is_open && pod->was_killed;
    damage->is_put = damage->is_earlier = false;
}

bool check_store_is_exempt(const struct check_pod *pod, struct rp_view path)
{
    const struct check_damage *damage = rp_table_get(&pod->damages, path);
    return damage != NULL && !damage->is_earlier;
}

/* What was damaged before a life is judged by its catch-up, so it is exempt no longer. An instant is
 * no measure: a disk may be lost in the one in which the node starts. Records that others ask for
 * stay. */
void check_store_life_begins(struct check_pod *pod)
{
    size_t cursor = 0;
    struct check_damage *damage;
    while ((damage = rp_table_next(&pod->damages, &cursor)) != NULL) {
        damage->is_earlier = true;
        if (!damage->is_by_crash && !damage->is_put) {
            damage_forget(pod, rp_view_make(damage->path, damage->path_bytes));
        }
    }
}

void check_store_clear(struct check_pod *pod)
{
    size_t cursor = 0;
    struct check_damage *damage;
    while ((damage = rp_table_next(&pod->damages, &cursor)) != NULL) {
        rp_release(pod->checks->alloc, damage);
    }
    rp_table_clear(&pod->damages);
}

/* Who goes by content has hashed these bytes before, and was told by the disk that nothing has
 * changed since: no look at them. */
static bool is_from_memory(const struct check_pod *pod, const struct rp_observation *seen)
{
    const struct rp_traits *traits = rp_release_traits(sim_pod_release(pod->pod));
    return seen->kind == RP_SEE_PRESENT && seen->value2 == 0 &&
           traits->presence == RP_PRESENT_VERIFIED;
}

/* The node looked. What was damaged while it looked, it may have missed. */
static void on_judged(struct check_pod *pod, const struct rp_observation *seen)
{
    const struct check_damage *damage = rp_table_get(&pod->damages, seen->path);
    if (damage == NULL || is_from_memory(pod, seen)) {
        return;
    }
    const struct check_path *record = check_path_find(pod, seen->path);
    rp_time_ns began_ns =
        record != NULL && record->pulls != NULL ? record->pulls->began_ns : check_now(pod->checks);
    if (damage->at_ns < began_ns) {
        damage_forget(pod, seen->path);
    }
}

/* ---- Content ---------------------------------------------------------------------------------- */

bool check_store_holds(struct check_pod *pod, struct rp_view path, struct rp_view sha256)
{
    const struct sim_store *store = sim_pod_store(pod->pod);
    const struct sim_version *version =
        sim_truth_version(sim_world_truth(pod->checks->world), path, sha256);
    const struct sim_content *content = sim_store_content(store, path);
    if (content == NULL) {
        return false;
    }
    return version == NULL || !version->is_known ||
           sim_content_is(content, version->key, version->length_bytes);
}

/* invariants.md, outcome-accounting: pulled and present imply the right bytes, now. */
static void on_pull_end(struct check_pod *pod, const struct rp_observation *seen)
{
    bool is_here = seen->value == RP_PULL_PULLED || seen->value == RP_PULL_PRESENT;
    if (!is_here || check_store_is_exempt(pod, seen->path) ||
        check_store_holds(pod, seen->path, seen->sha256)) {
        return;
    }
    bool is_pulled = seen->value == RP_PULL_PULLED;
    check_violate(pod, SIM_PROP_INTACT_BYTES, is_pulled ? "pulled" : "judged-present",
                  "%.*s is reported as here, and its bytes are not", CHECK_TEXT(seen->path));
}

/* ---- Publishing ------------------------------------------------------------------------------- */

static bool is_current(struct check_pod *pod, const struct rp_observation *seen)
{
    const struct rp_file_entry *entry = check_entry(pod, seen->path);
    return entry != NULL && entry->size_bytes == seen->size_bytes &&
           rp_view_equal(entry->sha256, seen->sha256);
}

static void on_publish_begin(struct check_pod *pod, const struct rp_observation *seen)
{
    check_reached(pod, SIM_PROP_PUBLISH_CURRENT);
    check_reached(pod, SIM_PROP_ATOMIC_PUBLISH);
    if (!is_current(pod, seen)) {
        check_violate(pod, SIM_PROP_PUBLISH_CURRENT, "publish-begin",
                      "%.*s is published in a version that the manifest does not hold",
                      CHECK_TEXT(seen->path));
    }
    struct check_path *record = check_path_find(pod, seen->path);
    if (record == NULL || record->pulls == NULL) {
        check_violate(pod, SIM_PROP_ATOMIC_PUBLISH, "publish-begin/no-pull",
                      "%.*s is published by no pull", CHECK_TEXT(seen->path));
        return;
    }
    if (record->pulls->next == NULL && !record->pulls->is_verified) {
        check_violate(pod, SIM_PROP_ATOMIC_PUBLISH, "publish-begin/not-verified",
                      "%.*s is published before a fetch of it ended well", CHECK_TEXT(seen->path));
    }
    record->is_publishing = seen->sha256.length_bytes == RP_SHA256_HEX;
    if (record->is_publishing) {
        memcpy(record->publish_sha256, seen->sha256.bytes, RP_SHA256_HEX);
    }
}

static bool is_own_flush(const struct check_pod *pod, const struct sim_version *version)
{
    return version != NULL && version->is_known && version->origin_pod == sim_pod_number(pod->pod);
}

static bool is_expected(struct check_pod *pod, struct rp_view path, struct rp_view sha256,
                        const struct sim_version *version)
{
    struct check_path *record = check_path_find(pod, path);
    bool is_asked = record != NULL && record->is_publishing &&
                    rp_view_equal(rp_view_make(record->publish_sha256, RP_SHA256_HEX), sha256);
    if (is_asked) {
        record->is_publishing = false;
    }
    return is_asked || is_own_flush(pod, version) || sha256.length_bytes == 0;
}

static void check_bytes(struct check_pod *pod, struct rp_view path,
                        const struct sim_version *version, const struct sim_content *content)
{
    check_reached(pod, SIM_PROP_INTACT_BYTES);
    if (content->length_bytes != version->length_bytes) {
        check_violate(pod, SIM_PROP_ATOMIC_PUBLISH, "visible/partial",
                      "%.*s appears with %llu of %llu bytes", CHECK_TEXT(path),
                      (unsigned long long)content->length_bytes,
                      (unsigned long long)version->length_bytes);
    }
    if (!sim_content_is(content, version->key, version->length_bytes)) {
        check_violate(pod, SIM_PROP_INTACT_BYTES, "visible",
                      "%.*s appears with other bytes than those of its version", CHECK_TEXT(path));
        check_hostile_forged(pod, path);
    }
}

static struct rp_view published_hash(struct check_pod *pod, struct rp_view path)
{
    const struct check_path *record = check_path_find(pod, path);
    bool is_known = record != NULL && record->is_publishing;
    return rp_view_make(is_known ? record->publish_sha256 : NULL, is_known ? RP_SHA256_HEX : 0);
}

void check_store_visible(struct check_pod *pod, struct rp_view path, struct rp_view sha256,
                         const struct sim_content *content, bool is_by_node)
{
    if (!is_by_node) { /* a hand put it there: what the node makes of it is judged later */
        check_store_damaged(pod, path);
        ((struct check_damage *)rp_table_get(&pod->damages, path))->is_put = true;
        return;
    }
    damage_forget(pod, path);
    if (sha256.length_bytes ==
        0) { /* a plain file, renamed: the store does not know what it is for */
        sha256 = published_hash(pod, path);
    }
    const struct sim_version *version =
        sim_truth_version(sim_world_truth(pod->checks->world), path, sha256);
    if (!is_own_flush(pod, version) && sha256.length_bytes != 0) {
        check_stop_visible(pod, path);
    }
    if (!is_expected(pod, path, sha256, version)) {
        check_violate(pod, SIM_PROP_ATOMIC_PUBLISH, "visible/not-verified",
                      "%.*s appears under its final name without having been verified",
                      CHECK_TEXT(path));
    }
    if (version != NULL && version->is_known) {
        check_bytes(pod, path, version, content);
    }
}

/* ---- Serving ---------------------------------------------------------------------------------- */

static void on_serve_begin(struct check_pod *pod, const struct rp_observation *seen)
{
    check_reached(pod, SIM_PROP_SERVE_MANIFEST_ONLY);
    const struct sim_store *store = sim_pod_store(pod->pod);
    if (sim_store_content(store, seen->path) == NULL && !check_store_is_exempt(pod, seen->path)) {
        check_violate(pod, SIM_PROP_SERVE_MANIFEST_ONLY, "serve-begin/not-visible",
                      "%.*s is offered, and no such file is visible", CHECK_TEXT(seen->path));
    }
}

static void on_serve_bytes(struct check_pod *pod, const struct rp_observation *seen)
{
    if (seen->value != 0 && check_entry(pod, seen->path) == NULL) {
        check_violate(pod, SIM_PROP_SERVE_MANIFEST_ONLY, "serve-bytes/not-registered",
                      "bytes of %.*s are sent, which is not in the manifest",
                      CHECK_TEXT(seen->path));
    }
}

void check_store_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_PRESENT:
    case RP_SEE_ABSENT: on_judged(pod, seen); break;
    case RP_SEE_PUBLISH_BEGIN: on_publish_begin(pod, seen); break;
    case RP_SEE_PULL_END: on_pull_end(pod, seen); break;
    case RP_SEE_SERVE_BEGIN: on_serve_begin(pod, seen); break;
    case RP_SEE_SERVE_BYTES: on_serve_bytes(pod, seen); break;
    default: break;
    }
}
