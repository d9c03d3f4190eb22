/* One JSON object a record (docs/results.md, Traces). All that the fingerprint holds is in these lines:
 * two runs whose lines are equal have the same one. Numbers are written by hand, since a run has millions
 * of them. */
#include <stdlib.h>

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "protocol/error.h"
#include "protocol/panic.h"
#include "sim/trace_internal.h"

#define NOTE_BYTES_MAX 512u /* of a note in full; beyond, a digest stands for the rest */

/* ---- Appending --------------------------------------------------------------------------------- */

static char *room_for(struct sim_trace_line *line, size_t more_bytes)
{
    if (line->length_bytes + more_bytes + 1 > line->size_bytes) {
        line->size_bytes = (line->length_bytes + more_bytes + 1) * 2;
        line->text = realloc(line->text, line->size_bytes);
        RP_ASSERT(line->text != NULL);
    }
    return line->text + line->length_bytes;
}

static void put_bytes(struct sim_trace_line *line, const char *bytes, size_t length_bytes)
{
    char *at = room_for(line, length_bytes);
    memcpy(at, bytes, length_bytes);
    at[length_bytes] = '\0';
    line->length_bytes += length_bytes;
}

void trace_put(struct sim_trace_line *line, const char *text)
{
    put_bytes(line, text, strlen(text));
}

void trace_put_number(struct sim_trace_line *line, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put_bytes(line, digits + at, sizeof digits - at);
}

static void put_signed(struct sim_trace_line *line, int64_t number)
{
    if (number < 0) {
        put_bytes(line, "-", 1);
    }
    trace_put_number(line, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void trace_put_text(struct sim_trace_line *line, struct rp_view text)
{
    static const char HEX[] = "0123456789abcdef";
    char *at = room_for(line, 6 * text.length_bytes + 2);
    *at++ = '"';
    for (size_t index = 0; index < text.length_bytes; index += 1) {
        uint8_t byte = text.bytes[index];
        if (byte == '"' || byte == '\\') {
            *at++ = '\\';
            *at++ = (char)byte;
        } else if (byte < 0x20 || byte >= 0x7f) {
            memcpy(at, "\\u00", 4);
            at[4] = HEX[byte >> 4];
            at[5] = HEX[byte & 15];
            at += 6;
        } else {
            *at++ = (char)byte;
        }
    }
    *at++ = '"';
    *at = '\0';
    line->length_bytes = (size_t)(at - line->text);
}

void trace_put_member(struct sim_trace_line *line, const char *name, struct rp_view text)
{
    if (text.length_bytes > 0) {
        trace_put(line, ",\"");
        trace_put(line, name);
        trace_put(line, "\":");
        trace_put_text(line, text);
    }
}

static void put_count(struct sim_trace_line *line, const char *name, uint64_t number)
{
    trace_put(line, ",\"");
    trace_put(line, name);
    trace_put(line, "\":");
    trace_put_number(line, number);
}

void trace_put_observation(struct sim_trace_line *line, const struct rp_observation *observation)
{
    trace_put_member(line, "path", observation->path);
    trace_put_member(line, "sha256", observation->sha256);
    trace_put_member(line, "peer", observation->peer_id);
    trace_put_member(line, "address", observation->peer_address);
    trace_put_member(line, "code", observation->code);
    if (observation->error != 0) {
        trace_put(line, ",\"error\":");
        put_signed(line, observation->error);
    }
    trace_put(line, ",\"size_bytes\":");
    put_signed(line, observation->size_bytes);
    put_count(line, "lsn", observation->lsn);
    put_count(line, "value", observation->value);
    put_count(line, "value2", observation->value2);
}

/* ---- Lines ------------------------------------------------------------------------------------- */

static uint64_t word_at(const uint8_t *bytes)
{
    uint64_t word = 0;
    for (unsigned byte = 0; byte < 8; byte += 1) {
        word |= (uint64_t)bytes[byte] << (8 * byte);
    }
    return word;
}

static void put_note(struct sim_trace_line *line, const struct sim_trace_record *record)
{
    struct rp_view data = record->data;
    if (record->is_words) {
        trace_put(line, ",\"words\":[");
        for (size_t at = 0; at < data.length_bytes; at += 8) {
            if (at > 0) {
                trace_put(line, ",");
            }
            trace_put_number(line, word_at(data.bytes + at));
        }
        trace_put(line, "]");
        return;
    }
    size_t shown_bytes = data.length_bytes < NOTE_BYTES_MAX ? data.length_bytes : NOTE_BYTES_MAX;
    trace_put_member(line, "text", rp_view_make(data.bytes, shown_bytes));
    if (shown_bytes < data.length_bytes) {
        put_count(line, "length", data.length_bytes);
        put_count(line, "digest", XXH3_64bits(data.bytes, data.length_bytes));
    }
}

void sim_trace_line_set(struct sim_trace_line *line, const struct sim_trace_record *record)
{
    static const char *const NAMES[] = {",\"name\":\"", ",\"name\":\"", ",\"note\":\"",
                                        ",\"mark\":\""};
    line->length_bytes = 0;
    trace_put(line, "{\"time_ns\":");
    trace_put_number(line, record->time_ns);
    trace_put(line, NAMES[record->sort]);
    switch (record->sort) {
    case SIM_TRACE_EVENT: trace_put(line, sim_event_kind_name(record->event_kind)); break;
    case SIM_TRACE_OBSERVATION:
        trace_put(line, rp_observation_name(record->observation.kind));
        break;
    case SIM_TRACE_NOTE:
    case SIM_TRACE_MARK: trace_put(line, record->name); break;
    }
    trace_put(line, "\",\"number\":");
    trace_put_number(line, record->number);
    trace_put_member(line, "node", record->node_id);
    switch (record->sort) {
    case SIM_TRACE_EVENT: put_count(line, "argument", record->argument); break;
    case SIM_TRACE_OBSERVATION: trace_put_observation(line, &record->observation); break;
    case SIM_TRACE_NOTE: put_note(line, record); break;
    case SIM_TRACE_MARK: trace_put_member(line, "text", record->data); break;
    }
    trace_put(line, "}");
}

void sim_trace_line_clear(struct sim_trace_line *line)
{
    free(line->text);
    memset(line, 0, sizeof *line);
}

/* ---- Sinks ------------------------------------------------------------------------------------- */

struct trace_sink {
    FILE *file;                  /* borrowed */
    struct trace_chrome *chrome; /* owned; NULL: lines */
    struct sim_trace_line line;
};

struct trace_sink *trace_sink_new(FILE *file, enum sim_trace_format format)
{
    struct trace_sink *sink = calloc(1, sizeof *sink);
    RP_ASSERT(sink != NULL);
    sink->file = file;
    sink->chrome = format == SIM_TRACE_CHROME ? trace_chrome_new(file) : NULL;
    return sink;
}

void trace_sink_free(struct trace_sink *sink)
{
    if (sink != NULL) {
        trace_chrome_free(sink->chrome);
        sim_trace_line_clear(&sink->line);
        free(sink);
    }
}

void trace_sink_record(void *context, const struct sim_trace_record *record)
{
    struct trace_sink *sink = context;
    if (sink->chrome != NULL) {
        trace_chrome_record(sink->chrome, record);
        return;
    }
    sim_trace_line_set(&sink->line, record);
    trace_put(&sink->line, "\n");
    (void)fwrite(sink->line.text, 1, sink->line.length_bytes, sink->file);
}

int trace_sink_end(struct trace_sink *sink)
{
    if (sink->chrome != NULL) {
        trace_chrome_end(sink->chrome);
    }
    return fflush(sink->file) != 0 || ferror(sink->file) != 0 ? RP_ERR_IO : 0;
}
