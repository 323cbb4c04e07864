# Moments at which a process is killed, and what its ledger held then. Sourced by bash after lib.sh.

declare -A moments_states=() moments_phases=() moments_steps=()

now_ms() {
    echo $((${EPOCHREALTIME/[^0-9]/} / 1000))
}

# moment SPAN_MS: sets `after`, in seconds, to a random moment before SPAN; every fourth is within
# the first sixteenth, where a run begins. (Not a subshell's output: RANDOM starts anew in each.)
moment() {
    local span=$1 ms
    [ $((RANDOM % 4)) != 0 ] || span=$((span / 16 + 1))
    ms=$((RANDOM * 32768 + RANDOM))
    ms=$((ms % span))
    printf -v after '%d.%03d' $((ms / 1000)) $((ms % 1000))
}

# run_until_killed SECONDS COMMAND...: run it, and kill it with SIGKILL after that time unless it has
# ended. Returns 137 when it was killed, else its status.
run_until_killed() {
    local after=$1 pid sleeper status
    shift
    "$@" &
    pid=$!
    sleep "$after" &
    sleeper=$!
    wait -n "$pid" "$sleeper" 2>/dev/null
    kill -KILL "$pid" 2>/dev/null
    { wait "$pid"; } 2>/dev/null
    status=$?
    kill "$sleeper" 2>/dev/null
    { wait "$sleeper"; } 2>/dev/null
    return $status
}

# What a ledger holds that tells where the run was: states of batches, then steps between durable
# writes, then the phase. $1: 1 when OUT has its final name and there is no OUT.partial.
moments_sql() {
    cat <<SQL
SELECT 'state ' || state || ' ' || count(*) FROM batch GROUP BY state;
SELECT 'step page stored, its answers not' FROM reply WHERE kind = 2 AND scattered = 0 LIMIT 1;
SELECT 'step callback stored, its answers not' FROM reply WHERE kind = 3 AND scattered = 0 LIMIT 1;
SELECT 'step batch decided and not sent again' FROM decision d JOIN batch b ON b.id = d.batch
    WHERE b.state IN ('PREPARED', 'ACCEPTED') AND d.at_ms > b.armed_ms LIMIT 1;
SELECT 'step body refused, its items not yet in others' FROM attempt a JOIN batch b ON b.id = a.batch
    WHERE a.end = 'refused' AND b.state = 'PREPARED' AND a.attempt = b.attempt LIMIT 1;
SELECT 'phase ' || CASE
    WHEN coalesce((SELECT value FROM setting WHERE key = 'state'), '') = 'complete' THEN 'ended'
    WHEN NOT EXISTS (SELECT 1 FROM shard) THEN 'nothing read yet'
    WHEN coalesce((SELECT value FROM setting WHERE key = 'list_whole'), 0) <> 1 THEN 'reading'
    WHEN (SELECT shards FROM output) = 0 THEN 'all read, nothing emitted'
    WHEN (SELECT shards FROM output) < (SELECT count(*) FROM shard) THEN 'emitting'
    WHEN $1 = 1 THEN 'renamed, not yet marked complete'
    ELSE 'all emitted, not yet renamed' END;
SQL
}

# note_moment RUN OUT: count what a killed run's ledger holds, read from a copy so that the next
# start finds all as the kill left it. Sets `phase`, and prints a line that says it all.
note_moment() {
    local run=$1 copy=$1.copy renamed=0 kind what count line="killed at $after s:" lines
    if [ ! -e "$run/ledger.db" ]; then
        lines='phase no ledger yet'
    else
        mkdir -p "$copy"
        rm -f "$copy"/*
        cp "$run"/ledger.db* "$copy" || return 1
        [ ! -e "$2" ] || [ -e "$2.partial" ] || renamed=1
        lines=$(moments_sql $renamed | sqlite3 "$copy/ledger.db") || return 1
        rm -rf "$copy"
    fi
    while read -r kind what; do
        line="$line $what;"
        case $kind in
            state)
                count=${what#* }
                what=${what% *}
                moments_states[$what]=$((${moments_states[$what]:-0} + (count > 0)))
                ;;
            step) moments_steps[$what]=$((${moments_steps[$what]:-0} + 1)) ;;
            phase)
                phase=$what
                moments_phases[$what]=$((${moments_phases[$what]:-0} + 1))
                ;;
        esac
    done <<<"$lines"
    echo "$line"
}

# show_moments: the histogram: how many kills hit a run with a batch in this state, a run between
# these two writes, a run in this phase.
show_moments() {
    local name
    echo "kills that hit a run with a batch in state"
    for name in PREPARED SENDING ACCEPTED WAITING FETCHING DONE IN_DOUBT SPLIT FAILED; do
        printf '  %6d  %s\n' "${moments_states[$name]:-0}" "$name"
    done
    echo "between two durable steps"
    for name in "${!moments_steps[@]}"; do
        printf '  %6d  %s\n' "${moments_steps[$name]}" "$name"
    done | sort -k2
    echo "by phase of the run"
    for name in "${!moments_phases[@]}"; do
        printf '  %6d  %s\n' "${moments_phases[$name]}" "$name"
    done | sort -k2
}
