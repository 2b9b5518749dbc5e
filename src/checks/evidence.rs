//! What a metric is judged by: counts, rows, or a number that somebody recorded; whole or slice by slice.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};

use crate::checks::check::{Collect, Tables};
use crate::data::recorded::Found;
use crate::data::statistic::{Key, Measured, Needs, Total, Typed};
use crate::data::table::Role;
use crate::stats::inference::Estimate;
use crate::stats::metric::counts::{self, Asked, Computed, How, Undefined};
use crate::stats::metric::{Average, From, Metric, rowwise, score};
use crate::stats::predictions::{Confusion, Rows, Slicer};
use crate::support::limit::range::ValueRange;
use crate::support::problem::Problem;
use crate::support::words::code;

/// What is needed to know a metric.
#[derive(Debug)]
pub enum Evidence {
    Counts(Typed<Confusion>),
    Rows(Typed<Arc<Rows>>),
    Recorded(Found),
}

/// What came of it.
#[derive(Debug)]
pub enum Seen {
    Counts(Confusion),
    Rows(Arc<Rows>),
    Recorded(Found),
}

/// The metric of one slice, or of all rows.
#[derive(Debug)]
pub struct Piece {
    pub name: String,
    /// None: recorded by somebody who did not say.
    pub rows: Option<u64>,
    pub computed: Result<Computed, Undefined>,
    of: Seen,
}

/// The metric as an entry names it.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    pub name: &'a str,
    pub average: Option<Average>,
}

impl Evidence {
    /// Where the number comes from: the predictions if the metric is computed and there are some, else the
    /// metrics file.
    ///
    /// # Errors
    /// Nothing has it, or a column is missing or of the wrong type.
    pub fn of(named: Named, by: &[Slicer], confidence: Option<f64>, tables: &Tables) -> Result<Self, Problem> {
        let metric = Metric::named(named.name).filter(|_| tables.all.contains_key(&Role::Predictions));
        let Some(metric) = metric else { return Self::recorded(named.name, by, confidence, tables) };
        let (names, table) = (&tables.model.names, tables.table(Role::Predictions)?);
        // Unequal weights are resampled row by row, unless the metric is a proportion.
        let is_proportion = metric == Metric::Accuracy || named.average == Some(Average::Micro);
        let by_row = confidence.is_some() && names.weight.is_some() && !is_proportion;
        Ok(match collect(metric) {
            Collect::Counts if !by_row => Self::Counts(table.confusion(names, by)?),
            collect => Self::Rows(table.rows(names, collect, by)?),
        })
    }

    fn recorded(name: &str, by: &[Slicer], confidence: Option<f64>, tables: &Tables) -> Result<Self, Problem> {
        let Some(recorded) = &tables.model.recorded else {
            if tables.all.contains_key(&Role::Predictions) {
                return Err(Problem::new(format!("{} cannot be computed from predictions", code(name)))
                    .hint("set `model.metrics`, or the input `metrics`, to the file that records it"));
            }
            return Err(Problem::new(format!("nothing says what {} is", code(name)))
                .hint("set `model.predictions` or `model.metrics`, or the inputs of those names"));
        };
        let found = recorded.as_ref().map_err(Clone::clone)?.find(name)?;
        if !by.is_empty() || confidence.is_some() {
            let what = if by.is_empty() { "an interval needs" } else { "slices need" };
            return Err(Problem::new(format!("{} is a recorded number, and {what} predictions", code(name)))
                .hint("set `model.predictions`, or the input `predictions`"));
        }
        plausible(name, &found)?;
        Ok(Self::Recorded(found))
    }
}

/// The recorded number, if the metric can have it.
///
/// # Errors
/// It cannot: a percent where a share was meant, perhaps.
pub fn plausible(name: &str, found: &Found) -> Result<f64, Problem> {
    if !crate::stats::metric::range(name).contains(found.value) {
        let said = format!("{} is recorded as {}, which it cannot be", code(name), found.value);
        return Err(Problem::new(said).hint("a percent? write it as a share of 1"));
    }
    Ok(found.value)
}

/// The columns that a metric is computed from.
pub fn collect(metric: Metric) -> Collect {
    match metric.from() {
        From::Counts => Collect::Counts,
        From::Scores => Collect::Scores,
        From::Numbers => Collect::Numbers,
    }
}

impl Needs for Evidence {
    type Values = Seen;

    fn keys(&self, keys: &mut Vec<Key>) {
        match self {
            Self::Counts(typed) => typed.keys(keys),
            Self::Rows(typed) => typed.keys(keys),
            Self::Recorded(_) => {}
        }
    }

    fn receive(self, measured: &Measured) -> Result<Seen, Problem> {
        Ok(match self {
            Self::Counts(typed) => Seen::Counts(typed.receive(measured)?),
            Self::Rows(typed) => Seen::Rows(typed.receive(measured)?),
            Self::Recorded(found) => Seen::Recorded(found),
        })
    }
}

impl Seen {
    /// The metric of each slice, in the order of their names; of all rows where there are no slices.
    ///
    /// `asked` is none for a number that is only ever recorded.
    pub fn pieces(self, asked: Option<Asked>) -> Vec<Piece> {
        let unknown = || Err(Undefined::Unfit("this is a bug in mlgate: nobody knows the metric".into()));
        match self {
            Self::Recorded(found) => {
                let computed = Computed { value: found.value, notes: Vec::new(), is_convention: false };
                vec![Piece { name: String::new(), rows: None, computed: Ok(computed), of: Self::Recorded(found) }]
            }
            Self::Counts(counts) => (0..counts.slices.len())
                .map(|slice| {
                    let of = counts.slice(slice);
                    let computed = asked.map_or_else(unknown, |asked| counts::compute(asked, &of));
                    Piece { name: of.slices[0].clone(), rows: Some(of.rows()), computed, of: Self::Counts(of) }
                })
                .collect(),
            Self::Rows(rows) => {
                // Of the whole table first: there a row has its own number.
                let fit = asked.filter(|asked| asked.metric.from() == From::Scores && !rows.is_empty());
                let fit = fit.map_or(Ok(()), |asked| score::check(asked.metric, asked.positive, &rows));
                if let Err(unfit) = fit {
                    let name = String::new();
                    return vec![Piece {
                        name,
                        rows: Some(rows.len() as u64),
                        computed: Err(unfit),
                        of: Self::Rows(rows),
                    }];
                }
                let pieces = if rows.slice.is_empty() { vec![(String::new(), rows)] } else { split(&rows) };
                let piece = |(name, rows): (String, Arc<Rows>)| {
                    let computed = asked.map_or_else(unknown, |asked| {
                        rowwise::prepare(asked, &rows).map(|prepared| prepared.computed())
                    });
                    Piece { name, rows: Some(rows.len() as u64), computed, of: Self::Rows(rows) }
                };
                pieces.into_iter().map(piece).collect()
            }
        }
    }
}

fn split(rows: &Rows) -> Vec<(String, Arc<Rows>)> {
    rows.split().into_iter().map(|(name, rows)| (name, Arc::new(rows))).collect()
}

impl Piece {
    /// The interval around its value; none where the rows do not tell.
    pub fn estimate(&self, asked: Asked, confidence: f64) -> Option<Estimate> {
        match &self.of {
            Seen::Recorded(_) => None,
            Seen::Counts(counts) => counts::estimate(asked, counts, confidence).ok().flatten(),
            Seen::Rows(rows) => {
                let confusion = (asked.metric.from() == From::Counts).then(|| rows.confusion());
                match confusion.filter(|counts| counts::is_proportion(asked, &counts.classes)) {
                    Some(counts) => counts::estimate(asked, &counts, confidence).ok().flatten(),
                    None => rowwise::prepare(asked, rows).ok()?.estimate(confidence),
                }
            }
        }
    }

    /// The rows of the rarest class; 0 where they are not known.
    pub fn fewest_of_a_class(&self) -> u64 {
        let Seen::Rows(rows) = &self.of else { return 0 };
        let mut counts = vec![0_u64; rows.classes.len()];
        for label in rows.label.classes() {
            if let Some(count) = counts.get_mut(usize::from(*label)) {
                *count += 1;
            }
        }
        counts.into_iter().min().unwrap_or(0)
    }

    /// How its classes became one number: `macro`, `of yes`.
    pub fn average(&self, asked: Asked) -> Option<String> {
        let classes = match &self.of {
            Seen::Counts(counts) => counts.classes.clone(),
            Seen::Rows(rows) => rows.classes.to_vec(),
            Seen::Recorded(_) => return None,
        };
        Some(match counts::how(asked, &classes).ok()? {
            How::Class(class) => format!("of {}", classes[class]),
            How::Micro => "micro".into(),
            How::Macro => "macro".into(),
            How::Weighted => "weighted".into(),
        })
    }

    /// The name in the metrics file, where it is from one.
    pub fn found_as(&self) -> Option<&str> {
        match &self.of {
            Seen::Recorded(found) => Some(&found.name),
            _ => None,
        }
    }
}

/// An interval as the report has it.
pub fn interval(estimate: &Estimate) -> Value {
    json!({
        "low": estimate.interval.low,
        "high": estimate.interval.high,
        "confidence": estimate.confidence,
        "method": estimate.method,
    })
}

/// How surely an interval is to hold its value: between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Confidence(pub f64);

impl<'de> Deserialize<'de> for Confidence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let crate::support::limit::Finite(value) = Deserialize::deserialize(deserializer)?;
        if value > 0.0 && value < 1.0 {
            Ok(Self(value))
        } else {
            let slip = ValueRange::SHARE.slip(value);
            Err(de::Error::custom(format!(
                "{value} is no confidence, expected a number between 0 and 1, such as 0.95{slip}"
            )))
        }
    }
}

impl JsonSchema for Confidence {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Confidence".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 })
    }
}

/// Slices: a column, a list of columns, or a map of columns to the edges of their bins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct By(pub Vec<Slicer>);

/// More columns than this make slices that nobody reads.
const MOST_COLUMNS: usize = 4;

impl By {
    /// # Errors
    /// One sentence.
    pub fn validate(&self) -> Result<(), String> {
        let mut seen: Vec<&str> = Vec::new();
        for Slicer { column, edges } in &self.0 {
            if seen.contains(&column.as_str()) {
                return Err(format!("`by` names {} twice", code(column)));
            }
            seen.push(column);
            if !edges.is_sorted_by(|a, b| a.0 < b.0) {
                return Err(format!("the edges of {} must ascend", code(column)));
            }
        }
        if self.0.len() > MOST_COLUMNS {
            return Err(format!("`by` names {} columns, at most {MOST_COLUMNS} allowed", self.0.len()));
        }
        Ok(())
    }

    /// `region and age`, for sentences.
    pub fn names(&self) -> String {
        self.0.iter().map(|slicer| code(&slicer.column)).collect::<Vec<_>>().join(" and ")
    }

    /// # Errors
    /// The predictions lack a column, or bins are asked of one that holds no numbers.
    pub fn check(&self, tables: &Tables) -> Result<(), Problem> {
        for slicer in &self.0 {
            tables.table(Role::Predictions)?.column(&slicer.column)?.slices(!slicer.edges.is_empty())?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for By {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Columns;

        impl<'de> Visitor<'de> for Columns {
            type Value = By;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a column, a list of columns, or a map such as { age: [25, 40, 60] }")
            }

            fn visit_str<E: de::Error>(self, column: &str) -> Result<By, E> {
                Ok(By(vec![Slicer::values(column)]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<By, A::Error> {
                let mut by = Vec::new();
                while let Some(By(mut part)) = list.next_element()? {
                    by.append(&mut part);
                }
                if by.is_empty() { Err(de::Error::custom("expected at least one column")) } else { Ok(By(by)) }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<By, A::Error> {
                let mut by = Vec::new();
                while let Some((column, edges)) =
                    map.next_entry::<String, Option<Vec<crate::support::limit::Finite>>>()?
                {
                    let edges = edges.unwrap_or_default().into_iter().map(|edge| Total(edge.0)).collect();
                    by.push(Slicer { column, edges });
                }
                if by.is_empty() { Err(de::Error::custom("expected at least one column")) } else { Ok(By(by)) }
            }
        }
        deserializer.deserialize_any(Columns)
    }
}

impl JsonSchema for By {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "By".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let bins = json!({ "type": "object", "additionalProperties": { "type": ["array", "null"], "items": { "type": "number" } } });
        json_schema!({
            "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "anyOf": [{ "type": "string" }, bins.clone()] } },
                bins,
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_a_column_a_list_or_bins() {
        let by = |text: &str| serde_yaml::from_str::<By>(text).map(|by| by.0).map_err(|error| error.to_string());
        assert_eq!(by("region"), Ok(vec![Slicer::values("region")]));
        assert_eq!(by("[region, sex]").unwrap().len(), 2);
        let bins = by("{age: [25, 40, 60]}").unwrap();
        assert_eq!(bins[0].edges.len(), 3);
        let names: Vec<String> = (0..4).map(|bin| bins[0].bin(bin)).collect();
        assert_eq!(names, ["age < 25", "age 25 to 40", "age 40 to 60", "age >= 60"]);
        assert!(by("3").is_err() && by("[]").is_err());
        let by: By = serde_yaml::from_str("{age: [40, 25]}").unwrap();
        assert_eq!(by.validate(), Err("the edges of `age` must ascend".into()));
    }
}
