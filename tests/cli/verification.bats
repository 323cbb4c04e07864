#!/usr/bin/env bats
# tranche serve-verification: what it answers, what it asks, what it counts.

load helpers

setup_file() {
    simulator
}

path=/a-path-that-nobody-guesses
valid='{"valid":true}' invalid='{"valid":false}'

# serve [OPTION...]: the webhook in the background, for verdicts in ./verdicts; pid and url are set.
serve() {
    : >said
    TRANCHE_VERIFICATION_PATH=$path "$TRANCHE" serve-verification --listen 127.0.0.1:0 \
        --cache verdicts --base-url "$sim_url" --rate 1000/s "$@" >said 2>log 3>&- </dev/null &
    pid=$!
    background="$background $pid"
    eventually listening
    url=$(sed -n 's/^listening on //p' said)
    [ -n "$url" ] || { cat log; return 1; }
}
listening() {
    grep -q '^listening on ' said || ! kill -0 "$pid" 2>/dev/null
}

# stop: as a service is stopped.
stop() {
    kill -TERM "$pid"
    ended "$pid"
    [ "$status" = 0 ] || { cat log; return 1; }
}

# post BODY [CURL-OPTION...]: prints the answer's status and body.
post() {
    local body=$1
    shift
    curl -s -w '%{http_code} ' --noproxy '*' --max-time 60 -o reply --data-binary "$body" "$@" "$url$path"
    cat reply
}
ask() { # ADDRESS [CURL-OPTION...]
    local address=$1
    shift
    post "{\"email\":\"$address\"}" "$@"
}

# What the simulator charged for addresses so far; asked: how many it was asked about.
charged() {
    sim_get /account | jq '.singles["email-validation"].charged'
}
asked() {
    sim_get /account | jq .requests.single
}
faults() {
    sim_post "/faults?set=$1" >/dev/null
}
# The sum that the file of verdicts has.
counted() {
    awk 'NR > 1 { sum += $3 } END { print sum + 0 }' verdicts
}

@test "a vendor's verdict is the answer, and is asked for once" {
    serve --max-credits 100
    before=$(asked)
    [ "$(ask jane@everybody.example)" = "200 $valid" ]
    [ "$(ask jane@nobody.example)" = "200 $invalid" ]
    # known: in any form of writing it, and after a restart
    [ "$(ask ' Jane@Everybody.example ')" = "200 $valid" ]
    stop
    serve --max-credits 100
    [ "$(ask jane@everybody.example)" = "200 $valid" ]
    [ "$(ask jane@nobody.example)" = "200 $invalid" ]
    stop
    [ $(($(asked) - before)) = 2 ]
    [ "$(counted)" = 2 ]
    [ "$(stat -c %a verdicts)" = 600 ]
    ! grep -q -e jane -e example verdicts log
    ! grep -q nobody-guesses log said
}

@test "a verdict that is too old is asked for again" {
    serve --max-credits 100 --cache-age 0s
    before=$(asked)
    ask joe@everybody.example
    ask joe@everybody.example
    stop
    [ $(($(asked) - before)) = 2 ]
}

@test "many who ask for the same wait for one question" {
    serve --max-credits 100
    before=$(asked)
    for i in $(seq 20); do
        curl -s --noproxy '*' --max-time 60 --data-binary '{"email":"all@everybody.example"}' \
            "$url$path" >"reply.$i" 3>&- &
        background="$background $!"
        waiting="$waiting $!"
    done
    for each in $waiting; do ended "$each"; done
    [ "$(sort -u reply.*)" = "$valid" ]
    stop
    [ $(($(asked) - before)) = 1 ]
}

@test "who does not know the path learns nothing" {
    serve --max-credits 100
    before=$(asked)
    for other in / /x "$path/" "${path}x" "${path%?}" /status; do
        [ "$(curl -s -o reply -w '%{http_code}' --noproxy '*' -d '{}' "$url$other")" = 404 ]
        [ "$(curl -s -o reply -w '%{http_code}' --noproxy '*' "$url$other")" = 404 ]
    done
    [ "$(curl -s -o reply -w '%{http_code}' --noproxy '*' "$url$path")" = 405 ]
    [ "$(curl -s -o reply -w '%{http_code}' --noproxy '*' -X DELETE "$url$path")" = 405 ]
    stop
    [ "$(asked)" = "$before" ]
}

@test "what is no question costs nothing and is never answered false" {
    serve --max-credits 100
    before=$(asked)
    [[ $(post '') == 400* ]]
    [[ $(post 'email=jane@everybody.example') == 400* ]]
    [[ $(post '{"mail":"jane@everybody.example"}') == 400* ]]
    [[ $(post '{"email":7}') == 400* ]]
    [[ $(post '{"email":null}') == 400* ]]
    [[ $(ask '') == 422* ]]
    [[ $(ask 'jane') == 422* ]]
    [[ $(ask 'jane@') == 422* ]]
    [[ $(ask "$(printf 'a%.0s' {1..300})@everybody.example") == 422* ]]
    head -c 70000 /dev/zero | tr '\0' ' ' >large
    [[ $(post @large) == 413* ]]
    stop
    [ "$(asked)" = "$before" ]
    [ "$(counted)" = 0 ]
}

@test "other names of the fields, and other words that are true" {
    serve --max-credits 100 --request-field data.contact.email --reply-field result.ok --accept invalid,risky
    [ "$(post '{"data":{"contact":{"email":"a@nobody.example"}}}')" = '200 {"result":{"ok":true}}' ]
    [ "$(post '{"data":{"contact":{"email":"a@everybody.example"}}}')" = '200 {"result":{"ok":false}}' ]
    [[ $(ask a@everybody.example) == 400* ]]
    stop
}

@test "the cap holds over a restart, and what is known is answered still" {
    serve --max-credits 2
    before=$(charged)
    [ "$(ask one@everybody.example)" = "200 $valid" ]
    [ "$(ask two@everybody.example)" = "200 $valid" ]
    [[ $(ask three@everybody.example) == 503* ]]
    [[ $(ask four@everybody.example -D headers) == 503* ]]
    grep -qi '^retry-after: ' headers
    [ "$(ask one@everybody.example)" = "200 $valid" ]
    [ "$(grep -c 'max-credits' log)" = 1 ] # said once
    stop
    serve --max-credits 2
    [[ $(ask three@everybody.example) == 503* ]]
    [ "$(ask two@everybody.example)" = "200 $valid" ]
    stop
    serve --max-credits 3
    [ "$(ask three@everybody.example)" = "200 $valid" ]
    stop
    [ $(($(charged) - before)) = 3 ]
}

@test "an answer that was lost is counted as paid, and nobody is told a guess" {
    serve --max-credits 100
    faults single:drop-after:1
    [[ $(ask lost@everybody.example) == 502* ]]
    [ "$(counted)" = 1 ]
    faults single:after-503:1
    [[ $(ask lost2@everybody.example) == 502* ]]
    faults single:cut:1
    [[ $(ask lost3@everybody.example) == 502* ]]
    faults single:garbage:1
    [[ $(ask lost4@everybody.example) == 502* ]]
    [ "$(counted)" = 4 ]
    faults ''
    # Whoever asks again asks anew, knowing that it may be paid twice: here it is.
    [ "$(ask lost@everybody.example)" = "200 $valid" ]
    [ "$(counted)" = 5 ]
    stop
}

@test "a refusal costs nothing: 503 until the vendor takes questions again" {
    serve --max-credits 100
    faults single:limit-1:1
    [[ $(ask later@everybody.example) == 503* ]]
    [ "$(counted)" = 0 ]
    faults ''
    [ "$(ask later@everybody.example)" = "200 $valid" ] # waits for the pause that was asked for
    stop
    serve --max-credits 100
    faults single:status-402:1
    [[ $(ask paid@everybody.example) == 503* ]]
    faults ''
    [[ $(ask other@everybody.example) == 503* ]] # not before a minute has gone
    [ "$(counted)" = 1 ]
    grep -q 'no credits' log
    stop
}

@test "a vendor that refuses the key, and one that is not there" {
    ENRICHSO_API_KEY=wrong serve --max-credits 100
    [[ $(ask a@everybody.example) == 503* ]]
    grep -q 'refused the key' log
    ! grep -q wrong log
    stop
    sim_url=http://127.0.0.1:1 serve --max-credits 100
    [[ $(ask a@everybody.example) == 503* ]]
    [ "$(counted)" = 0 ]
    stop
}

# A vendor that is stopped: the question has left, and no answer comes.
asking() {
    grep -q '^ask ' verdicts
}

@test "killed while asking: the credits are counted, the question is not" {
    another_sim
    serve --max-credits 2
    kill -STOP "$own_sim"
    ask a@everybody.example >answer 3>&- &
    asker=$!
    background="$background $asker"
    eventually asking
    kill -KILL "$pid"
    ended "$pid"
    ended "$asker"
    kill -CONT "$own_sim"
    serve --max-credits 2
    grep -q '1 of 2 credits are spent' log
    [ "$(ask b@everybody.example)" = "200 $valid" ]
    [[ $(ask a@everybody.example) == 503* ]] # the cap holds
    stop
}

@test "SIGTERM: what is being asked is answered, and nothing new is taken" {
    another_sim
    serve --max-credits 10
    kill -STOP "$own_sim"
    ask a@everybody.example >answer 3>&- &
    asker=$!
    background="$background $asker"
    eventually asking
    kill -TERM "$pid"
    eventually drains
    kill -CONT "$own_sim"
    ended "$asker"
    [ "$(cat answer)" = "200 $valid" ]
    ended "$pid"
    [ "$status" = 0 ]
    [ "$(counted)" = 1 ]
}
drains() {
    [ "$(curl -s -o drained -w '%{http_code}' --noproxy '*' -d '{"email":"b@everybody.example"}' "$url$path")" = 503 ]
}

@test "what must be said, and how the path is kept" {
    serve_with() {
        run "--separate-stderr" "$1" "$TRANCHE" serve-verification --cache verdicts --base-url "$sim_url" "${@:2}"
        output=$stderr
    }
    export TRANCHE_VERIFICATION_PATH=$path
    serve_with -64 --max-credits 5
    says --listen
    serve_with -64 --listen 127.0.0.1:0
    says --max-credits
    serve_with -64 --listen 127.0.0.1:0 --max-credits 5 --with enrichso/email-finder
    says enrichso/email-finder
    serve_with -64 --listen 127.0.0.1:0 --max-credits 5 --with enrichso/email-validation --set mode=batch
    says 'at once'
    serve_with -64 --listen nowhere --max-credits 5
    serve_with -64 --listen 127.0.0.1:0 --max-credits 5 --accept 'valid,'
    serve_with -64 --listen 127.0.0.1:0 --max-credits 5 --request-field a..b
    TRANCHE_VERIFICATION_PATH=/short serve_with -78 --listen 127.0.0.1:0 --max-credits 5
    says 16
    TRANCHE_VERIFICATION_PATH=no-slash-before-the-path serve_with -78 --listen 127.0.0.1:0 --max-credits 5
    unset TRANCHE_VERIFICATION_PATH
    serve_with -78 --listen 127.0.0.1:0 --max-credits 5
    says --path-file TRANCHE_VERIFICATION_PATH
    echo "$path" >path
    chmod 644 path
    serve_with -78 --listen 127.0.0.1:0 --max-credits 5 --path-file path
    says 600
    [[ $output != *guesses* ]]
    unset ENRICHSO_API_KEY
    chmod 600 path
    serve_with -78 --listen 127.0.0.1:0 --max-credits 5 --path-file path
    says ENRICHSO_API_KEY
}

@test "the path from a file; one process for a file of verdicts" {
    echo "$path" >path
    chmod 600 path
    unset TRANCHE_VERIFICATION_PATH
    path=$path serve --max-credits 5 --path-file path
    [ "$(ask a@everybody.example)" = "200 $valid" ]
    run -75 "$TRANCHE" serve-verification --listen 127.0.0.1:0 --max-credits 5 --cache verdicts \
        --base-url "$sim_url" --path-file path
    stop
}
