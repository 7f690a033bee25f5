//! Flags that several commands share.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::names::key;
use super::{Console, Failure};
use crate::plan::render::{Colour, Detail, Options};
use crate::source::{self, Reading, Request};
use crate::store::{AnyStore, Mode};
use crate::tenancy::{Digest, Key, Manager};

/// Flags of every command.
#[derive(Args, Debug)]
pub struct Global {
    /// Print no colours; so does `NO_COLOR`
    #[arg(long, global = true, help_heading = "Global")]
    pub no_color: bool,
    /// Say that a program runs this: no questions, no progress, no hints on what to do next
    #[arg(long, global = true, help_heading = "Global")]
    pub in_automation: bool,
}

/// What to read.
#[derive(Args, Debug)]
pub struct InputFlags {
    /// A file or a directory, `-` for standard input; may be given several times
    #[arg(short, long = "filename", value_name = "PATH", help_heading = "Input")]
    pub filename: Vec<PathBuf>,
    /// Read the directories inside the directories too
    #[arg(short = 'R', long, help_heading = "Input")]
    pub recursive: bool,
    /// Take an input without any object as it is
    #[arg(long, help_heading = "Input")]
    pub allow_empty: bool,
}

impl InputFlags {
    /// That there is something to read.
    pub fn check(&self) -> Result<(), Failure> {
        match self.filename.is_empty() {
            true => Err(Failure::Usage("name what to read: -f FILE, -f DIRECTORY, or -f - for standard input".to_owned())),
            false => Ok(()),
        }
    }

    /// Reads the input.
    pub fn read(&self, console: &Console) -> Result<Reading, Failure> {
        self.check()?;
        let _progress = console.progress("reading files");
        let request = Request { paths: self.filename.clone(), recursive: self.recursive, allow_empty: self.allow_empty };
        Ok(source::read(&request, &mut io::stdin().lock()))
    }

    /// True when standard input is a part of it.
    pub fn takes_stdin(&self) -> bool {
        self.filename.iter().any(|path| path.as_os_str() == "-")
    }
}

/// Where the observed state is.
#[derive(Args, Debug)]
pub struct StoreFlags {
    /// Where the state is kept: `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`
    #[arg(long, value_name = "URL", default_value = "sqlite://muster.db", help_heading = "Store")]
    pub store: String,
    /// How long to wait for locks of others
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration, help_heading = "Store")]
    pub lock_timeout: Duration,
}

impl StoreFlags {
    /// Opens the store.
    pub async fn open(&self, mode: Mode) -> Result<AnyStore, Failure> {
        Ok(AnyStore::open_with(&self.store.parse()?, mode, self.lock_timeout).await?)
    }

    /// Opens a store that something was applied to, to write.
    pub async fn open_existing(&self) -> Result<AnyStore, Failure> {
        let found = self.open(Mode::Read).await?;
        let is_there = !matches!(found, AnyStore::Memory(_));
        found.close().await;
        match is_there {
            true => self.open(Mode::Write).await,
            false => Err(Failure::Other(format!("{} is not there: nothing was ever applied to it", self.address()?))),
        }
    }

    /// The address without credentials.
    pub fn address(&self) -> Result<String, Failure> {
        Ok(self.store.parse::<crate::store::Address>()?.to_string())
    }
}

/// Which of the stored organizations are meant. `-n` is a namespace everywhere, as in kubectl.
#[derive(Args, Debug)]
pub struct WhichFlags {
    /// Only this organization
    #[arg(long, value_name = "NAME", help_heading = "Store")]
    pub organization: Option<String>,
    /// Only organizations that were read from this namespace
    #[arg(short, long, value_name = "NAME", help_heading = "Store")]
    pub namespace: Option<String>,
}

impl WhichFlags {
    /// The same with an organization that was named without a flag.
    pub fn or(&self, named: Option<&str>) -> Self {
        let organization = named.map(str::to_owned).or_else(|| self.organization.clone());
        Self { organization, namespace: self.namespace.clone() }
    }
}

/// Who asks.
#[derive(Args, Debug)]
pub struct ActorFlags {
    /// The name under which this installation manages objects; those of other managers are not touched
    #[arg(long, value_name = "NAME", default_value = "muster", value_parser = manager, help_heading = "Store")]
    pub manager: Manager,
    /// Say who asks: plan, apply and restore change only what this person has the right to; a claim, and recorded as one
    #[arg(long = "as", value_name = "EMAIL", help_heading = "Store")]
    pub claimed: Option<String>,
}

/// What to show of a plan.
#[derive(Args, Debug)]
pub struct ShowFlags {
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Output::Text, help_heading = "Output")]
    pub output: Output,
    /// One line for each object, without its fields
    #[arg(long, conflicts_with = "full", help_heading = "Output")]
    pub concise: bool,
    /// Everything, however long
    #[arg(long, help_heading = "Output")]
    pub full: bool,
    /// Show only this object with its parts; what is planned stays the same
    #[arg(long, value_name = "KIND/NAME", value_parser = key, help_heading = "Output")]
    pub only: Vec<Key>,
}

impl ShowFlags {
    /// The options of the renderers.
    pub fn options(&self, console: &Console) -> Options {
        let detail = match (self.concise, self.full) {
            (true, _) => Detail::Concise,
            (_, true) => Detail::Full,
            _ => Detail::Normal,
        };
        let colour = if matches!(self.output, Output::Text) { console.out } else { Colour::default() };
        Options { colour, detail, only: self.only.clone() }
    }
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Text,
    /// For programs
    Json,
    /// For the comment of a pull request
    Markdown,
    /// Text and annotations for GitHub Actions, and Markdown for the summary of the job
    Github,
}

/// How an answer is printed that has no form in Markdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Plain {
    /// For people
    Text,
    /// For programs
    Json,
}

/// This moment, in whole seconds, which is all that people want to read.
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Reads a date (its first moment in UTC) or a moment.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    let date = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse::<Timestamp>().ok().or_else(date).ok_or_else(|| "write 2027-01-31 or 2027-01-31T12:00:00Z".to_owned())
}

/// Reads a digest.
pub fn digest(text: &str) -> Result<Digest, String> {
    Digest::parse(text).ok_or_else(|| "write sha256: and 64 hexadecimal digits, as the plan prints it".to_owned())
}

pub fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    parsed.ok_or_else(|| "write a duration such as 30s or 2m".to_owned())
}

pub fn manager(text: &str) -> Result<Manager, String> {
    let fits = (1..=63).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    match text {
        Manager::POLICY => Err("policy is the manager of what policies imply; choose another name".to_owned()),
        _ if fits => Ok(Manager::new(text)),
        _ => Err("a manager is named with at most 63 lower-case letters, digits and '-'".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_date_or_a_time() {
        assert_eq!(moment("2027-01-31").unwrap().to_string(), "2027-01-31T00:00:00Z");
        assert_eq!(moment("2027-01-31T12:00:00+02:00").unwrap().to_string(), "2027-01-31T10:00:00Z");
        assert!(moment("tomorrow").is_err());
    }

    #[test]
    fn the_manager_policy_is_nobodys_to_choose() {
        assert!(manager("policy").is_err() && manager("").is_err() && manager("A").is_err());
        assert_eq!(manager("team-a").unwrap(), Manager::new("team-a"));
    }

    #[test]
    fn a_duration_is_a_number_with_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        assert!(duration("-1s").is_err() && duration("soon").is_err());
    }
}
