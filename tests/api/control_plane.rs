//! A real API server on loopback for one test, from the binaries that Kubernetes publishes.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// An etcd and a kube-apiserver that end with this value.
pub struct ControlPlane {
    // They are killed in this order: the API server waits long for an etcd that is gone.
    processes: Vec<Child>,
    folder: tempfile::TempDir,
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl ControlPlane {
    /// Starts both, or says loudly that the test is skipped where a binary is missing.
    pub fn start() -> Option<Self> {
        let bin =
            std::env::var_os("KUBEBUILDER_ASSETS").map_or_else(|| PathBuf::from("/usr/local/kubebuilder/bin"), PathBuf::from);
        let missing: Vec<PathBuf> =
            [bin.join("etcd"), bin.join("kube-apiserver"), "/usr/bin/kubectl".into(), "/usr/bin/openssl".into()]
                .into_iter()
                .filter(|path| !path.exists())
                .collect();
        if !missing.is_empty() {
            // The test harness swallows what is printed, but not what is written.
            let _ = writeln!(std::io::stderr(), "SKIPPED: no real API server was asked, because {missing:?} is missing");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let [etcd, peer, secure] = free_ports();
        write_credentials(folder.path(), secure);
        let mut plane = Self { processes: Vec::new(), folder };
        let etcd = plane.spawn_etcd(&bin, etcd, peer);
        plane.spawn_api_server(&bin, &etcd, secure);
        plane.wait_until_ready();
        Some(plane)
    }

    fn spawn(&mut self, command: &mut Command, log: &str) {
        let log = fs::File::create(self.folder.path().join(log)).unwrap();
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        self.processes.insert(0, child);
    }

    fn spawn_etcd(&mut self, bin: &Path, port: u16, peer: u16) -> String {
        let (client, peer) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{peer}"));
        let mut command = Command::new(bin.join("etcd"));
        command.arg("--data-dir").arg(self.folder.path().join("etcd")).arg("--unsafe-no-fsync");
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client, "--listen-peer-urls", &peer]);
        self.spawn(&mut command, "etcd.log");
        client
    }

    fn spawn_api_server(&mut self, bin: &Path, etcd: &str, port: u16) {
        let at = |name: &str| self.folder.path().join(name);
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
            command.arg(flag).arg(at(name));
        }
        self.spawn(&mut command, "api.log");
    }

    fn wait_until_ready(&self) {
        let start = Instant::now();
        while !self.kubectl(&["get", "--raw", "/readyz"]).status.success() {
            let log = || fs::read_to_string(self.folder.path().join("api.log")).unwrap_or_default();
            assert!(start.elapsed() < Duration::from_mins(2), "the API server does not become ready:\n{}", log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Runs kubectl as an admin of the cluster.
    pub fn kubectl(&self, args: &[&str]) -> Output {
        let config = self.folder.path().join("kubeconfig");
        Command::new("/usr/bin/kubectl").arg("--kubeconfig").arg(config).args(args).env_remove("KUBECONFIG").output().unwrap()
    }

    /// Runs kubectl with a file of this content as the last argument.
    pub fn kubectl_with(&self, args: &[&str], content: &str) -> Output {
        let mut file = tempfile::Builder::new().suffix(".yaml").tempfile_in(self.folder.path()).unwrap();
        file.write_all(content.as_bytes()).unwrap();
        self.kubectl(&[args, &["-f", file.path().to_str().unwrap()]].concat())
    }
}

fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn write_credentials(folder: &Path, port: u16) {
    let key = Command::new("/usr/bin/openssl").args(["genrsa", "-out"]).arg(folder.join("sa.key")).arg("2048").output().unwrap();
    assert!(key.status.success());
    fs::write(folder.join("tokens.csv"), "admin-token,admin,admin-uid,\"system:masters\"\n").unwrap();
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
         clusters: [{{name: test, cluster: {{server: \"https://127.0.0.1:{port}\", insecure-skip-tls-verify: true}}}}]\n\
         users: [{{name: test, user: {{token: admin-token}}}}]\n\
         contexts: [{{name: test, context: {{cluster: test, user: test, namespace: default}}}}]\n"
    );
    fs::write(folder.join("kubeconfig"), config).unwrap();
}
