//! Reading many files and documents on all cores, with results in the order of the input.

use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::document::{self, Batch};
use super::files::{self, Named, STDIN};
use super::limits::{MAX_DOCUMENTS, MAX_INPUT, MAX_REPORTED};
use super::sources::Text;
use super::split::{self, Part};
use crate::tenancy::Finding;

/// The bytes of documents that one thread takes at a time: enough that taking costs nothing, few enough that all end together.
const CHUNK: usize = 64 << 10;

/// Does the work for every index below `count` and returns the results in order.
fn each<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(count);
    if threads < 2 {
        return (0..count).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(count));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut mine = Vec::new();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    mine.push((index, work(index)));
                }
                done.lock().unwrap_or_else(PoisonError::into_inner).append(&mut mine);
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Loads the files and cuts them into documents; a finding for each that cannot be loaded.
pub(super) fn load(files: &[Named], stdin: &mut dyn Read) -> (Vec<(Arc<str>, Text)>, Vec<Finding>) {
    let mut typed = files.iter().find(|file| &*file.name == STDIN).map(|file| files::read(file, stdin));
    let total = AtomicUsize::new(0);
    let loaded = each(files.len(), |index| {
        let file = &files[index];
        if &*file.name == STDIN {
            return None;
        }
        Some(files::read(file, &mut io::empty()).and_then(|bytes| {
            if total.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len() > MAX_INPUT {
                let message = format!("the input is larger than {} MiB; this file is not read", MAX_INPUT >> 20);
                return Err(Box::new(files::finding(&file.name, "too-large", &message, None)));
            }
            cut(&file.name, bytes)
        }))
    });
    let (mut texts, mut findings) = (Vec::with_capacity(files.len()), Vec::new());
    for (file, loaded) in files.iter().zip(loaded) {
        let loaded = loaded.or_else(|| typed.take().map(|bytes| bytes.and_then(|bytes| cut(&file.name, bytes))));
        match loaded {
            Some(Ok(text)) => texts.push((Arc::clone(&file.name), text)),
            Some(Err(finding)) => findings.push(*finding),
            None => {}
        }
    }
    (texts, findings)
}

/// Cuts a file into documents.
pub(super) fn cut(name: &Arc<str>, bytes: Vec<u8>) -> Result<Text, Box<Finding>> {
    let Ok(parts) = split::split(&bytes) else {
        let message = format!("has more than {MAX_DOCUMENTS} documents");
        return Err(Box::new(files::finding(name, "too-many-documents", &message, Some("divide it into several files"))));
    };
    Ok(Text { bytes: bytes.into(), parts: parts.into() })
}

/// Reads all documents of the files.
pub(super) fn read(texts: &[(Arc<str>, Text)]) -> Batch {
    let chunks: Vec<(usize, &[Part])> =
        texts.iter().enumerate().flat_map(|(index, (_, text))| chunks(index, &text.parts)).collect();
    let batches = each(chunks.len(), |index| {
        let (file, parts) = chunks[index];
        let (name, text) = &texts[file];
        let mut batch = Batch::default();
        for part in parts {
            document::read(name, &text.bytes, *part, &mut batch);
        }
        batch
    });
    let mut all = Batch::default();
    all.manifests.reserve(batches.iter().map(|batch| batch.manifests.len()).sum());
    let mut unreported = 0;
    for batch in batches {
        all.manifests.extend(batch.manifests);
        all.held.extend(batch.held);
        all.unreadable += batch.unreadable;
        unreported += (all.findings.len() + batch.findings.len()).saturating_sub(MAX_REPORTED);
        all.findings.extend(batch.findings);
        all.findings.truncate(MAX_REPORTED);
    }
    if let (1.., Some(last)) = (unreported, all.findings.last().cloned()) {
        let message = format!("{unreported} more findings are not listed");
        all.findings.push(files::finding(&last.origin.file, "too-many-findings", &message, None));
    }
    all
}

fn chunks(file: usize, parts: &[Part]) -> impl Iterator<Item = (usize, &[Part])> {
    let mut start = parts.first().map_or(0, |part| part.start);
    let pieces = parts.chunk_by(move |_, next| {
        let same = next.start - start < CHUNK;
        if !same {
            start = next.start;
        }
        same
    });
    pieces.map(move |piece| (file, piece))
}
