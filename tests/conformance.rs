//! What a store is, told as a story for whoever writes the next one. Every chapter is run on every store: on memory, which is
//! the specification, on `SQLite` and on `PostgreSQL`.

#[path = "conformance/journal.rs"]
mod journal;
#[path = "support/postgres.rs"]
mod postgres;
#[path = "support/subject.rs"]
mod subject;

use journal::{
    a_call_begins_only_under_the_revision_that_it_was_planned_on, a_call_is_written_down_before_and_after_it_is_made,
    what_happened_is_written_down_whoever_wrote_meanwhile,
};
use muster::api::Kind;
use muster::store::{Batch, Chain, Happened, Observe as _, Store as _, StoreError, Write};
use muster::tenancy::{Claim, Digest, Manager, Name, Revision, Row, Tombstone};
use subject::{ACME, Subject, at, batch, entry, erase, id, put, row, tidy};

macro_rules! chapters {
    ($($name:ident)*) => {
        mod on_memory {
            $(#[test] fn $name() { super::subject::tell(|| Some(super::Subject::memory()), super::$name); })*
        }
        mod on_sqlite {
            $(#[test] fn $name() { super::subject::tell(|| Some(super::Subject::sqlite()), super::$name); })*
        }
        mod on_postgres {
            $(#[test] fn $name() {
                super::subject::tell(|| super::postgres::database().map(super::Subject::postgres), super::$name);
            })*
        }
    };
}

chapters! {
    an_empty_store_knows_nobody
    the_first_apply_creates_the_organization
    every_field_comes_back_as_it_was_put
    any_text_comes_back_as_it_was_put
    a_batch_of_any_size_goes_in_whole
    an_organization_of_any_size_is_read_whole
    a_stale_batch_writes_nothing
    a_row_that_is_put_again_is_replaced_and_an_erased_one_is_gone
    the_last_write_to_an_id_counts
    times_are_cut_to_the_microsecond_and_hashes_still_match
    what_was_applied_is_kept_only_where_it_says_something
    names_swap_and_move_on_within_a_batch
    a_name_that_is_taken_is_refused_and_nothing_is_written
    a_tombstone_keeps_its_name
    a_subtree_comes_back_with_its_ids
    history_is_a_chain_that_is_read_in_pages
    erasing_a_row_erases_what_history_says_of_it_and_the_chain_still_verifies
    an_end_of_the_history_that_was_cut_off_is_missed
    an_apply_does_not_heal_a_history_that_was_cut_off
    nothing_is_written_behind_an_entry_that_no_apply_wrote
    values_that_a_hand_erased_are_not_taken_for_purged
    each_apply_leaves_its_claim_and_moves_the_revision
    organizations_do_not_meet
    an_edit_by_hand_is_seen_and_what_was_applied_stays_known
    a_second_edit_by_hand_does_not_forget_what_was_applied
    rows_that_a_hand_adds_or_removes_are_seen
    an_apply_after_an_edit_by_hand_seals_the_row_again
    a_restored_backup_matches_no_later_plan
    of_many_writers_at_once_one_wins
    reading_sees_one_moment
    a_call_is_written_down_before_and_after_it_is_made
    a_call_begins_only_under_the_revision_that_it_was_planned_on
    what_happened_is_written_down_whoever_wrote_meanwhile
}

async fn an_empty_store_knows_nobody(subject: Subject) {
    let store = &subject.store;
    assert_eq!(store.organizations().await.unwrap(), []);
    assert_eq!(store.history(&ACME.into(), 0, 10).await.unwrap(), []);
    let snapshot = store.observe(&ACME.into()).await.unwrap();
    assert_eq!((snapshot.revision, snapshot.claim, snapshot.rows.len()), (Revision::default(), None, 0));
    assert!(snapshot.complete);
}

async fn the_first_apply_creates_the_organization(subject: Subject) {
    let member = row(Kind::Member, "alice", r#"{"email":"alice@acme.example"}"#);
    let first = batch(Revision::default(), [put(&member)], [entry(&member, Happened::Created)]);
    let committed = subject.store.commit(&first).await.unwrap();
    assert!(committed.revision.number >= 1);
    assert_eq!(committed.last_entry, 1);

    let snapshot = subject.observe().await;
    assert_eq!(snapshot.organization, ACME);
    assert_eq!(snapshot.revision, committed.revision);
    assert_eq!(snapshot.claim, Some(first.claim.clone()));
    assert_eq!(snapshot.rows, [member]);

    let organizations = subject.store.organizations().await.unwrap();
    assert_eq!(organizations.len(), 1);
    assert_eq!(organizations[0].organization, ACME);
    assert_eq!(organizations[0].revision, committed.revision);
    assert_eq!(organizations[0].claim, Some(first.claim));
}

async fn every_field_comes_back_as_it_was_put(subject: Subject) {
    let full = Row {
        digest: Some(Digest::of(b"what was applied")),
        applied: Some(r#"{"email":"old@acme.example"}"#.into()),
        manager: Some(Manager::new("muster")),
        tombstone: Some(Tombstone { id: id("tombstone"), at: at(5), by: "ci".into(), purge_at: Some(at(6)) }),
        external_id: Some("ext-1".into()),
        former_names: vec!["al".into(), "ali".into()],
        created_at: at(1),
        invited_at: Some(at(2)),
        accepted_at: Some(at(3)),
        declined_at: Some(at(4)),
        ended_at: Some(at(7)),
        ..row(Kind::Member, "alice", r#"{"email":"alice@acme.example","roles":["Admin"]}"#)
    };
    let mut forever = row(Kind::Workspace, "old", "{}");
    forever.tombstone = Some(Tombstone { id: id("other"), at: at(5), by: "ci".into(), purge_at: None });
    let bare = Row { digest: None, applied: None, manager: None, ..row(Kind::Membership, "alice/workspace/design", "{}") };
    subject.commit(Revision::default(), [put(&full), put(&forever), put(&bare)]).await;
    assert_eq!(
        subject.observe().await.rows,
        [forever, tidy(full), bare],
        "sorted by kind, in the order of creation, then by name"
    );
}

async fn any_text_comes_back_as_it_was_put(subject: Subject) {
    for (n, text) in
        ["tab\tnew\nline\rreturn", r"back\slash \N \. \\x", "'quotes\" and ` ; --", "Zoë 李 🦀 \u{202e}", ""].iter().enumerate()
    {
        let spec = serde_json::json!({ "displayName": text }).to_string();
        let mut row = row(Kind::Member, &format!("member-{n}"), &spec);
        row.external_id = Some((*text).into());
        row.former_names = vec![Name::from(*text)];
        let mut said = entry(&row, Happened::Created);
        said.actor = (*text).into();
        said.source = Some((*text).into());
        said.values = spec.into();
        let base = subject.observe().await.revision;
        subject.store.commit(&batch(base, [put(&row)], [said.clone()])).await.unwrap();
        assert_eq!(subject.observe().await.row(&row.key), Some(&tidy(row)), "{text:?}");
        let recorded = subject.store.history(&ACME.into(), i64::try_from(n).unwrap(), 1).await.unwrap();
        assert_eq!(recorded[0].entry.as_ref(), Some(&said), "{text:?}");
    }
}

async fn a_batch_of_any_size_goes_in_whole(subject: Subject) {
    let mut base = Revision::default();
    let mut expected = 0;
    for size in [0, 1, 99, 100, 101, 250] {
        let rows: Vec<Row> =
            (0..size).map(|n| row(Kind::Member, &format!("of-{size}-{n}"), r#"{"email":"x@acme.example"}"#)).collect();
        let entries: Vec<_> = rows.iter().map(|row| entry(row, Happened::Created)).collect();
        let committed = subject.store.commit(&batch(base, rows.iter().map(put), entries)).await.unwrap();
        expected += size;
        assert_eq!(committed.last_entry, expected);
        assert_eq!(subject.observe().await.rows.len(), usize::try_from(expected).unwrap());
        assert_eq!(subject.verify().await, expected);
        base = committed.revision;
    }
}

async fn an_organization_of_any_size_is_read_whole(subject: Subject) {
    let name = |kind: Kind, n: usize| match kind {
        Kind::Membership => format!("a{n}/workspace/b"),
        _ => format!("{}{n}", ["a", "Z", "~", "é", "🦀", "\u{10ffff}"][n % 6]),
    };
    let mut rows: Vec<Row> = Vec::new();
    let mut base = Revision::default();
    // Around the ends of pages, where a store reads them.
    for size in [1, 255, 256, 257, 511, 512, 513, 1024] {
        let kinds = [Kind::Membership, Kind::Workspace, Kind::Member];
        let new = (rows.len()..size).map(|n| row(kinds[n % 3], &name(kinds[n % 3], n), "{}"));
        let new: Vec<Row> = new.collect();
        base = subject.commit(base, new.iter().map(put)).await;
        rows.extend(new);
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        let read: Vec<_> = subject.observe().await.rows.into_iter().map(|row| row.key).collect();
        assert_eq!(read, rows.iter().map(|row| row.key.clone()).collect::<Vec<_>>(), "{size} objects");
    }
}

async fn a_stale_batch_writes_nothing(subject: Subject) {
    let alice = row(Kind::Member, "alice", "{}");
    let base = subject.commit(Revision::default(), [put(&alice)]).await;
    let before = (subject.observe().await, subject.store.organizations().await.unwrap());

    let bob = row(Kind::Member, "bob", "{}");
    let wrong_stamp = Revision { stamp: base.stamp.wrapping_add(1), ..base };
    let wrong_number = Revision { number: base.number + 1, ..base };
    for planned in [Revision::default(), wrong_stamp, wrong_number] {
        let mut stale = batch(planned, [put(&bob), erase(&alice)], [entry(&bob, Happened::Created)]);
        stale.claim.manager = Manager::new("somebody-else");
        match subject.store.commit(&stale).await {
            Err(StoreError::Stale { organization, planned: said, found }) => {
                assert_eq!((organization.as_str(), said, found), (ACME, planned, base));
            }
            other => panic!("a stale batch gave {other:?}"),
        }
    }
    assert_eq!((subject.observe().await, subject.store.organizations().await.unwrap()), before);
    assert_eq!(subject.verify().await, 0);
}

async fn a_row_that_is_put_again_is_replaced_and_an_erased_one_is_gone(subject: Subject) {
    let (alice, bob) = (row(Kind::Member, "alice", r#"{"email":"a@acme.example"}"#), row(Kind::Member, "bob", "{}"));
    let base = subject.commit(Revision::default(), [put(&alice), put(&bob)]).await;
    let changed = Row { spec: r#"{"email":"alice@acme.example"}"#.into(), external_id: Some("7".into()), ..alice.clone() };
    let base = subject.commit(base, [put(&changed), erase(&bob)]).await;
    assert_eq!(subject.observe().await.rows, std::slice::from_ref(&changed));
    let after = subject.commit(base, [erase(&bob)]).await;
    assert_eq!(subject.observe().await.rows, [changed], "erasing what is gone is no error");
    assert!(after.number > base.number);
}

async fn the_last_write_to_an_id_counts(subject: Subject) {
    let alice = row(Kind::Member, "alice", r#"{"role":"Admin"}"#);
    let changed = Row { spec: r#"{"role":"Member"}"#.into(), ..alice.clone() };
    let bob = row(Kind::Member, "bob", "{}");
    let base = subject.commit(Revision::default(), [put(&alice), put(&changed), put(&bob), erase(&bob)]).await;
    assert_eq!(subject.observe().await.rows, std::slice::from_ref(&changed));
    subject.commit(base, [erase(&changed), put(&alice)]).await;
    assert_eq!(subject.observe().await.rows, [alice]);
}

async fn times_are_cut_to_the_microsecond_and_hashes_still_match(subject: Subject) {
    let just_before = |at: jiff::Timestamp| at + jiff::SignedDuration::from_nanos(999);
    let exact = row(Kind::Member, "alice", "{}");
    let finer = Row { created_at: just_before(exact.created_at), accepted_at: Some(just_before(at(1))), ..exact.clone() };
    let said = entry(&exact, Happened::Created);
    let finer_said = muster::store::Entry { at: just_before(said.at), ..said.clone() };
    let mut first = batch(Revision::default(), [put(&finer)], [finer_said]);
    first.claim.seen_at = just_before(at(1));
    subject.store.commit(&first).await.unwrap();
    let snapshot = subject.observe().await;
    assert_eq!(snapshot.rows, [Row { accepted_at: Some(at(1)), ..exact }]);
    assert_eq!(snapshot.claim.map(|claim| claim.seen_at), Some(at(1)));
    assert_eq!(subject.store.history(&ACME.into(), 0, 1).await.unwrap()[0].entry, Some(said));
    assert_eq!(subject.verify().await, 1);
}

async fn what_was_applied_is_kept_only_where_it_says_something(subject: Subject) {
    let same = r#"{"email":"a@acme.example"}"#;
    let repeated = Row { applied: Some(same.into()), ..row(Kind::Member, "repeated", same) };
    let differs = Row { applied: Some("{}".into()), ..row(Kind::Member, "differs", same) };
    let unsealed = Row { digest: None, ..row(Kind::Member, "unsealed", same) };
    let unsealed = Row { applied: Some(same.into()), ..unsealed };
    subject.commit(Revision::default(), [put(&repeated), put(&differs), put(&unsealed)]).await;
    let snapshot = subject.observe().await;
    let applied = |row: &Row| snapshot.row(&row.key).unwrap().applied.clone();
    assert_eq!(applied(&repeated), None);
    assert_eq!(snapshot.row(&repeated.key).unwrap().last_applied(), Some(same));
    assert_eq!(applied(&differs).as_deref(), Some("{}"));
    assert_eq!(applied(&unsealed).as_deref(), Some(same), "without a digest, nothing else says that it was applied");
}

async fn names_swap_and_move_on_within_a_batch(subject: Subject) {
    let [a, b, c] = ["a", "b", "c"].map(|name| row(Kind::Workspace, name, "{}"));
    let base = subject.commit(Revision::default(), [put(&a), put(&b), put(&c)]).await;
    let renamed = |row: &Row, name: &str| Row {
        key: muster::tenancy::Key::new(row.key.kind, name),
        former_names: vec![row.key.name.clone()],
        ..row.clone()
    };
    let swapped = [renamed(&a, "b"), renamed(&b, "a"), renamed(&c, "d")];
    let new = Row { id: id("another c"), ..row(Kind::Workspace, "c", "{}") };
    subject.commit(base, swapped.iter().map(put).chain([put(&new)])).await;
    let [a, b, c] = swapped;
    assert_eq!(subject.observe().await.rows, [b, a, new, c]);
}

async fn a_name_that_is_taken_is_refused_and_nothing_is_written(subject: Subject) {
    let alice = row(Kind::Member, "alice", "{}");
    let base = subject.commit(Revision::default(), [put(&alice)]).await;
    let before = subject.observe().await;
    let other = Row { id: id("other"), ..alice.clone() };
    let bob = row(Kind::Member, "bob", "{}");
    let refused = subject.store.commit(&batch(base, [put(&bob), put(&other)], [entry(&bob, Happened::Created)])).await;
    assert!(matches!(refused, Err(StoreError::Taken { .. })), "{refused:?}");
    assert_eq!(subject.observe().await, before);
    assert_eq!(subject.verify().await, 0);
    subject.commit(base, [put(&bob)]).await;
}

async fn a_tombstone_keeps_its_name(subject: Subject) {
    let mut dead = row(Kind::Workspace, "design", "{}");
    dead.tombstone = Some(Tombstone { id: id("tombstone"), at: at(1), by: "ci".into(), purge_at: None });
    let base = subject.commit(Revision::default(), [put(&dead)]).await;
    let new = Row { id: id("new"), ..row(Kind::Workspace, "design", "{}") };
    let refused = subject.store.commit(&batch(base, [put(&new)], [])).await;
    assert!(matches!(refused, Err(StoreError::Taken { .. })), "{refused:?}");
    subject.commit(base, [erase(&dead), put(&new)]).await;
    assert_eq!(subject.observe().await.rows, [new]);
}

async fn a_subtree_comes_back_with_its_ids(subject: Subject) {
    let live = [
        row(Kind::Workspace, "design", r#"{"displayName":"Design"}"#),
        row(Kind::Template, "standup", r#"{"workspaceRef":{"name":"design"}}"#),
        row(Kind::Membership, "alice/workspace/design", r#"{"role":"Admin"}"#),
    ];
    let base = subject.commit(Revision::default(), live.iter().map(put)).await;
    let tombstone = Tombstone { id: id("tombstone"), at: at(9), by: "ci".into(), purge_at: Some(at(99)) };
    let dead = live.clone().map(|row| Row { tombstone: Some(tombstone.clone()), ..row });
    let base = subject.commit(base, dead.iter().map(put)).await;
    assert_eq!(subject.observe().await.rows, dead, "the rows stay, with all they hold");
    subject.commit(base, live.iter().map(put)).await;
    assert_eq!(subject.observe().await.rows, live);
}

async fn history_is_a_chain_that_is_read_in_pages(subject: Subject) {
    let alice = row(Kind::Member, "alice", "{}");
    let mut entries = [Happened::Created, Happened::Updated, Happened::Drifted, Happened::Updated, Happened::SoftDeleted]
        .map(|happened| entry(&alice, happened));
    entries[1].plan = Some(Digest::of(b"plan"));
    entries[1].source = Some("1f2e3d".into());
    let first = batch(Revision::default(), [put(&alice)], entries[..2].to_vec());
    let committed = subject.store.commit(&first).await.unwrap();
    assert_eq!(committed.last_entry, 2);
    let committed = subject.store.commit(&batch(committed.revision, [], entries[2..].to_vec())).await.unwrap();
    assert_eq!(committed.last_entry, 5);
    let committed = subject.store.commit(&batch(committed.revision, [], [])).await.unwrap();
    assert_eq!(committed.last_entry, 5);

    let acme = Name::from(ACME);
    let mut chain = Chain::new(&acme);
    let mut read = Vec::new();
    loop {
        let page = subject.store.history(&acme, chain.seq(), 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 2);
        for recorded in page {
            chain.check(&recorded).unwrap();
            read.push(recorded.entry.unwrap());
        }
    }
    assert_eq!(read, entries);
}

async fn erasing_a_row_erases_what_history_says_of_it_and_the_chain_still_verifies(subject: Subject) {
    let (alice, bob) = (row(Kind::Member, "alice", "{}"), row(Kind::Member, "bob", "{}"));
    let entries = [&alice, &bob, &alice].map(|row| entry(row, Happened::Created));
    let first = batch(Revision::default(), [put(&alice), put(&bob)], entries.to_vec());
    let base = subject.store.commit(&first).await.unwrap().revision;
    let mut purged = entry(&alice, Happened::Purged);
    purged.key = muster::tenancy::Key::new(Kind::Member, alice.id.to_string());
    subject.store.commit(&batch(base, [erase(&alice)], [purged.clone()])).await.unwrap();

    let history = subject.store.history(&ACME.into(), 0, 10).await.unwrap();
    let said: Vec<_> = history.into_iter().map(|recorded| recorded.entry).collect();
    assert_eq!(said, [None, Some(entries[1].clone()), None, Some(purged)], "the record of the purge itself stays");
    assert_eq!(subject.verify().await, 4);
}

/// Alice comes, and something happens to her twice.
async fn three_entries(subject: &Subject) -> Revision {
    let alice = row(Kind::Member, "alice", "{}");
    let entries = [Happened::Created, Happened::Updated, Happened::Updated].map(|happened| entry(&alice, happened));
    subject.store.commit(&batch(Revision::default(), [put(&alice)], entries)).await.unwrap().revision
}

async fn an_end_of_the_history_that_was_cut_off_is_missed(subject: Subject) {
    three_entries(&subject).await;
    assert_eq!(subject.verify().await, 3);
    for from in [3, 1] {
        subject.cut_history(from).await;
        let (seq, what) = subject.broken().await;
        assert_eq!((seq, what.contains("missing")), (from, true), "{what}");
    }
}

async fn an_apply_does_not_heal_a_history_that_was_cut_off(subject: Subject) {
    let base = three_entries(&subject).await;
    subject.cut_history(3).await;
    let bob = row(Kind::Member, "bob", "{}");
    let committed = subject.store.commit(&batch(base, [put(&bob)], [entry(&bob, Happened::Created)])).await.unwrap();
    assert_eq!(committed.last_entry, 4, "the number of what is gone is not given again");
    assert_eq!(subject.broken().await.0, 4);
}

async fn nothing_is_written_behind_an_entry_that_no_apply_wrote(subject: Subject) {
    let base = three_entries(&subject).await;
    subject.add_to_history().await;
    assert_eq!(subject.broken().await.0, 4);
    let bob = row(Kind::Member, "bob", "{}");
    let refused = subject.store.commit(&batch(base, [put(&bob)], [entry(&bob, Happened::Created)])).await;
    assert!(matches!(refused, Err(StoreError::History { .. })), "{refused:?}");
    assert_eq!(subject.observe().await.revision, base);
}

async fn values_that_a_hand_erased_are_not_taken_for_purged(subject: Subject) {
    let base = three_entries(&subject).await;
    let bob = row(Kind::Member, "bob", "{}");
    let base = subject.store.commit(&batch(base, [put(&bob)], [entry(&bob, Happened::Created)])).await.unwrap().revision;
    subject.erase_values(2).await;
    let (seq, what) = subject.broken().await;
    assert_eq!((seq, what.contains("erased by hand")), (2, true), "{what}");
    let purged = entry(&bob, Happened::Purged);
    let base = subject.store.commit(&batch(base, [erase(&bob)], [purged])).await.unwrap().revision;
    assert_eq!(subject.broken().await.0, 2, "the purge of another object explains nothing");
    let alice = row(Kind::Member, "alice", "{}");
    subject.store.commit(&batch(base, [erase(&alice)], [entry(&alice, Happened::Purged)])).await.unwrap();
    assert_eq!(subject.verify().await, 6);
}

async fn each_apply_leaves_its_claim_and_moves_the_revision(subject: Subject) {
    let mut base = Revision::default();
    for holder in ["files", "6f0f9f2e-kube-system"] {
        let claim = Claim { manager: Manager::new("muster"), holder: holder.into(), namespace: "acme-ns".into(), seen_at: at(3) };
        let taken = Batch { claim: claim.clone(), ..batch(base, [], []) };
        let committed = subject.store.commit(&taken).await.unwrap();
        assert!(committed.revision.number > base.number, "a batch without writes is how an organization is taken over");
        assert_ne!(committed.revision.stamp, base.stamp);
        assert_eq!(subject.observe().await.claim, Some(claim));
        base = committed.revision;
    }
}

async fn organizations_do_not_meet(subject: Subject) {
    let ours = row(Kind::Member, "alice", "{}");
    let base = subject.commit(Revision::default(), [put(&ours)]).await;
    let theirs = Row { id: id("theirs"), ..row(Kind::Member, "alice", r#"{"role":"Admin"}"#) };
    let other = Batch {
        organization: "globex".into(),
        ..batch(Revision::default(), [put(&theirs)], [entry(&theirs, Happened::Created)])
    };
    let other = subject.store.commit(&other).await.unwrap();
    assert_eq!(other.last_entry, 1);
    assert_eq!(subject.observe().await.revision, base);
    let reach_over = Batch { organization: "globex".into(), ..batch(other.revision, [erase(&ours)], []) };
    subject.store.commit(&reach_over).await.unwrap();
    assert_eq!(subject.observe().await.rows, [ours]);
    let names: Vec<_> = subject.store.organizations().await.unwrap().into_iter().map(|known| known.organization).collect();
    assert_eq!(names, [Name::from(ACME), Name::from("globex")]);
}

async fn an_edit_by_hand_is_seen_and_what_was_applied_stays_known(subject: Subject) {
    let alice = row(Kind::Member, "alice", r#"{"role":"Member"}"#);
    let bob = Row { applied: Some(r#"{"role":"Viewer"}"#.into()), ..row(Kind::Member, "bob", r#"{"role":"Member"}"#) };
    let carol = row(Kind::Member, "carol", "{}");
    let base = subject.commit(Revision::default(), [put(&alice), put(&bob), put(&carol)]).await;
    subject.set_spec("alice", r#"{"role":"Admin"}"#).await;
    subject.set_spec("bob", r#"{"role":"Admin"}"#).await;

    let snapshot = subject.observe().await;
    assert!(snapshot.revision.number > base.number);
    assert_ne!(snapshot.revision.stamp, base.stamp);
    let edited = |row: &Row, applied: &str| Row {
        spec: r#"{"role":"Admin"}"#.into(),
        digest: None,
        applied: Some(applied.into()),
        ..row.clone()
    };
    let expected = [edited(&alice, r#"{"role":"Member"}"#), edited(&bob, r#"{"role":"Viewer"}"#), carol];
    assert_eq!(snapshot.rows, expected);
    let stale = subject.store.commit(&batch(base, [put(&alice)], [])).await;
    assert!(matches!(stale, Err(StoreError::Stale { .. })), "{stale:?}");
}

async fn a_second_edit_by_hand_does_not_forget_what_was_applied(subject: Subject) {
    let alice = row(Kind::Member, "alice", r#"{"role":"Member"}"#);
    subject.commit(Revision::default(), [put(&alice)]).await;
    for role in ["Admin", "Owner"] {
        subject.set_spec("alice", &format!(r#"{{"role":"{role}"}}"#)).await;
        let snapshot = subject.observe().await;
        assert_eq!(snapshot.rows[0].last_applied(), Some(&*alice.spec), "after the edit to {role}");
        assert_eq!(snapshot.rows[0].digest, None);
    }
}

async fn rows_that_a_hand_adds_or_removes_are_seen(subject: Subject) {
    let alice = row(Kind::Member, "alice", "{}");
    let base = subject.commit(Revision::default(), [put(&alice)]).await;
    let bob = Row { digest: None, manager: None, ..row(Kind::Member, "bob", "{}") };
    subject.insert(&bob).await;
    let added = subject.observe().await;
    assert!(added.revision.number > base.number && added.revision.stamp != base.stamp);
    assert_eq!(added.rows, [alice, bob.clone()]);
    assert_eq!(added.rows[1].last_applied(), None, "nothing was ever applied to it");
    subject.delete("alice").await;
    let removed = subject.observe().await;
    assert!(removed.revision.number > added.revision.number && removed.revision.stamp != added.revision.stamp);
    assert_eq!(removed.rows, [bob]);
}

async fn an_apply_after_an_edit_by_hand_seals_the_row_again(subject: Subject) {
    let alice = row(Kind::Member, "alice", r#"{"role":"Member"}"#);
    subject.commit(Revision::default(), [put(&alice)]).await;
    subject.set_spec("alice", r#"{"role":"Admin"}"#).await;
    let base = subject.observe().await.revision;
    subject.commit(base, [put(&alice)]).await;
    assert_eq!(subject.observe().await.rows, std::slice::from_ref(&alice), "put back as it was applied");

    let base = subject.observe().await.revision;
    let resolved = Row { spec: r#"{"role":"Member","residency":"Europe"}"#.into(), applied: Some(alice.spec.clone()), ..alice };
    subject.commit(base, [put(&resolved)]).await;
    assert_eq!(subject.observe().await.rows, [tidy(resolved)], "Muster may change the spec under the same digest");
}

async fn a_restored_backup_matches_no_later_plan(mut subject: Subject) {
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| row(Kind::Member, name, "{}"));
    let base = subject.commit(Revision::default(), [put(&alice)]).await;
    let backup = subject.backup().await;
    let planned_on = subject.commit(base, [put(&bob)]).await;
    subject.restore(backup).await;
    let counted_up = subject.commit(base, [put(&carol)]).await;
    assert_eq!(counted_up.number, planned_on.number, "the number alone would match");
    let stale = subject.store.commit(&batch(planned_on, [erase(&alice)], [])).await;
    assert!(matches!(stale, Err(StoreError::Stale { .. })), "{stale:?}");
}

async fn of_many_writers_at_once_one_wins(subject: Subject) {
    let mut base = Revision::default();
    for round in 0..5 {
        let writers = (0..8).map(|n| {
            let (store, member) = (subject.store.clone(), row(Kind::Member, &format!("member-{round}-{n}"), "{}"));
            tokio::spawn(async move { store.commit(&batch(base, [put(&member)], [entry(&member, Happened::Created)])).await })
        });
        let mut won = Vec::new();
        for writer in writers.collect::<Vec<_>>() {
            match writer.await.unwrap() {
                Ok(committed) => won.push(committed.revision),
                Err(StoreError::Stale { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        let snapshot = subject.observe().await;
        assert_eq!(won, [snapshot.revision]);
        assert_eq!(snapshot.rows.len(), round + 1);
        base = snapshot.revision;
    }
    assert_eq!(subject.verify().await, 5);
}

async fn reading_sees_one_moment(subject: Subject) {
    let of = |n: usize| ["a", "b"].map(|name| row(Kind::Member, name, &format!(r#"{{"n":{n}}}"#)));
    let mut base = subject.commit(Revision::default(), of(0).iter().map(put)).await;
    let store = subject.store.clone();
    let writer = tokio::spawn(async move {
        let mut revisions = vec![base];
        for n in 1..40 {
            let written: Vec<Write> = of(n).iter().map(put).collect();
            base = store.commit(&batch(base, written, [])).await.unwrap().revision;
            revisions.push(base);
        }
        revisions
    });
    let mut seen = Vec::new();
    loop {
        let finished = writer.is_finished();
        let snapshot = subject.observe().await;
        let [a, b] = &snapshot.rows[..] else { panic!("{:?}", snapshot.rows) };
        assert_eq!(a.spec, b.spec);
        let n: serde_json::Value = serde_json::from_str(&a.spec).unwrap();
        seen.push((usize::try_from(n["n"].as_u64().unwrap()).unwrap(), snapshot.revision));
        if finished {
            break;
        }
    }
    let revisions = writer.await.unwrap();
    for (n, revision) in seen {
        assert_eq!(revision, revisions[n], "the revision belongs to the rows");
    }
}
