//! `sendmail -bs`: one session on standard input and output, with the rights of whoever runs it.
//! The caller is trusted with what sendmail would let it do: nothing is checked, and mail goes
//! into the maildrop.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::net::UnixStream;

use super::draft::Maildrop;
use super::peer::Directory;
use super::service::{Intake, Service, Shared};
use super::session::Session;
use crate::config::{Config, default_directory, parameters as p};
use crate::dns::Resolver;
use crate::log::{self, Log};
use crate::lookup::Tables;
use crate::rewrite::Rewrite;
use crate::service::logging;

/// What concerns clients from the network. Relay control is there, as always, and lets everybody
/// through.
const OVERRIDES: &[(&str, &str)] = &[
    ("smtpd_client_restrictions", ""),
    ("smtpd_helo_restrictions", ""),
    ("smtpd_sender_restrictions", ""),
    ("smtpd_relay_restrictions", "permit_mynetworks, reject"),
    ("smtpd_recipient_restrictions", ""),
    ("smtpd_data_restrictions", ""),
    ("smtpd_end_of_data_restrictions", ""),
    ("smtpd_reject_unlisted_recipient", "no"),
    ("smtpd_reject_unlisted_sender", "no"),
    ("smtpd_delay_reject", "yes"),
    ("mynetworks", "0.0.0.0/0, [::]/0"),
    ("smtpd_proxy_filter", ""),
    ("smtpd_milters", ""),
    ("smtpd_milter_maps", ""),
    ("smtpd_sasl_auth_enable", "no"),
    ("smtpd_tls_security_level", "none"),
    ("smtpd_use_tls", "no"),
    ("smtpd_enforce_tls", "no"),
    ("smtpd_tls_wrappermode", "no"),
    ("smtpd_forbid_bare_newline", "no"),
    ("smtpd_authorized_xclient_hosts", ""),
    ("smtpd_authorized_xforward_hosts", ""),
    ("smtpd_upstream_proxy_protocol", ""),
    ("smtpd_client_connection_count_limit", "0"),
    ("smtpd_client_connection_rate_limit", "0"),
    ("smtpd_client_message_rate_limit", "0"),
    ("smtpd_client_recipient_rate_limit", "0"),
    ("local_header_rewrite_clients", "permit_inet_interfaces"),
    ("notify_classes", ""),
];

/// Runs the session to its end.
pub fn main(arguments: &[OsString]) -> ExitCode {
    let early = Log::new("postfix", "smtpd");
    let code = match serve(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            early.fatal(format_args!("{text}"));
            ExitCode::FAILURE
        }
    };
    log::flush();
    code
}

fn serve(arguments: &[OsString]) -> Result<(), String> {
    let directory = default_directory();
    let config = Config::load(&directory).map_err(|problem| problem.text)?;
    logging::set_up(&config, &config.text(&p::myhostname));
    let verbose = arguments.iter().filter(|argument| *argument == "-v").count();
    let log = Log::new(&logging::syslog_name(&config), "smtpd")
        .with_verbose(u32::try_from(verbose).unwrap_or(0));
    let way = Maildrop {
        command_directory: config.text(&p::command_directory).into(),
        config_directory: directory,
        verbose,
        line_limit: config.count(&p::line_length_limit),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|e| format!("start of the runtime: {e}"))?;
    let done = runtime.block_on(session(&config, way, log));
    runtime.shutdown_background();
    done
}

async fn session(config: &Arc<Config>, way: Maildrop, log: Log) -> Result<(), String> {
    let service = service(config, way, &log)?;
    let peer = match ends() {
        Some((remote, local)) => {
            let naming = service.settings.naming;
            service.shared.directory.internet(naming, &log, remote, local).await
        }
        None => Directory::local(service.settings.ipv4, service.settings.ipv6),
    };
    let (ours, bridge) = StdUnixStream::pair().map_err(|e| format!("socketpair: {e}"))?;
    let talking = carry(bridge).map_err(|e| format!("socketpair: {e}"))?;
    let ours = ours
        .set_nonblocking(true)
        .and_then(|()| UnixStream::from_std(ours))
        .map_err(|e| format!("socketpair: {e}"))?;
    let mut session = Box::new(Session::begin(service, ours.into(), peer, log).await);
    session.run().await;
    drop(session);
    let _ = talking.join();
    Ok(())
}

/// The smtpd service, without anything that is for the network.
fn service(config: &Arc<Config>, way: Maildrop, log: &Log) -> Result<Arc<Service>, String> {
    let over: Vec<(String, String)> =
        OVERRIDES.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let config = config.with_overrides(&over);
    let tables = Tables::with_log(config.clone(), log.clone());
    let rewrite = Rewrite::new(&config, &tables).map_err(|problem| problem.text)?;
    let resolver = Resolver::with_log(log.clone());
    let shared = Arc::new(Shared::new(resolver, &config));
    let prepared =
        Service::prepare("smtpd", &config, &tables, (rewrite, log.clone()), shared, log)?;
    Ok(Arc::new(prepared(Intake::Maildrop(way))))
}

/// Both ends of the connection, if standard input is one (started by inetd).
fn ends() -> Option<(SocketAddr, SocketAddr)> {
    let stdin = std::io::stdin();
    let socket = socket2::SockRef::from(&stdin);
    let remote = socket.peer_addr().ok()?.as_socket()?;
    let local = socket.local_addr().ok()?.as_socket()?;
    Some((remote, local))
}

/// Carries bytes between the session and standard input and output. The end of what comes back is
/// the end of the session; the thread that waits for standard input may wait for ever, and ends
/// with the process.
fn carry(bridge: StdUnixStream) -> std::io::Result<JoinHandle<()>> {
    let to_session = bridge.try_clone()?;
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut &to_session);
        let _ = to_session.shutdown(std::net::Shutdown::Write);
    });
    Ok(std::thread::spawn(move || {
        let (mut from_session, mut stdout) = (bridge, std::io::stdout());
        let mut buffer = vec![0; 16 << 10];
        while let Ok(count) = from_session.read(&mut buffer) {
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
            if stdout.write_all(bytes).and_then(|()| stdout.flush()).is_err() {
                break;
            }
        }
    }))
}
