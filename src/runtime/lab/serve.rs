//! An endpoint that is asked about single rows: for how long each takes, and under load.

use std::collections::{BTreeMap, BTreeSet};

use super::tables::first_rows;
use super::{Lab, WEIGHED, compare};
use crate::data::probe::Served;
use crate::data::table::Role;
use crate::engine::{self, Opened, Source};
use crate::runtime::answers::{Labels, Reader};
use crate::runtime::endpoint::Endpoint;
use crate::support::problem::Problem;
use crate::support::words::code;

/// Labels of one batch, where only they are read, and how many may differ.
const LABELS: usize = 65_536;
const MOST_CLASSES: usize = 1_000;

impl Lab<'_> {
    /// What came of a load.
    pub(super) fn serve(
        &mut self,
        rps: f64,
        seconds: f64,
        sources: &BTreeMap<Role, Opened>,
    ) -> Result<Served, Problem> {
        let bodies = self.bodies(WEIGHED, sources)?;
        let endpoint = self.endpoint()?;
        self.progress.expect(1_000);
        let told = std::cell::Cell::new(0);
        endpoint.load(&bodies, &self.reader(sources)?, rps, seconds, &|share| {
            let now = (share * 1e3) as u64;
            self.progress.add(now - told.replace(now));
            !self.progress.is_stopped()
        })
    }

    /// Reads the endpoint's answers to single rows, whose classes are known.
    pub(super) fn reader(&self, sources: &BTreeMap<Role, Opened>) -> Result<Reader, Problem> {
        let mut known = self.said.clone();
        let (source, endpoint) = (self.source(sources)?, self.endpoint()?);
        let row = first_rows(source, &self.shown_to(endpoint)?, 1)?;
        let outputs = endpoint.predict(&row)?;
        let first = Reader::new(known.clone()).read(&outputs, 1).map_err(|problem| endpoint.hide(problem))?;
        if known.classes.is_none() && matches!(first.prediction, Labels::Text(_)) {
            known.labels = Some(self.labels(source)?);
        }
        Ok(Reader::new(known))
    }

    /// All labels of a table.
    fn labels(&self, source: &Source) -> Result<Vec<String>, Problem> {
        let column = self.target.as_ref().unwrap_or(&self.names.label);
        if source.info().column(column).is_none() {
            let said = "the endpoint answers texts, and nothing says which of them are classes";
            return Err(Problem::new(said).hint("name the classes: `model.classes: [first, second, …]`"));
        }
        let wanted = std::slice::from_ref(column);
        let mut all = BTreeSet::new();
        engine::batches(source, wanted, LABELS, |slice| {
            for (_, cells) in &slice.batch(wanted)?.columns {
                all.extend((0..cells.len()).filter(|row| !cells.is_missing(*row)).map(|row| cells.shown(row)));
            }
            if all.len() > MOST_CLASSES {
                return Err(Problem::new(format!("{} has over {MOST_CLASSES} classes", code(column))));
            }
            Ok(())
        })?;
        Ok(all.into_iter().collect())
    }

    /// Requests of one row each.
    pub(super) fn bodies(&self, rows: usize, sources: &BTreeMap<Role, Opened>) -> Result<Vec<Vec<u8>>, Problem> {
        let endpoint = self.endpoint()?;
        let protocol = &endpoint.address.protocol;
        let source = self.source(sources)?;
        let features = self.shown_to(endpoint)?;
        let mut bodies = Vec::new();
        let batch = first_rows(source, &features, rows)?;
        for row in 0..batch.rows {
            bodies.push(protocol.body(&compare::only(&batch, row))?);
        }
        if bodies.is_empty() { Err(Problem::new("there is no row to ask about")) } else { Ok(bodies) }
    }

    /// The columns that the endpoint is sent.
    fn shown_to(&self, endpoint: &Endpoint) -> Result<Vec<String>, Problem> {
        match (&self.asker, endpoint.address.protocol.sees()) {
            (_, Some(features)) => Ok(features),
            (Ok(asker), None) => Ok(asker.features()),
            (Err(problem), None) => Err(problem.clone()),
        }
    }

    pub(super) fn endpoint(&self) -> Result<&Endpoint, Problem> {
        match &self.endpoint {
            Some(endpoint) => endpoint.as_ref().map_err(Clone::clone),
            None => Err(Problem::new("there is no endpoint").hint("set `model.endpoint`, or the input `endpoint`")),
        }
    }
}
