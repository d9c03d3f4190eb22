/* Completion files: what a compaction leaves on its node's own store until the manifest knows of it
 * (behaviour.md 12.2).
 *
 *     writing_output --> output_written --> sources_deleted --> removed
 *
 * JSON {"job_id","state","outputs":[{"path","sha256","size_bytes","database","measurement",
 * "partition_time","created_at"}],"sources":[{"path"}]}, an ordinary object of the store under
 * "compaction:JOB". No such name is ever registrable (a colon, no "/"). What lies there may be
 * anything: whatever does not make sense is refused as a whole. */
#ifndef REPLISIM_PROTOCOL_COMPLETION_H
#define REPLISIM_PROTOCOL_COMPLETION_H

#include "protocol/buffer.h"
#include "protocol/json.h"
#include "protocol/types.h"

#define RP_COMPLETION_PREFIX "compaction:"

enum rp_completion_state {
    RP_COMPLETION_WRITING_OUTPUT,
    RP_COMPLETION_OUTPUT_WRITTEN,
    RP_COMPLETION_SOURCES_DELETED
};

struct rp_completion_output {
    struct rp_view path, sha256;
    int64_t size_bytes;
    struct rp_view database, measurement;
    struct rp_wall_time partition_time, created_at;
};
struct rp_completion_source {
    struct rp_view path;
};

/* Views and arrays are borrowed, from the caller or from the arena it was decoded into. */
struct rp_completion {
    struct rp_view job_id; /* 1 to RP_COMPLETION_JOB_BYTES_MAX letters, digits, '-', '_' and '.' */
    enum rp_completion_state state;
    struct rp_completion_output *outputs;
    size_t output_count; /* at least 1 */
    struct rp_completion_source *sources;
    size_t source_count;
};

/* "writing_output", ...; constant. */
const char *rp_completion_state_name(enum rp_completion_state state);

/* The name of the job's object. Errors: RP_ERR_INVALID (no job id), RP_ERR_NOMEM. */
RP_MUST_USE int rp_completion_name(struct rp_view job_id, struct rp_buffer *name_out);
/* Is it the name of a completion file, and of which job? */
bool rp_completion_parse_name(struct rp_view name, struct rp_view *job_id_out);

/* Appends. Errors: RP_ERR_INVALID (as decode), RP_ERR_TOO_LARGE, RP_ERR_NOMEM,
 * RP_ERR_UNENCODABLE. */
RP_MUST_USE int rp_completion_encode(struct rp_buffer *out, const struct rp_completion *completion);
/* Everything that is kept lives in the arena. Errors: RP_ERR_TOO_LARGE (RP_COMPLETION_BYTES_MAX),
 * RP_ERR_SYNTAX, RP_ERR_TYPE, RP_ERR_INVALID (no job id, unknown state, no output, an output or a
 * source without path, a negative size), RP_ERR_NOMEM. */
RP_MUST_USE int rp_completion_decode(struct rp_view json, struct rp_arena *arena,
                                     struct rp_completion *completion_out);

#endif
