//! The READMEs of the live examples are true: their console examples are run in order, against the doubles, and print what they say.
//! BLESS=1 writes what they print instead.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::{Live, aaq, hundredms};
use crate::aaq::Role;
use crate::readme::{Example, examples, matches, shell, untold, written};

/// An example with its README.
struct Walk<'w> {
    /// The folder of the example.
    example: &'w str,
    /// The address that the example has, and that of the double.
    url: (&'w str, &'w str),
    /// The variables that the README speaks of.
    environment: &'w [(&'w str, &'w str)],
    /// The heading below which somebody has changed something at the service.
    edited: &'w str,
}

impl Walk<'_> {
    /// Walks through the README; at the heading, somebody changes something at the service.
    fn go<D>(&self, live: &Live<D>, edit: impl FnOnce(&D)) {
        let place = live.place.path();
        fs::remove_dir_all(place.join("secrets")).unwrap();
        fs::create_dir(place.join("examples")).unwrap();
        fs::rename(place.join("example"), place.join("examples").join(self.example)).unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(self.example).join("README.md");
        let text = fs::read_to_string(&path).unwrap();
        let heading = text.lines().position(|line| line == self.edited).expect("the heading is there");
        let all = examples(&text);
        let (before, after) = all.split_at(all.iter().position(|example| example.line > heading).unwrap());
        assert!(before.len() > 5 && after.len() > 5, "it shows what Muster does");
        let mut printed = self.run(place, before);
        edit(&live.double);
        printed.extend(self.run(place, after));
        let wrong: Vec<(&Example, &String)> =
            all.iter().zip(&printed).filter(|(example, printed)| !matches(&example.output, printed)).collect();
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, written(&text, &wrong)).unwrap();
        } else {
            let untold = untold(&path, &wrong).join("\n\n");
            assert!(wrong.is_empty(), "{untold}\nrun BLESS=1 cargo test --test backends walks and read what it wrote");
        }
    }

    /// What the commands print, with the address that the example has.
    fn run(&self, place: &Path, examples: &[Example]) -> Vec<String> {
        let commands: Vec<String> = examples.iter().map(|example| example.command.clone()).collect();
        let (documented, real) = self.url;
        // A double is on this machine, where no service is called unless somebody allows it.
        let environment = [self.environment, &[("MUSTER_BACKEND_ALLOW", "127.0.0.1")]].concat();
        let printed = shell(place, Path::new(env!("CARGO_BIN_EXE_muster")), &commands, &environment);
        printed.into_iter().map(|printed| printed.replace(real, documented)).collect()
    }
}

#[test]
fn every_console_example_of_hundredms_live_prints_what_it_says() {
    let (live, [studio, rehearsal]) = hundredms::live_with_keys();
    let url = live.double.v2();
    let walk = Walk {
        example: "hundredms-live",
        url: (hundredms::URL, &url),
        environment: &[
            ("STUDIO", &studio),
            ("REHEARSAL", &rehearsal),
            ("BUCKET_KEY", "canary-access-key"),
            ("BUCKET_SECRET", "canary-secret-of-the-bucket"),
        ],
        edited: "## An edit in the dashboard",
    };
    walk.go(&live, |double| {
        double.edit("studio", "show", |show| show.roles["host"]["publishParams"]["video"]["bitRate"] = json!(300));
    });
}

#[test]
fn every_console_example_of_aaq_live_prints_what_it_says() {
    let (live, login) = aaq::live_with_login();
    let url = live.double.url().to_owned();
    let walk = Walk {
        example: "aaq-live",
        url: (aaq::URL, &url),
        environment: &[("LOGIN", &login)],
        edited: "## A demotion at the service",
    };
    walk.go(&live, |double| aaq::demote(double, "imani", "Advice Line", Role::ReadOnly));
}
