/* What anti-entropy may delete, and when: reconcile-conservative. Judged by truth: the configuration,
 * the disks, the commit, and true time, not by what the node believes. */
#include "protocol/reconcile.h"
#include "sim/check_internal.h"

/* A node's clock may run that much slower than true time and still be right about a grace. */
#define DRIFT_SHARE 1000

/* When a file appeared on the pod's disk; kept only where reconciliation is on. */
struct appearance {
    rp_time_ns at_ns;
    size_t path_bytes;
    uint8_t path[];
};

#define VIOLATE(pod, what, text, seen)                                                             \
    check_violate(pod, SIM_PROP_RECONCILE_CONSERVATIVE, what, "%.*s is deleted " text,             \
                  CHECK_TEXT((seen)->path))

/* ---- Ages ----------------------------------------------------------------------------------------- */

void check_reconcile_visible(struct check_pod *pod, struct rp_view path)
{
    if (!sim_pod_config(pod->pod)->is_reconciliation_enabled) {
        return;
    }
    struct appearance *appearance = rp_table_get(&pod->appearances, path);
    if (appearance == NULL) {
        appearance = check_allocate(pod->checks, sizeof *appearance + path.length_bytes);
        appearance->path_bytes = path.length_bytes;
        if (path.length_bytes > 0) {
            memcpy(appearance->path, path.bytes, path.length_bytes);
        }
        check_put(&pod->appearances, rp_view_make(appearance->path, path.length_bytes), appearance);
    }
    appearance->at_ns = check_now(pod->checks);
}

void check_reconcile_vanished(struct check_pod *pod, struct rp_view path)
{
    rp_release(pod->checks->alloc, rp_table_remove(&pod->appearances, path));
}

void check_reconcile_clear(struct check_pod *pod)
{
    size_t cursor = 0;
    struct appearance *appearance;
    while ((appearance = rp_table_next(&pod->appearances, &cursor)) != NULL) {
        rp_release(pod->checks->alloc, appearance);
    }
    rp_table_clear(&pod->appearances);
}

/* True time since the file appeared, or the entry was committed; 0: not that version. */
static rp_time_ns true_age(struct check_pod *pod, const struct rp_observation *seen)
{
    rp_time_ns now_ns = check_now(pod->checks);
    if (seen->value == RP_RECONCILE_FILE) {
        const struct appearance *appearance = rp_table_get(&pod->appearances, seen->path);
        return appearance == NULL ? now_ns : now_ns - appearance->at_ns;
    }
    const struct sim_truth_file *file =
        sim_truth_file(sim_world_truth(pod->checks->world), seen->path);
    return file == NULL || !file->is_registered ? 0 : now_ns - file->commit_ns;
}

/* Older than the grace, truly, and known to be: an age that the node cannot know is none. */
static void check_age(struct check_pod *pod, const struct rp_observation *seen)
{
    rp_time_ns grace_ns = sim_pod_config(pod->pod)->reconciliation_grace_ns;
    rp_time_ns true_ns = true_age(pod, seen);
    if (seen->value2 < grace_ns) {
        VIOLATE(pod, "age/unknown", "though it is not known to be older than the grace", seen);
    } else if (true_ns + true_ns / DRIFT_SHARE < grace_ns) {
        VIOLATE(pod, "age/young", "though it is younger than the grace", seen);
    }
}

/* ---- Order and mode --------------------------------------------------------------------------------- */

static void check_mode(struct check_pod *pod, const struct rp_observation *seen)
{
    const struct rp_config *config = sim_pod_config(pod->pod);
    const struct check_run *run = &pod->life.run;
    bool is_allowed = config->is_reconciliation_enabled && !config->is_reconciliation_dry_run;
    if (!run->is_running || !run->is_act || !is_allowed) {
        VIOLATE(pod, "mode", "though configuration and request do not both allow it", seen);
    } else if (!run->is_listed) {
        VIOLATE(pod, "listing", "before everything was listed", seen);
    } else if (seen->value == RP_RECONCILE_FILE && !run->is_manifest_swept) {
        VIOLATE(pod, "order", "before the manifest sweep was complete", seen);
    } else if (run->action_count > config->reconciliation_delete_cap) {
        VIOLATE(pod, "cap", "beyond the cap of one run", seen);
    }
}

/* ---- The second look -------------------------------------------------------------------------------- */

/* A liar's copy is worth nothing to anybody who asks it. */
static bool is_held_by(struct sim_pod *pod, struct rp_view path, const struct sim_version *version)
{
    if (!sim_pod_is_up(pod) || sim_pod_is_hostile(pod)) {
        return false;
    }
    const struct sim_content *content = sim_store_content(sim_pod_store(pod), path);
    return content != NULL && (version == NULL || !version->is_known ||
                               sim_content_is(content, version->key, version->length_bytes));
}

static void check_held(struct check_pod *pod, const struct rp_observation *seen)
{
    struct sim_world *world = pod->checks->world;
    const struct sim_version *version =
        sim_truth_version(sim_world_truth(world), seen->path, seen->sha256);
    for (size_t index = 0; index < sim_world_pod_count(world); index += 1) {
        if (is_held_by(sim_world_pod_at(world, index), seen->path, version)) {
            VIOLATE(pod, "held", "from the manifest though a node that is up holds it", seen);
            return;
        }
    }
}

static void check_entry_gone(struct check_pod *pod, const struct rp_observation *seen)
{
    const struct rp_file_entry *entry = check_entry(pod, seen->path);
    if (entry == NULL || entry->lsn != seen->lsn) {
        VIOLATE(pod, "confirm/entry", "in a version that the manifest does not hold", seen);
    }
    check_held(pod, seen);
}

static void on_delete(struct check_pod *pod, const struct rp_observation *seen)
{
    pod->life.run.action_count += 1;
    check_reached(pod, SIM_PROP_RECONCILE_CONSERVATIVE);
    check_mode(pod, seen);
    check_age(pod, seen);
    if (seen->value == RP_RECONCILE_ENTRY) {
        check_entry_gone(pod, seen);
    } else if (check_entry(pod, seen->path) != NULL) {
        VIOLATE(pod, "confirm/file", "from the disk though the manifest holds it", seen);
    }
}

void check_reconcile_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    struct check_run *run = &pod->life.run;
    switch (seen->kind) {
    case RP_SEE_RECONCILE_BEGIN:
        *run = (struct check_run){.is_running = true, .is_act = seen->value2 != 0};
        break;
    case RP_SEE_RECONCILE_LISTED: run->is_listed = seen->value2 != 0; break;
    case RP_SEE_RECONCILE_DELETE: on_delete(pod, seen); break;
    case RP_SEE_RECONCILE_SWEPT:
        run->is_manifest_swept = run->is_manifest_swept || seen->value == RP_RECONCILE_ENTRY;
        break;
    case RP_SEE_RECONCILE_END: run->is_running = false; break;
    default: break;
    }
}
