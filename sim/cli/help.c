#include "sim/cli/cli.h"

const char cli_help_run[] =
    "usage: replisim run FILE.lua [OPTION...]\n"
    "\n"
    "Runs one scenario with one seed and says what held. The same program, scenario, parameters\n"
    "and seed give the same run, event by event, on any machine.\n"
    "\n"
    "options:\n"
    "  --seed N             0 to 2^64-1; default 1\n"
    "  --set KEY=VALUE      a parameter of the scenario; may be given again\n"
    "  --json               one JSON object on standard output instead of the summary\n"
    "  --out DIR, -o DIR    result.json, lag.csv and the replication-lag report (index.html)\n"
    "  --trace FILE         every event: FILE.json as Chrome trace (ui.perfetto.dev opens it),\n"
    "                       FILE.jsonl one event a line\n"
    "  --check-determinism  runs twice and names the event at which the two part, if they do\n"
    "  --timeout S          at most S seconds of real time\n"
    "  -q, --quiet          nothing of a run that passed, one line of each violation else\n"
    "  --help\n"
    "\n"
    "exit codes: 0 all held; 1 a property failed; 2 the command or the scenario is wrong, or the\n"
    "script stopped with an error; 3 the program itself failed (a crash, a time-out,\n"
    "non-determinism)\n"
    "\n"
    "examples:\n"
    "  replisim run scenarios/rotation/pod_rotation.lua\n"
    "  replisim run scenarios/rotation/pod_rotation.lua --seed 42 --set files=1000 --out "
    "out/rotation\n";

const char cli_help_list[] =
    "usage: replisim list [scenarios [PATH...] | faults | properties | config | releases]\n"
    "\n"
    "What there is, one line each. Without a word: everything. PATH is a scenario file or a "
    "folder\n"
    "searched for *.lua; files whose names begin with \"_\" are helpers and left out.\n";

const char cli_help_describe[] =
    "usage: replisim describe NAME\n"
    "\n"
    "Tells at length about a property, a release, a fault, a configuration key, a scenario (its\n"
    "name, or its file), or `limits`: what bounds a script.\n";

const char cli_help_matrix[] =
    "usage: replisim matrix [PATH...] [OPTION...]\n"
    "\n"
    "Shows defect by defect what older releases break and `current` does not. Each scenario with "
    "a\n"
    "`breaks` is run as `current`, which must pass, and as each release that it names, which must\n"
    "fail with the property named there. Every run has a process of its own: a crash is that "
    "row's\n"
    "failure. PATH is a scenario file or a folder; without one, scenarios/reference.\n"
    "\n"
    "options:\n"
    "  --seed N             0 to 2^64-1; default 1\n"
    "  --jobs N, -j N       so many runs at a time; default 1\n"
    "  --json               one JSON object instead of the table\n"
    "  --help\n"
    "\n"
    "exit codes: 0 all as declared; 1 some run was not; 2 the command or a scenario is wrong;\n"
    "3 the program itself failed\n";
