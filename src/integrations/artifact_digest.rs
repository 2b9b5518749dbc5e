//! What a model's artifact is: bytes and SHA-256 of all files that are loaded with it. One rule for a file on disk and for a
//! registered version.

use crate::support::problem::Problem;
use crate::support::sha256;
use crate::support::words::code;

/// Bytes of an ONNX file: protobuf has no larger messages.
pub const LARGEST_ONNX: u64 = (1 << 31) - 1;
/// Maximum number of files and folders of one artifact.
pub const MAX_FILES: usize = 10_000;

/// ONNX Runtime takes a location with this in it for an address in memory, and not for a file.
const IN_MEMORY: &str = "_ORT_MEM_ADDR_";

/// Size and identity of a file, or of several together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactDigest {
    pub bytes: u64,
    /// Of one file its own; of several that of the lines `<SHA-256>  <path>`, sorted by path.
    pub sha256: String,
}

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderEntry {
    pub name: String,
    pub is_folder: bool,
}

/// Where an artifact's files are. Paths are relative to its root, which is the empty path.
#[expect(async_fn_in_trait, reason = "nothing of it is sent to another thread")]
pub trait ArtifactStore {
    type Error: From<Problem>;

    /// How messages name the artifact: `the model …`.
    fn name(&self) -> String;

    /// Lists a folder.
    async fn list(&self, folder: &str) -> Result<Vec<FolderEntry>, Self::Error>;

    /// Reads a file.
    async fn digest(&self, file: &str) -> Result<ArtifactDigest, Self::Error>;

    /// Reads a file that an ONNX file of the artifact keeps values in.
    async fn external(&self, file: &str) -> Result<ArtifactDigest, Self::Error>;

    /// Reads an ONNX file, and which files it keeps values in, as it names them.
    async fn onnx(&self, file: &str) -> Result<(ArtifactDigest, Vec<String>), Self::Error>;
}

/// Returns whether a file of this name is taken for an ONNX model.
pub fn is_onnx(path: &str) -> bool {
    path.to_lowercase().ends_with(".onnx")
}

/// Returns the digest of a file; of an ONNX file with the files that it keeps values in, by their paths from its folder on.
///
/// # Errors
/// The store's; an ONNX file that is none, or keeps values outside of its folder.
pub async fn of_file<S: ArtifactStore>(store: &S, file: &str) -> Result<ArtifactDigest, S::Error> {
    if is_onnx(file) { of_onnx(store, file).await } else { store.digest(file).await }
}

/// Returns the digest of an ONNX file, whatever its name is.
///
/// # Errors
/// As [`of_file`].
pub async fn of_onnx<S: ArtifactStore>(store: &S, file: &str) -> Result<ArtifactDigest, S::Error> {
    let (own, locations) = store.onnx(file).await?;
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let mut paths = Vec::new();
    for location in &locations {
        let path = beside(location).ok_or_else(|| outside(&store.name(), location))?;
        paths.push(path);
    }
    paths.sort();
    paths.dedup();
    if paths.len() >= MAX_FILES {
        return Err(too_many(&store.name()).into());
    }
    if paths.is_empty() {
        return Ok(own);
    }
    let mut total = own.bytes;
    let mut files = vec![(name.to_owned(), own.sha256)];
    for path in paths {
        let digest = store.external(&join(folder, &path)).await?;
        total += digest.bytes;
        files.push((path, digest.sha256));
    }
    Ok(ArtifactDigest { bytes: total, sha256: sha256::of_files(files) })
}

/// Returns the digest of all files below a folder.
///
/// # Errors
/// The store's; a folder without files, or with too many.
pub async fn of_folder<S: ArtifactStore>(store: &S, folder: &str) -> Result<ArtifactDigest, S::Error> {
    let names = files_below(store, folder).await?;
    if names.is_empty() {
        return Err(Problem::new(format!("{} contains no files", store.name())).into());
    }
    let (mut total, mut files) = (0, Vec::new());
    for name in names {
        let digest = store.digest(&join(folder, &name)).await?;
        total += digest.bytes;
        files.push((name, digest.sha256));
    }
    Ok(ArtifactDigest { bytes: total, sha256: sha256::of_files(files) })
}

/// Returns the paths of all files below a folder, relative to it.
///
/// # Errors
/// The store's; there are too many.
pub async fn files_below<S: ArtifactStore>(store: &S, root: &str) -> Result<Vec<String>, S::Error> {
    let (mut files, mut folders, mut count) = (Vec::new(), vec![String::new()], 0);
    while let Some(folder) = folders.pop() {
        for entry in store.list(&join(root, &folder)).await? {
            count += 1;
            if count > MAX_FILES {
                return Err(too_many(&store.name()).into());
            }
            let list = if entry.is_folder { &mut folders } else { &mut files };
            list.push(join(&folder, &entry.name));
        }
    }
    Ok(files)
}

/// Returns a relative path without `.` and `..`, empty for the folder itself; none for a path that leads elsewhere.
pub fn plain(path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains(['\\', ':', '\0']) {
        return None;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    (!parts.contains(&"..")).then(|| parts.join("/"))
}

/// Returns the path of a file that an ONNX model keeps values in, from its folder on; none where it does not lie there.
pub fn beside(location: &str) -> Option<String> {
    plain(location).filter(|path| !path.is_empty() && !path.contains(IN_MEMORY))
}

fn join(folder: &str, name: &str) -> String {
    match (folder, name) {
        ("", path) | (path, "") => path.to_owned(),
        (folder, name) => format!("{folder}/{name}"),
    }
}

fn too_many(name: &str) -> Problem {
    Problem::new(format!("{name} has over {MAX_FILES} files"))
}

/// The problem of a model that keeps values outside of its folder.
pub fn outside(name: &str, location: &str) -> Problem {
    misplaced(name, location, "which does not lie beside it")
}

/// The problem of values that are not where they may be.
pub fn misplaced(name: &str, location: &str, why: &str) -> Problem {
    Problem::new(format!("{name} keeps values in {}, {why}", code(location)))
        .hint("keep a model's files in one folder, and export it with plain names")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::integrations::http::block_on;

    /// Files by their paths; those with locations are ONNX.
    struct Store(BTreeMap<&'static str, Vec<&'static str>>);

    impl ArtifactStore for Store {
        type Error = Problem;

        fn name(&self) -> String {
            "the model `m`".to_owned()
        }

        async fn list(&self, folder: &str) -> Result<Vec<FolderEntry>, Problem> {
            let below = self.0.keys().filter_map(|path| match folder {
                "" => Some(*path),
                folder => path.strip_prefix(folder)?.strip_prefix('/'),
            });
            let mut entries: Vec<FolderEntry> = below
                .map(|path| match path.split_once('/') {
                    Some((name, _)) => FolderEntry { name: name.to_owned(), is_folder: true },
                    None => FolderEntry { name: path.to_owned(), is_folder: false },
                })
                .collect();
            entries.dedup();
            Ok(entries)
        }

        async fn digest(&self, file: &str) -> Result<ArtifactDigest, Problem> {
            self.0.get(file).ok_or_else(|| Problem::new("missing"))?;
            Ok(ArtifactDigest { bytes: 1, sha256: sha256::of(file) })
        }

        async fn external(&self, file: &str) -> Result<ArtifactDigest, Problem> {
            self.digest(file).await
        }

        async fn onnx(&self, file: &str) -> Result<(ArtifactDigest, Vec<String>), Problem> {
            let locations = self.0.get(file).cloned().unwrap_or_default();
            Ok((self.digest(file).await?, locations.into_iter().map(ToOwned::to_owned).collect()))
        }
    }

    fn of(files: &[(&str, &str)]) -> String {
        sha256::of_files(files.iter().map(|(name, path)| ((*name).to_owned(), sha256::of(path))).collect())
    }

    #[test]
    fn a_model_is_its_file_or_all_that_is_loaded_with_it() {
        let store = Store(BTreeMap::from([
            ("d/m.ONNX", vec!["w", "./sub//x", "w"]),
            ("d/w", vec![]),
            ("d/sub/x", vec![]),
            ("d/beside", vec![]),
            ("alone.onnx", vec![]),
            ("m.pkl", vec!["../never-asked"]),
            ("self.onnx", vec!["self.onnx"]),
        ]));
        let file = |path: &str| block_on(of_file(&store, path)).unwrap().map(|digest| (digest.bytes, digest.sha256));
        let weights = [("m.ONNX", "d/m.ONNX"), ("w", "d/w"), ("sub/x", "d/sub/x")];
        assert_eq!(file("d/m.ONNX"), Ok((3, of(&weights))));
        assert_eq!(file("alone.onnx"), Ok((1, sha256::of("alone.onnx"))));
        assert_eq!(file("m.pkl"), Ok((1, sha256::of("m.pkl"))));
        assert_eq!(file("self.onnx"), Ok((2, of(&[("self.onnx", "self.onnx"); 2]))));
        let folder = block_on(of_folder(&store, "d")).unwrap().unwrap();
        let all = [weights.as_slice(), &[("beside", "d/beside")]].concat();
        assert_eq!(folder, ArtifactDigest { bytes: 4, sha256: of(&all) });
        assert_eq!(
            block_on(of_folder(&store, "nothing")).unwrap().unwrap_err().message,
            "the model `m` contains no files"
        );
    }

    #[test]
    fn what_does_not_lie_in_the_folder_is_refused() {
        for location in ["", ".", "/etc/passwd", "../w", "a/../../w", "a\\w", "C:w", "*/_ORT_MEM_ADDR_/*"] {
            let store = Store(BTreeMap::from([("m.onnx", vec![location])]));
            let problem = block_on(of_file(&store, "m.onnx")).unwrap().unwrap_err();
            assert!(problem.message.ends_with("which does not lie beside it"), "{location}: {problem}");
        }
    }

    #[test]
    fn too_many_files_are_an_error() {
        let names: Vec<&'static str> = (0..=MAX_FILES).map(|at| &*at.to_string().leak()).collect();
        let mut files: BTreeMap<_, _> = names.iter().map(|name| (*name, Vec::new())).collect();
        files.insert("m.onnx", names);
        let store = Store(files);
        let said = |digest: Result<ArtifactDigest, Problem>| digest.unwrap_err().message;
        assert_eq!(said(block_on(of_folder(&store, "")).unwrap()), "the model `m` has over 10000 files");
        assert_eq!(said(block_on(of_file(&store, "m.onnx")).unwrap()), "the model `m` has over 10000 files");
    }
}
