use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::Value;

use super::Api;
use super::token::{Token, mint};
use crate::api::types::SecretKeyRef;
use crate::backend::http::{Auth, Request, Response};
use crate::backend::secrets::{Pair, Secret};
use crate::backend::{Connection, Fault};
use crate::tenancy::Name;

/// More pages than any workspace has.
const PAGES: usize = 1_000;

/// More bytes than all pages of a list together have.
const LIST: usize = 64 * 1024 * 1024;

/// Makes authorized calls for each workspace.
#[derive(Debug)]
pub struct Service {
    pub api: Api,
    connection: Connection,
    tokens: Mutex<BTreeMap<Name, Token>>,
}

/// One page of a list. After the end, `data` may be missing, and `last` may be missing, null or empty.
#[derive(Deserialize)]
struct Page {
    data: Option<Vec<Value>>,
    last: Option<Box<str>>,
}

impl Service {
    pub fn new(api: Api, connection: Connection) -> Self {
        Self { api, connection, tokens: Mutex::default() }
    }

    /// Makes a call for a workspace. Where its token is not accepted, once more with a fresh one: a refused call did nothing. The
    /// answer may be one from 300 to 499.
    pub async fn call(&self, place: &Name, request: Request) -> Result<Response, Fault> {
        let (token, is_fresh) = self.token(place)?;
        let response = self.connection.client.exchange(request.clone().auth(Auth::Bearer(token))).await?;
        if is_fresh || !matches!(response.status(), 401 | 403) {
            return Ok(response);
        }
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).remove(place);
        let (token, _) = self.token(place)?;
        self.connection.client.exchange(request.auth(Auth::Bearer(token))).await
    }

    /// Makes a call whose answer must be a success.
    pub async fn json(&self, place: &Name, request: Request) -> Result<Value, Fault> {
        self.call(place, request).await?.or_fault()?.json()
    }

    /// Reads one thing; `None` where it is not there.
    pub async fn get(&self, place: &Name, request: Request) -> Result<Option<Value>, Fault> {
        match self.json(place, request).await {
            Ok(value) => Ok(Some(value)),
            Err(Fault::Missing) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The token of a workspace, and whether it was made for this call.
    fn token(&self, place: &Name) -> Result<(Secret, bool), Fault> {
        let now = self.connection.client.today();
        if let Some(token) = self.kept(place).filter(|token| token.is_good(now)) {
            return Ok((token.bearer, false));
        }
        let token = mint(self.keys(place)?, now);
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(place.clone(), token.clone());
        Ok((token.bearer, true))
    }

    fn kept(&self, place: &Name) -> Option<Token> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }

    fn keys(&self, place: &Name) -> Result<&Pair, Fault> {
        match self.connection.credentials.get(place) {
            Some(Ok(keys)) => Ok(keys),
            Some(Err(why)) => Err(Fault::withheld(why.to_string())),
            None => Err(Fault::withheld(format!("workspace/{place} has no keys"))),
        }
    }

    /// Reads a secret of the user's.
    pub async fn secret(&self, reference: &SecretKeyRef) -> Result<Secret, Fault> {
        let read = self.connection.secrets.read(reference.name.as_str(), reference.key.as_str()).await;
        read.map_err(|error| Fault::withheld(error.to_string()))
    }

    /// All templates of a workspace, or that one that is meant by a filter of V1.
    pub async fn list(&self, place: &Name, filter: Option<(&'static str, &str)>) -> Result<Vec<Value>, Fault> {
        let mut all = Vec::new();
        let mut seen: BTreeSet<Box<str>> = BTreeSet::new();
        let mut start: Option<Box<str>> = None;
        let mut bytes = 0;
        for _ in 0..PAGES {
            let mut request = Request::get("list templates", "/templates").query("limit", self.api.capabilities().page);
            request = filter.iter().fold(request, |request, (name, value)| request.query(name, value));
            request = start.iter().fold(request, |request, start| request.query("start", start));
            let response = self.call(place, request).await?.or_fault()?;
            bytes += response.body().len();
            if bytes > LIST {
                return Err(Fault::unreadable("the list of templates is longer than any workspace has"));
            }
            let Page { data, last } = response.json()?;
            let data = data.unwrap_or_default();
            for template in &data {
                let id = id(template).ok_or_else(|| Fault::unreadable("one of the listed templates has no id"))?;
                if !seen.insert(id.into()) {
                    return Err(Fault::unreadable("a page of the list comes again, so nobody can tell where the list ends"));
                }
            }
            let is_empty = data.is_empty();
            all.extend(data);
            start = last.filter(|last| !last.is_empty() && !is_empty);
            if start.is_none() || filter.is_some() {
                return Ok(all);
            }
        }
        Err(Fault::unreadable("the list of templates does not end"))
    }

    /// One template, as it is now, with everything that it holds.
    pub async fn template(&self, place: &Name, wanted: &str) -> Result<Option<Value>, Fault> {
        let template = match self.api {
            Api::V1 => self.list(place, Some(("id", wanted))).await?.into_iter().find(|template| id(template) == Some(wanted)),
            Api::V2 => self.get(place, Request::get("get template", "/templates").part(wanted)).await?,
        };
        match template {
            Some(template) if id(&template) != Some(wanted) => {
                Err(Fault::unreadable("it answers with another template than was asked for"))
            }
            template => Ok(template),
        }
    }

    /// How a template is recorded, which V2 keeps beside it: the only entry of a list.
    pub async fn recording(&self, place: &Name, template: &str) -> Result<Option<Value>, Fault> {
        let request = Request::get("get recordings", "/templates").part(template).then("/recordings");
        let list = self.get(place, request).await?;
        Ok(list.and_then(|mut list| list.as_array_mut().and_then(|list| (!list.is_empty()).then(|| list.swap_remove(0)))))
    }
}

/// The id of a template: V1 calls it `_id`.
pub fn id(template: &Value) -> Option<&str> {
    let id = template.get("id").or_else(|| template.get("_id"))?;
    id.as_str().filter(|id| !id.is_empty())
}

/// The name of a template or a role.
pub fn name(thing: &Value) -> Option<&str> {
    thing.get("name")?.as_str().filter(|name| !name.is_empty())
}
