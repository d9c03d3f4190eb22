/* A cluster without nodes, for tests of the checkers: pods whose observations the test writes by
 * hand, over real disks, real bodies and real manifests. It implements those functions of
 * sim/world.h, sim/pod.h, sim/truth.h and protocol/node.h that the checkers call. */
#ifndef REPLISIM_TESTS_SIM_FAKE_CLUSTER_H
#define REPLISIM_TESTS_SIM_FAKE_CLUSTER_H

#include <check.h>

#include "protocol/fetch_client.h"
#include "protocol/limits.h"
#include "protocol/node.h"
#include "sim/check.h"
#include "sim/reach.h"
#include "sim/store.h"
#include "sim/truth.h"
#include "tests/lib/test_alloc.h"

#define FAKE_POD_COUNT    3
#define FAKE_FILE_MAX     32
#define FAKE_SEEN_MAX     64
#define FAKE_LENGTH_BYTES UINT64_C(5000)
#define FAKE_WALL_S       INT64_C(1775923200)

/* The pods: 0 is writer-1, the others reader-1 and reader-2. */
enum { WRITER, READER, OTHER };

struct rp_node {
    struct rp_manifest *manifest;
    struct rp_node_inspection inspection;
    const char *unhealthy_id;  /* whom its registry does not hold healthy; NULL: nobody */
    rp_time_ns first_frame_ns; /* age of the oldest connection without a first frame */
};

struct sim_pod {
    struct sim_world *world;
    uint64_t number, life;
    const char *id, *role;
    enum rp_release release;
    enum sim_pod_state state;
    rp_time_ns life_began_ns, frozen_ns;
    bool is_hostile;
    bool has_log; /* sim_pod_log gives `log`, and all pods vote */
    struct sim_pod_log log;
    char secret[8];
    int64_t wall_s;
    struct sim_store *store;
    struct rp_node node;
    struct rp_config config;
    size_t armed_timers, connections;
};

/* One version of one path. */
struct fake_file {
    struct sim_version version;
    char sha256[RP_SHA256_HEX];
    uint64_t lsn; /* 0: not committed */
};

struct sim_truth {
    struct sim_world *world;
    struct fake_file versions[FAKE_FILE_MAX];
    size_t version_count;
    struct sim_truth_file files[FAKE_FILE_MAX];
    size_t file_count;
    uint64_t last_index;
};

struct fake_violation {
    char property[40], place[160];
    const struct sim_pod *pod;
};

struct sim_world {
    struct test_alloc memory;
    struct sim_event_queue *queue;
    struct sim_bodies *bodies;
    struct sim_disks *disks;
    struct rp_entry_pool *pool;
    struct sim_checks *checks;
    struct sim_reach reach;
    rp_time_ns now_ns;
    struct sim_truth truth;
    struct sim_pod pods[FAKE_POD_COUNT];
    struct fake_violation seen[FAKE_SEEN_MAX];
    size_t seen_count;
    bool is_unsigned;         /* requests were signed by nobody */
    uint64_t accepted_offset; /* of requests, signed for 0 */
    uint64_t applied_shift;   /* what APPLIED tells beyond the index */
    int applied_error;        /* and which error */
    int extra_callbacks;      /* -1: the manifest's callbacks are not seen; 1: twice each */
    /* Set while a change of a disk is to pass for the node's own. */
    bool is_by_node;
    struct rp_view staged_sha256;
};

struct sim_world *fake_cluster_new(void);
void fake_cluster_free(struct sim_world *world);
/* Violations of the property (all of them: SIM_PROPERTY_COUNT). */
size_t fake_violations(const struct sim_world *world, enum sim_property property);
void fake_pass(struct sim_world *world, rp_time_ns duration_ns);
void fake_life_begins(struct sim_world *world, int pod);

/* The next version of the path, known to truth as the writer's. */
const struct fake_file *fake_version(struct sim_world *world, const char *path);
/* The file's bytes (or those of another length and key) appear on the pod's disk. */
void fake_publish(struct sim_world *world, int pod, const struct fake_file *file);
void fake_publish_as(struct sim_world *world, int pod, const struct fake_file *file,
                     sim_body_key key, uint64_t length_bytes);
void fake_put(struct sim_world *world, int pod, const struct fake_file *file); /* by a hand */
/* Commits at the next index (in truth) and applies it on all pods; or on one, at an index. */
void fake_commit(struct sim_world *world, const struct fake_file *file);
void fake_apply(struct sim_world *world, int pod, uint64_t index, const struct fake_file *file);
void fake_delete(struct sim_world *world, const char *path); /* likewise, everywhere */
void fake_delete_but(struct sim_world *world, const char *path, int absent_pod);
/* The pod's node takes the file from its disk. */
void fake_remove_by_node(struct sim_world *world, int pod, const struct fake_file *file);

/* Observations. */
void fake_see(struct sim_world *world, int pod, const struct rp_observation *seen);
void fake_see_value(struct sim_world *world, int pod, enum rp_observation_kind kind, uint64_t value,
                    uint64_t value2);
void fake_see_file(struct sim_world *world, int pod, enum rp_observation_kind kind,
                   const struct fake_file *file, uint64_t value, uint64_t value2);
void fake_see_peer(struct sim_world *world, int pod, enum rp_observation_kind kind,
                   const struct fake_file *file, const char *peer, uint64_t value);
/* reader-2 signs it and the pod accepts it. */
void fake_see_request(struct sim_world *world, int pod, const char *kind, char nonce,
                      int64_t stamp_s);

#endif
