#!/usr/bin/env bats
# The check of the layers can fail, and says where.

load helpers

layers=$BATS_TEST_DIRNAME/../layers.sh

tree() {
    mkdir -p src/base src/wire
    printf '#include <string.h>\n#include "base/a.h"\n' >src/base/a.c
    printf '#include "base/a.h"\n#include <simdjson.h>\n' >src/wire/b.c
    printf '| folder | may include |\n|---|---|\n| base | libc only |\n| wire | base |\n' >src/README.md
}

@test "a tree that keeps the table" {
    tree
    run -0 "$layers" .
}

@test "a folder that includes what it may not" {
    tree
    echo '#include "wire/b.h"' >>src/base/a.c
    run -1 "$layers" .
    says 'src/base/a.c:3: base may not include wire'
}

@test "a library outside of its folder, and one that nobody knows" {
    tree
    echo '#include <sqlite3.h>' >>src/wire/b.c
    echo '#  include <glib.h>' >>src/wire/b.c
    run -1 "$layers" .
    says 'src/wire/b.c:3: only ledger may include <sqlite3.h>' 'src/wire/b.c:4: <glib.h>'
}

@test "an include that does not name its folder" {
    tree
    echo '#include "a.h"' >>src/base/a.c
    echo '#include "../wire/b.h"' >>src/base/a.c
    run -1 "$layers" .
    says 'src/base/a.c:3: ' 'src/base/a.c:4: '
}

@test "no table, and a folder that the table does not know" {
    tree
    mkdir src/extra
    echo >src/extra/c.c
    run -1 "$layers" .
    says 'src/extra'
    rm src/README.md
    run -1 "$layers" .
    says 'src/README.md'
}
