//! Which columns of a table go into which inputs of a model.

mod values;

use values::{Unfit, booleans, floats, integers, texts, woven};

use super::{Batch, Cells, Data, Element, Port, PortKind, Tensor};
use crate::data::table::{Column, Kind, TableInfo};
use crate::support::problem::{Problem, nearest};
use crate::support::words::{code, list};

/// One input of a model, and the columns it is fed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    pub input: String,
    pub element: Element,
    pub columns: Vec<String>,
    /// Whether the tensor is `[rows]`, not `[rows, columns]`.
    is_flat: bool,
    /// Whether the config names its columns.
    is_named: bool,
}

/// All inputs of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feeds {
    pub feeds: Vec<Feed>,
    /// The number of rows that the model takes at a time, if it takes no other.
    pub batch: Option<usize>,
}

pub use crate::config::running::Named;

/// The columns that are features where nobody names them: all but those that are known to be something else.
pub fn usual(table: &TableInfo, others: &[&str]) -> Vec<String> {
    let is_feature = |name: &&String| !others.contains(&name.as_str());
    table.columns.iter().map(|column| &column.name).filter(is_feature).cloned().collect()
}

/// Finds a column for every input; `others` are columns that are no features, `answers` those of them that none may be: by the input's own name, or for one tensor of many columns in the table's order.
///
/// # Errors
/// An input that mlgate cannot feed, columns that are not there, another number of columns than the tensor has.
pub fn feeds(
    inputs: &[Port],
    table: &TableInfo,
    named: Option<&Named>,
    others: &[&str],
    answers: &[&str],
) -> Result<Feeds, Problem> {
    if inputs.is_empty() {
        return Err(Problem::new("the model takes no input"));
    }
    if let Some(Named::ByInput(given)) = named
        && let Some((unknown, _)) = given.iter().find(|(name, _)| inputs.iter().all(|input| input.name != *name))
    {
        let names = list(inputs.iter().map(|input| input.name.as_str()));
        return Err(Problem::new(format!("the model has no input {}", code(unknown))).hint(format!("it has {names}")));
    }
    let mut batch = None;
    let mut feeds = Vec::new();
    for input in inputs {
        let (element, rows, width) = taken(input)?;
        if let Some(rows) = rows {
            batch = Some(rows);
        }
        let columns = match (named, width) {
            (Some(Named::ByInput(given)), _) => match given.iter().find(|(name, _)| *name == input.name) {
                Some((_, columns)) => columns.clone(),
                None => vec![input.name.clone()],
            },
            (Some(Named::All(columns)), _) if inputs.len() == 1 => columns.clone(),
            // An input of one column is that column's, by its name.
            (_, Width::One) => vec![input.name.clone()],
            (_, Width::Any | Width::Many(_)) if inputs.len() == 1 => usual(table, others),
            (_, Width::Any) => vec![input.name.clone()],
            (_, Width::Many(width)) => {
                let said = format!("the model's input {} takes {width} columns", code(&input.name));
                return Err(Problem::new(said).hint(format!(
                    "say which: `model.features: {{ {}: [first, second, …] }}`",
                    crate::support::words::visible(&input.name)
                )));
            }
        };
        let columns: Vec<String> =
            columns.iter().map(|column| find(table, column, &input.name)).collect::<Result<_, _>>()?;
        if let Some(Named::All(named)) = named
            && let Some(other) = columns.iter().find(|column| !named.contains(column))
        {
            let said = format!("the model takes {}, which `model.features` does not name", code(other));
            return Err(Problem::new(said).hint("name every column that the model is given"));
        }
        let wanted = match width {
            Width::One => Some(1),
            Width::Many(width) => Some(width),
            Width::Any => None,
        };
        if let Some(wanted) = wanted.filter(|wanted| *wanted != columns.len()) {
            let said = format!(
                "the model's input {} takes {wanted} columns, and there are {}: {}",
                code(&input.name),
                columns.len(),
                list(columns.iter().map(String::as_str))
            );
            return Err(
                Problem::new(said).hint("name the features in the order they were trained in: `model.features`")
            );
        }
        if let Some(answer) = columns.iter().find(|column| answers.contains(&column.as_str())) {
            let said = format!("the model is given {}, which is what it is to predict", code(answer));
            return Err(Problem::new(said).hint("no model is judged by an answer that it was told"));
        }
        let is_named = match named {
            None => false,
            Some(Named::All(_)) => true,
            Some(Named::ByInput(given)) => given.iter().any(|(name, _)| *name == input.name),
        };
        let feed = Feed { input: input.name.clone(), element, columns, is_flat: is_flat(input), is_named };
        feed.keeps_texts(table)?;
        feeds.push(feed);
    }
    Ok(Feeds { feeds, batch })
}

#[derive(Clone, Copy)]
enum Width {
    One,
    Many(usize),
    Any,
}

/// Elements, a fixed number of rows, and how many columns.
fn taken(input: &Port) -> Result<(Element, Option<usize>, Width), Problem> {
    let refuse = |what: &str| {
        Problem::new(format!("the model's input {} takes {what}, and tables hold no such thing", code(&input.name)))
            .hint("export the model with inputs of two dimensions: rows and columns")
    };
    let PortKind::Tensor { element, shape } = &input.kind else {
        return Err(match &input.kind {
            PortKind::Other(what) => refuse(what),
            _ => refuse("maps"),
        });
    };
    let fixed = |dimension: i64| usize::try_from(dimension).ok().filter(|size| *size > 0);
    let rows = shape.first().and_then(|rows| fixed(*rows));
    match shape.as_slice() {
        [_] => Ok((*element, rows, Width::One)),
        [_, width] => Ok((
            *element,
            rows,
            match fixed(*width) {
                Some(1) => Width::One,
                Some(width) => Width::Many(width),
                None => Width::Any,
            },
        )),
        other => Err(refuse(&format!("tensors of {} dimensions", other.len()))),
    }
}

fn is_flat(input: &Port) -> bool {
    matches!(&input.kind, PortKind::Tensor { shape, .. } if shape.len() == 1)
}

/// The column of that name, or the only one that scikit-learn's converter would have called so: it writes `income (EUR)`
/// as `income__EUR_`.
fn find(table: &TableInfo, column: &str, input: &str) -> Result<String, Problem> {
    if let Some(found) = table.column(column) {
        return found.unreadable().map_or_else(|| Ok(column.to_owned()), Err);
    }
    let converted = |name: &str| -> String {
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
    };
    let mut alike = table.columns.iter().map(|own| &own.name).filter(|name| converted(name) == column);
    if let (Some(one), None) = (alike.next(), alike.next()) {
        return Ok(one.clone());
    }
    let about = if column == input { String::new() } else { format!(" of its input {}", code(input)) };
    let problem = Problem::new(format!("the model takes {}{about}, and the table has no such column", code(column)));
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    Err(match nearest(column, names.iter().copied()) {
        Some(near) => {
            problem.hint(format!("is it {}? then say so: `model.features: {{ {input}: [{near}] }}`", code(near)))
        }
        None => problem.hint(format!("it has {}", list(names))),
    })
}

impl Feeds {
    /// Every column that the model sees.
    pub fn columns(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for column in self.feeds.iter().flat_map(|feed| &feed.columns) {
            if !all.contains(column) {
                all.push(column.clone());
            }
        }
        all
    }

    /// Whether another table of the same columns holds what the inputs take.
    ///
    /// # Errors
    /// Texts that a file of text does not keep.
    pub fn fit(&self, table: &TableInfo) -> Result<(), Problem> {
        self.feeds.iter().try_for_each(|feed| feed.keeps_texts(table))
    }

    /// The rows as the model's inputs.
    ///
    /// # Errors
    /// A value that the input's type cannot hold, with its row.
    pub fn tensors(&self, batch: &Batch) -> Result<Vec<Tensor>, Problem> {
        self.feeds.iter().map(|feed| feed.tensor(batch)).collect()
    }
}

impl Feed {
    /// Whether the texts of an input of text are those that the model was trained with: of `01` it may know the text,
    /// and of 1 nobody knows how it was written. Who names the column says that its digits are the text.
    ///
    /// # Errors
    /// A column of integers that is not named, or whose digits the file does not keep.
    fn keeps_texts(&self, table: &TableInfo) -> Result<(), Problem> {
        if self.element != Element::Text {
            return Ok(());
        }
        for name in &self.columns {
            let Some(Column { kind: Kind::Integer, is_padded, .. }) = table.column(name) else { continue };
            if *is_padded {
                let said =
                    format!("the model takes {} as text, but the file's `01` is read as the number 1", code(name));
                return Err(Problem::new(said).hint("write the table as Parquet, with the column as text"));
            }
            if !self.is_named {
                let said =
                    format!("the model's input {} takes text, but {} holds integers", code(&self.input), code(name));
                let (input, name) = (crate::support::words::visible(&self.input), crate::support::words::visible(name));
                return Err(Problem::new(said).hint(format!(
                    "if the model was trained on their digits as text, name the column: `model.features: {{ {input}: [{name}] }}`"
                )));
            }
        }
        Ok(())
    }

    fn tensor(&self, batch: &Batch) -> Result<Tensor, Problem> {
        let columns: Vec<(&String, &Cells)> = self
            .columns
            .iter()
            .map(|name| {
                let found = batch.column(name);
                found.map(|cells| (name, cells)).ok_or_else(|| Problem::new(format!("{} is not there", code(name))))
            })
            .collect::<Result<_, _>>()?;
        let data = match self.element {
            Element::Float32 => Data::Float32(woven(&columns, batch, |cells| {
                Ok(floats(cells)?.into_iter().map(|value| value as f32).collect())
            })?),
            Element::Float64 => Data::Float64(woven(&columns, batch, floats)?),
            Element::Int64 => Data::Int64(woven(&columns, batch, integers)?),
            Element::Int32 => Data::Int32(woven(&columns, batch, |cells| {
                let narrow = |(row, value): (usize, i64)| {
                    i32::try_from(value).map_err(|_| Unfit::Row(row, "does not fit the model's int32".into()))
                };
                integers(cells)?.into_iter().enumerate().map(narrow).collect()
            })?),
            Element::Boolean => Data::Boolean(woven(&columns, batch, booleans)?),
            Element::Text => Data::Text(woven(&columns, batch, texts)?),
        };
        let shape = if self.is_flat { vec![batch.rows] } else { vec![batch.rows, columns.len()] };
        Ok(Tensor { name: self.input.clone(), shape, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, element: Element, shape: &[i64]) -> Port {
        Port { name: name.into(), kind: PortKind::Tensor { element, shape: shape.to_vec() } }
    }

    fn table(names: &[&str]) -> TableInfo {
        let column = |name: &&str| Column {
            name: (*name).into(),
            kind: Kind::Float,
            why_text: None,
            is_padded: false,
            is_blank: false,
        };
        TableInfo { columns: names.iter().map(column).collect(), rows: 2, files: vec![] }
    }

    fn columns(inputs: &[Port], names: &[&str], named: Option<&Named>) -> Result<Vec<Vec<String>>, String> {
        let found = feeds(inputs, &table(names), named, &["label", "key"], &["label"]);
        found.map(|found| found.feeds.into_iter().map(|feed| feed.columns).collect()).map_err(|problem| problem.message)
    }

    #[test]
    fn one_tensor_takes_the_features_in_the_tables_order() {
        let inputs = [port("X", Element::Float32, &[-1, 2])];
        assert_eq!(columns(&inputs, &["key", "b", "a", "label"], None).unwrap(), [["b", "a"]]);
        let named = Named::All(vec!["a".into(), "b".into()]);
        assert_eq!(columns(&inputs, &["b", "x", "a"], Some(&named)).unwrap(), [["a", "b"]]);
        let wrong = columns(&inputs, &["a", "b", "c"], None).unwrap_err();
        assert_eq!(wrong, "the model's input `X` takes 2 columns, and there are 3: `a`, `b`, `c`");
    }

    #[test]
    fn inputs_of_one_column_are_found_by_name() {
        let inputs = [port("age", Element::Float32, &[-1, 1]), port("job", Element::Text, &[-1])];
        assert_eq!(columns(&inputs, &["job", "age", "x"], None).unwrap(), [["age"], ["job"]]);
        let converted = [port("income__EUR_", Element::Float32, &[-1, 1])];
        assert_eq!(columns(&converted, &["x", "income (EUR)"], None).unwrap(), [["income (EUR)"]]);
        assert!(columns(&converted, &["income [EUR]", "income (EUR)"], None).is_err());
        let wrong = columns(&inputs, &["age", "x"], None).unwrap_err();
        assert_eq!(wrong, "the model takes `job`, and the table has no such column");
    }

    #[test]
    fn no_model_is_told_the_answer() {
        let told = [port("age", Element::Float32, &[-1, 1]), port("label", Element::Float32, &[-1, 1])];
        let wrong = columns(&told, &["age", "label"], None).unwrap_err();
        assert_eq!(wrong, "the model is given `label`, which is what it is to predict");
    }

    #[test]
    fn several_tensors_of_many_columns_must_be_named() {
        let inputs = [port("numbers", Element::Float32, &[-1, 2]), port("texts", Element::Text, &[-1, 1])];
        assert!(columns(&inputs, &["a", "b", "texts"], None).unwrap_err().contains("takes 2 columns"));
        let named = Named::ByInput(vec![("numbers".into(), vec!["b".into(), "a".into()])]);
        let found = columns(&inputs, &["a", "b", "texts"], Some(&named)).unwrap();
        assert_eq!(found, [vec!["b", "a"], vec!["texts"]]);
        let named = Named::ByInput(vec![("nubmers".into(), vec!["b".into()])]);
        assert_eq!(columns(&inputs, &["a"], Some(&named)).unwrap_err(), "the model has no input `nubmers`");
    }

    #[test]
    fn what_no_table_holds_is_refused() {
        let image = [port("pixels", Element::Float32, &[-1, 3, 32, 32])];
        assert!(columns(&image, &["a"], None).unwrap_err().contains("tensors of 4 dimensions"));
        assert!(columns(&[], &["a"], None).is_err());
    }

    fn tensor(element: Element, cells: &[Cells]) -> Result<Data, String> {
        let names: Vec<String> = (0..cells.len()).map(|at| format!("c{at}")).collect();
        let batch = Batch { first: 10, rows: 2, columns: names.iter().cloned().zip(cells.iter().cloned()).collect() };
        let feed = Feed { input: "X".into(), element, columns: names, is_flat: false, is_named: false };
        feed.tensor(&batch).map(|tensor| tensor.data).map_err(|problem| problem.message)
    }

    #[test]
    fn columns_become_rows() {
        let woven = tensor(Element::Float64, &[Cells::Float(vec![1.0, 2.0]), Cells::Integer(vec![Some(3), Some(4)])]);
        assert_eq!(woven, Ok(Data::Float64(vec![1.0, 3.0, 2.0, 4.0])));
        let codes = tensor(Element::Text, &[Cells::Integer(vec![Some(10115), Some(20095)])]);
        assert_eq!(codes, Ok(Data::Text(vec!["10115".into(), "20095".into()])));
    }

    #[test]
    fn what_a_type_cannot_hold_is_said_with_its_row() {
        let missing = tensor(Element::Int64, &[Cells::Integer(vec![Some(1), None])]);
        assert_eq!(missing.unwrap_err(), "`c0` in row 12 is missing, and the model's input has no way to say so");
        let half = tensor(Element::Int64, &[Cells::Float(vec![0.5, 1.0])]);
        assert_eq!(half.unwrap_err(), "`c0` in row 11 is 0.5, and the model takes whole numbers");
        let text = tensor(Element::Float32, &[Cells::Text(vec![None, None])]);
        assert_eq!(text.unwrap_err(), "`c0` holds text, and the model takes numbers");
        let Ok(Data::Float32(values)) = tensor(Element::Float32, &[Cells::Integer(vec![None, Some(2)])]) else {
            panic!()
        };
        assert!(values[0].is_nan());
    }
}
