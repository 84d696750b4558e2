# shellcheck shell=bash
# Docker compose for `./dev cluster` and for the suites that use it: whichever of its two versions
# is there. After common.sh.

export COMPOSE_PROJECT_NAME=${COMPOSE_PROJECT_NAME:-confab}

find_compose() {
    if docker compose version >/dev/null 2>&1; then
        compose_command=(docker compose)
    elif have docker-compose; then
        compose_command=(docker-compose)
    else
        die "neither 'docker compose' nor docker-compose is here; deploy/deps/install engine installs it"
    fi
}

compose() {
    "${compose_command[@]}" "$@"
}

# Waits for that many containers of the project to be healthy.
wait_until_healthy() { # seconds count
    local deadline=$((SECONDS + $1)) healthy=0 id
    while :; do
        healthy=0
        for id in $(compose ps -q); do
            [ "$(docker inspect -f '{{.State.Health.Status}}' "$id" 2>/dev/null)" != healthy ] ||
                healthy=$((healthy + 1))
        done
        [ "$healthy" -lt "$2" ] || return 0
        if [ "$SECONDS" -ge "$deadline" ]; then
            compose ps >&2
            compose logs --tail=20 >&2
            die "$healthy of $2 containers are healthy after $1 s"
        fi
        sleep 0.5
    done
}
