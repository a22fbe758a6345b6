use super::*;
use crate::error::MigrationError;

#[test]
fn every_sql_file_with_a_number_is_embedded() {
    let entries = std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut there: Vec<String> = names.filter(|name| name.starts_with('V')).collect();
    there.sort();
    let mut embedded: Vec<&str> = EMBEDDED.iter().map(|(name, _)| *name).collect();
    embedded.sort_unstable();
    assert_eq!(there, embedded);
}

#[test]
fn the_numbers_leave_no_gap() {
    let numbers: Vec<i32> = read(EMBEDDED).unwrap().iter().map(Migration::version).collect();
    let count = i32::try_from(EMBEDDED.len()).unwrap();
    assert_eq!(numbers, (1..=count).collect::<Vec<_>>());
}

#[test]
fn files_are_put_in_the_order_of_their_numbers() {
    let read = read(&[("V10__c.sql", ""), ("V9__b.sql", ""), ("V1__a.sql", "")]).unwrap();
    assert_eq!(read.iter().map(name).collect::<Vec<_>>(), ["V1__a.sql", "V9__b.sql", "V10__c.sql"]);
}

#[test]
fn names_that_say_no_order_are_refused() {
    for name in [
        "",
        "users.sql",
        "V1_users.sql",
        "V__users.sql",
        "V1__.sql",
        "V1__users",
        "v1__users.sql",
        "U1__users.sql",
        "V01__users.sql",
        "V1.5__users.sql",
        "V1__users.old.sql",
        "V1__us-ers.sql",
        "V99999999999__users.sql",
    ] {
        let refused = read(&[(name, "SELECT 1")]);
        assert!(matches!(refused, Err(MigrationError::FileName(_))), "{name}");
    }
    let twice = read(&[("V1__a.sql", ""), ("V1__b.sql", "")]);
    assert!(matches!(twice, Err(MigrationError::Repeated(name)) if name == "V1__b.sql"));
}
