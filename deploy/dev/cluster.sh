#!/usr/bin/env bash
# help: cluster up [N] | down     N gateways (3), Redis, balancer and page at http://127.0.0.1:8080
set -euo pipefail
# shellcheck source=deploy/dev/common.sh
. deploy/dev/common.sh
# shellcheck source=deploy/dev/compose.sh
. deploy/dev/compose.sh

usage() {
    cat <<'EOF'
Usage: ./dev cluster up [N]     start N gateways (3 unless told), Redis and the balancer, and wait
                                until all are healthy; again with another N: scale to it
       ./dev cluster down       stop and remove them, and what Redis stored
       ./dev cluster ps | logs  look at them

The same as `docker compose up --build`, which needs no more than a Docker engine; this also makes
the base image where no registry answers. PORT in the environment is where the page is (8080;
0: any free port).
EOF
}

command=
count=3
for argument; do
    case $argument in
        --yes | -y) export CONFAB_YES=1 ;;
        --help | -h)
            usage
            exit 0
            ;;
        up | down | ps | logs)
            [ -z "$command" ] || usage_error "one of up, down, ps, logs"
            command=$argument
            ;;
        [1-9] | [1-9][0-9])
            [ "$command" = up ] || usage_error "a number goes with up only"
            count=$argument
            ;;
        *)
            usage >&2
            exit 64
            ;;
    esac
done
if [ -z "$command" ]; then
    usage >&2
    exit 64
fi

docker_answers || die "no Docker engine answers; deploy/deps/install engine installs one"
find_compose
case $command in
    up)
        need image
        deploy/image/base
        compose up --build -d --scale gateway="$count"
        wait_until_healthy 120 $((count + 2))
        printf 'the page: http://%s\n' "$(compose port lb 8080)"
        ;;
    down) compose down --volumes --remove-orphans ;;
    ps) compose ps ;;
    logs) compose logs ;;
esac
