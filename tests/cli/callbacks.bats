#!/usr/bin/env bats
# Runs that are called back: the address is tried first, what is no callback of theirs has no effect,
# and the first result counts. The simulator itself calls nobody here: the tests do.

load helpers

setup_file() {
    simulator --faults callback:lost
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    export ZELIQ_API_KEY=sandbox PROSPIQ_API_KEY=sandbox PROSPIQ_WEBHOOK_SECRET=whsec
    sim_vendor=zeliq
    port=$(free_port)
    url=http://127.0.0.1:$port
    against=(-p zeliq/email --base-url "$sim_root/zeliq/api" --rate 1000/s --progress none --doubt-wait 0s)
    here=(--callback-url "$url" --callback-listen "127.0.0.1:$port")
}

# list NAME...: people who are asked for by their profiles.
list() {
    printf 'https://www.linkedin.com/in/%s\n' linkedin_url "$@" | sed '1s/.*/linkedin_url/' >list.csv
}

# start ARGUMENT...: a run in the background; what it says is in said.
start() {
    "$TRANCHE" "$@" >said 2>&1 3>&- </dev/null &
    pid=$!
    background="$background $pid"
}

# address_of NAME: where the vendor was told to call about this person; fails while it was not.
address_of() {
    sim_get /questions | jq -r --arg name "$1" \
        'select(.question.linkedin_url | endswith("/" + $name)).callback' | grep .
}
asked() {
    [ "$(sim_get '/account?lists=0' | jq .slots.jobs)" -ge "$1" ]
}

# found NAME EMAIL: what Zeliq would say.
found() {
    jq -n -c --arg url "https://www.linkedin.com/in/$1" --arg email "$2" '{credit_used: 1, contact:
        {linkedin_url: $url, most_probable_email: $email, most_probable_email_status: "valid"}}'
}

# post URL BODY [CURL-OPTION...]: prints the status.
post() {
    curl -s -o reply -w '%{http_code}' --noproxy '*' --data-binary "$2" "${@:3}" "$1"
}

# landed RUN COUNT: so many records have their answer.
landed() {
    [ "$(status_of "$1" .records.answered)" -ge "$2" ]
}

@test "an address that leads nowhere: 78, and nothing is sent" {
    list nowhere
    before=$(sim_get '/account?lists=0' | jq .requests.submit)
    run -78 "$TRANCHE" run list.csv -o out.ndjson "${against[@]}" --callback-url "$url" \
        --callback-listen 127.0.0.1:0
    says "--callback-url $url does not lead to 127.0.0.1:0" "Nothing was sent" "resume"
    [ "$(sim_get '/account?lists=0' | jq .requests.submit)" = "$before" ]
}

@test "an address that leads to somebody else: 78, and nothing is sent" {
    list elsewhere
    before=$(sim_get '/account?lists=0' | jq .requests.submit)
    run -78 "$TRANCHE" run list.csv -o out.ndjson "${against[@]}" --callback-url "$sim_root" \
        --callback-listen "127.0.0.1:$port"
    says "--callback-url $sim_root does not lead to 127.0.0.1:$port" "somebody else answered there"
    [ "$(sim_get '/account?lists=0' | jq .requests.submit)" = "$before" ]
    # Mended, it goes on.
    start resume out.ndjson.run "${here[@]}"
    eventually address_of elsewhere
    [ "$(post "$(address_of elsewhere)" "$(found elsewhere a@example.com)")" = 200 ]
    ended "$pid"
    [ "$status" = 0 ]
}

@test "what is missing is told" {
    list somebody
    run -64 "$TRANCHE" run list.csv -o out.ndjson "${against[@]}"
    says "Zeliq answers email by calling back: give --callback-url https://HOST"
    run -64 "$TRANCHE" run list.csv -o out.ndjson "${against[@]}" --callback-url "$url"
    says "--callback-url leads nowhere: give --callback-listen ADDR:PORT"
    run -64 "$TRANCHE" run list.csv -o out.ndjson "${against[@]}" --spool spool
    says "--callback-url is missing"
    run -64 "$TRANCHE" run list.csv -o out.ndjson -p enrichso/email-validation --base-url "$sim_url" "${here[@]}"
    says "calls nobody back"
}

@test "a sandbox needs no address" {
    list $(seq -f 'boxed-%g' 40)
    run -0 "$TRANCHE" run list.csv -o out.ndjson -p zeliq/email --sandbox --progress none
    [ "$(jq -s 'map(.outcome == "found" or .outcome == "not_found") | all and length == 40' out.ndjson)" = true ]
    run -64 "$TRANCHE" run list.csv -o other.ndjson -p zeliq/email --sandbox "${here[@]}"
    says "--sandbox needs no address"
}

@test "what is no callback of the run has no effect" {
    list hidden shown
    start run list.csv -o out.ndjson "${against[@]}" "${here[@]}"
    eventually address_of shown
    at=$(address_of hidden)
    truth=$(found hidden hidden@example.com)
    [ "$at" != "${at#"$url"/callbacks/zeliq/}" ]
    last=${at: -1}
    [ "$(post "${at%?}$([ "$last" = 0 ] && echo 1 || echo 0)" "$truth")" = 404 ]
    [ "$(post "$at"0 "$truth")" = 404 ]
    [ "$(post "${at/zeliq/wiza}" "$truth")" = 404 ]
    [ "$(post "$url/" "$truth")" = 404 ]
    [ "$(curl -s -o reply -w '%{http_code}' --noproxy '*' "$at")" = 404 ]
    [ ! -s reply ]
    { printf '{"x":"' && head -c 1048576 /dev/zero | tr '\0' x && printf '"}'; } >large
    [ "$(post "$at" @large)" = 413 ]
    # What cannot be read is kept and changes nothing.
    [ "$(post "$at" 'hello')" = 200 ]
    [ "$(post "$at" '[]')" = 200 ]
    kill -0 "$pid"
    [ "$(post "$at" "$truth")" = 200 ]
    [ "$(post "$(address_of shown)" "$(found shown shown@example.com)")" = 200 ]
    ended "$pid"
    [ "$status" = 0 ]
    [ "$(jq -r .data.email out.ndjson | xargs)" = "hidden@example.com shown@example.com" ]
    grep -q 'cannot be read' said
    run ! grep -e hidden@ -e "${at##*/}" said
}

@test "the first result counts: a repeated one changes nothing, another one is kept and shown" {
    list twice last
    start run list.csv -o out.ndjson "${against[@]}" "${here[@]}"
    eventually address_of last
    at=$(address_of twice)
    [ "$(post "$at" "$(found twice first@example.com)")" = 200 ]
    eventually landed out.ndjson.run 1
    [ "$(post "$at" "$(found twice first@example.com)")" = 200 ]
    [ "$(post "$at" "$(found twice second@example.com)")" = 200 ]
    [ "$(post "$at" "$(found twice second@example.com)")" = 200 ]
    [ "$(post "$(address_of last)" "$(found last last@example.com)")" = 200 ]
    ended "$pid"
    [ "$status" = 0 ]
    [ "$(jq -r .data.email out.ndjson | xargs)" = "first@example.com last@example.com" ]
    [ "$(status_of out.ndjson.run '[.batches.stray_callbacks, .credits.spent]')" = "[1,2]" ]
    run -0 "$TRANCHE" status out.ndjson.run
    says "callbacks  1 came after its batch had ended otherwise: kept, not used"
    run -0 "$TRANCHE" verify out.ndjson.run
}

@test "a callback about somebody else ends the record as failed, and what came is kept" {
    list mine
    start run list.csv -o out.ndjson --raw "${against[@]}" "${here[@]}"
    eventually address_of mine
    [ "$(post "$(address_of mine)" "$(found theirs theirs@example.com)")" = 200 ]
    ended "$pid"
    [ "$status" = 1 ]
    [ "$(jq -r '[.outcome, .data.email] | @csv' out.ndjson)" = '"failed",' ]
    jq -e '.reason | contains("somebody else")' out.ndjson
    jq -e '.. | strings | select(. == "theirs@example.com")' out.ndjson
}

@test "a callback after the decision is kept and shown, never merged" {
    list early late
    run -1 "$TRANCHE" run list.csv -o out.ndjson "${against[@]}" "${here[@]}" --callback-timeout 1s
    [ "$(status_of out.ndjson.run .outcomes.in_doubt)" = 2 ]
    batch=$(("0x$(address_of early | sed 's/.*\///' | cut -c 17-24)"))
    run -0 "$TRANCHE" resolve out.ndjson.run "$batch" --as skip
    start resume out.ndjson.run --doubt-wait 1m
    up() {
        grep -q 'arrive here' said
    }
    eventually up
    [ "$(post "$(address_of early)" "$(found early early@example.com)")" = 200 ]
    grep -q "a callback for batch $batch came after it was decided otherwise: kept, not used" said
    # The other one is evidence: it lands.
    [ "$(post "$(address_of late)" "$(found late late@example.com)")" = 200 ]
    ended "$pid"
    [ "$status" = 0 ]
    [ "$(jq -r '[.outcome, .data.email] | @csv' out.ndjson | xargs)" = 'skipped, found,late@example.com' ]
    [ "$(status_of out.ndjson.run .batches.stray_callbacks)" = 1 ]
    run -0 "$TRANCHE" verify out.ndjson.run
}

@test "what lies in the spool is read before anything is concluded, and the address may change hands" {
    list spooled absent
    run -1 "$TRANCHE" run list.csv -o out.ndjson "${against[@]}" "${here[@]}" --callback-timeout 1s
    "$TRANCHE" listen --callback-listen "127.0.0.1:$port" --spool spool >listening 2>&1 3>&- </dev/null &
    background="$background $!"
    open() {
        grep -q '^listening' listening
    }
    eventually open
    [ "$(post "$(address_of spooled)" "$(found spooled spooled@example.com)")" = 200 ]
    run -1 "$TRANCHE" resume out.ndjson.run --spool spool
    [ "$(jq -r '[.outcome, .data.email] | @csv' out.ndjson | xargs)" = 'found,spooled@example.com in_doubt,' ]
    # Told once, remembered: the next resume does without the run's own listener too.
    [ "$(post "$(address_of absent)" "$(found absent absent@example.com)")" = 200 ]
    run -0 "$TRANCHE" resume out.ndjson.run
    [ "$(jq -r .data.email out.ndjson | xargs)" = "spooled@example.com absent@example.com" ]
    # The run has ended without doubt: the spool knows that it need not keep anything for it.
    [ "$(cat spool/taken.*)" = "4294967295 0" ]
}

@test "a test delivery never reaches the output" {
    another_sim --faults callback:lost,single:delay-3000
    sim_vendor=prospiq
    printf 'first_name,last_name,company\nAda,Lovelace,Analytical Engines\n' >list.csv
    start run list.csv -o out.ndjson -p prospiq/enrich --set webhook=on --base-url "$sim_root/prospiq/api/v1" \
        --progress none "${here[@]}"
    sending() {
        rm -rf copy && mkdir copy && cp out.ndjson.run/ledger.db* copy 2>/dev/null &&
            token=$(sqlite3 copy/ledger.db 'SELECT token FROM attempt' 2>/dev/null) && [ -n "$token" ]
    }
    eventually sending
    body='{"event":"bulk.completed","data":{"total":1,"verified":1}}'
    mac=$(printf '%s' "$body" | openssl dgst -sha256 -hmac whsec | sed 's/.*= //')
    at=$url/callbacks/prospiq/$token
    [ "$(post "$at" "$body" -H "X-ProspIQ-Signature: ${mac/[0-9]/x}" -H 'X-ProspIQ-Test: true')" = 401 ]
    [ "$(post "$at" "$body" -H "X-ProspIQ-Signature: $mac" -H 'X-ProspIQ-Test: true')" = 200 ]
    kill -0 "$pid"
    ended "$pid"
    [ "$status" = 0 ]
    [ "$(sqlite3 out.ndjson.run/ledger.db 'SELECT count(*) FROM reply WHERE kind > 2')" = 0 ]
}
