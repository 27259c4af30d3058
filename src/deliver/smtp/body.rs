//! The content of one message, from the spool to the server.

use std::io;

use super::attempt::Attempt;
use super::connection::{Broken, Connection};
use super::content::Outgoing;
use super::downgrade::Downgrade;
use super::reason::Reason;
use super::transaction::Mail;
use crate::mail::address;
use crate::mail::envelope::Body;
use crate::mail::status::Status;

/// How much is read from the spool, and written to the server, at once.
const BLOCK: usize = 64 << 10;

/// Why content was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// The connection failed.
    Broken(Broken),
    /// The content cannot be sent; it is too late to say so politely.
    Unsendable(Reason),
}

/// Whether 8-bit content has to be converted for this server.
pub fn converts(attempt: &Attempt<'_>, connection: &Connection) -> bool {
    attempt.settings.content.convert_8bit
        && !connection.features.eight_bit_mime
        && attempt.request.body != Some(Body::SevenBit)
}

/// Queues the content for the server, and writes all of it but a last part, which goes out
/// together with the dot.
pub async fn send(
    attempt: &Attempt<'_>,
    connection: &mut Connection,
    mail: &Mail<'_>,
) -> Result<(), BodyError> {
    let settings = attempt.settings;
    let mut outgoing = Outgoing::new(settings.content.line_limit);
    let downgrade = converts(attempt, connection).then(|| Downgrade::new(&settings.content));
    for header in added_headers(attempt, mail) {
        outgoing.push(header.as_bytes(), &mut connection.output);
    }
    let mut converter = Converter { attempt, outgoing, downgrade, logged: false };
    let content = mail.content;
    if settings.rewriting.is_needed() {
        let bytes = content.read_all().map_err(|e| unreadable(&e))?;
        let rewriting = settings.rewriting.apply(attempt.log, attempt.request.queue_id, &bytes);
        let bytes = rewriting.await.map_err(|failed| {
            attempt.log.warning(format_args!("{}: {failed}", attempt.request.queue_id));
            BodyError::Broken(Broken::Local)
        })?;
        for piece in bytes.chunks(BLOCK) {
            converter.take(piece, connection).await?;
        }
    } else if let Some(bytes) = content.as_bytes() {
        for piece in bytes.chunks(BLOCK) {
            converter.take(piece, connection).await?;
        }
    } else {
        let mut block = vec![0_u8; BLOCK];
        let mut position = 0_u64;
        while position < content.len() {
            let count = content.read_at(position, &mut block).map_err(|e| unreadable(&e))?;
            let piece = block.get(..count).filter(|piece| !piece.is_empty());
            let piece = piece.ok_or_else(|| unreadable(&io::ErrorKind::UnexpectedEof.into()))?;
            position += count as u64;
            converter.take(piece, connection).await?;
        }
    }
    let Converter { mut outgoing, downgrade, .. } = converter;
    if let Some(mut downgrade) = downgrade {
        downgrade.finish(&mut outgoing, &mut connection.output);
    }
    outgoing.finish(&mut connection.output);
    if connection.features.pix_delay {
        flush(attempt, connection).await?;
        tokio::time::sleep(settings.greeting.pix_delay).await;
    }
    if connection.output.len() > BLOCK {
        flush(attempt, connection).await?;
    }
    Ok(())
}

/// Converts piece by piece.
struct Converter<'a, 'r> {
    attempt: &'a Attempt<'r>,
    outgoing: Outgoing,
    downgrade: Option<Downgrade>,
    logged: bool,
}

impl Converter<'_, '_> {
    /// Converts a piece of content; what has piled up before it is written first.
    async fn take(&mut self, piece: &[u8], connection: &mut Connection) -> Result<(), BodyError> {
        if connection.output.len() >= BLOCK {
            flush(self.attempt, connection).await?;
        }
        match &mut self.downgrade {
            Some(downgrade) => {
                downgrade.push(piece, &mut self.outgoing, &mut connection.output);
                if let Some(text) = downgrade.problem() {
                    let reason = Reason::own(Status::new(5, 6, 0), text.into());
                    return Err(BodyError::Unsendable(reason));
                }
            }
            None => self.outgoing.push(piece, &mut connection.output),
        }
        if self.outgoing.broke_line() && !self.logged {
            self.logged = true;
            self.attempt.log.info(format_args!(
                "{}: breaking line > {} bytes with <CR><LF>SPACE",
                self.attempt.request.queue_id, self.attempt.settings.content.line_limit
            ));
        }
        Ok(())
    }
}

async fn flush(attempt: &Attempt<'_>, connection: &mut Connection) -> Result<(), BodyError> {
    connection.flush(attempt.settings.limits.data_xfer).await.map_err(BodyError::Broken)
}

fn unreadable(error: &io::Error) -> BodyError {
    let text = format!("queue file read error: {}", crate::config::why(error));
    BodyError::Unsendable(Reason::own(Status::new(4, 3, 0), text))
}

/// The headers that `flags=` of the master.cf line asks for.
fn added_headers(attempt: &Attempt<'_>, mail: &Mail<'_>) -> Vec<String> {
    let flags = attempt.settings.flags;
    let mut headers = Vec::new();
    if flags.return_path {
        headers.push(format!("Return-Path: <{}>\n", quoted(mail.mapping.sender())));
    }
    if let Some(to) = attempt.to(0) {
        if flags.original_to {
            headers.push(format!("X-Original-To: {}\n", quoted(&to.original)));
        }
        if flags.delivered_to {
            headers.push(format!("Delivered-To: {}\n", quoted(mail.mapping.recipient(to))));
        }
    }
    headers
}

fn quoted(address: &str) -> std::borrow::Cow<'_, str> {
    if address.is_empty() { address.into() } else { address::quote(address) }
}
