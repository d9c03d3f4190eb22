#!/bin/sh
# Whatever is wrong with a command or a scenario: exit code 2, one message that names the place, and
# no output file. usage: test_bad_input.sh PROGRAM SOURCES BUILD
set -eu
. "$2/tests/cli/lib.sh"

# scenario NAME: from standard input.
scenario()
{
    cat >"$scratch/$1.lua"
}

# bad NAME PATTERN: running NAME.lua fails as above.
bad()
{
    run run "$1.lua" --out "out-$1" --trace "trace-$1.jsonl" --timeout 60
    expect 2 "$2" "$1"
    [ "$(wc -l <err.txt)" -eq 1 ] || fail "$1: more than one line: $(cat err.txt)"
    for left in "out-$1"* "trace-$1"*; do
        [ ! -e "$left" ] || fail "$1: left $left behind"
    done
}

scenario syntax <<'LUA'
return {
  name = "syntax"
  run = function(c) end,
}
LUA
bad syntax '^syntax\.lua:3: '

scenario unknown_key <<'LUA'
return {
  name = "unknown-key", about = "x",
  cluster = { readrs = 3 },
  run = function(c) end,
}
LUA
bad unknown_key '^unknown_key\.lua:.*readrs'

scenario bad_literal <<'LUA'
return {
  name = "bad-literal", about = "x",
  network = { latency = "5 parsecs" },
  run = function(c) end,
}
LUA
bad bad_literal '^bad_literal\.lua:.*network\.latency'

scenario fractional <<'LUA'
return { name = "fractional", about = "x", cluster = { readers = 2.5 }, run = function(c) end }
LUA
bad fractional '^fractional\.lua:.*cluster\.readers'

scenario no_run <<'LUA'
return { name = "no-run", about = "x" }
LUA
bad no_run '^no_run\.lua'

scenario no_table <<'LUA'
return 7
LUA
bad no_table '^no_table\.lua'

scenario loop_at_load <<'LUA'
local n = 0
while true do n = n + 1 end
LUA
bad loop_at_load '^loop_at_load\.lua:2: '

scenario bomb_at_load <<'LUA'
local all = {}
for i = 1, 1 << 40 do all[i] = ("x"):rep(1 << 20) .. i end
LUA
bad bomb_at_load '^bomb_at_load\.lua:2: '

scenario io_at_load <<'LUA'

local file = io.open("stolen.txt", "w")
LUA
bad io_at_load '^io_at_load\.lua:2: '
[ ! -e stolen.txt ] || fail "io_at_load: wrote a file"

scenario os_at_load <<'LUA'
os.execute("touch stolen.txt")
LUA
bad os_at_load '^os_at_load\.lua:1: '
[ ! -e stolen.txt ] || fail "os_at_load: ran a command"

# These fail while the story runs, and leave as little behind.

scenario loop <<'LUA'
return { name = "loop", about = "x", cluster = { writers = 1, readers = 1 }, run = function(c)
  while true do
    local n = 1
  end
end }
LUA
bad loop '^loop\.lua:[23]: .*without sleeping'

scenario bomb <<'LUA'
return { name = "bomb", about = "x", cluster = { writers = 1, readers = 1 }, run = function(c)
  local all = {}
  for i = 1, 1 << 40 do all[i] = ("x"):rep(1 << 20) .. i end
end }
LUA
bad bomb '^bomb\.lua:3: '

scenario hoard <<'LUA'
return { name = "hoard", about = "x", cluster = { writers = 1, readers = 1 }, run = function(c)
  local all = {}
  for i = 1, 1 << 40 do
    if i % 10 == 0 then c:sleep("1ms") end
    all[i] = ("x"):rep(1 << 20) .. i
  end
end }
LUA
bad hoard '^hoard\.lua:[35]: .*memory'

scenario io <<'LUA'
return { name = "io", about = "x", cluster = { writers = 1, readers = 1 }, run = function(c)
  io.open("stolen.txt", "w")
end }
LUA
bad io "^io\.lua:2: .*'io'"

scenario os <<'LUA'
return { name = "os", about = "x", cluster = { writers = 1, readers = 1 }, run = function(c)
  os.execute("touch stolen.txt")
end }
LUA
bad os "^os\.lua:2: .*'os'"
[ ! -e stolen.txt ] || fail "a story wrote a file"

# A bad value in the middle of the story.
scenario late_literal <<'LUA'
return { name = "late-literal", about = "x", cluster = { writers = 1, readers = 1 }, run = function(c)
  c:sleep("1s")
  c:settle("1 fortnight")
end }
LUA
bad late_literal '^late_literal\.lua:3: .*fortnight'

scenario binary <<'LUA'
LuaS
LUA
printf '\033LuaS' >binary.lua
bad binary '^binary\.lua: '

# A cluster that its own declaration keeps from coming up.
scenario hopeless <<'LUA'
return { name = "hopeless", about = "x", cluster = { writers = 1, readers = 1 },
  network = { loss = 1 }, run = function(c) end }
LUA
bad hopeless '^hopeless\.lua: reader-1 was not ready'

# A release that there is none of.
scenario no_release <<'LUA'
return { name = "no-release", about = "x", cluster = { writers = 1, readers = 1, release = "arc2" },
  run = function(c) end }
LUA
bad no_release '^no_release\.lua: cluster\.release'

# Not readable: a folder, and a file of somebody else's (root may read that one).
mkdir folder.lua
bad folder "^folder\.lua: cannot read 'folder\.lua': Is a directory"
scenario locked <<'LUA'
return {}
LUA
chmod 000 locked.lua
if [ ! -r locked.lua ]; then
    bad locked "^locked\.lua: cannot read 'locked\.lua': Permission denied"
fi

scenario unknown_node <<'LUA'
return { name = "unknown-node", about = "x", cluster = { writers = 1, readers = 1 }, run = function(c)
  c:node("reader-99"):kill{}
end }
LUA
bad unknown_node '^unknown_node\.lua:2: '

# The command itself.
scenario good <<'LUA'
return { name = "good", about = "x", params = { files = 3 }, cluster = { writers = 1, readers = 1 },
  run = function(c) end }
LUA
run run good.lua --sed 3
expect 2 'did you mean --seed' "misspelt option"
run run good.lua --seed -1
expect 2 '--seed -1' "negative seed"
run run good.lua --seed 18446744073709551616
expect 2 '--seed 18446744073709551616' "seed beyond 2^64-1"
run run good.lua --seed
expect 2 '--seed needs a value' "seed without value"
run run good.lua --set files
expect 2 'KEY=VALUE' "set without value"
run run good.lua --set release=arcane --out out-set
expect 2 'the releases are' "no such release"
run run good.lua --frobnicate
expect 2 'unknown option --frobnicate; see replisim run --help' "unknown option"
run run good.lua --set nosuch=1 --out out-set
expect 2 'nosuch' "unknown parameter"
[ ! -e out-set ] || fail "unknown parameter: left a folder behind"
run run good.lua --set files=many
expect 2 'files' "parameter of another type"
run run good.lua --trace trace.txt
expect 2 'neither in \.json nor in \.jsonl' "trace of unknown kind"
run run good.lua --timeout 0
expect 2 '--timeout 0' "no time at all"
run run good.lua good.lua
expect 2 'one scenario at a time' "two scenarios"
run run
expect 2 'no scenario named' "no scenario"
run run nosuch.lua --out out-nosuch
expect 2 '^nosuch\.lua: .*No such file' "no such file"
[ ! -e out-nosuch ] || fail "no such file: left a folder behind"
echo kept >occupied
run run good.lua --out occupied
expect 2 'occupied: exists and is no folder' "output is a file"
[ "$(cat occupied)" = kept ] || fail "output is a file: it was changed"
run run good.lua --trace nosuch/trace.json
expect 2 'nosuch/trace\.json' "trace in no folder"
run frobnicate
expect 2 'no command "frobnicate"' "unknown command"
run rum good.lua
expect 2 'did you mean "run"' "misspelt command"
run list propertys
expect 2 'did you mean properties' "misspelt topic"
run describe query-complet
expect 2 'did you mean query-complete' "misspelt name"
run list scenarios nosuch
expect 2 'nosuch' "scenarios nowhere"
run
expect 2 'usage: replisim' "no command"

finish
