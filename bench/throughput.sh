#!/bin/bash
# End to end: a list through the simulator of Enrich.so, which runs in a process of its own and shuffles its
# pages. Prints one JSON line per list size: the medians, and each run. What the numbers mean: bench/README.md.
#
#   bench/throughput.sh [-n RUNS] [-f csv|csv.zst] [RECORDS...]     default: 5 runs of 500000 1000000 2000000
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
tranche=${TRANCHE:-$here/build/release/tranche}
runs=5 form=csv
while getopts n:f: option; do
    case $option in
    n) runs=$OPTARG ;;
    f) form=$OPTARG ;;
    *) exit 64 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- 500000 1000000 2000000
command -v /usr/bin/time >/dev/null || { echo "bench: needs the Debian package time" >&2; exit 69; }

work=$(mktemp -d)
trap 'kill "$sim" 2>/dev/null || true; rm -rf "$work"' EXIT
export ENRICHSO_API_KEY=bench

cores=$(nproc)
pin() { if [ "$cores" -gt 1 ]; then taskset -c "$1" "${@:2}"; else "${@:2}"; fi; }

pin 1 "$tranche" sim --key bench --state "$work/sim" --tier unlimited --shuffle \
    --balance 1000000000000 --queue 100ms >"$work/address" 2>/dev/null &
sim=$!
for _ in $(seq 50); do [ -s "$work/address" ] && break; sleep 0.1; done
address=$(sed -n 's/^listening on //p' "$work/address")/enrichso

make_list() { # distinct people; no line needs quotes
    awk -v n="$1" 'BEGIN {
        print "First Name,Last Name,Company,Website,City"
        for (i = 0; i < n; i++)
            printf "Annabelle%d,Leeuwenhoek%d,Company %d Ltd,https://www.company%d.example/about,Springfield\n",
                i, i % 7777, i % 100000, i % 100000
    }'
}

for records in "$@"; do
    list=$work/list.$form
    case $form in
    csv) make_list "$records" >"$list" ;;
    csv.zst) make_list "$records" | zstd -q -f -o "$list" ;;
    *) echo "bench: -f takes csv or csv.zst" >&2; exit 64 ;;
    esac
    : >"$work/figures"
    for _ in $(seq "$runs"); do
        rm -rf "$work"/out*
        pin 0 /usr/bin/time -a -o "$work/figures" -f '%e %U %S %M' \
            "$tranche" run "$list" -p enrichso/email-finder -o "$work/out.csv.zst" \
            --base-url "$address" --rate 100000/s -q
    done
    jq -cRn --argjson records "$records" --arg form "$form" '
        def median: sort | .[length / 2 | floor];
        [inputs | split(" ") | map(tonumber)] as $r
        | ($r | map(.[0]) | median) as $wall
        | {records: $records, form: $form, runs: ($r | length),
           wall_s: $wall, records_per_s: ($records / $wall | floor),
           user_s: ($r | map(.[1]) | median), system_s: ($r | map(.[2]) | median),
           peak_kib: ($r | map(.[3]) | median),
           wall_each_s: ($r | map(.[0])), peak_each_kib: ($r | map(.[3]))}' "$work/figures"
done
