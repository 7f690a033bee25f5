/// How many items are worth a thread.
const PER_THREAD: usize = 4096;

/// Does the work for every item and returns the results in the order of the items. Many items are spread over the cores; the result is
/// the same.
pub(super) fn spread<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if items.len() <= PER_THREAD {
        return items.iter().map(work).collect();
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let chunks = items.chunks(items.len().div_ceil(threads));
    std::thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = chunks.map(|chunk| scope.spawn(move || chunk.iter().map(work).collect::<Vec<_>>())).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}
