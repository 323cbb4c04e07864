#!/usr/bin/env bats
# tranche balance and tranche providers: what vendors say is left, what there is to ask for.

load helpers

setup_file() {
    simulator
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    export ENRICHSO_BASE_URL=$sim_url
}

faults() {
    sim_post "/faults?set=$1" >/dev/null
}

@test "who has a key is asked, the others are listed" {
    run -0 "$TRANCHE" balance
    [[ ${lines[0]} == PROVIDER*CREDITS*PLAN*'REQUESTS TODAY' ]]
    [[ $output == *enrichso*[0-9],[0-9][0-9][0-9]* ]]
    grep -q '^wiza  *no key$' <<<"$output"
    grep -q '^unstuck  *has no balance to ask for$' <<<"$output"
    run -0 "$TRANCHE" balance --json
    [ "$(jq -r '.[] | select(.provider == "enrichso") | .state, .unlimited' <<<"$output" | xargs)" = 'ok false' ]
    [ "$(jq '.[] | select(.provider == "enrichso") | .credits' <<<"$output")" = "$(sim_get /account | jq .balance)" ]
    [ "$(jq -r '.[] | select(.provider == "wiza") | .state, .credits' <<<"$output" | xargs)" = 'no_key null' ]
}

@test "several at once, each with its own answer" {
    sim_vendor=wiza
    export WIZA_API_KEY=sandbox WIZA_BASE_URL=$sim_root/wiza
    run -0 "$TRANCHE" balance wiza enrichso
    [[ ${lines[1]} == wiza*[0-9]* && ${lines[2]} == enrichso*[0-9]* && ${#lines[@]} = 3 ]]
    WIZA_BASE_URL=http://127.0.0.1:1 run -69 "$TRANCHE" balance wiza enrichso
    [[ ${lines[1]} == wiza*'no answer'* && ${lines[2]} == enrichso*[0-9]* ]]
    WIZA_API_KEY=wrong run -77 "$TRANCHE" balance wiza enrichso
    [[ ${lines[2]} == enrichso*[0-9]* && $output != *wrong* ]]
}

@test "exit statuses" {
    for each in 401:77 403:77 500:69 404:69 429:69; do
        faults "balance:status-${each%:*}:1"
        run "-${each#*:}" "$TRANCHE" balance enrichso
        says "${each%:*}"
    done
    faults balance:garbage:1
    run -69 "$TRANCHE" balance enrichso
    faults ''
    run -64 "$TRANCHE" balance nobody
    run -78 "$TRANCHE" balance wiza
    says WIZA_API_KEY
    run -64 "$TRANCHE" balance --base-url "$sim_url"
    says 'enrichso='
    run -0 "$TRANCHE" balance enrichso --base-url "$sim_url"
    unset ENRICHSO_API_KEY
    run -78 "$TRANCHE" balance
    says 'no key'
}

@test "providers: every operation, in 100 columns" {
    run -0 "$TRANCHE" providers
    for each in enrichso/{email-finder,email-validation,reverse-lookup,phone-finder} prospiq/enrich \
        unstuck/{enrich,discover,account} wiza/reveal zeliq/{email,phone}; do
        grep -q "^  $each  *[0-9]" <<<"$output"
    done
    [ "$(awk '{ if (length > most) most = length } END { print most }' <<<"$output")" -le 100 ]
    run -0 "$TRANCHE" providers wiza
    says 'level=none|partial|phone|full' GIVES email_status
    [[ $output != *enrichso* ]]
    run -64 "$TRANCHE" providers nobody
}

@test "providers --json has what the tables have" {
    run -0 "$TRANCHE" providers --json
    [ "$(jq '[.[].operations[]] | length' <<<"$output")" = 11 ]
    [ "$(jq -c '[.[] | select(.name == "wiza") | .operations[0].options[] | select(.name == "level") | .values[].price]' <<<"$output")" = '[1,3,6,8]' ]
    [ "$(jq -c '[.[] | select(.name == "prospiq") | .operations[0].tiers[] | .batch_max]' <<<"$output")" = '[50,100]' ]
    [ "$(jq '[.[].operations[] | select((.accepts | length) == 0 or (.gives | length) == 0)] | length' <<<"$output")" = 0 ]
    [ "$(jq -r '.[] | select(.name == "unstuck") | .base_url' <<<"$output")" = null ]
    run -0 "$TRANCHE" providers zeliq --json
    [ "$(jq -r '.[].name' <<<"$output")" = zeliq ]
}
