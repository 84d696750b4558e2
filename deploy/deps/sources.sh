# shellcheck shell=bash
# shellcheck disable=SC2154 # here, prefix and system are set by install
# Part of deploy/deps/install: fetching Debian 13's source packages on any Debian, without touching
# the machine's own apt configuration, and unpacking them.
#
# A file is used only if its SHA256 is the one in the Sources index, and the index only if it
# hangs together with a Release file signed by a key of Debian's archive keyring (apt checks that).

source_suite=trixie

# Addresses of Debian's archive that this machine uses, one per line, from apt's own files: of
# the archive itself, or of its security fixes.
archive_addresses() { # main|security
    local behind=''
    [ "$1" = main ] || behind=-$1
    local -a lists=() stanzas=()
    mapfile -t lists < <(find /etc/apt/sources.list /etc/apt/sources.list.d/ -maxdepth 1 \
        -name '*.list' 2>/dev/null | sort)
    mapfile -t stanzas < <(find /etc/apt/sources.list.d/ -maxdepth 1 -name '*.sources' \
        2>/dev/null | sort)
    {
        [ ${#lists[@]} -eq 0 ] || one_line_addresses "${lists[@]}"
        [ ${#stanzas[@]} -eq 0 ] || stanza_addresses "${stanzas[@]}"
    } | awk -v behind="$behind" '
        # Address and suite; other archives have suites of their own naming.
        BEGIN {
            releases = "^(bookworm|trixie|forky|stable|oldstable|testing|unstable|sid)" behind "$"
        }
        $2 ~ releases && !seen[$1]++ { print $1 }'
}

# deb [options] ADDRESS SUITE COMPONENT…
one_line_addresses() {
    sed -nE 's/#.*//; s/^[[:space:]]*deb(-src)?[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+)[[:space:]]+([^[:space:]]+).*/\3 \4/p' "$@"
}

# Fields of a stanza, each possibly folded over several lines.
stanza_addresses() {
    awk '
        function flush(    i, j, uris, suites, n, m) {
            if (tolower(field["enabled"]) != "no") {
                n = split(field["uris"], uris, " ")
                m = split(field["suites"], suites, " ")
                for (i = 1; i <= n; i++)
                    for (j = 1; j <= m; j++)
                        print uris[i], suites[j]
            }
            delete field
        }
        FNR == 1 { flush() }
        /^#/ { next }
        /^[ \t]*$/ { flush(); next }
        /^[ \t]/ { field[name] = field[name] " " $0; next }
        {
            name = tolower(substr($0, 1, index($0, ":") - 1))
            field[name] = substr($0, index($0, ":") + 1)
        }
        END { flush() }' "$@"
}

# Writes <directory>/apt.conf: an apt that knows one address, one suite, sources only.
write_private_apt() { # directory address
    local keyring
    for keyring in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg} none; do
        [ ! -r "$keyring" ] || break
    done
    [ "$keyring" != none ] || die "Debian's archive keyring is not installed"
    mkdir -p "$1/state/lists/partial" "$1/cache/archives/partial" "$1/etc"
    printf 'deb-src [signed-by=%s] %s %s main\n' "$keyring" "$2" "$source_suite" >"$1/etc/sources.list"
    cat >"$1/apt.conf" <<EOF
Dir::State "$1/state";
Dir::State::status "/dev/null";
Dir::Cache "$1/cache";
Dir::Etc::sourcelist "$1/etc/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Sandbox::User "$(id -un)";
APT::Get::List-Cleanup "false";
EOF
}

# Sets source_address to the first address that has the suite, its index under $1.
open_source_index() { # directory
    local address
    local -a addresses
    mapfile -t addresses < <(archive_addresses main)
    [ ${#addresses[@]} -gt 0 ] || die "no address of Debian's archive in apt's configuration"
    for address in "${addresses[@]}"; do
        rm -rf "$1"
        write_private_apt "$1" "$address"
        say "reading the index of $source_suite's source packages"
        if APT_CONFIG="$1/apt.conf" apt-get -q --error-on=any update >>"$prefix/log/sources.log" 2>&1; then
            source_address=$address
            return 0
        fi
    done
    tail -n 20 "$prefix/log/sources.log" >&2
    die "no address of Debian's archive gave a signed index of $source_suite"
}

# Prints "version path sha256 file" for the original tarball of a source package whose upstream
# version is the given one, and for Debian's own tarball too if it is asked for; where the index has
# several revisions, of the newest.
index_files() { # directory package upstream patched|original
    local index
    index=$(find "$1/state/lists" -name "*_${source_suite}_main_source_Sources*" -not -name '*.diff*' |
        head -n 1)
    [ -n "$index" ] || die "the index of $source_suite has no list of sources"
    APT_CONFIG="$1/apt.conf" /usr/lib/apt/apt-helper cat-file "$index" |
        awk -v package="$2" -v upstream="$3" -v kind="$4" '
            function flush(    i) {
                # 1.2.3-4, or 1.2.3+ds-4 where Debian left something out of the original.
                if (name == package && (index(version, upstream "-") == 1 || index(version, upstream "+") == 1))
                    for (i = 1; i <= files; i++)
                        print version, directory, file[i]
                name = version = directory = ""
                files = 0
            }
            /^$/ { flush(); next }
            /^[^ ]/ { in_sums = /^Checksums-Sha256:/ }
            /^Package:/ { name = $2 }
            /^Version:/ { version = $2 }
            /^Directory:/ { directory = $2 }
            in_sums && $3 ~ /\.orig\.tar\.[a-z0-9]+$/ { file[++files] = $1 " " $3 }
            in_sums && $3 ~ /\.debian\.tar\.[a-z0-9]+$/ && kind == "patched" {
                file[++files] = $1 " " $3
            }
            END { flush() }' |
        sort -V |
        awk '{ if ($1 != version) { lines = ""; version = $1 } lines = lines $0 "\n" }
            END { printf "%s", lines }'
}

sum_matches() { # file sha256
    [ -f "$1" ] && printf '%s  %s\n' "$2" "$1" | sha256sum --check --status 2>/dev/null
}

# Puts a package's tarballs into the cache, and a record of their names and sums beside them, so that
# a later build of the same version does not need the network.
fetch_source() { # package upstream patched|original
    local cache=$prefix/src index version path sum file
    local record=$cache/$1_$2.$3
    if [ -s "$record" ] && cached_source_is_whole "$record"; then
        return 0
    fi
    mkdir -p "$cache"
    index=$cache/index
    [ -n "${source_address:-}" ] || open_source_index "$index"
    index_files "$index" "$1" "$2" "$3" >"$record.new"
    [ -s "$record.new" ] || die "$source_suite has no source package $1 $2"
    while read -r version path sum file; do
        sum_matches "$cache/$file" "$sum" && continue
        say "downloading $file ($1 $version)"
        rm -f "$cache/$file"
        APT_CONFIG="$index/apt.conf" /usr/lib/apt/apt-helper download-file \
            "${source_address%/}/$path/$file" "$cache/$file" "SHA256:$sum" \
            >>"$prefix/log/sources.log" 2>&1 || true
        sum_matches "$cache/$file" "$sum" ||
            die "could not download $file, or it is not what the signed index says; see $prefix/log/sources.log"
    done <"$record.new"
    mv "$record.new" "$record"
}

cached_source_is_whole() { # record
    local version path sum file
    while read -r version path sum file; do
        sum_matches "$prefix/src/$file" "$sum" || return 1
    done <"$1"
}

# Unpacks what was fetched into a directory; Debian's patches, if fetched, are applied.
unpack_source() { # package upstream patched|original directory
    local version path sum file patch record=$prefix/src/$1_$2.$3
    rm -rf "$4"
    mkdir -p "$4"
    while read -r version path sum file; do
        case $file in
            *.orig.tar.*) tar -C "$4" --strip-components=1 -xf "$prefix/src/$file" ;;
            *.debian.tar.*) tar -C "$4" -xf "$prefix/src/$file" ;;
        esac
    done <"$record"
    [ -f "$4/debian/patches/series" ] || return 0
    while read -r patch; do
        patch -d "$4" -p1 -s <"$4/debian/patches/$patch" ||
            die "Debian's patch $patch does not apply to $1 $2"
    done < <(sed -E 's/[[:space:]]*#.*//; /^[[:space:]]*$/d' "$4/debian/patches/series")
}
