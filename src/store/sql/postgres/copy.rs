use sqlx::postgres::PgConnection;

/// Lines in the text format of COPY: one row each, values separated by tabs.
#[derive(Default)]
pub(super) struct Lines {
    text: String,
}

impl Lines {
    /// Adds a value.
    pub fn text(&mut self, value: &str) -> &mut Self {
        let mut rest = value;
        while let Some(at) = rest.find(['\\', '\t', '\n', '\r']) {
            self.text.push_str(&rest[..at]);
            self.text.push_str(match rest.as_bytes()[at] {
                b'\t' => "\\t",
                b'\n' => "\\n",
                b'\r' => "\\r",
                _ => "\\\\",
            });
            rest = &rest[at + 1..];
        }
        self.text.push_str(rest);
        self.text.push('\t');
        self
    }

    /// Adds a value or NULL.
    pub fn maybe(&mut self, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    /// Adds a number.
    pub fn number(&mut self, value: i64) -> &mut Self {
        self.text(&value.to_string())
    }

    /// Adds bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.text.push_str("\\\\x");
        let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
        self.text.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
        self.text.push('\t');
        self
    }

    /// Adds bytes or NULL.
    pub fn maybe_bytes(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        match bytes {
            Some(bytes) => self.bytes(bytes),
            None => self.null(),
        }
    }

    /// Ends a row.
    pub fn end(&mut self) {
        self.text.pop();
        self.text.push('\n');
    }

    fn null(&mut self) -> &mut Self {
        self.text.push_str("\\N\t");
        self
    }
}

/// How many bytes are sent at once.
const CHUNK: usize = 1 << 18;

/// Copies items into a table with one statement; `line` writes an item as one row.
pub(super) async fn copy<T>(
    connection: &mut PgConnection,
    statement: &str,
    items: &[T],
    line: impl Fn(&mut Lines, &T),
) -> sqlx::Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    let mut copy = connection.copy_in_raw(statement).await?;
    let mut lines = Lines::default();
    for item in items {
        line(&mut lines, item);
        if lines.text.len() >= CHUNK {
            copy.send(lines.text.as_bytes()).await?;
            lines.text.clear();
        }
    }
    copy.send(lines.text.as_bytes()).await?;
    copy.finish().await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn values_are_escaped_and_null_differs_from_its_letters() {
        let mut lines = Lines::default();
        lines.text("a\tb\\N\r\n").maybe(None).number(-7).bytes(&[0, 255]).maybe_bytes(None).text("").end();
        assert_eq!(lines.text, "a\\tb\\\\N\\r\\n\t\\N\t-7\t\\\\x00ff\t\\N\t\n");
    }
}
