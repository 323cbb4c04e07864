#!/usr/bin/env bats
# The same command again; other commands on a run that lives or has ended.

load helpers

setup_file() {
    simulator --queue 0
}

@test "a finished run: nothing to do, with the status it had, and nothing is asked" {
    people 100 >list.csv
    run -0 enrich list.csv -o out.ndjson
    before=$(requests) sum=$(sha256sum out.ndjson)
    run -0 enrich list.csv -o out.ndjson
    says 'Nothing to do'
    run -0 "$TRANCHE" resume out.ndjson.run
    says 'Nothing to do'
    [ "$(requests)" = "$before" ]
    [ "$(sha256sum out.ndjson)" = "$sum" ]
}

@test "a finished run with failed records: nothing to do, and 1 again" {
    people 100 >list.csv
    echo '0,Pat,Poison,poison.example,,' >>list.csv
    run -1 enrich list.csv -o out.ndjson
    [ "$(jq -r 'select(.outcome == "failed") | .record' out.ndjson)" = 101 ]
    says failed
    run -1 enrich list.csv -o out.ndjson
    says 'Nothing to do'
}

@test "a frozen option changed: 64, and it is named with both values" {
    people 100 >list.csv
    run -0 enrich list.csv -o out.ndjson
    run -64 enrich list.csv -o out.ndjson --max-records 5
    says --max-records "'5'" -o --force
    run -64 "$TRANCHE" run list.csv -p enrichso/email-validation --base-url "$sim_url" -o out.ndjson
    says --provider enrichso/email-validation enrichso/email-finder
    run -64 enrich list.csv -o out.ndjson --map 'domain=Note'
    says --map domain=Note
}

@test "a frozen option changed on an unfinished run: 64, and the run still goes on" {
    people 100 >list.csv
    run -75 enrich list.csv -o out.ndjson --max-credits 100
    run -64 enrich list.csv -o out.ndjson --max-records 5
    says --max-records
    run -0 enrich list.csv -o out.ndjson --max-credits 100000
}

@test "another list: refused with the two commands that work; --force moves the old run aside" {
    people 100 >list.csv
    run -0 enrich list.csv -o out.ndjson
    sum=$(sha256sum out.ndjson)
    people 100 2 >list.csv
    run -64 enrich list.csv -o out.ndjson
    says 'another list' -o --force
    [ "$(sha256sum out.ndjson)" = "$sum" ]
    run -0 enrich list.csv -o out.ndjson --force
    says out.ndjson.run.1
    [ -e out.ndjson.run.1/ledger.db ]
    [ "$(sha256sum out.ndjson)" != "$sum" ]
    run -0 "$TRANCHE" verify out.ndjson.run
}

@test "a list that grew is another list" {
    people 100 >list.csv
    run -0 enrich list.csv -o out.ndjson
    echo '101,Ada,Late,everybody.example,,' >>list.csv
    run -64 enrich list.csv -o out.ndjson
    says 'another list'
}

@test "a list that was only touched is the same" {
    people 100 >list.csv
    run -0 enrich list.csv -o out.ndjson
    touch -d '2001-01-01' list.csv
    run -0 enrich list.csv -o out.ndjson
    says 'Nothing to do'
}

@test "a list that changed under an unfinished run: an error, and nothing is sent" {
    people 100 >list.csv
    run -75 enrich list.csv -o out.ndjson --max-credits 100
    before=$(submissions)
    sed -i 's/everybody/nobody/; 2s/Lovelace/Turing/' list.csv
    sed -i '3s/,/;/2' list.csv
    run -65 enrich list.csv -o out.ndjson --max-credits 100000
    says changed
    [ "$(submissions)" = "$before" ]
}

@test "a second process on a live run: 75, and it names the holder" {
    another_sim --queue 30s
    people 100 >list.csv
    enrich_in_background list.csv -o out.ndjson
    eventually arrived 1
    run -75 enrich list.csv -o out.ndjson
    says "process $pid"
    for command in verify resolve resume; do
        run -75 "$TRANCHE" $command out.ndjson.run
        says "process $pid"
    done
    run -75 "$TRANCHE" export out.ndjson.run -o other.csv
    says "process $pid"
    # but its progress may be asked
    eventually test -e out.ndjson.run/status.json
    run -0 --separate-stderr "$TRANCHE" status out.ndjson.run --json
    [ "$(jq -r .records.read <<<"$output")" = 100 ]
    [ "$(submissions)" = 1 ]
}

@test "status --json: every member, of a run that is finished" {
    people 100 >list.csv
    run -0 enrich list.csv -o out.ndjson
    run -0 "$TRANCHE" status out.ndjson.run --json
    [ "$(jq -c keys_unsorted <<<"$output")" = '["state","waiting_for","list","output","run_dir","operation","provider","sandbox","started","started_ms","updated","updated_ms","records","list_bytes","outcomes","batches","credits","requests","output_bytes","rate_per_s","eta_s","exit_status","problem","advice"]' ]
    [ "$(jq -c '[.state, .exit_status, .records.read, ([.outcomes[]] | add)]' <<<"$output")" = \
        '["complete",0,100,100]' ]
    run -0 jq -e .state out.ndjson.run/status.json
    run -0 jq -e .state out.ndjson.run/report.json
    run -0 "$TRANCHE" status out.ndjson.run
    says found
    run -66 "$TRANCHE" status .
}

@test "a list from a pipe: interrupted, given again, continued" {
    people 6000 >list.csv
    run -0 enrich list.csv -o calm.ndjson
    mkfifo pipe
    (head -c 350000 list.csv && sleep 60) >pipe 3>&- &
    writer=$!
    background=$writer
    enrich_in_background - -o out.ndjson --linger 50ms <pipe
    eventually test -s out.ndjson.partial # its first shard is answered
    kill -KILL "$pid"
    ended "$pid"
    [ "$status" = 137 ]
    run -0 enrich - -o out.ndjson <list.csv
    cmp out.ndjson calm.ndjson
    run -0 "$TRANCHE" verify out.ndjson.run
    [ "$(sim_get /account | jq '[.submissions[-2:][].items] | add')" -lt 6000 ]
}

@test "a pipe that gives another list: an error" {
    people 6000 >list.csv
    people 6000 2 >other.csv
    mkfifo pipe
    (head -c 350000 list.csv && sleep 60) >pipe 3>&- &
    background=$!
    enrich_in_background - -o out.ndjson --linger 50ms <pipe
    eventually test -s out.ndjson.partial
    kill -KILL "$pid"
    ended "$pid"
    run -65 enrich - -o out.ndjson <other.csv
    says changed
}

@test "plan sends nothing, and says what a run does" {
    another_sim --queue 0
    people 1000 >list.csv
    common
    run -0 "$TRANCHE" plan list.csv -p enrichso/email-finder --base-url "$sim_url"
    says 'Nothing was sent' duplicates
    run -0 "$TRANCHE" plan list.csv -p enrichso/email-finder --base-url "$sim_url" --json
    plan=$output
    [ "$(requests)" = 0 ]
    [ "$(ls | grep -cv -e list.csv -e sim)" = 0 ]
    run -0 enrich list.csv -o out.ndjson
    [ "$(jq .to_be_sent <<<"$plan")" = "$(sim_get /account | jq '[.submissions[].items] | add')" ]
    [ "$(jq .invalid <<<"$plan")" = "$(status_of out.ndjson.run .outcomes.invalid)" ]
    [ "$(jq .duplicates <<<"$plan")" = "$(status_of out.ndjson.run .records.duplicates)" ]
    [ "$(jq .credits_max <<<"$plan")" -ge "$(status_of out.ndjson.run .credits.spent)" ]
}

@test "plan without a key" {
    people 50 >list.csv
    unset ENRICHSO_API_KEY
    run -0 "$TRANCHE" plan list.csv -p enrichso/email-finder
    says 'to be sent'
    run -65 "$TRANCHE" plan /dev/null -p enrichso/email-finder
}

@test "the sandbox needs neither key nor network" {
    people 50 >list.csv
    unset ENRICHSO_API_KEY
    run -0 "$TRANCHE" run list.csv -p enrichso/email-finder -o out.ndjson --sandbox --progress none
    [ "$(wc -l <out.ndjson)" = 50 ]
    says sandbox
}

@test "providers, help and version" {
    run -0 "$TRANCHE" providers
    says enrichso/email-finder enrichso/email-validation
    run -0 "$TRANCHE" providers --json
    [ "$(jq -r '.[0].operations[0].name' <<<"$output")" = enrichso/email-finder ]
    for command in plan run resume status resolve export verify listen sim providers; do
        run -0 "$TRANCHE" $command --help
        says "tranche $command"
    done
    run -0 "$TRANCHE" --version
    run -64 "$TRANCHE"
    run -64 "$TRANCHE" rnu
    says run
}
