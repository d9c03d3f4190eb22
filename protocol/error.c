#include "protocol/error.h"

const char *rp_strerror(int error)
{
#define RP_ERROR_CASE(name, value, text)                                                           \
    case name: return text;
    switch (error) {
        RP_ERROR_TABLE(RP_ERROR_CASE)
    default: return "unknown error";
    }
#undef RP_ERROR_CASE
}
