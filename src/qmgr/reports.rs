//! TLS reports (RFC 8460): what agents tell about handshakes goes to the task that counts them, and
//! what that makes of them comes back as mail.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::event::Event;
#[cfg(feature = "tlsrpt")]
use super::queue::take_probes;
use crate::cleanup::Cleanup;
use crate::config::Config;
use crate::ipc::tlsrpt::Handshake;
use crate::log::Log;

/// The parameters.
#[cfg(feature = "tlsrpt")]
pub(super) type Settings = Arc<crate::tlsrpt::Settings>;

/// Nothing.
#[cfg(not(feature = "tlsrpt"))]
pub(super) struct Settings;

/// The way to the task; without the feature there is none.
pub(super) struct Reports {
    #[cfg(feature = "tlsrpt")]
    collector: crate::tlsrpt::Collector,
}

#[cfg(feature = "tlsrpt")]
pub(super) fn read(config: &Config, log: &Log) -> Settings {
    crate::tlsrpt::Settings::read(config, log)
}

#[cfg(not(feature = "tlsrpt"))]
pub(super) fn read(_: &Config, _: &Log) -> Settings {
    Settings
}

#[cfg(feature = "tlsrpt")]
impl Reports {
    pub(super) fn start(
        settings: Settings,
        cleanup: Arc<Cleanup>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let (collector, posted) = crate::tlsrpt::Collector::start(settings, cleanup);
        tokio::spawn(take_probes(posted, events));
        Self { collector }
    }

    pub(super) fn count(&self, handshake: Handshake) {
        self.collector.count(handshake);
    }

    pub(super) fn reload(&self, settings: Settings, cleanup: Arc<Cleanup>) {
        self.collector.reload(settings, cleanup);
    }

    /// What has been counted is kept for the next start.
    pub(super) async fn finish(self) {
        self.collector.finish().await;
    }
}

#[cfg(not(feature = "tlsrpt"))]
impl Reports {
    pub(super) fn start(_: Settings, _: Arc<Cleanup>, _: mpsc::Sender<Event>) -> Self {
        Self {}
    }

    pub(super) fn count(&self, handshake: Handshake) {
        drop(handshake);
    }

    pub(super) fn reload(&self, _: Settings, _: Arc<Cleanup>) {}

    pub(super) async fn finish(self) {}
}
