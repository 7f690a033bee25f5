//! Files, directories and standard input.

use super::*;

#[test]
fn a_directory_gives_its_yaml_and_json_files_in_order_and_nothing_else() {
    let json = r#"{"apiVersion": "muster.dev/v1alpha1", "kind": "Member", "metadata": {"name": "c"},
        "spec": {"organizationRef": {"name": "acme"}, "email": "c@acme.example"}}"#;
    let directory = directory(&[
        ("b.yml", &member("b")),
        ("a.yaml", &member("a")),
        ("c.json", json),
        ("README.md", "# kind: Member"),
        (".hidden.yaml", "{"),
        (".git/config.yaml", "{"),
        ("more/d.yaml", &member("d")),
    ]);
    let paths = [directory.path().to_owned()];
    let reading = read_paths(&paths, false);
    assert_eq!((names(&reading), reading.input.complete), (vec!["a", "b", "c"], true));
    assert_eq!(reading.input.findings, []);
    assert_eq!(names(&read_paths(&paths, true)), ["a", "b", "c", "d"]);
    let origin = reading.input.manifests[1].origin.to_string();
    assert_eq!(origin, format!("{}/b.yml:1:1", directory.path().display()));
}

#[test]
fn a_file_that_is_named_twice_is_read_once() {
    let directory = directory(&[("a.yaml", &member("a"))]);
    let file = directory.path().join("a.yaml");
    let reading = read_paths(&[file.clone(), directory.path().to_owned(), file], false);
    assert_eq!((names(&reading), reading.input.complete), (vec!["a"], true));
}

#[test]
fn standard_input_is_read_in_its_place_and_kept() {
    let directory = directory(&[("a.yaml", &member("a")), ("z.yaml", &member("z"))]);
    let paths = [directory.path().join("a.yaml"), "-".into(), directory.path().join("z.yaml")];
    let request = Request { paths: paths.to_vec(), ..Request::default() };
    let reading = read(&request, &mut format!("{}---\n{}rolle: x\n", member("b"), member("c")).as_bytes());
    assert_eq!((names(&reading), held(&reading)), (vec!["a", "b", "z"], vec!["c"]));
    let finding = &reading.input.findings[0];
    assert_eq!((&*finding.origin.file, finding.origin.line, finding.span.unwrap().line), ("-", 9, 16));
    let span = finding.span.unwrap();
    assert_eq!(&reading.sources.bytes("-").unwrap()[span.start..span.end], b"rolle");
}

#[test]
fn a_file_that_is_not_there_makes_the_input_incomplete() {
    let reading = read_paths(&["nowhere.yaml".into()], false);
    assert!(!reading.input.complete);
    assert_eq!(&*reading.input.findings[0].message, "cannot be read: there is no such file or directory");
    assert_eq!(reading.input.findings.len(), 1);
}

#[test]
fn an_input_without_any_object_is_not_complete_unless_that_is_allowed() {
    let directory = directory(&[("a.yaml", "# nothing\n---\n---\nnull\n"), ("inner/b.yaml", &member("b"))]);
    let paths = vec![directory.path().to_owned()];
    let reading = read_paths(&paths, false);
    assert_eq!((errors(&reading), reading.input.complete), (vec!["empty-input 1:1".to_owned()], false));
    assert!(reading.input.findings[0].help.as_ref().unwrap().contains("-R"));
    let reading = read(&Request { paths, allow_empty: true, recursive: false }, &mut std::io::empty());
    assert_eq!((errors(&reading), reading.input.complete), (vec![], true));
}

#[test]
fn kustomizations_and_other_groups_are_left_alone() {
    let directory = directory(&[
        ("kustomization.yaml", "resources:\n- a.yaml\n"),
        ("cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\n"),
        ("rbac.yaml", "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: a}\nrules: []\n"),
        ("a.yaml", &member("a")),
    ]);
    let reading = read_paths(&[directory.path().to_owned()], false);
    assert_eq!((names(&reading), reading.input.complete), (vec!["a"], true));
    assert!(reading.input.findings.iter().all(|finding| finding.severity == Severity::Note && finding.code == "foreign"));
    assert_eq!(reading.input.findings.len(), 3);
}

#[cfg(unix)]
#[test]
fn links_are_followed_inside_the_directory_only() {
    use std::os::unix::fs::symlink;
    let directory = directory(&[("top/..data/a.yaml", &member("a")), ("top/sub/b.yaml", &member("b")), ("secret", "password")]);
    let top = directory.path().join("top");
    symlink("..data/a.yaml", top.join("a.yaml")).unwrap();
    symlink("../../top", top.join("sub/loop")).unwrap();
    symlink(".", top.join("self")).unwrap();
    let reading = read_paths(std::slice::from_ref(&top), true);
    assert_eq!((names(&reading), reading.input.complete), (vec!["a", "b"], true));
    symlink("../secret", top.join("leak.yaml")).unwrap();
    symlink("nowhere", top.join("dangling.yaml")).unwrap();
    let reading = read_paths(std::slice::from_ref(&top), true);
    assert_eq!((names(&reading), reading.input.complete), (vec!["a", "b"], false));
    assert_eq!(errors(&reading), ["unreadable-file 1:1", "link-outside 1:1"]);
    assert!(reading.sources.files.values().all(|text| !text.bytes.starts_with(b"password")));
}

#[test]
fn many_files_and_large_ones_keep_their_order() {
    let text = |from: usize, count: usize| {
        (from..from + count).map(|n| format!("---\n{}", member(&format!("m{n:05}")))).collect::<String>()
    };
    let files: Vec<(String, String)> =
        (0..20).map(|n| (format!("f{n:02}.yaml"), text(n * 1000, if n == 7 { 900 } else { 10 }))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let directory = directory(&files);
    let reading = read_paths(&[directory.path().to_owned()], false);
    assert_eq!((reading.input.manifests.len(), reading.input.complete), (1090, true));
    assert!(reading.input.manifests.is_sorted_by_key(|manifest| manifest.name.clone()));
    let last = reading.input.manifests.iter().find(|manifest| manifest.name == "m07899").unwrap();
    assert_eq!(last.origin.line, 899 * 8 + 2);
}
