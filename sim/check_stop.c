/* What cancelled work does not do any more: cancel-stops-work.
 *
 * A stop cancels every pull and every transfer that the node serves; a deletion or a newer version
 * cancels the pull of a path. Of what a cancelled pull has ended, a record is no longer open. */
#include "sim/check_internal.h"

static void violate(struct check_pod *pod, const char *what, const char *did, struct rp_view path)
{
    check_violate(pod, SIM_PROP_CANCEL_STOPS_WORK, what, "%s for %.*s after the cancellation", did,
                  CHECK_TEXT(path));
}

static void on_dial(struct check_pod *pod, const struct rp_observation *seen)
{
    const struct check_path *record = check_path_find(pod, seen->path);
    if (pod->life.is_stopping) {
        violate(pod, "stop/dial", "a peer is dialled", seen->path);
    } else if (record == NULL || record->pulls == NULL) {
        violate(pod, "dial/no-pull", "a peer is dialled", seen->path);
    }
}

static void on_serve_bytes(struct check_pod *pod, const struct rp_observation *seen)
{
    if (seen->value == 0) {
        return;
    }
    if (pod->life.is_stopping) {
        violate(pod, "stop/serve-bytes", "bytes are sent", seen->path);
    } else if (check_serve_find(pod, seen->value2) == NULL) {
        violate(pod, "serve-bytes/ended", "bytes are sent", seen->path);
    }
}

void check_stop_observe(struct check_pod *pod, const struct rp_observation *seen)
{
    switch (seen->kind) {
    case RP_SEE_DIAL: on_dial(pod, seen); break;
    case RP_SEE_SERVE_BYTES: on_serve_bytes(pod, seen); break;
    case RP_SEE_PUBLISH_BEGIN:
        if (pod->life.is_stopping) {
            violate(pod, "stop/publish", "a rename is asked for", seen->path);
        }
        break;
    default: break;
    }
}

void check_stop_visible(struct check_pod *pod, struct rp_view path)
{
    if (pod->life.is_stopping) {
        violate(pod, "stop/visible", "a final name appears", path);
    }
}
