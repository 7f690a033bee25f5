use std::collections::BTreeSet;

use serde::Deserialize;

use super::super::Fault;
use super::super::http::{Auth, Client, Method, Request};
use super::super::secrets::Secret;
use super::CAPABILITIES;

/// The signing keys of one workspace.
pub struct Keys<'f> {
    pub client: &'f Client,
    pub auth: Auth,
}

/// What FastPix puts around every answer.
#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

/// A key that was just made, with its private half.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Made {
    pub id: Box<str>,
    pub private_key: Secret,
}

#[derive(Deserialize)]
struct Listed {
    id: Box<str>,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Listed>,
    pagination: Pagination,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pagination {
    total_records: usize,
}

const PATH: &str = "/iam/signing-keys";

impl Keys<'_> {
    fn request(&self, method: Method, op: &'static str) -> Request {
        Request::new(method, op, PATH).auth(self.auth.clone())
    }

    pub async fn create(&self) -> Result<Made, Fault> {
        let made = self.client.send(self.request(Method::Post, "create signing key")).await?.json::<Envelope<Made>>()?.data;
        match is_id(&made.id) && !made.private_key.is_empty() {
            true => Ok(made),
            false => Err(Fault::unknown("it says that a key was made, and does not show it")),
        }
    }

    pub async fn exists(&self, id: &str) -> Result<bool, Fault> {
        match self.client.send(self.request(Method::Get, "look at signing key").part(id)).await {
            Ok(_) => Ok(true),
            Err(Fault::Missing) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    pub async fn delete(&self, id: &str) -> Result<(), Fault> {
        self.client.send(self.request(Method::Delete, "delete signing key").part(id)).await.map(drop)
    }

    async fn page(&self, number: usize) -> Result<Page, Fault> {
        let request = self.request(Method::Get, "list signing keys");
        let request = request.query("limit", CAPABILITIES.page).query("offset", number);
        self.client.send(request).await?.json()
    }
}

/// An id as FastPix makes them, which may stand in a path and in a plan.
fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// How often the list is read from the beginning, when it changes while it is read.
const READINGS: usize = 3;

/// More keys than this are a list that does not end.
const MOST: usize = 10_000;

impl Keys<'_> {
    /// The ids of all keys.
    ///
    /// A page is found by its number, so a key that is made or deleted meanwhile moves others to another page: the list counts only
    /// if it has as many different keys as the service says that there are.
    pub async fn list(&self) -> Result<BTreeSet<Box<str>>, Fault> {
        for _ in 0..READINGS {
            if let Some(ids) = self.read().await? {
                return Ok(ids);
            }
        }
        Err(Fault::unreadable("its list of signing keys is not complete, or changes while it is read"))
    }

    /// `None` when the pages do not fit together.
    async fn read(&self) -> Result<Option<BTreeSet<Box<str>>>, Fault> {
        let mut ids = BTreeSet::new();
        let mut total = None;
        for number in 1.. {
            let Page { data, pagination } = self.page(number).await?;
            let (before, said) = (ids.len(), *total.get_or_insert(pagination.total_records));
            if said > MOST {
                return Err(Fault::unreadable(format!("it lists more than {MOST} signing keys")));
            }
            if !data.iter().all(|listed| is_id(&listed.id)) {
                return Err(Fault::unreadable("it lists a signing key whose id is none"));
            }
            ids.extend(data.into_iter().map(|listed| listed.id));
            if pagination.total_records == said && ids.len() == said {
                break;
            }
            if pagination.total_records != said || ids.len() > said || ids.len() == before {
                return Ok(None);
            }
        }
        Ok(Some(ids))
    }
}
