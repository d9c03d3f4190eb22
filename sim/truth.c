#include "sim/truth.h"

#include <stdlib.h>

#include "sim/world_internal.h"

/* A path and its present, and the set of pods whose disk shows that, as bits by pod number. */
struct file_record {
    struct sim_truth_file file; /* first */
    uint64_t *holder_bits;      /* owned */
    uint64_t *sampled_bits;     /* owned: whose lag for this version was taken */
    size_t word_count;
    uint64_t origin_pod; /* number, or UINT64_MAX */
    char text[];         /* path */
};

struct version_record {
    struct sim_version version; /* first */
    size_t key_bytes;
    uint8_t key[]; /* path, NUL, hash: a path with NUL is never registrable */
};

struct sim_truth {
    struct sim_world *world;
    const struct rp_alloc *alloc;
    struct rp_table versions; /* key -> version_record */
    struct rp_table paths;    /* path -> its first version_record, borrowed */
    struct rp_table files;    /* path -> file_record, in order of first commit */
    size_t registered_count;
    uint64_t last_index; /* of the last command taken over */
    /* Whose callbacks of that index are taken, and in which life: a restart replays the log. */
    uint64_t last_pod, last_life;
    struct file_record **sorted; /* owned; files in path order, valid while !is_unsorted */
    size_t sorted_count;
    bool is_unsorted;
    struct sim_lag_sample *samples; /* owned */
    size_t sample_count, sample_max;
    struct sim_lag_sample *report; /* owned: samples and what is missing */
};

int sim_truth_new(struct sim_world *world, const struct rp_alloc *alloc,
                  struct sim_truth **truth_out)
{
    struct sim_truth *truth = rp_allocate_zeroed(alloc, sizeof *truth);
    if (truth == NULL) {
        return RP_ERR_NOMEM;
    }
    truth->world = world;
    truth->alloc = alloc;
    rp_table_init(&truth->versions, alloc);
    rp_table_init(&truth->paths, alloc);
    rp_table_init(&truth->files, alloc);
    *truth_out = truth;
    return 0;
}

void sim_truth_free(struct sim_truth *truth)
{
    if (truth == NULL) {
        return;
    }
    size_t cursor = 0;
    for (void *record; (record = rp_table_next(&truth->versions, &cursor)) != NULL;) {
        rp_release(truth->alloc, record);
    }
    cursor = 0;
    for (struct file_record *record; (record = rp_table_next(&truth->files, &cursor)) != NULL;) {
        rp_release(truth->alloc, record->holder_bits);
        rp_release(truth->alloc, record->sampled_bits);
        rp_release(truth->alloc, record);
    }
    rp_table_clear(&truth->paths);
    rp_table_clear(&truth->versions);
    rp_table_clear(&truth->files);
    rp_release(truth->alloc, truth->sorted);
    rp_release(truth->alloc, truth->samples);
    rp_release(truth->alloc, truth->report);
    rp_release(truth->alloc, truth);
}

/* ---- Versions -------------------------------------------------------------------------------------- */

#define KEY_BYTES_MAX (RP_PATH_BYTES_MAX + 256)

/* False: too long to be any version that a flush made. */
static bool make_key(struct rp_view path, struct rp_view sha256, uint8_t key[KEY_BYTES_MAX],
                     size_t *length_out)
{
    if (path.length_bytes + 1 + sha256.length_bytes > KEY_BYTES_MAX) {
        return false;
    }
    memcpy(key, path.bytes, path.length_bytes);
    key[path.length_bytes] = 0;
    if (sha256.length_bytes != 0) {
        memcpy(key + path.length_bytes + 1, sha256.bytes, sha256.length_bytes);
    }
    *length_out = path.length_bytes + 1 + sha256.length_bytes;
    return true;
}

static int note_path(struct sim_truth *truth, struct version_record *record)
{
    struct version_record *first = rp_table_get(&truth->paths, record->version.path);
    if (first == NULL) {
        return rp_table_put(&truth->paths, record->version.path, record, NULL);
    }
    first->version.has_others = record->version.has_others = true;
    return 0;
}

int sim_truth_flushed(struct sim_truth *truth, struct rp_view path, struct rp_view sha256,
                      sim_body_key key, uint64_t length_bytes, uint64_t origin_pod)
{
    uint8_t text[KEY_BYTES_MAX];
    size_t text_bytes = 0;
    if (!make_key(path, sha256, text, &text_bytes)) {
        return RP_ERR_INVALID;
    }
    struct version_record *record = rp_table_get(&truth->versions, rp_view_make(text, text_bytes));
    if (record != NULL) { /* the same bytes under the same name again, maybe by somebody else */
        record->version.origin_pod = origin_pod;
        return 0;
    }
    record = rp_allocate(truth->alloc, sizeof *record + text_bytes);
    if (record == NULL) {
        return RP_ERR_NOMEM;
    }
    memcpy(record->key, text, text_bytes);
    record->key_bytes = text_bytes;
    record->version = (struct sim_version){
        .path = rp_view_make(record->key, path.length_bytes),
        .sha256 = rp_view_make(record->key + path.length_bytes + 1, sha256.length_bytes),
        .key = key,
        .length_bytes = length_bytes,
        .origin_pod = origin_pod,
        .is_known = true,
    };
    int error = rp_table_put(&truth->versions, rp_view_make(record->key, text_bytes), record, NULL);
    if (error != 0) {
        rp_release(truth->alloc, record);
        return error;
    }
    return note_path(truth, record);
}

const struct sim_version *sim_truth_version(const struct sim_truth *truth, struct rp_view path,
                                            struct rp_view sha256)
{
    uint8_t text[KEY_BYTES_MAX];
    size_t text_bytes = 0;
    if (!make_key(path, sha256, text, &text_bytes)) {
        return NULL;
    }
    struct version_record *record = rp_table_get(&truth->versions, rp_view_make(text, text_bytes));
    return record == NULL ? NULL : &record->version;
}

/* ---- Holders ---------------------------------------------------------------------------------------- */

static bool bit(const uint64_t *words, size_t word_count, uint64_t number)
{
    return number / 64 < word_count && (words[number / 64] >> (number % 64) & 1) != 0;
}

static void grow_bits(struct sim_truth *truth, struct file_record *record, uint64_t number)
{
    size_t needed = number / 64 + 1;
    if (needed <= record->word_count) {
        return;
    }
    uint64_t **both[2] = {&record->holder_bits, &record->sampled_bits};
    for (size_t which = 0; which < 2; which += 1) {
        *both[which] = rp_resize(truth->alloc, *both[which], needed * sizeof(uint64_t));
        RP_ASSERT(*both[which] != NULL);
        memset(*both[which] + record->word_count, 0,
               (needed - record->word_count) * sizeof(uint64_t));
    }
    record->word_count = needed;
}

static void add_sample(struct sim_truth *truth, const struct file_record *record,
                       struct sim_pod *pod, rp_time_ns now_ns)
{
    if (truth->sample_count == truth->sample_max) {
        truth->sample_max = truth->sample_max == 0 ? 256 : truth->sample_max * 2;
        truth->samples =
            rp_resize(truth->alloc, truth->samples, truth->sample_max * sizeof *truth->samples);
        RP_ASSERT(truth->samples != NULL);
    }
    rp_time_ns lag_ns = now_ns - record->file.commit_ns;
    truth->samples[truth->sample_count++] = (struct sim_lag_sample){
        .node_id = sim_pod_label(pod),
        .path = record->file.path,
        .committed_s = sim_world_seconds(truth->world, record->file.commit_ns),
        .lag_s = (double)lag_ns / 1e9,
    };
}

/* cli.md: from the commit to the moment it is held; the maker is not counted, and a copy that is
 * had again is no second sample. */
static void take_sample(struct sim_truth *truth, struct file_record *record, struct sim_pod *pod)
{
    uint64_t number = sim_pod_number(pod);
    if (!record->file.is_registered || number == record->origin_pod ||
        bit(record->sampled_bits, record->word_count, number) ||
        truth->world->run->phase == SIM_PHASE_SETUP) {
        return;
    }
    record->sampled_bits[number / 64] |= UINT64_C(1) << (number % 64);
    add_sample(truth, record, pod, sim_world_true_now(truth->world));
}

static void set_holder(struct sim_truth *truth, struct file_record *record, struct sim_pod *pod,
                       bool is_holder)
{
    uint64_t number = sim_pod_number(pod);
    grow_bits(truth, record, number);
    if (bit(record->holder_bits, record->word_count, number) == is_holder) {
        return;
    }
    record->holder_bits[number / 64] ^= UINT64_C(1) << (number % 64);
    if (record->file.is_registered) {
        pod->missing_count += is_holder ? (uint64_t)-1 : 1;
    }
    if (is_holder) {
        take_sample(truth, record, pod);
    }
}

static bool shows(const struct file_record *record, const struct sim_content *content)
{
    const struct sim_version *version = record->file.version;
    return content != NULL && version != NULL &&
           sim_content_is(content, version->key, version->length_bytes);
}

/* A new version, or none any more: every disk is looked at once. */
static void recount(struct sim_truth *truth, struct file_record *record, bool was_registered)
{
    for (size_t index = 0; index < sim_world_pod_count(truth->world); index += 1) {
        struct sim_pod *pod = sim_world_pod_at(truth->world, index);
        uint64_t number = sim_pod_number(pod);
        bool was_holder = bit(record->holder_bits, record->word_count, number);
        pod->missing_count -= was_registered && !was_holder;
        bool is_holder = shows(record, sim_store_content(sim_pod_store(pod), record->file.path));
        grow_bits(truth, record, number);
        record->holder_bits[number / 64] &= ~(UINT64_C(1) << (number % 64));
        record->holder_bits[number / 64] |= (uint64_t)is_holder << (number % 64);
        pod->missing_count += record->file.is_registered && !is_holder;
        if (is_holder) {
            take_sample(truth, record, pod);
        }
    }
}

bool sim_truth_holds(const struct sim_truth *truth, const struct sim_pod *pod,
                     const struct sim_truth_file *file)
{
    (void)truth;
    const struct file_record *record = (const struct file_record *)(const void *)file;
    return bit(record->holder_bits, record->word_count, sim_pod_number(pod));
}

uint64_t sim_truth_missing_count(const struct sim_truth *truth, const struct sim_pod *pod)
{
    (void)truth;
    return pod->missing_count;
}

/* ---- The committed manifest --------------------------------------------------------------------------- */

static struct file_record *file_of(struct sim_truth *truth, struct rp_view path)
{
    struct file_record *record = rp_table_get(&truth->files, path);
    if (record != NULL) {
        return record;
    }
    record = rp_allocate_zeroed(truth->alloc, sizeof *record + path.length_bytes);
    RP_ASSERT(record != NULL);
    memcpy(record->text, path.bytes, path.length_bytes);
    record->file.path = rp_view_make(record->text, path.length_bytes);
    record->origin_pod = UINT64_MAX;
    RP_ASSERT(rp_table_put(&truth->files, record->file.path, record, NULL) == 0);
    truth->is_unsorted = true;
    return record;
}

static uint64_t pod_number_of(struct sim_truth *truth, struct rp_view node_id)
{
    struct sim_pod *pod = sim_world_pod(truth->world, node_id);
    return pod == NULL ? UINT64_MAX : sim_pod_number(pod);
}

static void on_registered(struct sim_truth *truth, const struct rp_observation *seen)
{
    struct file_record *record = file_of(truth, seen->path);
    bool was_registered = record->file.is_registered;
    const struct sim_version *version = sim_truth_version(truth, seen->path, seen->sha256);
    truth->registered_count += !was_registered;
    record->file.is_registered = true;
    record->file.version = version;
    record->file.sha256 = version != NULL ? version->sha256 : rp_view_make(NULL, 0);
    record->file.size_bytes = seen->size_bytes;
    record->file.lsn = seen->lsn;
    record->file.commit_ns = sim_world_true_now(truth->world);
    record->origin_pod = pod_number_of(truth, seen->peer_id);
    struct sim_pod *origin = sim_world_pod(truth->world, seen->peer_id);
    record->file.origin_node_id = origin == NULL ? rp_view_make(NULL, 0) : sim_pod_id(origin);
    if (record->sampled_bits != NULL) {
        memset(record->sampled_bits, 0, record->word_count * sizeof *record->sampled_bits);
    }
    recount(truth, record, was_registered);
}

static void on_deleted(struct sim_truth *truth, const struct rp_observation *seen)
{
    struct file_record *record = file_of(truth, seen->path);
    if (!record->file.is_registered) {
        return;
    }
    record->file.is_registered = false;
    record->file.delete_ns = sim_world_true_now(truth->world);
    truth->registered_count -= 1;
    recount(truth, record, true);
}

/* Each committed command is taken over from the first node that applies it. What a snapshot brings
 * was applied before by whoever made it. */
void sim_truth_observe(struct sim_truth *truth, struct sim_pod *pod,
                       const struct rp_observation *observation)
{
    bool is_file =
        observation->kind == RP_SEE_FILE_REGISTERED || observation->kind == RP_SEE_FILE_DELETED;
    if (!is_file || observation->value < truth->last_index) {
        return;
    }
    bool is_source =
        truth->last_pod == sim_pod_number(pod) && truth->last_life == sim_pod_life(pod);
    if (observation->value == truth->last_index && !is_source) {
        return;
    }
    truth->last_index = observation->value;
    truth->last_pod = sim_pod_number(pod);
    truth->last_life = sim_pod_life(pod);
    if (observation->kind == RP_SEE_FILE_REGISTERED) {
        on_registered(truth, observation);
    } else {
        on_deleted(truth, observation);
    }
}

void sim_truth_visible(struct sim_truth *truth, struct sim_pod *pod, struct rp_view path,
                       const struct sim_content *content)
{
    struct file_record *record = rp_table_get(&truth->files, path);
    if (record != NULL) {
        set_holder(truth, record, pod, shows(record, content));
    }
}

void sim_truth_vanished(struct sim_truth *truth, struct sim_pod *pod, struct rp_view path)
{
    struct file_record *record = rp_table_get(&truth->files, path);
    if (record != NULL) {
        set_holder(truth, record, pod, false);
    }
}

void sim_truth_pod_added(struct sim_truth *truth, struct sim_pod *pod)
{
    pod->missing_count = truth->registered_count;
}

/* A disk was exchanged behind the pod: everything is looked at again. */
static void look_again(struct sim_truth *truth, struct sim_pod *pod)
{
    size_t cursor = 0;
    for (struct file_record *record; (record = rp_table_next(&truth->files, &cursor)) != NULL;) {
        set_holder(truth, record, pod,
                   shows(record, sim_store_content(sim_pod_store(pod), record->file.path)));
    }
}

void sim_truth_volume_lost(struct sim_truth *truth, struct sim_pod *pod)
{
    look_again(truth, pod);
}

void sim_truth_volumes_swapped(struct sim_truth *truth, struct sim_pod *left, struct sim_pod *right)
{
    look_again(truth, left);
    look_again(truth, right);
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

const struct sim_truth_file *sim_truth_file(const struct sim_truth *truth, struct rp_view path)
{
    const struct file_record *record = rp_table_get(&truth->files, path);
    return record == NULL ? NULL : &record->file;
}

static int compare_records(const void *left, const void *right)
{
    const struct file_record *const *a = left;
    const struct file_record *const *b = right;
    return rp_view_compare((*a)->file.path, (*b)->file.path);
}

static void sort_files(struct sim_truth *truth)
{
    if (!truth->is_unsorted) {
        return;
    }
    size_t count = rp_table_count(&truth->files);
    truth->sorted = rp_resize(truth->alloc, truth->sorted, count * sizeof(struct file_record *));
    RP_ASSERT(truth->sorted != NULL);
    truth->sorted_count = 0;
    size_t cursor = 0;
    for (struct file_record *record; (record = rp_table_next(&truth->files, &cursor)) != NULL;) {
        truth->sorted[truth->sorted_count++] = record;
    }
    qsort(truth->sorted, truth->sorted_count, sizeof(struct file_record *), compare_records);
    truth->is_unsorted = false;
}

size_t sim_truth_page(struct sim_truth *truth, size_t from, const struct sim_truth_file **files_out,
                      size_t max)
{
    sort_files(truth);
    size_t passed = 0;
    size_t count = 0;
    for (size_t index = 0; index < truth->sorted_count && count < max; index += 1) {
        const struct sim_truth_file *file = &truth->sorted[index]->file;
        if (file->is_registered && passed++ >= from) {
            files_out[count++] = file;
        }
    }
    return count;
}

const struct sim_truth_file *sim_truth_deleted(struct sim_truth *truth, size_t *cursor)
{
    sort_files(truth);
    while (*cursor < truth->sorted_count) {
        const struct sim_truth_file *file = &truth->sorted[*cursor]->file;
        *cursor += 1;
        if (!file->is_registered) {
            return file;
        }
    }
    return NULL;
}

size_t sim_truth_registered_count(const struct sim_truth *truth)
{
    return truth->registered_count;
}

uint64_t sim_truth_last_index(const struct sim_truth *truth)
{
    return truth->last_index;
}

size_t sim_truth_missing(struct sim_truth *truth, const struct sim_pod *pod,
                         const struct sim_truth_file **files_out, size_t max)
{
    sort_files(truth);
    size_t count = 0;
    for (size_t index = 0; index < truth->sorted_count && count < max; index += 1) {
        const struct sim_truth_file *file = &truth->sorted[index]->file;
        if (file->is_registered && !sim_truth_holds(truth, pod, file)) {
            files_out[count++] = file;
        }
    }
    return count;
}

/* ---- Lag ------------------------------------------------------------------------------------------------ */

/* Those that a live node still misses: never left out. */
static size_t append_unbounded(struct sim_truth *truth, struct sim_lag_sample *out)
{
    size_t count = 0;
    for (size_t index = 0; index < sim_world_pod_count(truth->world); index += 1) {
        struct sim_pod *pod = sim_world_pod_at(truth->world, index);
        if (!sim_pod_is_up(pod) || pod->missing_count == 0) {
            continue;
        }
        size_t cursor = 0;
        for (struct file_record *record;
             (record = rp_table_next(&truth->files, &cursor)) != NULL;) {
            bool is_owed = record->file.is_registered &&
                           record->origin_pod != sim_pod_number(pod) &&
                           !sim_truth_holds(truth, pod, &record->file);
            if (is_owed && out != NULL) {
                out[count] = (struct sim_lag_sample){
                    .node_id = sim_pod_label(pod),
                    .path = record->file.path,
                    .committed_s = sim_world_seconds(truth->world, record->file.commit_ns),
                    .lag_s = -1,
                };
            }
            count += is_owed;
        }
    }
    return count;
}

int sim_truth_lag(struct sim_truth *truth, struct sim_lag_sample **samples_out, size_t *count_out)
{
    size_t unbounded = append_unbounded(truth, NULL);
    size_t count = truth->sample_count + unbounded;
    struct sim_lag_sample *report =
        rp_resize(truth->alloc, truth->report, (count + 1) * sizeof *report);
    if (report == NULL) {
        return RP_ERR_NOMEM;
    }
    truth->report = report;
    if (truth->sample_count != 0) {
        memcpy(report, truth->samples, truth->sample_count * sizeof *report);
    }
    (void)append_unbounded(truth, report + truth->sample_count);
    *samples_out = report;
    *count_out = count;
    return 0;
}
