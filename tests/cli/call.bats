#!/usr/bin/env bats
# tranche call: one request as it is typed, once, and what came of it.

load helpers

setup_file() {
    simulator
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    export ENRICHSO_BASE_URL=$sim_url
}

call() {
    "$TRANCHE" call enrichso "$@"
}
faults() {
    sim_post "/faults?set=$1" >/dev/null
}
requests_of() { # CLASS
    sim_get /account | jq ".requests.$1"
}

@test "the body is the output, the status is said apart" {
    run --separate-stderr -0 call GET /api/v3/wallets/balance
    [ "$(jq .data.balance <<<"$output")" -gt 0 ]
    [[ $stderr == 'GET /api/v3/wallets/balance: 200, '*' bytes in '* ]]
    run --separate-stderr -0 call get '/api/v3/wallets/balance?x=private' -q
    [ -z "$stderr" ]
    run --separate-stderr -0 call get '/api/v3/wallets/balance?x=private'
    [[ $stderr != *private* ]]
}

@test "a POST needs --paid, and is then sent once" {
    before=$(requests_of single)
    echo '{"email":"a@everybody.example"}' >body
    run -64 call POST /api/v3/email-validation --body body
    says 'nothing was sent' enrichso/email-validation --paid
    run -64 call POST /api/v3/lists --body body
    says 'nothing was sent' --paid
    [ "$(requests_of single)" = "$before" ]
    run --separate-stderr -0 call POST /api/v3/email-validation --body body --paid
    [ "$(jq -r .data.email <<<"$output")" = a@everybody.example ]
    run --separate-stderr -0 call POST /api/v3/email-validation --body - --paid <body
    [ "$(jq -r .data.email <<<"$output")" = a@everybody.example ]
    [ $(($(requests_of single) - before)) = 2 ]
}

@test "so does a GET that is paid" {
    run -64 call GET '/api/v3/reverse-lookup/phones?email=a%40b.example'
    says 'nothing was sent' enrichso/phone-finder
    run -64 call GET '/api/v3/reverse-lookup/%70hones/?email=a%40b.example'
    says 'nothing was sent' enrichso/phone-finder
}

@test "exit statuses" {
    run -1 call GET /api/v3/email-finder/batch/nowhere
    for each in 401:77 403:77 423:77 402:75 429:75 500:69 503:69 404:1 409:1 302:1; do
        faults "balance:status-${each%:*}:1"
        run "-${each#*:}" call GET /api/v3/wallets/balance
        says "wallets/balance: ${each%:*}"
    done
    faults ''
    ENRICHSO_API_KEY=wrong run -77 call GET /api/v3/wallets/balance
    [[ $output != *wrong* ]]
    ENRICHSO_BASE_URL=http://127.0.0.1:1 run -69 call GET /api/v3/wallets/balance
    says 'cannot be reached'
}

@test "nothing is sent twice, and a lost answer is no failure that is known" {
    echo '{"email":"a@everybody.example"}' >body
    for fault in drop-after after-500 cut; do
        before=$(requests_of single)
        faults "single:$fault:1"
        run -69 call POST /api/v3/email-validation --body body --paid
        says 'look into the account'
        [ $(($(requests_of single) - before)) = 1 ]
    done
    faults ''
    before=$(requests_of balance)
    faults balance:drop-before:1
    run -69 call GET /api/v3/wallets/balance
    [[ $output != *'look into the account'* ]]
    [ $(($(requests_of balance) - before)) = 1 ]
    faults ''
}

@test "what is no such call is refused before anything is sent" {
    run -64 "$TRANCHE" call nobody GET /x
    says nobody
    run -64 call PUT /x
    run -64 call GET https://evil.example/
    run -64 call GET //evil.example/
    run -64 call GET /a/../b
    run -64 call GET /a/%2e%2e/b
    run -64 call GET
    run -64 call GET /x --body body
    run -66 call POST /x --paid --body nowhere
    run -64 call GET /x --base-url "wiza=$sim_url"
    run -78 call GET /x --base-url http://example.com
    run -78 "$TRANCHE" call unstuck GET /x --key-file nowhere
    says address
    unset ENRICHSO_API_KEY
    run -78 call GET /x
    says ENRICHSO_API_KEY --key-file
}

@test "the order of sources: command line, environment, file" {
    printf 'base-url = http://127.0.0.1:1\n' >conf
    run -0 call GET /api/v3/wallets/balance --config conf
    unset ENRICHSO_BASE_URL
    run -69 call GET /api/v3/wallets/balance --config conf
    run -0 call GET /api/v3/wallets/balance --config conf --base-url "enrichso=$sim_url"
}
