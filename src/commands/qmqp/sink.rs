//! qmqp-sink(1): takes messages by QMQP, and forgets them.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::commands::endpoint::{Endpoint, Families, Listener, shown};
use crate::commands::getopt::Options as Words;
use crate::commands::load::positive;
use crate::commands::speaker::Speaker;
use crate::config::why;
use crate::tls::Stream;
use crate::wire::netstring::{self, BadNetstring};

const NAME: &str = "qmqp-sink";
const USAGE: &str = "[-cv] [-x time] [host]:port backlog";

/// How long a client may be silent, and how much is read at a time.
const PATIENCE: Duration = Duration::from_secs(300);
const CHUNK: usize = 16 << 10;

/// What a sink does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Options {
    families: Families,
    counts: bool,
    verbose: bool,
    /// Seconds until the end.
    time: Option<u32>,
    place: String,
    backlog: u32,
}

#[derive(Debug)]
struct Sink {
    counts: bool,
    count: AtomicU64,
    speaker: Speaker,
}

/// Runs the command until it is ended.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let speaker = Speaker::new(NAME);
    match run(arguments, &speaker) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => speaker.fatal(text),
    }
}

fn run(arguments: Vec<OsString>, speaker: &Speaker) -> Result<(), String> {
    let usage = || format!("usage: {} {USAGE}", speaker.program());
    let options = parse(arguments, speaker).ok_or_else(usage)?;
    let place = Endpoint::to_listen(&options.place, options.families)?;
    let listening = place.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX), 0)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| format!("start of the runtime: {}", why(&e)))?;
    runtime.block_on(async {
        let listener = listening.start().map_err(|e| format!("listen: {}", why(&e)))?;
        let sink =
            Sink { counts: options.counts, count: AtomicU64::new(0), speaker: speaker.clone() };
        let serving = serve(listener, Arc::new(sink), options.verbose);
        match options.time {
            Some(time) => {
                let time = Duration::from_secs(time.into());
                let _ = tokio::time::timeout(time, serving).await;
            }
            None => serving.await,
        }
        Ok(())
    })
}

fn parse(arguments: Vec<OsString>, speaker: &Speaker) -> Option<Options> {
    let words = match Words::read(arguments, "46cvx:") {
        Ok(words) => words,
        Err(bad) => {
            speaker.info(bad);
            return None;
        }
    };
    let mut options = Options::default();
    for (letter, value) in words.options {
        match letter {
            '4' => options.families = Families { ipv4: true, ipv6: false },
            '6' => options.families = Families { ipv4: false, ipv6: true },
            'c' => options.counts = true,
            'x' => options.time = Some(positive(&value.unwrap_or_default())?),
            _ => options.verbose = true,
        }
    }
    let [place, backlog] = <[String; 2]>::try_from(words.rest).ok()?;
    options.backlog = positive(&backlog)?;
    options.place = place;
    Some(options)
}

async fn serve(listener: Listener, sink: Arc<Sink>, verbose: bool) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                if verbose {
                    sink.speaker.info(format_args!("connect ({})", shown(from).0));
                }
                let sink = sink.clone();
                tokio::spawn(async move {
                    let time = tokio::time::timeout(PATIENCE, sink.session(stream)).await;
                    if let Ok(Err(why)) = time {
                        sink.speaker.warning(why);
                    }
                });
            }
            // Out of descriptors, or the client has gone again.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

impl Sink {
    async fn session(&self, mut stream: Stream) -> Result<(), String> {
        let mut buffer = Vec::with_capacity(CHUNK);
        let mut left = loop {
            match netstring::length(&buffer) {
                // The comma at the end counts as well.
                Ok(Some((length, used))) => {
                    break length.saturating_add(1).saturating_sub(buffer.len() - used);
                }
                Ok(None) => fill(&mut stream, &mut buffer).await?,
                Err(BadNetstring::Size) => return Err("netstring size error".into()),
                Err(bad) => return Err(bad.to_string()),
            }
        };
        while left > 0 {
            buffer.clear();
            fill(&mut stream, &mut buffer).await?;
            left = left.saturating_sub(buffer.len());
        }
        let mut reply = Vec::new();
        netstring::append(&mut reply, b"KOk");
        let said = async {
            stream.write_all(&reply).await?;
            stream.flush().await
        };
        said.await.map_err(|_: std::io::Error| "lost connection".to_owned())?;
        if self.counts {
            use std::io::Write as _;
            let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
            let mut out = std::io::stdout();
            let _ = write!(out, "{count}\r").and_then(|()| out.flush());
        }
        Ok(())
    }
}

async fn fill(stream: &mut Stream, buffer: &mut Vec<u8>) -> Result<(), String> {
    buffer.reserve(CHUNK);
    match stream.read_buf(buffer).await {
        Ok(count) if count > 0 => Ok(()),
        _ => Err("lost connection".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines() {
        let parse =
            |line: &str| parse(line.split(' ').map(OsString::from).collect(), &Speaker::new(NAME));
        let options = parse("-cv -x 5 :628 10").unwrap();
        assert_eq!((options.time, options.backlog, options.counts), (Some(5), 10, true));
        for bad in [":628", ":628 0", "-x 0 :628 1", "-z :628 1", "a b c"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
