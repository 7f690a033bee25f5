use std::sync::Arc;

use tokio::sync::watch;

/// Asks whoever talks to a service to come to an end: a look is given up, and of calls the one that was begun is brought to its end. A
/// clone asks the same one.
#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Stop {
    /// Asks for an end.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }

    /// Whether an end was asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until an end is asked for.
    pub async fn asked(&self) {
        let mut asked = self.0.subscribe();
        // The sender lives as long as this.
        let _ = asked.wait_for(|asked| *asked).await;
    }
}
