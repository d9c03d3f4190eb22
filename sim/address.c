/* Addresses of pods: drawn in order, used again only if the scenario asks for it. An address that is
 * used again belongs to a pod of another cluster at once, if there is one; else it waits for the next
 * other pod that needs an address. */
#include <stdio.h>

#include "sim/world_internal.h"

/* ---- Leases: in the hands of another cluster ----------------------------------------------------- */

static struct rp_view lease_host(const struct sim_lease *lease)
{
    return rp_view_text(lease->host);
}

static bool may_hold(const struct sim_pod *pod, const struct sim_pod *former)
{
    return pod->world != former->world && pod->state == SIM_POD_UP;
}

/* In turns, so that no pod of the others is spared. */
static struct sim_pod *pick_holder(struct sim_run *run, const struct sim_pod *former)
{
    size_t count = 0;
    for (size_t number = 0; number < run->pod_count; number += 1) {
        count += may_hold(run->pods[number], former);
    }
    size_t turn = count == 0 ? 0 : (size_t)(run->lease_total % count);
    for (size_t number = 0; number < run->pod_count; number += 1) {
        if (may_hold(run->pods[number], former) && turn-- == 0) {
            return run->pods[number];
        }
    }
    return NULL;
}

static void end_lease(struct sim_run *run, size_t row)
{
    sim_net_forward(run->net, lease_host(&run->leases[row]), rp_view_make(NULL, 0));
    run->lease_count -= 1;
    memmove(&run->leases[row], &run->leases[row + 1],
            (run->lease_count - row) * sizeof run->leases[0]);
}

static bool lease_out(struct sim_run *run, const struct sim_pod *former)
{
    struct sim_pod *holder = pick_holder(run, former);
    if (holder == NULL) {
        return false;
    }
    if (run->lease_count == SIM_VACANCY_MAX) {
        end_lease(run, 0);
    }
    struct sim_lease *lease = &run->leases[run->lease_count++];
    run->lease_total += 1;
    lease->holder = holder;
    memcpy(lease->host, former->host, sizeof lease->host);
    sim_net_forward(run->net, lease_host(lease), rp_view_text(holder->host));
    return true;
}

/* A pod that moves takes along what it holds. */
void sim_pod_keep_leases(struct sim_pod *pod)
{
    struct sim_run *run = pod->world->run;
    for (size_t row = 0; row < run->lease_count; row += 1) {
        if (run->leases[row].holder == pod) {
            sim_net_forward(run->net, lease_host(&run->leases[row]), rp_view_text(pod->host));
        }
    }
}

/* ---- Vacancies: nobody's until somebody needs one ------------------------------------------------ */

static void end_vacancy(struct sim_run *run, size_t row)
{
    run->vacancy_count -= 1;
    memmove(&run->vacancies[row], &run->vacancies[row + 1],
            (run->vacancy_count - row) * sizeof run->vacancies[0]);
}

void sim_pod_vacate(struct sim_pod *pod)
{
    struct sim_run *run = pod->world->run;
    sim_net_vacate(run->net, sim_pod_address(pod));
    if (!run->is_address_reused || lease_out(run, pod)) {
        return;
    }
    if (run->vacancy_count == SIM_VACANCY_MAX) {
        end_vacancy(run, 0);
    }
    struct sim_vacancy *vacancy = &run->vacancies[run->vacancy_count++];
    vacancy->former = pod;
    memcpy(vacancy->host, pod->host, sizeof vacancy->host);
}

/* The oldest address that another pod left. */
static bool take_vacancy(struct sim_pod *pod)
{
    struct sim_run *run = pod->world->run;
    size_t row = 0;
    while (row < run->vacancy_count && run->vacancies[row].former == pod) {
        row += 1;
    }
    if (row == run->vacancy_count) {
        return false;
    }
    memcpy(pod->host, run->vacancies[row].host, sizeof pod->host);
    end_vacancy(run, row);
    return true;
}

static void draw_host(struct sim_pod *pod)
{
    uint64_t number = ++pod->world->run->address_count;
    (void)snprintf(pod->host, sizeof pod->host, "10.%u.%u.%u", (unsigned)(number >> 16 & 255),
                   (unsigned)(number >> 8 & 255), (unsigned)(number & 255));
}

void sim_pod_new_address(struct sim_pod *pod)
{
    if (!take_vacancy(pod)) {
        draw_host(pod);
    }
    (void)snprintf(pod->address, sizeof pod->address, "%.100s:9100", pod->host);
    (void)snprintf(pod->raft_address, sizeof pod->raft_address, "%.100s:9200", pod->host);
}

void sim_world_stale_names(struct sim_world *world, rp_time_ns stale_ns, bool is_address_reused)
{
    struct sim_run *run = world->run;
    sim_dns_set_stale(run->dns, stale_ns);
    run->is_address_reused = is_address_reused;
    if (is_address_reused) {
        return;
    }
    run->vacancy_count = 0;
    while (run->lease_count > 0) {
        end_lease(run, run->lease_count - 1);
    }
}
