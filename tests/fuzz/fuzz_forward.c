/* Proposals sent on to the leader (behaviour.md 3, wire.md 5.5): both ends over a connection that
 * splits, breaks and carries bytes of a stranger. Every request ends exactly once; "applied" is
 * said only of what was applied; only what a known, permitted sender signed is proposed, once, and
 * where commands name their leader, by that one alone. */
#include "protocol/command.h"
#include "protocol/forward_client.h"
#include "protocol/forward_server.h"
#include "protocol/frame.h"
#include "protocol/limits.h"
#include "protocol/nonce_cache.h"
#include "tests/fuzz/input.h"

#define STEP_MAX       200
#define REQUEST_MAX    16
#define PIPE_BYTES_MAX ((size_t)1 << 22)
#define NOW_UNIX_S     1700000000

struct request {
    bool is_accepted, is_applied;
    size_t finish_count, propose_count;
    struct rp_buffer command;
};

struct world {
    struct fuzz_memory *memory;
    struct fuzz_input *input;
    const struct rp_traits *traits;
    struct rp_auth *auth;
    struct rp_nonce_cache *nonces;
    struct rp_arena arena;
    struct rp_forward_client *client;
    struct rp_forward_server *server;  /* NULL: no session; owned */
    struct rp_frame_reader first;      /* of the session's first frame */
    struct rp_buffer upward, downward; /* to the server, to the client */
    struct request requests[REQUEST_MAX];
    size_t request_count;
    rp_time_ns now_ns;
    uint8_t nonce_counter;
    uint8_t flags; /* 0: a leader that knows the sender as a writer; 64: another than was meant */
    struct rp_view leader_id; /* constant */
    bool is_dialling, is_up;
    bool is_dead;    /* the connection is up for the client alone */
    bool is_tainted; /* a stranger wrote to the client */
    bool is_proposing, has_ended;
    uint64_t ticket;
    size_t proposed; /* index of the request */
};

/* ---- The node around the server -------------------------------------------------------------- */

static int64_t now_unix_s(void *context)
{
    (void)context;
    return NOW_UNIX_S;
}

static bool track_nonce(void *context, struct rp_view node_id, struct rp_view nonce,
                        int64_t timestamp)
{
    struct world *world = context;
    return rp_nonce_cache_track(world->nonces, RP_AUTH_FORWARD, node_id, nonce, timestamp,
                                world->now_ns, NOW_UNIX_S) == RP_NONCE_FRESH;
}

static bool has_consensus(void *context)
{
    return (((struct world *)context)->flags & 1) == 0;
}

static bool is_leader(void *context)
{
    return (((struct world *)context)->flags & 2) == 0;
}

static bool find_sender(void *context, struct rp_view node_id, struct rp_view *role_out)
{
    struct world *world = context;
    *role_out = rp_view_text((world->flags & 4) != 0 ? "reader" : "writer");
    return (world->flags & 8) == 0 && rp_view_equal(node_id, rp_view_text("writer-1"));
}

/* What is known of the sender must not matter: the second MAC is there in any case. */
static bool is_bound_sender(void *context, struct rp_view node_id)
{
    (void)node_id;
    return (((struct world *)context)->flags & 128) == 0;
}

static void stamp(void *context, char nonce_hex_out[64], int64_t *unix_s_out)
{
    struct world *world = context;
    memset(nonce_hex_out, '0', 64);
    nonce_hex_out[0] = (char)('a' + world->nonce_counter % 16);
    nonce_hex_out[1] = (char)('a' + world->nonce_counter / 16);
    world->nonce_counter += 1;
    *unix_s_out = NOW_UNIX_S;
}

/* ---- The client's side ----------------------------------------------------------------------- */

static void close_session(struct world *world)
{
    rp_forward_server_free(world->server);
    world->server = NULL;
    world->is_proposing = false;
    world->has_ended = false;
    rp_frame_reader_clear(&world->first);
    rp_frame_reader_init(&world->first, &world->memory->alloc);
    rp_buffer_reset(&world->upward);
}

static void drop_link(struct world *world)
{
    world->is_up = false;
    world->is_dead = false;
    world->is_dialling = false;
    close_session(world);
    rp_buffer_reset(&world->downward);
}

static void note_finish(struct world *world, const struct rp_forward_client_action *action)
{
    RP_ASSERT(action->request < world->request_count);
    struct request *request = &world->requests[action->request];
    RP_ASSERT(request->is_accepted && request->finish_count == 0);
    request->finish_count += 1;
    RP_ASSERT(rp_forward_code_name(action->code) != NULL);
    RP_ASSERT(action->error != 0 || action->code == RP_FORWARD_CODE_NONE);
    RP_ASSERT(action->error != 0 || request->is_applied || world->is_tainted);
}

static void drain_client(struct world *world)
{
    struct rp_forward_client_action action;
    while (rp_forward_client_next(world->client, &action)) {
        switch (action.kind) {
        case RP_FORWARD_CLIENT_DO_CLOSE:
            RP_ASSERT(world->is_up || world->is_dialling);
            drop_link(world);
            break;
        case RP_FORWARD_CLIENT_DO_FINISH: note_finish(world, &action); break;
        case RP_FORWARD_CLIENT_DO_CONNECT:
            RP_ASSERT(!world->is_up && !world->is_dialling && action.address.length_bytes > 0);
            world->is_dialling = true;
            break;
        case RP_FORWARD_CLIENT_DO_SEND:
            RP_ASSERT(world->is_up && !world->is_dead && action.data.length_bytes > 0);
            RP_ASSERT(rp_buffer_append(&world->upward, action.data) == 0);
            break;
        }
    }
}

static int step_client(struct world *world, struct rp_forward_client_event event)
{
    event.now_ns = world->now_ns;
    int error = rp_forward_client_step(world->client, &event);
    if (event.kind == RP_FORWARD_CLIENT_EV_SUBMIT) {
        world->requests[event.request].is_accepted = error == 0;
    }
    drain_client(world);
    return error;
}

/* Each command is another one, so that it can be told whose it is. */
static void submit(struct world *world)
{
    if (world->request_count == REQUEST_MAX) {
        return;
    }
    size_t number = world->request_count++;
    struct request *request = &world->requests[number];
    uint8_t name[2] = {'p', (uint8_t)('a' + number)};
    struct rp_view path = rp_view_make(name, sizeof name);
    rp_buffer_init(&request->command, &world->memory->alloc, PIPE_BYTES_MAX);
    int error = 0;
    switch (fuzz_below(world->input, 4)) {
    case 0: error = rp_command_encode_delete(&request->command, path, rp_view_text("age")); break;
    case 1: error = rp_command_encode_remove_node(&request->command, path); break;
    case 2: {
        struct rp_batch_operation operation = {.type = RP_CMD_DELETE_FILE, .delete_path = path};
        error = rp_command_encode_batch(&request->command, &operation, 1);
        break;
    }
    default: error = rp_buffer_append(&request->command, path); break;
    }
    RP_ASSERT(error == 0);
    struct rp_forward_client_event event = {.kind = RP_FORWARD_CLIENT_EV_SUBMIT,
                                            .request = number,
                                            .command = rp_buffer_view(&request->command)};
    RP_ASSERT(step_client(world, event) == 0);
}

/* ---- The server's side ----------------------------------------------------------------------- */

static bool is_permitted(struct world *world, struct rp_view command)
{
    uint8_t type = 0;
    rp_arena_reset(&world->arena);
    RP_ASSERT(rp_command_peek_type(command, &world->arena, &type) == 0);
    bool is_for_us =
        (world->flags & 64) == 0 || world->traits->forward_binding == RP_FORWARD_BINDING_NONE;
    return (world->flags & 15) == 0 && is_for_us && type < 32 &&
           (world->traits->forwarded_commands & RP_FORWARDED(type)) != 0;
}

static void note_propose(struct world *world, const struct rp_forward_server_action *action)
{
    RP_ASSERT(!world->is_proposing);
    RP_ASSERT(is_permitted(world, action->data));
    world->is_proposing = true;
    world->ticket = action->ticket;
    world->proposed = REQUEST_MAX;
    for (size_t i = 0; i < world->request_count; i++) {
        if (rp_view_equal(rp_buffer_view(&world->requests[i].command), action->data)) {
            world->proposed = i;
        }
    }
    RP_ASSERT(world->proposed < REQUEST_MAX); /* nobody else can sign */
    struct request *request = &world->requests[world->proposed];
    request->propose_count += 1;
    RP_ASSERT(request->propose_count == 1); /* never sent twice, never taken twice */
}

static void drain_server(struct world *world)
{
    struct rp_forward_server_action action;
    bool has_closed = false;
    while (rp_forward_server_next(world->server, &action)) {
        RP_ASSERT(!has_closed);
        switch (action.kind) {
        case RP_FORWARD_SERVER_DO_JUDGED:
            RP_ASSERT(action.verdict < RP_FORWARD_APPLY_FAILED);
            break;
        case RP_FORWARD_SERVER_DO_PROPOSE: note_propose(world, &action); break;
        case RP_FORWARD_SERVER_DO_SEND:
            RP_ASSERT(action.data.length_bytes > 0);
            RP_ASSERT(rp_buffer_append(&world->downward, action.data) == 0);
            break;
        case RP_FORWARD_SERVER_DO_CLOSE:
            has_closed = true;
            world->has_ended = true;
            break;
        }
    }
    RP_ASSERT(world->has_ended == (rp_forward_server_deadline(world->server) == RP_TIME_NEVER));
}

static void step_server(struct world *world, struct rp_forward_server_event event)
{
    event.now_ns = world->now_ns;
    rp_forward_server_step(world->server, &event);
    drain_server(world);
}

static void open_server(struct world *world, struct rp_view payload)
{
    struct rp_forward_host host = {.traits = world->traits,
                                   .auth = (world->flags & 16) != 0 ? NULL : world->auth,
                                   .cluster = rp_view_text("cluster"),
                                   .self_id = (world->flags & 64) != 0 ? rp_view_text("reader-9")
                                                                       : world->leader_id,
                                   .alloc = &world->memory->alloc,
                                   .context = world,
                                   .now_unix_s = now_unix_s,
                                   .track_nonce = track_nonce,
                                   .has_consensus = has_consensus,
                                   .find_sender = find_sender,
                                   .is_leader = is_leader,
                                   .is_bound_sender = is_bound_sender};
    RP_ASSERT(rp_forward_server_new(&host, &world->server) == 0);
    step_server(world, (struct rp_forward_server_event){.kind = RP_FORWARD_SERVER_EV_FIRST,
                                                        .payload = payload});
}

/* The peer's end of the connection is gone; an orderly end (0) leaves the handle to the client. */
static void lose_link(struct world *world, int error)
{
    if (!world->is_up || world->is_dead) {
        return;
    }
    if (world->server != NULL) {
        step_server(world, (struct rp_forward_server_event){.kind = RP_FORWARD_SERVER_EV_ENDED});
        RP_ASSERT(world->has_ended);
    }
    close_session(world);
    rp_buffer_reset(&world->downward);
    world->is_dead = true;
    (void)step_client(world, (struct rp_forward_client_event){.kind = RP_FORWARD_CLIENT_EV_CLOSED,
                                                              .error = error});
    bool is_seen = world->traits->forward_idle == RP_FORWARD_IDLE_CLOSE_SEEN;
    RP_ASSERT(!world->is_dead || !is_seen);
}

/* The node reads the first frame itself; what is no ForwardApply goes elsewhere. */
static void take_first(struct world *world, struct rp_view *bytes)
{
    struct rp_frame frame;
    bool is_out_of_memory = false;
    enum rp_frame_progress progress =
        rp_frame_reader_take(&world->first, bytes, &frame, &is_out_of_memory);
    if (progress == RP_FRAME_READY && frame.type == RP_MSG_FORWARD_APPLY) {
        open_server(world, frame.payload);
    } else if (progress != RP_FRAME_NEED_MORE) {
        bytes->length_bytes = 0;
        lose_link(world, 0);
    }
}

static void drop_front(struct rp_buffer *buffer, size_t length)
{
    if (length > 0) {
        memmove(buffer->bytes, buffer->bytes + length, buffer->length_bytes - length);
        buffer->length_bytes -= length;
    }
}

static size_t take_length(struct world *world, size_t left)
{
    size_t share = fuzz_byte(world->input);
    return share < 128 || share > left ? left : 256 - share < left ? 256 - share : left;
}

static void deliver_up(struct world *world)
{
    size_t length = take_length(world, world->upward.length_bytes);
    struct rp_chunk chunk = fuzz_chunk(world->memory, rp_view_make(world->upward.bytes, length));
    struct rp_view bytes = rp_chunk_view(chunk);
    drop_front(&world->upward, length);
    if (world->server == NULL && bytes.length_bytes > 0) {
        take_first(world, &bytes);
    }
    if (world->server != NULL && bytes.length_bytes > 0) {
        step_server(world, (struct rp_forward_server_event){.kind = RP_FORWARD_SERVER_EV_RECEIVED,
                                                            .payload = bytes});
    }
    rp_block_release(chunk.block);
}

static void deliver_down(struct world *world)
{
    size_t length = take_length(world, world->downward.length_bytes);
    struct rp_chunk chunk = fuzz_chunk(world->memory, rp_view_make(world->downward.bytes, length));
    drop_front(&world->downward, length);
    if (world->is_up && length > 0) {
        (void)step_client(world,
                          (struct rp_forward_client_event){.kind = RP_FORWARD_CLIENT_EV_RECEIVED,
                                                           .received = rp_chunk_view(chunk)});
    }
    rp_block_release(chunk.block);
}

static void answer_propose(struct world *world)
{
    static const int ERRORS[] = {0, 0, RP_ERR_NOT_LEADER, RP_ERR_LEADERSHIP_LOST, RP_ERR_STOPPED};
    struct rp_forward_server_event event = {.kind = RP_FORWARD_SERVER_EV_PROPOSED,
                                            .ticket = world->ticket};
    event.error = ERRORS[fuzz_below(world->input, sizeof ERRORS / sizeof ERRORS[0])];
    event.apply_error = fuzz_byte(world->input) >= 240 ? RP_ERR_INVALID : 0;
    world->requests[world->proposed].is_applied = event.error == 0 && event.apply_error == 0;
    world->is_proposing = false;
    step_server(world, event);
}

/* ---- What happens ---------------------------------------------------------------------------- */

static void stranger_writes(struct world *world, struct rp_buffer *pipe)
{
    if (world->is_up && !world->is_dead) {
        world->is_tainted |= pipe == &world->downward;
        RP_ASSERT(rp_buffer_append(pipe, fuzz_view(world->input, 128)) == 0);
    }
}

static void change_leader(struct world *world)
{
    static const char *const ADDRESSES[] = {"leader:1", "leader:2", ""};
    struct rp_forward_client_event event = {.kind = RP_FORWARD_CLIENT_EV_LEADER_CHANGED};
    static const char *const IDS[] = {"reader-1", "reader-2", ""};
    size_t choice = fuzz_below(world->input, 3);
    event.address = rp_view_text(ADDRESSES[choice]);
    world->leader_id = rp_view_text(IDS[choice]);
    event.leader_id = world->leader_id;
    RP_ASSERT(step_client(world, event) == 0);
}

static void pass_time(struct world *world)
{
    static const rp_time_ns WAITS[] = {RP_NS_PER_MS, RP_NS_PER_S, 5 * RP_NS_PER_S,
                                       30 * RP_NS_PER_S};
    world->now_ns += WAITS[fuzz_below(world->input, 4)];
    (void)step_client(world, (struct rp_forward_client_event){.kind = RP_FORWARD_CLIENT_EV_TIMER});
    if (world->server != NULL) {
        step_server(world, (struct rp_forward_server_event){.kind = RP_FORWARD_SERVER_EV_TIMER});
    }
}

static void answer_dial(struct world *world)
{
    struct rp_forward_client_event event = {.kind = RP_FORWARD_CLIENT_EV_CONNECTED};
    event.error = fuzz_byte(world->input) >= 224 ? RP_ERR_REFUSED : 0;
    world->is_dialling = false;
    world->is_up = event.error == 0;
    (void)step_client(world, event);
}

/* The ordinary course of things. */
static void go_on(struct world *world)
{
    if (world->is_dialling) {
        answer_dial(world);
    } else if (world->upward.length_bytes > 0) {
        deliver_up(world);
    } else if (world->is_proposing && world->server != NULL) {
        answer_propose(world);
    } else if (world->downward.length_bytes > 0) {
        deliver_down(world);
    } else if (world->has_ended) {
        lose_link(world, 0);
    } else {
        submit(world);
    }
}

static void happen(struct world *world)
{
    uint8_t choice = fuzz_byte(world->input);
    switch (choice < 128 ? 0 : choice % 9) {
    case 1: submit(world); break;
    case 2: pass_time(world); break;
    case 3: change_leader(world); break;
    case 4: stranger_writes(world, &world->upward); break;
    case 5: stranger_writes(world, &world->downward); break;
    case 6: lose_link(world, RP_ERR_RESET); break;
    case 7: lose_link(world, 0); break;
    case 8:
        RP_ASSERT(step_client(world, (struct rp_forward_client_event){
                                         .kind = RP_FORWARD_CLIENT_EV_CANCEL_ALL}) == 0);
        break;
    default: go_on(world); break;
    }
}

/* Time alone ends every request: none waits longer than its bound. */
static void end_requests(struct world *world)
{
    world->now_ns += RP_FORWARD_TIMEOUT_NS;
    (void)step_client(world, (struct rp_forward_client_event){.kind = RP_FORWARD_CLIENT_EV_TIMER});
    RP_ASSERT(rp_forward_client_is_idle(world->client));
    RP_ASSERT(rp_forward_client_deadline(world->client) == RP_TIME_NEVER);
    for (size_t i = 0; i < world->request_count; i++) {
        RP_ASSERT(world->requests[i].finish_count == 1);
    }
    /* And every session that hears nothing more. */
    for (int i = 0; i < 2 && world->server != NULL && !world->has_ended; i++) {
        world->now_ns = rp_forward_server_deadline(world->server);
        step_server(world, (struct rp_forward_server_event){.kind = RP_FORWARD_SERVER_EV_TIMER});
    }
    RP_ASSERT(world->server == NULL || world->has_ended);
}

static void world_init(struct world *world, struct fuzz_input *input, struct fuzz_memory *memory)
{
    memset(world, 0, sizeof *world);
    world->memory = memory;
    world->input = input;
    world->traits = fuzz_traits(input);
    world->flags = fuzz_byte(input);
    rp_arena_init(&world->arena, &memory->alloc);
    rp_frame_reader_init(&world->first, &memory->alloc);
    rp_buffer_init(&world->upward, &memory->alloc, PIPE_BYTES_MAX);
    rp_buffer_init(&world->downward, &memory->alloc, PIPE_BYTES_MAX);
    RP_ASSERT(rp_auth_new(world->traits, rp_view_text("secret"), &memory->alloc, &world->auth) ==
              0);
    RP_ASSERT(rp_nonce_cache_new(world->traits, &memory->alloc, 1000, &world->nonces) == 0);
    struct rp_forward_client_settings settings = {.traits = world->traits,
                                                  .auth =
                                                      (world->flags & 32) != 0 ? NULL : world->auth,
                                                  .node_id = rp_view_text("writer-1"),
                                                  .cluster = rp_view_text("cluster"),
                                                  .alloc = &memory->alloc,
                                                  .stamp_context = world,
                                                  .stamp = stamp};
    RP_ASSERT(rp_forward_client_new(&settings, &world->client) == 0);
}

static void world_clear(struct world *world)
{
    rp_forward_client_free(world->client);
    rp_forward_server_free(world->server);
    for (size_t i = 0; i < world->request_count; i++) {
        rp_buffer_clear(&world->requests[i].command);
    }
    rp_nonce_cache_free(world->nonces);
    rp_auth_free(world->auth);
    rp_frame_reader_clear(&world->first);
    rp_buffer_clear(&world->upward);
    rp_buffer_clear(&world->downward);
    rp_arena_clear(&world->arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    struct fuzz_memory memory;
    struct world world;
    fuzz_memory_init(&memory);
    world_init(&world, &input, &memory);
    change_leader(&world);
    for (int i = 0; i < STEP_MAX && fuzz_left(&input) > 0; i++) {
        happen(&world);
    }
    end_requests(&world);
    world_clear(&world);
    fuzz_memory_check(&memory);
    return 0;
}
