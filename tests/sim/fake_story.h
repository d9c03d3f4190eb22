/* Pieces of stories for tests of the checkers: what an honest node shows, step by step. They keep the
 * counters that the fake nodes report in step. */
#ifndef REPLISIM_TESTS_SIM_FAKE_STORY_H
#define REPLISIM_TESTS_SIM_FAKE_STORY_H

#include "tests/sim/fake_cluster.h"

void story_announce(struct sim_world *world, int pod, const struct fake_file *file);
void story_pull_begin(struct sim_world *world, int pod, const struct fake_file *file);
void story_attempt(struct sim_world *world, int pod, const struct fake_file *file, uint64_t number);
void story_ack(struct sim_world *world, int pod, const struct fake_file *file, const char *code,
               bool is_ok);
void story_fetch_end(struct sim_world *world, int pod, const struct fake_file *file,
                     enum rp_fetch_outcome outcome, uint64_t bytes);
/* Dial, ack where there is one, end. */
void story_try_peer(struct sim_world *world, int pod, const struct fake_file *file,
                    const char *peer, uint64_t number, enum rp_fetch_outcome outcome);
void story_pull_end(struct sim_world *world, int pod, const struct fake_file *file,
                    enum rp_pull_outcome outcome, uint64_t attempts);
/* From the fetch that went well to the outcome. */
void story_finish_pull(struct sim_world *world, int pod, const struct fake_file *file,
                       uint64_t attempts);
/* From announcement to outcome, at the first try. */
void story_pull(struct sim_world *world, int pod, const struct fake_file *file);
/* A file that the writer flushed and queued for registration. */
const struct fake_file *story_flush(struct sim_world *world, const char *path);
/* And that was registered. */
const struct fake_file *story_flushed(struct sim_world *world, const char *path);
void story_become_ready(struct sim_world *world, int pod);
void story_all_ready(struct sim_world *world);
/* A fetch request of reader-2 is accepted, and its ok ack goes out on this connection. */
void story_serve(struct sim_world *world, int pod, const struct fake_file *file, uint64_t number);
/* Bytes of a first frame of that type come in on a connection that is new to the pod; the call goes
 * on. */
void story_message(struct sim_world *world, int pod, uint64_t conn, uint8_t type);
/* The message of that kind is refused within it. */
void story_refused(struct sim_world *world, int pod, const char *kind, uint64_t why);
/* From its coming to the close, with that answer ("": none). */
void story_refusal(struct sim_world *world, int pod, const char *kind, uint64_t why,
                   const char *answer);
/* A pull of the file that has dialled writer-1 by that connection. */
void story_dial(struct sim_world *world, int pod, const struct fake_file *file, uint64_t conn);
/* So many bytes come in on it. */
void story_receive(struct sim_world *world, int pod, uint64_t conn, size_t length_bytes);
/* Checks at rest, quiescence reached. */
void story_rest(struct sim_world *world);
/* An orderly stop that takes so long. */
void story_stop(struct sim_world *world, int number, rp_time_ns duration_ns);
void story_crash(struct sim_world *world, int number);
void story_stop_all(struct sim_world *world);
/* Leaves a staging object on the disk. */
/* The checkers see a staging object for the file grow, from nothing to these bytes. */
void story_staged(struct sim_world *world, int pod, const struct fake_file *file, sim_body_key key,
                  uint64_t length_bytes);
void story_stage_one(struct sim_world *world, int number);
/* And of that file, with so many bytes written to it. */
void story_stage(struct sim_world *world, int number, struct rp_view path, size_t size_bytes);

#endif
