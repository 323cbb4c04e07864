# A list of people with everything that vendors are asked with, the same for the same seed, with any
# awk. Each person has a number, which stands in the company, the website, the address and the
# profile, so that whatever a vendor was asked tells whom it was about; a duplicate has the number of
# the record before it that it repeats, in other case and spacing. Many lack something, or have it in
# a form that cannot be asked with.
#
# awk -v records=N -v seed=N -f vendors.awk

# The next of the minimal standard generator: every product fits into a double.
function next_number(limit)
{
    state = (state * 16807) % 2147483647
    return state % limit
}

# The person of a number depends on seed and number alone, so that any can be written again.
function make_person(number,    slug, lacks)
{
    state = (seed * 7919 + number * 104729) % 2147483646 + 1
    next_number(2); next_number(2)
    first = first_names[next_number(first_count) + 1]
    last = last_names[next_number(last_count) + 1]
    slug = slugs[next_number(slug_count) + 1]
    company = "Company " number
    domain = "c" number ".example"
    website = next_number(3) ? domain : "https://www." domain "/about"
    email = slug "@" domain
    profile = next_number(3) ? "https://www.linkedin.com/in/" slug "-" number \
                             : "linkedin.com/in/" slug "-" number "/"
    lacks = next_number(20)
    if (lacks == 0) email = ""
    else if (lacks == 1) profile = ""
    else if (lacks == 2) website = ""
    else if (lacks == 3) website = email = profile = ""
    else if (lacks == 4) email = profile = ""
    else if (lacks == 5) last = ""
    else if (lacks == 6) { email = slug number "@gmail.com"; website = "" }
    else if (lacks == 7) email = slug " at " domain
    else if (lacks == 8) profile = "https://www.example.com/in/" slug "-" number
    else if (lacks == 9) first = "J"
    else if (lacks == 10) company = website = email = profile = ""
}

function write_person(number)
{
    printf "%d,%s,%s,%s,%s,%s,%s\n", number, first, last, company, website, email, profile
}

BEGIN {
    # Letters beyond ASCII are small ones, so that whoever lowers ASCII alone has lowered them all.
    first_count = split("Ada José Zoë Ngọc Søren 李 Maria Anne-Marie Siân Jean Grace Alan Barbara Ken",
                        first_names, " ")
    last_count = split("Lovelace García Brontë 小龍 Nguyễn Kierkegaard O'Neill Smith-Jones d'Arc " \
                       "Gödel Hopper Turing Liskov Dijkstra Thompson Ritchie", last_names, " ")
    slug_count = split("ada jose zoe a.b p_q maria.x o-n kk", slugs, " ")
    print "id,First Name,Last Name,Company,Website,Email,LinkedIn"
    for (n = 1; n <= records; n++) {
        if (n > 20 && n % 13 == 0) {
            # Never of a duplicate: 13 divides none of these.
            from = int(n / 2)
            while (from % 13 == 0)
                from--
            make_person(from)
            first = " " toupper(first) "  "
            company = toupper(company)
            sub(/@c/, "@C", email)
            write_person(from)
        } else {
            make_person(n)
            write_person(n)
        }
    }
}
