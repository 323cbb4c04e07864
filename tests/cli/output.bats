#!/usr/bin/env bats
# Where output goes, what it looks like, and disks that will not take it.

load helpers

setup_file() {
    simulator --queue 0 --shuffle
}

# tmpfs FOLDER OPTIONS: mounted for this test, or the test is skipped.
tmpfs() {
    mkdir -p "$1"
    [ "$(id -u)" = 0 ] || skip "needs root, to mount a file system"
    mount -t tmpfs -o "$2" tmpfs "$1" 2>/dev/null || skip "this machine does not let root mount"
    mounted=$BATS_TEST_TMPDIR/$1
}
mounted=
teardown() {
    local pid
    for pid in $background; do
        kill -KILL "$pid" 2>/dev/null && gone "$pid"
    done
    [ -z "$own_sim" ] || sim_stop "$own_sim"
    [ -z "$mounted" ] || umount "$mounted"
}

@test "an output whose folder is a file: 73" {
    people 5 >list.csv
    run -73 enrich list.csv -o list.csv/out.ndjson
    says 'cannot create list.csv/out.ndjson'
}

@test "an output whose folder is not there: 73" {
    people 5 >list.csv
    run -73 enrich list.csv -o nowhere/out.ndjson
    says 'cannot create nowhere/out.ndjson'
    [ ! -e nowhere ]
}

@test "an output in a read-only folder: 73, before anything is sent" {
    people 5 >list.csv
    if [ "$(id -u)" = 0 ]; then
        tmpfs locked ro
    else
        mkdir -m 500 locked
    fi
    before=$(requests)
    run -73 enrich list.csv -o locked/out.ndjson
    says 'cannot create locked/out.ndjson'
    [ "$(requests)" = "$before" ]
}

@test "an output that is there already and is not ours: 73" {
    people 5 >list.csv
    echo precious >out.ndjson
    run -73 enrich list.csv -o out.ndjson
    says 'out.ndjson exists'
    [ "$(cat out.ndjson)" = precious ]
}

@test "a disk without room for the replies: 74, and nothing is sent" {
    people 500 >list.csv
    tmpfs small size=8m
    before=$(submissions)
    run -74 enrich list.csv -o small/out.ndjson
    says 'nothing was sent' 'tranche resume small/out.ndjson.run'
    [ "$(submissions)" = "$before" ]
}

@test "a disk that fills up while the vendor works: 74; with room again it goes on" {
    another_sim --balance 1000000 --queue 1500ms
    people 3000 >list.csv
    tmpfs small size=120m
    enrich_in_background list.csv -o small/out.ndjson
    eventually arrived 1
    fallocate -l 200m small/filler 2>/dev/null || dd if=/dev/zero of=small/filler bs=64k 2>/dev/null || true
    ended "$pid"
    cat said
    [ "$status" = 74 ]
    rm small/filler
    run -0 enrich list.csv -o small/out.ndjson
    [ "$(wc -l <small/out.ndjson)" = 3000 ]
    run -0 "$TRANCHE" verify small/out.ndjson.run
    [ "$(submissions)" = 1 ]
}

@test "NDJSON: one object per record, in order, with every member" {
    people 300 >list.csv
    run -0 enrich list.csv -o out.ndjson
    [ "$(jq -s 'length' out.ndjson)" = 300 ]
    [ "$(jq -s '[.[].record] == [range(1; 301)]' out.ndjson)" = true ]
    [ "$(jq -c 'keys_unsorted' out.ndjson | sort -u)" = \
        '["record","outcome","input","provider","operation","data","credits","duplicate_of","reason"]' ]
    [ "$(jq -c '.input | keys_unsorted' out.ndjson | sort -u)" = \
        '["id","First Name","Last Name","Company Domain","Email","Note"]' ]
    # what was found has an address and costs; a duplicate names its first; all else has a reason
    [ "$(jq -r 'select(.outcome == "found" and .data.email == null)' out.ndjson)" = "" ]
    [ "$(jq -r 'select(.outcome == "found" and .duplicate_of == null and .credits != 10)' out.ndjson)" = "" ]
    [ "$(jq -r 'select(.duplicate_of != null and (.duplicate_of >= .record or .credits != 0))' out.ndjson)" = "" ]
    [ "$(jq -r 'select(.outcome != "found" and (.reason // "") == "")' out.ndjson)" = "" ]
    [ "$(jq -s '[.[] | select(.duplicate_of != null)] | length > 5' out.ndjson)" = true ]
    [ "$(jq -r 'select(.record == 4) | .input.Note' out.ndjson)" = $'two\nlines 4' ]
}

@test "CSV: the list's own columns, byte for byte, then ours" {
    people 300 | grep -v 'UTF-8' >list.csv
    run -0 enrich list.csv -o out.csv
    [ "$(head -n 1 out.csv)" = "$(head -n 1 list.csv),enriched_outcome,enriched_provider,enriched_email,enriched_email_status,enriched_phone,enriched_linkedin_url,enriched_job_title,enriched_company,enriched_company_domain,enriched_confidence,enriched_credits,enriched_reason" ]
    # Our last cells hold no comma, quote or line break here: cut them off, and the list remains. A
    # line that ends inside a quoted cell has nothing of ours.
    sed -E '1s/,enriched_outcome.*//; s/,(found|not_found|invalid),[^"]*(,"[^"]*")?[^"]*$//' out.csv >own.csv
    cmp own.csv list.csv
}

@test "CSV: what a vendor sends cannot become a formula; the list's own cells stay" {
    printf 'First Name,Last Name,Company Domain,Note\nAda,Lovelace,everybody.example,=1+1\n' >list.csv
    run -0 enrich list.csv -o out.csv
    grep -q '^Ada,Lovelace,everybody.example,=1+1,found' out.csv
    run -0 "$TRANCHE" export out.csv.run -o safe.csv --csv-safe all
    grep -q "^Ada,Lovelace,everybody.example,'=1+1,found" safe.csv
}

@test "export: the same in every format and compression" {
    people 300 >list.csv
    run -0 enrich list.csv -o out.ndjson.zst
    zstd -qt out.ndjson.zst
    zstd -dcq out.ndjson.zst >plain
    for out in a.ndjson a.ndjson.gz a.ndjson.zst; do
        run -0 "$TRANCHE" export out.ndjson.zst.run -o $out
        unpack $out | cmp - plain
    done
    cmp a.ndjson.zst out.ndjson.zst
    run -0 "$TRANCHE" export out.ndjson.zst.run -o a.csv
    run -0 "$TRANCHE" export out.ndjson.zst.run -o a.csv.gz
    run -0 "$TRANCHE" export out.ndjson.zst.run -o a.tsv
    unpack a.csv.gz | cmp - a.csv
    [ "$(grep -c $'\tfound\t' a.tsv)" = "$(jq -r 'select(.outcome == "found") | .record' plain | wc -l)" ]
    run -0 enrich list.csv -o direct.csv
    cmp direct.csv a.csv
    # an export never replaces a file that is there, unless told so
    run -73 "$TRANCHE" export out.ndjson.zst.run -o a.csv
    run -0 "$TRANCHE" export out.ndjson.zst.run -o a.csv --force
}

@test "formats by option, not by name" {
    people 20 >list.csv
    run -0 enrich list.csv -o out --format csv --compress zstd
    [ "$(zstd -dcq out | head -n 1 | cut -d, -f1)" = id ]
}

@test "packed lists give the same output as plain ones" {
    people 9000 >list.csv
    gzip -k list.csv
    zstd -qk list.csv
    run -0 enrich list.csv -o plain.ndjson
    run -0 enrich list.csv.gz -o gz.ndjson
    run -0 enrich list.csv.zst -o zst.ndjson
    run -0 enrich - -o pipe.ndjson <list.csv
    cmp plain.ndjson gz.ndjson
    cmp plain.ndjson zst.ndjson
    cmp plain.ndjson pipe.ndjson
    [ -s gz.ndjson.run/list.zst ]
}

@test "output to standard output, when it is complete" {
    people 20 >list.csv
    run -0 --separate-stderr enrich list.csv -o - --run-dir run
    [ "$(jq -s length <<<"$output")" = 20 ]
    run -64 enrich list.csv -o -
    says --run-dir
}

@test "a run is private: 0700 and 0600" {
    another_sim --queue 0 --key key-of-this-test-alone
    export ENRICHSO_API_KEY=key-of-this-test-alone
    people 20 >list.csv
    run -0 enrich list.csv -o out.ndjson
    [ "$(stat -c %a out.ndjson.run)" = 700 ]
    [ "$(find out.ndjson.run -type f ! -perm 600)" = "" ]
    [ "$(stat -c %a out.ndjson)" = 600 ]
    # and what is private stays out of it: the key
    run -1 grep -ra "$ENRICHSO_API_KEY" out.ndjson.run
}
