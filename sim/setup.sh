# Shared by sim/quickstart.sh and tests/run.sh; sourced, not run. POSIX sh.
#
# setup_packages NAME...: installs the Debian packages that are missing. Asks the package manager for
# nothing, not even its lists, when all are there. Needs root or sudo only when something is missing.

setup_say()
{
    printf '%s\n' "$*" >&2
}

setup_fail()
{
    setup_say "error: $*"
    exit 2
}

setup_is_installed()
{
    status=$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) || return 1
    [ "$status" = "install ok installed" ]
}

setup_packages()
{
    command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 ||
        setup_fail "this is no Debian: install the counterparts of these yourself: $*"
    missing=
    for package in "$@"; do
        setup_is_installed "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" -eq 0 ]; then
        as_root=
    elif command -v sudo >/dev/null 2>&1; then
        as_root=sudo
    else
        setup_fail "neither root nor sudo: ask an administrator for apt-get install$missing"
    fi
    setup_say "installing:$missing"
    # shellcheck disable=SC2086 # both are lists of words
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >&2 ||
        setup_say "warning: apt-get update failed; trying with the lists that are here"
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
        --no-install-recommends $missing >&2 || setup_fail "could not install$missing"
}

# What the program needs to be built.
setup_build_packages="gcc libc6-dev cmake ninja-build pkg-config libraft-dev liblua5.4-dev
    libjansson-dev libssl-dev libuv1-dev libxxhash-dev libsqlite3-dev gnuplot-nox"
# What the tests need on top.
setup_test_packages="check faketime parallel clang clang-format libclang-rt-14-dev git libxml2-utils
    procps sqlite3"

setup_jobs()
{
    getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2
}
