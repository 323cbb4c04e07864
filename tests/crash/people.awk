# A list of people: the same for the same seed, with any awk. Among them duplicates (of a record
# before, in other case and spacing), records that lack what is asked, Unicode, quoted commas, quotes
# and line breaks, a row with a cell too many and one that is not UTF-8.
#
# awk -v records=N -v seed=N -f people.awk

# The next of the minimal standard generator: every product fits into a double.
function next_number(limit)
{
    state = (state * 16807) % 2147483647
    return state % limit
}

# The person of a number depends on seed and number alone, so that any can be written again.
function make_person(number)
{
    state = (seed * 7919 + number * 104729) % 2147483646 + 1
    next_number(2); next_number(2)
    first = first_names[next_number(first_count) + 1]
    last = last_names[next_number(last_count) + 1]
    domain = "c" next_number(4000) "-" int(number / 7) ".example"
    if (next_number(40) == 0)
        domain = ""
    else if (next_number(60) == 0)
        last = ""
    email = domain == "" || last == "" ? "" : "p" number "@" domain
    note = notes[next_number(note_count) + 1]
}

function write_person(number)
{
    printf "%d,%s,%s,%s,%s," note "\n", number, first, last, domain, email, number
}

BEGIN {
    first_count = split("Ada José Zoë Łukasz 李 Ngọc Søren Ólafur Иван Maria Anne-Marie Siân " \
                        "Müller-Ann Jean محمد Grace Alan Barbara Edsger Ken", first_names, " ")
    last_count = split("Lovelace García Brontë Wałęsa 小龍 Nguyễn Kierkegaard Jónsdóttir Иванов " \
                       "O'Neill Smith-Jones d'Arc Gödel Hopper Turing Liskov Dijkstra Thompson " \
                       "Ritchie Çelik", last_names, " ")
    note_count = split("plain|\"with, comma\"|\"said \"\"yes\"\" %d\"|\"two\nlines %d\"||=1+1|日本語 %d|a%db", \
                       notes, "|")
    print "id,First Name,Last Name,Company Domain,Email,Note"
    for (n = 1; n <= records; n++) {
        if (n > 20 && n % 19 == 0) {
            make_person(int(n / 2) + n % 5)
            first = " " toupper(first) "  "
            note = "again"
            write_person(n)
        } else if (n % 1501 == 0) {
            printf "%d,not UTF-8: \377,Person,example.com,,\n", n
        } else if (n % 1507 == 0) {
            printf "%d,One,Cell,example.com,,too,many\n", n
        } else {
            make_person(n)
            write_person(n)
        }
    }
}
