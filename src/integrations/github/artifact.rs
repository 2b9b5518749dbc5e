//! The report that another workflow run left as an artifact: untrusted, and small or refused.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::api::{Api, Ask, Denied, value};
use crate::integrations::http::{self, AllowedHost, Patience, body};
use crate::support::problem::Problem;
use crate::support::words::code;

/// The one file that is read.
const ENTRY: &str = "report.json";
/// No report is larger.
pub const LARGEST: usize = 5_000_000;
/// What is downloaded, other files of the artifact too.
const LARGEST_ARCHIVE: usize = 50_000_000;

const READ: Ask = Ask { to: "read the run's artifacts", permission: "actions: read" };

/// The report in the newest artifact of that name that the run left.
///
/// # Errors
/// There is none, the token may not, it is too large, or no archive with one report.
pub async fn report(api: &Api, run: u64, name: &str, proxied: bool) -> Result<Vec<u8>, Denied> {
    let route = format!("/actions/runs/{run}/artifacts?name={}", value(name));
    let all = api.list(&route, Some("artifacts"), READ).await?;
    let newest =
        all.iter().filter(|one| one["name"] == name && one["expired"] != true).max_by_key(|one| one["id"].as_u64());
    let Some((id, size)) = newest.and_then(|one| Some((one["id"].as_u64()?, one["size_in_bytes"].as_u64()?))) else {
        return Err(Denied::Missing(format!("the workflow run {run} left no artifact {}", code(name))));
    };
    if size > LARGEST_ARCHIVE as u64 {
        return Err(too_large(name).into());
    }
    let address = api.location(&format!("/actions/artifacts/{id}/zip"), READ).await?;
    let bytes = fetch(api.host(), &address, name, proxied).await?;
    Ok(unpack(&bytes, name)?)
}

/// From the store that GitHub sends to; its address is the permission, and no token goes along.
async fn fetch(api: &AllowedHost, address: &str, name: &str, proxied: bool) -> Result<Vec<u8>, Problem> {
    let store = api.referral(address, "the artifact's address");
    let store = store.map_err(|_| Problem::new("the artifact's address is none"))?;
    let client = http::client(&store, true, Patience::default(), proxied).await?;
    let broken = |said: String| Problem::new(format!("the artifact {} could not be downloaded: {said}", code(name)));
    let response = client.get(store.url().clone()).send().await.map_err(|error| broken(http::in_words(error)))?;
    if !response.status().is_success() {
        return Err(broken(format!("the store answers {}", response.status())));
    }
    body::read(response, LARGEST_ARCHIVE).await.map_err(|error| match error {
        body::BodyError::TooLarge(_) => too_large(name),
        body::BodyError::Broken(error) => broken(http::in_words(error)),
    })
}

fn too_large(name: &str) -> Problem {
    Problem::new(format!("the artifact {} has over {LARGEST_ARCHIVE} bytes", code(name)))
        .hint("upload the folder of the report alone, `mlgate-report/`")
}

/// The one entry `report.json`, at the top or in a folder.
///
/// # Errors
/// It is no archive, has no such entry or several, or that is too large.
pub fn unpack(bytes: &[u8], name: &str) -> Result<Vec<u8>, Problem> {
    let broken = |said: String| Problem::new(format!("the artifact {} {said}", code(name)));
    let mut archive =
        ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(format!("is no zip archive: {error}")))?;
    // A name that is no text is not ours.
    let names = archive.file_names().filter_map(Result::ok).map(std::borrow::Cow::into_owned);
    let entries: Vec<String> = names.filter(|name| name.rsplit('/').next() == Some(ENTRY)).collect();
    let entry = match entries.as_slice() {
        [one] => one,
        [] => return Err(broken(format!("holds no {ENTRY}")).hint("upload the folder of the report, `mlgate-report/`")),
        _ if entries.iter().any(|entry| entry == ENTRY) => ENTRY,
        _ => return Err(broken(format!("holds {} files {ENTRY}", entries.len())).hint("upload one report an artifact")),
    };
    let file = archive.by_name(entry).map_err(|error| broken(format!("could not be unpacked: {error}")))?;
    read(file).map_err(|said| broken(format!("holds a report that {said}")))
}

/// A report's bytes, of whatever it is read from.
///
/// # Errors
/// What is wrong with it, to follow "that".
pub fn read(source: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    source.take(LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(|error| format!("could not be read: {error}"))?;
    if bytes.len() > LARGEST {
        return Err(format!("has over {LARGEST} bytes"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn said(files: &[(&str, &[u8])]) -> String {
        unpack(&archive(files), "r").unwrap_err().message
    }

    #[test]
    fn the_one_report_is_found_wherever_it_was_put() {
        for name in ["report.json", "mlgate-report/report.json"] {
            let bytes = archive(&[("report.md", b"x"), (name, b"{}")]);
            assert_eq!(unpack(&bytes, "r").unwrap(), b"{}");
        }
        let two = archive(&[("a/report.json", b"1"), ("report.json", b"2")]);
        assert_eq!(unpack(&two, "r").unwrap(), b"2");
    }

    #[test]
    fn an_archive_that_is_none_or_holds_too_much_is_refused() {
        assert!(unpack(b"PK\x03\x04garbage", "r").unwrap_err().message.contains("no zip archive"));
        assert!(said(&[("report.md", b"x")]).contains("holds no report.json"));
        assert!(said(&[("a/report.json", b"1"), ("b/report.json", b"2")]).contains("holds 2 files"));
        // Five million zeros are a few kilobytes of archive.
        assert!(said(&[("report.json", &vec![b'0'; LARGEST + 1])]).contains("over 5000000 bytes"));
    }

    #[test]
    fn a_truncated_archive_is_an_error() {
        let whole = archive(&[("report.json", b"{\"a\": 1}")]);
        for length in 0..whole.len() {
            assert!(unpack(&whole[..length], "r").is_err(), "{length}");
        }
    }
}
