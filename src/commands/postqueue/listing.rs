//! The two forms of the listing: mailq's columns, and one JSON object a line.

use std::io::{self, Read, Write};

use crate::sys::date::asctime;
use crate::wire::attr::{self, Item};

/// How the listing looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Json,
}

const SHORT_HEAD: &str = "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------";
const LONG_HEAD: &str = "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------";

/// Why there is no listing.
#[derive(Debug)]
pub(super) enum ListingError {
    /// showq said something else.
    Malformed,
    /// The reader of the listing has gone.
    Output(io::Error),
}

/// Reads attributes from showq.
struct Input<'a> {
    from: &'a mut dyn Read,
    buffer: Vec<u8>,
    start: usize,
}

impl Input<'_> {
    fn item(&mut self) -> Result<Item, ListingError> {
        loop {
            let unread = self.buffer.get(self.start..).unwrap_or_default();
            match attr::take(unread) {
                Ok(Some((item, used))) => {
                    self.start += used;
                    return Ok(item);
                }
                Ok(None) => {}
                Err(_) => return Err(ListingError::Malformed),
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            let mut more = [0; 16 << 10];
            match self.from.read(&mut more) {
                Ok(0) | Err(_) => return Err(ListingError::Malformed),
                Ok(n) => self.buffer.extend_from_slice(more.get(..n).unwrap_or_default()),
            }
        }
    }

    /// The value of the attribute of that name, which must come next.
    fn value(&mut self, name: &str) -> Result<String, ListingError> {
        match self.item()? {
            Item::Attribute(found, value) if found == name => Ok(value),
            _ => Err(ListingError::Malformed),
        }
    }

    fn number(&mut self, name: &str) -> Result<u64, ListingError> {
        self.value(name)?.parse().map_err(|_| ListingError::Malformed)
    }

    /// The value of the first attribute of a group; `None` at the end of the list.
    fn first(&mut self, name: &str) -> Result<Option<String>, ListingError> {
        match self.item()? {
            Item::End => Ok(None),
            Item::Attribute(found, value) if found == name => Ok(Some(value)),
            Item::Attribute(..) => Err(ListingError::Malformed),
        }
    }
}

/// What stands before the recipients of a message.
struct Head {
    queue: String,
    id: String,
    time: u64,
    size: u64,
    forced_expire: bool,
    sender: String,
}

/// A recipient.
struct Recipient {
    original: String,
    address: String,
    class: String,
    reason: String,
}

impl Input<'_> {
    fn head(&mut self) -> Result<Option<Head>, ListingError> {
        let Some(queue) = self.first("queue_name")? else { return Ok(None) };
        Ok(Some(Head {
            queue,
            id: self.value("queue_id")?,
            time: self.number("time")?,
            size: self.number("size")?,
            forced_expire: self.number("forced_expire")? != 0,
            sender: self.value("sender")?,
        }))
    }

    fn recipient(&mut self) -> Result<Option<Recipient>, ListingError> {
        let Some(original) = self.first("original_recipient")? else { return Ok(None) };
        Ok(Some(Recipient {
            original,
            address: self.value("recipient")?,
            class: self.value("log_class")?,
            reason: self.value("reason")?,
        }))
    }
}

/// Writes the listing that comes from `from`.
pub(super) fn show(
    from: &mut dyn Read,
    form: Form,
    long_ids: bool,
    out: &mut dyn Write,
) -> Result<(), ListingError> {
    let mut input = Input { from, buffer: Vec::new(), start: 0 };
    if input.value("protocol")? != "mail_queue_list_protocol" || input.item()? != Item::End {
        return Err(ListingError::Malformed);
    }
    let shown = match form {
        Form::Text => text(&mut input, long_ids, out),
        Form::Json => json(&mut input, out),
    };
    match shown {
        // Who has seen enough is no error.
        Err(ListingError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        shown => shown,
    }
}

impl From<io::Error> for ListingError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

fn text(input: &mut Input<'_>, long_ids: bool, out: &mut dyn Write) -> Result<(), ListingError> {
    let (mut messages, mut bytes) = (0_u64, 0_u64);
    while let Some(head) = input.head()? {
        match (messages, long_ids) {
            (0, false) => writeln!(out, "{SHORT_HEAD}")?,
            (0, true) => writeln!(out, "{LONG_HEAD}")?,
            _ => writeln!(out)?,
        }
        message(&head, input, long_ids, out)?;
        messages += 1;
        bytes += head.size;
    }
    if messages == 0 {
        writeln!(out, "Mail queue is empty")?;
    } else {
        let plural = if messages == 1 { "" } else { "s" };
        writeln!(out, "\n-- {} Kbytes in {messages} Request{plural}.", bytes / 1024)?;
    }
    Ok(out.flush()?)
}

fn message(
    head: &Head,
    input: &mut Input<'_>,
    long_ids: bool,
    out: &mut dyn Write,
) -> Result<(), ListingError> {
    let mark = match head.queue.as_str() {
        "active" => "*",
        "hold" => "!",
        _ => "",
    };
    let id = format!("{}{mark}{}", head.id, if head.forced_expire { "#" } else { "" });
    // The C library's form of the time, cut to the width of the column: without the year.
    let time: String = asctime(head.time).chars().take(if long_ids { 19 } else { 20 }).collect();
    if long_ids {
        writeln!(out, "{id:<17} {:>8} {time:>19} {}", head.size, head.sender)?;
    } else {
        writeln!(out, "{id:<11} {:>7} {time:>20} {}", head.size, head.sender)?;
    }
    let mut last = String::new();
    while let Some(recipient) = input.recipient()? {
        if recipient.reason != last {
            let reason =
                if recipient.reason.is_empty() { "reason unavailable" } else { &recipient.reason };
            let padding = 76_usize.saturating_sub(reason.len());
            writeln!(out, "{:padding$}({reason})", "")?;
            last = recipient.reason;
        }
        if long_ids {
            writeln!(out, "{:<17} {:>8} {:<19} {}", "", "", "", recipient.address)?;
        } else {
            writeln!(out, "{:<11} {:>7} {:<20} {}", "", "", "", recipient.address)?;
        }
    }
    Ok(())
}

fn json(input: &mut Input<'_>, out: &mut dyn Write) -> Result<(), ListingError> {
    while let Some(head) = input.head()? {
        write!(
            out,
            "{{\"queue_name\": {}, \"queue_id\": {}, \"arrival_time\": {}, \
             \"message_size\": {}, \"forced_expire\": {}, \"sender\": {}, \"recipients\": [",
            quoted(&head.queue),
            quoted(&head.id),
            head.time,
            head.size,
            head.forced_expire,
            quoted(&head.sender)
        )?;
        let mut separator = "";
        while let Some(recipient) = input.recipient()? {
            write!(
                out,
                "{separator}{{\"orig_address\": {}, \"address\": {}",
                quoted(&recipient.original),
                quoted(&recipient.address)
            )?;
            if !recipient.reason.is_empty() {
                let name = match recipient.class.as_str() {
                    "defer" => "delay_reason",
                    "bounce" => "bounce_reason",
                    _ => "other_reason",
                };
                write!(out, ", \"{name}\": {}", quoted(&recipient.reason))?;
            }
            write!(out, "}}")?;
            separator = ", ";
        }
        writeln!(out, "]}}")?;
    }
    Ok(out.flush()?)
}

/// A JSON string.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| "\"\"".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing() -> Vec<u8> {
        let mut out = Vec::new();
        attr::put(&mut out, "protocol", "mail_queue_list_protocol");
        attr::end(&mut out);
        for (name, value) in [
            ("queue_name", "deferred"),
            ("queue_id", "ABC12"),
            ("time", "0"),
            ("size", "2048"),
            ("forced_expire", "0"),
            ("sender", "a@b"),
        ] {
            attr::put(&mut out, name, value);
        }
        for address in ["c@d", "e@f"] {
            attr::put(&mut out, "original_recipient", "");
            attr::put(&mut out, "recipient", address);
            attr::put(&mut out, "log_class", "defer");
            attr::put(&mut out, "reason", "no \"route\"");
        }
        attr::end(&mut out);
        attr::end(&mut out);
        out
    }

    fn shown(form: Form) -> String {
        let mut out = Vec::new();
        show(&mut listing().as_slice(), form, false, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_those_of_mailq() {
        let text = shown(Form::Text);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------");
        assert!(lines[1].starts_with("ABC12          2048 "), "{}", lines[1]);
        assert!(lines[1].ends_with(" a@b"));
        assert_eq!(lines[2].len(), 78);
        assert_eq!(lines[3], format!("{:41}c@d", ""));
        assert_eq!(lines[6], "-- 2 Kbytes in 1 Request.");
    }

    #[test]
    fn json_is_one_object_a_line() {
        let value: serde_json::Value = serde_json::from_str(&shown(Form::Json)).unwrap();
        assert_eq!(value["recipients"][1]["delay_reason"], "no \"route\"");
        assert_eq!(value["forced_expire"], false);
    }

    #[test]
    fn an_empty_queue_says_so() {
        let mut bytes = Vec::new();
        attr::put(&mut bytes, "protocol", "mail_queue_list_protocol");
        attr::end(&mut bytes);
        attr::end(&mut bytes);
        let mut out = Vec::new();
        show(&mut bytes.as_slice(), Form::Text, false, &mut out).unwrap();
        assert_eq!(out, b"Mail queue is empty\n");
        let mut cut = b"protocol\0mail_queue_list_protocol\0\0queue_name\0".as_slice();
        assert!(show(&mut cut, Form::Text, false, &mut out).is_err());
    }
}
