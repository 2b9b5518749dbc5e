//! What stands by when nobody rolls out: the watch over production.

use std::time::Duration;

use super::attest::Verifier;
use super::notifier::Notifier;
use super::rollback::unable;
use super::{admit, announce, lost, open, stop_on_signals, tell};
use crate::cli::rollout::WatchArgs;
use crate::commands::{Context, say};
use crate::integrations::http::block_on;
use crate::rollout::controls::Ending;
use crate::rollout::driver::{Journey, Moment, World, moment, now, steady};
use crate::rollout::journal::{Entry, Proof, Stored, Unwritten};
use crate::rollout::plan::Asker;
use crate::rollout::watch::{self, Found, next};
use crate::rollout::{Ended, Outcome, SlotOrder, Strategy, Traffic, serving_version, timeline};
use crate::support::problem::{Exit, Failure, Problem};
use crate::support::words::code;

/// How long the alias is waited for: production is evaluated all the same.
const LONGEST_OF_ALIAS: Duration = Duration::from_secs(5);

/// Seconds of the log that are judged.
const LONGEST_LOG: f64 = 86_400.0;

/// One evaluation of production, or as many as there is time for: a breach, or a rollout that nobody carries on any more,
/// restores stable.
///
/// # Errors
/// Usage, or a world that cannot be reached.
pub fn watch(args: &WatchArgs, context: &Context) -> Result<Exit, Failure> {
    let stop = stop_on_signals();
    let workspace = admit(&args.common, context)?;
    let planned = open::planned(&args.common, Asker::Watch, &workspace)?;
    let plan = &planned.plan;
    let seconds = args.seconds.unwrap_or(0.0);
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err(Failure::usage(Problem::new("`seconds` is a number from 0 to 86400")));
    }
    let world = planned.world(&args.common, context, &workspace, stop)?;
    let verifier = Verifier { common: &args.common, context, workspace: &workspace, plan, name: &planned.name };
    let until = steady() + seconds;
    let mut watching = Watching { world: &world, verifier, until, timeline: Vec::new(), last: None, away_since: None };
    let watched = block_on(watching.run()).map_err(Failure::unmeasured)??;
    let journey = match watched {
        Watched::Journey(journey) => journey,
        Watched::Lost(why) => {
            let version = plan.section.model.version.as_deref();
            let about =
                lost::About { common: &args.common, context, workspace: &workspace, planned: &planned, version };
            return lost::end(&world.controls, &about, why);
        }
    };
    announce::end(&args.common, context, plan, None, &journey);
    // Production that is in order is no news.
    if journey.ended.outcome != Outcome::Held {
        let notifier = Notifier::new(&args.common, context, plan);
        announce::message(context, &planned, &notifier, &world.controls, &journey);
    }
    tell::end(&args.common, context, &workspace, plan, &world.controls, *journey)
}

/// A watch as it runs.
struct Watching<'a> {
    world: &'a World,
    verifier: Verifier<'a>,
    /// Seconds since 1970.
    until: f64,
    timeline: Vec<Moment>,
    /// What is in production, as this process last knew it.
    last: Option<Entry>,
    /// Since when the journal cannot be read.
    away_since: Option<f64>,
}

impl Watching<'_> {
    async fn run(&mut self) -> Result<Watched, Failure> {
        let plan = self.verifier.plan;
        let controls = &self.world.controls;
        loop {
            let watched = match controls.journal.read().await {
                Ok(Stored::Entry(entry, proof)) => {
                    self.away_since = None;
                    Box::pin(self.evaluate(*entry, Some(proof))).await?
                }
                Ok(Stored::Lost(why)) => Some(Watched::Lost(why)),
                Ok(Stored::Missing) => match controls.levers.router.split(SlotOrder::Configured).read().await {
                    Err(problem) => return Err(Failure::unmeasured(problem)),
                    Ok(traffic) if traffic == Traffic::STABLE || !controls.levers.router.exists() => {
                        let problem = Problem::new("there is no journal: nothing was rolled out here");
                        return Err(Failure::usage(problem.hint("`mlgate rollout` writes it")));
                    }
                    _ => Some(Watched::Lost(lost::missing())),
                },
                Err(failure) if failure.exit == Exit::Usage => return Err(failure),
                Err(failure) => Box::pin(self.without_journal(failure)).await?,
            };
            if let Some(watched) = watched {
                return Ok(watched);
            }
            tokio::select! {
                () = controls.stopped() => {}
                () = tokio::time::sleep(Duration::from_secs_f64(plan.policy.interval_seconds)) => {}
            }
        }
    }

    fn is_over(&self) -> bool {
        steady() + self.verifier.plan.policy.interval_seconds > self.until || self.world.controls.is_stopped()
    }

    /// What an evaluation comes to; none where the watch goes on.
    async fn evaluate(&mut self, mut entry: Entry, proof: Option<Proof>) -> Result<Option<Watched>, Failure> {
        let (world, plan) = (self.world, self.verifier.plan);
        same_model(&entry, self.verifier.name)?;
        if let Some(proof) = proof {
            match world.controls.confirm_order(&entry, proof, false).await {
                Ok(()) => {}
                Err(problem) if self.is_over() => return Err(Failure::unmeasured(problem)),
                Err(problem) => {
                    say(&format!("{problem}\n"));
                    return Ok(None);
                }
            }
        }
        let mut seen = world.look(plan, entry.order, entry.started_at.max(steady() - LONGEST_LOG)).await;
        serving_version::compare(&entry, &mut seen);
        let is_production = entry.is_in_production();
        let has_router = world.controls.levers.router.exists();
        let mut weight = seen.traffic.as_ref().ok().map(|traffic| traffic.weight).filter(|_| has_router);
        let found = next(plan, &mut entry, &seen);
        let alias = match &found {
            Found::InOrder(_) | Found::Blind(_) | Found::Restarted if is_production => Alias::of(world, &entry).await,
            _ => Alias::None,
        };
        let (mut is_blind, mut said) = match found {
            Found::Promoted => return self.finish_promotion(entry, proof).await,
            Found::Wrong(ended) => return Ok(Some(self.undo(entry, ended).await)),
            Found::Operator(ended) => {
                entry.state.ended = Some(ended);
                let timeline = std::mem::take(&mut self.timeline);
                return Ok(Some(Watched::Journey(Box::new(world.close(entry, timeline, Vec::new()).await))));
            }
            Found::Restarted => match Box::pin(self.repair(&entry, proof, &alias)).await {
                Ok(said) => {
                    weight = Some(watch::production(&entry).weight);
                    (false, said)
                }
                Err(why) => (true, why),
            },
            Found::Blind(said) => (true, said),
            Found::InOrder(said) => (false, said),
        };
        if let Alias::Other(why) | Alias::Unknown(why) = &alias {
            is_blind |= matches!(alias, Alias::Unknown(_));
            said = if said.is_empty() { why.clone() } else { format!("{why}; {said}") };
        }
        if is_production {
            entry.state.said.clone_from(&said);
        }
        // Only what the next watch needs, and no more often than a sign of life: each is a commit on a branch.
        let patience = world.controls.journal.patience(plan.heartbeat_seconds);
        let is_due = is_production && now() - entry.heartbeat_at >= patience;
        let mut unwritten = None;
        if is_due && proof.is_some() {
            let before = std::mem::replace(&mut entry.heartbeat_at, now());
            // Whoever wrote meanwhile knows better.
            if let Err(Unwritten::Problem(problem)) = world.controls.journal.write(&entry).await {
                entry.heartbeat_at = before;
                unwritten = Some(problem);
            }
        }
        let moment = moment(&entry, &seen);
        say(&format!("{}\n", timeline::line(&moment, entry.started_at)));
        self.timeline.push(moment);
        self.last = is_production.then(|| entry.clone());
        if !self.is_over() {
            return Ok(None);
        }
        if is_blind {
            return Err(Failure::unmeasured(Problem::new(format!("production could not be watched: {said}"))));
        }
        if let Some(problem) = unwritten {
            return Err(Failure::unmeasured(problem));
        }
        // What an operator did is said, and left as it is.
        let outcome = if matches!(alias, Alias::Other(_)) { Outcome::Aborted } else { Outcome::Held };
        let ended = Ended { outcome, reason: said };
        let timeline = std::mem::take(&mut self.timeline);
        let (levers, problems) = (Vec::new(), Vec::new());
        Ok(Some(Watched::Journey(Box::new(Journey { entry, ended, timeline, levers, weight, problems }))))
    }

    /// Gives production its traffic again after a restart of the router: what was promoted, where more than an unsigned journal
    /// says that it is the champion; or stable, whose slot was confirmed.
    ///
    /// # Errors
    /// Why it was not done.
    async fn repair(&self, entry: &Entry, proof: Option<Proof>, alias: &Alias) -> Result<String, String> {
        let controls = &self.world.controls;
        let (weights, who) = if entry.is_in_production() {
            (format!("the weights of version {}", code(&entry.version)), "it")
        } else {
            ("stable's weights".to_owned(), "stable")
        };
        let lost = format!("the router was restarted and had lost {weights}");
        let left = |why: &str| format!("{lost}, and nothing was moved: {why}");
        let Some(proof) = proof else { return Err(left("the journal could not be read")) };
        if entry.strategy == Strategy::Registry.word() {
            return Err(left("it was promoted without a router, so that no slot is known to be its"));
        }
        match alias {
            _ if !entry.is_in_production() => {}
            Alias::Other(_) => return Err(left("the alias does not agree")),
            Alias::Unknown(_) | Alias::None if proof == Proof::Unsigned => {
                let verified = Box::pin(self.verifier.resume(self.world, entry, proof, None)).await;
                let unknown = || Problem::new("what was promoted could not be verified");
                let first = |failure: Failure| failure.problems.into_iter().next().unwrap_or_else(unknown);
                let why = verified.unwrap_or_else(|failure| Some(first(failure)));
                if let Some(why) = why {
                    return Err(left(&why.message));
                }
            }
            _ => {}
        }
        // Somebody may have rolled it back, or begun the next one, since it was read.
        match controls.journal.read().await {
            Ok(Stored::Entry(now, _)) if is_same_end(&now, entry) => {}
            _ => return Err(left("the journal was written meanwhile")),
        }
        let (split, production) = (controls.levers.router.split(entry.order), watch::production(entry));
        let failed = |why: &str| format!("{lost}, and they could not be set again: {why}");
        split.write(production).await.map_err(|problem| failed(&problem.message))?;
        match split.read().await {
            Ok(traffic) if traffic == production => Ok(format!("{lost}: {who} has all of the traffic again")),
            Ok(other) => Err(failed(&format!("the router gives it {} %", other.weight))),
            Err(problem) => Err(failed(&problem.message)),
        }
    }

    /// The journal does not answer: what is in production is judged all the same. A split is restored when nobody can have
    /// carried the rollout on any more, since a run that cannot write its journal ends itself.
    async fn without_journal(&mut self, failure: Failure) -> Result<Option<Watched>, Failure> {
        let (world, plan) = (self.world, self.verifier.plan);
        let since = *self.away_since.get_or_insert_with(now);
        let why = failure.problems.first().cloned().unwrap_or_else(|| Problem::new("the journal could not be read"));
        let order = match &self.last {
            Some(last) => Ok(last.order),
            None => world.controls.shown_order().await,
        };
        let Ok(order) = order else {
            // The router does not answer, or tells nothing: nothing is moved.
            return Ok(self.is_over().then_some(Watched::Lost(why)));
        };
        match world.controls.levers.router.split(order).read().await {
            Ok(traffic) if lost::is_split(traffic) => {
                let is_due = now() - since >= plan.heartbeat_seconds || world.controls.is_stopped();
                return Ok(is_due.then_some(Watched::Lost(why)));
            }
            Ok(traffic) if traffic != Traffic::STABLE && !self.is_over() => {
                say(&format!("{failure}\n"));
                let entry = self.last.clone().unwrap_or_else(|| self.in_production(order));
                let watched = Box::pin(self.evaluate(entry, None)).await?;
                return Ok(watched);
            }
            _ => {}
        }
        if !self.is_over() {
            return Ok(None);
        }
        Ok(Some(Watched::Lost(why)))
    }

    /// What has all of the traffic and of which no journal tells: it can be judged by its limits.
    fn in_production(&self, order: SlotOrder) -> Entry {
        let Verifier { plan, name, .. } = self.verifier;
        let mut entry = Entry::unknown(plan.policy.strategy.word(), name, "nobody known", now());
        entry.state.ended = Some(Ended { outcome: Outcome::Promoted, reason: "it has all of the traffic".to_owned() });
        (entry.is_settled, entry.order) = (true, order);
        entry
    }

    /// Finishes a promotion that was decided and not written down; a registry that does not answer is asked again while
    /// there is time.
    async fn finish_promotion(&mut self, entry: Entry, proof: Option<Proof>) -> Result<Option<Watched>, Failure> {
        let (world, verifier) = (self.world, self.verifier);
        let why = match verifier.resume(world, &entry, proof.unwrap_or(Proof::Unsigned), None).await {
            Ok(why) => why.into_iter().collect(),
            Err(failure) if failure.exit == Exit::Unmeasured && !self.is_over() => return Ok(None),
            Err(failure) => failure.problems,
        };
        if !why.is_empty() {
            return Err(unfinished(why));
        }
        let promotion = async {
            if let Some(registry) = &world.controls.levers.registry {
                registry.prepare(&entry).await?;
            }
            world.controls.levers.promote(&entry).await
        };
        match promotion.await {
            Ok(levers) => {
                let reason = "it was promoted, and that was not written down".to_owned();
                let ended = Ended { outcome: Outcome::Promoted, reason };
                let timeline = std::mem::take(&mut self.timeline);
                let ending = Ending { entry, ended, timeline, problems: Vec::new(), retry_until: 0.0 };
                Ok(Some(Watched::Journey(Box::new(world.promoted(ending, levers).await))))
            }
            Err(failure) if failure.exit == Exit::Unmeasured && !self.is_over() => Ok(None),
            Err(failure) if failure.exit == Exit::Unmeasured => Err(unfinished(failure.problems)),
            Err(failure) => {
                let reason = format!("it could not be promoted: {failure}");
                Ok(Some(self.undo(entry, Ended { outcome: Outcome::Aborted, reason }).await))
            }
        }
    }

    async fn undo(&mut self, entry: Entry, ended: Ended) -> Watched {
        let timeline = std::mem::take(&mut self.timeline);
        let controls = &self.world.controls;
        if entry.is_in_production()
            && !entry.is_first
            && let Err(why) = controls.can_serve(&entry).await
        {
            let mut why = unable(why);
            why.message = format!("{}; {}", ended.reason, why.message);
            return Watched::Journey(Box::new(Journey { timeline, ..controls.unmoved(entry, why).await }));
        }
        let ending = Ending { entry, ended, timeline, problems: Vec::new(), retry_until: self.until };
        Watched::Journey(Box::new(self.world.controls.restore(ending).await))
    }
}

/// Whether an entry is of the same end of the same rollout.
fn is_same_end(now: &Entry, entry: &Entry) -> bool {
    now.is_settled == entry.is_settled && now.state.ended == entry.state.ended && now.version == entry.version
}

/// What the registry's alias of production says of what was promoted.
enum Alias {
    /// There is no registry, or no version to compare.
    None,
    Agrees,
    /// It means another version, or none: an operator moved it.
    Other(String),
    Unknown(String),
}

impl Alias {
    async fn of(world: &World, entry: &Entry) -> Self {
        let Some(registry) = world.controls.levers.registry.as_ref().filter(|_| !entry.version.is_empty()) else {
            return Self::None;
        };
        let (alias, version) = (code(&registry.promote), code(&entry.version));
        match tokio::time::timeout(LONGEST_OF_ALIAS, registry.current()).await {
            Ok(Ok(Some(now))) if now == entry.version => Self::Agrees,
            Ok(Ok(now)) => {
                let now = now.map_or_else(|| "no version".to_owned(), |now| format!("version {}", code(&now)));
                Self::Other(format!(
                    "an operator moved the alias: {alias} is {now}, and version {version} was promoted; it is left as it is"
                ))
            }
            Ok(Err(problem)) => {
                Self::Unknown(format!("which version {alias} is could not be read: {}", problem.message))
            }
            Err(_) => {
                let seconds = LONGEST_OF_ALIAS.as_secs();
                Self::Unknown(format!("which version {alias} is could not be read: no answer in {seconds} s"))
            }
        }
    }
}

/// What a watch comes to.
enum Watched {
    Journey(Box<Journey>),
    /// The journal is lost, or is not to be trusted.
    Lost(Problem),
}

/// A promotion that the journal's word does not let finish: nothing is moved.
fn unfinished(mut why: Vec<Problem>) -> Failure {
    let said = "a promotion was cut short, and cannot be finished on the journal's word: nothing was moved";
    let hint = "finish it by `mlgate rollout` with the report, or end it by `mlgate rollback`";
    why.push(Problem::new(said).hint(hint));
    Failure { exit: Exit::Unmeasured, problems: why }
}

/// One journal is of one model.
pub fn same_model(entry: &Entry, name: &str) -> Result<(), Failure> {
    if entry.name == name {
        return Ok(());
    }
    let said = format!("the journal is of the model {}, not of {}", code(&entry.name), code(name));
    Err(Failure::usage(Problem::new(said).hint("every model has a journal of its own")))
}
