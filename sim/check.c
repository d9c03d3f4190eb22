#include "sim/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "protocol/error.h"
#include "sim/check_internal.h"

/* ---- Verdicts --------------------------------------------------------------------------------- */

static const char *state_text(const struct check_life *life)
{
    if (!life->is_open) {
        return "down";
    }
    if (life->is_stopping || life->is_stop_asked) {
        return "stopping";
    }
    if (life->is_ready) {
        return "ready";
    }
    if (life->is_walked) {
        return "walk-done";
    }
    return life->is_walking ? "walking" : "starting";
}

static void name_place(const struct check_pod *pod, const char *what, char place_out[128])
{
    struct rp_view role = sim_pod_role(pod->pod);
    (void)snprintf(place_out, 128, "%.*s/%s/%s", CHECK_TEXT(role), state_text(&pod->life), what);
}

void check_violate(struct check_pod *pod, enum sim_property property, const char *what,
                   const char *format, ...)
{
    if (pod->checks->is_disabled[property]) {
        return;
    }
    char detail[512];
    char place[128];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    name_place(pod, what, place);
    sim_world_violate(pod->checks->world, sim_property_name(property), pod->pod, place, detail);
}

void check_violate_as(struct check_pod *pod, enum rp_release release, enum sim_property property,
                      const char *what, const char *detail)
{
    char place[128];
    if (!pod->checks->is_disabled[property]) {
        name_place(pod, what, place);
        sim_world_violate_as(pod->checks->world, sim_property_name(property), pod->pod, release,
                             place, detail);
    }
}

void check_violate_all(struct sim_checks *checks, enum sim_property property, const char *place,
                       const char *format, ...)
{
    if (checks->is_disabled[property]) {
        return;
    }
    char detail[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    sim_world_violate(checks->world, sim_property_name(property), NULL, place, detail);
}

void check_reached(const struct check_pod *pod, enum sim_property property)
{
    pod->checks->reach->checked[property] += !pod->checks->is_disabled[property];
}

int check_length(struct rp_view view)
{
    return view.length_bytes < 200 ? (int)view.length_bytes : 200;
}

/* ---- Conveniences ----------------------------------------------------------------------------- */

void *check_allocate(struct sim_checks *checks, size_t size_bytes)
{
    void *pointer = rp_allocate_zeroed(checks->alloc, size_bytes);
    RP_ASSERT(pointer != NULL);
    return pointer;
}

void check_put(struct rp_table *table, struct rp_view key, void *value)
{
    int error = rp_table_put(table, key, value, NULL);
    RP_ASSERT(error == 0);
}

rp_time_ns check_now(const struct sim_checks *checks)
{
    return sim_world_true_now(checks->world);
}

rp_time_ns check_clock(const struct check_pod *pod)
{
    return sim_pod_clock_ns(pod->pod) - sim_pod_frozen_ns(pod->pod);
}

const struct rp_manifest *check_manifest_of(struct check_pod *pod)
{
    const struct rp_node *node = sim_pod_node(pod->pod);
    return node == NULL ? NULL : rp_node_manifest(node);
}

const struct rp_file_entry *check_entry(struct check_pod *pod, struct rp_view path)
{
    const struct rp_manifest *manifest = check_manifest_of(pod);
    return manifest == NULL ? NULL : rp_manifest_file(manifest, path);
}

/* ---- Birth and death -------------------------------------------------------------------------- */

int sim_checks_new(struct sim_world *world, const struct rp_alloc *alloc,
                   struct sim_checks **checks_out)
{
    struct sim_checks *checks = rp_allocate_zeroed(alloc, sizeof *checks);
    if (checks == NULL) {
        return RP_ERR_NOMEM;
    }
    checks->world = world;
    checks->reach = sim_world_reach(world);
    checks->alloc = alloc;
    rp_table_init(&checks->flushes, alloc);
    rp_table_init(&checks->votes, alloc);
    rp_table_init(&checks->recordings, alloc);
    *checks_out = checks;
    return 0;
}

static void life_clear(struct check_pod *pod)
{
    check_pull_clear(pod);
    check_wait_clear(pod);
    check_entry_clear(pod);
    check_message_clear(pod);
    check_walk_clear(pod);
}

static void pod_free(struct check_pod *pod)
{
    if (pod != NULL) {
        life_clear(pod);
        check_store_clear(pod);
        check_reconcile_clear(pod);
        rp_release(pod->checks->alloc, pod);
    }
}

void sim_checks_free(struct sim_checks *checks)
{
    if (checks == NULL) {
        return;
    }
    for (size_t number = 0; number < checks->pod_max; number += 1) {
        pod_free(checks->pods[number]);
    }
    check_flush_clear(checks);
    check_consensus_clear(checks);
    check_wire_clear(checks);
    check_log_clear(checks);
    rp_release(checks->alloc, (void *)checks->pods);
    rp_release(checks->alloc, checks->digests);
    rp_release(checks->alloc, checks);
}

void sim_checks_disable(struct sim_checks *checks, enum sim_property property)
{
    RP_ASSERT((unsigned)property < SIM_PROPERTY_COUNT);
    checks->is_disabled[property] = true;
}

static void make_room(struct sim_checks *checks, size_t number)
{
    size_t max = checks->pod_max == 0 ? 16 : checks->pod_max;
    while (max <= number) {
        max *= 2;
    }
    if (max == checks->pod_max) {
        return;
    }
    struct check_pod **pods = rp_resize(checks->alloc, (void *)checks->pods, max * sizeof *pods);
    RP_ASSERT(pods != NULL);
    memset((void *)(pods + checks->pod_max), 0, (max - checks->pod_max) * sizeof *pods);
    checks->pods = pods;
    checks->pod_max = max;
}

static void life_init(struct check_pod *pod)
{
    memset(&pod->life, 0, sizeof pod->life);
    rp_table_init(&pod->life.paths, pod->checks->alloc);
    rp_table_init(&pod->life.serves, pod->checks->alloc);
    rp_table_init(&pod->life.unsettled, pod->checks->alloc);
    rp_table_init(&pod->life.conns, pod->checks->alloc);
}

struct check_pod *check_pod_of(struct sim_checks *checks, struct sim_pod *pod)
{
    size_t number = (size_t)sim_pod_number(pod);
    make_room(checks, number);
    if (checks->pods[number] == NULL) {
        struct check_pod *watch = check_allocate(checks, sizeof *watch);
        watch->checks = checks;
        watch->pod = pod;
        life_init(watch);
        rp_table_init(&watch->damages, checks->alloc);
        rp_table_init(&watch->appearances, checks->alloc);
        checks->pods[number] = watch;
    }
    return checks->pods[number];
}

/* ---- Lives ------------------------------------------------------------------------------------ */

void sim_checks_life_begins(struct sim_checks *checks, struct sim_pod *pod)
{
    struct check_pod *watch = check_pod_of(checks, pod);
    life_clear(watch);
    life_init(watch);
    check_store_life_begins(watch);
    check_log_life_begins(watch);
    watch->life.is_open = true;
    check_reached(watch, SIM_PROP_MEMORY_SAFE);
    watch->life.commit_index = sim_truth_last_index(sim_world_truth(checks->world));
    const struct sim_store *store = sim_pod_store(pod);
    if (store != NULL && watch->last_release != sim_pod_release(pod)) {
        watch->last_release = sim_pod_release(pod);
        watch->inherited_count = sim_store_plain_count(store);
    }
    watch->life.leftover_count = store == NULL ? 0 : sim_store_staged_count(store);
}

void sim_checks_stop_begins(struct sim_checks *checks, struct sim_pod *pod)
{
    check_end_stop_asked(check_pod_of(checks, pod));
}

void sim_checks_life_ends(struct sim_checks *checks, struct sim_pod *pod, bool is_crash)
{
    struct check_pod *watch = check_pod_of(checks, pod);
    check_end_life(watch, is_crash);
    if (is_crash || !watch->life.is_stopped) {
        check_flush_crashed(watch);
    }
    life_clear(watch);
    watch->life.is_open = false;
    watch->was_killed = is_crash;
}

/* ---- What is heard ---------------------------------------------------------------------------- */

void sim_checks_observe(struct sim_checks *checks, struct sim_pod *pod,
                        const struct rp_observation *observation)
{
    /* In this order: that of the end knows of stops, that of the pulls ends what others look at. */
    static void (*const OBSERVERS[])(struct check_pod * pod, const struct rp_observation *seen) = {
        check_end_observe,     check_manifest_observe, check_entry_observe,
        check_walk_observe,    check_store_observe,    check_stop_observe,
        check_hostile_observe, check_wait_observe,     check_transfer_observe,
        check_crash_observe,   check_pull_observe,     check_queue_observe,
        check_wire_observe,    check_auth_observe,     check_reconcile_observe,
        check_access_observe,  check_log_observe,      check_message_observe,
        check_budget_observe,
    };
    struct check_pod *watch = check_pod_of(checks, pod);
    for (size_t row = 0; row < sizeof OBSERVERS / sizeof OBSERVERS[0]; row += 1) {
        OBSERVERS[row](watch, observation);
    }
}

void sim_checks_visible(struct sim_checks *checks, struct sim_pod *pod, struct rp_view path,
                        struct rp_view sha256, const struct sim_content *content, bool is_by_node)
{
    struct check_pod *watch = check_pod_of(checks, pod);
    check_store_visible(watch, path, sha256, content, is_by_node);
    check_reconcile_visible(watch, path);
}

void sim_checks_vanished(struct sim_checks *checks, struct sim_pod *pod, struct rp_view path,
                         const struct sim_content *content, bool is_by_node)
{
    struct check_pod *watch = check_pod_of(checks, pod);
    check_reconcile_vanished(watch, path);
    if (is_by_node) {
        check_delete_vanished(watch, path, content);
    } else { /* a hand took it: the node cannot know before it looks */
        check_store_damaged(watch, path);
    }
}

void sim_checks_query(struct sim_checks *checks, struct sim_pod *pod)
{
    check_query(check_pod_of(checks, pod));
}

void sim_checks_called(struct sim_checks *checks, struct sim_pod *pod, enum sim_store_call call,
                       struct rp_view path)
{
    struct check_pod *watch = check_pod_of(checks, pod);
    check_message_called(watch, call);
    check_access_called(watch, call, path);
}

void sim_checks_staged(struct sim_checks *checks, struct sim_pod *pod, struct rp_view path,
                       struct rp_view sha256, const struct sim_content *content,
                       uint64_t from_bytes)
{
    check_access_staged(check_pod_of(checks, pod), path, sha256, content, from_bytes);
}

/* ---- What passes its ports ---------------------------------------------------------------------- */

void sim_checks_conn_opened(struct sim_checks *checks, struct sim_pod *pod, uint64_t conn,
                            bool is_inbound)
{
    check_message_opened(check_pod_of(checks, pod), conn, is_inbound);
}

void sim_checks_call_begins(struct sim_checks *checks, struct sim_pod *pod, uint64_t conn,
                            struct rp_view bytes)
{
    check_message_begins(check_pod_of(checks, pod), conn, bytes);
}

void sim_checks_call_ends(struct sim_checks *checks, struct sim_pod *pod)
{
    check_message_ends(check_pod_of(checks, pod));
}

void sim_checks_conn_sent(struct sim_checks *checks, struct sim_pod *pod, uint64_t conn,
                          struct rp_view bytes)
{
    check_message_sent(check_pod_of(checks, pod), conn, bytes);
}

void sim_checks_conn_closed(struct sim_checks *checks, struct sim_pod *pod, uint64_t conn,
                            bool is_by_node)
{
    check_message_closed(check_pod_of(checks, pod), conn, is_by_node);
}

void sim_checks_effect(struct sim_checks *checks, struct sim_pod *pod, enum sim_effect effect)
{
    check_message_effect(check_pod_of(checks, pod), effect);
}

void sim_checks_allocated(struct sim_checks *checks, struct sim_pod *pod, size_t size_bytes)
{
    check_budget_allocated(check_pod_of(checks, pod), size_bytes);
}

void sim_checks_step(struct sim_checks *checks, struct sim_pod *pod)
{
    check_budget_step(check_pod_of(checks, pod));
}

void sim_checks_hostile(struct sim_checks *checks)
{
    checks->has_hostile = true;
}

void sim_checks_damaged(struct sim_checks *checks, struct sim_pod *pod, struct rp_view path)
{
    check_store_damaged(check_pod_of(checks, pod), path);
}
