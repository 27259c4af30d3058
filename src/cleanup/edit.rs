//! Changes of a message that milters ask for: header fields, body, sender, recipients.

use super::header::{Shown, for_lines};
use super::store::{Reading, Store};
use super::{Errors, Message};
use crate::filter::{Answer, Client};
use crate::mail::address::List;
use crate::mail::envelope::{Notify, Ret};
use crate::mail::header::{field_name, is_field};
use crate::mail::status::Status;
use crate::spool::Writer;
use crate::wire::milter::Edit;
use crate::wire::xtext;

/// Longest header that changes may make, in bytes.
const HEADER_MAX: u64 = 16 << 20;

/// A message while milters change it.
#[derive(Debug)]
pub(super) struct Draft {
    /// Complete fields, LF line ends.
    pub header: Vec<u8>,
    /// For the log.
    pub client: Client,
    /// What stands between a new field's colon and its value.
    pub space: &'static [u8],
    /// The body has been replaced by the milter that is at work.
    pub body_done: bool,
    /// What milter_header_checks have decided; it has been logged.
    pub check_answer: Option<Answer>,
    changed: bool,
    /// Bytes that changes have added: Postfix's queue file grows by each.
    added: u64,
    body: Option<Store>,
    open: Option<NewBody>,
}

/// A body that is coming in.
#[derive(Debug)]
struct NewBody {
    store: Store,
    /// The last byte was CR: whether it belongs to a line end shows later.
    cr: bool,
    in_line: bool,
}

/// Where a field stands in the header.
struct Place {
    start: usize,
    end: usize,
}

impl Draft {
    pub(super) fn new(header: Vec<u8>, client: Client) -> Self {
        Self {
            header,
            client,
            space: b" ",
            body_done: false,
            check_answer: None,
            changed: false,
            added: 0,
            body: None,
            open: None,
        }
    }

    /// The body as it is now, with the empty line before it.
    pub(super) fn body<'a>(&'a self, store: &'a Store) -> Reading<'a> {
        self.body.as_ref().map_or_else(|| store.reading_body(), Store::reading)
    }

    pub(super) fn body_is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Puts everything into the message.
    pub(super) fn put_into(self, store: &mut Store, writer: &Writer) -> std::io::Result<()> {
        if !self.changed && self.body.is_none() {
            return Ok(());
        }
        store.rebuild(self.header, self.body.as_ref(), writer)
    }

    /// Why an edit makes no sense.
    pub(super) fn objection(&self, edit: &Edit) -> Option<&'static str> {
        match edit {
            Edit::ChangeHeader { name, .. } if name.is_empty() => Some("null change header name"),
            Edit::ReplaceBody(_) if self.body_done => {
                Some("body replacement requests can't currently be mixed with other requests")
            }
            _ => None,
        }
    }

    fn add_body(&mut self, piece: &[u8], line_limit: usize, writer: &Writer) {
        let new = self.open.get_or_insert_with(|| {
            let mut store = Store::new(line_limit);
            store.body(b"\n", writer);
            NewBody { store, cr: false, in_line: false }
        });
        let mut text = Vec::with_capacity(piece.len() + 1);
        for line in piece.split_inclusive(|byte| *byte == b'\n') {
            if std::mem::take(&mut new.cr) && line != b"\n" {
                text.push(b'\r');
            }
            let ends = line.last() == Some(&b'\n');
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let bare = line.strip_suffix(b"\r").unwrap_or(line);
            text.extend_from_slice(bare);
            if ends {
                text.push(b'\n');
            } else {
                new.cr = bare.len() < line.len();
            }
            new.in_line = !ends;
        }
        self.added += text.len() as u64;
        new.store.body(&text, writer);
    }

    /// The last piece has come.
    pub(super) fn close_body(&mut self, writer: &Writer) {
        let Some(mut new) = self.open.take() else { return };
        if new.cr {
            new.store.body(b"\r", writer);
        }
        if new.in_line {
            new.store.body(b"\n", writer);
        }
        self.body = Some(new.store);
        self.body_done = true;
    }

    fn failure(&self) -> Option<&crate::spool::SpoolError> {
        let open = self.open.as_ref().and_then(|new| new.store.failed.as_ref());
        open.or_else(|| self.body.as_ref().and_then(|body| body.failed.as_ref()))
    }

    /// The places of all fields.
    fn fields(&self) -> impl Iterator<Item = Place> {
        let mut start = 0;
        std::iter::from_fn(move || {
            let rest = self.header.get(start..).filter(|rest| !rest.is_empty())?;
            let end = start + field_end(rest);
            let place = Place { start, end };
            start = end;
            Some(place)
        })
    }

    /// The `index`th field of that name, counted from 1; `hidden` does not count.
    fn find(&self, index: u32, name: &[u8], hidden: &[u8]) -> Option<Place> {
        let mut left = index.max(1);
        let mut hidden = Some(hidden).filter(|field| !field.is_empty());
        self.fields().find(|place| {
            let field = self.header.get(place.start..place.end).unwrap_or_default();
            let field = field.strip_suffix(b"\n").unwrap_or(field);
            if !field_name(field).eq_ignore_ascii_case(name) {
                return false;
            }
            if hidden == Some(field) {
                hidden = None;
                return false;
            }
            left -= 1;
            left == 0
        })
    }

    fn splice(&mut self, place: &Place, text: &[u8]) {
        let end = place.end.min(self.header.len());
        let start = place.start.min(end);
        self.header.splice(start..end, text.iter().copied());
        self.added += text.len() as u64;
        self.changed = true;
    }
}

/// Where the field at the beginning of `text` ends, its line end included.
fn field_end(text: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', text)
        .map(|end| end + 1)
        .find(|end| !matches!(text.get(*end), Some(b' ' | b'\t')))
        .unwrap_or(text.len())
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Message {
    /// Makes a change; an answer comes back if that failed, or a check has decided on one.
    pub(super) async fn edit(&mut self, draft: &mut Draft, edit: Edit) -> Option<Answer> {
        match edit {
            Edit::AddHeader { name, value } => {
                let place = Place { start: usize::MAX, end: usize::MAX };
                self.put_field(draft, place, &name, &value).await;
            }
            Edit::InsertHeader { index, name, value } => {
                let nth = usize::try_from(index).unwrap_or(usize::MAX);
                let start = draft.fields().nth(nth).map_or(usize::MAX, |place| place.start);
                self.put_field(draft, Place { start, end: start }, &name, &value).await;
            }
            Edit::ChangeHeader { index, name, value } => {
                let hidden = self.own_received.as_deref().unwrap_or_default();
                let found = draft.find(index, &name, hidden);
                match found {
                    Some(place) if value.is_empty() => draft.splice(&place, b""),
                    None if value.is_empty() => {}
                    found => {
                        let end = Place { start: usize::MAX, end: usize::MAX };
                        self.put_field(draft, found.unwrap_or(end), &name, &value).await;
                    }
                }
            }
            Edit::ChangeSender { address, parameters } => {
                self.change_sender(&address, &lossy(&parameters)).await;
            }
            Edit::AddRecipient { address, parameters } => {
                self.add_recipient(&address, &lossy(&parameters)).await;
            }
            Edit::DeleteRecipient { address } => {
                let (first, others) = addresses(&address);
                if others {
                    self.log.warning(format_args!(
                        "{}: Milter request to drop multi-recipient: \"{}\"",
                        self.queue_id,
                        Shown(&address)
                    ));
                }
                self.delete_recipient(&first.unwrap_or_default());
            }
            Edit::ReplaceBody(piece) => {
                let limit = self.stage.settings.line_length_limit;
                draft.add_body(&piece, limit, &self.stage.writer);
            }
        }
        self.edit_failure(draft).or_else(|| draft.check_answer.clone())
    }

    /// What has gone wrong with the changes so far.
    fn edit_failure(&mut self, draft: &Draft) -> Option<Answer> {
        let limit = self.stage.settings.message_size_limit;
        let length = self.store.length() + draft.added;
        let too_big = limit > 0 && length > limit || draft.header.len() as u64 > HEADER_MAX;
        if too_big && !self.errors.any(Errors::SIZE) {
            self.log.warning(format_args!("{}: queue file size limit exceeded", self.queue_id));
            self.errors.add(Errors::SIZE);
        }
        if let Some(failed) = draft.failure()
            && !self.errors.any(Errors::WRITE)
        {
            self.log.warning(format_args!("{}: write queue file: {failed}", self.queue_id));
            self.errors.add(Errors::WRITE);
        }
        if self.goes_on() || self.flags.discard || draft.check_answer.is_some() {
            return None;
        }
        let text = if self.errors.any(Errors::SIZE) {
            "552 5.3.4 message file too big"
        } else {
            "451 4.3.0 queue file write error"
        };
        Some(Answer::Reply(text.into()))
    }

    /// A new field, unless milter_header_checks do not want it.
    async fn put_field(&mut self, draft: &mut Draft, place: Place, name: &[u8], value: &[u8]) {
        let mut field = [name, b":", draft.space, value].concat();
        if !self.check_milter_field(draft, &mut field).await {
            return;
        }
        if self.stage.settings.smtputf8 && self.flags.detect_utf8 && !field.is_ascii() {
            self.envelope.smtputf8 = true;
        }
        let mut text = Vec::with_capacity(field.len() + 2);
        for_lines(&field, self.header_limit(), |line, _| {
            text.extend_from_slice(line);
            text.push(b'\n');
        });
        draft.splice(&place, &text);
    }

    /// milter_header_checks; false if the field is not wanted.
    async fn check_milter_field(&mut self, draft: &mut Draft, field: &mut Vec<u8>) -> bool {
        let stage = self.stage.clone();
        let Some(table) = &stage.settings.milters.header_checks else { return true };
        match table.maps.find(&lossy(field)).await {
            Ok(None) => true,
            Ok(Some(action)) => {
                let wanted = self.act_on_milter_field(draft, field, &action).await;
                wanted && !self.flags.discard && self.goes_on()
            }
            Err(_) => {
                self.log.warning(format_args!(
                    "{}: {} map lookup problem -- message not accepted, try again later",
                    self.queue_id, table.parameter
                ));
                self.errors.add(Errors::WRITE);
                false
            }
        }
    }

    fn log_milter_check(&self, draft: &Draft, action: &str, field: &[u8], text: &str) {
        let from = self.milter_origin(&draft.client, ";");
        let text = if text.is_empty() { String::new() } else { format!(": {text}") };
        self.log.info(format_args!(
            "{}: milter-header-{action}: header {} from {from}{text}",
            self.queue_id,
            Shown(field.get(..200).unwrap_or(field))
        ));
    }

    async fn act_on_milter_field(
        &mut self,
        draft: &mut Draft,
        field: &mut Vec<u8>,
        action: &str,
    ) -> bool {
        const MAP: &str = "milter_header_checks";
        let (word, text) = action.split_once([' ', '\t']).unwrap_or((action, ""));
        let text = text.trim_start();
        let word = word.to_ascii_uppercase();
        match word.as_str() {
            "BCC" | "REJECT" | "FILTER" | "DISCARD" | "HOLD" | "REDIRECT" => {
                // After PASS, REJECT or the like no such action counts.
                if self.flags.milter {
                    self.extended_action(draft, field, &word, text).await;
                }
                return !self.flags.discard;
            }
            "WARN" => self.log_milter_check(draft, "warning", field, text),
            "INFO" => self.log_milter_check(draft, "info", field, text),
            "REPLACE" if text.is_empty() => {
                self.log.warning(format_args!("REPLACE action without text in {MAP} map"));
            }
            "REPLACE" if !is_field(text.as_bytes()) => self.log.warning(format_args!(
                "bad REPLACE header text \"{text}\" in {MAP} map -- \
                 need \"headername: headervalue\""
            )),
            "REPLACE" => {
                self.log_milter_check(draft, "replace", field, text);
                *field = text.as_bytes().to_vec();
            }
            "PREPEND" if text.is_empty() => {
                self.log.warning(format_args!("PREPEND action without text in {MAP} map"));
            }
            "PREPEND" if !is_field(text.as_bytes()) => self.log.warning(format_args!(
                "bad PREPEND header text \"{text}\" in {MAP} map -- \
                 need \"headername: headervalue\""
            )),
            "PREPEND" => {
                self.log_milter_check(draft, "prepend", field, text);
                self.log.warning(format_args!(
                    "the milter_header/body_checks prepend action is not implemented"
                ));
            }
            "STRIP" => {
                self.log_milter_check(draft, "strip", field, text);
                return false;
            }
            "IGNORE" => return false,
            "DUNNO" | "OK" => {}
            _ => self.log.warning(format_args!("unsupported command in {MAP} map: {action}")),
        }
        true
    }

    async fn extended_action(&mut self, draft: &mut Draft, field: &[u8], word: &str, text: &str) {
        match word {
            "BCC" if !text.contains('@') => self.log.warning(format_args!(
                "bad BCC address \"{text}\" in milter_header_checks map -- need user@domain"
            )),
            "BCC" => {
                self.log_milter_check(draft, "bcc", field, text);
                self.add_recipient(text.as_bytes(), "").await;
            }
            "REJECT" => self.reject_milter_field(draft, field, text),
            "FILTER" if text.is_empty() => self.log.warning(format_args!(
                "missing FILTER command argument in milter_header_checks map"
            )),
            "FILTER" if !text.contains(':') => self.log.warning(format_args!(
                "bad FILTER command {text} in milter_header_checks -- need transport:destination"
            )),
            "FILTER" => {
                self.envelope.filter = Some(text.to_owned());
                self.log_milter_check(draft, "filter", field, text);
            }
            "DISCARD" => {
                self.log_milter_check(draft, "discard", field, text);
                draft.check_answer = Some(Answer::Discard);
                self.flags.discard = true;
                self.flags.stop_filters();
            }
            "HOLD" if !self.envelope.hold && !self.flags.discard => {
                self.log_milter_check(draft, "hold", field, text);
                self.envelope.hold = true;
            }
            "REDIRECT" if !text.contains('@') => self.log.warning(format_args!(
                "bad REDIRECT target \"{text}\" in milter_header_checks map -- need user@domain"
            )),
            "REDIRECT" => {
                self.envelope.redirect = Some(text.to_owned());
                self.log_milter_check(draft, "redirect", field, text);
                self.flags.stop_filters();
            }
            _ => {}
        }
    }

    fn reject_milter_field(&mut self, draft: &mut Draft, field: &[u8], text: &str) {
        let mut reason = match Status::split(text) {
            _ if text.is_empty() => "5.7.1 message content rejected".to_owned(),
            (Some(_), _) => text.to_owned(),
            (None, _) => format!("5.7.1 {text}"),
        };
        if !reason.starts_with(['4', '5']) {
            self.log.warning(format_args!("bad DSN action in {text} -- need 4.x.x or 5.x.x"));
            reason.replace_range(..1, "4");
        }
        let temporary = reason.starts_with('4');
        self.errors.add(if temporary { Errors::DEFER } else { Errors::CONTENT });
        self.flags.stop_filters();
        self.log_milter_check(draft, "reject", field, &reason);
        let code = if temporary { "450" } else { "550" };
        draft.check_answer = Some(Answer::Reply(format!("{code} {reason}")));
        self.reason = Some(reason);
    }

    async fn change_sender(&mut self, address: &[u8], parameters: &str) {
        for parameter in parameters.split(' ').filter(|word| !word.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let ret = match value.to_ascii_uppercase().as_str() {
                "FULL" => Some(Ret::Full),
                "HDRS" => Some(Ret::Headers),
                _ => None,
            };
            let printable = |text: &String| text.chars().all(|c| c == '\t' || !c.is_control());
            let envid = xtext::decode(value).filter(printable);
            if name.eq_ignore_ascii_case("RET") && ret.is_some() {
                self.envelope.ret = ret;
            } else if name.eq_ignore_ascii_case("ENVID") && envid.is_some() {
                self.envelope.envid = envid;
            } else {
                self.log.warning(format_args!(
                    "Ignoring bad ESMTP parameter \"{parameter}\" in SMFI_CHGFROM request"
                ));
            }
        }
        let (first, others) = addresses(address);
        if others {
            self.log.warning(format_args!(
                "{}: Milter request to add multi-sender: \"{}\"",
                self.queue_id,
                Shown(address)
            ));
        }
        self.take_sender(&first.unwrap_or_default()).await;
    }

    async fn add_recipient(&mut self, address: &[u8], parameters: &str) {
        let mut notify = None;
        let mut orcpt = None;
        for parameter in parameters.split(' ').filter(|word| !word.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let what = if name.eq_ignore_ascii_case("NOTIFY") {
                if notify.is_none() {
                    notify = Notify::parse(value);
                    if notify.is_some() {
                        continue;
                    }
                }
                "Bad NOTIFY parameter from Milter or header/body_checks"
            } else if name.eq_ignore_ascii_case("ORCPT") {
                if orcpt.is_none() {
                    orcpt = original_recipient(value);
                    if orcpt.is_some() {
                        continue;
                    }
                }
                "Bad ORCPT parameter from Milter or header/body_checks"
            } else {
                "ignoring ESMTP argument from Milter or header/body_checks"
            };
            let shown: String = parameter.chars().take(100).collect();
            self.log.warning(format_args!("{}: {what}: \"{shown}\"", self.queue_id));
        }
        let (first, others) = addresses(address);
        if others {
            self.log.warning(format_args!(
                "{}: Milter or header/body_checks request to add multi-recipient: \"{}\"",
                self.queue_id,
                Shown(address)
            ));
        }
        match first {
            Some(first) => {
                self.add_bcc_dsn(&first, orcpt.unwrap_or_default(), notify.unwrap_or_default())
                    .await;
            }
            None => self.log.warning(format_args!(
                "{}: ignoring attempt from Milter to add null recipient",
                self.queue_id
            )),
        }
    }
}

/// `type;xtext`, decoded.
fn original_recipient(text: &str) -> Option<String> {
    let (kind, coded) = text.split_once(';').filter(|(kind, _)| !kind.is_empty())?;
    let address = if kind.eq_ignore_ascii_case("utf-8") {
        xtext::decode_utf8(coded)
    } else {
        xtext::decode(coded)
    };
    Some(format!("{kind};{}", address?))
}

/// The first address of a list, in internal form, and whether there are more.
fn addresses(text: &[u8]) -> (Option<String>, bool) {
    let list = List::parse(text, usize::MAX);
    let mut found = list.addresses();
    let first = found.next().map(|address| lossy(&address.internal()));
    (first, found.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(header: &[u8]) -> Draft {
        Draft::new(header.to_vec(), Client::default())
    }

    #[test]
    fn fields_are_found() {
        let draft = draft(b"Received: a\nX: 1\n 2\nReceived: b\nx : 3\n");
        let text = |index, name: &[u8], hidden: &[u8]| {
            let place = draft.find(index, name, hidden)?;
            Some(lossy(draft.header.get(place.start..place.end)?))
        };
        assert_eq!(text(1, b"X", b"").as_deref(), Some("X: 1\n 2\n"));
        assert_eq!(text(2, b"X", b"").as_deref(), Some("x : 3\n"));
        assert_eq!(text(1, b"received", b"Received: a").as_deref(), Some("Received: b\n"));
        assert_eq!(text(3, b"X", b""), None);
        assert_eq!(text(0, b"Received", b"").as_deref(), Some("Received: a\n"));
    }

    #[test]
    fn fields_are_spliced() {
        let mut draft = draft(b"A: 1\nB: 2\n");
        let place = draft.find(1, b"B", b"").unwrap();
        draft.splice(&place, b"C: 3\nD: 4\n");
        draft.splice(&Place { start: 0, end: 0 }, b"Z: 0\n");
        draft.splice(&Place { start: usize::MAX, end: usize::MAX }, b"E: 5\n");
        assert_eq!(lossy(&draft.header), "Z: 0\nA: 1\nC: 3\nD: 4\nE: 5\n");
    }

    #[test]
    fn address_lists() {
        assert_eq!(addresses(b"<a@b.example>"), (Some("a@b.example".into()), false));
        assert_eq!(addresses(b"a@b, c@d"), (Some("a@b".into()), true));
        assert_eq!(addresses(b""), (None, false));
    }
}
