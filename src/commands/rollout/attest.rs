//! What lets a model out: the gate's report, the model that it judged, the commit that both are of.

use super::open;
use crate::cli::rollout::{Common, RolloutArgs};
use crate::commands::{Context, note};
use crate::integrations::github::api::Api;
use crate::integrations::github::{ancestry, base};
use crate::rollout::driver::{World, now};
use crate::rollout::gated::{Claim, Vouched, vouch};
use crate::rollout::journal::{Entry, Proof};
use crate::rollout::plan::RolloutPlan;
use crate::support::problem::{Exit, Failure, Problem};
use crate::support::sha256;
use crate::support::words::code;
use crate::support::workspace::Workspace;

/// Where the report is where nothing names it.
const REPORT: &str = "mlgate-report/report.json";

/// A report that was verified, and what it vouches for.
#[derive(Debug, Clone)]
pub struct Attestation {
    pub vouched: Vouched,
    pub report_sha256: String,
}

/// Verifies reports, models and commits.
#[derive(Clone, Copy)]
pub struct Verifier<'a> {
    pub common: &'a Common,
    pub context: &'a Context,
    pub workspace: &'a Workspace,
    pub plan: &'a RolloutPlan,
    /// Of the model.
    pub name: &'a str,
}

impl Verifier<'_> {
    /// The report that was handed over, by the input `report-sha256`; none without it.
    ///
    /// # Errors
    /// Everything that speaks against it.
    pub fn handed_over(self, args: &RolloutArgs) -> Result<Option<Attestation>, Failure> {
        let Some(sha256) = &args.report_sha256 else { return Ok(None) };
        let version = args.model_version.as_deref().or(self.plan.section.model.version.as_deref());
        self.report(args.report.as_deref(), sha256, version, now()).map(Some)
    }

    /// A report with this digest, that was young enough at `at`.
    fn report(self, path: Option<&str>, sha256: &str, version: Option<&str>, at: f64) -> Result<Attestation, Failure> {
        let path = path.or(self.plan.section.report.as_deref()).unwrap_or(REPORT);
        let opened = self.workspace.open(path)?;
        let bytes = opened.and_then(|mut file| file.read(open::LARGEST_REPORT)).map_err(|error| {
            Failure::usage(
                Problem::new(format!("the report {} could not be read: {error}", code(path)))
                    .hint("download the artifact of the gate's job first"),
            )
        })?;
        let found = sha256::of(&bytes);
        let claim = Claim {
            sha256,
            name: self.name,
            version,
            max_age_hours: self.plan.max_report_age_hours,
            now: at,
            is_in_workflow: self.context.github.is_some(),
        };
        let vouched = vouch(&bytes, &found, &claim).map_err(|problems| Failure { exit: Exit::Usage, problems })?;
        Ok(Attestation { vouched, report_sha256: found })
    }

    /// Confirms before anything is moved that the registry's version is the model that was judged, and of the commit that
    /// was judged, and that this commit was merged.
    ///
    /// # Errors
    /// Usage: it is not. Unmeasured: something that would know does not answer.
    pub async fn confirm(self, world: &World, vouched: &Vouched) -> Result<(), Failure> {
        if let Some(registry) = &world.controls.levers.registry {
            registry.is_model(&vouched.version, vouched.model_sha256.as_deref()).await?;
            if let Some(registered) = registry.commit(&vouched.version).await? {
                self.is_commit(vouched, &registered)?;
            }
        }
        let Some(github) = &self.context.github else {
            note("outside of GitHub Actions it is not checked that the judged commit is on the default branch");
            return Ok(());
        };
        let Some(commit) = &vouched.commit else {
            return Err(Failure::usage(Problem::new("the report does not record which commit was judged")));
        };
        let event = github.event().map_err(Failure::unmeasured)?;
        let Some(repository) = self.context.repository(self.common.github_token.as_deref()) else {
            let said = "the repository is unknown: whether the judged commit is on its default branch, too";
            return Err(Failure::unmeasured(Problem::new(said).hint("GitHub sets GITHUB_REPOSITORY")));
        };
        let api = Api::connect(&repository).await.map_err(Failure::unmeasured)?;
        let branch = base::default_branch(&api, &event).await.map_err(Failure::unmeasured)?;
        ancestry::is_on_branch(&api, commit, &branch).await
    }

    fn is_commit(self, vouched: &Vouched, registered: &str) -> Result<(), Failure> {
        let version = code(&vouched.version);
        match &vouched.commit {
            Some(commit) if commit.eq_ignore_ascii_case(registered) => Ok(()),
            None if self.context.github.is_none() => {
                note(&format!(
                    "the report records no commit: it is not compared with {}, which version {version} is registered with",
                    code(registered)
                ));
                Ok(())
            }
            commit => {
                let own = commit
                    .as_ref()
                    .map_or_else(|| "of no commit".to_owned(), |commit| format!("of the commit {}", code(commit)));
                let said =
                    format!("the report is {own}, and version {version} is registered with {}", code(registered));
                let hint =
                    "gate the version on the commit that it was made from: start the workflow on that branch or tag";
                Err(Failure::usage(Problem::new(said).hint(hint)))
            }
        }
    }

    /// Confirms that a journal's open entry may be gone on with or promoted: by its signature, else by the report that it
    /// names, else by one that is handed over; and by the model, each time. Returns what speaks against it.
    ///
    /// # Errors
    /// Usage: the report must be handed over again. Unmeasured: something that would know does not answer.
    pub async fn resume(
        self,
        world: &World,
        entry: &Entry,
        proof: Proof,
        given: Option<&Attestation>,
    ) -> Result<Option<Problem>, Failure> {
        let age = (now() - entry.heartbeat_at) / 3600.0;
        if age > self.plan.max_report_age_hours {
            let said = format!(
                "the rollout of {} {} was last carried on {age:.1} hours ago",
                code(&entry.name),
                code(&entry.version)
            );
            let hint = "end it by `mlgate rollback`, and begin anew; `rollout.max_report_age_hours` is the limit";
            return Ok(Some(Problem::new(said).hint(hint)));
        }
        let found = match (given, proof) {
            (Some(given), _) => Some(given.clone()),
            (None, Proof::Signed) => None,
            (None, Proof::Unsigned) => {
                let version = Some(entry.version.as_str());
                let found = self.report(None, &entry.report_sha256, version, entry.started_at);
                Some(found.map_err(|mut failure| {
                    let hint = "the journal is not signed: hand over the report again, or set `journal-key`";
                    failure.problems.push(Problem::new("the journal's word alone lets no model out").hint(hint));
                    failure
                })?)
            }
        };
        // The journal's signature is of its own report: another one is verified as at the start.
        let is_other =
            found.as_ref().is_some_and(|found| !found.report_sha256.eq_ignore_ascii_case(&entry.report_sha256));
        if let Some(found) = &found {
            let model = found.vouched.model_sha256.as_ref();
            let said = if model != entry.vouched.model_sha256.as_ref() {
                Some("the report is of another model than the rollout that is under way")
            } else if is_other && model.is_none() {
                Some("the report does not record which model was judged: whether it is the one under way is unknown")
            } else {
                None
            };
            if let Some(said) = said {
                return Ok(Some(Problem::new(said).hint("end that one by `mlgate rollback`, and begin anew")));
            }
        }
        let confirmed = match (found, &world.controls.levers.registry) {
            (Some(found), _) if is_other || proof == Proof::Unsigned => self.confirm(world, &found.vouched).await,
            (_, Some(registry)) => registry.confirm(entry).await,
            (_, None) => Ok(()),
        };
        match confirmed {
            Err(mut failure) if failure.exit == Exit::Usage && !failure.problems.is_empty() => {
                Ok(Some(failure.problems.swap_remove(0)))
            }
            other => other.map(|()| None),
        }
    }
}
