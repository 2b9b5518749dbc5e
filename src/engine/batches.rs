//! A table in batches, in its own order: for models, which are asked about rows and not about columns.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use polars::io::ipc::BatchedWriter;
use polars::prelude::*;

use super::source::Source;
use super::types::kind;
use crate::data::answer::{Labels, Predicted};
use crate::data::batch::{Batch, Cells};
use crate::support::problem::Problem;
use crate::support::words::code;

/// Rows of a table, as they were read.
pub struct Slice {
    frame: DataFrame,
    /// Of the table, counted from 0.
    first: u64,
}

impl Slice {
    pub fn rows(&self) -> usize {
        self.frame.height()
    }

    pub(super) fn frame(&self) -> &DataFrame {
        &self.frame
    }

    /// These columns as models are asked about them.
    ///
    /// # Errors
    /// Values that cannot be read.
    pub fn batch(&self, columns: &[String]) -> Result<Batch, Problem> {
        let cells = |name: &String| {
            let column = self.frame.column(name).map_err(|error| broken(name, &error))?;
            Ok((name.clone(), cells(column.as_materialized_series()).map_err(|error| broken(name, &error))?))
        };
        let columns = columns.iter().map(cells).collect::<Result<_, _>>()?;
        Ok(Batch { first: self.first, rows: self.rows(), columns })
    }
}

fn broken(name: &str, error: &PolarsError) -> Problem {
    Problem::new(format!("{} could not be read: {}", code(name), crate::support::words::one_line(&error.to_string())))
}

fn cells(series: &Series) -> PolarsResult<Cells> {
    Ok(match series.dtype() {
        DataType::Boolean => Cells::Boolean(series.bool()?.iter().collect()),
        DataType::UInt64 | DataType::Int128 | DataType::UInt128 | DataType::Decimal(..) => floats(series)?,
        dtype if dtype.is_integer() => Cells::Integer(series.cast(&DataType::Int64)?.i64()?.iter().collect()),
        dtype if dtype.is_float() => floats(series)?,
        DataType::String => Cells::Text(series.str()?.iter().map(|text| text.map(ToOwned::to_owned)).collect()),
        DataType::Categorical(..) | DataType::Enum(..) => {
            let texts = series.cast(&DataType::String)?;
            Cells::Text(texts.str()?.iter().map(|text| text.map(ToOwned::to_owned)).collect())
        }
        other => Cells::Other(kind(other).to_string()),
    })
}

fn floats(series: &Series) -> PolarsResult<Cells> {
    let values = series.cast(&DataType::Float64)?;
    Ok(Cells::Float(values.f64()?.iter().map(|value| value.unwrap_or(f64::NAN)).collect()))
}

/// Hands over the table's rows in order, at most `rows` at a time; two batches are read ahead.
///
/// # Errors
/// The table's, or the first that `each` gives.
pub fn batches(
    source: &Source,
    columns: &[String],
    rows: usize,
    mut each: impl FnMut(&Slice) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let (mut found, mut first, mut rest) = (0, 0, None::<DataFrame>);
    let mut hand_over = |frame: DataFrame| -> Result<(), Problem> {
        let rows_of_frame = frame.height();
        let slice = Slice { frame, first };
        first += rows_of_frame as u64;
        each(&slice)
    };
    for part in source.parts() {
        let open = source.open_part(part)?;
        let frame = open.scan().map_err(|error| source.problem(&error))?;
        of_part(source, &frame, columns, rows, |mut frame| {
            found += frame.height() as u64;
            // Batches do not end where the files of a part do.
            if let Some(mut before) = rest.take() {
                before.vstack_mut(&frame).map_err(|error| source.problem(&error))?;
                frame = before;
            }
            let mut at = 0;
            while frame.height() - at >= rows {
                hand_over(frame.slice(at as i64, rows))?;
                at += rows;
            }
            rest = Some(frame.slice(at as i64, rows)).filter(|rest| rest.height() > 0);
            Ok(())
        })?;
        open.check_unchanged()?;
        source.check_rows(part.rows.end, found)?;
    }
    rest.map_or(Ok(()), hand_over)
}

/// Hands over the rows of files that are open, as the engine has them.
fn of_part(
    source: &Source,
    frame: &LazyFrame,
    columns: &[String],
    rows: usize,
    mut each: impl FnMut(DataFrame) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let names: Vec<Expr> = columns.iter().map(|name| col(PlSmallStr::from(name.as_str()))).collect();
    let (send, receive) = sync_channel::<DataFrame>(2);
    // A reader that goes away stops the scan.
    let callback = PlanCallback::new(move |frame: DataFrame| Ok(send.send(frame).is_err()));
    let plan = frame
        .clone()
        .select(names)
        .sink_batches(callback, true, NonZeroUsize::new(rows))
        .map_err(|error| source.problem(&error))?;
    thread::scope(|scope| {
        let scan = scope.spawn(|| plan.collect_with_engine(Engine::Streaming).map(|_| ()));
        let given = receive.iter().try_for_each(&mut each);
        drop(receive);
        let scanned = scan.join().unwrap_or_else(|_| Err(polars_err!(ComputeError: "the reader gave up on it")));
        given?;
        scanned.map_err(|error| source.problem(&error))
    })
}

/// Predictions beside the rows they are of, on their way into a file.
pub struct Made {
    writer: Option<BatchedWriter<std::fs::File>>,
    file: Option<std::fs::File>,
    /// Of the first batch; all others are held to it.
    schema: Option<SchemaRef>,
    shown: String,
}

/// What the columns of predictions are called.
pub struct Written<'a> {
    /// The column whose values are the labels, and what the labels are called.
    pub label: Option<(&'a str, &'a str)>,
    pub prediction: &'a str,
    /// The column of the positive class's scores alone, and that class; else one `score_<class>` a class.
    pub score: Option<(&'a str, &'a str)>,
    /// Whether labels are booleans, so that 0 and 1 are written as such.
    pub is_boolean: bool,
    /// Whether labels are fractions, so that a whole number is written as one too.
    pub is_fraction: bool,
}

impl Made {
    pub fn new(file: std::fs::File, shown: String) -> Self {
        Self { writer: None, file: Some(file), schema: None, shown }
    }

    /// Adds rows and what was predicted of them.
    ///
    /// # Errors
    /// The file cannot be written, or the table has a column of that name.
    pub fn write(&mut self, slice: &Slice, predicted: &Predicted, names: &Written) -> Result<(), Problem> {
        let mut frame = plain(&slice.frame).map_err(|error| self.failed(&error))?;
        let label = names.label.map(|(from, to)| frame.column(from).map(|column| column.clone().with_name(to.into())));
        let label = label.transpose().map_err(|error| self.failed(&error))?;
        if let Some(label) = label {
            frame.with_column(label).map_err(|error| self.failed(&error))?;
        }
        for series in series(predicted, names)? {
            if frame.schema().contains(series.name()) {
                let said = format!(
                    "the table has a column {} already, which is what the predictions are called",
                    code(series.name())
                );
                return Err(Problem::new(said).hint(
                    "if it holds what the model predicted, name the file as `model.predictions`; else call the predictions \
                     something else: `model.predictions: { prediction: … }`",
                ));
            }
            frame.with_column(series.into()).map_err(|error| self.failed(&error))?;
        }
        if let Some(file) = self.file.take() {
            // Only dictionaries and what is nested need more than this, and there is neither.
            #[expect(clippy::default_trait_access, reason = "Polars does not name the type")]
            let fields = frame.columns().iter().map(|_| Default::default()).collect();
            let writer = IpcWriter::new(file).batched(frame.schema(), fields).map_err(|error| self.failed(&error))?;
            self.writer = Some(writer);
        }
        let wanted = self.schema.get_or_insert_with(|| Arc::clone(frame.schema()));
        // The writer would take the bytes of one type for those of another.
        if **wanted != **frame.schema() {
            return Err(other_answers(wanted, frame.schema(), slice.first));
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        frame.rechunk_mut();
        writer.write_batch(&frame).map_err(|error| failed(&self.shown, &error))
    }

    /// Whether anything was written; a table without a row makes no file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(mut self) -> Result<bool, Problem> {
        let Some(mut writer) = self.writer.take() else { return Ok(false) };
        writer.finish().map_err(|error| failed(&self.shown, &error))?;
        Ok(true)
    }

    fn failed(&self, error: &PolarsError) -> Problem {
        failed(&self.shown, error)
    }
}

/// What a model answers of these rows is something else than of those before.
fn other_answers(wanted: &Schema, found: &Schema, first: u64) -> Problem {
    let differs = found.iter().find(|(name, dtype)| wanted.get(name) != Some(dtype));
    let said = match differs.map(|(name, dtype)| (name, dtype, wanted.get(name))) {
        Some((name, dtype, Some(before))) => {
            format!("{} is {} there and was {}", code(name), kind(dtype), kind(before))
        }
        Some((name, ..)) => format!("{} is new there", code(name)),
        None => "something is gone there".to_owned(),
    };
    Problem::new(format!("the model answers something else from row {} on: {said}", first + 1))
        .hint("a model that is judged gives one kind of answer: the same classes, and numbers of one type")
}

/// Without what is nested, which no check of predictions looks at, and with categories as texts.
pub(super) fn plain(frame: &DataFrame) -> PolarsResult<DataFrame> {
    let is_kept = |column: &&Column| !column.dtype().is_nested() && !column.dtype().is_object();
    let columns = frame.columns().iter().filter(is_kept).map(|column| match column.dtype() {
        DataType::Categorical(..) | DataType::Enum(..) => column.cast(&DataType::String),
        _ => Ok(column.clone()),
    });
    DataFrame::new(frame.height(), columns.collect::<PolarsResult<_>>()?)
}

pub(super) fn failed(shown: &str, error: &PolarsError) -> Problem {
    Problem::new(format!("{} could not be written: {}", shown, crate::support::words::one_line(&error.to_string())))
}

fn series(predicted: &Predicted, names: &Written) -> Result<Vec<Series>, Problem> {
    let name: PlSmallStr = names.prediction.into();
    let is_binary = |values: &[i64]| names.is_boolean && values.iter().all(|value| [0, 1].contains(value));
    let prediction = match &predicted.prediction {
        Labels::Number(values) => Series::new(name, values),
        Labels::Integer(values) if is_binary(values) => {
            Series::new(name, values.iter().map(|value| *value == 1).collect::<Vec<bool>>())
        }
        Labels::Integer(values) if names.is_fraction => {
            Series::new(name, values.iter().map(|value| *value as f64).collect::<Vec<f64>>())
        }
        Labels::Integer(values) => Series::new(name, values),
        Labels::Text(values) => Series::new(name, values),
        Labels::Boolean(values) => Series::new(name, values),
    };
    let mut all = vec![prediction];
    match names.score {
        Some((column, class)) if !predicted.scores.is_empty() => {
            let at = predicted.classes.iter().position(|own| own == class).ok_or_else(|| {
                let known = crate::support::words::list(predicted.classes.iter().map(String::as_str));
                Problem::new(format!("the model has no class {}: it has {known}", code(class)))
            })?;
            all.push(Series::new(column.into(), &predicted.scores[at]));
        }
        _ => {
            for (class, scores) in predicted.classes.iter().zip(&predicted.scores) {
                let class = match class.as_str() {
                    "0" if names.is_boolean => "false",
                    "1" if names.is_boolean => "true",
                    class => class,
                };
                all.push(Series::new(format!("score_{class}").into(), scores));
            }
        }
    }
    Ok(all)
}
