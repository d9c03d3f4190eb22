#!/bin/sh
# Installed under a prefix, the program runs and its files are there.
# usage: test_install.sh PROGRAM SOURCES BUILD
set -eu
. "$2/tests/cli/lib.sh"

cmake --install "$3" --prefix "$scratch/prefix" >install.txt 2>&1 || fail "$(tail -n 5 install.txt)"
program=$scratch/prefix/bin/replisim
run --version
expect 0 '' "the installed program"
for file in share/man/man1/replisim.1 share/replisim/plots/lag.gp share/replisim/page.html.in; do
    [ -s "prefix/$file" ] || fail "$file is not installed"
done

finish
