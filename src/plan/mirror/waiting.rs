use super::{Call, ServiceApproval, Waiting};
use crate::plan::rules::OTHER_ID_AT_SERVICE;
use crate::plan::{Refusal, Verb};
use crate::tenancy::{Deed, Digest, Mirrored};

/// A call that is made only when somebody approves exactly it.
pub(super) struct Wait<'c> {
    pub call: Call,
    /// What it would do, and why that is nobody's matter of course.
    pub because: Box<str>,
    /// What the journal knows of the thing that it makes anew.
    pub replaces: Option<&'c Mirrored>,
}

/// What became of the calls that wait.
#[derive(Default)]
pub(super) struct SortedOut {
    pub released: Vec<Call>,
    pub refusals: Vec<Refusal>,
    pub approval: Option<ServiceApproval>,
}

/// Releases what was approved, and says what to approve for the rest.
pub(super) fn sort_out(mut waiting: Vec<Wait<'_>>, address: &str, approved: &[Digest]) -> SortedOut {
    waiting.sort_by(|a, b| (&a.call.key, &a.call.external_id).cmp(&(&b.call.key, &b.call.external_id)));
    let mut sorted = SortedOut::default();
    let together: Vec<Digest> = waiting.iter().filter(|it| !it.is_refused()).map(|wait| wait.digest(address)).collect();
    let all = (together.len() > 1).then(|| Digest::of_all(together.iter().map(|digest| digest.as_bytes().as_slice())));
    let all_approved = all.is_some_and(|all| approved.contains(&all));
    let mut calls = Vec::new();
    for wait in waiting {
        let (digest, refused) = (wait.digest(address), wait.is_refused());
        let Wait { call, because, .. } = wait;
        if approved.contains(&digest) || all_approved && !refused {
            sorted.released.push(Call { note: Some(because), ..call });
            continue;
        }
        if refused {
            sorted.refusals.push(Refusal {
                subject: call.key.clone(),
                rule: OTHER_ID_AT_SERVICE.into(),
                verb: Some(Verb::Update),
                because: because.clone(),
                way_out: format!("look at it there; to take it over, add `--approve {digest}` to this command").into(),
                origin: call.origin.clone(),
            });
        }
        calls.push(Waiting { key: call.key, because, digest, refused });
    }
    let all = all.filter(|_| calls.iter().filter(|waiting| !waiting.refused).count() == together.len());
    sorted.approval = Some(ServiceApproval { calls, all }).filter(|approval| !approval.calls.is_empty());
    sorted
}

impl Wait<'_> {
    /// True where a rule refuses the call until it is approved: it hands an object to something that Muster did not make.
    fn is_refused(&self) -> bool {
        self.call.deed == Deed::Adopt
    }

    /// Of everything that the call would do, so that an approval ends with any change of it.
    fn digest(&self, address: &str) -> Digest {
        let Call { deed, id, place, name, external_id, edits, secrets, issued, recorded_only, .. } = &self.call;
        let to = issued.as_ref().and_then(|issued| issued.to.as_deref());
        // What is made anew has no id yet: an approval to replace one thing replaces no later one.
        let replaces = self.replaces.map(|entry| (&entry.service, &entry.external_id));
        let rest = serde_json::to_string(&(edits, secrets, to, recorded_only, replaces)).unwrap_or_default();
        let external_id = external_id.as_deref().unwrap_or_default();
        Digest::of_all([
            address.as_bytes(),
            deed.word().as_bytes(),
            id.as_uuid().as_bytes(),
            place.as_bytes(),
            name.as_bytes(),
            external_id.as_bytes(),
            rest.as_bytes(),
        ])
    }
}
