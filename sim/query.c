#include "sim/query.h"

#include "sim/compact.h"
#include "sim/world_internal.h"

#define PAGE_MAX 256

struct query {
    struct sim_pod *pod;
    const struct rp_manifest *manifest;
    struct rp_view prefix;
    struct sim_query_answer answer;
};

static bool is_asked(const struct query *query, struct rp_view path)
{
    return path.length_bytes >= query->prefix.length_bytes &&
           rp_view_equal(rp_view_make(path.bytes, query->prefix.length_bytes), query->prefix);
}

/* ---- What is missing ------------------------------------------------------------------------------ */

/* A version that no flush made has no bytes to compare with: its size must do. */
static bool is_read(const struct query *query, const struct rp_file_entry *entry)
{
    const struct sim_content *content = sim_store_content(query->pod->store, entry->path);
    const struct sim_version *version =
        sim_truth_version(query->pod->world->truth, entry->path, entry->sha256);
    if (content == NULL) {
        return false;
    }
    if (version == NULL || !version->is_known) {
        return entry->size_bytes >= 0 && content->length_bytes == (uint64_t)entry->size_bytes;
    }
    return sim_content_is(content, version->key, version->length_bytes);
}

static void look_at_entry(struct query *query, const struct rp_file_entry *entry)
{
    query->answer.looked_count += 1;
    query->answer.missing_count += !is_read(query, entry);
}

/* Pages go strictly past their cursor, so what is named by the prefix alone is looked at first. */
static void look_at_manifest(struct query *query)
{
    const struct rp_file_entry *page[PAGE_MAX];
    struct rp_view cursor = query->prefix;
    const struct rp_file_entry *exact = rp_manifest_file(query->manifest, query->prefix);
    if (exact != NULL) {
        look_at_entry(query, exact);
    }
    for (bool has_more = true; has_more;) {
        size_t count = rp_manifest_page(query->manifest, cursor, page, PAGE_MAX);
        has_more = count == PAGE_MAX;
        for (size_t row = 0; row < count; row += 1) {
            if (is_asked(query, page[row]->path)) {
                look_at_entry(query, page[row]);
            } else {
                has_more = false;
            }
            cursor = page[row]->path; /* the manifest keeps it through this call */
            rp_file_entry_release(page[row]);
        }
    }
}

/* ---- What is read twice ---------------------------------------------------------------------------- */

static bool is_beside_its_output(const struct query *query, struct rp_view path)
{
    const struct sim_world *world = query->pod->world;
    for (struct rp_view output = sim_compacted_into(world, path); output.length_bytes != 0;
         output = sim_compacted_into(world, output)) {
        if (rp_manifest_file(query->manifest, output) != NULL &&
            sim_store_content(query->pod->store, output) != NULL) {
            return true;
        }
    }
    return false;
}

static void look_at_name(struct query *query, struct rp_view path)
{
    query->answer.looked_count += 1;
    query->answer.duplicated_count +=
        rp_manifest_file(query->manifest, path) == NULL && is_beside_its_output(query, path);
}

static void look_at_disk(struct query *query)
{
    struct rp_view names[PAGE_MAX];
    struct rp_view cursor = query->prefix;
    if (cursor.length_bytes > 0 && sim_store_content(query->pod->store, cursor) != NULL) {
        look_at_name(query, cursor);
    }
    for (bool has_more = true; has_more;) {
        size_t count = sim_pod_files(query->pod, cursor, names, PAGE_MAX);
        has_more = count == PAGE_MAX;
        for (size_t row = 0; row < count; row += 1) {
            if (is_asked(query, names[row])) {
                look_at_name(query, names[row]);
            } else {
                has_more = false;
            }
            cursor = names[row];
        }
    }
}

int sim_query(struct sim_pod *pod, struct rp_view prefix, struct sim_query_answer *answer_out)
{
    struct query query = {.pod = pod, .prefix = prefix};
    memset(answer_out, 0, sizeof *answer_out);
    if (pod->node == NULL) {
        return RP_ERR_STOPPED;
    }
    query.manifest = rp_node_manifest(pod->node);
    query.answer.is_gated = rp_node_is_query_gated(pod->node);
    if (query.answer.is_gated) {
        (void)rp_node_query(pod->node, prefix); /* refused there, and counted */
    }
    if (!query.answer.is_gated && query.manifest != NULL) {
        look_at_manifest(&query);
        look_at_disk(&query);
    }
    query.answer.is_complete = !query.answer.is_gated && query.answer.missing_count == 0;
    *answer_out = query.answer;
    return 0;
}
