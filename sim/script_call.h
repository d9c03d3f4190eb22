/* What each call of the scenario API is to someone who makes a story smaller. */
#ifndef REPLISIM_SIM_SCRIPT_CALL_H
#define REPLISIM_SIM_SCRIPT_CALL_H

#include <stddef.h>

/* X(name, text) */
#define SCRIPT_CALL_TABLE(X)                                                                       \
    X(SCRIPT_CALL_FAULT, "fault")   /* trouble, and its end */                                     \
    X(SCRIPT_CALL_WORK, "work")     /* what users and operators do */                              \
    X(SCRIPT_CALL_WAIT, "wait")     /* waits for the cluster */                                    \
    X(SCRIPT_CALL_TIME, "time")     /* the story's own order; told by times */                     \
    X(SCRIPT_CALL_JUDGE, "judge")   /* holds a function, or a state of the script */               \
    X(SCRIPT_CALL_LOOK, "look")     /* changes nothing */                                          \
    X(SCRIPT_CALL_RANDOM, "random") /* told by the decisions that it makes */                      \
    X(SCRIPT_CALL_UNKNOWN, "unknown")

#define SCRIPT_CALL_ENUM(name, text) name,
enum script_call { SCRIPT_CALL_TABLE(SCRIPT_CALL_ENUM) };
#undef SCRIPT_CALL_ENUM

/* Of a call of that object, named as in script_method_tables; UNKNOWN: there is no such call. */
enum script_call script_call_of(const char *object, const char *method);
/* The gravest of that name, whatever the object: FAULT before WORK before the rest. */
enum script_call script_call_named(const char *method, size_t length);
const char *script_call_text(enum script_call call);

#endif
