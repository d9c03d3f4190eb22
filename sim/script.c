/* A run of one scenario, from the file to the judged result. */
#include "sim/script.h"

#include <stdlib.h>

#include "protocol/error.h"
#include "sim/script_declare.h"
#include "sim/script_record.h"
#include "sim/script_story.h"

/* The state with what a run added to it. */
static void free_run(struct script *script)
{
    if (script == NULL) {
        return;
    }
    script_story_free(script->story);
    script_record_free(script->record);
    if (script->has_scratch) {
        rp_config_clear(&script->scratch_config);
    }
    if (script->has_further) {
        sim_world_spec_clear(&script->further_spec);
    }
    if (script->has_spec) {
        sim_world_spec_clear(&script->spec);
    }
    script_free(script);
}

/* ---- The line that repeats a run ------------------------------------------------------------------ */

static void append(char **text, const char *more)
{
    size_t old_bytes = *text == NULL ? 0 : strlen(*text);
    size_t more_bytes = strlen(more);
    char *longer = realloc(*text, old_bytes + more_bytes + 1);
    if (longer != NULL) {
        memcpy(longer + old_bytes, more, more_bytes + 1);
        *text = longer;
    }
}

/* As a word of a POSIX shell. */
static void append_word(char **text, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=./:,@%";
    if (word[0] != '\0' && strspn(word, plain) == strlen(word)) {
        append(text, word);
        return;
    }
    append(text, "'");
    for (; *word != '\0'; word += 1) {
        char sign[2] = {*word, '\0'};
        append(text, *word == '\'' ? "'\\''" : sign);
    }
    append(text, "'");
}

char *script_repeat(const struct script_options *options)
{
    char *text = NULL;
    char seed[48];
    append(&text, "replisim run ");
    append_word(&text, options->path);
    (void)snprintf(seed, sizeof seed, " --seed %llu", (unsigned long long)options->seed);
    append(&text, seed);
    for (size_t index = 0; index < options->set_count; index += 1) {
        append(&text, " --set ");
        append_word(&text, options->sets[index]);
    }
    for (size_t index = 0; index < options->without_count; index += 1) {
        append(&text, " --without ");
        append_word(&text, sim_property_name(options->withouts[index]));
    }
    if (options->decisions_path != NULL) {
        append(&text, " --decisions ");
        append_word(&text, options->decisions_path);
    }
    return text;
}

static char *copy_text(const char *text)
{
    char *copy = NULL;
    append(&copy, text);
    return copy;
}

/* ---- Run ------------------------------------------------------------------------------------------ */

static void fail_outcome(struct script_outcome *outcome, enum script_end end, const char *text)
{
    outcome->end = end;
    (void)snprintf(outcome->error, sizeof outcome->error, "%s", text);
}

/* Reads the whole file into the script's spec. */
static int declare(struct script *script, const struct script_options *options,
                   struct script_outcome *outcome)
{
    struct script_declaration declaration;
    memset(&declaration, 0, sizeof declaration);
    int error = sim_world_spec_init(&script->spec);
    if (error != 0) {
        return error;
    }
    script->has_spec = true;
    script->spec.seed = options->seed;
    script->spec.shared_permutation_key = options->permutation_key;
    for (size_t index = 0; index < options->without_count; index += 1) {
        script->spec.is_without[options->withouts[index]] = true;
    }
    bool is_ok = script_open_file(script) &&
                 script_declare_head(script, options->sets, options->set_count, &declaration) &&
                 script_declare_world(script, &declaration);
    outcome->scenario = declaration.name;
    outcome->params_json = declaration.params_json;
    outcome->expect = declaration.expect;
    declaration.name = declaration.params_json = NULL;
    script_declaration_clear(&declaration);
    if (!is_ok) {
        fail_outcome(outcome, SCRIPT_END_ERROR, script->error);
        return RP_ERR_INVALID;
    }
    return 0;
}

static enum rp_release release_of(void *context, const char *node)
{
    struct sim_pod *pod = sim_world_labelled(context, rp_view_text(node));
    return pod == NULL ? RP_RELEASE_CURRENT : sim_pod_release(pod);
}

static int judge(struct script_outcome *outcome)
{
    struct sim_result *result = outcome->result;
    free(result->scenario);
    free(result->params_json);
    free(result->repeat);
    result->scenario = copy_text(outcome->scenario);
    result->params_json = copy_text(outcome->params_json);
    result->repeat = copy_text(outcome->repeat);
    if (result->scenario == NULL || result->params_json == NULL || result->repeat == NULL) {
        return RP_ERR_NOMEM;
    }
    int error = sim_expect_apply(&outcome->expect, result, outcome->world, release_of);
    switch (result->verdict) {
    case SIM_VERDICT_PASS: outcome->end = SCRIPT_END_PASS; break;
    case SIM_VERDICT_FAIL: outcome->end = SCRIPT_END_FAIL; break;
    case SIM_VERDICT_ERROR:
        fail_outcome(outcome, SCRIPT_END_ERROR, result->error == NULL ? "" : result->error);
        break;
    }
    return error;
}

static int run_world(struct script *script, const struct script_options *options,
                     struct script_outcome *outcome)
{
    char note[160] = "";
    int error = sim_world_new(&script->spec, &outcome->world, note);
    if (error == RP_ERR_INVALID) {
        script_place_error(script, note);
        fail_outcome(outcome, SCRIPT_END_ERROR, script->error);
        return 0;
    }
    if (error != 0) {
        return error;
    }
    script->world = outcome->world;
    script_record_world(script, outcome->world);
    if (options->world_begins != NULL) {
        options->world_begins(options->watch_context, outcome->world);
    }
    error = sim_world_run(outcome->world, script_story_face(script), note);
    if (options->world_ends != NULL) {
        options->world_ends(options->watch_context, outcome->world);
    }
    if (error == RP_ERR_TIMEOUT) {
        /* The cluster as declared does not come up: the scenario's to mend. */
        script_place_error(script, note);
        fail_outcome(outcome, SCRIPT_END_ERROR, script->error);
        return 0;
    }
    if (error != 0) {
        fail_outcome(outcome, SCRIPT_END_BROKEN, note[0] == '\0' ? rp_strerror(error) : note);
        return error == RP_ERR_NOMEM ? error : 0;
    }
    outcome->is_run = true;
    outcome->result = sim_world_result(outcome->world);
    return judge(outcome);
}

int script_read_spec(const struct script_options *options, struct sim_world_spec *spec_out,
                     char error_out[SCRIPT_TEXT_MAX])
{
    struct script_outcome outcome;
    memset(&outcome, 0, sizeof outcome);
    int error = script_new(options->path, options->seed, NULL, &outcome.script);
    if (error == 0) {
        outcome.script->text = options->text;
        error = script_story_new(outcome.script);
    }
    if (error == 0) {
        error = declare(outcome.script, options, &outcome);
    }
    if (error == 0) {
        *spec_out = outcome.script->spec;
        outcome.script->has_spec = false;
    }
    (void)snprintf(error_out, SCRIPT_TEXT_MAX, "%s",
                   outcome.error[0] != '\0' ? outcome.error : "out of memory");
    script_outcome_clear(&outcome);
    return error;
}

int script_run_file(const struct script_options *options, struct script_outcome *outcome_out)
{
    memset(outcome_out, 0, sizeof *outcome_out);
    outcome_out->end = SCRIPT_END_BROKEN;
    outcome_out->repeat = script_repeat(options);
    int error = outcome_out->repeat == NULL ? RP_ERR_NOMEM : 0;
    if (error == 0) {
        error = script_new(options->path, options->seed, options->log, &outcome_out->script);
    }
    struct script *script = outcome_out->script;
    if (error == 0) {
        script->text = options->text;
        error = script_story_new(script);
    }
    if (error == 0 && options->record != NULL) {
        error = script_record_new(options->record, &script->record);
    }
    if (error == 0) {
        error = declare(script, options, outcome_out);
    }
    if (error == 0) {
        error = run_world(script, options, outcome_out);
    }
    if (error == RP_ERR_NOMEM) {
        fail_outcome(outcome_out, SCRIPT_END_BROKEN, "out of memory");
        return error;
    }
    return 0;
}

void script_outcome_clear(struct script_outcome *outcome)
{
    /* The world first: what it drops may still call the story. */
    sim_world_free(outcome->world);
    free_run(outcome->script);
    free(outcome->scenario);
    free(outcome->params_json);
    free(outcome->repeat);
    memset(outcome, 0, sizeof *outcome);
}

/* ---- About ----------------------------------------------------------------------------------------- */

int script_read_about(const char *path, struct script_about *about_out)
{
    struct script *script = NULL;
    struct script_declaration declaration;
    memset(about_out, 0, sizeof *about_out);
    memset(&declaration, 0, sizeof declaration);
    int error = script_new(path, 1, NULL, &script);
    if (error != 0) {
        return error;
    }
    bool is_ok = script_open_file(script) && script_declare_head(script, NULL, 0, &declaration);
    if (is_ok) {
        about_out->name = declaration.name;
        about_out->about = declaration.about;
        about_out->params_json = declaration.params_json;
        about_out->phase = declaration.phase;
        about_out->breaks = declaration.breaks;
        memset(&declaration, 0, sizeof declaration);
    } else {
        (void)snprintf(about_out->error, sizeof about_out->error, "%s", script->error);
    }
    script_declaration_clear(&declaration);
    script_free(script);
    return is_ok ? 0 : RP_ERR_INVALID;
}

void script_about_clear(struct script_about *about)
{
    free(about->name);
    free(about->about);
    free(about->params_json);
    memset(about, 0, sizeof *about);
}
