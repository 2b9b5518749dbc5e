//! SHA-256 in lower-case hexadecimal digits, as `sha256sum` prints it. Pure.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// Returns bytes in lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Returns the digest of bytes.
pub fn of(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes))
}

/// Returns the digest of several files, of which each is a path and its digest: that of the lines `<SHA-256>  <path>`, sorted
/// by path. Of all files of a folder it is that of
/// `find . -type f | sed 's|^\./||' | LC_ALL=C sort | xargs sha256sum | sha256sum`.
pub fn of_files(mut files: Vec<(String, String)>) -> String {
    files.sort();
    let mut sha = Sha256::new();
    files.iter().for_each(|(path, digest)| sha.update(format!("{digest}  {path}\n")));
    hex(&sha.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `sha256sum`.
    #[test]
    fn digests_are_those_of_sha256sum() {
        assert_eq!(of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex(&[0, 255, 16]), "00ff10");
        let files = [("b", "x"), ("a/c", "y")].map(|(path, text)| (path.to_owned(), of(text)));
        assert_eq!(of_files(files.to_vec()), of(format!("{}  a/c\n{}  b\n", of("y"), of("x"))));
    }
}
