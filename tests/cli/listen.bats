# tranche listen: what was answered 200 is kept, and nothing else is taken.

load helpers

# listen [OPTION...]: a listener in the background; pid and url are set.
listen() {
    : >said
    "$TRANCHE" listen --callback-listen 127.0.0.1:0 --spool spool "$@" >said 2>log 3>&- </dev/null &
    pid=$!
    background="$background $pid"
    eventually listening
    url=$(sed -n 's/^listening on \([^,]*\), .*/\1/p' said)
}
listening() {
    grep -q '^listening on ' said || ! kill -0 "$pid" 2>/dev/null
}

# ends SIGNAL: end the listener; what it says at the end is the last line of said.
ends() {
    kill "-$1" "$pid"
    ended "$pid"
}

# bytes HEX: these bytes.
bytes() {
    printf "$(sed 's/../\\x&/g' <<<"$1")"
}

# token PROVIDER [BATCH]: of attempt 1 in the run 00112233aabbccdd, made from the host's secret the way
# that src/wire/token.c tells.
token() {
    local named mac
    named=00112233aabbccdd$(printf '%08x%08x' "${2:-7}" 1)
    mac=$({ printf 'tranche callback token 1\0%s\0' "$1" && bytes "$named"; } |
        openssl dgst -sha256 -mac HMAC \
            -macopt "hexkey:$(cat "$XDG_STATE_HOME/tranche/callback.secret")" | sed 's/.*= //')
    printf '%s%.32s' "$named" "$mac"
}

# post PATH BODY [CURL-OPTION...]: prints the status.
post() {
    local path=$1 body=$2
    shift 2
    curl -s -o reply -w '%{http_code}' --noproxy '*' --data-binary "$body" "$@" "$url$path"
}

# kept TEXT: how often it is in the spool.
kept() {
    cat spool/callbacks.* | grep -aoF -e "$1" | wc -l
}

@test "a callback that was answered 200 is in the spool" {
    listen
    [[ $url == http://127.0.0.1:* ]]
    [ "$(stat -c %a spool)" = 700 ]
    [ "$(post "/callbacks/zeliq/$(token zeliq)" '{"email":"first"}')" = 200 ]
    [ "$(kept '{"email":"first"}')" = 1 ]
    [ "$(stat -c %a spool/callbacks.* | sort -u)" = 600 ]
    # The same again is answered and not stored; another one is.
    [ "$(post "/callbacks/zeliq/$(token zeliq)" '{"email":"first"}')" = 200 ]
    [ "$(post "/callbacks/zeliq/$(token zeliq)" '{"email":"second"}')" = 200 ]
    [ "$(post "/callbacks/enrichso/$(token enrichso)" '{"event":"x"}')" = 200 ]
    [ "$(kept '{"email":"first"}')" = 1 ]
    [ "$(kept '{"email":"second"}')" = 1 ]
    ends TERM
    [ "$status" = 0 ]
    run -0 tail -n 1 said
    says "3 callbacks kept; 1 came again" "0 refused"
}

@test "nothing else is served" {
    listen
    [ "$(post / x)" = 404 ]
    [ "$(post /metrics x)" = 404 ]
    [ "$(post /callbacks/nobody/"$(token nobody)" x)" = 404 ]
    [ "$(post "/callbacks/zeliq/$(token enrichso)" x)" = 404 ]
    [ "$(post "/callbacks/zeliq/$(token zeliq)0" x)" = 404 ]
    [ "$(post "/callbacks/zeliq/$(token zeliq)" x -X PUT)" = 404 ]
    [ ! -s reply ]
    head -c 1048577 /dev/zero >large
    [ "$(post "/callbacks/zeliq/$(token zeliq)" @large)" = 413 ]
    ends INT
    [ "$status" = 0 ]
    run -0 tail -n 1 said
    says "0 callbacks kept" "1 too long" "6 refused (path: 4, token: 2)"
}

@test "callbacks prove themselves by key and by secret" {
    local hash mac body='{"event":"contact.verified"}'
    printf 'wiza-key\n' >key
    chmod 600 key
    listen --key-file wiza=key
    # Without the secret nothing is taken, and nothing is lost.
    [ "$(post "/callbacks/prospiq/$(token prospiq)" "$body")" = 503 ]
    grep -q 'PROSPIQ_WEBHOOK_SECRET or PROSPIQ_WEBHOOK_SECRET_FILE' log
    hash=$(printf wiza-key | sha256sum | cut -d ' ' -f 1)
    [ "$(post "/callbacks/wiza/$(token wiza)" 1 -H "x-auth-key: $hash")" = 200 ]
    [ "$(post "/callbacks/wiza/$(token wiza)" 2 -H "x-auth-key: ${hash^^}")" = 200 ]
    [ "$(post "/callbacks/wiza/$(token wiza)" 3 -H "x-auth-key: wiza-key")" = 401 ]
    [ "$(post "/callbacks/wiza/$(token wiza)" 4)" = 401 ]
    ends TERM
    run -0 tail -n 1 said
    says "2 callbacks kept" "3 refused (no key: 1, proof: 2)"

    PROSPIQ_WEBHOOK_SECRET=whsec listen
    mac=$(printf '%s' "$body" | openssl dgst -sha256 -hmac whsec | sed 's/.*= //')
    [ "$(post "/callbacks/prospiq/$(token prospiq)" "$body" -H "X-ProspIQ-Signature: $mac")" = 200 ]
    [ "$(post "/callbacks/prospiq/$(token prospiq)" "$body " -H "X-ProspIQ-Signature: $mac")" = 401 ]
    [ "$(post "/callbacks/prospiq/$(token prospiq)" "$body" -H "X-ProspIQ-Signature: $mac" \
        -H 'X-ProspIQ-Test: true')" = 200 ]
    [ "$(kept "$body")" = 1 ]
    run ! grep -e whsec -e wiza-key said log
    ends TERM
    run -0 tail -n 1 said
    says "1 callbacks kept" "1 tests" "1 refused (proof: 1)"
}

@test "kill -9 after 200 loses nothing" {
    local round
    export url
    answered() {
        [ "$(cat answers.* 2>/dev/null | grep -c ' 200$')" -ge "$1" ]
    }
    for round in 1 2 3 4 5; do
        listen
        path=/callbacks/zeliq/$(token zeliq)
        rm -f answers.*
        seq $((round * 1000)) $((round * 1000 + 400)) |
            xargs -P 4 -I N sh -c "curl -s -o /dev/null -w 'body-N-end %{http_code}\n' --noproxy '*' \
                --data-binary body-N-end '$url$path' >>answers.\$((N % 4)) || true" 3>&- &
        background="$background $!"
        eventually answered $((round * 13))
        kill -KILL "$pid"
        ended "$pid"
        wait "${background##* }" || true
        cat answers.* >>all
    done
    [ "$(grep -c ' 200$' all)" -ge 195 ]
    [ "$(grep -c -v ' 200$' all)" -ge 1 ]
    cat spool/callbacks.* | grep -aoE 'body-[0-9]+-end' | sort -u >found
    sed -n 's/ 200$//p' all | sort -u | comm -23 - found >lost
    [ ! -s lost ]
    # The next one goes on beside what is there.
    listen
    [ "$(post "/callbacks/zeliq/$(token zeliq)" last)" = 200 ]
    ends TERM
    [ "$status" = 0 ]
}

@test "many at once are answered, and a signal ends it in good order" {
    listen
    path=/callbacks/zeliq/$(token zeliq)
    seq 200 | xargs -P 8 -I N sh -c "curl -s -o /dev/null -w 'body-N-end %{http_code}\n' --noproxy '*' \
        --data-binary body-N-end '$url$path' >>answers.\$((N % 8)) || true" 3>&- &
    background="$background $!"
    some() {
        [ "$(cat answers.* 2>/dev/null | wc -l)" -ge 20 ]
    }
    eventually some
    ends TERM
    [ "$status" = 0 ]
    wait "${background##* }" || true
    # Whoever was let in was answered, and 200 is kept.
    cat answers.* | grep -v -e ' 200$' -e ' 000$' >others || true
    [ ! -s others ]
    cat spool/callbacks.* | grep -aoE 'body-[0-9]+-end' | sort -u >found
    cat answers.* | sed -n 's/ 200$//p' | sort -u | comm -23 - found >lost
    [ ! -s lost ]
    run -0 tail -n 1 said
    says "$(wc -l <found) callbacks kept; 0 came again"
}

@test "what does not fit on the disk is answered 503 until it does" {
    # The limit on a file's size stands for the full disk: a write ends in the middle.
    limited() {
        trap '' XFSZ
        ulimit -f 8
        exec "$TRANCHE" "$@"
    }
    (limited listen --callback-listen 127.0.0.1:0 --spool spool) >said 2>log 3>&- </dev/null &
    pid=$!
    background="$background $pid"
    eventually listening
    url=$(sed -n 's/^listening on \([^,]*\), .*/\1/p' said)
    path=/callbacks/zeliq/$(token zeliq)
    [ "$(post "$path" "first$(printf %06000d 1)")" = 200 ]
    [ "$(post "$path" "second$(printf %06000d 2)")" = 503 ]
    grep -q 'answered 503' log
    [ "$(post "$path" third)" = 503 ] # not tried so soon
    kept_now() {
        [ "$(post "$path" "second$(printf %06000d 2)")" = 200 ]
    }
    eventually kept_now
    [ "$(post "$path" third)" = 200 ]
    [ "$(kept "$(printf %06000d 1)")" = 1 ]
    [ "$(kept "second$(printf %06000d 2)")" = 1 ]
    [ "$(kept third)" = 1 ]
    ends TERM
    [ "$status" = 0 ]
    run -0 tail -n 1 said
    says "3 callbacks kept; 0 came again"
}

@test "a spool has one listener" {
    listen
    run -75 "$TRANCHE" listen --callback-listen 127.0.0.1:0 --spool spool
    says "in use by process $pid"
    port=${url##*:}
    run -78 "$TRANCHE" listen --callback-listen "127.0.0.1:$port" --spool other
    says "cannot listen on 127.0.0.1 port $port"
}

@test "what is missing or wrong is told" {
    run -64 "$TRANCHE" listen --spool spool
    says "--callback-listen ADDR:PORT is missing"
    run -64 "$TRANCHE" listen --callback-listen 127.0.0.1:0
    says "--spool DIR is missing"
    run -64 "$TRANCHE" listen --callback-listen example.org:80 --spool spool
    says "--callback-listen: 'example.org' is not an IP address"
    run -64 "$TRANCHE" listen --callback-listen 127.0.0.1:0 --spool spool --key-file key
    says "--key-file wiza=PATH"
    echo x >key
    chmod 644 key
    run -78 "$TRANCHE" listen --callback-listen 127.0.0.1:0 --spool spool --key-file wiza=key
    says "chmod 600"
    mkdir open
    chmod 777 open
    run -78 "$TRANCHE" listen --callback-listen 127.0.0.1:0 --spool open
    says "can be written by others"
}
