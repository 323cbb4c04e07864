#!/bin/sh
# Writes people.csv, a list of 1,200 people who do not exist, with what real lists are full of: names
# of many scripts, quoted cells with commas, quotes and newlines, blanks around values, websites in
# every form instead of domains, duplicates, and cells that are missing, broken or too many.
#
#     samples/make-people.sh > samples/people.csv
#
# The same bytes on every machine: the random numbers are its own, and awk works on bytes. All
# domains are reserved ones (RFC 2606), so that nobody real can be asked about.
set -eu
LC_ALL=C
export LC_ALL

exec awk '
function random(n) # 0 to n-1
{
    state = state * 16807 % 2147483647
    return int(state / 2147483647 * n)
}

# Words of one language: first names, last names, a company and its domain. "_" is a blank.
function people(firsts, lasts, firm, site)
{
    languages++
    first[languages] = firsts
    last[languages] = lasts
    company[languages] = firm
    domain[languages] = site
}

function remark(text)
{
    notes[++notes_count] = text
}

function pick(words,    list, word)
{
    word = words
    word = split(words, list, " ")
    word = list[1 + random(word)]
    gsub(/_/, " ", word)
    return word
}

function cell(text)
{
    if (text ~ /[",\n\r]/ || text ~ /^[ \t]/ || text ~ /[ \t]$/) {
        gsub(/"/, "\"\"", text)
        return "\"" text "\""
    }
    return text
}

# A domain as people write it into a column that is called Website.
function website(name,    form)
{
    form = random(14)
    if (form == 0) return "http://" name
    if (form == 1) return "https://" name "/"
    if (form == 2) return "https://www." name "/about-us"
    if (form == 3) return "www." name
    if (form == 4) return toupper(name)
    if (form == 5) return "HTTPS://WWW." toupper(name) "/Home.aspx"
    if (form == 6) return "https://" name "/contact?utm_source=list&utm_medium=email#team"
    if (form == 7) return "  https://www." name "  "
    if (form == 8) return "//" name
    if (form == 9) return name ":8080/start"
    if (form == 10) return "https://user@" name "/"
    if (form == 11) return name "/de/"
    if (form == 12) return "http://" name "."
    return name
}

function note()
{
    return notes[1 + random(notes_count)]
}

function row(a, b, c, d, e, f)
{
    rows++
    given[rows] = cell(a) "," cell(b) "," cell(c) "," cell(d) "," cell(e) "," cell(f)
    shouted[rows] = cell(toupper(a)) "," cell(toupper(b)) "," cell(c) "," cell(toupper(d)) "," \
                    cell(toupper(e)) "," cell(f)
    print given[rows]
}

function repeat(line)
{
    rows++
    given[rows] = shouted[rows] = line
    print line
}

function any(    l, a, b, c, d, e, f, n, kind)
{
    l = 1 + random(languages)
    a = pick(first[l])
    b = pick(last[l])
    n = 1 + random(40)
    c = company[l]
    d = domain[l]
    if (n > 1) {
        c = c " " n
        d = "team" n "." d
    }
    f = random(3) == 0 ? note() : ""
    e = random(6) == 0 ? "person" rows "@" d : ""
    d = website(d)
    kind = random(100)
    if (kind < 3) d = ""
    else if (kind < 5) a = ""
    else if (kind < 7) b = ""
    else if (kind < 8) d = "n/a"
    else if (kind < 9) d = "not a website"
    else if (kind < 10) { a = a " " b; b = "" }
    else if (kind < 11) a = b = c = d = e = ""
    else if (kind < 14) a = "  " a " "
    else if (kind < 16) b = b "\t"
    else if (kind < 18) { d = ""; e = tolower("person" rows "@" domain[l]) }
    else if (kind < 19) { a = "Dr. " a; b = b ", PhD" }
    else if (kind < 20) d = "nobody.example"
    else if (kind < 21) d = "https://everybody.example"
    else if (kind < 22) d = "www.risky.example"
    else if (kind < 23) d = "catch-all.example"
    row(a, b, c, d, e, f)
}

BEGIN {
    state = 20261120
    people("Alice Bob Charlotte David Emily Frank Grace Henry Isla Jack Mary-Jane",
           "Smith Jones O'"'"'Brien Taylor McDonald Brown-Wilson Davies Evans Fitz-Gerald",
           "Acme, Inc.", "acme.example")
    people("Jürgen Käthe Björn Zoë Günther Anneliese Hans-Peter Jörg",
           "Müller Groß Schäfer von_der_Heide Weiß Köhler Öztürk zu_Guttenberg",
           "Müller, Söhne & Co. KG", "mueller-soehne.example")
    people("François Éloïse Noël Hélène Anne-Sophie Théo Maïté",
           "Lefèvre d'"'"'Aubigné Côté Le_Goff Bérénger L'"'"'Hôpital Çelik",
           "L'"'"'Atelier \"Chez Nous\"", "atelier.example")
    people("José María_José Íñigo Begoña Joa\314\203o Conceição Ángel Nuño",
           "Muñoz Peña García_Márquez Gonçalves de_la_Cruz Ibáñez Sepúlveda",
           "Construcciones Peña, S.A.", "pena.example")
    people("Łukasz Żaneta Świętosław Małgorzata Jiří Žofie Růžena Ľubomír",
           "Wałęsa Brzęczyszczykiewicz Dvořák Šťastný Nováková Źdźbło",
           "Żółta Łódź Sp. z o.o.", "zolta-lodz.example")
    people("Ştefan Ioana Gülşen İbrahim Işıl Çağla Őze Ágnes",
           "Ionuţ Țepeș Yılmaz Çakır Şahin Nagy Kovács Szőcs",
           "Şahin ve Oğulları A.Ş.", "sahin.example")
    people("Þórunn Sigurður Ólöf Åse Bjørn Søren Märta Äänis",
           "Jónsdóttir Guðmundsson Ødegård Kjærsgård Åkerblom Hämäläinen",
           "Blåbær ApS", "blaabaer.example")
    people("Thị_Hương Văn_Đức Ánh_Tuyết Quốc_Bảo Minh_Châu",
           "Nguyễn Trần Phạm Lê_Thị Đặng Hoàng",
           "Công ty Đại Phát", "daiphat.example")
    people("Ελένη Γιώργος Δημήτρης Μαρία Κωνσταντίνος",
           "Παπαδόπουλος Νικολαΐδου Οικονόμου Γεωργίου",
           "Αφοί Παπαδόπουλοι", "papadopouloi.example")
    people("Наталія Олексій Ярослав Світлана Анна Фёдор",
           "Шевченко Ковальчук Їжакевич Иванова Щербаков",
           "ТОВ «Ромашка»", "romashka.example")
    people("דוד שרה יעקב נועה", "כהן לוי מזרחי פרץ", "כהן ובניו", "cohen.example")
    people("محمد فاطمة علی یوسف", "الأحمد حسینی بن_علي القاسم", "شركة النور", "alnoor.example")
    people("प्रिया अर्जुन सुनीता விஜய் லட்சுமி", "शर्मा पटेल सिंह குமார் ராமன்",
           "शर्मा एंड संस", "sharma.example")
    people("伟 秀英 娜 敏 浩然", "王 李 張 歐陽 陈", "上海示例有限公司", "shanghai.example")
    people("太郎 花子 さくら ケンジ", "山田 佐藤 髙橋 齋藤", "株式会社サンプル", "sample.example.net")
    people("민준 서연 지우", "김 이 박 남궁", "예시 주식회사", "yesi.example.org")
    people("გიორგი ნინო Արամ Անահիտ አበበ สมชาย", "ბერიძე კაპანაძე Պետրոսյան ከበደ ใจดี",
           "სს მაგალითი", "magaliti.test")
    people("Renée 𝒜da 👩‍💻Kim Nœmi", "Ångström ﬁsher ǅurić Ⅷth", "Bücher & Töne", "bücher.example")

    remark("met at the fair, wants a call")
    remark("said \"maybe\", then \"no\"")
    remark("line one\nline two")
    remark("=1+1")
    remark("- prefers email")
    remark("tab\there")
    remark(";")
    remark("\"")
    remark("100 % sure, \"really\"\r\nsure")
    remark("  ")

    print "First Name,Last Name,Company,Website,Email,Notes"
    while (rows < 1200) {
        if (rows % 60 == 59)
            repeat(given[1 + random(rows)])
        else if (rows % 60 == 29)
            repeat(shouted[1 + random(rows)])
        else if (rows == 700)
            repeat("Ren\351,Caf\351 Olé,Latin-1 GmbH,latin1.example,,\"not UTF-8\"")
        else if (rows == 900)
            repeat("Ann,Other,\"Cells, Cells & Cells\",cells.example,,note,one,too,many")
        else
            any()
    }
}'
