#include "sim/recover.h"

#include "sim/world_internal.h"

/* More voters than any configuration of a run has. */
#define VOTERS_MAX 512

/* ---- Who runs -------------------------------------------------------------------------------- */

static bool is_outside(const struct sim_pod *pod)
{
    return pod->judgement == RP_CONFIG_STANDALONE;
}

/* A process runs, or is about to without anybody's doing. */
static bool is_up(const struct sim_pod *pod)
{
    return !pod->is_gone && (sim_pod_is_up(pod) || pod->boot_event != 0);
}

static bool is_among(const struct sim_pod *pod, const struct sim_pod *const *pods, size_t pod_count)
{
    size_t row = 0;
    while (row < pod_count && pods[row] != pod) {
        row += 1;
    }
    return row < pod_count;
}

/* ---- The log --------------------------------------------------------------------------------- */

struct voters {
    uint64_t ids[VOTERS_MAX];
    size_t count;
};

static bool is_fresher(struct sim_raft_end left, struct sim_raft_end right)
{
    return left.term != right.term ? left.term > right.term : left.index > right.index;
}

/* Raft would not elect a log that is less fresh than a majority's, so the freshest tells who votes. */
static void find_voters(const struct sim_world *world, struct voters *voters)
{
    struct sim_raft_end freshest = {0, 0};
    voters->count = 0;
    for (size_t index = 0; index < world->pod_count; index += 1) {
        const struct sim_pod *pod = world->pods[index];
        if (pod->is_gone || pod->folder == NULL) {
            continue;
        }
        struct sim_raft_end end = sim_raft_folder_end(pod->folder);
        if (voters->count == 0 || is_fresher(end, freshest)) {
            struct voters found;
            found.count = sim_raft_folder_voters(pod->folder, found.ids, VOTERS_MAX);
            found.count = found.count < VOTERS_MAX ? found.count : VOTERS_MAX;
            if (found.count > 0) {
                *voters = found;
                freshest = end;
            }
        }
    }
}

static const struct sim_pod *pod_of_log(const struct sim_world *world, uint64_t raft_id)
{
    for (size_t index = 0; index < world->pod_count; index += 1) {
        const struct sim_pod *pod = world->pods[index];
        if (!pod->is_gone && pod->folder != NULL &&
            sim_raft_folder_raft_id(pod->folder) == raft_id) {
            return pod;
        }
    }
    return NULL;
}

/* Whose disks are gone or whose processes are down, in a question of what would be. */
struct absence {
    const struct sim_pod *const *pods;
    size_t pod_count;
    enum sim_recover_loss loss;
};

static bool is_volume_lost(const struct absence *absence)
{
    return absence->loss == SIM_RECOVER_LOSS_VOLUME;
}

static struct sim_recover_log judge_raft(const struct sim_world *world,
                                         const struct absence *absence)
{
    struct voters voters;
    find_voters(world, &voters);
    struct sim_recover_log log = {.voter_count = voters.count};
    for (size_t row = 0; row < voters.count; row += 1) {
        const struct sim_pod *pod = pod_of_log(world, voters.ids[row]);
        bool is_absent = pod != NULL && is_among(pod, absence->pods, absence->pod_count);
        if (pod == NULL || (is_absent && is_volume_lost(absence))) {
            log.lost_count += 1;
        } else if (is_up(pod) && !is_absent) {
            log.up_count += 1;
        } else {
            log.down_count += 1;
        }
    }
    return log;
}

/* Any member that lives leads; they count as one voter together. */
static struct sim_recover_log judge_ideal(const struct sim_world *world,
                                          const struct absence *absence)
{
    bool has_up = false, has_down = false;
    for (size_t index = 0; index < world->pod_count; index += 1) {
        const struct sim_pod *pod = world->pods[index];
        bool is_absent = is_among(pod, absence->pods, absence->pod_count);
        bool is_lost = pod->is_gone || (is_absent && is_volume_lost(absence));
        if (!is_lost && sim_ideal_log_is_member(world->ideal_log, pod->ideal_raft_id)) {
            bool runs = is_up(pod) && !is_absent && !is_outside(pod);
            has_up = has_up || runs;
            has_down = has_down || !runs;
        }
    }
    return (struct sim_recover_log){.voter_count = 1,
                                    .up_count = has_up,
                                    .down_count = !has_up && has_down,
                                    .lost_count = !has_up && !has_down};
}

static struct sim_recover_log judge_log(const struct sim_world *world,
                                        const struct absence *absence)
{
    return world->spec.cluster.consensus == SIM_CONSENSUS_IDEAL ? judge_ideal(world, absence)
                                                                : judge_raft(world, absence);
}

static enum sim_recover_leader judge_leader(struct sim_recover_log log)
{
    if (2 * log.up_count > log.voter_count) {
        return SIM_RECOVER_LEADER_POSSIBLE;
    }
    return 2 * (log.up_count + log.down_count) > log.voter_count ? SIM_RECOVER_LEADER_STOPPED
                                                                 : SIM_RECOVER_LEADER_LOST;
}

static const struct absence NOBODY = {NULL, 0, SIM_RECOVER_LOSS_PROCESS};

struct sim_recover_log sim_recover_log(struct sim_world *world)
{
    return judge_log(world, &NOBODY);
}

enum sim_recover_leader sim_recover_leader(struct sim_world *world)
{
    return judge_leader(judge_log(world, &NOBODY));
}

bool sim_recover_is_voter(struct sim_world *world, const struct sim_pod *pod)
{
    if (world->spec.cluster.consensus == SIM_CONSENSUS_IDEAL) {
        struct absence absence = {&pod, 1, SIM_RECOVER_LOSS_PROCESS};
        return judge_log(world, &absence).up_count < sim_recover_log(world).up_count;
    }
    struct voters voters;
    find_voters(world, &voters);
    uint64_t raft_id = pod->folder == NULL ? 0 : sim_raft_folder_raft_id(pod->folder);
    size_t row = 0;
    while (row < voters.count && voters.ids[row] != raft_id) {
        row += 1;
    }
    return row < voters.count;
}

/* ---- Files ----------------------------------------------------------------------------------- */

static bool is_reachable(const struct sim_pod *asker, const struct sim_pod *pod)
{
    return asker == NULL || (asker != pod && !is_outside(pod) && sim_world_can_talk(asker, pod));
}

/* `asker` NULL: nobody in particular. */
static enum sim_recover_file judge_file(const struct sim_world *world, const struct sim_pod *asker,
                                        const struct sim_truth_file *file)
{
    bool is_on_disk = false;
    for (size_t index = 0; index < world->pod_count; index += 1) {
        const struct sim_pod *pod = world->pods[index];
        if (pod->is_gone || !sim_truth_holds(world->truth, pod, file)) {
            continue;
        }
        if (is_up(pod) && !pod->is_hostile && is_reachable(asker, pod)) {
            return SIM_RECOVER_FILE_HELD;
        }
        is_on_disk = is_on_disk || pod != asker;
    }
    return is_on_disk ? SIM_RECOVER_FILE_DOWN : SIM_RECOVER_FILE_LOST;
}

enum sim_recover_file sim_recover_file(struct sim_world *world, const struct sim_truth_file *file)
{
    return judge_file(world, NULL, file);
}

enum sim_recover_file sim_recover_file_for(struct sim_world *world, const struct sim_pod *pod,
                                           const struct sim_truth_file *file)
{
    return judge_file(world, pod, file);
}

/* ---- What if --------------------------------------------------------------------------------- */

#define PAGE_FILES 1024

/* It runs and is to go on so, or will run by itself. */
static bool is_staying(const struct sim_pod *pod)
{
    return is_up(pod) && pod->state != SIM_POD_STOPPING;
}

/* Would it take a copy of the file along? */
static bool is_taken(const struct sim_world *world, const struct sim_pod *pod,
                     const struct sim_truth_file *file, enum sim_recover_loss loss)
{
    if (pod->is_gone || !sim_truth_holds(world->truth, pod, file)) {
        return false;
    }
    switch (loss) {
    case SIM_RECOVER_LOSS_PROCESS: return is_up(pod);
    case SIM_RECOVER_LOSS_UNSYNCED: return !sim_store_is_durable(pod->store, file->path);
    case SIM_RECOVER_LOSS_VOLUME: break;
    }
    return true;
}

static bool is_any_taken(const struct sim_world *world, const struct absence *absence,
                         const struct sim_truth_file *file)
{
    size_t row = 0;
    while (row < absence->pod_count && !is_taken(world, absence->pods[row], file, absence->loss)) {
        row += 1;
    }
    return row < absence->pod_count;
}

static bool is_kept(const struct sim_world *world, const struct absence *absence,
                    const struct sim_pod *asker, const struct sim_truth_file *file)
{
    for (size_t index = 0; index < world->pod_count; index += 1) {
        const struct sim_pod *pod = world->pods[index];
        if (is_staying(pod) && !pod->is_hostile && is_reachable(asker, pod) &&
            sim_truth_holds(world->truth, pod, file) &&
            !(is_among(pod, absence->pods, absence->pod_count) &&
              is_taken(world, pod, file, absence->loss))) {
            return true;
        }
    }
    return false;
}

static bool are_files_kept(struct sim_world *world, const struct absence *absence)
{
    const struct sim_truth_file *page[PAGE_FILES];
    size_t from = 0;
    for (size_t count = PAGE_FILES; count == PAGE_FILES; from += count) {
        count = sim_truth_page(world->truth, from, page, PAGE_FILES);
        for (size_t row = 0; row < count; row += 1) {
            if (is_any_taken(world, absence, page[row]) &&
                !is_kept(world, absence, NULL, page[row])) {
                return false;
            }
        }
    }
    return true;
}

bool sim_recover_can_spare(struct sim_world *world, struct sim_pod *const *pods, size_t pod_count,
                           enum sim_recover_loss loss)
{
    struct absence absence = {(const struct sim_pod *const *)pods, pod_count, loss};
    bool is_leader_possible =
        loss == SIM_RECOVER_LOSS_UNSYNCED ||
        judge_leader(judge_log(world, &absence)) == SIM_RECOVER_LEADER_POSSIBLE;
    return is_leader_possible && are_files_kept(world, &absence);
}

bool sim_recover_can_spare_copy(struct sim_world *world, const struct sim_pod *pod,
                                const struct sim_truth_file *file)
{
    return is_kept(world, &NOBODY, pod, file);
}
