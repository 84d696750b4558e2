#!/usr/bin/env bash
# help: build                     build the release; programs are in build/release/bin/
set -euo pipefail
# shellcheck source=deploy/dev/common.sh
. deploy/dev/common.sh

usage() {
    cat <<'EOF'
Usage: ./dev build [--yes]

Builds the release preset, without tests. The programs are in build/release/bin/.
EOF
}

for argument; do
    case $argument in
        --yes | -y) export CONFAB_YES=1 ;;
        --help | -h)
            usage
            exit 0
            ;;
        *)
            usage >&2
            exit 64
            ;;
    esac
done

need build
build_preset release
printf 'built: %s\n' build/release/bin/*
