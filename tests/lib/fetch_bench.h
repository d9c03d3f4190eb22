/* Drives the two fetch machines as a node would, over memory: for unit tests and golden data. */
#ifndef REPLISIM_TESTS_LIB_FETCH_BENCH_H
#define REPLISIM_TESTS_LIB_FETCH_BENCH_H

#include <check.h>

#include "protocol/error.h"
#include "protocol/fetch_client.h"
#include "protocol/fetch_server.h"
#include "tests/lib/test_alloc.h"

/* An entry in static memory: its reference count never reaches 0. */
#define BENCH_ENTRY_REFERENCES 1000000u
#define BENCH_EVENT_MAX        8

static inline struct rp_file_entry bench_entry(struct rp_view path, struct rp_view sha256,
                                               int64_t size_bytes)
{
    struct rp_file_entry entry = {.reference_count = BENCH_ENTRY_REFERENCES,
                                  .path = path,
                                  .sha256 = sha256,
                                  .size_bytes = size_bytes};
    return entry;
}

static inline void bench_hash(const struct rp_alloc *alloc, struct rp_view bytes,
                              char hex_out[RP_SHA256_HEX])
{
    struct rp_sha256 *hash;
    ck_assert_int_eq(rp_sha256_new(alloc, &hash), 0);
    rp_sha256_begin(hash);
    rp_sha256_update(hash, bytes);
    rp_sha256_hex(hash, hex_out);
    rp_sha256_free(hash);
}

/* A chunk of its own block; the caller releases the block after use. */
static inline struct rp_chunk bench_chunk(const struct rp_alloc *alloc, struct rp_view bytes)
{
    struct rp_block *block;
    uint8_t *memory;
    ck_assert_int_eq(rp_block_new(alloc, bytes.length_bytes, &block, &memory), 0);
    if (bytes.length_bytes > 0) {
        memcpy(memory, bytes.bytes, bytes.length_bytes);
    }
    return rp_chunk_of(block);
}

/* ---- Client ----------------------------------------------------------------------------------- */

struct client_bench {
    struct test_alloc alloc;
    struct rp_auth *auth;
    struct rp_sha256 *hash;
    struct rp_fetch_client *client;
    struct rp_buffer sent, sunk;
    rp_time_ns now_ns;
    int64_t wall_unix_s;
    size_t send_max, sink_max; /* 0: everything at once */
    int dial_error, sink_error;
    bool is_dial_silent, is_sink_silent;
    bool is_paused;
    struct rp_fetch_action finish;
    struct rp_fetch_event events[BENCH_EVENT_MAX]; /* not yet given; the first is being given */
    size_t event_count;
    size_t dial_count, close_count, finish_count, append_count;
};

static inline void client_bench_init(struct client_bench *bench, const struct rp_traits *traits,
                                     struct rp_view secret)
{
    memset(bench, 0, sizeof *bench);
    test_alloc_init(&bench->alloc);
    rp_buffer_init(&bench->sent, &bench->alloc.alloc, SIZE_MAX / 2);
    rp_buffer_init(&bench->sunk, &bench->alloc.alloc, SIZE_MAX / 2);
    ck_assert_int_eq(rp_auth_new(traits, secret, &bench->alloc.alloc, &bench->auth), 0);
    ck_assert_int_eq(rp_sha256_new(&bench->alloc.alloc, &bench->hash), 0);
}

static inline void client_bench_clear(struct client_bench *bench)
{
    rp_fetch_client_free(bench->client);
    rp_auth_free(bench->auth);
    rp_sha256_free(bench->hash);
    rp_buffer_clear(&bench->sent);
    rp_buffer_clear(&bench->sunk);
    ck_assert_uint_eq(bench->alloc.live_count, 0);
}

static inline void client_bench_step(struct client_bench *bench, struct rp_fetch_event event);

static inline size_t bench_take(size_t length, size_t max)
{
    return max != 0 && max < length ? max : length;
}

static inline void client_bench_send(struct client_bench *bench, struct rp_chunk chunk)
{
    size_t taken = bench_take(chunk.length_bytes, bench->send_max);
    bool is_partial = taken < chunk.length_bytes;
    ck_assert_int_eq(rp_buffer_append(&bench->sent, rp_view_make(chunk.bytes, taken)), 0);
    client_bench_step(bench,
                      (struct rp_fetch_event){.kind = RP_FETCH_EV_SENT, .taken_bytes = taken});
    if (is_partial) {
        client_bench_step(bench, (struct rp_fetch_event){.kind = RP_FETCH_EV_WRITABLE});
    }
}

static inline void client_bench_append(struct client_bench *bench, struct rp_chunk chunk)
{
    size_t taken = bench_take(chunk.length_bytes, bench->sink_max);
    bench->append_count += 1;
    bench->is_paused = true;
    if (bench->is_sink_silent) {
        return;
    }
    if (bench->sink_error == 0) {
        ck_assert_int_eq(rp_buffer_append(&bench->sunk, rp_view_make(chunk.bytes, taken)), 0);
    }
    client_bench_step(bench, (struct rp_fetch_event){.kind = RP_FETCH_EV_SUNK,
                                                     .taken_bytes = taken,
                                                     .error = bench->sink_error});
}

static inline void client_bench_act(struct client_bench *bench,
                                    const struct rp_fetch_action *action)
{
    switch (action->kind) {
    case RP_FETCH_DO_CONNECT:
        bench->dial_count += 1;
        if (!bench->is_dial_silent) {
            client_bench_step(bench, (struct rp_fetch_event){.kind = RP_FETCH_EV_CONNECTED,
                                                             .wall_unix_s = bench->wall_unix_s,
                                                             .error = bench->dial_error});
        }
        break;
    case RP_FETCH_DO_SEND: client_bench_send(bench, action->chunk); break;
    case RP_FETCH_DO_REPORT_ACK: ck_assert_ptr_nonnull(rp_fetch_client_ack(bench->client)); break;
    case RP_FETCH_DO_APPEND: client_bench_append(bench, action->chunk); break;
    case RP_FETCH_DO_RESUME: bench->is_paused = false; break;
    case RP_FETCH_DO_CLOSE:
        bench->close_count += 1;
        ck_assert_uint_eq(bench->finish_count, 0);
        break;
    case RP_FETCH_DO_FINISH:
        bench->finish_count += 1;
        bench->finish = *action;
        break;
    }
}

/* One event, and all that follows from it: what the actions answer is queued, never nested. */
static inline void client_bench_step(struct client_bench *bench, struct rp_fetch_event event)
{
    struct rp_fetch_action action;
    event.now_ns = bench->now_ns;
    rp_block_retain(event.chunk.block);
    ck_assert_uint_lt(bench->event_count, BENCH_EVENT_MAX);
    bench->events[bench->event_count++] = event;
    if (bench->event_count > 1) {
        return; /* the loop below is running */
    }
    while (bench->event_count > 0) {
        rp_fetch_client_step(bench->client, &bench->events[0]);
        while (rp_fetch_client_next(bench->client, &action)) {
            client_bench_act(bench, &action);
        }
        rp_block_release(bench->events[0].chunk.block);
        bench->event_count -= 1;
        memmove(&bench->events[0], &bench->events[1], bench->event_count * sizeof event);
    }
}

static inline void client_bench_start(struct client_bench *bench,
                                      const struct rp_fetch_request *request)
{
    struct rp_fetch_request complete = *request;
    complete.auth = bench->auth;
    complete.hash = bench->hash;
    ck_assert_int_eq(rp_fetch_client_new(&complete, &bench->alloc.alloc, &bench->client), 0);
    client_bench_step(bench, (struct rp_fetch_event){.kind = RP_FETCH_EV_START});
}

/* The peer's bytes in pieces of `piece` (0: all at once), each in memory of its own. */
static inline void client_bench_receive(struct client_bench *bench, struct rp_view bytes,
                                        size_t piece)
{
    while (bytes.length_bytes > 0 && bench->finish_count == 0) {
        size_t length = bench_take(bytes.length_bytes, piece);
        ck_assert(!bench->is_paused);
        struct rp_chunk chunk = bench_chunk(&bench->alloc.alloc, rp_view_make(bytes.bytes, length));
        client_bench_step(bench,
                          (struct rp_fetch_event){.kind = RP_FETCH_EV_RECEIVED, .chunk = chunk});
        rp_block_release(chunk.block);
        bytes = rp_view_make(bytes.bytes + length, bytes.length_bytes - length);
    }
}

static inline void client_bench_end(struct client_bench *bench, int error)
{
    client_bench_step(bench, (struct rp_fetch_event){.kind = RP_FETCH_EV_ENDED, .error = error});
}

static inline void client_bench_timer(struct client_bench *bench, rp_time_ns now_ns)
{
    bench->now_ns = now_ns;
    client_bench_step(bench, (struct rp_fetch_event){.kind = RP_FETCH_EV_TIMER});
}

/* ---- Server ----------------------------------------------------------------------------------- */

struct bench_object {
    struct rp_view path, bytes;
    bool is_directory;
};

struct server_bench {
    struct test_alloc alloc;
    struct rp_fetch_server *server;
    const struct rp_traits *traits;
    struct rp_buffer received; /* what the puller would see */
    rp_time_ns now_ns;
    size_t send_max; /* 0: everything at once */
    bool is_store_silent, is_net_silent;
    int store_error, read_error;
    const struct bench_object *objects;
    size_t object_count;
    const struct bench_object *open;
    size_t stat_count, open_count, read_count, close_count, finish_count, read_close_count;
    size_t cancel_store_count, accepted_count, refused_count, begin_count;
    struct rp_serve_action finish;
    struct rp_serve_event events[BENCH_EVENT_MAX]; /* not yet given; the first is being given */
    size_t event_count;
};

static inline void server_bench_init(struct server_bench *bench, const struct rp_traits *traits)
{
    memset(bench, 0, sizeof *bench);
    bench->traits = traits;
    test_alloc_init(&bench->alloc);
    rp_buffer_init(&bench->received, &bench->alloc.alloc, SIZE_MAX / 2);
    ck_assert_int_eq(rp_fetch_server_new(traits, &bench->alloc.alloc, &bench->server), 0);
}

static inline void server_bench_clear(struct server_bench *bench)
{
    rp_fetch_server_free(bench->server);
    rp_buffer_clear(&bench->received);
    ck_assert_uint_eq(bench->alloc.live_count, 0);
}

static inline void server_bench_step(struct server_bench *bench, struct rp_serve_event event);

/* An error when a part of the path is a regular file, as a file system has it. */
static inline int bench_find(const struct server_bench *bench, struct rp_view path,
                             const struct bench_object **object_out)
{
    *object_out = NULL;
    for (size_t i = 0; i < bench->object_count; i++) {
        const struct bench_object *object = &bench->objects[i];
        size_t length = object->path.length_bytes;
        if (rp_view_equal(object->path, path)) {
            *object_out = object;
            return 0;
        }
        if (length < path.length_bytes && path.bytes[length] == '/' &&
            memcmp(object->path.bytes, path.bytes, length) == 0) {
            return RP_ERR_IO;
        }
    }
    return 0;
}

static inline void server_bench_stat(struct server_bench *bench, struct rp_view path)
{
    const struct bench_object *object;
    int error = bench_find(bench, path, &object);
    bench->stat_count += 1;
    if (!bench->is_store_silent) {
        server_bench_step(bench, (struct rp_serve_event){
                                     .kind = RP_SERVE_EV_STATED,
                                     .error = bench->store_error != 0 ? bench->store_error : error,
                                     .is_present = object != NULL});
    }
}

static inline void server_bench_open(struct server_bench *bench, struct rp_view path)
{
    const struct bench_object *object;
    int error = bench_find(bench, path, &object);
    bench->open_count += 1;
    if (bench->is_store_silent) {
        return;
    }
    error = bench->store_error != 0 ? bench->store_error : error;
    if (error == 0 && object == NULL) {
        error = RP_ERR_NOT_FOUND;
    } else if (error == 0 && object->is_directory) {
        error = RP_ERR_IO;
    }
    bench->open = error == 0 ? object : NULL;
    server_bench_step(
        bench, (struct rp_serve_event){.kind = RP_SERVE_EV_OPENED,
                                       .error = error,
                                       .size_bytes = error == 0 ? object->bytes.length_bytes : 0});
}

static inline void server_bench_read(struct server_bench *bench,
                                     const struct rp_serve_action *action)
{
    ck_assert_ptr_nonnull(bench->open);
    bench->read_count += 1;
    if (bench->is_store_silent) {
        return;
    }
    struct rp_view bytes = bench->open->bytes;
    size_t offset = action->offset_bytes < bytes.length_bytes ? (size_t)action->offset_bytes
                                                              : bytes.length_bytes;
    size_t length = bench_take(bytes.length_bytes - offset, action->length_bytes);
    struct rp_chunk chunk =
        bench_chunk(&bench->alloc.alloc, rp_view_make(bytes.bytes + offset, length));
    server_bench_step(bench, (struct rp_serve_event){.kind = RP_SERVE_EV_READ_DONE,
                                                     .error = bench->read_error,
                                                     .chunk = chunk});
    rp_block_release(chunk.block);
}

static inline void server_bench_send(struct server_bench *bench, struct rp_chunk chunk)
{
    if (bench->is_net_silent) {
        return;
    }
    size_t taken = bench_take(chunk.length_bytes, bench->send_max);
    bool is_partial = taken < chunk.length_bytes;
    ck_assert_int_eq(rp_buffer_append(&bench->received, rp_view_make(chunk.bytes, taken)), 0);
    server_bench_step(bench,
                      (struct rp_serve_event){.kind = RP_SERVE_EV_SENT, .taken_bytes = taken});
    if (is_partial) {
        server_bench_step(bench, (struct rp_serve_event){.kind = RP_SERVE_EV_WRITABLE});
    }
}

static inline void server_bench_act(struct server_bench *bench,
                                    const struct rp_serve_action *action)
{
    ck_assert_uint_eq(bench->finish_count, 0);
    switch (action->kind) {
    case RP_SERVE_DO_REPORT_ACCEPTED: bench->accepted_count += 1; break;
    case RP_SERVE_DO_REPORT_REFUSED: bench->refused_count += 1; break;
    case RP_SERVE_DO_REPORT_BEGIN: bench->begin_count += 1; break;
    case RP_SERVE_DO_STAT: server_bench_stat(bench, action->path); break;
    case RP_SERVE_DO_OPEN: server_bench_open(bench, action->path); break;
    case RP_SERVE_DO_READ: server_bench_read(bench, action); break;
    case RP_SERVE_DO_CANCEL_STORE: bench->cancel_store_count += 1; break;
    case RP_SERVE_DO_READ_CLOSE: bench->read_close_count += 1; break;
    case RP_SERVE_DO_SEND: server_bench_send(bench, action->chunk); break;
    case RP_SERVE_DO_CLOSE: bench->close_count += 1; break;
    case RP_SERVE_DO_FINISH:
        bench->finish = *action;
        bench->finish_count += 1;
        break;
    }
}

static inline void server_bench_step(struct server_bench *bench, struct rp_serve_event event)
{
    struct rp_serve_action action;
    event.now_ns = bench->now_ns;
    rp_block_retain(event.chunk.block);
    ck_assert_uint_lt(bench->event_count, BENCH_EVENT_MAX);
    bench->events[bench->event_count++] = event;
    if (bench->event_count > 1) {
        return; /* the loop below is running */
    }
    while (bench->event_count > 0) {
        rp_fetch_server_step(bench->server, &bench->events[0]);
        while (rp_fetch_server_next(bench->server, &action)) {
            server_bench_act(bench, &action);
        }
        rp_block_release(bench->events[0].chunk.block);
        bench->event_count -= 1;
        memmove(&bench->events[0], &bench->events[1], bench->event_count * sizeof event);
    }
}

#endif
