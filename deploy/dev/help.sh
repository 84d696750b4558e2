#!/usr/bin/env bash
# help: help                      this list
set -euo pipefail

cat <<'EOF'
Usage: ./dev [--yes] COMMAND [ARGUMENT...]

Each command first installs what it needs and is missing (Debian 12 and 13; packages with apt-get,
through sudo unless you are root), lists it, and on a terminal asks once; --yes does not ask.

Commands:
EOF
sed -n 's/^# help: /  /p' deploy/dev/{run,test,build,cluster,bench,help}.sh 2>/dev/null
cat <<'EOF'

More about one: ./dev COMMAND --help
EOF
