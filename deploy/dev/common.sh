# shellcheck shell=bash
# What the verbs and the test suites share. Sourced from the top of the checkout, with bash's
# strict settings.

[ "${CI:-}" != true ] || export CONFAB_YES=1
export PATH=$PWD/.deps/bin:$PATH

die() {
    printf 'dev: %s\n' "$*" >&2
    exit 1
}

usage_error() {
    printf 'dev: %s\n' "$*" >&2
    exit 64
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# Installs what components (see deploy/deps/install --help) need and is not there.
need() { # component…
    local -a yes=()
    [ -z "${CONFAB_YES:-}" ] || yes=(--yes)
    deploy/deps/install "${yes[@]}" "$@"
}

# Whether a build directory was never configured, or before what configures it last changed.
configuration_is_due() { # directory
    [ ! -f "$1/build.ninja" ] || [ CMakePresets.json -nt "$1/build.ninja" ] ||
        [ .deps/stamp -nt "$1/build.ninja" ] || [ "${CI:-}" = true ] || was_moved "$1"
}

was_moved() { # directory
    [ -f "$1/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "$1/CMakeCache.txt"
}

# Configures a preset where that is due, and builds it.
build_preset() { # debug|asan|release
    local dir=build/$1
    local -a options=()
    if configuration_is_due "$dir"; then
        printf 'dev: building %s\n' "$dir" >&2
        mkdir -p "$dir"
        ! was_moved "$dir" || options+=(--fresh)
        [ "${CI:-}" != true ] || options+=(-DCONFAB_WERROR=ON)
        if ! cmake --preset "$1" "${options[@]}" >"$dir/configure.log" 2>&1; then
            cat "$dir/configure.log" >&2
            die "the configuration of $dir failed"
        fi
    fi
    # Ninja's own lines are of interest only when something fails.
    if ! cmake --build --preset "$1" -j "$(nproc)" >"$dir/build.log" 2>&1; then
        grep -vE '^\[[0-9]+/[0-9]+\] ' "$dir/build.log" | tail -n 100 >&2
        die "the build of $dir failed"
    fi
}

# Installs a directory's npm packages exactly as its lock file says, unless they are there.
need_npm() { # directory
    local stamp=$1/node_modules/.confab-lock
    if ! cmp -s "$1/package-lock.json" "$stamp"; then
        printf 'dev: npm ci in %s\n' "$1" >&2
        (cd "$1" && npm ci --no-audit --no-fund --loglevel=error)
        cp "$1/package-lock.json" "$stamp"
    fi
}

docker_answers() {
    have docker && timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

# A suite that cannot run here says why and ends so; ./dev test lists it as not run.
not_run() { # reason
    printf 'not run: %s\n' "$*"
    exit 77
}
