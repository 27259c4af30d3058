//! The installer from outside, on roots in temporary folders: what it promises about leaving things
//! as they were.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test reports by panicking, also in the functions that tests share"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The installer beside small programs: these tests install some hundred times, and what is
/// installed does not matter to them.
fn installer() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("installer");
        std::fs::create_dir_all(&folder).unwrap();
        let flags = postfix_rs::config::features::built_in().join("\n");
        let programs = [
            ("postfix", format!("#!/bin/sh\ncat <<END\n{flags}\nEND\n")),
            ("postdrop", "#!/bin/sh\n".to_owned()),
        ];
        for (name, text) in programs {
            std::fs::write(folder.join(name), text).unwrap();
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(folder.join(name), mode).unwrap();
        }
        let (from, to) =
            (env!("CARGO_BIN_EXE_postfix-installer"), folder.join("postfix-installer"));
        let _ = std::fs::remove_file(&to);
        let strip = Command::new("strip").args(["-g", "-o"]).arg(&to).arg(from).status();
        if !strip.is_ok_and(|status| status.success()) {
            std::fs::copy(from, &to).unwrap();
        }
        to
    })
}

struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    /// A root with these files; a text `-> target` makes a link.
    fn new(files: &[(&str, &str)]) -> Self {
        // In memory where that can be: a journal syncs at each step.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let machine = Self { folder: tempfile::tempdir_in(folder).unwrap() };
        for (path, text) in files {
            machine.put(path, text);
        }
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    fn put(&self, path: &str, text: &str) {
        let at = self.path(path);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        match text.strip_prefix("-> ") {
            Some(target) => std::os::unix::fs::symlink(target, at).unwrap(),
            None => std::fs::write(at, text).unwrap(),
        }
    }

    fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(installer());
        command.arg("--root").arg(self.folder.path()).args(words).env_remove("USE");
        // Not the source tree: there the installer builds what is asked for.
        command.current_dir(self.folder.path());
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs it, and expects success.
    fn good(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs it, expects failure, and returns what it said.
    fn bad(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(!output.status.success(), "{words:?} succeeded");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Everything below the root: kind, mode, owner, target, content.
    fn tree(&self) -> Vec<String> {
        let mut found = Vec::new();
        collect(self.folder.path(), self.folder.path(), &mut found);
        found.sort();
        found
    }
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<String>) {
    use std::os::unix::fs::MetadataExt as _;
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let meta = std::fs::symlink_metadata(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let what = if meta.is_symlink() {
            format!("-> {}", std::fs::read_link(&path).unwrap().display())
        } else if meta.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            format!("{:o} {} {}", meta.mode() & 0o7777, bytes.len(), crc32fast::hash(&bytes))
        } else {
            format!("{:o} folder", meta.mode() & 0o7777)
        };
        found.push(format!("{name} {what} {}:{}", meta.uid(), meta.gid()));
        if meta.is_dir() {
            collect(root, &path, found);
        }
    }
}

const GENTOO: &[(&str, &str)] = &[
    ("/etc/os-release", "ID=gentoo\n"),
    ("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"),
    ("/etc/group", "root:x:0:\n"),
    ("/etc/mail/aliases", "# mine\n"),
    ("/sbin/openrc-run", ""),
    ("/etc/init.d/x", ""),
    ("/usr/bin/x", ""),
    ("/usr/sbin/x", ""),
    ("/var/spool/x", ""),
    ("/etc/conf.d/hostname", "# Set to the hostname of this machine\nhostname=\"localhost\"\n"),
    ("/etc/hosts", "127.0.0.1\tlocalhost\n"),
];

fn is_root() -> bool {
    postfix_rs::sys::users::is_root()
}

#[test]
fn a_dry_run_changes_nothing() {
    let machine = Machine::new(GENTOO);
    let before = machine.tree();
    let plan = machine.good(&["install", "--dry-run"]);
    assert!(plan.contains("program /usr/sbin/postfix\n"), "{plan}");
    assert!(plan.contains("link /usr/sbin/sendmail -> postfix\n"), "{plan}");
    let json: serde_json::Value =
        serde_json::from_str(&machine.good(&["install", "--dry-run", "--json"])).unwrap();
    assert_eq!(json["done"], false);
    assert!(json["steps"].as_array().unwrap().len() > 40);
    machine.good(&[
        "configure",
        "--dry-run",
        "--hostname",
        "mail.example.com",
        "--accept-unresolved",
    ]);
    assert_eq!(machine.tree(), before);
}

#[test]
fn a_second_run_changes_nothing() {
    if !is_root() {
        return; // accounts of another root are root's to make
    }
    let machine = Machine::new(GENTOO);
    machine.good(&["install", "--quiet"]);
    let once = machine.tree();
    machine.good(&["install", "--quiet"]);
    assert_eq!(machine.tree(), once);
    let json: serde_json::Value =
        serde_json::from_str(&machine.good(&["install", "--json"])).unwrap();
    assert_eq!(json["steps"].as_array().unwrap().len(), 0, "{json}");
}

/// What `uninstall` keeps.
fn is_kept(line: &str) -> bool {
    ["etc/postfix", "etc/conf.d/postfix", "var/spool/postfix", "var/lib/postfix", "etc/aliases"]
        .iter()
        .any(|path| line.starts_with(path))
        || ["etc/passwd ", "etc/group "].iter().any(|path| line.starts_with(path))
        || ["var/lib ", "var ", "etc/conf.d ", "etc ", "var/spool "]
            .iter()
            .any(|p| line.starts_with(p))
}

#[test]
fn install_and_uninstall_leave_no_trace_but_configuration() {
    for files in [GENTOO, &[]] {
        let machine = Machine::new(files);
        // Somebody's own file and link, where ours go.
        machine.put("/usr/sbin/postmap", "somebody's own\n");
        machine.put("/usr/bin/mailq", "-> nowhere");
        let before = machine.tree();
        machine.good(&["install", "--quiet"]);
        assert_ne!(machine.text("/usr/sbin/postmap"), "somebody's own\n");
        assert!(machine.text("/var/lib/postfix-installer/manifest.json").contains("postmap"));
        machine.good(&["uninstall", "--yes", "--quiet"]);
        let after: Vec<String> = machine.tree();
        let strange = |line: &&String| !is_kept(line);
        assert_eq!(
            after.iter().filter(strange).collect::<Vec<_>>(),
            before.iter().filter(strange).collect::<Vec<_>>()
        );
        assert!(machine.text("/etc/postfix/main.cf").contains("mynetworks_style = host"));
        assert!(machine.bad(&["uninstall", "--yes"]).contains("nothing here was installed"));
    }
}

#[test]
fn purge_leaves_nothing() {
    let machine = Machine::new(&[("/etc/hosts", "x\n")]);
    let before = machine.tree();
    machine.good(&["install", "--quiet"]);
    machine.good(&["uninstall", "--purge", "--yes", "--quiet"]);
    assert_eq!(machine.tree(), before);
    // What the administrator has written stays all the same.
    machine.good(&["install", "--quiet"]);
    machine.put("/etc/postfix/main.cf", "mine = yes\n");
    machine.good(&["uninstall", "--purge", "--yes", "--quiet"]);
    assert_eq!(machine.text("/etc/postfix/main.cf"), "mine = yes\n");
}

#[test]
fn what_somebody_has_changed_is_not_removed() {
    let machine = Machine::new(&[]);
    machine.good(&["install", "--quiet"]);
    std::fs::remove_file(machine.path("/usr/sbin/sendmail")).unwrap();
    machine.put("/usr/sbin/sendmail", "-> exim");
    machine.good(&["uninstall", "--yes", "--quiet"]);
    assert_eq!(std::fs::read_link(machine.path("/usr/sbin/sendmail")).unwrap(), Path::new("exim"));
    assert!(!machine.path("/usr/sbin/postfix").exists());
}

/// Kills the program at every line of its journal; the next run must find nothing half-done.
fn killed_everywhere(machine: &Machine, words: &[&str]) {
    let before = machine.tree();
    for step in 1..1000 {
        let output = machine
            .command(words)
            .env("POSTFIX_INSTALLER_KILLED_AT", step.to_string())
            .output()
            .unwrap();
        assert!(!output.status.success(), "step {step}");
        use std::os::unix::process::ExitStatusExt as _;
        assert_eq!(output.status.signal(), Some(9), "step {step}");
        if step % 10 == 0 && machine.path("/var/lib/postfix-installer/journal").exists() {
            let report = machine.run(&["check"]);
            let report = String::from_utf8_lossy(&report.stdout).into_owned();
            assert!(report.contains("interrupted"), "step {step}: {report}");
        }
        // A verb that fails for another reason undoes it first.
        machine.bad(&["configure", "--myhostname", "localhost"]);
        let after = machine.tree();
        let installs = words.first() == Some(&"install");
        if installs == machine.path("/usr/sbin/postfix").exists() {
            assert!(step > 30, "step {step}");
            return; // the last line, which commits, was written: the next run has finished it
        }
        assert_eq!(after, before, "step {step}");
    }
    panic!("it never ended");
}

#[test]
fn an_interrupted_install_is_rolled_back() {
    let machine =
        Machine::new(&[("/usr/sbin/sendmail", "-> gone"), ("/usr/sbin/postmap", "old\n")]);
    killed_everywhere(&machine, &["install", "--quiet"]);
    assert!(machine.path("/usr/sbin/postfix").exists());
}

#[test]
fn an_interrupted_uninstall_is_rolled_back_or_finished() {
    let machine = Machine::new(&[("/usr/sbin/postmap", "old\n")]);
    machine.good(&["install", "--quiet"]);
    killed_everywhere(&machine, &["uninstall", "--yes", "--quiet"]);
    assert_eq!(machine.text("/usr/sbin/postmap"), "old\n");
    assert!(!machine.path("/usr/sbin/postfix").exists());
    assert!(!machine.path("/var/lib/postfix-installer").exists());
}

#[test]
fn a_step_that_fails_undoes_all() {
    let machine = Machine::new(&[("/usr/x", "")]);
    // A socket cannot be saved.
    std::fs::create_dir_all(machine.path("/usr/libexec/postfix")).unwrap();
    let _socket =
        std::os::unix::net::UnixListener::bind(machine.path("/usr/libexec/postfix/virtual"))
            .unwrap();
    let before = machine.tree();
    let said = machine.bad(&["install", "--quiet"]);
    assert!(said.contains("/usr/libexec/postfix/virtual is a socket"), "{said}");
    assert!(said.contains("everything is as it was before"), "{said}");
    assert_eq!(machine.tree(), before);
}

#[test]
fn another_mail_system_blocks() {
    let machine = Machine::new(GENTOO);
    machine.put("/var/db/pkg/mail-mta/ssmtp-2.64_p12/USE", "mta ssl\n");
    machine
        .put("/var/db/pkg/mail-mta/ssmtp-2.64_p12/CONTENTS", "sym /usr/sbin/sendmail -> ssmtp 1\n");
    let before = machine.tree();
    let said = machine.bad(&["install"]);
    assert!(
        said.contains("[blocks B] mail-mta/ssmtp-2.64_p12 (\"mail-mta/ssmtp[mta]\" is blocking"),
        "{said}"
    );
    assert!(said.contains("emerge --ask=n --unmerge mail-mta/ssmtp"), "{said}");
    let output = machine.run(&["install", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["conflicts"][0]["name"], "ssmtp");
    // Nobody can be asked here.
    assert!(machine.bad(&["install", "--replace"]).contains("nobody can be asked"));
    assert_eq!(machine.tree(), before);
    assert!(machine.bad(&["check"]).contains("blocked"));
    // Without the link it is in nobody's way.
    machine.put("/var/db/pkg/mail-mta/ssmtp-2.64_p12/USE", "ssl\n");
    machine.put("/var/db/pkg/mail-mta/ssmtp-2.64_p12/CONTENTS", "obj /usr/sbin/ssmtp 0 1\n");
    if is_root() {
        machine.good(&["install", "--quiet"]);
    }
}

#[test]
fn a_file_of_nobodys_is_replaced_and_comes_back() {
    let machine = Machine::new(&[("/usr/sbin/sendmail", "#!/bin/sh\n")]);
    assert!(machine.bad(&["install"]).contains("[blocks B] /usr/sbin/sendmail"));
    machine.good(&["install", "--replace", "--yes", "--quiet"]);
    assert!(machine.path("/usr/sbin/sendmail").is_symlink());
    machine.good(&["uninstall", "--yes", "--quiet"]);
    assert_eq!(machine.text("/usr/sbin/sendmail"), "#!/bin/sh\n");
}

#[test]
fn use_flags() {
    let machine = Machine::new(&[]);
    let before = machine.tree();
    assert!(machine.bad(&["install", "--use", "ssl gtk"]).contains("unknown USE flag: gtk"));
    let said = machine.bad(&["install", "--use", "ldap-bind -ldap"]);
    assert!(said.contains("ldap-bind"), "{said}");
    let said = machine.bad(&["install", "--use", "tlsrpt -ssl"]);
    assert!(said.contains("tlsrpt"), "{said}");
    let output = machine.command(&["check"]).env("USE", "nonsense").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("unknown USE flag: nonsense"));
    let json: serde_json::Value =
        serde_json::from_slice(&machine.run(&["check", "--json"]).stdout).unwrap();
    let built: Vec<&str> =
        json["built_in"].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap()).collect();
    assert_eq!(built, postfix_rs::config::features::built_in());
    assert_eq!(machine.tree(), before);
}

#[test]
fn where_mail_is_kept() {
    for (flags, on, off) in [
        ("mbox", "\nmail_spool_directory = /var/mail\n", "\n#home_mailbox = .maildir/\n"),
        ("-mbox", "\nhome_mailbox = .maildir/\n", "\n#mail_spool_directory = /var/mail\n"),
    ] {
        let machine = Machine::new(&[]);
        let built = postfix_rs::config::features::built_in().join(" ");
        machine.good(&["install", "--quiet", "--use", &format!("-* {built} {flags}")]);
        let text = machine.text("/etc/postfix/main.cf");
        assert!(text.contains(on) && text.contains(off), "{flags}: {text}");
    }
    // The administrator's own choice stays.
    let machine = Machine::new(&[("/etc/postfix/main.cf", "home_mailbox = Maildir/\nx = y\n")]);
    let built = postfix_rs::config::features::built_in().join(" ");
    machine.good(&["install", "--quiet", "--use", &format!("-* {built} mbox")]);
    assert_eq!(machine.text("/etc/postfix/main.cf"), "home_mailbox = Maildir/\nx = y\n");
}

#[test]
fn the_name_of_the_machine() {
    let machine = Machine::new(GENTOO);
    let before = machine.tree();
    assert!(machine.bad(&["configure"]).contains("no fully qualified name"));
    for name in ["localhost", "mail", "mail.", "a_b.example", "localhost.localdomain", "192.0.2.1"]
    {
        machine.bad(&["configure", "--hostname", name, "--accept-unresolved"]);
    }
    let said = machine.bad(&["configure", "--hostname", "mail.example.com"]);
    assert!(said.contains("does not resolve") && said.contains("--accept-unresolved"), "{said}");
    assert_eq!(machine.tree().len(), before.len());
    machine.good(&["configure", "--hostname", "mail.example.com", "--accept-unresolved"]);
    assert_eq!(
        machine.text("/etc/conf.d/hostname"),
        "# Set to the hostname of this machine\nhostname=\"mail\"\n"
    );
    assert_eq!(machine.text("/etc/conf.d/net"), "dns_domain_lo=\"example.com\"\n");
    assert_eq!(
        machine.text("/etc/hosts"),
        "127.0.0.1\tlocalhost\n127.0.1.1\tmail.example.com mail\n"
    );
    let once = machine.tree();
    assert!(
        machine
            .good(&["configure", "--hostname", "mail.example.com"])
            .contains("nothing to change")
    );
    assert!(machine.good(&["configure"]).contains("mail.example.com"));
    assert_eq!(machine.tree(), once);
}

#[test]
fn a_name_for_mail_alone() {
    let machine = Machine::new(&[("/etc/hosts", "192.0.2.1 mail.example.com\n")]);
    machine.good(&["install", "--quiet"]);
    let stock = machine.text("/etc/postfix/main.cf");
    machine.good(&["configure", "--myhostname", "mail.example.com"]);
    let text = machine.text("/etc/postfix/main.cf");
    let new: Vec<&str> = text.lines().filter(|l| !stock.lines().any(|old| old == *l)).collect();
    assert_eq!(
        new,
        ["myhostname = mail.example.com", "mydomain = example.com", "myorigin = $myhostname"]
    );
    assert_eq!(text.lines().count(), stock.lines().count());
    machine.good(&["configure", "--myhostname", "mail.example.com"]);
    assert_eq!(machine.text("/etc/postfix/main.cf"), text);
}

#[test]
fn ssmtp_is_carried_over_and_back() {
    let conf = "root=me@example.com\nmailhub=smtp.example.com:465\nrewriteDomain=example.com\nhostname=box.example.com\n\
                UseTLS=YES\nAuthUser=me\nAuthPass=geheim\n";
    let machine = Machine::new(&[
        ("/etc/ssmtp/ssmtp.conf", conf),
        ("/etc/ssmtp/revaliases", "root:me@example.com:smtp.example.com:465\n"),
    ]);
    assert!(machine.bad(&["migrate", "ssmtp"]).contains("no /etc/postfix/main.cf"));
    machine.good(&["install", "--quiet"]);
    let before = machine.tree();
    let plan = machine.good(&["migrate", "ssmtp", "--dry-run"]);
    assert!(!plan.contains("geheim"), "a plan shows no passwords");
    assert_eq!(machine.tree(), before);
    machine.good(&["migrate", "ssmtp"]);
    let text = machine.text("/etc/postfix/main.cf");
    for line in [
        "relayhost = [smtp.example.com]:465",
        "smtp_sasl_auth_enable = yes",
        "smtp_tls_security_level = encrypt",
        "smtp_tls_wrappermode = yes",
        "smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd",
        "sender_canonical_maps = hash:/etc/postfix/sender_canonical",
        "virtual_alias_maps = hash:/etc/postfix/virtual",
        "myorigin = example.com",
        "myhostname = box.example.com",
        "inet_interfaces = loopback-only",
        "mydestination =",
    ] {
        assert_eq!(text.lines().filter(|l| *l == line).count(), 1, "{line}\n{text}");
    }
    assert_eq!(machine.text("/etc/postfix/sasl_passwd"), "[smtp.example.com]:465\tme:geheim\n");
    use std::os::unix::fs::PermissionsExt as _;
    let secret = std::fs::metadata(machine.path("/etc/postfix/sasl_passwd")).unwrap();
    assert_eq!(secret.permissions().mode() & 0o777, 0o600);
    let once = machine.tree();
    machine.good(&["migrate", "ssmtp"]);
    assert_eq!(
        machine.tree().iter().filter(|l| l.starts_with("etc")).collect::<Vec<_>>(),
        once.iter().filter(|l| l.starts_with("etc")).collect::<Vec<_>>()
    );
    machine.good(&["migrate", "--back"]);
    let without_manifest = |tree: &[String]| -> Vec<String> {
        tree.iter().filter(|line| !line.starts_with("var/lib/postfix-installer")).cloned().collect()
    };
    assert_eq!(without_manifest(&machine.tree()), without_manifest(&before));
    assert!(machine.bad(&["migrate", "--back"]).contains("no migration"));
}

#[test]
fn the_others_are_carried_over() {
    for (system, files, relay) in [
        (
            "msmtp",
            &[(
                "/etc/msmtprc",
                "account default\nhost smtp.example.com\nport 587\ntls on\nauth on\nuser u\npassword p\n",
            )][..],
            "[smtp.example.com]:587",
        ),
        (
            "nullmailer",
            &[
                ("/etc/nullmailer/remotes", "smtp.example.com smtp --port=26 --user=u --pass=p\n"),
                ("/etc/nullmailer/adminaddr", "me@example.com\n"),
            ],
            "[smtp.example.com]:26",
        ),
        (
            "esmtp",
            &[("/etc/esmtprc", "hostname=smtp.example.com:25\nusername=u\npassword=p\n")],
            "[smtp.example.com]:25",
        ),
    ] {
        let machine = Machine::new(files);
        machine.good(&["install", "--quiet"]);
        machine.good(&["migrate", system]);
        let text = machine.text("/etc/postfix/main.cf");
        assert!(text.contains(&format!("\nrelayhost = {relay}\n")), "{system}: {text}");
        assert_eq!(machine.text("/etc/postfix/sasl_passwd"), format!("{relay}\tu:p\n"), "{system}");
    }
}

#[test]
fn the_doctor_says_what_is_wrong() {
    let machine = Machine::new(&[]);
    machine.good(&["install", "--quiet"]);
    machine.put(
        "/etc/postfix/main.cf",
        "mydestinaton = x\nmyhostname = localhost\ntransport_maps = regexp:/none\nsmtpd_relay_restrictions = permit\n",
    );
    let output = machine.run(&["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["healthy"], false);
    let checks: Vec<&str> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["check"].as_str().unwrap())
        .collect();
    for check in ["parameters", "name", "tables", "relay"] {
        assert!(checks.contains(&check), "{check}: {json}");
    }
    assert!(
        json["findings"].as_array().unwrap().iter().all(|f| !f["fix"].as_str().unwrap().is_empty())
    );
}

#[test]
fn folders_that_cannot_be_used() {
    let machine = Machine::new(&[("/etc/hosts", "x\n")]);
    let before = machine.tree();
    for prefix in ["usr/local", "/usr/../opt", "/my programs", "/", "/opt/$HOME"] {
        let said = machine.bad(&["install", "--prefix", prefix]);
        assert!(said.contains("cannot be used") && said.contains("/usr/local"), "{said}");
    }
    let (file, nowhere) = (machine.path("/etc/hosts"), machine.path("/nowhere"));
    let at = |root: &Path, verb: &[&str]| {
        let mut command = Command::new(installer());
        let output = command.args(verb).arg("--root").arg(root).output().unwrap();
        assert!(!output.status.success(), "{verb:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(at(&file, &["install"]).contains("is no folder"));
    for verb in [&["configure"][..], &["first-start"], &["doctor"], &["uninstall", "--yes"]] {
        assert!(at(&nowhere, verb).contains("is no folder"), "{verb:?}");
    }
    assert_eq!(machine.tree(), before);
}

#[test]
fn a_damaged_manifest_is_not_written_over() {
    let machine = Machine::new(&[]);
    machine.good(&["install", "--quiet"]);
    let path = "/var/lib/postfix-installer/manifest.json";
    let whole = machine.text(path);
    machine.put(path, whole.get(..whole.len() / 2).unwrap());
    machine.put("/etc/hosts", "192.0.2.1 mail.example.com\n");
    let before = machine.tree();
    for words in [
        &["uninstall", "--yes"][..],
        &["configure", "--myhostname", "mail.example.com"],
        &["migrate", "--back"],
    ] {
        let said = machine.bad(words);
        assert!(said.contains("is damaged"), "{words:?}: {said}");
    }
    assert_eq!(machine.tree(), before);
    machine.put(path, &whole);
    machine.good(&["uninstall", "--yes", "--quiet"]);
    assert!(!machine.path("/usr/sbin/postfix").exists());
}

#[test]
fn a_root_that_cannot_be_written_to() {
    if is_root() {
        return; // root may write anywhere; tests/system/installer.py mounts one read-only
    }
    use std::os::unix::fs::PermissionsExt as _;
    let machine = Machine::new(&[("/etc/hosts", "x\n")]);
    let closed = std::fs::Permissions::from_mode(0o555);
    std::fs::set_permissions(machine.folder.path(), closed).unwrap();
    let said = machine.bad(&["install"]);
    assert!(
        said.contains("cannot write to") && said.contains("nothing has been changed"),
        "{said}"
    );
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(machine.folder.path(), open).unwrap();
}
