# What the shell tests share: where the program is, a clean environment, simulators, lists. Sourced
# by bash.
#
# A test has a folder of its own in $work. It ends the processes that it started, by their id.

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TRANCHE=${TRANCHE:-$(dirname "$tests")/build/release/tranche}
export TRANCHE

# Nothing of the person who runs the tests may reach them: keys, addresses, options, language, proxy.
clean_environment() {
    local name
    for name in $(compgen -e); do
        case $name in
            TRANCHE) ;;
            TRANCHE_* | *_API_KEY | *_API_KEY_FILE | *_BASE_URL) unset "$name" ;;
            http_proxy | https_proxy | all_proxy | HTTP_PROXY | HTTPS_PROXY | ALL_PROXY) unset "$name" ;;
        esac
    done
    export LC_ALL=C.UTF-8 XDG_STATE_HOME=$work/state ENRICHSO_API_KEY=sandbox
}

# unknown_option OPTION: ends the script that was started with it.
unknown_option() {
    echo "${0##*/}: unknown option $1; see its first lines" >&2
    exit 64
}

# seed_begin [SEED]: sets `seed` to it, or to a random one, and RANDOM goes on from there.
seed_begin() {
    seed=${1:-$(($(od -An -N3 -tu4 /dev/urandom)))}
    RANDOM=$seed
}

# work_begin NAME [FOLDER]: a folder to work in, in $work; it goes at the end unless it was given or
# $work_failed is set. Simulators that still run are ended with it.
work_begin() {
    if [ -n "${2:-}" ]; then
        mkdir -p "$2" && work=$(cd "$2" && pwd) || exit 73
        work_kept=1
    else
        work=$(mktemp -d "${TMPDIR:-/tmp}/$1.XXXXXX") || exit 73
        work_kept=
    fi
    work_failed= sim_pid=
    trap work_end EXIT
    clean_environment
}
work_end() {
    [ -z "$sim_pid" ] || sim_stop "$sim_pid"
    [ -n "$work_kept$work_failed" ] || rm -rf "$work"
}

# sim_start FOLDER [OPTION...]: a simulator in a process of its own, its state in FOLDER
# or, where that is set, in $sim_state. Sets
# sim_pid, sim_root (its address) and sim_url (what the client is given: that of $sim_vendor,
# enrichso unless set).
sim_start() {
    local folder=$1 tries=0
    shift
    mkdir -p "$folder"
    : >"$folder/out"
    "$TRANCHE" sim --state "${sim_state:-$folder/sim}" "$@" >"$folder/out" 2>"$folder/err" </dev/null 3>&- &
    sim_pid=$!
    sim_root=
    until sim_root=$(sed -n 's/^listening on //p' "$folder/out") && [ -n "$sim_root" ]; do
        if ! kill -0 "$sim_pid" 2>/dev/null || [ $((tries += 1)) -gt 1500 ]; then
            echo "the simulator did not start: $(cat "$folder/err")" >&2
            return 1
        fi
        sleep 0.02
    done
    sim_url=$sim_root/${sim_vendor:-enrichso}
}

# sim_stop PID: end a simulator and wait until it is gone.
sim_stop() {
    sim_pid=
    kill "$1" 2>/dev/null || return 0
    gone "$1"
}

# gone PID: wait until the process has ended, ours or not.
gone() {
    wait "$1" 2>/dev/null
    while kill -0 "$1" 2>/dev/null; do
        sleep 0.02
    done
}

# free_port: one that nobody listens on, below those that the system gives out by itself.
free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)) && (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
        :
    done
    echo "$port"
}

# sim_get PAGE, sim_post PAGE: what the simulator says as the judge of a client, of $sim_vendor
# (enrichso unless set); see src/sim/audit.h.
sim_get() {
    curl -sS --fail-with-body --noproxy '*' "$sim_root/sim/${sim_vendor:-enrichso}$1"
}
sim_post() {
    curl -sS --fail-with-body --noproxy '*' -X POST "$sim_root/sim/${sim_vendor:-enrichso}$1"
}

# people RECORDS [SEED]: a list on standard output.
people() {
    awk -v records="$1" -v seed="${2:-1}" -f "$tests/crash/people.awk"
}

# doubts RUN: number and sha256 of the body of each batch in doubt, a line each.
doubts() {
    "$TRANCHE" resolve "$1" |
        sed -n -e 's/^batch \([0-9]*\):.*/\1/p' -e 's/^ *body: .*sha256 \([0-9a-f]*\)$/\1/p' |
        paste -d ' ' - -
}

# decide_doubts RUN: what the account of the simulator says of each batch in doubt becomes the
# decision. Prints what was decided.
decide_doubts() {
    local batch sha id choice account
    account=$(sim_get /account) || return 1
    doubts "$1" | while read -r batch sha; do
        id=$(jq -r --arg sha "$sha" 'first(.submissions[] | select(.body_sha256 == $sha) | .id) // ""' \
            <<<"$account")
        choice=not-sent
        [ -z "$id" ] || choice=sent=$id
        echo "batch $batch: $choice"
        "$TRANCHE" resolve "$1" "$batch" --as "$choice" >/dev/null || return 1
    done
}

# judge RUN OUT RECORDS: everything that must hold of a complete run whose doubts are decided, by
# the simulator's account. Says what does not, and fails.
judge() {
    local run=$1 out=$2 records=$3 account status bad=0 sum lines twice
    if ! "$TRANCHE" verify "$run" >"$run/verify.txt" 2>&1; then
        echo "tranche verify is not clean:"
        cat "$run/verify.txt"
        bad=1
    fi
    account=$(sim_get /account) || return 1
    status=$("$TRANCHE" status "$run" --json) || true
    sum=$(jq '[.outcomes[]] | add' <<<"$status")
    if [ "$sum" != "$records" ]; then
        echo "$sum outcomes for $records records"
        bad=1
    fi
    lines=$(unpack "$out" | wc -l)
    if [ "$lines" != "$records" ]; then
        echo "$lines lines of output for $records records"
        bad=1
    fi
    if [ "$(jq -r '.spent' <<<"$account")" != "$(jq -r '.credits.spent' <<<"$status")" ]; then
        echo "the account was charged $(jq .spent <<<"$account"), the run says" \
            "$(jq .credits.spent <<<"$status")"
        bad=1
    fi
    if [ "$(jq '.reserved' <<<"$account")" != 0 ]; then
        echo "$(jq .reserved <<<"$account") credits are reserved still: a batch was never fetched"
        bad=1
    fi
    twice=$(accepted_identities "$account" | sort | uniq -d | head -n 3)
    if [ -n "$twice" ]; then
        printf 'paid twice:\n%s\n' "$twice"
        bad=1
    fi
    return $bad
}

# accepted_identities ACCOUNT: what was asked in all accepted submissions, a line each.
accepted_identities() {
    local id
    for id in $(jq -r '.submissions[].id' <<<"$1"); do
        sim_get "/account/identities?id=$id" || echo "no identities of $id"
    done
}

# unpack FILE: its content, whatever its compression.
unpack() {
    case $1 in
        *.zst) zstd -dcq "$1" ;;
        *.gz) gzip -dc "$1" ;;
        *) cat "$1" ;;
    esac
}
