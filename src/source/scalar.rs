//! What an unquoted scalar means.
//!
//! These are the rules of `serde_yaml`, which reads the documents that have nothing unusual in them, so that a document means the
//! same whichever way it is read.

/// The meaning of an unquoted scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Plain {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text,
}

/// What the unquoted scalar `text` means.
pub(super) fn plain(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Null,
        "true" | "True" | "TRUE" => return Plain::Bool(true),
        "false" | "False" | "FALSE" => return Plain::Bool(false),
        _ => {}
    }
    if let Some(number) = integer(text) {
        return Plain::Int(number);
    }
    if is_zero_padded(text) {
        return Plain::Text;
    }
    float(text).map_or(Plain::Text, Plain::Float)
}

fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = digits.strip_prefix(prefix) {
            return signed(negative, rest, radix);
        }
    }
    if is_zero_padded(text) { None } else { signed(negative, digits, 10) }
}

fn signed(negative: bool, digits: &str, radix: u32) -> Option<i128> {
    // `from_str_radix` would take a second sign.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -magnitude } else { magnitude })
}

fn is_zero_padded(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit())
}

fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if unsigned.starts_with('+') || (unsigned.len() < text.len() && unsigned.starts_with('-')) {
        return None;
    }
    match text {
        "-.inf" | "-.Inf" | "-.INF" => return Some(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        _ => {}
    }
    match unsigned {
        ".inf" | ".Inf" | ".INF" => Some(f64::INFINITY),
        _ => unsigned.parse::<f64>().ok().filter(|number| number.is_finite()),
    }
}

/// What kubectl, which reads YAML 1.1, makes of an unquoted scalar that is text here; `None` where it is text there too.
pub(super) fn kubectl_reads(text: &str) -> Option<&'static str> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Some("true"),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Some("false"),
        _ => {}
    }
    let starts_like_a_number = text.bytes().next().is_some_and(|b| b.is_ascii_digit() || b"+-.".contains(&b));
    let without_underscores = || text.chars().filter(|c| *c != '_').collect::<String>();
    (starts_like_a_number && (is_zero_padded(text) || (text.contains('_') && is_number(&without_underscores()))))
        .then_some("a number")
}

fn is_number(text: &str) -> bool {
    is_zero_padded(text) || matches!(plain(text), Plain::Int(_) | Plain::Float(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unquoted_scalars_mean_what_serde_yaml_makes_of_them() {
        let texts = "~ null Null nUll true True tRue FALSE yes NO on off y n 0 -0 7 -7 +7 ++7 +-7 007 -007 0x1F 0x -0x1f 0xg 0o17 0b11 0o8 \
                     1_000 1. .5 . - + 1e3 1E-3 -1.5e+3 .inf -.INF +.inf .nan inf nan infinity 1e999 12:30 2027-01-31 0.10 00.5 1.2.3 \
                     170141183460469231731687303715884105727 18446744073709551616 --- 0x-1 +0x1 0o+7 12a é";
        for text in texts.split_whitespace() {
            let theirs: serde_yaml::Value = serde_yaml::from_str(&format!("[{}]", if text == "---" { "'---'" } else { text }))
                .map_or(serde_yaml::Value::String(text.to_owned()), |list: Vec<serde_yaml::Value>| list[0].clone());
            let ours = match plain(text) {
                Plain::Null => serde_yaml::Value::Null,
                Plain::Bool(it) => it.into(),
                Plain::Int(it) => i64::try_from(it).map_or_else(|_| theirs.clone(), Into::into),
                Plain::Float(it) => it.into(),
                Plain::Text => text.into(),
            };
            assert_eq!(ours, theirs, "{text}");
        }
    }

    #[test]
    fn words_and_numbers_of_yaml_1_1_are_known() {
        for (text, reading) in
            [("NO", "false"), ("on", "true"), ("y", "true"), ("0755", "a number"), ("08", "a number"), ("1_000", "a number")]
        {
            assert_eq!(kubectl_reads(text), Some(reading), "{text}");
        }
        for text in ["nO", "Norway", "2027-01-31", "12:30", "1.2.3", "_1", "a_1", "10", "", "production", "1_a"] {
            assert_eq!(kubectl_reads(text), None, "{text}");
        }
    }
}
