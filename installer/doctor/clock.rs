//! The clock: retries, certificates, message IDs and the dates of mail go by it.

use std::path::Path;
use std::time::{Duration, SystemTime};

use postfix_rs::sys::clock;

use super::{Finding, Patient, Severity, finding};

/// Files of packages may be that much newer than a machine that has just been started.
const TOLERATED: Duration = Duration::from_secs(3600);

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    if !patient.is_live() {
        return Vec::new();
    }
    let files = ["main.cf", "master.cf"].map(|name| patient.directory.join(name));
    let program = std::env::current_exe().unwrap_or_default();
    let ahead = files.iter().chain([&program]).find_map(|path| ahead_of(path, SystemTime::now()));
    let mut findings: Vec<Finding> = ahead.into_iter().collect();
    if findings.is_empty() && clock::is_kept_right() == Some(false) {
        let text = "nothing keeps the clock of this machine right";
        let fix = "run a time service: chrony, ntpd, systemd-timesyncd";
        findings.push(finding("clock", Severity::Note, text, fix));
    }
    findings
}

/// A file from the future: the clock has gone back, or was never set.
fn ahead_of(path: &Path, now: SystemTime) -> Option<Finding> {
    let written = std::fs::metadata(path).and_then(|found| found.modified()).ok()?;
    let ahead = written.duration_since(now).ok().filter(|ahead| *ahead > TOLERATED)?;
    let hours = ahead.as_secs() / 3600;
    let text = format!("{} is from the future: the clock is {hours} hours behind", path.display());
    let fix = "set the clock, and have it kept right: chrony, ntpd, systemd-timesyncd";
    Some(finding("clock", Severity::Problem, text, fix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_from_the_future() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let now = SystemTime::now();
        assert_eq!(ahead_of(file.path(), now), None);
        let found = ahead_of(file.path(), now - Duration::from_secs(7300)).unwrap();
        assert!(found.text.contains("2 hours behind"), "{found:?}");
        assert_eq!(ahead_of(Path::new("/nowhere"), now), None);
    }
}
