# shellcheck shell=bash
# shellcheck disable=SC2154 # here, prefix and system are set by install
# Part of deploy/deps/install: the libraries that are built from source, and how.

# What is built here: libwebsockets everywhere (Debian's own has no foreign event loop, or is built
# with its assertions on, which scan all descriptors at each close), the rest where Debian's is old.
wanted_libraries() {
    printf '%s\n' libwebsockets
    case $system in
        bookworm) printf '%s\n' hiredis yyjson ;;
    esac
}

library_version() {
    case $1 in
        libwebsockets) printf 4.3.5 ;;
        hiredis) printf 1.2.0 ;;
        yyjson) printf 0.10.0 ;;
    esac
}

# Whether Debian's patches go in: libwebsockets has security fixes among them. The others are built
# as released; a mirror need not carry Debian's part of them.
library_source() {
    case $1 in
        libwebsockets) printf patched ;;
        *) printf original ;;
    esac
}

# CMake options, one per line. What is built here goes into libconfab.so, too.
library_options() {
    printf '%s\n' -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_C_FLAGS=-fno-semantic-interposition
    case $1 in
        # At least one event library must be compiled in for event_lib_custom to exist. What is
        # switched off is what a server behind our own accept does not use; what is not detected
        # but said (libcap, git) keeps the result independent of where it is made.
        libwebsockets)
            printf '%s\n' -DLWS_WITHOUT_TESTAPPS=ON -DLWS_WITHOUT_CLIENT=ON -DLWS_WITH_HTTP2=OFF \
                -DLWS_WITH_SHARED=OFF -DLWS_WITH_LIBEVENT=ON -DLWS_WITH_EVLIB_PLUGINS=OFF \
                -DLWS_WITHOUT_EXTENSIONS=OFF -DLWS_WITH_ZLIB=ON -DLWS_WITH_SSL=ON \
                -DLWS_LOG_TAG_LIFECYCLE=OFF -DLWS_IPV6=ON -DLWS_WITH_UDP=OFF \
                -DLWS_WITH_NETLINK=OFF -DLWS_WITH_SYS_SMD=OFF -DLWS_WITH_CONMON=OFF \
                -DLWS_WITH_TLS_SESSIONS=OFF -DLWS_HAVE_LIBCAP=0 -DDISABLE_WERROR=ON \
                -DCMAKE_DISABLE_FIND_PACKAGE_Git=ON
            ;;
        hiredis) printf '%s\n' -DBUILD_SHARED_LIBS=OFF -DDISABLE_TESTS=ON -DENABLE_SSL=ON ;;
        yyjson) printf '%s\n' -DBUILD_SHARED_LIBS=OFF ;;
    esac
}

# Changes with everything that a built library depends on: its source and options, the system, and
# the prefix, which is written into its .pc file.
library_stamp() {
    {
        printf '%s\n' "$1" "$(library_version "$1")" "$(library_source "$1")" "$system" \
            "$(uname -m)" "$prefix"
        library_options "$1"
    } | sha256sum | cut -d ' ' -f 1
}

library_is_built() {
    [ -f "$prefix/stamp/$1" ] && [ "$(cat "$prefix/stamp/$1")" = "$(library_stamp "$1")" ]
}

missing_libraries() {
    local library
    while read -r library; do
        library_is_built "$library" || printf '%s\n' "$library"
    done < <(wanted_libraries)
}

build_library() {
    local version source tree=$prefix/build/$1 log=$prefix/log/$1.log
    local -a options
    version=$(library_version "$1")
    source=$(library_source "$1")
    mapfile -t options < <(library_options "$1")

    fetch_source "$1" "$version" "$source"
    unpack_source "$1" "$version" "$source" "$tree/source"
    say "building $1 $version"
    if ! {
        cmake -S "$tree/source" -B "$tree/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
            -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib "${options[@]}" &&
            cmake --build "$tree/build" &&
            cmake --install "$tree/build"
    } >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        die "could not build $1; the whole log: $log"
    fi
    rm -rf "$tree"
    mkdir -p "$prefix/stamp"
    library_stamp "$1" >"$prefix/stamp/$1"
}
