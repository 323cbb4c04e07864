#!/usr/bin/env bats
# What README.md says of packages is what the scripts install.

load helpers

@test "README.md quotes packages.txt" {
    top=$BATS_TEST_DIRNAME/../..
    quoted=$(sed -n 's/^ *apt-get install //p' "$top/README.md")
    listed=$(awk '!/^#/ && (NF == 1 || $2 == "test") { print $1 }' "$top/packages.txt" | paste -sd ' ')
    [ "$quoted" = "$listed" ]
}
