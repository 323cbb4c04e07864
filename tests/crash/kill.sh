#!/usr/bin/env bash
# Kills a run with SIGKILL at random moments, starts it again, and so on; then holds what became of
# it against an undisturbed run and against the account of the simulator, which is a process of its
# own and lives on: nothing lost, nothing paid twice, every byte of the output the same.
#
#   tests/crash/kill.sh [--kills N] [--seed S] [--keep DIR] [--records N]
#                       [--operation OP] [--kind K]
#
# --kills N      how many kills in all (20), over as many runs as that takes
# --seed S       of lists, answers and moments; random unless given, and printed
# --keep DIR     work in DIR and leave everything there; else only the folder of a failed run is kept
# --records N    of each list (45000: 11 shards, 11 batches)
# --operation OP every run with this operation; else they take turns
# --kind K       likewise of the kinds of vendor below, 0 to 3
#
# A run has a list and a simulator of its own. It is killed and started again until it ends; its
# batches in doubt are decided by the account, and it goes on from there, killed again; then it is
# judged. Needs bash, jq, curl, sqlite3, zstd.
set -u -o pipefail

. "$(dirname "$0")/../lib.sh"
. "$tests/crash/moments.sh"

kills_wanted=20 seed= keep= records=45000 operation= only=
while [ $# -gt 0 ]; do
    case $1 in
        --kills) kills_wanted=$2 ;;
        --seed) seed=$2 ;;
        --keep) keep=$2 ;;
        --records) records=$2 ;;
        --operation) operation=$2 ;;
        --kind) only=$2 ;;
        *) unknown_option "$1" ;;
    esac
    shift 2
done
seed_begin "$seed"
work_begin tranche-kill "$keep"

# A vendor that takes its time, so that each state lasts; one whose batches are not ready at the
# first poll; one that throttles and takes only half as much; one that refuses a record (which is in
# the list then), so that it is searched for by halves. What it does to the list's answers: nothing.
slow=submit:delay-120,page:delay-60,poll:delay-30
kinds=("$slow" "$slow" "submit:limit-1:2@3,submit:status-413:1@7,$slow" "$slow")
queues=(150ms 900ms 150ms 150ms)
poison='0,Pat,Poison,poison.example,pat@poison.example,'

fail() {
    echo "FAILED: $*"
    echo "  its folder: $case (its log tells what happened when)"
    echo "  this run again, about the same: $0 --seed $case_seed --kills $kills_wanted" \
        "--records $records --operation $op --kind $kind"
    work_failed=1
    exit 1
}

# The same list, in one batch, to a simulator that answers the same at once. How long that takes is
# the measure for the moments: the disturbed run would take some three times as long.
undisturbed() {
    local start status out=$case/calm/out.ndjson.zst
    sim_start "$case/calm" --seed "$case_seed" --queue 0 --balance 1000000000 || fail "no simulator"
    start=$(now_ms)
    "$TRANCHE" run "$case/list.csv" -p "$op" -o "$out" --base-url "$sim_url" --rate 1000/s \
        --progress none >>"$case/log" 2>&1
    status=$?
    span=$((3 * ($(now_ms) - start)))
    [ $span -le 3000 ] || span=3000 # a busy machine would only be waited for
    [ $status -le 1 ] || fail "the undisturbed run ended with $status"
    judge "$out.run" "$out" "$case_records" || fail "the undisturbed run is not right"
    sim_stop "$sim_pid"
}

# A kill that has happened: counted, and now and then what lies on disk is verified.
note_kill() {
    kills=$((kills + 1))
    note_moment "$run" "$out" >>"$case/log" || fail "the ledger cannot be read"
    if [ $((kills % 3)) = 0 ] && [ "$phase" != "no ledger yet" ] && [ "$phase" != "nothing read yet" ]; then
        "$TRANCHE" verify "$run" >"$case/verified" 2>&1 ||
            fail "verify after a kill: $(grep -A1 FAIL "$case/verified" || cat "$case/verified")"
    fi
}

# Kill and start again until the run ends and nothing is in doubt.
disturbed() {
    local out=$case/out.ndjson.zst run=$case/out.ndjson.zst.run status starts=0 command
    command=("$TRANCHE" run "$case/list.csv" -p "$op" -o "$out" --base-url "$sim_url"
        --batch-size 4000 --concurrency 4 --rate 1000/s --doubt-wait 0s --progress none)
    while :; do
        [ $((starts += 1)) -le 400 ] || fail "the run does not end"
        after=3600
        [ $kills -ge "$kills_wanted" ] || moment "$span"
        run_until_killed "$after" "${command[@]}" >>"$case/log" 2>&1
        status=$?
        case $status in
            137) note_kill ;;
            0 | 1)
                decide_doubts "$run" >"$case/decided" || fail "batches in doubt cannot be decided"
                cat "$case/decided" >>"$case/log"
                [ -s "$case/decided" ] || return 0
                decided=$((decided + $(wc -l <"$case/decided")))
                ;;
            *) fail "the run ended with $status: $(tail -n 3 "$case/log")" ;;
        esac
    done
}

one_run() {
    kind=${only:-$((runs % ${#kinds[@]}))}
    case_seed=$((seed + runs))
    case=$work/run-$((runs + 1))
    mkdir -p "$case/calm"
    op=enrichso/email-finder
    [ $((runs % 2)) = 0 ] || op=enrichso/email-validation
    op=${operation:-$op}
    people "$records" "$case_seed" >"$case/list.csv"
    case_records=$records
    if [ $kind = 3 ]; then
        echo "$poison" >>"$case/list.csv"
        case_records=$((records + 1))
    fi
    undisturbed
    sim_start "$case" --seed "$case_seed" --shuffle --queue "${queues[kind]}" --items-per-s 20000 \
        --balance 1000000000 --faults "${kinds[kind]}" || fail "no simulator"
    disturbed
    cmp "$case/out.ndjson.zst" "$case/calm/out.ndjson.zst" ||
        fail "the output differs from that of the undisturbed run"
    judge "$case/out.ndjson.zst.run" "$case/out.ndjson.zst" "$case_records" || fail "the judgement"
    sim_stop "$sim_pid"
    [ -n "$keep" ] || rm -rf "$case"
}

echo "kill.sh: $kills_wanted kills, seed $seed, in $work"
kills=0 runs=0 decided=0
while [ $kills -lt "$kills_wanted" ]; do
    one_run
    runs=$((runs + 1))
done
show_moments
echo "$kills kills in $runs runs, $decided batches in doubt decided by the account; every output as" \
    "undisturbed, nothing paid twice"
