/* The compaction watcher: brings what completion files say into the manifest (behaviour.md 12.2).
 *
 * A machine without ports: it is told of completion files and asked for actions at each look, once a
 * second (RP_COMPACTION_LOOK_NS).
 *
 * RP_COMPACTION_WATCHED: what was registered is known to this life only. output_written: one batch
 * registers the outputs; sources_deleted: one batch registers them if that was not done yet, then
 * deletes the sources; after that the file goes. A batch too large to be sent fails, again and again.
 * RP_COMPACTION_UNTIL_SEEN: a job is done when the node's own manifest shows no source of it any more
 * and the outputs (or their deletion); until then one batch, cut to what can be sent, registers what
 * is not there yet and deletes the sources that still are. So nothing is registered twice, whatever
 * was lost with a life. A job whose sources all went while its output never came is given up.
 *
 * Errors of proposing keep the file, and the next look tries again. Those that say that no leader
 * could be reached are one error to callers: RP_ERR_NOT_LEADER. */
#ifndef REPLISIM_PROTOCOL_COMPACTION_H
#define REPLISIM_PROTOCOL_COMPACTION_H

#include "protocol/completion.h"
#include "protocol/manifest.h"
#include "protocol/release.h"

struct rp_compaction_watcher;

enum rp_compaction_action_kind {
    RP_COMPACTION_DO_PROPOSE, /* ticket, command: answer with rp_compaction_answered */
    RP_COMPACTION_DO_REMOVE_OUTPUT, /* job_id, path, sha256: an output that nobody will register, and what is staged of it */
    RP_COMPACTION_DO_REMOVE /* job_id: its completion file; rp_compaction_removed follows */
};
struct rp_compaction_action {
    enum rp_compaction_action_kind kind;
    uint64_t ticket;
    struct rp_view command; /* all views: borrowed until the next call of the machine */
    struct rp_view job_id, path, sha256;
};

/* `node_id` is copied: the origin of every output. Errors: RP_ERR_NOMEM, RP_ERR_UNSUPPORTED (the
 * release has no watcher: RP_COMPACTION_NONE). */
RP_MUST_USE int rp_compaction_new(const struct rp_traits *traits, const struct rp_alloc *alloc,
                                  struct rp_view node_id,
                                  struct rp_compaction_watcher **compaction_out);
void rp_compaction_free(struct rp_compaction_watcher *compaction);

/* The job's completion file has these contents now. `is_found`: by a scan at start, not written in
 * this life. Errors: as rp_completion_decode; the machine is as before. */
RP_MUST_USE int rp_compaction_put(struct rp_compaction_watcher *compaction, struct rp_view json,
                                  bool is_found);
/* A look at every job; actions follow. `is_current`: the manifest is known to be no older than this
 * life; before that, jobs that were found wait (RP_COMPACTION_UNTIL_SEEN). */
void rp_compaction_look(struct rp_compaction_watcher *compaction, rp_time_ns now_ns,
                        const struct rp_manifest *manifest, bool is_current);
bool rp_compaction_next(struct rp_compaction_watcher *compaction,
                        struct rp_compaction_action *action_out);
/* `error`: RP_ERR_* of the proposal or of its application; 0: applied. */
void rp_compaction_answered(struct rp_compaction_watcher *compaction, uint64_t ticket, int error,
                            rp_time_ns now_ns);
/* 0: the job is forgotten; an error: asked for again at the next look. */
void rp_compaction_removed(struct rp_compaction_watcher *compaction, struct rp_view job_id,
                           int error);

/* The job cannot be finished, its output is not to be registered: output and file go. */
void rp_compaction_give_up(struct rp_compaction_watcher *compaction, struct rp_view job_id);
/* Does the release remove the sources on its own disk before the manifest lets go of them? Ours
 * leaves them to the log, on every node alike. */
bool rp_compaction_removes_sources(const struct rp_compaction_watcher *compaction);

/* The orderly stop: looks go on until `deadline_ns`, after which nothing more is proposed. */
void rp_compaction_stop(struct rp_compaction_watcher *compaction, rp_time_ns deadline_ns);

/* What became of a job for whoever ran it. */
enum rp_compaction_progress {
    RP_COMPACTION_UNKNOWN, /* not, or no longer, known */
    RP_COMPACTION_OPEN,
    RP_COMPACTION_DONE,    /* in the manifest; only the file is to go */
    RP_COMPACTION_GIVEN_UP /* its output will not be registered */
};
enum rp_compaction_progress rp_compaction_progress(const struct rp_compaction_watcher *compaction,
                                                   struct rp_view job_id);
size_t rp_compaction_job_count(const struct rp_compaction_watcher *compaction);
/* Jobs that may still get on: those without hope (a batch too large) do not count. */
size_t rp_compaction_open_count(const struct rp_compaction_watcher *compaction);
/* The latest error of proposing, as callers see it; 0: none, or none since a success. */
int rp_compaction_last_error(const struct rp_compaction_watcher *compaction);
/* TestCompactionBridge: no leader known, unreachable, not leader: RP_ERR_NOT_LEADER. Others as they
 * are. */
int rp_compaction_map_error(int error);

#endif
