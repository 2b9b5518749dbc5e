//! Values of inputs, as text: lists, sizes, times.

use std::time::Duration;

/// How to write several items, where an item holds commas and was probably meant as several.
pub fn comma_hint(item: &str) -> Option<String> {
    let parts: Vec<&str> = item.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.len() < 2 {
        return None;
    }
    // An array of texts can always be written.
    let json = serde_json::to_string(&parts).unwrap_or_default();
    Some(format!("a list has one item a line, or is JSON: {}", crate::support::words::cut(&json, 200)))
}

/// A list as an input gives it: one item a line, or JSON.
///
/// # Errors
/// What is wrong with the JSON.
pub fn list(text: &str) -> Result<Vec<String>, String> {
    let text = text.trim();
    if text.starts_with('[') {
        return serde_json::from_str(text).map_err(|error| format!("not a JSON list of texts: {error}"));
    }
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect())
}

/// Bytes of a size such as `512MB`, `1.5 GiB` or `1000000`.
///
/// # Errors
/// One sentence.
pub fn size(text: &str) -> Result<usize, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(format!("`{text}` is no size, such as 512MB or 2GiB")),
    };
    let bytes = number.parse::<f64>().map_err(|_| format!("`{text}` is no size, such as 512MB or 2GiB"))? * factor;
    if bytes < 1e6 {
        return Err(format!("`{text}` is less than 1MB, and nothing can be measured in that"));
    }
    Ok(bytes as usize)
}

/// The time of a text such as `90s`, `60m`, `1h` or `1h30m`.
///
/// # Errors
/// One sentence.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{} is not a time; write it as 90s, 60m or 1h", crate::support::words::code(text));
    let (mut seconds, mut rest) = (0.0, text.trim());
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit = rest[digits..].chars().next().ok_or_else(wrong)?;
        seconds += number
            * match unit {
                's' => 1.0,
                'm' => 60.0,
                'h' => 3600.0,
                _ => return Err(wrong()),
            };
        rest = &rest[digits + unit.len_utf8()..];
    }
    // A workflow's job ends after 5 days at the latest, on machines of one's own too.
    if !(1.0..=432_000.0).contains(&seconds) {
        return Err(format!("{} is not between 1s and 120h", crate::support::words::code(text)));
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let seconds = |text: &str| duration(text).map(|time| time.as_secs_f64());
        for (text, expected) in [("90s", 90.0), ("60m", 3600.0), (" 1h ", 3600.0), ("1h30m", 5400.0), ("1.5m", 90.0)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in ["", "60", "m", "1d", "-1m", "1m30", "inf", "0s", "0.5s", "121h", "1..2m", "9e9m"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lists_are_lines_or_json() {
        assert_eq!(list(" a \n\n b c \n").unwrap(), ["a", "b c"]);
        assert_eq!(list(r#"["a", "b"]"#).unwrap(), ["a", "b"]);
        assert!(list("[a").is_err());
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("512MB"), Ok(512_000_000));
        assert_eq!(size("2 GiB"), Ok(2 << 30));
        assert!(size("lots").is_err());
        assert!(size("5").is_err());
    }
}
