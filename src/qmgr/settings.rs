//! What qmgr reads from main.cf and master.cf, once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::scheduler::{Feedback, Limits, Slots, TransportLimits};
use crate::config::master_cf::ServiceLine;
use crate::config::{Config, parameters as p};
use crate::lookup::Tables;
use crate::lookup::match_list::DomainList;

/// The agents that run inside qmgr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BuiltIn {
    /// error(8): the next hop is the reason for a bounce.
    Error,
    /// The same program as `retry`: the next hop is the reason for a delay.
    Retry,
    /// discard(8)
    Discard,
    /// What cleanup refused: returned to the sender in its name.
    Refused,
}

impl BuiltIn {
    /// By master.cf name and program.
    fn of(name: &str, program: &str) -> Option<Self> {
        match program {
            "error" if name == "retry" => Some(Self::Retry),
            "error" => Some(Self::Error),
            "discard" => Some(Self::Discard),
            "cleanup" => Some(Self::Refused),
            _ => None,
        }
    }

    /// What runs under that name even if master.cf has no such line.
    fn by_name(name: &str) -> Option<Self> {
        match name {
            "error" => Some(Self::Error),
            "retry" => Some(Self::Retry),
            "cleanup" => Some(Self::Refused),
            _ => None,
        }
    }

    /// The program that the log names.
    pub(super) fn program(self) -> &'static str {
        match self {
            Self::Error | Self::Retry => "error",
            Self::Discard => "discard",
            Self::Refused => "cleanup",
        }
    }
}

/// A delivery service of master.cf.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    pub(super) built_in: Option<BuiltIn>,
    /// Simultaneous deliveries; zero is no limit.
    pub(super) processes: usize,
}

/// Everything.
#[derive(Debug)]
pub(super) struct Settings {
    config: Arc<Config>,
    pub(super) queue_directory: PathBuf,
    pub(super) limits: Limits,
    pub(super) queue_lifetime: Duration,
    pub(super) bounce_lifetime: Duration,
    /// Zero is never.
    pub(super) delay_warning: Duration,
    pub(super) confirm_delay_cleared: bool,
    pub(super) defer_transports: Vec<String>,
    pub(super) default_filter_nexthop: String,
    pub(super) hostname: String,
    pub(super) mail_name: String,
    pub(super) delimiters: String,
    /// The user name of `double_bounce_sender`: mail for it is dropped.
    pub(super) double_bounce: String,
    pub(super) no_verp_bounces: bool,
    pub(super) quote_logged: bool,
    pub(super) delay_decimals: u32,
    pub(super) soft_bounce: bool,
    /// `daemon_timeout`: how long an agent may have a request.
    pub(super) agent_patience: Duration,
    pub(super) fast_flush: DomainList,
    /// address_verify_pending_request_limit
    pub(super) most_probes: usize,
    /// address_verify_negative_cache
    pub(super) negative_cache: bool,
    transports: HashMap<String, Transport>,
    default_processes: usize,
}

impl Settings {
    /// Reads all.
    pub(super) fn read(
        config: &Arc<Config>,
        lines: &[ServiceLine],
        tables: &Tables,
    ) -> Result<Arc<Self>, String> {
        let fast_flush =
            DomainList::parse(tables, "fast_flush_domains", &config.text(&p::fast_flush_domains))
                .map_err(|problem| problem.text)?;
        let double_bounce = config.text(&p::double_bounce_sender);
        Ok(Arc::new(Self {
            config: config.clone(),
            queue_directory: config.queue_directory(),
            limits: limits(config),
            queue_lifetime: config.time(&p::maximal_queue_lifetime),
            bounce_lifetime: config.time(&p::bounce_queue_lifetime),
            delay_warning: config.time(&p::delay_warning_time),
            confirm_delay_cleared: config.bool(&p::confirm_delay_cleared),
            defer_transports: words(&config.text(&p::defer_transports)),
            default_filter_nexthop: config.text(&p::default_filter_nexthop),
            hostname: config.text(&p::myhostname),
            mail_name: config.text(&p::mail_name),
            delimiters: config.text(&p::recipient_delimiter),
            double_bounce,
            no_verp_bounces: config.bool(&p::disable_verp_bounces),
            quote_logged: config.text(&p::info_log_address_format) != "internal",
            delay_decimals: u32::try_from(config.int(&p::delay_logging_resolution_limit))
                .unwrap_or(2),
            soft_bounce: config.bool(&p::soft_bounce),
            agent_patience: config.time(&p::daemon_timeout),
            fast_flush,
            negative_cache: config.bool(&p::address_verify_negative_cache),
            most_probes: config.count(&p::address_verify_pending_request_limit),
            transports: transports(lines),
            default_processes: config.count(&p::default_process_limit),
        }))
    }

    /// The service of that name; one that master.cf does not have fails when it is called.
    pub(super) fn transport(&self, name: &str) -> Transport {
        self.transports.get(name).cloned().unwrap_or(Transport {
            built_in: BuiltIn::by_name(name),
            processes: self.default_processes,
        })
    }

    /// All service names that deliver inside qmgr.
    pub(super) fn built_in(&self, name: &str) -> Option<BuiltIn> {
        match self.transports.get(name) {
            Some(transport) => transport.built_in,
            None => BuiltIn::by_name(name),
        }
    }

    /// What the scheduler should keep to for that transport.
    pub(super) fn transport_limits(&self, name: &str) -> TransportLimits {
        let config = &self.config;
        let number = |suffix: &str| config.transport_int(name, suffix).max(0);
        let feedback = |suffix: &str| {
            let text = config.transport_text(name, suffix);
            Feedback::parse(&text).unwrap_or(Feedback::Fixed(1.0))
        };
        let transport = self.transport(name);
        // What runs inside qmgr answers at once: no number of processes stands in its way.
        let processes = if transport.built_in.is_some() { 0 } else { transport.processes };
        let concurrency = number("destination_concurrency_limit");
        let initial = number("initial_destination_concurrency");
        TransportLimits {
            processes,
            concurrency: u32::try_from(concurrency).unwrap_or(u32::MAX),
            initial_concurrency: u32::try_from(initial).unwrap_or(u32::MAX),
            recipients: self.recipient_limit(name),
            destination_rate_delay: config.transport_time(name, "destination_rate_delay"),
            transport_rate_delay: config.transport_time(name, "transport_rate_delay"),
            positive_feedback: feedback("destination_concurrency_positive_feedback"),
            negative_feedback: feedback("destination_concurrency_negative_feedback"),
            failed_cohorts: number("destination_concurrency_failed_cohort_limit") as f64,
            slots: Slots {
                cost: number("delivery_slot_cost"),
                loan: number("delivery_slot_loan"),
                discount: number("delivery_slot_discount").min(100),
                minimum: number("minimum_delivery_slots"),
            },
            in_core: usize::try_from(number("recipient_limit")).unwrap_or(usize::MAX),
            extra_in_core: usize::try_from(number("extra_recipient_limit")).unwrap_or(usize::MAX),
            refill: usize::try_from(number("recipient_refill_limit")).unwrap_or(usize::MAX).max(1),
            refill_delay: config.transport_time(name, "recipient_refill_delay"),
        }
    }

    /// What is wrong with the feedback of a transport, if anything is: 1 takes its place.
    pub(super) fn complaints(&self, name: &str) -> Vec<String> {
        let of = |kind: &str| {
            let suffix = format!("destination_concurrency_{kind}_feedback");
            let text = self.config.transport_text(name, &suffix);
            if Feedback::parse(&text).is_some() {
                return None;
            }
            let default = self.config.transport_text("default", &suffix);
            let whose = if text == default { "default" } else { name };
            Some(format!("{whose}_{suffix}: ignoring malformed or unreasonable feedback: {text}"))
        };
        ["positive", "negative"].into_iter().filter_map(of).collect()
    }

    /// `<transport>_destination_recipient_limit`
    pub(super) fn recipient_limit(&self, transport: &str) -> usize {
        let limit = self.config.transport_int(transport, "destination_recipient_limit");
        usize::try_from(limit).unwrap_or_default()
    }

    /// How long a message of that sender may stay.
    pub(super) fn lifetime(&self, null_sender: bool) -> Duration {
        if null_sender { self.bounce_lifetime } else { self.queue_lifetime }
    }
}

fn words(text: &str) -> Vec<String> {
    crate::config::split_list(text).into_iter().map(str::to_owned).collect()
}

fn limits(config: &Config) -> Limits {
    Limits {
        active_messages: config.count(&p::qmgr_message_active_limit),
        active_recipients: config.count(&p::qmgr_message_recipient_limit),
        recipient_minimum: config.count(&p::qmgr_message_recipient_minimum),
        queue_run_delay: config.time(&p::queue_run_delay),
        minimal_backoff: config.time(&p::minimal_backoff_time),
        maximal_backoff: config.time(&p::maximal_backoff_time),
        transport_retry: config.time(&p::transport_retry_time),
    }
}

fn transports(lines: &[ServiceLine]) -> HashMap<String, Transport> {
    lines
        .iter()
        .filter(|line| line.kind == crate::config::master_cf::SocketKind::Unix)
        .map(|line| {
            let transport = Transport {
                built_in: BuiltIn::of(&line.name, &line.program),
                processes: line.maxproc.map_or(0, |n| n as usize),
            };
            (line.name.clone(), transport)
        })
        .collect()
}
