//! Values that do not fit, names that nothing reads, names that were meant to be others.

use super::{Finding, Patient, Severity, finding};

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let report = patient.config.check(&patient.services);
    let errors = report.errors.into_iter().map(|text| {
        finding(
            "parameters",
            Severity::Problem,
            text,
            "correct the value; postconf(5) says what it may be",
        )
    });
    let warnings = report.warnings.into_iter().chain(patient.warnings.clone()).map(|text| {
        let (severity, fix) = mending(&text);
        finding("parameters", severity, text, fix)
    });
    let essentials =
        patient.config.check_essentials(patient.is_live() && patient.context.machine.privileged);
    let essentials = essentials.err().map(|problem| {
        finding(
            "parameters",
            Severity::Problem,
            problem.text,
            "nothing starts before that is corrected",
        )
    });
    errors.chain(warnings).chain(essentials).collect()
}

/// How bad a warning of `postfix check` is, and what mends it.
pub(super) fn mending(text: &str) -> (Severity, String) {
    if text.contains(" has no effect: ") {
        // Postfix has that parameter, and nothing has to be done about it here.
        return (Severity::Note, "the line may stay, for the day you go back to C Postfix".into());
    }
    let fix = match (text.rsplit_once("did you mean "), text.split_once("; instead, ")) {
        (Some((_, name)), _) => format!("write {}", name.trim_end_matches('?')),
        (None, Some((_, instead))) => instead.to_owned(),
        (None, None) if text.contains("overriding earlier entry") || text.contains("duplicate") => {
            "remove one of the two lines".to_owned()
        }
        (None, None) if text.contains("the service is not started") => {
            "remove the line from master.cf, or have something else serve it: spawn(8)".to_owned()
        }
        (None, None) => "remove the line, or use the name in another value".to_owned(),
    };
    (Severity::Warning, fix)
}
