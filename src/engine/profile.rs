//! What `suggest` wants to know of a column, in one look.

use polars::prelude::*;

use super::accumulate::{Accumulator, Batch, MOST_CLASSES, Step, same};
use super::cells::{self, Cells};
use super::classes::Counter;
use crate::data::statistic::{Profile, Value};

pub struct Profiled {
    column: String,
    profile: Profile,
    counter: Counter,
}

impl Profiled {
    pub fn new(column: &str) -> Self {
        Self { column: column.to_owned(), profile: Profile::default(), counter: Counter::new(MOST_CLASSES) }
    }
}

impl Accumulator for Profiled {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self::new(&self.column))
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let column = batch.frame.column(&self.column)?.as_materialized_series();
        self.profile.missing += cells::missing(column)?;
        let (extent, infinite) = Cells::of(column)?.extent();
        self.profile.infinite += infinite;
        self.widen(extent);
        self.counter.fold(column)
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        self.profile.missing += twin.profile.missing;
        self.profile.infinite += twin.profile.infinite;
        self.widen(twin.profile.min.zip(twin.profile.max));
        self.counter.merge(twin.counter);
    }

    fn finish(mut self: Box<Self>) -> Step {
        self.profile.classes = self.counter.finish();
        Step::Done(Ok(Value::Profile(self.profile)))
    }
}

impl Profiled {
    fn widen(&mut self, extent: Option<(f64, f64)>) {
        if let Some((min, max)) = extent {
            self.profile.min = Some(self.profile.min.map_or(min, |other| other.min(min)));
            self.profile.max = Some(self.profile.max.map_or(max, |other| other.max(max)));
        }
    }
}
