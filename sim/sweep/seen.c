#include "sim/sweep/seen.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 65536u

struct sweep_seen {
    uint64_t *slots; /* owned; 0: empty */
    size_t slot_count, state_count;
    uint64_t cells[SIM_NOVELTY_FAULT_COUNT][SIM_REACH_STATE_COUNT];
};

struct sweep_seen *sweep_seen_new(void)
{
    struct sweep_seen *seen = calloc(1, sizeof *seen);
    if (seen == NULL) {
        return NULL;
    }
    seen->slot_count = SLOTS_FIRST;
    seen->slots = calloc(seen->slot_count, sizeof *seen->slots);
    if (seen->slots == NULL) {
        free(seen);
        return NULL;
    }
    return seen;
}

void sweep_seen_free(struct sweep_seen *seen)
{
    if (seen != NULL) {
        free(seen->slots);
        free(seen);
    }
}

/* ---- States ----------------------------------------------------------------------------------- */

/* The slot that holds the state, or the one for it. */
static size_t slot_of(const uint64_t *slots, size_t slot_count, uint64_t state)
{
    size_t slot = (size_t)state & (slot_count - 1);
    while (slots[slot] != 0 && slots[slot] != state) {
        slot = (slot + 1) & (slot_count - 1);
    }
    return slot;
}

static int grow(struct sweep_seen *seen)
{
    size_t slot_count = seen->slot_count * 2;
    uint64_t *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL) {
        return SWEEP_ERR_NOMEM;
    }
    for (size_t slot = 0; slot < seen->slot_count; slot += 1) {
        if (seen->slots[slot] != 0) {
            slots[slot_of(slots, slot_count, seen->slots[slot])] = seen->slots[slot];
        }
    }
    free(seen->slots);
    seen->slots = slots;
    seen->slot_count = slot_count;
    return SWEEP_OK;
}

static int add_state(struct sweep_seen *seen, uint64_t state, uint64_t *new_states)
{
    state += state == 0;
    size_t slot = slot_of(seen->slots, seen->slot_count, state);
    if (seen->slots[slot] != 0) {
        return SWEEP_OK;
    }
    seen->slots[slot] = state;
    seen->state_count += 1;
    *new_states += 1;
    return seen->state_count > seen->slot_count / 2 ? grow(seen) : SWEEP_OK;
}

/* ---- Cells ------------------------------------------------------------------------------------ */

static bool parse_state(const char *name, enum sim_reach_state *state_out)
{
    for (size_t row = 0; row < SIM_REACH_STATE_COUNT; row += 1) {
        if (strcmp(sim_reach_row_name(SIM_REACH_STATES, row), name) == 0) {
            *state_out = (enum sim_reach_state)row;
            return true;
        }
    }
    return false;
}

/* ["kill", "pull.begun", 3]; what another build calls otherwise is left out. */
static void add_cell(struct sweep_seen *seen, const json_t *cell)
{
    const char *fault_name = json_string_value(json_array_get(cell, 0));
    const char *state_name = json_string_value(json_array_get(cell, 1));
    enum sim_novelty_fault fault;
    enum sim_reach_state state;
    if (fault_name != NULL && state_name != NULL &&
        sim_novelty_fault_parse(rp_view_text(fault_name), &fault) &&
        parse_state(state_name, &state)) {
        seen->cells[fault][state] += (uint64_t)json_integer_value(json_array_get(cell, 2));
    }
}

int sweep_seen_add(struct sweep_seen *seen, const struct sweep_run *run, uint64_t *new_states_out)
{
    const json_t *states = json_object_get(run->extra, "states");
    const json_t *cells = json_object_get(run->extra, "cells");
    uint64_t new_states = 0;
    int status = SWEEP_OK;
    for (size_t row = 0; row < json_array_size(states) && status == SWEEP_OK; row += 1) {
        const char *text = json_string_value(json_array_get(states, row));
        if (text != NULL) {
            status = add_state(seen, strtoull(text, NULL, 16), &new_states);
        }
    }
    for (size_t row = 0; row < json_array_size(cells); row += 1) {
        add_cell(seen, json_array_get(cells, row));
    }
    if (new_states_out != NULL) {
        *new_states_out = new_states;
    }
    return status;
}

int sweep_seen_take(struct sweep_seen *seen, json_t *extra)
{
    const json_t *states = json_object_get(extra, "states");
    if (states == NULL) {
        return SWEEP_OK;
    }
    json_t *fresh = json_array();
    int status = fresh == NULL ? SWEEP_ERR_NOMEM : SWEEP_OK;
    for (size_t row = 0; row < json_array_size(states) && status == SWEEP_OK; row += 1) {
        json_t *state = json_array_get(states, row);
        const char *text = json_string_value(state);
        uint64_t new_states = 0;
        if (text != NULL) {
            status = add_state(seen, strtoull(text, NULL, 16), &new_states);
        }
        if (new_states > 0 && json_array_append(fresh, state) != 0) {
            status = SWEEP_ERR_NOMEM;
        }
    }
    return json_object_set_new(extra, "states", fresh) == 0 ? status : SWEEP_ERR_NOMEM;
}

/* ---- Sums ------------------------------------------------------------------------------------- */

uint64_t sweep_seen_states(const struct sweep_seen *seen)
{
    return seen->state_count;
}

uint64_t sweep_seen_cell(const struct sweep_seen *seen, enum sim_novelty_fault fault,
                         enum sim_reach_state state)
{
    return seen->cells[fault][state];
}

static size_t cells_of(const struct sweep_seen *seen, size_t fault)
{
    size_t count = 0;
    for (size_t state = 0; state < SIM_REACH_STATE_COUNT; state += 1) {
        count += seen->cells[fault][state] > 0;
    }
    return count;
}

uint64_t sweep_seen_cells(const struct sweep_seen *seen)
{
    uint64_t count = 0;
    for (size_t fault = 0; fault < SIM_NOVELTY_FAULT_COUNT; fault += 1) {
        count += cells_of(seen, fault);
    }
    return count;
}

/* Words in lines of less than a hundred columns. */
static void print_word(FILE *file, const char *word, size_t *column)
{
    size_t length = strlen(word);
    if (*column + length + 1 > 98) {
        fputs("\n              ", file);
        *column = 14;
    }
    fprintf(file, " %s", word);
    *column += length + 1;
}

void sweep_seen_print_counts(const struct sweep_seen *seen, FILE *file)
{
    const char *between = "";
    for (size_t fault = 1; fault < SIM_NOVELTY_FAULT_COUNT; fault += 1) {
        size_t count = cells_of(seen, fault);
        if (count > 0) {
            fprintf(file, "%s%s %zu", between,
                    sim_novelty_fault_name((enum sim_novelty_fault)fault), count);
            between = ", ";
        }
    }
    fprintf(file, "%s%d protocol states", between[0] == '\0' ? "none of " : " of ",
            SIM_REACH_STATE_COUNT);
}

/* Kinds that no run had at all are named in one line; of states that nobody entered, even without a fault,
 * nothing is missing. */
void sweep_seen_print(const struct sweep_seen *seen, FILE *file)
{
    size_t column = 0;
    fprintf(file, "states: %zu abstract ones; faults by protocol state, %" PRIu64 " cells:\n",
            seen->state_count, sweep_seen_cells(seen));
    for (size_t fault = 0; fault < SIM_NOVELTY_FAULT_COUNT; fault += 1) {
        const char *name = sim_novelty_fault_name((enum sim_novelty_fault)fault);
        size_t count = cells_of(seen, fault);
        if (count == 0) {
            continue;
        }
        fprintf(file, "  %-10s %2zu of %d", name, count, SIM_REACH_STATE_COUNT);
        if (count < SIM_REACH_STATE_COUNT) {
            fputs("; never:", file);
        }
        column = 31;
        for (size_t state = 0; state < SIM_REACH_STATE_COUNT; state += 1) {
            if (seen->cells[fault][state] == 0) {
                print_word(file, sim_reach_row_name(SIM_REACH_STATES, state), &column);
            }
        }
        fputc('\n', file);
    }
    column = 0;
    for (size_t fault = 0; fault < SIM_NOVELTY_FAULT_COUNT; fault += 1) {
        if (cells_of(seen, fault) == 0) {
            if (column == 0) {
                column = (size_t)fprintf(file, "  never active:");
            }
            print_word(file, sim_novelty_fault_name((enum sim_novelty_fault)fault), &column);
        }
    }
    if (column > 0) {
        fputc('\n', file);
    }
}

json_t *sweep_seen_json(const struct sweep_seen *seen)
{
    json_t *cells = json_object();
    for (size_t fault = 0; fault < SIM_NOVELTY_FAULT_COUNT; fault += 1) {
        json_t *row = json_object();
        for (size_t state = 0; state < SIM_REACH_STATE_COUNT; state += 1) {
            (void)json_object_set_new(row, sim_reach_row_name(SIM_REACH_STATES, state),
                                      json_integer((json_int_t)seen->cells[fault][state]));
        }
        (void)json_object_set_new(cells, sim_novelty_fault_name((enum sim_novelty_fault)fault),
                                  row);
    }
    return json_pack("{s:I, s:o}", "states", (json_int_t)seen->state_count, "cells", cells);
}
