//! Inputs that are made to exhaust a reader are refused for little work. The work is counted in allocated bytes and calls, which no
//! machine changes; freed memory counts too, so the peak is lower still.

use std::alloc::System;
use std::fs::File;
use std::io::{self, Read};

use muster::source::{Reading, Request, read, read_text};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const HEAD: &str = "apiVersion: muster.dev/v1alpha1\nkind: Member\nmetadata:\n  name: a\nspec:\n";

/// Aliases of aliases: ten to the power of 30 values, written out.
fn aliases() -> String {
    let level = |n: usize| format!("  a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "));
    (1..=30).fold(format!("{HEAD}  a0: &a0 [x]\n"), |text, n| text + &level(n))
}

fn merges() -> String {
    let fields: Vec<String> = (0..40_000).map(|n| format!("k{n}: 1")).collect();
    format!("{HEAD}  a: &a {{{}}}\n  b: [{}]\n", fields.join(", "), vec!["{<<: *a}"; 90].join(", "))
}

fn list(items: &str) -> String {
    format!("apiVersion: v1\nkind: List\nitems:\n{items}")
}

/// What is allocated for a text beyond the copy of it, and how often.
fn cost(text: &str) -> (Reading, usize, usize) {
    let region = Region::new(ALLOCATOR);
    let reading = read_text("bomb.yaml", text);
    let change = region.change();
    (reading, change.bytes_allocated - text.len(), change.allocations + change.reallocations)
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

// One test, because all tests of a binary share the allocator.
#[test]
fn bombs_are_refused_for_little_work() {
    let deep = 100_000;
    let table: Vec<(&str, String, &str, usize)> = vec![
        ("nested lists", "[".repeat(deep), "too-deep", MIB),
        ("nested maps", "{a: ".repeat(deep), "too-deep", MIB),
        ("nested entries", "- ".repeat(deep), "too-deep", MIB),
        ("nested keys", "? ".repeat(deep), "too-deep", MIB),
        ("nested blocks", (0..1000).map(|n| format!("{}a:\n", " ".repeat(n))).collect(), "too-deep", MIB),
        ("nested JSON", "{\"a\": ".repeat(deep), "too-deep", MIB),
        ("a List of nested JSON", format!("{{\"kind\": \"List\", \"items\": {}", "[".repeat(deep)), "too-deep", MIB),
        ("aliases of aliases", aliases(), "too-many-values", 40 * MIB),
        ("many aliases", format!("{HEAD}  a: &a x\n  b: [{}]\n", "*a, ".repeat(1000)), "too-many-aliases", MIB),
        ("merged maps", merges(), "too-many-values", 40 * MIB),
        ("an alias inside its anchor", format!("{HEAD}  a: &a [*a]\n"), "yaml-syntax", MIB),
        ("a merge inside its anchor", format!("{HEAD}  a: &a\n    <<: *a\n"), "yaml-syntax", MIB),
        ("an endless scalar", "x".repeat(20 * MIB), "too-large", 64 * KIB),
        ("an endless quote", format!("a: \"{}", "x".repeat(20 * MIB)), "too-large", 64 * KIB),
        ("an endless JSON string", format!("{{\"a\": \"{}\"}}", "x".repeat(20 * MIB)), "too-large", 64 * KIB),
        ("many values", format!("{HEAD}  a: [{}]\n", "1,".repeat(200_000)), "too-many-values", 40 * MIB),
        ("a million documents", "a: b\n---\n".repeat(1_000_000), "too-many-documents", 40 * MIB),
        ("a List of a million items", list(&"- \n".repeat(1_000_000)), "too-many-documents", 40 * MIB),
        ("a million JSON objects", "{}".repeat(1_000_000), "too-many-documents", 40 * MIB),
        (
            "a List of a million JSON items",
            format!("{{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{}1]}}", "1,".repeat(1_000_000)),
            "too-many-documents",
            40 * MIB,
        ),
    ];
    for (name, text, code, bytes) in table {
        let (reading, allocated, calls) = cost(&text);
        assert!(!reading.input.complete || !reading.input.held.is_empty(), "{name} is refused");
        assert_eq!(
            reading.input.findings.first().map(|finding| finding.code),
            Some(code),
            "{name}: {:?}",
            reading.input.findings.first()
        );
        assert!(
            reading.input.manifests.is_empty() && allocated <= bytes && calls < 400_000,
            "{name}: {allocated} bytes, {calls} calls"
        );
    }
    empty_documents_cost_nothing();
    a_file_that_is_too_large_is_not_read();
    an_endless_stream_is_left_at_the_bound();
}

fn empty_documents_cost_nothing() {
    let (reading, allocated, _) = cost(&"---\n".repeat(1_000_000));
    assert!(reading.input.complete && allocated < 64 * KIB, "{allocated} bytes");
}

fn a_file_that_is_too_large_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.yaml");
    File::create(&path).unwrap().set_len(1 << 30).unwrap();
    let region = Region::new(ALLOCATOR);
    let reading = read(&Request { paths: vec![path], ..Request::default() }, &mut io::empty());
    let allocated = region.change().bytes_allocated;
    assert_eq!((reading.input.findings[0].code, reading.input.complete), ("too-large", false));
    assert!(allocated < 64 * KIB, "{allocated} bytes");
}

fn an_endless_stream_is_left_at_the_bound() {
    struct Endless(usize);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(b'#');
            self.0 += buffer.len();
            Ok(buffer.len())
        }
    }
    let mut stream = Endless(0);
    let reading = read(&Request { paths: vec!["-".into()], ..Request::default() }, &mut stream);
    assert_eq!((reading.input.findings[0].code, reading.input.complete), ("too-large", false));
    assert!(stream.0 <= 48 * MIB + 1, "{} bytes were read", stream.0);
}
