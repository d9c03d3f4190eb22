#include "protocol/completion.h"

#include "protocol/error.h"
#include "protocol/limits.h"

/* ---- Shapes ---------------------------------------------------------------------------------- */

/* As in the file. */
struct file {
    struct rp_view job_id, state;
    struct rp_completion_output *outputs;
    size_t output_count;
    bool has_outputs;
    struct rp_completion_source *sources;
    size_t source_count;
    bool has_sources;
};

static const struct rp_json_field OUTPUT_FIELDS[] = {
    {RP_JSON_FIELD(struct rp_completion_output, path, "path", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_completion_output, sha256, "sha256", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_completion_output, size_bytes, "size_bytes", RP_JSON_INT)},
    {RP_JSON_FIELD(struct rp_completion_output, database, "database", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_completion_output, measurement, "measurement", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct rp_completion_output, partition_time, "partition_time", RP_JSON_TIME)},
    {RP_JSON_FIELD(struct rp_completion_output, created_at, "created_at", RP_JSON_TIME)},
};
static const struct rp_json_shape OUTPUT_SHAPE =
    RP_JSON_SHAPE(struct rp_completion_output, OUTPUT_FIELDS);

static const struct rp_json_field SOURCE_FIELDS[] = {
    {RP_JSON_FIELD(struct rp_completion_source, path, "path", RP_JSON_TEXT)},
};
static const struct rp_json_shape SOURCE_SHAPE =
    RP_JSON_SHAPE(struct rp_completion_source, SOURCE_FIELDS);

static const struct rp_json_field FILE_FIELDS[] = {
    {RP_JSON_FIELD(struct file, job_id, "job_id", RP_JSON_TEXT)},
    {RP_JSON_FIELD(struct file, state, "state", RP_JSON_TEXT)},
    {RP_JSON_LIST_FIELD(struct file, outputs, output_count, has_outputs, "outputs"),
     .item_count_max = RP_COMPLETION_OUTPUTS_MAX, .shape = &OUTPUT_SHAPE},
    {RP_JSON_LIST_FIELD(struct file, sources, source_count, has_sources, "sources"),
     .item_count_max = RP_COMPLETION_SOURCES_MAX, .shape = &SOURCE_SHAPE},
};
static const struct rp_json_shape FILE_SHAPE = RP_JSON_SHAPE(struct file, FILE_FIELDS);

static const char *const STATE_NAMES[] = {
    [RP_COMPLETION_WRITING_OUTPUT] = "writing_output",
    [RP_COMPLETION_OUTPUT_WRITTEN] = "output_written",
    [RP_COMPLETION_SOURCES_DELETED] = "sources_deleted",
};
#define STATE_COUNT (sizeof STATE_NAMES / sizeof STATE_NAMES[0])

const char *rp_completion_state_name(enum rp_completion_state state)
{
    return STATE_NAMES[state];
}

static bool parse_state(struct rp_view text, enum rp_completion_state *state_out)
{
    for (size_t i = 0; i < STATE_COUNT; i++) {
        if (rp_view_equal(text, rp_view_text(STATE_NAMES[i]))) {
            *state_out = (enum rp_completion_state)i;
            return true;
        }
    }
    return false;
}

/* ---- Names ----------------------------------------------------------------------------------- */

static bool is_job_id(struct rp_view id)
{
    for (size_t i = 0; i < id.length_bytes; i++) {
        uint8_t c = id.bytes[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.') {
            return false;
        }
    }
    return id.length_bytes > 0 && id.length_bytes <= RP_COMPLETION_JOB_BYTES_MAX;
}

int rp_completion_name(struct rp_view job_id, struct rp_buffer *name_out)
{
    if (!is_job_id(job_id)) {
        return RP_ERR_INVALID;
    }
    int error = rp_buffer_append(name_out, rp_view_text(RP_COMPLETION_PREFIX));
    return error == 0 ? rp_buffer_append(name_out, job_id) : error;
}

bool rp_completion_parse_name(struct rp_view name, struct rp_view *job_id_out)
{
    struct rp_view prefix = rp_view_text(RP_COMPLETION_PREFIX);
    if (name.length_bytes <= prefix.length_bytes ||
        !rp_view_equal(rp_view_make(name.bytes, prefix.length_bytes), prefix)) {
        return false;
    }
    *job_id_out =
        rp_view_make(name.bytes + prefix.length_bytes, name.length_bytes - prefix.length_bytes);
    return is_job_id(*job_id_out);
}

/* ---- Both ways ------------------------------------------------------------------------------- */

static bool makes_sense(const struct rp_completion *completion)
{
    if (!is_job_id(completion->job_id) || completion->output_count == 0) {
        return false;
    }
    for (size_t i = 0; i < completion->output_count; i++) {
        const struct rp_completion_output *output = &completion->outputs[i];
        if (output->path.length_bytes == 0 || output->size_bytes < 0) {
            return false;
        }
    }
    for (size_t i = 0; i < completion->source_count; i++) {
        if (completion->sources[i].path.length_bytes == 0) {
            return false;
        }
    }
    return true;
}

int rp_completion_encode(struct rp_buffer *out, const struct rp_completion *completion)
{
    struct file file = {
        .job_id = completion->job_id,
        .state = rp_view_text(STATE_NAMES[completion->state]),
        .outputs = completion->outputs,
        .output_count = completion->output_count,
        .has_outputs = true,
        .sources = completion->sources,
        .source_count = completion->source_count,
        .has_sources = true,
    };
    if (!makes_sense(completion)) {
        return RP_ERR_INVALID;
    }
    return rp_json_encode_object(&FILE_SHAPE, 0, &file, out);
}

int rp_completion_decode(struct rp_view json, struct rp_arena *arena,
                         struct rp_completion *completion_out)
{
    struct file file;
    struct rp_view kept;
    if (json.length_bytes > RP_COMPLETION_BYTES_MAX) {
        return RP_ERR_TOO_LARGE;
    }
    int error = rp_arena_copy(arena, json, &kept);
    if (error == 0) {
        error = rp_json_decode_object(&FILE_SHAPE, 0, kept, arena, &file);
    }
    if (error != 0) {
        return error == RP_ERR_NOMEM || error == RP_ERR_SYNTAX ? error : RP_ERR_TYPE;
    }
    *completion_out = (struct rp_completion){
        .job_id = file.job_id,
        .outputs = file.outputs,
        .output_count = file.output_count,
        .sources = file.sources,
        .source_count = file.source_count,
    };
    bool is_fine = parse_state(file.state, &completion_out->state) && makes_sense(completion_out);
    return is_fine ? 0 : RP_ERR_INVALID;
}
