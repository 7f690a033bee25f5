//! How commands reach the services behind organizations.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;

use super::Failure;
use crate::backend::Reach;
use crate::backend::http::AllowEntry;
use crate::backend::secrets::{Chain, Environment, Folder, Secrets};
use crate::engine::{Planned, plan_mirror};
use crate::store::Observe;
use crate::tenancy::{Digest, Key, Origin};

/// How to reach services.
#[derive(Args, Debug)]
pub struct ServiceFlags {
    /// The folder that secrets are read from and written to, as FOLDER/NAME/KEY; `MUSTER_SECRET_<NAME>_<KEY>` is read as well
    #[arg(long, value_name = "FOLDER", help_heading = "Services")]
    pub secrets: Option<PathBuf>,
    /// A host, an address or a network that a service may be at, beside the hosts that it publishes itself; may be given several times
    #[arg(long, value_name = "HOST[:PORT]|NETWORK", value_delimiter = ',', help_heading = "Services")]
    pub backend_allow: Vec<AllowEntry>,
    /// Leave the services behind organizations alone: neither look at them nor change anything there
    #[arg(long, help_heading = "Services")]
    pub skip_backends: bool,
}

impl ServiceFlags {
    /// How services are reached.
    pub fn reach(&self) -> Reach {
        let mut places: Vec<Arc<dyn Secrets>> = Vec::new();
        if let Some(folder) = &self.secrets {
            places.push(Arc::new(Folder::new(folder)));
        }
        places.push(Arc::new(Environment::of_process()));
        Reach::new(self.backend_allow.iter().cloned().collect(), Arc::new(Chain::new(places)))
    }

    /// Puts what follows at the services into the plans.
    pub async fn mirror(
        &self,
        store: &impl Observe,
        planned: &mut Planned,
        origins: &BTreeMap<Key, Origin>,
        (approved, now): (&[Digest], Timestamp),
    ) -> Result<(), Failure> {
        if self.skip_backends {
            return Ok(());
        }
        let reach = self.reach();
        for plan in &mut planned.plans {
            let before = planned.snapshots.iter().find(|snapshot| snapshot.organization == plan.organization);
            let in_input = planned.approved.get(&plan.organization).map(Vec::as_slice).unwrap_or_default();
            let approved = [approved, in_input].concat();
            plan_mirror(store, &reach, (plan, before), origins, (&approved, now)).await?;
        }
        Ok(())
    }
}
