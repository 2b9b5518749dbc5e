//! The registry's aliases: moved only to what was judged, or back to what the registry itself says was there before.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::journal::Entry;
use crate::integrations::http::Patience;
use crate::integrations::mlflow::identity::{COMMIT_TAG, tag};
use crate::integrations::mlflow::{Mlflow, Server, Wrong};
use crate::runtime::artifact;
use crate::runtime::onnx::Means;
use crate::support::problem::{Exit, Failure, Problem};
use crate::support::signature::SigningKeys;
use crate::support::words::code;

/// On a version that was promoted: the version that was in production before it.
const PREVIOUS_TAG: &str = "mlgate.previous_version";
/// Its value where the alias meant nothing before.
const NONE: &str = "none";
/// Set to prove that the registry may be written.
const PREFLIGHT_TAG: &str = "mlgate.preflight";

/// The registry's aliases.
pub struct Registry {
    pub server: Server,
    /// The same server, with the time that reading a model takes.
    pub files: Server,
    pub name: String,
    /// The alias of production.
    pub promote: String,
    /// The alias that the version before keeps.
    pub keep: Option<String>,
    /// They verify what a check said of models that the server does not hold.
    pub keys: Option<SigningKeys>,
    /// What the process may take that reads an ONNX file of the server's.
    pub means: Means,
    /// Whether this process moved an alias.
    pub has_moved: AtomicBool,
}

impl Registry {
    /// What the alias of production means now.
    ///
    /// # Errors
    /// No answer; an alias that means nothing is none.
    pub async fn current(&self) -> Result<Option<String>, Problem> {
        self.alias(&self.promote).await
    }

    async fn alias(&self, alias: &str) -> Result<Option<String>, Problem> {
        let mlflow = Mlflow::connect(&self.server).await?;
        match mlflow.version(&self.name, alias).await {
            Ok(version) => Ok(Some(version.version)),
            Err(Wrong::Missing(_)) => Ok(None),
            Err(Wrong::Problem(problem)) => Err(problem),
        }
    }

    /// Confirms that the version of an entry is the model that was judged.
    ///
    /// # Errors
    /// It is not, or nothing says which model it is.
    pub async fn confirm(&self, entry: &Entry) -> Result<(), Failure> {
        self.is_model(&entry.version, entry.vouched.model_sha256.as_deref()).await
    }

    /// Confirms that a version is the model with this SHA-256.
    ///
    /// # Errors
    /// It is not, or nothing says which model it is.
    pub async fn is_model(&self, version: &str, sha256: Option<&str>) -> Result<(), Failure> {
        let Some(sha256) = sha256 else {
            let said =
                "the report does not record which model was judged: it cannot be compared with the registry's version";
            let hint = "set `model.artifact`, or the input `artifact`, of the gate";
            return Err(Failure::usage(Problem::new(said).hint(hint)));
        };
        let mlflow = Mlflow::connect(&self.files).await.map_err(Failure::unmeasured)?;
        let external_data = |shown: &str, path: &Path| artifact::external_data(shown, path, &self.means);
        mlflow.is_model(&self.name, version, sha256, self.keys.as_ref(), &external_data).await
    }

    /// The commit that a version is registered with.
    ///
    /// # Errors
    /// There is no such version, or no answer.
    pub async fn commit(&self, version: &str) -> Result<Option<String>, Failure> {
        // Nobody waits for it yet: it is asked for before anything moves.
        let mut server = self.server.clone();
        server.patience = Patience::default();
        let mlflow = Mlflow::connect(&server).await.map_err(Failure::unmeasured)?;
        mlflow.commit(&self.name, version).await.map_err(|wrong| match wrong {
            Wrong::Missing(_) => {
                Failure::usage(wrong.problem(&format!("the registry has no version {}", code(version))))
            }
            Wrong::Problem(problem) => Failure::unmeasured(problem),
        })
    }

    /// Confirms that what an entry calls the version before was in production before it: by the alias that keeps it, or
    /// by what the promotion wrote on the version that it promoted.
    async fn confirm_previous(&self, entry: &Entry) -> Result<(), Failure> {
        if entry.is_previous_known {
            return Ok(());
        }
        let previous = entry.previous_version.as_deref();
        if let (Some(keep), Some(previous)) = (&self.keep, previous)
            && self.alias(keep).await.map_err(Failure::unmeasured)?.as_deref() == Some(previous)
        {
            return Ok(());
        }
        let mlflow = self.connect().await?;
        let history = match mlflow.has_version(&self.name, &entry.version).await {
            Ok(version) => tag(&version["tags"], PREVIOUS_TAG),
            Err(Wrong::Missing(_)) => None,
            Err(Wrong::Problem(problem)) => return Err(Failure::unmeasured(problem)),
        };
        if history.as_deref() == Some(previous.unwrap_or(NONE)) {
            return Ok(());
        }
        let own = previous.map_or_else(|| "no version".to_owned(), |version| format!("version {version}"));
        let kept = self.keep.as_ref().map_or_else(String::new, |keep| format!("neither the alias {} nor ", code(keep)));
        Err(Failure::usage(Problem::new(format!(
            "{} is not moved: the journal names {own} as the one before, and {kept}the tag {} of version {} does not confirm it; \
             name the version by `to-version`",
            code(&self.promote),
            code(PREVIOUS_TAG),
            entry.version,
        ))))
    }

    /// Back to the version that was written down, and to no other; where there was none, the alias goes.
    ///
    /// # Errors
    /// Usage: the registry does not confirm that version. Unmeasured: no answer.
    pub async fn restore(&self, entry: &Entry) -> Result<String, Failure> {
        let alias = code(&self.promote);
        let now = self.current().await.map_err(Failure::unmeasured)?;
        match (&entry.previous_version, now) {
            (Some(version), Some(now)) if *version == now => Ok(format!("{alias} is version {version}")),
            (Some(version), _) => {
                self.confirm_previous(entry).await?;
                self.point_at(version).await
            }
            (None, None) => Ok(format!("{alias} means no version, as before")),
            (None, Some(now)) if entry.version == now => {
                self.confirm_previous(entry).await?;
                self.has_moved.store(true, Ordering::Relaxed);
                let gone = self.connect().await?.delete_alias(&self.name, &self.promote).await;
                gone.map_err(|wrong| failure(wrong, &format!("{alias} could not be removed")))?;
                match self.current().await.map_err(Failure::unmeasured)? {
                    None => Ok(format!("{alias} means no version, as before")),
                    Some(now) => Err(Failure::unmeasured(Problem::new(format!("{alias} is version {now} still")))),
                }
            }
            (None, Some(now)) if entry.version.is_empty() => Err(Failure::usage(Problem::new(format!(
                "{alias} is version {now}, and which it was before is not known: name it by `to-version`"
            )))),
            (None, Some(now)) => Ok(format!("{alias} is version {now}, which was not rolled out here")),
        }
    }

    /// Proves that the alias of production may be moved, by setting it to the version that it is; where it means none, by a
    /// tag of the version that is to be promoted.
    ///
    /// # Errors
    /// It may not, or no answer.
    pub async fn prove_writable(&self, version: &str) -> Result<String, Problem> {
        let alias = code(&self.promote);
        let mlflow = Mlflow::connect(&self.server).await?;
        match self.current().await? {
            Some(now) => {
                let set = mlflow.set_alias(&self.name, &self.promote, &now).await;
                set.map_err(|wrong| wrong.problem(&format!("{alias} could not be set to version {now}, which it is")))?;
                Ok(format!("{alias} is version {now}, and may be moved"))
            }
            None => {
                let tagged = mlflow.tag_version(&self.name, version, PREFLIGHT_TAG, "ok").await;
                tagged.map_err(|wrong| wrong.problem(&format!("version {} could not be tagged", code(version))))?;
                Ok(format!("{alias} means no version, and version {} may be tagged", code(version)))
            }
        }
    }

    async fn point_at(&self, version: &str) -> Result<String, Failure> {
        let alias = code(&self.promote);
        self.has_moved.store(true, Ordering::Relaxed);
        let set = self.connect().await?.set_alias(&self.name, &self.promote, version).await;
        set.map_err(|wrong| failure(wrong, &format!("{alias} could not be set to version {version}")))?;
        match self.current().await.map_err(Failure::unmeasured)? {
            Some(now) if now == version => Ok(format!("{alias} is version {version} again")),
            now => {
                let said = format!("{alias} is version {}", now.unwrap_or_else(|| "none".into()));
                Err(Failure::unmeasured(Problem::new(said)))
            }
        }
    }

    async fn connect(&self) -> Result<Mlflow, Failure> {
        Mlflow::connect(&self.server).await.map_err(Failure::unmeasured)
    }

    /// Writes what a promotion leaves beside the alias of production: tags on the version, and the alias that the version
    /// before keeps. Whoever comes after a stop finds the version before there, and can go either way.
    ///
    /// # Errors
    /// As [`Registry::promote`].
    pub async fn prepare(&self, entry: &Entry) -> Result<(), Failure> {
        let mlflow = self.connect().await?;
        let failed = |wrong: Wrong| failure(wrong, "it could not be promoted");
        mlflow.has_version(&self.name, &entry.version).await.map_err(failed)?;
        self.confirm_alias(entry).await?;
        let previous = entry.previous_version.clone().unwrap_or_else(|| NONE.to_owned());
        let tags = [
            (PREVIOUS_TAG, Some(&previous)),
            ("mlgate.report_sha256", Some(&entry.report_sha256)),
            ("mlgate.data_fingerprint", entry.vouched.data_fingerprint.as_ref()),
            ("mlgate.data_sha256", entry.vouched.data_sha256.as_ref()),
            (COMMIT_TAG, entry.vouched.commit.as_ref()),
        ];
        for (key, value) in tags {
            if let Some(value) = value {
                mlflow.tag_version(&self.name, &entry.version, key, value).await.map_err(failed)?;
            }
        }
        if let (Some(keep), Some(previous)) = (&self.keep, &entry.previous_version)
            && *previous != entry.version
        {
            self.has_moved.store(true, Ordering::Relaxed);
            mlflow.set_alias(&self.name, keep, previous).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Makes the entry's version the one in production; its model was confirmed, and the promotion prepared, just before.
    ///
    /// # Errors
    /// Usage: the alias was moved since the rollout began, or there is no such version. Unmeasured: no answer.
    pub async fn promote(&self, entry: &Entry) -> Result<String, Failure> {
        self.confirm_alias(entry).await?;
        self.has_moved.store(true, Ordering::Relaxed);
        let set = self.connect().await?.set_alias(&self.name, &self.promote, &entry.version).await;
        set.map_err(|wrong| failure(wrong, "it could not be promoted"))?;
        match self.current().await.map_err(Failure::unmeasured)? {
            Some(now) if now == entry.version => Ok(format!("{} is version {now}", code(&self.promote))),
            now => {
                let said = format!("{} is version {now:?}, not {}", code(&self.promote), entry.version);
                Err(Failure::unmeasured(Problem::new(said)))
            }
        }
    }

    /// Confirms that the alias of production is what it was when the rollout began, or the version's already, where a
    /// promotion was cut short.
    async fn confirm_alias(&self, entry: &Entry) -> Result<(), Failure> {
        let now = self.current().await.map_err(Failure::unmeasured)?;
        if now == entry.previous_version {
            return Ok(());
        }
        if now.as_ref() == Some(&entry.version) {
            return self.confirm_previous(entry).await;
        }
        let said =
            |version: Option<&String>| version.map_or_else(|| "no version".to_owned(), |own| format!("version {own}"));
        Err(Failure::usage(Problem::new(format!(
            "{} is {}, and was {} when the rollout began",
            code(&self.promote),
            said(now.as_ref()),
            said(entry.previous_version.as_ref())
        ))))
    }
}

/// What is missing is definite, and no answer is not.
fn failure(wrong: Wrong, what: &str) -> Failure {
    let exit = if matches!(wrong, Wrong::Missing(_)) { Exit::Usage } else { Exit::Unmeasured };
    Failure { exit, problems: vec![wrong.problem(what)] }
}
