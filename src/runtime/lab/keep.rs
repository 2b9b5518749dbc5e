//! Predictions that are kept for what is compared with them later.

use crate::runtime::answers::Predicted;

/// Predictions of all rows, as long as there is room for them.
pub struct Keep {
    room: usize,
    rows: usize,
    all: Option<Predicted>,
    is_full: bool,
}

impl Keep {
    pub fn new(rows: u64, memory: usize) -> Self {
        Self { room: memory / 4, rows: rows as usize, all: None, is_full: false }
    }

    pub fn add(&mut self, predicted: Predicted) {
        let width = 8 * (1 + predicted.scores.len());
        if self.is_full || self.rows.saturating_mul(width) > self.room {
            self.is_full = true;
            self.all = None;
            return;
        }
        match &mut self.all {
            Some(all) => all.append(predicted),
            None => self.all = Some(predicted),
        }
    }

    pub fn all(self) -> Option<Predicted> {
        self.all
    }
}
