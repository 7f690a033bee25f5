//! What holds for every tenancy and every history of edits.

#[path = "support/scenario.rs"]
mod scenario;
#[path = "support/tenancies.rs"]
mod tenancies;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use muster::api::Kind;
use muster::engine::{after, apply, export, to_yaml};
use muster::plan::rules::RULES;
use muster::plan::{Cause, Change, FieldChange, Plan, Refusal, Verb, plan, plan_by};
use muster::store::{Batch, Memory, Observe, Store, Write};
use muster::tenancy::{AdminsByPlace, Claim, Input, Key, Manager, Name, ObjectId, Snapshot, World, resolve, view};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use scenario::{Options, bytes, input};
use tenancies::{Edit, Files, edits};

const DAY: i64 = 86_400;

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn options(day: i64) -> Options {
    let mut options = scenario::steps("#! apply --prune --approve-all\nx")
        .into_iter()
        .find_map(|step| match step {
            scenario::Step::Apply(options, _) => Some(options),
            scenario::Step::Line(_) => None,
        })
        .unwrap();
    options.now = options.now.checked_add(jiff::SignedDuration::from_secs(day * DAY)).unwrap();
    options
}

async fn planned(store: &Memory, input: &Input, options: &Options) -> Plan {
    let mut plans = scenario::planned(store, input, options).await.plans;
    assert_eq!(plans.len(), 1);
    plans.remove(0)
}

/// Plans and applies, and returns the plan. What is known of the store afterwards without looking is what looking tells.
async fn applied(store: &Memory, input: &Input, options: &Options) -> Plan {
    let plan = planned(store, input, options).await;
    let (before, how) = (snapshot(store).await, options.apply());
    for outcome in apply(store, vec![plan.clone()], &how).await.unwrap() {
        assert!(!matches!(outcome.end, muster::engine::End::Stale(_) | muster::engine::End::Failed(_)), "{:?}", outcome.end);
        assert_eq!(after(before.clone(), &outcome, &how), snapshot(store).await);
    }
    plan
}

/// Applies, and once more where a guard was loosened: that counts from the next plan on.
async fn applied_whole(store: &Memory, input: &Input, options: &Options) {
    if !applied(store, input, options).await.loosened.is_empty() {
        applied(store, input, options).await;
    }
}

async fn snapshot(store: &Memory) -> Snapshot {
    store.observe(&Name::from("acme")).await.unwrap()
}

/// What a snapshot says, without ids, times and history.
fn state(snapshot: &Snapshot) -> BTreeMap<Key, (String, bool, Option<String>)> {
    let row = |row: &muster::tenancy::Row| {
        let manager = row.manager.as_ref().map(ToString::to_string);
        (row.key.clone(), (row.spec.to_string(), row.is_live(), manager))
    };
    snapshot.rows.iter().map(row).collect()
}

fn live(snapshot: &Snapshot) -> BTreeMap<Key, String> {
    state(snapshot).into_iter().filter(|(_, (_, live, _))| *live).map(|(key, (spec, _, _))| (key, spec)).collect()
}

fn yaml(files: &Files) -> Input {
    input("files.yaml", &files.yaml())
}

/// A store that has seen these edits, some at a time.
async fn with_history(histories: &[Vec<Edit>]) -> (Memory, Files) {
    let store = Memory::default();
    let mut files = Files::first();
    applied(&store, &yaml(&files), &options(0)).await;
    for (day, edits) in (1..).zip(histories) {
        files = files.edited(edits);
        applied(&store, &yaml(&files), &options(day)).await;
    }
    (store, files)
}

fn histories() -> impl Strategy<Value = Vec<Vec<Edit>>> {
    prop::collection::vec(edits(1..12), 1..4)
}

/// Writes the first steps of a plan, as if the power went off then.
async fn write_steps(store: &Memory, plan: &Plan, steps: usize, options: &Options) {
    let writes = plan.steps().into_iter().take(steps).flatten().map(|(id, row)| match row {
        Some(row) => Write::Put(Box::new(row.clone())),
        None => Write::Erase { key: Key::new(Kind::Member, id.to_string()), id },
    });
    let claim = Claim { manager: options.context().manager, holder: "files".into(), namespace: "".into(), seen_at: options.now };
    let batch =
        Batch { organization: plan.organization.clone(), base: plan.base, claim, writes: writes.collect(), entries: vec![] };
    store.commit(&batch).await.unwrap();
}

/// The ids of the places that have a lasting admin.
fn places_with_admins(snapshot: &Snapshot, options: &Options) -> BTreeSet<ObjectId> {
    let world = World::new(&snapshot.rows, options.now);
    let admins = AdminsByPlace::of(&world);
    let places = admins.iter().filter(|(_, admins)| !admins.lasting.is_empty());
    places.filter_map(|(place, _)| Some(snapshot.row(place)?.id)).collect()
}

/// The same cases each time, unless `PROPTEST_RNG_SEED` asks for others or `PROPTEST_CASES` for more.
fn config() -> ProptestConfig {
    fn asked<T: std::str::FromStr>(variable: &str) -> Option<T> {
        std::env::var(variable).ok()?.parse().ok()
    }
    ProptestConfig {
        cases: asked("PROPTEST_CASES").unwrap_or(128),
        max_global_rejects: 100_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(asked("PROPTEST_RNG_SEED").unwrap_or(1)),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn after_an_apply_the_plan_is_empty(histories in histories(), last in edits(1..12)) {
        run(async {
            let (store, files) = with_history(&histories).await;
            let files = files.edited(&last);
            applied_whole(&store, &yaml(&files), &options(30)).await;
            let again = planned(&store, &yaml(&files), &options(30)).await;
            prop_assert!(again.changes.is_empty(), "{:#?}", again.changes);
            prop_assert!(again.is_empty());
            Ok::<(), TestCaseError>(())
        })?;
    }

    #[test]
    fn an_apply_that_stops_after_any_step_and_goes_on_ends_where_it_would_have(histories in histories(), last in edits(1..12), stop in any::<prop::sample::Index>()) {
        run(async {
            let (store, files) = with_history(&histories).await;
            let input = yaml(&files.edited(&last));
            let options = options(30);
            let plan = planned(&store, &input, &options).await;
            let stopped = store.clone();
            applied_whole(&store, &input, &options).await;
            let steps = plan.steps().len();
            let stop = stop.index(steps + 1);
            write_steps(&stopped, &plan, stop, &options).await;
            applied_whole(&stopped, &input, &options).await;
            let (whole, parts) = (state(&snapshot(&store).await), state(&snapshot(&stopped).await));
            prop_assert_eq!(whole, parts, "stopped after {} of {}", stop, steps);
            Ok::<(), TestCaseError>(())
        })?;
    }

    #[test]
    fn at_every_step_a_place_that_keeps_its_admins_has_one(histories in histories(), last in edits(1..12)) {
        run(async {
            let (store, files) = with_history(&histories).await;
            let input = yaml(&files.edited(&last));
            let options = options(30);
            let plan = planned(&store, &input, &options).await;
            let before = places_with_admins(&snapshot(&store).await, &options);
            for steps in 0..=plan.steps().len() {
                let stopped = store.clone();
                write_steps(&stopped, &plan, steps, &options).await;
                let stored = snapshot(&stopped).await;
                let now = places_with_admins(&stored, &options);
                for row in stored.rows.iter().filter(|row| row.is_live() && before.contains(&row.id)) {
                    prop_assert!(now.contains(&row.id), "{} has no admin after {steps} steps of {:#?}", row.key, plan.changes);
                }
            }
            Ok::<(), TestCaseError>(())
        })?;
    }

    #[test]
    fn no_history_ever_does_what_is_forbidden(histories in prop::collection::vec(edits(1..10), 2..8)) {
        run(async {
            let store = Memory::default();
            let mut files = Files::first();
            applied(&store, &yaml(&files), &options(0)).await;
            for (day, edits) in (1..).zip(&histories) {
                let before = snapshot(&store).await;
                files = files.edited(edits);
                applied(&store, &yaml(&files), &options(day)).await;
                forbidden(&before, &snapshot(&store).await, &options(day))?;
            }
            Ok::<(), TestCaseError>(())
        })?;
    }

    #[test]
    fn neither_the_order_of_the_input_nor_that_of_the_rules_matters(histories in histories(), last in edits(1..12), seed in any::<u64>()) {
        run(async {
            let (store, files) = with_history(&histories).await;
            let files = files.edited(&last);
            let options = options(30);
            let plan_once = planned(&store, &yaml(&files), &options).await;
            let mut documents = files.documents();
            shuffle(&mut documents, seed);
            let shuffled = input("files.yaml", &documents.join("---\n"));
            let plan_again = planned(&store, &shuffled, &options).await;
            prop_assert_eq!(without_lines(&plan_once), without_lines(&plan_again));
            let observed = snapshot(&store).await;
            let tenancy = resolve(&yaml(&files), std::slice::from_ref(&observed), None).tenancies.remove(0);
            let mut rules = RULES.to_vec();
            shuffle(&mut rules, seed);
            let context = options.context();
            prop_assert_eq!(bytes(&[plan(&tenancy, &observed, &context)]), bytes(&[plan_by(&rules, &tenancy, &observed, &context)]));
            Ok::<(), TestCaseError>(())
        })?;
    }

    #[test]
    fn what_is_exported_plans_to_nothing(histories in histories()) {
        run(async {
            let (store, _) = with_history(&histories).await;
            let exported = input("export.yaml", &to_yaml(&export(&snapshot(&store).await)).unwrap());
            prop_assert_eq!(&exported.findings, &vec![]);
            let options = options(9);
            let plan = planned(&store, &exported, &options).await;
            // What a policy implies is nowhere written. It may wait for its admin, and whoever was kept without a document has
            // none of it until the document is back.
            let held = plan.held.values().any(|held| held.origin.is_some());
            // What a policy implied once and does not any more is nowhere written either: it goes now, if a guard or a person kept
            // it until now, or stays where no workspace may be deleted, and each plan says so.
            let stored = snapshot(&store).await;
            let left_over = |key: &Key| {
                let row = stored.row(key).filter(|row| row.key.kind == Kind::Workspace);
                row.and_then(|row| row.manager.as_ref()).is_some_and(Manager::is_policy)
            };
            let implied = |change: &Change| {
                let first = |field: &FieldChange| &*field.path == "defaultWorkspace";
                matches!(change.cause, Cause::Implied(_))
                    || change.fields.len() == 1 && change.fields.iter().all(first)
                    || change.is_removal() && left_over(change.root.as_ref().unwrap_or(&change.key))
            };
            let written = plan.changes.iter().filter(|change| !implied(change)).count();
            let kept = |refusal: &Refusal| refusal.verb == Some(Verb::SoftDelete) && left_over(&refusal.subject);
            let refused = plan.refusals.iter().filter(|refusal| !kept(refusal)).count();
            prop_assert!(written == 0 && refused == 0 && !held && plan.missing.is_empty(), "{:#?}", plan);
            Ok::<(), TestCaseError>(())
        })?;
    }

    #[test]
    fn what_comes_back_into_the_input_comes_back_with_its_ids(histories in histories(), gone in edits(1..8)) {
        run(async {
            let (store, files) = with_history(&histories).await;
            let before = snapshot(&store).await;
            applied(&store, &yaml(&files.clone().edited(&gone)), &options(20)).await;
            applied(&store, &yaml(&files), &options(21)).await;
            let after = snapshot(&store).await;
            // A rename that could not be done before may be done meanwhile.
            let kept: BTreeSet<ObjectId> = after.rows.iter().map(|row| row.id).collect();
            let renames = gone.iter().any(|edit| matches!(edit, Edit::RenameMember(..) | Edit::RenameWorkspace(..) | Edit::SwapWorkspaces(..)));
            let purges = gone.iter().any(|edit| matches!(edit, Edit::Policy(_))) || files.policy.members == "Hard" || files.policy.deletion == "Hard";
            for row in before.rows.iter().filter(|row| row.is_live() && !renames && !purges) {
                prop_assert!(kept.contains(&row.id), "{}", row.key);
            }
            Ok::<(), TestCaseError>(())
        })?;
    }

    #[test]
    fn a_chain_of_edits_and_a_fresh_apply_agree(histories in histories()) {
        run(async {
            let (store, files) = with_history(&histories).await;
            let files = files.tidy();
            let last = applied(&store, &yaml(&files), &options(9)).await;
            let fresh = Memory::default();
            let first = applied(&fresh, &yaml(&files), &options(9)).await;
            let clean = |plan: &Plan| plan.refusals.is_empty() && plan.held.is_empty();
            prop_assume!(clean(&last) && clean(&first));
            prop_assert_eq!(live(&snapshot(&store).await), live(&snapshot(&fresh).await));
            Ok::<(), TestCaseError>(())
        })?;
    }
}

fn forbidden(before: &Snapshot, after: &Snapshot, options: &Options) -> Result<(), TestCaseError> {
    let world = World::new(&before.rows, options.now);
    let there: BTreeMap<ObjectId, &muster::tenancy::Row> =
        after.rows.iter().filter(|row| row.is_live()).map(|row| (row.id, row)).collect();
    for item in world.of_kind(Kind::Workspace) {
        let view::View::Workspace(workspace) = &*item.view else { continue };
        let kept = there.get(&item.row.id);
        let forbidden = world.policy.workspace_deletion == muster::api::policy::DeletionMode::Forbid;
        prop_assert!(kept.is_some() || !(workspace.deletion_protection || forbidden), "{} was deleted", item.row.key);
        if let Some(view::View::Workspace(now)) = kept.map(|row| view::View::read(Kind::Workspace, &row.spec)) {
            prop_assert!(
                workspace.data_residency.is_none() || workspace.data_residency == now.data_residency,
                "{} moved",
                item.row.key
            );
        }
    }
    let had_admins = places_with_admins(before, options);
    let has_admins = places_with_admins(after, options);
    for id in had_admins.iter().filter(|id| there.contains_key(id)) {
        prop_assert!(has_admins.contains(id), "{} lost its last admin", there[id].key);
    }
    for row in after.rows.iter().filter(|row| row.is_live()) {
        for (target, _) in muster::tenancy::reference::targets(&row.key, &row.spec) {
            prop_assert!(
                after.row(&target).is_some_and(muster::tenancy::Row::is_live),
                "{} refers to {target}, which is not there",
                row.key
            );
        }
    }
    Ok(())
}

fn shuffle<T>(list: &mut [T], mut seed: u64) {
    for at in (1..list.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        list.swap(at, usize::try_from(seed >> 33).unwrap() % (at + 1));
    }
}

fn without_lines(plan: &Plan) -> String {
    scenario::without_lines(&bytes(std::slice::from_ref(plan)))
}
