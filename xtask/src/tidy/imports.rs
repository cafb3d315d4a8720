//! Who may import whom, checked on cargo's own view of the packages.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

/// What a package of ours may import of ours.
const OURS: &[(&str, &[&str])] = &[
    (
        "ordershop",
        &["ordershop-actors", "ordershop-domain", "ordershop-store", "ordershop-supervisors"],
    ),
    ("ordershop-actors", &["ordershop-domain", "ordershop-store", "ordershop-supervisors"]),
    ("ordershop-domain", &[]),
    ("ordershop-store", &[]),
    ("ordershop-supervisors", &[]),
    ("xtask", &[]),
];

/// Which packages of ours may name a crate from outside.
const NAMED_BY: &[(&str, &[&str])] = &[
    ("bincode", &["ordershop-store"]),
    ("redis", &["ordershop-store"]),
    ("actix", &["ordershop-supervisors", "ordershop-actors", "ordershop"]),
    ("actix-rt", &["ordershop-supervisors", "ordershop-actors", "ordershop"]),
    ("actix-http", &["ordershop"]),
    ("actix-web", &["ordershop"]),
    ("lettre", &["ordershop"]),
];

/// What must not be reached from a package, over any number of steps.
const UNREACHABLE: &[(&str, &[&str])] = &[
    ("ordershop-domain", &["tokio", "actix", "actix-rt", "redis", "rand", "jiff", "chrono"]),
    ("ordershop-store", &["actix", "actix-rt"]),
    ("ordershop-supervisors", &["redis", "bincode"]),
];

/// Each import that breaks a rule, as one line.
pub(super) fn complaints(metadata: &Value) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in members(metadata) {
        let Some((_, allowed)) = OURS.iter().find(|(name, _)| *name == package.name) else {
            complaints.push(format!(
                "{}: a new package; say in xtask/src/tidy/imports.rs what it may import",
                package.name
            ));
            continue;
        };
        for import in &package.imports {
            let ours = OURS.iter().any(|(name, _)| name == import);
            if ours && !allowed.contains(&import.as_str()) {
                complaints.push(format!("{} must not import {import}", package.name));
            }
            let named_by = NAMED_BY.iter().find(|(name, _)| name == import);
            if named_by.is_some_and(|(_, by)| !by.contains(&package.name.as_str())) {
                complaints.push(format!("{} must not name {import}", package.name));
            }
        }
    }
    let graph = Graph::new(metadata);
    for (package, forbidden) in UNREACHABLE {
        let reached = graph.reachable_from(package);
        for name in forbidden.iter().filter(|name| reached.contains(**name)) {
            complaints.push(format!("{package} reaches {name}, which it must know nothing of"));
        }
    }
    complaints
}

/// A package of the workspace and all it names: for the program, for tests, for its build.
struct Member {
    name: String,
    imports: BTreeSet<String>,
}

fn members(metadata: &Value) -> Vec<Member> {
    let ids: Vec<&Value> = list(&metadata["workspace_members"]).iter().collect();
    list(&metadata["packages"])
        .iter()
        .filter(|package| ids.contains(&&package["id"]))
        .map(|package| Member {
            name: text(&package["name"]),
            imports: list(&package["dependencies"])
                .iter()
                .filter(|import| import["kind"] != "dev" || is_ours(&import["name"]))
                .map(|import| text(&import["name"]))
                .collect(),
        })
        .collect()
}

/// The resolved packages, and what each imports when it is not being tested.
struct Graph {
    names: HashMap<String, String>,
    imports: HashMap<String, Vec<String>>,
}

impl Graph {
    fn new(metadata: &Value) -> Self {
        let names = list(&metadata["packages"])
            .iter()
            .map(|package| (text(&package["id"]), text(&package["name"])))
            .collect();
        let imports = list(&metadata["resolve"]["nodes"])
            .iter()
            .map(|node| {
                let imports = list(&node["deps"])
                    .iter()
                    .filter(|import| {
                        list(&import["dep_kinds"]).iter().any(|kind| kind["kind"].is_null())
                    })
                    .map(|import| text(&import["pkg"]))
                    .collect();
                (text(&node["id"]), imports)
            })
            .collect();
        Self { names, imports }
    }

    fn reachable_from(&self, package: &str) -> BTreeSet<&str> {
        let mut waiting: Vec<&String> =
            self.names.iter().filter(|(_, name)| *name == package).map(|(id, _)| id).collect();
        let mut seen = BTreeSet::new();
        while let Some(id) = waiting.pop() {
            if seen.insert(id) {
                waiting.extend(self.imports.get(id).into_iter().flatten());
            }
        }
        seen.into_iter().filter_map(|id| self.names.get(id)).map(String::as_str).collect()
    }
}

fn is_ours(name: &Value) -> bool {
    OURS.iter().any(|(ours, _)| name == ours)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata(name: &str, imports: &[&str]) -> Value {
        let dependencies: Vec<Value> =
            imports.iter().map(|import| json!({"name": import, "kind": null})).collect();
        let nodes: Vec<Value> = imports
            .iter()
            .map(|import| json!({"pkg": import, "dep_kinds": [{"kind": null}]}))
            .collect();
        let mut packages = vec![json!({"id": name, "name": name, "dependencies": dependencies})];
        packages.extend(
            imports.iter().map(|import| json!({"id": import, "name": import, "dependencies": []})),
        );
        json!({
            "workspace_members": [name],
            "packages": packages,
            "resolve": {"nodes": [{"id": name, "deps": nodes}]},
        })
    }

    #[test]
    fn the_house_as_drawn_has_no_complaint() {
        let metadata = metadata("ordershop-actors", &["ordershop-store", "actix", "tokio"]);
        assert_eq!(complaints(&metadata), Vec::<String>::new());
    }

    #[test]
    fn an_import_against_the_direction_is_named() {
        let metadata = metadata("ordershop-store", &["ordershop-domain"]);
        assert_eq!(complaints(&metadata), ["ordershop-store must not import ordershop-domain"]);
    }

    #[test]
    fn a_crate_in_the_wrong_room_is_named() {
        let metadata = metadata("ordershop-actors", &["bincode"]);
        assert_eq!(complaints(&metadata), ["ordershop-actors must not name bincode"]);
    }

    #[test]
    fn what_the_domain_must_not_reach_is_found_behind_other_packages() {
        let mut metadata = metadata("ordershop-domain", &["innocent", "tokio"]);
        metadata["packages"][0]["dependencies"] = json!([]);
        metadata["resolve"]["nodes"] = json!([
            {"id": "ordershop-domain", "deps": [{"pkg": "innocent", "dep_kinds": [{"kind": null}]}]},
            {"id": "innocent", "deps": [{"pkg": "tokio", "dep_kinds": [{"kind": null}]}]},
        ]);
        assert_eq!(
            complaints(&metadata),
            ["ordershop-domain reaches tokio, which it must know nothing of"]
        );
    }
}
