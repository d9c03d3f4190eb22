#include "protocol/panic.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void rp_panic(const char *file, int line, const char *fact)
{
    (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, fact);
    abort();
}
