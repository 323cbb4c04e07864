#!/bin/bash
# Whether a vendor with slots is kept busy: wiza/reveal with 15 slots against the simulator in a process of its own,
# by the document's times of work, on a clock 100 times faster; polled, then called back. Prints one JSON line for
# each. What the numbers mean: bench/README.md.
#
#   bench/slots.sh [-n REVEALS] [-s SEED] [polled|called]...     default: 9000 reveals, both
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
tranche=${TRANCHE:-$here/build/release/tranche}
reveals=9000 seed=1
while getopts n:s: option; do
    case $option in
    n) reveals=$OPTARG ;;
    s) seed=$OPTARG ;;
    *) exit 64 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- polled called

work=$(mktemp -d)
sim=
trap 'kill "$sim" 2>/dev/null || true; rm -rf "$work"' EXIT
export WIZA_API_KEY=bench XDG_STATE_HOME=$work/state

awk -v n="$reveals" 'BEGIN {
    print "linkedin_url"
    for (i = 0; i < n; i++)
        printf "https://www.linkedin.com/in/somebody-%d\n", i
}' >"$work/list.csv"

# A port that nobody listens on, below those that the system gives out by itself.
free_port() {
    local port
    while port=$((20000 + RANDOM % 10000)); (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    echo "$port"
}

for way in "$@"; do
    case $way in
    polled) options=() ;;
    called)
        port=$(free_port)
        options=(--callback-url "http://127.0.0.1:$port" --callback-listen "127.0.0.1:$port")
        ;;
    *) echo "bench: a way is polled or called" >&2; exit 64 ;;
    esac
    rm -rf "$work"/out* "$work/sim"
    "$tranche" sim --key bench --seed "$seed" --state "$work/sim" --tier enterprise --balance 1000000000 \
        --speed 100 >"$work/address" 2>/dev/null &
    sim=$!
    for _ in $(seq 100); do [ -s "$work/address" ] && break; sleep 0.1; done
    address=$(sed -n 's/^listening on //p' "$work/address")
    start=$EPOCHREALTIME
    "$tranche" run "$work/list.csv" -p wiza/reveal --tier enterprise -o "$work/out.csv.zst" \
        --base-url "$address/wiza" --clock-speed 100 -q "${options[@]}" 2>"$work/log" ||
        { tail -n 20 "$work/log" >&2; exit 1; }
    wall=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
    curl -sS --fail --noproxy '*' "$address/sim/wiza/account?lists=0" | jq -c --arg way "$way" --argjson wall "$wall" '
        .slots as $s
        | {way: $way, reveals: $s.jobs, slots: $s.slots, utilisation: ($s.utilisation * 10000 | round / 10000),
           polls_mean: ($s.polls_mean * 1000 | round / 1000), polls_max: $s.polls_max,
           deepest_queue: $s.deepest_queue, queue_max: $s.queue_max, refused: $s.refused,
           span_s: ($s.span_ms / 10 | round), wall_s: $wall}'
    kill "$sim"
    wait "$sim" 2>/dev/null || true
done
