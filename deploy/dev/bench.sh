#!/usr/bin/env bash
# help: bench [--quick] [--write] measure beside Node's server and a bare send(): ratios
set -euo pipefail
# shellcheck source=deploy/dev/common.sh
. deploy/dev/common.sh

usage() {
    cat <<'EOF'
Usage: ./dev bench [--yes] [--quick] [--write] [--hostile]

Measures the release build, Node's socket.io and a bare send() under the same load in one run, and
prints a table of ratios; bench/README.md says what its rows mean. Takes about two minutes.

  --hostile measure in place of that how 500 people who chat are served beside 500 clients that
            misbehave in every way of bench/hostile/kinds.c
  --quick   shorter, fewer clients: to see that it works, not to quote
  --write   put the table into bench/README.md
EOF
}

options=()
script=bench/run.js
for argument; do
    case $argument in
        --yes | -y) export CONFAB_YES=1 ;;
        --hostile) script=bench/hostile.js ;;
        --quick | --write) options+=("$argument") ;;
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

need build node
build_preset release
need_npm tests/interop
ulimit -n "$(ulimit -Hn)"
exec node "$script" "${options[@]}"
