//! Sends a rollout's messages to the channels of `rollout.notifications` while the rollout goes on; none of them can delay it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::cli::rollout::Common;
use crate::commands::{Context, warn};
use crate::config::rollout::{IssueSection, NotificationSection, NotifyOn};
use crate::integrations::github::api::{Api, Denied, Repository};
use crate::integrations::github::comment::Marker;
use crate::integrations::github::issue::{self as github_issue, Draft, Sought};
use crate::integrations::http::{Patience, block_on};
use crate::integrations::notify;
use crate::rollout::controls::Controls;
use crate::rollout::driver::{Journey, Moment, now};
use crate::rollout::journal::Entry;
use crate::rollout::notification::{Event, Notification, Source, event, issue, slack, teams};
use crate::rollout::plan::RolloutPlan;
use crate::rollout::{Limits, Outcome, State, timeline};
use crate::support::problem::Problem;

/// One request to a channel, each of which is tried twice.
const PATIENCE: Patience = Patience { timeout: Duration::from_secs(4), tries: 2 };
/// How long the end of a rollout waits for messages that are still on their way; a job that is cancelled has less.
const LONGEST: Duration = Duration::from_secs(15);
const LONGEST_OF_CANCELLED: Duration = Duration::from_secs(3);

/// Seconds for which a channel that failed is left alone: only the end is sent to it.
const SILENCE: f64 = 60.0;
/// Seconds by which GitHub's clock may be behind.
const CLOCK_SKEW: f64 = 3_600.0;

/// The channels, and what all messages have in common.
pub struct Notifier<'a> {
    channels: Vec<Channel<'a>>,
    limits: &'a Limits,
    interval_seconds: f64,
    source: Source,
    is_proxied: bool,
}

/// A channel, with its secrets read.
struct Channel<'a> {
    target: Arc<Target>,
    /// The events that are sent.
    on: &'a [NotifyOn],
    /// What it is called in warnings.
    name: &'static str,
    /// When it failed last, in seconds since 1970.
    failed_at: Mutex<Option<f64>>,
}

enum Target {
    Slack(String),
    Teams(String),
    Json { address: String, token: Option<String> },
    Issue(IssueSection, Repository),
}

impl<'a> Notifier<'a> {
    /// Reads what the channels need; one that lacks it is left out, and that is said.
    pub fn new(common: &Common, context: &Context, plan: &'a RolloutPlan) -> Self {
        let variable = |name: &str| {
            let value = context.variables.get(name).map(|value| value.trim().to_owned());
            let value = value.filter(|value| !value.is_empty());
            if value.is_none() {
                warn(&format!("no message is sent to a channel of `rollout.notifications`: {name} is not set"));
            }
            value
        };
        let channel = |section: &'a NotificationSection| {
            let (name, target) = match section {
                NotificationSection::Slack(chat) => ("slack", Target::Slack(variable(&chat.url_env)?)),
                NotificationSection::Teams(chat) => ("teams", Target::Teams(variable(&chat.url_env)?)),
                NotificationSection::Webhook(json) => {
                    let address = variable(&json.url_env)?;
                    let token = match &json.token_env {
                        Some(name) => Some(variable(name)?),
                        None => None,
                    };
                    ("webhook", Target::Json { address, token })
                }
                NotificationSection::Issue(section) => {
                    let repository = context.repository(common.github_token.as_deref());
                    let repository = repository.filter(|repository| repository.token.is_some());
                    if repository.is_none() {
                        warn("no issue is written for `rollout.notifications`: that takes a repository and its token");
                    }
                    ("issue", Target::Issue(section.clone(), Repository { patience: PATIENCE, ..repository? }))
                }
            };
            Some(Channel { target: Arc::new(target), on: section.events(), name, failed_at: Mutex::default() })
        };
        Self {
            channels: plan.section.notifications.iter().filter_map(channel).collect(),
            limits: &plan.policy.limits,
            interval_seconds: plan.policy.interval_seconds,
            source: source(common, context),
            is_proxied: context.is_proxied(),
        }
    }

    /// Runs a rollout, and sends what happens meanwhile; `run` is given what hears of every evaluation.
    pub async fn during(
        &self,
        controls: &Controls,
        entry: &Entry,
        run: impl AsyncFnOnce(&mut dyn FnMut(&Entry, &Moment)) -> Journey,
    ) -> Journey {
        let (queue, waiting) = unbounded_channel();
        let mut reporter = Reporter::new(self, queue, entry);
        if entry.state.looks == 0 {
            reporter.send(Event::Started, entry, Some(0), now());
        }
        let run = async move {
            let journey = run(&mut |entry: &Entry, moment: &Moment| reporter.hear(entry, moment)).await;
            // With it goes the queue.
            drop(reporter);
            journey
        };
        let mut delivery = std::pin::pin!(self.deliver(waiting));
        let mut run = std::pin::pin!(run);
        let journey = tokio::select! {
            journey = &mut run => journey,
            () = &mut delivery => return run.await,
        };
        let longest = if controls.is_stopped() { LONGEST_OF_CANCELLED } else { LONGEST };
        if tokio::time::timeout(longest, delivery).await.is_err() {
            warn("messages of this rollout were still on their way when it ended, and are lost");
        }
        journey
    }

    async fn deliver(&self, mut waiting: UnboundedReceiver<Notification>) {
        while let Some(message) = waiting.recv().await {
            self.send(message).await;
        }
    }

    /// Sends the end of a rollout; one evaluation of many is none.
    pub fn end(&self, controls: &Controls, journey: &Journey) {
        let is_over = journey.entry.state.ended.as_ref().is_some_and(|ended| ended.outcome == Outcome::Held);
        if self.channels.is_empty() || journey.ended.outcome == Outcome::Held && !is_over {
            return;
        }
        let mut message = Notification::of_end(journey, self.limits, now(), &self.source);
        message.problems.extend(controls.versions.warning().map(|warning| warning.message));
        let longest = if controls.is_stopped() { LONGEST_OF_CANCELLED } else { LONGEST };
        let sent = block_on(async { tokio::time::timeout(longest, self.send(message)).await });
        if sent.is_ok_and(|sent| sent.is_err()) {
            warn(&format!("the message of the end was not sent to every channel within {} s", longest.as_secs()));
        }
    }

    /// Sends a message to the channels that ask for it, at the same time; what fails is a warning.
    async fn send(&self, message: Notification) {
        let (message, is_proxied) = (Arc::new(message), self.is_proxied);
        let asked = message.event.asked_by();
        let is_end = matches!(message.event, Event::Ended(_));
        let mut requests = JoinSet::new();
        for (at, channel) in self.channels.iter().enumerate() {
            if !channel.on.iter().any(|on| asked.contains(on)) || channel.is_silent() && !is_end {
                continue;
            }
            let (target, message) = (Arc::clone(&channel.target), Arc::clone(&message));
            requests.spawn(async move { (at, send_to(&target, &message, is_proxied).await) });
        }
        while let Some(sent) = requests.join_next().await {
            let (at, sent) = match sent {
                Ok(sent) => sent,
                Err(error) => {
                    warn(&format!("a message could not be sent: {error}"));
                    continue;
                }
            };
            self.channels[at].remember(sent.is_err());
            if let Err(problem) = sent {
                warn(&format!("{}: {problem}", self.channels[at].name));
            }
        }
    }
}

impl Channel<'_> {
    fn is_silent(&self) -> bool {
        let failed_at = *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner);
        failed_at.is_some_and(|at| now() - at < SILENCE)
    }

    fn remember(&self, has_failed: bool) {
        *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner) = has_failed.then(now);
    }
}

/// Returns where messages come from.
pub fn source(common: &Common, context: &Context) -> Source {
    Source {
        repository: context.variables.get("GITHUB_REPOSITORY").cloned().unwrap_or_default(),
        run_url: context.github.as_ref().and_then(|github| github.url.clone()),
        options: common.config.iter().map(|file| format!("--config {file}")).collect::<Vec<_>>().join(" "),
    }
}

async fn send_to(target: &Target, message: &Notification, is_proxied: bool) -> Result<(), Problem> {
    let (address, token, body) = match target {
        Target::Slack(address) => (address, None, slack::body(message)),
        Target::Teams(address) => (address, None, teams::body(message)),
        Target::Json { address, token } => (address, token.as_deref(), message.json()),
        Target::Issue(section, repository) => return write_issue(repository, section, message).await,
    };
    notify::post(address, token, &body, PATIENCE, is_proxied).await
}

/// Opens the rollout's issue, or comments on it; at the end it is closed.
async fn write_issue(repository: &Repository, section: &IssueSection, message: &Notification) -> Result<(), Problem> {
    let api = Api::connect(repository).await?;
    let login = api.viewer().await.map_err(Denied::problem)?;
    let marker = Marker::new(&issue::key(message));
    // In whole seconds, as GitHub wants them; and the clocks of the two may differ.
    let since = format!("{}Z", &timeline::time(message.started_at - CLOCK_SKEW)[..19]);
    let sought = Sought { marker: &marker, login: &login, since: &since };
    let known = github_issue::find(&api, sought).await.map_err(Denied::problem)?;
    let closing = issue::closes(message);
    let body = issue::body(message);
    let number = match known {
        Some(number) => {
            github_issue::comment(&api, number, &body).await.map_err(Denied::problem)?;
            number
        }
        // A rollout that went well needs no issue.
        None if closing == Some(issue::Closing::Completed) => return Ok(()),
        None => {
            let title = issue::title(message);
            let draft = Draft { title: &title, body: &body, labels: &section.labels, assignees: &section.assignees };
            github_issue::open(&api, sought, &draft).await.map_err(Denied::problem)?
        }
    };
    match closing {
        Some(closing) => github_issue::close(&api, number, closing.word()).await.map_err(Denied::problem),
        None => Ok(()),
    }
}

/// Hears of every evaluation, and puts what is news into the queue.
struct Reporter<'a, 'b> {
    notifier: &'b Notifier<'a>,
    queue: UnboundedSender<Notification>,
    before: State,
    /// When that was, in seconds since 1970.
    before_at: f64,
    /// What was sent last: an evaluation that is made again is no news.
    last: Option<(Event, usize)>,
}

impl<'a, 'b> Reporter<'a, 'b> {
    fn new(notifier: &'b Notifier<'a>, queue: UnboundedSender<Notification>, entry: &Entry) -> Self {
        Self { notifier, queue, before: entry.state.clone(), before_at: entry.heartbeat_at, last: None }
    }

    fn hear(&mut self, entry: &Entry, moment: &Moment) {
        let happened = event((&self.before, self.before_at), (&entry.state, moment.at), self.notifier.interval_seconds);
        if let Some(event) = happened {
            self.send(event, entry, moment.weight, moment.at);
        }
        (self.before, self.before_at) = (entry.state.clone(), moment.at);
    }

    fn send(&mut self, event: Event, entry: &Entry, weight: Option<u8>, at: f64) {
        let news = Some((event, entry.state.stage));
        if self.notifier.channels.is_empty() || self.last == news {
            return;
        }
        self.last = news;
        let Notifier { limits, source, .. } = self.notifier;
        // Where nobody delivers any more, nobody is told.
        let _ = self.queue.send(Notification::of(event, entry, limits, weight, at, source));
    }
}
