use std::sync::PoisonError;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::Value;
use zeroize::Zeroizing;

use super::super::secrets::{Secret, SecretError, Values, owner};
use super::super::{Fault, Sent};
use super::Aaq;
use super::api::{Changes, Entry, Workspace};
use super::shape::{ADMIN, LANDS, LANGUAGE, READ_ONLY, ROLE};
use crate::api::Kind;
use crate::plan::mirror::{Call, Found};
use crate::tenancy::Deed;

/// The key of an API key in its Secret.
pub(super) const KEY: &str = "apiKey";

impl Aaq {
    /// Makes one change.
    pub(super) async fn change(&self, call: &Call, current: Option<&Found>) -> Result<Sent, Fault> {
        let sent = match (call.kind(), call.deed) {
            (Kind::Workspace, Deed::Create) => self.make_workspace(call, current).await,
            (Kind::Workspace, Deed::Adopt | Deed::Update) => self.change_workspace(call, current).await,
            (Kind::Membership, Deed::Create) => self.put_in(call, current).await,
            (Kind::Membership, Deed::Adopt | Deed::Update) => self.change_member(call, current).await,
            (Kind::Membership, Deed::Remove) => self.take_out(call).await,
            (Kind::Credential, Deed::Create | Deed::Rotate) => self.new_key(call).await,
            (Kind::Credential, Deed::Adopt | Deed::Update) => Ok(is(call.external_id.clone())),
            _ => Err(Fault::withheld("AAQ has no call for it")),
        };
        if sent.as_ref().is_err_and(|fault| !fault.changed_nothing()) {
            self.doubtful.lock().unwrap_or_else(PoisonError::into_inner).insert(call.id);
        }
        sent
    }

    /// Whether it was begun before, in an earlier run or in this one, and nobody knows what became of it.
    fn is_doubtful(&self, call: &Call) -> bool {
        call.again || self.doubtful.lock().unwrap_or_else(PoisonError::into_inner).contains(&call.id)
    }

    /// Makes a workspace and sets its language, which AAQ ignores when it makes one. What is there already was made by a call that was
    /// interrupted between the two.
    async fn make_workspace(&self, call: &Call, current: Option<&Found>) -> Result<Sent, Fault> {
        let (id, language) = if let Some(found) = current {
            (found.external_id.clone(), text(found.fields.get(LANGUAGE)).unwrap_or_default().into())
        } else {
            let made = self.one_of_ours(call).await?;
            (made.id(), made.language)
        };
        let wanted = text(call.value(&[LANGUAGE])).unwrap_or(&language);
        if *wanted != *language {
            let halfway = |_| Fault::unknown("the workspace was made, and its language was not set");
            self.session.update_workspace(&id, None, wanted).await.map_err(halfway)?;
        }
        Ok(is(Some(id)))
    }

    /// A new workspace; or the one that an earlier call made and that nobody is in, because AAQ failed before it put its creator into it.
    async fn one_of_ours(&self, call: &Call) -> Result<Workspace, Fault> {
        match self.session.create_workspace(&call.name).await? {
            Some(made) => Ok(made),
            None if self.is_doubtful(call) => self.take_empty(&call.name).await,
            None => Err(Fault::refused(200, TAKEN)),
        }
    }

    /// Becomes the admin of a workspace without users. AAQ refuses it where there are any.
    async fn take_empty(&self, name: &str) -> Result<Workspace, Fault> {
        let entry = Entry { username: self.session.account(), role: ADMIN.there, workspace: name, lands: false };
        match self.session.add_account(entry).await {
            Ok(_) => {}
            Err(Fault::Denied { .. }) => return Err(Fault::refused(403, TAKEN)),
            Err(fault) => return Err(fault),
        }
        let there = self.session.workspaces().await.unwrap_or_default();
        let halfway = || Fault::unknown("a workspace that was made before was taken over, and cannot be seen");
        there.into_iter().find(|workspace| *workspace.name == *name).ok_or_else(halfway)
    }

    async fn change_workspace(&self, call: &Call, current: Option<&Found>) -> Result<Sent, Fault> {
        let found = current.ok_or(Fault::Missing)?;
        let there = text(found.fields.get(LANGUAGE)).unwrap_or_default();
        let (name, language) = (text(call.value(&["name"])), text(call.value(&[LANGUAGE])));
        // A language that is managed no longer stays as it is.
        if name.is_some() || language.is_some() {
            self.session.update_workspace(&found.external_id, name, language.unwrap_or(there)).await?;
        }
        Ok(is(Some(found.external_id.clone())))
    }

    /// The workspace that a call is about something in, as the look before it saw it. If it was renamed since, AAQ does not know the name.
    async fn looked_at(&self, call: &Call) -> Result<Workspace, Fault> {
        match call.within_id.as_deref().and_then(|id| self.session.remembered(id)) {
            Some(workspace) => Ok(workspace),
            None => self.within(call).await,
        }
    }

    /// Puts a member into a workspace, with a new account if there is none of that name. Who is in it already was put there by a call
    /// whose answer was lost, maybe with other values.
    async fn put_in(&self, call: &Call, current: Option<&Found>) -> Result<Sent, Fault> {
        self.not_ours(call)?;
        if current.is_some() {
            return self.change_member(call, current).await;
        }
        let Some((member, _)) = call.key.member_and_place() else { return Err(Fault::Missing) };
        let workspace = self.looked_at(call).await?;
        let role = role_there(call.value(&[ROLE])).unwrap_or(READ_ONLY.there);
        let lands = call.value(&[LANDS]) == Some(&Value::Bool(true));
        let entry = Entry { username: &call.name, role, workspace: &workspace.name, lands };
        if self.session.has_account(&call.name).await? {
            // An account that AAQ made for Muster and put nowhere lands nowhere, and cannot log in.
            let password = if self.is_doubtful(call) { self.password_of(member, &call.name).await } else { None };
            let homeless = password.is_some() && !self.is_somewhere(&call.name).await?;
            let codes = self.session.add_account(Entry { lands: lands || homeless, ..entry }).await?;
            if let Some(password) = password {
                self.keep_account(member, &call.name, &password, Some(&codes)).await.map_err(lost_codes)?;
            }
        } else {
            self.make_account(member, entry).await?;
        }
        let members = self.session.members(&workspace).await.unwrap_or_default();
        let there = members.into_iter().find(|person| person.username == call.name);
        there.map(|person| is(Some(person.id))).ok_or_else(|| Fault::unknown("the member was put in, and cannot be seen"))
    }

    /// Whether somebody of this name is in any workspace that Muster's account can see.
    async fn is_somewhere(&self, username: &str) -> Result<bool, Fault> {
        for workspace in self.session.workspaces().await? {
            if self.session.members(&workspace).await?.iter().any(|person| *person.username == *username) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes an account with a password that goes to its Secret before AAQ hears of it, so that it is never lost; then the recovery codes
    /// follow.
    async fn make_account(&self, member: &str, entry: Entry<'_>) -> Result<(), Fault> {
        let nowhere = |error: SecretError| Fault::withheld(no_place_for_password(member, &error));
        let (owner, name) = (self.account_owner(entry.username), account_secret(member));
        self.secrets.may_write(&owner, &name).await.map_err(nowhere)?;
        let password = password()?;
        self.keep_account(member, entry.username, &password, None).await.map_err(nowhere)?;
        let codes = self.session.create_account(entry, &password).await?;
        self.keep_account(member, entry.username, &password, Some(&codes)).await.map_err(lost_codes)
    }

    /// For whom the Secret of an account is written: members of the same name, in two organizations, are not the same account.
    fn account_owner(&self, username: &str) -> String {
        format!("the account {username:?} at {}", self.session.address())
    }

    /// Whether a password was written down for an account; an error where one could not be.
    pub(super) async fn look_for_password(&self, member: &str, username: &str) -> Result<bool, SecretError> {
        self.secrets.kept(&self.account_owner(username), &account_secret(member), PASSWORD).await
    }

    /// The password that was written down for an account before it was made.
    async fn password_of(&self, member: &str, username: &str) -> Option<Secret> {
        let ours = self.look_for_password(member, username).await.unwrap_or_default();
        if ours { self.secrets.read(&account_secret(member), PASSWORD).await.ok() } else { None }
    }

    /// Writes down what an account is entered with.
    async fn keep_account(
        &self,
        member: &str,
        username: &str,
        password: &Secret,
        codes: Option<&[Secret]>,
    ) -> Result<(), SecretError> {
        let mut lines = Zeroizing::new(String::new());
        for code in codes.unwrap_or_default() {
            lines.push_str(code.expose());
            lines.push('\n');
        }
        let codes = if lines.is_empty() { Secret::from(NO_CODES.to_owned()) } else { Secret::from(lines.to_string()) };
        let values = Values::from([
            ("username".to_owned(), Secret::from(username.to_owned())),
            (PASSWORD.to_owned(), password.clone()),
            ("recoveryCodes".to_owned(), codes),
        ]);
        self.secrets.write(&self.account_owner(username), &account_secret(member), &values).await
    }

    async fn change_member(&self, call: &Call, current: Option<&Found>) -> Result<Sent, Fault> {
        self.not_ours(call)?;
        let found = current.ok_or(Fault::Missing)?;
        let differs = |field: &str| call.value(&[field]).filter(|value| found.fields.get(field) != Some(*value));
        let role = role_there(differs(ROLE));
        let lands = differs(LANDS) == Some(&Value::Bool(true));
        let renamed = text(call.value(&["name"]));
        // Where a member lands no longer is said by where the member lands now.
        if role.is_some() || lands || renamed.is_some() {
            let workspace = self.looked_at(call).await?;
            if role.is_some_and(|role| role != ADMIN.there) {
                self.keeps_an_admin(&workspace, &found.external_id).await?;
            }
            let username = renamed.unwrap_or(&found.name);
            let changes = Changes { username, workspace: &workspace.name, role, lands };
            self.session.update_account(&found.external_id, changes).await?;
        }
        Ok(is(Some(found.external_id.clone())))
    }

    async fn take_out(&self, call: &Call) -> Result<Sent, Fault> {
        self.not_ours(call)?;
        let id = call.external_id.as_deref().ok_or(Fault::Missing)?;
        let workspace = self.looked_at(call).await?;
        self.keeps_an_admin(&workspace, id).await?;
        self.session.remove(id, &workspace.name).await?;
        Ok(Sent::default())
    }

    /// Refuses to take away the last admin of a workspace. AAQ would let the last one be demoted, and it counts Muster's account.
    async fn keeps_an_admin(&self, workspace: &Workspace, leaving: &str) -> Result<(), Fault> {
        let members = self.session.members(workspace).await?;
        let (leaves, stay): (Vec<_>, Vec<_>) =
            members.iter().filter(|person| *person.role == *ADMIN.there).partition(|person| *person.id == *leaving);
        if leaves.is_empty() || !stay.is_empty() {
            return Ok(());
        }
        Err(Fault::withheld("the workspace would be left without an admin at AAQ; make somebody else an admin of it first"))
    }

    fn not_ours(&self, call: &Call) -> Result<(), Fault> {
        if *call.name == *self.session.account() {
            return Err(Fault::withheld("this is the account that Muster itself uses at AAQ, which is nobody's membership"));
        }
        Ok(())
    }

    /// Makes an API key and writes it to its Secret.
    async fn new_key(&self, call: &Call) -> Result<Sent, Fault> {
        let to = call.issued.as_ref().and_then(|issued| issued.to.as_deref());
        let to =
            to.ok_or_else(|| Fault::withheld("the key would be shown once and lost: name a Secret in spec.writeSecretToRef"))?;
        let owner = owner(call.id);
        let nowhere = |error: SecretError| Fault::withheld(format!("the key would be shown once and lost: {error}"));
        self.secrets.may_write(&owner, to).await.map_err(nowhere)?;
        let workspace = self.looked_at(call).await?;
        let key = self.session.rotate_key(&workspace.name).await?;
        let lost = |error: SecretError| Fault::unknown(format!("a key was made and lost: {error}"));
        self.secrets.write(&owner, to, &Values::from([(KEY.to_owned(), key)])).await.map_err(lost)?;
        let halfway = |_| Fault::unknown("a key was made and kept, and AAQ does not say which");
        let workspace = self.within(call).await.map_err(halfway)?;
        Ok(is(workspace.key_made))
    }
}

const TAKEN: &str = "a workspace of this name is there already, and Muster's account is not in it; choose another name, or have \
                     one of its admins add the account as an admin";

/// The key of a password in the Secret of its account.
const PASSWORD: &str = "password";

/// What stands in the place of the recovery codes of an account while nobody has them.
const NO_CODES: &str = "lost: AAQ shows them when it makes the account, and its answer did not arrive";

/// Why no account is made for a member.
pub(super) fn no_place_for_password(member: &str, error: &SecretError) -> String {
    format!("{member} has no account there, and the password of a new one would be lost: {error}")
}

fn lost_codes(error: SecretError) -> Fault {
    Fault::unknown(format!("the account was made and its recovery codes were lost: {error}"))
}

/// The name of the Secret that the password and the recovery codes of a new account go to.
fn account_secret(member: &str) -> String {
    format!("{member}-aaq-account")
}

/// A password of 32 characters, which nobody can guess.
fn password() -> Result<Secret, Fault> {
    let mut bytes = Zeroizing::new([0; 24]);
    let failed = |_| Fault::unavailable("this machine gives no random numbers for a password");
    SystemRandom::new().fill(&mut *bytes).map_err(failed)?;
    Ok(Secret::from(BASE64.encode(*bytes)))
}

fn is(external_id: Option<Box<str>>) -> Sent {
    Sent { external_id, orphans: Vec::new() }
}

fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str)
}

fn role_there(value: Option<&Value>) -> Option<&'static str> {
    let role = text(value)?;
    [ADMIN, READ_ONLY].into_iter().find(|known| known.here == role).map(|role| role.there)
}
