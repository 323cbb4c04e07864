/* The names columns have in the lists people really use: exports of Salesforce, HubSpot, Pipedrive,
 * LinkedIn, Sales Navigator, Apollo, ZoomInfo, Lusha, Outlook and Google, and what people type in
 * English, German, French, Spanish, Dutch and Italian.
 *
 * Invariants:
 *  1. A name is here as columns_fold writes it.
 *  2. Names match whole: "Email Status", "Company Phone", "Company Linkedin Url", "Middle Name"
 * match nothing.
 *  3. Within a field a name stands once, save with another `beside`.
 *
 * Any thread. */
#include "record/columns.h"

#include <string.h>

#include "record/text.h"

/* clang-format off */
const struct columns_row columns_table[] = {
    {FIELD_EMAIL, 0, NULL,
     "email emailaddress"},
    {FIELD_EMAIL, 1, NULL,
     "workemail workemailaddress businessemail businessemailaddress professionalemail "
     "corporateemail primaryemail primaryemailaddress primaryworkemail emailwork "
     "emailbusiness emailprimary officialemail emailadresse mailadresse emailgeschaftlich "
     "geschaftlicheemail emaildienstlich dienstlicheemail emailarbeit adresseemail "
     "adressemail adresseelectronique courriel emailprofessionnel emailpro "
     "mailprofessionnel mailpro correoelectronico direcciondecorreoelectronico "
     "emailprofesional correoprofesional correoelectronicoprofesional emailcorporativo "
     "emailadres emailzakelijk zakelijkemail zakelijkeemail indirizzoemail epost"},
    {FIELD_EMAIL, 2, NULL,
     "mail emails correo verifiedemail currentemail workemail1 workemails email1 "
     "emailaddress1 email1value email1address"},
    {FIELD_EMAIL, 3, NULL,
     "email2 emailaddress2 email2value email2address secondaryemail alternateemail "
     "alternativeemail additionalemail otheremail emailother"},
    {FIELD_EMAIL, 4, NULL,
     "personalemail personalemailaddress privateemail homeemail emailhome emailpersonal "
     "emailprivate emailprivat privateemailadresse emailpersonnel emailperso "
     "emailpersonal1 correopersonal emailprive priveemail"},
    {FIELD_PHONE, 0, NULL,
     "phone phonenumber telephone telephonenumber"},
    {FIELD_PHONE, 1, NULL,
     "tel telno phoneno mobile mobilephone mobilephonenumber mobilenumber mobileno cell "
     "cellphone cellphonenumber cellnumber directphone directphonenumber directdial "
     "directdialnumber directnumber directline workphone workphonenumber workdirectphone "
     "businessphone businessphonenumber phonework phonemobile phonedirect primaryphone "
     "primaryphonenumber contactnumber telefon telefonnummer rufnummer telefonnr handy "
     "handynummer mobil mobilnummer mobiltelefon telefongeschaftlich telefonmobil "
     "numerodetelephone numtelephone portable telephoneportable telephonemobile "
     "numerodeportable mobilepro telephoneprofessionnel telpro telefono numerodetelefono "
     "telefonomovil movil celular telefonocelular telefonotrabajo telefoon telefoonnummer "
     "mobiel mobielnummer mobielenummer mobieletelefoon"},
    {FIELD_PHONE, 2, NULL,
     "phone1 phonenumber1 phone1value phones phonenumbers"},
    {FIELD_PHONE, 3, NULL,
     "phone2 phonenumber2 phone2value otherphone phoneother homephone homephonenumber "
     "phonehome telefonprivat"},
    {FIELD_LINKEDIN_URL, 0, NULL,
     "linkedinurl linkedinprofile linkedinprofileurl linkedinprofilelink linkedinlink "
     "linkedincontactprofileurl linkedinpublicurl linkedinpublicprofileurl "
     "linkedinpersonurl linkedinmemberurl linkedinaddress hslinkedinurl linkedincontacturl "
     "linkedinprofil linkedinprofiel profillinkedin urllinkedin lienlinkedin "
     "urlprofillinkedin perfillinkedin perfildelinkedin urldelinkedin urlperfillinkedin "
     "linkedinadresse linkedinprofilurl"},
    {FIELD_LINKEDIN_URL, 1, NULL,
     "linkedin linkedinpage linkedinweb"},
    {FIELD_LINKEDIN_URL, 1, "connectedon",
     "url"},
    {FIELD_LINKEDIN_URL, 2, NULL,
     "profileurl publicprofileurl profilelink publicprofile defaultprofileurl"},
    {FIELD_LINKEDIN_URL, 3, NULL,
     "salesnavigatorurl salesnavigatorprofileurl salesnavigatorprofile "
     "linkedinsalesnavigatorurl linkedinsalesnavigatorprofileurl salesnavurl "
     "linkedinsalesnavurl"},
    {FIELD_FIRST_NAME, 0, NULL,
     "firstname givenname forename vorname prenom voornaam"},
    {FIELD_FIRST_NAME, 1, NULL,
     "fname firstnames givennames forenames prenoms vornamen voornamen primernombre "
     "nombredepila rufname roepnaam nombres"},
    {FIELD_FIRST_NAME, 1, "apellido apellidos primerapellido",
     "nombre"},
    {FIELD_FIRST_NAME, 1, "cognome sobrenome",
     "nome"},
    {FIELD_FIRST_NAME, 2, NULL,
     "first"},
    {FIELD_LAST_NAME, 0, NULL,
     "lastname surname familyname nachname familienname achternaam apellido apellidos "
     "cognome sobrenome nomdefamille"},
    {FIELD_LAST_NAME, 1, NULL,
     "lname lastnames surnames zuname familienaam primerapellido"},
    {FIELD_LAST_NAME, 1, "prenom",
     "nom"},
    {FIELD_LAST_NAME, 1, "vorname",
     "name"},
    {FIELD_LAST_NAME, 1, "voornaam",
     "naam"},
    {FIELD_LAST_NAME, 2, NULL,
     "last"},
    {FIELD_FULL_NAME, 0, NULL,
     "fullname completename nomcomplet vollername vollstandigername nombrecompleto "
     "nombreyapellido nombreyapellidos volledigenaam nomecompleto"},
    {FIELD_FULL_NAME, 1, NULL,
     "firstandlastname firstnamelastname vorundnachname vornamenachname vornameundnachname "
     "prenomnom prenometnom voornaamachternaam voorenachternaam nombreapellido "
     "nombreapellidos"},
    {FIELD_FULL_NAME, 2, NULL,
     "displayname contactperson ansprechpartner contactpersoon"},
    {FIELD_FULL_NAME, 3, NULL,
     "name naam nombre nom nome"},
    {FIELD_JOB_TITLE, 0, NULL,
     "jobtitle jobtitles"},
    {FIELD_JOB_TITLE, 1, NULL,
     "currentjobtitle currenttitle position currentposition jobposition positiontitle "
     "organizationtitle worktitle berufsbezeichnung stellenbezeichnung jobbezeichnung "
     "jobtitel positionsbezeichnung poste intituleduposte intitulduposte fonction "
     "titreduposte titredeposte postedetravail cargo puesto puestodetrabajo "
     "titulodelpuesto functie functietitel functienaam designation"},
    {FIELD_JOB_TITLE, 2, NULL,
     "title"},
    {FIELD_JOB_TITLE, 3, NULL,
     "role jobrole occupation funktion headline jobpost"},
    {FIELD_COMPANY, 0, NULL,
     "company companyname organization organizationname organisation organisationname "
     "accountname employer employername"},
    {FIELD_COMPANY, 1, NULL,
     "account businessname currentcompany currentcompanyname currentemployer "
     "currentorganization primarycompany firma firmenname firmierung unternehmen "
     "unternehmensname arbeitgeber societe nomdelasociete nomsociete entreprise "
     "nomdelentreprise nomentreprise raisonsociale employeur empresa nombredelaempresa "
     "nombredeempresa nombreempresa compania nombredelacompania razonsocial organizacion "
     "bedrijf bedrijfsnaam firmanaam organisatie organisatienaam werkgever azienda "
     "ragionesociale"},
    {FIELD_COMPANY, 2, NULL,
     "companynameforemails associatedcompany associatedcompanyname "
     "primaryassociatedcompany primaryassociatedcompanyname companyname1 organization1name "
     "organizationname1"},
    {FIELD_DOMAIN, 0, NULL,
     "domain companydomain companydomainname domainname accountdomain organizationdomain "
     "organisationdomain"},
    {FIELD_DOMAIN, 1, NULL,
     "primarydomain companyprimarydomain rootdomain websitedomain companywebsitedomain "
     "companyemaildomain domainofcompany firmendomain unternehmensdomain domaineentreprise "
     "domainedelentreprise nomdedomaine dominio dominiodelaempresa dominioempresa domein "
     "domeinnaam bedrijfsdomein"},
    {FIELD_DOMAIN, 3, NULL,
     "emaildomain url webpage web site webaddress siteurl"},
    {FIELD_DOMAIN, 2, NULL,
     "website companywebsite websiteurl companywebsiteurl companyurl organizationwebsite "
     "organizationwebsiteurl organisationwebsite organizationurl accountwebsite "
     "website1value website1 websites companyweb companyhomepage webseite firmenwebsite "
     "unternehmenswebsite firmenwebseite internetseite internetadresse homepage siteweb "
     "siteinternet sitewebdelentreprise sitewebentreprise sitioweb paginaweb "
     "sitiowebdelaempresa webdelaempresa bedrijfswebsite websitebedrijf sitoweb"},
    {FIELD_COUNT, 0, NULL, NULL},
};
/* clang-format on */

/* The base letters of U+00C0 to U+00FF; a space is no letter. */
static const char latin[] = "aaaaaaaceeeeiiiidnooooo ouuuuytsaaaaaaaceeeeiiiidnooooo ouuuuyty";

static bool is_sign(uint32_t c)
{
    return c < 0xc0 || (c >= 0x300 && c <= 0x36f) || (c >= 0x2000 && c <= 0x2bff) ||
           (c >= 0x3000 && c <= 0x3020) || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff ||
           c >= 0xfff0;
}

void columns_fold(struct slice name, char *text)
{
    size_t len = 0;
    for (size_t i = 0, n; i < name.len; i += n) {
        uint32_t c;
        n = text_next(name.data + i, name.len - i, &c);
        if (c >= 'A' && c <= 'Z')
            c += 'a' - 'A';
        if (c >= 0xc0 && c <= 0xff)
            c = (uint32_t)(uint8_t)latin[c - 0xc0];
        bool ascii = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!ascii && (c < 0x80 || is_sign(c)))
            continue;
        size_t bytes = ascii ? 1 : n;
        if (len + bytes >= COLUMNS_FOLDED_MAX)
            break;
        if (ascii)
            text[len] = (char)c;
        else
            memcpy(text + len, name.data + i, n);
        len += bytes;
    }
    text[len] = '\0';
}

bool columns_word(const char *words, const char *word)
{
    size_t len = strlen(word);
    if (len == 0)
        return false;
    for (const char *p = words; (p = strstr(p, word)); p += len)
        if ((p == words || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\0'))
            return true;
    return false;
}

const char *columns_unprefixed(const char *folded)
{
    static const char *const prefixes[] = {
        "contact",   "person",   "people",   "lead",      "prospect",
        "candidate", "employee", "attendee", "recipient", "kontakt",
    };
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t len = strlen(prefixes[i]);
        if (strncmp(folded, prefixes[i], len) == 0 && folded[len] != '\0')
            return folded + len;
    }
    return NULL;
}
