use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::Failure;
use super::flags::Global;
use crate::plan::render::Colour;

/// The columns of a line where no terminal says how many there are.
const WIDTH: usize = 140;

/// Where answers go: standard output for what was asked for, standard error for everything around it.
#[derive(Debug)]
pub struct Console {
    /// Whether what was asked for is coloured.
    pub out: Colour,
    /// Whether everything around it is coloured.
    pub err: Colour,
    /// Whether somebody is there who can answer a question.
    pub interactive: bool,
    /// Whether a program runs Muster, which needs no hints on what to do next.
    pub in_automation: bool,
    /// How many columns a line has; as many as people like to read where nothing says it.
    pub width: usize,
    progress: bool,
}

impl Console {
    /// The console of this process.
    #[must_use]
    pub fn new(global: &Global) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let plain = global.no_color || set("NO_COLOR") || dumb;
        let colour = |terminal: bool| if terminal && !plain { Colour::Always } else { Colour::Never };
        let err_is_terminal = io::stderr().is_terminal();
        Self {
            out: colour(io::stdout().is_terminal()),
            err: colour(err_is_terminal),
            interactive: io::stdin().is_terminal() && err_is_terminal && !global.in_automation,
            in_automation: global.in_automation,
            width: terminal_size::terminal_size().map_or(WIDTH, |(width, _)| width.0.into()),
            progress: err_is_terminal && !global.in_automation && !dumb,
        }
    }

    /// Prints what was asked for. Whoever closed the pipe has read enough.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::File { doing: "write", path: "standard output".to_owned(), source: error })
            }
            _ => Ok(()),
        }
    }

    /// Prints something around it. There is nowhere to say that this failed.
    pub fn note(&self, text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Shows on a terminal that something takes time, until the answer is dropped.
    #[must_use]
    pub fn progress(&self, doing: &'static str) -> Progress {
        tracing::debug!("{doing}");
        let (end, ended) = mpsc::channel();
        let shown = self.progress.then(|| thread::spawn(move || spin(doing, &ended)));
        Progress { end: Some(end), shown }
    }

    /// Asks a question; only `yes` is yes.
    ///
    /// # Errors
    ///
    /// When the answer cannot be read.
    pub fn ask(&self, question: &str) -> Result<bool, Failure> {
        self.note(&format!("{question} Only `yes` is taken as yes: "));
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        let bytes = read.map_err(|source| Failure::File { doing: "read", path: "standard input".to_owned(), source })?;
        if bytes == 0 {
            self.note("\n");
        }
        Ok(answer.trim() == "yes")
    }
}

/// How long something may take before it is worth a sign of life.
const PATIENCE: Duration = Duration::from_millis(400);

/// Shows a spinner until the other end is dropped.
fn spin(doing: &'static str, ended: &Receiver<()>) {
    if ended.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let bar = ProgressBar::new_spinner().with_message(doing);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    // Nothing is ever sent; this returns when the sender is gone.
    let _ = ended.recv();
    bar.finish_and_clear();
}

/// Something that takes time.
#[derive(Debug)]
pub struct Progress {
    end: Option<Sender<()>>,
    shown: Option<JoinHandle<()>>,
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(shown) = self.shown.take() {
            // A spinner that failed is no reason to fail.
            let _ = shown.join();
        }
    }
}
