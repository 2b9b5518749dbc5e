//! An open-loop load: requests leave at their intended times whether or not earlier ones have been answered, and their
//! latencies count from those times. A server that stands still for a second then has a second of late answers, and not
//! one ([coordinated omission](https://www.azul.com/resources/how-not-to-measure-latency/)).
#![expect(clippy::disallowed_methods, reason = "edge: speaks to a server, measures time")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Client;

use super::{Address, Endpoint, LONGEST_OF_ONE_ROW, answered};
use crate::data::probe::Served;
use crate::runtime::answers::Reader;
use crate::support::problem::Problem;

/// Requests under way; more and the machine that sends them is what is measured.
const MOST_UNDER_WAY: usize = 4_000;
/// Kinds of error that are told apart.
const MOST_KINDS: usize = 20;

/// One request's fate.
struct Fate {
    latency: Duration,
    lag: Duration,
    ended: Duration,
    error: Option<String>,
}

impl Endpoint {
    /// Sends `bodies` in turn, `rps` a second for `seconds`, as long as `watch` wants more.
    ///
    /// # Errors
    /// Nothing can be sent at all.
    pub fn load(
        &self,
        bodies: &[Vec<u8>],
        reader: &Reader,
        rps: f64,
        seconds: f64,
        watch: &dyn Fn(f64) -> bool,
    ) -> Result<Served, Problem> {
        let planned = ((rps * seconds).round() as u64).max(1);
        let fates: Arc<Mutex<Vec<Fate>>> = Arc::new(Mutex::new(Vec::with_capacity(planned as usize)));
        let under_way = Arc::new(AtomicUsize::new(0));
        let bodies: Vec<Arc<Vec<u8>>> = bodies.iter().cloned().map(Arc::new).collect();
        let address = Arc::new(self.address.clone());
        let shared = Arc::new(reader.clone());
        let (send, mut receive) = tokio::sync::mpsc::unbounded_channel::<(u64, Instant)>();
        let kept = Arc::clone(&fates);
        let counted = Arc::clone(&under_way);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Problem::new(format!("no way to wait for a server: {error}")))?;
        // Connections live in the runtime that opened them, so a load has its own; the first one is not part of it, as what
        // cannot be asked at all is said once.
        let client = runtime.block_on(async {
            let client = self.address.client().await?;
            let first = self.address.post(&client, bodies[0].as_ref().clone());
            let text = answered(&client, &self.address, first, LONGEST_OF_ONE_ROW).await;
            let text = text.map_err(|unanswered| unanswered.problem)?;
            self.address.is_prediction(&text, reader)?;
            Ok(client)
        });
        let client = client.map_err(|problem| self.about(problem))?;
        // The clock has a thread of its own: the kernel wakes it within some tens of microseconds, a runtime's timer within
        // a millisecond.
        let start = Instant::now() + Duration::from_millis(50);
        let sender = std::thread::spawn(move || {
            runtime.block_on(async move {
                let mut tasks = tokio::task::JoinSet::new();
                while let Some((at, intended)) = receive.recv().await {
                    let body = Arc::clone(&bodies[at as usize % bodies.len()]);
                    let (client, address, reader) = (client.clone(), Arc::clone(&address), Arc::clone(&shared));
                    let (kept, counted) = (Arc::clone(&kept), Arc::clone(&counted));
                    tasks.spawn(async move {
                        let fate = one(&client, &address, &reader, &body, [intended, start]).await;
                        counted.fetch_sub(1, Ordering::Relaxed);
                        kept.lock().unwrap_or_else(PoisonError::into_inner).push(fate);
                    });
                    while tasks.try_join_next().is_some() {}
                }
                while tasks.join_next().await.is_some() {}
            });
        });
        let mut refused = 0;
        for at in 0..planned {
            let intended = start + Duration::from_secs_f64(at as f64 / rps);
            let wait = intended.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                std::thread::sleep(wait);
            }
            if under_way.fetch_add(1, Ordering::Relaxed) >= MOST_UNDER_WAY {
                under_way.fetch_sub(1, Ordering::Relaxed);
                refused += 1;
            } else if send.send((at, intended)).is_err() {
                return Err(Problem::new("no request could be sent"));
            }
            if !watch((at + 1) as f64 / planned as f64) {
                return Err(Problem::new("the load was stopped"));
            }
        }
        drop(send);
        sender.join().map_err(|_| Problem::new("the load could not be sent: this is a bug in mlgate"))?;
        let fates = std::mem::take(&mut *fates.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(summed_up(&fates, refused, planned, self.address.timeout))
    }
}

async fn one(
    client: &Client,
    address: &Address,
    reader: &Reader,
    body: &Arc<Vec<u8>>,
    [intended, start]: [Instant; 2],
) -> Fate {
    let request = address.post(client, body.as_ref().clone());
    let lag = intended.elapsed();
    let answer = answered(client, address, request, LONGEST_OF_ONE_ROW).await;
    let latency = intended.elapsed();
    let ended = start.elapsed();
    let error = match answer {
        Ok(text) => address.is_prediction(&text, reader).err().map(|problem| problem.message),
        Err(unanswered) => Some(unanswered.problem.message),
    };
    let error = error.map(|error| address.hide(&error));
    Fate { latency, lag, ended, error }
}

fn summed_up(fates: &[Fate], refused: u64, planned: u64, timeout: Duration) -> Served {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let mut latencies: Vec<f64> = fates.iter().map(|fate| milliseconds(fate.latency)).collect();
    // What was never sent is at least as late as what was given up.
    latencies.extend((0..refused).map(|_| milliseconds(timeout)));
    latencies.sort_by(f64::total_cmp);
    let mut lags: Vec<f64> = fates.iter().map(|fate| milliseconds(fate.lag)).collect();
    lags.sort_by(f64::total_cmp);
    let mut errors: BTreeMap<String, u64> = BTreeMap::new();
    for error in fates.iter().filter_map(|fate| fate.error.as_ref()) {
        let known = errors.len() < MOST_KINDS || errors.contains_key(error);
        *errors.entry(if known { error.clone() } else { "other errors".to_owned() }).or_default() += 1;
    }
    if refused > 0 {
        errors.insert(
            format!("had {MOST_UNDER_WAY} requests to answer already, so that no further one was sent"),
            refused,
        );
    }
    let mut errors: Vec<(String, u64)> = errors.into_iter().collect();
    errors.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let seconds = fates.iter().map(|fate| fate.ended.as_secs_f64()).fold(0.0, f64::max);
    let right = fates.iter().filter(|fate| fate.error.is_none()).count();
    let rate = if seconds > 0.0 { right as f64 / seconds } else { 0.0 };
    Served { latencies, lags, sent: planned, errors, rate, seconds }
}
