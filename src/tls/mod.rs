//! TLS: what smtpd, smtp and lmtp share of it.
//!
//! Everything that knows rustls is behind this door and behind the feature `ssl`. Without it the
//! names are still here, a [`Stream`] is always plain, and whoever asks for TLS is told which
//! feature brings it.

mod stream;

pub use self::stream::{Socket, Stream};
