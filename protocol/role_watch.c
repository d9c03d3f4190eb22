#include "protocol/role_watch.h"

#include "protocol/panic.h"

#define PATIENT_LOOKS 2

void rp_role_watch_init(struct rp_role_watch *watch, rp_time_ns interval_ns)
{
    memset(watch, 0, sizeof *watch);
    watch->interval_ns = interval_ns;
}

bool rp_role_watch_check(struct rp_role_watch *watch, rp_time_ns now_ns, size_t elected_count,
                         enum rp_role_warning *warning_out)
{
    if (watch->interval_ns == 0 || elected_count == 1) {
        return false;
    }
    enum rp_role_warning warning =
        elected_count == 0 ? RP_ROLE_NO_COMPACTOR : RP_ROLE_MANY_COMPACTORS;
    if (watch->has_warned[warning] && now_ns - watch->warned_ns[warning] < watch->interval_ns) {
        return false;
    }
    watch->has_warned[warning] = true;
    watch->warned_ns[warning] = now_ns;
    watch->warning_count[warning] += 1;
    *warning_out = warning;
    return true;
}

void rp_role_watch_reset(struct rp_role_watch *watch)
{
    memset(watch->has_warned, 0, sizeof watch->has_warned);
}

const char *rp_role_warning_text(enum rp_role_warning warning)
{
    static const char *const texts[RP_ROLE_WARNING_COUNT] = {
        [RP_ROLE_NO_COMPACTOR] = "no compactor is elected: files are not compacted",
        [RP_ROLE_MANY_COMPACTORS] =
            "several compactors are elected: files may be compacted more than once",
    };
    RP_ASSERT(warning < RP_ROLE_WARNING_COUNT);
    return texts[warning];
}

bool rp_role_vacancy_look(struct rp_role_vacancy *vacancy, bool has_holder, bool is_holder_up)
{
    if (has_holder && is_holder_up) {
        vacancy->absent_count = 0;
        return false;
    }
    vacancy->absent_count += vacancy->absent_count < PATIENT_LOOKS;
    return !has_holder || vacancy->absent_count >= PATIENT_LOOKS;
}
