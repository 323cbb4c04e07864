#!/usr/bin/env bats
# Lists that are none: each is told from the others, and nothing is sent.

load helpers

setup_file() {
    simulator --queue 0
}

# refused STATUS LIST TEXT...: it ends so, says that, and no submission was made.
refused() {
    local before
    before=$(submissions)
    run "-$1" enrich "$2" -o out.ndjson
    shift 2
    says "$@"
    [ "$(submissions)" = "$before" ]
    [ ! -e out.ndjson ]
}

@test "a list that does not exist: 66" {
    refused 66 missing.csv 'cannot open missing.csv' 'No such file'
}

@test "a list that is a folder: 66" {
    mkdir folder
    refused 66 folder 'folder is a folder, not a file'
}

@test "an empty list: 65" {
    : >empty.csv
    refused 65 empty.csv 'empty.csv is empty'
}

@test "a list of a header alone: 65" {
    people 1 | head -n 1 >header.csv
    refused 65 header.csv 'header.csv has a header but no rows'
}

@test "a refused list leaves nothing behind" {
    : >empty.csv
    run -65 enrich empty.csv -o out.ndjson
    [ "$(ls)" = empty.csv ]
}

@test "--map with a column that is not there: 64, with the nearest one" {
    people 5 >list.csv
    run -64 enrich list.csv -o out.ndjson --map 'domain=Company Domian'
    says 'the list has no column "Company Domian"' 'did you mean "Company Domain"?'
}

@test "--map with a field that is not there: 64, with the fields" {
    people 5 >list.csv
    run -64 enrich list.csv -o out.ndjson --map dommain=Email
    says 'no field "dommain"' 'did you mean domain?' linkedin_url
}

@test "no usable column: 65, with what is needed and what there is" {
    printf 'colour,size\nred,1\n' >list.csv
    refused 65 list.csv 'no usable columns' first_name last_name domain 'colour, size' --map
}

@test "a cell of 10 MB: 65, with its place" {
    {
        printf 'First Name,Last Name,Company Domain\nAda,Lovelace,a.example\nGrace,"'
        head -c 10000000 /dev/zero | tr '\0' x
        printf '",b.example\n'
    } >list.csv
    refused 65 list.csv 'list.csv:3: cell 2 (Last Name) is longer than 1 MiB'
}

@test "a quote that is never closed: 65, with its place" {
    printf 'First Name,Last Name,Company Domain\nAda,"Love,a.example\n' >list.csv
    refused 65 list.csv 'list.csv:2: the quote that opens cell 2 (Last Name) is never closed'
}

@test "binary data: 65" {
    head -c 65536 "$TRANCHE" >list.csv
    refused 65 list.csv 'list.csv is not a list: binary data'
}

@test "a zstd list that was cut short: 65" {
    people 3000 | zstd -q >whole.csv.zst
    head -c 20000 whole.csv.zst >list.csv.zst
    refused 65 list.csv.zst 'list.csv.zst ends inside its zstd stream' 'cut short'
}

@test "a gzip list that was cut short: 65" {
    people 3000 | gzip >whole.csv.gz
    head -c 20000 whole.csv.gz >list.csv.gz
    refused 65 list.csv.gz 'list.csv.gz ends inside its gzip stream' 'cut short'
}

@test "an unknown operation: 64" {
    people 5 >list.csv
    run -64 "$TRANCHE" run list.csv -p enrichso/email-fidner -o out.ndjson
    says email-fidner
}

@test "an option that is not there: 64, with the nearest one" {
    people 5 >list.csv
    run -64 enrich list.csv -o out.ndjson --max-credit 5
    says max-credit max-credits
}

@test "a wrong key: 77, and nothing is paid" {
    people 5 >list.csv
    before=$(submissions)
    ENRICHSO_API_KEY=wrong run -77 enrich list.csv -o out.ndjson
    says 'HTTP 401' 'tranche resume out.ndjson.run'
    [ "$(submissions)" = "$before" ]
    # with the right one it goes on
    run -0 enrich list.csv -o out.ndjson
    [ "$(wc -l <out.ndjson)" = 5 ]
}

@test "no key at all: 78, naming where it is looked for" {
    people 5 >list.csv
    unset ENRICHSO_API_KEY
    run -78 enrich list.csv -o out.ndjson
    says ENRICHSO_API_KEY --key-file
}

@test "a key file that others may read: 78" {
    people 5 >list.csv
    echo sandbox >key
    chmod 644 key
    run -78 enrich list.csv -o out.ndjson --key-file key
    says key 600
    chmod 600 key
    run -0 enrich list.csv -o out.ndjson --key-file key
}

@test "plain http to another machine: 78" {
    people 5 >list.csv
    run -78 "$TRANCHE" run list.csv -p enrichso/email-finder -o out.ndjson \
        --base-url http://enrich.example
    says http://enrich.example
}

@test "nasty NDJSON lines are invalid records and never stop a run" {
    run -0 enrich "$BATS_TEST_DIRNAME/nasty.ndjson" -o out.ndjson
    [ "$(wc -l <out.ndjson)" = 54 ]
    [ "$(jq -c '[.record, .outcome]' out.ndjson | wc -l)" = 54 ]
    [ "$(jq -r 'select(.record == 1) | .data.email' out.ndjson)" = ada.lovelace@everybody.example ]
    [ "$(jq -r 'select(.record == 54) | .data.email' out.ndjson)" = last.record@everybody.example ]
    # what is no object has no identity; everything else says why
    [ "$(jq -r 'select(.outcome == "invalid" and (.reason // "") == "")' out.ndjson)" = "" ]
    run -0 "$TRANCHE" verify out.ndjson.run
}
