//! Which column names promise a person's name, address or number.

/// Words that make a column a direct identifier wherever they stand.
const ALWAYS: &[&str] = &[
    "firstname",
    "lastname",
    "fullname",
    "surname",
    "forename",
    "givenname",
    "familyname",
    "middlename",
    "maidenname",
    "nickname",
    "patientname",
    "subjectname",
    "participantname",
    "email",
    "emails",
    "mail",
    "emailaddress",
    "phone",
    "telephone",
    "tel",
    "phonenumber",
    "cellphone",
    "mobilephone",
    "fax",
    "address",
    "homeaddress",
    "street",
    "postcode",
    "zip",
    "zipcode",
    "dob",
    "birthdate",
    "birthday",
    "dateofbirth",
    "ssn",
    "passport",
    "nhs",
    "mrn",
    "nationalid",
    "nino",
    "cpf",
    "vorname",
    "nachname",
    "geburtsdatum",
    "adresse",
    "telefon",
    "prenom",
    "prénom",
    "nombre",
    "apellido",
    "apellidos",
    "nome",
    "sobrenome",
    "telefone",
    "nascimento",
];

/// Words that make a `name` a person's.
const OF_PERSONS: &[&str] = &[
    "first",
    "last",
    "full",
    "given",
    "family",
    "middle",
    "maiden",
    "birth",
    "patient",
    "participant",
    "subject",
    "person",
    "user",
    "mother",
    "father",
    "parent",
    "partner",
    "contact",
    "legal",
    "real",
    "volunteer",
];

/// Words beside `birth` that ask for no date.
const ABOUT_BIRTH: &[&str] = &[
    "weight",
    "order",
    "length",
    "height",
    "country",
    "gestational",
    "gestation",
    "ga",
    "pma",
    "age",
    "sex",
    "preterm",
    "term",
    "mode",
    "type",
    "cohort",
    "season",
    "complications",
    "head",
    "multiple",
];

/// Pairs of words that make a column a direct identifier.
const PAIRS: &[(&str, &str)] = &[
    ("national", "id"),
    ("national", "number"),
    ("national", "insurance"),
    ("identity", "card"),
    ("identity", "number"),
    ("id", "card"),
    ("social", "security"),
    ("medical", "record"),
    ("hospital", "number"),
    ("insurance", "number"),
    ("personal", "number"),
    ("post", "code"),
    ("postal", "code"),
    ("mobile", "number"),
    ("driver", "license"),
    ("driving", "licence"),
];

/// Whether a column's name looks like that of a direct identifier.
pub(super) fn is_direct_identifier(column: &str) -> bool {
    let words = words(column);
    let has = |word: &str| words.iter().any(|found| found == word);
    let any = |list: &[&str]| list.iter().any(|word| has(word));
    any(ALWAYS)
        || (has("name") && (words.len() == 1 || any(OF_PERSONS)))
        || (has("birth") && !any(ABOUT_BIRTH))
        || PAIRS.iter().any(|(first, second)| has(first) && has(second))
}

/// Whether a column is called `id` and nothing else.
pub(super) fn is_bare_id(column: &str) -> bool {
    column.eq_ignore_ascii_case("id")
}

/// The words of a name: between anything but letters, and at `aB`.
fn words(column: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for c in column.chars() {
        if !c.is_alphabetic() || (c.is_uppercase() && after_lower) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphabetic()) {
            word.extend(c.to_lowercase());
        }
        after_lower = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_addresses_and_numbers_of_persons_are_found() {
        for column in [
            "Name",
            "name",
            "NAME",
            "first_name",
            "FirstName",
            "firstname",
            "Surname",
            "patient name",
            "PatientName",
            "E-Mail",
            "email",
            "eMail",
            "email2",
            "Phone",
            "phone_number",
            "Tel.",
            "Address",
            "home-address",
            "Street",
            "birth_date",
            "DateOfBirth",
            "DOB",
            "year of birth",
            "ssn",
            "SSN",
            "National ID",
            "national_id",
            "Passport No",
            "NHS number",
            "Nachname",
            "participant_name",
            "Mother's name",
        ] {
            assert!(is_direct_identifier(column), "{column}");
        }
    }

    #[test]
    fn other_names_are_not() {
        for column in [
            "site_name",
            "scanner_name",
            "sequence_name",
            "filename",
            "FileName",
            "group_name",
            "AGE",
            "sex",
            "birth_weight",
            "gestational age at birth",
            "nationality",
            "telomere_length",
            "session",
            "hotel",
            "id",
            "mailbox_task",
            "streetlight",
            "subject_group",
            "dobutamine",
            "renamed",
        ] {
            assert!(!is_direct_identifier(column), "{column}");
        }
    }
}
