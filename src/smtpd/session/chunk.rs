//! BDAT (RFC 3030): content in chunks of announced length.

use super::content::ChunkState;
use super::{Done, End, Session};
use crate::smtpd::connection::CONTENT_ROOM;
use crate::smtpd::dialogue::stage;
use crate::smtpd::fault::Faults;
use crate::smtpd::keyword::Keywords;
use crate::wire::smtp_command::Word;
use crate::wire::smtp_data::Chunks;

/// An announced chunk.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    size: u64,
    last: bool,
}

impl Session {
    pub(super) async fn bdat(&mut self, text: &str, words: &[Word<'_>]) -> Done {
        if self.withheld.has(Keywords::CHUNKING) {
            let text = "521 5.5.1 Error: command not implemented".to_owned();
            return self.refuse((Faults::PROTOCOL, text)).await;
        }
        let Some(chunk) = parse(words) else {
            // What follows would be content: there is no going on.
            let shown: String = text.chars().take(100).collect();
            self.log.warning(format_args!(
                "{}: malformed BDAT command syntax from {}: {shown}",
                self.talk.queue_id, self.talk.peer.text
            ));
            let text = "521 5.5.4 Syntax: BDAT count [LAST]".to_owned();
            return self.refuse((Faults::PROTOCOL, text)).await;
        };
        self.io.start_request();
        if chunk.size == 0 && !chunk.last {
            self.log.warning(format_args!(
                "{}: null BDAT request from {}",
                self.talk.queue_id, self.talk.peer.text
            ));
            return self.skip_chunk(chunk, "551 5.7.1 Null BDAT request").await;
        }
        if matches!(self.incoming.chunks, ChunkState::Failed) {
            let text = format!("551 5.0.0 Discarded {} bytes after earlier error", chunk.size);
            return self.skip_chunk(chunk, &text).await;
        }
        if !self.incoming.in_chunks()
            && let Some(reply) = self.first_chunk_refused().await?
        {
            return self.skip_chunk(chunk, &reply).await;
        }
        let limit = self.service.settings.limits.message_size;
        if limit.is_some_and(|limit| self.talk.received_size.saturating_add(chunk.size) > limit) {
            self.talk.faults.add(Faults::POLICY);
            self.log.warning(format_args!(
                "{}: BDAT request from {} exceeds message size limit",
                self.talk.queue_id, self.talk.peer.text
            ));
            return self.skip_chunk(chunk, "552 5.3.4 Chunk exceeds message size limit").await;
        }
        self.take_chunk(chunk).await
    }

    /// The first BDAT of a message is checked as DATA is.
    async fn first_chunk_refused(&mut self) -> Result<Option<String>, End> {
        if self.talk.recipients == 0 {
            if self.in_transaction() {
                return Ok(Some("554 5.5.1 Error: no valid recipients".into()));
            }
            self.talk.faults.add(Faults::PROTOCOL);
            return Ok(Some("503 5.5.1 Error: need RCPT command".into()));
        }
        self.content_refused("DATA").await
    }

    async fn take_chunk(&mut self, chunk: Chunk) -> Done {
        let mut chunks = match std::mem::take(&mut self.incoming.chunks) {
            ChunkState::Going(chunks) => chunks,
            ChunkState::None | ChunkState::Failed => {
                self.start_content().await;
                Box::new(Chunks::new(self.content_limits()))
            }
        };
        self.enter(stage::BDAT_CONTENT);
        let received = self.receive_chunk(chunk, &mut chunks).await;
        let tally = chunks.tally;
        self.incoming.chunks = ChunkState::Going(chunks);
        received?;
        if chunk.last {
            self.enter(stage::END_OF_MESSAGE);
            return self.end_of_message(tally).await;
        }
        if tally.too_big || tally.rejected {
            self.end_of_message(tally).await?;
            self.incoming.chunks = ChunkState::Failed;
            return Ok(false);
        }
        self.reply(&format!("250 2.0.0 Ok: {} bytes", chunk.size)).await?;
        Ok(true)
    }

    async fn receive_chunk(&mut self, chunk: Chunk, chunks: &mut Chunks) -> Result<(), End> {
        let mut left = chunk.size;
        let mut out = Vec::new();
        loop {
            let piece = self.io.buffered();
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            let piece = piece.get(..here).unwrap_or(piece);
            let before = chunks.tally;
            chunks.take(piece, &mut out);
            left -= piece.len() as u64;
            if left == 0 && chunk.last {
                chunks.finish(&mut out);
            }
            self.io.consume(here);
            self.counted(before, chunks.tally);
            self.incoming.unread = chunks.pending() as u64;
            self.take_content(&mut out).await;
            if left == 0 {
                return Ok(());
            }
            self.io.read_more(CONTENT_ROOM).await?;
            self.io.content_arrived(self.io.buffered().len());
        }
    }

    /// Throws a chunk away, staying in step with the client, and gives the reply. Nobody may send
    /// much more than the size limit in vain.
    async fn skip_chunk(&mut self, chunk: Chunk, reply: &str) -> Done {
        let limit = self.service.settings.limits.message_size;
        let seen = self.talk.received_size;
        let too_much =
            limit.is_some_and(|limit| (seen as f64 + chunk.size as f64) / 1.5 > limit as f64);
        if !too_much {
            self.talk.received_size = seen.saturating_add(chunk.size);
            let mut left = chunk.size;
            while left > 0 {
                let here =
                    self.io.buffered().len().min(usize::try_from(left).unwrap_or(usize::MAX));
                self.io.consume(here);
                left -= here as u64;
                if left > 0 {
                    self.io.read_more(CONTENT_ROOM).await?;
                    self.io.content_arrived(self.io.buffered().len());
                }
            }
        }
        self.reply(reply).await?;
        if too_much {
            self.log.warning(format_args!(
                "{}: too much BDAT content -- disabling further input from {}",
                self.talk.queue_id, self.talk.peer.text
            ));
            self.io.stop_listening();
        }
        if chunk.last {
            let threshold = self.service.settings.limits.history;
            self.flush_history(threshold, None).await;
            self.reset_mail();
            self.reset_recipients();
        } else {
            self.incoming.chunks = ChunkState::Failed;
        }
        Ok(false)
    }
}

fn parse(words: &[Word<'_>]) -> Option<Chunk> {
    let (size, last) = match words {
        [_, size] => (size, false),
        [_, size, last] if last.text.eq_ignore_ascii_case("LAST") => (size, true),
        _ => return None,
    };
    if !size.text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let size = size.text.parse::<i64>().ok().and_then(|size| u64::try_from(size).ok())?;
    Some(Chunk { size, last })
}
