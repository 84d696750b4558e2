#!/usr/bin/env bash
# help: run [OPTION...]           build and run one gateway with its page at http://127.0.0.1:3000
set -euo pipefail
# shellcheck source=deploy/dev/common.sh
. deploy/dev/common.sh

usage() {
    cat <<'EOF'
Usage: ./dev run [--yes] [GATEWAY OPTION...]

Builds the release and runs one gateway in the foreground; the chat page is at
http://127.0.0.1:3000 unless --listen says otherwise. Ctrl-C ends it. All further options go to
the gateway: ./dev run --help-gateway lists them, ./dev run --redis redis://127.0.0.1 joins a
cluster.
EOF
}

options=()
for argument; do
    case $argument in
        --yes | -y) export CONFAB_YES=1 ;;
        --help | -h)
            usage
            exit 0
            ;;
        --help-gateway) options+=(--help) ;;
        *) options+=("$argument") ;;
    esac
done

need build
build_preset release
exec build/release/bin/confab-gateway "${options[@]}"
