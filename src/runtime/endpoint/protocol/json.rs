//! Rows and predictions as JSON.

use serde_json::{Map, Value, json};

use crate::integrations::http::body;
use crate::runtime::{Batch, Cells, Data, Element, Output, Port, PortKind, Tensor};
use crate::support::problem::Problem;
use crate::support::words::{self, code};

/// Python's servers write NaN and Infinity, which JSON does not know.
pub fn parsed(text: &[u8]) -> Result<Value, Problem> {
    body::json(text).map_err(|error| {
        let start = String::from_utf8_lossy(&text[..text.len().min(2_000)]).into_owned();
        let is_nan = ["NaN", "Infinity"].iter().any(|word| String::from_utf8_lossy(text).contains(word));
        let what = if is_nan { "NaN or Infinity".to_owned() } else { format!("what is no JSON ({error})") };
        let shown = words::cut(&words::visible(&words::one_line(&start)), 80);
        Problem::new(format!("answered {what}: {shown}"))
    })
}

pub fn lacks(what: &str, answer: &Value) -> Problem {
    let has = match answer {
        Value::Object(map) => format!("it has {}", words::list(map.keys().map(String::as_str))),
        other => format!("it is {}", kind(other)),
    };
    Problem::new(format!("answered without {}: {has}", code(what))).hint("is it the protocol that the server speaks?")
}

pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

pub fn list(value: &Value) -> Result<&[Value], Problem> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| {
        Problem::new(format!("answered {} where its predictions should be", kind(value)))
            .hint("predictions are a list, one for each row")
    })
}

/// Predictions as a list of values, of lists, or of maps with a column a key.
pub fn columns(value: &Value) -> Result<Vec<Output>, Problem> {
    // MLflow gives the columns of a data frame as maps.
    let rows = list(value)?;
    let Some(Value::Object(first)) = rows.first() else { return Ok(vec![column("predictions", rows)?]) };
    let mut all = Vec::new();
    for name in first.keys() {
        let cell = |row: &Value| row.get(name).cloned().unwrap_or(Value::Null);
        all.push(column(name, &rows.iter().map(cell).collect::<Vec<_>>())?);
    }
    Ok(all)
}

/// A column of values, or of lists of the same length.
pub fn column(name: &str, rows: &[Value]) -> Result<Output, Problem> {
    let width = match rows.first() {
        Some(Value::Array(first)) => Some(first.len()),
        _ => None,
    };
    let mut flat = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        match (row, width) {
            (Value::Array(values), Some(width)) if values.len() == width => flat.extend(values.iter()),
            (Value::Array(_), _) | (_, Some(_)) => {
                return Err(Problem::new(format!("answered something else for row {} than for the first", at + 1)));
            }
            (value, None) => flat.push(value),
        }
    }
    let shape = [Some(rows.len()), width].into_iter().flatten().collect();
    Ok(Output::Tensor(Tensor { name: name.to_owned(), shape, data: data(name, &flat, width)? }))
}

pub fn data(name: &str, values: &[&Value], width: Option<usize>) -> Result<Data, Problem> {
    let all = |is: fn(&Value) -> bool| !values.is_empty() && values.iter().all(|value| is(value));
    if all(Value::is_i64) && width.is_none() {
        return Ok(Data::Int64(values.iter().filter_map(|value| value.as_i64()).collect()));
    }
    if all(Value::is_number) {
        return Ok(Data::Float64(values.iter().filter_map(|value| value.as_f64()).collect()));
    }
    if all(Value::is_string) {
        return Ok(Data::Text(values.iter().filter_map(|value| value.as_str().map(ToOwned::to_owned)).collect()));
    }
    if all(Value::is_boolean) {
        return Ok(Data::Boolean(values.iter().filter_map(|value| value.as_bool()).collect()));
    }
    if values.is_empty() {
        return Ok(Data::Float64(Vec::new()));
    }
    if let Some(at) = values.iter().position(|value| value.is_null()) {
        let row = at / width.unwrap_or(1).max(1) + 1;
        return Err(Problem::new(format!("answered null for row {row} in {}, which is no prediction", code(name))));
    }
    let first = kind(values[0]);
    let (at, other) = values
        .iter()
        .enumerate()
        .map(|(at, value)| (at, kind(value)))
        .find(|(_, other)| *other != first)
        .unwrap_or((0, first));
    let row = at / width.unwrap_or(1).max(1) + 1;
    Err(Problem::new(format!("answered {other} for row {row} in {}, which is no prediction", code(name))))
}

pub fn arrays(batch: &Batch) -> Result<Vec<Value>, Problem> {
    let columns = read(batch)?;
    Ok((0..batch.rows).map(|row| Value::Array(columns.iter().map(|(_, cells)| cells[row].clone()).collect())).collect())
}

pub fn records(batch: &Batch) -> Result<Vec<Value>, Problem> {
    let columns = read(batch)?;
    let record = |row: usize| -> Map<String, Value> {
        columns.iter().map(|(name, cells)| ((*name).clone(), cells[row].clone())).collect()
    };
    Ok((0..batch.rows).map(|row| Value::Object(record(row))).collect())
}

/// Columns as JSON: missing is null, and so is NaN, which JSON cannot say.
pub fn read(batch: &Batch) -> Result<Vec<(&String, Vec<Value>)>, Problem> {
    let values = |(name, cells): &'_ (String, Cells)| -> Result<Vec<Value>, Problem> {
        Ok(match cells {
            Cells::Float(values) => values.iter().map(|value| Value::from(*value)).collect(),
            Cells::Integer(values) => values.iter().map(|value| Value::from(*value)).collect(),
            Cells::Text(values) => values.iter().map(|value| Value::from(value.clone())).collect(),
            Cells::Boolean(values) => values.iter().map(|value| Value::from(*value)).collect(),
            Cells::Other(kind) => {
                let said = format!("cannot be sent {}, which holds {kind}", code(name));
                return Err(Problem::new(said).hint("name the features: `model.features`"));
            }
        })
    };
    batch.columns.iter().map(|pair| Ok((&pair.0, values(pair)?))).collect()
}

/// An input as the server's metadata have it.
pub fn port(input: &Value) -> Option<Port> {
    let name = input.get("name")?.as_str()?.to_owned();
    let shape = input.get("shape")?.as_array()?.iter().map(|size| size.as_i64().unwrap_or(-1)).collect();
    let kind = match input.get("datatype")?.as_str()? {
        "FP32" => PortKind::Tensor { element: Element::Float32, shape },
        "FP64" => PortKind::Tensor { element: Element::Float64, shape },
        "INT32" => PortKind::Tensor { element: Element::Int32, shape },
        "INT64" => PortKind::Tensor { element: Element::Int64, shape },
        "BOOL" => PortKind::Tensor { element: Element::Boolean, shape },
        "BYTES" => PortKind::Tensor { element: Element::Text, shape },
        other => PortKind::Other(format!("tensors of {other}")),
    };
    Some(Port { name, kind })
}

/// A tensor as the protocol writes it.
pub fn said(tensor: &Tensor) -> Value {
    let (datatype, data): (&str, Vec<Value>) = match &tensor.data {
        Data::Float32(values) => ("FP32", values.iter().map(|value| Value::from(*value)).collect()),
        Data::Float64(values) => ("FP64", values.iter().map(|value| Value::from(*value)).collect()),
        Data::Int32(values) => ("INT32", values.iter().map(|value| Value::from(*value)).collect()),
        Data::Int64(values) => ("INT64", values.iter().map(|value| Value::from(*value)).collect()),
        Data::Boolean(values) => ("BOOL", values.iter().map(|value| Value::from(*value)).collect()),
        Data::Text(values) => ("BYTES", values.iter().map(|value| Value::from(value.clone())).collect()),
    };
    json!({ "name": tensor.name, "shape": tensor.shape, "datatype": datatype, "data": data })
}

/// An output as the protocol writes it: a shape, and values flat or nested.
pub fn tensor(output: &Value) -> Result<Output, Problem> {
    let name = output.get("name").and_then(Value::as_str).unwrap_or("output");
    let shape: Vec<usize> = output
        .get("shape")
        .and_then(Value::as_array)
        .map(|shape| shape.iter().filter_map(|size| size.as_u64().map(|size| size as usize)).collect())
        .unwrap_or_default();
    let values = list(output.get("data").ok_or_else(|| lacks("data", output))?)?;
    let mut flat = Vec::new();
    flatten(values, &mut flat);
    let size = shape.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
    if size != Some(flat.len()) {
        let said = format!("answered {} values in {} of shape {shape:?}", flat.len(), code(name));
        return Err(Problem::new(said));
    }
    let is_whole = output.get("datatype").and_then(Value::as_str).is_some_and(|kind| kind.contains("INT"));
    let data = match data(name, &flat, Some(1))? {
        Data::Float64(values) if is_whole => {
            if let Some(value) = values.iter().find(|value| value.fract() != 0.0 || value.abs() > 9.0e15) {
                return Err(Problem::new(format!(
                    "answered {value} in {}, which it says holds whole numbers",
                    code(name)
                )));
            }
            Data::Int64(values.iter().map(|value| *value as i64).collect())
        }
        data => data,
    };
    Ok(Output::Tensor(Tensor { name: name.to_owned(), shape, data }))
}

pub fn flatten<'a>(values: &'a [Value], flat: &mut Vec<&'a Value>) {
    for value in values {
        match value {
            Value::Array(inner) => flatten(inner, flat),
            value => flat.push(value),
        }
    }
}
