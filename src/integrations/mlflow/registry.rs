//! What a rollout writes into a registry: aliases and tags, each read back by who asked for it.

use serde_json::{Value, json};

use super::{Mlflow, Wrong};
use crate::support::problem::Problem;
use crate::support::words::code;

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
