//! `postfix-installer try`: a private mail system on high ports, and a first mail through it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::unistd::{Uid, User};

use crate::arguments::TryOptions;
use crate::layout;
use crate::progress;

/// How long start and first delivery may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The private system.
struct Trial {
    home: PathBuf,
    user: User,
    port: u16,
}

/// Builds the system, sends two messages, shows what happened, and stays up until Ctrl-C.
pub fn run(options: &TryOptions) -> Result<(), String> {
    let trial = Trial::new(options)?;
    progress::heading("A private mail system for one user");
    trial.write_files()?;
    progress::done(&format!("configuration in {}", trial.home.join("etc").display()));
    let mut master = trial.start()?;
    let shown = trial.show();
    if shown.is_ok() && !options.once {
        progress::print("\nIt stays up until you press Ctrl-C.");
        wait_for_interrupt(&mut master)?;
    }
    trial.stop(&mut master);
    shown
}

impl Trial {
    fn new(options: &TryOptions) -> Result<Self, String> {
        let mut user = User::from_uid(Uid::effective())
            .ok()
            .flatten()
            .ok_or("you have no entry in the user database")?;
        let home = match &options.directory {
            Some(directory) => std::path::absolute(directory).map_err(|e| e.to_string())?,
            None => default_home(&user),
        };
        std::fs::create_dir_all(&home)
            .map_err(|e| format!("cannot create {}: {e}", home.display()))?;
        check_owner(&home)?;
        if user.uid.is_root() {
            user = step_down(&home)?;
        }
        let port = (options.port..options.port.saturating_add(100))
            .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
            .ok_or_else(|| format!("no free port from {} up on 127.0.0.1", options.port))?;
        Ok(Self { home, user, port })
    }

    fn path(&self, below: &str) -> PathBuf {
        self.home.join(below)
    }

    fn write_files(&self) -> Result<(), String> {
        for folder in ["etc", "sbin", "queue", "data", "mail", "log"] {
            let at = self.path(folder);
            std::fs::create_dir_all(&at)
                .map_err(|e| format!("cannot create {}: {e}", at.display()))?;
        }
        let me = std::fs::read("/proc/self/exe")
            .map_err(|e| format!("cannot read my own program file: {e}"))?;
        self.write("sbin/postfix", &me)?;
        set_mode(&self.path("sbin/postfix"), 0o755)?;
        let names =
            layout::COMMANDS.iter().chain(layout::SET_GID_COMMANDS).chain(layout::SENDMAIL_NAMES);
        for name in names.copied().chain(["postdrop"]) {
            let link = self.path("sbin").join(name);
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink("postfix", &link)
                .map_err(|e| format!("cannot link {}: {e}", link.display()))?;
        }
        self.write("etc/main.cf", self.main_cf().as_bytes())?;
        self.write("etc/master.cf", self.master_cf().as_bytes())?;
        self.write(
            "etc/aliases",
            format!("root: {0}\npostmaster: {0}\n", self.user.name).as_bytes(),
        )?;
        self.run("newaliases", &[], "")
    }

    fn write(&self, below: &str, bytes: &[u8]) -> Result<(), String> {
        let at = self.path(below);
        // A program that runs cannot be written to, but it can be replaced.
        let _ = std::fs::remove_file(&at);
        std::fs::write(&at, bytes).map_err(|e| format!("cannot write {}: {e}", at.display()))
    }

    fn main_cf(&self) -> String {
        let home = self.home.display();
        let group = nix::unistd::Group::from_gid(self.user.gid).ok().flatten();
        let group = group.map_or_else(|| "nogroup".to_owned(), |group| group.name);
        format!(
            "compatibility_level = 3.11\n\
             queue_directory = {home}/queue\ndata_directory = {home}/data\n\
             command_directory = {home}/sbin\ndaemon_directory = {home}/sbin\n\
             sendmail_path = {home}/sbin/sendmail\nmailq_path = {home}/sbin/mailq\n\
             newaliases_path = {home}/sbin/newaliases\n\
             mail_owner = {user}\ndefault_privs = {user}\nsetgid_group = {group}\n\
             myhostname = try.localhost\nmydestination = $myhostname, localhost\n\
             inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n\
             alias_maps = hash:{home}/etc/aliases\nalias_database = $alias_maps\n\
             mail_spool_directory = {home}/mail/\nbiff = no\n\
             maillog_file = {home}/log/maillog\nmaillog_file_prefixes = {home}\n",
            user = self.user.name
        )
    }

    fn master_cf(&self) -> String {
        let stock = layout::MASTER_CF;
        let mut text: String = stock
            .lines()
            .filter(|line| !line.starts_with("smtp      inet"))
            .map(|line| format!("{line}\n"))
            .collect();
        text.push_str(&format!("127.0.0.1:{} inet n - n - - smtpd\n", self.port));
        text
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.path("sbin/postfix"));
        command.arg0(name).env("MAIL_CONFIG", self.path("etc")).current_dir(&self.home);
        command
    }

    fn run(&self, name: &str, arguments: &[&str], input: &str) -> Result<(), String> {
        let failed = |e: std::io::Error| format!("{name}: {e}");
        let mut child =
            self.command(name).args(arguments).stdin(Stdio::piped()).spawn().map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes()).map_err(failed)?;
        }
        match child.wait().map_err(failed)?.code() {
            Some(0) => Ok(()),
            code => Err(format!(
                "{name} ended with {code:?}; see {}",
                self.path("log/maillog").display()
            )),
        }
    }

    fn start(&self) -> Result<Child, String> {
        let mut master = self
            .command("postfix")
            .args(["-c", &self.path("etc").display().to_string(), "start-fg"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|e| format!("cannot start: {e}"))?;
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            let ended = master.try_wait().ok().flatten().is_some();
            if ended || Instant::now() > deadline {
                self.stop(&mut master);
                self.show_log();
                return Err(format!(
                    "the mail system did not start; its log: {}",
                    self.path("log/maillog").display()
                ));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        progress::done(&format!("listening on 127.0.0.1 port {}", self.port));
        Ok(master)
    }

    fn stop(&self, master: &mut Child) {
        let _ = self
            .command("postfix")
            .args(["-c", &self.path("etc").display().to_string(), "stop"])
            .status();
        let _ = master.wait();
    }

    /// Two messages in, two files out.
    fn show(&self) -> Result<(), String> {
        let before = self.mail().len();
        self.send_by_smtp().map_err(|e| format!("SMTP on port {}: {e}", self.port))?;
        progress::done("first message given in by SMTP");
        let text = "Subject: second message\n\nThis one came through sendmail.\n";
        self.run("sendmail", &["-i", &self.user.name], text)?;
        progress::done("second message given in by sendmail");
        let deadline = Instant::now() + PATIENCE;
        while self.mail().len() < before + 2 {
            if Instant::now() > deadline {
                self.show_log();
                return Err("the messages did not arrive in time".into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        progress::done("both have arrived");
        progress::heading("\nThe log");
        self.show_log();
        progress::heading("\nThe mail");
        for path in self.mail().iter().rev().take(2).rev() {
            progress::print(&format!("  {}", path.display()));
        }
        progress::heading("\nTalk to it");
        let (etc, sbin) = (self.path("etc"), self.path("sbin"));
        progress::print(&format!(
            "  SMTP       127.0.0.1 port {}, recipient {}@localhost",
            self.port, self.user.name
        ));
        progress::print(&format!(
            "  sendmail   MAIL_CONFIG={} {}/sendmail {}",
            etc.display(),
            sbin.display(),
            self.user.name
        ));
        progress::print(&format!(
            "  the queue  MAIL_CONFIG={} {}/mailq",
            etc.display(),
            sbin.display()
        ));
        progress::print(&format!("  settings   {}/main.cf", etc.display()));
        Ok(())
    }

    fn send_by_smtp(&self) -> std::io::Result<()> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut replies = BufReader::new(stream.try_clone()?);
        let mut say = |text: &str, wanted: &str| -> std::io::Result<()> {
            (&stream).write_all(text.as_bytes())?;
            loop {
                let mut line = String::new();
                if replies.read_line(&mut line)? == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                if line.get(3..4) != Some("-") {
                    let good = line.starts_with(wanted);
                    return if good {
                        Ok(())
                    } else {
                        Err(std::io::Error::other(line.trim_end().to_owned()))
                    };
                }
            }
        };
        say("", "220")?;
        say("EHLO localhost\r\n", "250")?;
        say("MAIL FROM:<postmaster@localhost>\r\n", "250")?;
        say(&format!("RCPT TO:<{}@localhost>\r\n", self.user.name), "250")?;
        say("DATA\r\n", "354")?;
        say("Subject: first message\r\n\r\nThis one came by SMTP.\r\n.\r\n", "250")?;
        say("QUIT\r\n", "221")
    }

    /// The files in the mailbox, oldest first.
    fn mail(&self) -> Vec<PathBuf> {
        let folder = self.path("mail").join(&self.user.name).join("new");
        let mut found: Vec<_> =
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        found.sort_by_key(|path| std::fs::metadata(path).and_then(|m| m.modified()).ok());
        found
    }

    fn show_log(&self) {
        let text = std::fs::read_to_string(self.path("log/maillog")).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let from =
            lines.iter().rposition(|line| line.contains("daemon started")).unwrap_or_default();
        for line in lines.iter().skip(from) {
            progress::quote(line);
        }
    }
}

/// `~/.local/share/postfix-rs/try`; a folder in /tmp for whoever has no home. For root one that
/// nobody else can have put a link in the place of.
fn default_home(user: &User) -> PathBuf {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    match data {
        _ if user.uid.is_root() => PathBuf::from("/var/lib/postfix-rs-try"),
        Some(data) => data.join("postfix-rs/try"),
        None if user.dir.is_dir() => user.dir.join(".local/share/postfix-rs/try"),
        None => std::env::temp_dir().join(format!("postfix-rs-try-{}", user.uid)),
    }
}

/// A folder that somebody else made is not ours to write to.
fn check_owner(home: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt as _;
    let found = std::fs::symlink_metadata(home).map_err(|e| format!("{}: {e}", home.display()))?;
    let nobody = postfix_rs::sys::users::user("nobody").map(|user| user.uid.as_raw());
    let ours = found.uid() == Uid::effective().as_raw()
        || Uid::effective().is_root() && nobody == Ok(found.uid());
    if found.is_dir() && ours {
        return Ok(());
    }
    Err(format!("{} belongs to somebody else: choose another with --directory", home.display()))
}

/// root tries the system as nobody: nothing of a trial needs root's rights.
fn step_down(home: &Path) -> Result<User, String> {
    let nobody = postfix_rs::sys::users::user("nobody").map_err(|e| e.to_string())?;
    nix::unistd::chown(home, Some(nobody.uid), Some(nobody.gid))
        .map_err(|e| format!("cannot give {} to nobody: {e}", home.display()))?;
    postfix_rs::sys::users::become_user(nobody.uid, nobody.gid, &[nobody.gid])
        .map_err(|e| e.to_string())?;
    progress::done("running as nobody: a trial needs no root");
    Ok(nobody)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .map_err(|e| format!("cannot make {} executable: {e}", path.display()))
}

fn wait_for_interrupt(master: &mut Child) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
                .map_err(|e| e.to_string())?;
        loop {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
                () = tokio::time::sleep(Duration::from_secs(1)) => {
                    if master.try_wait().ok().flatten().is_some() {
                        return Err("the mail system has ended by itself; see its log".into());
                    }
                }
            }
        }
    })
}
