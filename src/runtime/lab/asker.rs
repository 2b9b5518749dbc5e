//! Whoever answers: a model in a process, or one behind HTTP.

use crate::data::table::{Role, TableInfo};
use crate::runtime::answers::{Known, Predicted, Reader};
use crate::runtime::endpoint::{Address, Endpoint};
use crate::runtime::features::{Feeds, feeds};
use crate::runtime::onnx::Onnx;
use crate::runtime::run_plan::RunPlan;
use crate::runtime::{Batch, Cells, Tensor};
use crate::stats::predictions::Names;
use crate::support::problem::{Failure, Problem};

/// Rows of a batch: enough for a library's threads, few enough for its caches.
const ROWS: usize = 16_384;

pub struct Asker {
    model: Model,
    reader: Reader,
    rows: usize,
}

enum Model {
    Onnx { onnx: Box<Onnx>, feeds: Feeds },
    Endpoint { endpoint: Box<Endpoint>, features: Vec<String> },
}

impl Asker {
    /// The first table that has what the model takes, and the model fed from it.
    ///
    /// # Errors
    /// What the last of them lacks.
    pub fn onnx(
        onnx: Onnx,
        tables: &[(Role, &TableInfo)],
        plan: &RunPlan,
        (others, answers): (&[&str], &[&str]),
        names: &Names,
    ) -> Result<(Role, Self), Problem> {
        let mut wrong = Problem::new("there are no rows to ask the model about").hint(Role::Test.hint());
        // One matrix takes any table that is as wide: the table of predictions is asked only where its columns have names.
        let is_matrix = plan.features.is_none() && onnx.inputs.len() == 1;
        let mut tables = tables.to_vec();
        if is_matrix {
            tables.reverse();
        }
        for (role, table) in &tables {
            match feeds(&onnx.inputs, table, plan.features.as_ref(), others, answers) {
                Ok(feeds) => {
                    let reader = Reader::new(Known { hints: onnx.classes.clone(), ..known(plan, names) });
                    let rows = plan.batch_rows.unwrap_or(ROWS);
                    let model = Model::Onnx { onnx: Box::new(onnx), feeds };
                    return Ok((*role, Self { model, reader, rows }));
                }
                Err(problem) => wrong = problem,
            }
        }
        Err(wrong)
    }

    /// # Errors
    /// An address that may not be spoken to is a problem of the inner kind.
    pub fn endpoint(address: Address, features: Vec<String>, plan: &RunPlan, names: &Names) -> Result<Self, Failure> {
        let rows = address.rows;
        let endpoint = Endpoint::open(address).map_err(Failure::unmeasured)?;
        let features = endpoint.address.protocol.sees().unwrap_or(features);
        let model = Model::Endpoint { endpoint: Box::new(endpoint), features };
        Ok(Self { model, reader: Reader::new(known(plan, names)), rows })
    }

    /// Columns that the model is given.
    pub fn features(&self) -> Vec<String> {
        match &self.model {
            Model::Onnx { feeds, .. } => feeds.columns(),
            Model::Endpoint { features, .. } => features.clone(),
        }
    }

    /// # Errors
    /// A table of the same columns that does not hold what the model takes.
    pub fn fit(&self, table: &TableInfo) -> Result<(), Problem> {
        match &self.model {
            Model::Onnx { feeds, .. } => feeds.fit(table),
            Model::Endpoint { .. } => Ok(()),
        }
    }

    pub fn is_endpoint(&self) -> bool {
        matches!(self.model, Model::Endpoint { .. })
    }

    /// Rows that the model takes at a time, if it takes no other number.
    pub fn batch(&self) -> Option<usize> {
        match &self.model {
            Model::Onnx { feeds, .. } => feeds.batch,
            Model::Endpoint { .. } => None,
        }
    }

    /// Rows of one batch.
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn positive(&self) -> Option<&str> {
        self.reader.known.positive.as_deref()
    }

    /// # Errors
    /// Values that the model's inputs cannot hold; an endpoint has none.
    pub fn tensors(&self, batch: &Batch) -> Result<Vec<Tensor>, Problem> {
        match &self.model {
            Model::Onnx { feeds, .. } => feeds.tensors(batch),
            Model::Endpoint { .. } => Err(Problem::new("an endpoint takes no tensors")),
        }
    }

    /// Asks another process of the same model.
    ///
    /// # Errors
    /// As [`Asker::predict`].
    pub fn ask(&self, onnx: &mut Onnx, batch: &Batch) -> Result<Predicted, Problem> {
        match &self.model {
            Model::Onnx { feeds, .. } => {
                let predicted = ask(onnx, feeds, batch, &mut self.reader.clone())?;
                match predicted.first_lost() {
                    Some(row) => Err(nan(batch.first + row as u64)),
                    None => Ok(predicted),
                }
            }
            Model::Endpoint { .. } => Err(Problem::new("an endpoint is no file")),
        }
    }

    /// What the model says of a batch.
    ///
    /// # Errors
    /// No answer, or one that says nothing.
    pub fn predict(&mut self, batch: &Batch) -> Result<Predicted, Problem> {
        let predicted = match &mut self.model {
            Model::Onnx { onnx, feeds } => ask(onnx, feeds, batch, &mut self.reader)?,
            Model::Endpoint { endpoint, .. } => {
                let outputs = endpoint.predict(batch)?;
                self.reader.read(&outputs, batch.rows).map_err(|problem| endpoint.hide(problem))?
            }
        };
        // A class comes along all the same, and would be believed.
        if let Some(row) = predicted.first_nan() {
            return Err(nan(batch.first + row as u64));
        }
        Ok(predicted)
    }
}

fn nan(row: u64) -> Problem {
    Problem::new(format!("what the model says of row {} is NaN", row + 1))
        .hint("does it take missing values? fill them as they were for its training")
}

/// What a plan says of a model's answers.
pub fn known(plan: &RunPlan, names: &Names) -> Known {
    Known {
        labels: None,
        classes: plan.classes.clone(),
        hints: Vec::new(),
        positive: names.positive.clone(),
        prediction: plan.prediction_output.clone(),
        scores: plan.scores_output.clone(),
    }
}

/// A model of a fixed number of rows is asked in such parts, the last one filled up.
fn ask(onnx: &mut Onnx, feeds: &Feeds, batch: &Batch, reader: &mut Reader) -> Result<Predicted, Problem> {
    let Some(size) = feeds.batch.filter(|size| *size != batch.rows) else {
        let outputs = onnx.predict(feeds.tensors(batch)?, batch.rows)?;
        return reader.read(&outputs, batch.rows);
    };
    let mut all: Option<Predicted> = None;
    for first in (0..batch.rows).step_by(size) {
        let rows: Vec<usize> = (first..first + size).map(|row| row.min(batch.rows - 1)).collect();
        let part = take(batch, &rows);
        let outputs = onnx.predict(feeds.tensors(&part)?, size)?;
        let mut predicted = reader.read(&outputs, size)?;
        predicted.truncate(batch.rows - first);
        match &mut all {
            Some(all) => all.append(predicted),
            None => all = Some(predicted),
        }
    }
    all.ok_or_else(|| Problem::new("there is no row to ask about"))
}

/// These rows of a batch.
pub fn take(batch: &Batch, rows: &[usize]) -> Batch {
    fn of<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
        rows.iter().map(|row| values[*row].clone()).collect()
    }
    let columns = batch.columns.iter().map(|(name, cells)| {
        let cells = match cells {
            Cells::Float(values) => Cells::Float(of(values, rows)),
            Cells::Integer(values) => Cells::Integer(of(values, rows)),
            Cells::Text(values) => Cells::Text(of(values, rows)),
            Cells::Boolean(values) => Cells::Boolean(of(values, rows)),
            Cells::Other(kind) => Cells::Other(kind.clone()),
        };
        (name.clone(), cells)
    });
    let first = batch.first + rows.first().copied().unwrap_or(0) as u64;
    Batch { first, rows: rows.len(), columns: columns.collect() }
}
