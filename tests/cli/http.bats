# --http: what a run says of itself while it is under way.

load helpers

# watch [OPTION...]: a run on the sandbox at the vendor's own pace, which takes about a minute, in
# the background; pid and url are set, what it says is in said.
watch() {
    head -n 30 "$tests/../samples/people.csv" >people.csv
    "$TRANCHE" run people.csv -p wiza/reveal -o out.ndjson --sandbox --clock-speed 1 \
        --progress none "$@" >said 2>&1 3>&- </dev/null &
    pid=$!
    background="$background $pid"
    eventually listening
    url=$(sed -n 's|.*live page: \(http.*\)/ (also.*|\1|p' said)
    [ -n "$url" ] || {
        cat said
        return 1
    }
}
listening() {
    grep -q 'live page: ' said || ! kill -0 "$pid" 2>/dev/null
}

get() { # PATH [CURL-OPTION...]
    local path=$1
    shift
    curl -sS --noproxy '*' -m 20 "$@" "$url$path"
}
status_code() { # PATH [CURL-OPTION...]
    get "$@" -o /dev/null -w '%{http_code}'
}
sent() { # COUNT: that many requests
    [ "$(get /status | jq .requests.sent)" -ge "$1" ]
}

@test "the status is that of status.json, live" {
    watch --http 127.0.0.1:0
    [[ $url == http://127.0.0.1:* ]]
    eventually sent 2
    get /status -D headers >status
    grep -qi '^content-type: application/json' headers
    grep -qi '^cache-control: no-store' headers
    [ "$(jq -c '[.operation, .sandbox, .exit_status]' status)" = '["wiza/reveal",true,null]' ]
    eventually test -s out.ndjson.run/status.json
    [ "$(jq -c 'keys_unsorted' status)" = "$(jq -c 'keys_unsorted' out.ndjson.run/status.json)" ]
}

@test "metrics are Prometheus text, and name nobody" {
    local text
    watch --http 127.0.0.1:0
    eventually sent 2
    text=$(get /metrics -D headers)
    grep -qi '^content-type: text/plain; version=0.0.4; charset=utf-8' headers
    for name in records_total records_expected credits_spent_total credits_owed batches \
        requests_total requests_in_flight slots_busy output_bytes_total start_time_seconds; do
        grep -q "^# TYPE tranche_$name \(counter\|gauge\)$" <<<"$text"
        grep -q "^tranche_$name{operation=\"wiza/reveal\",provider=\"wiza\"[^}]*} [0-9.]*$" \
            <<<"$text"
    done
    [ "$(grep -c '^tranche_records_read_total{.*} 27$' <<<"$text")" = 1 ]
    # Every line is a comment or a sample, and every sample is there once.
    [ "$(grep -cvE '^(# (HELP|TYPE) tranche_[a-z_]+ .+|tranche_[a-z_]+\{[^{}]+\} [0-9.]+)$' \
        <<<"$text")" = 0 ]
    [ "$(grep -v '^#' <<<"$text" | sed 's/} .*/}/' | sort | uniq -d | wc -l)" = 0 ]
    # Neither people nor files.
    run ! grep -F -e people.csv -e @ <<<"$text"
}

@test "the page says it at first sight, and runs nothing but its own script" {
    local page
    watch --http 127.0.0.1:0
    page=$(get / -D headers)
    grep -qi '^content-type: text/html; charset=utf-8' headers
    grep -qi "^content-security-policy: default-src 'none'; .*frame-ancestors 'none'" headers
    [[ $page == *'<!doctype html>'*wiza/reveal*people.csv*'records answered'*'</html>'* ]]
    # The policy's nonce is the page's, and another one each time.
    nonce=$(sed -n "s/.*script-src 'nonce-\([0-9a-f]*\)'.*/\1/p" headers)
    [[ $page == *"<script nonce=\"$nonce\">"* && $page == *"<style nonce=\"$nonce\">"* ]]
    [[ $(get /) != *"$nonce"* ]]
    # Nobody's address is on it.
    grep -q @ people.csv
    run ! grep -E '[a-z0-9]@[a-z]' <<<"$page"
}

@test "only GET and HEAD, only these paths, only addresses" {
    watch --http 127.0.0.1:0
    [ "$(status_code /)" = 200 ]
    get /status -I | grep -q '^HTTP/1.1 200'
    [ -z "$(get /metrics -I -o /dev/null -w '%{size_download}' | tr -d 0)" ]
    for path in /favicon.ico /status/ /metrics/x //status /status.json /../etc/passwd; do
        [ "$(status_code "$path" --path-as-is)" = 404 ]
    done
    for method in POST PUT DELETE OPTIONS PATCH; do
        [ "$(status_code / -X "$method")" = 405 ]
    done
    get /status -X POST -D headers -o body -d x=1
    grep -qi '^allow: GET, HEAD' headers
    [ "$(status_code / --data-binary "@$tests/../samples/people.csv" -H 'Expect:')" = 413 ]
    # A page from elsewhere whose name leads here.
    port=${url##*:}
    for host in example.org "example.org:$port" "127.0.0.1.example.org:$port" ''; do
        [ "$(status_code /status -H "Host: $host")" = 421 ]
    done
    for host in localhost "localhost:$port" "127.0.0.1:$port" "[::1]:$port" 192.168.1.5; do
        [ "$(status_code /status -H "Host: $host")" = 200 ]
    done
    run -0 get /status -H 'Host: example.org'
    says "by the IP address"
    [[ $output != *wiza* ]]
}

@test "who does not speak holds nothing up" {
    local i fds=() port before
    watch --http 127.0.0.1:0
    port=${url##*:}
    for ((i = 0; i < 40; i++)); do
        exec {fd}<>"/dev/tcp/127.0.0.1/$port"
        fds+=("$fd")
    done
    # The run goes on meanwhile, and they are closed in time for others to be served.
    eventually test -s out.ndjson.run/status.json
    before=$(jq .updated_ms out.ndjson.run/status.json)
    eventually updated_since "$before"
    eventually served
    for fd in "${fds[@]}"; do
        exec {fd}>&-
    done
}
updated_since() {
    [ "$(jq .updated_ms out.ndjson.run/status.json)" -gt $(($1 + 2000)) ]
}
served() {
    [ "$(status_code /status -m 1 2>/dev/null)" = 200 ]
}

@test "it ends with the run, and a resumed run is not watched unless it is said again" {
    watch --http 127.0.0.1:0
    eventually sent 2
    kill -TERM "$pid"
    ended "$pid"
    [ "$status" = 75 ]
    run -7 --separate-stderr curl -sS --noproxy '*' "$url/"
    run -75 timeout --preserve-status -s TERM 3 "$TRANCHE" resume out.ndjson.run --progress none
    [[ $output != *"live page"* ]]
}

@test "other hosts are let in by name only" {
    head -n 30 "$tests/../samples/people.csv" >people.csv
    run=("$TRANCHE" run people.csv -p wiza/reveal -o out.ndjson --sandbox --progress none)
    run -64 "${run[@]}" --http 0.0.0.0:0
    says "--http: 0.0.0.0:0 can be reached from other hosts" "--http-public"
    run -64 "${run[@]}" --http '[::]:0'
    run -64 "${run[@]}" --http 8080
    says "--http: '8080' has no port"
    run -64 "${run[@]}" --http-public
    says "--http ADDR:PORT"
    [ ! -e out.ndjson.run ]
    watch --http 0.0.0.0:0 --http-public
    url=http://127.0.0.1:${url##*:}
    [ "$(status_code /status)" = 200 ]
    grep -q 'for all who reach this address' said
}

@test "an address that is taken is said before anything is sent; --quiet says nothing" {
    watch --http 127.0.0.1:0
    mkdir other
    cp people.csv other
    cd other
    run -78 "$TRANCHE" run people.csv -p wiza/reveal -o out.ndjson --sandbox --progress none \
        --http "${url#http://}"
    says "--http: cannot listen on 127.0.0.1 port ${url##*:}"
    run -75 timeout --preserve-status -s TERM 3 "$TRANCHE" run people.csv -p wiza/reveal \
        -o out2.ndjson --sandbox --clock-speed 1 --quiet --http 127.0.0.1:0
    [[ $output != *"live page"* ]]
}
