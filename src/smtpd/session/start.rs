//! The beginning of a session: limits on the client, and the greeting.

use std::sync::Arc;

use super::command::Statistics;
use super::content::Incoming;
use super::notice::History;
use super::{End, Session};
use crate::log::Log;
use crate::smtpd::connection::{Connection, Patience};
use crate::smtpd::dialogue::Dialogue;
use crate::smtpd::fault::Faults;
use crate::smtpd::keyword::Keywords;
use crate::smtpd::peer::Peer;
use crate::smtpd::sasl::Remembered;
use crate::smtpd::service::Service;
use crate::tls::Stream;
use crate::wire::smtp_data::BareLf;

impl Session {
    /// A session with a client that has connected.
    pub async fn begin(service: Arc<Service>, stream: Stream, peer: Peer, log: Log) -> Self {
        let settings = &service.settings;
        let limits = &settings.limits;
        let patience = Patience {
            timeout: limits.timeout,
            per_request: limits.per_request_deadline,
            min_data_rate: limits.min_data_rate,
        };
        let hosts = &service.maps.xforward_hosts;
        let may_xforward =
            !hosts.is_empty() && hosts.matches(&peer.name, peer.ip).await.unwrap_or(false);
        let mut session = Self {
            talk: Dialogue::new(Arc::new(peer), settings),
            io: Connection::new(stream, patience),
            history: History::new(settings.notify != Faults::NONE),
            statistics: Statistics::default(),
            connection_counted: false,
            offer: None,
            auth_remembered: Remembered::default(),
            withheld: Keywords::NONE,
            bare_lf: BareLf::default(),
            noted_bare_lf: false,
            unlimited: false,
            may_verp: false,
            may_xclient: false,
            may_xforward,
            replay: None,
            forwarded: None,
            filter: None,
            proxy_mail: String::new(),
            errors: 0,
            junk: 0,
            overshoot: 0,
            sequence: 0,
            access_denied: false,
            hang_up: false,
            incoming: Incoming::default(),
            message: None,
            milters: None,
            milter_abort: false,
            connections: 0,
            service,
            log,
        };
        session.judge_client().await;
        session
    }

    /// Greets the client, or turns it away; false ends the session.
    pub(super) async fn welcome(&mut self) -> Result<bool, End> {
        self.service.log_first_warnings(&self.log);
        if !self.wrap().await? {
            return Ok(false);
        }
        if self.is_too_early() && self.service.settings.forbid_unauth_pipelining {
            self.count_connection();
            self.reply("554 5.5.0 Error: SMTP protocol synchronization").await?;
            return Ok(false);
        }
        if let Some(refusal) = self.count_connection() {
            self.reply(&refusal).await?;
            return Ok(false);
        }
        self.withheld = self.withheld_keywords().await;
        if !self.service.settings.delay_reject
            && let Some(reply) = self.checks().client().await?
        {
            self.talk.faults.add(Faults::POLICY);
            self.access_denied = true;
            self.reply(&reply).await?;
            self.errors += 1;
            return Ok(true);
        }
        self.choose_milters().await;
        if let Some(reply) = self.milters_connect().await {
            self.reply(&reply).await?;
            return Ok(true);
        }
        let banner = format!("220 {}", self.service.settings.banner);
        self.reply(&banner).await?;
        Ok(true)
    }

    /// `smtpd_discard_ehlo_keyword_address_maps`, `smtpd_discard_ehlo_keywords`
    async fn withheld_keywords(&self) -> Keywords {
        let maps = &self.service.maps.discard_ehlo;
        if !maps.is_empty()
            && let Ok(Some(words)) = maps.find(&self.talk.peer.address).await
        {
            return Keywords::parse(&words).0;
        }
        self.service.settings.discard_ehlo
    }
}
