//! What takes a model back, and what makes it production: each lever is pulled, read back, tried again, and named.

use std::time::Duration;

use serde::Serialize;

use super::Traffic;
use super::flag::Flag;
use super::journal::Entry;
use super::router::Router;
use crate::mlflow::{Mlflow, Server, Wrong};
use crate::problem::Problem;
use crate::words::code;

const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(300);
/// A cancelled job has seven seconds.
const PATIENCE: Duration = Duration::from_secs(4);

/// The registry's aliases.
pub struct Registry {
    pub server: Server,
    pub name: String,
    /// The alias of production.
    pub promote: String,
    /// The alias that the version before keeps.
    pub keep: Option<String>,
}

/// Everything that can be moved.
pub struct Levers {
    pub router: Router,
    pub registry: Option<Registry>,
    pub flag: Option<Flag>,
}

/// What became of a lever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pulled {
    pub lever: &'static str,
    pub is_done: bool,
    pub said: String,
}

impl Levers {
    /// Gives stable everything back: all levers at once, and none waits for another.
    pub async fn restore(&self, entry: &Entry) -> Vec<Pulled> {
        let registry = async {
            let registry = self.registry.as_ref()?;
            Some(pull("registry", async || registry.restore(entry).await).await)
        };
        let flag = async {
            let flag = self.flag.as_ref()?;
            Some(pull("flag", async || flag.roll_back().await).await)
        };
        let (traffic, registry, flag) = tokio::join!(self.restore_traffic(), registry, flag);
        [Some(traffic), registry, flag].into_iter().flatten().collect()
    }

    /// Gives stable all of the traffic, and nothing else.
    pub async fn restore_traffic(&self) -> Pulled {
        pull("traffic", async || {
            self.router.write(Traffic::STABLE).await?;
            match self.router.read().await? {
                Traffic::STABLE => Ok("stable has all of it".to_owned()),
                other => Err(Problem::new(format!(
                    "the router still gives the candidate {} %",
                    other.weight.max(other.mirror)
                ))),
            }
        })
        .await
    }

    /// Makes the candidate the version in production.
    pub async fn promote(&self, entry: &Entry) -> Vec<Pulled> {
        let Some(registry) = &self.registry else { return Vec::new() };
        vec![pull("promotion", async || registry.promote(entry).await).await]
    }
}

impl Registry {
    /// What the alias of production means now.
    ///
    /// # Errors
    /// No answer; an alias that means nothing is none.
    pub async fn current(&self) -> Result<Option<String>, Problem> {
        let mlflow = Mlflow::connect(&self.server).await?;
        match mlflow.version(&self.name, &self.promote).await {
            Ok(version) => Ok(Some(version.version)),
            Err(Wrong::Missing(_)) => Ok(None),
            Err(Wrong::Problem(problem)) => Err(problem),
        }
    }

    /// Whether the version is the file that was judged.
    ///
    /// # Errors
    /// It is not, or nobody can tell.
    pub async fn is_model(&self, version: &str, sha256: &str) -> Result<(), Problem> {
        let mlflow = Mlflow::connect(&self.server).await?;
        let found = mlflow.is_model(&self.name, version, sha256).await;
        found.map_err(|wrong| wrong.problem(&format!("the registry has no version {}", code(version))))
    }

    /// # Errors
    /// There is no such version, or no answer.
    pub async fn knows(&self, version: &str) -> Result<(), Problem> {
        let mlflow = Mlflow::connect(&self.server).await?;
        let found = mlflow.has_version(&self.name, version).await;
        found.map(drop).map_err(|wrong| wrong.problem(&format!("the registry has no version {}", code(version))))
    }

    /// Back to the version that was written down, and to no other; where there was none, the alias goes.
    async fn restore(&self, entry: &Entry) -> Result<String, Problem> {
        let alias = code(&self.promote);
        if let Some(version) = &entry.previous_version {
            return self.point_at(version).await;
        }
        match self.current().await? {
            None => Ok(format!("{alias} means no version, as before")),
            Some(now) if entry.version == now => {
                let mlflow = Mlflow::connect(&self.server).await?;
                let gone = mlflow.delete_alias(&self.name, &self.promote).await;
                gone.map_err(|wrong| wrong.problem(&format!("{alias} could not be taken away")))?;
                match self.current().await? {
                    None => Ok(format!("{alias} means no version, as before")),
                    Some(now) => Err(Problem::new(format!("{alias} is version {now} still"))),
                }
            }
            Some(now) if entry.version.is_empty() => Err(Problem::new(format!(
                "{alias} is version {now}, and nobody knows which it was before: name it by `to-version`"
            ))),
            Some(now) => Ok(format!("{alias} is version {now}, which was not rolled out here")),
        }
    }

    async fn point_at(&self, version: &str) -> Result<String, Problem> {
        let alias = code(&self.promote);
        if self.current().await?.as_deref() == Some(version) {
            return Ok(format!("{alias} is version {version}"));
        }
        let mlflow = Mlflow::connect(&self.server).await?;
        let set = mlflow.set_alias(&self.name, &self.promote, version).await;
        set.map_err(|wrong| wrong.problem(&format!("{alias} could not be set")))?;
        match self.current().await? {
            Some(now) if now == version => Ok(format!("{alias} is version {version} again")),
            now => Err(Problem::new(format!("{alias} is version {}", now.unwrap_or_else(|| "none".into())))),
        }
    }

    async fn promote(&self, entry: &Entry) -> Result<String, Problem> {
        let mlflow = Mlflow::connect(&self.server).await?;
        let failed = |wrong: Wrong| wrong.problem("it could not be promoted");
        mlflow.has_version(&self.name, &entry.version).await.map_err(failed)?;
        let tags = [
            ("mlgate.report_sha256", Some(&entry.report_sha256)),
            ("mlgate.data_fingerprint", entry.vouched.data_fingerprint.as_ref()),
            ("mlgate.commit", entry.vouched.commit.as_ref()),
        ];
        for (key, value) in tags {
            if let Some(value) = value {
                mlflow.tag_version(&self.name, &entry.version, key, value).await.map_err(failed)?;
            }
        }
        if let (Some(keep), Some(previous)) = (&self.keep, &entry.previous_version)
            && *previous != entry.version
        {
            mlflow.set_alias(&self.name, keep, previous).await.map_err(failed)?;
        }
        mlflow.set_alias(&self.name, &self.promote, &entry.version).await.map_err(failed)?;
        match self.current().await? {
            Some(now) if now == entry.version => Ok(format!("{} is version {now}", code(&self.promote))),
            now => Err(Problem::new(format!("{} is version {now:?}, not {}", code(&self.promote), entry.version))),
        }
    }
}

/// Pulls until it is seen to have moved, a few times.
async fn pull(lever: &'static str, mut once: impl AsyncFnMut() -> Result<String, Problem>) -> Pulled {
    let mut said = String::new();
    let all = async {
        for tried in 1..=TRIES {
            match once().await {
                Ok(done) => return Some(done),
                Err(problem) => said = problem.message,
            }
            if tried < TRIES {
                tokio::time::sleep(PAUSE).await;
            }
        }
        None
    };
    match tokio::time::timeout(PATIENCE, all).await {
        Ok(Some(done)) => Pulled { lever, is_done: true, said: done },
        Ok(None) => Pulled { lever, is_done: false, said },
        Err(_) => Pulled { lever, is_done: false, said: format!("no answer in {} s", PATIENCE.as_secs()) },
    }
}
