# shellcheck shell=bash
# What the checks share: which files there are. Sourced from the top of the checkout.

# Every file of the project, committed or not, one per line; what .gitignore names is none of it.
project_files() {
    if ! git ls-files --cached --others --exclude-standard 2>/dev/null; then
        find . -name .git -prune -o -name node_modules -prune -o -path ./build -prune -o \
            -path ./.deps -prune -o -type f -printf '%P\n'
    fi | sort -u | while read -r file; do
        # A file may be deleted and not yet committed as such.
        [ ! -f "$file" ] || printf '%s\n' "$file"
    done
}

c_files() {
    project_files | grep -E '\.[ch]$' || true
}
