//! What a run and the process of its model say to each other: a header in JSON, and the values as bytes behind it.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::runtime::{Data, Element, Output, Port, Tensor};

/// Said to the model's process.
#[derive(Debug, Serialize, Deserialize)]
pub enum Ask {
    /// Look at the file, and load nothing.
    Inspect,
    Load {
        threads: usize,
    },
    Predict,
    /// Predict every row by itself, `rows` times in turn, after as many as `warmup` that do not count.
    Time {
        rows: usize,
        warmup: usize,
    },
}

/// What comes back.
#[derive(Debug, Serialize, Deserialize)]
pub enum Told {
    Inspected(Inspected),
    Loaded {
        inputs: Vec<Port>,
        outputs: Vec<Port>,
        /// What keeps the process to itself, in a few words each.
        sandbox: Vec<String>,
    },
    Predicted,
    /// Nanoseconds.
    Timed(Vec<u64>),
    /// Why not, in a sentence.
    Failed(String),
}

/// What a model's file says of itself.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Inspected {
    /// Files that it keeps values in.
    pub external: Vec<String>,
    /// Lists of classes that it holds.
    pub classes: Vec<Vec<String>>,
}

/// A message and its values.
#[derive(Debug)]
pub struct Frame<T> {
    pub head: T,
    pub outputs: Vec<Output>,
    /// Bytes by which the process grew since before it loaded the model.
    pub grown: u64,
}

/// Longer headers are not ours.
const LONGEST_HEAD: u64 = 64_000_000;

#[derive(Serialize, Deserialize)]
struct Head<T> {
    head: T,
    grown: u64,
    parts: Vec<Part>,
}

/// One value behind the header.
#[derive(Serialize, Deserialize)]
enum Part {
    Tensor { name: String, shape: Vec<usize>, element: Element, bytes: u64 },
    Maps { name: String, keys: Vec<String>, bytes: u64 },
}

/// # Errors
/// Nobody reads any more.
pub fn write<T: Serialize>(to: &mut impl Write, frame: &Frame<T>) -> io::Result<()> {
    let mut bodies = Vec::new();
    let parts = frame
        .outputs
        .iter()
        .map(|output| match output {
            Output::Tensor(tensor) => {
                let body = packed(&tensor.data);
                let bytes = body.len() as u64;
                bodies.push(body);
                Part::Tensor {
                    name: tensor.name.clone(),
                    shape: tensor.shape.clone(),
                    element: tensor.data.element(),
                    bytes,
                }
            }
            Output::Maps { name, keys, values } => {
                let body = le_bytes(values, f64::to_le_bytes);
                let bytes = body.len() as u64;
                bodies.push(body);
                Part::Maps { name: name.clone(), keys: keys.clone(), bytes }
            }
        })
        .collect();
    let head = serde_json::to_vec(&Head { head: &frame.head, grown: frame.grown, parts })?;
    to.write_all(&(head.len() as u64).to_le_bytes())?;
    to.write_all(&head)?;
    bodies.iter().try_for_each(|body| to.write_all(body))?;
    to.flush()
}

/// Reads one frame whose values have at most `most` bytes together.
///
/// # Errors
/// It ends too early, or is none.
pub fn read<T: for<'de> Deserialize<'de>>(from: &mut impl Read, most: u64) -> io::Result<Frame<T>> {
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEAD {
        return Err(broken("a header that is too long"));
    }
    let mut head = vec![0; length as usize];
    from.read_exact(&mut head)?;
    let Head { head, grown, parts } = serde_json::from_slice::<Head<T>>(&head)?;
    let mut left = most;
    let mut body = |bytes: u64| {
        left = left.checked_sub(bytes).ok_or_else(|| broken("more values than it may"))?;
        let mut body = vec![0; bytes as usize];
        from.read_exact(&mut body)?;
        Ok::<_, io::Error>(body)
    };
    let mut outputs = Vec::new();
    for part in parts {
        outputs.push(match part {
            Part::Tensor { name, shape, element, bytes } => {
                let data = unpacked(&body(bytes)?, element)?;
                let product = shape.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
                if product != Some(data.len()) {
                    return Err(broken("values that are not of their shape"));
                }
                Output::Tensor(Tensor { name, shape, data })
            }
            Part::Maps { name, keys, bytes } => {
                let values = numbers(&body(bytes)?, f64::from_le_bytes);
                Output::Maps { name, keys, values }
            }
        });
    }
    Ok(Frame { head, outputs, grown })
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn packed(data: &Data) -> Vec<u8> {
    match data {
        Data::Float32(values) => le_bytes(values, f32::to_le_bytes),
        Data::Float64(values) => le_bytes(values, f64::to_le_bytes),
        Data::Int32(values) => le_bytes(values, i32::to_le_bytes),
        Data::Int64(values) => le_bytes(values, i64::to_le_bytes),
        Data::Boolean(values) => values.iter().map(|value| u8::from(*value)).collect(),
        Data::Text(values) => {
            let mut bytes = Vec::new();
            for text in values {
                bytes.extend((text.len() as u32).to_le_bytes());
                bytes.extend(text.as_bytes());
            }
            bytes
        }
    }
}

fn unpacked(bytes: &[u8], element: Element) -> io::Result<Data> {
    Ok(match element {
        Element::Float32 => Data::Float32(numbers(bytes, f32::from_le_bytes)),
        Element::Float64 => Data::Float64(numbers(bytes, f64::from_le_bytes)),
        Element::Int32 => Data::Int32(numbers(bytes, i32::from_le_bytes)),
        Element::Int64 => Data::Int64(numbers(bytes, i64::from_le_bytes)),
        Element::Boolean => Data::Boolean(bytes.iter().map(|byte| *byte != 0).collect()),
        Element::Text => {
            let (mut texts, mut rest) = (Vec::new(), bytes);
            while let Some((length, after)) = rest.split_first_chunk::<4>() {
                let length = u32::from_le_bytes(*length) as usize;
                let (text, after) = after.split_at_checked(length).ok_or_else(|| broken("a text that is cut off"))?;
                texts.push(String::from_utf8_lossy(text).into_owned());
                rest = after;
            }
            Data::Text(texts)
        }
    })
}

fn le_bytes<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    let mut all = Vec::with_capacity(values.len() * N);
    values.iter().for_each(|value| all.extend_from_slice(&bytes(*value)));
    all
}

fn numbers<T, const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().map(|chunk| number(*chunk)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let all = [
            Data::Float32(vec![1.5, f32::INFINITY]),
            Data::Float64(vec![0.1, 0.2]),
            Data::Int32(vec![-1, 2]),
            Data::Int64(vec![i64::MIN, 2]),
            Data::Boolean(vec![true, false]),
            Data::Text(vec![String::new(), "naïve".into()]),
        ];
        let tensor = |data: &Data| Output::Tensor(Tensor { name: "x".into(), shape: vec![2, 1], data: data.clone() });
        let mut outputs: Vec<Output> = all.iter().map(tensor).collect();
        outputs.push(Output::Maps { name: "m".into(), keys: vec!["a".into()], values: vec![0.5, 0.25] });
        let mut bytes = Vec::new();
        write(&mut bytes, &Frame { head: Told::Predicted, outputs: outputs.clone(), grown: 3 }).unwrap();
        let frame: Frame<Told> = read(&mut bytes.as_slice(), 1_000).unwrap();
        assert_eq!((frame.outputs, frame.grown), (outputs, 3));
        assert!(read::<Told>(&mut bytes.as_slice(), 10).is_err());
        assert!(read::<Told>(&mut &bytes[..bytes.len() - 1], 1_000).is_err());
        assert!(read::<Told>(&mut [255; 9].as_slice(), 1_000).is_err());
    }
}
