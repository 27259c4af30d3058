//! DATA.

use super::{Done, End, Session};
use crate::smtpd::connection::CONTENT_ROOM;
use crate::smtpd::dialogue::stage;
use crate::smtpd::fault::Faults;
use crate::wire::smtp_command::Word;
use crate::wire::smtp_data::{Data, Tally};

impl Session {
    pub(super) async fn data(&mut self, text: &str, words: &[Word<'_>]) -> Done {
        if self.incoming.in_chunks() {
            let text = "503 5.5.1 Error: DATA after BDAT".to_owned();
            return self.refuse((Faults::PROTOCOL, text)).await;
        }
        if self.talk.recipients == 0 {
            // With PIPELINING a client sends DATA before it knows that no recipient was accepted.
            if self.in_transaction() {
                self.reply("554 5.5.1 Error: no valid recipients").await?;
                return Ok(false);
            }
            let text = "503 5.5.1 Error: need RCPT command".to_owned();
            return self.refuse((Faults::PROTOCOL, text)).await;
        }
        if words.len() != 1 {
            return self.refuse((Faults::PROTOCOL, "501 5.5.4 Syntax: DATA".into())).await;
        }
        if let Some(reply) = self.content_refused(text).await? {
            self.reply(&reply).await?;
            return Ok(false);
        }
        self.start_content().await;
        self.reply("354 End data with <CR><LF>.<CR><LF>").await?;
        self.enter(stage::DATA_CONTENT);
        let tally = self.receive().await?;
        self.enter(stage::END_OF_MESSAGE);
        self.end_of_message(tally).await
    }

    /// Reads to the end of data; nothing is stored of what is refused already.
    async fn receive(&mut self) -> Result<Tally, End> {
        let mut data = Data::new(self.content_limits());
        let mut out = Vec::new();
        self.io.start_request();
        loop {
            let before = data.tally;
            let taken = data.take(self.io.buffered(), &mut out);
            self.io.consume(taken.used);
            self.counted(before, data.tally);
            self.take_content(&mut out).await;
            if taken.finished {
                return Ok(data.tally);
            }
            let had = self.io.buffered().len();
            self.io.read_more(CONTENT_ROOM).await?;
            self.io.content_arrived(self.io.buffered().len().saturating_sub(had));
        }
    }
}
