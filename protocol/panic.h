/* Bugs of our own end the process; bytes from outside never do. On in every build. */
#ifndef REPLISIM_PROTOCOL_PANIC_H
#define REPLISIM_PROTOCOL_PANIC_H

/* Prints the place and the fact to standard error and aborts. */
_Noreturn void rp_panic(const char *file, int line, const char *fact);

#define RP_ASSERT(fact) ((fact) ? (void)0 : rp_panic(__FILE__, __LINE__, #fact))

#endif
