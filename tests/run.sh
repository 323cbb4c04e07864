#!/usr/bin/env bash
# Builds and runs the tests; the same for people and CI. The last line says how many passed and
# failed; the exit status is 0 only if none failed.
#
#   tests/run.sh [quick|full|crash|sanitizers]
#
# quick        release by gcc (and by clang where it is installed) and the ASan+UBSan build, without
#              warnings; unit tests in both; command line tests; layers; every operation of every
#              vendor; 20 kills. What CI runs.
# full         the same with clang's build required, the vendors in all their forms, and 200 kills
# crash        the release under 1000 kills
# sanitizers   unit tests, command line tests and kills under ASan+UBSan, then under TSan
#
# On Debian 12 missing packages of packages.txt are installed first (as root, or with sudo). Logs are
# in build/tests. TRANCHE_BUILD=DIR builds there instead of in build. No test judges by time.
set -u -o pipefail

cd "$(dirname "$0")/.." || exit 1
mode=${1:-quick}
build=$(realpath -m "${TRANCHE_BUILD:-build}")
jobs=$(nproc)
logs=$build/tests
passed=0 failed=0

case $mode in
    quick | full | crash | sanitizers) ;;
    *)
        echo "usage: tests/run.sh [quick|full|crash|sanitizers]" >&2
        exit 64
        ;;
esac

say() {
    printf '== %s\n' "$*"
}

# --- packages ---

# Those of packages.txt that are missing. The second word says what needs them: test, or full.
missing_packages() {
    awk -v mode="$mode" '!/^#/ && (NF == 1 || $2 == "test" || $2 == mode) { print $1 }' packages.txt |
        while read -r package; do
            dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
                printf '%s ' "$package"
        done
}

install_packages() {
    local sudo=() install
    if [ "$(id -u)" != 0 ]; then
        sudo=(sudo)
        if ! command -v sudo >/dev/null; then
            echo "run.sh: these packages are missing, and installing them needs root: $*" >&2
            exit 1
        fi
    fi
    say "installing $*"
    install=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@")
    # The lists of an image may be old or absent: only then they are fetched.
    "${install[@]}" >"$logs/packages.log" 2>&1 && return
    "${sudo[@]}" apt-get update -q >>"$logs/packages.log" 2>&1
    if ! "${install[@]}" >>"$logs/packages.log" 2>&1; then
        tail -n 20 "$logs/packages.log"
        echo "run.sh: the packages cannot be installed" >&2
        exit 1
    fi
}

# --- steps: each writes its log and its counts, and may run beside others ---

# count NAME PASSED FAILED
count() {
    echo "$2 $3" >"$logs/$1.count"
}

# compile PRESET [TARGET...]
compile() {
    local preset=$1 started=$SECONDS
    shift
    if cmake --preset "$preset" -B "$build/$preset" >"$logs/build-$preset.log" 2>&1 &&
        ninja -C "$build/$preset" "$@" >>"$logs/build-$preset.log" 2>&1; then
        say "build $preset: ok, $((SECONDS - started)) s"
        count "build-$preset" 1 0
        return 0
    fi
    say "build $preset: FAILED"
    grep -A12 -E '^FAILED|error:' "$logs/build-$preset.log" | head -n 60
    count "build-$preset" 0 1
    return 1
}

# unit PRESET: the unit tests of a build.
unit() {
    local name=unit-$1 total bad started=$SECONDS
    $runner ctest --test-dir "$build/$1" -j "$jobs" --output-on-failure --no-tests=error \
        >"$logs/$name.log" 2>&1
    total=$(sed -n 's/.*tests passed, [0-9]* tests\{0,1\} failed out of \([0-9]*\).*/\1/p' "$logs/$name.log")
    bad=$(sed -n 's/.*tests passed, \([0-9]*\) tests\{0,1\} failed out of.*/\1/p' "$logs/$name.log")
    total=${total:-1} bad=${bad:-1}
    say "unit tests, $1: $((total - bad)) passed, $bad failed, $((SECONDS - started)) s"
    [ "$bad" = 0 ] || grep -v -E '^ *[0-9]+/[0-9]+ Test|Start' "$logs/$name.log" | head -n 100
    count "$name" $((total - bad)) "$bad"
}

# command_line PRESET: the bats files, two at a time. A file that breaks off counts as a failure; the
# limit of time is there for what hangs.
command_line() {
    local file name tap planned good bad sum_good=0 sum_bad=0 started=$SECONDS
    printf '%s\n' tests/cli/*.bats | TRANCHE=$build/$1/tranche xargs -P 2 -I '{}' bash -c '
        timeout -k 10 1200 '"$runner"' bats --tap "$1" >"$2/bats-$(basename "$1" .bats).tap" 2>&1 || true
    ' - '{}' "$logs"
    for file in tests/cli/*.bats; do
        name=$(basename "$file" .bats)
        tap=$logs/bats-$name.tap
        planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$tap" | head -n 1)
        good=$(grep -c '^ok ' "$tap")
        bad=$((${planned:-$((good + 1))} - good))
        sum_good=$((sum_good + good)) sum_bad=$((sum_bad + bad))
        grep '^ok .* # skip' "$tap" | sed "s/^ok [0-9]*/   skipped in $name:/"
        [ "$bad" = 0 ] || { echo "-- $file"; grep -v '^ok ' "$tap"; }
    done
    say "command line, $1: $sum_good passed, $sum_bad failed, $((SECONDS - started)) s"
    count "bats-$1" $sum_good $sum_bad
}

# script NAME COMMAND...: one test that is a script; shows what it says at its end, or all of it.
script() {
    local name=$1 started=$SECONDS
    shift
    if "$@" >"$logs/$name.log" 2>&1; then
        say "$name: ok, $((SECONDS - started)) s"
        sed 's/^/   /' "$logs/$name.log" | tail -n 40
        count "$name" 1 0
    else
        say "$name: FAILED"
        tail -n 60 "$logs/$name.log"
        count "$name" 0 1
    fi
}

# kills PRESET N: kills of a build.
kills() {
    TRANCHE=$build/$1/tranche script "kill-$1" timeout -k 10 $((600 + $2 * 30)) \
        $runner tests/crash/kill.sh --kills "$2"
}
# callbacks PRESET OPTION...: callbacks that go wrong, and kills while they come. It mostly waits.
callbacks() {
    TRANCHE=$build/$1/tranche script "callbacks-$1" timeout -k 10 3600 \
        $runner tests/crash/callbacks.sh "${@:2}"
}
sandbox() {
    TRANCHE=$build/$1/tranche script "sandbox-$1" timeout -k 10 1200 \
        $runner tests/crash/sandbox.sh --kills "$2"
}

# vendors PRESET [OPTION...]: every operation against its simulator.
vendors() {
    local preset=$1
    shift
    TRANCHE=$build/$preset/tranche script "vendors-$preset" timeout -k 10 1200 \
        $runner tests/vendors.sh "$@"
}

end() {
    local good bad
    while read -r good bad; do
        passed=$((passed + good)) failed=$((failed + bad))
    done < <(cat "$logs"/*.count)
    [ $((passed + failed)) -gt 0 ] || failed=1
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
    exit
}

# --- what the modes do ---

# What needs the release waits beside what is still being compiled, on however few processors.
quick() {
    local beside=() pid forms=() parts=()
    [ "$mode" != full ] || forms=(--forms)
    # Under the load of everything beside it a callback may come after the run has ended, which the
    # part with kills takes for one that was lost: it runs in the other modes.
    [ "$mode" = full ] || parts=(--part wrong --part outstanding --part flood)
    compile release || end
    { kills release "$1"; sandbox release 4; } >"$logs/beside-kills.txt" 2>&1 &
    beside+=($!)
    callbacks release --kills "$1" "${parts[@]}" >"$logs/beside-callbacks.txt" 2>&1 &
    beside+=($!)
    { command_line release; vendors release "${forms[@]}"; } >"$logs/beside-bats.txt" 2>&1 &
    beside+=($!)
    script layers tests/layers.sh
    if [ "$mode" = full ] || command -v clang >/dev/null; then
        compile clang
    else
        say "build clang: not tried, clang is not installed (tests/run.sh full installs it)"
    fi
    compile dev && unit dev
    unit release
    for pid in "${beside[@]}"; do
        wait "$pid"
    done
    cat "$logs/beside-bats.txt" "$logs/beside-kills.txt" "$logs/beside-callbacks.txt"
}

crash() {
    compile release tranche || end
    kills release 1000
    sandbox release 20
    callbacks release --kills 1000
}

sanitizers() {
    local preset
    export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
    export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
    for preset in dev tsan; do
        compile $preset || continue
        # TSan of gcc 12 wants the addresses where they were before kernels spread them more.
        [ $preset = dev ] || runner="setarch $(uname -m) -R"
        unit $preset
        command_line $preset
        kills $preset 20
        callbacks $preset --part kills --kills 20
    done
}

runner=
mkdir -p "$logs"
rm -f "$logs"/*.count
if command -v dpkg-query >/dev/null; then
    missing=$(missing_packages)
    # shellcheck disable=SC2086 # one word per package
    [ -z "$missing" ] || install_packages $missing
else
    say "this is not Debian: going on with what is installed (packages.txt names what is needed)"
fi
if command -v ccache >/dev/null; then
    export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi
case $mode in
    quick) quick 20 ;;
    full) quick 200 ;;
    *) $mode ;;
esac
end
