/// Whether text is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// With the escape sequences of a terminal.
    Always,
    /// Plain.
    #[default]
    Never,
}

/// What a piece of text means, and so how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Paint {
    Heading,
    Good,
    Change,
    Loss,
    Return,
    Refused,
    Held,
    Faint,
}

impl Paint {
    const fn code(self) -> &'static str {
        match self {
            Self::Heading => "1",
            Self::Good => "32",
            Self::Change => "33",
            Self::Loss => "31",
            Self::Return => "36",
            Self::Refused => "1;31",
            Self::Held => "35",
            Self::Faint => "2",
        }
    }
}

impl Colour {
    /// The text, painted where colours are wanted.
    #[must_use]
    pub fn paint(self, paint: Paint, text: &str) -> String {
        match self {
            Self::Always if !text.is_empty() => format!("\x1b[{}m{text}\x1b[0m", paint.code()),
            _ => text.to_owned(),
        }
    }
}
