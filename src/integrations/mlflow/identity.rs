//! Which model a registered version is, by the files that it serves; and which commit it is of.
#![expect(clippy::disallowed_methods, reason = "edge: an ONNX file is saved for the process that reads it")]

use std::collections::BTreeSet;
use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use percent_encoding::utf8_percent_encode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::served::{Served, served};
use super::{Mlflow, PLAIN, Wrong};
use crate::integrations::artifact_digest::{self, ArtifactDigest, ArtifactStore, FolderEntry, plain};
use crate::integrations::http::body;
use crate::support::problem::{Failure, Problem};
use crate::support::sha256::hex;
use crate::support::signature::{Purpose, SigningKeys};
use crate::support::words::code;

/// The digest that a check signed, of a version whose files the server does not hold.
pub const MODEL_TAG: &str = "mlgate.model_sha256";
pub const MODEL_SIGNATURE_TAG: &str = "mlgate.model_sha256.sig";
pub const COMMIT_TAG: &str = "mlgate.commit";
/// MLflow's client writes it where it runs in a git work tree.
const SOURCE_COMMIT_TAG: &str = "mlflow.source.git.commit";
const LARGEST_MLMODEL: usize = 1_000_000;
/// Bytes of one file; a model is smaller, and no server answers without end.
const LARGEST_FILE: u64 = 100_000_000_000;

/// Reads which other files an ONNX file takes its values from: of the file at a path, which messages name otherwise.
pub type ExternalDataReader<'a> = &'a (dyn Fn(&str, &Path) -> Result<Vec<String>, Problem> + Send + Sync);

/// What a version was found to be.
enum Identity {
    /// The digests that it can be known by: of what it serves, of all its files.
    Digests(Vec<String>),
    /// The server does not hold its files; why.
    Elsewhere(String),
}

impl Mlflow {
    /// Confirms that the version serves the model with this SHA-256, as report.json has it of an artifact.
    ///
    /// # Errors
    /// Usage: it is another model. Unmeasured: nothing says which model it is.
    pub async fn is_model(
        &self,
        name: &str,
        version: &str,
        sha256: &str,
        keys: Option<&SigningKeys>,
        external_data: ExternalDataReader<'_>,
    ) -> Result<(), Failure> {
        let unmeasured = |wrong: Wrong| match wrong {
            Wrong::Missing(said) => {
                Failure::usage(Problem::new(format!("the registry has no version {}: {}", code(version), code(&said))))
            }
            Wrong::Problem(problem) => Failure::unmeasured(problem),
        };
        let found = self.has_version(name, version).await.map_err(unmeasured)?;
        match self.identity(name, version, sha256, external_data).await? {
            Identity::Digests(digests) if digests.iter().any(|own| own.eq_ignore_ascii_case(sha256)) => Ok(()),
            Identity::Digests(_) => {
                let said =
                    format!("version {} does not serve the model that was judged, by its SHA-256", code(version));
                let hint =
                    "gate the version that is to go out: the file that its `MLmodel` serves, or its whole folder";
                Err(Failure::usage(Problem::new(said).hint(hint)))
            }
            Identity::Elsewhere(why) => {
                let signed = Signed::of(&found);
                signed.is_model(name, version, sha256, keys, &why)
            }
        }
    }

    async fn identity(
        &self,
        name: &str,
        version: &str,
        sha256: &str,
        external_data: ExternalDataReader<'_>,
    ) -> Result<Identity, Failure> {
        let query = [("name", name), ("version", version)];
        let elsewhere = |why: String| Ok(Identity::Elsewhere(why));
        let answer = match self.json("api/2.0/mlflow/model-versions/get-download-uri", &query).await {
            Ok(answer) => answer,
            Err(Wrong::Missing(said)) => {
                return elsewhere(format!("the registry does not name its files: {}", code(&said)));
            }
            Err(Wrong::Problem(problem)) => return Err(Failure::unmeasured(problem)),
        };
        let uri = answer["artifact_uri"].as_str().unwrap_or_default();
        let Some(root) = root_of(uri) else {
            return elsewhere("its files are not on the MLflow server".to_owned());
        };
        let unmeasured = |problem| Failure::unmeasured(problem);
        let failed =
            |wrong: Wrong| unmeasured(wrong.problem(&format!("a file of version {} is missing", code(version))));
        let store = |root: &str| VersionStore {
            mlflow: self,
            root: root.to_owned(),
            version: version.to_owned(),
            files: None,
            external_data,
        };
        let text = match self.artifact(&format!("{root}/MLmodel"), LARGEST_MLMODEL).await {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            // A version can be one file, without an `MLmodel`.
            Err(Wrong::Missing(_)) => {
                let (parent, name) = root.rsplit_once('/').unwrap_or(("", &root));
                let store = store(parent);
                let listed = store.list("").await.map_err(|wrong| unmeasured(wrong.problem("its files")))?;
                if !listed.iter().any(|entry| entry.name == name && !entry.is_folder) {
                    return elsewhere("it has no `MLmodel`".to_owned());
                }
                let own = artifact_digest::of_file(&store, name).await.map_err(failed)?;
                return Ok(Identity::Digests(vec![own.sha256]));
            }
            Err(Wrong::Problem(problem)) => return Err(unmeasured(problem)),
        };
        let wrong = |why: String| {
            let said = format!("which model version {} serves is unknown: its `MLmodel` {why}", code(version));
            Failure::unmeasured(Problem::new(said).hint("register the model by MLflow's `log_model`"))
        };
        let mut store = store(&root);
        let files: BTreeSet<String> =
            artifact_digest::files_below(&store, "").await.map_err(failed)?.into_iter().collect();
        let has_below = |path: &str| files.iter().any(|file| file.starts_with(&format!("{path}/")));
        let served = served(&text, &|path| files.contains(path) || has_below(path)).map_err(wrong)?;
        let is_folder = matches!(&served, Served::Path(path) if has_below(path));
        store.files = Some(files);
        let own = match &served {
            Served::Onnx(path) => Some(artifact_digest::of_onnx(&store, path).await),
            Served::Path(path) if is_folder => Some(artifact_digest::of_folder(&store, path).await),
            Served::Path(path) => Some(artifact_digest::of_file(&store, path).await),
            Served::Folder => None,
        };
        let mut digests: Vec<String> = Vec::new();
        if let Some(own) = own {
            digests.push(own.map_err(failed)?.sha256);
        }
        // Whoever judged the whole folder judged what is served, too.
        if !digests.iter().any(|own| own.eq_ignore_ascii_case(sha256)) {
            digests.push(artifact_digest::of_folder(&store, "").await.map_err(failed)?.sha256);
        }
        Ok(Identity::Digests(digests))
    }

    async fn list(&self, folder: &str) -> Result<Vec<FolderEntry>, Wrong> {
        let path = [("path", folder)];
        let query = if folder.is_empty() { &[][..] } else { &path };
        let answer = self.json("api/2.0/mlflow-artifacts/artifacts", query).await?;
        let mut listed = Vec::new();
        for file in answer["files"].as_array().into_iter().flatten() {
            let name = file["path"].as_str().unwrap_or_default();
            if name.contains('/') || plain(name).is_none_or(|plain| plain != name || name.is_empty()) {
                return Err(self.unexpected("a file without a name").into());
            }
            listed.push(FolderEntry { name: name.to_owned(), is_folder: file["is_dir"] == true });
        }
        Ok(listed)
    }

    /// Hands over an artifact piece by piece, and returns its digest.
    async fn digest(&self, path: &str, most: u64, mut take: impl FnMut(&[u8])) -> Result<ArtifactDigest, Wrong> {
        let response = self.get(&route(path), &[]).await?;
        let mut sha = Sha256::new();
        let read = body::each(response, most, |chunk| {
            sha.update(chunk);
            take(chunk);
        });
        let bytes = read.await.map_err(|error| self.unread(error, path))?;
        Ok(ArtifactDigest { bytes, sha256: hex(&sha.finalize()) })
    }

    async fn artifact(&self, path: &str, most: usize) -> Result<Vec<u8>, Wrong> {
        let response = self.get(&route(path), &[]).await?;
        self.body(response, most, path).await
    }

    /// The commit that a version is of: its tag `mlgate.commit`, else what MLflow's client wrote of the run; none where
    /// neither is there.
    ///
    /// # Errors
    /// There is no such version, or no answer.
    pub async fn commit(&self, name: &str, version: &str) -> Result<Option<String>, Wrong> {
        let found = self.has_version(name, version).await?;
        if let Some(commit) = tag(&found["tags"], COMMIT_TAG) {
            return Ok(Some(commit));
        }
        let Some(run) = found["run_id"].as_str().filter(|run| !run.is_empty()) else { return Ok(None) };
        match self.json("api/2.0/mlflow/runs/get", &[("run_id", run)]).await {
            Ok(answer) => Ok(tag(&answer["run"]["data"]["tags"], SOURCE_COMMIT_TAG)),
            // A run that was deleted says nothing.
            Err(Wrong::Missing(_)) => Ok(None),
            Err(wrong) => Err(wrong),
        }
    }

    /// Tags the version with the digest of its model, signed.
    ///
    /// # Errors
    /// There is no such version, or no answer.
    pub async fn sign_model(&self, name: &str, version: &str, sha256: &str, keys: &SigningKeys) -> Result<(), Wrong> {
        let signature = keys.sign(Purpose::ModelDigest, &message(name, version, sha256));
        self.tag_version(name, version, MODEL_TAG, sha256).await?;
        self.tag_version(name, version, MODEL_SIGNATURE_TAG, &signature).await
    }
}

/// A version's files on the server.
struct VersionStore<'a> {
    mlflow: &'a Mlflow,
    /// Their path there.
    root: String,
    version: String,
    /// Their paths, once they are known.
    files: Option<BTreeSet<String>>,
    external_data: ExternalDataReader<'a>,
}

impl VersionStore<'_> {
    fn path(&self, below: &str) -> String {
        let parts = [self.root.as_str(), below];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
    }

    fn expect(&self, file: &str) -> Result<(), Wrong> {
        match &self.files {
            Some(files) if !files.contains(file) => Err(Wrong::Missing(file.to_owned())),
            _ => Ok(()),
        }
    }
}

impl ArtifactStore for VersionStore<'_> {
    type Error = Wrong;

    fn name(&self) -> String {
        format!("the model of version {}", code(&self.version))
    }

    async fn list(&self, folder: &str) -> Result<Vec<FolderEntry>, Wrong> {
        self.mlflow.list(&self.path(folder)).await
    }

    async fn digest(&self, file: &str) -> Result<ArtifactDigest, Wrong> {
        self.expect(file)?;
        self.mlflow.digest(&self.path(file), LARGEST_FILE, |_| ()).await
    }

    async fn external(&self, file: &str) -> Result<ArtifactDigest, Wrong> {
        self.digest(file).await
    }

    async fn onnx(&self, file: &str) -> Result<(ArtifactDigest, Vec<String>), Wrong> {
        self.expect(file)?;
        let unwritten =
            |error: std::io::Error| Problem::new(format!("no place to read the model {}: {error}", code(file)));
        // Its process reads the folder that it is in.
        let private = Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix("mlgate-").permissions(private).tempdir().map_err(unwritten)?;
        let path = folder.path().join("model.onnx");
        let mut written = File::create_new(&path).map_err(unwritten)?;
        let mut failed = None;
        let save = |chunk: &[u8]| {
            if failed.is_none() {
                failed = written.write_all(chunk).err();
            }
        };
        let digest = self.mlflow.digest(&self.path(file), artifact_digest::LARGEST_ONNX, save).await?;
        if let Some(error) = failed {
            return Err(unwritten(error).into());
        }
        drop(written);
        Ok((digest, (self.external_data)(file, &path)?))
    }
}

/// What the version's tags say of its model.
struct Signed {
    digest: Option<String>,
    signature: Option<String>,
}

impl Signed {
    fn of(version: &Value) -> Self {
        Self { digest: tag(&version["tags"], MODEL_TAG), signature: tag(&version["tags"], MODEL_SIGNATURE_TAG) }
    }

    fn is_model(
        &self,
        name: &str,
        version: &str,
        sha256: &str,
        keys: Option<&SigningKeys>,
        why: &str,
    ) -> Result<(), Failure> {
        let unknown = |and: &str| {
            let said = format!("which model version {} is cannot be confirmed: {why}, and {and}", code(version));
            let hint = "give the gate `journal-key`, `model-name` and `model-version`: a check that passes on a trusted event signs the digest of the model";
            Failure::unmeasured(Problem::new(said).hint(hint))
        };
        let (Some(digest), Some(signature)) = (&self.digest, &self.signature) else {
            return Err(unknown(&format!("it has no signed tag {}", code(MODEL_TAG))));
        };
        let Some(keys) = keys else {
            return Err(unknown("its signed tag is not verified without `journal-key`"));
        };
        if !keys.verify(Purpose::ModelDigest, &message(name, version, digest), signature) {
            return Err(unknown(&format!("the signature of its tag {} is not valid", code(MODEL_TAG))));
        }
        if digest.eq_ignore_ascii_case(sha256) {
            return Ok(());
        }
        let said = format!("version {} is signed as another model than was judged: {}", code(version), code(digest));
        Err(Failure::usage(Problem::new(said).hint("gate the version that is to go out")))
    }
}

fn message(name: &str, version: &str, sha256: &str) -> Value {
    json!([name, version, sha256.to_ascii_lowercase()])
}

/// The value of a tag; none where it is not there or empty.
pub fn tag(tags: &Value, key: &str) -> Option<String> {
    let mut tags = tags.as_array().into_iter().flatten();
    let found = tags.find(|tag| tag["key"] == key)?;
    found["value"].as_str().map(str::trim).filter(|value| !value.is_empty()).map(ToOwned::to_owned)
}

/// The path of a version's files on this server; none where they are elsewhere.
fn root_of(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("mlflow-artifacts:")?;
    let path = match rest.strip_prefix("//") {
        // `mlflow-artifacts://host/…` names another server.
        Some(rest) => rest.strip_prefix('/')?,
        None => rest,
    };
    plain(path.trim_start_matches('/')).filter(|path| !path.is_empty())
}

fn route(path: &str) -> String {
    let parts: Vec<String> = path.split('/').map(|part| utf8_percent_encode(part, PLAIN).to_string()).collect();
    format!("api/2.0/mlflow-artifacts/artifacts/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_another_server_are_elsewhere() {
        for (uri, root) in [
            ("mlflow-artifacts:/1/models/m-1/artifacts", Some("1/models/m-1/artifacts")),
            ("mlflow-artifacts:///1/a", Some("1/a")),
            ("mlflow-artifacts://other:5000/1/a", None),
            ("mlflow-artifacts:/../1", None),
            ("s3://bucket/model", None),
            ("file:///models/1", None),
            ("", None),
        ] {
            assert_eq!(root_of(uri).as_deref(), root, "{uri}");
        }
    }

    #[test]
    fn a_tag_counts_with_the_signature_of_name_version_and_digest() {
        let keys = SigningKeys::parse("0123456789abcdef").unwrap().unwrap();
        let signature = keys.sign(Purpose::ModelDigest, &message("risk", "8", "F00D"));
        let ask = |name: &str, version: &str, sha256: &str, signature: Option<&str>, keys: Option<&SigningKeys>| {
            let signed = Signed { digest: Some("f00d".into()), signature: signature.map(ToOwned::to_owned) };
            signed
                .is_model(name, version, sha256, keys, "its files are elsewhere")
                .map_err(|failure| failure.exit as u8)
        };
        let (sig, with) = (Some(signature.as_str()), Some(&keys));
        assert_eq!(ask("risk", "8", "f00d", sig, with), Ok(()));
        assert_eq!(ask("risk", "8", "beef", sig, with), Err(2));
        assert_eq!(ask("risk", "9", "f00d", sig, with), Err(3));
        assert_eq!(ask("other", "8", "f00d", sig, with), Err(3));
        assert_eq!(ask("risk", "8", "f00d", None, with), Err(3));
        assert_eq!(ask("risk", "8", "f00d", sig, None), Err(3));
        let other = SigningKeys::parse("fedcba9876543210").unwrap();
        assert_eq!(ask("risk", "8", "f00d", sig, other.as_ref()), Err(3));
    }
}
