#!/usr/bin/env bash
# Who may include whom: holds every #include of src/ and include/ against the table of src/README.md
# ("| folder | may include |") and against the list below of who may include which library. Each
# include that breaks a rule is told as file:line, and the exit status is 1.
#
#   tests/layers.sh [ROOT]
set -u -o pipefail

cd "${1:-$(dirname "$0")/..}" || exit 1

# Headers of libraries, and the folders that may include them. Everything else in angle brackets is
# a header of C, C++ or libc, from the list behind it.
libraries='
curl/* net
microhttpd.h net
uv.h net sim run cli
sqlite3.h ledger
simdjson.h wire
openssl/* wire
zstd.h input output
zstd_errors.h input output
zlib.h input output
csv.h input
xxhash.h input record sim run
'
system='
arpa/inet.h assert.h ctype.h dirent.h emmintrin.h errno.h fcntl.h ftw.h getopt.h inttypes.h
limits.h locale.h malloc.h math.h netdb.h netinet/in.h netinet/tcp.h poll.h pthread.h sched.h semaphore.h
setjmp.h signal.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h
string.h strings.h sys/epoll.h sys/eventfd.h sys/file.h sys/ioctl.h sys/mman.h sys/prctl.h
sys/random.h sys/resource.h sys/socket.h sys/stat.h sys/statvfs.h sys/syscall.h sys/time.h
sys/types.h sys/uio.h sys/un.h sys/vfs.h sys/wait.h sysexits.h termios.h time.h unistd.h wchar.h
wctype.h
algorithm cctype charconv clocale cmath cstddef cstdint cstdio cstdlib cstring cwctype limits
memory new string string_view type_traits utility
'

table=$(awk -F'|' '
    /^\| *folder *\| *may include *\|/ { inside = 1; next }
    inside && !/^\|/ { exit }
    inside && !/^\|[-| ]*$/ {
        gsub(/ /, "", $2)
        gsub(/,/, " ", $3)
        gsub(/libc only/, "", $3)
        print $2, $3
    }' src/README.md 2>/dev/null)
if [ -z "$table" ]; then
    echo "src/README.md: there is no table of who may include whom (| folder | may include |)"
    exit 1
fi

roots=src
[ ! -d include ] || roots="src include"
# shellcheck disable=SC2086 # two words
find $roots -name "*.[ch]" -o -name "*.cc" -o -name "*.hh" | sort |
    xargs -r -d '\n' grep -Hn '^[[:space:]]*#[[:space:]]*include' |
    awk -v table="$table" -v libraries="$libraries" -v system_headers="$system" '
    function wrong(where, what) {
        print where ": " what
        bad = 1
    }
    # Which library rule the header falls under; 0: none.
    function rule_of(header,    i, prefix) {
        for (i = 1; i <= rules; i++) {
            prefix = pattern[i]
            if (sub(/\*$/, "", prefix) ? index(header, prefix) == 1 : header == prefix)
                return i
        }
        return 0
    }
    BEGIN {
        rows = split(table, row, "\n")
        for (i = 1; i <= rows; i++) {
            n = split(row[i], cell, " ")
            for (j = 2; j <= n; j++) {
                if (cell[j] != cell[1] && !(cell[j] in known))
                    wrong("src/README.md", "the table lets " cell[1] " include " cell[j] \
                          ", which is not above it: a circle, or a folder that there is not")
                may[cell[1] "/" cell[j]] = 1
            }
            known[cell[1]] = 1
            may[cell[1] "/" cell[1]] = 1
        }
        n = split(libraries, line, "\n")
        for (i = 1; i <= n; i++) {
            if (split(line[i], cell, " ") < 2)
                continue
            pattern[++rules] = cell[1]
            owners[rules] = substr(line[i], length(cell[1]) + 2)
        }
        n = split(system_headers, cell, /[ \n]+/)
        for (i = 1; i <= n; i++)
            is_system[cell[i]] = 1
    }
    {
        includes++
        split($0, part, ":")
        where = part[1] ":" part[2]
        split(part[1], path, "/")
        folder = path[1] == "src" ? path[2] : ""
        if (match($0, /<[^>]*>/)) {
            header = substr($0, RSTART + 1, RLENGTH - 2)
            r = rule_of(header)
            if (r && (" " owners[r] " ") !~ (" " folder " "))
                wrong(where, "only " owners[r] " may include <" header ">")
            else if (!r && !(header in is_system))
                wrong(where, "<" header "> is neither of C, C++ or libc nor of a library listed in tests/layers.sh")
        } else if (match($0, /"[^"]*"/)) {
            header = substr($0, RSTART + 1, RLENGTH - 2)
            target = header
            sub(/\/.*/, "", target)
            if (header !~ /\// || target == "..")
                wrong(where, "\"" header "\" does not begin with its folder")
            else if (path[1] == "include" && target != "tranche")
                wrong(where, "a public header includes " target)
            else if (folder != "" && target != "tranche" && !((folder "/" target) in may))
                wrong(where, folder " may not include " target)
        } else {
            wrong(where, "an include of what?")
        }
    }
    END {
        if (includes == 0)
            wrong("src", "no include was found: this check would check nothing")
        exit bad
    }' && status=0 || status=1

# Each folder in the table, and nothing in the table that is not there.
folders=$(find src -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort)
in_table=$(awk '{ print $1 }' <<<"$table" | sort)
while read -r folder; do
    [ -z "$folder" ] || { echo "src/$folder: is not in the table of src/README.md"; status=1; }
done <<<"$(comm -23 <(echo "$folders") <(echo "$in_table"))"
while read -r folder; do
    [ -z "$folder" ] || { echo "src/README.md: the table has $folder, and src/ has not"; status=1; }
done <<<"$(comm -13 <(echo "$folders") <(echo "$in_table"))"
exit $status
