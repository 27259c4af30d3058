//! A private copy of the configured SMTP services: same settings, same tables, a queue and ports of
//! its own, and leave for this machine to say who its client is.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use postfix_rs::config::master_cf::ServiceLine;

use crate::doctor::Patient;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a reason begins with when smtpd would not serve with this configuration at all.
pub(super) const REFUSAL: &str = "smtpd does not start: ";

/// What a trial needs to differ in. The last `-o` for a name counts.
const OVERRIDES: &[&str] = &[
    "smtpd_authorized_xclient_hosts=127.0.0.1",
    "smtpd_tls_wrappermode=no",
    "smtpd_tls_security_level=",
    "smtpd_enforce_tls=no",
    "smtpd_upstream_proxy_protocol=",
    "smtpd_client_connection_count_limit=0",
    "smtpd_client_connection_rate_limit=0",
    "smtpd_client_message_rate_limit=0",
    "smtpd_client_recipient_rate_limit=0",
    "smtpd_client_event_limit_exceptions=static:all",
    "smtpd_hard_error_limit=1000",
    "smtpd_soft_error_limit=1000",
    "smtpd_error_sleep_time=0",
    "smtpd_milters=",
    "smtpd_proxy_filter=",
];

/// The running copy.
#[derive(Debug)]
pub(super) struct Instance {
    /// First column of each service, and the port of its copy.
    pub(super) ports: Vec<(String, u16)>,
    folder: tempfile::TempDir,
    master: Child,
}

impl Instance {
    /// Starts it and waits until it answers.
    pub(super) fn start(patient: &Patient<'_>, services: &[&ServiceLine]) -> Result<Self, String> {
        let failed = |what: &str, e: &std::io::Error| format!("{what}: {e}");
        let folder = tempfile::Builder::new()
            .prefix("postfix-doctor-")
            .tempdir()
            .map_err(|e| failed("temporary folder", &e))?;
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).map_err(|e| failed("permissions", &e))?;
        let ports = ports(services)?;
        write(folder.path(), patient, services, &ports).map_err(|e| failed("configuration", &e))?;
        let me = std::env::current_exe().map_err(|e| failed("my own program file", &e))?;
        let master = Command::new(me)
            .arg0("postfix")
            .arg("-c")
            .arg(folder.path())
            .arg("start-fg")
            .env_remove("MAIL_CONFIG")
            .env_remove("NOTIFY_SOCKET")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|e| failed("start", &e))?;
        let mut instance = Self { ports, folder, master };
        instance.wait()?;
        Ok(instance)
    }

    /// Waits until each service greets. One that refuses its configuration never will.
    fn wait(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        for (service, port) in self.ports.clone() {
            let mut client: Option<TcpStream> = None;
            while !client.as_mut().is_some_and(is_greeted) {
                if let Some(reason) = self.refusal() {
                    return Err(reason);
                }
                if self.master.try_wait().ok().flatten().is_some() {
                    return Err(format!("a copy of the services does not start{}", self.reason()));
                }
                if Instant::now() > deadline {
                    return Err(format!("the copy of {service} does not answer"));
                }
                if client.is_none() {
                    client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok();
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }

    /// What smtpd has to say against its configuration: the real one does not serve either.
    pub(super) fn refusal(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let line =
            text.lines().find(|line| line.contains("/smtpd[") && line.contains("]: fatal: "))?;
        line.split_once("]: fatal: ").map(|(_, why)| format!("{REFUSAL}{why}"))
    }

    /// The last line of its log that says why.
    fn reason(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let line =
            text.lines().rev().find(|line| line.contains("fatal:") || line.contains("error:"));
        line.map(|line| format!(": {line}")).unwrap_or_default()
    }
}

/// Whether the greeting has come; waits for it a moment.
fn is_greeted(client: &mut TcpStream) -> bool {
    let _ = client.set_read_timeout(Some(Duration::from_millis(200)));
    matches!(client.peek(&mut [0; 3]), Ok(3))
}

impl Drop for Instance {
    fn drop(&mut self) {
        let pid = i32::try_from(self.master.id()).unwrap_or_default();
        let pid = nix::unistd::Pid::from_raw(pid);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let deadline = Instant::now() + PATIENCE;
        while self.master.try_wait().ok().flatten().is_none() {
            if Instant::now() > deadline {
                let _ = nix::sys::signal::killpg(pid, nix::sys::signal::Signal::SIGKILL);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A free port for each service.
fn ports(services: &[&ServiceLine]) -> Result<Vec<(String, u16)>, String> {
    let mut held = Vec::new();
    let mut ports = Vec::new();
    for service in services {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .map_err(|e| format!("no free port: {e}"))?;
        let port = listener.local_addr().map_err(|e| e.to_string())?.port();
        held.push(listener);
        ports.push((service.name.clone(), port));
    }
    Ok(ports)
}

fn write(
    folder: &Path,
    patient: &Patient<'_>,
    services: &[&ServiceLine],
    ports: &[(String, u16)],
) -> std::io::Result<()> {
    let real = patient.directory.display().to_string();
    let own = folder.display();
    // Tables stay where they are.
    let main_cf = String::from_utf8_lossy(&std::fs::read(patient.directory.join("main.cf"))?)
        .replace("${config_directory}", &real)
        .replace("$config_directory", &real);
    let main_cf = format!(
        "{main_cf}\nqueue_directory = {own}/queue\ndata_directory = {own}/data\n\
         maillog_file = {own}/log\nmaillog_file_prefixes = {own}\ninet_protocols = all\n\
         smtpd_milters =\nnon_smtpd_milters =\nmulti_instance_enable = no\n"
    );
    std::fs::write(folder.join("main.cf"), main_cf)?;
    std::fs::create_dir(folder.join("queue"))?;
    let mut master_cf = String::from(
        "pickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n\
         rewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\n\
         proxymap unix - - n - - proxymap\ntlsmgr unix - - n 1000? 1 tlsmgr\n\
         anvil unix - - n - 1 anvil\nverify unix - - n - 1 verify\n\
         postlog unix-dgram n - n - 1 postlogd\n",
    );
    for (service, (_, port)) in services.iter().zip(ports) {
        master_cf.push_str(&format!("127.0.0.1:{port} inet n - n - - smtpd\n"));
        for (name, value) in &service.overrides {
            master_cf.push_str(&format!("  -o {{ {name} = {} }}\n", value.replace('\n', " ")));
        }
        for setting in OVERRIDES {
            master_cf.push_str(&format!("  -o {setting}\n"));
        }
    }
    std::fs::write(folder.join("master.cf"), master_cf)
}
