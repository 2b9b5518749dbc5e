//! Rows as hashes and as bytes: equal rows have equal hashes, and only equal rows have equal bytes.
//!
//! Equal is what a person means: missing equals missing, NaN is missing, 0.0 equals -0.0.
//!
//! Hashes are keyed anew in every run, so that nobody can make two values that share one, and whoever counts by them
//! compares equal ones by their bytes. They are for one run: what is kept or documented has a fixed hash of its own
//! (`fingerprint.rs`).

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use polars::prelude::*;

/// Stands for a missing value.
const MISSING: u64 = 0x9e37_79b9_7f4a_7c15;
const SEED: u64 = 0x2545_f491_4f6c_dd1d;

/// The key of this run's hashes.
pub fn key() -> u64 {
    static KEY: OnceLock<u64> = OnceLock::new();
    // The standard library takes its keys from the system's source of randomness.
    *KEY.get_or_init(|| RandomState::new().hash_one(SEED))
}

/// Folds one value into a row's hash: the two halves of a 128-bit product, xored. Every bit of the
/// result depends on every bit of both factors, at the cost of one multiplication.
#[inline]
pub fn mix(hash: u64, value: u64) -> u64 {
    let product = u128::from(hash ^ value) * u128::from(0xd6e8_feb8_6659_fd93_u64 ^ hash.rotate_left(32) | 1);
    (product as u64) ^ ((product >> 64) as u64)
}

#[inline]
fn mix_bytes(mut hash: u64, bytes: &[u8]) -> u64 {
    hash = mix(hash, bytes.len() as u64);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = mix(hash, u64::from_le_bytes(*word));
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = mix(hash, u64::from_le_bytes(last));
    }
    hash
}

/// The bits of a float, one for every way to write zero and none for NaN.
#[inline]
pub fn float_bits(value: f64) -> Option<u64> {
    if value.is_nan() { None } else { Some((value + 0.0).to_bits()) }
}

/// One hash a row over `columns`, in their order, into `hashes`, whose memory is used again.
///
/// # Errors
/// What Polars says of a cast.
pub fn hash_rows(columns: &[Series], hashes: &mut Vec<u64>) -> PolarsResult<()> {
    let height = columns.first().map_or(0, |column| column.len());
    hashes.clear();
    hashes.resize(height, key());
    columns.iter().try_for_each(|column| fold_column(column, hashes))
}

macro_rules! fold_values {
    ($array:expr, $hashes:expr, $to_bits:expr) => {{
        let mut rest: &mut [u64] = $hashes;
        for chunk in $array.downcast_iter() {
            let (now, later) = rest.split_at_mut(chunk.len());
            match chunk.validity().filter(|validity| validity.unset_bits() > 0) {
                None => {
                    for (hash, value) in now.iter_mut().zip(chunk.values_iter()) {
                        *hash = mix(*hash, $to_bits(value));
                    }
                }
                Some(_) => {
                    for (hash, value) in now.iter_mut().zip(chunk.iter()) {
                        *hash = mix(*hash, value.map_or(MISSING, $to_bits));
                    }
                }
            }
            rest = later;
        }
    }};
}

/// `physical` is a column of [`physical`] values.
fn fold_column(physical: &Series, hashes: &mut [u64]) -> PolarsResult<()> {
    match physical.dtype() {
        DataType::Boolean => fold_values!(physical.bool()?, hashes, |v: bool| u64::from(v)),
        DataType::Int8 => fold_values!(physical.i8()?, hashes, |v: &i8| *v as u64),
        DataType::Int16 => fold_values!(physical.i16()?, hashes, |v: &i16| *v as u64),
        DataType::Int32 => fold_values!(physical.i32()?, hashes, |v: &i32| *v as u64),
        DataType::Int64 => fold_values!(physical.i64()?, hashes, |v: &i64| *v as u64),
        DataType::UInt8 => fold_values!(physical.u8()?, hashes, |v: &u8| u64::from(*v)),
        DataType::UInt16 => fold_values!(physical.u16()?, hashes, |v: &u16| u64::from(*v)),
        DataType::UInt32 => fold_values!(physical.u32()?, hashes, |v: &u32| u64::from(*v)),
        DataType::UInt64 => fold_values!(physical.u64()?, hashes, |v: &u64| *v),
        DataType::Int128 => {
            // Half by half: both together would be the same for 0 and for -1, whose halves are equal.
            for (hash, value) in hashes.iter_mut().zip(physical.i128()?.iter()) {
                *hash = match value {
                    Some(value) => mix(mix(*hash, value as u64), (value >> 64) as u64),
                    None => mix(*hash, MISSING),
                };
            }
        }
        DataType::Float32 => {
            fold_values!(physical.f32()?, hashes, |v: &f32| float_bits(f64::from(*v)).unwrap_or(MISSING));
        }
        DataType::Float64 => fold_values!(physical.f64()?, hashes, |v: &f64| float_bits(*v).unwrap_or(MISSING)),
        DataType::String => fold_text(physical.str()?, hashes),
        DataType::Null => hashes.iter_mut().for_each(|hash| *hash = mix(*hash, MISSING)),
        _ => {
            let mut bytes = Vec::new();
            for (row, hash) in hashes.iter_mut().enumerate() {
                bytes.clear();
                write_any(&physical.get(row)?, &mut bytes);
                *hash = mix_bytes(*hash, &bytes);
            }
        }
    }
    Ok(())
}

/// Texts of up to 12 bytes live inside their 16-byte view, the rest zeroed: two words say them all.
fn fold_text(texts: &StringChunked, hashes: &mut [u64]) {
    let mix_inline = |hash, view: u128| mix(mix(hash, view as u64), (view >> 64) as u64);
    let mut rest = hashes;
    for chunk in texts.downcast_iter() {
        let (now, later) = rest.split_at_mut(chunk.len());
        if texts.null_count() == 0 {
            for (row, (hash, view)) in now.iter_mut().zip(chunk.views().iter()).enumerate() {
                *hash = if view.is_inline() {
                    mix_inline(*hash, view.as_u128())
                } else {
                    mix_bytes(*hash, chunk.value(row).as_bytes())
                };
            }
        } else {
            for (hash, text) in now.iter_mut().zip(chunk.iter()) {
                *hash = match text {
                    None => mix(*hash, MISSING),
                    Some(text) if text.len() <= INLINE => mix_inline(*hash, inline_view(text.as_bytes())),
                    Some(text) => mix_bytes(*hash, text.as_bytes()),
                };
            }
        }
        rest = later;
    }
}

/// The longest text that lives inside its view.
pub const INLINE: usize = 12;

/// A short text as its view: the length in 4 bytes, then the text, then zeros.
pub fn inline_view(text: &[u8]) -> u128 {
    let mut view = [0; 16];
    view[..4].copy_from_slice(&(text.len() as u32).to_le_bytes());
    view[4..4 + text.len()].copy_from_slice(text);
    u128::from_le_bytes(view)
}

/// The bytes of the text of such a view, and how many they are.
pub fn inline_bytes(view: u128) -> ([u8; INLINE], usize) {
    let mut bytes = [0; INLINE];
    bytes.copy_from_slice(&view.to_le_bytes()[4..]);
    (bytes, (view as u32 as usize).min(INLINE))
}

/// The text of such a view.
pub fn inline_text(view: u128) -> String {
    let (bytes, length) = inline_bytes(view);
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

/// The column as plain values: dates and times as integers, categories as their text.
///
/// # Errors
/// What Polars says of the cast.
pub fn physical(column: &Series) -> PolarsResult<Series> {
    match column.dtype() {
        DataType::Categorical(..) | DataType::Enum(..) => column.cast(&DataType::String),
        // Integers that stay integers under the scale all values of the column share.
        DataType::Decimal(..) | DataType::Date | DataType::Datetime(..) | DataType::Duration(_) | DataType::Time => {
            Ok(column.to_physical_repr().into_owned())
        }
        DataType::Float16 => column.cast(&DataType::Float64),
        DataType::UInt128 => column.cast(&DataType::String),
        _ => Ok(column.clone()),
    }
}

/// Appends the row's bytes: equal bytes mean equal rows.
///
/// # Errors
/// Out of bounds only.
pub fn write_row(columns: &[Series], row: usize, bytes: &mut Vec<u8>) -> PolarsResult<()> {
    for column in columns {
        write_any(&column.get(row)?, bytes);
    }
    Ok(())
}

/// Appends a tag and the value, so that no two different values share their bytes.
fn write_any(value: &AnyValue, bytes: &mut Vec<u8>) {
    fn number(bytes: &mut Vec<u8>, value: i128) {
        bytes.push(1);
        bytes.extend(value.to_le_bytes());
    }
    fn float(bytes: &mut Vec<u8>, value: f64) {
        match float_bits(value) {
            Some(bits) => {
                bytes.push(2);
                bytes.extend(bits.to_le_bytes());
            }
            None => bytes.push(0),
        }
    }
    fn text(bytes: &mut Vec<u8>, tag: u8, value: &[u8]) {
        bytes.push(tag);
        bytes.extend((value.len() as u64).to_le_bytes());
        bytes.extend(value);
    }
    fn list(bytes: &mut Vec<u8>, values: &Series) {
        bytes.push(5);
        bytes.extend((values.len() as u64).to_le_bytes());
        values.iter().for_each(|value| write_any(&value, bytes));
    }
    match value {
        AnyValue::Null => bytes.push(0),
        AnyValue::Boolean(value) => number(bytes, i128::from(*value)),
        AnyValue::Int8(value) => number(bytes, i128::from(*value)),
        AnyValue::Int16(value) => number(bytes, i128::from(*value)),
        AnyValue::Int32(value) | AnyValue::Date(value) => number(bytes, i128::from(*value)),
        AnyValue::Int64(value)
        | AnyValue::Time(value)
        | AnyValue::Duration(value, _)
        | AnyValue::Datetime(value, ..)
        | AnyValue::DatetimeOwned(value, ..) => number(bytes, i128::from(*value)),
        AnyValue::UInt8(value) => number(bytes, i128::from(*value)),
        AnyValue::UInt16(value) => number(bytes, i128::from(*value)),
        AnyValue::UInt32(value) => number(bytes, i128::from(*value)),
        AnyValue::UInt64(value) => number(bytes, i128::from(*value)),
        AnyValue::Int128(value) | AnyValue::Decimal(value, ..) => number(bytes, *value),
        AnyValue::Float32(value) => float(bytes, f64::from(*value)),
        AnyValue::Float64(value) => float(bytes, *value),
        AnyValue::String(value) => text(bytes, 3, value.as_bytes()),
        AnyValue::StringOwned(value) => text(bytes, 3, value.as_bytes()),
        AnyValue::Binary(value) => text(bytes, 4, value),
        AnyValue::BinaryOwned(value) => text(bytes, 4, value),
        AnyValue::List(values) | AnyValue::Array(values, _) => list(bytes, values),
        AnyValue::Struct(..) | AnyValue::StructOwned(_) => {
            bytes.push(6);
            let fields: Vec<AnyValue> = match value {
                AnyValue::StructOwned(parts) => parts.0.clone(),
                borrowed => borrowed._iter_struct_av().collect(),
            };
            fields.iter().for_each(|field| write_any(field, bytes));
        }
        other => text(bytes, 7, other.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(series: Series) -> Vec<u64> {
        let mut hashes = Vec::new();
        hash_rows(&[series], &mut hashes).unwrap();
        hashes
    }

    #[test]
    fn missing_equals_missing_and_nan_is_missing() {
        let floats = hashes(Series::new("a".into(), [Some(f64::NAN), None, Some(0.0), Some(-0.0), Some(1.0)]));
        assert_eq!(floats[0], floats[1]);
        assert_eq!(floats[2], floats[3]);
        assert_ne!(floats[3], floats[4]);
        assert_ne!(floats[0], floats[2]);
    }

    #[test]
    fn wide_integers_differ_where_either_half_does() {
        let halves = [0_i128, -1, 1, -2, 1 << 64, (1 << 64) + 1, 5 | 5 << 64, 7 | 7 << 64, i128::MIN, i128::MAX];
        let mut wide = hashes(Series::new("a".into(), halves));
        wide.sort_unstable();
        wide.dedup();
        assert_eq!(wide.len(), halves.len());
    }

    #[test]
    fn short_and_long_texts_differ_where_they_differ() {
        let texts = hashes(Series::new(
            "a".into(),
            [Some("twelve bytes"), Some("thirteen byte"), Some("thirteen bytf"), Some(""), None],
        ));
        let mut distinct = texts.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), texts.len());
    }

    #[test]
    fn a_text_hashes_alike_beside_missing_ones_and_without() {
        let with = hashes(Series::new("a".into(), [Some("short"), None, Some("a rather long text")]));
        let without = hashes(Series::new("a".into(), ["short", "a rather long text"]));
        assert_eq!([with[0], with[2]], [without[0], without[1]]);
    }

    #[test]
    fn a_sliced_column_hashes_as_its_copy_does() {
        let long = Series::new("a".into(), ["x", "a rather long text", "y", "another long text"]);
        let sliced = long.slice(1, 3);
        let copied = Series::new("a".into(), ["a rather long text", "y", "another long text"]);
        assert_eq!(hashes(sliced), hashes(copied));
    }
}
