#!/usr/bin/env bats
# Out of credits in the middle, as each vendor says it: the run stops by itself, says so and how to go
# on; after a purchase it goes on, asks nobody twice, and its credits are those of the account.

load helpers

records=120

# starved OPERATION CREDITS [OPTION...]: runs the list against a simulator with so many credits, in
# the form $form and with the faults $faults if those are set. The run must end by itself, resumable.
starved() {
    operation=$1 sim_vendor=${1%%/*}
    local credits=$2 latency=
    shift 2
    awk -v records=$records -v seed=1 -f "$tests/vendors.awk" >list.csv
    # Far below what a reveal is waited for, so that a busy machine does not matter.
    [ "$sim_vendor" != wiza ] || latency=',"latency":{"work":{"min_ms":0,"mean_ms":5000,"max_ms":60000}}'
    printf '{"%s":{"form":"%s"%s}}\n' "$sim_vendor" "${form:=document}" "$latency" >scenario.json
    another_sim --speed 200 --found-percent 60 --queue 0 --balance "$credits" \
        --scenario scenario.json ${faults:+--faults "$faults"}
    export "${sim_vendor^^}_API_KEY=sandbox"
    case $sim_vendor in
        prospiq) sim_url=$sim_url/api/v1 ;;
        zeliq) sim_url=$sim_url/api ;;
    esac
    run -75 "$TRANCHE" run list.csv -p "$operation" -o out.ndjson --base-url "$sim_url" \
        --clock-speed 200 --doubt-wait 0s --progress none "$@"
    says 'out of credits' 'tranche resume out.ndjson.run' 'Exit status 75'
    # Most of what there was is spent, nothing is in doubt, and nobody was given up for want of credits.
    [ -n "${faults:-}" ] || [ "$(sim_get /account | jq '.spent * 2 > .granted')" = true ]
    [ "$(status_of out.ndjson.run '[.batches.in_doubt, .outcomes.no_credits]')" = '[0,0]' ]
    # Whoever resumes without a purchase is told the same, and nobody is asked meanwhile but once.
    run -75 "$TRANCHE" resume out.ndjson.run
    says 'out of credits'
}

# saved STATUS: after a purchase the run ends, and is right.
saved() {
    sim_post '/faults?set='
    sim_post '/topup?credits=1000000'
    run "-$1" "$TRANCHE" resume out.ndjson.run
    sim_get /account >account
    # A question that was not looked at for want of credits may be asked again: it is left out.
    sim_get /questions | jq -s -c 'map(select(.fail == "billing_issue")) as $refused
        | .[] | select(.fail != "billing_issue") | .question as $question
        | .times -= ($refused | map(select(.question == $question)) | length)' >questions
    jq -n -r --arg operation "$operation" --arg form "$form" --argjson records $records \
        --slurpfile out out.ndjson --slurpfile questions questions --slurpfile account account \
        --slurpfile report out.ndjson.run/report.json -f "$tests/vendors.jq" >wrong
    cat wrong
    [ ! -s wrong ]
    run -0 "$TRANCHE" verify out.ndjson.run
}

callbacks() {
    port=$(free_port)
    called=(--callback-url "http://127.0.0.1:$port" --callback-listen "127.0.0.1:$port")
}

@test "Enrich.so: batches are cut to the balance, and the rest waits" {
    starved enrichso/email-finder 305 --batch-size 10
    saved 0
}

@test "Enrich.so: 402 although the balance is there" {
    faults=submit:status-402:@3
    starved enrichso/email-finder 100000 --batch-size 10 --concurrency 1
    [ "$(sim_get /account | jq '.submissions | length')" = 2 ]
    saved 0
}

@test "Enrich.so, one by one" {
    starved enrichso/email-finder 305 --set mode=single
    saved 0
}

@test "prospiq: NO_CREDITS for the contacts at the end of a bulk" {
    starved prospiq/enrich 305 --set type=both
    saved 0
}

@test "prospiq, one by one" {
    starved prospiq/enrich 305 --set type=both --set mode=single
    saved 0
}

@test "prospiq: NO_CREDITS for all contacts of a bulk, instead of 402" {
    form=skipping
    starved prospiq/enrich 305 --set type=both
    saved 0
}

@test "Unstuck: 402" {
    starved unstuck/enrich 305 --batch-size 10
    saved 1 # one in a hundred is an error there
}

@test "Unstuck, one by one" {
    starved unstuck/enrich 305 --set mode=single
    saved 0
}

@test "Wiza: billing_issue in a reply with status 200" {
    starved wiza/reveal 305 --set level=full
    saved 0
}

@test "Wiza: billing_issue when it is a reveal's turn" {
    form=api
    starved wiza/reveal 305 --set level=full
    saved 0
}

@test "Zeliq: 402" {
    callbacks
    starved zeliq/phone 305 "${called[@]}"
    saved 0
}
