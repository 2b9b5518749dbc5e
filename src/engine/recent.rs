//! The newest rows of a table, as a table of their own: a log that is written to is judged by what came since.

use std::fs::File;

use chrono::DateTime;
use polars::prelude::*;

use super::batches::{batches, failed, plain};
use super::source::Source;
use super::types::kind;
use crate::support::problem::Problem;
use crate::support::words::code;

/// Rows that are read at a time.
const ROWS: usize = 65_536;

/// Writes the rows whose time is not before `since`, in microseconds since 1970, into an Arrow file, and returns how many there are:
/// without one nothing is written.
///
/// # Errors
/// A row without a time, a column that has none, the table's, the disk's.
pub fn rows_since(source: &Source, column: &str, since: i64, file: File, shown: &str) -> Result<u64, Problem> {
    let info = source.info();
    if info.column(column).is_none() {
        return Err(
            Problem::new(format!("the log has no column {}", code(column))).hint("correct `rollout.log.timestamp`")
        );
    }
    let columns: Vec<String> = info.readable().map(|column| column.name.clone()).collect();
    let (mut file, mut writer, mut rows) = (Some(file), None, 0);
    let wrong = |error: &PolarsError| failed(shown, error);
    batches(source, &columns, ROWS, |slice| {
        let times = times(slice.frame(), column)?;
        let mask: BooleanChunked = times.iter().map(|time| Some(*time >= since)).collect();
        let recent = slice.frame().filter(&mask).and_then(|frame| plain(&frame));
        let mut recent = recent.map_err(|error| wrong(&error))?;
        rows += recent.height() as u64;
        if recent.height() == 0 {
            return Ok(());
        }
        if let Some(file) = file.take() {
            #[expect(clippy::default_trait_access, reason = "Polars does not name the type")]
            let fields = recent.columns().iter().map(|_| Default::default()).collect();
            writer = Some(IpcWriter::new(file).batched(recent.schema(), fields).map_err(|error| wrong(&error))?);
        }
        recent.rechunk_mut();
        writer.as_mut().map_or(Ok(()), |writer| writer.write_batch(&recent).map_err(|error| wrong(&error)))
    })?;
    if let Some(mut writer) = writer {
        writer.finish().map_err(|error| wrong(&error))?;
    }
    Ok(rows)
}

/// In microseconds since 1970; a time without a zone is UTC.
fn times(frame: &DataFrame, name: &str) -> Result<Vec<i64>, Problem> {
    let broken = |error: &PolarsError| {
        Problem::new(format!(
            "{} could not be read: {}",
            code(name),
            crate::support::words::one_line(&error.to_string())
        ))
    };
    let missing = || {
        let hint = "each row of a log that is judged since a step began has a time";
        Problem::new(format!("{} is missing in a row of the log", code(name))).hint(hint)
    };
    let column = frame.column(name).map_err(|error| broken(&error))?;
    match column.dtype() {
        DataType::Datetime(_, zone) => {
            let micros = column.cast(&DataType::Datetime(TimeUnit::Microseconds, zone.clone()));
            let micros = micros.map_err(|error| broken(&error))?;
            let physical = micros.to_physical_repr();
            let values = physical.i64().map_err(|error| broken(&error))?;
            values.iter().map(|value| value.ok_or_else(missing)).collect()
        }
        DataType::String => {
            let texts = column.str().map_err(|error| broken(&error))?;
            let time = |text: Option<&str>| {
                let text = text.ok_or_else(missing)?;
                let time = DateTime::parse_from_rfc3339(text).map_err(|_| {
                    Problem::new(format!("{} holds {}, which is no RFC 3339 time", code(name), code(text)))
                })?;
                Ok(time.timestamp_micros())
            };
            texts.iter().map(time).collect()
        }
        other => {
            let said =
                format!("{} is {}, and the times of a log are datetimes or RFC 3339 text", code(name), kind(other));
            Err(Problem::new(said).hint("name a column of times: `rollout.log.timestamp`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_microseconds_of_utc() {
        let check = |series: Series, wanted: &[i64]| {
            let frame = DataFrame::new(series.len(), vec![series.with_name("at".into()).into()]).unwrap();
            assert_eq!(times(&frame, "at").unwrap(), wanted);
        };
        check(
            Series::new("".into(), ["1970-01-01T00:00:01Z", "1970-01-01T02:00:00.5+01:00"]),
            &[1_000_000, 3_600_500_000],
        );
        let millis =
            Series::new("".into(), [1_500_i64]).cast(&DataType::Datetime(TimeUnit::Milliseconds, None)).unwrap();
        check(millis, &[1_500_000]);
        let wrong = |series: Series| {
            let frame = DataFrame::new(series.len(), vec![series.with_name("at".into()).into()]).unwrap();
            times(&frame, "at").unwrap_err().message
        };
        assert_eq!(
            wrong(Series::new("".into(), [Some("1970-01-01T00:00:01Z"), None])),
            "`at` is missing in a row of the log"
        );
        assert!(wrong(Series::new("".into(), ["yesterday"])).contains("no RFC 3339 time"));
        assert!(wrong(Series::new("".into(), [5_i64])).contains("are datetimes"));
    }
}
