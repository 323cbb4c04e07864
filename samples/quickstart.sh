#!/bin/sh
# From a bare Debian 12 to a first enriched list, as root or with sudo: installs the packages that
# are missing (and says so first), builds the release, plans and runs samples/people.csv on the
# built-in simulator. No key, no vendor, no credits. Run it as often as you like: each run gets a
# folder of its own under build/quickstart.
set -eu
cd "$(dirname "$0")/.."

say() {
    printf '\n== %s\n' "$*"
}

show() {
    printf '$ %s\n' "$*"
    "$@"
}

# The packages of packages.txt that a build needs and that are not installed.
missing_packages() {
    awk '!/^#/ && NF == 1 { print $1 }' packages.txt | while read -r package; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
            printf '%s ' "$package"
    done
}

install_packages() {
    if [ "$(id -u)" -eq 0 ]; then
        sudo=
    elif command -v sudo >/dev/null 2>&1; then
        sudo=sudo
    else
        echo "quickstart: these packages are missing, and installing them needs root or sudo:" >&2
        echo "    apt-get install $*" >&2
        exit 1
    fi
    say "Installing: $*"
    show $sudo apt-get update -q
    show $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

fresh_folder() {
    number=1
    while [ -e "build/quickstart/$number" ]; do
        number=$((number + 1))
    done
    mkdir -p "build/quickstart/$number"
    echo "build/quickstart/$number"
}

if command -v dpkg-query >/dev/null 2>&1; then
    missing=$(missing_packages)
    # shellcheck disable=SC2086 # one word per package
    [ -z "$missing" ] || install_packages $missing
else
    say "This is not Debian: going on with what is installed (packages.txt names what is needed)"
fi

say "Building"
show cmake --preset release
show cmake --build --preset release --target tranche

tranche=build/release/tranche
folder=$(fresh_folder)
out=$folder/people.ndjson.zst

say "What a run would do; nothing is sent"
show "$tranche" plan samples/people.csv -p enrichso/email-finder --sandbox

say "The run, on the built-in simulator"
show "$tranche" run samples/people.csv -p enrichso/email-finder -o "$out" --sandbox

say "Done. The output is $out; its first line:"
zstdcat "$out" | head -n 1
