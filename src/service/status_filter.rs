//! `default_delivery_status_filter` and its relatives: a table that changes status and text of
//! what happened to a recipient, before anybody hears of it.

use crate::config::{Config, Problem};
use crate::log::Log;
use crate::lookup::{Maps, Tables};
use crate::mail::outcome::{Action, Outcome};
use crate::mail::status::Status;

/// The filter of one agent, open.
#[derive(Clone, Debug)]
pub struct StatusFilter {
    parameter: String,
    maps: Maps,
}

impl StatusFilter {
    /// Opens the tables of a parameter, such as `smtp_delivery_status_filter`.
    pub fn open(config: &Config, tables: &Tables, parameter: &str) -> Result<Self, Problem> {
        let maps = tables.maps(parameter, &config.text_named(parameter))?;
        Ok(Self { parameter: parameter.to_owned(), maps })
    }

    /// The outcome that counts. A failing table, or a result that would turn success into
    /// failure or the reverse, changes nothing.
    pub async fn apply(&self, log: &Log, outcome: Outcome) -> Outcome {
        if self.maps.is_empty() {
            return outcome;
        }
        let key = format!("{} {}", outcome.status, outcome.text);
        match self.maps.find(&key).await {
            Ok(Some(result)) => self.changed(log, outcome, &result),
            Ok(None) | Err(_) => outcome,
        }
    }

    fn changed(&self, log: &Log, mut outcome: Outcome, result: &str) -> Outcome {
        let (status, text) = Status::split(result);
        let success = |status: Status| status.class == 2;
        match status {
            Some(status) if success(status) == success(outcome.status) => {
                outcome.action = match (status.class, outcome.action) {
                    (4, _) => Action::Deferred,
                    (5, _) => Action::Bounced,
                    (_, action) => action,
                };
                outcome.status = status;
                text.clone_into(&mut outcome.text);
            }
            _ => log.warning(format_args!("{}: bad status code: {result}", self.parameter)),
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_stay_failures() {
        let filter = StatusFilter { parameter: "x".into(), maps: Maps::default() };
        let log = Log::new("postfix", "smtp");
        let bounce = || Outcome::own(Status::new(5, 1, 1), "no");
        let changed = filter.changed(&log, bounce(), "4.1.1 later");
        assert_eq!((changed.action, changed.text.as_str()), (Action::Deferred, "later"));
        assert_eq!(filter.changed(&log, bounce(), "2.0.0 fine"), bounce());
        assert_eq!(filter.changed(&log, bounce(), "nonsense"), bounce());
    }
}
