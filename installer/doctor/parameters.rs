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
    let warnings = report.warnings.into_iter().map(|text| {
        let fix = match text.rsplit_once("did you mean ") {
            Some((_, name)) => format!("write {}", name.trim_end_matches('?')),
            None if text.contains("overriding earlier entry") => {
                "remove one of the two lines".to_owned()
            }
            None => "remove the line, or use the name in another value".to_owned(),
        };
        finding("parameters", Severity::Warning, text, fix)
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
