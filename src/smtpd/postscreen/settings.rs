//! The parameters of one postscreen line, read.

use std::time::Duration;

use super::engine::{DeepTest, Penalty, Rules};
use super::results::{Test, Tests};
use super::sites::Sites;
use crate::config::parameter::Parameter;
use crate::config::parameter::kinds::{Bool, Text, Time};
use crate::config::{Config, parameters as p, split_list};
use crate::smtpd::expand::Filter;
use crate::smtpd::keyword::Keywords;

/// What the parameters say.
#[derive(Debug)]
pub struct Settings {
    /// What the engine goes by.
    pub rules: Rules,
    /// The tests that are on.
    pub enabled: Tests,
    /// `postscreen_denylist_action`
    pub deny: Penalty,
    /// `postscreen_greet_action`
    pub greet: Penalty,
    /// `postscreen_dnsbl_action`
    pub dnsbl: Penalty,
    /// `postscreen_greet_banner`; empty sends none.
    pub teaser: String,
    /// `postscreen_greet_ttl`, seconds.
    pub greet_ttl: u64,
    /// `postscreen_dnsbl_sites`
    pub sites: Sites,
    /// `postscreen_dnsbl_threshold`
    pub threshold: i64,
    /// `postscreen_dnsbl_allowlist_threshold`; zero is none.
    pub allow_threshold: i64,
    /// `postscreen_dnsbl_min_ttl` and `postscreen_dnsbl_max_ttl`, seconds.
    pub dnsbl_ttl: (u64, u64),
    /// `postscreen_dnsbl_timeout`
    pub dnsbl_timeout: Duration,
    /// `postscreen_greet_wait`
    pub greet_wait: Patience,
    /// `postscreen_command_time_limit`
    pub command_time: Patience,
    /// `postscreen_pre_queue_limit`; zero is none.
    pub pre_queue_limit: usize,
    /// `postscreen_post_queue_limit`; zero is none.
    pub post_queue_limit: usize,
    /// `postscreen_client_connection_count_limit`; zero is none.
    pub connections: usize,
    /// `postscreen_watchdog_timeout`
    pub watchdog: Duration,
    /// `line_length_limit`
    pub line_limit: usize,
    /// `postscreen_upstream_proxy_protocol` is haproxy.
    pub behind_proxy: bool,
    /// `postscreen_upstream_proxy_timeout`
    pub proxy_timeout: Duration,
    /// `inet_protocols`
    pub ipv4: bool,
    /// `inet_protocols`
    pub ipv6: bool,
    /// `postscreen_reject_footer`
    pub footer: String,
    /// `postscreen_expansion_filter`
    pub expansion_filter: Filter,
    /// `smtpd_service_name`
    pub smtpd_service: String,
    /// `delay_logging_resolution_limit`
    pub decimals: u32,
    /// `respectful_logging`
    pub respectful: bool,
    /// That it is not is a default of the past, of which the log hears once.
    pub tells_of_words: bool,
}

/// A time that is shorter under stress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// In quiet times.
    pub calm: Duration,
    /// When nearly all places are taken.
    pub stressed: Duration,
}

impl Patience {
    fn read(config: &Config, parameter: &Parameter<Time>) -> Self {
        let under = |stress: &str| {
            let view = config.with_overrides(&[("stress".to_owned(), stress.to_owned())]);
            view.time(parameter)
        };
        // The value itself is read as well, so that what is wrong with it is found.
        config.time(parameter);
        Self { calm: under(""), stressed: under("yes") }
    }

    /// The time that holds now.
    pub fn now(self, stressed: bool) -> Duration {
        if stressed { self.stressed } else { self.calm }
    }
}

impl Settings {
    /// Reads them. The error is what Postfix ends with.
    pub fn read(config: &Config) -> Result<Self, String> {
        let sites = Sites::parse(&config.text(&p::postscreen_dnsbl_sites))?;
        let teaser = config.text(&p::postscreen_greet_banner);
        let dnsbl_ttl = (
            config.time(&p::postscreen_dnsbl_min_ttl).as_secs(),
            config.time(&p::postscreen_dnsbl_max_ttl).as_secs(),
        );
        let greet_ttl = config.time(&p::postscreen_greet_ttl).as_secs();
        let rules = rules(config, greet_ttl.min(dnsbl_ttl.0))?;
        let inet_protocols = config.text(&p::inet_protocols);
        let has = |name: &str| {
            split_list(&inet_protocols).iter().any(|word| word.eq_ignore_ascii_case(name))
        };
        let respectful = config.bool(&p::respectful_logging);
        Ok(Self {
            enabled: enabled(config, &teaser, &sites),
            deny: penalty(config, &p::postscreen_denylist_action)?,
            greet: penalty(config, &p::postscreen_greet_action)?,
            dnsbl: penalty(config, &p::postscreen_dnsbl_action)?,
            teaser,
            greet_ttl,
            sites,
            threshold: config.int(&p::postscreen_dnsbl_threshold),
            allow_threshold: config.int(&p::postscreen_dnsbl_allowlist_threshold),
            dnsbl_ttl,
            dnsbl_timeout: config.time(&p::postscreen_dnsbl_timeout),
            greet_wait: Patience::read(config, &p::postscreen_greet_wait),
            command_time: Patience::read(config, &p::postscreen_command_time_limit),
            pre_queue_limit: config.count(&p::postscreen_pre_queue_limit),
            post_queue_limit: config.count(&p::postscreen_post_queue_limit),
            connections: config.count(&p::postscreen_client_connection_count_limit),
            watchdog: config.time(&p::postscreen_watchdog_timeout),
            line_limit: config.count(&p::line_length_limit),
            behind_proxy: behind_proxy(&config.text(&p::postscreen_upstream_proxy_protocol))?,
            proxy_timeout: config.time(&p::postscreen_upstream_proxy_timeout),
            ipv4: has("ipv4") || has("all"),
            ipv6: has("ipv6") || has("all"),
            footer: reference(config, &config.raw(&p::postscreen_reject_footer)),
            expansion_filter: Filter::parse(&reference(
                config,
                &config.raw(&p::postscreen_expansion_filter),
            )),
            smtpd_service: config.text(&p::smtpd_service_name),
            decimals: u32::try_from(config.int(&p::delay_logging_resolution_limit)).unwrap_or(2),
            respectful,
            tells_of_words: !respectful && config.literal("respectful_logging").is_none(),
            rules,
        })
    }
}

fn rules(config: &Config, least_ttl: u64) -> Result<Rules, String> {
    // Words that are no keywords mean nothing, as in Postfix; `postfix check` tells them.
    let discard = Keywords::parse(&config.text(&p::postscreen_discard_ehlo_keywords)).0;
    let test = |action, ttl| -> Result<DeepTest, String> {
        Ok(DeepTest { penalty: penalty(config, action)?, ttl: config.time(ttl).as_secs() })
    };
    let pipelining = test(&p::postscreen_pipelining_action, &p::postscreen_pipelining_ttl)?;
    let non_smtp =
        test(&p::postscreen_non_smtp_command_action, &p::postscreen_non_smtp_command_ttl)?;
    let bare_newline = test(&p::postscreen_bare_newline_action, &p::postscreen_bare_newline_ttl)?;
    Ok(Rules {
        hostname: config.text(&p::myhostname),
        banner: config.text(&p::smtpd_banner),
        size_limit: u64::try_from(config.int(&p::message_size_limit)).unwrap_or(0),
        utf8: config.bool(&p::smtputf8_enable),
        hides_vrfy: config.bool(&p::disable_vrfy_command),
        refuses_vrfy: config.bool(&p::postscreen_disable_vrfy_command),
        helo_required: config.bool(&p::postscreen_helo_required),
        discard,
        // These three come from the settings of TLS.
        offers_tls: false,
        has_tls: false,
        requires_tls: false,
        commands: u32::try_from(config.int(&p::postscreen_command_count_limit)).unwrap_or(u32::MAX),
        pipelining,
        non_smtp,
        bare_newline,
        least_ttl: least_ttl.min(pipelining.ttl).min(non_smtp.ttl).min(bare_newline.ttl),
        quotes_addresses: config.text(&p::info_log_address_format) == "external",
        soft: config.bool(&p::soft_bounce),
        passes_on: config.bool(&p::postscreen_pass_after_deep_tests),
    })
}

fn enabled(config: &Config, teaser: &str, sites: &Sites) -> Tests {
    let on = |parameter: &Parameter<Bool>| config.bool(parameter);
    let mut enabled = Tests::NONE;
    let switches = [
        (Test::Pregreet, !teaser.is_empty()),
        (Test::Dnsbl, !sites.is_empty()),
        (Test::Pipelining, on(&p::postscreen_pipelining_enable)),
        (Test::NonSmtp, on(&p::postscreen_non_smtp_command_enable)),
        (Test::BareNewline, on(&p::postscreen_bare_newline_enable)),
    ];
    for (test, _) in switches.into_iter().filter(|(_, is_on)| *is_on) {
        enabled.add(test);
    }
    enabled
}

/// The actions by their names.
pub(super) fn penalty(config: &Config, parameter: &Parameter<Text>) -> Result<Penalty, String> {
    let text = config.text(parameter);
    match text.to_ascii_lowercase().as_str() {
        "drop" => Ok(Penalty::Drop),
        "enforce" => Ok(Penalty::Enforce),
        "ignore" | "continue" => Ok(Penalty::Ignore),
        _ => Err(format!("bad {} value: {text}", parameter.name)),
    }
}

fn behind_proxy(text: &str) -> Result<bool, String> {
    match text {
        "" => Ok(false),
        "haproxy" => Ok(true),
        _ => Err(format!("unsupported postscreen_upstream_proxy_protocol value: {text}")),
    }
}

/// A value that is a reference to a parameter and nothing else, followed; any other may have `$`
/// of its own in it.
fn reference(config: &Config, text: &str) -> String {
    let Some(rest) = text.strip_prefix('$') else { return text.to_owned() };
    let name = match rest.strip_prefix('{') {
        Some(inside) => inside.strip_suffix('}').unwrap_or_default(),
        None => rest,
    };
    match config.unexpanded(name) {
        Some(value) if !name.is_empty() => value.into_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn read(main_cf: &str) -> Result<Settings, String> {
        let main_cf = format!("compatibility_level = 3.12\nmyhostname = mx.example\n{main_cf}");
        let sources = Sources { main_cf, ..Sources::default() };
        Settings::read(&Config::parse(&sources).unwrap())
    }

    #[test]
    fn defaults() {
        let settings = read("").unwrap();
        assert_eq!(settings.enabled, {
            let mut only = Tests::NONE;
            only.add(Test::Pregreet);
            only
        });
        assert_eq!(settings.greet_wait.calm, Duration::from_secs(6));
        assert_eq!(settings.greet_wait.stressed, Duration::from_secs(2));
        assert_eq!(settings.command_time.now(true), Duration::from_secs(10));
        assert_eq!(settings.rules.least_ttl, 60);
        assert_eq!(
            (settings.deny, settings.rules.non_smtp.penalty),
            (Penalty::Ignore, Penalty::Drop)
        );
        assert_eq!(settings.dnsbl_ttl, (60, 3600));
        assert!(settings.respectful && !settings.rules.passes_on);
    }

    #[test]
    fn names_of_the_past_count_as_well() {
        let settings = read(
            "postscreen_blacklist_action = drop\npostscreen_dnsbl_whitelist_threshold = -2\n\
             postscreen_dnsbl_ttl = 2\n",
        )
        .unwrap();
        assert_eq!(settings.deny, Penalty::Drop);
        assert_eq!(settings.allow_threshold, -2);
        assert_eq!(settings.dnsbl_ttl.1, 7200);
    }

    #[test]
    fn what_postfix_ends_with() {
        assert_eq!(
            read("postscreen_greet_action = explode\n").unwrap_err(),
            "bad postscreen_greet_action value: explode"
        );
        assert_eq!(
            read("postscreen_upstream_proxy_protocol = socks\n").unwrap_err(),
            "unsupported postscreen_upstream_proxy_protocol value: socks"
        );
        assert!(read("postscreen_dnsbl_sites = a.example*x\n").is_err());
    }

    #[test]
    fn footers_may_refer_to_those_of_smtpd() {
        let settings = read("smtpd_reject_footer = call $server_name\n").unwrap();
        assert_eq!(settings.footer, "call $server_name");
        let own = read("postscreen_reject_footer = $client_address\n").unwrap();
        assert_eq!(own.footer, "$client_address");
    }
}
