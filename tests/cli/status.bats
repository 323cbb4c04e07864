#!/usr/bin/env bats
# What tranche status says of a run that has ended, one way or the other, and of one that has not.

load helpers

setup_file() {
    simulator --queue 0
}

# member FILTER: of the status as JSON.
member() {
    status_of out.ndjson.run "$1"
}

# as_reported FILTER...: the status says the same as the process did when it ended.
as_reported() {
    local filter
    for filter in "$@"; do
        [ "$(member "$filter")" = "$(jq -c "$filter" out.ndjson.run/report.json)" ] || {
            echo "$filter: $(member "$filter")"
            return 1
        }
    done
}
said_at_end='.state .started_ms .updated_ms .requests .credits .provider .list_bytes .rate_per_s
    .records .outcomes .batches .exit_status .problem .advice'

@test "after success: when it ended, how long it took, what it sent" {
    people 300 >list.csv
    run -0 enrich list.csv -o out.ndjson
    sleep 1.1 # the time of asking is another
    as_reported $said_at_end
    [ "$(member .exit_status)" = 0 ]
    [ "$(member .requests.sent)" -gt 0 ]
    [ "$(member .credits.balance)" != null ]
    ended_at=$(jq -r .updated out.ndjson.run/report.json)
    run -0 "$TRANCHE" status out.ndjson.run
    says "out.ndjson.run: complete at $ended_at, after"
    [[ $output != *Reason* && $output != *'Exit status'* && $output != *killed* ]]
}

@test "after --max-credits: the reason, the command that continues, 75" {
    people 200 >list.csv
    run -75 enrich list.csv -o out.ndjson --max-credits 500
    sleep 1.1
    as_reported $said_at_end
    [ "$(member .exit_status)" = 75 ]
    run -0 "$TRANCHE" status out.ndjson.run
    says 'stopped at' 'Reason: ' '--max-credits 500' 'tranche resume out.ndjson.run' 'Exit status 75'
    # from elsewhere, the command is for there
    mkdir other
    cd other
    run -0 "$TRANCHE" status ../out.ndjson.run
    says 'tranche resume ../out.ndjson.run'
}

@test "after a wrong key: 77, and why" {
    another_sim --queue 0 --key another-key
    people 100 >list.csv
    run -77 enrich list.csv -o out.ndjson
    as_reported $said_at_end
    [ "$(member .exit_status)" = 77 ]
    [ "$(member '.problem | length > 0')" = true ]
    run -0 "$TRANCHE" status out.ndjson.run
    says 'stopped at' 'Reason: ' 'Exit status 77'
}

# killed: while a batch is at the vendor; the status it had is in before.json.
killed() {
    enrich_in_background list.csv -o out.ndjson
    eventually arrived 1
    eventually jq -e '.batches.live > 0' out.ndjson.run/status.json
    kill -KILL "$pid"
    ended "$pid"
    [ "$status" = 137 ]
    cp out.ndjson.run/status.json before.json
    [ "$(jq -r .exit_status before.json)" = null ]
}

# without_a_word: the status says so, and when it was last heard of.
without_a_word() {
    sleep 1.1
    [ "$(member '[.state, .exit_status, .problem]')" = \
        '["stopped",null,"ended without a word (killed?)"]' ]
    [ "$(member '[.started_ms, .updated_ms, .requests]')" = \
        "$(jq -c '[.started_ms, .updated_ms, .requests]' before.json)" ]
    run -0 "$TRANCHE" status out.ndjson.run
    says "stopped, last heard of at $(jq -r .updated before.json), after" \
        'Reason: ended without a word (killed?)' 'tranche resume out.ndjson.run'
    [[ $output != *'Exit status'* ]]
}

@test "after kill -9: ended without a word, and when it was last heard of" {
    another_sim --queue 60s
    people 100 >list.csv
    killed
    [ ! -e out.ndjson.run/report.json ]
    without_a_word
    # nor does what an earlier process said count, though it has a report
    touch -d 2001-01-01 out.ndjson.run/status.json
    jq -c '.state = "stopped" | .exit_status = 75 | .problem = "of old" | .updated_ms -= 100000' \
        before.json >out.ndjson.run/report.json
    without_a_word
    # and with nothing said at all, no time is made up
    rm out.ndjson.run/status.json out.ndjson.run/report.json
    run -0 "$TRANCHE" status out.ndjson.run
    says 'killed?'
    [ "$(head -n 1 <<<"$output")" = 'out.ndjson.run: stopped' ]
}

@test "after a second signal: what it last said, and that it said no more" {
    another_sim --queue 0 --faults submit:delay-600000
    people 100 >list.csv
    enrich_in_background list.csv -o out.ndjson
    eventually arrived 1
    kill -INT "$pid"
    eventually jq -e '.state == "draining"' out.ndjson.run/status.json
    kill -INT "$pid"
    ended "$pid"
    run -0 "$TRANCHE" status out.ndjson.run
    says 'stopped by SIGINT; then it ended without a word'
    # a decision is no end: what is left to do is said
    sim_post '/faults?set='
    run -1 "$TRANCHE" resume out.ndjson.run --doubt-wait 0s
    as_reported .state .exit_status .requests
    run -0 decide_doubts out.ndjson.run
    [ "$(member .state)" = '"stopped"' ]
    run -0 "$TRANCHE" status out.ndjson.run
    says 'Reason: what tranche resolve decided' 'tranche resume out.ndjson.run'
    run -0 "$TRANCHE" resume out.ndjson.run
    as_reported $said_at_end
}

@test "a live run: how to watch it, and watching it" {
    another_sim --queue 3s
    people 100 >list.csv
    enrich_in_background list.csv -o out.ndjson
    eventually test -e out.ndjson.run/status.json
    run -75 "$TRANCHE" verify out.ndjson.run
    says "this run is under way (process $pid)" 'tranche status out.ndjson.run --watch'
    [[ $output != */lock* ]]
    "$TRANCHE" status out.ndjson.run --watch >watched
    ended "$pid"
    [ "$status" = 0 ]
    # block by block, an empty line between two, the last one of the end
    blocks=$(grep -c '^out.ndjson.run: ' watched)
    [ "$blocks" -ge 2 ]
    [ "$(grep -c '^$' watched)" = $((blocks - 1)) ]
    [[ $(grep '^out.ndjson.run: ' watched | tail -n 1) == *': complete at '* ]]
    ! grep -q $'\e' watched
}

@test "watching on a terminal draws in place" {
    command -v script >/dev/null || skip 'no script(1)'
    people 50 >list.csv
    run -0 enrich list.csv -o out.ndjson
    TERM=xterm run -0 script -qec "'$TRANCHE' status out.ndjson.run --watch" /dev/null </dev/null
    says $'\e[H\e[2J' complete
    TERM=xterm run -0 script -qec "'$TRANCHE' status out.ndjson.run" /dev/null </dev/null
    [[ $output != *$'\e'* ]]
}

@test "no run, and one that is not ours to read" {
    mkdir empty
    run -66 "$TRANCHE" status empty
    says 'empty is no run'
    run -66 "$TRANCHE" status nowhere
    says 'nowhere'
    [ "$(id -u)" != 0 ] || skip 'root may read everything'
    mkdir -m 000 closed
    run -66 "$TRANCHE" status closed
    says 'closed' 'Permission denied'
}
