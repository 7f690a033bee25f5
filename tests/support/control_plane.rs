//! A real API server on loopback, from the binaries that Kubernetes publishes.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::process::Process;

/// Somebody whom the API server knows.
pub struct User {
    pub name: &'static str,
    groups: &'static str,
}

/// Everybody, in the order of [`ControlPlane::token`].
pub const USERS: [&User; 7] = [&ADMIN, &ALICE, &MUSTER, &STRANGER, &WRITER, &TEXTBOOK, &OBSERVER];
/// An admin of the cluster.
pub const ADMIN: User = User { name: "admin", groups: "system:masters" };
/// A person who signs in with an e-mail address.
pub const ALICE: User = User { name: "alice@acme.example", groups: "system:authenticated" };
/// The controller, with the name that its ServiceAccount has.
pub const MUSTER: User = User {
    name: "system:serviceaccount:muster-system:muster",
    groups: "system:serviceaccounts,system:serviceaccounts:muster-system,system:authenticated",
};
/// A service account that has no rights but those that a test gives it.
pub const STRANGER: User = User {
    name: "system:serviceaccount:muster-system:stranger",
    groups: "system:serviceaccounts,system:serviceaccounts:muster-system,system:authenticated",
};
/// Clients that a benchmark measures.
pub const WRITER: User = User { name: "bench:writer", groups: "system:authenticated" };
pub const TEXTBOOK: User = User { name: "bench:textbook", groups: "system:authenticated" };
pub const OBSERVER: User = User { name: "bench:observer", groups: "system:authenticated" };

/// What runs beside the API server, and how.
#[derive(Clone, Copy, Default)]
pub struct Options {
    /// The kube-controller-manager with what ends namespaces and collects garbage.
    pub controllers: bool,
    /// A log of the requests of the service accounts.
    pub audit: bool,
    /// Whether etcd writes through to the disk, as it does everywhere but in tests.
    pub durable: bool,
}

/// What the audit log is about.
const AUDIT: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, userGroups: ['system:serviceaccounts:muster-system']}
- {level: None}
";

/// An etcd and a kube-apiserver that end with this value, and with the test binary.
pub struct ControlPlane {
    bin: PathBuf,
    port: u16,
    etcd: String,
    options: Options,
    // They are ended in this order: the API server waits long for an etcd that is gone.
    controllers: Option<Process>,
    api: Mutex<Process>,
    store: Process,
    folder: Folder,
}

impl ControlPlane {
    /// Starts an API server alone.
    pub fn start() -> Option<Self> {
        Self::start_with(Options::default())
    }

    /// Starts an API server and what else is asked for, or says loudly that the test is skipped where a binary is missing.
    pub fn start_with(options: Options) -> Option<Self> {
        let bin =
            std::env::var_os("KUBEBUILDER_ASSETS").map_or_else(|| PathBuf::from("/usr/local/kubebuilder/bin"), PathBuf::from);
        let mut needed = vec![bin.join("etcd"), bin.join("kube-apiserver"), "/usr/bin/kubectl".into(), "/usr/bin/openssl".into()];
        if options.controllers {
            needed.push(bin.join("kube-controller-manager"));
        }
        let missing: Vec<PathBuf> = needed.into_iter().filter(|path| !path.exists()).collect();
        if !missing.is_empty() {
            // The test harness swallows what is printed, but not what is written.
            let test = std::thread::current().name().unwrap_or("a test").to_owned();
            let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: no real API server was asked, because {missing:?} is missing");
            return None;
        }
        let folder = Folder::new();
        let [etcd, peer, port] = free_ports();
        write_credentials(folder.path());
        let store = spawn_etcd(&bin, folder.path(), options, [etcd, peer]);
        let etcd = format!("http://127.0.0.1:{etcd}");
        let api = spawn_api_server(&bin, folder.path(), options, &etcd, port);
        let mut plane = Self { bin, port, etcd, options, controllers: None, api: Mutex::new(api), store, folder };
        plane.wait_until_ready();
        if options.controllers {
            plane.controllers = Some(plane.spawn_controllers());
        }
        Some(plane)
    }

    fn spawn_controllers(&self) -> Process {
        let mut command = Command::new(self.bin.join("kube-controller-manager"));
        command.arg("--kubeconfig").arg(self.kubeconfig(&ADMIN, None)).arg("--cert-dir").arg(self.path().join("manager-certs"));
        command.args(["--controllers=namespace-controller,garbage-collector-controller", "--leader-elect=false"]);
        // As everywhere: each controller has an account of its own.
        command.args(["--secure-port=0", "--concurrent-namespace-syncs=2", "--use-service-account-credentials=true"]);
        Process::spawn(&command, &self.path().join("manager.log"))
    }

    /// Waits until the API server answers.
    pub fn wait_until_ready(&self) {
        let start = Instant::now();
        while !self.kubectl(&["get", "--raw", "/readyz"]).status.success() {
            let log = || fs::read_to_string(self.path().join("api.log")).unwrap_or_default();
            let running = self.api.lock().unwrap().is_running();
            assert!(running && start.elapsed() < Duration::from_mins(2), "the API server does not become ready:\n{}", log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The directory with its logs and credentials.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the API server listens.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Process ids of the API server and of etcd.
    pub fn pids(&self) -> [u32; 2] {
        [self.api.lock().unwrap().pid(), self.store.pid()]
    }

    /// Stops the API server from doing anything, without ending a connection.
    pub fn pause(&self) {
        self.api.lock().unwrap().signal("STOP");
    }

    /// Lets the API server go on.
    pub fn resume(&self) {
        self.api.lock().unwrap().signal("CONT");
    }

    /// Kills the API server, does something meanwhile, and starts it again.
    pub fn restart(&self, meanwhile: impl FnOnce()) {
        {
            let mut api = self.api.lock().unwrap();
            api.kill();
            meanwhile();
            *api = spawn_api_server(&self.bin, self.path(), self.options, &self.etcd, self.port);
        }
        self.wait_until_ready();
    }

    /// The requests of the service accounts so far, one JSON document a line.
    pub fn audit_log(&self) -> String {
        fs::read_to_string(self.path().join("audit.log")).expect("it was started with an audit log")
    }

    /// A file that tells clients how to talk as this user, to the API server or to a proxy.
    pub fn kubeconfig(&self, user: &User, server: Option<&str>) -> PathBuf {
        let server = server.map_or_else(|| self.url(), str::to_owned);
        let config = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters: [{{name: test, cluster: {{server: \"{server}\", insecure-skip-tls-verify: true}}}}]\n\
             users: [{{name: test, user: {{token: {}}}}}]\n\
             contexts: [{{name: test, context: {{cluster: test, user: test, namespace: default}}}}]\n",
            self.token(user)
        );
        let port = server.rsplit_once(':').expect("the server has a port").1;
        let path = self.path().join(format!("kubeconfig-{}-{port}", user.name.replace([':', '@'], "-")));
        fs::write(&path, config).unwrap();
        path
    }

    /// The token of a user. It is a secret, and made anew for each API server.
    pub fn token(&self, user: &User) -> String {
        let tokens = fs::read_to_string(self.path().join("tokens.csv")).unwrap();
        let index = USERS.iter().position(|known| known.name == user.name).expect("the user is in the list");
        tokens.lines().nth(index).and_then(|line| line.split(',').next()).unwrap().to_owned()
    }

    /// Runs kubectl as an admin of the cluster.
    pub fn kubectl(&self, args: &[&str]) -> Output {
        self.kubectl_as(&ADMIN, args)
    }

    /// Runs kubectl as somebody.
    pub fn kubectl_as(&self, user: &User, args: &[&str]) -> Output {
        let mut command = Command::new("/usr/bin/kubectl");
        command.arg("--kubeconfig").arg(self.kubeconfig(user, None)).arg("--cache-dir").arg(self.path().join("cache"));
        command.args(args).env_remove("KUBECONFIG").stdin(Stdio::null()).output().unwrap()
    }

    /// Runs kubectl with a file of this content as the last argument.
    pub fn kubectl_with(&self, args: &[&str], content: &str) -> Output {
        let mut file = tempfile::Builder::new().suffix(".yaml").tempfile_in(self.path()).unwrap();
        file.write_all(content.as_bytes()).unwrap();
        self.kubectl(&[args, &["-f", file.path().to_str().unwrap()]].concat())
    }
}

fn spawn_etcd(bin: &Path, folder: &Path, options: Options, [port, peer]: [u16; 2]) -> Process {
    let (client, peer) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{peer}"));
    let mut command = Command::new(bin.join("etcd"));
    command.arg("--data-dir").arg(folder.join("etcd"));
    command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client, "--listen-peer-urls", &peer]);
    if !options.durable {
        command.arg("--unsafe-no-fsync");
    }
    Process::spawn(&command, &folder.join("etcd.log"))
}

fn spawn_api_server(bin: &Path, folder: &Path, options: Options, etcd: &str, port: u16) -> Process {
    let mut command = Command::new(bin.join("kube-apiserver"));
    command.args(["--etcd-servers", etcd, "--secure-port", &port.to_string(), "--bind-address", "127.0.0.1"]);
    command.args(["--service-account-issuer", "https://kubernetes.default.svc", "--service-cluster-ip-range", "10.0.0.0/24"]);
    command.args(["--authorization-mode", "RBAC", "--disable-admission-plugins", "ServiceAccount"]);
    for (flag, name) in [
        ("--cert-dir", "certs"),
        ("--token-auth-file", "tokens.csv"),
        ("--service-account-key-file", "sa.key"),
        ("--service-account-signing-key-file", "sa.key"),
    ] {
        command.arg(flag).arg(folder.join(name));
    }
    if options.audit {
        fs::write(folder.join("audit.yaml"), AUDIT).unwrap();
        command.arg("--audit-policy-file").arg(folder.join("audit.yaml"));
        command.arg("--audit-log-path").arg(folder.join("audit.log"));
    }
    Process::spawn(&command, &folder.join("api.log"))
}

pub fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn write_credentials(folder: &Path) {
    let key = Command::new("/usr/bin/openssl").args(["genrsa", "-out"]).arg(folder.join("sa.key")).arg("2048").output().unwrap();
    assert!(key.status.success());
    let line = |user: &&User| format!("{},{},{},\"{}\"\n", uuid::Uuid::new_v4(), user.name, user.name, user.groups);
    fs::write(folder.join("tokens.csv"), USERS.iter().map(line).collect::<String>()).unwrap();
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.janitor.stdin.take());
        let _ = self.janitor.wait();
    }
}

/// A directory that goes away with this value, and with the test binary.
struct Folder {
    path: PathBuf,
    // Nothing is removed while its standard input is open, and the programs whose folder this is get time to end.
    janitor: Child,
}

impl Folder {
    fn new() -> Self {
        let path = tempfile::Builder::new().prefix("muster-k8s-").tempdir().unwrap().keep();
        let sweep = "cat >/dev/null; sleep 1; rm -rf -- \"$1\" || { sleep 3; rm -rf -- \"$1\"; }";
        let janitor =
            Command::new("sh").args(["-c", sweep, "sh"]).arg(&path).current_dir("/").stdin(Stdio::piped()).spawn().unwrap();
        Self { path, janitor }
    }

    fn path(&self) -> &Path {
        &self.path
    }
}
