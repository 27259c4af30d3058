//! Mail that nobody delivers: queue files that C Postfix has left, and what was set aside as
//! damaged.

use std::path::Path;

use postfix_rs::commands::postsuper;

use super::{Finding, Patient, Severity, finding};
use crate::status;

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let queue = patient.config.queue_directory();
    let at = patient.context.machine.root.at(&queue);
    let mut findings = Vec::new();
    let count = postsuper::queue_files(&at);
    if count > 0 {
        let text = format!("{count} messages of C Postfix are in {}", queue.display());
        if patient.is_live() && status::is_running() {
            let text = format!("{text}: they wait until the next start");
            let fix = "postfix stop, then postfix start: a start takes them over";
            findings.push(finding("queue", Severity::Warning, text, fix));
        } else {
            let fix = "nothing: the first start takes them over; or now: postfix-installer migrate postfix";
            findings.push(finding("queue", Severity::Note, text, fix));
        }
    }
    findings.extend(corrupt(&queue, &at));
    findings
}

fn corrupt(queue: &Path, at: &Path) -> Option<Finding> {
    let count = std::fs::read_dir(at.join("corrupt")).ok()?.flatten().count();
    let folder = queue.join("corrupt");
    let shown = folder.display();
    (count > 0).then(|| {
        let text = format!("{count} damaged messages are set aside in {shown}");
        let fix = format!("postcat {shown}/* shows what can be read of them; remove them then");
        finding("queue", Severity::Warning, text, fix)
    })
}
