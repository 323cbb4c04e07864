# What the bats files share. Each file has a simulator of its own, started by simulator in
# setup_file and ended in teardown_file; each test a folder of its own, which it is in.

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../lib.sh"
work=$BATS_FILE_TMPDIR
clean_environment

# simulator [OPTION...]: for all tests of the file.
simulator() {
    sim_start "$BATS_FILE_TMPDIR/sim" --balance 1000000000 "$@"
    export sim_pid sim_root sim_url
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

teardown_file() {
    [ -z "${sim_pid:-}" ] || sim_stop "$sim_pid"
}

# Ends what a test left running in the background, by its id.
teardown() {
    local pid
    for pid in $background; do
        kill -KILL "$pid" 2>/dev/null || continue
        gone "$pid"
    done
    [ -z "$own_sim" ] || sim_stop "$own_sim"
}
background= own_sim=

# another_sim [OPTION...]: a simulator for this test alone; sim_url is its.
another_sim() {
    sim_start "$BATS_TEST_TMPDIR/sim" "$@"
    own_sim=$sim_pid
}

# The options of every run against a simulator.
common() {
    against=(-p enrichso/email-finder --base-url "$sim_url" --rate 1000/s --progress none
        --doubt-wait 0s)
}

enrich() {
    common
    "$TRANCHE" run "$@" "${against[@]}"
}

# enrich_in_background ARGUMENT...: sets pid; what it says is in `said`.
enrich_in_background() {
    common
    "$TRANCHE" run "$@" "${against[@]}" <&0 >said 2>&1 3>&- &
    pid=$!
    background="$background $pid"
}

# ended PID: wait for it; its exit status is in `status`.
ended() {
    status=0
    wait "$1" || status=$?
}

# eventually COMMAND...: wait until it succeeds; a minute at most, for the slowest machine.
eventually() {
    local tries=0
    until "$@"; do
        [ $((tries += 1)) -lt 1200 ] || {
            echo "never came true: $*"
            return 1
        }
        sleep 0.05
    done
}

# says TEXT...: the output of the last `run` holds each of them.
says() {
    local text
    for text in "$@"; do
        [[ $output == *"$text"* ]] || {
            printf 'missing: %s\nin: %s\n' "$text" "$output"
            return 1
        }
    done
}

# submissions: how many the simulator has accepted so far. requests: of any kind.
submissions() {
    sim_get /account | jq '.submissions | length'
}
requests() {
    sim_get /account | jq '[.requests[]] | add'
}
arrived() { # COUNT: that many submissions have come
    [ "$(sim_get /account | jq '.requests.submit')" -ge "$1" ]
}

# status_of RUN FILTER
status_of() {
    "$TRANCHE" status "$1" --json | jq -c "$2"
}
