#!/usr/bin/env bats
# Ends before the end: signals, caps, credits, doubt. Each says how to go on, and then does.

load helpers

setup_file() {
    simulator --queue 0
}

for_signal() {
    another_sim --queue 0 --faults submit:delay-1000
    people 400 >list.csv
    enrich_in_background list.csv -o out.ndjson --batch-size 100 --concurrency 1
    eventually arrived 2
    kill "-$1" "$pid"
    ended "$pid"
    output=$(cat said)
    [ "$status" = 75 ]
    says "SIG$1" 'tranche resume out.ndjson.run' 'Exit status 75'
    # what was in flight was finished: nothing is in doubt, and nothing more was sent
    [ "$(submissions)" = 2 ]
    [ "$(status_of out.ndjson.run .batches.in_doubt)" = 0 ]
    sim_post '/faults?set='
    run -0 "$TRANCHE" resume out.ndjson.run
    run -0 judge out.ndjson.run out.ndjson 400
}

@test "SIGINT: what is in flight is finished, 75, and the command that continues" {
    for_signal INT
}

@test "SIGTERM likewise" {
    for_signal TERM
}

@test "a second signal: at once, and what was in flight is in doubt" {
    another_sim --queue 0 --faults submit:delay-600000
    people 400 >list.csv
    enrich_in_background list.csv -o out.ndjson
    eventually arrived 1
    kill -INT "$pid"
    eventually grep -q SIGINT said
    kill -0 "$pid"
    kill -INT "$pid"
    ended "$pid"
    [ "$status" = 75 ]
    run cat said
    says 'tranche resume out.ndjson.run'
    # the vendor has it, and only the user can say so
    sim_post '/faults?set='
    run -1 "$TRANCHE" resume out.ndjson.run --doubt-wait 0s
    says 'in doubt' 'tranche resolve out.ndjson.run'
    [ "$(jq -r 'select(.outcome == "in_doubt") | .record' out.ndjson | wc -l)" -gt 300 ]
    [ "$(submissions)" = 1 ]
    run -0 decide_doubts out.ndjson.run
    says 'batch 1: sent=batch_'
    run -0 "$TRANCHE" resume out.ndjson.run
    run -0 judge out.ndjson.run out.ndjson 400
    [ "$(submissions)" = 1 ]
}

@test "--drain-timeout bounds what a signal waits for" {
    another_sim --queue 0 --faults submit:delay-600000
    people 400 >list.csv
    enrich_in_background list.csv -o out.ndjson --drain-timeout 100ms
    eventually arrived 1
    kill -TERM "$pid"
    ended "$pid"
    [ "$status" = 75 ]
    [ "$(status_of out.ndjson.run .batches.in_doubt)" = 1 ]
}

@test "--max-credits: stops with 75, never beyond it, and goes on when it is raised" {
    another_sim --queue 0
    people 200 >list.csv
    run -75 enrich list.csv -o out.ndjson --max-credits 500
    says '--max-credits 500' 'tranche resume out.ndjson.run'
    [ "$(sim_get /account | jq .spent)" -le 500 ]
    run -75 enrich list.csv -o out.ndjson --max-credits 505
    [ "$(sim_get /account | jq .spent)" -le 505 ]
    run -0 enrich list.csv -o out.ndjson --max-credits 100000
    run -0 judge out.ndjson.run out.ndjson 200
}

@test "out of credits: 75; after a top-up it goes on" {
    another_sim --queue 0 --balance 400
    people 200 >list.csv
    run -75 enrich list.csv -o out.ndjson
    says 'out of credits' 'tranche resume out.ndjson.run'
    [ "$(jq -r .outcomes.no_credits out.ndjson.run/status.json)" = 0 ]
    sim_post '/topup?credits=100000'
    run -0 "$TRANCHE" resume out.ndjson.run
    run -0 judge out.ndjson.run out.ndjson 200
}

@test "out of credits, and ended so: no_credits, 1" {
    another_sim --queue 0 --balance 400
    people 200 >list.csv
    run -75 enrich list.csv -o out.ndjson
    run -0 "$TRANCHE" resolve out.ndjson.run --finish
    run -1 "$TRANCHE" resume out.ndjson.run
    [ "$(jq -r 'select(.outcome == "no_credits") | .record' out.ndjson | wc -l)" -gt 0 ]
    run -0 judge out.ndjson.run out.ndjson 200
}

@test "a reply that is lost: in doubt, held, decided each way" {
    people 60 >list.csv
    for choice in sent=ID sent not-sent skip; do
        rm -rf sim
        another_sim --queue 0
        case $choice in
            not-sent) sim_post '/faults?set=submit:drop-before:1' ;;
            *) sim_post '/faults?set=submit:drop-after:1' ;;
        esac
        run -1 enrich list.csv -o "$choice.ndjson"
        [ "$(status_of "$choice.ndjson.run" .batches.in_doubt)" = 1 ]
        run -0 "$TRANCHE" resolve "$choice.ndjson.run"
        says 'batch 1: ' "sha256 $(sim_get /account | jq -r '.posts[-1].body_sha256')"
        decision=$choice
        [ "$choice" != sent=ID ] || decision=sent=$(sim_get /account | jq -r '.submissions[0].id')
        run -0 "$TRANCHE" resolve "$choice.ndjson.run" 1 --as "$decision"
        case $choice in
            sent | skip) ;;
            *)
                run -0 "$TRANCHE" resume "$choice.ndjson.run"
                run -0 judge "$choice.ndjson.run" "$choice.ndjson" 60
                ;;
        esac
        case $choice in
            sent)
                run -1 "$TRANCHE" resume sent.ndjson.run
                grep -q '"outcome":"in_doubt".*"reason":"reply lost"' sent.ndjson
                ;;
            skip)
                run -0 "$TRANCHE" resume skip.ndjson.run
                grep -q '"outcome":"skipped"' skip.ndjson
                ;;
        esac
        run -0 "$TRANCHE" verify "$choice.ndjson.run"
        [ "$(submissions)" = 1 ]
        sim_stop "$own_sim"
        own_sim=
    done
    cmp sent=ID.ndjson not-sent.ndjson
}

@test "resolve refuses what it cannot do: 64" {
    people 60 >list.csv
    run -0 enrich list.csv -o out.ndjson
    run -0 "$TRANCHE" resolve out.ndjson.run
    says 'No batch' 'in doubt'
    run -64 "$TRANCHE" resolve out.ndjson.run 1 --as not-sent
    says DONE
    run -64 "$TRANCHE" resolve out.ndjson.run 99 --as not-sent
    run -64 "$TRANCHE" resolve out.ndjson.run 1 --as perhaps
    says perhaps
    run -64 "$TRANCHE" resolve out.ndjson.run 1
}
