#include <stdio.h>

#include "protocol/raft/bridge.h"
#include "sim/world_internal.h"

/* The lives of a pod: boot, ordered stop, kill, freeze, and the ports of one life. */

/* From the death of a container to its next start, as at its first crash. */
#define CRASH_RESTART_NS RP_NS_PER_S

/* ---- The gate: everything that calls into the node passes here ------------------------------------ */

static void end_at_chosen_event(void *context, uint64_t is_kill)
{
    struct sim_pod *pod = context;
    pod->chosen_event = 0;
    if (is_kill != 0) {
        sim_pod_kill(pod, false);
    } else {
        sim_pod_stop(pod, 30 * RP_NS_PER_S, NULL);
    }
}

static bool gate_enter(void *context)
{
    struct sim_pod *pod = context;
    if (pod->is_frozen) {
        return false;
    }
    pod->event_count += 1;
    sim_checks_step(pod->world->checks, pod);
    return true;
}

static void gate_leave(void *context)
{
    struct sim_pod *pod = context;
    if (pod->stop_at_event != 0 && pod->event_count == pod->stop_at_event &&
        pod->chosen_event == 0) {
        pod->chosen_event = sim_event_queue_add(pod->world->queue, 0, SIM_EVENT_POD,
                                                end_at_chosen_event, pod, pod->is_kill_at_event);
    }
}

void sim_pod_at_event(struct sim_pod *pod, uint64_t event_number, bool is_kill)
{
    pod->stop_at_event = event_number;
    pod->is_kill_at_event = is_kill;
}

/* ---- Ports ----------------------------------------------------------------------------------------- */

static void fill_random(void *state, enum rp_random_purpose purpose, uint8_t *bytes,
                        size_t length_bytes)
{
    struct sim_pod *pod = state;
    sim_rng_fill(&pod->random[purpose], bytes, length_bytes);
}

static void write_log(void *state, enum rp_log_level level, struct rp_view text)
{
    struct sim_pod *pod = state;
    (void)level;
    sim_trace_note(pod->world->trace, "log", text.bytes, text.length_bytes);
}

/* Kubernetes starts a container again that died by itself. */
static void on_crashed(void *context, uint64_t argument)
{
    struct sim_pod *pod = context;
    (void)argument;
    pod->crash_event = 0;
    bool is_wanted = pod->state == SIM_POD_UP;
    sim_pod_kill(pod, false);
    if (is_wanted) {
        sim_pod_boot_at(pod, sim_event_queue_now(pod->world->queue) + CRASH_RESTART_NS);
    }
}

static void observe(void *context, const struct rp_observation *observation)
{
    struct sim_pod *pod = context;
    sim_world_see(pod->world, pod, observation);
    if (observation->kind == RP_SEE_CRASHED && pod->crash_event == 0) {
        pod->is_frozen = true; /* no event reaches a process that is gone */
        pod->crash_event =
            sim_event_queue_add(pod->world->queue, 0, SIM_EVENT_POD, on_crashed, pod, pod->number);
    }
}

static void note_raft(void *context, enum sim_raft_note note, const uint64_t detail[4])
{
    struct sim_pod *pod = context;
    const uint64_t words[6] = {pod->number, (uint64_t)note, detail[0],
                               detail[1],   detail[2],      detail[3]};
    sim_trace_note_words(pod->world->trace, "raft", words, 6);
    if (note == SIM_RAFT_NOTE_VOTE) {
        sim_checks_voted(pod->world->checks, pod, sim_raft_folder_raft_id(pod->folder), detail[0],
                         detail[1]);
    }
}

static int make_raft(struct sim_pod *pod)
{
    struct sim_world *world = pod->world;
    struct sim_consensus_raft_params params = {
        .alloc = &world->alloc,
        .clock = pod->ports.clock,
        .folder = pod->folder,
        .config = &pod->config,
        .raft_address = rp_view_text(pod->raft_address),
        .cluster_name = rp_view_text(world->spec.cluster.name),
        .secret_digest = sim_pod_secret_digest(pod),
        .session = sim_endpoint_session(pod->endpoint),
        .seed = world->spec.seed,
        .incarnation = pod->life,
        .disk_latency_ns = world->spec.storage.latency_ns,
        .transport = {pod, sim_pod_send_message},
        .note = note_raft,
        .note_context = pod,
    };
    int error = sim_consensus_raft_new(&params, &pod->raft);
    if (error == 0) {
        pod->ports.consensus = sim_consensus_raft_port(pod->raft);
    }
    return error;
}

static int make_ideal(struct sim_pod *pod)
{
    struct sim_world *world = pod->world;
    struct sim_consensus_ideal_params params = {
        .alloc = &world->alloc,
        .clock = pod->ports.clock,
        .log = world->ideal_log,
        .raft_id = pod->ideal_raft_id,
        .seed = world->spec.seed,
        .incarnation = pod->life,
        .delay_ns = world->spec.cluster.consensus_delay_ns,
    };
    int error = sim_consensus_ideal_new(&params, &pod->ideal);
    if (error == 0) {
        pod->ports.consensus = sim_consensus_ideal_port(pod->ideal);
    }
    return error;
}

static uint64_t next_hostile(void *state)
{
    return sim_rng_next(state);
}

static void note_misdeed(void *context, enum fault_hostile_kind kind, struct rp_view path)
{
    struct sim_pod *pod = context;
    sim_reach_fault(sim_world_reach(pod->world), fault_hostile_name(kind));
    const uint64_t words[3] = {pod->number, (uint64_t)kind, rp_table_hash(path)};
    sim_trace_note_words(pod->world->trace, "misdeed", words, 3);
}

/* Always in between, so that a node can turn hostile within a life. */
static int make_hostile(struct sim_pod *pod)
{
    struct sim_world *world = pod->world;
    sim_rng_init(&pod->hostile_random, world->spec.seed, "hostile", sim_pod_label(pod), pod->life);
    struct fault_hostile_params params = {
        .alloc = &world->alloc,
        .net = *sim_endpoint_port(pod->endpoint),
        .clock = pod->ports.clock,
        .random = {&pod->hostile_random, next_hostile},
        .traits = rp_release_traits(pod->release),
        .context = pod,
        .noted = note_misdeed,
    };
    int error = fault_hostile_new(&params, &pod->hostile);
    if (error != 0) {
        return error;
    }
    pod->ports.net = *fault_hostile_port(pod->hostile);
    if (pod->is_hostile) {
        fault_hostile_set(pod->hostile, &pod->hostile_spec);
    }
    return 0;
}

static int make_ports(struct sim_pod *pod)
{
    struct sim_world *world = pod->world;
    static const char *const PURPOSES[RP_RANDOM_PURPOSE_COUNT] = {
        [RP_RANDOM_NONCE] = "nonce",
        [RP_RANDOM_CANDIDATES] = "candidates",
        [RP_RANDOM_STAGING] = "staging",
    };
    struct sim_gate gate = {pod, gate_enter, gate_leave};
    for (int purpose = 0; purpose < RP_RANDOM_PURPOSE_COUNT; purpose += 1) {
        sim_rng_init(&pod->random[purpose], world->spec.seed, PURPOSES[purpose], sim_pod_label(pod),
                     pod->life);
    }
    pod->ports.alloc = &world->alloc;
    pod->ports.clock = *sim_clock_attach(pod->clock, &gate, pod->number);
    sim_store_set_names(pod->store, rp_release_traits(pod->release));
    pod->ports.store = *sim_store_attach(pod->store, &gate, &pod->ports.clock);
    pod->ports.random = (struct rp_random_port){pod, fill_random};
    pod->ports.log = (struct rp_log_port){pod, write_log};
    int error = sim_net_attach(world->net, pod->site, sim_pod_address(pod), &gate, &pod->endpoint);
    if (error != 0) {
        return error;
    }
    sim_pod_keep_leases(pod);
    error = make_hostile(pod);
    if (error != 0) {
        return error;
    }
    sim_endpoint_datagrams(pod->endpoint, pod, sim_pod_receive_message);
    error = world->spec.cluster.consensus == SIM_CONSENSUS_RAFT ? make_raft(pod) : make_ideal(pod);
    if (error != 0) {
        return error;
    }
    return sim_port_watch_new(world->checks, pod, &world->run->memory, &pod->ports, &pod->watch);
}

/* ---- The end of a life ------------------------------------------------------------------------------ */

static void cancel_event(struct sim_pod *pod, sim_event *event)
{
    (void)sim_event_queue_cancel(pod->world->queue, *event);
    *event = 0;
}

static void free_consensus(struct sim_pod *pod, bool is_kill, bool is_host)
{
    if (is_kill) {
        sim_consensus_raft_kill(pod->raft, is_host);
        sim_consensus_ideal_kill(pod->ideal);
    } else {
        sim_consensus_raft_free(pod->raft);
        sim_consensus_ideal_free(pod->ideal);
    }
    pod->raft = NULL;
    pod->ideal = NULL;
}

/* Whoever awaited the end of this life is told from an event of its own. */
struct told_wait {
    struct sim_wait wait;
    struct sim_world *world;
};

static void tell_wait(void *context, uint64_t argument)
{
    struct told_wait *told = context;
    (void)argument;
    struct sim_wait wait = told->wait;
    sim_world_let_go(told->world, told);
    wait.done(wait.context, 0);
}

static void tell_soon(struct sim_world *world, const struct sim_wait *wait)
{
    struct told_wait *told = sim_world_hold(world, sizeof *told);
    RP_ASSERT(told != NULL);
    told->wait = *wait;
    told->world = world;
    (void)sim_event_queue_add(world->queue, 0, SIM_EVENT_POD, tell_wait, told, 0);
}

static void tell_waits(struct sim_pod *pod)
{
    for (size_t row = 0; row < pod->wait_count; row += 1) {
        tell_soon(pod->world, &pod->waits[row]);
    }
    pod->wait_count = 0;
}

static void end_life(struct sim_pod *pod, bool is_kill, bool is_host)
{
    struct sim_world *world = pod->world;
    if (pod->state == SIM_POD_DOWN) {
        return;
    }
    cancel_event(pod, &pod->grace_event);
    cancel_event(pod, &pod->chosen_event);
    cancel_event(pod, &pod->thaw_event);
    cancel_event(pod, &pod->crash_event);
    cancel_event(pod, &pod->life_event);
    sim_checks_life_ends(world->checks, pod, is_kill);
    if (pod->node != NULL) {
        sim_pod_keep_counters(pod);
        struct rp_node *node = pod->node;
        rp_node_free(node);
        pod->node = NULL;
    }
    sim_port_watch_free(pod->watch);
    pod->watch = NULL;
    fault_hostile_free(pod->hostile);
    pod->hostile = NULL;
    free_consensus(pod, is_kill, is_host);
    if (pod->endpoint != NULL) {
        sim_net_detach(pod->endpoint, is_host ? SIM_NET_HOST_LOST : SIM_NET_PROCESS_ENDED);
        pod->endpoint = NULL;
    }
    sim_store_detach(pod->store);
    if (is_kill) {
        sim_store_killed(pod->store, is_host);
    }
    sim_clock_detach(pod->clock);
    sim_dns_remove(world->dns, sim_event_queue_now(world->queue), sim_pod_label(pod));
    pod->state = SIM_POD_DOWN;
    pod->is_frozen = false;
    pod->is_stopped = false;
    pod->stop_at_event = 0;
    sim_trace_note(world->trace, is_kill ? "life-killed" : "life-stopped", pod->label,
                   strlen(pod->label));
    tell_waits(pod);
}

/* ---- Boot -------------------------------------------------------------------------------------------- */

static void fail_boot(struct sim_pod *pod, const char *note)
{
    (void)snprintf(pod->boot_note, sizeof pod->boot_note, "%s", note);
    sim_world_log(pod->world, sim_pod_label(pod), note);
    pod->state = SIM_POD_BOOTING;
    end_life(pod, true, false);
}

static int make_node(struct sim_pod *pod, char note[160])
{
    struct rp_node_options options = {
        .config = &pod->config,
        .ports = &pod->ports,
        .observer = &pod->observer,
        .pool = pod->world->pool,
        .release = pod->release,
        .has_clustering_license = pod->world->spec.cluster.has_clustering_license,
    };
    int error = rp_node_new(&options, &pod->node, note);
    if (error != 0) {
        return error;
    }
    const struct rp_consensus_events *events =
        sim_port_watch_consensus(pod->watch, rp_node_consensus_events(pod->node));
    const struct rp_net_events *heard =
        sim_port_watch_events(pod->watch, rp_node_net_events(pod->node));
    sim_endpoint_events(pod->endpoint, fault_hostile_events(pod->hostile, heard));
    if (pod->raft != NULL) {
        sim_consensus_raft_bind(pod->raft, events);
    } else {
        sim_consensus_ideal_bind(pod->ideal, events);
    }
    return 0;
}

static void boot(void *context, uint64_t argument)
{
    struct sim_pod *pod = context;
    struct sim_world *world = pod->world;
    (void)argument;
    pod->boot_event = 0;
    if (pod->state != SIM_POD_DOWN || pod->is_gone) {
        return;
    }
    pod->life += 1;
    pod->life_release = pod->release;
    pod->life_began_ns = sim_event_queue_now(world->queue);
    pod->boot_note[0] = '\0';
    pod->event_count = 0;
    pod->frozen_ns = 0;
    pod->state = SIM_POD_BOOTING;
    pod->observer = (struct rp_observer){pod, observe};
    char note[160] = "";
    int error = sim_pod_place_config(pod);
    pod->judgement = rp_config_judge(&pod->config, rp_release_traits(pod->release),
                                     world->spec.cluster.has_clustering_license, note);
    if (error == 0) {
        error = make_ports(pod);
    }
    if (error == 0) {
        error = make_node(pod, note);
    }
    if (error == 0) {
        error = sim_dns_set(world->dns, pod->life_began_ns, rp_view_text(world->spec.cluster.name),
                            sim_pod_label(pod), rp_view_text(pod->host));
    }
    if (error != 0) {
        fail_boot(pod, note);
        return;
    }
    sim_trace_note(world->trace, "life-begins", pod->label, strlen(pod->label));
    sim_checks_life_begins(world->checks, pod);
    pod->state = SIM_POD_UP;
    if (rp_node_start(pod->node) != 0) {
        fail_boot(pod, "the node did not start");
    }
}

void sim_pod_boot_at(struct sim_pod *pod, rp_time_ns at_ns)
{
    if (pod->boot_event == 0 && pod->state == SIM_POD_DOWN) {
        pod->boot_event =
            sim_event_queue_add(pod->world->queue, at_ns, SIM_EVENT_POD, boot, pod, pod->number);
    }
}

void sim_pod_start(struct sim_pod *pod)
{
    sim_pod_boot_at(pod, 0);
}

/* ---- Stop and kill ------------------------------------------------------------------------------------- */

static void end_stopped(void *context, uint64_t argument)
{
    struct sim_pod *pod = context;
    (void)argument;
    pod->life_event = 0;
    end_life(pod, false, false);
}

/* From within the node: its memory must outlive this call. */
static void on_node_stopped(void *context)
{
    struct sim_pod *pod = context;
    pod->is_stopped = true;
    pod->life_event =
        sim_event_queue_add(pod->world->queue, 0, SIM_EVENT_POD, end_stopped, pod, pod->number);
}

static void on_grace_over(void *context, uint64_t argument)
{
    struct sim_pod *pod = context;
    (void)argument;
    pod->grace_event = 0;
    sim_pod_kill(pod, false);
}

static void add_wait(struct sim_pod *pod, const struct sim_wait *wait)
{
    struct sim_wait *waits =
        rp_resize(&pod->world->alloc, pod->waits, (pod->wait_count + 1) * sizeof *waits);
    RP_ASSERT(waits != NULL);
    pod->waits = waits;
    pod->waits[pod->wait_count++] = *wait;
}

void sim_pod_stop(struct sim_pod *pod, rp_time_ns grace_ns, const struct sim_wait *wait)
{
    struct sim_world *world = pod->world;
    cancel_event(pod, &pod->boot_event);
    if (pod->state == SIM_POD_DOWN) {
        if (wait != NULL) {
            tell_soon(world, wait);
        }
        return;
    }
    if (wait != NULL) {
        add_wait(pod, wait);
    }
    if (pod->state == SIM_POD_STOPPING) {
        return;
    }
    pod->state = SIM_POD_STOPPING;
    sim_reach_fault(sim_world_reach(pod->world), "stop");
    sim_pod_mark(pod, "stop", rp_view_text(""));
    pod->grace_event =
        sim_event_queue_add(world->queue, sim_event_queue_now(world->queue) + grace_ns,
                            SIM_EVENT_POD, on_grace_over, pod, pod->number);
    sim_checks_stop_begins(world->checks, pod);
    if (!pod->is_frozen) { /* else it hears of it when it thaws */
        rp_ignore(rp_node_stop(pod->node, on_node_stopped, pod));
    }
}

void sim_pod_kill(struct sim_pod *pod, bool is_host)
{
    if (pod->state != SIM_POD_DOWN) {
        sim_reach_fault(sim_world_reach(pod->world), "kill");
        sim_pod_mark(pod, "kill", rp_view_text(is_host ? "host" : ""));
    }
    cancel_event(pod, &pod->boot_event);
    end_life(pod, true, is_host);
}

/* ---- Freeze ---------------------------------------------------------------------------------------------- */

void sim_pod_thaw(struct sim_pod *pod)
{
    cancel_event(pod, &pod->thaw_event);
    if (!pod->is_frozen) {
        return;
    }
    pod->is_frozen = false;
    if (pod->state == SIM_POD_DOWN) {
        return;
    }
    sim_pod_mark(pod, "thaw", rp_view_text(""));
    pod->frozen_ns += sim_clock_now(pod->clock) - pod->frozen_since_ns;
    sim_clock_thaw(pod->clock);
    sim_store_thaw(pod->store);
    sim_net_thaw(pod->endpoint);
    if (pod->state == SIM_POD_STOPPING) { /* asked while frozen, or already on its way: refused */
        rp_ignore(rp_node_stop(pod->node, on_node_stopped, pod));
    }
}

static void on_thaw(void *context, uint64_t argument)
{
    struct sim_pod *pod = context;
    (void)argument;
    pod->thaw_event = 0;
    sim_pod_thaw(pod);
}

void sim_pod_pause(struct sim_pod *pod, rp_time_ns duration_ns)
{
    struct sim_world *world = pod->world;
    if (pod->state == SIM_POD_DOWN) {
        return;
    }
    sim_reach_fault(sim_world_reach(pod->world), "pause");
    sim_pod_mark(pod, "pause", rp_view_text(""));
    cancel_event(pod, &pod->thaw_event);
    if (!pod->is_frozen) {
        pod->frozen_since_ns = sim_clock_now(pod->clock);
    }
    pod->is_frozen = true;
    pod->thaw_event =
        sim_event_queue_add(world->queue, sim_event_queue_now(world->queue) + duration_ns,
                            SIM_EVENT_POD, on_thaw, pod, pod->number);
}

/* ---- Rescheduling ------------------------------------------------------------------------------------------ */

/* Held until the old life is over. */
struct succession {
    struct sim_pod *pod;       /* the old one */
    struct sim_pod *successor; /* the same, or a new one */
    bool is_volume_lost, is_address_kept;
    rp_time_ns start_delay_ns;
};

static void lose_volume(struct sim_pod *pod)
{
    sim_store_wipe(pod->store);
    sim_truth_volume_lost(pod->world->truth, pod);
    sim_checks_log_lost(pod->world->checks);
    RP_ASSERT(sim_pod_new_folder(pod) == 0);
}

/* A new identity may take the old one's volume along (a reattached claim). */
static void hand_on_volume(struct sim_pod *old, struct sim_pod *successor)
{
    struct sim_store *store = successor->store;
    struct sim_raft_folder *folder = successor->folder;
    successor->store = old->store;
    successor->folder = old->folder;
    old->store = store;
    old->folder = folder;
    sim_store_set_owner(successor->store, successor);
    sim_store_set_owner(old->store, old);
    sim_truth_volumes_swapped(old->world->truth, old, successor);
}

static void on_old_life_over(void *context, int error)
{
    struct succession *succession = context;
    if (error != 0) { /* the run is over */
        sim_world_let_go(succession->pod->world, succession);
        return;
    }
    struct sim_pod *pod = succession->pod;
    struct sim_pod *successor = succession->successor;
    struct sim_world *world = pod->world;
    if (!succession->is_address_kept) {
        sim_pod_vacate(pod);
    }
    if (successor == pod) {
        if (succession->is_volume_lost) {
            lose_volume(pod);
        }
        if (!succession->is_address_kept) {
            sim_pod_new_address(pod);
        }
    } else {
        pod->is_gone = true;
        if (!succession->is_volume_lost) {
            hand_on_volume(pod, successor);
        } else {
            lose_volume(pod);
        }
    }
    rp_time_ns start_ns = sim_event_queue_now(world->queue) + succession->start_delay_ns;
    sim_world_let_go(world, succession);
    sim_pod_boot_at(successor, start_ns);
}

static int make_successor(struct sim_pod *pod, const struct sim_replace_spec *spec,
                          struct sim_pod **successor_out)
{
    *successor_out = pod;
    if (!spec->is_new_identity) {
        return 0;
    }
    struct sim_add_spec add = {
        .role = pod->role,
        .has_release = true,
        .release = pod->release,
        .config = &pod->config,
        .zone = pod->zone,
    };
    return sim_world_new_pod(pod->world, &add, successor_out);
}

int sim_pod_replace(struct sim_pod *pod, const struct sim_replace_spec *spec,
                    struct sim_pod **successor_out)
{
    struct sim_world *world = pod->world;
    struct succession *succession = sim_world_hold(world, sizeof *succession);
    if (succession == NULL) {
        return RP_ERR_NOMEM;
    }
    int error = make_successor(pod, spec, &succession->successor);
    if (error == 0 && spec->config != NULL) {
        error = sim_pod_set_config(succession->successor, spec->config);
    }
    if (error != 0) {
        sim_world_let_go(world, succession);
        return error;
    }
    if (spec->has_release) {
        sim_pod_set_release(succession->successor, spec->release);
    }
    sim_reach_fault(sim_world_reach(pod->world), "replace");
    succession->pod = pod;
    succession->is_volume_lost = spec->is_volume_lost;
    succession->is_address_kept = spec->is_address_kept;
    succession->start_delay_ns = spec->start_delay_ns;
    *successor_out = succession->successor;
    pod->successor = succession->successor == pod ? pod->successor : succession->successor;
    struct sim_wait wait = {on_old_life_over, succession};
    if (spec->grace_ns == 0) {
        sim_pod_kill(pod, false);
    }
    sim_pod_stop(pod, spec->grace_ns, &wait);
    return 0;
}
