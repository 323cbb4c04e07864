# Holds a run's output against the truth of the simulator. Prints what is wrong, a line each; nothing
# when all is right.
#
# jq -n -r --arg operation wiza/reveal --arg form api --argjson records N --slurpfile out OUT.ndjson
#    --slurpfile questions QUESTIONS --slurpfile account ACCOUNT --slurpfile report RUN/report.json
#    -f vendors.jq
#
# QUESTIONS and ACCOUNT are pages of the judge (src/sim/audit.h). The list is one of vendors.awk: the
# number in whatever a vendor was asked is that of the person it is about.

def trim: sub("^\\s+"; "") | sub("\\s+$"; "");
def normal: trim | ascii_downcase;
def number: capture("(?<digits>[0-9]+)").digits;

# --- which records can be asked about, and what they are asked with ---

def is_address: test("^[^@ ]+@[^@ ]+$");
def is_profile: test("linkedin\\.com/in/");
# The employer's domain: of the website, else of an address that is not with a mailbox provider.
def domain:
    (.Website | normal | sub("^https?://"; "") | sub("^www\\."; "") | sub("/.*"; "")) as $site
    | if $site != "" then $site
      elif (.Email | is_address) and (.Email | test("gmail") | not)
      then .Email | normal | sub(".*@"; "")
      else "" end;
# The list's row as the fields of questions; "" where there is none that can be asked with.
def fields: {
    first: ."First Name" | normal,
    last: ."Last Name" | normal,
    company: .Company | normal,
    domain: domain,
    email: (.Email | if is_address then normal else "" end),
    profile: (.LinkedIn | if is_profile then normal | sub(".*linkedin"; "linkedin") | sub("/$"; "")
                          else "" end)
};
def named: .first != "" and .last != "";
def employed: .domain != "" or .company != "";
def can_be_asked: {
    "enrichso/email-finder": (named and .domain != ""),
    "enrichso/email-validation": (.email != ""),
    "enrichso/reverse-lookup": (.email != ""),
    "enrichso/phone-finder": (.profile != "" or .email != ""),
    # Names have at least two characters here.
    "prospiq/enrich": (named and employed and (.first | length) > 1 and (.last | length) > 1),
    "unstuck/enrich": (.email != "" or .profile != ""),
    "unstuck/discover": (named and .domain != ""),
    "unstuck/account": (.domain != ""),
    "wiza/reveal": (.profile != "" or .email != "" or (named and employed)),
    "zeliq/email": (.profile != "" or (named and employed)),
    "zeliq/phone": (.profile != "" or .email != "")
}[$operation];
# The same of a question that the vendor was asked: its members by their names there.
def asked_with($r): {
    firstName: [$r.first], first_name: [$r.first], lastName: [$r.last], last_name: [$r.last],
    full_name: [$r.first + " " + $r.last], domain: [$r.domain], company_domain: [$r.domain],
    company: [$r.company, $r.domain], email: [$r.email],
    linkedin_url: [$r.profile], linkedin: [$r.profile], profile_url: [$r.profile]
};

# --- what the answer must be ---

# prospiq prints numbers as people do.
def plain_number: if . then "+" + gsub("[^0-9]"; "") else null end;
def expected_data($q): $q.values as $v
    | if $operation == "enrichso/email-finder" then
          {email: $v.email, confidence: ($v.confidence | sub("definitive"; "high"))}
      elif $operation == "enrichso/email-validation" then
          {email_status: ($q.outcome | sub("-"; "_"))}
      elif $operation == "enrichso/reverse-lookup" then
          {linkedin_url: ($v.linkedinUrl // $v.profileUrl), first_name: $v.firstName,
           last_name: $v.lastName, company: ($v.company // $v.companyName),
           job_title: ($v.title // $v.positions.positionHistory[0].title)}
      elif $operation == "enrichso/phone-finder" then {phone: $v.phones[0], phones: $v.phones}
      elif $operation == "prospiq/enrich" then
          {email: $v.email, job_title: $v.job_title, phone: ($v.phone[0].number | plain_number)}
      elif $operation == "unstuck/account" then $v | map_values(if . == [] then null else . end)
      elif $operation == "unstuck/enrich" or $operation == "unstuck/discover" then
          {email: ($v.work_email // $v.personal_email), phone: $v.phone,
           linkedin_url: $v.linkedin_url}
      elif $operation == "wiza/reveal" then
          {email: $v.email, phone: ($v.phones[0].number | plain_number), full_name: $v.name,
           job_title: $v.title, company: $v.company, company_domain: $v.company_domain,
           linkedin_url: $v.linkedin_profile_url, employee_count: $v.company_size}
      elif $operation == "zeliq/email" then
          {email: $v.most_probable_email, email_status: ($v.most_probable_email_status | sub("-"; "_"))}
      else {phone: $v.most_probable_phone, phones: ($v.phones | map(.phone))} end;
# A document says "catch-all" where another says "risky" and that the domain takes everything; and
# "high" where the other has "definitive" above it.
def data_of:
    if .phones then .phones |= map(.number) else . end
    | if .email_status == "risky" and .email_catch_all then .email_status = "catch_all" else . end
    | if .confidence == "definitive" then .confidence = "high" else . end;
def expected_outcome($q):
    if $operation == "enrichso/email-validation" then "found"
    elif $q.outcome == "error" then "failed"
    # A channel that a reply leaves out was not found, or never looked for: it does not tell.
    elif ($operation | test("unstuck/(enrich|discover)")) and $form == "records"
         and $q.outcome == "not_found" then "failed"
    else $q.outcome end;

# What a record says that its answer cost. In the document's form a batch of reverse lookups pays for
# misses too, which have no row that could say so: they are in the credits of the run alone.
def told($q):
    if $operation == "enrichso/reverse-lookup" and $q.way == "batch" and $q.outcome == "not_found"
    then 0 else $q.charged end;

# --- the judgement ---

def differs($what; $got; $want):
    select($got != $want) | "\($what): \($got | tojson), should be \($want | tojson)";

def judge_question($q; $r): (asked_with($r)) as $can
    | $q.question | to_entries[] | select($can[.key])
    | select(.value as $value | $can[.key] | index([$value]) | not)
    | "asked with \(.key) \(.value | tojson), not \($can[.key] | tojson)";

def judge_record($q; $first): . as $record
    | if (.input | fields | can_be_asked | not) then
          differs("outcome"; .outcome; "invalid"), differs("credits"; .credits; 0),
          (select($q) | "was asked, and cannot be")
      elif $q == null then "was never asked"
      else
          differs("outcome"; .outcome; expected_outcome($q)),
          differs("duplicate_of"; .duplicate_of; if $first == .record then null else $first end),
          differs("credits"; .credits; if $first == .record then told($q) else 0 end),
          (select($first == .record) | judge_question($q; .input | fields)),
          (select(.outcome == "found")
           | expected_data($q) as $want | (.data | data_of) as $data
           | $want | keys[] | . as $key | differs($key; $data[$key]; $want[$key])),
          (select(.outcome != "found" and .data.email != null)
           | "an address of \($record.outcome)")
      end;

(reduce $questions[] as $q ({}; .[$q.question | [.[]] | join(" ") | number] = $q)) as $asked
| (reduce ($out | reverse[]) as $r ({}; .[$r.input.id] = $r.record)) as $first
| $account[0] as $account | $report[0] as $report
| ($out[] | . as $r | judge_record($asked[.input.id]; $first[.input.id])
   | "record \($r.record): \(.)"),
  differs("records"; $out | length; $records),
  first(range($out | length) as $i | differs("record in place \($i + 1)"; $out[$i].record; $i + 1)),
  ($questions[] | select(.times != 1) | "asked \(.times) times: \(.question | tojson)"),
  differs("questions of different people"; $questions | length; $asked | length),
  differs("outcomes of the report"; $report.outcomes | with_entries(select(.value > 0));
          reduce $out[] as $r ({}; .[$r.outcome] += 1)),
  differs("credits of the report"; $report.credits.spent; $account.spent),
  differs("credits of all records"; [$out[].credits] | add;
          $account.spent - ([$questions[] | .charged - told(.)] | add // 0)),
  differs("credits of all questions"; [$questions[].charged] | add // 0; $account.spent),
  differs("reserved"; $account.reserved; 0)
