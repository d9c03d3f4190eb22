/* A story as it went, from the record of its run (sim/script_record.h), and as a scenario of its own that
 * does the same call by call: without loops, draws and parameters. */
#ifndef REPLISIM_SHRINK_STORY_H
#define REPLISIM_SHRINK_STORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* One call, or one decision of random trouble. */
struct shrink_call {
    uint64_t number, task;
    uint64_t begin_ns, end_ns;
    bool is_fault, is_wait, is_judge, is_decision, is_protected;
    bool has_ended, has_raised;
    char *lua, *drawn; /* owned; `drawn` NULL: nothing was drawn */
    char *name;        /* owned; of what it returned; "" */
    uint64_t made;     /* number in `f`, from 1; 0: nobody asks for its files */
};

struct shrink_path {
    size_t maker; /* its row among the calls */
    uint64_t row; /* in what the maker returned, from 1; 0: that is the path itself */
    char *lua;    /* owned; as a literal */
};

struct shrink_section {
    char *name, *lua; /* owned */
};

struct shrink_story {
    struct shrink_section *sections;
    size_t section_count;
    struct shrink_call *calls; /* in the order in which they began */
    size_t call_count;
    struct shrink_path *paths;
    size_t path_count;
    uint64_t end_ns; /* of the story */
    bool has_end;
    uint64_t violated_ns; /* of the failure */
    bool has_violated;
};

/* Lines that are not known are passed over. `property`, `place`: whose time is wanted. */
void shrink_story_read(struct shrink_story *story, FILE *record, const char *property,
                       const char *place);
void shrink_story_clear(struct shrink_story *story);
/* Fault calls and decisions. */
size_t shrink_story_fault_count(const struct shrink_story *story);
/* NULL: there is none. */
const char *shrink_story_section(const struct shrink_story *story, const char *name);

void shrink_story_set_section(struct shrink_story *story, const char *name, const char *lua);

struct shrink_telling {
    bool is_absolute; /* each call at its time, without waiting for the ones before */
    bool is_raw;      /* ranges are drawn from again */
    uint64_t cut_ns;  /* nothing from there on; UINT64_MAX: all of it */
};
/* Owned by the caller. */
char *shrink_story_tell(struct shrink_story *story, const struct shrink_telling *telling);
/* The table that a scenario returns, up to its `run`: also for one that keeps its own. */
struct shrink_text;
void shrink_story_put_head(const struct shrink_story *story, const char *params,
                           struct shrink_text *text);

#endif
