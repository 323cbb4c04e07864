#!/usr/bin/env bash
# The sandbox keeps its state in the run directory: a run with --sandbox alone is killed a few times
# and started again, goes on, and ends with the bytes that it would have had undisturbed. What was in
# doubt is decided by the sandbox's own account, read by a simulator started on its state.
#
#   tests/crash/sandbox.sh [--kills N] [--seed S] [--keep DIR]
set -u -o pipefail

. "$(dirname "$0")/../lib.sh"
. "$tests/crash/moments.sh"

kills_wanted=4 seed=1 keep= records=20000
while [ $# -gt 0 ]; do
    case $1 in
        --kills) kills_wanted=$2 ;;
        --seed) seed=$2 ;;
        --keep) keep=$2 ;;
        *) unknown_option "$1" ;;
    esac
    shift 2
done
RANDOM=$seed
work_begin tranche-sandbox "$keep"

fail() {
    echo "FAILED: $*; see $work/log"
    work_failed=1
    exit 1
}

# command_of OUT
command_of() {
    command=("$TRANCHE" run "$work/list.csv" -p enrichso/email-finder -o "$1" --sandbox
        --tier enterprise --batch-size 2500 --doubt-wait 0s --progress none)
}

# The account lies in the run directory, and the run is over: a simulator can show it.
decide() {
    sim_state=$1/sandbox sim_start "$work/looking" || fail "no simulator on the sandbox's state"
    decide_doubts "$1" >"$work/decided" || fail "batches in doubt cannot be decided"
    cat "$work/decided" >>"$work/log"
    sim_stop "$sim_pid"
    [ -s "$work/decided" ]
}

judge_sandbox() {
    sim_state=$1.run/sandbox sim_start "$work/looking" || fail "no simulator on the sandbox's state"
    judge "$1.run" "$1" "$records" || fail "the judgement of $1"
    sim_stop "$sim_pid"
}

people "$records" "$seed" >"$work/list.csv"
calm=$work/calm.ndjson.zst
command_of "$calm"
start=$(now_ms)
"${command[@]}" >>"$work/log" 2>&1 || fail "the undisturbed run ended with $?"
span=$(($(now_ms) - start))
judge_sandbox "$calm"

# round OUT: a run that is killed and started again until it ends and nothing is in doubt.
round() {
    local out=$1 status starts=0
    command_of "$out"
    while :; do
        [ $((starts += 1)) -le 100 ] || fail "the run does not end"
        after=3600
        [ $kills -ge "$kills_wanted" ] || moment $((span * 2 / 3))
        run_until_killed "$after" "${command[@]}" >>"$work/log" 2>&1
        status=$?
        case $status in
            137) kills=$((kills + 1)) ;;
            0 | 1) decide "$out.run" || break ;;
            *) fail "the run ended with $status: $(tail -n 3 "$work/log")" ;;
        esac
    done
    cmp "$calm" "$out" || fail "the output differs from that of the undisturbed run"
    judge_sandbox "$out"
}

kills=0 rounds=0
while [ $kills -lt "$kills_wanted" ]; do
    rounds=$((rounds + 1))
    round "$work/out-$rounds.ndjson.zst"
done
echo "sandbox.sh: $kills kills in $rounds runs, and the output is as undisturbed"
