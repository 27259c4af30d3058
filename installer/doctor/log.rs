//! Does anybody read the log? What is wrong with mail is said there, and nowhere else.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use postfix_rs::config::parameters as p;

use super::{Finding, Patient, Severity, finding};

/// Where syslog(3) sends lines to.
const SYSLOG: &str = "/dev/log";

/// Larger than that, and nobody has thought of `postfix logrotate`.
const LARGE_MB: u64 = 1024;

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let file = PathBuf::from(patient.config.text(&p::maillog_file));
    let found = match file.to_str() {
        Some("") if patient.is_live() => syslog(Path::new(SYSLOG)),
        Some("" | "/dev/stdout") => None,
        _ => in_file(patient, &file),
    };
    found.into_iter().collect()
}

fn syslog(socket: &Path) -> Option<Finding> {
    let why = match UnixDatagram::unbound().and_then(|end| end.connect(socket)) {
        Ok(()) => return None,
        // It is there, and who may write to it is another question.
        Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => return None,
        Err(e) => postfix_rs::config::why(&e),
    };
    let text = format!("the log goes to syslog, and nobody reads it: {}: {why}", socket.display());
    let fix = "start syslog-ng, rsyslog, metalog or systemd-journald, or have the log in a file: \
               postconf maillog_file=/var/log/maillog, then postfix reload";
    Some(finding("log", Severity::Warning, text, fix))
}

fn in_file(patient: &Patient<'_>, file: &Path) -> Option<Finding> {
    let prefixes = patient.config.text(&p::maillog_file_prefixes);
    let mut allowed = prefixes.split([',', ' ', '\t']).filter(|prefix| !prefix.is_empty());
    if !allowed.any(|prefix| file.starts_with(prefix)) {
        let text = format!(
            "maillog_file = {} is in none of the folders of maillog_file_prefixes ({prefixes})",
            file.display()
        );
        let fix = "put the file below /var, or add its folder to maillog_file_prefixes";
        return Some(finding("log", Severity::Problem, text, fix));
    }
    let root = &patient.context.machine.root;
    let folder = file.parent().unwrap_or(Path::new("/"));
    if !root.at(folder).is_dir() {
        let text = format!("maillog_file: there is no folder {}", folder.display());
        let fix = format!("mkdir -p {}", folder.display());
        return Some(finding("log", Severity::Problem, text, fix));
    }
    let megabytes = std::fs::metadata(root.at(file)).map_or(0, |found| found.len() >> 20);
    (megabytes > LARGE_MB).then(|| {
        let text = format!("{} has {megabytes} MB", file.display());
        finding("log", Severity::Note, text, "postfix logrotate, every day from cron(8)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_nobody_reads() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("log");
        assert!(syslog(&at).unwrap().text.contains("No such file"));
        let reader = UnixDatagram::bind(&at).unwrap();
        assert_eq!(syslog(&at), None);
        drop(reader);
        assert!(syslog(&at).unwrap().text.contains("refused"));
    }
}
