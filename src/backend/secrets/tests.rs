use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::{Chain, Environment, Folder, Pair, Secret, SecretError, Secrets, Values};

fn secret(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

fn values(entries: &[(&str, &str)]) -> Values {
    entries.iter().map(|(key, value)| ((*key).to_owned(), secret(value))).collect()
}

/// A folder of secrets with a file for each of these, which nobody else can read.
fn folder(files: &[(&str, &str)]) -> (TempDir, Folder) {
    let root = tempfile::tempdir().unwrap();
    for (file, content) in files {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        chmod(&path, 0o600);
    }
    let folder = Folder::new(root.path());
    (root, folder)
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// What a place says of a value: the value, or why not.
async fn read(place: &impl Secrets, name: &str, key: &str) -> Result<String, SecretError> {
    place.read(name, key).await.map(|secret| secret.expose().to_owned())
}

fn unusable(error: &SecretError) -> &'static str {
    match error {
        SecretError::Unusable { why, .. } => why,
        other => panic!("{other}"),
    }
}

#[test]
fn a_secret_is_not_printed() {
    let secret = secret("canary");
    let pair = Pair::parse(&self::secret("id:canary"), "acme/token").unwrap();
    let environment = Environment::from_iter([("MUSTER_SECRET_A_B".to_owned(), "canary".to_owned())]);
    let printed = format!("{secret:?} {pair:?} {:?} {environment:?}", values(&[("key", "canary")]));
    assert!(!printed.contains("canary") && printed.contains("(secret)"), "{printed}");
}

#[test]
fn a_digest_tells_only_whether_it_is_the_same() {
    let digest = secret("open sesame").digest(b"salt");
    assert_eq!(digest, secret("open sesame").digest(b"salt"));
    assert_ne!(digest, secret("open sesame").digest(b"another"));
    assert_ne!(digest, secret("open sesam").digest(b"salt"));
    assert_ne!(secret("bc").digest(b"a"), secret("c").digest(b"ab"), "the salt does not run into the secret");
}

#[test]
fn an_id_with_its_secret_is_two_words_with_a_colon() {
    let pair = Pair::parse(&secret("key-1:a:b"), "acme/token").unwrap();
    assert_eq!((&*pair.id, pair.secret.expose()), ("key-1", "a:b"));
    for wrong in ["", ":", "id:", ":secret", "secret", "id: secret", "id:sec\nret", "i d:secret", "id:\u{0}"] {
        let error = Pair::parse(&secret(wrong), "acme/token").unwrap_err();
        assert_eq!(error.to_string(), "acme/token cannot be used as a secret: write it as ID:SECRET, both without spaces");
    }
}

#[tokio::test]
async fn a_folder_has_a_folder_for_each_secret() {
    let (root, folder) = folder(&[("acme/token", "open sesame\n"), ("acme/crlf", "a\r\n"), ("acme/plain", " a \n\n")]);
    assert_eq!(read(&folder, "acme", "token").await.unwrap(), "open sesame");
    assert_eq!(read(&folder, "acme", "crlf").await.unwrap(), "a");
    assert_eq!(read(&folder, "acme", "plain").await.unwrap(), " a \n", "only one line break is not a part of it");
    let missing = read(&folder, "acme", "other").await.unwrap_err();
    let path = root.path().join("acme/other");
    assert_eq!(missing.to_string(), format!("there is no secret {}; create it, or correct the reference", path.display()));
    assert!(matches!(read(&folder, "other", "token").await, Err(SecretError::Missing { .. })));
    assert!(folder.exists("acme").await.unwrap() && !folder.exists("other").await.unwrap());
}

#[tokio::test]
async fn what_everybody_may_read_or_change_is_refused() {
    let (root, folder) = folder(&[("acme/token", "open sesame")]);
    for open in [0o604, 0o644, 0o602, 0o666] {
        chmod(&root.path().join("acme/token"), open);
        let error = read(&folder, "acme", "token").await.unwrap_err();
        assert!(error.to_string().contains("chmod o-rwx"), "{open:o}: {error}");
    }
    for closed in [0o400, 0o600, 0o640, 0o660] {
        chmod(&root.path().join("acme/token"), closed);
        assert!(read(&folder, "acme", "token").await.is_ok(), "{closed:o}");
    }
}

#[tokio::test]
async fn a_name_cannot_climb_out_of_the_folder() {
    let (root, _) = folder(&[("secrets/acme/token", "inside"), ("outside", "outside"), ("other/token", "outside")]);
    let folder = Folder::new(root.path().join("secrets"));
    for name in ["..", ".", "", "../other", "acme/../../other", "/etc", "a\0b", "a b", ".hidden", "ä", &"a".repeat(254)] {
        assert!(unusable(&read(&folder, name, "token").await.unwrap_err()).contains("letters, digits"), "{name}");
        assert!(unusable(&folder.write("me", name, &Values::new()).await.unwrap_err()).contains("letters, digits"), "{name}");
        assert!(unusable(&folder.exists(name).await.unwrap_err()).contains("letters, digits"), "{name}");
    }
    for key in ["..", "../../outside", "/etc/passwd", ".muster-owner"] {
        assert!(unusable(&read(&folder, "acme", key).await.unwrap_err()).contains("letters, digits"), "{key}");
        assert!(folder.write("me", "new", &values(&[(key, "x")])).await.is_err(), "{key}");
    }
    assert!(!folder.exists("new").await.unwrap());
}

#[tokio::test]
async fn a_link_cannot_lead_out_of_the_folder() {
    let (root, _) = folder(&[("secrets/acme/token", "inside"), ("other/token", "outside")]);
    let path = root.path().join("secrets");
    symlink(root.path().join("other/token"), path.join("acme/link")).unwrap();
    symlink(root.path().join("other"), path.join("linked")).unwrap();
    let folder = Folder::new(&path);
    assert!(unusable(&read(&folder, "acme", "link").await.unwrap_err()).contains("leaves the folder"));
    assert!(unusable(&read(&folder, "linked", "token").await.unwrap_err()).contains("leaves the folder"));
    assert!(matches!(folder.write("me", "linked", &values(&[("a", "b")])).await, Err(SecretError::Foreign { .. })));
    assert_eq!(fs::read_dir(root.path().join("other")).unwrap().count(), 1);

    // As a Secret of Kubernetes is mounted.
    fs::create_dir(path.join("mounted")).unwrap();
    symlink("../acme", path.join("mounted/..data")).unwrap();
    symlink("..data/token", path.join("mounted/token")).unwrap();
    assert_eq!(read(&folder, "mounted", "token").await.unwrap(), "inside", "a link that stays inside is no harm");
}

#[tokio::test]
async fn what_is_no_secret_is_refused() {
    let (root, folder) = folder(&[("acme/empty", ""), ("acme/line", "\n"), ("acme/long", &"a".repeat(1024 * 1024 + 1))]);
    fs::write(root.path().join("acme/binary"), [0xff, 0xfe]).unwrap();
    chmod(&root.path().join("acme/binary"), 0o600);
    fs::create_dir(root.path().join("acme/folder")).unwrap();
    for (key, why) in [
        ("empty", "it is empty"),
        ("line", "it is empty"),
        ("long", "it has more than 1 MiB"),
        ("binary", "it is no text in UTF-8"),
        ("folder", "it is no file"),
    ] {
        assert_eq!(unusable(&read(&folder, "acme", key).await.unwrap_err()), why, "{key}");
    }
}

#[tokio::test]
async fn what_is_written_only_its_writer_can_read() {
    let (root, folder) = folder(&[]);
    folder.write("credential/key 1", "acme-key", &values(&[("id", "k-1"), ("privateKey", "pem")])).await.unwrap();
    let path = root.path().join("acme-key");
    assert_eq!((mode(&path), mode(&path.join("id")), mode(&path.join("privateKey"))), (0o700, 0o600, 0o600));
    assert_eq!(read(&folder, "acme-key", "privateKey").await.unwrap(), "pem");
    assert_eq!(fs::read_to_string(path.join(".muster-owner")).unwrap(), "credential/key 1\n");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "nothing else is left");
}

#[tokio::test]
async fn its_owner_writes_it_again_completely_and_nobody_else_does() {
    let (root, folder) = folder(&[]);
    folder.write("one", "acme", &values(&[("a", "1"), ("b", "1")])).await.unwrap();
    folder.may_write("one", "acme").await.unwrap();
    folder.write("one", "acme", &values(&[("a", "2"), ("c", "2")])).await.unwrap();
    assert_eq!(read(&folder, "acme", "a").await.unwrap(), "2");
    assert!(read(&folder, "acme", "b").await.is_err(), "what is not written any more is gone");
    for refused in [folder.may_write("two", "acme").await, folder.write("two", "acme", &values(&[("a", "3")])).await] {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("was not written by Muster for two") && error.contains("left as it is"), "{error}");
    }
    assert_eq!(read(&folder, "acme", "a").await.unwrap(), "2");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "nothing else is left");
}

#[tokio::test]
async fn what_somebody_else_put_there_is_left_as_it_is() {
    let (root, folder) = folder(&[("acme/token", "theirs"), ("file", "theirs")]);
    fs::create_dir(root.path().join("empty")).unwrap();
    for name in ["acme", "file", "empty"] {
        assert!(matches!(folder.may_write("me", name).await, Err(SecretError::Foreign { .. })), "{name}");
        assert!(matches!(folder.write("me", name, &values(&[("token", "x")])).await, Err(SecretError::Foreign { .. })), "{name}");
    }
    assert_eq!(read(&folder, "acme", "token").await.unwrap(), "theirs");
}

#[tokio::test]
async fn that_it_cannot_be_written_is_known_before_it_has_to_be() {
    let (root, folder) = folder(&[("file", "x")]);
    folder.may_write("me", "new").await.unwrap();
    assert!(!folder.exists("new").await.unwrap(), "asking writes nothing");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    let nowhere = Folder::new(root.path().join("nowhere"));
    assert!(matches!(nowhere.may_write("me", "new").await, Err(SecretError::Unusable { .. })));
    assert!(Folder::new(root.path().join("file")).may_write("me", "new").await.is_err());
    folder.write("me", "new", &values(&[("token", "x")])).await.unwrap();
    folder.may_write("me", "new").await.unwrap();
    assert_eq!(read(&folder, "new", "token").await.unwrap(), "x", "what is there stays");
    chmod(root.path(), 0o777);
    assert!(matches!(folder.may_write("me", "new").await, Err(SecretError::Open { .. })));
    chmod(root.path(), 0o700);
}

#[tokio::test]
async fn a_value_is_kept_where_it_was_written_for_its_owner() {
    let (root, folder) = folder(&[("theirs/token", "x")]);
    folder.write("me", "acme", &values(&[("token", "x")])).await.unwrap();
    let chain = Chain::new(vec![Arc::new(Environment::default()), Arc::new(folder)]);
    assert!(chain.kept("me", "acme", "token").await.unwrap());
    for (name, key) in [("acme", "other"), ("new", "token")] {
        assert!(!chain.kept("me", name, key).await.unwrap(), "{name} {key}");
    }
    for (owner, name) in [("you", "acme"), ("me", "theirs")] {
        assert!(matches!(chain.kept(owner, name, "token").await, Err(SecretError::Foreign { .. })), "{owner} {name}");
    }
    drop(root);
    assert!(chain.kept("me", "acme", "token").await.is_err(), "where there is no folder, nobody can tell");
    assert!(Environment::default().kept("me", "acme", "token").await.is_err());
}

#[test]
fn where_folders_cannot_be_exchanged_they_are_put_in_two_steps() {
    let (root, _) = folder(&[("new/token", "2"), ("acme/token", "1")]);
    let (new, acme) = (root.path().join("new"), root.path().join("acme"));
    super::folder::put_in_two_steps(&new, &acme).unwrap();
    assert_eq!(fs::read_to_string(acme.join("token")).unwrap(), "2");
    assert_eq!(fs::read_to_string(new.join("token")).unwrap(), "1");
}

#[tokio::test]
async fn the_environment_is_read_by_name_and_key() {
    let variables = [("MUSTER_SECRET_ACME_PROD_ACCESS_KEY", "a"), ("MUSTER_SECRET_EMPTY_KEY", ""), ("OTHER", "b")];
    let environment: Environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(read(&environment, "acme-prod", "access.key").await.unwrap(), "a");
    let missing = read(&environment, "acme-prod", "secret").await.unwrap_err().to_string();
    assert!(missing.contains("MUSTER_SECRET_ACME_PROD_SECRET in the environment"), "{missing}");
    assert!(read(&environment, "empty", "key").await.is_err());
    assert!(environment.exists("acme-prod").await.unwrap());
    assert!(!environment.exists("acme-pro").await.unwrap() && !environment.exists("zzz").await.unwrap());
    assert!(matches!(environment.write("me", "acme", &values(&[("a", "b")])).await, Err(SecretError::NoPlace { .. })));
}

#[tokio::test]
async fn of_several_places_the_first_that_has_it_is_read() {
    let (root, folder) = folder(&[("acme/token", "folder"), ("open/token", "x")]);
    let variables = [
        ("MUSTER_SECRET_ACME_TOKEN", "environment"),
        ("MUSTER_SECRET_ACME_OTHER", "environment"),
        ("MUSTER_SECRET_OPEN_TOKEN", "x"),
    ];
    let environment: Environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let chain = Chain::new(vec![Arc::new(folder), Arc::new(environment)]);
    assert_eq!(read(&chain, "acme", "token").await.unwrap(), "folder");
    assert_eq!(read(&chain, "acme", "other").await.unwrap(), "environment");
    chmod(&root.path().join("open/token"), 0o644);
    assert!(matches!(read(&chain, "open", "token").await, Err(SecretError::Open { .. })), "what is wrong is not passed over");
    let missing = read(&chain, "acme", "third").await.unwrap_err().to_string();
    assert!(missing.contains("acme/third, nor MUSTER_SECRET_ACME_THIRD in the environment"), "{missing}");
    assert!(chain.exists("acme").await.unwrap() && !chain.exists("nothing").await.unwrap());
}

#[tokio::test]
async fn of_several_places_the_first_that_can_be_written_to_is() {
    let (_root, folder) = folder(&[("theirs/token", "x")]);
    let chain = Chain::new(vec![Arc::new(Environment::default()), Arc::new(folder)]);
    chain.may_write("me", "acme").await.unwrap();
    chain.write("me", "acme", &values(&[("token", "new")])).await.unwrap();
    assert_eq!(read(&chain, "acme", "token").await.unwrap(), "new");
    assert!(matches!(chain.write("me", "theirs", &Values::new()).await, Err(SecretError::Foreign { .. })));
    let nowhere = Chain::new(vec![Arc::new(Environment::default())]);
    let error = nowhere.write("me", "acme", &Values::new()).await.unwrap_err().to_string();
    assert_eq!(error, "there is no place to write the secret acme to; name a folder with --secrets DIR");
    assert!(Chain::default().read("a", "b").await.is_err());
}
