#!/usr/bin/env bash
# Callbacks that go wrong, and processes that are killed while they come. The simulator, a process of
# its own, calls back as Zeliq does (once) and as Wiza does (up to four times), and its account is the
# judge: nothing that was acknowledged is lost, nothing is asked twice, and the output is that of an
# undisturbed run.
#
#   tests/crash/callbacks.sh [--kills N] [--seed S] [--keep DIR] [--part PART]...
#
# --kills N    how many kills of runs at random moments in all (20)
# --seed S     of answers and moments; random unless given, and printed
# --keep DIR   work in DIR and leave everything there; else only the folder of a failed part is kept
# --part PART  only these of the parts:
#   wrong        callbacks that are lost, late, repeated and forged
#   outstanding  the run is killed when it waits for 1000 callbacks, and tranche listen takes them
#   flood        likewise, and tranche listen is killed while they come
#   kills        runs are killed at random moments and started again
#
# Needs bash, jq, curl, sqlite3.
set -u -o pipefail

. "$(dirname "$0")/../lib.sh"
. "$tests/crash/moments.sh"

kills_wanted=20 seed= keep= parts=
while [ $# -gt 0 ]; do
    case $1 in
        --kills) kills_wanted=$2 ;;
        --seed) seed=$2 ;;
        --keep) keep=$2 ;;
        --part) parts="$parts $2" ;;
        *) unknown_option "$1" ;;
    esac
    shift 2
done
seed_begin "$seed"
work_begin tranche-callbacks "$keep"
export ZELIQ_API_KEY=sandbox WIZA_API_KEY=sandbox
listener=
trap 'stop_listener KILL; work_end' EXIT

fail() {
    echo "FAILED: $*"
    echo "  its folder: $case (its log tells what happened when)"
    echo "  this part again: $0 --seed $seed --part $part"
    work_failed=1
    exit 1
}

# --- the parties ---

# begin_case NAME VENDOR RECORDS: a folder, a list, and what a run is started with.
begin_case() {
    case=$work/$1
    sim_vendor=$2 records=$3
    mkdir -p "$case"
    port=$(free_port)
    base=/$sim_vendor op=wiza/reveal
    [ $sim_vendor = wiza ] || base=/zeliq/api op=zeliq/email
    out=$case/out.ndjson run=$case/out.ndjson.run spool=$case/spool
    awk -v records="$records" 'BEGIN {
        print "id,linkedin_url"
        for (i = 1; i <= records; i++)
            printf "%d,https://www.linkedin.com/in/somebody-%d\n", i, i
    }' >"$case/list.csv"
}

# scenario SPEED MEMBERS: of the vendor; the run's clock is that of the simulator.
scenario() {
    speed=$1
    printf '{"seed": %d, "speed": %d, "%s": {"tier": "unlimited", %s}}\n' "$seed" "$speed" "$sim_vendor" \
        "$2" >"$case/scenario.json"
}

simulate() {
    sim_start "$1" --scenario "$case/scenario.json" || fail "no simulator"
}

# enrich OUT [OPTION...]: a run, told everything but how callbacks reach it. become_run: this shell is
# it from now on.
enrich() {
    (become_run "$@") >>"$case/log" 2>&1
}
become_run() {
    exec "$TRANCHE" run "$case/list.csv" -p "$op" -o "$1" --base-url "$sim_root$base" \
        --clock-speed "$speed" --rate 100000/s --concurrency 1000 --doubt-wait 0s --progress none \
        --callback-url "http://127.0.0.1:$port" "${@:2}"
}

listen() {
    : >"$case/listening"
    "$TRANCHE" listen --callback-listen "127.0.0.1:$port" --spool "$spool" >"$case/listening" \
        2>>"$case/log" &
    listener=$!
    until grep -q '^listening' "$case/listening"; do
        kill -0 "$listener" 2>/dev/null || fail "no listener: $(tail -n 2 "$case/log")"
        sleep 0.01
    done
}

stop_listener() {
    [ -n "$listener" ] || return 0
    kill "-$1" "$listener" 2>/dev/null
    { gone "$listener"; } 2>/dev/null
    listener=
}

# --- what the judge says ---

count_of() { # FILTER: of the account, without its lists
    sim_get '/account?lists=0' | jq "$1"
}

# All jobs have ended, and every callback has left or was given up.
settled() {
    [ "$(count_of '.slots.jobs == .slots.finished + .slots.failed and .callbacks.flying == 0 and
        .callbacks.posted - .callbacks.lost + .callbacks.duplicated + .callbacks.forged +
        .callbacks.retried == .callbacks.sent')" = true ]
}

# until_true COMMAND...: two minutes at most, for the slowest machine.
until_true() {
    local tries=0
    until "$@"; do
        [ $((tries += 1)) -le 6000 ] || fail "never came true: $*"
        sleep 0.02
    done
}

# outcome RUN NAME: how many records ended so.
outcome() {
    "$TRANCHE" status "$1" --json | jq ".outcomes.$2"
}

# agree: every record whose outcome is neither in_doubt nor failed is what the vendor knows, at what it
# charged; nothing was asked twice, nothing for a record that is not in the list.
agree() {
    local wrong
    "$TRANCHE" verify "$run" >"$case/verified" 2>&1 || fail "verify: $(grep -A1 FAIL "$case/verified")"
    [ "$(wc -l <"$out")" = "$records" ] || fail "$(wc -l <"$out") lines of output"
    sim_get /questions >"$case/questions" || fail "no questions"
    wrong=$(jq -n -c --slurpfile asked "$case/questions" '
        def who: sub(".*/"; "");
        ($asked | map({key: (.question.linkedin_url // .question.profile_url | who), value: .}) | from_entries) as $is
        | ($asked[] | select(.times != 1) | {asked: .times, question}),
          (inputs | select(.outcome != "in_doubt" and .outcome != "failed")
            | $is[.input.linkedin_url | who] as $q
            | select($q == null or .outcome != $q.outcome or .credits != $q.charged or
                .data.email != ($q.values.most_probable_email // $q.values.email))
            | {record, outcome, credits, email: .data.email, question: $q})' "$out" | head -n 3)
    [ -z "$wrong" ] || fail "not what the vendor knows: $wrong"
}

# charged_alike: what the run says it spent is the account's.
charged_alike() {
    local spent
    spent=$("$TRANCHE" status "$run" --json | jq .credits.spent)
    [ "$spent" = "$(count_of .spent)" ] ||
        fail "the account was charged $(count_of .spent), the run says $spent"
}

# The same list to a simulator that answers the same, with nothing going wrong; its time is the
# measure for moments.
undisturbed() {
    local start kept=$run
    simulate "$case/calm"
    start=$(now_ms)
    enrich "$case/calm/out.ndjson" --callback-listen "127.0.0.1:$port" || fail "the undisturbed run ended with $?"
    span=$(($(now_ms) - start))
    out=$case/calm/out.ndjson run=$case/calm/out.ndjson.run
    agree
    charged_alike
    sim_stop "$sim_pid"
    out=$case/out.ndjson run=$kept
}

as_undisturbed() {
    cmp "$out" "$case/calm/out.ndjson" || fail "the output differs from that of the undisturbed run"
    agree
    charged_alike
}

# --- parts ---

# What did not come is in doubt at the deadline; what comes late lands on resume, from the spool of
# tranche listen or while the resumed run waits for it.
wrong() {
    local way doubts lost failed known
    for way in listener resumed; do
        begin_case "wrong-$way" zeliq 1000
        late_ms=2000000
        [ $way = listener ] || late_ms=1200000
        scenario 100 "\"faults\": \"callback:forged-1:3%,callback:forged-3:3%\", \"callbacks\":
            {\"duplicated_percent\": 20, \"lost_percent\": 5, \"late_percent\": 5, \"late_ms\": $late_ms}"
        simulate "$case"
        enrich "$out" --callback-listen "127.0.0.1:$port" --callback-timeout 5m
        status=$?
        [ $status = 1 ] || fail "a run with doubts ended with $status"
        agree
        doubts=$(outcome "$run" in_doubt)
        if [ $way = listener ]; then
            # The listener stays, and the address that was the run's is its own.
            listen
            until_true settled
            "$TRANCHE" resume "$run" --spool "$spool" --progress none >>"$case/log" 2>&1
        else
            "$TRANCHE" resume "$run" --doubt-wait 1m --progress none >>"$case/log" 2>&1
        fi
        status=$?
        stop_listener TERM
        [ $status = 1 ] || fail "the resumed run ended with $status"
        settled || fail "callbacks are still under way"
        agree
        lost=$(count_of .callbacks.lost)
        [ "$lost" -gt 0 ] && [ "$doubts" -gt "$lost" ] ||
            fail "$doubts in doubt and $lost lost: nothing was late"
        [ "$(outcome "$run" in_doubt)" = "$lost" ] ||
            fail "$lost were lost, and $(outcome "$run" in_doubt) are in doubt"
        # Somebody who knows the address speaks of somebody else: that record fails, unless the truth
        # came first. What is left agrees to the credit.
        failed=$(outcome "$run" failed)
        forged=$(sim_get /faults | jq '.[] | select(.fault | startswith("callback:forged-3")).fired')
        [ "$failed" -gt 0 ] && [ "$failed" -le "$forged" ] || fail "$failed failed of $forged forged"
        known=$(jq -n '[inputs | select(.outcome != "in_doubt" and .outcome != "failed") | .credits] | add' "$out")
        spent=$("$TRANCHE" status "$run" --json | jq .credits.spent)
        [ "$spent" -ge "$known" ] && [ "$spent" -le $((known + failed)) ] ||
            fail "$spent spent, and $known for what is known"
        [ "$("$TRANCHE" status "$run" --json | jq .credits.reserved)" = "$lost" ] ||
            fail "not reserved: what is in doubt"
        sim_stop "$sim_pid"
        echo "wrong, $way: $doubts of $records in doubt at the deadline, $lost in the end; $failed contradicted"
    done
}

# kill_outstanding: a run that has asked for everything and waits, killed.
all_asked() {
    [ "$(count_of '.slots.jobs')" = "$records" ]
}
kill_outstanding() {
    become_run "$out" --callback-listen "127.0.0.1:$port" >>"$case/log" 2>&1 &
    pid=$!
    until_true all_asked
    kill -KILL "$pid"
    { gone "$pid"; } 2>/dev/null
    open=$((records - $(count_of .slots.finished)))
}

outstanding() {
    local vendor
    for vendor in zeliq wiza; do
        begin_case "outstanding-$vendor" $vendor 1000
        scenario 1 '"latency": {"min_ms": 8000, "mean_ms": 11000, "max_ms": 14000}'
        undisturbed
        simulate "$case"
        kill_outstanding
        [ "$open" -ge 990 ] || fail "only $open callbacks outstanding"
        listen
        until_true settled
        enrich "$out" --spool "$spool"
        status=$?
        stop_listener TERM
        [ $status = 0 ] || fail "the resumed run ended with $status"
        as_undisturbed
        [ "$(count_of .requests.poll)" = 0 ] || fail "results that were called back were polled"
        sim_stop "$sim_pid"
        echo "outstanding, $vendor: $open callbacks when the run was killed, all landed"
    done
}

# Zeliq calls once: what an unlucky callback meets while no listener is up is lost, and its record in
# doubt. Wiza calls again. Neither loses what was acknowledged.
flood() {
    local vendor kills delivered landed
    for vendor in zeliq wiza; do
        begin_case "flood-$vendor" $vendor 1000
        scenario 1 '"latency": {"min_ms": 8000, "mean_ms": 11000, "max_ms": 14000}'
        undisturbed
        simulate "$case"
        kill_outstanding
        listen
        for kills in 1 2 3; do
            threshold=$((kills * 100))
            until_true delivered_more
            stop_listener KILL
            listen
        done
        [ "$(count_of .callbacks.delivered)" -lt $records ] || fail "the flood was over before the last kill"
        until_true settled
        delivered=$(count_of .callbacks.delivered)
        enrich "$out" --spool "$spool" --callback-timeout 1s
        status=$?
        stop_listener TERM
        landed=$((records - $(outcome "$run" in_doubt)))
        if [ $vendor = wiza ]; then
            [ $status = 0 ] || fail "the resumed run ended with $status"
            [ "$delivered" = $records ] || fail "$delivered delivered, although Wiza calls again"
            as_undisturbed
        else
            [ $status -le 1 ] || fail "the resumed run ended with $status"
            [ "$landed" -ge "$delivered" ] || fail "$delivered were acknowledged, and $landed landed"
            agree
        fi
        sim_stop "$sim_pid"
        echo "flood, $vendor: 3 kills of the listener; $delivered acknowledged, $landed landed"
    done
}
delivered_more() {
    [ "$(count_of .callbacks.delivered)" -ge "$threshold" ]
}

# Each batch in doubt is decided by the account; prints what. `must` of a vendor that has called back
# to a listener that was always up: then only what was never asked may be in doubt.
decide_all() {
    local must=$1 batch sha id
    sim_get /account >"$case/account" || return 1
    [ "$(jq .posts_forgotten "$case/account")" = 0 ] || fail "the account has forgotten requests"
    : >"$case/decided"
    doubts "$run" >"$case/doubts"
    while read -r batch sha; do
        id=$(jq -r --arg sha "$sha" \
            'first(.posts[] | select(.accepted and .body_sha256 == $sha) | .id) // ""' "$case/account")
        [ -z "$id" ] || [ -z "$must" ] || fail "batch $batch is in doubt, and was called back"
        choice=not-sent
        [ -z "$id" ] || choice=sent=$id
        echo "batch $batch: $choice" | tee -a "$case/log" >>"$case/decided"
        "$TRANCHE" resolve "$run" "$batch" --as "$choice" >/dev/null || return 1
    done <"$case/doubts"
}

# One list, killed and started again until it ends, called back at ADDRESS: by tranche listen, which
# is up all the time, or by the run itself, where a vendor that can be polled is polled for the rest.
killed_run() {
    local vendor=$1 way=$2 starts=0 options=() must=
    begin_case "kills-$vendor-$way-$runs" "$vendor" 600
    scenario 100 '"faults": "submit:delay-150", "latency": {"min_ms": 0, "mean_ms": 30000, "max_ms": 150000}'
    undisturbed
    simulate "$case"
    options=(--callback-listen "127.0.0.1:$port")
    if [ "$way" = listener ]; then
        listen
        options=(--spool "$spool") must=must
    fi
    while :; do
        [ $((starts += 1)) -le 200 ] || fail "the run does not end"
        after=3600
        [ $kills -ge "$kills_wanted" ] || moment "$span"
        run_until_killed "$after" become_run "$out" "${options[@]}" >>"$case/log" 2>&1
        status=$?
        case $status in
            137)
                kills=$((kills + 1))
                note_moment "$run" "$out" >>"$case/log" || fail "the ledger cannot be read"
                ;;
            0) break ;;
            1)
                # Evidence may be on its way still: the next start takes it up, and what is in doubt
                # after that is decided.
                until_true settled
                enrich "$out" "${options[@]}"
                status=$?
                [ $status -le 1 ] || fail "the run ended with $status"
                decide_all "$must" || fail "batches in doubt cannot be decided"
                ;;
            *) fail "the run ended with $status: $(tail -n 3 "$case/log")" ;;
        esac
    done
    as_undisturbed
    sim_stop "$sim_pid"
    stop_listener TERM
    [ -n "$keep" ] || rm -rf "$case"
}
kills() {
    local ways=("zeliq listener" "wiza run" "wiza listener")
    kills=0 runs=0
    while [ $kills -lt "$kills_wanted" ]; do
        # shellcheck disable=SC2086 # two words
        killed_run ${ways[runs % 3]}
        runs=$((runs + 1))
    done
    show_moments
    echo "kills: $kills kills in $runs runs; every output as undisturbed, nothing asked twice"
}

for part in ${parts:-wrong outstanding flood kills}; do
    case $part in
        wrong | outstanding | flood | kills) ;;
        *)
            echo "callbacks.sh: no part $part; see its first lines" >&2
            exit 64
            ;;
    esac
done
echo "callbacks.sh: seed $seed, in $work"
for part in ${parts:-wrong outstanding flood kills}; do
    $part
done
