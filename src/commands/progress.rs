//! A line that says how far the scan is: only on a terminal, only for work longer than a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::engine::Progress;

/// Shown while it lives.
pub struct Shown {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Shown {
    pub fn start(progress: &Arc<Progress>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        if !crate::support::log::is_watched() {
            return Self { over, thread: None };
        }
        let (progress, ended) = (Arc::clone(progress), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            let mut waited = 0;
            let mut bar: Option<ProgressBar> = None;
            while !ended.load(Ordering::Relaxed) {
                std::thread::park_timeout(Duration::from_millis(100));
                waited += 1;
                if waited < 10 {
                    continue;
                }
                let (rows, expected) = progress.get();
                let bar = bar.get_or_insert_with(new_bar);
                bar.set_length(expected.max(rows));
                bar.set_position(rows);
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        });
        Self { over, thread: Some(thread) }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // The line is decoration: how its thread ended changes nothing.
            let _ = thread.join();
        }
    }
}

fn new_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {human_pos} of {human_len} rows {wide_bar} {elapsed}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
