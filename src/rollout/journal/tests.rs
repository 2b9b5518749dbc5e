use super::*;

pub fn entry() -> Entry {
    Entry {
        version: "8".into(),
        previous_version: Some("7".into()),
        stages: vec![Traffic::weight(10), Traffic::weight(100)],
        report_sha256: "f00d".into(),
        next_look_by: Some(4.5),
        ..Entry::unknown("canary", "risk", "a test", 1.5)
    }
}

fn journal(folder: &std::path::Path, keys: &str) -> Journal {
    let place = Kept::File { path: folder.join("journal.json"), shown: "journal.json".into() };
    Journal::new(place, SigningKeys::parse(keys).unwrap(), Slots::of_tests(true))
}

/// What is read, in a word.
fn read(journal: &Journal) -> String {
    match crate::integrations::http::block_on(journal.read()).unwrap() {
        Ok(Stored::Missing) => "missing".into(),
        Ok(Stored::Entry(_, proof)) => format!("{proof:?}"),
        Ok(Stored::Lost(problem)) => problem.message,
        Err(failure) => format!("{:?}: {}", failure.exit, failure.problems[0].message),
    }
}

#[test]
fn an_older_entry_that_is_put_back_is_seen_by_whoever_saw_the_newer_one() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("journal.json");
    let written = journal(folder.path(), "0123456789abcdef");
    let write = || crate::integrations::http::block_on(written.write(&entry())).unwrap().unwrap();
    assert_eq!(read(&written), "missing");
    write();
    let first = std::fs::read_to_string(&path).unwrap();
    write();
    let watched = journal(folder.path(), "0123456789abcdef");
    assert_eq!(read(&watched), "Signed");
    std::fs::write(&path, &first).unwrap();
    assert!(read(&watched).contains("an older entry"));
    // Another process cannot know: a file has no history.
    assert_eq!(read(&journal(folder.path(), "0123456789abcdef")), "Signed");
}

#[test]
fn a_text_without_its_signature_is_lost() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("journal.json");
    let (signed, unsigned) = (journal(folder.path(), "0123456789abcdef"), journal(folder.path(), ""));
    crate::integrations::http::block_on(unsigned.overwrite(&entry())).unwrap().unwrap();
    assert_eq!(read(&unsigned), "Unsigned");
    assert!(read(&signed).contains("is not signed"));
    crate::integrations::http::block_on(signed.overwrite(&entry())).unwrap().unwrap();
    assert_eq!(read(&signed), "Signed");
    assert!(read(&unsigned).contains("is signed, and `journal-key` is not set"));
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap().replace("\"8\"", "\"9\"")).unwrap();
    assert!(read(&journal(folder.path(), "0123456789abcdef")).contains("signature that is not valid"));
    std::fs::write(&path, "{").unwrap();
    assert!(read(&signed).contains("is not an entry"));
}
