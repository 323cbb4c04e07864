#!/usr/bin/env bash
# Every operation of every vendor, with its main options, from end to end: a list is enriched through
# a simulator in a process of its own, and each record is held against the simulator's truth, each
# credit against its account.
#
#   tests/vendors.sh [--records N] [--seed S] [--forms] [--only OP] [--keep DIR]
#
# --records N   of the list (200)
# --seed S      of list and answers (1)
# --forms       each in every form that the vendor's simulator can answer in, not only its document's
# --only OP     cases whose name begins so: wiza/, enrichso/reverse-lookup
# --keep DIR    work in DIR and leave everything there; else only the folders of failed cases are kept
#
# A line for each: records, outcomes, questions, credits, seconds. Needs bash, jq, curl.
set -u -o pipefail

. "$(dirname "$0")/lib.sh"

records=200 seed=1 forms= only= keep=
while [ $# -gt 0 ]; do
    case $1 in
        --forms)
            forms=1
            shift
            continue
            ;;
        --records) records=$2 ;;
        --seed) seed=$2 ;;
        --only) only=$2 ;;
        --keep) keep=$2 ;;
        *) unknown_option "$1" ;;
    esac
    shift 2
done
work_begin tranche-vendors "$keep"
for vendor in ENRICHSO PROSPIQ UNSTUCK WIZA ZELIQ; do
    export "${vendor}_API_KEY=sandbox"
done
awk -v records="$records" -v seed="$seed" -f "$tests/vendors.awk" >"$work/list.csv"

# How much faster the vendors' clocks run; the limits and latencies of their documents hold.
speed=200

# What follows an address of the simulator, as it does in the vendor's own; the plan; the forms.
path_of() {
    case $1 in
        prospiq) echo /api/v1 ;;
        zeliq) echo /api ;;
    esac
}
tier_of() {
    case $1 in
        enrichso) echo pro ;;
        prospiq) echo pro ;;
        unstuck) echo workspace ;;
        wiza) echo enterprise ;;
        zeliq) echo essential ;;
    esac
}
forms_of() {
    case $1 in
        enrichso) echo document openapi ;;
        prospiq) echo document shuffled skipping explicit ;;
        unstuck) echo document results records data ;;
        wiza) echo document api observed ;;
        zeliq) echo document strict observed ;;
    esac
}
# More of the scenario. The slowest reveals take nearly as long as they are waited for: at this speed
# what is between is less than a busy machine may take.
more_of() {
    [ "$1" != wiza ] || echo ',"latency":{"work":{"min_ms":0,"mean_ms":5000,"max_ms":60000}}'
}

# enrich: sets status. The same command again does nothing more.
enrich() {
    "${command[@]}" >"$case/said" 2>&1
    status=$?
    [ $status = 0 ] || [ $status = 1 ] || {
        echo "the run ended with $status:"
        tail -n 5 "$case/said"
        return 1
    }
}

# The account, and the truth, as files for the judge.
look_up() {
    sim_get /account >"$case/account" && sim_get /questions >"$case/questions"
}

# enriched: everything that must hold of a case. Says what does not.
enriched() {
    local before status run=$case/out.ndjson.run
    sim_start "$case" --speed $speed --seed "$seed" --found-percent 60 --tier "$(tier_of "$vendor")" \
        --balance 1000000000 --queue 5s --scenario "$case/scenario.json" || return 1
    command=("$TRANCHE" run "$work/list.csv" -p "$operation" -o "$case/out.ndjson"
        --tier "$(tier_of "$vendor")" --base-url "$sim_url$(path_of "$vendor")"
        --clock-speed $speed --doubt-wait 0s --progress none "${options[@]}")
    enrich && look_up || return 1
    jq -n -r --arg operation "$operation" --arg form "$form" --argjson records "$records" \
        --slurpfile out "$case/out.ndjson" --slurpfile questions "$case/questions" \
        --slurpfile account "$case/account" --slurpfile report "$run/report.json" \
        -f "$tests/vendors.jq" >"$case/wrong" || echo "the judge failed" >>"$case/wrong"
    if [ -s "$case/wrong" ]; then
        echo "$(wc -l <"$case/wrong") differences, among them:"
        head -n 5 "$case/wrong"
        return 1
    fi
    "$TRANCHE" verify "$run" >"$case/verified" 2>&1 || {
        echo "tranche verify is not clean:"
        grep -v '^ok' "$case/verified"
        return 1
    }
    before=$(jq -c '[.requests, .spent]' "$case/account")
    enrich && grep -qi 'nothing to do' "$case/said" || {
        echo "the same command again says: $(tail -n 3 "$case/said")"
        return 1
    }
    look_up || return 1
    [ "$before" = "$(jq -c '[.requests, .spent]' "$case/account")" ] || {
        echo "the same command again asked again: $before became" \
            "$(jq -c '[.requests, .spent]' "$case/account")"
        return 1
    }
    expected
}

# How the vendor must have been asked, of a case that says so in `shape`: a filter over its account.
expected() {
    [ -z "$shape" ] || jq -e --arg form "$form" "$shape" "$case/account" >"$case/shape" || {
        echo "not asked as it should be: not $shape"
        return 1
    }
}

show() {
    jq -r -s --arg name "$name" --arg span "$1" '
        .[0] as $account | .[1] as $report
        | ($report.outcomes | to_entries | map(select(.value > 0) | "\(.value) \(.key)")
           | join(", ")) as $outcomes
        | "\($name): \($outcomes); \($account.requests.submit + $account.requests.single) paid requests, "
          + "\($account.spent) credits, \($account.limited) refused for limits; \($span) s"' \
        "$case/account" "$case/out.ndjson.run/report.json"
}

# one FORM OPERATION [WORD...]: a case in a form of the vendor. Words as of check.
one() {
    local form=$1 operation=$2 options=() vendor name case started word
    shift 2
    vendor=${operation%%/*} name=$operation
    for word in "$@"; do
        case $word in
            callbacks)
                port=$(free_port)
                options+=(--callback-url "http://127.0.0.1:$port" --callback-listen "127.0.0.1:$port")
                ;;
            --*) options+=("$word") ;;
            *) options+=(--set "$word") ;;
        esac
        name="$name $word"
    done
    name="$name ($form)"
    sim_vendor=$vendor
    case=$work/$((cases += 1))
    rm -rf "$case"
    mkdir -p "$case"
    printf '{"%s":{"form":"%s"%s}}\n' "$vendor" "$form" "$(more_of "$vendor")" >"$case/scenario.json"
    started=$EPOCHREALTIME
    if enriched >"$case/failure" 2>&1; then
        show "$(span_since "$started")"
        [ -n "$keep" ] || rm -rf "$case"
    else
        echo "FAILED: $name, in $case"
        sed 's/^/  /' "$case/failure"
        work_failed=1 failures=$((failures + 1))
    fi
    [ -z "$sim_pid" ] || sim_stop "$sim_pid"
}
span_since() {
    awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }'
}

# check OPERATION [NAME=VALUE | --OPTION | callbacks]...: a case, in the document's form or in all.
check() {
    local form
    case $1 in "$only"*) ;; *) return ;; esac
    for form in $(forms_of "${1%%/*}"); do
        one "$form" "$@"
        [ -n "$forms" ] || break
    done
}

cases=0 failures=0 shape=
for operation in email-finder email-validation phone-finder; do
    check enrichso/$operation
    check enrichso/$operation mode=single
    check enrichso/$operation webhook=on callbacks
done
# Whether results repeat the address, as the document's do, is found out with one (misses have no
# results); then the rest is asked for in a way by which its answers can be told apart.
shape='(.submissions | map(.items)) as $batches
       | if $form == "document" then ($batches[:-1] | all(. == 1)) and .requests.single == 0
         else ($batches | all(. == 1)) and .requests.single > ($batches | length) end' \
    check enrichso/reverse-lookup
check enrichso/reverse-lookup mode=batch webhook=on callbacks
check enrichso/reverse-lookup mode=single

for type in email phone both; do
    check prospiq/enrich type=$type
done
check prospiq/enrich type=both mode=single
check prospiq/enrich webhook=on callbacks

check unstuck/enrich
check unstuck/enrich channels=phone
check unstuck/enrich channels=work_email,linkedin_url
check unstuck/enrich mode=single
check unstuck/enrich force=true
check unstuck/discover
# Its replies do not tell what they cost.
check unstuck/account --price=unstuck/account=3

for level in none partial phone full; do
    check wiza/reveal level=$level
done
check wiza/reveal level=full emails=work,personal
check wiza/reveal level=full callbacks

check zeliq/email callbacks
check zeliq/phone callbacks

echo "$cases cases, $failures failed"
[ $failures = 0 ]
