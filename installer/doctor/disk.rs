//! Room for the queue: below queue_minfree no mail is taken in.

use postfix_rs::config::parameters as p;

use super::{Finding, Patient, Severity, finding};

/// Fewer than that many files may be too few for a burst of mail.
const FILES_MIN: u64 = 1000;

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let queue = patient.config.queue_directory();
    let at = patient.context.machine.root.at(&queue);
    let Ok(found) = nix::sys::statvfs::statvfs(&at) else {
        return Vec::new(); // that it is missing is said elsewhere
    };
    if found.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY) {
        let text =
            format!("{} cannot be written to: its file system is read-only", queue.display());
        let fix = "mount it read-write; if the kernel made it so, look at dmesg(1) and the disk";
        return vec![finding("disk", Severity::Problem, text, fix)];
    }
    let free = found.blocks_available().saturating_mul(found.fragment_size());
    let limit = u64::try_from(patient.config.int(&p::message_size_limit)).unwrap_or_default();
    let minfree = u64::try_from(patient.config.int(&p::queue_minfree)).unwrap_or_default();
    // Postfix refuses mail when there is no room for one and a half of the largest message.
    let needed = minfree.max(limit.saturating_mul(3) / 2);
    let shown = format!("{} has {} MB left", queue.display(), free >> 20);
    let fix = "make room on that file system";
    let mut findings = Vec::new();
    if free < needed {
        let text = format!("{shown}: no mail is taken in below {} MB", needed >> 20);
        findings.push(finding("disk", Severity::Problem, text, fix));
    } else if free < needed.saturating_mul(4) {
        findings.push(finding("disk", Severity::Warning, shown, fix));
    }
    if found.files() > 0 && found.files_available() < FILES_MIN {
        let text =
            format!("{} has room for {} files only", queue.display(), found.files_available());
        findings.push(finding("disk", Severity::Warning, text, "remove files there"));
    }
    findings
}
