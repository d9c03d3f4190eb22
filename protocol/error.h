/* Errors of the protocol room: 0, or one of these when a call has failed. What a
 * peer does wrong is no error but an outcome; each module names its own. */
#ifndef REPLISIM_PROTOCOL_ERROR_H
#define REPLISIM_PROTOCOL_ERROR_H

/* X(name, value, text) */
#define RP_ERROR_TABLE(X)                                                                          \
    X(RP_OK, 0, "no error")                                                                        \
    X(RP_ERR_NOMEM, -1, "out of memory")                                                           \
    X(RP_ERR_INVALID, -2, "invalid argument")                                                      \
    X(RP_ERR_TOO_LARGE, -3, "larger than the limit")                                               \
    X(RP_ERR_FULL, -4, "full")                                                                     \
    X(RP_ERR_NOT_FOUND, -5, "not found")                                                           \
    X(RP_ERR_IO, -6, "input or output failed")                                                     \
    X(RP_ERR_NO_SPACE, -7, "no space left")                                                        \
    X(RP_ERR_CANCELLED, -8, "cancelled")                                                           \
    X(RP_ERR_TIMEOUT, -9, "timed out")                                                             \
    X(RP_ERR_CLOSED, -10, "closed by the peer")                                                    \
    X(RP_ERR_RESET, -11, "connection reset")                                                       \
    X(RP_ERR_REFUSED, -12, "connection refused")                                                   \
    X(RP_ERR_UNREACHABLE, -13, "address unreachable")                                              \
    X(RP_ERR_NOT_LEADER, -14, "not the leader")                                                    \
    X(RP_ERR_NO_LEADER, -15, "no leader known")                                                    \
    X(RP_ERR_LEADERSHIP_LOST, -16, "leadership lost, outcome unknown")                             \
    X(RP_ERR_BUSY, -17, "busy")                                                                    \
    X(RP_ERR_STOPPED, -18, "stopped")                                                              \
    X(RP_ERR_SYNTAX, -19, "malformed text")                                                        \
    X(RP_ERR_TYPE, -20, "value of the wrong kind or out of range")                                 \
    X(RP_ERR_TIME, -21, "malformed time")                                                          \
    X(RP_ERR_BASE64, -22, "malformed base64")                                                      \
    X(RP_ERR_UNENCODABLE, -23, "value cannot be encoded")                                          \
    X(RP_ERR_UNKNOWN_TYPE, -24, "unknown message type")                                            \
    X(RP_ERR_AUTH, -25, "authentication failed")                                                   \
    X(RP_ERR_UNSUPPORTED, -26, "not supported by this store")

#define RP_ERROR_ENUM(name, value, text) name = (value),
enum rp_error { RP_ERROR_TABLE(RP_ERROR_ENUM) };
#undef RP_ERROR_ENUM

/* A constant text for any value; "unknown error" for one not in the table. Never NULL. */
const char *rp_strerror(int error);

/* For the few calls whose failure changes nothing; the caller says why. */
static inline void rp_ignore(int error)
{
    (void)error;
}

#endif
