//! `mlgate promote`: skips what is left of a rollout; where the strategy is `registry`, moves the alias of production to what
//! was judged.

use std::sync::Arc;
use std::time::Duration;

use super::attest::{Attestation, Verifier};
use super::begin::{flag_now, no_report, turned_off};
use super::notifier::Notifier;
use super::request::{person, reason_of};
use super::{admit, announce, by, lost, open, preflight, request, stop_on_signals, tell};
use crate::cli::rollout::{PromoteArgs, RequestArgs, RolloutArgs};
use crate::commands::{Context, note, say, warn};
use crate::integrations::http::block_on;
use crate::rollout::controls::Ending;
use crate::rollout::driver::{Journey, World, now};
use crate::rollout::journal::{Entry, FlagRecord, Proof, Stored, Unwritten};
use crate::rollout::plan::Asker;
use crate::rollout::preflight::{Subject, Writes};
use crate::rollout::request::{Request, RequestKind};
use crate::rollout::{Ended, Outcome, Strategy};
use crate::support::problem::{Exit, Failure, Problem};
use crate::support::words::code;
use crate::support::workspace::Workspace;

/// Between two tries of a promotion that the registry does not answer.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// # Errors
/// Usage, a report that lets nothing out, a journal or a registry that does not answer.
pub fn promote(args: &PromoteArgs, context: &Context) -> Result<Exit, Failure> {
    let workspace = admit(&args.common, context)?;
    let planned = open::planned(&args.common, Asker::Rollout, &workspace)?;
    let reason = reason_of(args.reason.as_deref())?;
    if planned.plan.policy.strategy == Strategy::Registry {
        let args = RolloutArgs {
            common: args.common.clone(),
            model_version: args.model_version.clone(),
            report: args.report.clone(),
            report_sha256: args.report_sha256.clone(),
            dry_run: args.dry_run,
            once: None,
        };
        let request = Request { kind: RequestKind::Promote, by: person(context), at: now(), reason, step: None };
        return by_registry(&args, Some(request), context, &workspace, &planned);
    }
    if args.report_sha256.is_some() || args.report.is_some() || args.model_version.is_some() || args.dry_run.is_some() {
        let said = "`promote` skips what is left of the rollout under way, and takes no report, version or dry run";
        let hint = "`mlgate rollout` begins one; only `strategy: registry` promotes a version at once";
        return Err(Failure::usage(Problem::new(said).hint(hint)));
    }
    let args = RequestArgs { common: args.common.clone(), reason };
    request(RequestKind::Promote, &args, context)
}

/// Moves the alias: report, model, commit and preflight first, then the journal, then the registry.
///
/// # Errors
/// As [`promote`].
pub fn by_registry(
    args: &RolloutArgs,
    request: Option<Request>,
    context: &Context,
    workspace: &Workspace,
    planned: &open::Planned,
) -> Result<Exit, Failure> {
    let (plan, name) = (&planned.plan, planned.name.as_str());
    let verifier = Verifier { common: &args.common, context, workspace, plan, name };
    let given = verifier.handed_over(args)?;
    let stop = stop_on_signals();
    let world = planned.world(&args.common, context, workspace, Arc::clone(&stop))?;
    let controls = &world.controls;
    let version = given.as_ref().map(|given| given.vouched.version.as_str());
    let about = lost::About { common: &args.common, context, workspace, planned, version };
    let is_dry = args.dry_run == Some(true);
    let known = match block_on(controls.journal.read()).map_err(Failure::unmeasured)?? {
        Stored::Entry(entry, proof) => Some((*entry, proof)),
        Stored::Missing => None,
        Stored::Lost(why) if is_dry => return Err(Failure::unmeasured(why)),
        // What is verified anew needs no journal.
        Stored::Lost(why) if given.is_some() => {
            warn(&why.without_hint().to_string());
            note("the promotion begins anew, over the journal that was lost");
            None
        }
        Stored::Lost(why) => return lost::end(controls, &about, why),
    };
    let is_over = known.as_ref().is_none_or(|(entry, _)| !entry.is_open());
    if is_dry {
        let Some(given) = &given else { return Err(no_report()) };
        block_on(verifier.confirm(&world, &given.vouched)).map_err(Failure::unmeasured)??;
        say(&format!("{name} {} by registry: the alias is moved at once\n", given.vouched.version));
        let writes = if is_over { Writes::Tried } else { Writes::LeftAlone };
        let found = block_on(preflight::preflight(&world, plan, Subject::of_alias(&given.vouched.version), writes));
        say("nothing was moved: this is a dry run\n");
        return found.map_err(Failure::unmeasured)?.map(|()| Exit::Passed);
    }
    let _reports = tell::begin(&args.common, context, workspace)?;
    let begun = block_on(begin(verifier, &world, given.as_ref(), known)).map_err(Failure::unmeasured)??;
    let (mut entry, is_new) = match begun {
        Begun::New(entry) => (*entry, true),
        Begun::CutShort(entry) => (*entry, false),
        Begun::Done(entry) => {
            let journey = block_on(super::already(&world, *entry)).map_err(Failure::unmeasured)?;
            return tell::end(&args.common, context, workspace, plan, controls, journey);
        }
    };
    if is_new {
        block_on(preflight::preflight(&world, plan, Subject::of_alias(&entry.version), Writes::Tried))
            .map_err(Failure::unmeasured)??;
    }
    let deployment = announce::begin(&args.common, context, &format!("{name} {}", entry.version));
    entry.interventions.extend(request);
    tell::remember(context, true);
    tell::under_way(context)?;
    let journey = block_on(carry_out(&world, plan.policy.max_hold_seconds, entry)).map_err(Failure::unmeasured)?;
    if journey.entry.is_settled {
        tell::remember(context, false);
    }
    announce::end(&args.common, context, plan, deployment.as_ref(), &journey);
    let notifier = Notifier::new(&args.common, context, plan);
    announce::message(context, planned, &notifier, controls, &journey);
    tell::end(&args.common, context, workspace, plan, controls, journey)
}

/// What a promotion begins with.
enum Begun {
    New(Box<Entry>),
    /// One that was decided and not finished; what the registry may have of it is finished or undone.
    CutShort(Box<Entry>),
    /// The version is in production.
    Done(Box<Entry>),
}

async fn begin(
    verifier: Verifier<'_>,
    world: &World,
    given: Option<&Attestation>,
    known: Option<(Entry, Proof)>,
) -> Result<Begun, Failure> {
    let name = verifier.name;
    let Some(registry) = &world.controls.levers.registry else { return Err(no_report()) };
    let version = |entry: &Entry| given.map_or_else(|| entry.version.clone(), |given| given.vouched.version.clone());
    let flag_before = known.as_ref().and_then(|(entry, _)| turned_off(entry));
    if let Some((entry, proof)) = known {
        super::watch::same_model(&entry, name)?;
        let is_same = entry.version == version(&entry);
        if entry.is_open() {
            return cut_short(verifier, world, given, entry, proof, is_same).await;
        }
        let current = registry.current().await.map_err(Failure::unmeasured)?;
        if is_same && entry.is_in_production() && current.as_ref() == Some(&entry.version) {
            return Ok(Begun::Done(Box::new(entry)));
        }
    }
    let Some(given) = given else { return Err(no_report()) };
    verifier.confirm(world, &given.vouched).await?;
    let previous_version = registry.current().await.map_err(Failure::unmeasured)?;
    if previous_version.as_ref() == Some(&given.vouched.version) {
        let said = format!("version {} is in production already", code(&given.vouched.version));
        return Err(Failure::usage(Problem::new(said)));
    }
    let flag_now = flag_now(world).await;
    Ok(Begun::New(Box::new(Entry {
        version: given.vouched.version.clone(),
        previous_version,
        is_previous_known: true,
        flag: FlagRecord { is_off: flag_now.is_none() && flag_before.is_some(), before: flag_now.or(flag_before) },
        report_sha256: given.report_sha256.clone(),
        vouched: given.vouched.clone(),
        ..Entry::unknown(Strategy::Registry.word(), name, &by(verifier.context), now())
    })))
}

/// The promotion that the journal has, of the same version and by the same strategy.
async fn cut_short(
    verifier: Verifier<'_>,
    world: &World,
    given: Option<&Attestation>,
    entry: Entry,
    proof: Proof,
    is_same: bool,
) -> Result<Begun, Failure> {
    let is_promoted = entry.state.ended.as_ref().is_some_and(|ended| ended.outcome == Outcome::Promoted);
    if !is_same || !is_promoted || entry.strategy != Strategy::Registry.word() {
        let said = format!(
            "the rollout of {} {} is not over (by {})",
            code(&entry.name),
            code(&entry.version),
            code(&entry.by)
        );
        return Err(Failure::usage(Problem::new(said).hint("end it: `mlgate rollback`")));
    }
    if let Some(why) = verifier.resume(world, &entry, proof, given).await? {
        return Err(Failure::usage(why));
    }
    note("a promotion of this version was cut short: going on with it");
    let entry = Entry { by: by(verifier.context), ..entry };
    Ok(Begun::CutShort(Box::new(match given {
        Some(given) => Entry { vouched: given.vouched.clone(), report_sha256: given.report_sha256.clone(), ..entry },
        None => entry,
    })))
}

/// Writes the promotion down and does it; a registry that does not answer is tried again, and after that the alias is
/// restored.
async fn carry_out(world: &World, max_hold_seconds: f64, mut entry: Entry) -> Journey {
    let controls = &world.controls;
    let person = entry.interventions.iter().rev().find(|asked| asked.kind == RequestKind::Promote);
    let reason = person.map_or_else(|| "the gate passed it".to_owned(), Request::words);
    let ended = Ended { outcome: Outcome::Promoted, reason };
    entry.state.ended = Some(ended.clone());
    let until = now() + max_hold_seconds;
    let ending = |entry: Entry, ended: Ended, problems: Vec<Problem>| Ending {
        entry,
        ended,
        timeline: Vec::new(),
        problems,
        retry_until: now(),
    };
    let aborted = |reason: String| Ended { outcome: Outcome::Aborted, reason };
    let mut pause = SHORTEST_PAUSE;
    loop {
        entry.heartbeat_at = now();
        match controls.journal.write(&entry).await {
            Ok(()) => {}
            // Somebody else decides by now.
            Err(Unwritten::Taken) => {
                let why = "the journal was written meanwhile: nothing more was moved here";
                return controls.journey(ending(entry, aborted(why.to_owned()), Vec::new()), Vec::new()).await;
            }
            Err(Unwritten::Problem(problem)) => {
                let why = aborted("the journal could not be written".to_owned());
                return Box::pin(controls.restore(ending(entry, why, vec![problem]))).await;
            }
        }
        let failure = match Box::pin(attempt(world, &entry)).await {
            Ok(levers) => return world.promoted(ending(entry, ended, Vec::new()), levers).await,
            Err(failure) => failure,
        };
        let why = failure.problems.first().map(|problem| problem.message.clone()).unwrap_or_default();
        let reason = format!("it could not be promoted: {why}");
        if failure.exit == Exit::Usage {
            // The alias is another one than the promotion would move: it is left as it is.
            entry.state.ended = Some(aborted(reason.clone()));
            return world.close(entry, Vec::new(), failure.problems).await;
        }
        if controls.is_stopped() || now() > until {
            entry.state.keeps_flag = true;
            return Box::pin(controls.restore(ending(entry, aborted(reason), failure.problems))).await;
        }
        say(&format!("{why}: it is tried again\n"));
        tokio::select! {
            () = controls.stopped() => {}
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
    }
}

/// One try: tags and the alias of the version before, then the alias of production, unless somebody wrote the journal meanwhile.
async fn attempt(world: &World, entry: &Entry) -> Result<Vec<crate::rollout::levers::Pulled>, Failure> {
    let controls = &world.controls;
    if let Some(registry) = &controls.levers.registry {
        registry.prepare(entry).await?;
    }
    controls.journal.is_unchanged().await.map_err(|unwritten| Failure::unmeasured(unwritten.problem()))?;
    controls.levers.promote(entry).await
}
