//! What a rollout writes into a registry: aliases and tags, each read back by who asked for it.

use percent_encoding::utf8_percent_encode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Mlflow, PLAIN, Wrong};
use crate::http;
use crate::problem::Problem;
use crate::words::code;

/// What whoever registers a version can say of it.
const MODEL_TAG: &str = "mlgate.model_sha256";
/// Files of a version that are looked at.
const MOST_FILES: usize = 100;

impl Mlflow {
    /// Gives an alias to a version.
    ///
    /// # Errors
    /// There is no such version, or no answer.
    pub async fn set_alias(&self, name: &str, alias: &str, version: &str) -> Result<(), Wrong> {
        // A version that is a number is refused: it must be a text.
        let body = json!({ "name": name, "alias": alias, "version": version });
        self.post("api/2.0/mlflow/registered-models/alias", &body).await.map(drop)
    }

    /// Takes an alias away; one that is not there is none.
    ///
    /// # Errors
    /// There is no such model, or no answer.
    pub async fn delete_alias(&self, name: &str, alias: &str) -> Result<(), Wrong> {
        // By the body: in the query it is refused.
        let body = json!({ "name": name, "alias": alias });
        self.delete("api/2.0/mlflow/registered-models/alias", &body).await.map(drop)
    }

    /// Whether the registry has this version.
    ///
    /// # Errors
    /// It has not, or no answer.
    pub async fn has_version(&self, name: &str, version: &str) -> Result<Value, Wrong> {
        let answer = self.json("api/2.0/mlflow/model-versions/get", &[("name", name), ("version", version)]).await?;
        if answer["model_version"]["version"].is_string() {
            Ok(answer["model_version"].clone())
        } else {
            Err(self.unexpected("no version").into())
        }
    }

    /// Whether the version is this model, by SHA-256: its tag `mlgate.model_sha256`, else any file among its artifacts.
    ///
    /// # Errors
    /// It is another one, or nobody can tell.
    pub async fn is_model(&self, name: &str, version: &str, sha256: &str) -> Result<(), Wrong> {
        let hint =
            format!("tag the version where it is registered: `{MODEL_TAG}`, the SHA-256 of the file that was judged");
        let found = self.has_version(name, version).await?;
        let mut tags = found["tags"].as_array().into_iter().flatten();
        if let Some(tag) = tags.find(|tag| tag["key"] == MODEL_TAG) {
            let tagged = tag["value"].as_str().unwrap_or_default();
            if tagged.eq_ignore_ascii_case(sha256) {
                return Ok(());
            }
            let said =
                format!("version {} is tagged as another model than was judged: {}", code(version), code(tagged));
            return Err(Problem::new(said).hint("gate the version that is to go out").into());
        }
        let query = [("name", name), ("version", version)];
        let answer = self.json("api/2.0/mlflow/model-versions/get-download-uri", &query).await?;
        let uri = answer["artifact_uri"].as_str().unwrap_or_default();
        let Some(root) = uri.strip_prefix("mlflow-artifacts:/") else {
            let said = format!("nobody can tell whether version {} is the model that was judged", code(version));
            return Err(Problem::new(said).hint(hint).into());
        };
        let mut folders = vec![root.trim_start_matches('/').to_owned()];
        let mut seen = 0;
        while let Some(folder) = folders.pop() {
            let answer = self.json("api/2.0/mlflow-artifacts/artifacts", &[("path", &folder)]).await?;
            for file in answer["files"].as_array().into_iter().flatten() {
                let path = format!("{folder}/{}", file["path"].as_str().unwrap_or_default());
                seen += 1;
                if seen > MOST_FILES {
                    break;
                }
                if file["is_dir"] == true {
                    folders.push(path);
                } else if self.sha256(&path).await?.eq_ignore_ascii_case(sha256) {
                    return Ok(());
                }
            }
        }
        let said = format!("version {} has no file that is the model that was judged, by its SHA-256", code(version));
        Err(Problem::new(said).hint(format!("gate the version that is to go out; or {hint}")).into())
    }

    /// Of an artifact, which is not kept.
    async fn sha256(&self, path: &str) -> Result<String, Wrong> {
        let path: Vec<String> = path.split('/').map(|part| utf8_percent_encode(part, PLAIN).to_string()).collect();
        let mut response = self.get(&format!("api/2.0/mlflow-artifacts/artifacts/{}", path.join("/")), &[]).await?;
        let mut hash = Sha256::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => hash.update(&chunk),
                Ok(None) => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
                Err(error) => {
                    let said = format!("an artifact of the MLflow server broke off: {}", http::in_words(error));
                    return Err(Problem::new(said).into());
                }
            }
        }
    }

    /// Tags a version.
    ///
    /// # Errors
    /// There is no such version, or no answer.
    pub async fn tag_version(&self, name: &str, version: &str, key: &str, value: &str) -> Result<(), Wrong> {
        let body = json!({ "name": name, "version": version, "key": key, "value": value });
        self.post("api/2.0/mlflow/model-versions/set-tag", &body).await.map(drop)
    }

    /// Tags a model.
    ///
    /// # Errors
    /// There is no such model, or no answer.
    pub async fn tag_model(&self, name: &str, key: &str, value: &str) -> Result<(), Wrong> {
        let body = json!({ "name": name, "key": key, "value": value });
        self.post("api/2.0/mlflow/registered-models/set-tag", &body).await.map(drop)
    }

    /// A tag of a model.
    ///
    /// # Errors
    /// There is no such model, or no answer.
    pub async fn model_tag(&self, name: &str, key: &str) -> Result<Option<String>, Wrong> {
        let answer = self.json("api/2.0/mlflow/registered-models/get", &[("name", name)]).await?;
        let mut tags = answer["registered_model"]["tags"].as_array().into_iter().flatten();
        let tag = tags.find(|tag| tag["key"] == key);
        Ok(tag.and_then(|tag| tag["value"].as_str()).map(ToOwned::to_owned))
    }
}

impl Wrong {
    /// As a problem: what is missing is named.
    pub fn problem(self, what: &str) -> Problem {
        match self {
            Self::Problem(problem) => problem,
            Self::Missing(said) => Problem::new(format!("{what}: {}", code(&said))),
        }
    }
}
