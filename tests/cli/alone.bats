#!/usr/bin/env bats
# Rows that turn out to have no echo: one batch goes as a probe, everything behind it goes alone, and
# from then on a batch's limits are not those that count. "growth" has 10 batches and 100 singles a
# minute. The clocks run ten times as fast; what would wait longer than --max-wait ends the run.

load helpers

# lookup STATUS RECORDS: a list of addresses, against a simulator that keeps to its limits.
lookup() {
    printf '{"enrichso":{"tier":"growth","queue_ms":0,"found_percent":100,"form":"openapi"}}\n' >scenario.json
    another_sim --scenario scenario.json --balance 100000 --speed 10
    { echo email && seq -f 'ana%g@acme.example' "$2"; } >list.csv
    run "-$1" "$TRANCHE" run list.csv -p enrichso/reverse-lookup -o out.ndjson --base-url "$sim_url" \
        --clock-speed 10 --tier growth --max-wait 500ms --progress none
    sim_get /account >account
    # The vendor never had to say that it was too much.
    [ "$(jq '[.posts[] | select(.status != 200)] | length' account)" = 0 ]
}

@test "singles behind the probe are not held to the limits of batches" {
    lookup 0 40
    jq -s -e 'length == 40 and all(.outcome == "found")' out.ndjson
    jq -e '.requests.submit == 1 and .requests.single >= 38' account
}

@test "singles behind the probe are held to their own limits" {
    lookup 75 130
    says 'the rate of submissions allows nothing'
    jq -e '.requests.submit == 1 and .requests.single > 50 and .requests.single <= 100' account
    # A later process knows that there is no echo, and by which limits it may go on.
    run -0 "$TRANCHE" resume out.ndjson.run --max-wait 1m
    jq -s -e 'length == 130 and all(.outcome == "found")' out.ndjson
    [ "$(sim_get /account | jq .requests.submit)" = 1 ]
}

@test "bulk rows in another order, and without a name, are nobody's" {
    export sim_vendor=unstuck UNSTUCK_API_KEY=sandbox
    another_sim --shuffle --speed 100
    { echo linkedin && seq -f 'https://www.linkedin.com/in/person-%g' 30; } >list.csv
    run -1 "$TRANCHE" run list.csv -p unstuck/enrich -o out.ndjson --base-url "$sim_url" --clock-speed 100 --progress none
    # Each would be somebody else's data: what was found says so.
    jq -s -e 'length == 30 and all(.outcome == "failed" and (.reason | test("whose they are")))' out.ndjson
    run -0 "$TRANCHE" verify out.ndjson.run
}
