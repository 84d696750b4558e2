# shellcheck shell=bash
# shellcheck disable=SC2154 # here, prefix and system are set by install
# Part of deploy/deps/install: which apt packages each component needs, and installing them.

# Sets system to bookworm or trixie: whose package names and library versions are right here.
detect_system() {
    local id='' version=''
    if [ -r /etc/os-release ]; then
        id=$(. /etc/os-release && printf '%s' "${ID:-}")
        version=$(. /etc/os-release && printf '%s' "${VERSION_ID:-}")
    fi
    if [ "$id" != debian ]; then
        die "this installs on Debian 12 and 13 only; elsewhere give CMake these by hand:" \
            "libevent 2.1, libwebsockets 4.3 (static, with event_lib_custom), hiredis 1.1," \
            "msgpack-c 4, yyjson 0.10, utf8proc 2.8, cmocka 1.1.5"
    fi
    case $version in
        12) system=bookworm ;;
        '' | 1[3-9]) system=trixie ;; # testing has no number
        *) die "Debian $version is too old; 12 is the oldest that works" ;;
    esac
}

have() {
    command -v "$1" >/dev/null 2>&1
}

node_is_new_enough() {
    have node && have npm && node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)'
}

# Package names, one per line. Tools that are on the PATH already, from wherever, are left out.
component_packages() {
    case $1-$system in
        build-*)
            printf '%s\n' gcc libc6-dev cmake ninja-build pkg-config patch xz-utils ca-certificates \
                debian-archive-keyring libssl-dev zlib1g-dev libevent-dev libutf8proc-dev
            ;;&
        build-bookworm) printf '%s\n' libmsgpack-dev ;;
        build-trixie) printf '%s\n' libmsgpack-c-dev libhiredis-dev libyyjson-dev ;;
        test-*)
            printf '%s\n' libcmocka-dev
            have redis-server || printf '%s\n' redis-tools
            ;;
        lint-*)
            have clang-format-19 || printf '%s\n' clang-format-19
            have shellcheck || printf '%s\n' shellcheck
            ;;
        fuzz-bookworm) printf '%s\n' clang libclang-rt-14-dev ;;
        fuzz-trixie) printf '%s\n' clang libclang-rt-19-dev ;;
        node-*) node_is_new_enough || printf '%s\n' nodejs npm ;;
        browser-*) have chromium || printf '%s\n' chromium ;;
        engine-*)
            have dockerd || printf '%s\n' docker.io
            have docker-compose || docker compose version >/dev/null 2>&1 ||
                printf '%s\n' docker-compose
            have iptables || printf '%s\n' iptables
            ;;&
        engine-trixie) have docker || printf '%s\n' docker-cli ;;
        image-*) have debootstrap || printf '%s\n' debootstrap ;;
        runtime-bookworm)
            printf '%s\n' libevent-core-2.1-7 libevent-extra-2.1-7 libmsgpackc2 libutf8proc2 \
                libssl3 zlib1g
            ;;
        runtime-trixie)
            printf '%s\n' libevent-core-2.1-7t64 libevent-extra-2.1-7t64 libmsgpack-c2 \
                libutf8proc3 libhiredis1.1.0 libyyjson0 libssl3t64 zlib1g
            ;;
    esac
}

# redis-tools holds the whole server, under the name of one of its tools; the package redis-server
# adds only a link and a system service, which a machine for development should not have to run.
link_redis_server() {
    if ! have redis-server && [ -x /usr/bin/redis-check-rdb ]; then
        mkdir -p "$prefix/bin"
        ln -sfn /usr/bin/redis-check-rdb "$prefix/bin/redis-server"
    fi
}

missing_packages() {
    local component installed
    local -a wanted
    mapfile -t wanted < <(for component in "$@"; do component_packages "$component"; done | sort -u)
    [ ${#wanted[@]} -gt 0 ] || return 0
    # The query fails when it has never heard of a name; what it does know it prints all the same.
    # "installed" also covers a virtual package: pkg-config is one on newer systems.
    installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
        sed -n 's/^installed //p' | sort -u) || true
    comm -23 <(printf '%s\n' "${wanted[@]}") <(printf '%s\n' "$installed")
}

# Runs a command as root; its output goes to the log, which is shown if it fails.
as_root() {
    local -a run=(env DEBIAN_FRONTEND=noninteractive "$@")
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || die "not root and no sudo here; as root run: $*"
        run=(sudo "${run[@]}")
    fi
    "${run[@]}" >>"$prefix/log/apt.log" 2>&1
}

install_packages() {
    local -a install=(apt-get -o DPkg::Lock::Timeout=300 -q -y --no-install-recommends install "$@")
    : >"$prefix/log/apt.log"
    say "installing $# packages with apt-get"
    # The lists may be absent or old, which shows as a failure; only then are they fetched.
    if as_root "${install[@]}"; then
        return 0
    fi
    as_root apt-get -o DPkg::Lock::Timeout=300 -q update || true
    if ! as_root "${install[@]}"; then
        tail -n 40 "$prefix/log/apt.log" >&2
        die "apt-get could not install: $*"
    fi
}
