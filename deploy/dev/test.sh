#!/usr/bin/env bash
# help: test [SUITE...]           run all tests, or the named suites
set -euo pipefail
# shellcheck source=deploy/dev/common.sh
. deploy/dev/common.sh

# A suite is an executable tests/suites/NN-name; NN orders them. Its line "# suite: …" says what it
# is, its line "# needs: …" which components of deploy/deps/install it wants. Exit status 0 is
# passed, 77 could not run here (its last line says why), all else failed.

suite_name() { # file
    printf '%s' "${1##*/[0-9][0-9]-}"
}

suite_file() { # name
    local file
    for file in tests/suites/[0-9][0-9]-*; do
        [ "$(suite_name "$file")" != "$1" ] || printf '%s' "$file"
    done
}

usage() {
    local file
    cat <<'EOF'
Usage: ./dev test [--yes] [SUITE...]
       ./dev test [--yes] --coverage

Runs every suite, or those named; with --coverage the tests written in C, and tells which share of
each room's lines they run. The last lines are the summaries of the test runners and one
line for each suite; the exit status is 0 only if none failed. Logs: build/test/SUITE.log

Suites:
EOF
    for file in tests/suites/[0-9][0-9]-*; do
        printf '  %-12s %s\n' "$(suite_name "$file")" "$(sed -n 's/^# suite: //p' "$file")"
    done
}

selected=()
coverage=no
for argument; do
    case $argument in
        --yes | -y) export CONFAB_YES=1 ;;
        --coverage) coverage=yes ;;
        --help | -h)
            usage
            exit 0
            ;;
        *)
            file=$(suite_file "$argument")
            [ -n "$file" ] || usage_error "no suite '$argument'; ./dev test --help lists them"
            selected+=("$file")
            ;;
    esac
done
if [ "$coverage" = yes ]; then
    [ ${#selected[@]} -eq 0 ] || usage_error "--coverage names no suites"
    exec tests/coverage/run
fi
[ ${#selected[@]} -gt 0 ] || selected=(tests/suites/[0-9][0-9]-*)

mapfile -t components < <(sed -n 's/^# needs: //p' "${selected[@]}" | tr ' ' '\n' | sort -u)
[ ${#components[@]} -eq 0 ] || need "${components[@]}"

# The lines with which ctest, node's runner and our own scripts close.
summary_of() { # log
    grep -E '^(# |ℹ )(tests|pass|fail|cancelled|skipped|todo) [0-9]+$|^[0-9]+% tests passed, [0-9]+ tests failed|^([a-z]+: )?[0-9]+ passed, [0-9]+ failed' \
        "$1" || true
}

run_suite() { # file; sets result
    local status=0
    "$1" 2>&1 | tee "$log" || status=${PIPESTATUS[0]}
    case $status in
        0) result=passed ;;
        77)
            # Where everything was installed for the tests, not running them is a failure.
            result=$(tail -n 1 "$log")
            if [ "${CI:-}" = true ]; then
                result="failed ($result)"
            fi
            ;;
        *) result="failed (status $status)" ;;
    esac
}

mkdir -p build/test
passed=0 failed=0 skipped=0
summaries=()
lines=()
for suite in "${selected[@]}"; do
    name=$(suite_name "$suite")
    log=build/test/$name.log
    printf '\n=== %s\n' "$name"
    started=$SECONDS
    run_suite "$suite"
    case $result in
        passed) passed=$((passed + 1)) ;;
        failed*) failed=$((failed + 1)) ;;
        *) skipped=$((skipped + 1)) ;;
    esac
    summary=$(summary_of "$log")
    [ -z "$summary" ] || summaries+=("--- $name" "$summary")
    lines+=("$(printf '%-12s %5d s  %s' "$name" $((SECONDS - started)) "$result")")
done

printf '\n'
printf '%s\n' "${summaries[@]}" "---" "${lines[@]}"
printf 'suites: %d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
