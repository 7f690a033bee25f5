use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::defaults::{self, Profile};
use super::{Credentials, Keys, Switches};

/// A workspace: what one pair of keys reaches.
pub struct Workspace {
    pub label: String,
    pub keys: Keys,
    pub customer: String,
    /// By id.
    pub templates: BTreeMap<String, Template>,
}

impl Workspace {
    pub fn new(label: &str, keys: Keys) -> Self {
        let customer = Uuid::new_v4().simple().to_string()[..24].to_owned();
        Self { label: label.to_owned(), keys, customer, templates: BTreeMap::new() }
    }

    pub fn by_name(&mut self, name: &str) -> Option<&mut Template> {
        self.templates.values_mut().find(|template| template.name == name)
    }

    /// At most one template of a workspace is its default.
    pub fn only_default(&mut self, id: &str) {
        if self.templates.get(id).is_some_and(|template| template.default) {
            self.templates.iter_mut().filter(|(other, _)| *other != id).for_each(|(_, template)| template.default = false);
        }
    }
}

/// A template as it is kept.
#[derive(Clone, Debug)]
pub struct Template {
    pub id: String,
    pub name: String,
    pub default: bool,
    /// By name.
    pub roles: Map<String, Value>,
    pub settings: Option<Value>,
    pub destinations: Value,
    pub plugins: Option<Value>,
    pub recordings: Vec<Value>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Template {
    pub fn new(id: String, at: Timestamp, body: &Value, profile: Profile) -> Self {
        let generated = || format!("default_videoconf_{}", Uuid::new_v4());
        let name = body["name"].as_str().map_or_else(generated, str::to_owned);
        let mut new = Self {
            id,
            name,
            default: false,
            roles: Map::new(),
            settings: None,
            destinations: json!({}),
            plugins: None,
            recordings: Vec::new(),
            created_at: at,
            updated_at: at,
        };
        new.replace(at, body, profile);
        new
    }

    /// Everything but the id, and the name if none is given, becomes what the body says.
    pub fn replace(&mut self, at: Timestamp, body: &Value, profile: Profile) {
        if let Some(name) = body["name"].as_str() {
            name.clone_into(&mut self.name);
        }
        if profile == Profile::V1 {
            self.default = body["default"] == true;
        }
        let roles = body["roles"].as_object().into_iter().flatten();
        self.roles = roles.map(|(name, role)| (name.clone(), defaults::role(name, role, profile))).collect();
        self.settings = defaults::settings(body.get("settings"), profile);
        self.destinations = defaults::destinations(body.get("destinations"), profile);
        self.plugins = body.get("plugins").cloned();
        self.updated_at = at;
    }

    /// What is answered of it; what is answered of an update has no times.
    pub fn view(&self, customer: &str, profile: Profile, switches: Switches, updated: bool) -> Value {
        let mut view = json!({"_id": self.id, "name": self.name, "customer": customer, "roles": self.roles});
        if profile == Profile::V1 {
            if self.default {
                view["default"] = true.into();
            }
            if let Some(settings) = self.settings(switches) {
                view["settings"] = settings;
            }
            return view;
        }
        let time = |time: Timestamp| if updated { "0001-01-01T00:00:00Z".to_owned() } else { time.to_string() };
        view["id"] = self.id.clone().into();
        view["customerId"] = customer.into();
        view["settings"] = self.settings(switches).unwrap_or_else(|| json!({"retry": {}}));
        view["destinations"] = self.destinations.clone();
        view["createdAt"] = time(self.created_at).into();
        view["updatedAt"] = time(self.updated_at).into();
        if let Some(plugins) = &self.plugins {
            view["plugins"] = plugins.clone();
            if switches.captions_as_list
                && let Some(captions) = view["plugins"].get_mut("transcriptions")
                && captions.is_object()
            {
                *captions = json!([captions.take()]);
            }
        }
        view
    }

    /// What is answered of its settings.
    pub fn settings(&self, switches: Switches) -> Option<Value> {
        let mut settings = self.settings.clone()?;
        if let Some(upload) = settings.pointer_mut("/recording/upload").and_then(Value::as_object_mut) {
            match switches.credentials {
                Credentials::Clear => {}
                Credentials::Masked => {
                    if let Some(secret) = upload.get_mut("credentials").and_then(|kept| kept.get_mut("secret")) {
                        *secret = "*****".into();
                    }
                }
                Credentials::Hidden => drop(upload.remove("credentials")),
            }
        }
        Some(settings)
    }

    /// What it is, whenever and under whatever id.
    pub fn content(&self) -> Value {
        json!({
            "default": self.default, "roles": self.roles, "settings": self.settings, "destinations": self.destinations,
            "plugins": self.plugins, "recordings": self.recordings,
        })
    }
}
